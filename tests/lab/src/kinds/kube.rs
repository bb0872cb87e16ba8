//! Services of Kubernetes: kube-proxy on every node, and a real API server that it asks.

use serde_json::{Value, json};

use super::{
    Draft,
    attach::{PodBridge, on_bridge},
    cluster::{NAMESPACE, Request},
};
use crate::Plan;

/// Nodes `n1`, `n2`, `n3` on one segment, with routes to each other's pods, and `ext` outside. Pods: `web1` and `client`
/// on n1, `web2` on n2, `far` on n3; both `web` take TCP and UDP on port 8080.
///
/// Services, in the namespace `shop`, by the last number of their ClusterIP 10.96.0.N:
///
/// | | | |
/// |---|---|---|
/// | 10 | `web` | LoadBalancer 203.0.113.10, NodePort 30080; both pods |
/// | 11 | `dns` | UDP port 53; `web2` |
/// | 12 | `local` | NodePort 30081, externalTrafficPolicy Local; `web2` |
/// | 13 | `sticky` | sessionAffinity ClientIP; both pods |
/// | 14 | `empty` | a selector that selects nobody |
/// | 15 | `near` | internalTrafficPolicy Local; `web1` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeProxy {
    /// its mode `iptables`, by the iptables of today, which writes into nftables
    Iptables,
    /// the same, by the iptables that writes into the older tables
    Legacy,
    Nftables,
}

/// name, number
const NODES: [(&str, u8); 3] = [("n1", 1), ("n2", 2), ("n3", 3)];
/// node, name, address
const PODS: [(&str, &str, &str); 4] = [
    ("n1", "web1", "10.244.1.2"),
    ("n1", "client", "10.244.1.3"),
    ("n2", "web2", "10.244.2.2"),
    ("n3", "far", "10.244.3.2"),
];

impl KubeProxy {
    /// The network.
    pub fn draft(self) -> Draft {
        let plan = NODES.iter().fold(
            Plan::new().segment("lan", "192.168.100.1/24"),
            |plan, (name, number)| plan.node(name, |node| self.node(node, *number)),
        );
        let plan = plan.node("ext", |node| {
            node.link("eth0", "lan", "192.168.100.50/24")
                // As a load balancer of BGP or ARP would bring it.
                .route("203.0.113.10 via 192.168.100.11")
        });
        let mut draft = Draft::new(plan)
            .pods(PODS.map(|(node, pod, address)| on_bridge(node, pod, address)))
            .settles_within(std::time::Duration::from_secs(20))
            .serves("n1", "web1", 8080)
            .serves("n2", "web2", 8080)
            .objects(objects());
        for (name, _) in NODES {
            draft = draft.kube_proxy(name, self.name()).also(name, self.settled());
        }
        draft
            .connects_always("n1/client", "10.96.0.10", 80)
            .connects_always("n3/far", "10.96.0.10", 80)
            // To itself, too.
            .connects_always("n1/web1", "10.96.0.10", 80)
            .connects_always("n1", "10.96.0.10", 80)
            .connects_always("ext", "192.168.100.13", 30080)
            .connects_always("ext", "203.0.113.10", 80)
            .connects("ext", "192.168.100.12", 30081)
            .never_connects("ext", "192.168.100.11", 30081)
            .never_connects("n1/client", "10.96.0.14", 80)
            .connects("n1/client", "10.96.0.15", 80)
            .never_connects("n3/far", "10.96.0.15", 80)
            .asks("n1/client", "10.96.0.11", 53)
            .asks("n3/far", "10.96.0.11", 53)
    }

    fn node(self, node: crate::NodePlan, number: u8) -> crate::NodePlan {
        let mut bridge = PodBridge::new("cni0", format!("10.244.{number}.1/24"));
        bridge.hairpin = true;
        let mut node = node
            .link("eth0", "lan", &format!("192.168.100.1{number}/24"))
            .route("default via 192.168.100.1")
            .forward();
        node = bridge
            .on(node)
            .sh("echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables");
        for (_, other) in NODES.iter().filter(|(_, other)| *other != number) {
            node = node.route(&format!("10.244.{other}.0/24 via 192.168.100.1{other}"));
        }
        if self == Self::Legacy {
            for tool in ["iptables", "iptables-save", "iptables-restore"] {
                let legacy = tool.replacen("iptables", "iptables-legacy", 1);
                node = node.sh(&format!("ln -s \"$(command -v {legacy})\" /run/lab/bin/{tool}"));
            }
        }
        let own = PODS.iter().filter(|(on, ..)| *on == format!("n{number}"));
        own.fold(node, |node, (on, pod, address)| {
            bridge.connect(node, &on_bridge(on, pod, address), "")
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Iptables | Self::Legacy => "iptables",
            Self::Nftables => "nftables",
        }
    }

    /// Waits until kube-proxy has written the rules of the services.
    const fn settled(self) -> &'static str {
        match self {
            Self::Iptables | Self::Legacy => {
                "for _ in $(seq 300); do iptables-save -t nat | grep -q 'KUBE-SEP-.*10.244.2.2:8080' && break; sleep 0.1; done"
            }
            Self::Nftables => {
                "for _ in $(seq 300); do nft list table ip kube-proxy 2>/dev/null | grep -q 'dnat to 10.244.2.2:8080' && break; \
                 sleep 0.1; done"
            }
        }
    }
}

