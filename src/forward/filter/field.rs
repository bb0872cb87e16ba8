//! What a packet has in a field, and whether a match holds for it.

use std::net::IpAddr;

use super::{Mapped, Walk};
use crate::state::netfilter::{BitOp, CtKey, Dir, Expr, Key, LinkBy, Match, Op, Way};

/// A field of the packet.
enum Field<'a> {
    Number(u64),
    Addr(IpAddr),
    /// Of a link; none where there is no link.
    Name(Option<&'a str>),
    List(Vec<Field<'a>>),
    /// The packet has no such field: the match fails.
    Without,
}

impl<'a> Walk<'a> {
    /// None when it isn't understood.
    pub(super) fn holds(&self, Match { key, op, value }: &'a Match) -> Option<bool> {
        if matches!(key, Expr::Key(Key::EitherPort)) {
            let ports = [self.packet.sport, self.packet.dport];
            let [source, destination] = ports.map(|port| self.contains(value, &Field::Number(port.into())));
            return Some((source? || destination?) == (*op == Op::Eq));
        }
        let field = self.field(key)?;
        if matches!(field, Field::Without) {
            return Some(false);
        }
        let compared = |holds: fn(&u64, &u64) -> bool| match (&field, value) {
            (Field::Number(field), Expr::Number(value)) => Some(holds(field, value)),
            _ => None,
        };
        match op {
            Op::Eq => self.contains(value, &field),
            Op::Ne => self.contains(value, &field).map(|holds| !holds),
            Op::Lt => compared(u64::lt),
            Op::Le => compared(u64::le),
            Op::Gt => compared(u64::gt),
            Op::Ge => compared(u64::ge),
            Op::AnyBit => compared(|field, bits| field & bits != 0),
            Op::NoBit => compared(|field, bits| field & bits == 0),
        }
    }

    /// The verdict that a map has for a key.
    pub(super) fn mapped(&self, key: &'a Expr, map: &'a Expr) -> Mapped<'a> {
        self.lookup(key, map).unwrap_or(Mapped::Unknown)
    }

    fn lookup(&self, key: &'a Expr, map: &'a Expr) -> Option<Mapped<'a>> {
        let field = self.field(key)?;
        let entries: Vec<(&Expr, &Expr)> = match map {
            Expr::Named(name) => {
                let elements = self.table.set(name)?.elements.iter();
                elements
                    .filter_map(|element| Some((&element.key, element.value.as_ref()?)))
                    .collect()
            }
            Expr::Set(pairs) => pairs
                .iter()
                .filter_map(|pair| match pair {
                    Expr::Pair(parts) => Some((&parts.0, &parts.1)),
                    _ => None,
                })
                .collect(),
            _ => return None,
        };
        let mut other = Mapped::Nothing;
        for (key, value) in entries {
            let Expr::Verdict(verdict) = value else {
                return None;
            };
            if matches!(key, Expr::Any) {
                other = Mapped::To(verdict);
            } else if self.contains(key, &field)? {
                return Some(Mapped::To(verdict));
            }
        }
        Some(other)
    }

    /// Whether a value, range or set has the field; none when it isn't understood.
    fn contains(&self, value: &Expr, field: &Field) -> Option<bool> {
        Some(match (value, field) {
            (_, Field::Without) => false,
            (Expr::Any, _) => true,
            (Expr::Set(values), _) => return self.any(values.iter(), field),
            (Expr::Named(name), _) => {
                let set = self.table.set(name)?;
                return self.any(set.elements.iter().map(|element| &element.key), field);
            }
            (Expr::Number(value), Field::Number(field)) => value == field,
            (Expr::Addr(value), Field::Addr(field)) => value == field,
            (Expr::Net(net), Field::Addr(field)) => net.contains(field),
            (Expr::Text(value), Field::Name(field)) => *field == Some(&**value),
            (Expr::Prefix(prefix), Field::Name(field)) => {
                field.is_some_and(|name| name.starts_with(&**prefix))
            }
            (Expr::Range(ends), field) => match (&ends.0, &ends.1, field) {
                (Expr::Number(low), Expr::Number(high), Field::Number(field)) => {
                    (low..=high).contains(&field)
                }
                (Expr::Addr(low), Expr::Addr(high), Field::Addr(field)) => (low..=high).contains(&field),
                _ => return None,
            },
            (Expr::Concat(values), Field::List(fields)) if values.len() == fields.len() => {
                let mut pairs = values.iter().zip(fields);
                return pairs.try_fold(true, |all, (value, field)| {
                    Some(all && self.contains(value, field)?)
                });
            }
            _ => return None,
        })
    }

    fn any<'e>(&self, mut values: impl Iterator<Item = &'e Expr>, field: &Field) -> Option<bool> {
        values.try_fold(false, |found, value| Some(found || self.contains(value, field)?))
    }

    /// What the packet has there; none when that isn't known.
    fn field(&self, expr: &Expr) -> Option<Field<'a>> {
        match expr {
            Expr::Key(key) => self.key(key),
            Expr::Concat(parts) => Some(Field::List(
                parts.iter().map(|part| self.field(part)).collect::<Option<_>>()?,
            )),
            Expr::Binary(parts) => match (self.field(&parts.0)?, parts.1, &parts.2) {
                // Of an established connection's flags, only these are sure.
                (Field::Number(_), _, Expr::Number(mask))
                    if matches!(parts.0, Expr::Key(Key::TcpFlags)) && mask & !0x17 != 0 =>
                {
                    None
                }
                (Field::Number(field), BitOp::And, Expr::Number(mask)) => Some(Field::Number(field & mask)),
                (Field::Addr(IpAddr::V4(field)), BitOp::And, Expr::Addr(IpAddr::V4(mask))) => {
                    Some(Field::Addr((field & mask).into()))
                }
                (Field::Addr(IpAddr::V6(field)), BitOp::And, Expr::Addr(IpAddr::V6(mask))) => {
                    Some(Field::Addr((field & mask).into()))
                }
                (Field::Without, ..) => Some(Field::Without),
                _ => None,
            },
            _ => None,
        }
    }

    fn key(&self, key: &Key) -> Option<Field<'a>> {
        let packet = self.packet;
        let is_v6 = packet.dst.is_ipv6();
        Some(match key {
            Key::Addr { v6, .. } | Key::IpProto { v6 } if *v6 != is_v6 => Field::Without,
            Key::Addr { dir: Dir::Src, .. } => Field::Addr(packet.src),
            Key::Addr { dir: Dir::Dst, .. } => Field::Addr(packet.dst),
            Key::L4Proto | Key::IpProto { .. } => Field::Number(6),
            Key::NfProto => Field::Number(if is_v6 { 10 } else { 2 }),
            Key::EtherType => Field::Number(if is_v6 { 0x86dd } else { 0x0800 }),
            Key::Port { proto, .. } if proto.is_some_and(|proto| proto != 6) => Field::Without,
            Key::Port { dir: Dir::Src, .. } => Field::Number(packet.sport.into()),
            Key::Port { dir: Dir::Dst, .. } => Field::Number(packet.dport.into()),
            Key::IcmpType { .. } | Key::IcmpCode { .. } => Field::Without,
            Key::Fragment => Field::Number(0),
            Key::TcpFlags => Field::Number(if packet.new { 2 } else { 16 }),
            Key::Ct {
                key: CtKey::State, ..
            } => Field::Number(if packet.new { 8 } else { 2 }),
            Key::Link {
                way,
                by: LinkBy::Name | LinkBy::Index,
            } => Field::Name(match way {
                Way::In => packet.in_link,
                Way::Out => packet.out_link,
            }),
            _ => return None,
        })
    }
}
