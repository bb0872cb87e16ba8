//! etcd v2: the tree of the 2017 cluster, read and mended.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use netdiag::calico::apiconfig::ApiConfig;
use netdiag::calico::resource::{Kind, Resource};
use netdiag::datastore::{Datastore, Error, Step, connect};
use serde_json::json;

use crate::server::Etcd;
use crate::{DEADLINE, open, refusal, run};

async fn of(etcd: &Etcd) -> Box<dyn Datastore> {
    open(&[("DATASTORE_TYPE", "etcdv2"), ("ETCD_ENDPOINTS", &etcd.url())]).await
}

/// A node as calicoctl v1 stored it.
fn seed(etcd: &Etcd, name: &str, address: &str, network: &str) {
    etcd.set2(&format!("/calico/bgp/v1/host/{name}/ip_addr_v4"), address);
    etcd.set2(&format!("/calico/bgp/v1/host/{name}/network_v4"), network);
    etcd.set2(&format!("/calico/v1/host/{name}/bird_ip"), address);
    etcd.set2(&format!("/calico/v1/host/{name}/metadata"), "{}");
}

fn with_address(mut node: Resource, address: &str) -> Resource {
    node.body
        .insert("spec".into(), json!({"bgp": {"ipv4Address": address}}));
    node
}

#[test]
fn a_node_of_the_old_tree_is_read_mended_and_read_back() {
    let Some(etcd) = Etcd::start() else { return };
    seed(&etcd, "node1", "10.244.1.1", "10.244.1.0/24");
    seed(&etcd, "node2", "10.244.2.1", "10.244.2.0/24");
    run(async {
        let store = of(&etcd).await;
        assert_eq!(store.describe(), format!("etcd v2 at {}", etcd.url()));
        let list = store.list(Kind::Node).await.unwrap();
        assert_eq!(list.items.len(), 2);
        let node = store.get(Kind::Node, "node1").await.unwrap();
        assert_eq!(node, list.items[0]);
        assert_eq!(node.text(&["spec", "bgp", "ipv4Address"]), Some("10.244.1.1/24"));

        let updated = store
            .update(&with_address(node.clone(), "192.168.80.23/24"))
            .await
            .unwrap();
        assert_eq!(
            updated.text(&["spec", "bgp", "ipv4Address"]),
            Some("192.168.80.23/24")
        );
        let read = |key: &str| etcd.ctl(2, "", &["get", key]).trim().to_owned();
        assert_eq!(read("/calico/bgp/v1/host/node1/ip_addr_v4"), "192.168.80.23");
        assert_eq!(read("/calico/bgp/v1/host/node1/network_v4"), "192.168.80.0/24");
        assert_eq!(read("/calico/v1/host/node1/bird_ip"), "192.168.80.23");
        assert!(matches!(store.update(&node).await, Err(Error::Conflict { .. })));
        assert_eq!(store.get(Kind::Node, "node2").await.unwrap(), list.items[1]);
    });
}

#[test]
fn a_created_node_has_the_keys_that_bird_and_felix_read() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        let store = of(&etcd).await;
        let new = with_address(Resource::new(Kind::Node, "n1"), "10.0.0.1/24");
        let created = store.create(&new).await.unwrap();
        assert_eq!(created.text(&["spec", "bgp", "ipv4Address"]), Some("10.0.0.1/24"));
        assert!(matches!(
            store.create(&new).await,
            Err(Error::AlreadyExists { .. })
        ));
        store.create(&Resource::new(Kind::Node, "bare")).await.unwrap();
        let names: Vec<_> = store.list(Kind::Node).await.unwrap().items;
        assert_eq!(
            names.iter().map(Resource::name).collect::<Vec<_>>(),
            ["bare", "n1"]
        );
        let keys = etcd.ctl(2, "", &["ls", "--recursive", "-p", "/calico"]);
        for key in [
            "bgp/v1/host/bare/ip_addr_v4",
            "v1/host/bare/metadata",
            "v1/host/n1/bird_ip",
        ] {
            assert!(keys.contains(&format!("/calico/{key}\n")), "{keys}");
        }
    });
}

