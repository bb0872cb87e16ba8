use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

macro_rules! fixture {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../fixtures/manifests/", $name)).as_slice(),
        )
    };
}

fn accepted((file, text): (&str, &[u8])) -> Vec<Document> {
    read(file, text).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

fn shown(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n") + "\n"
}

fn refused(text: &str) -> String {
    shown(&read("f.yaml", text.as_bytes()).unwrap_err())
}

fn names(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.resource.name())
        .collect()
}

#[test]
fn the_hand_written_v1_list_of_the_story_becomes_v3_nodes() {
    let documents = accepted(fixture!("story-v1.yaml"));
    assert_eq!(names(&documents), ["node1", "node2", "node3", "node4"]);
    assert_eq!(
        Value::Object(documents[0].resource.body.clone()),
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": "node1"},
            "spec": {"bgp": {"ipv4Address": "192.168.80.23/24"}},
        })
    );
    assert_eq!(documents[1].place(), "story-v1.yaml:8");
    assert_eq!(documents[1].form, Form::V1 { assumed: vec![] });
    assert_eq!(
        names(&accepted(fixture!("node-v1form.yaml"))),
        ["node-1", "node-2"]
    );
}

#[test]
fn every_form_that_calicoctl_applies_is_read() {
    assert_eq!(
        names(&accepted(fixture!("nodes-v3list.yaml"))),
        ["node-3", "node-4"]
    );
    assert_eq!(
        names(&accepted(fixture!("nodes-nodelist.yaml"))),
        ["node-5", "node-6"]
    );
    assert_eq!(
        names(&accepted(fixture!("nodes-multidoc.yaml"))),
        ["node-7", "node-8"]
    );
    assert_eq!(names(&accepted(fixture!("empty.yaml"))), [""; 0]);
    let (_, json) = fixture!("node2.json");
    let documents = accepted(("node2.json", json));
    assert_eq!(
        Value::Object(documents[0].resource.body.clone()),
        serde_json::from_slice::<Value>(json).unwrap()
    );
}

#[test]
fn a_v3_node_keeps_all_its_fields() {
    let (file, text) = fixture!("node1.yaml");
    let document = accepted((file, text)).remove(0);
    assert_eq!(document.form, Form::V3);
    let whole: Value = serde_saphyr::from_slice(text).unwrap();
    assert_eq!(Value::Object(document.resource.body), whole);
}

