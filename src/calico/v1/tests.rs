//! Each v1 kind beside what Calico's converters make of it.

use serde_json::{Value, json};

use crate::calico::kinds;
use crate::calico::manifest::{Document, read, read_to_convert};

fn documents(text: &str) -> Result<Vec<Document>, String> {
    read("f", text.as_bytes()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// The one resource of a text, as `convert` shows it.
fn converted(text: &str) -> Value {
    let mut documents = documents(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(documents.len(), 1, "{text}");
    let mut resource = documents.remove(0).resource;
    kinds::prepare(&mut resource);
    Value::Object(resource.body)
}

fn refused(text: &str) -> String {
    documents(text).expect_err(text)
}

fn v3(kind: &str, metadata: &Value, spec: &Value) -> Value {
    json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec})
}

#[test]
fn pools_take_their_name_from_their_network() {
    let pool = |cidr: &str, spec: &str| {
        converted(&format!(
            "{{apiVersion: v1, kind: ipPool, metadata: {{cidr: '{cidr}'}}, spec: {spec}}}"
        ))
    };
    let expected = |name: &str, cidr: &str, ipip: &str, size: u64, more: &Value| {
        let mut spec = json!({
            "cidr": cidr, "ipipMode": ipip, "vxlanMode": "Never", "blockSize": size, "nodeSelector": "all()",
            "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic",
        });
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        v3("IPPool", &json!({ "name": name }), &spec)
    };
    assert_eq!(
        pool("10.1.0.0/16", "{}"),
        expected("10-1-0-0-16", "10.1.0.0/16", "Never", 26, &json!({}))
    );
    assert_eq!(
        pool(
            "10.1.2.3/16",
            "{ipip: {enabled: true, mode: cross-subnet}, nat-outgoing: true, disabled: true}"
        ),
        expected(
            "10-1-0-0-16",
            "10.1.0.0/16",
            "CrossSubnet",
            26,
            &json!({"natOutgoing": true, "disabled": true})
        )
    );
    assert_eq!(
        pool("10.1.0.0/16", "{ipip: {enabled: true}}")["spec"]["ipipMode"],
        "Always"
    );
    assert_eq!(
        pool("10.1.0.0/16", "{ipip: {enabled: false, mode: always}}")["spec"]["ipipMode"],
        "Never"
    );
    assert_eq!(
        pool("fd00:1::/64", "{}"),
        expected(
            "fd00-0001-0000-0000-0000-0000-0000-0000-64",
            "fd00:1::/64",
            "Never",
            122,
            &json!({})
        )
    );
    let error =
        refused("{apiVersion: v1, kind: ipPool, metadata: {cidr: 10.1.0.0}, spec: {natOutgoing: true}}");
    assert!(
        error.contains("metadata.cidr: \"10.1.0.0\" is not a network"),
        "{error}"
    );
    assert!(error.contains("natOutgoing"), "{error}");
}

#[test]
fn peers_are_of_all_nodes_or_of_one() {
    let peer = |metadata: &str| {
        format!("{{apiVersion: v1, kind: bgpPeer, metadata: {metadata}, spec: {{asNumber: '1.10'}}}}")
    };
    assert_eq!(
        converted(&peer("{scope: global, peerIP: 10.0.0.9}")),
        v3(
            "BGPPeer",
            &json!({"name": "10-0-0-9"}),
            &json!({"peerIP": "10.0.0.9", "asNumber": 65546})
        )
    );
    assert_eq!(
        converted(&peer("{scope: node, node: Rack/Node_1, peerIP: 'fd00::9'}")),
        v3(
            "BGPPeer",
            &json!({"name": "rack.node-1.fd00-0000-0000-0000-0000-0000-0000-0009"}),
            &json!({"node": "rack.node-1", "peerIP": "fd00::9", "asNumber": 65546})
        )
    );
    for (metadata, why) in [
        ("{peerIP: 10.0.0.9}", "insufficient identifiers"),
        (
            "{scope: global, node: a, peerIP: 10.0.0.9}",
            "of scope global has no node",
        ),
        ("{scope: node, peerIP: 10.0.0.9}", "of scope node needs its node"),
        ("{scope: node, node: a}", "peerIP"),
    ] {
        let error = refused(&peer(metadata));
        assert!(error.contains(why), "{metadata}: {error}");
    }
}

#[test]
fn policies_have_the_rules_of_v3() {
    let text = "
apiVersion: v1
kind: policy
metadata: {name: Allow.Web, annotations: {note: x}}
spec:
  order: 10.5
  selector: calico/k8s_ns == 'shop' && role == 'web'
  doNotTrack: true
  ingress:
  - action: allow
    protocol: tcp
    source: {tag: front, selector: has(a), net: 10.0.0.1/8, nets: [10.1.0.0/16], ports: ['80', '8000:8010']}
    destination: {notTag: back, notNet: 192.168.0.0/16, notPorts: [22]}
  - {action: next-tier, notProtocol: 132, icmp: {type: 8, code: 0}, protocol: icmp, ipVersion: 4}
  - {}
";
    assert_eq!(
        converted(text),
        v3(
            "GlobalNetworkPolicy",
            &json!({
                "name": format!("allow-web-{}", crate::calico::hash::sha1("Allow.Web", 8)),
                "annotations": {"note": "x"}, "labels": {"projectcalico.org/tier": "default"},
            }),
            &json!({
                "tier": "default", "order": 10.5, "types": ["Ingress"], "doNotTrack": true, "applyOnForward": true,
                "selector": "projectcalico.org/namespace == 'shop' && role == 'web'",
                "ingress": [
                    {
                        "action": "Allow", "protocol": "TCP",
                        "source": {
                            "nets": ["10.0.0.0/8", "10.1.0.0/16"], "selector": "(has(a)) && front == ''",
                            "ports": [80, "8000:8010"],
                        },
                        "destination": {"notNets": ["192.168.0.0/16"], "notSelector": "back == ''", "notPorts": [22]},
                    },
                    {"action": "Pass", "protocol": "ICMP", "notProtocol": 132, "icmp": {"type": 8, "code": 0}, "ipVersion": 4},
                    {"action": "Allow"},
                ],
            })
        )
    );
    let types = |spec: &str| {
        let text = format!("{{apiVersion: v1, kind: policy, metadata: {{name: p, tier: t}}, spec: {spec}}}");
        converted(&text)["spec"]["types"].clone()
    };
    assert_eq!(types("{}"), json!(["Ingress"]));
    assert_eq!(types("{egress: [{action: deny}]}"), json!(["Egress"]));
    assert_eq!(
        types("{egress: [{action: deny}], ingress: [{action: log}]}"),
        json!(["Ingress", "Egress"])
    );
    assert_eq!(types("{types: [egress]}"), json!(["Egress"]));
    let of_tier =
        converted("{apiVersion: v1, kind: policy, metadata: {name: p, tier: t}, spec: {preDNAT: true}}");
    assert_eq!(of_tier["metadata"]["name"], "t.p");
    assert_eq!(of_tier["metadata"]["labels"]["projectcalico.org/tier"], "t");
    assert_eq!(of_tier["spec"]["applyOnForward"], true);
}

#[test]
fn what_v3_refuses_is_refused_unless_asked_to_convert_all_the_same() {
    let text = "{apiVersion: v1, kind: policy, metadata: {name: p}, spec: {doNotTrack: true, preDNAT: true}}";
    let error = refused(text);
    assert!(
        error.contains("preDNAT and doNotTrack can't both be true (of the v3 form)"),
        "{error}"
    );
    let lenient = read_to_convert("f", text.as_bytes(), true).checked().unwrap();
    assert_eq!(lenient[0].resource.name(), "p");
    let made = refused("{apiVersion: v1, kind: policy, metadata: {name: np.projectcalico.org/default.p}}");
    assert!(
        made.contains("was made of a NetworkPolicy of Kubernetes"),
        "{made}"
    );
    let misspelt = refused("{apiVersion: v1, kind: policy, metadata: {name: p}, spec: {selctor: all()}}");
    assert!(
        misspelt.contains("f:1:") && misspelt.contains("selector"),
        "{misspelt}"
    );
}

#[test]
fn profiles_make_labels_of_tags() {
    let text = "{apiVersion: v1, kind: profile, metadata: {name: k8s_ns.shop, labels: {a: b}, tags: [t]},
        spec: {ingress: [{action: allow, source: {tag: t}}], egress: [{action: allow}]}}";
    assert_eq!(
        converted(text),
        v3(
            "Profile",
            &json!({"name": "kns.shop"}),
            &json!({
                "labelsToApply": {"a": "b", "t": ""},
                "ingress": [{"action": "Allow", "source": {"selector": "t == ''"}}],
                "egress": [{"action": "Allow"}],
            })
        )
    );
    let twice = refused("{apiVersion: v1, kind: profile, metadata: {name: p, labels: {a: b}, tags: [a]}}");
    assert!(twice.contains("is a label, too"), "{twice}");
}

