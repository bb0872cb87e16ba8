//! Which pods reach each other, before and after.

use std::num::NonZero;

use ipnet::IpNet;
use serde::Serialize;

use crate::forward::matrix::{self, Class, Endpoint, Reach, classes};
use crate::forward::packet::Transport;
use crate::forward::topology::Topology;
use crate::forward::walk::Walker;
use crate::policy::{Direction, Flow, Policies, decide::Stage};
use crate::state::route::{RouteType, TableId};
use crate::state::{NodeState, Objects, Snapshot};

/// With so many pods, each pair is walked by itself; with more, by classes of pods that are alike.
const EACH: usize = 48;

/// Examples that are named.
const NAMED: usize = 3;

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
    pub(super) gained_examples: Vec<String>,
    pub(super) lost_examples: Vec<String>,
}

const PING: Transport = Transport::echo(false, 1);

impl Pairs {
    pub(super) fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let [old, new] = [before, after].map(|snapshot| Topology::new(&snapshot.nodes));
        let classes = classes::pods(&old, PING);
        let members: usize = classes.iter().map(|class| class.members.len()).sum();
        let mut pairs = if members == 0 {
            by_blocks(before, after)
        } else if members <= EACH {
            each(&old, &new, &classes)
        } else {
            by_classes(&old, &new)
        };
        pairs.by_policy(before, after);
        pairs
    }

    fn add(&mut self, title: &str, [before, after]: [bool; 2], why: &str) {
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
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            list.push(format!("{title}{why}"));
        }
    }

    /// What policies say of connections between pods (TCP port 80), where they are known.
    fn by_policy(&mut self, before: &Snapshot, after: &Snapshot) {
        let of = |snapshot: &Snapshot| {
            snapshot
                .objects
                .known()
                .filter(|objects| has_policies(objects))
                .map(Policies::new)
        };
        let (Some(old), Some(new)) = (
            of(before).or_else(|| of(after).map(|_| Policies::default())),
            of(after),
        ) else {
            return;
        };
        for from in new.pods.iter().take(EACH) {
            for to in new.pods.iter().take(EACH).filter(|to| to.name != from.name) {
                let (Some(src), Some(dst)) = (from.ips.first(), to.ips.first()) else {
                    continue;
                };
                let flow = Flow {
                    src: *src,
                    dst: *dst,
                    protocol: 6,
                    ports: Some((40_000, 80)),
                    icmp: None,
                };
                let judge = |policies: &Policies| {
                    let out = policies.decide(from, Direction::Egress, Stage::Normal, &flow);
                    let into = policies.decide(to, Direction::Ingress, Stage::Normal, &flow);
                    [out, into].into_iter().find(crate::policy::Decision::is_denied)
                };
                let (then, now) = (judge(&old), judge(&new));
                if then.is_none() != now.is_none() {
                    let why = now
                        .or(then)
                        .map(|decision| decision.to_string())
                        .unwrap_or_default();
                    let title = format!("{} → {} tcp/80", from.name, to.name);
                    let gains = why.is_empty() || judge(&new).is_none();
                    self.add(&title, [!gains, gains], &why);
                }
            }
        }
    }
}

fn has_policies(objects: &Objects) -> bool {
    objects.kubernetes.known().is_some() || !objects.kinds.is_empty()
}

/// Each pair by itself.
fn each<'a>(old: &Topology<'a>, new: &Topology<'a>, classes: &[Class]) -> Pairs {
    let mut pairs = Pairs::default();
    let walkers = [old, new].map(|topology| (topology, Walker::new(topology)));
    let pods: Vec<Endpoint> = classes
        .iter()
        .flat_map(|class| class.members.iter().copied())
        .collect();
    for from in &pods {
        for to in pods
            .iter()
            .filter(|to| *to != from && to.ip.is_ipv4() == from.ip.is_ipv4())
        {
            let transport = Transport::echo(from.ip.is_ipv6(), 1);
            let reach = walkers
                .each_ref()
                .map(|(_, walker)| matrix::reach(walker, *from, *to, transport).0 == Reach::Good);
            let title = format!(
                "{} → {}",
                old.place(from.place).title(),
                old.place(to.place).title()
            );
            pairs.add(&title, reach, "");
        }
    }
    pairs
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
            pairs.add(&title, [reaches(before, from, to), reaches(after, from, to)], "");
        }
    }
    pairs
}

/// By numbers alone.
fn by_classes<'a>(old: &Topology<'a>, new: &Topology<'a>) -> Pairs {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let [before, after] = [old, new].map(|topology| {
        let walker = Walker::new(topology);
        let classes = classes::pods(topology, PING);
        matrix::matrix(&walker, classes, |ip| Transport::echo(ip.is_ipv6(), 1), threads)
    });
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Pairs {
        all: count(after.pairs),
        before: count(before.good),
        after: count(after.good),
        gained: count(after.good.saturating_sub(before.good)),
        lost: count(before.good.saturating_sub(after.good)),
        ..Pairs::default()
    }
}
