//! Links, addresses, routes and neighbors over rtnetlink(7). The one file that knows the netlink crates.

#[allow(
    dead_code,
    clippy::many_single_char_names,
    reason = "what only other tables need"
)]
mod attr;
pub(super) mod ctnetlink;
pub(super) mod devconf;
pub(super) mod inet_diag;
pub(super) mod nsid;
#[allow(
    dead_code,
    clippy::cloned_ref_to_slice_refs,
    reason = "what only other tables need"
)]
pub(super) mod socket;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::stream::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkMessage, State};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteType as KernelRouteType,
};
use rtnetlink::{Handle, new_connection};

use crate::state::link::{Address, IfIndex, Link, LinkFlags, LowerLink};
use crate::state::neighbor::{Neighbor, NeighborFlags, NeighborState};
use crate::state::netns::NsId;
use crate::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};

/// What the kernel's tables hold, in the order of its dumps.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    pub routes: Vec<Route>,
    pub neighbors: Vec<Neighbor>,
}

impl Tables {
    /// Dumps all four from the current network namespace. No privileges are needed.
    ///
    /// # Errors
    /// When the socket can't be opened or the kernel refuses a dump.
    pub async fn read() -> Result<Self, String> {
        let (connection, handle, _) = new_connection().map_err(|error| error.to_string())?;
        let task = tokio::spawn(connection);
        let tables = Self::dump(&handle).await.map_err(|error| error.to_string());
        task.abort();
        tables
    }

    async fn dump(handle: &Handle) -> Result<Self, rtnetlink::Error> {
        let links: Vec<LinkMessage> = handle.link().get().execute().try_collect().await?;
        let addresses: Vec<AddressMessage> = handle.address().get().execute().try_collect().await?;
        let neighbors: Vec<NeighbourMessage> = handle.neighbours().get().execute().try_collect().await?;
        let mut routes = Vec::new();
        for request in [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ] {
            let dump: Vec<RouteMessage> = handle.route().get(request).execute().try_collect().await?;
            routes.extend(dump.into_iter().filter_map(route));
        }
        Ok(Self {
            links: links.into_iter().map(link).collect(),
            addresses: addresses.into_iter().filter_map(address).collect(),
            routes,
            neighbors: neighbors.into_iter().filter_map(neighbor).collect(),
        })
    }
}

fn link(message: LinkMessage) -> Link {
    let mut link = Link {
        index: IfIndex(message.header.index),
        flags: LinkFlags(message.header.flags.bits()),
        operstate: "unknown".to_owned(),
        ..Link::default()
    };
    let mut netns = None;
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Link(index) => {
                link.lower = Some(LowerLink {
                    index: IfIndex(index),
                    netns: None,
                });
            }
            LinkAttribute::LinkNetNsId(id) => netns = Some(NsId(id)),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Controller(master) => link.master = Some(IfIndex(master)),
            LinkAttribute::OperState(state) => operstate(state).clone_into(&mut link.operstate),
            LinkAttribute::LinkInfo(infos) => {
                link.kind = infos.into_iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    if let Some(lower) = &mut link.lower {
        lower.netns = netns;
    }
    link
}

const fn operstate(state: State) -> &'static str {
    match state {
        State::NotPresent => "notpresent",
        State::Down => "down",
        State::LowerLayerDown => "lowerlayerdown",
        State::Testing => "testing",
        State::Dormant => "dormant",
        State::Up => "up",
        _ => "unknown",
    }
}

/// IFA_LOCAL is the address; on point-to-point links IFA_ADDRESS is the other end's.
fn address(message: AddressMessage) -> Option<Address> {
    let (mut local, mut remote) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => remote = Some(ip),
            _ => {}
        }
    }
    let link = IfIndex(message.header.index);
    Some(Address {
        peer: remote.filter(|remote| local.is_some_and(|local| local != *remote)),
        ..Address::new(link, local.or(remote)?, message.header.prefix_len)
    })
}

/// Clock ticks a second in what the kernel tells user space (time(7)); 100 on every architecture but Alpha and IA-64.
const USER_HZ: u64 = 100;

