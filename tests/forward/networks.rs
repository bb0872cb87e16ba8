//! Packets walked over the tables of networks of every kind, whole and broken, against packets that are really sent.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::Topology;
use netdiag::forward::walk::{End, Outcome, Walker};
use netdiag::state::NodeState;
use netdiag_lab::kinds::{
    Backend, Docker, Draft, Flannel, Network, OpenVswitch, Probe, ProxyArp, Rip, Router, StaticRoutes,
    Tunnel, Way, bridge, broken, veth_pair,
};
use netdiag_lab::{Node, or_skip};

/// The node as netdiag's program, run inside, saves it.
pub(crate) fn collected(node: &Node) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(60))
        .ok()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(text.as_bytes()).unwrap();
    snapshot.nodes.remove(0)
}

/// Every way that the network is made for, and every pod to every other one.
fn ways(network: &Network) -> Vec<Way> {
    let mut ways = network.ways().to_vec();
    for from in network.pods() {
        for to in network.pods() {
            if from == to || to.address.is_empty() {
                continue;
            }
            let way = Way {
                node: from.node.clone(),
                pod: Some(from.name.clone()),
                probe: Probe::Ping(to.address.clone()),
                answered: true,
            };
            if !ways
                .iter()
                .any(|known| known.node == way.node && known.pod == way.pod && known.probe == way.probe)
            {
                ways.push(way);
            }
        }
    }
    ways
}

/// What netdiag says of a way: whether it is open, or none when that can't be decided; and its words.
fn told(walker: &Walker, way: &Way) -> (Option<bool>, String) {
    let title = match &way.pod {
        Some(pod) => format!("{}/{pod}", way.node),
        None => way.node.clone(),
    };
    let place = walker.topology.places().find(|(_, place)| place.title() == title);
    let Some((from, _)) = place else {
        return (None, format!("{title} was not seen"));
    };
    let (to, size, df, port) = match &way.probe {
        Probe::Ping(to) => (to, 84, true, None),
        Probe::Sized { to, size, df } => (to, *size, *df, None),
        Probe::Tcp(to, port) => (to, 60, true, Some(*port)),
    };
    let dst: IpAddr = to.parse().unwrap();
    let transport = port.map_or_else(
        || Transport::echo(dst.is_ipv6(), 1),
        |dport| Transport::Tcp { sport: 40_000, dport },
    );
    let Some(packet) = walker.packet(from, dst, transport) else {
        return (Some(false), "no source address".into());
    };
    let packet = Packet { size, df, ..packet };
    let mut said = String::new();
    let mut open = Some(true);
    for (there, back) in walker.there_and_back(packet, from) {
        for outcome in std::iter::once(&there).chain(&back) {
            said += &words(walker, outcome);
            match outcome.end {
                End::Delivered => {}
                End::NotDecidable(_) => open = open.filter(|open| !open),
                _ => open = Some(false),
            }
        }
    }
    (open, said)
}

fn words(walker: &Walker, outcome: &Outcome) -> String {
    let mut text = String::new();
    for step in &outcome.state.trail {
        let place = walker.topology.place(step.place).title();
        writeln!(text, "    {place}: {:?} {}", step.what, step.text).unwrap();
    }
    format!(
        "{text}    {:?} at {}\n",
        outcome.end,
        walker.topology.place(outcome.place).title()
    )
}

/// Asks netdiag and the network for every way; what they differ in, and how many ways were not decidable.
fn compare(what: &str, network: &Network) -> (usize, usize, Vec<String>) {
    let ways = ways(network);
    // Twice: the first packets fill the tables of neighbors and bridges.
    let probe = || -> Vec<bool> {
        thread::scope(|scope| {
            let probes: Vec<_> = ways
                .iter()
                .map(|way| scope.spawn(|| network.answers(way).unwrap()))
                .collect();
            probes.into_iter().map(|probe| probe.join().unwrap()).collect()
        })
    };
    probe();
    let seen = probe();
    let nodes: Vec<NodeState> = network.lab().nodes().map(collected).collect();
    let topology = Topology::new(&nodes);
    let walker = Walker::new(&topology);
    let (mut undecided, mut wrong) = (0, Vec::new());
    for (way, answered) in ways.iter().zip(seen) {
        let (open, said) = told(&walker, way);
        match open {
            Some(open) if open == answered => {}
            Some(open) => wrong.push(format!(
                "{what}: {way:?}\n  netdiag: {open}, the network: {answered}\n{said}"
            )),
            None => {
                undecided += 1;
                if std::env::var_os("NETDIAG_UNDECIDED").is_some() {
                    wrong.push(format!(
                        "{what}: {way:?}\n  not decided, the network: {answered}\n{said}"
                    ));
                }
            }
        }
    }
    (ways.len(), undecided, wrong)
}

