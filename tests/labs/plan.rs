//! `netdiag plan`, held against real BIRD and the kernel: what it tells of a change beforehand must be what nodes hold
//! when the same objects have changed. And what the objects mean, held against the same nodes after each change.

#![allow(
    clippy::needless_pass_by_value,
    reason = "objects read best where they are written"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use netdiag::archive::{self, Merge};
use netdiag::calico::manifest;
use netdiag::calico::resource::Resource;
use netdiag::diagnose::future::{Change, Future, future};
use netdiag::intent::Cluster;
use netdiag::intent::blocks::blocks;
use netdiag::intent::routes::Intent;
use netdiag::intent::sessions::Session;
use netdiag::state::ipset::Part;
use netdiag::state::kind::LinkData;
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_lab::{Bird, Lab, Plan, PodPlan, bird_config, felix_script, or_skip};
use serde_json::{Value, json};

use crate::changes::{of_pools_and_tunnels, of_reflectors, of_sessions};
use crate::netdiag::PROGRAM;

/// Name, segment, address, router there, the last of its numbers.
pub(crate) const NODES: [(&str, &str, &str, &str, u8); 4] = [
    ("n1", "lan1", "10.40.1.1", "10.40.1.254", 1),
    ("n2", "lan1", "10.40.1.2", "10.40.1.254", 2),
    ("n3", "lan1", "10.40.1.3", "10.40.1.254", 3),
    ("n4", "lan2", "10.40.2.4", "10.40.2.254", 4),
];
/// BIRD of another AS, that takes sessions of these nodes.
pub(crate) const TOR: &str = "10.40.1.253";
pub(crate) const TOR_AS: u32 = 65_100;

const CONFIG: &str = "/etc/calico/confd/config/bird.cfg";

pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) bird: Bird,
    pub(crate) objects: Vec<Value>,
    /// Nodes whose confd writes nothing any more.
    pub(crate) stuck: BTreeSet<&'static str>,
    /// What is in BIRD's configuration of nodes beside what the objects make of it.
    pub(crate) beside: BTreeMap<&'static str, &'static str>,
    /// Variables of netdiag there, such as where the datastore is.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// What was seen last: it is what the next change begins with.
    last: Option<Seen>,
}

