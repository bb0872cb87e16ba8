//! Manifests that `check` prints are fixes: objects in etcd are broken, `check` finds it, `--fix-to` writes a manifest,
//! `apply` stores it, and real BIRDs and kernels are whole again.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use netdiag_lab::{Bird, Etcd, Output, Store, or_skip};
use serde_json::{Value, json};

use crate::netdiag::PROGRAM;
use crate::plan::{CONVERGENCE, NODES, TOR, World, mesh, node, peer, pool, reflector};

/// A world whose objects are in an etcd.
pub(crate) struct Stored {
    pub(crate) world: World,
    pub(crate) etcd: Etcd,
}

/// Objects that are made or changed, and those that go.
pub(crate) type Change = (Vec<Value>, Vec<Value>);

impl Stored {
    /// With VXLAN over the router, or, `plain`, with a router that knows the pods, so that all routes come by BGP.
    pub(crate) fn up(plain: bool) -> netdiag_lab::Result<Self> {
        let mut world = World::up(Bird::V2)?;
        let tor = world.lab.node("tor");
        tor.sh("ip route add default via 10.40.1.254").ok()?;
        let etcd = Etcd::start(tor, &format!("{TOR}:2379"), Store::V3)?;
        etcd.wait_ready()?;
        world
            .environment
            .push(("ETCD_ENDPOINTS", etcd.endpoint().to_owned()));
        if plain {
            for (.., address, _, number) in NODES {
                let route = format!("ip route add 10.48.{number}.0/26 via {address}");
                world.lab.node("gw").sh(&route).ok()?;
            }
        }
        let mut first: Vec<Value> = world
            .objects
            .iter()
            .filter(|object| object["kind"] != "IPPool")
            .cloned()
            .collect();
        first.push(pool(
            json!({"vxlanMode": if plain { "Never" } else { "CrossSubnet" }}),
        ));
        let mut stored = Self { world, etcd };
        stored.change(&(first, Vec::new()));
        Ok(stored)
    }

    pub(crate) fn netdiag(&self, arguments: &[&str], input: &str) -> Output {
        let command = [PROGRAM].into_iter().chain(arguments.iter().copied());
        let run = self.world.lab.node("n1").run(command);
        let run = run.within(Duration::from_secs(60)).input(input);
        let variables = self.world.environment.iter();
        variables
            .fold(run, |run, (name, value)| run.env(name, value))
            .output()
            .unwrap()
    }

    /// Stores and deletes objects, and lets confd and Felix see it.
    pub(crate) fn change(&mut self, (made, gone): &Change) {
        for (verb, objects) in [("apply", made), ("delete", gone)] {
            if objects.is_empty() {
                continue;
            }
            let texts: Vec<String> = objects.iter().map(ToString::to_string).collect();
            self.write(verb, &texts.join("\n---\n"));
        }
        self.look();
    }

    pub(crate) fn write(&self, verb: &str, manifests: &str) {
        let output = self.netdiag(&[verb, "-f", "-", "--yes"], manifests);
        assert_eq!(output.code(), Some(0), "{verb} {manifests}: {}", output.stderr);
    }

    /// What confd and Felix do when the datastore has changed.
    pub(crate) fn look(&mut self) {
        let mut objects = Vec::new();
        for kind in [
            "node",
            "ippool",
            "bgppeer",
            "bgpconfiguration",
            "felixconfiguration",
        ] {
            let output = self.netdiag(&["get", kind, "-o", "json"], "");
            let list: Value = serde_json::from_str(&output.stdout).unwrap();
            objects.extend(list["items"].as_array().unwrap().iter().cloned());
        }
        self.world.objects = objects;
        self.world.render().unwrap();
    }

    /// `check` over the snapshots of all nodes: its findings, and what `--fix-to` writes.
    pub(crate) fn checked(&self) -> (Vec<Value>, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        let nodes = directory.path().join("nodes");
        fs::create_dir(&nodes).unwrap();
        for (name, text) in self.world.texts() {
            fs::write(nodes.join(name).with_extension("json"), text).unwrap();
        }
        let fix = directory.path().join("fix.yaml");
        let output = std::process::Command::new(PROGRAM)
            .args(["check", "-o", "json", "--snapshot"])
            .arg(&nodes)
            .arg("--fix-to")
            .arg(&fix)
            .output()
            .unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let findings = document["findings"].as_array().unwrap().clone();
        (findings, fs::read_to_string(fix).ok())
    }

