//! Links (rtnetlink(7), RTM_GETLINK). What belongs to one kind is in [`super::kinds`] and [`super::tunnels`].

use super::attr::{attributes, find, flag, i32, mac, text, u8, u32, u64};
use super::socket::{Error, Socket};
use super::uapi::{
    IFLA_ADDRESS, IFLA_ALT_IFNAME, IFLA_CARRIER, IFLA_IFALIAS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA, IFLA_INFO_SLAVE_KIND, IFLA_LINK, IFLA_LINK_NETNSID, IFLA_LINKINFO, IFLA_MASTER,
    IFLA_MTU, IFLA_OPERSTATE, IFLA_PROP_LIST, IFLA_QDISC, IFLA_STATS64, RTM_GETLINK,
};
use super::{kinds, ports};
use crate::state::link::{IfIndex, Link, LinkCounters, LinkFlags, LowerLink};
use crate::state::netns::NsId;

/// `struct ifinfomsg`: family, padding, ARPHRD_*, number, flags, mask of flags.
const HEADER: usize = 16;

/// All links, in the order of the kernel's dump.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<Link>, Error> {
    socket.dump(RTM_GETLINK, &[0; HEADER], |message, links| {
        links.extend(link(message));
    })
}

fn link(message: &[u8]) -> Option<Link> {
    let (header, list) = message.split_at_checked(HEADER)?;
    let mut link = Link {
        index: IfIndex(u32(&header[4..])),
        flags: LinkFlags(u32(&header[8..])),
        operstate: "unknown".to_owned(),
        ..Link::default()
    };
    let (mut lower, mut netns) = (0, None);
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_IFNAME => link.name = text(value),
            IFLA_MTU => link.mtu = u32(value),
            // Of tunnels it is an IP address, of InfiniBand it has twenty bytes.
            IFLA_ADDRESS => link.mac = mac(value),
            IFLA_OPERSTATE => operstate(u8(value)).clone_into(&mut link.operstate),
            IFLA_CARRIER => link.carrier = Some(flag(value)),
            IFLA_MASTER => link.master = Some(IfIndex(u32(value))),
            IFLA_LINK => lower = u32(value),
            IFLA_LINK_NETNSID => netns = Some(i32(value)),
            IFLA_IFALIAS => link.alias = Some(text(value)),
            IFLA_QDISC => link.qdisc = Some(text(value)),
            IFLA_STATS64 => link.counters = Some(counters(value)),
            IFLA_PROP_LIST => link.alt_names = alt_names(value),
            IFLA_LINKINFO => info(&mut link, value),
            _ => {}
        }
    }
    // A tunnel that is bound to no link has 0. NETNSA_NSID_NOT_ASSIGNED, -1, says no more than that it is elsewhere.
    link.lower = (lower != 0).then(|| LowerLink {
        index: IfIndex(lower),
        netns: netns.map(NsId),
    });
    Some(link)
}

fn info(link: &mut Link, list: &[u8]) {
    link.kind = find(list, IFLA_INFO_KIND).map(text);
    if let (Some(kind), Some(data)) = (&link.kind, find(list, IFLA_INFO_DATA)) {
        link.data = kinds::data(kind, data);
    }
    if find(list, IFLA_INFO_SLAVE_KIND).is_some_and(|kind| text(kind) == "bridge") {
        link.port = find(list, IFLA_INFO_SLAVE_DATA).map(ports::port);
    }
}

/// IF_OPER_* of `include/uapi/linux/if.h` (RFC 2863, ifOperStatus).
const fn operstate(state: u8) -> &'static str {
    match state {
        1 => "notpresent",
        2 => "down",
        3 => "lowerlayerdown",
        4 => "testing",
        5 => "dormant",
        6 => "up",
        _ => "unknown",
    }
}

/// `struct rtnl_link_stats64`.
fn counters(value: &[u8]) -> LinkCounters {
    let counter = |place: usize| value.get(place * 8..).map_or(0, u64);
    LinkCounters {
        rx_packets: counter(0),
        tx_packets: counter(1),
        rx_bytes: counter(2),
        tx_bytes: counter(3),
        rx_errors: counter(4),
        tx_errors: counter(5),
        rx_dropped: counter(6),
        tx_dropped: counter(7),
        tx_carrier_errors: counter(17),
    }
}

fn alt_names(list: &[u8]) -> Vec<String> {
    attributes(list)
        .filter(|(kind, _)| *kind == IFLA_ALT_IFNAME)
        .map(|(_, name)| text(name))
        .collect()
}
