//! etcd v3: what calicoctl wrote reads back, and writes are compare-and-swap.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use netdiag::calico::resource::{Kind, Resource};
use netdiag::datastore::{Datastore, Error, Step};
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::server::Etcd;
use crate::{DEADLINE, open, refusal, run};

const ROOT: &str = "/calico/resources/v3/projectcalico.org";
const DUMP: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-dump.txt");

fn node(name: &str, address: &str) -> Resource {
    let mut node = Resource::new(Kind::Node, name);
    node.body
        .insert("spec".into(), json!({"bgp": {"ipv4Address": address}}));
    node
}

async fn of(etcd: &Etcd) -> Box<dyn Datastore> {
    open(&[("ETCD_ENDPOINTS", &etcd.url())]).await
}

#[test]
fn a_resource_makes_the_round_trip_and_is_stored_as_calico_stores_it() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        let store = of(&etcd).await;
        assert_eq!(store.describe(), format!("etcd v3 at {}", etcd.url()));
        let created = store.create(&node("n1", "10.0.0.1/24")).await.unwrap();
        assert_eq!(store.get(Kind::Node, "n1").await.unwrap(), created);
        assert!(matches!(
            store.create(&created).await,
            Err(Error::AlreadyExists { .. })
        ));

        let stored = etcd.ctl(3, "", &["get", "--print-value-only", &format!("{ROOT}/nodes/n1")]);
        let stored: Value = serde_json::from_str(&stored).unwrap();
        let metadata = stored["metadata"].as_object().unwrap();
        assert_eq!(
            metadata.keys().collect::<Vec<_>>(),
            ["creationTimestamp", "name", "uid"]
        );

        let mut changed = created.clone();
        changed
            .body
            .insert("spec".into(), json!({"bgp": {"ipv4Address": "10.0.0.2/24"}}));
        let updated = store.update(&changed).await.unwrap();
        assert_eq!(store.get(Kind::Node, "n1").await.unwrap(), updated);
        assert_eq!(
            updated.field(&["metadata", "uid"]),
            created.field(&["metadata", "uid"])
        );
        assert_ne!(updated.resource_version(), created.resource_version());
        assert!(matches!(
            store.update(&created).await,
            Err(Error::Conflict { .. })
        ));
        let mut missing = changed.clone();
        missing.body.insert(
            "metadata".into(),
            json!({"name": "nope", "resourceVersion": "1", "uid": "x", "creationTimestamp": "x"}),
        );
        assert!(matches!(
            store.update(&missing).await,
            Err(Error::NotFound { .. })
        ));
        assert!(matches!(
            store.get(Kind::Node, "nope").await,
            Err(Error::NotFound { .. })
        ));
        for name in ["a/b", ".."] {
            let refused = store.create(&node(name, "10.0.0.1/24")).await;
            assert!(matches!(refused, Err(Error::BadValue { .. })));
        }
    });
}

#[test]
fn an_update_keeps_the_identity_that_its_document_left_out() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        let store = of(&etcd).await;
        let created = store.create(&node("n1", "10.0.0.1/24")).await.unwrap();
        let mut bare = node("n1", "10.0.0.2/24");
        bare.set_resource_version(created.resource_version().map(str::to_owned));
        let updated = store.update(&bare).await.unwrap();
        assert_eq!(
            updated.field(&["metadata", "uid"]),
            created.field(&["metadata", "uid"])
        );
        bare.set_resource_version(None);
        let error = store.update(&bare).await.unwrap_err().to_string();
        assert!(error.contains("metadata.resourceVersion is missing"), "{error}");
    });
}

#[test]
fn values_written_by_calicoctl_read_back_unchanged_and_stay_so_when_written() {
    let Some(etcd) = Etcd::start() else { return };
    let lines: Vec<&str> = DUMP.lines().collect();
    let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
    for pair in lines.chunks(2) {
        etcd.put3(pair[0], pair[1]);
        expected.insert(pair[0], pair[1]);
    }
    run(async {
        let store = of(&etcd).await;
        let mut seen = 0;
        for kind in Kind::ALL {
            let list = store.list(kind).await.unwrap();
            assert_eq!(list.unreadable, []);
            let ids: Vec<_> = list.items.iter().map(Resource::id).collect();
            assert!(ids.is_sorted(), "{ids:?}");
            // Nobody stores this one.
            for item in list
                .items
                .iter()
                .filter(|item| item.name() != "projectcalico-default-allow")
            {
                let key = format!("{ROOT}/{}/{}", kind.plural(), item.id());
                let mut changed = item.clone();
                changed.set(&["metadata", "labels", "changed"], Some("yes".into()));
                let changed = store.update(&changed).await.unwrap();
                let mut back = item.clone();
                back.set_resource_version(changed.resource_version().map(str::to_owned));
                store.update(&back).await.unwrap();
                let stored = etcd.ctl(3, "", &["get", "--print-value-only", &key]);
                assert_eq!(stored.trim_end(), expected[key.as_str()], "{key}");
                seen += 1;
            }
        }
        let resources = expected.keys().filter(|key| key.starts_with(ROOT)).count();
        assert_eq!(seen, resources, "the dump's resources");
    });
}

