//! Which pods reach each other, before and after.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;

use crate::diagnose::trace::{Scene, explain};
use crate::forward::matrix::{self, Class, Endpoint, Outcomes, Reach, classes};
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::Topology;
use crate::forward::walk::{End, State, Walker};
use crate::state::route::{RouteType, TableId};
use crate::state::{NodeState, Snapshot};

/// Examples that are named.
const NAMED: usize = 3;

/// So many pairs of kinds of pods are walked, at most twice each, before some must stand for all.
const WALKED: usize = 60_000;

/// Ordered pairs of pods.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pairs {
    /// No pod was seen: pairs are of nodes, by the routes to each other's blocks.
    pub(super) of_nodes: bool,
    pub(super) all: usize,
    /// That reach each other, by an echo request and its answer.
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) gained: usize,
    pub(super) lost: usize,
    /// Whether they do is not decidable, before or after.
    pub(super) undecided: usize,
    pub(super) gained_examples: Vec<String>,
    pub(super) lost_examples: Vec<String>,
    /// Pairs of kinds of pods, and how many of these were walked: the others are told by them.
    pub(super) kinds: usize,
    pub(super) walked: usize,
}

const PING: Transport = Transport::echo(false, 1);

/// One of each of two classes of pods, and how many pairs they stand for.
#[derive(Debug, Clone, Copy)]
struct Ends {
    from: Endpoint,
    to: Endpoint,
    pairs: usize,
}

impl Pairs {
    pub(super) fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let [old, new] = [before, after].map(|snapshot| Topology::new(&snapshot.nodes));
        let classes = joint(&classes::pods(&old, PING), &classes::pods(&new, PING));
        if classes.is_empty() {
            return by_blocks(before, after);
        }
        let walkers = [Walker::new(&old), Walker::new(&new)];
        // What changes no node's state changes no packet's way.
        let same = before.nodes == after.nodes;
        let outcomes = Outcomes::new(classes.len(), WALKED, |from, to| {
            let ends = ends(&classes, from, to)?;
            let then = reach(&walkers[0], ends);
            Some([then, if same { then } else { reach(&walkers[1], ends) }])
        });
        let mut pairs = Self {
            walked: outcomes.walks(),
            ..Self::default()
        };
        for (from, to) in (0..classes.len()).flat_map(|from| (0..classes.len()).map(move |to| (from, to))) {
            let (Some(ends), Some([then, now])) = (ends(&classes, from, to), outcomes.of(from, to)) else {
                continue;
            };
            let number = ends.pairs;
            pairs.kinds += 1;
            pairs.all += number;
            pairs.before += number * usize::from(then == Reach::Good);
            pairs.after += number * usize::from(now == Reach::Good);
            let (count, list, scene) = match (then, now) {
                (Reach::Undecided, _) | (_, Reach::Undecided) => {
                    pairs.undecided += number;
                    continue;
                }
                (Reach::Lost, Reach::Good) => {
                    (&mut pairs.gained, &mut pairs.gained_examples, (&old, &walkers[0]))
                }
                (Reach::Good, Reach::Lost) => {
                    (&mut pairs.lost, &mut pairs.lost_examples, (&new, &walkers[1]))
                }
                _ => continue,
            };
            *count += number;
            if list.len() < NAMED && outcomes.is_walked(from, to) {
                list.push(example(scene.0, scene.1, &ends));
            }
        }
        pairs
    }

    fn add(&mut self, title: &str, [before, after]: [bool; 2]) {
        self.all += 1;
        self.before += usize::from(before);
        self.after += usize::from(after);
        let (count, list) = match (before, after) {
            (false, true) => (&mut self.gained, &mut self.gained_examples),
            (true, false) => (&mut self.lost, &mut self.lost_examples),
            _ => return,
        };
        *count += 1;
        if list.len() < NAMED {
            list.push(title.to_owned());
        }
    }
}

