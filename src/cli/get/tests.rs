use super::*;
use crate::apply::memory::Memory;
use crate::calico::manifest;
use crate::calico::merge::merge;
use crate::calico::resource::{API_VERSION, Kind, Resource};
use crate::datastore::Unreadable;
use serde_json::{Value, json};

fn cluster() -> Memory {
    let node = |name: &str, spec: Value| {
        json!({
            "apiVersion": API_VERSION, "kind": "Node", "spec": spec,
            "metadata": {"name": name, "uid": "u", "creationTimestamp": "2026-11-21T11:16:16Z"},
        })
    };
    Memory::with([
        node(
            "node-1",
            json!({"bgp": {"asNumber": 65001, "ipv4Address": "192.168.80.21/24"}}),
        ),
        node(
            "node-2",
            json!({"bgp": {"ipv4Address": "192.168.80.22/24", "ipv6Address": "fd80:1::22/64"}}),
        ),
        node("node-6", json!({})),
    ])
}

fn get(store: &Memory, arguments: &[&str]) -> String {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        get: Get,
    }
    let cli = <Cli as clap::Parser>::try_parse_from([&["get"], arguments].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = Format::read(&cli.get.output).and_then(|format| {
        let queries = cli.get.queries()?.unwrap();
        let source = Source {
            store,
            runtime: &runtime,
        };
        cli.get
            .show(&queries, &format, source, &mut out, &mut err, Style::PLAIN)
    });
    if let Err(error) = result {
        writeln!(err, "error: {}", error.message).unwrap();
        for hint in error.hints {
            writeln!(err, "hint: {hint}").unwrap();
        }
    }
    String::from_utf8([out, err].concat()).unwrap()
}

