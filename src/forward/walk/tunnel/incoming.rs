//! Out of tunnels: which link takes a packet that carries another one (`ip_tunnel_lookup`, `ip6_tnl_lookup`,
//! `vxlan_rcv`, `geneve_udp_encap_recv`).

use std::net::IpAddr;

use super::super::super::packet::{Frame, Header, Inner, Mac, Packet, Payload, proto};
use super::super::super::topology::At;
use super::super::{Cause, End, Outcome, State, VxlanEnd, Walker, What};
use super::programs::{FLANNEL_UDP, is_flannel, is_flannels, stands_in};
use crate::state::kind::{LinkData, Tunnel};
use crate::state::link::Link;
use crate::state::neighbor::NeighborState;

/// The links that each module makes for itself; they take what no other one does.
const FALLBACKS: [&str; 7] = [
    "tunl0", "gre0", "gretap0", "sit0", "ip6tnl0", "ip6gre0", "erspan0",
];

impl Walker<'_, '_> {
    /// A carried packet has reached the namespace that its outer address is of.
    pub(in super::super) fn decap(&self, mut state: State, at: At) -> Vec<Outcome> {
        let outer = state.packet.clone();
        let Some(inner) = outer.inner.clone() else {
            return state.ends(at.place, End::Delivered);
        };
        if outer.translated && outer.fragment.is_some() && outer.transport.ports().is_some() {
            // What was cut has its checksum looked at, even between namespaces.
            let why = "NAT changed the fragments of a tunnel: their checksum may be wrong for that";
            return state.undecided(at.place, why.to_owned());
        }
        if let Some(outcomes) = self.switch_decap(&state, at) {
            return outcomes;
        }
        state.scrub();
        state.wired.unpack();
        match *inner {
            Inner::Frame { frame, header } if outer.transport.ports().is_some() => {
                self.out_of_udp(state, at, &outer, frame, header)
            }
            Inner::Frame { frame, header } => match self.taker(at, &outer, header, true) {
                Ok(link) => self.unpacked(state, at, link, frame, &format!("by {}", link.name), outer.mark),
                Err(end) => state.ends(at.place, end),
            },
            // A program takes it, as any other datagram.
            Inner::Packet { .. } if is_flannel(&outer) && self.nobody_listens(at, FLANNEL_UDP) => {
                let (proto, port) = ("udp", FLANNEL_UDP);
                state.ends(at.place, End::Rejected(Cause::PortClosed { proto, port }))
            }
            Inner::Packet { packet, header } => match self.taker(at, &outer, header, false) {
                Ok(link) => {
                    state.packet = packet;
                    state.packet.mark = outer.mark;
                    state.note_with(at.place, Some(link.index), What::Decap, || {
                        format!("by {}", link.name)
                    });
                    let at = At {
                        link: link.index,
                        ..at
                    };
                    self.ip_input(state, at)
                }
                Err(end) => state.ends(at.place, end),
            },
        }
    }

    /// The frame comes in by the tunnel's link.
    fn unpacked(
        &self,
        mut state: State,
        at: At,
        link: &Link,
        mut frame: Frame,
        text: &str,
        mark: u32,
    ) -> Vec<Outcome> {
        if let Payload::Ip(packet) = &mut frame.payload {
            if packet.translated {
                let why = "NAT changed the packet of a tunnel inside another one: its checksum may be wrong for that";
                return state.undecided(at.place, why.to_owned());
            }
            packet.mark = mark;
            state.packet = packet.clone();
        }
        state.note(at.place, Some(link.index), What::Decap, text);
        let at = At {
            link: link.index,
            ..at
        };
        self.receive(state, at, frame)
    }

