//! Packets that are asked about, and rules that may match them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::state::netfilter::{CtKey, Dir, Expr, Key, LinkBy, Match, Op, Rule, Statement, Way};

/// A kind of packets that are forwarded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'p> {
    /// None: by any link to the outside.
    pub(super) by: Option<&'p str>,
    pub(super) to: Option<&'p str>,
    /// Address, protocol and port that it is for.
    pub(super) at: Option<(IpAddr, u8, u16)>,
    pub(super) state: u64,
    /// The network that they are for; none: some.
    pub(super) net: Option<IpNet>,
    /// A rule for some of them counts, too.
    pub(super) some: bool,
    /// Links that lead to containers, pods or tunnels.
    pub(super) inner: &'p [&'p str],
}

impl Packet<'_> {
    /// Whether nothing of a rule keeps it from such a packet; what isn't understood doesn't.
    pub(super) fn may_match(&self, rule: &Rule) -> bool {
        rule.statements.iter().all(|statement| match statement {
            Statement::Match(found) => self.may_hold(found).unwrap_or(true),
            _ => true,
        })
    }

    /// Whether a rule is for every such packet.
    pub(super) fn must_match(&self, rule: &Rule) -> bool {
        rule.statements.iter().all(|statement| self.must_pass(statement))
    }

    /// Whether a statement keeps none of them from the next one.
    pub(super) fn must_pass(&self, statement: &Statement) -> bool {
        match statement {
            Statement::Match(found) => self.may_hold(found) == Some(true),
            Statement::Verdict(_)
            | Statement::Reject(_)
            | Statement::Extension(_)
            | Statement::Comment(_)
            | Statement::Log(_) => true,
            _ => false,
        }
    }

    /// Whether a match holds; none where that isn't known.
    fn may_hold(&self, found: &Match) -> Option<bool> {
        let Expr::Key(key) = &found.key else { return None };
        match key {
            Key::Link {
                way,
                by: LinkBy::Name,
            } => {
                let own = if *way == Way::In { self.by } else { self.to };
                let is = match own {
                    Some(own) => is_link(&found.value, own)?,
                    // Some link to the outside.
                    None => match &found.value {
                        Expr::Text(name) if self.inner.contains(&&**name) => false,
                        _ => return None,
                    },
                };
                equal(found.op, is)
            }
            // Some is not all of the outside.
            Key::Addr { dir: Dir::Src, .. } if !self.some && self.by.is_none() && found.op == Op::Eq => {
                match &found.value {
                    Expr::Net(net) => Some(net.prefix_len() == 0),
                    Expr::Addr(_) => Some(false),
                    _ => None,
                }
            }
            Key::Addr { dir: Dir::Dst, .. } | Key::L4Proto | Key::Port { dir: Dir::Dst, .. }
                if self.at.is_none() =>
            {
                let covers = |net: &IpNet| self.net.is_some_and(|own| net.contains(&own));
                match &found.value {
                    Expr::Net(net) if covers(net) => equal(found.op, true),
                    _ => (!self.some && found.op == Op::Eq).then_some(false),
                }
            }
            Key::Addr { dir: Dir::Dst, .. } => equal(found.op, is_in(&found.value, self.at?.0)?),
            Key::L4Proto => match found.value {
                Expr::Number(number) => equal(found.op, number == u64::from(self.at?.1)),
                _ => None,
            },
            Key::Port { dir: Dir::Dst, .. } => match found.value {
                Expr::Number(number) => equal(found.op, number == u64::from(self.at?.2)),
                _ => None,
            },
            Key::Ct {
                key: CtKey::State, ..
            } => {
                let Expr::Number(bits) = found.value else {
                    return None;
                };
                // Translated connections are some of them.
                let has = bits & self.state != 0 || bits > 0xffff;
                match found.op {
                    Op::Eq | Op::AnyBit => Some(has),
                    Op::Ne | Op::NoBit => Some(!has || bits > 0xffff),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

const fn equal(op: Op, is: bool) -> Option<bool> {
    match op {
        Op::Eq => Some(is),
        Op::Ne => Some(!is),
        _ => None,
    }
}

fn is_link(value: &Expr, name: &str) -> Option<bool> {
    match value {
        Expr::Text(text) => Some(**text == *name),
        Expr::Prefix(start) => Some(name.starts_with(&**start)),
        _ => None,
    }
}

fn is_in(value: &Expr, ip: IpAddr) -> Option<bool> {
    match value {
        Expr::Addr(own) => Some(*own == ip),
        Expr::Net(net) => Some(net.contains(&ip)),
        _ => None,
    }
}
