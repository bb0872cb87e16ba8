//! What a service should do with a packet to one of its addresses: the backends that kube-proxy chooses from
//! (kube-proxy `pkg/proxy/topology.go`, `CategorizeEndpoints`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::service::{Backend, Services};
use crate::kubernetes::service::{Service, ServicePort, ServiceType};

/// By which of its addresses a service is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ClusterIp,
    /// `externalIPs`, or a load balancer's address.
    External,
    NodePort,
}

/// A service's port that a packet is for.
#[derive(Debug, Clone, Copy)]
pub struct Frontend<'s> {
    pub service: &'s Service,
    pub port: &'s ServicePort,
    pub way: Way,
}

/// Addresses and ports behind it.
pub type Ends = BTreeSet<(IpAddr, u16)>;

/// What should happen to the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub ends: Ends,
    /// It only goes to endpoints on the node that translates it.
    pub local: bool,
    /// Some are chosen by zone: fewer than these are right, too.
    pub by_zone: bool,
    /// Endpoints that the service has, which aren't used, each with the reason.
    pub unused: Vec<String>,
}

impl Frontend<'_> {
    /// `service shop/web (ClusterIP 10.96.0.10:80/tcp)`.
    pub fn title(&self, ip: IpAddr, port: u16) -> String {
        let way = match self.way {
            Way::ClusterIp => "ClusterIP",
            Way::External => "external IP",
            Way::NodePort => "NodePort",
        };
        let end = std::net::SocketAddr::new(ip, port);
        let protocol = self.port.protocol.name();
        format!("service {} ({way} {end}/{protocol})", self.service.metadata.id())
    }
}

impl Services {
    /// The service that answers for this address and port; `of_node`: the address is one of the node's own.
    pub fn frontend(&self, ip: IpAddr, protocol: u8, port: u16, of_node: bool) -> Option<Frontend<'_>> {
        self.all.iter().find_map(|service| {
            if service.spec.kind == ServiceType::ExternalName {
                return None;
            }
            let find = |way, fits: &dyn Fn(&ServicePort) -> bool| {
                let mut ports = service.spec.ports.iter();
                let port = ports.find(|port| port.protocol.number() == protocol && fits(port))?;
                Some(Frontend { service, port, way })
            };
            if service.cluster_ips().contains(&ip) {
                return find(Way::ClusterIp, &|known| known.port == port);
            }
            if service.external_ips().contains(&ip) {
                return find(Way::External, &|known| known.port == port);
            }
            let has_nodeports = service.spec.kind != ServiceType::ClusterIP;
            if of_node && has_nodeports {
                return find(Way::NodePort, &|known| known.node_port == Some(port));
            }
            None
        })
    }

    /// The service that has this address, whatever its ports.
    pub fn owner(&self, ip: IpAddr) -> Option<&Service> {
        self.all
            .iter()
            .find(|service| service.cluster_ips().contains(&ip) || service.external_ips().contains(&ip))
    }

    /// The backends that a node should choose from. `inside`: the packet comes from a pod of the cluster or from the
    /// node itself.
    pub fn expected(&self, frontend: &Frontend<'_>, v6: bool, node: &str, inside: bool) -> Expected {
        let spec = &frontend.service.spec;
        let policy = match frontend.way {
            Way::ClusterIp => &spec.internal_traffic_policy,
            // From inside, an external address is but another name of the service.
            Way::External | Way::NodePort if inside => &None,
            Way::External | Way::NodePort => &spec.external_traffic_policy,
        };
        let local = policy.as_deref() == Some("Local");
        let metadata = &frontend.service.metadata;
        let all = self.backends(metadata.namespace(), &metadata.name);
        let mut expected = Expected {
            ends: Ends::new(),
            local,
            by_zone: false,
            unused: Vec::new(),
        };
        let here: Vec<(&Backend, u16)> = all
            .iter()
            .filter(|backend| backend.ip.is_ipv6() == v6)
            .filter_map(|backend| Some((backend, backend.port(frontend.port)?)))
            .collect();
        if here.is_empty() && !all.is_empty() {
            let name = frontend.port.name.as_str();
            expected
                .unused
                .push(format!("its endpoints have no port {name:?} of this family"));
        }
        let is_near = |backend: &Backend| !local || backend.node.as_deref() == Some(node);
        let is_ready = |backend: &Backend| backend.conditions.is_ready();
        // Only when none is ready do those count that still answer while they stop.
        let answers =
            |backend: &Backend| backend.conditions.is_serving() && backend.conditions.is_terminating();
        let any_ready = here
            .iter()
            .any(|(backend, _)| is_near(backend) && is_ready(backend));
        for (backend, port) in here {
            let end = (backend.ip, port);
            let used = if any_ready {
                is_ready(backend)
            } else {
                answers(backend)
            };
            if !is_near(backend) {
                let on = backend.node.as_deref().unwrap_or("an unknown node");
                expected.unused.push(format!("{} is on {on}", backend.title()));
            } else if used {
                expected.ends.insert(end);
                expected.by_zone |= backend.by_zone;
            } else {
                expected.unused.push(format!("{} is not ready", backend.title()));
            }
        }
        expected
    }
}

