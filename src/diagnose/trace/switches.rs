//! Open vSwitch: its flow tables, ports and daemons.

use std::net::IpAddr;

use super::Explained;
use super::case::Case;
use crate::diagnose::finding::Sure;
use crate::forward::topology::Place;
use crate::forward::walk::What;

pub(super) fn switch(case: &Case, bridge: &str, why: &str) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    let explained = Explained::new(
        "ovs-flow-drops",
        case,
        Sure::Proved,
        format!("bridge {bridge} of {who} does not send it on"),
    )
    .because(why.to_owned());
    let last = case.last(What::Fdb).or_else(|| case.last(What::Rule));
    let explained = match last {
        Some(step) => explained.shown(format!("ovs-ofctl dump-flows {bridge} on {who}"), &*step.text),
        None => explained.shown(format!("ovs-vsctl show on {who}"), why.to_owned()),
    };
    explained
        .look(node, format!("ovs-ofctl dump-flows {bridge}"))
        .look(node, format!("ovs-appctl fdb/show {bridge}"))
        .step("mend the rule, VLAN tag or port that decides; ovs-appctl ofproto/trace shows the same packet to the switch itself")
}

pub(super) fn down(case: &Case, daemon: &str, why: &str) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    Explained::new(
        "ovs-daemon-down",
        case,
        Sure::Proved,
        format!("{daemon} of {who} is down, and its bridges with it"),
    )
    .because("bridges in user space live in the daemon: without it no packet is switched")
    .shown(format!("{daemon} on {who}"), why.to_owned())
    .run(node, "systemctl restart openvswitch-switch", "")
}

pub(super) fn no_tunnel_port(
    case: &Case,
    kind: &str,
    key: u64,
    from: IpAddr,
    other: Option<&str>,
) -> Explained {
    let (who, node) = (case.who(), &case.place.node.name);
    let explained = Explained::new(
        "ovs-tunnel-mismatch",
        case,
        Sure::Proved,
        format!("{who} has no {kind} port for {from} with key {key}"),
    );
    let explained = match other {
        Some(other) => explained
            .because("each host needs a port to every other one, with the same key on both; this one's don't fit")
            .shown(format!("ovs-vsctl show on {who}"), other.to_owned()),
        None => explained
            .because("each host needs a port to every other one: the one to this sender was forgotten, or its remote_ip mistyped")
            .shown(format!("ovs-vsctl show on {who}"), format!("no {kind} port with remote_ip {from}")),
    };
    let port = format!("{kind}-{}", from.to_string().replace(['.', ':'], "-"));
    explained
        .run(
            node,
            format!("ovs-vsctl add-port BRIDGE {port} -- set interface {port} type={kind} options:remote_ip={from} options:key={key}"),
            format!("ovs-vsctl del-port {port}"),
        )
        .step("BRIDGE stands for the bridge of its containers (ovs-vsctl list-br); correct a wrong port rather than adding one")
}

/// Tunnels end at a bridge that nobody else's packets come to.
pub(super) fn without_link(place: &Place, explained: Explained) -> Explained {
    let (title, bridge) = (place.title(), unplugged(place).unwrap_or_default());
    explained
        .because(format!(
            "tunnels of Open vSwitch on {title} end at {bridge}, and no link to other hosts is a port of it"
        ))
        .shown(
            format!("ovs-vsctl list-ports {bridge} on {title}"),
            "no link of the host",
        )
        .step(format!(
            "ovs-vsctl add-port {bridge} LINK on {title}, with the link that leads to the other hosts"
        ))
}

/// The bridge that has an address of the host, and tunnels of the switch with it, but no link to anybody else.
pub(super) fn unplugged(place: &Place) -> Option<String> {
    let ovs = place.node.ovs.known()?;
    let interfaces = || {
        ovs.bridges
            .iter()
            .flat_map(|bridge| &bridge.ports)
            .flat_map(|port| &port.interfaces)
    };
    let tunnels = interfaces().any(|interface| interface.options.contains_key("remote_ip"));
    let addresses = place.net.addresses.items();
    let bridge = ovs.bridges.iter().find(|bridge| {
        let link = place
            .net
            .links
            .items()
            .iter()
            .find(|link| link.name == bridge.name);
        let addressed = link.is_some_and(|link| addresses.iter().any(|address| address.link == link.index));
        let mut kinds = bridge
            .ports
            .iter()
            .flat_map(|port| &port.interfaces)
            .map(|interface| interface.kind.as_str());
        addressed && kinds.all(|kind| matches!(kind, "internal" | "patch"))
    })?;
    tunnels.then(|| bridge.name.clone())
}
