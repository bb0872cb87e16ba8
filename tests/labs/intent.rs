//! What the objects mean, held against what real BIRD installs; faults of real nodes, found and mended by what the
//! findings say.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use netdiag::archive::{self, Merge};
use netdiag::intent::Cluster;
use netdiag::intent::blocks::blocks;
use netdiag::intent::routes::{Intent, Way};
use netdiag::state::Snapshot;
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag_lab::{Bird, HOSTS, Story, StoryPlan, or_skip};
use serde_json::Value;

use crate::netdiag::{check_all, findings, netdiag};

/// All nodes, as they are now.
fn seen(story: &Story) -> Snapshot {
    let mut merge = Merge::new(false);
    for host in HOSTS {
        let saved = netdiag(story, host.name, &["snapshot", "save", "--json"]);
        let part = archive::read(saved.stdout.as_bytes()).unwrap();
        merge.add(host.name.to_owned(), part).unwrap();
    }
    merge.done().snapshot
}

/// What differs between what is meant and what is, a line each.
fn differences(snapshot: &Snapshot) -> Vec<String> {
    let cluster = Cluster::new(snapshot.objects.known().unwrap());
    let blocks = blocks(&cluster, &snapshot.nodes);
    let intent = Intent::new(&cluster, &blocks, false);
    let mut lines = Vec::new();
    for node in &snapshot.nodes {
        let object = cluster.node(&node.name).unwrap();
        let meant: BTreeSet<String> = intent
            .routes(object)
            .into_iter()
            .map(|route| match route.way {
                Way::Blackhole => format!("blackhole {}", route.dst),
                way => format!("{} {way}", route.dst),
            })
            .collect();
        let is: BTreeSet<String> = node
            .net
            .routes
            .items()
            .iter()
            .filter(|route| route.proto == RouteProtocol::BIRD && route.table == TableId::MAIN)
            .map(
                |route| match (route.kind, route.next_hops.first().and_then(|hop| hop.gateway)) {
                    (RouteType::Blackhole, _) => format!("blackhole {}", route.dst),
                    (_, Some(gateway)) => format!("{} via {gateway}", route.dst),
                    (kind, None) => format!("{} {kind:?}", route.dst),
                },
            )
            .collect();
        if meant != is {
            lines.push(format!("{}: meant {meant:?}, is {is:?}", node.name));
        }
        let sessions = intent.sessions(object);
        let meant: BTreeSet<_> = sessions
            .iter()
            .map(|session| (session.remote, session.remote_as, session.passive))
            .collect();
        let configured = node.bird_config.known().unwrap();
        let is: BTreeSet<_> = configured
            .peers
            .iter()
            .filter_map(|peer| Some((peer.neighbor?, peer.neighbor_as, peer.passive)))
            .collect();
        if meant != is {
            lines.push(format!(
                "{}: sessions meant {meant:?}, configured {is:?}",
                node.name
            ));
        }
    }
    lines
}

#[test]
fn what_is_meant_is_what_bird_installs() {
    for bird in [Bird::V1, Bird::V2] {
        let plan = StoryPlan::first_found().healthy().bird(bird).one_directional();
        let Some(story) = or_skip(plan.up()) else { return };
        story.wait_established(Duration::from_secs(30)).unwrap();
        // Routes follow their sessions.
        let start = Instant::now();
        let left = loop {
            let left = differences(&seen(&story));
            if left.is_empty() || start.elapsed() > Duration::from_secs(20) {
                break left;
            }
        };
        assert!(left.is_empty(), "{left:#?}");
        let (_, check) = check_all(&story, |_| true);
        assert!(findings(&check).is_empty(), "{check:#}");
    }
}

/// A ping from the first pod of node1 to that of node2.
fn arrives(story: &Story) -> bool {
    let [target, _] = HOSTS[1].pods;
    let target = target.split('/').next().unwrap_or_default();
    let ping = format!("ip netns exec pod1 ping -c 1 -W 1 {target}");
    (0..3).any(|_| story.node("node1").sh(&ping).ok().is_ok())
}

fn of<'c>(check: &'c Value, id: &str, node: &str) -> Option<&'c Value> {
    let mut all = findings(check).iter();
    all.find(|finding| finding["code"] == id && finding["node"] == node)
}

/// The host's end of pod1.
const END: &str = "$(ip -o link | grep -o 'cali[0-9a-f]*' | head -n 1)";

#[test]
fn what_a_finding_says_to_type_mends_it() {
    let plan = StoryPlan::first_found().healthy();
    let Some(story) = or_skip(plan.up()) else { return };
    story.wait_established(Duration::from_secs(30)).unwrap();
    assert!(arrives(&story), "not even when healthy");
    for (id, node, harm) in [
        (
            "forwarding-off",
            "node2",
            "sysctl -qw net.ipv4.ip_forward=0".to_owned(),
        ),
        (
            "proxy-arp-off",
            "node1",
            format!(
                "sysctl -qw net.ipv4.conf.{END}.proxy_arp=0; ip -n pod1 neigh flush all; ip -n pod1 neigh del 169.254.1.1 dev eth0 2>/dev/null || true"
            ),
        ),
        ("link-down", "node1", format!("ip link set {END} down")),
        (
            "pod-route-missing",
            "node2",
            format!("ip route del {}", HOSTS[1].pods[0]),
        ),
        (
            "link-forwarding-off",
            "node1",
            format!("sysctl -qw net.ipv4.conf.{END}.forwarding=0"),
        ),
    ] {
        story.node(node).sh(&harm).ok().unwrap();
        assert!(!arrives(&story), "{id}: {harm} breaks nothing");
        let (code, check) = check_all(&story, |_| true);
        assert_eq!(code, 2, "{id}: {check:#}");
        let finding = of(&check, id, node).unwrap_or_else(|| panic!("{id}: {check:#}"));
        let commands = finding["commands"].as_array().unwrap();
        assert!(!commands.is_empty(), "{finding:#}");
        for command in commands {
            story
                .node(node)
                .sh(command["run"].as_str().unwrap())
                .ok()
                .unwrap();
        }
        if id == "link-down" {
            // The kernel takes a link's routes away with it; Felix puts them in again, and so does the next finding.
            let (_, check) = check_all(&story, |_| true);
            for command in of(&check, "pod-route-missing", node)
                .into_iter()
                .flat_map(|finding| finding["commands"].as_array().unwrap())
            {
                story
                    .node(node)
                    .sh(command["run"].as_str().unwrap())
                    .ok()
                    .unwrap();
            }
        }
        assert!(arrives(&story), "{id}: not mended by {commands:?}");
        let (_, check) = check_all(&story, |_| true);
        assert!(of(&check, id, node).is_none(), "{id} is still there: {check:#}");
    }
}