/// One network: how many ways were asked for, how many stayed open, and what was wrong; none when labs can't be.
fn one(what: &str, draft: Draft, settle: bool) -> Option<(usize, usize, Vec<String>)> {
    let begun = Instant::now();
    let network = or_skip(draft.up())?;
    if settle && let Err(error) = network.works() {
        return Some((0, 0, vec![format!("{what}: {error}")]));
    }
    let compared = compare(what, &network);
    // Seen with --nocapture: which one takes long, and what is wrong before the last one is done.
    #[expect(clippy::print_stdout, reason = "a test that takes minutes")]
    {
        println!("{:.1?}: {what}\n{}", begun.elapsed(), compared.2.join("\n"));
    }
    Some(compared)
}

/// Compares all these networks, so many at a time; of a hundred ways, at most `undecidable` may stay open.
pub(super) fn all(drafts: Vec<(String, Draft)>, settle: bool, at_once: usize, undecidable: usize) {
    let queue = Mutex::new(drafts.into_iter());
    let next = || queue.lock().unwrap().next();
    let work = || -> Vec<_> {
        let networks = std::iter::from_fn(next);
        networks
            .map_while(|(what, draft)| one(&what, draft, settle))
            .collect()
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap());
        results.flatten().collect::<Vec<_>>()
    });
    let (mut asked, mut undecided, mut wrong) = (0, 0, Vec::new());
    for (ways, open, mut bad) in results {
        asked += ways;
        undecided += open;
        wrong.append(&mut bad);
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        undecided * 100 <= asked * undecidable,
        "{undecided} of {asked} ways were not decidable"
    );
}

#[test]
fn whole_networks_are_walked_as_packets_go() {
    let named = |name: &str, draft| (name.to_owned(), draft);
    let flannel = |backend| Flannel {
        backend,
        ..Flannel::default()
    };
    all(
        vec![
            named("veth", veth_pair()),
            named("bridge", bridge()),
            named("proxy_arp", ProxyArp::default().draft()),
            named("docker", Docker::default().draft()),
            named("vxlan", flannel(Backend::Vxlan).draft()),
            named("direct routing", flannel(Backend::DirectRouting).draft()),
            named("host-gw", flannel(Backend::HostGateway).draft()),
            named("static", StaticRoutes::default().draft()),
            named("rip", Rip::new(Router::Bird).draft()),
            named(
                "ovs gre",
                OpenVswitch {
                    tunnel: Tunnel::Gre,
                    hosts: 2,
                }
                .draft(),
            ),
            named(
                "ovs vxlan",
                OpenVswitch {
                    tunnel: Tunnel::Vxlan,
                    hosts: 3,
                }
                .draft(),
            ),
            named(
                "ovs geneve",
                OpenVswitch {
                    tunnel: Tunnel::Geneve,
                    hosts: 2,
                }
                .draft(),
            ),
        ],
        true,
        1,
        1,
    );
}

#[test]
fn broken_networks_are_walked_as_packets_go() {
    // `NETDIAG_BROKEN`: only those with this in their name.
    let only = std::env::var("NETDIAG_BROKEN").unwrap_or_default();
    let drafts = broken()
        .into_iter()
        .filter(|broken| broken.what.contains(&only))
        .map(|broken| (format!("{} on {}", broken.what, broken.node), broken.draft))
        .collect();
    all(drafts, false, 1, 5);
}
