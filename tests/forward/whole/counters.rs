//! Counters of rules before and after a packet, against the rules that the walk says it matched.

use std::collections::HashMap;

use netdiag::collect::netfilter::rulesets;
use netdiag::forward::packet::Packet;
use netdiag::forward::walk::{Cause, End, Outcome, RuleNumber};
use netdiag::state::netfilter::{Dialect, Family};

use super::judge::{Told, errors};
use super::network::Network;
use super::probe::{Heard, Kind, Probe, What};

/// A rule of a namespace, by its place in its chain.
type Key = (usize, Dialect, Family, Box<str>, Box<str>, usize);

/// What each rule has counted, and its text.
#[derive(Debug, Default)]
pub(crate) struct Counters(HashMap<Key, (u64, Box<str>)>);

impl Counters {
    /// By iptables-save and nft, of every namespace with rules.
    pub(crate) fn read(network: &Network) -> Self {
        let spaces = network.spaces.iter().enumerate().filter(|(_, up)| up.has_rules);
        let work: Vec<_> = spaces
            .map(|(space, up)| (space, up.net.start(rulesets)))
            .collect();
        let mut counters = HashMap::new();
        for (space, work) in work {
            let read = work.recv().expect("rules");
            for ruleset in read.items() {
                for table in &ruleset.tables {
                    for chain in &table.chains {
                        for (number, rule) in chain.rules.iter().enumerate() {
                            let Some(count) = rule.counters else { continue };
                            let key = (
                                space,
                                ruleset.dialect,
                                table.family,
                                table.name.clone(),
                                chain.name.clone(),
                                number,
                            );
                            counters.insert(key, (count.packets, rule.text.clone()));
                        }
                    }
                }
            }
        }
        Self(counters)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules that moved, with how often.
    fn since<'a>(&'a self, before: &Self) -> impl Iterator<Item = (&'a Key, u64, &'a str)> {
        self.0.iter().map(move |(key, (count, text))| {
            let old = before.0.get(key).map_or(0, |(old, _)| *old);
            (key, count.saturating_sub(old), &**text)
        })
    }
}

/// How often each rule is named.
fn tally<'r>(told: &Told, rules: impl IntoIterator<Item = &'r RuleNumber>) -> HashMap<Key, u64> {
    let mut tally = HashMap::new();
    for rule in rules {
        let Some(space) = told.space_of.get(rule.place.0).copied().flatten() else {
            continue;
        };
        let key = (
            space,
            rule.dialect,
            rule.family,
            rule.table.clone(),
            rule.chain.clone(),
            rule.rule,
        );
        *tally.entry(key).or_default() += 1;
    }
    tally
}

/// What a walk foretells of counters.
pub(crate) struct Foretold {
    /// At least, at most.
    least: HashMap<Key, u64>,
    most: HashMap<Key, u64>,
    /// Nothing but the packet and its answer moves counters.
    alone: bool,
    v6: bool,
}

impl Foretold {
    /// None where the walk doesn't say.
    pub(crate) fn new(told: &Told, probe: &Probe, tunnels: bool) -> Option<Self> {
        let all = || {
            told.walks
                .iter()
                .flat_map(|(there, back)| std::iter::once(there).chain(back))
        };
        let (first, backs) = told.walks.first()?;
        // Of a flow that goes on, tunnels' own packets go on, too, by ports that nobody knows.
        let unknown = tunnels && probe.port.is_some();
        if unknown || told.open().is_some() || all().any(|way| matches!(way.end, End::Heard { .. })) {
            return None;
        }
        let counted = |way: &Outcome| way.state.counted.clone().unwrap_or_default();
        // Of several ways, any may be the one; and what goes round in circles ends by another bound in the kernel.
        let loops = |way: &Outcome| matches!(way.end, End::Dropped(Cause::Loop { .. }));
        let single = told.walks.len() == 1 && backs.len() <= 1 && !all().any(loops);
        let surely: Vec<RuleNumber> = if single {
            let ways = std::iter::once(first).chain(backs);
            ways.flat_map(|way| counted(way).surely).collect()
        } else {
            Vec::new()
        };
        // An answer that somebody else gets is refused: no socket there waits for it.
        let strays = |back: &Outcome| back.end == End::Delivered && told.space(back) != Some(probe.from);
        let astray = told.walks.iter().flat_map(|(_, backs)| backs).any(strays);
        let silent = |way: &Outcome| match way.end {
            End::Delivered => true,
            End::Dropped(_) | End::NotForMe => errors(way).is_empty(),
            _ => false,
        };
        let whole = |packet: &Packet| packet.fragment.is_none();
        Some(Self {
            least: tally(told, &surely),
            most: tally(told, &counted(first).maybe()),
            // Tunnels carry questions for neighbors, too.
            // A connection that is made has more packets; one that isn't is asked for again after a second.
            alone: (probe.kind != Kind::Tcp
                || told.walks.iter().all(|(there, _)| there.end != End::Delivered))
                && !tunnels
                && !astray
                && probe.size < 1280
                && all().all(|way| silent(way) && whole(&way.state.packet)),
            v6: probe.dst.is_ipv6(),
        })
    }

    /// What differs, when all has been heard.
    pub(crate) fn differs(&self, before: &Counters, after: &Counters, heard: &[Heard]) -> Option<String> {
        let clean = |heard: &Heard| matches!(heard.what, What::Request(_) | What::Answer(_));
        let alone = self.alone && heard.iter().all(clean);
        for (key, moved, text) in after.since(before) {
            let of = |tally: &HashMap<Key, u64>| tally.get(key).copied().unwrap_or(0);
            let (least, most) = (of(&self.least), of(&self.most));
            // Neighbor discovery is of the family of IPv6's packets.
            let ours = !self.v6 || ["-p udp ", "udp dport"].iter().any(|word| text.contains(word));
            if moved < least || (alone && ours && moved > most) {
                return Some(format!(
                    "the counter of {text} (namespace {}, {:?} {} {}, number {}) moved by {moved}, told was {least} to {most}",
                    key.0, key.1, key.3, key.4, key.5
                ));
            }
        }
        None
    }

    /// Whether all that must move did.
    pub(crate) fn has_come(&self, before: &Counters, after: &Counters) -> bool {
        let mut all = after.since(before);
        all.all(|(key, moved, _)| self.least.get(key).is_none_or(|least| moved >= *least))
    }

    /// How many rules are held to it: such that must move, and such that must not.
    pub(crate) fn says(&self, counters: &Counters) -> (usize, usize) {
        let still = counters
            .0
            .keys()
            .filter(|key| !self.most.contains_key(*key))
            .count();
        (self.least.len(), if self.alone { still } else { 0 })
    }
}
