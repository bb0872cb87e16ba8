//! Faults come together: each is named, and nothing else.

use std::collections::BTreeSet;

use netdiag::state::Snapshot;
use netdiag_bench::Random;
use netdiag_bench::cluster::Flavour;

use crate::made::{found, made};
use crate::planted::{FAULTS, Planted};

/// What is told: ids with their nodes.
fn told(snapshot: &Snapshot) -> BTreeSet<(&'static str, String)> {
    let findings = found(snapshot);
    findings
        .iter()
        .map(|finding| (finding.id, finding.node.clone()))
        .collect()
}

fn fitting(flavour: Flavour) -> Vec<&'static Planted> {
    FAULTS
        .iter()
        .filter(|fault| fault.of.contains(&flavour))
        .collect()
}

/// Two or three faults, each in a node of its own.
fn planted(seed: u64) -> (String, Snapshot, BTreeSet<(&'static str, String)>) {
    let mut random = Random::new(seed);
    let flavour = Flavour::ALL[random.below(Flavour::ALL.len())];
    let mut cluster = made(flavour, 6, 3);
    let faults = fitting(flavour);
    let (mut wanted, mut words) = (BTreeSet::new(), String::new());
    let first = random.below(2);
    for number in 0..2 + random.below(2) {
        let fault = faults[random.below(faults.len())];
        let node = &mut cluster.nodes[first + number * 2 % 6];
        (fault.harm)(node);
        wanted.insert((fault.id, node.name.clone()));
        words += &[" ", fault.id, " on ", &node.name].concat();
    }
    (
        format!("seed {seed}: {}:{words}", flavour.word()),
        cluster,
        wanted,
    )
}

#[test]
fn of_faults_in_several_nodes_each_is_named_and_nothing_else() {
    for seed in 0..120 {
        let (what, cluster, wanted) = planted(seed);
        assert_eq!(told(&cluster), wanted, "{what}");
    }
}

/// The first leaves nothing of what the second changed: the kernel takes it away, or it was there no more.
const HIDDEN: [(&str, &str); 5] = [
    ("forwarding-off", "link-forwarding-off"),
    ("link-down", "pod-route-missing"),
    ("bgp-routes-missing", "route-to-wrong-node"),
    ("bgp-routes-missing", "vxlan-entry-missing"),
    ("tunnel-link-down", "vxlan-entry-missing"),
];

#[test]
fn of_two_faults_in_one_node_both_are_named_and_nothing_else() {
    let mut wrong = Vec::new();
    for flavour in Flavour::ALL {
        let faults = fitting(flavour);
        for (at, one) in faults.iter().enumerate() {
            for other in faults.iter().skip(at + 1) {
                if HIDDEN.contains(&(one.id, other.id)) {
                    continue;
                }
                let mut cluster = made(flavour, 3, 3);
                let node = &mut cluster.nodes[1];
                let name = node.name.clone();
                (one.harm)(node);
                (other.harm)(node);
                let wanted = BTreeSet::from([(one.id, name.clone()), (other.id, name)]);
                let told = told(&cluster);
                if told != wanted {
                    wrong.push(format!(
                        "{}: {} and {}: {told:?}",
                        flavour.word(),
                        one.id,
                        other.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
