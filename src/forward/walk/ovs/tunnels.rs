//! Tunnel ports (`ofproto/tunnel.c`): in user space the outer packet goes through the bridge that the route to the remote
//! leads by (`native_tunnel_output`), else through the host.

use std::net::IpAddr;

use super::super::super::fib::{Flow, Way, source_address};
use super::super::super::packet::{Frame, Header, Inner, Mac, Packet, Payload, Transport, proto};
use super::super::super::topology::{At, PlaceId, SwitchPort};
use super::super::l2::packet_of;
use super::super::tunnel::Outer;
use super::super::{Cause, End, Outcome, State, Walker, What};
use super::frames;
use crate::forward::openflow::Switch;
use crate::forward::openflow::field::{self, Key, Word};
use crate::state::link::Link;
use crate::state::ovs::Interface;

/// Tunnels that carry frames and are walked.
pub(super) fn is_tunnel(kind: &str) -> bool {
    [
        "vxlan", "gre", "geneve", "stt", "lisp", "erspan", "gtpu", "ip6gre",
    ]
    .contains(&kind)
}

fn option<'i>(interface: &'i Interface, names: &[&str]) -> Option<&'i str> {
    names
        .iter()
        .find_map(|name| interface.options.get(*name))
        .map(String::as_str)
}

/// The UDP port; none for GRE.
fn udp_port(interface: &Interface) -> Option<u16> {
    let default = match interface.kind.as_str() {
        "vxlan" => 4789,
        "geneve" => 6081,
        _ => return None,
    };
    let set = option(interface, &["dst_port"]).and_then(|port| port.parse().ok());
    Some(set.unwrap_or(default))
}

/// The key that a port takes: none for any.
fn key_of(interface: &Interface, way: &str) -> Option<u64> {
    match option(interface, &[way, "key"]) {
        Some("flow") => None,
        Some(text) => u64::try_from(field::value(text)?).ok(),
        None => Some(0),
    }
}

/// Whether an outer packet is of the port's kind.
fn is_kind(interface: &Interface, outer: &Packet) -> bool {
    match outer.transport {
        Transport::Udp { dport, .. } => udp_port(interface) == Some(dport),
        Transport::Other(proto::GRE) => interface.kind == "gre",
        _ => false,
    }
}

const fn kind_name(outer: &Packet) -> &'static str {
    match outer.transport {
        Transport::Other(proto::GRE) => "gre",
        Transport::Udp { dport: 6081, .. } => "geneve",
        _ => "vxlan",
    }
}