#[test]
fn of_two_concurrent_updates_exactly_one_wins() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        let (one, two) = (of(&etcd).await, of(&etcd).await);
        let created = one.create(&node("n1", "10.0.0.1/24")).await.unwrap();
        for round in 0..20 {
            let current = one.get(Kind::Node, "n1").await.unwrap();
            let mut changed = current.clone();
            changed
                .body
                .insert("spec".into(), json!({"bgp": {"asNumber": round}}));
            let (first, second) = tokio::join!(one.update(&changed), two.update(&changed));
            assert!(first.is_ok() != second.is_ok());
            let lost = first.err().or(second.err()).unwrap();
            assert!(matches!(lost, Error::Conflict { .. }), "{lost}");
        }
        assert!(matches!(two.update(&created).await, Err(Error::Conflict { .. })));
    });
}

#[test]
fn values_that_are_not_the_resource_of_their_key_are_reported() {
    let Some(etcd) = Etcd::start() else { return };
    let valid = |name: &str| {
        json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "metadata": {"name": name}}).to_string()
    };
    etcd.put3(&format!("{ROOT}/nodes/broken"), "{\"kind\":");
    etcd.put3(&format!("{ROOT}/nodes/good"), &valid("good"));
    etcd.put3(&format!("{ROOT}/nodes/other"), &valid("somebody"));
    run(async {
        let store = of(&etcd).await;
        let list = store.list(Kind::Node).await.unwrap();
        assert_eq!(list.items.len(), 1);
        let why: Vec<_> = list
            .unreadable
            .iter()
            .map(|item| (item.key.as_str(), item.why.as_str()))
            .collect();
        assert_eq!(why[0].0, "/calico/resources/v3/projectcalico.org/nodes/broken");
        assert!(why[0].1.starts_with("not JSON"), "{}", why[0].1);
        assert_eq!(why[1].1, "the value is Node(somebody)");
        let error = store.get(Kind::Node, "broken").await.unwrap_err();
        assert!(matches!(error, Error::BadValue { .. }), "{error}");
    });
}

#[test]
fn flannels_keys_are_read_as_they_are() {
    let Some(etcd) = Etcd::start() else { return };
    let lease = r#"{"PublicIP":"192.168.90.12","BackendType":"vxlan","BackendData":{"VNI":1}}"#;
    etcd.put3("/coreos.com/network/subnets/10.5.54.0-24", lease);
    etcd.put3("/coreos.com/networks", "another key");
    run(async {
        let entries = of(&etcd).await.entries("/coreos.com/network/").await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].key, "/coreos.com/network/subnets/10.5.54.0-24");
        assert_eq!(entries[0].value, lease.as_bytes());
    });
}

#[test]
fn five_thousand_nodes_are_listed() {
    let Some(etcd) = Etcd::start_with("http", &["--max-txn-ops=1000"]) else {
        return;
    };
    let padding = "x".repeat(1000);
    for batch in 0..10 {
        let mut txn = String::from("\n");
        for number in batch * 500..(batch + 1) * 500 {
            let value = format!(
                r#"{{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{{"name":"node-{number:04}","annotations":{{"a":"{padding}"}}}},"spec":{{}}}}"#
            );
            let value = value.replace('"', "\\\"");
            writeln!(txn, "put {ROOT}/nodes/node-{number:04} \"{value}\"").unwrap();
        }
        txn.push_str("\n\n");
        etcd.ctl(3, &txn, &["txn"]);
    }
    run(async {
        let list = of(&etcd).await.list(Kind::Node).await.unwrap();
        assert_eq!((list.items.len(), list.unreadable.len()), (5000, 0));
        assert_eq!(list.items[4999].name(), "node-4999");
    });
}

