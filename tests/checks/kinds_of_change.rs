//! `netdiag plan`: a row for each kind of change, with what it must say of it. What real daemons make of the same
//! changes is in `tests/labs/plan.rs`.

use netdiag::calico::manifest;
use netdiag::calico::resource::Resource;
use netdiag::diagnose::future::flows::Flows;
use netdiag::diagnose::future::{Change, Future, future};
use netdiag::intent::Cluster;
use netdiag::intent::blocks::blocks;
use netdiag::intent::routes::Intent;
use netdiag::intent::sessions::sessions;
use netdiag::state::bird::{BgpSession, Bird, Protocol};
use netdiag::state::route::RouteProtocol;
use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::{Value, json};

use crate::made::{known, made, resource, stored};

/// A cluster of three nodes, their sessions Established; Felix's settings; pods with labels and policies.
fn cluster(flavour: Flavour, more: &[Value]) -> Snapshot {
    let mut cluster = made(flavour, 3, 2);
    let objects = stored(&mut cluster);
    for name in ["node0001", "node0002", "node0003"] {
        assert!(
            objects
                .resources
                .iter()
                .any(|object| object["metadata"]["name"] == *name),
            "{name}: {:#?}",
            objects.resources
        );
    }
    objects
        .resources
        .push(resource("FelixConfiguration", "default", json!({})));
    objects.resources.extend(pods());
    for object in more {
        let same = |other: &Value| {
            other["kind"] == object["kind"] && other["metadata"]["name"] == object["metadata"]["name"]
        };
        objects.resources.retain(|other| !same(other));
        objects.resources.push(object.clone());
    }
    let meant = Cluster::new(objects);
    let blocks = blocks(&meant, &cluster.nodes);
    let intent = Intent::new(&meant, &blocks, false);
    for state in &mut cluster.nodes {
        let node = meant.node(&state.name).unwrap();
        let routes = intent.routes(node);
        // Of those that BIRD would not have without a session.
        known(&mut state.net.routes).retain(|route| {
            route.proto != RouteProtocol::BIRD || routes.iter().any(|meant| meant.dst == route.dst)
        });
        let all = sessions(&meant, node, false).into_iter();
        state.bird = Fact::Known(Bird {
            version: "1.6.8".into(),
            protocols: all
                .map(|session| Protocol {
                    name: format!("Mesh_{}", session.remote),
                    proto: "BGP".into(),
                    state: "up".into(),
                    info: "Established".into(),
                    bgp: Some(BgpSession {
                        state: "Established".into(),
                        neighbor_address: Some(session.remote),
                        ..BgpSession::default()
                    }),
                    ..Protocol::default()
                })
                .collect(),
            ..Bird::default()
        });
    }
    cluster
}

/// 60 web pods, 60 db pods, one for names: more than are looked at one by one.
fn pods() -> Vec<Value> {
    let allow = json!([{"action": "Allow"}]);
    let mut all = vec![json!({"kind": "Profile", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "kns.shop"}, "spec": {"ingress": allow, "egress": allow}})];
    for (app, count, third) in [("web", 60, 1), ("db", 60, 2), ("dns", 1, 3)] {
        for number in 0..count {
            let name = format!("{app}{number}");
            let mut labels = json!({"app": app, "projectcalico.org/namespace": "shop"});
            if app == "dns" {
                labels["k8s-app"] = "kube-dns".into();
            }
            all.push(json!({"kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
                "metadata": {"name": format!("node000{}-k8s-{name}-eth0", number % 3 + 1), "namespace": "shop", "labels": labels},
                "spec": {"node": format!("node000{}", number % 3 + 1), "orchestrator": "k8s", "pod": name, "endpoint": "eth0",
                    "interfaceName": format!("cali{app}{number}"), "ipNetworks": [format!("10.200.{third}.{number}/32")],
                    "profiles": ["kns.shop"]}}));
        }
    }
    all
}

fn told(snapshot: &Snapshot, objects: &[Value], delete: bool) -> Future {
    let changes: Vec<Change> = objects
        .iter()
        .map(|object| {
            if delete {
                return Change::Delete(Box::new(Resource::from_value(object.clone()).unwrap()));
            }
            let mut documents = manifest::read("test.yaml", object.to_string().as_bytes()).unwrap();
            Change::Apply(Box::new(documents.remove(0)))
        })
        .collect();
    future(snapshot, &changes).unwrap()
}

