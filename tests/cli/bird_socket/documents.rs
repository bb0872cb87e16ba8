//! `-o json`, `-o yaml` and `-o wide`.

use serde_json::{Value, json};

use super::{BAD_AS_1, HEALTHY_1, MIXED_1, MIXED_2, status};
use crate::{FakeBird, netdiag};

#[test]
fn json_has_the_facts_of_the_table_and_of_show_protocols_all() {
    let output = status(&FakeBird::recorded(BAD_AS_1), ["-o", "json"]).run();
    let status = output.exits(2).json();
    assert_eq!(status["netdiagNodeStatus"], 1);
    assert_eq!(status["node"]["name"], "node1");
    assert_eq!(status["node"]["routerId"], "10.0.0.1");
    assert_eq!(status["established"], 2);
    assert_eq!(status["bird"][0]["family"], "IPv4");
    assert_eq!(status["bird"][0]["version"], "1.6.8");
    assert!(
        status["bird"][0]["socket"]
            .as_str()
            .unwrap()
            .ends_with("/bird.ctl")
    );
    assert!(status["bird"][1]["why"].as_str().unwrap().contains("bird6.ctl"));
    let [down, up, _] = &status["peers"].as_array().unwrap()[..] else {
        panic!("three peers:\n{output}")
    };
    for (field, value) in [
        ("name", "Mesh_192_168_80_24"),
        ("peerAddress", "192.168.80.24"),
        ("peerType", "node-to-node mesh"),
        ("state", "start"),
        ("since", "11:01:54"),
        ("info", "Idle BGP Error: Bad peer AS"),
        ("cause", "wrong-as"),
    ] {
        assert_eq!(down[field], value, "{field}\n{output}");
    }
    assert!(
        down["explanation"].is_string() && down["evidence"].is_array(),
        "{output}"
    );
    assert_eq!(
        down["session"],
        json!({"state": "Idle", "neighborAddress": "192.168.80.24", "neighborAs": 64512, "errorWait": "15/20",
            "lastError": "BGP Error: Bad peer AS", "routes": {"imported": 0, "exported": 0, "preferred": 0}})
    );
    assert_eq!(up["cause"], "established");
    assert_eq!(up["explanation"], Value::Null);
    assert_eq!(
        up["session"],
        json!({"state": "Established", "neighborAddress": "192.168.80.25", "neighborAs": 64512,
            "neighborId": "192.168.80.25", "sourceAddress": "192.168.80.23",
            "session": "internal multihop AS4 add-path-rx add-path-tx", "holdTimer": "8/9", "keepaliveTimer": "2/3",
            "routes": {"imported": 1, "exported": 1, "preferred": 1}})
    );
}

#[test]
fn yaml_holds_what_json_holds() {
    for recorded in [HEALTHY_1, MIXED_1, MIXED_2] {
        // One reading for both: the kernel of this machine may change between two.
        let bird = FakeBird::recorded(recorded);
        let directory = tempfile::tempdir().unwrap();
        let saved = directory.path().join("node1.json");
        netdiag(["snapshot", "save", "-o"])
            .args([&saved])
            .bird(bird.socket())
            .run()
            .exits(0);
        let shown = |form| {
            netdiag(["node", "status", "-o", form, "--snapshot"])
                .args([&saved])
                .run()
        };
        let json = shown("json");
        let yaml = shown("yaml");
        assert_eq!(json.status, yaml.status);
        let read: Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
        assert_eq!(read, json.json(), "{yaml}");
        assert!(!json.json()["peers"].as_array().unwrap().is_empty(), "{json}");
        assert_eq!(yaml.stderr, "", "documents come alone");
    }
}

#[test]
fn wide_adds_as_router_id_timers_route_counts_and_the_last_error() {
    let output = status(&FakeBird::recorded(BAD_AS_1), ["-o", "wide"]).run();
    output.exits(2);
    let heading = output
        .stdout
        .lines()
        .find(|line| line.contains("PEER ADDRESS"))
        .unwrap();
    for column in ["AS", "ROUTER ID", "HOLD", "KEEPALIVE", "IN", "OUT", "LAST ERROR"] {
        assert!(
            heading.split('|').any(|cell| cell.trim() == column),
            "{column}\n{output}"
        );
    }
    let rows = output.rows();
    assert!(rows[0].contains(&"BGP Error: Bad peer AS".to_owned()), "{output}");
    assert!(rows[0].contains(&"64512".to_owned()), "{output}");
    for cell in ["192.168.80.25", "8/9", "2/3", "1"] {
        assert!(rows[1].contains(&cell.to_owned()), "{cell}\n{output}");
    }
}

#[test]
fn json_of_both_ip_versions_has_each_peers_own_address() {
    let output = status(&FakeBird::recorded(MIXED_2), ["-o", "json"]).run();
    let status = output.exits(2).json();
    let addresses: Vec<&str> = status["peers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| peer["peerAddress"].as_str().unwrap())
        .collect();
    assert_eq!(addresses, ["127.0.0.1", "10.0.0.9:1179", "10.0.0.8", "fd00::2"]);
    assert_eq!(status["bird"][1]["version"], "2.0.12", "one daemon for both");
    assert_eq!(status["peers"][3]["session"]["localAs"], 64512);
}
