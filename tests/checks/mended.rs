//! Real networks, whole and broken: the whole ones give no finding, and what is printed for the broken ones mends them.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use netdiag::diagnose::Command;
use netdiag::diagnose::trace::{Explained, Scene, explain};
use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::Topology;
use netdiag::forward::walk::Walker;
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_lab::kinds::{Broken, Network, Probe, System, Way, systems};
use netdiag_lab::{Node, or_skip, ovs, unpacked};

use crate::made::found;

/// How many networks are up at once: they wait, most of the time.
const AT_ONCE: usize = 6;

/// A node as netdiag's program, run inside, saves it.
pub(crate) fn collected(node: &Node) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(60))
        .ok()
        .unwrap();
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
    snapshot.nodes.remove(0)
}

pub(crate) fn state(network: &Network) -> Snapshot {
    Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    }
}

/// Networks that may still come up, of all tests of this program together.
static ROOM: (Mutex<usize>, Condvar) = (Mutex::new(AT_ONCE), Condvar::new());

/// Room for one network, until it is dropped.
struct Room;

impl Room {
    fn take() -> Self {
        let free = ROOM.1.wait_while(ROOM.0.lock().unwrap(), |free| *free == 0);
        *free.unwrap() -= 1;
        Self
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        *ROOM.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        ROOM.1.notify_one();
    }
}