/// A moment: the nodes, their snapshots as files have them, and which pods got answers from which.
struct Seen {
    snapshot: Snapshot,
    texts: Vec<(&'static str, String)>,
    pings: BTreeSet<(u8, u8)>,
}

pub(crate) fn block(number: u8) -> String {
    format!("10.48.{number}.0/26")
}

fn block6(number: u8) -> String {
    format!("fd48:{number}::/122")
}

pub(crate) fn resource(kind: &str, name: &str, spec: Value) -> Value {
    json!({"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": {"name": name}, "spec": spec})
}

pub(crate) fn node(number: u8, bgp: Value) -> Value {
    let (name, _, address, _, _) = NODES[usize::from(number) - 1];
    let lan = if number == 4 { 2 } else { 1 };
    let mut spec = json!({
        "bgp": {"ipv4Address": format!("{address}/24"), "ipv6Address": format!("fd40:{lan}::{number}/64")},
        "ipv4VXLANTunnelAddr": format!("10.48.{number}.1"),
        "vxlanTunnelMACAddr": format!("66:00:00:00:00:0{number}"),
    });
    for (key, value) in bgp.as_object().unwrap() {
        spec["bgp"][key] = value.clone();
    }
    resource("Node", name, spec)
}

pub(crate) fn labelled(mut node: Value, label: &str) -> Value {
    node["metadata"]["labels"] = json!({label: "yes"});
    node
}

pub(crate) fn pool(fields: Value) -> Value {
    let mut spec =
        json!({"cidr": "10.48.0.0/16", "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": true});
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    resource("IPPool", "pool", spec)
}

pub(crate) fn mesh(on: bool) -> Value {
    resource(
        "BGPConfiguration",
        "default",
        json!({"nodeToNodeMeshEnabled": on, "asNumber": 64_512}),
    )
}

pub(crate) fn peer(name: &str, spec: Value) -> Value {
    resource("BGPPeer", name, spec)
}

impl World {
    pub(crate) fn up(bird: Bird) -> netdiag_lab::Result<Self> {
        let plan = Plan::new()
            .segment("lan1", "")
            .segment("lan2", "")
            .node("gw", |node| {
                node.link("eth1", "lan1", "10.40.1.254/24")
                    .link("eth2", "lan2", "10.40.2.254/24")
                    .ip("address add fd40:1::fe/64 dev eth1 nodad")
                    .ip("address add fd40:2::fe/64 dev eth2 nodad")
                    .forward()
            })
            .node("tor", |node| {
                node.link("eth0", "lan1", &format!("{TOR}/24")).forward()
            });
        let plan = NODES.iter().fold(plan, |plan, (name, segment, address, router, number)| {
            let lan = if *number == 4 { 2 } else { 1 };
            plan.node(name, |node| {
                node.link("eth0", segment, &format!("{address}/24"))
                    .route(&format!("default via {router}"))
                    .ip(&format!("address add fd40:{lan}::{number}/64 dev eth0 nodad"))
                    .ip(&format!("route add ::/0 via fd40:{lan}::fe"))
                    .forward()
                    .pod(PodPlan::calico("pod", &format!("10.48.{number}.10")))
                    // What Calico gives pods for tunnels of all kinds.
                    .sh("ip -n pod link set dev eth0 mtu 1440")
                    .sh(&format!(
                        "mkdir -p /var/lib/calico /etc/calico/confd/config; printf %s {name} >/var/lib/calico/nodename"
                    ))
            })
        });
        let lab = plan.up()?;
        let mut objects: Vec<Value> = (1..=4).map(|number| node(number, json!({}))).collect();
        objects.push(pool(json!({})));
        objects.push(resource(
            "IPPool",
            "pool6",
            json!({"cidr": "fd48::/16", "natOutgoing": false}),
        ));
        objects.push(mesh(true));
        let world = Self {
            lab,
            bird,
            objects,
            stuck: BTreeSet::new(),
            beside: BTreeMap::new(),
            environment: Vec::new(),
            last: None,
        };
        let mut tor = format!(
            "router id {TOR};\nprotocol device {{ }}\ntemplate bgp nodes {{ local as {TOR_AS}; multihop; passive; connect delay time 1; error wait time 1,3; {} }}\n",
            if bird == Bird::V2 {
                "ipv4 { import all; export none; };"
            } else {
                "import all; export none;"
            },
        );
        for (name, _, address, _, _) in NODES {
            let _ = writeln!(
                tor,
                "protocol bgp {name} from nodes {{ neighbor {address} as 64512; }}"
            );
        }
        let node = world.lab.node("tor");
        node.write(CONFIG, &tor)?;
        bird.start(node)?;
        world.render()?;
        for (name, ..) in NODES {
            bird.start(world.lab.node(name))?;
        }
        Ok(world)
    }

    /// What confd and Felix do.
    pub(crate) fn render(&self) -> netdiag_lab::Result<()> {
        let blocks: Vec<(&str, String)> = NODES.iter().map(|node| (node.0, block(node.4))).collect();
        let blocks: Vec<(&str, &str)> = blocks
            .iter()
            .map(|(name, block)| (*name, block.as_str()))
            .collect();
        let running = NODES.iter().filter(|node| !self.stuck.contains(node.0));
        for &(name, _, address, _, number) in running {
            let node = self.lab.node(name);
            let text = bird_config(&self.objects, name, [&block(number), &block6(number)], self.bird);
            // Without its object, confd leaves BIRD without sessions.
            let text = text.unwrap_or_else(|| format!("router id {address};\nprotocol device {{ }}\n"));
            let text = text + self.beside.get(name).copied().unwrap_or_default();
            let script = felix_script(&self.objects, name, &blocks);
            if node.read(CONFIG).ok().as_ref() != Some(&text) {
                node.write(CONFIG, &text)?;
                if node.daemon("bird").is_some() {
                    node.sh("true").ok()?;
                    netdiag_lab::bird::ask(node, "configure")?;
                }
            }
            let before = node.read("/run/lab/felix").unwrap_or_default();
            if before != script {
                node.write("/run/lab/felix", &script)?;
                node.sh(&script).ok()?;
            }
        }
        Ok(())
    }

    pub(crate) fn change(&mut self, objects: &[Value], delete: bool) {
        for object in objects {
            self.objects.retain(|other| {
                other["kind"] != object["kind"] || other["metadata"]["name"] != object["metadata"]["name"]
            });
            if !delete {
                self.objects.push(object.clone());
            }
        }
        self.render().unwrap();
    }