#[test]
fn a_user_with_the_right_password_gets_in_and_others_learn_why_not() {
    let Some(etcd) = Etcd::start() else { return };
    etcd.ctl(3, "", &["user", "add", "root:s3cret"]);
    etcd.ctl(3, "", &["user", "grant-role", "root", "root"]);
    etcd.ctl(3, "", &["auth", "enable"]);
    let url = etcd.url();
    let user = |password: &'static str| {
        [
            ("ETCD_ENDPOINTS", url.as_str()),
            ("ETCD_USERNAME", "root"),
            ("ETCD_PASSWORD", password),
        ]
    };
    run(async {
        let store = open(&user("s3cret")).await;
        store.create(&node("n1", "10.0.0.1/24")).await.unwrap();
        assert_eq!(store.list(Kind::Node).await.unwrap().items.len(), 1);
    });
    let error = refusal(&user("wr0ng"), DEADLINE);
    assert!(
        matches!(
            error,
            Error::Failed {
                step: Step::Authenticate,
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains(&url) && text.contains("\"root\"") && !text.contains("wr0ng"),
        "{text}"
    );
    let error = refusal(&[("ETCD_ENDPOINTS", &url)], DEADLINE).to_string();
    assert!(
        error.contains("log in") && error.contains("set etcdUsername"),
        "{error}"
    );
}

#[test]
fn who_may_only_read_reads_everything_and_is_told_what_may_not_be_written() {
    let Some(etcd) = Etcd::start() else { return };
    Netdiag::etcd(&etcd).done(&["apply", "-f", "-"], SET);
    for words in [
        "user add root:s3cret",
        "user grant-role root root",
        "role add reader",
        "role grant-permission --prefix=true reader read /calico/",
        "user add viewer:l00k",
        "user grant-role viewer reader",
        "auth enable",
    ] {
        etcd.ctl(3, "", &words.split(' ').collect::<Vec<_>>());
    }
    let viewer = Netdiag(vec![
        ("ETCD_ENDPOINTS", etcd.url()),
        ("ETCD_USERNAME", "viewer".to_owned()),
        ("ETCD_PASSWORD", "l00k".to_owned()),
    ]);
    let all = viewer.done(&["get", "all", "-A", "-o", "name"], "");
    assert!(all.contains("globalnetworkset/seen"), "{all}");
    viewer.done(
        &["apply", "-f", "-", "--dry-run"],
        &SET.replace("10.0.0", "10.0.9"),
    );
    // Nothing to change is nothing to write.
    viewer.done(&["apply", "-f", "-"], SET);
    for (words, document) in [
        (&["apply", "-f", "-"][..], &*SET.replace("10.0.0", "10.0.9")),
        (&["create", "-f", "-"], &SET.replace("seen", "new")),
        (&["delete", "globalnetworkset", "seen"], ""),
        (&["label", "globalnetworkset", "seen", "a=b"], ""),
        (
            &[
                "patch",
                "globalnetworkset",
                "seen",
                "-p",
                "{\"spec\": {\"nets\": []}}",
            ],
            "",
        ),
    ] {
        viewer.refused(words, document, "permission denied");
    }
    let left = viewer.done(
        &[
            "get",
            "globalnetworkset",
            "-o",
            "jsonpath={.items[*].spec.nets[*]}",
        ],
        "",
    );
    assert_eq!(left.trim(), "10.0.0.0/24");
}

const SET: &str = "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: seen},
    spec: {nets: [10.0.0.0/24]}}";

#[test]
fn an_ipv6_address_of_the_server_will_do() {
    let Some(etcd) = Etcd::start_at("[::1]", "http", &["--enable-v2"]) else {
        return;
    };
    assert!(etcd.url().starts_with("http://[::1]:"));
    for store in ["etcdv3", "etcdv2"] {
        let netdiag = Netdiag(vec![
            ("ETCD_ENDPOINTS", etcd.url()),
            ("DATASTORE_TYPE", store.to_owned()),
        ]);
        netdiag.done(
            &["create", "-f", "-"],
            "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: six}, spec: {bgp: {ipv6Address: 'fd00::6/64'}}}",
        );
        let there = netdiag.done(&["get", "node", "-o", "custom-columns=NAME,IPV6"], "");
        assert!(there.contains("six") && there.contains("fd00::6/64"), "{there}");
    }
    let nobody = Netdiag(vec![("ETCD_ENDPOINTS", "http://[::1]:1".to_owned())]);
    nobody.refused(&["get", "node"], "", "http://[::1]:1: connect: ");
}

#[test]
fn a_user_is_harmless_where_authentication_is_off() {
    let Some(etcd) = Etcd::start() else { return };
    let url = etcd.url();
    run(async {
        let variables = [
            ("ETCD_ENDPOINTS", url.as_str()),
            ("ETCD_USERNAME", "u"),
            ("ETCD_PASSWORD", "p"),
        ];
        open(&variables).await.list(Kind::Node).await.unwrap();
    });
}
