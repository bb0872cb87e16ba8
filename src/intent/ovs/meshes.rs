//! Meshes: bridges with a tunnel to nearly every other one of theirs. Stars, trees and rings are none.

use std::collections::{BTreeMap, BTreeSet};

use super::segments::learns;
use super::tunnels::{End, Settings, Tunnels};

/// In a mesh, at most one pair of so many has no tunnel: of three bridges one, of four two.
const PAIRS: usize = 3;

/// A bridge, by its node and name.
type Spot<'n> = (&'n str, &'n str);

/// Tunnels from one bridge to another that have both ends.
type Pairs<'n> = BTreeMap<(Spot<'n>, Spot<'n>), [End<'n>; 2]>;

/// Two bridges of a mesh without a tunnel to each other, and a third one to which both have one.
#[derive(Debug)]
pub struct Gap<'n> {
    /// The end of each that leads to the third.
    pub ends: [End<'n>; 2],
    /// The ends of the third that lead to each.
    pub third: [End<'n>; 2],
}

fn spot<'n>(end: &End<'n>) -> Spot<'n> {
    (&end.node.name, &end.bridge.name)
}

/// The gaps of all meshes: nothing is there at either end, so that no end shows what it lacks.
pub fn gaps<'n>(tunnels: &Tunnels<'n>) -> Vec<Gap<'n>> {
    let mut meshes: BTreeMap<Settings, Pairs> = BTreeMap::new();
    for end in &tunnels.ends {
        let settings = end.settings();
        for back in tunnels.back(end).filter(|back| back.settings() == settings) {
            let pairs = meshes.entry(settings.clone()).or_default();
            pairs.entry((spot(end), spot(back))).or_insert([*end, *back]);
        }
    }
    let mut gaps = Vec::new();
    for pairs in meshes.values() {
        for mesh in components(pairs) {
            gaps.extend(of_mesh(tunnels, pairs, &mesh));
        }
    }
    gaps
}

/// Bridges that tunnels join, in some steps.
fn components<'n>(pairs: &Pairs<'n>) -> Vec<Vec<Spot<'n>>> {
    let mut left: BTreeSet<Spot> = pairs.keys().map(|(from, _)| *from).collect();
    let mut components = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut component = vec![first];
        let mut at = 0;
        while let Some(from) = component.get(at).copied() {
            let next = left.iter().copied().filter(|to| pairs.contains_key(&(from, *to)));
            let next: Vec<Spot> = next.collect();
            left.retain(|spot| !next.contains(spot));
            component.extend(next);
            at += 1;
        }
        component.sort_unstable();
        components.push(component);
    }
    components
}

fn of_mesh<'n>(tunnels: &Tunnels<'n>, pairs: &Pairs<'n>, mesh: &[Spot<'n>]) -> Vec<Gap<'n>> {
    let all = mesh
        .iter()
        .enumerate()
        .flat_map(|(at, one)| mesh.iter().skip(at + 1).map(move |other| (*one, *other)));
    let lacking: Vec<_> = all.filter(|pair| !pairs.contains_key(pair)).collect();
    let count = mesh.len() * (mesh.len() - 1) / 2;
    if lacking.len() * PAIRS > count {
        return Vec::new();
    }
    // What is there at one end, or leads to nobody, is told as that.
    let begun = |(one, other): &(Spot, Spot)| {
        let leads = |from: &Spot, to: &Spot| {
            let mut own = tunnels.ends.iter().filter(|end| end.node.name == from.0);
            own.any(|end| tunnels.owner(end.remote).is_none_or(|owner| owner.name == to.0))
        };
        one.0 == other.0 || leads(one, other) || leads(other, one)
    };
    let gaps = lacking.into_iter().filter(|pair| !begun(pair));
    gaps.filter_map(|(one, other)| {
        mesh.iter().find_map(|third| {
            let [from_one, to_one] = pairs.get(&(one, *third))?;
            let [from_other, to_other] = pairs.get(&(other, *third))?;
            Some(Gap {
                ends: [*from_one, *from_other],
                third: [*to_one, *to_other],
            })
        })
    })
    .collect()
}

/// Bridges that tunnels join in circles, and that send on all they get: none runs STP, none has rules of its own.
#[derive(Debug)]
pub struct Circle<'n> {
    /// The ends of its tunnels, by node and name.
    pub ends: Vec<End<'n>>,
}

/// Whether a frame that comes by this end goes on by others, and comes by them.
fn passes(end: &End) -> bool {
    let (bridge, port) = (end.bridge, end.port);
    let is_plain = port.tag.is_none() && port.trunks.is_empty() && port.vlan_mode.is_none();
    let is_open = !port.protected && !bridge.stp_enable && !bridge.rstp_enable;
    // The data path did not take it.
    let is_refused = end.interface.error.as_ref().is_some_and(|why| !why.is_empty());
    is_plain && is_open && !is_refused && learns(bridge)
}

