//! Connections, as conntrack sees those of the packet that is walked.

use std::net::IpAddr;

use super::super::packet::{Packet, Transport};

/// Addresses and ports of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub transport: Transport,
}

impl Tuple {
    pub const fn of(packet: &Packet) -> Self {
        Self {
            src: packet.src,
            dst: packet.dst,
            transport: packet.transport,
        }
    }

    /// What answers it.
    #[must_use]
    pub const fn turned(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            transport: self.transport.reply(),
        }
    }
}

/// Bits of `ct state` as `CtKey::State` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnState {
    New,
    Established,
    Untracked,
    /// It belongs to no connection and can begin none.
    Invalid,
}

impl ConnState {
    /// `invalid` 1, `new` 8, `established` 2, `untracked` 64.
    pub const fn bit(self) -> u64 {
        match self {
            Self::New => 8,
            Self::Established => 2,
            Self::Untracked => 64,
            Self::Invalid => 1,
        }
    }
}

/// Which way a packet goes within its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Original,
    Reply,
}

/// A connection of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conn {
    pub original: Tuple,
    /// What answers look like: turned around, and with translations.
    pub reply: Tuple,
    pub state: ConnState,
    pub direction: Direction,
    pub mark: u32,
    /// IPS_DST_NAT_DONE, IPS_SRC_NAT_DONE: decided, even if for nothing.
    pub dnat_done: bool,
    pub snat_done: bool,
    /// Its zone in the original direction, and in that of replies (`nf_ct_zone_id`).
    pub zones: [u16; 2],
    /// IPS_SEEN_REPLY: before that, all of its packets are new.
    pub answered: bool,
}

impl Conn {
    /// What conntrack makes of a packet of no known connection: answers begin none (`tcp_new`, `icmp_pkt_to_tuple`'s
    /// callers), and neighbor discovery isn't tracked (`nf_conntrack_icmpv6_error`).
    pub const fn begun_by(packet: &Packet) -> Self {
        let state = match (packet.transport, packet.is_v6()) {
            (
                Transport::Icmp {
                    kind: 130..=136 | 143,
                    ..
                },
                true,
            ) => ConnState::Untracked,
            (Transport::Icmp { kind: 128 | 139, .. }, true)
            | (
                Transport::Icmp {
                    kind: 8 | 13 | 15 | 17,
                    ..
                },
                false,
            ) => ConnState::New,
            (Transport::Icmp { .. }, _) => ConnState::Invalid,
            (Transport::Tcp { .. }, _) if packet.answers => ConnState::Invalid,
            _ => ConnState::New,
        };
        let mut conn = Self::new(packet);
        conn.state = state;
        conn
    }

    const fn new(packet: &Packet) -> Self {
        let original = Tuple::of(packet);
        Self {
            original,
            reply: original.turned(),
            state: ConnState::New,
            direction: Direction::Original,
            mark: 0,
            dnat_done: false,
            snat_done: false,
            zones: [0; 2],
            answered: false,
        }
    }

    /// Whether packets of these zones are of it, in the direction that it is seen in (`nf_ct_key_equal`).
    pub const fn is_in(&self, zones: [u16; 2]) -> bool {
        match self.direction {
            Direction::Original => self.zones[0] == zones[0],
            Direction::Reply => self.zones[1] == zones[1],
        }
    }

    /// Whether it has, in one of its directions, the addresses and ports that a new connection would have in one of its
    /// own. Zones are compared in this one's direction (`nf_ct_key_equal`), among what has the same hash, of which each
    /// one's zone in its own direction is a part (`hash_conntrack`).
    pub fn has_end_of(&self, new: &Self) -> bool {
        let of_new = [(new.original, new.zones[0]), (new.reply, new.zones[1])];
        let own = [
            (self.original, self.zones[0], new.zones[0]),
            (self.reply, self.zones[1], new.zones[1]),
        ];
        own.iter()
            .any(|(end, zone, of_other)| zone == of_other && of_new.contains(&(*end, *zone)))
    }

    /// Whether NAT finds the answers of a new connection taken by this one. An untranslated one of other zones it lets pass:
    /// that ends where the connection is confirmed (`nf_nat_used_tuple_new`).
    pub fn has_answers_of(&self, new: &Self) -> bool {
        let seen = if self.is_dnat() || self.is_snat() {
            self.has_end_of(new)
        } else {
            self.zones == new.zones
        };
        seen && self.original != new.original && [self.original, self.reply].contains(&new.reply)
    }

    pub const fn untracked(packet: &Packet) -> Self {
        let mut conn = Self::new(packet);
        conn.state = ConnState::Untracked;
        conn
    }

    /// Whether conntrack keeps it.
    pub const fn is_kept(&self) -> bool {
        matches!(self.state, ConnState::New | ConnState::Established)
    }

    /// The same connection for a packet of it, if it is one: answers, and later packets of the first direction.
    pub fn seen_by(&self, packet: &Packet) -> Option<Self> {
        let tuple = Tuple::of(packet);
        let direction = if tuple == self.reply {
            Direction::Reply
        } else if tuple == self.original {
            Direction::Original
        } else {
            return None;
        };
        let answered = self.answered || direction == Direction::Reply;
        Some(Self {
            state: if answered {
                ConnState::Established
            } else {
                ConnState::New
            },
            direction,
            dnat_done: true,
            snat_done: true,
            answered,
            ..self.clone()
        })
    }

    /// What a packet of an established connection becomes.
    fn target(&self) -> Tuple {
        match self.direction {
            Direction::Original => self.reply.turned(),
            Direction::Reply => self.original.turned(),
        }
    }

    /// The identifier that an echo gets: another one where the first was taken (`nf_nat_l4proto_unique_tuple`).
    pub fn echo_id(&self) -> Option<u16> {
        match self.target().transport {
            Transport::Icmp { id, .. } => Some(id),
            _ => None,
        }
    }

    /// What the destination becomes for a packet of an established connection, before routing.
    pub fn destination(&self) -> (IpAddr, Option<u16>) {
        let target = self.target();
        (target.dst, target.transport.ports().map(|(_, dport)| dport))
    }

    /// What the source becomes, after routing.
    pub fn source(&self) -> (IpAddr, Option<u16>) {
        let target = self.target();
        (target.src, target.transport.ports().map(|(sport, _)| sport))
    }

    /// IPS_SRC_NAT and IPS_DST_NAT, and the bits of iptables' `--ctstate SNAT,DNAT`.
    pub fn is_dnat(&self) -> bool {
        let plain = self.original.turned();
        plain.src != self.reply.src
            || plain.transport.ports().map(|ports| ports.0)
                != self.reply.transport.ports().map(|ports| ports.0)
    }

    pub fn is_snat(&self) -> bool {
        let plain = self.original.turned();
        plain.dst != self.reply.dst
            || plain.transport.ports().map(|ports| ports.1)
                != self.reply.transport.ports().map(|ports| ports.1)
    }
}
