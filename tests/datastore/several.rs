//! Several written by one request: each ends as it would alone, also where a server refuses several at once.

use netdiag::calico::resource::{Kind, Resource};
use netdiag::datastore::{Datastore, Error, Write};
use serde_json::json;

use crate::server::Etcd;
use crate::{open, run};

const ROOT: &str = "/calico/resources/v3/projectcalico.org";

fn set(name: &str, net: &str) -> Resource {
    let mut set = Resource::new(Kind::GlobalNetworkSet, name);
    set.set(&["spec"], Some(json!({"nets": [net]})));
    set
}

fn policy(name: &str, order: u64) -> Resource {
    let mut policy = Resource::new(Kind::GlobalNetworkPolicy, name);
    policy.set(
        &["spec"],
        Some(json!({"tier": "default", "order": order, "types": ["Ingress"]})),
    );
    policy
}

/// A policy as releases before 3.30 store it.
fn put_old_policy(etcd: &Etcd, name: &str) {
    etcd.put3(
        &format!("{ROOT}/globalnetworkpolicies/default.{name}"),
        &format!(
            r#"{{"kind":"GlobalNetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{{"name":"default.{name}","uid":"u","creationTimestamp":"2020-01-01T00:00:00Z"}},"spec":{{"order":1,"types":["Ingress"]}}}}"#
        ),
    );
}

async fn changed(store: &dyn Datastore, kind: Kind, name: &str, path: &[&str]) -> Resource {
    let mut resource = store.get(kind, name).await.unwrap();
    resource.set(path, Some(json!(9)));
    resource
}

#[test]
fn writes_of_one_request_end_each_as_it_would_alone() {
    for arguments in [&["--max-txn-ops=128"][..], &["--max-txn-ops=4"]] {
        let Some(etcd) = Etcd::start_with("http", arguments) else {
            return;
        };
        put_old_policy(&etcd, "old");
        run(async {
            let store = open(&[("ETCD_ENDPOINTS", &etcd.url())]).await;
            for name in ["there", "stale", "fresh", "gone"] {
                store.create(&set(name, "10.0.0.0/8")).await.unwrap();
            }
            let stale = changed(
                &*store,
                Kind::GlobalNetworkSet,
                "stale",
                &["metadata", "generation"],
            )
            .await;
            store.update(&stale).await.unwrap();
            let fresh = changed(
                &*store,
                Kind::GlobalNetworkSet,
                "fresh",
                &["metadata", "generation"],
            )
            .await;
            let gone = changed(
                &*store,
                Kind::GlobalNetworkSet,
                "gone",
                &["metadata", "generation"],
            )
            .await;
            store.delete(&gone).await.unwrap();
            let old = changed(&*store, Kind::GlobalNetworkPolicy, "old", &["spec", "order"]).await;
            let anonymous = {
                let mut set = store.get(Kind::GlobalNetworkSet, "there").await.unwrap();
                set.set(&["metadata", "uid"], None);
                set
            };
            let (new, there) = (set("new", "10.0.0.0/8"), set("there", "10.1.0.0/16"));
            let (bad, twice) = (set("a/b", "10.0.0.0/8"), policy("old", 2));
            let own = policy("own", 3);
            let writes = [
                Write::Create(&there),
                Write::Create(&new),
                Write::Update(&stale),
                Write::Update(&fresh),
                Write::Update(&gone),
                Write::Create(&bad),
                Write::Create(&twice),
                Write::Update(&old),
                Write::Create(&own),
                Write::Update(&anonymous),
            ];
            let ended = store.write_several(&writes).await;
            let word = |result: &Result<(), Error>| match result {
                Ok(()) => "done",
                Err(Error::AlreadyExists { .. }) => "exists",
                Err(Error::Conflict { .. }) => "conflict",
                Err(Error::NotFound { .. }) => "gone",
                Err(Error::BadValue { .. }) => "bad",
                Err(other) => panic!("{other}"),
            };
            assert_eq!(
                ended.iter().map(word).collect::<Vec<_>>(),
                [
                    "exists", "done", "conflict", "done", "gone", "bad", "exists", "done", "done", "done"
                ]
            );
            let names = |kind: Kind| {
                let store = &store;
                async move {
                    let list = store.list(kind).await.unwrap().items;
                    list.iter().map(|item| item.name().to_owned()).collect::<Vec<_>>()
                }
            };
            assert_eq!(
                names(Kind::GlobalNetworkSet).await,
                ["fresh", "new", "stale", "there"]
            );
            assert_eq!(names(Kind::GlobalNetworkPolicy).await, ["old", "own"]);
            // What is written keeps its key.
            let old = store.get(Kind::GlobalNetworkPolicy, "old").await.unwrap();
            assert_eq!(old.field(&["spec", "order"]), Some(&json!(9)));
            let keys = etcd.ctl(
                3,
                "",
                &[
                    "get",
                    "--prefix",
                    "--keys-only",
                    &format!("{ROOT}/globalnetworkpolicies/"),
                ],
            );
            assert!(
                keys.contains("/default.old\n") && keys.contains("/own\n"),
                "{keys}"
            );
            assert!(!keys.contains("/old\n"), "{keys}");
        });
    }
}

#[test]
fn more_than_one_request_takes_is_several() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        let store = open(&[("ETCD_ENDPOINTS", &etcd.url())]).await;
        // 40 kB each, and one that fills a request.
        let note = |size: usize, mut set: Resource| {
            set.set(
                &["metadata", "annotations", "note"],
                Some("x".repeat(size).into()),
            );
            set
        };
        let mut sets: Vec<Resource> = (0..150)
            .map(|number| note(40_000, set(&format!("s{number:03}"), "10.0.0.0/8")))
            .collect();
        sets.insert(77, note(1_200_000, set("large", "10.0.0.0/8")));
        let writes: Vec<Write<'_>> = sets.iter().map(Write::Create).collect();
        let ended = store.write_several(&writes).await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
        let names: Vec<String> = sets.iter().map(Resource::id).collect();
        let read = store.get_several(Kind::GlobalNetworkSet, &names).await.unwrap();
        for (read, name) in read.into_iter().zip(&names) {
            assert_eq!(read.unwrap().name(), name);
        }
    });
}

#[test]
fn who_may_write_a_part_writes_that_part() {
    let Some(etcd) = Etcd::start() else { return };
    for words in [
        "user add root:s3cret",
        "user grant-role root root",
        "role add sets",
        "role grant-permission --prefix=true sets read /calico/",
        "role grant-permission --prefix=true sets readwrite /calico/resources/v3/projectcalico.org/globalnetworksets/",
        "user add writer:wr1te",
        "user grant-role writer sets",
        "auth enable",
    ] {
        etcd.ctl(3, "", &words.split(' ').collect::<Vec<_>>());
    }
    run(async {
        let store = open(&[
            ("ETCD_ENDPOINTS", &etcd.url()),
            ("ETCD_USERNAME", "writer"),
            ("ETCD_PASSWORD", "wr1te"),
        ])
        .await;
        let (one, tier, two) = (
            set("one", "10.0.0.0/8"),
            Resource::new(Kind::Tier, "t"),
            set("two", "10.0.0.0/8"),
        );
        let writes = [Write::Create(&one), Write::Create(&tier), Write::Create(&two)];
        let ended = store.write_several(&writes).await;
        assert!(ended[0].is_ok() && ended[2].is_ok(), "{ended:?}");
        let refused = ended[1].as_ref().unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{refused}");
        // Nor was it written by way of the others.
        assert!(matches!(
            store.get(Kind::Tier, "t").await,
            Err(Error::NotFound { .. })
        ));
    });
}