#[test]
fn tables_have_the_names_and_wide_the_bgp_side() {
    let store = cluster();
    insta::assert_snapshot!(get(&store, &["node"]), @r"
    NAME
    node-1
    node-2
    node-6
    ");
    insta::assert_snapshot!(get(&store, &["NODES", "-o", "wide"]), @r"
    NAME     ASN       IPV4               IPV6
    node-1   65001     192.168.80.21/24
    node-2   (64512)   192.168.80.22/24   fd80:1::22/64
    node-6
    ");
    store.put(
        &Resource::from_value(json!({
            "apiVersion": API_VERSION, "kind": "BGPConfiguration", "metadata": {"name": "default"},
            "spec": {"asNumber": 64567},
        }))
        .unwrap(),
    );
    insta::assert_snapshot!(get(&store, &["node", "node-2", "-o", "wide"]), @r"
    NAME     ASN       IPV4               IPV6
    node-2   (64567)   192.168.80.22/24   fd80:1::22/64
    ");
    insta::assert_snapshot!(get(&store, &["bgpconfig", "-o", "wide"]), @r"
    NAME      LOGSEVERITY   MESHENABLED   ASNUMBER
    default                 -             64567
    ");
}

#[test]
fn one_name_is_the_object_several_are_a_list_and_none_is_a_list_object() {
    let store = cluster();
    insta::assert_snapshot!(get(&store, &["node", "node-1", "-o", "yaml"]), @r#"
    apiVersion: projectcalico.org/v3
    kind: Node
    metadata:
      creationTimestamp: "2026-11-21T11:16:16Z"
      name: node-1
      resourceVersion: "1"
      uid: u
    spec:
      bgp:
        asNumber: 65001
        ipv4Address: 192.168.80.21/24
    "#);
    insta::assert_snapshot!(get(&store, &["node", "node-1", "node-6", "-o", "yaml", "--export"]), @r"
    - apiVersion: projectcalico.org/v3
      kind: Node
      metadata:
        name: node-1
      spec:
        bgp:
          asNumber: 65001
          ipv4Address: 192.168.80.21/24
    - apiVersion: projectcalico.org/v3
      kind: Node
      metadata:
        name: node-6
      spec: {}
    ");
    insta::assert_snapshot!(get(&store, &["node", "-o", "json", "--export"]), @r#"
    {
      "kind": "NodeList",
      "apiVersion": "projectcalico.org/v3",
      "metadata": {},
      "items": [
        {
          "kind": "Node",
          "apiVersion": "projectcalico.org/v3",
          "metadata": {
            "name": "node-1"
          },
          "spec": {
            "bgp": {
              "asNumber": 65001,
              "ipv4Address": "192.168.80.21/24"
            }
          }
        },
        {
          "kind": "Node",
          "apiVersion": "projectcalico.org/v3",
          "metadata": {
            "name": "node-2"
          },
          "spec": {
            "bgp": {
              "ipv4Address": "192.168.80.22/24",
              "ipv6Address": "fd80:1::22/64"
            }
          }
        },
        {
          "kind": "Node",
          "apiVersion": "projectcalico.org/v3",
          "metadata": {
            "name": "node-6"
          },
          "spec": {}
        }
      ]
    }
    "#);
    insta::assert_snapshot!(get(&store, &["ippool", "-o", "yaml"]), @r#"
    apiVersion: projectcalico.org/v3
    items: []
    kind: IPPoolList
    metadata:
      resourceVersion: "3"
    "#);
}

#[test]
fn what_exists_is_shown_and_what_is_missing_is_an_error() {
    let store = cluster();
    insta::assert_snapshot!(get(&store, &["node", "node-1", "nope", "node2"]), @r"
    NAME
    node-1
    error: resource does not exist: Node(nope)
    resource does not exist: Node(node2)
    hint: did you mean node-2?
    ");
    insta::assert_snapshot!(get(&store, &["node", "nope", "-o", "yaml"]), @r"
    error: resource does not exist: Node(nope)
    ");
}

#[test]
fn an_empty_name_is_an_error_and_not_all_there_is() {
    insta::assert_snapshot!(get(&cluster(), &["node", "node-1", ""]), @"error: resource name may not be empty");
}

#[test]
fn what_get_prints_apply_reads_back() {
    let store = cluster();
    for format in ["yaml", "json"] {
        for names in [&[][..], &["node-1"], &["node-1", "node-2"]] {
            let text = get(&store, &[&["node", "-o", format], names].concat());
            let documents = manifest::read("get", text.as_bytes()).unwrap();
            assert_eq!(documents.len(), if names.is_empty() { 3 } else { names.len() });
            for document in documents {
                let stored = store.find(Kind::Node, document.resource.name());
                assert!(!merge(stored.as_ref(), &document).unwrap().changed);
            }
        }
    }
}

#[test]
fn keys_that_can_not_be_read_are_warned_of() {
    let store = Memory::default();
    store.unreadable.borrow_mut().push(Unreadable {
        key: "/calico/resources/v3/projectcalico.org/nodes/x".into(),
        why: "not JSON".into(),
    });
    insta::assert_snapshot!(get(&store, &["node"]), @r"
    NAME
    warning: can't read /calico/resources/v3/projectcalico.org/nodes/x: not JSON
    ");
}

#[test]
fn an_unknown_kind_gets_the_known_ones() {
    let error = kinds::one("bgpeer").unwrap_err();
    insta::assert_snapshot!(format!("{}\n{}", error.message, error.hints.join("\n")), @r"
    resource type 'bgpeer' is not supported
    did you mean bgppeer?
    supported: node, bgpconfiguration, bgpfilter, bgppeer, clusterinformation, ippool, ipreservation, ipamconfiguration, felixconfiguration, kubecontrollersconfiguration, caliconodestatus, tier, globalnetworkpolicy, networkpolicy, stagedglobalnetworkpolicy, stagednetworkpolicy, stagedkubernetesnetworkpolicy, globalnetworkset, networkset, profile, hostendpoint, workloadendpoint
    ");
}

fn with_labels() -> Memory {
    let node = |name: &str, rack: &str, order: &str| {
        json!({
            "apiVersion": API_VERSION, "kind": "Node", "spec": {"bgp": {"ipv4Address": order}},
            "metadata": {"name": name, "labels": {"rack": rack, "topology/zone": "z"}},
        })
    };
    Memory::with([
        node("a", "r1", "10.0.0.9/24"),
        node("b", "r2", "10.0.0.1/24"),
        node("c", "r1", "10.0.0.5/24"),
        json!({"apiVersion": API_VERSION, "kind": "NetworkSet", "metadata": {"name": "s", "namespace": "ns"}, "spec": {"nets": ["10.0.0.0/8"]}}),
        json!({"apiVersion": API_VERSION, "kind": "Tier", "metadata": {"name": "last"}, "spec": {"order": 1_000_000}}),
        json!({"apiVersion": API_VERSION, "kind": "Tier", "metadata": {"name": "zero"}, "spec": {"order": 0.5}}),
    ])
}

#[test]
fn selectors_patterns_columns_and_sorting() {
    let store = with_labels();
    insta::assert_snapshot!(get(&store, &["node", "-l", "rack == 'r1'", "-L", "rack,topology/zone"]), @r"
    NAME   RACK   ZONE
    a      r1     z
    c      r1     z
    ");
    insta::assert_snapshot!(get(&store, &["node", "-l", "rack=r1,topology/zone", "-o", "name", "--sort-by", ".spec.bgp.ipv4Address"]), @r"
    node/c
    node/a
    ");
    insta::assert_snapshot!(get(&store, &["node", "?", "x*", "-o", "name"]), @r"
    node/a
    node/b
    node/c
    error: no Node is named x*
    ");
    insta::assert_snapshot!(get(&store, &["tier"]), @r"
    NAME   ORDER
    zero   0.5
    last   1e+06
    ");
    insta::assert_snapshot!(get(&store, &["networksets,tiers", "-A"]), @r"
    networksets:
    NAMESPACE   NAME
    ns          s

    tiers:
    NAME   ORDER
    zero   0.5
    last   1e+06
    ");
    insta::assert_snapshot!(get(&store, &["networkset", "-n", "ns", "-o", "wide"]), @r"
    NAMESPACE   NAME   NETS
    ns          s      10.0.0.0/8
    ");
    insta::assert_snapshot!(get(&store, &["networkset", "s"]), @r"
    error: resource does not exist: NetworkSet(default/s)
    hint: did you mean -n ns s?
    ");
    insta::assert_snapshot!(get(&store, &["node", "-o", "jsonpath={range .items[*]}{.metadata.name} {end}"]), @r"a b c");
    insta::assert_snapshot!(get(&store, &["tier,node", "-o", "yaml", "-l", "rack == 'r2'", "--export"]), @r"
    - apiVersion: projectcalico.org/v3
      kind: Node
      metadata:
        labels:
          rack: r2
          topology/zone: z
        name: b
      spec:
        bgp:
          ipv4Address: 10.0.0.1/24
    ");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let store = with_labels();
    for arguments in [
        &["node", "-A"][..],
        &["node", "-n", "x"],
        &["networkset", "-A", "-n", "x"],
        &["networkset", "s", "-A"],
        &["node,tier", "a"],
        &["node", "-l", "rack == x'"],
        &["node", "-o", "tree"],
        &["node", "-o", "custom-columns="],
        &["node", "-o", "go-template="],
        &["node", "-o", "jsonpath={"],
        &["nodez"],
    ] {
        let answer = get(&store, arguments);
        assert!(answer.starts_with("error: "), "{arguments:?}: {answer}");
    }
}
