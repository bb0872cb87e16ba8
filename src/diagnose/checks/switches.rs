//! Tunnels of Open vSwitch: what their other ends ask of them, and whether their packets leave.

use std::fmt::{Display, Write as _};
use std::net::IpAddr;

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::forward::fib::{Fib, Flow};
use crate::intent::ovs::tunnels::{End, Fault, Settings, Tunnels};
use crate::state::NodeState;
use crate::state::link::Address;
use crate::state::ovs::Bridge;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let tunnels = Tunnels::new(world.nodes);
    let mut cut: Vec<&str> = Vec::new();
    for node in world.nodes {
        if let Some(finding) = unrouted(&tunnels, node) {
            cut.push(&node.name);
            found.push(finding);
        }
    }
    for end in &tunnels.ends {
        match tunnels.fault(end) {
            // Others know it by an address that it has lost.
            Some(Fault::Nobody(lonely)) if cut.contains(&lonely.name.as_str()) => {}
            Some(fault) => found.push(mismatch(&tunnels, end, &fault)),
            None => {}
        }
    }
}

fn shown(settings: &Settings) -> String {
    let port = settings.dst_port.as_ref();
    let port = port.map_or_else(String::new, |port| format!(", port {port}"));
    format!("{} with key {}{port}", settings.kind, settings.key)
}

/// What sets an end like this.
fn set(end: &End, settings: &Settings) -> String {
    let mut text = format!(
        "ovs-vsctl set interface {} type={} options:key={}",
        end.interface.name, settings.kind, settings.key
    );
    if let Some(port) = &settings.dst_port {
        let _ = write!(text, " options:dst_port={port}");
    }
    text
}

fn mismatch(tunnels: &Tunnels, end: &End, fault: &Fault) -> Finding {
    let (name, port, settings) = (&end.node.name, &end.interface.name, end.settings());
    let finding = |node: &str, title: String| {
        Finding::of("ovs-tunnel-mismatch", node, title).about(port).shown(
            format!("ovs-vsctl show on {name}"),
            format!("{port}: {}, remote_ip {}", shown(&settings), end.remote),
        )
    };
    match fault {
        Fault::Nobody(lonely) => {
            let set = |ip: &dyn Display| format!("ovs-vsctl set interface {port} options:remote_ip={ip}");
            let finding = finding(
                name,
                format!(
                    "{port} of {name} leads to {}, which nobody has; {} has a tunnel to {name}",
                    end.remote, lonely.name
                ),
            )
            .sure(Sure::Likely);
            match beside(lonely, end.node, end.remote) {
                Some(ip) => finding.run(set(&ip), set(&end.remote)),
                None => finding.step(format!(
                    "{}   (on {name})",
                    set(&format!("ADDRESS-OF-{}", lonely.name))
                )),
            }
        }
        Fault::NoWayBack(other) => {
            let finding = finding(
                &other.name,
                format!(
                    "{port} of {name} leads to {}, which has no tunnel back",
                    other.name
                ),
            );
            match added(end, other) {
                Some((run, undo)) => finding.run(run, undo),
                None => finding.step(format!(
                    "add a {} port with remote_ip of {name} on {}",
                    settings.kind, other.name
                )),
            }
        }
        Fault::Differs(back) => {
            let theirs = back.settings();
            // Who is like the others is right; of two alone, the first takes over what the second has.
            let is_usual = tunnels.alike(&settings) > tunnels.alike(&theirs);
            let (wrong, from, to) = if is_usual {
                (back, &theirs, &settings)
            } else {
                (end, &settings, &theirs)
            };
            finding(
                &wrong.node.name,
                format!(
                    "{port} of {name} and {} of {} don't fit: {}; {}",
                    back.interface.name,
                    back.node.name,
                    shown(&settings),
                    shown(&theirs)
                ),
            )
            .shown(
                format!("ovs-vsctl show on {}", back.node.name),
                format!("{}: {}", back.interface.name, shown(&theirs)),
            )
            .run(set(wrong, to), set(wrong, from))
        }
        Fault::OtherSource(back, source) => {
            let set = |ip: &IpAddr| {
                format!(
                    "ovs-vsctl set interface {} options:local_ip={ip}",
                    back.interface.name
                )
            };
            finding(
                &back.node.name,
                format!(
                    "{} of {} sends from {source}, and {port} of {name} takes what comes from {} only",
                    back.interface.name, back.node.name, end.remote
                ),
            )
            .shown(
                format!("ovs-vsctl show on {}", back.node.name),
                format!("{}: local_ip {source}", back.interface.name),
            )
            .run(set(&end.remote), set(source))
        }
    }
}

