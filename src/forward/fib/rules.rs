//! Policy rules: which table is asked, in which order (`fib_rules_lookup`, `fib_rule_match`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::table::{Table, dscp};
use super::{Fib, Flow, Hit};
use crate::state::link::IfIndex;
use crate::state::netns::Netns;
use crate::state::route::{Route, RouteProtocol, TableId};
use crate::state::rule::{PolicyRule, RuleAction};

/// How a packet is refused before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing matches (ENETUNREACH).
    NoRoute,
    /// Dropped without a word (EINVAL).
    Blackhole,
    /// EHOSTUNREACH of a route, ENETUNREACH of a rule: the sender is told.
    Unreachable,
    /// EACCES: the sender is told.
    Prohibited,
}

/// A packet that has no way, and what said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    pub refusal: Refusal,
    /// None where no rule led to an end.
    pub rule: Option<&'a PolicyRule>,
    /// None where the rule itself refuses.
    pub route: Option<&'a Route>,
}

impl Refused<'_> {
    /// Nothing matched.
    pub(super) const NOWHERE: Self = Self {
        refusal: Refusal::NoRoute,
        rule: None,
        route: None,
    };
}

/// The rules of one family, in the kernel's order.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    rules: Vec<Compiled<'a>>,
    v6: bool,
}

#[derive(Debug)]
struct Compiled<'a> {
    rule: &'a PolicyRule,
    /// None: any; `Err`: no such link, so nothing matches.
    iif: Option<Result<IfIndex, ()>>,
    oif: Option<Result<IfIndex, ()>>,
    /// Where a goto leads; none while no rule has that priority.
    target: Option<usize>,
}

/// The rules that a namespace starts with (`fib_default_rules_init`, `fib6_rules_net_init`).
const fn default_rule(v6: bool, priority: u32, table: TableId) -> PolicyRule {
    PolicyRule {
        v6,
        priority,
        invert: false,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        fwmark: None,
        tos: 0,
        ipproto: None,
        sport: None,
        dport: None,
        uid: None,
        tun_id: None,
        action: RuleAction::Lookup(table),
        suppress_prefix_len: None,
        suppress_group: None,
        proto: Some(RouteProtocol::KERNEL),
    }
}

static DEFAULT_V4: [PolicyRule; 3] = [
    default_rule(false, 0, TableId::LOCAL),
    default_rule(false, 32766, TableId::MAIN),
    default_rule(false, 32767, TableId::DEFAULT),
];

static DEFAULT_V6: [PolicyRule; 2] = [
    default_rule(true, 0, TableId::LOCAL),
    default_rule(true, 32766, TableId::MAIN),
];

impl<'a> Rules<'a> {
    pub(super) fn new(net: &'a Netns, v6: bool) -> Self {
        let mut chosen: Vec<&'a PolicyRule> = match net.rules.known() {
            Some(rules) => rules.iter().filter(|rule| rule.v6 == v6).collect(),
            None if v6 => DEFAULT_V6.iter().collect(),
            None => DEFAULT_V4.iter().collect(),
        };
        // Rules of one priority keep the order of the dump.
        chosen.sort_by_key(|rule| rule.priority);
        let by_name = |name: &String| net.link_named(name).map(|link| link.index).ok_or(());
        let rules = chosen
            .iter()
            .map(|rule| Compiled {
                rule,
                iif: rule.iif.as_ref().map(by_name),
                oif: rule.oif.as_ref().map(by_name),
                target: match rule.action {
                    RuleAction::Goto(priority) => chosen.iter().position(|rule| rule.priority == priority),
                    _ => None,
                },
            })
            .collect();
        Self { rules, v6 }
    }

    /// Whether these are the IPv4 rules that a namespace starts with. Until another one comes (and, which can't be seen,
    /// goes again), the kernel keeps `local` and `main` in one trie: the longest prefix of both wins
    /// (`fib_trie_unmerge`).
    pub(super) fn are_untouched(&self) -> bool {
        !self.v6
            && self.rules.len() == DEFAULT_V4.len()
            && self
                .rules
                .iter()
                .zip(&DEFAULT_V4)
                .all(|(compiled, default)| same(compiled.rule, default))
    }

    /// `fib_rule_requires_fldissect`.
    pub(super) fn look_at_ports(&self) -> bool {
        self.rules.iter().any(|Compiled { rule, .. }| {
            let of_host = rule.iif.as_deref() == Some("lo");
            !of_host && (rule.ipproto.is_some() || rule.sport.is_some() || rule.dport.is_some())
        })
    }

    /// Without rules of anyone's: both tables in one, then `default`.
    pub(super) fn lookup_merged(
        &self,
        fib: &Fib<'a>,
        merged: &Table<'a>,
        flow: &Flow,
    ) -> Result<Hit<'a>, Refused<'a>> {
        let rule_of = |table| {
            let leads = |compiled: &&Compiled<'a>| compiled.rule.action == RuleAction::Lookup(table);
            self.rules.iter().find(leads).map(|compiled| compiled.rule)
        };
        let found = merged
            .lookup(fib, flow)
            .or_else(|| fib.table(TableId::DEFAULT, false)?.lookup(fib, flow));
        match found {
            Some(Ok((route, hops))) => rule_of(route.table)
                .map(|rule| Hit { rule, route, hops })
                .ok_or(Refused::NOWHERE),
            Some(Err((refusal, route))) => Err(Refused {
                refusal,
                rule: rule_of(route.table),
                route: Some(route),
            }),
            None => Err(Refused::NOWHERE),
        }
    }

    /// Tries the rules in turn; a table without a fitting route, and a `throw`, lead on to the next rule.
    pub(super) fn lookup(&self, fib: &Fib<'a>, flow: &Flow) -> Result<Hit<'a>, Refused<'a>> {
        let mut at = 0;
        while let Some(compiled) = self.rules.get(at) {
            at += 1;
            if !compiled.selects(flow) {
                continue;
            }
            let rule = compiled.rule;
            let refused = |refusal| {
                Err(Refused {
                    refusal,
                    rule: Some(rule),
                    route: None,
                })
            };
            let table = match rule.action {
                RuleAction::Lookup(table) => table,
                RuleAction::L3mdev => match vrf_table(fib, flow) {
                    Some(table) => table,
                    None => continue,
                },
                RuleAction::Goto(_) => {
                    // A goto always leads forward: no loop.
                    at = compiled.target.unwrap_or(at);
                    continue;
                }
                RuleAction::Nop => continue,
                RuleAction::Blackhole | RuleAction::Other(_) => return refused(Refusal::Blackhole),
                RuleAction::Unreachable => return refused(Refusal::Unreachable),
                RuleAction::Prohibit => return refused(Refusal::Prohibited),
            };
            let found = fib
                .table(table, flow.dst.is_ipv6())
                .and_then(|table| table.lookup(fib, flow));
            match found {
                Some(Ok((route, hops))) if !is_suppressed(rule, route) => {
                    return Ok(Hit { rule, route, hops });
                }
                Some(Err((refusal, route))) => {
                    return Err(Refused {
                        refusal,
                        rule: Some(rule),
                        route: Some(route),
                    });
                }
                Some(Ok(_)) | None => {}
            }
        }
        Err(Refused::NOWHERE)
    }
}

