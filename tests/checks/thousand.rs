//! A thousand nodes with 25 faults.

use std::collections::BTreeSet;
use std::time::Instant;

use netdiag::archive;
use netdiag::state::snapshot::VERSION;
use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::{Cluster as Plan, Flavour};

use crate::made::{found, objects, with_default_route};
use crate::planted::{FAULTS, Planted};

#[test]
fn of_a_thousand_nodes_the_25_that_are_broken_are_found_and_no_others() {
    let plan = Plan {
        rules: 200,
        ..Plan::new(Flavour::CalicoVxlan, 1_000, 8)
    };
    let mut nodes = plan.states();
    nodes.iter_mut().for_each(with_default_route);
    let objects = objects(Flavour::CalicoVxlan, &nodes);
    let faults: Vec<&Planted> = FAULTS
        .iter()
        .filter(|fault| fault.of.contains(&Flavour::CalicoVxlan))
        .collect();
    let mut planted = BTreeSet::new();
    for number in 0..25 {
        let fault = faults[number % faults.len()];
        let node = &mut nodes[17 + number * 39];
        (fault.harm)(node);
        planted.insert((fault.id, node.name.clone()));
    }
    let snapshot = Snapshot {
        nodes,
        netdiag_snapshot: VERSION,
        objects: Fact::Known(objects),
    };
    // For figures of the program as it is released: `netdiag check --snapshot FILE`.
    if let Ok(path) = std::env::var("NETDIAG_KEEP") {
        let file = std::fs::File::create(path).unwrap();
        archive::write(&snapshot, archive::Form::Zstd, file).unwrap();
    }
    let start = Instant::now();
    let findings = found(&snapshot);
    let took = start.elapsed();
    let told: BTreeSet<(&str, String)> = findings
        .iter()
        .map(|finding| (finding.id, finding.node.clone()))
        .collect();
    assert_eq!(told, planted);
    assert_eq!(findings.len(), 25);
    // Twenty seconds as released, on two cores; this is built for debugging, and runs beside other tests.
    assert!(took.as_secs() < 300, "{took:?}");
}
