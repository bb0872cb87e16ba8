//! No snapshot, however odd, makes a diagnosis panic, and the same snapshot gives the same report.

use netdiag::diagnose::{World, check, explain, manifests, own_address_fault};
use netdiag::intent::Cluster;
use netdiag::state::Snapshot;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::story::story;

/// A change of one value of a document.
#[derive(Debug, Clone)]
enum Mutation {
    /// Takes a field or an item away.
    Remove,
    /// Has an item twice.
    Repeat,
    /// Puts a value of another place here.
    Copy(Index),
    /// Puts this here.
    Set(Value),
}

fn mutation() -> impl Strategy<Value = (Index, Mutation)> {
    let values = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({"absent": {"why": "not permitted"}})),
        Just(json!({"known": []})),
        prop::sample::select(vec![
            "",
            "node1",
            "node2",
            "lo",
            "up",
            "down",
            "start",
            "Established",
            "Active",
            "Passive",
            "OpenSent",
            "Idle",
            "Connect",
            "Active Socket: Connection refused",
            "Active Socket: No route to host",
            "Active Socket: Network is unreachable",
            "Active Socket: Connection reset by peer",
            "Idle Received: Bad peer AS",
            "Idle BGP Error: Bad BGP identifier",
            "Idle BGP Error: Hold timer expired",
            "Received: Hold timer expired",
            "Connect Received: Administrative shutdown",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "fd00::2",
            "fe80::1",
            "10.244.1.1",
            "10.244.2.1",
            "192.168.80.23",
            "192.168.80.24",
            "0.0.0.0/0",
            "::/0",
            "10.244.2.1/32",
            "fd00::/64",
            "127.0.0.1:179",
            "[fd00::1]:179",
            "unicast",
            "blackhole",
            "failed",
            "incomplete",
            "reachable",
            "bridge",
            "BGP",
            "DROP",
            "RETURN",
            "INPUT",
            "-j",
            "REJECT",
            "-p",
            "tcp",
            "--dport",
            "179",
            "!",
            "-s",
            "-i",
            "Mesh_fd00__2_port_1790",
            "Node",
            "Pod",
        ])
        .prop_map(Value::from),
        prop::sample::select(vec![
            0_u64,
            1,
            2,
            3,
            32,
            33,
            128,
            129,
            179,
            254,
            255,
            u64::from(u32::MAX),
            u64::MAX
        ])
        .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let what = prop_oneof![
        2 => Just(Mutation::Remove),
        2 => Just(Mutation::Repeat),
        4 => any::<Index>().prop_map(Mutation::Copy),
        8 => values.prop_map(Mutation::Set),
    ];
    (any::<Index>(), what)
}

/// JSON pointers to every value.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{here}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{here}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn mutate(document: &mut Value, place: Index, mutation: &Mutation) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let path = place.get(&all[..]);
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    match mutation {
        Mutation::Remove => match document.pointer_mut(parent) {
            Some(Value::Object(fields)) => _ = fields.remove(name),
            Some(Value::Array(items)) => {
                if let Ok(index) = name.parse() {
                    items.remove(index);
                }
            }
            _ => {}
        },
        Mutation::Repeat => {
            let copy = document.pointer(path).cloned().unwrap_or_default();
            if let Some(Value::Array(items)) = document.pointer_mut(parent) {
                items.push(copy);
            }
        }
        Mutation::Copy(from) => {
            let value = document
                .pointer(from.get::<String>(&all))
                .cloned()
                .unwrap_or_default();
            set(document, path, value);
        }
        Mutation::Set(value) => set(document, path, value.clone()),
    }
}

fn set(document: &mut Value, path: &str, value: Value) {
    // Copies of large parts into themselves would grow without bounds.
    if let Some(place) = document.pointer_mut(path)
        && value.to_string().len() < 3000
    {
        *place = value;
    }
}

/// The story, seen from two nodes or one, with changes; those that make it no snapshot are left out.
fn snapshot() -> impl Strategy<Value = Snapshot> {
    (any::<bool>(), prop::collection::vec(mutation(), 0..24)).prop_map(|(two, mutations)| {
        let mut document = story();
        if two {
            let mut second = document["nodes"][0].clone();
            second["name"] = "node2".into();
            second["addresses"]["known"][1]["ip"] = "192.168.80.24".into();
            second["addresses"]["known"][2]["ip"] = "10.244.2.1".into();
            second["bird"]["known"]["protocols"][0]["bgp"]["neighborAddress"] = "10.244.1.1".into();
            document["nodes"].as_array_mut().unwrap().push(second);
        }
        let mut snapshot: Snapshot = serde_json::from_value(document.clone()).unwrap();
        for (place, mutation) in &mutations {
            let mut changed = document.clone();
            mutate(&mut changed, *place, mutation);
            if let Ok(read) = serde_json::from_value(changed.clone()) {
                (document, snapshot) = (changed, read);
            }
        }
        snapshot
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_snapshot_makes_a_diagnosis_panic_or_waver(snapshot in snapshot()) {
        let cluster = snapshot.objects.known().map(Cluster::new);
        let world = World::new(&snapshot.nodes, cluster.as_ref().ok_or("not known"));
        let report = check(&world);
        prop_assert_eq!(&check(&world), &report);
        if let Some(objects) = snapshot.objects.known() {
            prop_assert_eq!(manifests::manifests(&report, objects), manifests::manifests(&report, objects));
        }
        for node in world.nodes {
            own_address_fault(&world, &node.name);
            for bird in [node.bird.known(), node.bird6.known()].into_iter().flatten() {
                for (protocol, session) in bird.sessions() {
                    let explanation = explain(&world, node, bird, protocol, session);
                    prop_assert_eq!(explanation.is_some(), session.neighbor_address.is_some());
                    prop_assert_eq!(explain(&world, node, bird, protocol, session), explanation);
                }
            }
        }
    }

    #[test]
    fn every_snapshot_reads_back_as_it_was_written(snapshot in snapshot()) {
        let text = serde_json::to_string(&snapshot).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
    }
}
