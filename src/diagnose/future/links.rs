//! Links of tunnels as they will be: those that Felix makes, changes and takes away.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::NodeFuture;
use crate::calico::node::Node;
use crate::intent::Cluster;
use crate::intent::pool::Mode;
use crate::state::kind::{LinkData, Tunnel, Vxlan};
use crate::state::link::{Address, IfIndex, Link, LinkFlags};
use crate::state::neighbor::{FdbEntry, Neighbor, NeighborFlags, NeighborState};
use crate::state::{Fact, NodeState};

/// Felix's defaults.
const PORT: u16 = 4789;
const VNI: u32 = 4096;

/// The link of a kind of tunnel.
pub(super) fn name(ipip: bool, v6: bool) -> &'static str {
    match (ipip, v6) {
        (true, _) => "tunl0",
        (false, false) => "vxlan.calico",
        (false, true) => "vxlan-v6.calico",
    }
}

/// Bytes that a tunnel puts around a packet.
const fn overhead(ipip: bool, v6: bool) -> u32 {
    match (ipip, v6) {
        (true, _) => 20,
        (false, false) => 50,
        (false, true) => 70,
    }
}

/// What Felix is told of a tunnel's link.
struct Wanted {
    mtu: Option<u32>,
    port: u16,
    vni: u32,
}

fn wanted(cluster: &Cluster, node: &str, ipip: bool, v6: bool) -> Wanted {
    let number = |field: &str| {
        cluster
            .felix_setting(node, field)
            .and_then(serde_json::Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    let field = match (ipip, v6) {
        (true, _) => "ipipMTU",
        (false, false) => "vxlanMTU",
        (false, true) => "vxlanMTUV6",
    };
    Wanted {
        // 0: by the links of the node.
        mtu: number(field).filter(|mtu| *mtu > 0),
        port: number("vxlanPort")
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(PORT),
        vni: number("vxlanVNI").unwrap_or(VNI),
    }
}

/// Whether Felix keeps a tunnel's link.
fn used(cluster: &Cluster, node: &str, ipip: bool, v6: bool) -> bool {
    let field = if ipip { "ipipEnabled" } else { "vxlanEnabled" };
    let forced = cluster
        .felix_setting(node, field)
        .and_then(serde_json::Value::as_bool);
    forced.unwrap_or_else(|| {
        cluster.pools.iter().any(|pool| {
            let mode = if ipip { pool.ipip } else { pool.vxlan };
            pool.cidr.addr().is_ipv6() == v6 && mode != Mode::Never
        })
    })
}

/// Changes the links that are there, and takes away those that nobody needs any more.
pub(super) fn change(
    state: &mut NodeState,
    [before, after]: [&Cluster; 2],
    v6: bool,
    future: &mut NodeFuture,
) {
    for ipip in [true, false] {
        if ipip && v6 {
            continue;
        }
        let name = name(ipip, v6);
        let node = state.name.clone();
        let (old, new) = (wanted(before, &node, ipip, v6), wanted(after, &node, ipip, v6));
        if used(before, &node, ipip, v6) && !used(after, &node, ipip, v6) {
            go(state, name, ipip, future);
            continue;
        }
        let uplink = uplink(state);
        let Some(link) = link_mut(state, name) else {
            continue;
        };
        if old.mtu != new.mtu {
            let mtu = new.mtu.or(uplink.map(|mtu| mtu - overhead(ipip, v6)));
            if let Some(mtu) = mtu.filter(|mtu| *mtu != link.mtu) {
                future.links.push(format!("{name}: MTU {} → {mtu}", link.mtu));
                link.mtu = mtu;
            }
        }
        if let (Some(LinkData::Vxlan(data)), false) = (&mut link.data, ipip) {
            if old.port != new.port && data.port != new.port {
                future
                    .links
                    .push(format!("{name}: UDP port {} → {}", data.port, new.port));
                data.port = new.port;
            }
            if old.vni != new.vni && data.vni != Some(new.vni) {
                let now = data.vni.unwrap_or_default();
                future.links.push(format!("{name}: VNI {now} → {}", new.vni));
                data.vni = Some(new.vni);
            }
        }
    }
}

/// Felix deletes its VXLAN link, and takes the address from `tunl0`, which the kernel keeps.
fn go(state: &mut NodeState, name: &str, ipip: bool, future: &mut NodeFuture) {
    let Some(index) = state.net.link_named(name).map(|link| link.index) else {
        return;
    };
    let text = if ipip { "loses its address" } else { "is deleted" };
    future.links.push(format!("{name} {text}"));
    if let Fact::Known(addresses) = &mut state.net.addresses {
        addresses.retain(|address| address.link != index);
    }
    if ipip {
        return;
    }
    if let Fact::Known(links) = &mut state.net.links {
        links.retain(|link| link.index != index);
    }
    if let Fact::Known(routes) = &mut state.net.routes {
        routes.retain(|route| route.next_hops.iter().all(|hop| hop.link != Some(index)));
    }
    if let Fact::Known(neighbors) = &mut state.net.neighbors {
        neighbors.retain(|neighbor| neighbor.link != index);
    }
    if let Fact::Known(fdb) = &mut state.net.fdb {
        fdb.retain(|entry| entry.link != index);
    }
}

fn link_mut<'s>(state: &'s mut NodeState, name: &str) -> Option<&'s mut Link> {
    let Fact::Known(links) = &mut state.net.links else {
        return None;
    };
    links.iter_mut().find(|link| link.name == name)
}