fn node_spec(number: u8, bgp: Value) -> Value {
    let mut spec = json!({"bgp": {"ipv4Address": format!("172.16.0.{number}/16")}});
    for (key, value) in bgp.as_object().unwrap() {
        spec["bgp"][key] = value.clone();
    }
    spec
}

fn pool(fields: Value) -> Value {
    let mut spec =
        json!({"cidr": "10.0.0.0/8", "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": true});
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    resource("IPPool", "default-ipv4-ippool", spec)
}

fn mesh(on: bool) -> Value {
    resource(
        "BGPConfiguration",
        "default",
        json!({"nodeToNodeMeshEnabled": on}),
    )
}

fn peer(name: &str, spec: Value) -> Value {
    resource("BGPPeer", name, spec)
}

fn policy(name: &str, spec: Value) -> Value {
    let mut whole = json!({"selector": "all()", "order": 100});
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    resource("GlobalNetworkPolicy", name, whole)
}

fn felix(spec: Value) -> Value {
    resource("FelixConfiguration", "default", spec)
}

fn total(future: &Future, of: fn(&netdiag::diagnose::future::NodeFuture) -> usize) -> usize {
    future.nodes.iter().map(of).sum()
}

/// Sessions up, gone; routes appear or change, go.
fn counts(future: &Future) -> [usize; 4] {
    [
        total(future, |node| node.sessions_up.len()),
        total(future, |node| node.sessions_gone.len()),
        total(future, |node| node.routes.len()),
        total(future, |node| node.routes_gone.len()),
    ]
}

fn warned(future: &Future, words: &str) {
    assert!(
        future.warnings.iter().any(|line| line.contains(words)),
        "{words:?} is not in {:#?}",
        future.warnings
    );
}

/// What one group may no longer send another: kinds of packets.
fn lost(flows: &Flows, from: &str, to: &str) -> Vec<String> {
    turned(flows, from, to, false)
}

fn turned(flows: &Flows, from: &str, to: &str, gained: bool) -> Vec<String> {
    let rows = flows.turned(gained).filter(|(row, _)| {
        flows.groups[row.from].title.contains(from) && flows.groups[row.to].title.contains(to)
    });
    rows.flat_map(|(_, turns)| turns.iter().map(|turn| turn.port.clone()).collect::<Vec<_>>())
        .collect()
}

const BGP: Flavour = Flavour::CalicoBgp;