impl Walker<'_, '_> {
    /// Out by a tunnel port.
    pub(super) fn tunnel_out(
        &self,
        mut state: State,
        host: PlaceId,
        port: SwitchPort,
        interface: &Interface,
        key: &Key,
        frame: Frame,
    ) -> Vec<Outcome> {
        let name = &interface.name;
        let bridge = self
            .bridge_of(port)
            .map_or_else(String::new, |bridge| bridge.name.clone());
        if !["vxlan", "gre", "geneve"].contains(&interface.kind.as_str()) {
            let why = format!(
                "Open vSwitch: what {name} does, a port of type {}",
                interface.kind
            );
            return state.undecided(host, why);
        }
        let by_flow = u32::try_from(key.get(Word::TUN_DST)).unwrap_or(0);
        let remote = match option(interface, &["remote_ip"]) {
            Some("flow") => (by_flow != 0).then(|| IpAddr::V4(by_flow.into())),
            text => text.and_then(|text| text.parse().ok()),
        };
        let Some(remote) = remote else {
            let why = format!("{name} of {bridge} has no address as remote_ip, and no rule set one");
            return state.dropped(host, Cause::Switch { bridge, why });
        };
        let set = u64::try_from(key.get(Word::TUN_ID)).unwrap_or(0);
        let vni = key_of(interface, "out_key").unwrap_or(set);
        let keyed = option(interface, &["out_key", "key"]).is_some();
        let (transport, overhead) = match udp_port(interface) {
            Some(dport) => {
                let sport = 50_000;
                (Transport::Udp { sport, dport }, 36)
            }
            None => (Transport::Other(proto::GRE), if keyed { 28 } else { 24 }),
        };
        let size = frames::length(&frame) + overhead;
        let df = option(interface, &["df_default"]) != Some("false");
        let local = option(interface, &["local_ip"]).and_then(|text| text.parse().ok());
        let inner = Inner::Frame {
            frame,
            header: Header {
                id: Some(u32::try_from(vni).unwrap_or(u32::MAX))
                    .filter(|_| keyed || transport.ports().is_some()),
                ..Header::default()
            },
        };
        let text = format!(
            "ovs {bridge}: {name} type={} remote_ip={remote} key={vni}",
            interface.kind
        );
        state.note(host, None, What::Rule, text);
        if !self.in_user_space(port) {
            let at = At {
                place: host,
                link: crate::forward::fib::LOOPBACK,
            };
            let outer = Outer {
                local,
                remote,
                transport,
                size,
                df,
                link: None,
            };
            return self.carry(state, at, outer, inner);
        }
        let place = self.topology.place(host);
        let route = match place.fib.output(&Flow::to(remote)) {
            Ok(Way::Route(hit)) => Some(hit),
            Ok(Way::OnLink(_)) | Err(_) => None,
        };
        let Some((hit, hop)) = route.and_then(|hit| {
            let hop = *hit.hops.first()?;
            Some((hit, hop))
        }) else {
            let tunnel = Some(name.clone());
            let why = Cause::NoRoute {
                dst: remote,
                forwarded: false,
                tunnel,
            };
            return state.dropped(host, why);
        };
        let source = local.or_else(|| source_address(place.net, remote, &hit, Some(hop)));
        let at = hop.link.map(|link| At { place: host, link });
        let out = at.and_then(|at| Some((at, self.topology.switches().port(at)?)));
        let (Some((at, underlay)), Some(source)) = (out, source) else {
            let link = at.map_or("?", |at| self.name(at));
            let why = format!(
                "the route to {remote} leads by {link}, which is no port of a bridge: in user space {name} needs one"
            );
            return state.dropped(host, Cause::Switch { bridge, why });
        };
        let mut outer = Packet::new(source, remote, transport);
        outer.size = size;
        outer.df = df;
        outer.inner = Some(Box::new(inner));
        state.packet = outer.clone();
        state.wired.pack();
        state.note_packet(host, hop.link, What::Encap);
        let next = place.fib.gateway(hit.route, hop).unwrap_or(remote);
        let dst = match self.remote_mac(&mut state, at, next) {
            Ok(mac) => mac,
            Err(end) => return state.ends(host, end),
        };
        let Some(src) = self
            .topology
            .link(at)
            .and_then(|link| Mac::parse(link.mac.as_deref()?))
        else {
            return state.undecided(host, format!("the MAC of {} is not known", self.name(at)));
        };
        let frame = Frame {
            src,
            dst,
            vlan: None,
            payload: Payload::Ip(outer),
        };
        self.switched(state, host, underlay, &frame)
    }

    /// The switch keeps neighbors of its own (`tnl-neigh-cache`): of several answers it believes the last one, where the
    /// kernel believes the first.
    fn remote_mac(&self, state: &mut State, at: At, next: IpAddr) -> Result<Mac, End> {
        let outcomes = self.question(state, at, next, false)?;
        let answered = outcomes.iter().rev().find_map(|outcome| match outcome.end {
            End::Answered(mac) => Some(mac),
            _ => None,
        });
        let Some(mac) = answered else {
            let found = self.neighbor(state, at, next)?;
            return Ok(found.first().map_or(Mac::ZERO, |(mac, _)| *mac));
        };
        let text = format!("{next} lladdr {mac} (asked by the switch)");
        state.note(at.place, Some(at.link), What::Neighbor, text);
        Ok(mac)
    }

    /// What leaves by a bridge's own port for an address of the host, and is a tunnel's: none when it is no tunnel's.
    pub(super) fn popped(
        &self,
        state: &State,
        at: At,
        port: SwitchPort,
        link: &Link,
        frame: &Frame,
    ) -> Option<Vec<Outcome>> {
        let outer = packet_of(frame)?;
        let own = link.mac.as_deref().and_then(Mac::parse) == Some(frame.dst);
        let mut addresses = self.topology.place(at.place).net.addresses.items().iter();
        let here = addresses.any(|address| address.link == at.link && address.ip == outer.dst);
        if !own || !here {
            return None;
        }
        self.decapped(state, port.switch, outer)
    }