    /// VXLAN and Geneve: the link of that port with that VNI. Geneve wants its remote to be the sender.
    fn out_of_udp(
        &self,
        mut state: State,
        at: At,
        outer: &Packet,
        frame: Frame,
        header: Header,
    ) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let links = || place.net.links.items().iter();
        let port = outer.transport.ports().map_or(0, |(_, dport)| dport);
        let takes = |link: &&Link| {
            link.is_up()
                && match &link.data {
                    Some(LinkData::Vxlan(vxlan)) => {
                        vxlan.port == port && (vxlan.vni == header.id || vxlan.external)
                    }
                    Some(LinkData::Geneve(geneve)) => {
                        let named = geneve.vni == header.id && geneve.remote == Some(outer.src);
                        geneve.port == port && (named || geneve.external)
                    }
                    _ => false,
                }
        };
        let vni = header.id.unwrap_or_default();
        if let Some(link) = links().find(takes) {
            let kind = if link.kind.as_deref() == Some("geneve") {
                "Geneve"
            } else {
                "VXLAN"
            };
            if let Some(LinkData::Vxlan(vxlan)) = &link.data
                && let Some(why) =
                    self.not_learned(&mut state, at, link, vxlan.learning, frame.src, outer.src)
            {
                return state.dropped(at.place, why);
            }
            let text = format!("{kind} {vni} by {}", link.name);
            return self.unpacked(state, at, link, frame, &text, outer.mark);
        }
        if let Some(link) = links().find(|link| matches!(link.data, Some(LinkData::Geneve(_)))) {
            let why = format!(
                "{} does not take Geneve of VNI {vni} on UDP port {port} from {}",
                link.name, outer.src
            );
            return state.dropped(at.place, why);
        }
        state.dropped(at.place, self.no_vxlan(at, vni, port))
    }

    /// That nobody takes a VXLAN's frames here, and what there is instead.
    pub(super) fn no_vxlan(&self, at: At, vni: u32, port: u16) -> Cause {
        let mut links = self.topology.place(at.place).net.links.items().iter();
        let other = links.find_map(|link| match &link.data {
            Some(LinkData::Vxlan(vxlan)) => Some(VxlanEnd {
                link: link.name.clone(),
                vni: vxlan.vni,
                port: vxlan.port,
                up: link.is_up(),
            }),
            _ => None,
        });
        Cause::NoVxlan { vni, port, other }
    }

    /// Learns behind which remote an address is; says why the frame is lost instead, if it is (`vxlan_set_mac`).
    fn not_learned(
        &self,
        state: &mut State,
        at: At,
        link: &Link,
        learning: bool,
        mac: Mac,
        remote: IpAddr,
    ) -> Option<Cause> {
        if link.mac.as_deref().and_then(Mac::parse) == Some(mac) {
            return Some(Cause::Loop { frame: true });
        }
        let moved = learning && !self.learns(state, at, link, mac, remote);
        moved.then(|| format!("{mac} comes from {remote}, against the FDB of {}", link.name).into())
    }

    /// Learns behind which remote an address is, unless the database has it for good; false where it has it elsewhere
    /// (`vxlan_snoop`).
    pub(super) fn learns(&self, state: &mut State, at: At, link: &Link, mac: Mac, remote: IpAddr) -> bool {
        let known = self.topology.place(at.place).remotes(link.index, mac).iter();
        let mut fixed = known
            .filter(|entry| entry.state == NeighborState::Permanent)
            .peekable();
        let here = At {
            link: link.index,
            ..at
        };
        if fixed.peek().is_none() {
            state.learned.learn_remote(here, mac, remote);
            return true;
        }
        fixed.any(|entry| entry.dst == Some(remote))
    }

    /// The IP tunnel that takes an outer packet: the one that names both ends, then one of them, then none; then the
    /// one that asks nobody (`external`), and the module's own.
    fn taker(&self, at: At, outer: &Packet, header: Header, frame: bool) -> Result<&Link, End> {
        let links = self.topology.place(at.place).net.links.items();
        let no_tunnel = || {
            End::Rejected(Cause::NoTunnel {
                outer: outer.to_string(),
            })
        };
        if is_flannel(outer) {
            return links
                .iter()
                .find(|link| is_flannels(link) && link.is_up())
                .ok_or_else(no_tunnel);
        }
        let best = links
            .iter()
            .filter(|link| link.is_up() && carries(link, outer, frame))
            .filter_map(|link| Some((rank(link, outer, header)?, link)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, link)| link)
            .or_else(|| links.iter().find(|link| link.is_up() && stands_in(link, outer)))
            .ok_or_else(no_tunnel)?;
        if let Some(LinkData::Tunnel(tunnel)) = &best.data
            && (tunnel.icsum, tunnel.iseq) != (header.csum, header.seq)
            && !tunnel.external
            && (tunnel.icsum != header.csum || tunnel.iseq)
        {
            let why = format!(
                "{} wants checksums and sequence numbers as its own settings say, and the packet differs",
                best.name
            );
            return Err(End::Dropped(why.into()));
        }
        Ok(best)
    }
}

/// Whether a link is of the kind that takes such a packet.
fn carries(link: &Link, outer: &Packet, frame: bool) -> bool {
    let kinds: &[&str] = match (outer.proto(), outer.is_v6(), frame) {
        (proto::IPIP, false, _) => &["ipip"],
        (proto::IPV6, false, _) => &["sit"],
        (proto::IPIP | proto::IPV6, true, _) => &["ip6tnl"],
        (proto::GRE, false, false) => &["gre"],
        (proto::GRE, true, false) => &["ip6gre"],
        (proto::GRE, false, true) => &["gretap"],
        (proto::GRE, true, true) => &["ip6gretap"],
        _ => &[],
    };
    kinds.contains(&link.kind.as_deref().unwrap_or_default())
}

/// How well a tunnel fits, the best first; none: not at all.
fn rank(link: &Link, outer: &Packet, header: Header) -> Option<u8> {
    let Some(LinkData::Tunnel(tunnel)) = &link.data else {
        return None;
    };
    let Tunnel {
        local,
        remote,
        external,
        ikey,
        ..
    } = tunnel;
    if FALLBACKS.contains(&link.name.as_str()) && local.is_none() && remote.is_none() && !external {
        return Some(5);
    }
    if *external {
        return Some(4);
    }
    let fits = local.is_none_or(|ip| ip == outer.dst)
        && remote.is_none_or(|ip| ip == outer.src)
        && *ikey == header.id;
    let rank = match (local, remote) {
        (Some(_), Some(_)) => 0,
        (None, Some(_)) => 1,
        (Some(_), None) => 2,
        (None, None) => 3,
    };
    fits.then_some(rank)
}