/// Pods that are alike before and after.
fn joint(old: &[Class], new: &[Class]) -> Vec<Class> {
    let mut of_new: BTreeMap<Endpoint, usize> = BTreeMap::new();
    for (number, class) in new.iter().enumerate() {
        of_new.extend(class.members.iter().map(|member| (*member, number)));
    }
    let mut joint: BTreeMap<(usize, Option<usize>), Vec<Endpoint>> = BTreeMap::new();
    for (number, class) in old.iter().enumerate() {
        for member in &class.members {
            let key = (number, of_new.get(member).copied());
            joint.entry(key).or_default().push(*member);
        }
    }
    let mut classes: Vec<Class> = joint.into_values().map(|members| Class { members }).collect();
    classes.sort_by_key(|class| class.members.first().copied());
    classes
}

/// Who stands for the pairs of two classes; none where there are none.
fn ends(classes: &[Class], from: usize, to: usize) -> Option<Ends> {
    let (senders, receivers) = (classes.get(from)?, classes.get(to)?);
    // Nobody sends to himself.
    let skip = usize::from(from == to);
    let (from, to) = (*senders.members.first()?, *receivers.members.get(skip)?);
    (from.ip.is_ipv6() == to.ip.is_ipv6()).then(|| Ends {
        from,
        to,
        pairs: senders.members.len() * (receivers.members.len() - skip),
    })
}

fn reach(walker: &Walker, ends: Ends) -> Reach {
    let transport = Transport::echo(ends.from.ip.is_ipv6(), 1);
    matrix::reach(walker, ends.from, ends.to, transport).0
}

/// `node1/a → node2/b: why not`, where it doesn't arrive.
fn example(topology: &Topology, walker: &Walker, found: &Ends) -> String {
    let title = format!(
        "{} → {}",
        topology.place(found.from.place).title(),
        topology.place(found.to.place).title()
    );
    let packet = Packet::new(
        found.from.ip,
        found.to.ip,
        Transport::echo(found.from.ip.is_ipv6(), 1),
    );
    let scene = Scene {
        topology,
        cluster: None,
        findings: &[],
    };
    let mut why = None;
    for there in walker.send(State::new(packet).quiet(), found.from.place) {
        if there.end == End::Delivered {
            for back in walker.send(there.state.answer(), there.place) {
                why = why.or_else(|| explain(scene, &back, Some(&there)));
            }
        } else {
            why = why.or_else(|| explain(scene, &there, None));
        }
    }
    match why.map(|why| {
        if why.cause.is_empty() {
            why.finding.title
        } else {
            why.cause
        }
    }) {
        Some(why) => format!("{title}: {why}"),
        None => title,
    }
}

/// Where no pod was seen: nodes that have routes to each other's blocks, each standing for the pods there.
fn by_blocks(before: &Snapshot, after: &Snapshot) -> Pairs {
    let mut pairs = Pairs {
        of_nodes: true,
        ..Pairs::default()
    };
    let blocks = |node: &NodeState| -> Vec<IpNet> {
        let routes = node.net.routes.items().iter();
        let own = routes.filter(|route| route.kind == RouteType::Blackhole && route.table == TableId::MAIN);
        own.map(|route| route.dst).collect()
    };
    let leads = |node: &NodeState, block: &IpNet| {
        let mut routes = node.net.routes.items().iter();
        routes.any(|route| {
            route.dst == *block && route.kind == RouteType::Unicast && route.table == TableId::MAIN
        })
    };
    let reaches = |snapshot: &Snapshot, from: &NodeState, to: &NodeState| {
        let of = |node: &NodeState| snapshot.nodes.iter().find(|other| other.name == node.name);
        of(from).is_some_and(|state| blocks(to).iter().any(|block| leads(state, block)))
            && of(to).is_some_and(|state| blocks(from).iter().any(|block| leads(state, block)))
    };
    for from in &before.nodes {
        for to in before.nodes.iter().filter(|to| to.name != from.name) {
            if blocks(from).is_empty() || blocks(to).is_empty() {
                continue;
            }
            let title = format!("pods of {} → pods of {}", from.name, to.name);
            pairs.add(&title, [reaches(before, from, to), reaches(after, from, to)]);
        }
    }
    pairs
}