    pub(crate) fn texts(&self) -> Vec<(&'static str, String)> {
        thread::scope(|scope| {
            // The router, too: what it does with packets of pods is seen, not guessed.
            let names = NODES.iter().map(|node| node.0).chain(["gw"]);
            let work: Vec<_> = names
                .map(|name| {
                    let node = self.lab.node(name);
                    scope.spawn(move || {
                        let run = node.run([PROGRAM, "snapshot", "save", "--json"]);
                        let run = run.within(Duration::from_secs(30)).env("NODENAME", name);
                        let variables = self.environment.iter();
                        let run = variables.fold(run, |run, (name, value)| run.env(name, value));
                        let saved = run.output().unwrap();
                        (name, saved.stdout)
                    })
                })
                .collect();
            work.into_iter().map(|work| work.join().unwrap()).collect()
        })
    }

    pub(crate) fn seen(&self) -> (Snapshot, Vec<(&'static str, String)>) {
        let texts = self.texts();
        let mut merge = Merge::new(false);
        for (name, text) in &texts {
            let part = archive::read(text.as_bytes()).unwrap();
            merge.add((*name).to_owned(), part).unwrap();
        }
        let mut snapshot = merge.done().snapshot;
        snapshot.objects = Fact::Known(Objects {
            store: "the lab".into(),
            resources: self.objects.clone(),
            kinds: [
                "Node",
                "IPPool",
                "BGPPeer",
                "BGPConfiguration",
                "FelixConfiguration",
            ]
            .map(String::from)
            .into(),
            ..Objects::default()
        });
        (snapshot, texts)
    }

    /// Which pods get an answer from which, really.
    pub(crate) fn pings(&self) -> BTreeSet<(u8, u8)> {
        let all = || {
            NODES
                .iter()
                .flat_map(|from| NODES.iter().map(move |to| (from, to)))
        };
        thread::scope(|scope| {
            let work: Vec<_> = all()
                .filter(|(from, to)| from.4 != to.4)
                .map(|(from, to)| {
                    let node = self.lab.node(from.0);
                    scope.spawn(move || {
                        let target = format!("10.48.{}.10", to.4);
                        let answers = (0..2).any(|_| node.pod("pod").pings(&target).unwrap());
                        answers.then_some((from.4, to.4))
                    })
                })
                .collect();
            work.into_iter().filter_map(|work| work.join().unwrap()).collect()
        })
    }
}

/// Peers of a node with which it has an Established session.
pub(crate) fn established(node: &NodeState) -> BTreeSet<String> {
    let sessions = node.bird.known().unwrap().sessions();
    sessions
        .filter(|(_, session)| session.state == "Established")
        .filter_map(|(_, session)| session.neighbor_address)
        .map(|ip| ip.to_string())
        .filter(|ip| ip != TOR)
        .collect()
}

/// Routes of BIRD and Felix to blocks: destination, gateways and links.
fn routes(node: &NodeState) -> BTreeSet<String> {
    node.net
        .routes
        .items()
        .iter()
        .filter(|route| {
            matches!(route.proto, RouteProtocol::BIRD | RouteProtocol(80)) && route.table == TableId::MAIN
        })
        .map(|route| {
            let mut hops: Vec<String> = route
                .next_hops
                .iter()
                .map(|hop| {
                    let link = hop
                        .link
                        .and_then(|link| node.net.link(link))
                        .map(|link| link.name.clone());
                    let gateway = hop.gateway.map(|gateway| gateway.to_string());
                    format!("{} {}", gateway.unwrap_or_default(), link.unwrap_or_default())
                })
                .collect();
            hops.sort_unstable();
            match route.kind {
                RouteType::Blackhole => format!("blackhole {}", route.dst),
                _ => format!("{} {}", route.dst, hops.join(" | ")),
            }
        })
        .collect()
}

/// Felix's tunnel: its link with address, MTU, number and port, and other nodes' ends.
fn tunnel(node: &NodeState) -> BTreeSet<String> {
    let Some(link) = node.net.link_named("vxlan.calico") else {
        return BTreeSet::new();
    };
    let Some(LinkData::Vxlan(data)) = &link.data else {
        panic!("{link:#?}")
    };
    let addresses = node.net.ipv4_on(link).map(ToString::to_string);
    let own = format!(
        "{} mtu {} vni {:?} port {} local {:?} {:?}",
        link.name, link.mtu, data.vni, data.port, data.local, link.mac
    );
    let fdb = node.net.fdb.items().iter();
    let fdb = fdb.filter_map(|entry| Some((entry.link, &entry.mac, entry.dst?)));
    let fdb = fdb.filter(|(of, ..)| *of == link.index);
    let neighbors = node.net.neighbors.items().iter();
    let neighbors = neighbors.filter(|entry| entry.link == link.index && entry.ip.is_ipv4());
    addresses
        .chain([own])
        .chain(fdb.map(|(_, mac, dst)| format!("fdb {mac} dst {dst}")))
        .chain(neighbors.map(|entry| format!("neigh {} {:?}", entry.ip, entry.mac)))
        .collect()
}

/// Which ranges Felix's sets of pools hold.
fn sets(node: &NodeState) -> BTreeSet<String> {
    let all = node.net.ipsets.items().iter();
    all.filter(|set| set.name.ends_with("-ipam-pools"))
        .flat_map(|set| {
            set.elements.iter().map(|element| match element.parts.first() {
                Some(Part::Net(net)) => format!("{} {net}", set.name),
                other => panic!("{}: {other:?}", set.name),
            })
        })
        .collect()
}

/// What of a node plan tells.
const TOLD: [&str; 4] = ["sessions", "routes", "tunnel", "sets"];

type Picture = BTreeMap<String, [BTreeSet<String>; TOLD.len()]>;

fn picture(snapshot: &Snapshot) -> Picture {
    let nodes = snapshot.nodes.iter().filter(|node| node.name != "gw");
    let told = |node: &NodeState| [established(node), routes(node), tunnel(node), sets(node)];
    nodes.map(|node| (node.name.clone(), told(node))).collect()
}

/// What differs, a line each.
fn differences(told: &Picture, is: &Picture) -> Vec<String> {
    let mut lines = Vec::new();
    for (node, told) in told {
        for ((what, told), is) in TOLD.iter().zip(told).zip(&is[node]) {
            let [only_told, only_is] =
                [told.difference(is), is.difference(told)].map(Iterator::collect::<Vec<_>>);
            if !only_told.is_empty() || !only_is.is_empty() {
                lines.push(format!("{node}: {what}: told {only_told:?}, is {only_is:?}"));
            }
        }
    }
    lines
}

/// Sessions that the objects mean, and those that BIRD is configured with.
fn misconfigured(snapshot: &Snapshot, bird: Bird) -> Vec<String> {
    let cluster = Cluster::new(snapshot.objects.known().unwrap());
    let blocks = blocks(&cluster, &snapshot.nodes);
    let mut lines = Vec::new();
    let families: &[bool] = if bird == Bird::V2 {
        &[false, true]
    } else {
        &[false]
    };
    for v6 in families {
        let intent = Intent::new(&cluster, &blocks, *v6);
        for node in &snapshot.nodes {
            let Some(object) = cluster.node(&node.name) else {
                continue;
            };
            let of = |session: &Session| {
                (
                    session.remote,
                    session.remote_as,
                    session.passive,
                    session.password,
                )
            };
            let meant: BTreeSet<_> = intent.sessions(object).iter().map(of).collect();
            let config = node.bird_config.known().unwrap();
            let is: BTreeSet<_> = config
                .peers
                .iter()
                .filter_map(|peer| Some((peer.neighbor?, peer.neighbor_as, peer.passive, peer.password)))
                .filter(|peer| peer.0.is_ipv6() == *v6)
                .collect();
            if meant != is {
                lines.push(format!(
                    "{}: sessions meant {meant:?}, configured {is:?}",
                    node.name
                ));
            }
        }
    }
    lines
}

fn planned(snapshot: &Snapshot, objects: &[Value], delete: bool) -> Future {
    let changes: Vec<Change> = objects
        .iter()
        .map(|object| {
            if delete {
                return Change::Delete(Box::new(Resource::from_value(object.clone()).unwrap()));
            }
            let mut documents = manifest::read("change.yaml", object.to_string().as_bytes()).unwrap();
            Change::Apply(Box::new(documents.remove(0)))
        })
        .collect();
    future(snapshot, &changes).unwrap()
}

/// The command itself, on the same snapshots: its pairs of pods.
fn pairs(world: &World, texts: &[(&str, String)], objects: &[Value], delete: bool) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("nodes")).unwrap();
    for (name, text) in texts {
        fs::write(path("nodes").join(format!("{name}.json")), text).unwrap();
    }
    let yaml = |objects: &[Value]| {
        let texts: Vec<String> = objects.iter().map(ToString::to_string).collect();
        texts.join("\n---\n")
    };
    fs::write(path("objects.yaml"), yaml(&world.objects)).unwrap();
    fs::write(path("change.yaml"), yaml(objects)).unwrap();
    let mut command = std::process::Command::new(PROGRAM);
    command
        .args(["plan", "-o", "json", "--snapshot"])
        .arg(path("nodes"));
    command.arg("--objects").arg(path("objects.yaml"));
    command.arg("-f").arg(path("change.yaml"));
    if delete {
        command.arg("--delete");
    }
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// After an error, such as a connection that comes while BIRD is being configured, it waits a minute before it tries again,
/// then two (`error wait time`).
pub(crate) const CONVERGENCE: Duration = Duration::from_secs(150);

/// Makes a change, and wants all that was told of it.
fn proved(world: &mut World, what: &str, objects: &[Value], delete: bool) {
    let last = world.last.take().unwrap_or_else(|| {
        let (snapshot, texts) = world.seen();
        let pings = world.pings();
        Seen {
            snapshot,
            texts,
            pings,
        }
    });
    let Seen {
        snapshot: before,
        texts,
        pings,
    } = last;
    let future = planned(&before, objects, delete);
    let told = picture(&future.snapshot);
    let answer = pairs(world, &texts, objects, delete);
    world.change(objects, delete);
    let start = Instant::now();
    // Sessions that are to end, or not to come up, need time to show it.
    thread::sleep(Duration::from_millis(2500));
    let (after, texts, left) = loop {
        let (after, texts) = world.seen();
        let mut left = differences(&told, &picture(&after));
        left.extend(misconfigured(&after, world.bird));
        if left.is_empty() || start.elapsed() > CONVERGENCE {
            break (after, texts, left);
        }
        thread::sleep(Duration::from_millis(500));
    };
    assert!(left.is_empty(), "{what}: {left:#?}\ntold {:#?}", future.nodes);
    let now = world.pings();
    let gained = now.difference(&pings).count();
    let lost = pings.difference(&now).count();
    assert_eq!(
        (&answer["pairs"]["gained"], &answer["pairs"]["lost"]),
        (&json!(gained), &json!(lost)),
        "{what}: pings {pings:?} → {now:?}: {answer:#}"
    );
    // The counts that people read.
    let [then, is] = [&before, &after].map(picture);
    let count = |one: &Picture, other: &Picture| -> usize {
        one.iter()
            .map(|(node, [sessions, ..])| sessions.difference(&other[node][0]).count())
            .sum()
    };
    assert_eq!(
        answer["sessionsUp"],
        json!(count(&is, &then)),
        "{what}: {answer:#}"
    );
    assert_eq!(
        answer["sessionsGone"],
        json!(count(&then, &is)),
        "{what}: {answer:#}"
    );
    // The lines of sets, which are those of every node.
    let node = NODES[0].0;
    let [then, is] = [&then[node][3], &is[node][3]];
    let come = is.difference(then).map(|line| line.replace(' ', " + "));
    let go = then.difference(is).map(|line| line.replace(' ', " - "));
    let lines: BTreeSet<String> = come.chain(go).collect();
    let rules = future.rules.iter().filter(|line| line.contains("-ipam-pools "));
    let told: BTreeSet<String> = rules
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(told, lines, "{what}: {:#?}", future.rules);
    world.last = Some(Seen {
        snapshot: after,
        texts,
        pings: now,
    });
}

fn settled(world: &World) {
    let start = Instant::now();
    loop {
        let (snapshot, _) = world.seen();
        let all = if world.bird == Bird::V2 { 6 } else { 3 };
        if snapshot
            .nodes
            .iter()
            .filter(|node| node.name != "gw")
            .all(|node| established(node).len() == all && routes(node).len() >= all + all / 3)
        {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(40),
            "{:#?}",
            picture(&snapshot)
        );
        thread::sleep(Duration::from_millis(500));
    }
}

pub(crate) fn reflector(number: u8, id: &str) -> Value {
    labelled(node(number, json!({"routeReflectorClusterID": id})), "rr")
}

#[test]
fn what_plan_tells_of_sessions_is_what_bird_does() {
    let Some(mut world) = or_skip(World::up(Bird::V1)) else {
        return;
    };
    settled(&world);
    for (what, objects, delete) in of_sessions() {
        proved(&mut world, what, &objects, delete);
    }
}

#[test]
fn what_plan_tells_of_reflectors_of_one_cluster_is_what_bird_does() {
    for bird in [Bird::V1, Bird::V2] {
        let Some(mut world) = or_skip(World::up(bird)) else {
            return;
        };
        settled(&world);
        for (what, objects, delete) in of_reflectors() {
            proved(&mut world, what, &objects, delete);
        }
    }
}

#[test]
fn what_plan_tells_of_pools_and_tunnels_is_what_kernels_hold() {
    let Some(mut world) = or_skip(World::up(Bird::V2)) else {
        return;
    };
    settled(&world);
    for (what, objects, delete) in of_pools_and_tunnels() {
        proved(&mut world, what, &objects, delete);
    }
}