/// The address of a node on that segment of another one's in which the mistyped address lies.
fn beside(node: &NodeState, other: &NodeState, mistyped: IpAddr) -> Option<IpAddr> {
    let segment = segment(other, mistyped)?;
    let mut there = node.net.addresses.items().iter();
    Some(there.find(|address| segment.contains(&address.ip))?.ip)
}

/// The segment of a node's that an address lies in.
fn segment(node: &NodeState, ip: IpAddr) -> Option<ipnet::IpNet> {
    let mut segments = node.net.addresses.items().iter().filter_map(Address::network);
    segments.find(|net| net.contains(&ip))
}

/// What adds the other end of a tunnel to the bridge of the same name.
fn added(end: &End, other: &NodeState) -> Option<(String, String)> {
    let there = other.ovs.known()?.bridge(&end.bridge.name)?;
    let back = beside(end.node, other, end.remote)?;
    let settings = end.settings();
    let name = settings.port_to(&end.node.name);
    if other
        .ovs
        .known()?
        .interfaces()
        .any(|(_, port, _)| port.name == name)
    {
        return None;
    }
    let mut run = format!(
        "ovs-vsctl add-port {} {name} -- set interface {name} type={} options:remote_ip={back} options:key={}",
        there.name, settings.kind, settings.key
    );
    if let Some(port) = end.option("dst_port") {
        let _ = write!(run, " options:dst_port={port}");
    }
    Some((run, format!("ovs-vsctl del-port {} {name}", there.name)))
}

/// A node without a way to the other ends of its tunnels.
fn unrouted(tunnels: &Tunnels, node: &NodeState) -> Option<Finding> {
    let mut ends = tunnels.of(node).peekable();
    ends.peek()?;
    node.net.routes.known()?;
    let fib = Fib::new(&node.net);
    let name = &node.name;
    let (end, why) = ends.find_map(|end| Some((end, lost(&fib, end)?)))?;
    let finding = Finding::of(
        "ovs-tunnel-unrouted",
        name,
        format!("packets of {} of {name} don't leave: {why}", end.interface.name),
    )
    .about(&end.interface.name)
    .shown(
        format!("ovs-vsctl show on {name}"),
        format!("{}: remote_ip {}", end.interface.name, end.remote),
    )
    .shown(format!("ip route get {} on {name}", end.remote), why);
    let Some(own) = tunnels.expected(node) else {
        return Some(finding.step(format!(
            "give the bridge with the host's uplink its address back, on {name}: ip address add ADDRESS/LENGTH dev BRIDGE"
        )));
    };
    let finding = finding.shown("tunnels of others", format!("lead to {own}, which nobody has"));
    let length = tunnels
        .owner(end.remote)
        .and_then(|other| segment(other, own))
        .map(|net| net.prefix_len());
    Some(match (bare_uplink(node), length) {
        (Some(bridge), Some(length)) => finding.run(
            format!("ip address add {own}/{length} dev {}", bridge.name),
            format!("ip address del {own}/{length} dev {}", bridge.name),
        ),
        _ => finding.step(format!("give {name} the address {own} again")),
    })
}

/// Why packets to a tunnel's other end don't leave. In user space they leave by a bridge's local port, and by nothing
/// else (Open vSwitch, "Userspace datapath: tunneling").
fn lost(fib: &Fib, end: &End) -> Option<String> {
    let net = &end.node.net;
    let Ok(hit) = fib.lookup(&Flow::to(end.remote)) else {
        return Some(format!("{} has no route to {}", end.node.name, end.remote));
    };
    if end.bridge.datapath_type != "netdev" || net.addresses.items().iter().any(|own| own.ip == end.remote) {
        return None;
    }
    let link = hit.hops.first()?.link.and_then(|link| net.link(link))?;
    let ovs = end.node.ovs.known()?;
    let is_local = ovs.interfaces().any(|(bridge, _, interface)| {
        interface.name == link.name && (interface.kind == "internal" || bridge.name == link.name)
    });
    (!is_local).then(|| {
        format!(
            "the route to {} leaves by {}, which is no bridge of Open vSwitch",
            end.remote, link.name
        )
    })
}

/// The bridge with a link of the host's whose local port has no address.
fn bare_uplink(node: &NodeState) -> Option<&Bridge> {
    let bridges = node.ovs.known()?.bridges.iter();
    let mut bare = bridges.filter(|bridge| {
        let has_address = node.net.link_named(&bridge.name).is_some_and(|link| {
            let mut addresses = node.net.addresses.items().iter();
            addresses.any(|own| own.link == link.index && own.ip.is_ipv4())
        });
        let mut links = bridge
            .ports
            .iter()
            .filter_map(|port| node.net.link_named(&port.name));
        // A container's link has its other end elsewhere.
        !has_address && links.any(|link| link.name.starts_with("eth") || link.kind.is_none())
    });
    let first = bare.next()?;
    bare.next().is_none().then_some(first)
}
