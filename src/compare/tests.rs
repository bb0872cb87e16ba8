use super::*;
use crate::archive;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

fn healthy() -> Snapshot {
    let file = include_bytes!("../../fixtures/snapshot_v1/healthy-node2.json");
    archive::read(file.as_slice()).unwrap()
}

/// The healthy node with what another kernel would say.
fn changed(change: impl FnOnce(&mut Value)) -> Snapshot {
    let mut value = serde_json::to_value(healthy()).unwrap();
    change(&mut value["nodes"][0]);
    serde_json::from_value(value).unwrap()
}

fn told_with(show: Show, before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let line = |change: Change| {
        let fields = change.fields.iter().map(|field| {
            let value = |value: &Option<Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                " | {} {} → {}",
                field.path,
                value(&field.before),
                value(&field.after)
            )
        });
        format!(
            "{:?} {}: {}{}{}",
            change.change,
            change.item,
            change.what,
            change.now.map(|now| format!(" → {now}")).unwrap_or_default(),
            fields.collect::<String>()
        )
    };
    compare(before, after, show)
        .changes
        .into_iter()
        .map(line)
        .collect()
}

fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
    told_with(Show::Settled, &healthy(), &changed(change))
}

fn entry<'v>(node: &'v mut Value, list: &str, key: &str, value: &str) -> &'v mut Value {
    let list = node["net"][list]["known"].as_array_mut().unwrap();
    list.iter_mut().find(|entry| entry[key] == value).unwrap()
}

fn list<'v>(node: &'v mut Value, list: &str) -> &'v mut Vec<Value> {
    node["net"][list]["known"].as_array_mut().unwrap()
}

#[test]
fn equal_snapshots_have_no_changes() {
    for show in [Show::Settled, Show::Counters, Show::All] {
        assert_eq!(compare(&healthy(), &healthy(), show), Comparison::default());
    }
}

#[test]
fn links_change_field_by_field_and_flags_have_names() {
    let lines = told(|node| {
        let link = entry(node, "links", "name", "eth0");
        link["mtu"] = 1400.into();
        link["flags"] = 0.into();
        link["operstate"] = "down".into();
    });
    assert_eq!(
        lines,
        ["Changed net.links: eth0 | flags \"UP\" →  | mtu 1500 → 1400 | operstate \"up\" → \"down\""]
    );
}

#[test]
fn routes_read_as_ip_route_prints_them_and_keep_their_place() {
    let lines = told(|node| {
        let route = entry(node, "routes", "dst", "192.168.115.128/26");
        route["nextHops"][0]["gateway"] = "192.168.80.99".into();
        route["metric"] = 0.into();
        list(node, "routes").retain(|route| route["dst"] != "192.168.131.0/26");
        list(node, "routes").push(
            json!({"dst": "0.0.0.0/0", "table": 100, "type": "blackhole", "proto": 4,
            "metric": 7}),
        );
    });
    assert_eq!(
        lines,
        [
            "Changed net.routes: 192.168.115.128/26 via 192.168.80.23 dev eth0 proto bird → 192.168.115.128/26 via \
             192.168.80.99 dev eth0 proto bird",
            "Removed net.routes: 192.168.131.0/26 via 192.168.80.25 dev eth0 proto bird",
            "Added net.routes: blackhole default table 100 proto static metric 7",
        ]
    );
}

#[test]
fn several_ways_out_and_addresses_read_as_lines() {
    let lines = told(|node| {
        list(node, "routes").push(
            json!({"dst": "10.9.0.0/16", "table": 254, "type": "unicast", "proto": 3,
            "prefsrc": "192.168.80.24", "mtu": [1400, true], "nextHops": [
                {"gateway": "192.168.80.1", "link": 2, "flags": 4}, {"link": 77, "weight": 2}]}),
        );
        list(node, "addresses").push(json!({"link": 2, "ip": "10.9.9.9", "prefixLen": 32, "scope": 253,
            "label": "eth0:1", "flags": 129}));
    });
    let link = healthy().nodes[0].net.links.items()[1].name.clone();
    assert_eq!(
        lines,
        [
            format!("Added net.addresses: 10.9.9.9/32 scope link dev {link} label eth0:1 flags 0x81"),
            format!(
                "Added net.routes: 10.9.0.0/16 proto boot src 192.168.80.24 mtu lock 1400 nexthop via \
                 192.168.80.1 dev {link} onlink weight 1 nexthop dev link 77 weight 2"
            ),
        ]
    );
}

