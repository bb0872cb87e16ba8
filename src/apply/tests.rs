use super::many::{TOGETHER, batches};
use super::memory::Memory;
use super::*;
use crate::calico::manifest;
use serde_json::{Value, json};

fn node(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "projectcalico.org/v3", "kind": "Node", "metadata": {"name": name},
        "spec": {"bgp": {"ipv4Address": address, "ipv4IPIPTunnelAddr": "192.168.115.128"}},
    })
}

fn v1(name: &str, address: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: node, metadata: {{name: {name}}}, spec: {{bgp: {{ipv4Address: {address}}}}}}}\n"
    )
}

fn documents(text: &str) -> Vec<Document> {
    manifest::read("f.yaml", text.as_bytes()).unwrap()
}

/// Applies, and tells the outcome of each document and how often a plan was shown.
async fn run(store: &Memory, text: &str, mode: Mode) -> (Vec<Result<Done, String>>, usize) {
    let mut shown = 0;
    let results = apply_all(
        store,
        &documents(text),
        Verb::Apply,
        mode,
        &mut |_, _| shown += 1,
        &|| false,
    )
    .await;
    let results = results
        .into_iter()
        .map(|result| result.map_err(|error| error.to_string()))
        .collect();
    (results, shown)
}

fn address(store: &Memory, name: &str) -> Option<String> {
    let node = store.find(Kind::Node, name)?;
    node.text(&["spec", "bgp", "ipv4Address"]).map(str::to_owned)
}

#[tokio::test]
async fn creates_updates_and_leaves_alone() {
    let store = Memory::with([node("a", "10.0.0.1/24"), node("b", "10.0.0.2/24")]);
    let text = v1("a", "10.0.1.1/24") + &v1("b", "10.0.0.2/24") + &v1("c", "10.0.0.3/24");
    let (results, shown) = run(&store, &text, Mode::Write).await;
    assert_eq!(
        results,
        [Ok(Done::Updated), Ok(Done::Unchanged), Ok(Done::Created)]
    );
    assert_eq!((shown, store.writes.get()), (3, 2));
    let a = store.find(Kind::Node, "a").unwrap();
    assert_eq!(
        a.body["spec"],
        json!({"bgp": {"ipv4Address": "10.0.1.1/24", "ipv4IPIPTunnelAddr": "192.168.115.128"}})
    );
    assert_eq!(address(&store, "c").as_deref(), Some("10.0.0.3/24"));
}

#[tokio::test]
async fn a_dry_run_plans_the_same_and_writes_nothing() {
    let store = Memory::with([node("a", "10.0.0.1/24")]);
    let text = v1("a", "10.0.1.1/24") + &v1("c", "10.0.0.3/24");
    let (results, shown) = run(&store, &text, Mode::DryRun).await;
    assert_eq!(results, [Ok(Done::Updated), Ok(Done::Created)]);
    assert_eq!((shown, store.writes.get()), (2, 0));
}

