//! Routes, neighbors and tunnels of a host.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use netdiag::state::kind::{LinkData, Tunnel, Vxlan};
use netdiag::state::link::{IfIndex, Link, LinkFlags, Scope};
use netdiag::state::neighbor::{FdbEntry, Neighbor, NeighborFlags, NeighborState};
use netdiag::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::rule::{PolicyRule, RuleAction};

use super::names::{block, node_ip, node_mac, tunnel_ip, tunnel_link, tunnel_mac};
use super::{Cluster, ETH0, Flavour, Host, ethernet};
use crate::Random;

const TUNNEL: IfIndex = IfIndex(4);

/// Neighbors on the nodes' segment that a host has talked to of late.
const RECENT: usize = 32;

fn host_net(ip: Ipv4Addr) -> IpNet {
    IpNet::from(IpAddr::V4(ip))
}

pub(super) fn everything() -> IpNet {
    IpNet::V4(Ipv4Net::default())
}

fn route(dst: IpNet, kind: RouteType, proto: RouteProtocol, link: IfIndex) -> Route {
    Route {
        next_hops: vec![NextHop {
            link: Some(link),
            weight: 1,
            ..NextHop::default()
        }],
        ..Route::new(dst, TableId::MAIN, kind, proto)
    }
}

/// What the kernel adds to `local` with an address.
pub(super) fn local(link: IfIndex, ip: Ipv4Addr) -> Route {
    Route {
        table: TableId::LOCAL,
        scope: Scope::HOST,
        prefsrc: Some(ip.into()),
        ..route(host_net(ip), RouteType::Local, RouteProtocol::KERNEL, link)
    }
}

/// … and to `main`.
pub(super) fn connected(link: IfIndex, ip: Ipv4Addr, length: u8) -> Route {
    let net = Ipv4Net::new(ip, length).unwrap_or_default().trunc();
    Route {
        scope: Scope::LINK,
        prefsrc: Some(ip.into()),
        ..route(IpNet::V4(net), RouteType::Unicast, RouteProtocol::KERNEL, link)
    }
}

pub(super) fn on_link(link: IfIndex, ip: Ipv4Addr) -> Route {
    Route {
        scope: Scope::LINK,
        ..route(host_net(ip), RouteType::Unicast, RouteProtocol::BOOT, link)
    }
}

pub(super) fn via(dst: IpNet, gateway: Ipv4Addr, link: IfIndex) -> Route {
    let mut route = route(dst, RouteType::Unicast, RouteProtocol::BIRD, link);
    for hop in &mut route.next_hops {
        hop.gateway = Some(gateway.into());
    }
    route
}

/// The three rules of every namespace.
pub(super) fn policy() -> Vec<PolicyRule> {
    [
        (0, TableId::LOCAL),
        (32_766, TableId::MAIN),
        (32_767, TableId::DEFAULT),
    ]
    .map(|(priority, table)| PolicyRule {
        v6: false,
        priority,
        invert: false,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        fwmark: None,
        tos: 0,
        ipproto: None,
        sport: None,
        dport: None,
        uid: None,
        tun_id: None,
        action: RuleAction::Lookup(table),
        suppress_prefix_len: None,
        suppress_group: None,
        proto: Some(RouteProtocol::KERNEL),
    })
    .into()
}

pub(super) fn neighbor(link: IfIndex, ip: Ipv4Addr, mac: String) -> Neighbor {
    Neighbor {
        link,
        ip: ip.into(),
        mac: Some(mac),
        state: NeighborState::Reachable,
        flags: NeighborFlags::default(),
        confirmed_seconds: None,
    }
}

pub(super) fn fdb(mac: &str, link: IfIndex) -> FdbEntry {
    FdbEntry {
        mac: mac.to_owned(),
        link,
        master: None,
        vlan: None,
        dst: None,
        port: None,
        vni: None,
        via: None,
        nexthop: None,
        state: NeighborState::Permanent,
        flags: NeighborFlags::SELF,
    }
}