#[test]
fn rules_read_as_ip_rule_prints_them() {
    let with = |rules: Value| changed(|node| node["net"]["rules"] = json!({ "known": rules }));
    let main = json!({"v6": false, "priority": 32766, "action": {"lookup": 254}});
    let mark = json!({"v6": true, "priority": 100, "invert": true, "src": "fd00::/64", "fwmark": [16, 255],
        "dport": [80, 81], "action": {"lookup": 7}});
    assert_eq!(
        told_with(Show::Settled, &with(json!([main])), &with(json!([mark, main]))),
        ["Added net.rules: 100: IPv6 not from fd00::/64 fwmark 0x10/0xff dport [80,81] lookup 7"]
    );
}

#[test]
fn a_neighbor_counts_when_its_mac_or_its_silence_is_new() {
    let first = |node: &Value| {
        let all = node["net"]["neighbors"]["known"].as_array().unwrap();
        all.iter()
            .position(|entry| entry["state"] == "reachable" || entry["state"] == "stale")
            .unwrap()
    };
    let lines = told(|node| {
        let at = first(node);
        node["net"]["neighbors"]["known"][at]["state"] = "probe".into();
        node["net"]["neighbors"]["known"][at]["confirmedSeconds"] = 99.into();
    });
    assert_eq!(lines, [""; 0]);
    let lines = told(|node| {
        let at = first(node);
        node["net"]["neighbors"]["known"][at]["state"] = "failed".into();
    });
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].ends_with("| state \"answered\" → \"failed\""),
        "{lines:?}"
    );
    let lines = told(|node| {
        let at = first(node);
        list(node, "neighbors").remove(at);
    });
    assert_eq!(lines, [""; 0], "they come and go");
}

#[test]
fn netfilter_rules_are_told_by_table_and_chain_and_counters_only_when_asked_for() {
    let with = |rules: Value| {
        changed(|node| {
            node["net"]["netfilter"] = json!({"known": [{"dialect": "iptables-nft", "tables": [{"name": "filter",
                "chains": [{"name": "INPUT", "policy": "ACCEPT", "rules": rules}]}]}]});
        })
    };
    let rule = |text: &str, packets: u64| json!({"text": text, "line": 1, "counters": {"packets": packets, "bytes": 60}});
    let before = with(json!([rule("-A INPUT -j ONE", 1), rule("-A INPUT -j TWO", 1)]));
    let settled = |after: Value| told_with(Show::Settled, &before, &with(after));
    assert_eq!(
        settled(json!([rule("-A INPUT -j ONE", 9), rule("-A INPUT -j TWO", 9)])),
        [""; 0]
    );
    assert_eq!(
        settled(json!([rule("-A INPUT -j ONE", 1), rule("-A INPUT -j DROP", 1)])),
        [
            "Removed net.netfilter: iptables-nft filter INPUT -A INPUT -j TWO",
            "Added net.netfilter: iptables-nft filter INPUT -A INPUT -j DROP",
        ]
    );
    assert_eq!(
        settled(json!([rule("-A INPUT -j TWO", 1), rule("-A INPUT -j ONE", 1)])),
        ["Changed net.netfilter: iptables-nft filter INPUT rules | order  → \"another\""]
    );
    let counted = told_with(
        Show::Counters,
        &before,
        &with(json!([rule("-A INPUT -j ONE", 9), rule("-A INPUT -j TWO", 1)])),
    );
    assert_eq!(
        counted,
        ["Changed net.netfilter: iptables-nft filter INPUT -A INPUT -j ONE | counters.packets 1 → 9"]
    );
}

#[test]
fn a_session_that_broke_is_told_and_timers_are_not() {
    let lines = told(|node| {
        let session = node["bird"]["known"]["protocols"].as_array_mut().unwrap();
        let session = session.iter_mut().find(|row| row["proto"] == "BGP").unwrap();
        session["name"] = "Mesh_192_168_80_23".into();
        session["since"] = "now".into();
        session["bgp"]["holdTimer"] = "1/2".into();
        session["state"] = "start".into();
        session["info"] = "Active".into();
    });
    assert_eq!(
        lines,
        ["Changed bird: Mesh_192_168_80_23 | info \"Established\" → \"Active\" | state \"up\" → \"start\""]
    );
}

