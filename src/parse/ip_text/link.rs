//! `ip link`, `ip -d link`, `ip -s link`, and the links of `ip addr` (iproute2 `ip/ipaddress.c`: `print_linkinfo`).

use super::{Pairs, Words, kind};
use crate::parse::ip_json::link::link;
use crate::parse::ip_json::tree::Json;
use crate::parse::iproute::Names;
use crate::parse::{ParseError, excerpt};
use crate::state::link::{IfIndex, Link};

/// Reads links as [`crate::parse::ip_json::links`] does. Lines of details that netdiag keeps nothing of are passed
/// over; without `-d` no link has a kind.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn links(text: &str) -> Result<Vec<Link>, ParseError> {
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    let mut names = Names::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        for line in line.split('\\') {
            let line = line.trim();
            if let Some((link, name, rest)) = header(line) {
                let known = entries
                    .iter()
                    .any(|(_, entry)| entry.index == link && entry.index != 0);
                // `-o addr` names the link again for each address.
                if !known && rest.starts_with('<') {
                    names.add(name.split('@').next().unwrap_or(name), IfIndex(link));
                    let entry = Entry::new(link, name, rest).map_err(|why| ParseError::new(number, why))?;
                    entries.push((number, entry));
                }
            } else if let Some((_, entry)) = entries.last_mut() {
                entry.detail(line).map_err(|why| ParseError::new(number, why))?;
            } else if !super::is_blank(line) {
                return Err(ParseError::new(
                    number,
                    format!("not a link: {:?}", excerpt(line)),
                ));
            }
        }
    }
    let mut links = Vec::new();
    let mut namespaces: Vec<String> = Vec::new();
    for (line, mut entry) in entries {
        if let Some(name) = entry.netns.take() {
            let place = namespaces.iter().position(|known| *known == name);
            let place = place.unwrap_or_else(|| {
                namespaces.push(name);
                namespaces.len() - 1
            });
            let id = NETNS_STAND_IN.saturating_add(i32::try_from(place).unwrap_or_default());
            entry.pairs.text("link_netnsid", &id.to_string());
        }
        let pairs = entry.whole();
        links.push(link(&pairs.item(), &mut names).map_err(|why| ParseError::new(line, why))?);
    }
    Ok(links)
}

/// Numbers from this one on stand in for namespaces that are named (`link-netns blue`) where their numbers are not told.
/// The kernel's are small.
pub(super) const NETNS_STAND_IN: i32 = 0x4000_0000;

