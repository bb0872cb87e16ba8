//! Faults with one root are one finding; a lost pair is given to what can have lost it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use netdiag::diagnose::Finding;
use netdiag::state::conntrack::Conntrack;
use netdiag::state::netfilter::Dialect;
use netdiag::state::{Absence, Fact, Snapshot};
use netdiag_bench::cluster::Flavour;

use crate::bgp::{reflected, session, with_bird};
use crate::made::{found, known, link, made, rules, told};

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

/// The address of a node, by which others peer with it.
fn address(cluster: &Snapshot, node: usize) -> IpAddr {
    cluster.nodes[node].net.addresses.items()[1].ip
}

/// The session between two nodes is down, and BIRD has taken the routes away that came by it.
fn cut(cluster: &mut Snapshot, one: usize, other: usize) {
    for (here, there) in [(one, other), (other, one)] {
        let ip = address(cluster, there);
        let bird = known(&mut cluster.nodes[here].bird);
        let was = bird
            .protocols
            .iter_mut()
            .find(|protocol| protocol.bgp.as_ref().unwrap().neighbor_address == Some(ip));
        *was.unwrap() = session(ip, "Connect");
        forget(cluster, here, there);
    }
}

/// A node has no routes any more that lead to another one.
fn forget(cluster: &mut Snapshot, node: usize, other: usize) {
    let gateway = Some(address(cluster, other));
    let routes = known(&mut cluster.nodes[node].net.routes);
    let before = routes.len();
    routes.retain(|route| route.next_hops.first().is_none_or(|hop| hop.gateway != gateway));
    assert!(routes.len() < before);
}

/// Which nodes' routes are missing because of it.
fn routes_behind(finding: &Finding) -> Vec<&str> {
    let behind = finding.consequences.iter();
    let behind = behind.filter(|other| other.id == "bgp-routes-missing");
    behind.map(|other| other.node.as_str()).collect()
}

#[test]
fn routes_that_a_session_brings_are_missing_because_of_it_and_are_no_finding() {
    let healthy = with_bird();
    assert!(found(&healthy).is_empty());
    let mut broken = healthy;
    cut(&mut broken, 0, 1);
    let names: Vec<String> = broken.nodes.iter().map(|node| node.name.clone()).collect();
    let findings = found(&broken);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(routes_behind(&findings[0]), names[..2], "{findings:#?}");
    let ids: BTreeSet<&str> = findings[0].consequences.iter().map(|other| other.id).collect();
    assert_eq!(
        ids.len(),
        2,
        "the other side's session, and the routes: {findings:#?}"
    );
    assert!(findings[0].affected.is_some(), "{findings:#?}");
}

#[test]
fn routes_of_a_session_that_is_up_are_a_finding_of_their_own() {
    let mut broken = with_bird();
    cut(&mut broken, 0, 1);
    forget(&mut broken, 0, 2);
    let findings = found(&broken);
    assert_eq!(findings.len(), 2, "{findings:#?}");
    let own = findings.iter().find(|finding| finding.id == "bgp-routes-missing");
    assert_eq!(own.unwrap().node, broken.nodes[0].name, "{findings:#?}");
    let session = findings.iter().find(|finding| finding.id != "bgp-routes-missing");
    assert_eq!(routes_behind(session.unwrap()).len(), 2, "{findings:#?}");
}

#[test]
fn sessions_and_routes_of_a_bird_that_is_gone_are_one_finding() {
    let mut broken = with_bird();
    for other in [0, 2] {
        cut(&mut broken, 1, other);
    }
    broken.nodes[1].bird = Fact::absent_as(Absence::Missing, "no socket");
    let findings = found(&broken);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].id, "bird-not-running");
    assert_eq!(routes_behind(&findings[0]).len(), 3, "{findings:#?}");
}

#[test]
fn routes_by_a_reflector_are_missing_because_of_the_session_with_it() {
    let mut cluster = with_bird();
    let own = address(&cluster, 0);
    reflected(&mut cluster);
    for node in &mut cluster.nodes[1..] {
        let protocols = &mut known(&mut node.bird).protocols;
        protocols.retain(|protocol| protocol.bgp.as_ref().unwrap().neighbor_address == Some(own));
        protocols[0].name = protocols[0].name.replace("Mesh", "Node");
    }
    let findings = found(&cluster);
    assert!(findings.is_empty(), "{findings:#?}");
    cut(&mut cluster, 0, 1);
    // The third node hears of the second one's routes by the first, and the other way.
    forget(&mut cluster, 1, 2);
    forget(&mut cluster, 2, 1);
    let findings = found(&cluster);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(routes_behind(&findings[0]).len(), 3, "{findings:#?}");
}

#[test]
fn routes_of_vxlan_are_felixs_whatever_bird_does() {
    let mut broken = made(Flavour::CalicoVxlan, 3, 2);
    broken.nodes[1].bird = Fact::absent_as(Absence::Missing, "no socket");
    assert!(found(&broken).is_empty());
    let routes = known(&mut broken.nodes[0].net.routes);
    let tunnelled = routes.iter().position(|route| {
        route.next_hops.first().is_some_and(|hop| hop.gateway.is_some()) && route.dst.prefix_len() > 0
    });
    routes.remove(tunnelled.unwrap());
    told("bgp-routes-missing", &broken);
}
