//! Linux bridges of several hosts that a VXLAN joins, and the wire does as well.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use super::shared::{host_end, pods};
use crate::diagnose::finding::{Command, Finding};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::kind::{LinkData, Vxlan};
use crate::state::link::{IfIndex, Link};
use crate::state::neighbor::NeighborState;

/// Bridges that are held against each other pair by pair.
const BRIDGES: usize = 64;
/// Pairs named in one finding.
const NAMED: usize = 4;
/// Where a VXLAN sends what it knows no place for.
const ALL: &str = "00:00:00:00:00:00";

/// A bridge without STP that a VXLAN is a port of.
struct Joined<'n> {
    node: &'n NodeState,
    bridge: &'n Link,
    link: &'n Link,
    vxlan: &'n Vxlan,
    remotes: BTreeSet<IpAddr>,
}

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let all: Vec<Joined> = world.nodes.iter().flat_map(joined).take(BRIDGES).collect();
    let mut pairs = Vec::new();
    for (at, one) in all.iter().enumerate() {
        for other in all.iter().skip(at + 1).filter(|other| meet(one, other)) {
            pairs.extend(Proof::of(one, other).map(|proof| (one, other, proof)));
        }
    }
    found.extend(finding(&pairs));
}

fn joined(node: &NodeState) -> Vec<Joined<'_>> {
    let links = node.net.links.items().iter().filter(|link| link.is_up());
    let joined = links.filter_map(|link| {
        let Some(LinkData::Vxlan(vxlan)) = &link.data else {
            return None;
        };
        let bridge = node.net.link(link.master?).filter(|bridge| bridge.is_up())?;
        // With VLANs, each may go another way.
        let plain = matches!(&bridge.data, Some(LinkData::Bridge(data)) if data.stp_state == 0 && !data.vlan_filtering);
        let floods = link.port.as_ref().is_some_and(|port| port.bcast_flood);
        let fdb = node.net.fdb.items().iter();
        let all = fdb.filter(|entry| entry.link == link.index && entry.master.is_none() && entry.mac == ALL);
        (plain && floods && !vxlan.external).then(|| Joined {
            node,
            bridge,
            link,
            vxlan,
            remotes: all.filter_map(|entry| entry.dst).chain(vxlan.remote).collect::<BTreeSet<_>>(),
        })
    });
    joined.collect()
}

/// Whether both send to each other what they know no place for.
fn meet(one: &Joined, other: &Joined) -> bool {
    let has = |node: &NodeState, ip: &IpAddr| node.net.addresses.items().iter().any(|own| own.ip == *ip);
    let group = || {
        one.remotes
            .iter()
            .any(|ip| ip.is_multicast() && other.remotes.contains(ip))
    };
    let leads = |from: &Joined, to: &Joined| from.remotes.iter().any(|ip| has(to.node, ip));
    one.node.name != other.node.name
        && (one.vxlan.vni, one.vxlan.port) == (other.vxlan.vni, other.vxlan.port)
        && (group() || (leads(one, other) && leads(other, one)))
}

/// What the bridge of one has learned of who is behind which of its ports.
fn learned<'n>(one: &Joined<'n>) -> impl Iterator<Item = (&'n str, IfIndex)> + use<'n> {
    let bridge = one.bridge.index;
    let fdb = one.node.net.fdb.items().iter();
    fdb.filter(move |entry| entry.master == Some(bridge) && entry.state != NeighborState::Permanent)
        .map(|entry| (entry.mac.as_str(), entry.link))
}

/// What shows that two bridges are joined once more.
struct Proof<'n> {
    /// The other way, where it is known.
    port: Option<&'n Link>,
    /// Where it is shown, and what.
    shown: Vec<(String, String)>,
}

impl<'n> Proof<'n> {
    fn of(one: &Joined<'n>, other: &Joined<'n>) -> Option<Self> {
        let wire = Self::by_wire(one, other).or_else(|| Self::by_wire(other, one));
        wire.or_else(|| Self::by_neither(one, other))
    }