/// Whether a rule does what the other does; who put it in does not matter.
fn same(rule: &PolicyRule, other: &PolicyRule) -> bool {
    let plain = |rule: &PolicyRule| PolicyRule {
        proto: None,
        ..rule.clone()
    };
    plain(rule) == plain(other)
}

/// `suppress_prefixlength`: what the table found is too general to count.
fn is_suppressed(rule: &PolicyRule, route: &Route) -> bool {
    rule.suppress_prefix_len
        .is_some_and(|length| u32::from(route.dst.prefix_len()) <= length)
}

/// The table of the VRF that the packet's link is a port of, or is itself (`l3mdev_fib_rule_match`).
fn vrf_table(fib: &Fib, flow: &Flow) -> Option<TableId> {
    use crate::state::kind::LinkData;
    let of = |index: IfIndex| {
        let link = fib.link(index)?;
        let vrf = match &link.data {
            Some(LinkData::Vrf(vrf)) => vrf,
            _ => match &fib.link(link.master?)?.data {
                Some(LinkData::Vrf(vrf)) => vrf,
                _ => return None,
            },
        };
        Some(vrf.table)
    };
    let asked = flow.l3mdev.or(flow.oif);
    asked.and_then(of).or_else(|| of(flow.iif))
}

impl Compiled<'_> {
    /// `fib_rule_match`: all selectors hold, or, inverted, not all.
    fn selects(&self, flow: &Flow) -> bool {
        self.all_hold(flow) != self.rule.invert
    }

    fn all_hold(&self, flow: &Flow) -> bool {
        let rule = self.rule;
        let unspecified: IpAddr = if flow.dst.is_ipv6() {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        let inside = |net: &Option<IpNet>, ip: IpAddr| net.is_none_or(|net| net.contains(&ip));
        let between = |range: Option<(u16, u16)>, port: u16| {
            range.is_none_or(|(first, last)| (first..=last).contains(&port))
        };
        self.iif.is_none_or(|link| link == Ok(flow.iif))
            && self.oif.is_none_or(|link| link.ok() == flow.oif && link.is_ok())
            && rule
                .fwmark
                .is_none_or(|(value, mask)| (value ^ flow.mark) & mask == 0)
            && rule.tun_id.is_none_or(|id| id == flow.tun_id)
            && rule
                .uid
                .is_none_or(|(first, last)| (first..=last).contains(&flow.uid))
            && inside(&rule.src, flow.src.unwrap_or(unspecified))
            && inside(&rule.dst, flow.dst)
            && (rule.tos == 0 || rule.tos == dscp(flow))
            && rule.ipproto.is_none_or(|proto| proto == flow.proto)
            && between(rule.sport, flow.sport)
            && between(rule.dport, flow.dport)
    }
}
