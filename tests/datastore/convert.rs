//! `convert`, and what it prints applied to a real datastore.

use serde_json::Value;

use crate::command::Netdiag;
use crate::server::Etcd;

/// One of every kind of v1, as files of 2017 have them.
pub(crate) const V1: &str = "
- {apiVersion: v1, kind: node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 10.0.0.1/24}}}
- {apiVersion: v1, kind: ipPool, metadata: {cidr: 10.1.0.0/16}, spec: {ipip: {enabled: true}, nat-outgoing: true}}
- {apiVersion: v1, kind: bgpPeer, metadata: {scope: global, peerIP: 10.0.0.9}, spec: {asNumber: 64567}}
- {apiVersion: v1, kind: tier, metadata: {name: sec}, spec: {order: 10}}
- {apiVersion: v1, kind: policy, metadata: {name: p, tier: sec}, spec: {selector: has(a), ingress: [{action: allow}]}}
- {apiVersion: v1, kind: profile, metadata: {name: prof, tags: [t]}, spec: {egress: [{action: deny}]}}
- {apiVersion: v1, kind: hostEndpoint, metadata: {name: eth0, node: node1}, spec: {interfaceName: eth0}}
- apiVersion: v1
  kind: workloadEndpoint
  metadata: {name: eth0, node: node1, orchestrator: k8s, workload: shop.web}
  spec: {interfaceName: cali1, ipNetworks: [10.1.0.2/32]}
";

const KUBERNETES: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: web, namespace: shop}
  spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}
";

fn offline() -> Netdiag {
    Netdiag(Vec::new())
}

#[test]
fn every_v1_kind_is_converted_and_its_result_applied() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let yaml = offline().done(&["convert", "-f", "-"], V1);
    assert!(
        yaml.starts_with("apiVersion: v1\nitems:\n") && yaml.ends_with("kind: List\n"),
        "{yaml}"
    );
    let json: Value =
        serde_json::from_str(&offline().done(&["convert", "-f", "-", "-o", "json"], V1)).unwrap();
    let items = json["items"].as_array().unwrap();
    assert_eq!(items.len(), 8);
    let text: Vec<String> = items.iter().map(ToString::to_string).collect();
    let said = netdiag.done(&["apply", "-f", "-"], &text.join("\n---\n"));
    assert_eq!(said, "Successfully applied 8 resource(s)\n");
    // The old form itself says the same: nothing is left to change.
    let again = netdiag.done(&["diff", "-f", "-"], V1);
    assert!(again.contains("8 unchanged"), "{again}");
    let pool = netdiag.done(
        &["get", "ippool", "10-1-0-0-16", "-o", "jsonpath={.spec.ipipMode}"],
        "",
    );
    assert_eq!(pool.trim(), "Always");
    // What an old file doesn't name stays; what it denies goes.
    netdiag.done(
        &[
            "patch",
            "ippool",
            "10-1-0-0-16",
            "-p",
            r#"{"spec":{"nodeSelector":"has(x)"}}"#,
        ],
        "",
    );
    let off = "{apiVersion: v1, kind: ipPool, metadata: {cidr: 10.1.0.0/16}, spec: {nat-outgoing: false}}";
    netdiag.done(&["apply", "-f", "-"], off);
    let pool: Value =
        serde_json::from_str(&netdiag.done(&["get", "ippool", "10-1-0-0-16", "-o", "json"], "")).unwrap();
    assert_eq!(pool["spec"]["nodeSelector"], "has(x)");
    assert_eq!(pool["spec"]["ipipMode"], "Always");
    assert_eq!(pool["spec"].get("natOutgoing"), None);
}

#[test]
fn a_policy_of_kubernetes_is_converted_but_not_applied_as_it_is() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let policy = offline().done(&["convert", "-f", "-"], KUBERNETES);
    assert!(policy.contains("kind: NetworkPolicy\n"), "{policy}");
    assert_eq!(
        netdiag.done(&["apply", "-f", "-"], &policy),
        "Successfully applied 1 'NetworkPolicy' resource(s)\n"
    );
    let shown: Value =
        serde_json::from_str(&netdiag.done(&["get", "np", "-n", "shop", "web", "-o", "json"], "")).unwrap();
    assert_eq!(
        shown["spec"]["ingress"],
        serde_json::json!([{
            "action": "Allow", "protocol": "TCP",
            "source": {"namespaceSelector": "all()", "selector": "projectcalico.org/orchestrator == 'k8s'"},
            "destination": {"ports": [80]},
        }])
    );
    netdiag.refused(&["apply", "-f", "-"], KUBERNETES, "this is a Kubernetes List");
}

#[test]
fn what_cannot_be_converted_is_told_with_its_place() {
    let wrong = "apiVersion: v1\nkind: policy\nmetadata: {name: p}\nspec:\n  selctor: all()\n";
    offline().refused(&["convert", "-f", "-"], wrong, "stdin:5:3: spec.selctor");
    let impossible =
        "{apiVersion: v1, kind: policy, metadata: {name: p}, spec: {doNotTrack: true, preDNAT: true}}";
    offline().refused(&["convert", "-f", "-"], impossible, "can't both be true");
    let shown = offline().done(&["convert", "-f", "-", "--ignore-validation"], impossible);
    assert!(shown.contains("preDNAT: true"), "{shown}");
    offline().refused(&["convert", "-f", "-"], "", "no resources specified");
}
