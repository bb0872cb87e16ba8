//! Tunnels: the packet that carries a packet, and its way out again (`vxlan_core.c`, `ip_tunnel.c`, flanneld).

use std::net::IpAddr;

use super::super::fib::{Flow, source_address};
use super::super::packet::{Frame, Inner, Mac, Packet, Payload, Transport, proto};
use super::super::topology::At;
use super::l2::packet_of;
use super::{Cause, End, Missing, Outcome, State, VxlanEnd, Walker, What};
use crate::state::kind::{LinkData, Tunnel, Vxlan};
use crate::state::link::Link;
use crate::state::neighbor::NeighborState;

/// flannel's UDP back end (`backend/udp`): its port, and what its header costs.
const FLANNEL_UDP: u16 = 8285;

/// What Calico calls its IPIP link.
const STAND_IN: &str = "tunl0";

impl Walker<'_, '_> {
    /// Into a VXLAN: to the remote that its database knows for the frame's address, or to all of the default ones.
    pub(super) fn vxlan(&self, state: State, at: At, vxlan: &Vxlan, frame: &Frame) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let Some(vni) = vxlan.vni else {
            let why = format!(
                "{} takes VNI and remote from metadata, which was not seen",
                self.name(at)
            );
            return state.undecided(at.place, why);
        };
        let mut entries = place.remotes(at.link, frame.dst);
        if entries.is_empty() {
            entries = place.remotes(at.link, Mac::ZERO);
        }
        let mut remotes: Vec<(IpAddr, u16, u32, String)> = entries
            .iter()
            .filter_map(|entry| {
                let text = format!("{} dev {} dst {}", entry.mac, self.name(at), entry.dst?);
                let port = entry.port.unwrap_or(vxlan.port);
                Some((entry.dst?, port, entry.vni.unwrap_or(vni), text))
            })
            .collect();
        if let Some(remote) = state.learned.remote(at, frame.dst) {
            let text = format!("{} dev {} dst {remote} (learned)", frame.dst, self.name(at));
            remotes = vec![(remote, vxlan.port, vni, text)];
        }
        if remotes.is_empty()
            && let Some(remote) = vxlan.remote
        {
            let text = format!("{} remote {remote}", self.name(at));
            remotes.push((remote, vxlan.port, vni, text));
        }
        if remotes.is_empty() {
            let why = Cause::NoFdb {
                link: self.name(at).to_owned(),
                mac: frame.dst,
            };
            return match frame.payload {
                Payload::Ask { .. } => state.ends(at.place, End::NotForMe),
                Payload::Ip(_) | Payload::Tell { .. } => state.dropped(at.place, why),
            };
        }
        let mut outcomes = Vec::new();
        for (remote, port, vni, text) in remotes {
            let mut state = state.clone();
            state.note(at.place, Some(at.link), What::Fdb, text);
            // Both IP's header, UDP's, VXLAN's, and Ethernet's of the frame inside.
            let header = if remote.is_ipv6() { 70 } else { 50 };
            if let Some(why) = self.too_big_for(at, packet_of(frame), remote, header) {
                outcomes.extend(state.ends(at.place, End::Rejected(why)));
                continue;
            }
            let size = packet_of(frame).map_or(28, Packet::on_wire) + header;
            state.packet.mark = packet_of(frame).map_or(0, |packet| packet.mark);
            let transport = Transport::Udp {
                sport: 50_000,
                dport: port,
            };
            let inner = Inner::Frame {
                frame: frame.clone(),
                vni,
            };
            let local = vxlan.local;
            let df = false;
            outcomes.extend(self.carry(state, at, local, remote, transport, inner, size, df));
        }
        outcomes
    }

    /// A VXLAN link that is a bridge's port says of what is too big that it is, as a router would
    /// (`skb_tunnel_check_pmtu`).
    fn too_big_for(&self, at: At, packet: Option<&Packet>, remote: IpAddr, header: u32) -> Option<Cause> {
        let (packet, link) = (packet?, self.topology.link(at)?);
        let place = self.topology.place(at.place);
        let bridge = self.topology.link(At {
            link: link.master?,
            ..at
        })?;
        let hit = place.fib.lookup(&Flow::to(remote)).ok()?;
        let out = place.fib.link(hit.hops.first()?.link?)?;
        let whole = hit.route.mtu.map_or(out.mtu, |(mtu, _)| mtu);
        let (mtu, size) = (whole.saturating_sub(header), packet.on_wire());
        let least = if packet.is_v6() { 1280 } else { 576 };
        let whole_only = packet.is_v6() || packet.df;
        (bridge.is_bridge() && size > mtu && mtu >= least && whole_only).then(|| Cause::TooBig {
            link: link.name.clone(),
            mtu,
            size,
        })
    }

    /// Into an IP tunnel: to its remote, or, where it has none, to the route's gateway (Calico's `tunl0`).
    pub(super) fn ip_tunnel(
        &self,
        state: State,
        at: At,
        link: &Link,
        tunnel: &Tunnel,
        next: IpAddr,
    ) -> Vec<Outcome> {
        let kind = link.kind.as_deref().unwrap_or_default();
        let (number, overhead) = match kind {
            "ipip" | "ip6tnl" => (proto::IPIP, 20),
            "sit" => (proto::IPV6, 20),
            "gre" | "ip6gre" => (proto::GRE, if tunnel.okey.is_some() { 28 } else { 24 }),
            _ => {
                let missing = Missing::Behind {
                    link: link.name.clone(),
                    kind: kind.to_owned(),
                };
                return state.undecided(at.place, missing);
            }
        };
        let remote = tunnel.remote.unwrap_or(next);
        if remote == state.packet.dst && tunnel.remote.is_none() {
            let why = Cause::NoRemote {
                link: link.name.clone(),
                dst: next,
            };
            return state.dropped(at.place, why);
        }
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            key: tunnel.okey,
        };
        let size = state.packet.on_wire() + overhead;
        let df = tunnel.pmtudisc || state.packet.df;
        self.carry(
            state,
            at,
            tunnel.local,
            remote,
            Transport::Other(number),
            inner,
            size,
            df,
        )
    }

    /// Into flannel's UDP back end: flanneld reads the TUN link and sends to the node whose subnet holds the address.
    pub(super) fn tun(&self, mut state: State, at: At, link: &Link, next: IpAddr) -> Vec<Outcome> {
        if link.name == STAND_IN && next != state.packet.dst {
            return self.stand_in(state, at, next);
        }
        if !link.name.starts_with("flannel") {
            return state.undecided(
                at.place,
                format!("which program reads {}, and what it does", link.name),
            );
        }
        let dst = state.packet.dst;
        let Some((remote, text)) = self.flannel_node(at, dst) else {
            return state.undecided(
                at.place,
                format!("which node flanneld sends packets for {dst} to"),
            );
        };
        state.note(at.place, Some(at.link), What::Assumption, text);
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            key: None,
        };
        let transport = Transport::Udp {
            sport: FLANNEL_UDP,
            dport: FLANNEL_UDP,
        };
        let size = state.packet.on_wire() + 28;
        self.carry(state, at, None, remote, transport, inner, size, false)
    }

    /// Calico's `tunl0` where the kernel has no IPIP: a program reads the TUN link that has its name, and sends to the
    /// route's gateway.
    fn stand_in(&self, mut state: State, at: At, next: IpAddr) -> Vec<Outcome> {
        let text =
            format!("{STAND_IN} is a TUN link: its program is taken to send in IPIP (protocol 4) to {next}");
        state.note(at.place, Some(at.link), What::Assumption, text);
        let inner = Inner::Packet {
            packet: state.packet.clone(),
            key: None,
        };
        let (size, df) = (state.packet.size + 20, state.packet.df);
        let transport = Transport::Other(proto::IPIP);
        self.carry(state, at, None, next, transport, inner, size, df)
    }

    /// The node with a bridge or link in whose segment the address lies, and its address on the wire.
    fn flannel_node(&self, at: At, dst: IpAddr) -> Option<(IpAddr, String)> {
        let here = self.topology.place(at.place).node;
        let (_, place) = self.topology.hosts().find(|(_, place)| {
            !std::ptr::eq(place.node, here)
                && place.net.addresses.items().iter().any(|address| {
                    address.prefix_len > 0
                        && address.network().is_some_and(|net| net.contains(&dst))
                        && place.net.link(address.link).is_some_and(Link::is_bridge)
                })
        })?;
        let uplink = place.net.addresses.items().iter().find(|address| {
            self.topology.place_of(place.net).is_some_and(|id| {
                self.topology.cables().has(At {
                    place: id,
                    link: address.link,
                })
            })
        });
        let outer = uplink.or_else(|| {
            place.net.addresses.items().iter().find(|address| {
                place
                    .net
                    .link(address.link)
                    .is_some_and(|link| link.name.starts_with("eth") || link.name.starts_with("en"))
            })
        })?;
        let text = format!("flanneld sends it to {} ({})", place.node.name, outer.ip);
        Some((outer.ip, text))
    }

    #[expect(clippy::too_many_arguments, reason = "a tunnel's header has as many")]
    pub(super) fn carry(
        &self,
        mut state: State,
        at: At,
        local: Option<IpAddr>,
        remote: IpAddr,
        transport: Transport,
        inner: Inner,
        size: u32,
        df: bool,
    ) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let source = local.or_else(|| {
            let flow = Flow::to(remote);
            let hit = place.fib.lookup(&flow).ok()?;
            source_address(place.net, remote, &hit, hit.hops.first().copied())
        });
        let Some(source) = source else {
            let why = Cause::NoRoute {
                dst: remote,
                forwarded: false,
                tunnel: Some(self.name(at).to_owned()),
            };
            return state.dropped(at.place, why);
        };
        let mut outer = Packet::new(source, remote, transport);
        outer.size = size;
        outer.df = df;
        outer.inner = Some(Box::new(inner));
        outer.mark = state.packet.mark;
        state.scrub();
        state.packet = outer;
        state.note_packet(at.place, Some(at.link), What::Encap);
        self.send(state, at.place)
    }

    /// A carried packet has reached the namespace that its outer address is of: the tunnel link that it fits takes it.
    pub(super) fn decap(&self, mut state: State, at: At) -> Vec<Outcome> {
        let outer = state.packet.clone();
        let Some(inner) = outer.inner.clone() else {
            return state.ends(at.place, End::Delivered);
        };
        if let Some(outcomes) = self.switch_decap(&state, at) {
            return outcomes;
        }
        let place = self.topology.place(at.place);
        let links = place.net.links.items();
        state.scrub();
        match *inner {
            Inner::Frame { mut frame, vni } => {
                let port = outer.transport.ports().map_or(0, |(_, dport)| dport);
                let vxlans = || {
                    links.iter().filter_map(|link| match &link.data {
                        Some(LinkData::Vxlan(vxlan)) => Some((link, vxlan)),
                        _ => None,
                    })
                };
                let Some((link, vxlan)) = vxlans().find(|(link, vxlan)| {
                    vxlan.port == port && (vxlan.vni == Some(vni) || vxlan.external) && link.is_up()
                }) else {
                    let other = vxlans().next().map(|(link, vxlan)| VxlanEnd {
                        link: link.name.clone(),
                        vni: vxlan.vni,
                        port: vxlan.port,
                        up: link.is_up(),
                    });
                    return state.dropped(at.place, Cause::NoVxlan { vni, port, other });
                };
                let text = format!("VXLAN {vni} by {}", link.name);
                if link.mac.as_deref().and_then(Mac::parse) == Some(frame.src) {
                    // What comes back with the link's own address as its source (`vxlan_set_mac`).
                    return state.dropped(at.place, Cause::Loop { frame: true });
                }
                let here = At {
                    place: at.place,
                    link: link.index,
                };
                if vxlan.learning {
                    let known = place.remotes(link.index, frame.src).iter();
                    let mut fixed = known
                        .filter(|entry| entry.state == NeighborState::Permanent)
                        .peekable();
                    if fixed.peek().is_none() {
                        state.learned.learn_remote(here, frame.src, outer.src);
                    } else if !fixed.any(|entry| entry.dst == Some(outer.src)) {
                        let why = format!(
                            "{} comes from {}, against the FDB of {}",
                            frame.src, outer.src, link.name
                        );
                        return state.dropped(at.place, why);
                    }
                }
                if let Payload::Ip(packet) = &mut frame.payload {
                    packet.mark = outer.mark;
                    state.packet = packet.clone();
                }
                state.note(at.place, Some(link.index), What::Decap, text);
                self.receive(state, here, frame)
            }
            Inner::Packet { packet, key } => {
                let fits = |link: &&Link| tunnel_fits(link, &outer, key) && link.is_up();
                let named = |link: &&Link| matches!(&link.data, Some(LinkData::Tunnel(tunnel)) if tunnel.remote.is_some());
                let found = links
                    .iter()
                    .filter(fits)
                    .find(named)
                    .or_else(|| links.iter().find(fits));
                let Some(link) = found else {
                    let outer = outer.to_string();
                    return state.ends(at.place, End::Rejected(Cause::NoTunnel { outer }));
                };
                state.packet = packet;
                state.note(
                    at.place,
                    Some(link.index),
                    What::Decap,
                    format!("by {}", link.name),
                );
                state.packet.mark = outer.mark;
                self.ip_input(
                    state,
                    At {
                        place: at.place,
                        link: link.index,
                    },
                )
            }
        }
    }
}

/// Whether a tunnel link takes an outer packet: the right kind, and its remote and key, where it has any.
fn tunnel_fits(link: &Link, outer: &Packet, key: Option<u32>) -> bool {
    if outer
        .transport
        .ports()
        .is_some_and(|(_, dport)| dport == FLANNEL_UDP)
    {
        return link.name.starts_with("flannel")
            && (matches!(link.data, Some(LinkData::Tun(_))) || link.kind.as_deref() == Some("tun"));
    }
    let Some(LinkData::Tunnel(tunnel)) = &link.data else {
        return link.name == STAND_IN && link.kind.as_deref() == Some("tun") && outer.proto() == proto::IPIP;
    };
    let kind = match outer.proto() {
        proto::IPIP => ["ipip", "ip6tnl"].contains(&link.kind.as_deref().unwrap_or_default()),
        proto::IPV6 => link.kind.as_deref() == Some("sit"),
        proto::GRE => link.kind.as_deref().is_some_and(|kind| kind.contains("gre")),
        _ => false,
    };
    kind && tunnel.remote.is_none_or(|remote| remote == outer.src)
        && tunnel.local.is_none_or(|local| local == outer.dst)
        && tunnel.ikey == key
}
