//! Pairs of pods that are walked: each node's first pod to the next node's, and to the second pod of its own node. Few
//! pairs, so that a thousand nodes take no time; where there are few pods, all pairs.
//!
//! What a walk finds is a finding of its own only where nothing else explains it: else it says whom that affects.

use std::net::IpAddr;

use ipnet::IpNet;

use super::blame::{Lost, blame};
use super::checks::shared::{addresses, chains, host_end, is_cali, is_docker};
use super::crossings;
use super::finding::{Affected, Finding};
use super::meshes;
use super::trace::Scene;
use super::world::World;
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{Cause, End, Outcome, State, Walker, What};
use crate::intent::kernel::sets::POOLS;
use crate::state::link::IfIndex;
use crate::state::{Namespace, NodeState};

/// With so many pods, all pairs are walked.
const ALL: usize = 16;

/// An echo request.
const PING: Transport = Transport::echo(false, 1);

/// A pod, and how it is joined to its node.
struct Pod<'w> {
    node: &'w NodeState,
    place: PlaceId,
    ip: IpAddr,
    title: String,
    /// None for a link of its own (Calico).
    bridge: Option<IfIndex>,
}

/// Walks, and adds what it finds.
pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let topology = Topology::new(world.nodes);
    let walker = Walker::new(&topology);
    crossings::find(world, &walker, found);
    meshes::find(world, &walker, found);
    let pods = pods(world, &topology);
    if pods.len() < 2 {
        return;
    }
    let before = found.len();
    for (from, to) in pairs(world, &pods) {
        let mut delivered = |there: &Outcome| {
            if there.state.packet.src != from.ip {
                translated(world, &walker, (from, to), found);
            }
        };
        // Most arrive: of those that don't, what they met on the way is seen the second time.
        let Some(quietly) = lost(&walker, from, to, State::quiet, &mut delivered) else {
            continue;
        };
        let (outcome, there) = lost(&walker, from, to, |state| state, &mut |_| ()).unwrap_or(quietly);
        if is_meant(world, &topology, &outcome) {
            continue;
        }
        let pair = format!("{} → {}", from.title, to.title);
        let scene = Scene {
            topology: &topology,
            cluster: world.cluster.ok(),
            findings: &[],
        };
        let lost = Lost {
            outcome: &outcome,
            there: there.as_ref(),
            ends: [from.node.name.as_str(), to.node.name.as_str()],
            pair,
        };
        blame(scene, lost, found, before);
    }
}

/// A packet that is lost, or whose answer is, which then comes with the way there.
fn lost(
    walker: &Walker,
    from: &Pod,
    to: &Pod,
    heard: impl Fn(State) -> State,
    delivered: &mut impl FnMut(&Outcome),
) -> Option<(Outcome, Option<Outcome>)> {
    let packet = Packet::new(from.ip, to.ip, PING);
    let mut lost = None;
    for there in walker.send(heard(State::new(packet.clone())), from.place) {
        if there.end == End::Delivered {
            delivered(&there);
            let backs = walker.answers(&there, &packet, from.place);
            if let Some(back) = backs.into_iter().find(is_lost) {
                lost.get_or_insert((back, Some(there)));
            }
        } else if is_lost(&there) {
            lost.get_or_insert((there, None));
        }
    }
    lost
}

/// What one pod sends to another arrives with somebody else's address: policies there judge the wrong sender.
fn translated(world: &World, walker: &Walker, (from, to): (&Pod, &Pod), found: &mut Vec<Finding>) {
    let packet = Packet::new(from.ip, to.ip, PING);
    let outcomes = walker.send(State::new(packet), from.place);
    let Some((at, step, seen)) = outcomes.iter().find_map(|outcome| {
        let step = outcome.state.trail.iter().find(|step| {
            let changed = step.packet.as_ref().is_some_and(|packet| packet.src != from.ip);
            step.what == What::Nat && changed
        })?;
        Some((walker.topology.place(step.place), step, outcome.state.packet.src))
    }) else {
        return;
    };
    let name = &at.node.name;
    // Elsewhere it only comes by since it was sent there by mistake.
    if ![&from.node.name, &to.node.name].contains(&name) {
        return;
    }
    let pair = format!("{} → {}", from.title, to.title);
    if let Some(known) = found
        .iter_mut()
        .find(|known| known.id == "pod-source-translated" && known.node == *name)
    {
        affect(known, pair);
        return;
    }
    let mut finding = Finding::of(
        "pod-source-translated",
        name,
        format!("{name} translates the source of packets from pod to pod: the other pod, and its policies, see {seen}"),
    )
    .shown(format!("netdiag trace {} {} on {name}", from.title, to.ip), &*step.text)
    .step("the rule is of another network that was there before, or its range of pods (--cluster-cidr, ip-masq-agent) is too small");
    // iptables prints rules as it takes them.
    let rule = chains(at.node, "nat").find_map(|(ruleset, _, chain)| {
        let rule = chain.rules.iter().find(|rule| step.text.contains(&*rule.text))?;
        Some((ruleset.dialect.command(), rule))
    });
    if let Some((command, rule)) = rule {
        finding = finding.about(&*rule.text).run(
            format!("{command} -t nat {}", rule.text.replacen("-A ", "-D ", 1)),
            format!("{command} -t nat {}", rule.text),
        );
    }
    if let Ok(cluster) = world.cluster
        && let Some(pool) = cluster.pool_of(to.ip)
    {
        finding = finding.shown(
            format!("IPPool({})", pool.name),
            format!("{} contains {}, a pod", pool.cidr, to.ip),
        );
    }
    affect(&mut finding, pair);
    found.push(finding);
}

