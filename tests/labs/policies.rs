//! What `netdiag plan` tells of policies, held against packets: through tables that Felix' own code rendered
//! (`fixtures/felix`), and before and after changes whose rules are written beside them.

#![allow(
    clippy::needless_pass_by_value,
    reason = "objects read best where they are written"
)]

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use netdiag::calico::manifest;
use netdiag::calico::resource::Resource;
use netdiag::diagnose::future::flows::Flows;
use netdiag::diagnose::future::{Change, future};
use netdiag::intent::documents;
use netdiag::state::{Fact, Objects, Snapshot};
use netdiag_lab::{Lab, Plan, PodPlan, or_skip};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Who may send what to whom: `tcp/80`, `other udp`, `ping`.
pub(crate) type Allowed = BTreeSet<(String, String, String)>;

/// A node with pods, by namespace and name.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pods: Vec<(String, IpAddr)>,
}

pub(crate) fn up(pods: &[(String, IpAddr, Option<String>)]) -> netdiag_lab::Result<World> {
    let plan = Plan::new()
        .segment("wire", "192.168.0.254/24")
        .node("n1", |node| {
            let node = node
                .link("eth0", "wire", "192.168.0.1/24")
                .route("default via 192.168.0.254")
                .forward();
            pods.iter().fold(node, |node, (name, ip, link)| {
                let pod = PodPlan::calico(&inside(name), &ip.to_string());
                node.pod(match link {
                    Some(link) => pod.link(link),
                    None => pod,
                })
            })
        });
    Ok(World {
        lab: plan.up()?,
        pods: pods.iter().map(|(name, ip, _)| (name.clone(), *ip)).collect(),
    })
}

/// The name of a pod's namespace.
fn inside(pod: &str) -> String {
    pod.replace('/', "-")
}

/// A kind of packet and a port of it; none of `ping`.
fn port(title: &str, all: &[String]) -> Option<u16> {
    let number = |text: &str| text.split('-').next().and_then(|first| first.parse::<u16>().ok());
    let (_, text) = title.split_once(['/', ' '])?;
    number(text).or_else(|| {
        // One that none names.
        let named = |port: &u16| {
            all.iter().any(|title| {
                let range = title.split_once('/').map_or("", |(_, range)| range);
                let last = range.rsplit('-').next().and_then(|last| last.parse::<u16>().ok());
                number(range)
                    .zip(last)
                    .is_some_and(|(first, last)| (first..=last).contains(port))
            })
        };
        (9_000..u16::MAX).find(|port| !named(port))
    })
}

impl World {
    /// What really arrives.
    pub(crate) fn sent(&self, titles: &[String]) -> Allowed {
        let node = self.lab.node("n1");
        let pairs: Vec<_> = self
            .pods
            .iter()
            .flat_map(|from| self.pods.iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.0 != to.0)
            .flat_map(|pair| titles.iter().map(move |title| (pair.0, pair.1, title)))
            .collect();
        let udp: BTreeSet<u16> = titles
            .iter()
            .filter(|title| title.contains("udp"))
            .filter_map(|title| port(title, titles))
            .collect();
        let hear = |(name, _): &(String, IpAddr)| {
            let bind = || -> Vec<UdpSocket> {
                let all = udp
                    .iter()
                    .map(|port| UdpSocket::bind(("0.0.0.0", *port)).unwrap());
                all.inspect(|socket| socket.set_nonblocking(true).unwrap())
                    .collect()
            };
            node.pod(&inside(name)).in_network(bind).unwrap()
        };
        let ears: Vec<UdpSocket> = self.pods.iter().flat_map(hear).collect();
        let tried = |number: usize| {
            let ((from, _), (_, to), title) = &pairs[number];
            let pod = node.pod(&inside(from));
            let Some(port) = port(title, titles) else {
                return pod.pings(&to.to_string()).unwrap();
            };
            let at = SocketAddr::new(*to, port);
            if title.contains("udp") {
                let send = || {
                    UdpSocket::bind(("0.0.0.0", 0))
                        .unwrap()
                        .send_to(&number.to_be_bytes(), at)
                        .is_ok()
                };
                pod.in_network(send).unwrap();
                return false;
            }
            // Who is refused has come through.
            let connect = || TcpStream::connect_timeout(&at, Duration::from_millis(800));
            match pod.in_network(connect).unwrap() {
                Ok(_) => true,
                Err(error) => error.kind() == ErrorKind::ConnectionRefused,
            }
        };
        let mut arrived: BTreeSet<usize> = thread::scope(|scope| {
            let work: Vec<_> = (0..pairs.len())
                .map(|number| (number, scope.spawn(move || tried(number))))
                .collect();
            work.into_iter()
                .filter_map(|(number, work)| work.join().unwrap().then_some(number))
                .collect()
        });
        thread::sleep(Duration::from_millis(200));
        let mut bytes = [0; 8];
        for ear in &ears {
            while ear.recv(&mut bytes).is_ok() {
                arrived.insert(usize::from_be_bytes(bytes));
            }
        }
        let of = |number: usize| {
            let ((from, _), (to, _), title) = pairs[number];
            (from.clone(), to.clone(), title.clone())
        };
        arrived.into_iter().map(of).collect()
    }

