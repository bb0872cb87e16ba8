//! kube-proxy's part: which addresses and ports of services a node is meant to translate, and to whom, beside what its
//! rules do (kube-proxy `pkg/proxy`: `iptables`, `nftables`, `ipvs`).

mod held;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use held::{Held, Mode, held};

use crate::kubernetes::Inventory;
use crate::kubernetes::service::{Service, ServicePort, ServiceType};
use crate::policy::frontend::Ends;
use crate::policy::service::{Backend, Services};

/// Services with this label are another proxy's.
const PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// What packets are translated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Front {
    /// None: whatever address the node has (NodePort).
    pub ip: Option<IpAddr>,
    /// IPPROTO_*
    pub protocol: u8,
    pub port: u16,
}

impl std::fmt::Display for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = match self.protocol {
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => "?",
        };
        match self.ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}/{protocol}", self.port),
            Some(ip) => write!(f, "{ip}:{}/{protocol}", self.port),
            None => write!(f, "NodePort {}/{protocol}", self.port),
        }
    }
}

/// An endpoint of a port.
#[derive(Debug, Clone)]
struct End {
    at: (IpAddr, u16),
    node: Option<String>,
    /// Else it may be on its way in or out: rules may have it or not.
    is_ready: bool,
    by_zone: bool,
}

/// A port of a service by one of its addresses.
#[derive(Debug)]
struct Meant {
    front: Front,
    service: usize,
    /// Only endpoints of the node itself have to be there.
    is_local: bool,
    /// Of the same port: see [`Proxy::ends`].
    ends: usize,
}

/// What every node is meant to translate.
#[derive(Debug)]
pub struct Proxy<'k> {
    services: Vec<&'k Service>,
    ends: Vec<Vec<End>>,
    fronts: [Vec<Meant>; 2],
    /// How many services have it: of several, one or all are translated to.
    owners: BTreeMap<Front, usize>,
    /// Addresses that some service has, whoever answers for them.
    addresses: BTreeSet<IpAddr>,
    node_ports: BTreeSet<(u8, u16)>,
}

/// In what a node's rules and the objects part, of one front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub front: Front,
    /// `namespace/name`
    pub service: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// No rule translates it, and these endpoints are ready.
    Missing(Ends),
    /// The rules send to who is no endpoint, or not to who is one.
    Behind { gone: Ends, lacking: Ends, ready: Ends },
}

/// What a node's rules lack, have otherwise, and have too much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    pub services: Vec<Difference>,
    /// Of no service that there is.
    pub of_nobody: Vec<Front>,
    /// Fronts that are meant, with an endpoint that is ready.
    pub meant: usize,
}

impl<'k> Proxy<'k> {
    /// None where the objects don't tell: no service, or nobody behind any.
    pub fn new(inventory: &'k Inventory) -> Option<Self> {
        if inventory.services.is_empty()
            || (inventory.endpoint_slices.is_empty() && inventory.endpoints.is_empty())
        {
            return None;
        }
        let all = Services::new(inventory);
        let mut proxy = Self {
            services: Vec::new(),
            ends: Vec::new(),
            fronts: [Vec::new(), Vec::new()],
            owners: BTreeMap::new(),
            addresses: BTreeSet::new(),
            node_ports: BTreeSet::new(),
        };
        for service in &inventory.services {
            proxy.add(&all, service);
        }
        Some(proxy)
    }

    fn add(&mut self, all: &Services, service: &'k Service) {
        let balanced = service.status.load_balancer.ingress.iter();
        let balanced = balanced.filter_map(|ingress| ingress.ip.as_ref()?.parse::<IpAddr>().ok());
        self.addresses.extend(service.cluster_ips());
        self.addresses.extend(service.external_ips());
        self.addresses.extend(balanced);
        for port in &service.spec.ports {
            let node_port = port.node_port.map(|number| (port.protocol.number(), number));
            self.node_ports.extend(node_port);
        }
        if service.spec.kind == ServiceType::ExternalName
            || service.cluster_ips().is_empty()
            || service.metadata.labels.contains_key(PROXY_NAME)
        {
            return;
        }
        let at = self.services.len();
        self.services.push(service);
        let backends = all.backends(service.metadata.namespace(), &service.metadata.name);
        for v6 in [false, true] {
            for port in &service.spec.ports {
                let ends = self.ends.len();
                self.ends.push(behind(backends, port, v6));
                let fronts: BTreeMap<Front, bool> = fronts(service, port, v6).into_iter().collect();
                for front in fronts.keys().filter(|front| front.ip.is_some() || !v6) {
                    *self.owners.entry(*front).or_default() += 1;
                }
                self.fronts[usize::from(v6)].extend(fronts.into_iter().map(|(front, is_local)| Meant {
                    front,
                    service: at,
                    is_local,
                    ends,
                }));
            }
        }
    }

