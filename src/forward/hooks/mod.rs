//! What netfilter does with a packet at a hook: all base chains of all back ends in the order of their priorities,
//! conntrack, and address translation (`net/netfilter/core.c`, `nf_conntrack_core.c`, `nf_nat_core.c`).
//!
//! Where chance decides (`statistic`, `numgen`, a hash over the connection), the hook has several results, each with
//! its share. A match that isn't understood, or whose data is missing, is tried both ways: when both lead to the same
//! end it doesn't matter, else the result is not decidable, and names the rule.

mod certain;
mod chains;
mod choice;
mod conn;
mod counts;
mod fib;
mod ipset;
mod nat;
mod recent;
mod rule_at;
mod run;
mod sets;
mod settle;
mod stateful;
mod tracking;
mod value;

pub use conn::{Conn, ConnState, Direction, Tuple};
pub use recent::Seen;
pub use rule_at::{Doubt, Note, RuleAt};

use std::cmp::Reverse;
use std::sync::OnceLock;

use super::packet::{Mac, Packet};
use super::topology::Place;
use crate::state::link::IfIndex;
use crate::state::netfilter::{Base, Chain, Dialect, Family, Hook, Policy, Table};
use crate::state::{Absence, Fact, Netns};
use chains::Chains;
pub(super) use chains::{Demand, demand, demands};
use choice::Choices;
use ipset::IpSets;
use recent::Masks;
use sets::Sets;
use settle::{Leaf, settle};

/// A packet at a hook, and what is known of it there.
#[derive(Debug, Clone)]
pub struct Call<'p, 'a> {
    pub place: &'p Place<'a>,
    pub hook: Hook,
    pub in_link: Option<IfIndex>,
    pub out_link: Option<IfIndex>,
    /// The ports, where the packet crosses a bridge whose frames iptables sees.
    pub physdev: (Option<IfIndex>, Option<IfIndex>),
    pub packet: Packet,
    /// The frame, for tables that see frames.
    pub frame: Option<Head>,
    pub conn: Option<Conn>,
    /// The connections that conntrack may find for it, by the zone that it is in then: rules in front of that see none.
    pub known: Vec<Conn>,
    /// Those of this packet that conntrack has here, too: what answers them is taken.
    pub others: Vec<Conn>,
    /// What rules have written into lists of addresses since those were read.
    pub recent: Vec<Seen>,
    /// Nobody reads what the rules did: no notes of it.
    pub quiet: bool,
    /// Somebody asks which rules' counters move.
    pub counts: bool,
}

/// What tables that see frames know of one, and where they see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub at: Layer,
    pub src: Mac,
    pub dst: Mac,
    /// It carries ARP, and no packet.
    pub arp: bool,
}

/// Who looks at frames (`NFPROTO_BRIDGE`, `NFPROTO_NETDEV`, `NFPROTO_ARP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Links of the call are ports.
    Bridge,
    /// A link itself: `ingress` and `egress`.
    Link,
    /// What a namespace is asked by ARP.
    Arp,
}

/// How a hook ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    Accept,
    Drop(RuleAt<'a>),
    /// With what the sender hears.
    Reject(RuleAt<'a>, String),
    NotDecidable(Doubt<'a>),
}

/// One result of a hook.
#[derive(Debug, Clone)]
pub struct Passed<'a> {
    pub verdict: Verdict<'a>,
    pub packet: Packet,
    pub conn: Option<Conn>,
    pub recent: Vec<Seen>,
    /// What changed the packet or decided.
    pub notes: Vec<Note<'a>>,
    /// Rules whose counters move, once for each time; and those that may move besides, where what is open decides.
    pub counted: Vec<RuleAt<'a>>,
    pub maybe: Vec<RuleAt<'a>>,
    /// Its way must be looked up again.
    pub reroute: bool,
    /// How likely it is.
    pub share: f64,
    /// The next packet alike may fare the same: not chance decided, but a count that others share, or a hash.
    pub repeats: bool,
}

/// The base chains of a namespace, ready for calls.
#[derive(Debug, Default)]
pub struct Hooks<'a> {
    bases: Vec<BaseChain<'a>>,
    /// Whether a chain sees frames.
    pub frames: bool,
    tables: Vec<Ready<'a>>,
    ipsets: IpSets<'a>,
    /// Made when the first rule wants it.
    recent: OnceLock<Masks<'a>>,
    /// Whether conntrack looks at IPv4, and at IPv6.
    tracks: [bool; 2],
    /// Why rules may be missing, and how.
    pub absent: Option<(String, Absence)>,
}

/// A base chain, and whose it is.
#[derive(Debug)]
struct BaseChain<'a> {
    dialect: Dialect,
    table: &'a Table,
    chain: &'a Chain,
    base: &'a Base,
    /// Which of [`Hooks::tables`] it is of, and which of its chains it is.
    at: (usize, usize),
}

impl<'a> BaseChain<'a> {
    fn sees_frames(&self) -> bool {
        matches!(self.base.hook, Hook::Ingress | Hook::Egress)
            || matches!(self.table.family, Family::Bridge | Family::Arp)
    }

