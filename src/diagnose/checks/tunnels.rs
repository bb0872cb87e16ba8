//! Links of tunnels: whether they are there, up, and as the objects mean them.

use serde_json::Value;

use crate::diagnose::finding::Finding;
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::kind::{LinkData, Vxlan};
use crate::state::link::Link;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        for name in ["tunl0", "vxlan.calico", "flannel.1", "wireguard.cali"] {
            if let Some(link) = node.net.link_named(name) {
                found.extend(down(node, link));
            }
        }
        found.extend(shared_port(node));
        found.extend(felix_vxlan(world, node));
        found.extend(flannel_vxlan(node));
        found.extend(wireguard(world, node));
        found.extend(wireguard_mtu(node));
    }
}

/// WireGuard adds 60 bytes over IPv4 (32 of its own, UDP, IP).
fn wireguard_mtu(node: &NodeState) -> Option<Finding> {
    const ADDED: u32 = 60;
    let link = node
        .net
        .link_named("wireguard.cali")
        .filter(|link| link.is_up())?;
    let Some(LinkData::Wireguard(data)) = &link.data else {
        return None;
    };
    let uplinks = super::shared::uplinks(node).filter(|uplink| uplink.is_up() && uplink.name != link.name);
    let below = uplinks.map(|uplink| uplink.mtu).max()?;
    let right = below
        .checked_sub(ADDED)
        .filter(|right| link.mtu > *right && !data.peers.is_empty())?;
    let name = &node.name;
    Some(
        Finding::of(
            "wireguard-mtu-too-large",
            name,
            format!(
                "wireguard.cali of {name} has MTU {}, and {right} is what fits",
                link.mtu
            ),
        )
        .about("wireguard.cali")
        .shown(
            format!("ip link on {name}"),
            format!(
                "wireguard.cali {}, plus {ADDED} bytes of its own, over a link of {below}",
                link.mtu
            ),
        )
        .set("FelixConfiguration", "default", "wireguardMTU", right)
        .run(
            format!("ip link set dev wireguard.cali mtu {right}"),
            format!("ip link set dev wireguard.cali mtu {}", link.mtu),
        ),
    )
}

/// Whether routes with a gateway leave by the link.
fn is_used(node: &NodeState, link: &Link) -> bool {
    node.net.routes.items().iter().any(|route| {
        route
            .next_hops
            .iter()
            .any(|hop| hop.link == Some(link.index) && hop.gateway.is_some())
    })
}

fn down(node: &NodeState, link: &Link) -> Option<Finding> {
    // tunl0 stays, down, where nobody uses it any more.
    if link.is_up() || !(is_used(node, link) || has_address(node, link)) || port_taken(node, link).is_some() {
        return None;
    }
    let name = &node.name;
    Some(
        Finding::of(
            "tunnel-link-down",
            name,
            format!(
                "{} of {name} is down: it reaches no pods of other nodes",
                link.name
            ),
        )
        .about(&link.name)
        .shown(
            format!("ip link show dev {} on {name}", link.name),
            "without the flag UP",
        )
        .step("if it goes down again, delete it: its agent makes it anew")
        .run(
            format!("ip link set {} up", link.name),
            format!("ip link set {} down", link.name),
        ),
    )
}

fn has_address(node: &NodeState, link: &Link) -> bool {
    node.net.ipv4_on(link).next().is_some()
}

fn vxlans(node: &NodeState) -> impl Iterator<Item = (&Link, &Vxlan)> {
    node.net.links.items().iter().filter_map(|link| match &link.data {
        Some(LinkData::Vxlan(data)) => Some((link, data)),
        _ => None,
    })
}

/// The link that keeps another one of its UDP port down: it takes packets of all networks, and there is no second socket for
/// the port (`vxlan_find_sock`, drivers/net/vxlan/vxlan_core.c).
fn port_taken<'n>(node: &'n NodeState, link: &Link) -> Option<&'n Link> {
    let Some(LinkData::Vxlan(own)) = &link.data else {
        return None;
    };
    let is_own = own.external || link.is_up();
    let mut others =
        vxlans(node).filter(|(other, data)| data.external && data.port == own.port && other.is_up());
    others.find(|_| !is_own).map(|(other, _)| other)
}

fn shared_port(node: &NodeState) -> Option<Finding> {
    let mut all = vxlans(node);
    let (other, port, greedy) =
        all.find_map(|(link, data)| Some((link, data.port, port_taken(node, link)?)))?;
    let (name, link, taker) = (&node.name, &other.name, &greedy.name);
    Some(
        Finding::of(
            "vxlan-port-shared",
            name,
            format!("{link} of {name} can't come up: {taker} takes all networks of UDP port {port}"),
        )
        .about(link)
        .shown(
            format!("ip -d link on {name}"),
            format!("{taker}: up, external, dstport {port}; {link}: down, dstport {port}"),
        )
        .step(format!("if {taker} is left over: ip link del {taker}; ip link set {link} up"))
        .step(format!(
            "if both are used, give one another port; then restart the agent of {link}, which writes its routes again"
        )),
    )
}