#[test]
fn what_calicoctl_refuses_is_refused_with_its_place() {
    let problems: String = [
        fixture!("badkind.yaml"),
        fixture!("badname.yaml"),
        fixture!("badnodeip.yaml"),
        fixture!("badver.yaml"),
        fixture!("broken.json"),
        fixture!("broken.yaml"),
        fixture!("noapiversion.yaml"),
        fixture!("nokind.yaml"),
        fixture!("noname.yaml"),
        fixture!("unknownfield.yaml"),
    ]
    .map(|(file, text)| shown(&read(file, text).unwrap_err()))
    .concat();
    insta::assert_snapshot!(problems, @r#"
    badkind.yaml:2:7: unknown resource type (Nodule) and/or version (projectcalico.org/v3)
    badname.yaml:3:18: metadata.name: "Bad_Name" must consist of lower case letters, digits, '-' and '.', and each part between dots must start and end with a letter or a digit
    badnodeip.yaml:4:27: spec.bgp.ipv4Address: "192.168.80.299/24" is not an IPv4 address with or without a prefix length
    badver.yaml:2:7: unknown resource type (Node) and/or version (projectcalico.org/v2): the version of a Calico node is projectcalico.org/v3, or v1 for old manifests
    broken.json:1:1: unclosed bracket '{'
    broken.yaml:3:10: mapping values are not allowed in this context
    noapiversion.yaml:1:1: apiVersion is missing; a Calico node, for example, has apiVersion: projectcalico.org/v3 and kind: Node
    nokind.yaml:1:1: kind is missing; a Calico node, for example, has apiVersion: projectcalico.org/v3 and kind: Node
    noname.yaml:3:11: metadata.name: is missing
    unknownfield.yaml:4:14: spec.bgp.ipv4Adress: unknown field; did you mean ipv4Address?
    "#);
}

#[test]
fn all_that_is_wrong_in_a_file_is_said_at_once() {
    insta::assert_snapshot!(refused(r#"
apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: Node_1
  labels: {rack: 1, a b: c, ok: "-"}
  namespace: default
spec:
  ipv4Address: 10.0.0.1/24
  bgp:
    asNumber: 4294967296
    ipv4Address: fd80::1/64
    ipv6Address: 10.0.0.1
    ipv4IPIPTunnelAddr: 10.0.0.1/32
    routeReflectorClusterID: one
    gateway: 10.0.0.254
  orchRefs: {nodeName: a}
  addresses:
  - type: NodeIP
  - address: here
  vxlanTunnelMACAddr: 66:cf
---
kind: Node
apiVersion: [v3]
---
- apiVersion: projectcalico.org/v3
  kind: Node
  metadata: {name: ok}
  spec: {bgp: {}}
- apiVersion: projectcalico.org/v3
  kind: Node
  metadata: {name: dotted}
  spec: {bgp: {asNumber: 1.10}}
- just text
---
a: b: c
"#), @r#"
    f.yaml:5:9: metadata.name: "Node_1" must consist of lower case letters, digits, '-' and '.', and each part between dots must start and end with a letter or a digit
    f.yaml:6:18: metadata.labels.rack: is the number 1, must be a text: quote it, "1"
    f.yaml:6:21: metadata.labels["a b"]: key "a b" must be [prefix/]name, the name of 1 to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or a digit
    f.yaml:6:33: metadata.labels.ok: label value "-" must have at most 63 letters, digits, '-', '_' and '.', and start and end with a letter or a digit
    f.yaml:7:14: metadata.namespace: namespace should not be specified for a non-namespaced resource. Node is not a namespaced resource
    f.yaml:9:3: spec.ipv4Address: unknown field here; it belongs at spec.bgp.ipv4Address
    f.yaml:11:15: spec.bgp.asNumber: 4294967296 is not an AS number (0 to 4294967295, or two numbers up to 65535 with a dot between)
    f.yaml:12:18: spec.bgp.ipv4Address: fd80::1/64 is an IPv6 address, must be IPv4
    f.yaml:13:18: spec.bgp.ipv6Address: 10.0.0.1 is an IPv4 address, must be IPv6
    f.yaml:14:25: spec.bgp.ipv4IPIPTunnelAddr: "10.0.0.1/32" is not an IPv4 address
    f.yaml:15:30: spec.bgp.routeReflectorClusterID: "one" is not a cluster ID: it has the form of an IPv4 address, such as 244.0.0.1
    f.yaml:16:5: spec.bgp.gateway: unknown field
    f.yaml:17:13: spec.orchRefs: is a map, must be a list
    f.yaml:19:5: spec.addresses[0].address: is missing
    f.yaml:19:11: spec.addresses[0].type: "NodeIP" is not one of CalicoNodeIP, InternalIP, ExternalIP, InternalDNS, ExternalDNS, Hostname
    f.yaml:20:14: spec.addresses[1].address: "here" is not an IP address with or without a prefix length
    f.yaml:21:23: spec.vxlanTunnelMACAddr: "66:cf" is not a MAC address, such as 66:cf:23:df:22:07
    f.yaml:24:13: apiVersion: is a list, must be a text
    f.yaml:29:15: spec.bgp: is empty: give it one of asNumber, ipv4Address, ipv6Address, ipv4IPIPTunnelAddr, routeReflectorClusterID, or leave it out
    f.yaml:33:26: spec.bgp.asNumber: is the number 1.10; if it is a dotted AS number, quote it, "1.10"
    f.yaml:34:3: is the text "just text", not a resource (a map with apiVersion, kind, metadata and spec)
    f.yaml:36:5: mapping values are not allowed in this context
    "#);
}

#[test]
fn a_wrong_kind_gets_the_right_one_as_a_hint() {
    let refusal = |version: &str, kind: &str| refused(&format!("apiVersion: {version}\nkind: {kind}\n"));
    let problems: String = [
        (API_VERSION, "node"),
        ("v1", "Node"),
        ("v1", "List"),
        ("v1", "NodeList"),
        ("crd.projectcalico.org/v1", "Node"),
        ("projectcalico.org/v2", "Node"),
        (API_VERSION, "BGPPeer"),
        ("v1", "ipPool"),
        (API_VERSION, "Nod"),
    ]
    .map(|(version, kind)| refusal(version, kind))
    .concat();
    insta::assert_snapshot!(problems, @r"
    f.yaml:2:7: unknown resource type (node) and/or version (projectcalico.org/v3): the kind is spelled Node
    f.yaml:2:7: unknown resource type (Node) and/or version (v1): this is Kubernetes' own Node; Calico's is apiVersion: projectcalico.org/v3 with kind: Node, or the old apiVersion: v1 with kind: node
    f.yaml:2:7: unknown resource type (List) and/or version (v1): this is a Kubernetes List; write its items as documents separated by ---, as a YAML list, or as a list of Calico's own, such as a NodeList
    f.yaml:2:7: unknown resource type (NodeList) and/or version (v1): the kind is spelled nodeList
    f.yaml:2:7: unknown resource type (Node) and/or version (crd.projectcalico.org/v1): this is the form Calico stores in Kubernetes; write apiVersion: projectcalico.org/v3
    f.yaml:2:7: unknown resource type (Node) and/or version (projectcalico.org/v2): the version of a Calico node is projectcalico.org/v3, or v1 for old manifests
    f.yaml:1:1: metadata: is missing
    f.yaml:1:1: metadata: is missing
    f.yaml:2:7: unknown resource type (Nod) and/or version (projectcalico.org/v3): did you mean Node?
    ");
}

#[test]
fn v1_addresses_without_a_length_get_the_longest_and_names_are_normalised() {
    let text = "{apiVersion: v1, kind: node, metadata: {name: Node_1, labels: {a: b}},
        spec: {bgp: {ipv4Address: 192.0.2.1, ipv6Address: '2001:db8::1', asNumber: '1.10'}}}";
    let document = accepted(("f.yaml", text.as_bytes())).remove(0);
    assert_eq!(
        document.form,
        Form::V1 {
            assumed: vec!["ipv4Address", "ipv6Address"]
        }
    );
    assert_eq!(
        Value::Object(document.resource.body),
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "Node",
            "metadata": {"name": "node-1", "labels": {"a": "b"}},
            "spec": {"bgp": {"ipv4Address": "192.0.2.1/32", "ipv6Address": "2001:db8::1/128", "asNumber": 65546}},
        })
    );
    assert_eq!(document.notes, [r#"v1 name "Node_1" is "node-1" in v3"#]);
}

#[test]
fn v1_nodes_have_only_v1_fields() {
    insta::assert_snapshot!(refused("
apiVersion: v1
kind: nodeList
items:
- apiVersion: v1
  kind: node
  metadata: {name: ___, annotations: {}}
  spec: {bgp: {ipv4IPIPTunnelAddr: 10.0.0.1}}
- metadata: {name: ___}
- metadata: {name: a}
  spec: {bgp: {}}
"), @r#"
    f.yaml:7:25: metadata.annotations: unknown field
    f.yaml:8:16: spec.bgp.ipv4IPIPTunnelAddr: unknown field
    f.yaml:9:20: metadata.name: "___" can't be made a v3 name: resource name may not be empty
    f.yaml:11:15: spec.bgp: is empty: give it one of asNumber, ipv4Address, ipv6Address, or leave it out
    "#);
}

#[test]
fn what_a_server_fills_in_is_accepted_and_dropped_but_for_the_resource_version() {
    let text = "{apiVersion: projectcalico.org/v3, kind: Node, spec: null, status: {}, metadata: {
        name: a, uid: x, creationTimestamp: null, resourceVersion: '172', labels: {}, managedFields: [{}]}}";
    let document = accepted(("f.yaml", text.as_bytes())).remove(0);
    assert_eq!(
        Value::Object(document.resource.body),
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "Node",
            "metadata": {"name": "a", "resourceVersion": "172"}, "spec": {}, "status": {},
        })
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let problems = read("f.yaml", b"a: b\nc: \xff\n").unwrap_err();
    assert_eq!(shown(&problems), "f.yaml:2:4: is not UTF-8 text\n");
    assert_eq!(problems[0].at.column, 4);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read("f", &bytes);
    }

    #[test]
    fn a_node_with_one_line_changed_at_random_is_read_without_panic(line in 0..18_usize, with in "\\PC{0,40}") {
        let (_, text) = fixture!("node1.yaml");
        let text = std::str::from_utf8(text).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[line] = &with;
        let changed = lines.join("\n");
        for document in read("f", changed.as_bytes()).unwrap_or_default() {
            prop_assert!(super::super::names::check_name(document.resource.name()).is_ok());
        }
    }
}

mod fields;
mod scalars;