#[test]
fn tiers_keep_their_order() {
    let tier = converted("{apiVersion: v1, kind: tier, metadata: {name: Sec}, spec: {order: 100}}");
    assert_eq!(tier["spec"], json!({"order": 100, "defaultAction": "Deny"}));
    assert_eq!(
        tier["metadata"]["name"],
        format!("sec-{}", crate::calico::hash::sha1("Sec", 8))
    );
}

#[test]
fn endpoints_of_hosts_are_named_after_their_node() {
    let text = "{apiVersion: v1, kind: hostEndpoint, metadata: {name: eth0, node: Node-1, labels: {a: b}},
        spec: {interfaceName: eth0, expectedIPs: [10.0.0.1, 'fd00::1'], profiles: [k8s_ns.a, p],
        ports: [{name: ssh, protocol: tcp, port: 22}]}}";
    assert_eq!(
        converted(text),
        v3(
            "HostEndpoint",
            &json!({"name": "node-1.eth0", "labels": {"a": "b"}}),
            &json!({
                "node": "node-1", "interfaceName": "eth0", "expectedIPs": ["10.0.0.1", "fd00::1"],
                "profiles": ["kns.a", "p"], "ports": [{"name": "ssh", "protocol": "TCP", "port": 22}],
            })
        )
    );
    let nowhere = refused("{apiVersion: v1, kind: hostEndpoint, metadata: {name: e, node: host}}");
    assert!(
        nowhere.contains("needs interfaceName or expectedIPs"),
        "{nowhere}"
    );
}

