//! Services and the endpoints behind them, as the objects have them.

use std::collections::HashMap;
use std::net::IpAddr;

use super::flow::Flow;
use super::rule::Match;
use crate::kubernetes::Inventory;
use crate::kubernetes::endpoints::{Conditions, EndpointPort};
use crate::kubernetes::service::Service;

/// One address behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub ip: IpAddr,
    pub node: Option<String>,
    /// The pod, where it is one: `namespace/name`.
    pub pod: Option<String>,
    pub conditions: Conditions,
    pub ports: Vec<EndpointPort>,
    /// Only nodes of certain zones are to use it.
    pub by_zone: bool,
}

/// All services, each with what is behind it.
#[derive(Debug, Clone, Default)]
pub struct Services {
    pub all: Vec<Service>,
    /// By namespace and name of the service.
    backends: HashMap<(String, String), Vec<Backend>>,
}

impl Services {
    /// Slices decide where a service has any; else the older Endpoints.
    pub fn new(inventory: &Inventory) -> Self {
        let mut backends: HashMap<(String, String), Vec<Backend>> = HashMap::new();
        for slice in &inventory.endpoint_slices {
            let Some(service) = slice.service() else { continue };
            let key = (slice.metadata.namespace().to_owned(), service.to_owned());
            let list = backends.entry(key).or_default();
            for endpoint in &slice.endpoints {
                for ip in endpoint.addresses.iter().filter_map(|text| text.parse().ok()) {
                    let pod = endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod");
                    list.push(Backend {
                        ip,
                        node: endpoint.node_name.clone(),
                        pod: pod.map(|pod| format!("{}/{}", pod.namespace, pod.name)),
                        conditions: endpoint.conditions,
                        ports: slice.ports.clone(),
                        by_zone: endpoint.hints.is_some(),
                    });
                }
            }
        }
        for endpoints in &inventory.endpoints {
            let key = (
                endpoints.metadata.namespace().to_owned(),
                endpoints.metadata.name.clone(),
            );
            if backends.contains_key(&key) {
                continue;
            }
            let list = backends.entry(key).or_default();
            for subset in &endpoints.subsets {
                let ready = subset.addresses.iter().map(|address| (address, true));
                let unready = subset.not_ready_addresses.iter().map(|address| (address, false));
                for (address, is_ready) in ready.chain(unready) {
                    let Ok(ip) = address.ip.parse() else { continue };
                    let pod = address.target_ref.as_ref().filter(|target| target.kind == "Pod");
                    list.push(Backend {
                        ip,
                        node: address.node_name.clone(),
                        pod: pod.map(|pod| format!("{}/{}", pod.namespace, pod.name)),
                        conditions: Conditions {
                            ready: Some(is_ready),
                            ..Conditions::default()
                        },
                        ports: subset.ports.clone(),
                        by_zone: false,
                    });
                }
            }
        }
        Self {
            all: inventory.services.clone(),
            backends,
        }
    }

    /// What is behind a service, ready or not.
    pub fn backends(&self, namespace: &str, name: &str) -> &[Backend] {
        let key = (namespace.to_owned(), name.to_owned());
        self.backends.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Whether an address is behind a service (rules with `source.services`).
    pub fn has_address(&self, namespace: &str, name: &str, ip: IpAddr) -> Match {
        let found = self
            .backends(namespace, name)
            .iter()
            .any(|backend| backend.ip == ip);
        if found { Match::Yes } else { Match::No }
    }

    /// Whether a packet goes to a service's endpoint: address, protocol and port (rules with `destination.services`).
    pub fn has_endpoint(&self, namespace: &str, name: &str, flow: &Flow) -> Match {
        let found = self.backends(namespace, name).iter().any(|backend| {
            backend.ip == flow.dst
                && backend.ports.iter().any(|port| {
                    port.protocol.number() == flow.protocol
                        && port.port.is_some()
                        && port.port == flow.ports.map(|(_, dport)| dport)
                })
        });
        if found { Match::Yes } else { Match::No }
    }
}
