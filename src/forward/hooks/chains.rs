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
    /// No index is asked.
    pub(super) plain: bool,
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
            plain: false,
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
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Demand<'a> {
    Addr(Dir, IpNet),
    Link(Way, &'a str),
    Dport(u16),
    /// IPPROTO_*.
    Proto(u8),
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
                Some(Demand::Proto(_)) | None => &mut index.rest,
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

impl Demand<'_> {
    /// The narrower it is, the fewer rules have the same.
    fn narrow(&self) -> u8 {
        match self {
            Self::Addr(_, IpNet::V4(net)) if net.prefix_len() == 32 => u8::MAX,
            Self::Addr(_, IpNet::V6(net)) if net.prefix_len() == 128 => u8::MAX,
            Self::Addr(_, net) => net.prefix_len(),
            Self::Link(..) => 20,
            Self::Dport(_) => 24,
            Self::Proto(_) => 0,
        }
    }
}

/// The narrowest demand of a rule.
pub(in super::super) fn demand(rule: &Rule) -> Option<Demand<'_>> {
    demands(rule)
        .filter(|demand| demand.narrow() > 0)
        .reduce(|best, next| if next.narrow() > best.narrow() { next } else { best })
}

/// What a rule demands by the matches at its head, of which nothing is uncertain, and nothing is done before them.
pub(in super::super) fn demands(rule: &Rule) -> impl Iterator<Item = Demand<'_>> {
    let mut certain = true;
    rule.statements
        .iter()
        .map_while(move |statement| match statement {
            _ if !certain => None,
            Statement::Match(matched) => {
                certain = is_certain(matched);
                Some(demanded(matched))
            }
            Statement::Comment(_) | Statement::Extension(_) | Statement::Counter(_) => Some(None),
            _ => None,
        })
        .flatten()
}

fn demanded(matched: &Match) -> Option<Demand<'_>> {
    let (Expr::Key(key), Op::Eq) = (&matched.key, matched.op) else {
        return None;
    };
    match (key, &matched.value) {
        (Key::Addr { dir, .. }, Expr::Addr(ip)) => Some(Demand::Addr(*dir, IpNet::from(*ip))),
        (Key::Addr { dir, .. }, Expr::Net(net)) => Some(Demand::Addr(*dir, *net)),
        (
            Key::Link {
                way,
                by: LinkBy::Name | LinkBy::Index,
            },
            Expr::Text(name),
        ) => Some(Demand::Link(*way, name)),
        (Key::Port { dir: Dir::Dst, .. }, Expr::Number(port)) => {
            Some(Demand::Dport(u16::try_from(*port).ok()?))
        }
        (Key::L4Proto | Key::IpProto { .. }, Expr::Number(number)) => {
            Some(Demand::Proto(u8::try_from(*number).ok()?))
        }
        _ => None,
    }
}