impl Backend {
    /// `10.1.0.2 (pod shop/web)`.
    fn title(&self) -> String {
        match &self.pod {
            Some(pod) => format!("{} (pod {pod})", self.ip),
            None => self.ip.to_string(),
        }
    }

    /// The number that a service's port has at this endpoint.
    pub fn port(&self, port: &ServicePort) -> Option<u16> {
        let mut ports = self.ports.iter();
        ports
            .find(|known| known.name == port.name && known.protocol == port.protocol)?
            .port
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kubernetes::Inventory;

    fn services(spec: &Value, endpoints: &Value) -> Services {
        let mut spec = spec.clone();
        spec["ports"] = json!([{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080},
            {"name": "dns", "protocol": "UDP", "port": 53}]);
        Services::new(&Inventory::new(&[
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
                "spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.80"}]}}}),
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
                "endpoints": endpoints, "ports": [{"name": "http", "port": 8080}]}),
        ]))
    }

    fn ends(services: &Services, ip: &str, port: u16, node: &str, inside: bool) -> Option<Vec<String>> {
        let ip: IpAddr = ip.parse().unwrap();
        let of_node = ip.to_string().starts_with("192.0.2.1");
        let frontend = services.frontend(ip, 6, port, of_node)?;
        let expected = services.expected(&frontend, false, node, inside);
        Some(
            expected
                .ends
                .iter()
                .map(|(ip, port)| format!("{ip}:{port}"))
                .collect(),
        )
    }

    fn three() -> Value {
        json!([
            {"addresses": ["10.1.0.2"], "nodeName": "n1", "conditions": {"ready": true}},
            {"addresses": ["10.1.1.2"], "nodeName": "n2"},
            {"addresses": ["10.1.2.2"], "nodeName": "n3", "conditions": {"ready": false, "serving": true, "terminating": true}},
        ])
    }

    #[test]
    fn endpoints_that_are_ready_are_behind_each_address_of_a_service() {
        let all = services(
            &json!({"type": "LoadBalancer", "clusterIP": "10.96.0.10", "externalIPs": ["198.51.100.7"]}),
            &three(),
        );
        let ready = Some(vec!["10.1.0.2:8080".to_owned(), "10.1.1.2:8080".to_owned()]);
        for (ip, port) in [
            ("10.96.0.10", 80),
            ("198.51.100.7", 80),
            ("192.0.2.80", 80),
            ("192.0.2.1", 30080),
        ] {
            assert_eq!(ends(&all, ip, port, "n1", false), ready, "{ip}");
        }
        assert_eq!(ends(&all, "10.96.0.10", 81, "n1", false), None);
        assert_eq!(ends(&all, "10.96.0.10", 30080, "n1", false), None);
        assert_eq!(ends(&all, "192.0.2.1", 80, "n1", false), None);
        assert!(all.owner("10.96.0.10".parse().unwrap()).is_some());
    }

    #[test]
    fn local_policies_keep_to_the_node() {
        let spec = json!({"type": "NodePort", "clusterIP": "10.96.0.10", "externalTrafficPolicy": "Local"});
        let all = services(&spec, &three());
        let on = |node: &str, ip: &str, port, inside| ends(&all, ip, port, node, inside).unwrap();
        assert_eq!(on("n1", "192.0.2.1", 30080, false), ["10.1.0.2:8080"]);
        assert_eq!(on("n4", "192.0.2.1", 30080, false), [""; 0]);
        assert_eq!(on("n4", "192.0.2.1", 30080, true).len(), 2);
        assert_eq!(on("n4", "10.96.0.10", 80, false).len(), 2);
        // None is ready there: the one that stops still answers.
        assert_eq!(on("n3", "192.0.2.1", 30080, false), ["10.1.2.2:8080"]);
        let spec = json!({"clusterIP": "10.96.0.10", "internalTrafficPolicy": "Local"});
        let all = services(&spec, &three());
        assert_eq!(
            ends(&all, "10.96.0.10", 80, "n2", true).unwrap(),
            ["10.1.1.2:8080"]
        );
    }

    #[test]
    fn the_reason_for_no_endpoints_is_told() {
        let all = services(
            &json!({"clusterIP": "10.96.0.10"}),
            &json!([{"addresses": ["10.1.0.2"], "conditions": {"ready": false}, "targetRef": {"kind": "Pod", "name": "a", "namespace": "shop"}}]),
        );
        let frontend = all.frontend("10.96.0.10".parse().unwrap(), 6, 80, false).unwrap();
        let expected = all.expected(&frontend, false, "n1", true);
        assert_eq!(expected.unused, ["10.1.0.2 (pod shop/a) is not ready"]);
        let frontend = all
            .frontend("10.96.0.10".parse().unwrap(), 17, 53, false)
            .unwrap();
        let expected = all.expected(&frontend, false, "n1", true);
        assert_eq!(
            expected.unused,
            ["its endpoints have no port \"dns\" of this family"]
        );
    }
}