    /// What is told of these pods, before and after.
    pub(crate) fn told(&self, flows: &Flows) -> [Allowed; 2] {
        let mut told = [Allowed::new(), Allowed::new()];
        let known = |name: &&String| self.pods.iter().any(|(pod, _)| pod == *name);
        for row in &flows.rows {
            let [from, to] = [row.from, row.to]
                .map(|group| flows.groups[group].names.iter().filter(known).collect::<Vec<_>>());
            for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
                for (titles, told) in [&row.allowed_before, &row.allowed_after]
                    .into_iter()
                    .zip(&mut told)
                {
                    let sent = titles
                        .iter()
                        .filter(|_| from != to)
                        .filter(|title| !title.contains("sctp"));
                    told.extend(sent.map(|title| (from.clone(), to.clone(), title.clone())));
                }
            }
        }
        told
    }
}

/// All kinds of packets that an answer tells apart.
fn titles(flows: &Flows) -> Vec<String> {
    let rows = flows.rows.iter();
    let all = rows.flat_map(|row| row.allowed_before.iter().chain(&row.allowed_after));
    let changed = flows
        .rows
        .iter()
        .flat_map(|row| &row.changes)
        .map(|turn| &turn.port);
    let all: BTreeSet<String> = all
        .chain(changed)
        .filter(|title| !title.contains("sctp"))
        .cloned()
        .collect();
    all.into_iter().collect()
}

pub(crate) fn objects(all: &[Value]) -> Objects {
    let mut objects = Objects::default();
    for object in all {
        documents::add(&mut objects, object.clone());
    }
    objects
}

pub(crate) fn planned(before: &[Value], object: &Value, delete: bool) -> Flows {
    let snapshot = Snapshot {
        objects: Fact::Known(objects(before)),
        ..Snapshot::default()
    };
    let change = if delete {
        Change::Delete(Box::new(Resource::from_value(object.clone()).unwrap()))
    } else {
        let mut documents = manifest::read("change.yaml", object.to_string().as_bytes()).unwrap();
        Change::Apply(Box::new(documents.remove(0)))
    };
    future(&snapshot, &[change]).unwrap().flows
}

/// What only one of both has.
pub(crate) fn differences(told: &Allowed, is: &Allowed) -> Vec<String> {
    let only = |what: &str, these: &Allowed, those: &Allowed| {
        let only: Vec<String> = these
            .difference(those)
            .map(|one| format!("{what}: {one:?}"))
            .collect();
        only
    };
    [only("only told", told, is), only("only sent", is, told)].concat()
}

/// A recorded case: objects, and what Felix made of them on one node.
#[derive(Deserialize)]
struct Case {
    seed: u64,
    objects: Vec<Value>,
    tables: String,
    ipsets: String,
    links: std::collections::BTreeMap<String, String>,
}

