//! What is denied though no rule says so.

use netdiag::diagnose::manifests::manifests;
use netdiag::diagnose::{Report, Severity};
use netdiag::policy::Policies;
use netdiag::policy::decide::Stage;
use netdiag::policy::flow::{Direction, Flow};
use netdiag::state::Snapshot;
use netdiag_bench::cluster::Flavour;
use serde_json::{Value, json};

use crate::made::{fires, found, made, resource, stored};

const WEB: &str = "10.1.0.5";

fn workload(name: &str, ip: &str, profiles: Value) -> Value {
    let mut workload = resource(
        "WorkloadEndpoint",
        &format!("node-0-k8s-{name}-eth0"),
        json!({"node": "elsewhere", "orchestrator": "k8s", "pod": name, "endpoint": "eth0", "workload": "",
            "interfaceName": format!("cali{name}"), "ipNetworks": [format!("{ip}/32")], "profiles": profiles}),
    );
    workload["metadata"]["namespace"] = "shop".into();
    workload["metadata"]["labels"] = json!({"app": name});
    workload
}

fn profile() -> Value {
    let all = json!([{"action": "Allow"}]);
    resource("Profile", "kns.shop", json!({"ingress": all, "egress": all}))
}

/// A tier of security, which passes on what it has nothing against, and an allow behind it.
fn tiered() -> Snapshot {
    let mut cluster = made(Flavour::CalicoBgp, 2, 1);
    let objects = stored(&mut cluster);
    objects.resources.extend([
        workload("web", WEB, json!(["kns.shop"])),
        workload("db", "10.1.0.6", json!(["kns.shop"])),
        profile(),
        resource("Tier", "security", json!({"order": 10})),
        resource("Tier", "default", json!({"order": 1_000_000})),
        resource(
            "GlobalNetworkPolicy",
            "security.bad-ones",
            json!({"tier": "security", "order": 1, "selector": "app == 'web'", "types": ["Ingress"], "ingress": [
                {"action": "Deny", "source": {"nets": ["203.0.113.0/24"]}},
                {"action": "Pass"},
            ]}),
        ),
        resource(
            "GlobalNetworkPolicy",
            "default.web",
            json!({"tier": "default", "selector": "app == 'web'", "types": ["Ingress"], "ingress": [
                {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}},
            ]}),
        ),
    ]);
    cluster
}

fn object<'s>(snapshot: &'s mut Snapshot, name: &str) -> &'s mut Value {
    let objects = stored(snapshot).resources.iter_mut();
    objects
        .into_iter()
        .find(|object| object["metadata"]["name"] == name)
        .unwrap()
}

fn without_pass(snapshot: &mut Snapshot) {
    let rules = &mut object(snapshot, "security.bad-ones")["spec"]["ingress"];
    rules.as_array_mut().unwrap().pop();
}

/// Whether the pod may be asked for its page.
fn serves(snapshot: &mut Snapshot) -> bool {
    let policies = Policies::new(stored(snapshot));
    let pod = policies.pod_at(WEB.parse().unwrap()).unwrap();
    let flow = Flow {
        src: "10.1.0.6".parse().unwrap(),
        dst: WEB.parse().unwrap(),
        protocol: 6,
        ports: Some((40_000, 80)),
        icmp: None,
    };
    policies
        .decide(pod, Direction::Ingress, Stage::Normal, &flow)
        .allowed
        .unwrap()
}

#[test]
fn a_tier_that_ends_what_is_allowed_behind_it_is_told_and_mended_by_its_manifest() {
    fires("tier-passes-nothing", &tiered(), without_pass);
    let mut broken = tiered();
    assert!(serves(&mut broken));
    without_pass(&mut broken);
    assert!(!serves(&mut broken));
    let findings = found(&broken);
    assert_eq!(findings[0].severity, Severity::Error);
    let report = Report {
        findings,
        ..Report::default()
    };
    let documents = manifests(&report, stored(&mut broken));
    assert_eq!(documents.len(), 1, "{documents:?}");
    stored(&mut broken).resources.extend(documents);
    assert!(serves(&mut broken));
    assert_eq!(found(&broken), []);
}

#[test]
fn a_tier_that_denies_on_purpose_is_nobodys_fault() {
    // A deny of all in so many words, one without rules, and a tier that passes by itself.
    for rules in [
        json!([{"action": "Allow", "source": {"nets": ["10.9.0.0/16"]}}, {"action": "Deny"}]),
        json!([]),
    ] {
        let mut meant = tiered();
        object(&mut meant, "security.bad-ones")["spec"]["ingress"] = rules;
        assert_eq!(found(&meant), []);
    }
    let mut passes = tiered();
    without_pass(&mut passes);
    object(&mut passes, "security")["spec"]["defaultAction"] = "Pass".into();
    assert_eq!(found(&passes), []);
    assert!(serves(&mut passes));
}

#[test]
fn pods_that_nothing_speaks_for_are_told() {
    fires("pod-denied-by-default", &tiered(), |broken| {
        object(broken, "node-0-k8s-db-eth0")["spec"]["profiles"] = json!([]);
    });
    fires("pod-denied-by-default", &tiered(), |broken| {
        object(broken, "kns.shop")["spec"]["ingress"] = json!([]);
    });
}
