//! Chains ready to run: names resolved, and for long chains an index of the rules that a packet can match at all.
//!
//! A rule is left out only for a match that surely fails, and that nothing stands before which does something, hangs on
//! chance, or isn't understood: what remains decides as all rules in turn would. Addresses, ports and links don't change
//! while a base chain runs (translations end it), so one look at the packet is enough for a chain.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use ipnet::IpNet;

use super::super::prefixes::Prefixes;
use super::certain::is_certain;
use crate::state::netfilter::{Chain, Dir, Expr, Key, LinkBy, Match, Op, Rule, Statement, Table, Way};

/// Shorter chains are gone through rule by rule.
const INDEXED: usize = 12;

/// A chain, and the index over its rules, made when a packet comes there.
#[derive(Debug)]
pub(super) struct Compiled<'a> {
    pub(super) chain: &'a Chain,
    index: OnceLock<Index<'a>>,
}

/// The chains of a table.
#[derive(Debug)]
pub(super) struct Chains<'a> {
    /// In their order.
    pub(super) all: Vec<Compiled<'a>>,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Chains<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        let all = table.chains.iter().map(|chain| Compiled {
            chain,
            index: OnceLock::new(),
        });
        // Of a name that stands twice, the first holds.
        let named = table.chains.iter().enumerate().rev();
        Self {
            all: all.collect(),
            by_name: named.map(|(at, chain)| (&*chain.name, at)).collect(),
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<&Compiled<'a>> {
        self.all.get(*self.by_name.get(name)?)
    }
}

/// What of a packet the index asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'s> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) dport: Option<u16>,
    pub(super) input: Option<&'s str>,
    pub(super) output: Option<&'s str>,
}

/// Numbers of rules by what they demand; each rule is in one place.
#[derive(Debug, Default)]
struct Index<'a> {
    src: Prefixes<Vec<u32>>,
    dst: Prefixes<Vec<u32>>,
    dport: HashMap<u16, Vec<u32>>,
    input: HashMap<&'a str, Vec<u32>>,
    output: HashMap<&'a str, Vec<u32>>,
    rest: Vec<u32>,
}

/// Something that a packet must have for a rule to match.
enum Demand<'a> {
    Addr(Dir, IpNet),
    Link(Way, &'a str),
    Dport(u16),
}

impl<'a> Compiled<'a> {
    /// Whether it is worth to ask what the packet has.
    pub(super) const fn is_long(&self) -> bool {
        self.chain.rules.len() >= INDEXED
    }

    /// The rules that may match a packet that has this, in their order; all of them where nothing is said.
    pub(super) fn rules(&self, asked: Option<Asked>) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let rules = &self.chain.rules;
        let (all, some) = match asked {
            None => (&rules[..], Vec::new()),
            Some(asked) => {
                let index = self.index.get_or_init(|| Index::new(rules));
                (&[][..], index.candidates(&asked))
            }
        };
        all.iter()
            .chain(some.into_iter().filter_map(|at| rules.get(at as usize)))
    }
}

impl<'a> Index<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let mut index = Self::default();
        for (number, rule) in (0..).zip(rules) {
            let list = match demand(rule) {
                Some(Demand::Addr(Dir::Src, net)) => index.src.entry(net),
                Some(Demand::Addr(Dir::Dst, net)) => index.dst.entry(net),
                Some(Demand::Dport(port)) => index.dport.entry(port).or_default(),
                Some(Demand::Link(Way::In, name)) => index.input.entry(name).or_default(),
                Some(Demand::Link(Way::Out, name)) => index.output.entry(name).or_default(),
                None => &mut index.rest,
            };
            list.push(number);
        }
        index
    }

    #[expect(clippy::stable_sort_primitive, reason = "see below")]
    fn candidates(&self, asked: &Asked) -> Vec<u32> {
        let mut found = self.rest.clone();
        let sure = found.len();
        for of_net in self
            .src
            .containing(asked.src)
            .chain(self.dst.containing(asked.dst))
        {
            found.extend(of_net);
        }
        let by_link = |of: &HashMap<&str, Vec<u32>>, name: Option<&str>, found: &mut Vec<u32>| {
            found.extend(name.and_then(|name| of.get(name)).into_iter().flatten());
        };
        by_link(&self.input, asked.input, &mut found);
        by_link(&self.output, asked.output, &mut found);
        found.extend(
            asked
                .dport
                .and_then(|port| self.dport.get(&port))
                .into_iter()
                .flatten(),
        );
        if found.len() > sure {
            // Lists in order, one behind the other: what the stable sort is quick with.
            found.sort();
        }
        found
    }
}

/// The narrowest demand of a rule among the matches at its head.
fn demand(rule: &Rule) -> Option<Demand<'_>> {
    let mut best: Option<(u8, Demand)> = None;
    for statement in &rule.statements {
        match statement {
            Statement::Match(matched) => {
                if let Some((narrow, demand)) = demanded(matched)
                    && best.as_ref().is_none_or(|(other, _)| narrow > *other)
                {
                    best = Some((narrow, demand));
                }
                if !is_certain(matched) {
                    break;
                }
            }
            Statement::Comment(_) | Statement::Extension(_) | Statement::Counter(_) => {}
            _ => break,
        }
    }
    best.map(|(_, demand)| demand)
}

/// What a match demands, and how narrow that is.
fn demanded(matched: &Match) -> Option<(u8, Demand<'_>)> {
    let (Expr::Key(key), Op::Eq) = (&matched.key, matched.op) else {
        return None;
    };
    match (key, &matched.value) {
        (Key::Addr { dir, .. }, Expr::Addr(ip)) => Some((u8::MAX, Demand::Addr(*dir, IpNet::from(*ip)))),
        // A network of everything tells nothing apart.
        (Key::Addr { .. }, Expr::Net(net)) if net.prefix_len() == 0 => None,
        (Key::Addr { dir, .. }, Expr::Net(net)) => Some((net.prefix_len(), Demand::Addr(*dir, *net))),
        (
            Key::Link {
                way,
                by: LinkBy::Name | LinkBy::Index,
            },
            Expr::Text(name),
        ) => Some((20, Demand::Link(*way, name))),
        (Key::Port { dir: Dir::Dst, .. }, Expr::Number(port)) => {
            Some((24, Demand::Dport(u16::try_from(*port).ok()?)))
        }
        _ => None,
    }
}
