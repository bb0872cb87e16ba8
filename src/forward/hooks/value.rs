//! What a packet has in a field, and whether a match holds for it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::packet::{Owner, Transport, proto};
use super::conn::{ConnState, Direction};
use super::fib;
use super::run::Run;
use super::sets::Keyed;
use crate::state::netfilter::{
    BitOp, CtKey, Dialect, Dir, Expr, Hook, Key, LinkBy, Match, MetaKey, Op, Verdict, Way,
};

/// A value while rules run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Value<'a> {
    Number(u64),
    Addr(IpAddr),
    Net(IpNet),
    /// Of a link; none where there is no link.
    Name(Option<&'a str>),
    Mac([u8; 6]),
    List(Vec<Value<'a>>),
    /// Sixteen bits of a header that say something else here, as the checksum of ICMP: equal to none that is looked for.
    Arbitrary,
    /// The packet has no such field: the match fails.
    Without,
}

/// Reads fields of the packet of a run. What comes back as none is not known.
pub(super) struct Values<'v, 'r, 'p, 'a>(pub(super) &'v mut Run<'r, 'p, 'a>);

impl<'a> Values<'_, '_, '_, 'a> {
    /// None when it isn't understood.
    pub(super) fn holds(&mut self, matched: &'a Match) -> Option<bool> {
        let Match { key, op, value } = matched;
        if let Some(holds) = fib::addrtype_v6(&self.0.call, self.0.dialect, matched) {
            return Some(holds);
        }
        if matches!(key, Expr::Key(Key::EitherPort)) {
            let Some((sport, dport)) = self.0.call.packet.transport.ports() else {
                return Some(false);
            };
            let source = self.contains(value, &Value::Number(sport.into()))?;
            let destination = self.contains(value, &Value::Number(dport.into()))?;
            return Some((source || destination) == (*op == Op::Eq));
        }
        let field = self.value(key)?;
        if field == Value::Without {
            // `owner_mt`: who sends no packet of a socket is not that user, either; `meta skuid` of nft breaks.
            let owner = matches!(key, Expr::Key(Key::Meta(MetaKey::SkUid | MetaKey::SkGid)));
            return Some(owner && *op == Op::Ne && self.0.dialect != Dialect::Nft);
        }
        match op {
            Op::Eq => self.contains(value, &field),
            Op::Ne => self.contains(value, &field).map(|holds| !holds),
            _ => {
                let (Value::Number(field), Value::Number(value)) = (&field, self.value(value)?) else {
                    return None;
                };
                Some(match op {
                    Op::Lt => *field < value,
                    Op::Le => *field <= value,
                    Op::Gt => *field > value,
                    Op::Ge => *field >= value,
                    Op::AnyBit => field & value != 0,
                    Op::NoBit => field & value == 0,
                    Op::Eq | Op::Ne => return None,
                })
            }
        }
    }

    /// The verdict that a map has for a key; `Ok(None)` when it has none.
    pub(super) fn verdict_of(&mut self, key: &'a Expr, map: &'a Expr) -> Result<Option<&'a Verdict>, ()> {
        let field = self.value(key).ok_or(())?;
        match self.mapped(map, &field).ok_or(())? {
            Some(Expr::Verdict(verdict)) => Ok(Some(verdict)),
            Some(_) => Err(()),
            None => Ok(None),
        }
    }

    /// What a map has for a key; `Some(None)` when it has nothing.
    #[expect(clippy::option_option, reason = "not known, and nothing, are two things")]
    fn mapped(&mut self, map: &'a Expr, field: &Value<'a>) -> Option<Option<&'a Expr>> {
        match map {
            Expr::Named(name) => self.found(&self.0.sets?.named(name)?.elements, field),
            Expr::Set(pairs) => self.found(pairs, field),
            _ => None,
        }
    }

    /// The value of the first element that has the field, else of `*`.
    #[expect(clippy::option_option, reason = "as above")]
    fn found<T: Keyed>(&mut self, elements: &'a [T], field: &Value<'a>) -> Option<Option<&'a Expr>> {
        if let Some(index) = self.0.sets.and_then(|sets| sets.index(elements))
            && index.valued == elements.len()
            && index.is_for(field)
        {
            let at = |number: u32| elements.get(number as usize);
            let mut holds = |number| at(number).and_then(|element| self.contains(element.key(), field));
            let found = index.first(field, |number| holds(number) == Some(true));
            return Some(found.or(index.any).and_then(|number| at(number)?.value()));
        }
        let mut other = None;
        for element in elements {
            let Some(value) = element.value() else { continue };
            if matches!(element.key(), Expr::Any) {
                other = Some(value);
            } else if self.contains(element.key(), field)? {
                return Some(Some(value));
            }
        }
        Some(other)
    }

    /// Whether a value, range or set has the field; none when it isn't understood.
    fn contains(&mut self, value: &'a Expr, field: &Value<'a>) -> Option<bool> {
        Some(match (value, field) {
            (_, Value::Without) | (Expr::Number(_), Value::Arbitrary) => false,
            (Expr::Any, _) => true,
            // A map is no set.
            (Expr::Set(values), _) if values.iter().any(|value| value.value().is_some()) => return None,
            (Expr::Set(values), _) => return self.any(values, field),
            (Expr::Named(name), _) => return self.any(&self.0.sets?.named(name)?.elements, field),
            (Expr::Number(value), Value::Number(field)) => value == field,
            (Expr::Exists(value), Value::Number(field)) => *value == (*field != 0),
            (Expr::Addr(value), Value::Addr(field)) => value == field,
            (Expr::Net(net), Value::Addr(field)) => net.contains(field),
            (Expr::Mac(value), Value::Mac(field)) => value == field,
            (Expr::Text(value), Value::Name(field)) => *field == Some(&**value),
            (Expr::Prefix(prefix), Value::Name(field)) => {
                field.is_some_and(|name| name.starts_with(&**prefix))
            }
            (Expr::Range(ends), field) => match (&ends.0, &ends.1, field) {
                (Expr::Number(low), Expr::Number(high), Value::Number(field)) => {
                    (low..=high).contains(&field)
                }
                (Expr::Addr(low), Expr::Addr(high), Value::Addr(field)) => (low..=high).contains(&field),
                _ => return None,
            },
            (Expr::Concat(values), Value::List(fields)) if values.len() == fields.len() => {
                for (value, field) in values.iter().zip(fields) {
                    if !self.contains(value, field)? {
                        return Some(false);
                    }
                }
                true
            }
            (Expr::Binary(_), _) => self.value(value)? == *field,
            _ => return None,
        })
    }

    fn any<T: Keyed>(&mut self, elements: &'a [T], field: &Value<'a>) -> Option<bool> {
        if let Some(index) = self.0.sets.and_then(|sets| sets.index(elements))
            && index.is_for(field)
        {
            let holds = |number: u32| {
                let element = elements.get(number as usize);
                element.and_then(|element| self.contains(element.key(), field)) == Some(true)
            };
            return Some(index.any.is_some() || index.first(field, holds).is_some());
        }
        let mut unknown = false;
        for element in elements {
            match self.contains(element.key(), field) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(false)
    }

    pub(super) fn number(&mut self, expr: &'a Expr) -> Option<u64> {
        // Marks are set to what is computed of marks: no sets, no maps of the table's lifetime.
        match expr {
            Expr::Number(number) => Some(*number),
            Expr::Key(key) => match self.key(key)? {
                Value::Number(number) => Some(number),
                _ => None,
            },
            Expr::Binary(parts) => {
                let (left, right) = (self.number(&parts.0)?, self.number(&parts.2)?);
                Some(compute(left, parts.1, right))
            }
            _ => None,
        }
    }

    pub(super) fn port(&mut self, expr: &'a Expr) -> Option<u16> {
        u16::try_from(self.number(expr)?).ok()
    }

    /// What an expression is for this packet; none when that isn't known.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Option<Value<'a>> {
        Some(match expr {
            Expr::Key(key) => return self.key(key),
            Expr::Number(number) => Value::Number(*number),
            Expr::Addr(ip) => Value::Addr(*ip),
            Expr::Net(net) => Value::Net(*net),
            Expr::Mac(mac) => Value::Mac(*mac),
            Expr::Text(text) => Value::Name(Some(text)),
            Expr::Concat(parts) => {
                let mut values = Vec::new();
                for part in parts {
                    match self.value(part)? {
                        Value::Without => return Some(Value::Without),
                        value => values.push(value),
                    }
                }
                Value::List(values)
            }
            Expr::Binary(parts) => match (self.value(&parts.0)?, self.value(&parts.2)?) {
                (Value::Without, _) => Value::Without,
                (Value::Number(left), Value::Number(right)) => Value::Number(compute(left, parts.1, right)),
                (Value::Addr(IpAddr::V4(left)), Value::Addr(IpAddr::V4(right))) if parts.1 == BitOp::And => {
                    Value::Addr((left & right).into())
                }
                (Value::Addr(IpAddr::V6(left)), Value::Addr(IpAddr::V6(right))) if parts.1 == BitOp::And => {
                    Value::Addr((left & right).into())
                }
                _ => return None,
            },
            Expr::Numgen { modulo, offset, .. } | Expr::Hash { modulo, offset, .. } => {
                let ways = (*modulo).max(1);
                let repeats = !matches!(expr, Expr::Numgen { random: true, .. });
                let taken = self.0.choices.among(ways, |_| 1.0 / f64::from(ways), repeats);
                Value::Number(u64::from(taken) + u64::from(*offset))
            }
            Expr::Map(parts) => return self.map_value(&parts.0, &parts.1),
            _ => return None,
        })
    }

    /// A value from a map.
    fn map_value(&mut self, key: &'a Expr, map: &'a Expr) -> Option<Value<'a>> {
        let field = self.value(key)?;
        let sets = self.0.sets?;
        let found = match map {
            Expr::Named(name) => {
                let mut found = None;
                for element in &sets.named(name)?.elements {
                    if self.contains(&element.key, &field)? {
                        found = element.value.as_ref();
                        break;
                    }
                }
                found
            }
            Expr::Set(pairs) => {
                let mut found = None;
                for pair in pairs {
                    let Expr::Pair(parts) = pair else { continue };
                    if self.value(&parts.0)? == field {
                        found = Some(&parts.1);
                        break;
                    }
                }
                found
            }
            _ => return None,
        };
        match found {
            Some(expr) => self.value(expr),
            None => Some(Value::Without),
        }
    }

    fn key(&mut self, key: &Key) -> Option<Value<'a>> {
        let call = &self.0.call;
        let packet = &call.packet;
        let is_v6 = packet.is_v6();
        let ports = packet.transport.ports();
        if let Some(frame) = call.frame {
            match key {
                Key::Mac(Dir::Src) => return Some(Value::Mac(frame.src.0)),
                Key::Mac(Dir::Dst) => return Some(Value::Mac(frame.dst.0)),
                // Bridges have a conntrack of their own.
                Key::Ct { .. } | Key::NfProto => return None,
                Key::EtherType if frame.arp => return Some(Value::Number(0x0806)),
                Key::Link { .. } | Key::Meta(MetaKey::Mark) => {}
                Key::Payload(_) | Key::Raw { .. } | Key::Other(_) if frame.arp => return None,
                _ if frame.arp => return Some(Value::Without),
                _ => {}
            }
        }
        Some(match key {
            Key::Addr { v6, .. } | Key::IpProto { v6 } | Key::Ttl { v6 } | Key::Dscp { v6 }
                if *v6 != is_v6 =>
            {
                Value::Without
            }
            Key::Addr { dir: Dir::Src, .. } => Value::Addr(packet.src),
            Key::Addr { dir: Dir::Dst, .. } => Value::Addr(packet.dst),
            Key::L4Proto | Key::IpProto { .. } => Value::Number(packet.proto().into()),
            Key::NfProto => Value::Number(if is_v6 { 10 } else { 2 }),
            Key::EtherType => Value::Number(if is_v6 { 0x86dd } else { 0x0800 }),
            Key::Port { proto, .. } if proto.is_some_and(|proto| proto != packet.proto()) => Value::Without,
            Key::Port { dir, .. } => match (ports, dir) {
                (Some((sport, _)), Dir::Src) => Value::Number(sport.into()),
                (Some((_, dport)), Dir::Dst) => Value::Number(dport.into()),
                (None, Dir::Src) => match packet.transport {
                    Transport::Icmp { kind, code, .. } => {
                        Value::Number(u64::from(kind) << 8 | u64::from(code))
                    }
                    _ => Value::Arbitrary,
                },
                (None, Dir::Dst) => Value::Arbitrary,
            },
            Key::IcmpType { v6 } | Key::IcmpCode { v6 } if *v6 != is_v6 => Value::Without,
            Key::IcmpType { .. } => match packet.transport {
                Transport::Icmp { kind, .. } => Value::Number(kind.into()),
                _ => Value::Without,
            },
            Key::IcmpCode { .. } => match packet.transport {
                Transport::Icmp { code, .. } => Value::Number(code.into()),
                _ => Value::Without,
            },
            // The walked packet of TCP is a SYN, or the SYN ACK that answers it.
            Key::TcpFlags if packet.proto() == proto::TCP => {
                Value::Number(if packet.answers { 0x12 } else { 2 })
            }
            Key::Ttl { .. } => Value::Number(packet.ttl.into()),
            Key::Dscp { .. } => Value::Number((packet.tos >> 2).into()),
            Key::Tos => Value::Number(packet.tos.into()),
            Key::Link {
                way,
                by: LinkBy::Name | LinkBy::Index,
            } => self.link_name(*way, false),
            Key::Link {
                way,
                by: LinkBy::Port,
            } => self.link_name(*way, true),
            Key::Link {
                way,
                by: LinkBy::Bridge,
            } => self.bridge_name(*way),
            Key::Bridged(way) => {
                let (from, to) = call.physdev;
                let holds = match way {
                    None => from.is_some() && to.is_some(),
                    Some(Way::In) => from.is_some(),
                    Some(Way::Out) => to.is_some(),
                };
                Value::Number(holds.into())
            }
            Key::Meta(MetaKey::Mark) => Value::Number(packet.mark.into()),
            // Other pieces of what a tunnel carries are shorter.
            Key::Meta(MetaKey::Length) if packet.carries_piece() => return None,
            Key::Meta(MetaKey::Length) => Value::Number(packet.size.into()),
            // Whether it is a program's that is behind it.
            Key::Meta(MetaKey::SkUid | MetaKey::SkGid) if packet.inner.is_some() => return None,
            Key::Meta(key @ (MetaKey::SkUid | MetaKey::SkGid)) if self.is_own() => match packet.owner {
                Owner::Nobody => Value::Without,
                Owner::User { uid, .. } if *key == MetaKey::SkUid => Value::Number(uid?.into()),
                Owner::User { gid, .. } => Value::Number(gid?.into()),
            },
            Key::TcpFlags | Key::Meta(MetaKey::SkUid | MetaKey::SkGid) => Value::Without,
            Key::Ct { key, tuple } => return self.ct(*key, *tuple),
            Key::Fib { flags, result } => fib::value(call, *flags, *result),
            Key::Fragment | Key::Ipvs | Key::Meta(MetaKey::PktType | MetaKey::Secpath) => Value::Number(0),
            _ => return None,
        })
    }

    /// Whether a program of the namespace sends it.
    fn is_own(&self) -> bool {
        let call = &self.0.call;
        call.hook == Hook::Output || (call.hook == Hook::Postrouting && call.in_link.is_none())
    }

    fn link_name(&self, way: Way, port: bool) -> Value<'a> {
        let call = &self.0.call;
        let index = match (way, port) {
            (Way::In, false) => call.in_link,
            (Way::Out, false) => call.out_link,
            (Way::In, true) => call.physdev.0,
            (Way::Out, true) => call.physdev.1,
        };
        Value::Name(index.and_then(|index| Some(&*call.place.fib.link(index)?.name)))
    }

    /// The bridge that a port is of.
    fn bridge_name(&self, way: Way) -> Value<'a> {
        let call = &self.0.call;
        let port = match way {
            Way::In => call.in_link,
            Way::Out => call.out_link,
        };
        let of = |port| call.place.fib.link(call.place.fib.link(port)?.master?);
        Value::Name(port.and_then(of).map(|bridge| &*bridge.name))
    }

    fn ct(&self, key: CtKey, tuple: Option<crate::state::netfilter::Tuple>) -> Option<Value<'a>> {
        let Some(conn) = &self.0.call.conn else {
            // Before conntrack: raw tables.
            return Some(match key {
                CtKey::State => Value::Number(1),
                _ => Value::Without,
            });
        };
        if !conn.is_kept() && key != CtKey::State {
            return Some(Value::Without);
        }
        let side = match tuple {
            Some(crate::state::netfilter::Tuple::Reply) => conn.reply,
            Some(crate::state::netfilter::Tuple::Original) | None => conn.original,
        };
        let port = |source: bool| match side.transport.ports() {
            Some((sport, dport)) => Value::Number(if source { sport } else { dport }.into()),
            None => Value::Without,
        };
        Some(match key {
            CtKey::State => {
                // `SNAT` and `DNAT` are states of iptables only.
                let nat = if self.0.dialect == Dialect::Nft {
                    0
                } else {
                    u64::from(conn.is_snat()) << 16 | u64::from(conn.is_dnat()) << 17
                };
                Value::Number(conn.state.bit() | nat)
            }
            CtKey::Status => {
                let seen = u64::from(conn.state == ConnState::Established) * 0b1010;
                Value::Number(seen | u64::from(conn.is_snat()) << 4 | u64::from(conn.is_dnat()) << 5)
            }
            CtKey::Direction => Value::Number(u64::from(conn.direction == Direction::Reply)),
            CtKey::Mark => Value::Number(conn.mark.into()),
            CtKey::Zone => {
                let reply = matches!(tuple, Some(crate::state::netfilter::Tuple::Reply));
                Value::Number(conn.zones[usize::from(reply)].into())
            }
            CtKey::SrcAddr => Value::Addr(side.src),
            CtKey::DstAddr => Value::Addr(side.dst),
            CtKey::SrcPort => port(true),
            CtKey::DstPort => port(false),
            CtKey::L3Proto => Value::Number(if side.dst.is_ipv6() { 10 } else { 2 }),
            CtKey::L4Proto => Value::Number(self.0.call.packet.proto().into()),
            _ => return None,
        })
    }
}

const fn compute(left: u64, op: BitOp, right: u64) -> u64 {
    match op {
        BitOp::And => left & right,
        BitOp::Or => left | right,
        BitOp::Xor => left ^ right,
        BitOp::ShiftLeft => left << (right & 63),
        BitOp::ShiftRight => left >> (right & 63),
    }
}