fn number(cluster: &Cluster, node: &str, field: &str, default: u64) -> u64 {
    cluster
        .felix_setting(node, field)
        .and_then(Value::as_u64)
        .unwrap_or(default)
}

/// `vxlan.calico` otherwise than FelixConfiguration and the Node say.
fn felix_vxlan(world: &World, node: &NodeState) -> Option<Finding> {
    let cluster = world.cluster.ok()?;
    let (link, data) = vxlans(node).find(|(link, _)| link.name == "vxlan.calico")?;
    let environment = node.processes.known().map(|processes| &processes.environment);
    let set = |name: &str| environment.is_some_and(|environment| environment.contains_key(name));
    let mut wrong = Vec::new();
    if !set("FELIX_VXLANPORT") {
        let port = number(cluster, &node.name, "vxlanPort", 4789);
        if u64::from(data.port) != port {
            wrong.push(format!("dstport {} instead of {port}", data.port));
        }
    }
    if !set("FELIX_VXLANVNI") {
        let vni = number(cluster, &node.name, "vxlanVNI", 4096);
        if data.vni.map(u64::from) != Some(vni) {
            wrong.push(
                format!("VNI {:?} instead of {vni}", data.vni)
                    .replace("Some(", "")
                    .replace(')', ""),
            );
        }
    }
    if let (Some(local), Some(stored)) = (
        data.local,
        cluster.node(&node.name).and_then(|object| object.ipv4),
    ) && local != stored.ip
        && world.wrong_address(&node.name, false).is_none()
    {
        wrong.push(format!("local {local} instead of {}", stored.ip));
    }
    mismatch(node, link, &wrong)
}

fn mismatch(node: &NodeState, link: &Link, wrong: &[String]) -> Option<Finding> {
    if wrong.is_empty() {
        return None;
    }
    let name = &node.name;
    Some(
        Finding::of(
            "tunnel-link-differs",
            name,
            format!(
                "{} of {name} is not as it is configured: {}",
                link.name,
                wrong.join(", ")
            ),
        )
        .about(&link.name)
        .shown(
            format!("ip -d link show dev {} on {name}", link.name),
            wrong.join(", "),
        )
        .step("its agent makes it anew when it is gone; restart the agent if it doesn't")
        .run(format!("ip link del {}", link.name), ""),
    )
}

/// `flannel.1` otherwise than net-conf.json says.
fn flannel_vxlan(node: &NodeState) -> Option<Finding> {
    let conf = node
        .flannel
        .net_conf
        .known()
        .filter(|conf| conf.backend == "vxlan")?;
    let vni = conf.vni.unwrap_or(1);
    let (link, data) = vxlans(node).find(|(link, _)| link.name == format!("flannel.{vni}"))?;
    let port = conf.port.filter(|port| *port > 0).unwrap_or(8472);
    let mut wrong = Vec::new();
    if u64::from(data.port) != port {
        wrong.push(format!("dstport {} instead of {port}", data.port));
    }
    if data.vni.map(u64::from) != Some(vni) {
        wrong.push(format!("another VNI than {vni}"));
    }
    mismatch(node, link, &wrong)
}

fn wireguard(world: &World, node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some(link) = node.net.link_named("wireguard.cali") else {
        return found;
    };
    let Some(LinkData::Wireguard(data)) = &link.data else {
        return found;
    };
    let name = &node.name;
    if link.is_up()
        && node.net.addresses.known().is_some()
        && !has_address(node, link)
        && !data.peers.is_empty()
    {
        found.push(
            Finding::of("wireguard-without-address", name, format!("wireguard.cali of {name} has no address"))
                .about("wireguard.cali")
                .shown(format!("ip addr on {name}"), "wireguard.cali has no IPv4 address")
                .step(format!("restart calico-node on {name}; if it stays so: netdiag ipam check, for an address whose handle was lost")),
        );
    }
    for other in world.nodes.iter().filter(|other| other.name != *name) {
        let Some(LinkData::Wireguard(theirs)) = other
            .net
            .link_named("wireguard.cali")
            .and_then(|link| link.data.as_ref())
        else {
            continue;
        };
        let knows = |ip: std::net::IpAddr| other.net.addresses.items().iter().any(|address| address.ip == ip);
        let peer = data
            .peers
            .iter()
            .find(|peer| peer.endpoint.is_some_and(|endpoint| knows(endpoint.ip())));
        if let Some(peer) = peer.filter(|peer| peer.public_key != theirs.public_key) {
            found.push(
                Finding::of(
                    "wireguard-key-differs",
                    name,
                    format!(
                        "{name} has another WireGuard key for {} than {} uses",
                        other.name, other.name
                    ),
                )
                .about(&other.name)
                .shown(
                    format!("wg show on {name}"),
                    format!("peer {} for {:?}", peer.public_key, peer.endpoint)
                        .replace("Some(", "")
                        .replace(')', ""),
                )
                .shown(
                    format!("wg show on {}", other.name),
                    format!("public key {}", theirs.public_key),
                )
                .step(format!(
                    "restart calico-node on {}: it publishes its key in the Node's status",
                    other.name
                )),
            );
        }
    }
    found
}