    /// The same for what the host took in, where the kernel switches.
    pub(in super::super) fn switch_decap(&self, state: &State, at: At) -> Option<Vec<Outcome>> {
        let (number, switch) = self.topology.switches().of(at.place)?;
        let kernel = |bridge: &crate::forward::openflow::Bridge| bridge.state.datapath_type != "netdev";
        if !switch.bridges.iter().any(kernel) {
            return None;
        }
        self.decapped(state, number, &state.packet)
    }

    fn decapped(&self, state: &State, number: usize, outer: &Packet) -> Option<Vec<Outcome>> {
        let Inner::Frame { frame, header } = outer.inner.as_deref()? else {
            return None;
        };
        let (host, switch) = self.topology.switches().get(number)?;
        let ports = tunnel_ports(switch, outer);
        if ports.is_empty() {
            return None;
        }
        let key = u64::from(header.id.unwrap_or(0));
        let found = ports
            .iter()
            .filter(|(_, _, interface)| fit(interface, outer, key).is_some())
            .min_by_key(|(_, _, interface)| fit(interface, outer, key));
        let mut state = state.clone();
        let Some((bridge, port, interface)) = found else {
            let why = Cause::NoTunnelPort {
                kind: kind_name(outer),
                key,
                from: outer.src,
                other: nearest(switch, &ports, outer),
            };
            return Some(state.dropped(*host, why));
        };
        let name = &switch.bridges[*bridge].state.name;
        if let Some(packet) = packet_of(frame) {
            state.packet = packet.clone();
        }
        let text = format!("{} key {key} by {} of {name}", interface.kind, interface.name);
        state.wired.unpack();
        state.note(*host, None, What::Decap, text);
        let port = SwitchPort {
            switch: number,
            bridge: *bridge,
            number: *port,
            internal: false,
        };
        Some(self.switched(state, *host, port, frame))
    }
}

/// The tunnel ports of an outer packet's kind.
fn tunnel_ports<'s>(switch: &'s Switch, outer: &Packet) -> Vec<(usize, u32, &'s Interface)> {
    let bridges = switch.bridges.iter().enumerate();
    bridges
        .flat_map(|(bridge, seen)| {
            let ports = seen.ports.iter();
            ports.map(move |(number, port)| (bridge, *number, port.interface))
        })
        .filter(|(_, _, interface)| is_kind(interface, outer))
        .collect()
}

/// How well a port fits, the best first (`tnl_find`): none when it doesn't.
fn fit(interface: &Interface, outer: &Packet, key: u64) -> Option<(bool, bool, u8)> {
    let by_key = match key_of(interface, "in_key") {
        Some(own) if own == key => false,
        Some(_) => return None,
        None => true,
    };
    let by_remote = match option(interface, &["remote_ip"]) {
        Some("flow") | None => true,
        Some(text) if text.parse() == Ok(outer.src) => false,
        Some(_) => return None,
    };
    let local = match option(interface, &["local_ip"]) {
        None => 1,
        Some("flow") => 2,
        Some(text) if text.parse() == Ok(outer.dst) => 0,
        Some(_) => return None,
    };
    Some((by_key, by_remote, local))
}

/// What the port that was meant says instead.
fn nearest(switch: &Switch, ports: &[(usize, u32, &Interface)], outer: &Packet) -> Option<String> {
    let from = |(_, _, interface): &&(usize, u32, &Interface)| {
        option(interface, &["remote_ip"]).and_then(|text| text.parse().ok()) == Some(outer.src)
    };
    let (bridge, _, interface) = ports.iter().find(from).or_else(|| ports.first())?;
    let bridge = &switch.bridges[*bridge].state.name;
    let settings: Vec<String> = ["key", "in_key", "remote_ip", "local_ip"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", interface.options.get(*name)?)))
        .collect();
    let settings = if settings.is_empty() {
        "no options".into()
    } else {
        settings.join(" ")
    };
    Some(format!("{} of {bridge} has {settings}", interface.name))
}