#[tokio::test]
async fn what_someone_else_writes_meanwhile_is_kept() {
    for stored in [Some("a"), None] {
        let store = Memory::with(stored.map(|name| node(name, "10.0.0.1/24")));
        store.intruders.set(TRIES - 1);
        let (results, shown) = run(&store, &v1("a", "10.0.1.1/24"), Mode::Write).await;
        assert_eq!(results, [Ok(Done::Updated)]);
        assert_eq!(shown, TRIES);
        let a = store.find(Kind::Node, "a").unwrap();
        assert!(a.field(&["metadata", "labels", "intruder"]).is_some());
        assert_eq!(address(&store, "a").as_deref(), Some("10.0.1.1/24"));
    }
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_an_error() {
    let store = Memory::with([node("a", "10.0.0.1/24")]);
    store.intruders.set(TRIES);
    let (results, _) = run(&store, &v1("a", "10.0.1.1/24"), Mode::Write).await;
    assert!(
        results[0]
            .as_ref()
            .is_err_and(|error| error.starts_with("update conflict: Node(a)"))
    );
    assert_eq!(address(&store, "a").as_deref(), Some("10.0.0.1/24"));
}

/// A v3 document for this version of a node.
fn versioned(name: &str, version: &str, address: &str) -> String {
    format!(
        "- {{apiVersion: projectcalico.org/v3, kind: Node, metadata: {{name: {name}, resourceVersion: '{version}'}}, \
         spec: {{bgp: {{ipv4Address: {address}, ipv4IPIPTunnelAddr: 192.168.115.128}}}}}}\n"
    )
}

#[tokio::test]
async fn a_resource_version_in_the_file_must_be_the_stored_one_if_the_resource_exists() {
    let store = Memory::with([node("a", "10.0.0.1/24"), node("b", "10.0.0.2/24")]);
    let text = ["a", "b", "c"].map(|name| versioned(name, "1", "10.0.1.1/24"));
    let (results, _) = run(&store, &text.concat(), Mode::Write).await;
    let conflict = "update conflict: Node(b): the file is for resourceVersion 1, stored is 2";
    assert_eq!(
        results,
        [Ok(Done::Updated), Err(conflict.into()), Ok(Done::Created)]
    );
    assert_eq!(address(&store, "b").as_deref(), Some("10.0.0.2/24"));
    assert_eq!(address(&store, "c").as_deref(), Some("10.0.1.1/24"));
}

#[tokio::test]
async fn the_same_versioned_file_twice_changes_nothing_the_second_time() {
    let store = Memory::with([node("a", "10.0.0.1/24")]);
    let text = versioned("a", "1", "10.0.1.1/24");
    let (results, _) = run(&store, &text, Mode::Write).await;
    assert_eq!(results, [Ok(Done::Updated)]);
    for mode in [Mode::DryRun, Mode::Write] {
        let (results, shown) = run(&store, &text, mode).await;
        assert_eq!((results, shown), (vec![Ok(Done::Unchanged)], 1));
    }
    assert_eq!(store.writes.get(), 1);
}

#[tokio::test]
async fn a_versioned_document_does_not_undo_what_someone_else_writes_meanwhile() {
    let store = Memory::with([node("a", "10.0.0.1/24")]);
    store.intruders.set(1);
    let (results, _) = run(&store, &versioned("a", "1", "10.0.1.1/24"), Mode::Write).await;
    assert!(
        results[0]
            .as_ref()
            .is_err_and(|error| error.starts_with("update conflict: Node(a)"))
    );
    let a = store.find(Kind::Node, "a").unwrap();
    assert!(a.field(&["metadata", "labels", "intruder"]).is_some());
    assert_eq!(address(&store, "a").as_deref(), Some("10.0.0.1/24"));
}

#[tokio::test]
async fn a_failure_does_not_stop_the_others_but_an_unreachable_datastore_does() {
    let store = Memory::default();
    store.broken.borrow_mut().push("b".into());
    let text: String = ["a", "b", "c"].map(|name| v1(name, "10.0.0.1/24")).concat();
    let (results, _) = run(&store, &text, Mode::Write).await;
    assert_eq!(
        results,
        [Ok(Done::Created), Err("b: broken".into()), Ok(Done::Created)]
    );
    store.unreachable.set(true);
    let (results, _) = run(&store, &text, Mode::Write).await;
    assert!(
        results[0]
            .as_ref()
            .is_err_and(|error| error.contains("cannot reach"))
    );
    assert!(
        results[1]
            .as_ref()
            .is_err_and(|error| error.contains("not tried"))
    );
}

#[tokio::test]
async fn when_it_is_stopped_nothing_else_begins() {
    let store = Memory::default();
    let text: String = (0..100)
        .map(|number| v1(&format!("n{number}"), "10.0.0.1/24"))
        .collect();
    let stopped = || store.writes.get() > 0;
    let results = apply_all(
        &store,
        &documents(&text),
        Verb::Apply,
        Mode::Write,
        &mut |_, _| {},
        &stopped,
    )
    .await;
    // What is written together ends together.
    let (first, rest) = results.split_at(TOGETHER);
    assert!(first.iter().all(|result| matches!(result, Ok(Done::Created))));
    assert!(rest.iter().all(|result| matches!(result, Err(Error::Stopped))));
    assert_eq!((store.writes.get(), rest.len()), (TOGETHER, 100 - TOGETHER));
}

#[test]
fn only_neighbours_of_one_kind_that_differ_are_on_their_way_at_once() {
    let set = |name: &str| {
        format!(
            "- {{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {{name: {name}}}}}\n"
        )
    };
    let pool = |name: &str, net: u8| {
        format!(
            "- {{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: {name}}}, spec: {{cidr: 10.{net}.0.0/16}}}}\n"
        )
    };
    let text = set("a") + &set("b") + &set("a") + &pool("p", 1) + &pool("q", 2) + &set("c");
    let documents = documents(&text);
    let lengths: Vec<usize> = batches(&documents).map(<[Document]>::len).collect();
    assert_eq!(lengths, [2, 1, 1, 1, 1]);
}
