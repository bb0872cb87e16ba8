//! Clusters made from numbers: healthy ones are walked from end to end, and each planted fault is met.

use std::net::IpAddr;

use netdiag::forward::matrix::{self, Endpoint, Reach, classes};
use netdiag::forward::packet::Transport;
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::forward::walk::{End, Walker};
use netdiag::state::NodeState;
use netdiag_bench::cluster::{Cluster, Fault, Flavour};

/// A place, and the address by which it is reached.
fn ends(topology: &Topology) -> Vec<(PlaceId, IpAddr)> {
    let own = |place: &netdiag::forward::topology::Place| {
        let addresses = place.net.addresses.items().iter();
        addresses.map(|address| address.ip).find(|ip| !ip.is_loopback())
    };
    topology
        .places()
        .filter_map(|(id, place)| Some((id, own(place)?)))
        .collect()
}

/// How many pairs there are, and what is wrong with those that can't reach each other.
fn wrong(nodes: &[NodeState]) -> (usize, Vec<String>) {
    let topology = Topology::new(nodes);
    let walker = Walker::new(&topology);
    let (mut pairs, mut wrong) = (0, Vec::new());
    for (from, _) in ends(&topology) {
        for (to, dst) in ends(&topology) {
            if from == to {
                continue;
            }
            pairs += 1;
            let packet = walker.packet(from, dst, Transport::echo(false, 1)).unwrap();
            let ways = walker.there_and_back(packet, from);
            let bad = ways
                .iter()
                .flat_map(|(there, back)| std::iter::once(there).chain(back))
                .find(|outcome| outcome.end != End::Delivered || ways.is_empty());
            if let Some(bad) = bad {
                let [from, to, at] = [from, to, bad.place].map(|id| topology.place(id).title());
                wrong.push(format!("{from} → {to}: at {at}: {:?}", bad.end));
            }
        }
    }
    (pairs, wrong)
}

fn cluster(flavour: Flavour) -> Cluster {
    Cluster {
        blocks: 12,
        rules: 200,
        members: 1_000,
        ..Cluster::new(flavour, 4, 3)
    }
}

#[test]
fn everybody_reaches_everybody_in_healthy_clusters() {
    for flavour in Flavour::ALL {
        let (pairs, wrong) = wrong(&cluster(flavour).states());
        assert_eq!(pairs, 16 * 15);
        assert!(
            wrong.is_empty(),
            "{flavour:?}: {}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

#[test]
fn a_planted_fault_parts_the_cluster() {
    for flavour in Flavour::ALL {
        for fault in Fault::ALL {
            let mut broken = cluster(flavour);
            broken.faults = vec![(1, fault)];
            let (pairs, wrong) = wrong(&broken.states());
            // Without a tunnel or a route of its own, there is nothing to break.
            let has_tunnel = !matches!(flavour, Flavour::CalicoBgp | Flavour::FlannelHostGw);
            let has_pod_routes = matches!(
                flavour,
                Flavour::CalicoBgp | Flavour::CalicoIpip | Flavour::CalicoVxlan
            );
            let nothing = (fault == Fault::TunnelDown && !has_tunnel)
                || (fault == Fault::PodRouteMissing && !has_pod_routes);
            assert_eq!(wrong.is_empty(), nothing, "{flavour:?} {fault:?}");
            // The other three nodes and their pods still reach each other.
            assert!(
                wrong.len() <= pairs - 12 * 11,
                "{flavour:?} {fault:?}: {} of {pairs}:\n{}",
                wrong.len(),
                wrong.join("\n")
            );
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_cluster() {
    let made = cluster(Flavour::CalicoVxlan);
    assert_eq!(made.states(), made.states());
    let other = Cluster {
        seed: 2,
        ..made.clone()
    };
    assert_ne!(made.states(), other.states());
}

/// What the first member says for its class, all members must say: to and from every other pod.
#[test]
fn pods_of_a_class_are_alike() {
    let echo = Transport::echo(false, 1);
    for flavour in Flavour::ALL {
        for fault in [None].into_iter().chain(Fault::ALL.map(Some)) {
            let mut made = Cluster {
                rules: 150,
                members: 100,
                ..Cluster::new(flavour, 3, 4)
            };
            made.faults = fault.map(|fault| (1, fault)).into_iter().collect();
            let nodes = made.states();
            let topology = Topology::new(&nodes);
            let walker = Walker::new(&topology);
            let classes = classes::pods(&topology, echo);
            let whole = matrix::matrix(&walker, classes.clone(), |_| echo, 2);
            let members: Vec<Endpoint> = classes.iter().flat_map(|class| class.members.clone()).collect();
            assert_eq!(members.len(), 12);
            // Every single pair, by a walk of its own.
            let (mut good, mut lost, mut undecided) = (0, 0, 0);
            for from in &members {
                for to in members.iter().filter(|to| *to != from) {
                    match matrix::reach(&walker, *from, *to, echo).0 {
                        Reach::Good => good += 1,
                        Reach::Lost => lost += 1,
                        Reach::Undecided => undecided += 1,
                    }
                }
            }
            assert_eq!(
                (whole.good, whole.lost, whole.undecided),
                (good, lost, undecided),
                "{flavour:?} {fault:?}"
            );
            // A healthy node's pods are all alike; one of a broken node may stand out.
            let expected = 3..=4;
            assert!(
                expected.contains(&classes.len()),
                "{flavour:?} {fault:?}: {} classes",
                classes.len()
            );
        }
    }
}

#[test]
fn the_matrix_is_the_same_whatever_the_threads() {
    let echo = Transport::echo(false, 1);
    let mut made = Cluster::new(Flavour::CalicoIpip, 12, 2);
    made.faults = vec![(1, Fault::InputDropped), (5, Fault::NoBlockRoutes)];
    let nodes = made.states();
    let topology = Topology::new(&nodes);
    let walker = Walker::new(&topology);
    let run = |threads| {
        let whole = matrix::matrix(&walker, classes::nodes(&topology), |_| echo, threads);
        (whole.good, whole.lost, whole.groups)
    };
    let (good, lost, groups) = run(1);
    assert_eq!((good, lost), (12 * 11 - 22, 22));
    // Of the dropping node: what comes to it, and answers to what it sends.
    let told: Vec<_> = groups.iter().map(|group| (group.pairs, group.back)).collect();
    assert_eq!(told, [(11, false), (11, true)]);
    assert_eq!((good, lost, groups), run(3));
}
