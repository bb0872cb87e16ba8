//! The table of peers as `node status` shows it: one row a session, told from BIRD's protocols.

use std::net::IpAddr;

use serde::Serialize;

use crate::diagnose::{Cause, Evidence, Peer, World, explain};
use crate::state::NodeState;
use crate::state::bird::{BgpSession, Bird, Protocol};

/// One session, as JSON shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// BIRD's name of the protocol.
    pub name: String,
    /// As calicoctl shows it: with a port, `10.0.0.1:1790` or `[fd00::1]:1790`.
    pub peer_address: String,
    pub peer_type: String,
    pub state: String,
    pub since: String,
    pub info: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<BgpSession>,
    /// The Node that has the peer's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub cause: Option<Cause>,
    /// Whether what is known leaves no other cause.
    pub certain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip)]
    pub peer: Option<Peer>,
    #[serde(skip)]
    pub v6: bool,
}

impl Row {
    pub(super) fn is_up(&self) -> bool {
        self.cause == Some(Cause::Established)
    }

    /// `node2`, `BGPPeer(tor)`, or nothing when BIRD shows no address.
    pub(super) fn peer_name(&self) -> String {
        match &self.peer {
            Some(Peer::Unknown) | None => String::new(),
            Some(peer) => peer.name(),
        }
    }
}

/// All BGP sessions of a daemon.
pub(super) fn rows(world: &World, node: &NodeState, bird: &Bird) -> Vec<Row> {
    bird.protocols
        .iter()
        .filter(|protocol| protocol.proto == "BGP")
        .map(|protocol| row(world, node, bird, protocol))
        .collect()
}

fn row(world: &World, node: &NodeState, bird: &Bird, protocol: &Protocol) -> Row {
    let (kind, rest) = kind(&protocol.name);
    let session = protocol.bgp.as_ref();
    let ip = session
        .and_then(|session| session.neighbor_address)
        .or_else(|| address_in_name(rest));
    let explanation = session.and_then(|session| explain(world, node, bird, protocol, session));
    let established = session.is_some_and(|session| session.state == "Established");
    let mut row = Row {
        name: protocol.name.clone(),
        peer_address: peer_address(ip, protocol, rest),
        peer_type: kind,
        state: protocol.state.clone(),
        since: protocol.since.clone(),
        info: protocol.info.clone(),
        session: session.cloned(),
        node: None,
        cause: established.then_some(Cause::Established),
        certain: false,
        explanation: None,
        evidence: Vec::new(),
        next: None,
        peer: None,
        v6: ip.is_some_and(|ip| ip.is_ipv6()),
    };
    if let Some(explanation) = explanation {
        if let Peer::Node(name) = &explanation.peer {
            row.node = Some(name.clone());
        }
        row.peer = Some(explanation.peer);
        row.cause = Some(explanation.cause);
        row.certain = explanation.certain;
        if explanation.cause != Cause::Established {
            row.explanation = Some(explanation.text);
            row.evidence = explanation.evidence;
            row.next = explanation.next;
        }
    }
    row
}

/// What confd's prefixes mean (calico `confd/etc/calico/confd/templates/bird.cfg.template`), and the rest of the name.
fn kind(name: &str) -> (String, &str) {
    for (prefix, kind) in [
        ("Mesh_", "node-to-node mesh"),
        ("Node_", "node specific"),
        ("Global_", "global"),
        ("Local_Workload_", "local workload"),
    ] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return (kind.to_owned(), rest);
        }
    }
    (format!("other ({name})"), "")
}

/// `10_244_1_1` or `fd00__1`: how confd writes an address into a name.
fn address_in_name(rest: &str) -> Option<IpAddr> {
    let rest = rest.split_once("_port_").map_or(rest, |(address, _)| address);
    rest.replace('_', ".")
        .parse()
        .or_else(|_| rest.replace('_', ":").parse())
        .ok()
}

fn peer_address(ip: Option<IpAddr>, protocol: &Protocol, rest: &str) -> String {
    let Some(ip) = ip else {
        return rest.to_owned();
    };
    let session = protocol.bgp.as_ref();
    let in_name = rest
        .split_once("_port_")
        .and_then(|(_, port)| port.parse::<u16>().ok());
    let port = session
        .and_then(|session| session.neighbor_port)
        .or(in_name)
        .filter(|port| *port != 179);
    let link = session.and_then(|session| session.neighbor_link.as_deref());
    match (port, link) {
        (Some(port), _) if ip.is_ipv6() => format!("[{ip}]:{port}"),
        (Some(port), _) => format!("{ip}:{port}"),
        (None, Some(link)) => format!("{ip}%{link}"),
        (None, None) => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_confd_tell_type_address_and_port() {
        assert_eq!(
            kind("Mesh_10_244_1_1"),
            ("node-to-node mesh".to_owned(), "10_244_1_1")
        );
        assert_eq!(kind("uplink").0, "other (uplink)");
        assert_eq!(
            address_in_name("10_0_0_9_port_1179"),
            Some("10.0.0.9".parse().unwrap())
        );
        assert_eq!(address_in_name("fd00__2"), Some("fd00::2".parse().unwrap()));
        let protocol = Protocol::default();
        let address = |ip: &str, rest: &str| peer_address(Some(ip.parse().unwrap()), &protocol, rest);
        assert_eq!(address("10.0.0.9", "10_0_0_9_port_1179"), "10.0.0.9:1179");
        assert_eq!(address("fd00::9", "fd00__9_port_1179"), "[fd00::9]:1179");
        assert_eq!(address("10.0.0.9", "10_0_0_9_port_179"), "10.0.0.9");
    }
}