#[test]
fn of_two_concurrent_updates_exactly_one_wins() {
    let Some(etcd) = Etcd::start() else { return };
    seed(&etcd, "n", "10.0.0.1", "10.0.0.0/24");
    run(async {
        let (one, two) = (of(&etcd).await, of(&etcd).await);
        for round in 2..12 {
            let node = one.get(Kind::Node, "n").await.unwrap();
            let ours = with_address(node.clone(), &format!("10.0.0.{round}/24"));
            let theirs = with_address(node, &format!("10.0.1.{round}/24"));
            let (first, second) = tokio::join!(one.update(&ours), two.update(&theirs));
            assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
            let lost = first.err().or(second.err()).unwrap();
            assert!(matches!(lost, Error::Conflict { .. }), "{lost}");
        }
    });
}

/// A way to etcd on which, just before the second write, somebody else changes a key.
fn meddling(etcd: &Arc<Etcd>, key: &'static str, value: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let etcd = Arc::downgrade(etcd);
    std::thread::spawn(move || {
        let mut writes = 0;
        for client in listener.incoming() {
            let Some(etcd) = etcd.upgrade() else { return };
            let mut client = client.unwrap();
            let mut request = vec![0; 4096];
            let length = client.read(&mut request).unwrap();
            request.truncate(length);
            if request.starts_with(b"PUT") {
                writes += 1;
                if writes == 2 {
                    etcd.set2(key, value);
                }
            }
            let mut server = TcpStream::connect(&etcd.authority).unwrap();
            server.write_all(&request).unwrap();
            std::io::copy(&mut server, &mut client).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn a_conflict_half_way_says_what_was_written() {
    let Some(etcd) = Etcd::start() else { return };
    let etcd = Arc::new(etcd);
    seed(&etcd, "n", "10.0.0.1", "10.0.0.0/24");
    let url = meddling(&etcd, "/calico/bgp/v1/host/n/network_v4", "10.9.9.0/24");
    run(async {
        let store = open(&[("DATASTORE_TYPE", "etcdv2"), ("ETCD_ENDPOINTS", &url)]).await;
        let node = store.get(Kind::Node, "n").await.unwrap();
        let error = store
            .update(&with_address(node, "10.0.7.1/24"))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::HalfWritten { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "update conflict: Node(n) was changed by someone else while /calico/bgp/v1/host/n/ip_addr_v4 had been written"
        );
    });
    let network = etcd.ctl(2, "", &["get", "/calico/bgp/v1/host/n/network_v4"]);
    assert_eq!(network.trim(), "10.9.9.0/24");
}

#[test]
fn peers_pools_and_settings_are_read_and_what_came_with_v3_is_refused() {
    let Some(etcd) = Etcd::start() else { return };
    etcd.set2("/calico/bgp/v1/global/as_num", "64511");
    etcd.set2("/calico/bgp/v1/global/node_mesh", r#"{"enabled":true}"#);
    etcd.set2(
        "/calico/bgp/v1/global/peer_v4/10.0.0.9",
        r#"{"ip":"10.0.0.9","as_num":"64567"}"#,
    );
    etcd.set2(
        "/calico/v1/ipam/v4/pool/192.168.0.0-16",
        r#"{"cidr":"192.168.0.0/16","ipip":"tunl0"}"#,
    );
    run(async {
        let store = of(&etcd).await;
        let settings = store.get(Kind::BgpConfiguration, "default").await.unwrap();
        assert_eq!(
            settings.body["spec"],
            json!({"asNumber": 64511, "nodeToNodeMeshEnabled": true})
        );
        assert_eq!(
            store.list(Kind::BgpPeer).await.unwrap().items[0].name(),
            "10-0-0-9"
        );
        let pool = store.get(Kind::IpPool, "192-168-0-0-16").await.unwrap();
        assert_eq!(pool.text(&["spec", "ipipMode"]), Some("Always"));
        let missing = store.get(Kind::ClusterInformation, "default").await;
        assert!(matches!(missing, Err(Error::NotFound { .. })));
        let mut sliced = pool.clone();
        sliced.set(&["spec", "vxlanMode"], Some("Always".into()));
        sliced.set(&["spec", "ipipMode"], Some("Never".into()));
        let error = store.update(&sliced).await.unwrap_err().to_string();
        assert!(error.contains("etcd v2 can't hold spec.vxlanMode"), "{error}");
        let mut named = pool.clone();
        named.set(&["metadata", "name"], Some("mine".into()));
        named.set(&["spec", "cidr"], Some("10.9.0.0/16".into()));
        let error = store.create(&named).await.unwrap_err().to_string();
        assert!(error.contains("it is called 10-9-0-0-16"), "{error}");
        let set = Resource::new(Kind::GlobalNetworkSet, "s");
        assert!(matches!(store.create(&set).await, Err(Error::Unsupported { .. })));
    });
}

#[test]
fn flannels_keys_are_read_as_they_are() {
    let Some(etcd) = Etcd::start() else { return };
    let lease = r#"{"PublicIP":"192.168.90.12","BackendType":"udp"}"#;
    etcd.set2("/coreos.com/network/subnets/10.5.54.0-24", lease);
    run(async {
        let entries = of(&etcd).await.entries("/coreos.com/network/").await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].key, "/coreos.com/network/subnets/10.5.54.0-24");
        assert_eq!(entries[0].value, lease.as_bytes());
        assert!(of(&etcd).await.entries("/none/").await.unwrap().is_empty());
    });
}

#[test]
fn a_v3_configuration_over_a_v2_tree_gives_a_note() {
    let Some(etcd) = Etcd::start() else { return };
    run(async {
        assert_eq!(
            open(&[("ETCD_ENDPOINTS", &etcd.url())]).await.notes(),
            Vec::<String>::new()
        );
        seed(&etcd, "n", "10.0.0.1", "10.0.0.0/24");
        let notes = open(&[("ETCD_ENDPOINTS", &etcd.authority)]).await.notes();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("has no scheme"), "{notes:?}");
        assert!(notes[1].contains("set DATASTORE_TYPE=etcdv2"), "{notes:?}");
    });
}

#[test]
fn a_v1_configuration_where_only_the_v3_api_answers_uses_that_with_a_note() {
    let Some(etcd) = Etcd::start_with("http", &[]) else {
        return;
    };
    let text = format!(
        "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  etcdEndpoints: {}\n",
        etcd.url()
    );
    let config = ApiConfig::from_file("calicoctl.cfg", &text, &|_| None).unwrap();
    run(async {
        let store = connect(&config, DEADLINE).await.unwrap();
        assert_eq!(store.describe(), format!("etcd v3 at {}", etcd.url()));
        assert!(
            store.notes()[0].contains("this v1 configuration means etcd v2"),
            "{:?}",
            store.notes()
        );
    });
}

#[test]
fn a_wrong_password_is_a_failure_to_log_in() {
    let Some(etcd) = Etcd::start() else { return };
    etcd.ctl(2, "s3cret\n", &["user", "add", "root:s3cret"]);
    etcd.ctl(2, "", &["auth", "enable"]);
    etcd.ctl(
        2,
        "",
        &[
            "--username",
            "root:s3cret",
            "role",
            "revoke",
            "guest",
            "--path",
            "/*",
            "--readwrite",
        ],
    );
    let url = etcd.url();
    let user = |password: &'static str| {
        [
            ("DATASTORE_TYPE", "etcdv2"),
            ("ETCD_ENDPOINTS", url.as_str()),
            ("ETCD_USERNAME", "root"),
            ("ETCD_PASSWORD", password),
        ]
    };
    run(async {
        let store = open(&user("s3cret")).await;
        store.create(&Resource::new(Kind::Node, "n")).await.unwrap();
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
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}