    /// How many fronts of a family a node is meant to translate.
    pub fn meant(&self, node: &str, v6: bool) -> usize {
        let fronts = self.fronts[usize::from(v6)].iter();
        let is_used = |meant: &&Meant| {
            let mut ends = self.ends.get(meant.ends).into_iter().flatten();
            ends.any(|end| end.is_ready && (!meant.is_local || end.node.as_deref() == Some(node)))
        };
        fronts.filter(is_used).count()
    }

    /// Holds what a node of this name is meant to translate against what its rules do.
    pub fn differences(&self, node: &str, held: &Held) -> Differences {
        let mut found = Differences::default();
        for meant in &self.fronts[usize::from(held.v6)] {
            let Some(ends) = self.ends.get(meant.ends) else {
                continue;
            };
            let is_here = |end: &&End| !meant.is_local || end.node.as_deref() == Some(node);
            let required: Vec<&End> = ends.iter().filter(|end| end.is_ready).filter(is_here).collect();
            found.meant += usize::from(!required.is_empty());
            let wanted = || required.iter().map(|end| end.at);
            let is_shared = self.owners.get(&meant.front).is_some_and(|owners| *owners > 1);
            let what = match held.fronts.get(&meant.front) {
                _ if is_shared => None,
                Some(front) if front.is_uncertain => None,
                None if required.is_empty() || held.is_uncertain || !held.opens(&meant.front) => None,
                None => Some(What::Missing(wanted().collect())),
                Some(front) => {
                    let is_known = |at: &(IpAddr, u16)| ends.binary_search_by(|end| end.at.cmp(at)).is_ok();
                    let gone: Ends = front.ends.iter().filter(|at| !is_known(at)).copied().collect();
                    let mut lacking: Ends = wanted().filter(|at| !front.ends.contains(at)).collect();
                    let by_zone = required.iter().any(|end| end.by_zone);
                    if by_zone && lacking.len() < required.len() {
                        lacking.clear();
                    }
                    (!gone.is_empty() || !lacking.is_empty()).then(|| What::Behind {
                        gone,
                        lacking,
                        ready: wanted().collect(),
                    })
                }
            };
            let service = self.services.get(meant.service);
            if let (Some(what), Some(service)) = (what, service) {
                found.services.push(Difference {
                    front: meant.front,
                    service: service.metadata.id(),
                    what,
                });
            }
        }
        found.of_nobody = self.of_nobody(held);
        found
    }

    fn of_nobody(&self, held: &Held) -> Vec<Front> {
        // Others use IPVS, too.
        let fronts = held
            .fronts
            .iter()
            .filter(|(_, front)| held.mode != Mode::Ipvs && !front.ends.is_empty());
        let nobodys = fronts.map(|(front, _)| front).filter(|front| match front.ip {
            Some(ip) => !self.addresses.contains(&ip),
            None => !self.node_ports.contains(&(front.protocol, front.port)),
        });
        nobodys.copied().collect()
    }

    /// The addresses of services inside the cluster.
    pub(crate) fn cluster_ips(&self) -> BTreeMap<IpAddr, String> {
        let all = self.services.iter();
        all.flat_map(|service| {
            let ips = service.cluster_ips().into_iter();
            ips.map(|ip| (ip, service.metadata.id()))
        })
        .collect()
    }

    /// Whether a port of that number is opened on nodes.
    pub(crate) fn has_node_port(&self, protocol: u8, port: u16) -> bool {
        self.node_ports.contains(&(protocol, port))
    }
}

/// The endpoints of a port, ready or not, by address.
fn behind(backends: &[Backend], port: &ServicePort, v6: bool) -> Vec<End> {
    let of_family = backends.iter().filter(|backend| backend.ip.is_ipv6() == v6);
    let ends = of_family.filter_map(|backend| {
        Some(End {
            at: (backend.ip, backend.port(port)?),
            node: backend.node.clone(),
            is_ready: backend.conditions.is_ready(),
            by_zone: backend.by_zone,
        })
    });
    let mut ends: Vec<End> = ends.collect();
    ends.sort_by_key(|end| end.at);
    ends
}

/// By what packets for a port come, each with whether only endpoints of the node have to be behind it.
fn fronts(service: &Service, port: &ServicePort, v6: bool) -> Vec<(Front, bool)> {
    let spec = &service.spec;
    let is_local = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let (inside, outside) = (
        is_local(&spec.internal_traffic_policy),
        is_local(&spec.external_traffic_policy),
    );
    let front = |ip, number| Front {
        ip,
        protocol: port.protocol.number(),
        port: number,
    };
    let of_family = |ips: Vec<IpAddr>| ips.into_iter().filter(move |ip| ip.is_ipv6() == v6);
    let own: Vec<IpAddr> = of_family(service.cluster_ips()).collect();
    let node_port = port
        .node_port
        .filter(|_| spec.kind != ServiceType::ClusterIP && !own.is_empty());
    let own = own.into_iter().map(|ip| (front(Some(ip), port.port), inside));
    let external = of_family(service.external_ips()).map(|ip| (front(Some(ip), port.port), outside));
    let node_port = node_port.map(|number| (front(None, number), outside));
    own.chain(external).chain(node_port).collect()
}
