//! Faults with one root are one finding; a lost pair is given to what can have lost it.

use netdiag::state::conntrack::Conntrack;
use netdiag::state::netfilter::Dialect;
use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::Flavour;

use crate::made::{found, known, link, made, rules};

#[test]
fn a_vtep_that_changed_is_one_finding_whoever_still_knows_the_old_one() {
    let mut cluster = made(Flavour::FlannelVxlan, 5, 2);
    link(&mut cluster.nodes[1], "flannel.1").mac = Some("66:00:00:00:00:99".into());
    let findings = found(&cluster);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let finding = &findings[0];
    assert_eq!(finding.id, "vtep-mac-stale");
    assert_eq!(finding.consequences.len(), 3, "{finding:#?}");
    // What mends it is typed on each node that has it wrong.
    let mut nodes: Vec<_> = finding.fix.commands.iter().map(|run| run.node.clone()).collect();
    nodes.dedup();
    assert_eq!(nodes.len(), 4, "{finding:#?}");
}

#[test]
fn a_node_whose_agent_wrote_no_entries_is_one_finding() {
    let mut cluster = made(Flavour::CalicoVxlan, 5, 2);
    known(&mut cluster.nodes[0].net.fdb).retain(|entry| entry.dst.is_none());
    let findings = found(&cluster);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].id, "vxlan-entry-missing");
    assert_eq!(findings[0].consequences.len(), 3, "{findings:#?}");
    assert_eq!(findings[0].fix.commands.len(), 4, "{findings:#?}");
}

/// Of one node, two things are wrong that have nothing to do with each other.
fn both(cluster: &Snapshot) -> Vec<&'static str> {
    let mut ids: Vec<&str> = found(cluster).iter().map(|finding| finding.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_pair_that_a_rule_cut_is_not_given_to_a_full_table_of_the_same_node() {
    let mut cluster = made(Flavour::CalicoBgp, 3, 2);
    let node = &mut cluster.nodes[0];
    node.net.conntrack = Fact::Known(Conntrack {
        count: 262_144,
        max: Some(262_144),
        ..Conntrack::default()
    });
    assert_eq!(both(&cluster), ["conntrack-table-full"]);
    let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -o eth0 -j DROP\nCOMMIT\n";
    rules(&mut cluster.nodes[0], Dialect::IptablesLegacy, text);
    let ids = both(&cluster);
    assert_eq!(
        ids,
        ["conntrack-table-full", "forward-drops-pods"],
        "{:#?}",
        found(&cluster)
    );
}