#[test]
fn what_can_not_be_compared_is_named_and_what_went_away_is_a_change() {
    let without = changed(|node| node["bird"] = json!({"absent": {"why": "no control socket"}}));
    assert_eq!(
        told_with(Show::Settled, &healthy(), &without),
        ["Changed bird: bird | absent  → \"no control socket\""]
    );
    let with_rules = changed(|node| node["net"]["rules"] = json!({"known": []}));
    let found = compare(&healthy(), &with_rules, Show::Settled);
    assert_eq!(found.changes, []);
    assert_eq!(found.incomparable, ["net.rules of node2: not in the first"]);
}

#[test]
fn objects_come_first_and_nodes_that_went_with_them() {
    let mut after = healthy();
    after.nodes[0].name = "node9".into();
    if let Fact::Known(objects) = &mut after.objects {
        let node = objects
            .resources
            .iter_mut()
            .find(|object| object["kind"] == "Node");
        let node = node.unwrap();
        node["metadata"]["resourceVersion"] = "999999".into();
        node["spec"]["bgp"]["ipv4Address"] = "10.0.0.1/24".into();
    }
    let lines = told_with(Show::Settled, &healthy(), &after);
    assert_eq!(lines[..2], ["Removed nodes: node2", "Added nodes: node9"]);
    assert!(
        lines[2].starts_with("Changed objects: Node node1 | spec.bgp.ipv4Address"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn facts_that_nobody_has_told_us_of_are_compared_too() {
    let before = json!({"net": {
        "links": {"known": [{"index": 3, "name": "eth0", "mtu": 1}]},
        "gadgets": {"known": [{"name": "a", "master": 3, "parts": [{"id": 1, "size": 2}]}]},
        "sysctls": {"known": {"net.ipv4.ip_forward": "1"}},
        "namespaces": {"known": [{"id": {"inode": 1}, "pod": {"namespace": "default", "name": "web"}, "net": {
            "links": {"known": [{"index": 2, "name": "eth0", "mtu": 1500}]},
            "routes": {"known": []}}}]}}});
    let mut after = before.clone();
    let net = &mut after["net"];
    net["gadgets"]["known"][0]["parts"][0]["size"] = 3.into();
    net["gadgets"]["known"][0]["master"] = 4.into();
    net["sysctls"]["known"]["net.ipv4.ip_forward"] = "0".into();
    let pod = &mut net["namespaces"]["known"][0];
    pod["id"]["inode"] = 2.into();
    pod["net"]["links"]["known"][0]["mtu"] = 1400.into();
    pod["net"]["routes"]["known"] =
        json!([{"dst": "0.0.0.0/0", "table": 254, "type": "unicast", "proto": 3, "nextHops": [{"link": 2}]}]);
    let mut walk = walk::Walk::new("node1", Show::Settled);
    let [before, after] = [before, after].map(|mut node| {
        links::name_all(&mut node);
        node
    });
    walk.structure("", "", &before, &after);
    let changes = walk.done().0.into_iter().map(|change| {
        let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
        format!("{}: {} {}", change.item, change.what, fields.join(","))
    });
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [
            "net.gadgets: a 1 size",
            "net.gadgets: a master",
            "net.namespaces.net.links: default/web eth0 mtu",
            "net.namespaces.net.routes: default/web default dev eth0 proto boot ",
            "net.sysctls: net.ipv4.ip_forward ",
        ]
    );
}

/// Every place of a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_value_makes_a_comparison_panic_and_both_ways_see_it(
        edits in prop::collection::vec((any::<Index>(), prop_oneof![
            Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!("x")), Just(json!(7)),
            Just(json!([{"text": "a"}])), Just(json!({"known": [1]})), Just(json!({"absent": {"why": "x"}})),
        ]), 1..4),
    ) {
        let before = serde_json::to_value(&healthy().nodes[0]).unwrap();
        let mut all = Vec::new();
        places(&before, "", &mut all);
        let mut after = before.clone();
        for (place, value) in edits {
            if let Some(found) = after.pointer_mut(&all[place.index(all.len())]) {
                *found = value;
            }
        }
        let count = |before: &Value, after: &Value| {
            let [before, after] = [before, after].map(|node| {
                let mut node = node.clone();
                links::name_all(&mut node);
                node
            });
            let mut walk = walk::Walk::new("node1", Show::All);
            walk.structure("", "", &before, &after);
            let (changes, incomparable) = walk.done();
            changes.len() + incomparable.len()
        };
        let there = count(&before, &after);
        let back = count(&after, &before);
        prop_assert_eq!(there == 0, back == 0);
    }
}