#[test]
fn sessions_and_routes_of_every_kind_of_change() {
    type Row = (
        &'static str,
        Vec<Value>,
        Vec<Value>,
        bool,
        [usize; 4],
        &'static str,
    );
    let address = "172.16.0.";
    let rr = json!({"routeReflectorClusterID": "224.0.0.1"});
    let name = |number: u8| format!("node000{number}");
    let node = |number: u8, bgp: Value| resource("Node", &name(number), node_spec(number, bgp));
    let reflector = {
        let mut node = node(1, rr.clone());
        node["metadata"]["labels"] = json!({"rr": "yes"});
        node
    };
    let to_reflector = peer(
        "rr",
        json!({"nodeSelector": "all()", "peerSelector": "rr == 'yes'"}),
    );
    let reflected = vec![reflector.clone(), to_reflector.clone(), mesh(false)];
    let rows: Vec<Row> = vec![
        (
            "a wrong address",
            vec![],
            vec![resource(
                "Node",
                &name(1),
                json!({"bgp": {"ipv4Address": "192.0.2.9/24"}}),
            )],
            false,
            [0, 4, 0, 4],
            "BIRD of that node begins anew",
        ),
        (
            "AS number of a node",
            vec![],
            vec![node(1, json!({"asNumber": 65_001}))],
            false,
            [0, 0, 2, 0],
            "begin anew",
        ),
        (
            "AS number of all",
            vec![],
            vec![resource(
                "BGPConfiguration",
                "default",
                json!({"asNumber": 65_000}),
            )],
            false,
            [0, 0, 0, 0],
            "all sessions begin anew",
        ),
        (
            "mesh off, nothing else",
            vec![],
            vec![mesh(false)],
            false,
            [0, 6, 0, 6],
            "all sessions of the mesh",
        ),
        (
            "mesh off, with a reflector",
            vec![],
            reflected.clone(),
            false,
            [0, 2, 0, 0],
            "all sessions of the mesh",
        ),
        (
            "a node becomes a reflector, nothing else",
            vec![],
            vec![node(1, rr.clone())],
            false,
            [0, 4, 0, 4],
            "leaves or joins the mesh",
        ),
        (
            "another cluster id",
            reflected.clone(),
            vec![{
                let mut node = reflector.clone();
                node["spec"]["bgp"]["routeReflectorClusterID"] = "224.0.0.9".into();
                node
            }],
            false,
            [0, 0, 0, 0],
            "leaves or joins the mesh",
        ),
        (
            "a global peer outside",
            vec![],
            vec![peer("tor", json!({"peerIP": "172.16.9.9", "asNumber": 65_100}))],
            false,
            [0, 0, 0, 0],
            "",
        ),
        (
            "a peer for one node: both get it",
            vec![mesh(false)],
            vec![peer(
                "one",
                json!({"node": name(1), "peerIP": format!("{address}2"), "asNumber": 64_512}),
            )],
            false,
            [2, 0, 2, 0],
            "",
        ),
        (
            "peers by selectors",
            vec![reflector.clone(), mesh(false)],
            vec![to_reflector.clone()],
            false,
            [4, 0, 6, 0],
            "",
        ),
        (
            "a peer goes",
            reflected.clone(),
            vec![to_reflector.clone()],
            true,
            [0, 4, 0, 6],
            "go at once",
        ),
        (
            "a peer of a wrong AS",
            vec![mesh(false)],
            vec![peer(
                "one",
                json!({"node": name(1), "peerIP": format!("{address}2"), "asNumber": 65_009}),
            )],
            false,
            [0, 0, 0, 0],
            "",
        ),
        (
            "a node goes",
            vec![],
            vec![node(1, json!({}))],
            true,
            [0, 4, 0, 4],
            "IPAM takes its blocks back",
        ),
        (
            "a pool disabled",
            vec![],
            vec![pool(json!({"disabled": true}))],
            false,
            [0, 0, 0, 0],
            "pods that run keep",
        ),
        (
            "a pool goes",
            vec![],
            vec![pool(json!({}))],
            true,
            [0, 0, 0, 9],
            "blocks are given up",
        ),
        (
            "a new pool",
            vec![],
            vec![resource(
                "IPPool",
                "second",
                json!({"cidr": "192.168.0.0/16", "natOutgoing": true}),
            )],
            false,
            [0, 0, 0, 0],
            "",
        ),
        (
            "a pool over the nodes' addresses",
            vec![],
            vec![resource(
                "IPPool",
                "second",
                json!({"cidr": "172.16.0.0/16", "natOutgoing": true}),
            )],
            false,
            [0, 0, 0, 0],
            "pods may get addresses of nodes",
        ),
        (
            "no export",
            vec![],
            vec![pool(json!({"disableBGPExport": true}))],
            false,
            [0, 0, 0, 6],
            "withdrawn",
        ),
        (
            "block size",
            vec![pool(json!({"blockSize": 26}))],
            vec![pool(json!({"blockSize": 28}))],
            false,
            [0, 0, 0, 0],
            "make another pool",
        ),
        (
            "nodeSelector of a pool",
            vec![],
            vec![pool(json!({"nodeSelector": "zone == 'a'"}))],
            false,
            [0, 0, 0, 0],
            "blocks stay where they are",
        ),
        (
            "a label that peers are selected by goes",
            reflected.clone(),
            vec![node(1, rr)],
            false,
            [0, 4, 0, 6],
            "",
        ),
    ];
    for (what, before, change, delete, expected, words) in rows {
        let cluster = cluster(BGP, &before);
        let future = told(&cluster, &change, delete);
        assert_eq!(counts(&future), expected, "{what}: {:#?}", future.nodes);
        assert!(!future.changed.is_empty(), "{what}");
        if !words.is_empty() {
            warned(&future, words);
        }
    }
}

