//! Tunnels: each has another end, on the node that has its remote address, with the same kind, key and port
//! (ovs-vswitchd.conf.db(5), "Tunnel Options").

use std::collections::HashMap;
use std::net::IpAddr;

use crate::state::NodeState;
use crate::state::ovs::{Bridge, Interface, Ovs, Port};

/// Kinds, and their UDP ports where they have one.
const KINDS: [(&str, Option<&str>); 3] = [("vxlan", Some("4789")), ("geneve", Some("6081")), ("gre", None)];

/// One end of a tunnel.
#[derive(Debug, Clone, Copy)]
pub struct End<'n> {
    pub node: &'n NodeState,
    pub bridge: &'n Bridge,
    pub port: &'n Port,
    pub interface: &'n Interface,
    pub remote: IpAddr,
}

/// What both ends of a tunnel must have alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Settings {
    pub kind: String,
    /// `0` without one; `flow` takes any.
    pub key: String,
    /// None of kinds that have no port.
    pub dst_port: Option<String>,
}

impl Settings {
    fn fit(&self, other: &Self) -> bool {
        let keys = self.key == other.key || [&self.key, &other.key].iter().any(|key| **key == "flow");
        keys && self.kind == other.kind && self.dst_port == other.dst_port
    }

    /// A name for a port to a node: at most 15 characters (IFNAMSIZ), and none that a shell or Open vSwitch takes for more.
    pub fn port_to(&self, node: &str) -> String {
        let plain = |sign: &char| sign.is_ascii_alphanumeric() || "-_.".contains(*sign);
        let node = node.chars().filter(plain);
        self.kind.chars().chain(['-']).chain(node).take(15).collect()
    }
}