/// The MTU of the first link that is none of software's.
fn uplink(state: &NodeState) -> Option<u32> {
    let mut links = state.net.links.items().iter();
    links
        .find(|link| {
            let carries =
                link.kind.is_none() || (link.kind.as_deref() == Some("veth") && link.master.is_none());
            carries && !link.name.starts_with("cali") && link.mtu < 65_000
        })
        .map(|link| link.mtu)
}

/// The tunnel's link: as it is, or as Felix makes it.
fn tunnel(
    state: &mut NodeState,
    cluster: &Cluster,
    (ipip, own): (bool, Option<IpAddr>),
    future: &mut NodeFuture,
) -> IfIndex {
    let v6 = own.is_some_and(|own| own.is_ipv6());
    let name = name(ipip, v6);
    if let Some(link) = state.net.link_named(name).filter(|link| link.is_up()) {
        return link.index;
    }
    let wanted = wanted(cluster, &state.name, ipip, v6);
    let mtu = wanted
        .mtu
        .unwrap_or_else(|| uplink(state).unwrap_or(1500) - overhead(ipip, v6));
    let inside = inside(cluster, &state.name, ipip).or_else(|| own.map(inner));
    let hardware = cluster.node(&state.name).and_then(|node| node.vxlan_mac.clone());
    let Fact::Known(links) = &mut state.net.links else {
        return IfIndex(0);
    };
    links.retain(|link| link.name != name);
    let index = IfIndex(links.iter().map(|link| link.index.0).max().unwrap_or(0) + 1);
    let data = if ipip {
        LinkData::Tunnel(Tunnel {
            pmtudisc: true,
            ..Tunnel::default()
        })
    } else {
        LinkData::Vxlan(Vxlan {
            vni: Some(wanted.vni),
            port: wanted.port,
            local: own,
            ..Vxlan::default()
        })
    };
    let mac = hardware.or_else(|| own.map(mac));
    links.push(Link {
        index,
        name: name.to_owned(),
        kind: Some(if ipip { "ipip" } else { "vxlan" }.to_owned()),
        flags: LinkFlags(LinkFlags::UP.0 | LinkFlags::RUNNING.0 | LinkFlags::LOWER_UP.0),
        operstate: "unknown".to_owned(),
        mtu,
        mac: mac.filter(|_| !ipip),
        data: Some(data),
        ..Link::default()
    });
    future.links.push(format!("{name} comes up, MTU {mtu}"));
    if let (Fact::Known(sysctls), Fact::Known(addresses), Some(inside)) =
        (&mut state.net.sysctls, &mut state.net.addresses, inside)
    {
        let family = if v6 { "ipv6" } else { "ipv4" };
        for (key, value) in [("forwarding", "1"), ("rp_filter", "0")] {
            sysctls.insert(format!("net.{family}.conf.{name}.{key}"), value.to_owned());
        }
        // Calico takes it from the node's blocks; which one makes no difference to other packets.
        addresses.push(Address::new(index, inside, if v6 { 128 } else { 32 }));
    }
    index
}