    /// Whether it is called for this frame.
    fn is_for(&self, call: &Call, at: Layer) -> bool {
        let family = self.table.family;
        let name = |link: Option<IfIndex>| Some(&*call.place.fib.link(link?)?.name);
        self.base.hook == call.hook
            && match at {
                Layer::Bridge => family == Family::Bridge,
                Layer::Arp => family == Family::Arp,
                Layer::Link => {
                    let link = name(call.in_link.or(call.out_link));
                    matches!(family, Family::Netdev | Family::Inet)
                        && self.base.devices.iter().any(|device| Some(&**device) == link)
                }
            }
    }

    /// Whether it is for links that aren't known. One that kernels leave without a link has no hook (`collect`).
    fn is_somewhere(&self, hook: Hook) -> bool {
        matches!(hook, Hook::Ingress | Hook::Egress)
            && self.base.hook == hook
            && self.base.devices.is_empty()
            && self.acts()
    }

    /// The chain itself, as what decided.
    const fn as_rule(&self) -> RuleAt<'a> {
        RuleAt {
            dialect: self.dialect,
            table: self.table,
            chain: self.chain,
            rule: None,
        }
    }

    /// Whether it may do anything.
    const fn acts(&self) -> bool {
        !self.chain.rules.is_empty() || matches!(self.base.policy, Policy::Drop)
    }
}

/// A table, ready to run.
#[derive(Debug)]
struct Ready<'a> {
    table: &'a Table,
    chains: Chains<'a>,
    sets: Sets<'a>,
}

impl<'a> Hooks<'a> {
    /// Sorts the base chains of a namespace.
    pub fn new(net: &'a Netns) -> Self {
        let mut bases = Vec::new();
        let mut tables: Vec<Ready<'a>> = Vec::new();
        for ruleset in net.netfilter.items() {
            for table in &ruleset.tables {
                for (number, chain) in table.chains.iter().enumerate() {
                    let Some(base) = &chain.base else { continue };
                    if !table.dormant {
                        bases.push(BaseChain {
                            dialect: ruleset.dialect,
                            table,
                            chain,
                            base,
                            at: (tables.len(), number),
                        });
                    }
                }
                tables.push(Ready {
                    table,
                    chains: Chains::new(table),
                    sets: Sets::new(table),
                });
            }
        }
        // Of equal ones, the kernel calls the one first that came last (`nf_hook_entries_grow`): in a table that is told
        // by the dump's order, among tables it can't be told.
        bases.sort_by_key(|base| (base.base.priority, Reverse(base.at)));
        Self {
            frames: bases.iter().any(BaseChain::sees_frames),
            bases,
            tables,
            ipsets: IpSets::new(net),
            recent: OnceLock::new(),
            tracks: tracking::tracks(net),
            absent: match &net.netfilter {
                Fact::Known(_) => None,
                Fact::Absent { why, absence } => Some((why.clone(), *absence)),
            },
        }
    }

    fn recent(&self) -> &Masks<'a> {
        self.recent
            .get_or_init(|| Masks::new(self.tables.iter().map(|table| table.table)))
    }

    /// Whether conntrack looks at packets of the family, and puts the pieces of cut ones together for that.
    pub const fn tracks(&self, v6: bool) -> bool {
        self.tracks[if v6 { 1 } else { 0 }]
    }

    /// The same without any index: what the tests hold the others to.
    #[cfg(test)]
    fn plain(mut self) -> Self {
        self.ipsets.plain = true;
        for table in &mut self.tables {
            table.chains.plain = true;
            table.sets = table.sets.plain();
        }
        self
    }

    /// A chain of links at this hook, where which ones isn't known.
    pub fn somewhere(&self, hook: Hook) -> Option<Doubt<'a>> {
        let mut bases = self.bases.iter();
        let base = bases.find(|base| base.is_somewhere(hook))?;
        Some(Doubt::Devices(base.as_rule()))
    }

    /// Runs the hook; the shares of the results add up to 1.
    pub fn call(&self, call: &Call<'_, 'a>) -> Vec<Passed<'a>> {
        let mut leaves: Vec<Leaf<'a>> = Vec::new();
        let mut choices = Choices::default();
        loop {
            let passed = run::hook(self, call, &mut choices);
            leaves.push((passed, choices.made()));
            if !choices.next() {
                break;
            }
        }
        if choices.gave_up() {
            return vec![undecided(call, Doubt::TooManyWays)];
        }
        settle(call, &leaves, 0)
    }
}

fn undecided<'a>(call: &Call, why: Doubt<'a>) -> Passed<'a> {
    Passed {
        verdict: Verdict::NotDecidable(why),
        packet: call.packet.clone(),
        conn: call.conn.clone(),
        recent: call.recent.clone(),
        notes: Vec::new(),
        counted: Vec::new(),
        maybe: Vec::new(),
        reroute: false,
        share: 1.0,
        repeats: false,
    }
}

#[cfg(test)]
mod tests;
