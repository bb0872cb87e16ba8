use std::net::IpAddr;

use super::super::report::{Report, leaked_in_all};
use super::super::stock::{Pool, Stock};
use super::*;

const BLOCK: &str = r#"{"cidr":"10.0.0.0/30","affinity":"host:n1","allocations":[0,1,2,null],"unallocated":[3],"attributes":[{"handle_id":"used","secondary":{"node":"n1","pod":"p"}},{"handle_id":"old","secondary":{"node":"n2","pod":"gone","timestamp":"2026-01-01 00:00:00 +0000 UTC"}},{"handle_id":"windows-reserved-ipam-handle"}],"sequenceNumber":5,"sequenceNumberForAllocation":{"0":1,"1":2}}"#;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A pool, a node with that block, one address in use, one leaked, one reserved.
fn stock() -> Stock {
    Stock {
        blocks: vec![serde_json::from_str(BLOCK).unwrap()],
        pools: vec![Pool {
            name: "p".into(),
            cidr: "10.0.0.0/16".parse().unwrap(),
            disabled: false,
        }],
        handles: vec![("old".into(), 2), ("used".into(), 1)],
        affinities: vec![("n1".into(), "10.0.0.0/30".parse().unwrap())],
        nodes: ["n1".into()].into(),
        workloads: vec![(ip("10.0.0.0"), "Workload(d/p)".into())],
        ..Stock::default()
    }
}

fn said(findings: &Findings) -> Vec<String> {
    findings.problems().map(ToString::to_string).collect()
}

#[test]
fn an_address_that_nobody_uses_is_leaked_and_one_that_windows_reserves_is_not() {
    let findings = check(&stock());
    assert_eq!(
        said(&findings),
        ["10.0.0.1 leaked; attrs Main:old Extra:node=n2,pod=gone,timestamp=2026-01-01 00:00:00 +0000 UTC"]
    );
    assert_eq!(findings.by_node, [("n1".into(), 1), ("n2".into(), 1)].into());
    let mut healthy = stock();
    healthy.tunnels.push((ip("10.0.0.1"), "Node(n1)".into()));
    assert_eq!(said(&check(&healthy)), [""; 0]);
}

#[test]
fn users_without_an_allocation_or_a_pool_are_told_and_two_users_of_one_address() {
    let mut stock = stock();
    for (address, owner) in [
        ("10.0.0.0", "Node(n1)"),
        ("10.0.9.9", "Workload(d/q)"),
        ("192.0.2.1", "Workload(d/r)"),
        ("10.0.0.1", "Workload(d/s)"),
    ] {
        stock.workloads.push((ip(address), owner.into()));
    }
    assert_eq!(
        said(&check(&stock)),
        [
            "10.0.0.0 has multiple owners: Workload(d/p), Node(n1)",
            "192.0.2.1 in use by Workload(d/r) is not in any active IP pool.",
            "10.0.9.9 in use by Workload(d/q) and in active IPAM pool but has no IPAM allocation.",
        ]
    );
    // A disabled pool gives out nothing new; what it gave out before is right.
    stock.pools[0].disabled = true;
    let said = said(&check(&stock));
    assert!(said.contains(&"10.0.9.9 in use by Workload(d/q) is not in any active IP pool.".to_owned()));
    assert!(!said.iter().any(|line| line.starts_with("10.0.0.1 ")), "{said:?}");
}

#[test]
fn handles_affinities_and_blocks_that_do_not_fit_are_each_a_problem() {
    let mut stock = stock();
    stock.handles = vec![("empty".into(), 3), ("old".into(), 2)];
    stock.affinities = vec![("n9".into(), "10.0.0.0/30".parse().unwrap())];
    stock.nodes.clear();
    stock.blocks.push(
        serde_json::from_str(
            r#"{"cidr":"10.0.1.0/30","allocations":[7,null,null,null],"unallocated":[1,1,9],"attributes":[{"handle_id":"x"}]}"#,
        )
        .unwrap(),
    );
    let findings = check(&stock);
    assert_eq!(
        said(&findings)[1..],
        [
            "empty doesn't have any active IPs.",
            "used is in use in a block but doesn't exist.",
            "IPAMBlock 10.0.1.0/30 is invalid: ordinal 0 has attribute 7, which isn't there",
            "IPAMBlock 10.0.1.0/30 is invalid: 1 attributes are nobody's",
            "IPAMBlock 10.0.1.0/30 is invalid: ordinal 1 is twice among the free ones",
            "IPAMBlock 10.0.1.0/30 is invalid: ordinal 9 is out of range",
            "IPAMBlock 10.0.1.0/30 is invalid: 2 addresses are neither free nor given out",
            "10.0.0.0/30 belongs to n1, but there is no such node.",
            "n9 claims 10.0.0.0/30, but that block isn't there or not its own.",
        ]
    );
}

#[test]
fn an_address_counts_as_leaked_only_if_all_reports_mean_the_same_allocation() {
    let stock = stock();
    let report = Report::new(&stock, &check(&stock), "v0");
    let leaked: Vec<_> = leaked_in_all(std::slice::from_ref(&report)).into_keys().collect();
    assert_eq!(leaked, [ip("10.0.0.1")]);
    let mut later = report.clone();
    later.allocations.get_mut("10.0.0.1").unwrap()[0].sequence_number = Some(9);
    assert!(leaked_in_all(&[report.clone(), later]).is_empty());
    let mut used = report.clone();
    used.allocations.get_mut("10.0.0.1").unwrap()[0].in_use = true;
    assert!(leaked_in_all(&[report, used]).is_empty());
}

#[test]
fn calicoctls_own_report_is_read() {
    let text = include_str!("../../../fixtures/etcd/ipam-check-report.json");
    let report: Report = serde_json::from_str(text).unwrap();
    assert_eq!(report.cluster_guid, "0123456789abcdef");
    assert!(report.leaked().contains_key(&ip("10.244.247.2")));
    assert!(!report.leaked().contains_key(&ip("10.244.247.0")));
}
