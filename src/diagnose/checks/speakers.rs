//! Who speaks BGP on a node: whose the port is, and which address its peers hear.

use std::net::IpAddr;

use crate::calico::node::Node;
use crate::diagnose::finding::{Command, Finding};
use crate::diagnose::world::{View, World};
use crate::forward::fib::{Fib, Flow, source_address};
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::route::{Route, TableId};
use crate::state::socket::TcpState;

const PORT: u16 = 179;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    for node in world.nodes {
        found.extend(port(world, node));
        found.extend(from_elsewhere(world, cluster, node));
    }
}

/// Somebody else listens where BIRD should.
fn port(world: &World, node: &NodeState) -> Option<Finding> {
    world.object(&node.name)?.ipv4?;
    let bird = node.bird.known()?;
    let sockets = node.net.tcp.items().iter();
    let listens = sockets.filter(|socket| socket.state == TcpState::Listen && socket.local.port() == PORT);
    let owner = listens
        .filter_map(|socket| socket.owner.as_ref())
        .find(|owner| !owner.program.starts_with("bird"))?;
    let (name, program) = (&node.name, &owner.program);
    let mut finding = Finding::of(
        "bgp-port-taken",
        name,
        format!("{program} listens on BGP's port on {name}, and BIRD can't"),
    )
    .about("tcp/179")
    .shown(
        format!("ss -ltnp on {name}"),
        format!("port {PORT}: {program} (process {})", owner.pid),
    )
    .step(format!(
        "stop {program} and then restart calico-node on {name}: BIRD doesn't try again; or set spec.listenPort of BGPConfiguration(default)"
    ));
    let down = bird
        .sessions()
        .filter(|(_, session)| session.state != "Established");
    let peers = down.filter_map(|(_, session)| session.neighbor_address);
    finding.sessions = peers
        .map(|ip| [name.clone(), world.peer_at(node, ip).name()])
        .collect();
    Some(finding)
}

/// A session that is to be from the node's address, and is not: BIRD of the other side refuses it.
struct Strange<'w> {
    peer: &'w Node,
    /// What it speaks from.
    local: IpAddr,
    source: String,
    text: String,
    route: Option<&'w Route>,
}

fn from_elsewhere(world: &World, cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let own = cluster.node(&node.name)?.ipv4?.ip;
    if world.wrong_address(&node.name, false).is_some() {
        return None;
    }
    let view = world.view(&node.name)?;
    let Strange {
        peer,
        local,
        source,
        text,
        route,
    } = connected(world, cluster, node, own).or_else(|| chosen(world, cluster, view, own))?;
    let name = &node.name;
    let mut finding = Finding::of(
        "bgp-peer-from-other-address",
        name,
        format!(
            "BIRD of {name} speaks to {} from {local}, and {} has its session with {own}",
            peer.name, peer.name
        ),
    )
    .about(local.to_string())
    .shown(source, text)
    .shown(
        format!("BIRD on {}", peer.name),
        format!("a session with {own}, none with {local}"),
    )
    .step("or set sourceAddress: UseNodeIP in the BGPPeer");
    match route.and_then(|route| with_source(node, route, own, local)) {
        Some(command) => finding.fix.commands.push(command),
        None => finding.fix.steps.insert(
            0,
            format!("put the right source into the route: ip route change NET dev LINK src {own}"),
        ),
    }
    finding.sessions = vec![[name.clone(), peer.name.clone()]];
    Some(finding)
}

/// The Node that a session is with, if its BIRD has a session with one address of this one and none with the other.
fn refuses<'w>(
    world: &World,
    cluster: &'w Cluster,
    node: &NodeState,
    remote: IpAddr,
    (own, local): (IpAddr, IpAddr),
) -> Option<&'w Node> {
    let other = cluster.nodes_at(remote).find(|other| other.name != node.name)?;
    let theirs = world.view(&other.name)?;
    theirs.state.bird.known()?;
    let strange =
        local.is_ipv4() && local != own && theirs.session(own).is_some() && theirs.session(local).is_none();
    strange.then_some(other)
}

/// By a connection that is seen: attempts last for moments.
fn connected<'w>(world: &World, cluster: &'w Cluster, node: &NodeState, own: IpAddr) -> Option<Strange<'w>> {
    node.net.tcp.known()?.iter().find_map(|socket| {
        let (local, remote) = (socket.local.ip(), socket.remote);
        let by_bird = socket
            .owner
            .as_ref()
            .is_none_or(|owner| owner.program.starts_with("bird"));
        if remote.port() != PORT || !by_bird {
            return None;
        }
        Some(Strange {
            peer: refuses(world, cluster, node, remote.ip(), (own, local))?,
            local,
            source: format!("ss -tn on {}", node.name),
            text: format!("{} → {} ({:?})", socket.local, socket.remote, socket.state),
            route: None,
        })
    })
}

/// By what the kernel chooses where `bird.cfg` has no `source address`.
fn chosen<'w>(world: &World, cluster: &'w Cluster, view: &View<'w>, own: IpAddr) -> Option<Strange<'w>> {
    let node = view.state;
    let mut fib = None;
    node.bird.known()?.sessions().find_map(|(protocol, session)| {
        let remote = session.neighbor_address.filter(IpAddr::is_ipv4)?;
        let configured = view.configured(&protocol.name)?;
        if session.state == "Established" || configured.passive || configured.source_address.is_some() {
            return None;
        }
        let fib = fib.get_or_insert_with(|| Fib::new(&node.net));
        let hit = fib.lookup(&Flow::to(remote)).ok()?;
        let local = source_address(&node.net, remote, &hit, hit.hops.first().copied())?;
        Some(Strange {
            peer: refuses(world, cluster, node, remote, (own, local))?,
            local,
            source: format!("ip route get {remote} on {}", node.name),
            text: format!(
                "src {local}; {} of bird.cfg names no source address",
                protocol.name
            ),
            route: Some(hit.route),
        })
    })
}

/// The route, with another source.
fn with_source(node: &NodeState, route: &Route, own: IpAddr, local: IpAddr) -> Option<Command> {
    let [hop] = route.next_hops.as_slice() else {
        return None;
    };
    if route.table != TableId::MAIN || route.nexthop.is_some() {
        return None;
    }
    let link = &node.net.link(hop.link?)?.name;
    let via = hop.gateway.map_or_else(String::new, |via| format!(" via {via}"));
    let metric = match route.metric {
        0 => String::new(),
        metric => format!(" metric {metric}"),
    };
    let change = |source| {
        format!(
            "ip route change {}{via} dev {link}{metric} src {source}",
            route.dst
        )
    };
    Some(Command::on(&node.name, change(own), change(local)))
}