#[test]
fn endpoints_of_workloads_are_named_after_what_identifies_them() {
    let endpoint = |orchestrator: &str, workload: &str| {
        converted(&format!(
            "{{apiVersion: v1, kind: workloadEndpoint, metadata: {{name: eth0, node: n-1, orchestrator: {orchestrator},
             workload: {workload}, activeInstanceID: c1, labels: {{calico/k8s_ns: shop}}}},
             spec: {{ipNetworks: [10.1.0.2, 'fd00::2/128'], ipNATs: [{{internalIP: 10.1.0.2, externalIP: 1.2.3.4}}],
             profiles: [k8s_ns.shop], interfaceName: cali1, mac: '0a:00:00:00:00:01', ipv4Gateway: 10.1.0.1,
             ports: [{{name: http, protocol: tcp, port: 80}}], allow_spoofed_source_prefixes: [10.2.0.0/16]}}}}"
        ))
    };
    let pod = endpoint("k8s", "shop.web-1.x");
    assert_eq!(
        pod["metadata"],
        json!({
            "name": "n--1-k8s-web--1.x-eth0", "namespace": "shop",
            "labels": {"projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s"},
        })
    );
    assert_eq!(
        pod["spec"],
        json!({
            "orchestrator": "k8s", "node": "n-1", "pod": "web-1.x", "containerID": "c1", "endpoint": "eth0",
            "ipNetworks": ["10.1.0.2/32", "fd00::2/128"],
            "ipNATs": [{"internalIP": "10.1.0.2", "externalIP": "1.2.3.4"}],
            "profiles": ["kns.shop"], "interfaceName": "cali1", "mac": "0a:00:00:00:00:01", "ipv4Gateway": "10.1.0.1",
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "hostPort": 0, "hostIP": ""}],
            "allowSpoofedSourcePrefixes": ["10.2.0.0/16"],
        })
    );
    let of_cni = endpoint("cni", "abc");
    assert_eq!(of_cni["metadata"]["name"], "n--1-cni-abc-eth0");
    assert_eq!(of_cni["spec"]["containerID"], "abc");
    assert_eq!(of_cni["metadata"]["namespace"], "default");
    let of_docker = endpoint("libnetwork", "libnetwork");
    assert_eq!(of_docker["metadata"]["name"], "n--1-libnetwork-libnetwork-eth0");
    assert_eq!(endpoint("openstack", "vm1")["spec"]["workload"], "vm1");
    let broken = refused(
        "{apiVersion: v1, kind: workloadEndpoint, metadata: {name: e, node: host, orchestrator: k8s, workload: web}, \
         spec: {interfaceName: c}}",
    );
    assert!(broken.contains("must be NAMESPACE.POD"), "{broken}");
}