const fn is_lost(outcome: &Outcome) -> bool {
    matches!(outcome.end, End::Dropped(_) | End::Rejected(_) | End::NotForMe)
}

/// Whether a policy's rule did it: that is what policies are for. Calico's are none where Calico isn't.
fn is_meant(world: &World, topology: &Topology, outcome: &Outcome) -> bool {
    let node = topology.place(outcome.place).node;
    match &outcome.end {
        End::Dropped(Cause::Rule { rule, .. }) | End::Rejected(Cause::Rule { rule, .. })
            if rule.chain.starts_with("cali-") =>
        {
            let felix = node.processes.known().is_some_and(|known| known.felix.is_some());
            felix || world.object(&node.name).is_some() || node.net.links.items().iter().any(is_cali)
        }
        End::Dropped(Cause::Rule { rule, .. }) | End::Rejected(Cause::Rule { rule, .. }) => [
            "KUBE-NWPLCY",
            "KUBE-POD-FW",
            "KUBE-ROUTER",
            "CILIUM_",
            "WEAVE-NPC",
            "DOCKER",
        ]
        .iter()
        .any(|prefix| rule.chain.starts_with(prefix)),
        _ => false,
    }
}

fn pods<'w>(world: &World<'w>, topology: &Topology<'w>) -> Vec<Pod<'w>> {
    let mut pods = Vec::new();
    for node in world.nodes {
        for namespace in node.namespaces.items() {
            pods.extend(pod(topology, node, namespace));
        }
    }
    pods
}

fn pod<'w>(topology: &Topology<'w>, node: &'w NodeState, namespace: &'w Namespace) -> Option<Pod<'w>> {
    let place = topology.place_of(&namespace.net)?;
    let ip = addresses(namespace).find(IpAddr::is_ipv4)?;
    let end = namespace
        .net
        .links
        .items()
        .iter()
        .find_map(|link| host_end(node, namespace, link))?;
    let bridge = end.master.and_then(|master| node.net.link(master));
    if bridge.is_some_and(is_docker) || !(is_cali(end) || bridge.is_some_and(|bridge| bridge.name == "cni0"))
    {
        return None;
    }
    Some(Pod {
        node,
        place,
        ip,
        title: format!("{}/{}", node.name, namespace.title()),
        bridge: bridge.map(|bridge| bridge.index),
    })
}

/// Whether its address is of a range whose pods are meant to reach each other across nodes.
fn is_in_pool(world: &World, pod: &Pod) -> bool {
    let node = pod.node;
    let has = |net: IpNet| net.contains(&pod.ip);
    let of_calico = match world.cluster {
        Ok(cluster) => cluster.pool_of(pod.ip).is_some(),
        // Where no datastore answers, Felix's set tells what it last knew of.
        Err(_) => node.net.ipset(POOLS).is_some_and(|pools| pools.nets().any(has)),
    };
    let flannel = node.flannel.subnet.known();
    of_calico
        || flannel.is_some_and(|subnet| subnet.networks.iter().copied().any(has))
        || of_kubernetes(world, node).any(has)
}

/// The ranges that Kubernetes gave a node for its pods: all of them reach each other, whoever leads the packets.
fn of_kubernetes<'w>(world: &World<'w>, node: &NodeState) -> impl Iterator<Item = IpNet> + use<'w> {
    let inventory = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref());
    let mut nodes = inventory.into_iter().flat_map(|inventory| &inventory.nodes);
    let object = nodes.find(|object| object.metadata.name == node.name);
    object.into_iter().flat_map(|object| object.spec.ranges())
}

/// Pairs that are meant to reach each other.
fn pairs<'p, 'w>(world: &World, pods: &'p [Pod<'w>]) -> Vec<(&'p Pod<'w>, &'p Pod<'w>)> {
    let joined = |from: &Pod, to: &Pod| {
        if from.node.name == to.node.name {
            from.bridge == to.bridge && from.place != to.place
        } else {
            is_in_pool(world, from) && is_in_pool(world, to)
        }
    };
    if pods.len() <= ALL {
        let all = pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to)));
        return all.filter(|(from, to)| joined(from, to)).collect();
    }
    let mut firsts: Vec<&Pod> = Vec::new();
    let mut pairs = Vec::new();
    for pod in pods {
        match firsts.last() {
            Some(first) if first.node.name == pod.node.name => {
                // The second one only.
                if pairs
                    .last()
                    .is_none_or(|(last, _): &(&Pod, &Pod)| last.place != first.place)
                {
                    pairs.push((*first, pod));
                }
            }
            _ => firsts.push(pod),
        }
    }
    for (at, from) in firsts.iter().enumerate() {
        if let Some(to) = firsts.get((at + 1) % firsts.len().max(1)) {
            pairs.push((*from, *to));
        }
    }
    pairs.retain(|(from, to)| joined(from, to));
    pairs
}

pub(super) fn affect(finding: &mut Finding, pair: String) {
    match &mut finding.affected {
        Some(affected) => affected.pairs += 1,
        None => {
            finding.affected = Some(Affected {
                pairs: 1,
                example: pair,
            });
        }
    }
}
