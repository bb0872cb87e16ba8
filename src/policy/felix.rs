//! Felix's settings that policies of hosts depend on (Felix `config/config_params.go`).

use std::collections::HashMap;

use ipnet::IpNet;
use serde_json::Value;

use super::flow::{Direction, Flow};
use crate::calico::resource::Resource;

/// A port that stays open whatever the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failsafe {
    /// IPPROTO_*.
    pub protocol: u8,
    pub port: u16,
    /// Of the other end; none is any.
    pub net: Option<IpNet>,
}

impl Failsafe {
    /// Whether a packet to or from a host is let through by it; `answers`: from the port, not to it.
    pub fn matches(&self, flow: &Flow, direction: Direction, answers: bool) -> bool {
        let other = match direction {
            Direction::Ingress => flow.src,
            Direction::Egress => flow.dst,
        };
        flow.protocol == self.protocol
            && flow
                .ports
                .is_some_and(|(sport, dport)| self.port == if answers { sport } else { dport })
            && self.net.is_none_or(|net| net.contains(&other))
    }
}

/// FelixConfiguration objects.
#[derive(Debug, Clone, Default)]
pub struct Felix {
    /// By name: `default`, `node.NAME`.
    specs: HashMap<String, Value>,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
/// What is open unless a FelixConfiguration says otherwise.
const INBOUND: [(u8, u16); 9] = [
    (TCP, 22),
    (UDP, 68),
    (TCP, 179),
    (TCP, 2379),
    (TCP, 2380),
    (TCP, 5473),
    (TCP, 6443),
    (TCP, 6666),
    (TCP, 6667),
];
const OUTBOUND: [(u8, u16); 9] = [
    (UDP, 53),
    (UDP, 67),
    (TCP, 179),
    (TCP, 2379),
    (TCP, 2380),
    (TCP, 5473),
    (TCP, 6443),
    (TCP, 6666),
    (TCP, 6667),
];

impl Felix {
    pub fn add(&mut self, resource: &Resource) {
        let spec = resource.field(&["spec"]).cloned().unwrap_or_default();
        self.specs.insert(resource.name().to_owned(), spec);
    }

    /// A field as a node has it: its own, else the cluster's.
    fn field(&self, node: &str, name: &str) -> Option<&Value> {
        let of = |object: &str| self.specs.get(object)?.get(name).filter(|value| !value.is_null());
        of(&format!("node.{node}")).or_else(|| of("default"))
    }

    /// Ports that stay open at a node's HostEndpoints.
    pub fn failsafes(&self, node: &str, direction: Direction) -> Vec<Failsafe> {
        let (field, defaults) = match direction {
            Direction::Ingress => ("failsafeInboundHostPorts", INBOUND),
            Direction::Egress => ("failsafeOutboundHostPorts", OUTBOUND),
        };
        match self.field(node, field).and_then(Value::as_array) {
            Some(ports) => ports.iter().filter_map(failsafe).collect(),
            None => defaults
                .iter()
                .map(|(protocol, port)| Failsafe {
                    protocol: *protocol,
                    port: *port,
                    net: None,
                })
                .collect(),
        }
    }

    /// The port that keeps a packet alive at a HostEndpoint. Before connections are tracked, answers need one as well.
    pub fn opened(&self, node: &str, direction: Direction, untracked: bool, flow: &Flow) -> Option<u16> {
        let other = match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        let find = |of, answers| {
            let failsafes = self.failsafes(node, of);
            let mut found = failsafes
                .iter()
                .filter(|failsafe| failsafe.matches(flow, direction, answers));
            found.next().map(|failsafe| failsafe.port)
        };
        find(direction, false).or_else(|| find(other, true).filter(|_| untracked))
    }

    /// What becomes of packets from a node's pods to the node itself, that the pod's policies allow: `Drop`, `Return`,
    /// `Accept`. None when no object says so: the environment of calico-node may, and manifests set it there.
    pub fn endpoint_to_host(&self, node: &str) -> Option<&str> {
        self.field(node, "defaultEndpointToHostAction")?.as_str()
    }
}

fn failsafe(value: &Value) -> Option<Failsafe> {
    let protocol = match value.get("protocol").and_then(Value::as_str) {
        None => TCP,
        Some(name) => match name.to_ascii_uppercase().as_str() {
            "TCP" => TCP,
            "UDP" => UDP,
            "SCTP" => 132,
            _ => return None,
        },
    };
    let port = u16::try_from(value.get("port")?.as_u64()?).ok()?;
    let net = value
        .get("net")
        .and_then(Value::as_str)
        .filter(|net| !net.is_empty());
    Some(Failsafe {
        protocol,
        port,
        net: match net {
            Some(net) => Some(net.parse().ok()?),
            None => None,
        },
    })
}