fn objects() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, number) in NODES {
        let body = json!({"metadata": {"name": name}, "spec": {"podCIDR": format!("10.244.{number}.0/24")}});
        requests.push(("POST", "/api/v1/nodes".to_owned(), body));
        let address = json!([{"type": "InternalIP", "address": format!("192.168.100.1{number}")}]);
        requests.push((
            "PATCH",
            format!("/api/v1/nodes/{name}/status"),
            json!({"status": {"addresses": address}}),
        ));
    }
    for (node, name, address) in PODS {
        let app = if name.starts_with("web") { "web" } else { name };
        let body = json!({
            "metadata": {"name": name, "labels": {"app": app}},
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "none"}]},
        });
        let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        requests.push(("POST", pods.clone(), body));
        let status = json!({"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}]}});
        requests.push(("PATCH", format!("{pods}/{name}/status"), status));
    }
    requests.extend(service(
        "web",
        10,
        &["web1", "web2"],
        json!({"type": "LoadBalancer"}),
        json!({"nodePort": 30080}),
    ));
    let ingress = json!({"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}});
    let web = format!("/api/v1/namespaces/{NAMESPACE}/services/web/status");
    requests.push(("PATCH", web, ingress));
    let udp = json!({"port": 53, "protocol": "UDP"});
    requests.extend(service("dns", 11, &["web2"], json!({}), udp));
    requests.extend(service(
        "local",
        12,
        &["web2"],
        json!({"type": "NodePort", "externalTrafficPolicy": "Local"}),
        json!({"nodePort": 30081}),
    ));
    requests.extend(service(
        "sticky",
        13,
        &["web1", "web2"],
        json!({"sessionAffinity": "ClientIP"}),
        json!({}),
    ));
    let nobody = json!({"selector": {"app": "wbe"}});
    requests.extend(service("empty", 14, &[], nobody, json!({})));
    let near = json!({"internalTrafficPolicy": "Local"});
    requests.extend(service("near", 15, &["web1"], near, json!({})));
    requests
}

/// A service, and its endpoints, as the controller of EndpointSlices writes them.
pub(super) fn service(name: &str, number: u8, ends: &[&str], spec: Value, port: Value) -> Vec<Request> {
    let ports = merged(
        json!({"name": "main", "port": 80, "targetPort": 8080, "protocol": "TCP"}),
        port,
    );
    let protocol = ports["protocol"].clone();
    let own = json!({
        "clusterIP": format!("10.96.0.{number}"),
        "selector": {"app": "web"},
        "ports": [ports],
    });
    let body = json!({"metadata": {"name": name}, "spec": merged(own, spec)});
    let services = format!("/api/v1/namespaces/{NAMESPACE}/services");
    let slices = format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices");
    let slice = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "main", "port": 8080, "protocol": protocol}],
        "endpoints": endpoints(ends, true),
    });
    vec![("POST", services, body), ("POST", slices, slice)]
}

/// The endpoints of an EndpointSlice.
fn endpoints(ends: &[&str], ready: bool) -> Value {
    let of = PODS.iter().filter(|(_, name, _)| ends.contains(name));
    of.map(|(node, name, address)| {
        json!({
            "addresses": [address],
            "nodeName": node,
            "conditions": {"ready": ready, "serving": ready, "terminating": false},
            "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": name},
        })
    })
    .collect()
}

/// Other endpoints for a service.
pub(super) fn with_endpoints(service: &str, ends: &[&str], ready: bool) -> Request {
    patched_slice(service, json!({"endpoints": endpoints(ends, ready)}))
}

/// Another port of a service's endpoints.
pub(super) fn with_target_port(service: &str, port: u16) -> [Request; 2] {
    let ports =
        json!([{"name": "main", "port": 80, "targetPort": port, "protocol": "TCP", "nodePort": 30080}]);
    let slice = json!({"ports": [{"name": "main", "port": port, "protocol": "TCP"}]});
    [
        patched_service(service, &json!({"ports": ports})),
        patched_slice(service, slice),
    ]
}

/// Other settings of a service.
pub(super) fn patched_service(service: &str, spec: &Value) -> Request {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{service}");
    ("PATCH", path, json!({"spec": spec}))
}

fn patched_slice(service: &str, change: Value) -> Request {
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/{service}");
    ("PATCH", path, change)
}

/// The fields of both; the later ones hold.
fn merged(mut into: Value, from: Value) -> Value {
    if let (Value::Object(into), Value::Object(from)) = (&mut into, from) {
        into.extend(from);
    }
    into
}
