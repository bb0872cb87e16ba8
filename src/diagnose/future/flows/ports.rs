//! Kinds of packets that policies tell apart.

use std::collections::BTreeSet;

use crate::policy::Policies;
use crate::policy::alike::Asked;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// So many ports are told apart.
const MOST: usize = 24;

/// How names are asked for.
pub(super) const DNS: &str = "udp/53";

/// A kind of packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) title: String,
    pub(super) protocol: u8,
    /// Of the destination.
    pub(super) port: Option<u16>,
}

/// Those that rules name, and one of each kind that none names.
pub(super) fn ports(policies: [&Policies; 2], asked: &[Asked; 2]) -> Vec<Port> {
    let mut ranges: BTreeSet<(u8, u16, u16)> = BTreeSet::from([(UDP, 53, 53)]);
    for (protocol, first, last) in asked.iter().flat_map(|asked| &asked.ports) {
        match protocol {
            Some(protocol) => {
                ranges.insert((*protocol, *first, *last));
            }
            None => ranges.extend([(TCP, *first, *last), (UDP, *first, *last)]),
        }
    }
    let of = policies.iter().flat_map(|policies| policies.identities().all());
    let named = of.flat_map(|identity| &identity.ports);
    ranges.extend(named.map(|port| (port.protocol, port.port, port.port)));
    let mut ports: Vec<Port> = Vec::new();
    for (protocol, first, last) in &ranges {
        let name = match *protocol {
            TCP => "tcp",
            UDP => "udp",
            _ => "sctp",
        };
        let title = if first == last {
            format!("{name}/{first}")
        } else {
            format!("{name}/{first}-{last}")
        };
        if ports.len() < MOST && !ports.iter().any(|port| port.title == title) {
            ports.push(Port {
                title,
                protocol: *protocol,
                port: Some(*first),
            });
        }
    }
    for (protocol, name) in [(TCP, "other tcp"), (UDP, "other udp")] {
        let is_free = |port: &u16| {
            !ranges
                .iter()
                .any(|(of, first, last)| *of == protocol && (first..=last).contains(&port))
        };
        let free = (9_000..=u16::MAX).chain(1..9_000).find(is_free);
        ports.extend(free.map(|port| Port {
            title: name.to_owned(),
            protocol,
            port: Some(port),
        }));
    }
    ports.push(Port {
        title: "ping".to_owned(),
        protocol: ICMP,
        port: None,
    });
    ports
}
