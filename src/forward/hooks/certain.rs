//! Matches that are always understood, whatever the packet is.

use crate::state::netfilter::{CtKey, Expr, Key, LinkBy, Match, MetaKey, Op};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Addr,
    Name,
}

/// Whether the match holds or fails for every packet, and neither chance nor anything unknown is in it.
pub(super) fn is_certain(matched: &Match) -> bool {
    let Some(kind) = field(&matched.key) else {
        return false;
    };
    match matched.op {
        Op::Eq | Op::Ne => fits(&matched.value, kind),
        _ => kind == Kind::Number && matches!(matched.value, Expr::Number(_)),
    }
}

fn field(expr: &Expr) -> Option<Kind> {
    match expr {
        Expr::Key(key) => match key {
            Key::Addr { .. } => Some(Kind::Addr),
            Key::Link {
                by: LinkBy::Name | LinkBy::Index | LinkBy::Port,
                ..
            } => Some(Kind::Name),
            Key::L4Proto
            | Key::IpProto { .. }
            | Key::NfProto
            | Key::EtherType
            | Key::Port { proto: Some(_), .. }
            | Key::EitherPort
            | Key::IcmpType { .. }
            | Key::IcmpCode { .. }
            | Key::TcpFlags
            | Key::Ttl { .. }
            | Key::Dscp { .. }
            | Key::Tos
            | Key::Bridged(_)
            | Key::Meta(MetaKey::Mark | MetaKey::Length)
            | Key::Ct {
                key: CtKey::State | CtKey::Status | CtKey::Direction | CtKey::Mark,
                ..
            } => Some(Kind::Number),
            _ => None,
        },
        Expr::Binary(parts) => {
            let number = field(&parts.0) == Some(Kind::Number) && matches!(parts.2, Expr::Number(_));
            number.then_some(Kind::Number)
        }
        _ => None,
    }
}

fn fits(value: &Expr, kind: Kind) -> bool {
    match (value, kind) {
        (Expr::Number(_), Kind::Number)
        | (Expr::Addr(_) | Expr::Net(_), Kind::Addr)
        | (Expr::Text(_) | Expr::Prefix(_), Kind::Name) => true,
        (Expr::Range(ends), _) => {
            let both = |fits: fn(&Expr) -> bool| fits(&ends.0) && fits(&ends.1);
            match kind {
                Kind::Number => both(|end| matches!(end, Expr::Number(_))),
                Kind::Addr => both(|end| matches!(end, Expr::Addr(_))),
                Kind::Name => false,
            }
        }
        (Expr::Set(values), _) => values.iter().all(|value| fits(value, kind)),
        _ => false,
    }
}
