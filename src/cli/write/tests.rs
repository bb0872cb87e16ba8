use super::*;
use crate::apply::memory::Memory;
use crate::calico::manifest;
use crate::calico::resource::Kind;
use serde_json::json;

/// The story's cluster before the mend: each node's address is that of its bridge.
fn broken_cluster() -> Memory {
    Memory::with([1, 2, 3].map(|number| {
            json!({
                "apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": format!("node{number}")},
                "spec": {"bgp": {
                    "ipv4Address": format!("10.244.{number}.1/24"),
                    "ipv4IPIPTunnelAddr": format!("192.168.115.{number}"),
                }},
            })
        }))
}

fn story() -> Vec<Document> {
    let text = include_bytes!("../../../fixtures/manifests/story-v1.yaml");
    manifest::read("fix.yaml", text).unwrap()
}

fn run(store: &Memory, documents: &[Document], mode: Mode) -> String {
    run_job(
        store,
        documents,
        Job {
            verb: Verb::Apply,
            mode,
            find: false,
            ask: Ask::Tell,
        },
    )
}

fn run_job(store: &Memory, documents: &[Document], job: Job) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let output = Output {
        out: &mut out,
        err: &mut err,
        style: Style::PLAIN,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let end = match runtime.block_on(write(store, (documents, &[]), job, output)) {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => {
            let hints = error.hints.iter().map(|hint| format!("\nhint: {hint}"));
            format!("error: {}{}", error.message, hints.collect::<String>())
        }
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    format!("--- stdout\n{}--- stderr\n{}--- {end}", text(out), text(err))
}

#[test]
fn a_dry_run_shows_the_changes_on_standard_output_and_writes_nothing() {
    let store = broken_cluster();
    insta::assert_snapshot!(run(&store, &story(), Mode::DryRun), @r"
    --- stdout
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    Node node4 (new)
      + spec.bgp.ipv4Address: 192.168.80.26/24
    Dry run, nothing was written: 1 to create, 3 to update, 0 unchanged
    --- stderr
    --- Good
    ");
    assert_eq!(store.writes.get(), 0);
}

#[test]
fn standard_output_has_exactly_the_line_of_calicoctl() {
    let store = broken_cluster();
    insta::assert_snapshot!(run(&store, &story(), Mode::Write), @r"
    --- stdout
    Successfully applied 4 'Node' resource(s)
    --- stderr
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    Node node4 (new)
      + spec.bgp.ipv4Address: 192.168.80.26/24
    --- Good
    ");
    insta::assert_snapshot!(run(&store, &story(), Mode::Write), @r"
    --- stdout
    Successfully applied 4 'Node' resource(s)
    --- stderr
    Node node1: unchanged
    Node node2: unchanged
    Node node3: unchanged
    Node node4: unchanged
    --- Good
    ");
    let node = store.find(Kind::Node, "node1").unwrap();
    assert_eq!(
        node.text(&["spec", "bgp", "ipv4IPIPTunnelAddr"]),
        Some("192.168.115.1")
    );
}

#[test]
fn what_failed_is_named_and_the_rest_is_applied() {
    let store = broken_cluster();
    store.broken.borrow_mut().push("node2".into());
    insta::assert_snapshot!(run(&store, &story()[..3], Mode::Write), @r"
    --- stdout
    Partial success: applied the first 2 out of 3 'Node' resources:
    --- stderr
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    Node node3
      spec.bgp.ipv4Address: 10.244.3.1/24 → 192.168.80.25/24
    fix.yaml:8: Node node2: node2: broken
    --- error: hit error: [node2: broken]
    ");
    insta::assert_snapshot!(run(&store, &story()[1..2], Mode::Write), @r"
    --- stdout
    --- stderr
    Node node2
      spec.bgp.ipv4Address: 10.244.2.1/24 → 192.168.80.24/24
    fix.yaml:8: Node node2: node2: broken
    --- error: failed to apply 'Node' resource: [node2: broken]
    ");
    store.unreachable.set(true);
    insta::assert_snapshot!(run(&store, &story()[..2], Mode::Write), @r"
    --- stdout
    --- stderr
    fix.yaml:1: Node node1: cannot reach the datastore
      memory: connect: refused
    fix.yaml:8: Node node2: not tried, because the datastore is out of reach
    --- error: failed to apply any 'Node' resources: [cannot reach the datastore
      memory: connect: refused]
    hint: set the endpoints with ETCD_ENDPOINTS=http://HOST:PORT or in the file given by --config
    ");
}

#[test]
fn a_file_that_was_overtaken_is_to_be_made_again() {
    let text =
        b"{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node2, resourceVersion: '1'}}";
    let documents = manifest::read("f.yaml", text).unwrap();
    insta::assert_snapshot!(run(&broken_cluster(), &documents, Mode::Write), @r"
    --- stdout
    --- stderr
    f.yaml:1: Node node2: update conflict: Node(node2): the file is for resourceVersion 1, stored is 2
    --- error: failed to apply 'Node' resource: [update conflict: Node(node2): the file is for resourceVersion 1, stored is 2]
    hint: the stored resource has changed since the file was made: make the file again, with netdiag check --fix-to or netdiag get -o yaml, and apply that
    ");
}

#[test]
fn a_v3_document_shows_what_it_removes_and_a_repeated_one_is_warned_of() {
    let text = b"apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: node1}\n---
{apiVersion: v1, kind: node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 192.168.80.23}}}";
    let documents = manifest::read("f.yaml", text).unwrap();
    insta::assert_snapshot!(run(&broken_cluster(), &documents, Mode::Write), @r"
    --- stdout
    Successfully applied 2 'Node' resource(s)
    --- stderr
    warning: Node node1 is here twice, f.yaml:1 and f.yaml:5: applied in this order
    Node node1
      - spec.bgp.ipv4Address: 10.244.1.1/24
      - spec.bgp.ipv4IPIPTunnelAddr: 192.168.115.1
    Node node1
      + spec.bgp.ipv4Address: 192.168.80.23/32
      note: spec.bgp.ipv4Address has no prefix length, /32 assumed: pools in CrossSubnet mode will take every other node as in another subnet
    --- Good
    ");
}

#[test]
fn problems_are_told_line_by_line() {
    let problems = manifest::read("f.yaml", b"kind: Node\n---\n- x\n").unwrap_err();
    let mut err = Vec::new();
    let error = refuse(&problems, None, "nothing was written", &mut err).unwrap();
    insta::assert_snapshot!(format!("{}{}", String::from_utf8(err).unwrap(), error.message), @r#"
    f.yaml:1:1: apiVersion is missing; a Calico node, for example, has apiVersion: projectcalico.org/v3 and kind: Node
    f.yaml:3:3: is the text "x", not a resource (a map with apiVersion, kind, metadata and spec)
    2 problems in the manifests; nothing was written
    "#);
}

#[test]
fn of_very_many_problems_the_first_are_told() {
    let problems =
        manifest::read("f.yaml", format!("[{}]", "1,".repeat(MAX_TOLD + 5)).as_bytes()).unwrap_err();
    let mut err = Vec::new();
    let error = refuse(&problems, None, "nothing was written", &mut err).unwrap();
    let told = String::from_utf8(err).unwrap();
    assert_eq!(told.lines().count(), MAX_TOLD + 1);
    assert!(told.ends_with("… and 5 more\n"));
    assert_eq!(
        error.message,
        format!("{} problems in the manifests; nothing was written", MAX_TOLD + 5)
    );
}

fn documents(text: &str) -> Vec<Document> {
    manifest::read("f.yaml", text.as_bytes()).unwrap()
}

const TWO: &str = "
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node1}, spec: {bgp: {ipv4Address: 192.168.80.23/24}}}
- {apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: node9}}
";

#[test]
fn create_leaves_alone_what_exists_and_counts_it_when_it_is_to_be_skipped() {
    let store = broken_cluster();
    let job = |skip_exists| Job {
        verb: Verb::Create { skip_exists },
        mode: Mode::Write,
        find: false,
        ask: Ask::Tell,
    };
    insta::assert_snapshot!(run_job(&store, &documents(TWO)[..1], job(false)), @r"
    --- stdout
    --- stderr
    f.yaml:2: Node node1: resource already exists: Node(node1)
    --- error: failed to create 'Node' resource: [resource already exists: Node(node1)]
    ");
    insta::assert_snapshot!(run_job(&store, &documents(TWO), job(true)), @r"
    --- stdout
    Successfully created 2 'Node' resource(s)
    --- stderr
    Node node9 (new)
    Node node1: exists already, left as it is
    --- Good
    ");
    let node = store.find(Kind::Node, "node1").unwrap();
    assert_eq!(node.text(&["spec", "bgp", "ipv4Address"]), Some("10.244.1.1/24"));
}

#[test]
fn replace_changes_what_exists_and_nothing_else() {
    let store = broken_cluster();
    let job = Job {
        verb: Verb::Replace,
        mode: Mode::Write,
        find: false,
        ask: Ask::Tell,
    };
    insta::assert_snapshot!(run_job(&store, &documents(TWO), job), @r"
    --- stdout
    Partial success: replaced the first 1 out of 2 'Node' resources:
    --- stderr
    Node node1
      spec.bgp.ipv4Address: 10.244.1.1/24 → 192.168.80.23/24
      - spec.bgp.ipv4IPIPTunnelAddr: 192.168.115.1
    f.yaml:3: Node node9: resource does not exist: Node(node9)
    --- error: hit error: [resource does not exist: Node(node9)]
    ");
    assert_eq!(store.find(Kind::Node, "node9"), None);
}

#[test]
fn what_other_resources_forbid_is_refused_and_not_tried_again() {
    let store = broken_cluster();
    let text = "
- {apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: ghost.p}, spec: {tier: ghost}}
- {apiVersion: projectcalico.org/v3, kind: ClusterInformation, metadata: {name: default}}
";
    insta::assert_snapshot!(run(&store, &documents(text), Mode::DryRun), @r"
    --- stdout
    Dry run, nothing was written: 0 to create, 0 to update, 0 unchanged, 2 would fail
    --- stderr
    f.yaml:2: GlobalNetworkPolicy ghost.p: resource does not exist: Tier(ghost)
    f.yaml:3: ClusterInformation default: operation apply is not supported on ClusterInformation: resource is readonly
    --- error: failed to apply any resources: [resource does not exist: Tier(ghost) operation apply is not supported on ClusterInformation: resource is readonly]
    ");
    assert_eq!(store.writes.get(), 0);
}