/// What is recorded there: one JSON a line, packed by zstd.
pub(crate) fn recorded<T: DeserializeOwned>(packed: &[u8]) -> Vec<T> {
    let mut text = String::new();
    let mut lines = zstd::Decoder::new(packed).unwrap();
    lines.read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn cases() -> Vec<Case> {
    recorded(include_bytes!("../../fixtures/felix/cases.zst"))
}

/// Policies of Calico's own kinds that are valid: plan reads no others, and random ones have lists with doubles.
fn policies(case: &Case) -> impl Iterator<Item = &Value> {
    case.objects.iter().filter(|object| {
        let is_policy = object["kind"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("NetworkPolicy"));
        let is_valid = || manifest::read("case.yaml", object.to_string().as_bytes()).is_ok();
        is_policy && object["apiVersion"] == "projectcalico.org/v3" && is_valid()
    })
}

/// The pods of the node, with their links there.
fn local(case: &Case) -> Vec<(String, IpAddr, Option<String>)> {
    let pods = case.links.iter().filter_map(|(name, link)| {
        let pod = case.objects.iter().find(|object| {
            let metadata = &object["metadata"];
            let id = format!(
                "{}/{}",
                metadata["namespace"].as_str().unwrap_or_default(),
                metadata["name"].as_str().unwrap_or_default()
            );
            object["kind"] == "Pod" && id == *name
        })?;
        let ip: IpAddr = pod["status"]["podIP"].as_str()?.parse().ok()?;
        ip.is_ipv4().then(|| (name.clone(), ip, Some(link.clone())))
    });
    pods.collect()
}

#[test]
fn what_plan_tells_of_policies_is_what_packets_do_in_felixs_own_tables() {
    let (mut changes, mut turns) = (0, 0);
    let all = cases();
    let chosen = all
        .iter()
        .filter(|case| local(case).len() > 2 && policies(case).count() > 1);
    for case in chosen.take(8) {
        let Some(world) = or_skip(up(&local(case))) else {
            return;
        };
        let node = world.lab.node("n1");
        node.write("/run/ipsets", &case.ipsets).unwrap();
        node.write("/run/tables", &case.tables).unwrap();
        node.sh("ipset restore -file /run/ipsets; iptables-legacy-restore /run/tables")
            .ok()
            .unwrap();
        for policy in policies(case) {
            let without: Vec<Value> = case
                .objects
                .iter()
                .filter(|object| *object != policy)
                .cloned()
                .collect();
            let comes = planned(&without, policy, false);
            let goes = planned(&case.objects, policy, true);
            let titles = titles(&comes);
            let sent = world.sent(&titles);
            let name = &policy["metadata"]["name"];
            let [before, after] = world.told(&comes);
            let wrong = differences(&after, &sent);
            assert!(wrong.is_empty(), "seed {}, {name} comes: {wrong:#?}", case.seed);
            // What is deleted was there before.
            assert_eq!(self::titles(&goes), titles, "seed {}, {name}", case.seed);
            let [were, left] = world.told(&goes);
            let wrong = differences(&were, &sent);
            assert!(wrong.is_empty(), "seed {}, {name} goes: {wrong:#?}", case.seed);
            assert_eq!(left, before, "seed {}, {name}", case.seed);
            changes += 1;
            turns += usize::from(before != after);
        }
    }
    assert!(
        changes > 12 && turns > 3,
        "{changes} changes, {turns} of which change something"
    );
}

fn pod(namespace: &str, name: &str, app: &str, ip: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c"}]}, "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}})
}

