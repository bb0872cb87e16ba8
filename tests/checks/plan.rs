//! `netdiag plan`: what is told beforehand, held against what was recorded afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ipnet::IpNet;
use netdiag::diagnose::future::{Change, future};
use netdiag::state::route::{Route, RouteProtocol, RouteType};
use netdiag::state::snapshot::VERSION;
use netdiag::state::{NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::{Value, json};

use crate::made::{found, known, made, resource, stored};
use crate::planted::FAULTS;
use crate::recorded::story;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn netdiag(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(words)
        .current_dir(ROOT)
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

/// Routes to blocks that BIRD has put in: destination and gateway.
fn learned(node: &NodeState) -> BTreeSet<String> {
    let routes = node.net.routes.items().iter();
    routes
        .filter(|route| route.proto == RouteProtocol::BIRD && route.kind == RouteType::Unicast)
        .filter_map(|route| Some(format!("{} via {}", route.dst, route.next_hops.first()?.gateway?)))
        .collect()
}

#[test]
fn the_story_comes_out_as_it_was_told_beforehand() {
    let directory = tempfile::tempdir().unwrap();
    let fix: PathBuf = directory.path().join("fix.yaml");
    let fix = fix.to_str().unwrap();
    let broken = "fixtures/first_found/broken";
    netdiag(&["check", "--snapshot", broken, "--fix-to", fix]);
    let output = netdiag(&["plan", "-f", fix, "--snapshot", broken, "-o", "json"]);
    let plan: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(plan["sessionsUp"], 12, "{plan:#}");
    assert_eq!(plan["objects"].as_array().unwrap().len(), 4, "{plan:#}");
    assert!(plan["pairs"]["gained"].as_u64().unwrap() > 0, "{plan:#}");
    assert_eq!(plan["pairs"]["lost"], 0, "{plan:#}");
    assert_eq!(plan["checks"]["appear"], json!([]), "{plan:#}");
    assert_eq!(plan["checks"]["vanish"].as_array().unwrap().len(), 4, "{plan:#}");
    // What the kernels had when the same file had been applied.
    let afterwards = story("healthy");
    for node in plan["nodes"].as_array().unwrap() {
        let state = afterwards
            .nodes
            .iter()
            .find(|state| node["node"] == state.name.as_str())
            .unwrap();
        let told: BTreeSet<String> = node["routes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|route| route.as_str().unwrap().split(" dev ").next().unwrap().to_owned())
            .collect();
        assert_eq!(told, learned(state), "{}", state.name);
        assert!(!told.is_empty());
    }
    let output = netdiag(&["plan", "-f", fix, "--snapshot", broken]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("12 sessions come up"), "{text}");
    assert!(text.contains("on each node"), "{text}");
    let output = netdiag(&["check", "--snapshot", broken, "--what-if", fix]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// A manifest as a file has it.
fn manifest(kind: &str, name: &str, spec: Value) -> Vec<Change> {
    let text = resource(kind, name, spec).to_string();
    let documents =
        netdiag::calico::manifest::read(Path::new("test.yaml").to_str().unwrap(), text.as_bytes()).unwrap();
    let apply = |document| Change::Apply(Box::new(document));
    documents.into_iter().map(apply).collect()
}

fn told(snapshot: &Snapshot, kind: &str, name: &str, spec: Value) -> netdiag::diagnose::future::Future {
    future(snapshot, &manifest(kind, name, spec)).unwrap()
}

#[test]
fn what_is_stored_already_changes_nothing() {
    let mut cluster = made(Flavour::CalicoBgp, 3, 2);
    let pool = stored(&mut cluster)
        .resources
        .iter()
        .find(|object| object["kind"] == "IPPool")
        .unwrap()
        .clone();
    let future = told(&cluster, "IPPool", "default-ipv4-ippool", pool["spec"].clone());
    assert!(
        future
            .nodes
            .iter()
            .all(netdiag::diagnose::future::NodeFuture::is_quiet),
        "{:#?}",
        future.nodes
    );
}

/// What is wrong already is so for a reason that the change leaves alone.
#[test]
fn what_is_broken_stays_so_when_something_else_changes() {
    let changes = [
        (
            "FelixConfiguration",
            "default",
            json!({"logSeverityScreen": "Debug"}),
        ),
        (
            "BGPConfiguration",
            "default",
            json!({"logSeverityScreen": "Debug"}),
        ),
    ];
    let calico = [Flavour::CalicoBgp, Flavour::CalicoIpip, Flavour::CalicoVxlan];
    for flavour in calico {
        for planted in FAULTS.iter().filter(|planted| planted.of.contains(&flavour)) {
            let mut cluster = made(flavour, 4, 2);
            (planted.harm)(&mut cluster.nodes[1]);
            for (kind, name, spec) in &changes {
                let future = told(&cluster, kind, name, spec.clone());
                let what = format!("{flavour:?} {} {kind}", planted.id);
                assert!(!future.changed.is_empty(), "{what}");
                let mut loud = future.nodes.iter().filter(|node| !node.is_quiet());
                assert_eq!(loud.next(), None, "{what}");
                for (before, after) in cluster.nodes.iter().zip(&future.snapshot.nodes) {
                    assert!(before == after, "{what}: {}", before.name);
                }
            }
        }
    }
}

#[test]
fn a_change_of_encapsulation_moves_all_routes_and_all_still_works() {
    for (from, fields, device) in [
        (Flavour::CalicoBgp, json!({"ipipMode": "Always"}), "tunl0"),
        (Flavour::CalicoIpip, json!({"ipipMode": "Never"}), "eth0"),
        (Flavour::CalicoBgp, json!({"vxlanMode": "Always"}), "vxlan.calico"),
        (Flavour::CalicoVxlan, json!({"vxlanMode": "Never"}), "eth0"),
    ] {
        let cluster = made(from, 3, 2);
        let mut spec = json!({"cidr": "10.0.0.0/8", "natOutgoing": true});
        for (field, value) in fields.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let future = told(&cluster, "IPPool", "default-ipv4-ippool", spec);
        for node in &future.nodes {
            assert_eq!(node.routes.len(), 2, "{from:?} {node:#?}");
            assert!(
                node.routes.iter().all(|route| route.contains(device)),
                "{from:?} {node:#?}"
            );
        }
        assert!(!future.warnings.is_empty(), "{from:?}");
        // Pods keep the MTU that they were made with.
        let findings = found(&future.snapshot);
        let ids: BTreeSet<_> = findings.iter().map(|finding| finding.id).collect();
        let expected = if device == "eth0" {
            None
        } else {
            Some("pod-mtu-too-large")
        };
        assert_eq!(ids, expected.into_iter().collect(), "{from:?}: {findings:#?}");
    }
}

/// An address of one node's block that a pod of another one has goes its way, too.
#[test]
fn a_borrowed_address_moves_with_its_node() {
    let mut cluster = made(Flavour::CalicoBgp, 3, 2);
    let borrowed: IpNet = "10.0.0.50/32".parse().unwrap();
    let has = |node: &NodeState, net: IpNet| {
        let mut routes = node.net.routes.items().iter();
        routes.any(|route| route.kind == RouteType::Blackhole && route.dst.contains(&net))
    };
    assert!(has(&cluster.nodes[0], borrowed));
    // As it is reached: by the way of its node's own block.
    let own = cluster.nodes[1].net.routes.items();
    let block = own
        .iter()
        .find(|route| route.kind == RouteType::Blackhole)
        .unwrap()
        .dst;
    for (at, node) in cluster.nodes.iter_mut().enumerate() {
        let routes = known(&mut node.net.routes);
        let to_pod = |route: &&Route| {
            route.next_hops.iter().any(|hop| hop.gateway.is_none()) && block.contains(&route.dst)
        };
        let like = routes.iter().find(|route| {
            if at == 1 {
                to_pod(route)
            } else {
                route.dst == block
            }
        });
        let mut route = like.unwrap().clone();
        route.dst = borrowed;
        routes.push(route);
    }
    let spec = json!({"cidr": "10.0.0.0/8", "natOutgoing": true, "ipipMode": "Always"});
    let future = told(&cluster, "IPPool", "default-ipv4-ippool", spec);
    for (at, node) in future.nodes.iter().enumerate() {
        let mut routes = node.routes.iter();
        let moved = routes.find(|route| route.starts_with("10.0.0.50"));
        assert_eq!(
            moved.is_some_and(|route| route.contains("tunl0")),
            at != 1,
            "{node:#?}"
        );
        assert!(node.routes_gone.is_empty(), "{node:#?}");
    }
}

/// What happens to many nodes is told of some of them, and of a new object what its title doesn't say.
#[test]
fn a_large_plan_fits_on_a_screen_or_two() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut cluster = made(Flavour::CalicoBgp, 20, 1);
    cluster.netdiag_snapshot = VERSION;
    let snapshot = write("cluster.json", serde_json::to_string(&cluster).unwrap());
    let mesh = resource(
        "BGPConfiguration",
        "default",
        json!({"nodeToNodeMeshEnabled": false}),
    );
    let file = write("mesh.yaml", mesh.to_string());
    let output = netdiag(&["plan", "-f", &file, "--snapshot", &snapshot]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("19 routes go on each node"), "{text}");
    assert!(text.contains("+ spec.nodeToNodeMeshEnabled: false"), "{text}");
    assert!(text.contains("… and 8 more nodes"), "{text}");
    let of = |number: u8| {
        text.contains(&format!("\nnode{number:04}\n")) || text.contains(&format!("\nnode{number}\n"))
    };
    assert!(of(1) && !of(20), "{text}");
}

#[test]
fn without_mesh_and_peers_all_routes_go() {
    let cluster = made(Flavour::CalicoBgp, 3, 2);
    let future = told(
        &cluster,
        "BGPConfiguration",
        "default",
        json!({"nodeToNodeMeshEnabled": false}),
    );
    for node in &future.nodes {
        assert_eq!((node.routes.len(), node.routes_gone.len()), (0, 2), "{node:#?}");
    }
    let findings = found(&future.snapshot);
    assert!(
        findings
            .iter()
            .any(|finding| finding.id == "mesh-off-without-peers"),
        "{findings:#?}"
    );
}