#[test]
fn why_a_session_does_not_come_up_is_told() {
    for (change, words) in [
        (
            peer(
                "one",
                json!({"node": "node0001", "peerIP": "172.16.0.2", "asNumber": 65_009}),
            ),
            "has no session with",
        ),
        (
            resource(
                "Node",
                "node0001",
                json!({"bgp": {"ipv4Address": "192.0.2.9/24"}}),
            ),
            "192.0.2.9 is on no link of node0001",
        ),
    ] {
        let cluster = cluster(BGP, &[mesh(change["kind"] == "Node")]);
        let future = told(&cluster, &[change], false);
        let whys: Vec<&str> = future
            .nodes
            .iter()
            .flat_map(|node| node.sessions_down.iter().map(|(_, why)| why.as_str()))
            .collect();
        assert!(whys.iter().any(|why| why.contains(words)), "{words}: {whys:#?}");
    }
    // With a peer that is no node, nobody knows.
    let cluster = cluster(BGP, &[]);
    let tor = peer("tor", json!({"peerIP": "172.16.9.9", "asNumber": 65_100}));
    let future = told(&cluster, &[tor], false);
    assert_eq!(total(&future, |node| node.sessions_unknown.len()), 3);
}

#[test]
fn tunnels_links_and_sets_of_every_kind_of_change() {
    let device = |future: &Future, name: &str| {
        future.nodes.iter().all(|node| {
            node.routes.len() == 2
                && node
                    .routes
                    .iter()
                    .all(|route| route.contains(&format!("dev {name}")))
        })
    };
    let ipip = pool(json!({"ipipMode": "Always"}));
    let vxlan = pool(json!({"vxlanMode": "Always"}));
    for (what, flavour, from, to, link) in [
        ("plain → IPIP", BGP, pool(json!({})), ipip.clone(), "tunl0"),
        (
            "plain → VXLAN",
            BGP,
            pool(json!({})),
            vxlan.clone(),
            "vxlan.calico",
        ),
        (
            "IPIP → plain",
            Flavour::CalicoIpip,
            ipip.clone(),
            pool(json!({})),
            "eth0",
        ),
        (
            "VXLAN → plain",
            Flavour::CalicoVxlan,
            vxlan.clone(),
            pool(json!({})),
            "eth0",
        ),
        (
            "IPIP → VXLAN",
            Flavour::CalicoIpip,
            ipip.clone(),
            vxlan.clone(),
            "vxlan.calico",
        ),
        (
            "IPIP always → between subnets",
            Flavour::CalicoIpip,
            ipip.clone(),
            pool(json!({"ipipMode": "CrossSubnet"})),
            "eth0",
        ),
        (
            "VXLAN always → between subnets",
            Flavour::CalicoVxlan,
            vxlan.clone(),
            pool(json!({"vxlanMode": "CrossSubnet"})),
            "eth0",
        ),
    ] {
        let future = told(&cluster(flavour, &[from]), &[to], false);
        assert!(device(&future, link), "{what}: {:#?}", future.nodes);
        warned(&future, "nodes change one after another");
    }
    for (what, flavour, pool, change, line) in [
        (
            "MTU of IPIP",
            Flavour::CalicoIpip,
            ipip,
            felix(json!({"ipipMTU": 1400})),
            "tunl0: MTU 1480 → 1400",
        ),
        (
            "MTU of VXLAN",
            Flavour::CalicoVxlan,
            vxlan.clone(),
            felix(json!({"vxlanMTU": 1400})),
            "MTU 1450 → 1400",
        ),
        (
            "port of VXLAN",
            Flavour::CalicoVxlan,
            vxlan.clone(),
            felix(json!({"vxlanPort": 8472})),
            "4789 → 8472",
        ),
        (
            "VNI of VXLAN",
            Flavour::CalicoVxlan,
            vxlan,
            felix(json!({"vxlanVNI": 4097})),
            "VNI 4096 → 4097",
        ),
    ] {
        let future = told(&cluster(flavour, &[pool]), &[change], false);
        for node in &future.nodes {
            assert!(
                node.links.iter().any(|link| link.contains(line)),
                "{what}: {node:#?}"
            );
        }
        warned(&future, "nodes change one after another");
    }
    for (now, then, sign) in [(true, false, "- 10.0.0.0/8"), (false, true, "+ 10.0.0.0/8")] {
        let cluster = cluster(BGP, &[pool(json!({"natOutgoing": now}))]);
        let future = told(&cluster, &[pool(json!({"natOutgoing": then}))], false);
        let line = format!("cali40masq-ipam-pools {sign}");
        assert!(
            future.rules.iter().any(|rule| rule.contains(&line)),
            "{:#?}",
            future.rules
        );
        warned(&future, "connections that are open keep what they have");
    }
}