/// Splits `2: eth0@if7: <BROADCAST> mtu 1500`, or `2: eth0    inet 10.0.0.1/8` of `-o addr`.
pub(super) fn header(line: &str) -> Option<(u32, &str, &str)> {
    let (index, rest) = line.split_once(": ")?;
    let index = index.parse().ok()?;
    let (name, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    Some((index, name.strip_suffix(':').unwrap_or(name), rest.trim_start()))
}

/// A link that is being read.
struct Entry {
    index: u32,
    pairs: Pairs,
    info: Pairs,
    alt_names: Vec<String>,
    stats: Pairs,
    /// Which side the next line of counters is of, and the columns.
    counting: Option<(&'static str, Vec<String>)>,
    /// Whether the number of the lower link is one of this namespace.
    lower: Option<String>,
    /// The name of the namespace that the lower link is in.
    netns: Option<String>,
}

impl Entry {
    fn new(index: u32, name: &str, rest: &str) -> Result<Self, String> {
        let mut pairs = Pairs::default();
        pairs.text("ifindex", &index.to_string());
        let (name, lower) = name
            .split_once('@')
            .map_or((name, None), |(name, lower)| (name, Some(lower)));
        pairs.text("ifname", name);
        let mut words = Words::new(rest);
        let flags = words.next().unwrap_or_default();
        let flags = flags
            .strip_prefix('<')
            .and_then(|flags| flags.strip_suffix('>'))
            .ok_or_else(|| format!("not the flags of a link: {:?}", excerpt(flags)))?;
        pairs.words("flags", flags.split(',').filter(|flag| !flag.is_empty()));
        while let Some(word) = words.next() {
            match word {
                "mtu" | "qdisc" | "master" => pairs.text(word, words.after(word)?),
                "state" => pairs.text("operstate", words.after(word)?),
                // `mode`, `group`, `qlen` and what else has a value.
                _ => {
                    words.next();
                }
            }
        }
        Ok(Self {
            index,
            pairs,
            info: Pairs::default(),
            alt_names: Vec::new(),
            stats: Pairs::default(),
            counting: None,
            lower: lower.filter(|lower| *lower != "NONE").map(str::to_owned),
            netns: None,
        })
    }

    /// One further line.
    fn detail(&mut self, line: &str) -> Result<(), String> {
        let mut words = Words::new(line);
        let Some(first) = words.next() else {
            return Ok(());
        };
        if let Some((side, columns)) = self.counting.take() {
            let mut counts = Pairs::default();
            for (column, count) in columns.iter().zip(line.split_whitespace()) {
                counts.text(column, count);
            }
            self.stats.object(side, counts);
            return Ok(());
        }
        match first {
            "RX:" => self.counting = Some(("rx", columns(words))),
            "TX:" => self.counting = Some(("tx", columns(words))),
            "RX" | "TX" | "inet" | "inet6" | "valid_lft" | "vf" => {}
            "alias" => {
                let alias = line.trim_start_matches("alias").trim_start();
                self.pairs.text("ifalias", alias);
            }
            "altname" => self.alt_names.extend(words.next().map(str::to_owned)),
            _ if first.starts_with("link/") => self.hardware(&mut words)?,
            "bridge_slave" => {
                self.info.text("info_slave_kind", "bridge");
                self.info.object("info_slave_data", kind::port(words));
            }
            _ if kind::is_kind(first) => {
                self.info.text("info_kind", first);
                let data = kind::data(first, words)?;
                if !data.0.is_empty() {
                    self.info.object("info_data", data);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `link/ether 02:… brd ff:… link-netnsid 0 promiscuity 0`
    fn hardware(&mut self, words: &mut Words) -> Result<(), String> {
        if let Some(address) = words.peek().filter(|word| *word != "promiscuity") {
            self.pairs.text("address", address);
        }
        while let Some(word) = words.next() {
            match word {
                "link-netnsid" => {
                    let id = words.after(word)?;
                    // The kernel's number for one that has no number.
                    let id = if id == "unknown" { "-1" } else { id };
                    self.pairs.text("link_netnsid", id);
                }
                // Its name is known to `ip netns`, its number isn't told.
                "link-netns" => self.netns = Some(words.after(word)?.to_owned()),
                "alias" => {
                    let alias: Vec<&str> = std::iter::from_fn(|| words.next()).collect();
                    self.pairs.text("ifalias", &alias.join(" "));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn whole(self) -> Pairs {
        let mut pairs = self.pairs;
        if let Some(lower) = &self.lower {
            match lower
                .strip_prefix("if")
                .filter(|digits| digits.parse::<u32>().is_ok())
            {
                Some(number) => pairs.text("link_index", number),
                None => pairs.text("link", lower),
            }
        }
        pairs.set(
            "altnames",
            Json::List(self.alt_names.into_iter().map(Json::Text).collect()),
        );
        if !self.info.0.is_empty() {
            pairs.object("linkinfo", self.info);
        }
        if !self.stats.0.is_empty() {
            pairs.object("stats64", self.stats);
        }
        pairs
    }
}

/// The heads of the columns, by the names of `-j`.
fn columns(words: Words) -> Vec<String> {
    words
        .0
        .map(|column| {
            match column {
                "carrier" => "carrier_errors",
                other => other,
            }
            .to_owned()
        })
        .collect()
}