fn global(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

const WEB: &str = "10.65.0.2";
const DB: &str = "10.65.0.3";
const DNS: &str = "10.65.0.4";
const JOB: &str = "10.65.0.5";

/// Changes one after the other: whether the object goes, the object, and all rules that are meant afterwards.
pub(crate) fn steps() -> Vec<(bool, Value, String)> {
    let database = global(
        "database",
        json!({"selector": "app == 'db'", "types": ["Ingress"], "ingress": [
            {"action": "Allow", "protocol": "TCP", "source": {"selector": "app == 'web'"}, "destination": {"ports": [5432]}}]}),
    );
    let closed = |from: &str, order: u32| {
        global(
            "web-out",
            json!({"selector": "app == 'web'", "order": order, "types": ["Egress"], "egress": [
                {"action": "Allow", "protocol": "UDP", "destination": {"selector": "app == 'dns'", "ports": [53]}},
                {"action": from, "protocol": "TCP", "destination": {"selector": "app == 'db'"}},
                {"action": "Deny"}]}),
        )
    };
    let quiet = global(
        "no-ping",
        json!({"selector": "all()", "order": 1, "types": ["Ingress"], "ingress": [
            {"action": "Deny", "protocol": "ICMP"}, {"action": "Allow"}]}),
    );
    let of_database = format!("accept -s {WEB} -d {DB} -p tcp --dport 5432; drop -d {DB};");
    let out = |verdict: &str| {
        format!(
            "accept_out -s {WEB} -d {DNS} -p udp --dport 53; {verdict} -s {WEB} -d {DB} -p tcp; drop_out -s {WEB};"
        )
    };
    vec![
        (false, database.clone(), of_database.clone()),
        (
            false,
            closed("Allow", 50),
            format!("{} {of_database}", out("accept_out")),
        ),
        (
            false,
            closed("Deny", 50),
            format!("{} {of_database}", out("drop_out")),
        ),
        // Who allows all comes first: the database is open.
        (false, quiet.clone(), format!("{} drop -p icmp;", out("drop_out"))),
        (true, closed("Deny", 50), "drop -p icmp;".to_owned()),
        (true, quiet, of_database),
        (true, database, String::new()),
    ]
}

#[test]
fn what_plan_tells_of_policies_is_what_packets_do_before_and_after() {
    let pods = [
        ("shop/web", WEB),
        ("shop/db", DB),
        ("kube-system/dns", DNS),
        ("shop/job", JOB),
    ];
    let local: Vec<_> = pods
        .iter()
        .map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap(), None))
        .collect();
    let Some(world) = or_skip(up(&local)) else { return };
    let node = world.lab.node("n1");
    let mut all: Vec<Value> = pods
        .iter()
        .map(|(id, ip)| {
            let (namespace, name) = id.split_once('/').unwrap();
            pod(namespace, name, name, ip)
        })
        .collect();
    for namespace in ["shop", "kube-system"] {
        all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    }
    all.push(json!({"apiVersion": "projectcalico.org/v3", "kind": "IPPool", "metadata": {"name": "pool"}, "spec": {"cidr": "10.65.0.0/16"}}));
    let mut turns = 0;
    for (goes, object, rules) in steps() {
        let flows = planned(&all, &object, goes);
        let titles = titles(&flows);
        let [before, after] = world.told(&flows);
        let name = &object["metadata"]["name"];
        let wrong = differences(&before, &world.sent(&titles));
        assert!(wrong.is_empty(), "before {name}: {wrong:#?}");
        // What pods may send, then what pods may get.
        let script = format!(
            "accept_out() {{ iptables -A OUT \"$@\" -j RETURN; }}
            drop_out() {{ iptables -A OUT \"$@\" -j DROP; }}
            accept() {{ iptables -A IN \"$@\" -j ACCEPT; }}
            drop() {{ iptables -A IN \"$@\" -j DROP; }}
            iptables -F
            for chain in OUT IN; do iptables -X $chain 2>/dev/null || true; iptables -N $chain; done
            iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            iptables -A FORWARD -j OUT
            iptables -A FORWARD -j IN
            {rules}"
        );
        node.sh(&script).ok().unwrap();
        let wrong = differences(&after, &world.sent(&titles));
        assert!(wrong.is_empty(), "after {name}: {wrong:#?}");
        turns += usize::from(before != after);
        all.retain(|other| other["kind"] != object["kind"] || other["metadata"]["name"] != *name);
        if !goes {
            all.push(object);
        }
    }
    assert!(turns > 5, "{turns} changes change something");
}
