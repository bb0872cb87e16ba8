//! The addresses of `ip addr` (iproute2 `ip/ipaddress.c`: `print_addrinfo`).

use super::link::header;
use super::{Pairs, Words};
use crate::parse::ip_json::address::{FLAGS, address};
use crate::parse::{ParseError, excerpt};
use crate::state::link::{Address, IfIndex};

/// Reads addresses as [`crate::parse::ip_json::addresses`] does, from `ip addr` or `ip -o addr`.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn addresses(text: &str) -> Result<Vec<Address>, ParseError> {
    let mut addresses = Vec::new();
    let mut link = None;
    for (index, line) in text.lines().enumerate() {
        let fail = |why| ParseError::new(index + 1, why);
        for line in line.split('\\') {
            let mut line = line.trim();
            if let Some((number, _, rest)) = header(line) {
                link = Some(number);
                line = rest;
            }
            if let Some(family @ ("inet" | "inet6")) = line.split_whitespace().next() {
                let Some(link) = link else {
                    return Err(fail(format!(
                        "an address before the first link: {:?}",
                        excerpt(line)
                    )));
                };
                let pairs = pairs(line, family).map_err(fail)?;
                addresses.push(address(&pairs.item(), IfIndex(link)).map_err(fail)?);
            }
        }
    }
    Ok(addresses)
}

/// `inet 10.1.0.1/24 brd 10.1.0.255 scope global secondary dynamic eth0:1`
fn pairs(line: &str, family: &str) -> Result<Pairs, String> {
    let mut words = Words::new(line);
    let mut pairs = Pairs::default();
    let first = words.next().and(words.next()).unwrap_or_default();
    let (ip, mut length) = split(first);
    pairs.text("local", ip);
    while let Some(word) = words.next() {
        match word {
            "peer" => {
                let (peer, of_peer) = split(words.after(word)?);
                pairs.text("address", peer);
                length = of_peer;
            }
            "brd" => pairs.text("broadcast", words.after(word)?),
            "scope" => pairs.text("scope", words.after(word)?),
            "metric" | "any" | "mcast" | "proto" => {
                words.after(word)?;
            }
            "flags" => pairs.text("ifa_flags", words.after(word)?),
            "dynamic" => pairs.flag("dynamic"),
            _ if FLAGS.iter().any(|(flag, _)| *flag == word) => pairs.flag(word),
            // The label is last; addresses of IPv6 have none.
            _ if family == "inet" && words.peek().is_none() => pairs.text("label", word),
            _ => return Err(super::unknown(word)),
        }
    }
    let whole = if ip.contains(':') { "128" } else { "32" };
    pairs.text("prefixlen", length.unwrap_or(whole));
    Ok(pairs)
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('/')
        .map_or((text, None), |(ip, length)| (ip, Some(length)))
}