/// What an end asks for, and doesn't have.
#[derive(Debug)]
pub enum Fault<'n> {
    /// No node has the remote address, but this one has a tunnel to here that nothing answers.
    Nobody(&'n NodeState),
    /// The node that has the remote address has no tunnel back.
    NoWayBack(&'n NodeState),
    /// The other end, which is set otherwise.
    Differs(End<'n>),
    /// The other end, which sends from another address than is expected here.
    OtherSource(End<'n>, IpAddr),
}

impl<'n> End<'n> {
    pub fn option(&self, key: &str) -> Option<&'n str> {
        self.interface.options.get(key).map(String::as_str)
    }

    /// Where its packets come from, when it is told.
    pub fn local(&self) -> Option<IpAddr> {
        self.option("local_ip")?.parse().ok()
    }

    pub fn settings(&self) -> Settings {
        let kind = self.interface.kind.as_str();
        let default = KINDS
            .iter()
            .find(|(known, _)| *known == kind)
            .and_then(|(_, port)| *port);
        Settings {
            kind: kind.to_owned(),
            key: self.option("key").unwrap_or("0").to_owned(),
            dst_port: default.map(|default| self.option("dst_port").unwrap_or(default).to_owned()),
        }
    }

    /// Keys that differ by direction have to be held against each other crosswise.
    fn has_two_keys(&self) -> bool {
        self.option("in_key").is_some() || self.option("out_key").is_some()
    }
}

/// All ends of the nodes that were seen.
#[derive(Debug)]
pub struct Tunnels<'n> {
    pub ends: Vec<End<'n>>,
    owners: HashMap<IpAddr, &'n NodeState>,
}

impl<'n> Tunnels<'n> {
    pub fn new(nodes: &'n [NodeState]) -> Self {
        let ends: Vec<End> = nodes.iter().flat_map(ends).collect();
        let mut owners = HashMap::new();
        // Without a tunnel nobody asks.
        for node in nodes.iter().filter(|_| !ends.is_empty()) {
            let addresses = node.net.addresses.items().iter();
            owners.extend(
                addresses
                    .filter(|own| !own.ip.is_loopback())
                    .map(|own| (own.ip, node)),
            );
        }
        Self { ends, owners }
    }

    /// The ends of a node.
    pub fn of<'t>(&'t self, node: &'t NodeState) -> impl Iterator<Item = &'t End<'n>> {
        self.ends.iter().filter(|end| end.node.name == node.name)
    }

    /// The node that has an address.
    pub fn owner(&self, ip: IpAddr) -> Option<&'n NodeState> {
        self.owners.get(&ip).copied()
    }

    /// The ends of an end's owner that lead back to its node.
    pub fn back<'t>(&'t self, end: &'t End<'n>) -> impl Iterator<Item = &'t End<'n>> {
        let owner = self.owner(end.remote).filter(|owner| owner.name != end.node.name);
        let there = owner.into_iter().flat_map(|owner| self.of(owner));
        there.filter(|back| {
            let leads_to = self.owner(back.remote);
            leads_to.is_some_and(|owner| owner.name == end.node.name)
        })
    }

    /// How many ends are set like this.
    pub fn alike(&self, settings: &Settings) -> usize {
        self.ends.iter().filter(|end| end.settings() == *settings).count()
    }

    /// What an end lacks; of two that don't fit, the first by name tells.
    pub fn fault(&self, end: &End<'n>) -> Option<Fault<'n>> {
        let Some(other) = self.owner(end.remote) else {
            return self.lonely(end).map(Fault::Nobody);
        };
        if other.name == end.node.name || other.ovs.known().is_none() {
            return None;
        }
        let back: Vec<&End> = self.back(end).collect();
        let Some(first) = back.first() else {
            // One that leads to nobody is told there: it is this one's other end.
            let astray = self.of(other).any(|end| self.owner(end.remote).is_none());
            return (!astray).then_some(Fault::NoWayBack(other));
        };
        if back.iter().any(|back| back.has_two_keys()) || end.has_two_keys() {
            return None;
        }
        let settings = end.settings();
        let mut fitting = back.iter().filter(|back| settings.fit(&back.settings()));
        let Some(fits) = fitting.next() else {
            return (end.node.name < other.name).then_some(Fault::Differs(**first));
        };
        // Of several that fit, one that is right is enough.
        let other_source = fits.local().filter(|local| *local != end.remote);
        let source = other_source.filter(|_| fitting.next().is_none())?;
        Some(Fault::OtherSource(**fits, source))
    }

    /// Where an end leads to nobody: a node with a tunnel to here, to which no tunnel of here leads.
    fn lonely(&self, end: &End<'n>) -> Option<&'n NodeState> {
        let mine: Vec<IpAddr> = self.of(end.node).map(|end| end.remote).collect();
        let leads_here = |other: &&End| {
            let owner = self.owner(other.remote);
            other.node.name != end.node.name && owner.is_some_and(|owner| owner.name == end.node.name)
        };
        let unanswered = |other: &&End| {
            let mut addresses = other.node.net.addresses.items().iter();
            !addresses.any(|address| mine.contains(&address.ip))
        };
        let lonely = self.ends.iter().filter(leads_here).find(unanswered)?;
        Some(lonely.node)
    }

    /// The address that others take a node to have, and that nobody has: the remote of a tunnel to it.
    pub fn expected(&self, node: &NodeState) -> Option<IpAddr> {
        let others = self.ends.iter().filter(|end| end.node.name != node.name);
        let mut nobodys = others.filter(|end| self.owner(end.remote).is_none());
        nobodys
            .find(|end| self.lonely(end).is_some_and(|lonely| lonely.name == node.name))
            .map(|end| end.remote)
    }
}

fn ends(node: &NodeState) -> impl Iterator<Item = End<'_>> {
    let all = node.ovs.known().into_iter().flat_map(Ovs::interfaces);
    all.filter_map(move |(bridge, port, interface)| {
        KINDS.iter().find(|(kind, _)| *kind == interface.kind)?;
        let remote = interface.options.get("remote_ip")?.parse().ok()?;
        Some(End {
            node,
            bridge,
            port,
            interface,
            remote,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ports_are_short_and_plain() {
        let settings = Settings {
            kind: "geneve".into(),
            key: "0".into(),
            dst_port: None,
        };
        for (node, name) in [
            ("h1", "geneve-h1"),
            ("äöü-größer-als-erlaubt", "geneve--grer-al"),
            ("a;b $(c)", "geneve-abc"),
        ] {
            assert_eq!(settings.port_to(node), name);
        }
    }
}