fn neighbor(message: NeighbourMessage) -> Option<Neighbor> {
    let (mut ip, mut mac, mut confirmed_seconds) = (None, None, None);
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => ip = Some(IpAddr::V4(v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => ip = Some(IpAddr::V6(v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(mac_text(&bytes)),
            NeighbourAttribute::CacheInfo(info) => {
                confirmed_seconds = Some(u64::from(info.confirmed) / USER_HZ);
            }
            _ => {}
        }
    }
    Some(Neighbor {
        link: IfIndex(message.header.ifindex),
        ip: ip?,
        mac,
        flags: NeighborFlags(message.header.flags.bits()),
        confirmed_seconds,
        state: match message.header.state {
            NeighbourState::Incomplete => NeighborState::Incomplete,
            NeighbourState::Reachable => NeighborState::Reachable,
            NeighbourState::Stale => NeighborState::Stale,
            NeighbourState::Delay => NeighborState::Delay,
            NeighbourState::Probe => NeighborState::Probe,
            NeighbourState::Failed => NeighborState::Failed,
            NeighbourState::Noarp => NeighborState::Noarp,
            NeighbourState::Permanent => NeighborState::Permanent,
            _ => NeighborState::None,
        },
    })
}

fn mac_text(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

fn route(message: RouteMessage) -> Option<Route> {
    let any = match message.header.address_family {
        rtnetlink::packet_route::AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        rtnetlink::packet_route::AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let mut dst = any;
    let mut table = u32::from(message.header.table);
    let (mut metric, mut prefsrc) = (0, None);
    let mut single = NextHop {
        weight: 1,
        flags: hop_flags(message.header.flags.bits()),
        ..NextHop::default()
    };
    let mut next_hops = Vec::new();
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => dst = ip(&address)?,
            RouteAttribute::Table(id) => table = id,
            RouteAttribute::Priority(priority) => metric = priority,
            RouteAttribute::PrefSource(address) => prefsrc = ip(&address),
            RouteAttribute::Gateway(address) => single.gateway = ip(&address),
            RouteAttribute::Oif(index) => single.link = Some(IfIndex(index)),
            RouteAttribute::MultiPath(hops) => next_hops.extend(hops.iter().map(next_hop)),
            _ => {}
        }
    }
    if single.link.is_some() || single.gateway.is_some() {
        next_hops.push(single);
    }
    let dst = IpNet::new(dst, message.header.destination_prefix_length).ok()?;
    let proto = RouteProtocol(message.header.protocol.into());
    Some(Route {
        metric,
        prefsrc,
        next_hops,
        ..Route::new(dst, TableId(table), route_type(message.header.kind), proto)
    })
}

fn next_hop(hop: &RouteNextHop) -> NextHop {
    NextHop {
        gateway: hop.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Gateway(address) => ip(address),
            _ => None,
        }),
        link: Some(IfIndex(hop.interface_index)),
        weight: u16::from(hop.hops) + 1,
        flags: HopFlags(hop.flags.bits()),
        encap: None,
    }
}

/// The flags of a route with one way out are in its header; the upper bytes are the route's own (RTM_F_*).
const fn hop_flags(flags: u32) -> HopFlags {
    HopFlags((flags & 0xff) as u8)
}

const fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some(IpAddr::V4(*v4)),
        RouteAddress::Inet6(v6) => Some(IpAddr::V6(*v6)),
        _ => None,
    }
}

const fn route_type(kind: KernelRouteType) -> RouteType {
    match kind {
        KernelRouteType::Unicast => RouteType::Unicast,
        KernelRouteType::Local => RouteType::Local,
        KernelRouteType::Broadcast => RouteType::Broadcast,
        KernelRouteType::Anycast => RouteType::Anycast,
        KernelRouteType::Multicast => RouteType::Multicast,
        KernelRouteType::BlackHole => RouteType::Blackhole,
        KernelRouteType::Unreachable => RouteType::Unreachable,
        KernelRouteType::Prohibit => RouteType::Prohibit,
        KernelRouteType::Throw => RouteType::Throw,
        _ => RouteType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_end_of_an_address_is_its_peer() {
        let read = |attributes: &[AddressAttribute]| {
            let mut message = AddressMessage::default();
            message.header.prefix_len = 30;
            message.attributes = attributes.to_vec();
            let read = address(message).unwrap();
            (read.to_string(), read.peer)
        };
        let (one, two): (IpAddr, IpAddr) = ("10.9.0.1".parse().unwrap(), "10.9.0.2".parse().unwrap());
        let (local, far) = (AddressAttribute::Local(one), AddressAttribute::Address(two));
        assert_eq!(read(&[far, local.clone()]), ("10.9.0.1/30".into(), Some(two)));
        let same = AddressAttribute::Address(one);
        assert_eq!(read(&[same.clone(), local]), ("10.9.0.1/30".into(), None));
        assert_eq!(read(&[same]), ("10.9.0.1/30".into(), None));
    }
}
