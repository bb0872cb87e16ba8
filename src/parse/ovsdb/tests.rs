use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::state::ovs::Ovs;

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/ovs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn from_listings() -> Ovs {
    let mut tables = Tables::new();
    for table in ["Open_vSwitch", "Bridge", "Port", "Interface"] {
        tables.insert(
            table.to_owned(),
            listed(&fixture(&format!("ovs-{table}.json"))).unwrap(),
        );
    }
    picture(&tables)
}

#[test]
fn listings_and_the_databases_own_answer_give_the_same_picture() {
    let answer: Value = serde_json::from_str(&fixture("select.json")).unwrap();
    let names = ["Bridge", "Port", "Interface"];
    let answered = picture(&selected(&answer["result"], &names).unwrap());
    let listed = from_listings();
    assert_eq!(answered.bridges.len(), 2);
    let shape = |ovs: &Ovs| -> Vec<_> {
        let ports = ovs.bridges.iter().flat_map(|bridge| {
            let ports = bridge.ports.iter();
            ports.map(|port| {
                (
                    bridge.name.clone(),
                    bridge.datapath_id.clone(),
                    port.name.clone(),
                    port.tag,
                )
            })
        });
        ports.collect()
    };
    assert_eq!(shape(&answered), shape(&listed));
    assert_eq!(shape(&listed).len(), 6);
}

#[test]
fn the_text_of_show_has_the_same_bridges_ports_and_tunnels() {
    let (shown, listed) = (shown(&fixture("vsctl-show.txt")).unwrap(), from_listings());
    let shape = |ovs: &Ovs| -> Vec<_> {
        ovs.interfaces()
            .map(|(bridge, port, interface)| {
                let names = [&bridge.name, &port.name, &interface.name, &interface.kind].map(Clone::clone);
                (
                    names,
                    bridge.datapath_type.clone(),
                    port.tag,
                    interface.options.clone(),
                )
            })
            .collect()
    };
    assert_eq!(shape(&shown), shape(&listed));
}

#[test]
fn bridges_have_their_ports_and_ports_their_interfaces() {
    let ovs = from_listings();
    let bridge = ovs.bridge("br0").unwrap();
    assert_eq!(bridge.datapath_type, "netdev");
    let names: Vec<&str> = bridge.ports.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["br0", "tun0", "veth1", "veth2"]);
    let (_, _, tunnel) = ovs
        .interfaces()
        .find(|(_, _, interface)| interface.name == "tun0")
        .unwrap();
    assert_eq!(tunnel.options["remote_ip"], "192.168.70.12");
    assert!(tunnel.options.contains_key("key"), "{tunnel:?}");
    assert_eq!(tunnel.status["tunnel_egress_iface"], "br-ex");
    assert_eq!(
        tunnel.statistics["rx_bytes"],
        tunnel.statistics["rx_bytes"].max(0)
    );
}

#[test]
fn atoms_sets_and_maps_are_told_apart() {
    let read = |value: Value| Datum::from_json(&value);
    assert_eq!(
        read(json!("set")),
        Some(Datum::Set(vec![Atom::Text("set".into())]))
    );
    assert_eq!(read(json!(["set", []])), Some(Datum::Set(vec![])));
    assert_eq!(
        read(json!(["uuid", "u"])),
        Some(Datum::Set(vec![Atom::Uuid("u".into())]))
    );
    assert_eq!(
        read(json!(["set", [["uuid", "u"], ["uuid", "v"]]])),
        Some(Datum::Set(vec![Atom::Uuid("u".into()), Atom::Uuid("v".into())]))
    );
    assert_eq!(
        read(json!(["map", [["a", 1], ["b", true]]])),
        Some(Datum::Map(vec![
            (Atom::Text("a".into()), Atom::Integer(1)),
            (Atom::Text("b".into()), Atom::Boolean(true)),
        ]))
    );
    assert_eq!(read(json!(1.5)), Some(Datum::Set(vec![Atom::Real(1.5)])));
    for wrong in [
        json!(null),
        json!({}),
        json!(["bag", []]),
        json!(["map", [["a"]]]),
    ] {
        assert_eq!(read(wrong), None);
    }
}

#[test]
fn what_the_server_refused_is_said() {
    let answer = json!([{"rows": []}, {"error": "syntax error", "details": "no table named Port"}]);
    let error = selected(&answer, &["Bridge", "Port"]).unwrap_err();
    assert_eq!(error, "table Port: syntax error no table named Port");
    assert!(selected(&json!([]), &["Bridge"]).is_err());
    assert!(listed("{\"headings\": [\"a\"], \"data\": [[1, 2]]}").is_err());
}

#[test]
fn secrets_of_tunnels_and_controllers_are_cut_and_network_keys_stay() {
    let map = |pairs: Value| json!(["map", pairs]);
    let tables = [
        (
            "Bridge",
            json!([{
                "_uuid": ["uuid", "b"], "name": "br0", "ports": ["uuid", "p"], "controller": ["uuid", "c"],
                "other_config": map(json!([["api_token", "hunter2"], ["hwaddr", "02:00:00:00:00:01"]])),
            }]),
        ),
        (
            "Port",
            json!([{"_uuid": ["uuid", "p"], "name": "t", "interfaces": ["uuid", "i"],
            "external_ids": map(json!([["password", "hunter2"]]))}]),
        ),
        (
            "Interface",
            json!([{"_uuid": ["uuid", "i"], "name": "t", "type": "vxlan",
            "options": map(json!([["key", "42"], ["psk", "hunter2"], ["remote_ip", "10.0.0.2"]]))}]),
        ),
        (
            "Controller",
            json!([{"_uuid": ["uuid", "c"], "target": "tcp:10.0.0.9:6653", "is_connected": true,
            "status": map(json!([["last_error", "https://a:hunter2@h"]]))}]),
        ),
    ];
    let tables = tables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), rows(&value).unwrap()))
        .collect();
    let ovs = picture(&tables);
    let text = serde_json::to_string(&ovs).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let interface = &ovs.bridges[0].ports[0].interfaces[0];
    assert_eq!(interface.options["key"], "42");
    assert_eq!(interface.options["remote_ip"], "10.0.0.2");
    assert_eq!(ovs.bridges[0].controllers[0].target, "tcp:10.0.0.9:6653");
    assert_eq!(ovs.bridges[0].other_config["hwaddr"], "02:00:00:00:00:01");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(\\{|\\}|\\[|\\]|,|:|\"headings\"|\"data\"|\"set\"|\"map\"|\"a\"|1){0,40}") {
        for text in [&text, &like] {
            let _ = listed(text);
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                let _ = selected(&value, &["Bridge"]);
                let _ = Datum::from_json(&value);
            }
        }
    }
}