    /// A port beside the VXLAN by which the one hears the other bridge's own frames, or its pods'.
    fn by_wire(one: &Joined<'n>, other: &Joined<'n>) -> Option<Self> {
        let of_pods = pods(other.node).flat_map(|pod| {
            let links = pod.net.links.items().iter();
            links.filter(|link| {
                host_end(other.node, pod, link).is_some_and(|end| end.master == Some(other.bridge.index))
            })
        });
        let macs: Vec<&str> = of_pods
            .chain([other.bridge])
            .filter_map(|link| link.mac.as_deref())
            .collect();
        let is_port = |link: IfIndex| {
            let link = one.node.net.link(link)?;
            let is_other = link.is_up() && !matches!(link.data, Some(LinkData::Vxlan(_)));
            is_other.then_some(link)
        };
        let mut heard = learned(one).filter(|(mac, _)| macs.contains(mac));
        heard.find_map(|(mac, link)| {
            let port = is_port(link)?;
            let at = format!("bridge fdb show dev {} on {}", port.name, one.node.name);
            Some(Self {
                port: Some(port),
                shown: vec![(at, format!("{mac}, a MAC of {}", other.node.name))],
            })
        })
    }

    /// Somebody is behind the other one for each of both: his frames went round.
    fn by_neither(one: &Joined<'n>, other: &Joined<'n>) -> Option<Self> {
        let behind = |end: &Joined<'n>| {
            let link = end.link.index;
            learned(end).filter_map(move |(mac, by)| (by == link).then_some(mac))
        };
        let theirs: HashSet<&str> = behind(other).collect();
        let mac = behind(one).find(|mac| theirs.contains(mac))?;
        let at = |end: &Joined| format!("bridge fdb show dev {} on {}", end.link.name, end.node.name);
        let shown = |end: &Joined| (at(end), format!("{mac}, as on the other side"));
        Some(Self {
            port: None,
            shown: vec![shown(one), shown(other)],
        })
    }
}

fn finding(pairs: &[(&Joined, &Joined, Proof)]) -> Option<Finding> {
    let (one, other, proof) = pairs.first()?;
    let way = proof.port.map_or("another way", |port| port.name.as_str());
    let mut finding = Finding::of(
        "bridge-loop",
        &one.node.name,
        format!(
            "{} of {} and {} of {} are joined by {} and by {}, and neither runs STP: frames go round for ever",
            one.bridge.name, one.node.name, other.bridge.name, other.node.name, one.link.name, way
        ),
    )
    .about(&one.bridge.name);
    for (one, other, proof) in pairs.iter().take(NAMED) {
        for end in [one, other] {
            let remotes: Vec<String> = end.remotes.iter().map(ToString::to_string).collect();
            finding = finding.shown(
                format!("bridge fdb show dev {} on {}", end.link.name, end.node.name),
                format!(
                    "VNI {} to {}",
                    end.vxlan.vni.unwrap_or_default(),
                    remotes.join(", ")
                ),
            );
        }
        for (source, text) in &proof.shown {
            finding = finding.shown(source, text);
        }
    }
    let ends = pairs.iter().flat_map(|(one, other, _)| [one, other]);
    let bridges: BTreeSet<_> = ends.map(|end| (&end.node.name, &end.bridge.name)).collect();
    for (node, bridge) in &bridges {
        finding.fix.commands.push(Command::on(
            node,
            format!("ip link set {bridge} type bridge stp_state 1"),
            format!("ip link set {bridge} type bridge stp_state 0"),
        ));
    }
    // STP closes a way, and leaves what was learned by it.
    for (node, bridge) in bridges {
        let run = format!("ip link set {bridge} type bridge fdb_flush");
        finding.fix.commands.push(Command::on(node, run, ""));
    }
    Some(
        finding.step("or take the VXLAN, or the link to the wire, out of the bridges: one of both is enough"),
    )
}