/// The stored address of a node's tunnel.
fn inside(cluster: &Cluster, node: &str, ipip: bool) -> Option<IpAddr> {
    let node = cluster.node(node)?;
    let stored = if ipip {
        node.ipip_tunnel_addr
    } else {
        node.vxlan_tunnel_addr
    };
    stored.map(IpAddr::from)
}

/// A stand-in for the address of a node's tunnel, that nobody else has.
fn inner(own: IpAddr) -> IpAddr {
    match own {
        IpAddr::V4(ip) => {
            let [_, b, c, d] = ip.octets();
            IpAddr::from([100, 64 | (b & 63), c, d])
        }
        IpAddr::V6(ip) => {
            let mut segments = ip.segments();
            segments[0] = 0xfdff;
            IpAddr::from(segments)
        }
    }
}

/// A stand-in for the MAC of a node's VXLAN link.
fn mac(own: IpAddr) -> String {
    let octets = match own {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
    };
    let [a, b, c, d] = octets;
    format!("66:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The links of a node's tunnels, and the other ends as it knows them: each is looked for once.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    ipip: Option<IfIndex>,
    vxlan: Option<Vteps>,
}

impl Tunnels {
    /// `tunl0`, as it is or as Felix makes it.
    pub(super) fn ipip(
        &mut self,
        state: &mut NodeState,
        cluster: &Cluster,
        own: Option<IpAddr>,
        future: &mut NodeFuture,
    ) -> IfIndex {
        *self
            .ipip
            .get_or_insert_with(|| tunnel(state, cluster, (true, own), future))
    }

    /// The VXLAN link, and another node's end of it.
    pub(super) fn vxlan(
        &mut self,
        state: &mut NodeState,
        cluster: &Cluster,
        own: Option<IpAddr>,
        future: &mut NodeFuture,
    ) -> &mut Vteps {
        self.vxlan.get_or_insert_with(|| {
            let link = tunnel(state, cluster, (false, own), future);
            Vteps::new(state, link)
        })
    }
}

/// Other nodes' VXLAN links, as one node knows them.
#[derive(Debug)]
pub(super) struct Vteps {
    pub(super) link: IfIndex,
    /// In lower case, by the node's address.
    macs: HashMap<IpAddr, String>,
    ips: HashMap<String, IpAddr>,
    /// Those that were put in.
    new: HashMap<IpAddr, (IpAddr, bool)>,
}

impl Vteps {
    fn new(state: &NodeState, link: IfIndex) -> Self {
        let mut macs = HashMap::new();
        for entry in state.net.fdb.items().iter().filter(|entry| entry.link == link) {
            if let Some(dst) = entry.dst {
                macs.entry(dst).or_insert_with(|| entry.mac.to_lowercase());
            }
        }
        let mut ips = HashMap::new();
        let neighbors = state.net.neighbors.items().iter();
        for neighbor in neighbors.filter(|neighbor| neighbor.link == link) {
            if let Some(mac) = &neighbor.mac {
                ips.entry(mac.to_lowercase()).or_insert(neighbor.ip);
            }
        }
        Self {
            link,
            macs,
            ips,
            new: HashMap::new(),
        }
    }

    /// The address of another node's link, and whether that one is known; its entries are put in where they lack.
    pub(super) fn at(
        &mut self,
        state: &mut NodeState,
        cluster: &Cluster,
        outer: IpAddr,
    ) -> Option<(IpAddr, bool)> {
        // One that is there already stays.
        if let Some(mac) = self.macs.get(&outer) {
            return self.ips.get(mac).map(|ip| (*ip, true));
        }
        if let Some(told) = self.new.get(&outer) {
            return Some(*told);
        }
        let told = put_in(state, cluster, self.link, outer)?;
        self.new.insert(outer, told);
        Some(told)
    }
}

/// Puts in the neighbor and FDB entries of another node's VXLAN link; its address there, and whether that one is known.
fn put_in(state: &mut NodeState, cluster: &Cluster, link: IfIndex, outer: IpAddr) -> Option<(IpAddr, bool)> {
    let node = cluster.nodes_at(outer).next();
    let stored = node
        .and_then(|node| node.vxlan_tunnel_addr)
        .filter(|_| outer.is_ipv4());
    let ip = stored.map_or_else(|| inner(outer), IpAddr::from);
    let mac = node
        .and_then(|node| node.vxlan_mac.clone())
        .unwrap_or_else(|| mac(outer));
    let (Fact::Known(fdb), Fact::Known(neighbors)) = (&mut state.net.fdb, &mut state.net.neighbors) else {
        return None;
    };
    fdb.push(FdbEntry {
        mac: mac.clone(),
        link,
        master: None,
        vlan: None,
        dst: Some(outer),
        port: None,
        vni: None,
        via: None,
        nexthop: None,
        state: NeighborState::Permanent,
        flags: NeighborFlags::SELF,
    });
    neighbors.push(Neighbor {
        link,
        ip,
        mac: Some(mac),
        state: NeighborState::Permanent,
        flags: NeighborFlags::default(),
        confirmed_seconds: None,
    });
    Some((ip, stored.is_some()))
}

/// Ends of VXLAN that Felix on all other nodes takes away and puts in: of Nodes that go, come, or have others then.
pub(super) struct Turned {
    gone: Vec<VxlanEnd>,
    new: Vec<VxlanEnd>,
}

/// A node, its address, and that of its link with the MAC.
type VxlanEnd = (String, IpAddr, IpAddr, String);

impl Turned {
    pub(super) fn new(clusters: [&Cluster; 2]) -> Self {
        let ends = |cluster: &Cluster| -> HashSet<VxlanEnd> {
            let nodes = cluster.nodes.iter();
            let end = |node: &Node| {
                let (outer, inside) = (node.ipv4?.ip, node.vxlan_tunnel_addr?);
                let mac = node.vxlan_mac.as_ref()?.to_lowercase();
                Some((node.name.clone(), outer, IpAddr::from(inside), mac))
            };
            nodes.filter_map(end).collect()
        };
        let [old, new] = clusters.map(ends);
        Self {
            gone: old.difference(&new).cloned().collect(),
            new: new.difference(&old).cloned().collect(),
        }
    }

    /// Writes them into a node's tables, whether routes lead there or not.
    pub(super) fn write(&self, state: &mut NodeState, after: &Cluster) {
        let Some(link) = state.net.link_named(name(false, false)).map(|link| link.index) else {
            return;
        };
        for (_, outer, inside, mac) in self.gone.iter().filter(|(node, ..)| *node != state.name) {
            if let Fact::Known(fdb) = &mut state.net.fdb {
                fdb.retain(|entry| {
                    entry.link != link || entry.dst != Some(*outer) || !entry.mac.eq_ignore_ascii_case(mac)
                });
            }
            if let Fact::Known(neighbors) = &mut state.net.neighbors {
                neighbors.retain(|entry| entry.link != link || entry.ip != *inside);
            }
        }
        for (node, outer, ..) in &self.new {
            if *node == state.name {
                continue;
            }
            let mut fdb = state.net.fdb.items().iter();
            if !fdb.any(|entry| entry.link == link && entry.dst == Some(*outer)) {
                put_in(state, after, link, *outer);
            }
        }
    }
}