#[test]
fn policies_of_every_kind_of_change_by_labels() {
    let none = cluster(BGP, &[]);
    let deny = policy(
        "default.deny-db",
        json!({"selector": "app == 'db'", "types": ["Ingress"], "ingress": []}),
    );
    let allow = policy(
        "default.allow-web",
        json!({"selector": "app == 'db'", "types": ["Ingress"], "order": 10, "ingress": [
            {"action": "Allow", "protocol": "TCP", "source": {"selector": "app == 'web'"}, "destination": {"ports": [5432]}}]}),
    );
    // Deny.
    let flows = told(&none, std::slice::from_ref(&deny), false).flows;
    assert!(
        lost(&flows, "app=web", "app=db").contains(&"ping".to_owned()),
        "{flows:#?}"
    );
    assert!(lost(&flows, "app=web", "app=web").is_empty());
    let row = flows
        .turned(false)
        .find(|(row, _)| flows.groups[row.from].title.contains("app=web"))
        .unwrap()
        .0;
    assert_eq!(row.pairs, 60 * 60, "{:#?}", flows.groups);
    // Allow what is denied, order, and back.
    let denied = cluster(BGP, std::slice::from_ref(&deny));
    let flows = told(&denied, std::slice::from_ref(&allow), false).flows;
    assert_eq!(turned(&flows, "app=web", "app=db", true), ["tcp/5432"]);
    assert!(turned(&flows, "app=dns", "app=db", true).is_empty());
    let mut late = deny.clone();
    late["spec"]["order"] = 5.into();
    late["spec"]["ingress"] = json!([{"action": "Deny"}]);
    let both = cluster(BGP, &[deny.clone(), allow.clone()]);
    let flows = told(&both, &[late], false).flows;
    assert_eq!(lost(&flows, "app=web", "app=db"), ["tcp/5432"]);
    let flows = told(&denied, std::slice::from_ref(&deny), true).flows;
    assert!(turned(&flows, "elsewhere", "app=db", true).contains(&"ping".to_owned()));
    // DNS.
    let dns = policy(
        "default.no-dns",
        json!({"selector": "app == 'web'", "types": ["Egress"], "egress": [
            {"action": "Deny", "protocol": "UDP", "destination": {"ports": [53]}}, {"action": "Allow"}]}),
    );
    let future = told(&none, &[dns], false);
    assert_eq!(lost(&future.flows, "app=web", "kube-dns"), ["udp/53"]);
    warned(&future, "can't resolve names any more");
    // A tier before.
    let tier = json!({"kind": "Tier", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "first"}, "spec": {"order": 1}});
    let strict = policy(
        "first.only-web",
        json!({"tier": "first", "selector": "app == 'db'", "types": ["Ingress"],
        "ingress": [{"action": "Pass", "source": {"selector": "app == 'web'"}}]}),
    );
    let flows = told(&none, &[tier, strict], false).flows;
    assert!(lost(&flows, "app=web", "app=db").is_empty());
    assert!(!lost(&flows, "elsewhere", "app=db").is_empty());
    // A namespace's policy.
    let mut own = json!({"kind": "NetworkPolicy", "apiVersion": "projectcalico.org/v3",
        "metadata": {"name": "default.own", "namespace": "shop"},
        "spec": {"selector": "app == 'db'", "types": ["Egress"], "egress": []}});
    let flows = told(&none, std::slice::from_ref(&own), false).flows;
    assert!(!lost(&flows, "app=db", "elsewhere").is_empty());
    own["spec"]["selector"] = "app == 'nobody'".into();
    let future = told(&none, &[own], false);
    assert_eq!(future.flows.pairs(false), 0);
    warned(&future, "selects nobody");
    // A label that a policy doesn't select any more.
    let mut moved = pods()
        .into_iter()
        .find(|pod| pod["spec"]["pod"] == "db0")
        .unwrap();
    moved["metadata"]["labels"]["app"] = "other".into();
    let flows = told(&denied, &[moved.clone()], false).flows;
    let gained: usize = flows
        .turned(true)
        .filter(|(row, _)| flows.groups[row.from].title.contains("app=web"))
        .map(|(row, _)| row.pairs)
        .sum();
    assert_eq!(gained, 60, "{:#?}", flows.groups);
    // A pod's endpoint goes.
    let future = told(&none, &[moved], true);
    assert!(future.flows.pairs(false) > 0);
    warned(&future, "the pod is cut off");
    // What a profile says.
    let profile = json!({"kind": "Profile", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "kns.shop"},
        "spec": {"egress": [{"action": "Allow"}]}});
    let flows = told(&none, &[profile], false).flows;
    assert!(lost(&flows, "app=web", "app=db").contains(&"other tcp".to_owned()));
}

