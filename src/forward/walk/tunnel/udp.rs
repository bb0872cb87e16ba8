//! Frames in UDP: VXLAN and Geneve (`vxlan_xmit`, `geneve_xmit`).

use std::net::IpAddr;

use super::super::super::fib::Flow;
use super::super::super::packet::{Frame, Header, Inner, Mac, Packet, Payload, Transport};
use super::super::super::topology::At;
use super::super::l2::packet_of;
use super::super::missing::unread_neighbors;
use super::super::{Cause, End, Outcome, State, Walker, What};
use super::Outer;
use crate::state::kind::{Geneve, Vxlan};
use crate::state::link::IfIndex;

/// Ethernet, UDP, and eight bytes of VXLAN or Geneve.
const HEADERS: u32 = 14 + 8 + 8;

/// One end that a frame is sent to.
pub(super) struct Remote {
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    pub(super) vni: u32,
    pub(super) local: Option<IpAddr>,
    /// The link below.
    pub(super) link: Option<IfIndex>,
}

impl Walker<'_, '_> {
    /// Into a VXLAN: to the remote that its database knows for the frame's address, or to all of the default ones.
    pub(in super::super) fn vxlan(
        &self,
        mut state: State,
        at: At,
        vxlan: &Vxlan,
        frame: &Frame,
    ) -> Vec<Outcome> {
        // The link below is that of the default remote only: entries of the database have their own, if any
        // (`vxlan_fdb_parse`, `vxlan_xmit_one`).
        let remote = |ip, port, vni, link| Remote {
            ip,
            port,
            vni,
            local: vxlan.local,
            link,
        };
        let metadata = state.metadata.take();
        if vxlan.proxy
            && let Payload::Ask { target, sender } = frame.payload
        {
            return self.answers_itself(state, at, frame.src, target, sender);
        }
        let Some(vni) = vxlan.vni else {
            return match metadata {
                Some(metadata) => self.in_udp(
                    state,
                    at,
                    &remote(metadata.remote, vxlan.port, metadata.id, None),
                    frame,
                ),
                None => self.no_metadata(state, at),
            };
        };
        let place = self.topology.place(at.place);
        let mut entries = place.remotes(at.link, frame.dst);
        if entries.is_empty() {
            entries = place.remotes(at.link, Mac::ZERO);
        }
        let mut remotes: Vec<(Remote, String)> = entries
            .iter()
            .filter_map(|entry| {
                let text = format!("{} dev {} dst {}", entry.mac, self.name(at), entry.dst?);
                let port = entry.port.unwrap_or(vxlan.port);
                let vni = entry.vni.unwrap_or(vni);
                Some((remote(entry.dst?, port, vni, entry.via), text))
            })
            .collect();
        if let Some(ip) = state.learned.remote(at, frame.dst) {
            let text = format!("{} dev {} dst {ip} (learned)", frame.dst, self.name(at));
            remotes = vec![(remote(ip, vxlan.port, vni, None), text)];
        }
        if remotes.is_empty()
            && let Some(ip) = vxlan.remote
        {
            let text = format!("{} remote {ip}", self.name(at));
            remotes.push((remote(ip, vxlan.port, vni, vxlan.link), text));
        }
        if remotes.is_empty()
            && let Some(why) = unread_neighbors(self.topology.place(at.place).net)
        {
            return state.undecided(at.place, why);
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
        for (remote, text) in remotes {
            let mut state = state.clone();
            state.note(at.place, Some(at.link), What::Fdb, text);
            outcomes.extend(match self.own_end(&state, at, vxlan, &remote, frame) {
                Some(end) => self.bypass(state, at, end, &remote, frame),
                None => self.in_udp(state, at, &remote, frame),
            });
        }
        outcomes
    }

    /// A VXLAN that is a proxy answers questions from its own neighbors, and lets no question through (`arp_reduce`,
    /// `neigh_reduce`).
    fn answers_itself(
        &self,
        state: State,
        at: At,
        asker: Mac,
        target: IpAddr,
        sender: IpAddr,
    ) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let entry = place.neighbor(at.link, target);
        let mac = entry
            .filter(|entry| entry.state.connected())
            .and_then(|entry| entry.mac.as_deref().and_then(Mac::parse))
            // Those of this side answer themselves.
            .filter(|mac| {
                let remote = place.remotes(at.link, *mac).first();
                remote.is_none_or(|entry| entry.dst.is_none_or(|ip| !ip.is_unspecified()))
            });
        match (mac, unread_neighbors(place.net)) {
            (Some(mac), _) => {
                let answer = Frame {
                    src: mac,
                    dst: asker,
                    vlan: None,
                    payload: Payload::Tell {
                        target,
                        mac,
                        sender,
                        from: target,
                    },
                };
                self.receive(state, at, answer)
            }
            (None, Some(why)) => state.undecided(at.place, why),
            (None, None) => state.ends(at.place, End::NotForMe),
        }
    }

    /// Into a Geneve link: to its one remote, or to the one that the route names.
    pub(in super::super) fn geneve(
        &self,
        mut state: State,
        at: At,
        geneve: &Geneve,
        frame: &Frame,
    ) -> Vec<Outcome> {
        let metadata = state.metadata.take();
        let (ip, vni) = match (geneve.external, metadata) {
            (true, None) => return self.no_metadata(state, at),
            (true, Some(metadata)) => (Some(metadata.remote), metadata.id),
            (false, _) => (geneve.remote, geneve.vni.unwrap_or_default()),
        };
        let Some(ip) = ip else {
            let why = Cause::NoRemote {
                link: self.name(at).to_owned(),
                dst: state.packet.dst,
            };
            return state.dropped(at.place, why);
        };
        let remote = Remote {
            ip,
            port: geneve.port,
            vni,
            local: None,
            link: None,
        };
        self.in_udp(state, at, &remote, frame)
    }

    /// A link that takes its orders from routes got a packet of one that gives none.
    fn no_metadata(&self, state: State, at: At) -> Vec<Outcome> {
        let why = format!(
            "{} (external) learns VNI and remote from the route, and this one says nothing of them",
            self.name(at)
        );
        // Open vSwitch and programs of tc set them, too.
        state.undecided(at.place, why)
    }

    fn in_udp(&self, mut state: State, at: At, remote: &Remote, frame: &Frame) -> Vec<Outcome> {
        let header = HEADERS + if remote.ip.is_ipv4() { 20 } else { 40 };
        let packet = packet_of(frame);
        if let Some(why) = self.too_big_for(at, packet, remote.ip, header) {
            return state.ends(at.place, End::Rejected(why));
        }
        state.packet.mark = packet.map_or(0, |packet| packet.mark);
        let outer = Outer {
            local: remote.local,
            remote: remote.ip,
            transport: Transport::Udp {
                sport: 50_000,
                dport: remote.port,
            },
            size: frame.length() + header,
            df: false,
            link: remote.link,
        };
        let inner = Inner::Frame {
            frame: frame.clone(),
            header: Header {
                id: Some(remote.vni),
                ..Header::default()
            },
        };
        self.carry(state, at, outer, inner)
    }

    /// A link that is a bridge's port says of what is too big that it is, as a router would
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
}
