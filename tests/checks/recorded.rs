//! Recorded networks: real ones, healthy and broken (`fixtures/walks`, `fixtures/first_found`).

use std::path::Path;

use netdiag::archive;
use netdiag::diagnose::{World, check};
use netdiag::intent::Cluster;
use netdiag::state::{Fact, Snapshot};

use crate::made::{found, told};

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn state(name: &str) -> Snapshot {
    let file = std::fs::File::open(fixtures().join(format!("walks/{name}.zst"))).unwrap();
    archive::read(file).unwrap()
}

#[test]
fn recorded_healthy_networks_give_no_finding() {
    let mut asked = 0;
    for entry in std::fs::read_dir(fixtures().join("walks")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".zst").filter(|name| name.contains("healthy")) {
            let findings = found(&state(name));
            assert!(findings.is_empty(), "{name}: {findings:#?}");
            asked += 1;
        }
    }
    assert!(asked >= 10, "only {asked} healthy networks");
}

#[test]
fn recorded_faults_are_named() {
    told("bgp-as-mismatch", &state("bgp_bad-as"));
    told("bgp-as-mismatch", &state("bgp2_bad-as"));
    told("bgp-port-filtered", &state("bgp_drop"));
    told("bgp-port-filtered", &state("bgp2_drop"));
    told("bgp-session-down", &state("bgp_disabled"));
    told("forwarding-off", &state("bgp_no-forward"));
    told("proxy-arp-off", &state("bgp_no-proxy-arp"));
    told("link-down", &state("docker_docker0-down"));
    told("masquerade-missing", &state("docker_no-masq"));
    told("forward-drops-pods", &state("flannel_forward-drop"));
    told("vxlan-entry-missing", &state("flannel_no-fdb"));
    told("link-without-bridge", &state("flannel_pod-detached"));
    told("vtep-mac-stale", &state("flannel_stale-mac"));
    told("tunnel-link-differs", &state("flannel_wrong-vni"));
    told("ovs-tunnel-mismatch", &state("ovs_key-mismatch"));
}

pub(crate) fn story(state: &str) -> Snapshot {
    let mut merge = archive::Merge::new(false);
    for number in 1..=4 {
        let path = fixtures().join(format!("first_found/{state}/node{number}.json"));
        let part = archive::read(std::fs::File::open(&path).unwrap()).unwrap();
        merge.add(path.display().to_string(), part).unwrap();
    }
    merge.done().snapshot
}

#[test]
fn the_storys_twelve_sessions_are_what_four_addresses_bring_about() {
    let healthy = found(&story("healthy"));
    assert!(healthy.is_empty(), "{healthy:#?}");
    let broken = found(&story("broken"));
    let ids: Vec<&str> = broken.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["node-address-on-bridge"; 4], "{broken:#?}");
    let of = |id: &str| {
        let all = broken.iter().flat_map(|finding| &finding.consequences);
        all.filter(|consequence| consequence.id == id).count()
    };
    assert_eq!(of("bgp-session-down"), 12, "{broken:#?}");
    // No node has a route to another one's block.
    assert_eq!(of("bgp-routes-missing"), 4, "{broken:#?}");
    let all: usize = broken.iter().map(|finding| finding.consequences.len()).sum();
    assert_eq!(all, 16, "{broken:#?}");
}

#[test]
fn what_was_there_before_is_not_new() {
    let [healthy, broken] = ["healthy", "broken"].map(story);
    let report = |snapshot: &Snapshot| {
        let Fact::Known(objects) = &snapshot.objects else {
            panic!("no objects")
        };
        let cluster = Cluster::new(objects);
        check(&World::new(&snapshot.nodes, Ok(&cluster)))
    };
    let (old, mut new) = (report(&healthy), report(&broken));
    new.keep_new(&old);
    assert_eq!(new.findings.len(), 4);
    let mut again = report(&broken);
    again.keep_new(&report(&broken));
    assert_eq!(again.findings, []);
}
