//! Tunnels: the packet that carries a packet, and its way out again (`ip_tunnel.c`, `ip6_tunnel.c`, `vxlan_core.c`,
//! `geneve.c`, flanneld).

mod bypass;
mod group;
mod incoming;
mod outgoing;
mod programs;
mod udp;

use std::net::IpAddr;

use super::super::fib::{Flow, source_address};
use super::super::packet::{Inner, Packet, Transport};
use super::super::topology::At;
use super::missing::unread;
use super::{Cause, Outcome, State, Walker, What};
use crate::state::kind::{Geneve, LinkData, Tunnel, Vxlan};
use crate::state::link::IfIndex;

/// The packet that is going to carry another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outer {
    /// None: what the kernel chooses.
    pub(super) local: Option<IpAddr>,
    pub(super) remote: IpAddr,
    pub(super) transport: Transport,
    /// Bytes, its own header included.
    pub(super) size: u32,
    pub(super) df: bool,
    /// The link that it must leave by, if the tunnel is bound to one.
    pub(super) link: Option<IfIndex>,
}

/// What a route says of the tunnel that its packets go through (`encap`), for links that leave it to the route
/// (`external`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Metadata {
    remote: IpAddr,
    local: Option<IpAddr>,
    id: u32,
    key: bool,
    csum: bool,
    seq: bool,
}

/// As deep as the kernel packs packets into each other, what links between send counted, too
/// (`IP_TUNNEL_RECURSION_LIMIT`; older kernels go as deep as links do).
const MAX_TUNNELS: u8 = 5;

impl Metadata {
    /// From the words of ip-route(8): `ip id 7 dst 10.0.0.2 key`. None for other kinds of encapsulation.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if !matches!(words.next(), Some("ip" | "ip6")) {
            return None;
        }
        let words: Vec<&str> = words.collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).copied()
        };
        let address = |name: &str| {
            let ip: IpAddr = after(name)?.parse().ok()?;
            Some(ip).filter(|ip| !ip.is_unspecified())
        };
        Some(Self {
            remote: address("dst")?,
            local: address("src"),
            id: after("id").and_then(|id| id.parse().ok()).unwrap_or(0),
            key: words.contains(&"key"),
            csum: words.contains(&"csum"),
            seq: words.contains(&"seq"),
        })
    }
}

impl Walker<'_, '_> {
    /// Puts the packet into another one, and sends that.
    pub(super) fn carry(&self, mut state: State, at: At, outer: Outer, inner: Inner) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let remote = outer.remote;
        if let Some(why) = unread(place.net) {
            return state.undecided(at.place, why);
        }
        if let Some(local) = outer.local.filter(|local| !place.has(*local)) {
            // ip_route_output_key_hash_rcu, ip6_tnl_xmit_ctl
            let why = format!(
                "{local}, the local end of {}, is no address of its own",
                self.name(at)
            );
            return state.dropped(at.place, why);
        }
        let flow = Flow {
            src: outer.local,
            oif: outer.link,
            mark: state.packet.mark,
            ..Flow::to(remote)
        };
        let hit = place.fib.lookup(&flow).ok();
        if hit
            .as_ref()
            .is_some_and(|hit| hit.hops.iter().any(|hop| hop.link == Some(at.link)))
        {
            // The kernel counts it as a collision.
            let why = Cause::NoRemote {
                link: self.name(at).to_owned(),
                dst: remote,
            };
            return state.dropped(at.place, why);
        }
        let by = || outer.link.or_else(|| hit.as_ref()?.hops.first()?.link);
        let group = by()
            .filter(|_| remote.is_multicast())
            .map(|link| At { link, ..at });
        let source = outer.local.or_else(|| {
            if let Some(by) = group {
                return self.source_to_group(by, remote);
            }
            let hit = hit.as_ref()?;
            source_address(place.net, remote, hit, hit.hops.first().copied())
        });
        let Some(source) = source else {
            let why = Cause::NoRoute {
                dst: remote,
                forwarded: false,
                tunnel: Some(self.name(at).to_owned()),
            };
            return state.dropped(at.place, why);
        };
        let mut packet = Packet::new(source, remote, outer.transport);
        let link = self.topology.link(at);
        packet.ttl = ttl(link.and_then(|link| link.data.as_ref()), remote, state.packet.ttl);
        packet.size = outer.size;
        packet.df = outer.df || remote.is_ipv6();
        packet.mark = state.packet.mark;
        packet.owner = state.packet.owner;
        packet.inner = Some(Box::new(inner));
        if state.nested > MAX_TUNNELS {
            let link = self.name(at).to_owned();
            return state.dropped(at.place, Cause::TooDeep { link });
        }
        state.nested += 1;
        state.packet = packet;
        state.wired.pack();
        state.scrub();
        state.output = outer.link;
        state.note_packet(at.place, Some(at.link), What::Encap);
        state.came_by = Some(at.link);
        match group {
            Some(by) => self.to_group(state, by),
            None => self.send(state, at.place),
        }
    }
}

/// The TTL of a packet that carries another one, by its link's setting. Without one, IP tunnels hand on the inner packet's
/// (`ip_tunnel_xmit`), and what goes to a group goes no farther than one segment (`vxlan_xmit_one`).
const fn ttl(link: Option<&LinkData>, remote: IpAddr, inner: u8) -> u8 {
    match link {
        Some(LinkData::Tunnel(Tunnel { ttl: 0, .. })) => inner,
        Some(
            LinkData::Vxlan(Vxlan { ttl, .. })
            | LinkData::Geneve(Geneve { ttl, .. })
            | LinkData::Tunnel(Tunnel { ttl, .. }),
        ) if *ttl > 0 => *ttl,
        Some(LinkData::Vxlan(_) | LinkData::Geneve(_)) if remote.is_multicast() => 1,
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    #[test]
    fn a_routes_tunnel_is_read_as_it_is_printed() {
        let read = Metadata::read("ip id 7 src 0.0.0.0 dst 10.9.0.2 ttl 0 tos 0 key").unwrap();
        assert_eq!((read.id, read.key, read.csum, read.seq), (7, true, false, false));
        assert_eq!(read.remote.to_string(), "10.9.0.2");
        assert_eq!(read.local, None);
        assert_eq!(Metadata::read("mpls 100"), None);
    }
}
