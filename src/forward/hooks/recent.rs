//! Lists of addresses that rules write and ask (`net/netfilter/xt_recent.c`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::Call;
use crate::state::netfilter::{Hook, Stateful, Statement, Table};
use crate::state::recent::RecentEntry;

/// What rules wrote of one address since the lists were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    list: Box<str>,
    ip: IpAddr,
    ttl: u8,
    /// How often, a moment ago.
    times: usize,
    /// What had been read of it was removed before that.
    removed: bool,
}

/// What a rule does with its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Set,
    Check,
    Update,
    Remove,
}

/// A rule's options, as iptables-save(8) writes them.
#[derive(Debug)]
struct Options<'o> {
    negated: bool,
    does: Does,
    list: &'o str,
    mask: IpAddr,
    dst: bool,
    rttl: bool,
    /// No older than this.
    seconds: Option<u64>,
    /// At least so often.
    hits: usize,
}

impl<'o> Options<'o> {
    /// None for options of other releases.
    fn read(text: &'o str) -> Option<Self> {
        let mut read = Self {
            negated: false,
            does: Does::Check,
            list: "DEFAULT",
            mask: Ipv4Addr::BROADCAST.into(),
            dst: false,
            rttl: false,
            seconds: None,
            hits: 1,
        };
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "!" => read.negated = true,
                "--set" => read.does = Does::Set,
                "--rcheck" => read.does = Does::Check,
                "--update" => read.does = Does::Update,
                "--remove" => read.does = Does::Remove,
                "--name" => read.list = words.next()?,
                "--mask" => read.mask = words.next()?.parse().ok()?,
                "--seconds" => read.seconds = Some(words.next()?.parse().ok()?),
                "--hitcount" => read.hits = words.next()?.parse().ok()?,
                "--rttl" => read.rttl = true,
                "--rdest" => read.dst = true,
                "--rsource" | "--reap" => {}
                _ => return None,
            }
        }
        Some(read)
    }
}

/// The mask of each list of a namespace: that of the rule which made the list (`recent_mt_check`), and so known only where
/// all its rules have the same.
#[derive(Debug, Default)]
pub(super) struct Masks<'a>(HashMap<&'a str, Option<IpAddr>>);

impl<'a> Masks<'a> {
    pub(super) fn new(tables: impl Iterator<Item = &'a Table>) -> Self {
        let mut masks = HashMap::new();
        let chains = tables.flat_map(|table| &table.chains);
        for statement in chains
            .flat_map(|chain| &chain.rules)
            .flat_map(|rule| &rule.statements)
        {
            if let Statement::Stateful(stateful) = statement
                && let Stateful::Recent { options } = &**stateful
                && let Some(options) = Options::read(options)
            {
                let known = masks.entry(options.list).or_insert(Some(options.mask));
                *known = known.filter(|mask| *mask == options.mask);
            }
        }
        Self(masks)
    }
}

/// Whether the match holds, and what it writes (`recent_mt`). None where that isn't known. Lists that were not read are
/// taken for empty: nobody has sent anything before.
pub(super) fn holds(call: &mut Call, masks: &Masks, options: &str) -> Option<bool> {
    let options = Options::read(options)?;
    let mask = masks.0.get(options.list).copied()??;
    let packet = &call.packet;
    let ip = if options.dst { packet.dst } else { packet.src };
    let ip = masked(ip, mask);
    // As it was before it was forwarded; one more, too, where a bridge took nothing off it.
    let forwarded = match call.hook {
        Hook::Forward => true,
        Hook::Postrouting => call.in_link.is_some() || call.physdev.0.is_some(),
        _ => false,
    };
    let ttl = packet.ttl.saturating_add(u8::from(forwarded));
    let asked = |other: u8| !options.rttl || other == ttl || other == 0 || ttl == 0;

    let is_it = |seen: &Seen| *seen.list == *options.list && seen.ip == ip;
    let at = call.recent.iter().position(is_it);
    let written = at.and_then(|at| call.recent.get(at));
    let gone = written.is_some_and(|seen| seen.removed);
    let lists = call.place.net.recent.items();
    let read = lists
        .iter()
        .filter(|list| !gone && list.name == options.list)
        .find_map(|list| list.entries.iter().find(|entry| entry.ip == ip));
    let now = written.map_or(0, |seen| seen.times);
    let last_ttl = match (written, read) {
        (Some(seen), _) if seen.times > 0 => Some(seen.ttl),
        (_, Some(entry)) => Some(entry.ttl),
        _ => None,
    };
    let known = last_ttl.is_some_and(asked);
    let matched = match options.does {
        Does::Set => true,
        Does::Remove => known,
        Does::Check | Does::Update => known && often(&options, read, now),
    };
    let holds = matched != options.negated;
    let writes = match options.does {
        Does::Set => true,
        Does::Remove => known,
        Does::Update => known && holds,
        Does::Check => false,
    };
    if !writes {
        return Some(holds);
    }
    let at = at.unwrap_or_else(|| {
        call.recent.push(Seen {
            list: options.list.into(),
            ip,
            ttl,
            times: 0,
            removed: false,
        });
        call.recent.len() - 1
    });
    let seen = call.recent.get_mut(at)?;
    if options.does == Does::Remove {
        (seen.times, seen.removed) = (0, true);
    } else {
        (seen.times, seen.ttl) = (seen.times + 1, ttl);
    }
    Some(holds)
}

/// The bits that the rule looks at.
fn masked(ip: IpAddr, mask: IpAddr) -> IpAddr {
    match (ip, mask) {
        (IpAddr::V4(ip), IpAddr::V4(mask)) => (ip & mask).into(),
        (IpAddr::V6(ip), IpAddr::V6(mask)) => (ip & mask).into(),
        _ => ip,
    }
}

/// Whether it came often enough of late.
fn often(options: &Options, read: Option<&RecentEntry>, now: usize) -> bool {
    let young = |age: &&u64| options.seconds.is_none_or(|seconds| **age <= seconds * 1000);
    let before = read.map_or(0, |entry| entry.ages.iter().filter(young).count());
    before + now >= options.hits.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::iptables::iptables_save;
    use crate::state::netfilter::Dialect;

    #[test]
    fn a_lists_mask_is_known_where_all_rules_have_the_same() {
        let save = |rules: &str| {
            let text = format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}\nCOMMIT\n");
            iptables_save(&text, Dialect::IptablesLegacy).unwrap()
        };
        let rule = |mask: &str| format!("-A INPUT -m recent --rcheck --name a --mask {mask} --rsource");
        let same = save(&[rule("255.255.255.0"), rule("255.255.255.0")].join("\n"));
        let mask = Masks::new(same.tables.iter()).0["a"];
        assert_eq!(mask.unwrap().to_string(), "255.255.255.0");
        let mixed = save(&[rule("255.255.255.0"), rule("255.255.255.255")].join("\n"));
        assert_eq!(Masks::new(mixed.tables.iter()).0["a"], None);
    }

    #[test]
    fn options_are_read_as_they_are_printed() {
        let text = "! --update --seconds 60 --hitcount 4 --rttl --name ssh --mask 255.255.255.0 --rdest";
        let read = Options::read(text).unwrap();
        assert_eq!((read.negated, read.does, read.list), (true, Does::Update, "ssh"));
        assert_eq!(
            (read.seconds, read.hits, read.rttl, read.dst),
            (Some(60), 4, true, true)
        );
        assert_eq!(read.mask.to_string(), "255.255.255.0");
        assert!(Options::read("--rcheck --unheard-of").is_none());
    }
}
