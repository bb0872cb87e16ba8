//! What hosts' tunnel links are: who sends into a tunnel that nobody has at the other end sends in vain.
//!
//! This room knows no cluster: whoever has one says what the links are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::key;
use super::seen::Remark;
use crate::packet::layer::{Kind, Layer, Stack};
use crate::packet::wire::udp::Udp;
use crate::packet::wire::vxlan::Vxlan;

/// A VXLAN link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelLink {
    pub name: String,
    /// None: any.
    pub vni: Option<u32>,
    /// UDP destination port.
    pub port: u16,
    /// Of what it takes, in bytes; that is the inner packet without its frame.
    pub mtu: u32,
}

/// A host with tunnels, all of which are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vtep {
    pub host: String,
    pub links: Vec<TunnelLink>,
    /// MTU of the link with the outer address, in bytes. Larger outer packets are not cut yet: offload does that.
    pub outer_mtu: u32,
}

/// Hosts with tunnels, by the addresses that outer packets may have.
#[derive(Debug, Clone, Default)]
pub struct Vteps(BTreeMap<IpAddr, Vtep>);

impl Vteps {
    /// Adds a host. Two with one address: nothing is known of the address.
    pub fn add(&mut self, address: IpAddr, vtep: Vtep) {
        if self.0.insert(address, vtep).is_some() {
            self.0.remove(&address);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks whether whom a packet's tunnels go to has such tunnels.
    pub(super) fn look(&self, frame: &[u8], stack: &Stack, remarks: &mut Vec<Remark>) {
        let layers = stack.travelling();
        for (at, vxlan) in layers
            .iter()
            .enumerate()
            .filter(|(_, layer)| layer.kind == Kind::Vxlan)
        {
            let (before, inside) = layers.split_at_checked(at).unwrap_or((layers, &[]));
            let [.., ip, udp] = before else {
                continue;
            };
            if udp.kind == Kind::Udp && ip.kind.is_ip() {
                self.judge(frame, [ip, udp, vxlan], inside, remarks);
            }
        }
    }

    fn judge(&self, frame: &[u8], outer: [&Layer; 3], inside: &[Layer], remarks: &mut Vec<Remark>) {
        let [ip, udp, vxlan] = outer;
        let (from, to) = key::addresses(frame, ip);
        let vni = Vxlan(vxlan.header(frame)).vni();
        let port = Udp(udp.header(frame)).destination();
        let mut say = |id, text: String| remarks.push(Remark::Wrong(id, text));
        if let Some(there) = self.0.get(&to) {
            let host = &there.host;
            let at_port = || there.links.iter().filter(|link| link.port == port);
            if at_port().next().is_none() {
                let text = format!(
                    "vxlan vni {vni}: {from} sends to port {port} of {to}, and {host} has {}",
                    links(&there.links)
                );
                say("tunnel-port-differs", text);
                return;
            }
            if at_port().all(|link| link.vni.is_some_and(|own| own != vni)) {
                let text = format!(
                    "vxlan: {from} sends vni {vni} to {to} port {port}, and {host} has {}",
                    links(&there.links)
                );
                say("tunnel-number-differs", text);
                return;
            }
        }
        let level = vxlan.level.saturating_add(1);
        let Some(inner) = inside
            .iter()
            .find(|layer| layer.kind.is_ip() && layer.level == level)
        else {
            return;
        };
        for (end, way) in [(from, "leaves"), (to, "comes to")] {
            let Some(vtep) = self.0.get(&end).filter(|vtep| ip.total <= vtep.outer_mtu) else {
                continue;
            };
            let link = vtep
                .links
                .iter()
                .find(|link| link.port == port && link.vni == Some(vni));
            if let Some(link) = link.filter(|link| inner.total > link.mtu) {
                let text = format!(
                    "vxlan vni {vni} from {from} to {to}: an inner packet larger than the MTU {} of {} {way} {}",
                    link.mtu, link.name, vtep.host
                );
                say("tunnel-inner-too-large", text);
                return;
            }
        }
    }
}

/// `flannel.1 (vni 1, port 8472)`.
fn links(links: &[TunnelLink]) -> String {
    if links.is_empty() {
        return "no vxlan link".to_owned();
    }
    let text = |link: &TunnelLink| match link.vni {
        Some(vni) => format!("{} (vni {vni}, port {})", link.name, link.port),
        None => format!("{} (any vni, port {})", link.name, link.port),
    };
    links.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use netdiag_bench::build;

    use super::*;
    use crate::packet::file::{Packet, Time};
    use crate::packet::flow::{Flows, Seen};
    use crate::packet::{Decoder, LinkType};

    const A: [u8; 4] = [192, 168, 0, 1];
    const B: [u8; 4] = [192, 168, 0, 2];

    fn ids(port: u16, vni: u32, length: usize) -> Vec<&'static str> {
        let inner = build::udp4([10, 244, 1, 1], [10, 244, 2, 2], (1000, 2000), &vec![0; length]);
        let inner = build::ethernet(5, 6, 0x0800, &inner);
        let outer = build::udp_plain(50000, port, &build::vxlan(8, [0; 3], vni, &inner));
        let frame = build::ethernet(1, 2, 0x0800, &build::ipv4(A, B, 17, &outer));
        let mut vteps = Vteps::default();
        for (address, host) in [(A, "node1"), (B, "node2")] {
            let links = vec![TunnelLink {
                name: "flannel.1".into(),
                vni: Some(1),
                port: 8472,
                mtu: 1450,
            }];
            vteps.add(
                address.into(),
                Vtep {
                    host: host.into(),
                    links,
                    outer_mtu: 1600,
                },
            );
        }
        let packet = Packet {
            time: Time::default(),
            link: LinkType(1),
            interface: 0,
            wire_len: u32::try_from(frame.len()).unwrap(),
            data: &frame,
            comment: None,
            direction: 0,
        };
        let mut stack = Stack::default();
        Decoder::default().decode(&frame, packet.link, packet.wire_len, &mut stack);
        let mut flows = Flows::default();
        flows.add_all(&mut [Seen::of(1, &packet, &stack, Some(&vteps))]);
        flows.findings().iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn only_what_the_other_end_has_not() {
        assert_eq!(ids(8472, 1, 1000), [""; 0]);
        assert_eq!(ids(8472, 2, 1000), ["tunnel-number-differs"]);
        assert_eq!(ids(4789, 1, 1000), ["tunnel-port-differs"]);
        // 1,451 bytes with the headers of IP and UDP.
        assert_eq!(ids(8472, 1, 1423), ["tunnel-inner-too-large"]);
        assert_eq!(ids(8472, 1, 1422), [""; 0]);
        // More than the link below takes: offload will cut it.
        assert_eq!(ids(8472, 1, 1600), [""; 0]);
    }
}