#[test]
fn lists_of_every_v1_kind_are_read() {
    for kind in super::kinds() {
        let text = format!("{{apiVersion: v1, kind: {kind}List, items: []}}");
        assert_eq!(documents(&text), Ok(vec![]), "{kind}");
    }
    let text = "
- {apiVersion: v1, kind: tier, metadata: {name: a}}
- {apiVersion: v1, kind: node, metadata: {name: b}}
";
    assert_eq!(documents(text).unwrap().len(), 2);
}

/// Kind, metadata and spec of a document that is converted, and of one that is refused, with words of why.
type Case = (&'static str, [&'static str; 2], [&'static str; 2], &'static str);

const CASES: [Case; 8] = [
    (
        "node",
        ["{name: node1}", "{bgp: {ipv4Address: 10.0.0.1/24}}"],
        ["{name: node1}", "{bgp: {ipv4Address: 10.0.0.300}}"],
        "spec.bgp.ipv4Address",
    ),
    (
        "ipPool",
        ["{cidr: 10.1.0.0/16}", "{ipip: {enabled: true}}"],
        ["{cidr: 10.1.0.0}", "{}"],
        "cidr",
    ),
    (
        "bgpPeer",
        ["{scope: global, peerIP: 10.0.0.9}", "{asNumber: 64567}"],
        ["{scope: global, peerIP: 10.0.0.9}", "{asNumber: x}"],
        "asNumber",
    ),
    (
        "tier",
        ["{name: t}", "{order: 10}"],
        ["{name: t}", "{order: x}"],
        "order",
    ),
    (
        "policy",
        ["{name: p}", "{selector: has(a)}"],
        ["{name: p}", "{selector: has(}"],
        "selector",
    ),
    (
        "profile",
        ["{name: p, tags: [t]}", "{egress: [{action: deny}]}"],
        ["{name: p}", "{egress: [{action: refuse}]}"],
        "action",
    ),
    (
        "hostEndpoint",
        ["{name: e, node: node1}", "{interfaceName: eth0}"],
        ["{name: e, node: node1}", "{}"],
        "interfaceName",
    ),
    (
        "workloadEndpoint",
        [
            "{name: e, node: node1, orchestrator: k8s, workload: a.b}",
            "{interfaceName: cali1, ipNetworks: [10.1.0.2/32]}",
        ],
        [
            "{name: e, node: node1, orchestrator: k8s, workload: web}",
            "{interfaceName: cali1, ipNetworks: [10.1.0.2/32]}",
        ],
        "workload",
    ),
];

#[test]
fn every_kind_has_a_document_that_is_converted_and_one_that_is_refused() {
    let mut kinds: Vec<&str> = super::kinds().collect();
    let mut cases = CASES.map(|(kind, ..)| kind);
    kinds.sort_unstable();
    cases.sort_unstable();
    assert_eq!(kinds, cases);
    for (kind, kept, broken, words) in CASES {
        let document = |[metadata, spec]: [&str; 2]| {
            format!("apiVersion: v1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
        };
        assert_eq!(converted(&document(kept))["apiVersion"], "projectcalico.org/v3");
        let said = refused(&document(broken));
        assert!(said.contains(words), "{kind}: {said}");
    }
}