    /// Waits until nothing is found and all pods reach all.
    pub(crate) fn healthy(&self, what: &str) {
        let start = Instant::now();
        let pairs = NODES.len() * (NODES.len() - 1);
        loop {
            let (findings, _) = self.checked();
            let reached = self.world.pings().len();
            if findings.is_empty() && reached == pairs {
                return;
            }
            assert!(
                start.elapsed() < CONVERGENCE,
                "{what}: {reached} of {pairs} pairs, {findings:#?}"
            );
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Waits until these are found, and nothing else.
    pub(crate) fn named(&self, what: &str, ids: &[&str]) -> (Vec<Value>, Option<String>) {
        let start = Instant::now();
        loop {
            let (findings, fix) = self.checked();
            let told = findings.iter().map(|finding| finding["code"].as_str().unwrap());
            if told.eq(ids.iter().copied()) {
                return (findings, fix);
            }
            assert!(start.elapsed() < CONVERGENCE, "{what}: {findings:#?}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Breaks, and wants that the manifest of this finding mends it; others of the same root may be beside it.
    fn mends(&mut self, what: &str, id: &str, broken: &Change) {
        self.healthy(what);
        self.change(broken);
        let (_, fix) = self.named(what, &[id]);
        let fix = fix.unwrap_or_else(|| panic!("{what}: no manifest"));
        self.write("apply", &fix);
        self.look();
        self.healthy(&format!("{what}, mended by {fix}"));
    }
}

pub(crate) fn to(name: &str, from: &str, ip: &str) -> Value {
    peer(name, json!({"node": from, "peerIP": ip, "asNumber": 64_512}))
}

#[test]
fn manifests_mend_pools() {
    let Some(mut stored) = or_skip(Stored::up(false)) else {
        return;
    };
    let plain = pool(json!({"vxlanMode": "Never"}));
    let off = pool(json!({"vxlanMode": "CrossSubnet", "disabled": true}));
    let rows: [(&str, &str, Change); 3] = [
        (
            "a pool without a tunnel, over a router",
            "pool-without-tunnel",
            (vec![plain.clone()], vec![]),
        ),
        ("no pool enabled", "no-pool-enabled", (vec![off], vec![])),
        ("no pool", "pool-missing", (vec![], vec![plain])),
    ];
    for (what, id, broken) in rows {
        stored.mends(what, id, &broken);
    }
}

#[test]
fn manifests_mend_addresses_of_nodes_and_cluster_ids() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    let address = |text: &str| (vec![node(1, json!({"ipv4Address": text}))], vec![]);
    stored.mends(
        "a node's address is on none of its links",
        "node-address-not-local",
        &address("10.40.1.77/24"),
    );
    stored.mends(
        "the length of a node's address",
        "node-address-mask-differs",
        &address("10.40.1.1/32"),
    );
    // Each with a client of its own, and both with each other; then the clusters are one.
    let among = peer(
        "among",
        json!({"nodeSelector": "has(rr)", "peerSelector": "has(rr)"}),
    );
    let apart = vec![
        mesh(false),
        reflector(2, "224.0.0.1"),
        reflector(3, "224.0.0.9"),
        to("four", "n4", "10.40.1.3"),
        to("one", "n1", "10.40.1.2"),
        among,
    ];
    stored.change(&(apart, vec![]));
    stored.mends(
        "reflectors of one cluster with different clients",
        "reflectors-share-cluster-id",
        &(vec![reflector(3, "224.0.0.1")], vec![]),
    );
}

#[test]
fn manifests_mend_meshes_and_peers() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    stored.mends(
        "the mesh is off",
        "mesh-off-without-peers",
        &(vec![mesh(false)], vec![]),
    );
    let by_address = vec![
        mesh(false),
        reflector(2, "224.0.0.1"),
        to("one", "n1", "10.40.1.2"),
        to("three", "n2", "10.40.1.3"),
        to("four", "n4", "10.40.1.2"),
    ];
    stored.change(&(by_address, vec![]));
    stored.mends(
        "a peer's address",
        "bgp-peer-address-unknown",
        &(vec![to("one", "n1", "10.40.1.22")], vec![]),
    );
    let number = json!({"node": "n1", "peerIP": "10.40.1.2", "asNumber": 65_009});
    stored.mends(
        "a peer's AS number",
        "bgp-as-mismatch",
        &(vec![peer("one", number)], vec![]),
    );
    stored.mends(
        "a node's AS number",
        "bgp-as-mismatch",
        &(vec![node(3, json!({"asNumber": 65_001}))], vec![]),
    );
}