#[test]
fn sets_hosts_and_felix_of_every_kind_of_change() {
    let set = |nets: &[&str]| {
        let mut set = resource("GlobalNetworkSet", "partners", json!({"nets": nets}));
        set["metadata"]["labels"] = json!({"role": "partner"});
        set
    };
    let only = policy(
        "default.partners",
        json!({"selector": "app == 'web'", "types": ["Ingress"],
        "ingress": [{"action": "Allow", "source": {"selector": "role == 'partner'"}}]}),
    );
    let cluster1 = cluster(BGP, &[set(&["198.18.0.0/24"]), only]);
    let future = told(&cluster1, &[set(&["198.18.1.0/24"])], false);
    assert!(
        !turned(&future.flows, "198.18.1.0/24", "app=web", true).is_empty(),
        "{:#?}",
        future.flows.groups
    );
    assert!(!lost(&future.flows, "198.18.0.0/24", "app=web").is_empty());
    assert!(
        future.rules.iter().any(|rule| rule.contains("+ 198.18.1.0/24")),
        "{:#?}",
        future.rules
    );
    // A host's link without any policy.
    let host = resource(
        "HostEndpoint",
        "first-eth0",
        json!({"node": "node0001", "interfaceName": "eth0", "expectedIPs": ["172.16.0.1"]}),
    );
    let none = cluster(BGP, &[]);
    let future = told(&none, std::slice::from_ref(&host), false);
    assert!(lost(&future.flows, "elsewhere", "first-eth0").contains(&"other tcp".to_owned()));
    assert!(
        future
            .rules
            .iter()
            .any(|rule| rule.contains("HostEndpoint first-eth0")),
        "{:#?}",
        future.rules
    );
    // Before DNAT, and untracked.
    let with_host = cluster(
        BGP,
        &[
            {
                let mut host = host.clone();
                host["metadata"]["labels"] = json!({"host": "yes"});
                host
            },
            policy(
                "default.open",
                json!({"selector": "has(host)", "types": ["Ingress", "Egress"],
            "ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}]}),
            ),
        ],
    );
    for (mode, fields) in [
        ("preDNAT", json!({"preDNAT": true, "applyOnForward": true})),
        ("doNotTrack", json!({"doNotTrack": true, "applyOnForward": true})),
    ] {
        let mut spec = json!({"selector": "has(host)", "types": ["Ingress"], "order": 1,
            "ingress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [8080]}}]});
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let flows = told(&with_host, &[policy("default.early", spec)], false).flows;
        assert_eq!(
            lost(&flows, "elsewhere", "first-eth0"),
            ["tcp/8080"],
            "{mode}: {flows:#?}"
        );
    }
    // Pods to their own node.
    let open = cluster(BGP, &[felix(json!({"defaultEndpointToHostAction": "Accept"}))]);
    let future = told(
        &open,
        &[felix(json!({"defaultEndpointToHostAction": "Drop"}))],
        false,
    );
    assert!(lost(&future.flows, "app=web", "their own node").contains(&"ping".to_owned()));
}
