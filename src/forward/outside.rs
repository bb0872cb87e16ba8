//! A host that was not seen, as it must be to have an address: what a question may start from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::state::conntrack::Conntrack;
use crate::state::link::{Address, IfIndex, Link, LinkFlags};
use crate::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use crate::state::{Fact, Namespace, NodeState};

/// Its links.
const LO: IfIndex = IfIndex(1);
const ETH0: IfIndex = IfIndex(2);

/// A plain host with this address: on the wire of a segment that a node's link is on, with that segment's length and
/// the nodes' own default gateway, if they have one there. It listens on nothing. None when no segment has the address,
/// or somebody seen has it.
pub fn host(nodes: &[NodeState], ip: IpAddr) -> Option<NodeState> {
    let seen = |node: &NodeState| {
        let within = node.namespaces.items().iter().map(|namespace| &namespace.net);
        let mut nets = std::iter::once(&node.net).chain(within);
        nets.any(|net| net.addresses.items().iter().any(|address| address.ip == ip))
    };
    if nodes.iter().any(seen) {
        return None;
    }
    let (segment, neighbor, gateway) = nodes.iter().find_map(|node| beside(node, ip))?;
    let mac = neighbor
        .and_then(|(node, link)| {
            let entries = node.net.neighbors.items().iter();
            let mut of_ip = entries.filter(|entry| entry.ip == ip && entry.link == link);
            of_ip.find_map(|entry| entry.mac.clone())
        })
        // Locally administered: any will do that nobody has.
        .unwrap_or_else(|| "02:6e:64:00:00:01".to_owned());
    let mut node = NodeState {
        name: ip.to_string(),
        namespaces: Fact::Known(Vec::<Namespace>::new()),
        ..NodeState::default()
    };
    let net = &mut node.net;
    net.links = Fact::Known(vec![
        link(LO, "lo", LinkFlags(LinkFlags::UP.0 | LinkFlags::LOOPBACK.0), None),
        link(
            ETH0,
            "eth0",
            LinkFlags(LinkFlags::UP.0 | LinkFlags::BROADCAST.0),
            Some(mac),
        ),
    ]);
    net.addresses = Fact::Known(vec![Address::new(ETH0, ip, segment.prefix_len())]);
    let mut routes = vec![
        route(IpNet::from(ip), TableId::LOCAL, RouteType::Local, None),
        route(segment.trunc(), TableId::MAIN, RouteType::Unicast, None),
    ];
    if let Some(gateway) = gateway {
        let all = if ip.is_ipv4() {
            IpNet::from(Ipv4Net::default())
        } else {
            IpNet::from(Ipv6Net::default())
        };
        routes.push(route(all, TableId::MAIN, RouteType::Unicast, Some(gateway)));
    }
    net.routes = Fact::Known(routes);
    net.neighbors = Fact::Known(Vec::new());
    net.netfilter = Fact::Known(Vec::new());
    net.tcp = Fact::Known(Vec::new());
    net.udp = Fact::Known(Vec::new());
    net.conntrack = Fact::Known(Conntrack::default());
    net.sysctls = Fact::Known(BTreeMap::from([(
        "net.ipv4.ip_forward".to_owned(),
        "0".to_owned(),
    )]));
    Some(node)
}

type Beside<'a> = (IpNet, Option<(&'a NodeState, IfIndex)>, Option<IpAddr>);

/// The segment of a node's own links that an address lies in, the link to it, and the node's gateway there.
fn beside(node: &NodeState, ip: IpAddr) -> Option<Beside<'_>> {
    let address = node.net.addresses.items().iter().find(|address| {
        let wire = node.net.link(address.link).is_some_and(|link| {
            // Of bridges and tunnels, the other hosts are pods.
            matches!(link.kind.as_deref(), None | Some("veth" | "vlan" | "bond"))
                && !link.flags.has(LinkFlags::LOOPBACK)
        });
        let is_switch = |link: &Link| link.kind.as_deref() == Some("openvswitch");
        (wire || node.net.link(address.link).is_some_and(is_switch))
            && address
                .network()
                .is_some_and(|net| net.contains(&ip) && net.prefix_len() < net.max_prefix_len())
    })?;
    let segment = address.network()?;
    let mut hops = node
        .net
        .routes
        .items()
        .iter()
        .filter(|route| route.dst.prefix_len() == 0 && route.table == TableId::MAIN)
        .flat_map(|route| &route.next_hops)
        .filter_map(|hop| hop.gateway);
    let gateway = hops.find(|gateway| segment.contains(gateway) && *gateway != ip);
    Some((segment, Some((node, address.link)), gateway))
}

fn link(index: IfIndex, name: &str, flags: LinkFlags, mac: Option<String>) -> Link {
    Link {
        index,
        name: name.to_owned(),
        kind: None,
        flags,
        operstate: "up".to_owned(),
        carrier: Some(true),
        mtu: if index == LO { 65_536 } else { 1500 },
        mac,
        master: None,
        lower: None,
        alias: None,
        alt_names: Vec::new(),
        qdisc: None,
        counters: None,
        data: None,
        port: None,
        features: None,
    }
}

fn route(dst: IpNet, table: TableId, kind: RouteType, gateway: Option<IpAddr>) -> Route {
    let link = if kind == RouteType::Local { LO } else { ETH0 };
    Route {
        next_hops: vec![NextHop {
            gateway,
            link: Some(link),
            ..NextHop::default()
        }],
        ..Route::new(dst, table, kind, RouteProtocol::KERNEL)
    }
}