/// Does the work for each, so many at a time; gives what went wrong.
pub(crate) fn each<T: Send>(all: Vec<T>, work: impl Fn(T) -> Option<String> + Sync) -> Vec<String> {
    let queue = Mutex::new(all.into_iter());
    let next = || queue.lock().unwrap().next();
    let work = |one| {
        let _room = Room::take();
        work(one)
    };
    thread::scope(|scope| {
        let worker = || std::iter::from_fn(next).filter_map(&work).collect::<Vec<_>>();
        // Long walks take room where nothing is optimised.
        let big = || thread::Builder::new().stack_size(64 << 20);
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| big().spawn_scoped(scope, worker).unwrap())
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

/// What is found in a network that is as it should be.
pub(crate) fn whole(system: System) -> Option<String> {
    let network = or_skip(system.whole.up())?;
    network.works().unwrap();
    let findings = found(&state(&network));
    (!findings.is_empty()).then(|| format!("{}: {findings:#?}", system.name))
}

#[test]
fn whole_networks_of_every_kind_give_no_finding() {
    let wrong = each(systems(), whole);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is printed: by check, or, where that says nothing that could be typed, by trace of what is lost.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) id: &'static str,
    pub(crate) commands: Vec<Command>,
}

/// What can be typed now, the likeliest first.
pub(crate) fn printed(network: &Network) -> Vec<Printed> {
    let snapshot = state(network);
    let nodes = |commands: &[Command]| -> Vec<Command> {
        let at_nodes = commands.iter().filter(|command| command.node.is_some());
        at_nodes.cloned().collect()
    };
    let checked = found(&snapshot).into_iter().map(|finding| Printed {
        id: finding.id,
        commands: nodes(&finding.fix.commands),
    });
    let mut all: Vec<Printed> = checked.filter(|printed| !printed.commands.is_empty()).collect();
    if all.is_empty() {
        let traced = traced(network.ways(), &snapshot.nodes)
            .into_iter()
            .map(|explained| Printed {
                id: explained.finding.id,
                commands: nodes(&explained.commands),
            });
        all.extend(traced.filter(|printed| !printed.commands.is_empty()));
    }
    all
}

/// Why ways are lost that should be open, as trace says it.
pub(crate) fn traced(ways: &[Way], nodes: &[NodeState]) -> Vec<Explained> {
    let topology = Topology::new(nodes);
    let walker = Walker::new(&topology);
    let scene = Scene {
        topology: &topology,
        cluster: None,
        findings: &[],
    };
    let ways = ways.iter().filter(|way| way.answered);
    ways.filter_map(|way| {
        let title = match &way.pod {
            Some(pod) => format!("{}/{pod}", way.node),
            None => way.node.clone(),
        };
        let (from, _) = topology.places().find(|(_, place)| place.title() == title)?;
        let (to, transport, size) = asked(&way.probe);
        let packet = walker.packet(from, to.parse().ok()?, transport)?;
        let packet = Packet {
            size: size.unwrap_or(packet.size),
            df: size.is_some() || packet.df,
            ..packet
        };
        walker
            .there_and_back(packet, from)
            .into_iter()
            .find_map(|(there, backs)| {
                let back = || backs.iter().find_map(|back| explain(scene, back, Some(&there)));
                explain(scene, &there, None).or_else(back)
            })
    })
    .collect()
}

fn asked(probe: &Probe) -> (&str, Transport, Option<u32>) {
    let sport = Probe::SOURCE;
    match probe {
        Probe::Ping(to) => (to, Transport::echo(false, 1), None),
        Probe::Sized { to, size, df } => (to, Transport::echo(false, 1), df.then_some(*size)),
        Probe::Tcp(to, dport) | Probe::TcpAlways(to, dport) => {
            let dport = *dport;
            (to, Transport::Tcp { sport, dport }, None)
        }
        Probe::Udp(to, dport) => {
            let dport = *dport;
            (to, Transport::Udp { sport, dport }, None)
        }
    }
}

/// Runs commands as they stand there; what went wrong, if anything did.
pub(crate) fn typed(network: &Network, commands: &[Command]) -> Option<String> {
    commands.iter().find_map(|command| {
        let node = network.lab().node(command.node.as_deref()?);
        let mut run = command.run.clone();
        if run.contains("ipvsadm ") {
            // Few machines have it installed.
            run = run.replace(
                "ipvsadm ",
                &format!("{} ", unpacked("ipvsadm", "sbin/ipvsadm").unwrap()),
            );
        }
        let error = ovs::sh(node, &run).err()?;
        Some(format!("{}: {error}", command.run))
    })
}

/// Networks whose faults are mended by what is printed: the system, what is wrong there, and the ids of the findings
/// whose commands are typed, one after the other: what was broken hides what is broken beside it.
#[rustfmt::skip]
const MENDED: [(&str, &str, &[&str]); 82] = [
    ("veth pair", "the other end of the cable is down", &["neighbor-unanswered"]),
    ("veth pair", "the other end takes no ARP", &["neighbor-unanswered"]),
    ("veth pair", "the neighbor is known by a MAC of nobody", &["frame-for-nobody"]),
    ("proxy_arp", "the other host has no route back", &["route-on-one-side"]),
    ("proxy_arp", "the host does not answer for 169.254.1.1", &["neighbor-unanswered"]),
    ("proxy_arp", "the host has no route to 169.254.1.1", &["neighbor-unanswered"]),
    ("proxy_arp", "the way back has a next hop that is nobody", &["route-on-one-side"]),
    ("proxy_arp", "the other host does not forward", &["forwarding-off", "neighbor-unanswered"]),
    ("proxy_arp", "packets come in by another link than their answers would leave by", &["reverse-path-filter", "route-on-one-side"]),
    ("proxy_arp", "the pod has no route to its gateway", &["no-route"]),
    ("proxy_arp", "the pod sends from an address that is not its own", &["no-route", "no-route"]),
    ("proxy_arp", "the host's link is down", &["neighbor-unanswered", "route-on-one-side", "neighbor-unanswered"]),
    ("bridge", "the bridge is down", &["neighbor-unanswered"]),
    ("bridge", "a port gets no frames but for those it asked for, and does not learn", &["neighbor-unanswered"]),
    ("bridge", "a wrong entry of the forwarding database leads away", &["wrong-fdb-entry"]),
    ("bridge", "a pod's link is no port", &["neighbor-unanswered"]),
    ("bridge", "two ports are isolated", &["neighbor-unanswered"]),
    ("bridge", "the other host's link is no port", &["neighbor-unanswered"]),
    ("bridge", "bridged packets go through FORWARD, which drops", &["rule-drops-packet"]),
    ("bridge", "a pod knows the other by a MAC of nobody", &["frame-for-nobody"]),
    ("bridge", "a pod's link is down", &["link-down"]),
    ("static routes", "one side is forgotten", &["route-on-one-side"]),
    ("static routes", "a route leads into nothing", &["route-on-one-side"]),
    ("static routes", "the next hop is mistyped", &["route-on-one-side"]),
    ("static routes", "the neighbor's MAC is an old one", &["frame-for-nobody"]),
    ("static routes", "the older tables drop", &["rule-drops-packet"]),
    ("static routes over a router", "the router does not know the pods", &["no-route"]),
    ("static routes over a router", "the router rejects", &["rule-drops-packet"]),
    ("static routes over a router", "the router does not forward", &["forwarding-off", "forwarding-off"]),
    ("docker", "containers with macvlan may not talk", &["link-down"]),
    ("macvlan", "the host's link is down", &["link-down"]),
    ("macvlan", "a container's link is down", &["link-down"]),
    ("docker", "docker0 is down", &["link-down"]),
    ("docker", "the user's chain drops", &["rule-drops-packet"]),
    ("docker", "the host does not forward", &["forwarding-off"]),
    ("docker", "the published port is let through to nobody", &["rule-drops-packet"]),
    ("docker", "a container has lost its default route", &["no-route"]),
    ("docker", "a container's link is no port", &["link-without-bridge"]),
    ("flannel vxlan", "a VTEP has another address now", &["vtep-mac-stale"]),
    ("flannel vxlan", "the VTEP's neighbor entry is gone", &["vxlan-entry-missing"]),
    ("flannel vxlan", "the forwarding database has no VTEP", &["vxlan-entry-missing"]),
    ("flannel vxlan", "the forwarding database leads to another host", &["vtep-at-wrong-node"]),
    ("flannel vxlan", "what is in UDP is not taken", &["rule-drops-packet"]),
    ("flannel vxlan", "a pod's link is no port", &["link-without-bridge"]),
    ("flannel vxlan", "the route to a lease is gone", &["kernel-unlike-objects"]),
    ("flannel vxlan", "flannel.1 is down", &["tunnel-link-down", "kernel-unlike-objects"]),
    ("flannel vxlan", "a rule sends pods to a table without routes to pods", &["policy-rule-hides-routes"]),
    ("flannel udp", "what is in UDP is not taken", &["rule-drops-packet"]),
    ("flannel udp", "the other node does not forward", &["forwarding-off"]),
    ("flannel udp", "the route to the network is gone", &["kernel-unlike-objects"]),
    ("flannel host-gw", "a lease without a route", &["kernel-unlike-objects"]),
    ("flannel host-gw", "a route leads to nobody", &["kernel-unlike-objects"]),
    ("flannel host-gw", "the other node does not forward", &["forwarding-off"]),
    ("flannel host-gw", "a subnet is blackholed", &["kernel-unlike-objects"]),
    ("flannel DirectRouting", "the router drops what is in UDP", &["forward-drops-pods"]),
    ("flannel DirectRouting", "a lease of the same segment has no route", &["kernel-unlike-objects"]),
    ("flannel DirectRouting", "a lease beyond the router has no VTEP", &["vxlan-entry-missing"]),
    ("flannel DirectRouting", "a lease beyond the router is routed by hand", &["kernel-unlike-objects"]),
    ("flannel DirectRouting", "packets that come in unwrapped are filtered by their way back", &["direct-routing-not-used"]),
    ("calico mesh", "the node does not forward", &["forwarding-off"]),
    ("calico vxlan", "the VTEP's neighbor entry is gone", &["vxlan-entry-missing"]),
    ("calico vxlan", "the FDB has an old node", &["vtep-at-wrong-node"]),
    ("calico vxlan", "the router drops VXLAN", &["rule-drops-packet"]),
    ("calico vxlan", "with CrossSubnet, the node of another subnet takes no VXLAN", &["rule-drops-packet"]),
    ("calico natOutgoing", "outside, pods' node is not let in", &["rule-drops-packet"]),
    ("calico with a borrowed address", "the borrower's route is gone", &["pod-route-missing"]),
    ("calico with a borrowed address", "the borrowing pod's link is down", &["link-down", "pod-route-missing"]),
    ("calico with a borrowed address", "the borrower does not answer for 169.254.1.1", &["proxy-arp-off"]),
    ("ovs gre", "the keys of a GRE tunnel differ", &["ovs-tunnel-mismatch"]),
    ("veth pair", "a route to the neighbor leads into nothing", &["route-refuses"]),
    ("proxy_arp", "the pod's route on its host leads into nothing", &["route-refuses"]),
    ("bridge", "the port to the other host is disabled", &["neighbor-unanswered"]),
    ("bridge", "the port to the other host only listens", &["neighbor-unanswered"]),
    ("static routes", "a narrower route leads to nobody", &["route-on-one-side"]),
    ("static routes", "a route prohibits", &["route-on-one-side"]),
    ("flannel udp", "flannel0 is down", &["kernel-unlike-objects"]),
    ("flannel DirectRouting", "the router has lost a segment", &["no-route"]),
    ("rip by frr", "a route by hand is stronger", &["route-refuses"]),
    ("rip by bird", "the router does not forward", &["forwarding-off", "forwarding-off"]),
    ("ovs gre", "a tunnel has another host's address", &["ovs-tunnel-mismatch"]),
    ("ovs geneve", "a tunnel expects another sender", &["ovs-tunnel-mismatch"]),
    ("calico mesh", "BGP is dropped", &["bgp-port-filtered"]),
];

/// Breaks, finds, mends, and sees that packets pass.
pub(crate) fn broken(of: &str, broken: Broken, ids: &[&str]) -> Option<String> {
    let what = format!("{of}: {} on {}", broken.what, broken.node);
    let network = or_skip(broken.draft.up())?;
    let lost = |way: &Way| way.answered && !network.answers(way).unwrap();
    // The first packets fill the tables of neighbors.
    for _ in 0..2 {
        if !network.ways().iter().any(lost) {
            return Some(format!("{what}: it works, broken as it is"));
        }
    }
    let mut all = Vec::new();
    for id in ids {
        let printed = printed(&network);
        let Some(one) = printed.iter().find(|one| one.id == *id) else {
            return Some(format!("{what}: {printed:#?}, and not {id} after {all:#?}"));
        };
        if let Some(error) = typed(&network, &one.commands) {
            return Some(format!("{what}: {id}: {error}"));
        }
        all.extend(one.commands.clone());
    }
    if let Err(error) = network.works() {
        return Some(format!("{what}: {ids:?} by {all:#?}: {error}"));
    }
    let left = found(&state(&network));
    (!left.is_empty()).then(|| format!("{what}: mended, and yet {left:#?}"))
}

/// The systems' states that rows name, with the rows' ids.
pub(crate) fn chosen<'r>(
    systems: Vec<System>,
    rows: &[(&str, &str, &'r [&'r str])],
) -> Vec<(&'static str, Broken, &'r [&'r str])> {
    let mut found = Vec::new();
    for system in systems {
        for state in system.broken {
            let row = rows
                .iter()
                .find(|(of, what, _)| *of == system.name && *what == state.what);
            if let Some((.., ids)) = row {
                found.push((system.name, state, *ids));
            }
        }
    }
    assert_eq!(found.len(), rows.len(), "a row names no state");
    found
}

#[test]
fn what_is_printed_mends_what_is_broken() {
    let wrong = each(chosen(systems(), &MENDED), |(of, state, ids)| {
        broken(of, state, ids)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