/// The circles of all tunnels.
pub fn circles<'n>(tunnels: &Tunnels<'n>) -> Vec<Circle<'n>> {
    let mut cables: Vec<[End; 2]> = Vec::new();
    for end in tunnels.ends.iter().filter(|end| passes(end)) {
        let settings = end.settings();
        let back = tunnels
            .back(end)
            .filter(|back| back.settings() == settings && passes(back));
        cables.extend(
            back.filter(|back| spot(end) < spot(back))
                .map(|back| [*end, *back]),
        );
    }
    // Bridges with one cable are on no circle, and without them others have one.
    loop {
        let mut degrees: BTreeMap<Spot, usize> = BTreeMap::new();
        for end in cables.iter().flatten() {
            *degrees.entry(spot(end)).or_default() += 1;
        }
        let before = cables.len();
        cables.retain(|ends| ends.iter().all(|end| degrees.get(&spot(end)) > Some(&1)));
        if cables.len() == before {
            break;
        }
    }
    let mut pairs = Pairs::new();
    for [one, other] in &cables {
        pairs.insert((spot(one), spot(other)), [*one, *other]);
        pairs.insert((spot(other), spot(one)), [*other, *one]);
    }
    let of = |component: Vec<Spot<'n>>| {
        let ends = cables.iter().flatten().copied();
        let mut ends: Vec<End> = ends.filter(|end| component.contains(&spot(end))).collect();
        ends.sort_by_key(|end| (spot(end), end.interface.name.as_str()));
        Circle { ends }
    };
    components(&pairs).into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::link::{Address, IfIndex};
    use crate::state::ovs::{Bridge, Flow, Interface, Ovs, Port};
    use crate::state::{Fact, NodeState};

    fn port(to: usize) -> Port {
        let name = format!("tun{to}");
        let options = [("remote_ip", format!("10.0.0.{to}")), ("key", "7".to_owned())];
        Port {
            name: name.clone(),
            interfaces: vec![Interface {
                name,
                kind: "vxlan".to_owned(),
                options: options.map(|(key, value)| (key.to_owned(), value)).into(),
                ..Interface::default()
            }],
            ..Port::default()
        }
    }

    /// Hosts 1, 2, …, with a tunnel between each two of these pairs.
    fn hosts(count: usize, pairs: &[(usize, usize)]) -> Vec<NodeState> {
        let learns = Flow {
            actions: vec!["NORMAL".to_owned()],
            ..Flow::default()
        };
        let node = |own: usize| {
            let others = pairs.iter().filter_map(|(one, other)| match own {
                own if own == *one => Some(*other),
                own if own == *other => Some(*one),
                _ => None,
            });
            let bridge = Bridge {
                name: "br0".to_owned(),
                ports: others.map(port).collect(),
                flows: Fact::Known(vec![learns.clone()]),
                ..Bridge::default()
            };
            let mut node = NodeState {
                name: format!("h{own}"),
                ..NodeState::default()
            };
            let ip = format!("10.0.0.{own}").parse().unwrap();
            node.net.addresses = Fact::Known(vec![Address::new(IfIndex(2), ip, 24)]);
            node.ovs = Fact::Known(Ovs {
                bridges: vec![bridge],
                ..Ovs::default()
            });
            node
        };
        (1..=count).map(node).collect()
    }

    fn told(nodes: &[NodeState]) -> Vec<(&str, &str)> {
        let gaps = gaps(&Tunnels::new(nodes));
        let names = gaps
            .into_iter()
            .map(|gap| gap.ends.map(|end| end.node.name.as_str()));
        names.map(|[one, other]| (one, other)).collect()
    }

    #[test]
    fn of_meshes_what_lacks_is_told() {
        assert_eq!(told(&hosts(3, &[(1, 2), (1, 3), (2, 3)])), []);
        assert_eq!(told(&hosts(3, &[(1, 2), (1, 3)])), [("h2", "h3")]);
        let of_four = [(1, 3), (2, 3), (2, 4), (1, 4)];
        assert_eq!(told(&hosts(4, &of_four)), [("h1", "h2"), ("h3", "h4")]);
    }

    #[test]
    fn stars_and_chains_are_no_meshes() {
        assert_eq!(told(&hosts(4, &[(1, 2), (1, 3), (1, 4)])), []);
        assert_eq!(told(&hosts(4, &[(1, 2), (2, 3), (3, 4)])), []);
        assert_eq!(told(&hosts(5, &[(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)])), []);
        assert_eq!(told(&hosts(5, &[(1, 2), (1, 3), (2, 4), (2, 5)])), []);
    }

    #[test]
    fn what_is_there_at_one_end_is_no_gap() {
        let mut nodes = hosts(3, &[(1, 2), (1, 3)]);
        let Fact::Known(ovs) = &mut nodes[1].ovs else {
            panic!("no switch")
        };
        ovs.bridges[0].ports.push(port(3));
        assert_eq!(told(&nodes), []);
    }

    /// The hosts on circles, one list each.
    fn round(nodes: &[NodeState]) -> Vec<Vec<String>> {
        let circles = circles(&Tunnels::new(nodes));
        let names = |circle: &Circle| {
            let mut names: Vec<String> = circle.ends.iter().map(|end| end.node.name.clone()).collect();
            names.dedup();
            names
        };
        circles.iter().map(names).collect()
    }

    #[test]
    fn circles_are_told_without_what_hangs_on_them() {
        assert_eq!(round(&hosts(4, &[(1, 2), (1, 3), (1, 4)])).len(), 0);
        let names = |all: &[&str]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
        let mut nodes = hosts(5, &[(1, 2), (2, 3), (3, 1), (3, 4), (4, 5)]);
        assert_eq!(round(&nodes), [names(&["h1", "h2", "h3"])]);
        // One that runs STP, or sends nothing from tunnel to tunnel, opens it.
        for open in [
            |bridge: &mut Bridge| bridge.rstp_enable = true,
            |bridge: &mut Bridge| bridge.ports.iter_mut().for_each(|port| port.protected = true),
            |bridge: &mut Bridge| bridge.ports[0].tag = Some(5),
        ] {
            let closed = nodes.clone();
            let Fact::Known(ovs) = &mut nodes[1].ovs else {
                panic!("no switch")
            };
            open(&mut ovs.bridges[0]);
            assert_eq!(round(&nodes).len(), 0);
            nodes = closed;
        }
    }
}