/// The tunnel's link and address.
pub(super) fn tunnel(cluster: &Cluster, node: usize, host: &mut Host) {
    let Some(name) = tunnel_link(cluster.flavour) else {
        return;
    };
    let local = Some(node_ip(node).into());
    let link = if cluster.flavour == Flavour::CalicoIpip {
        Link {
            kind: Some("ipip".to_owned()),
            flags: LinkFlags(LinkFlags::UP.0 | LinkFlags::RUNNING.0 | LinkFlags::NOARP.0),
            mtu: cluster.flavour.mtu(),
            mac: None,
            data: Some(LinkData::Tunnel(Tunnel {
                pmtudisc: true,
                ..Tunnel::default()
            })),
            ..ethernet(TUNNEL, name, "")
        }
    } else {
        let (vni, port) = match cluster.flavour {
            Flavour::CalicoVxlan => (4_096, 4_789),
            _ => (1, 8_472),
        };
        Link {
            kind: Some("vxlan".to_owned()),
            mtu: cluster.flavour.mtu(),
            data: Some(LinkData::Vxlan(Vxlan {
                vni: Some(vni),
                port,
                local,
                link: Some(ETH0),
                ..Vxlan::default()
            })),
            ..ethernet(TUNNEL, name, &tunnel_mac(node))
        }
    };
    host.links.push(link);
    host.own(TUNNEL, tunnel_ip(cluster, node), 32);
    // Answers to packets out of the tunnel may leave by eth0.
    host.set(name, &[("rp_filter", 0), ("forwarding", 1), ("proxy_arp", 0)]);
}

/// A blackhole for what is left of the node's own blocks, and a route to each of the others.
pub(super) fn blocks(cluster: &Cluster, node: usize, host: &mut Host) {
    for of in 0..cluster.blocks_a_node() {
        for other in 0..cluster.nodes {
            let net = IpNet::V4(block(cluster, other, of));
            if other != node {
                host.routes.push(to_block(cluster, other, net));
            } else if cluster.flavour.is_calico() {
                host.routes.push(Route {
                    next_hops: Vec::new(),
                    ..route(net, RouteType::Blackhole, RouteProtocol::BIRD, ETH0)
                });
            }
        }
    }
}

fn to_block(cluster: &Cluster, other: usize, net: IpNet) -> Route {
    let (gateway, link) = match cluster.flavour {
        Flavour::CalicoBgp | Flavour::FlannelHostGw => (node_ip(other), ETH0),
        Flavour::CalicoIpip => (node_ip(other), TUNNEL),
        Flavour::CalicoVxlan | Flavour::FlannelVxlan => (tunnel_ip(cluster, other), TUNNEL),
    };
    let mut route = via(net, gateway, link);
    if link == TUNNEL {
        for hop in &mut route.next_hops {
            hop.flags = HopFlags::ONLINK;
        }
    }
    route
}

/// Whom the host has talked to of late, and what a VXLAN has of every other node.
pub(super) fn neighbors(cluster: &Cluster, node: usize, random: &mut Random, host: &mut Host) {
    for _ in 0..RECENT.min(cluster.nodes) {
        let other = random.below(cluster.nodes);
        let ip = IpAddr::from(node_ip(other));
        if other != node && !host.neighbors.iter().any(|known| known.ip == ip) {
            host.neighbors
                .push(neighbor(ETH0, node_ip(other), node_mac(other)));
        }
    }
    if !matches!(cluster.flavour, Flavour::CalicoVxlan | Flavour::FlannelVxlan) {
        return;
    }
    for other in (0..cluster.nodes).filter(|other| *other != node) {
        let mac = tunnel_mac(other);
        host.fdb.push(FdbEntry {
            dst: Some(node_ip(other).into()),
            ..fdb(&mac, TUNNEL)
        });
        host.neighbors.push(Neighbor {
            state: NeighborState::Permanent,
            ..neighbor(TUNNEL, tunnel_ip(cluster, other), mac)
        });
    }
}
