//! Checks of texts that fields of several kinds share (libcalico-go `lib/validator/v3`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::address::{self, Family};
use super::selector::Selector;

/// Characters of a selector at most (the CRDs' `maxLength` of policies).
const MAX_SELECTOR: usize = 1024;

pub(super) fn filled(text: &str) -> Result<(), String> {
    match text {
        "" => Err("is empty".into()),
        _ => Ok(()),
    }
}

pub(super) fn ipv4(text: &str) -> Result<(), String> {
    let why = |_| match text.parse::<Ipv6Addr>() {
        Ok(_) => format!("{text} is an IPv6 address, must be IPv4"),
        Err(_) => format!("{text:?} is not an IPv4 address"),
    };
    text.parse::<Ipv4Addr>().map(|_| ()).map_err(why)
}

pub(super) fn ipv6(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>().map(|ip| Family::V6.refuses(ip)) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(format!("{text} is {why}")),
        Err(_) => Err(format!("{text:?} is not an IPv6 address")),
    }
}

pub(super) fn ip(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{text:?} is not an IP address")),
    }
}

/// `10.0.0.1`, `10.0.0.1:1790` or `[fd00::1]:1790`.
pub(super) fn ip_port(text: &str) -> Result<(), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(()),
        Ok(_) => Err(format!("{text:?}: ports are 1 to 65535")),
        Err(_) => Err(format!("{text:?} is not an IP address, v4:port, or [v6]:port")),
    }
}

/// An address with or without a length; host bits are fine.
pub(super) fn cidr(text: &str) -> Result<(), String> {
    match address::parse(text) {
        Some(_) => Ok(()),
        None => Err(format!(
            "{text:?} is not an IP address with or without a prefix length"
        )),
    }
}

/// A network; a bare address is one of itself alone.
pub(super) fn network(text: &str) -> Result<(), String> {
    cidr(text)?;
    masked(text)
}

/// A network with its prefix length.
pub(super) fn strict_network(text: &str) -> Result<(), String> {
    if net(text).is_none() {
        return Err(format!(
            "{text:?} is not a network with a prefix length, such as 10.0.0.0/16"
        ));
    }
    masked(text)
}

/// A network of IPv4, or a bare address.
pub(super) fn network_v4(text: &str) -> Result<(), String> {
    network(text)?;
    of_family(text, Family::V4)
}

/// A network of IPv6, or a bare address.
pub(super) fn network_v6(text: &str) -> Result<(), String> {
    network(text)?;
    of_family(text, Family::V6)
}

/// An address or network of IPv4, host bits and all.
pub(super) fn cidr_v4(text: &str) -> Result<(), String> {
    cidr(text)?;
    of_family(text, Family::V4)
}

fn of_family(text: &str, family: Family) -> Result<(), String> {
    match address::parse(text).and_then(|(ip, _)| family.refuses(ip)) {
        Some(why) => Err(format!("{text} is {why}")),
        None => Ok(()),
    }
}

fn masked(text: &str) -> Result<(), String> {
    match net(text) {
        Some(net) if net.addr() != net.network() => Err(format!(
            "{text} has bits set after its prefix: write {}",
            net.trunc()
        )),
        _ => Ok(()),
    }
}

/// The network that a text with a length is.
pub(crate) fn net(text: &str) -> Option<IpNet> {
    let (ip, length) = address::parse(text)?;
    IpNet::new(ip, length?).ok()
}

/// The network that a text is, with or without a length.
pub(crate) fn net_or_ip(text: &str) -> Option<IpNet> {
    let (ip, length) = address::parse(text)?;
    IpNet::new(ip, length.unwrap_or(address::full_length(ip))).ok()
}

/// A link-local network that this one overlaps.
pub(super) fn link_local(net: &IpNet) -> Option<&'static str> {
    let overlaps = |other: &str| {
        let other: Option<IpNet> = other.parse().ok();
        other.is_some_and(|other| other.contains(net) || net.contains(&other))
    };
    ["169.254.0.0/16", "fe80::/10"]
        .into_iter()
        .find(|other| overlaps(other))
}

pub(super) fn selector(text: &str) -> Result<(), String> {
    text.parse::<Selector>()
        .map_err(|error| format!("{text:?} is not a selector: {error}"))?;
    if text.chars().count() > MAX_SELECTOR {
        return Err(format!("has more than {MAX_SELECTOR} characters"));
    }
    Ok(())
}

/// A selector outside of rules, where `global()` means nothing.
pub(super) fn plain_selector(text: &str) -> Result<(), String> {
    selector(text)?;
    if text.contains("global(") {
        return Err("global() can only be used in the namespaceSelector of a rule".into());
    }
    Ok(())
}

/// What Go's `net.ParseMAC` takes: 6, 8 or 20 bytes, `66:cf:…`, `66-cf-…` or `66cf.…`.
pub(crate) fn mac(text: &str) -> Result<(), String> {
    let has = |separator: char, digits: usize| {
        let hex = |part: &str| part.len() == digits && part.bytes().all(|digit| digit.is_ascii_hexdigit());
        text.split(separator).all(hex) && [6, 8, 20].contains(&(text.split(separator).count() * digits / 2))
    };
    if has(':', 2) || has('-', 2) || has('.', 4) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a MAC address, such as 66:cf:23:df:22:07"
    ))
}

fn link_name(text: &str, others: &str, what: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || others.as_bytes().contains(&byte);
    if (1..=15).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not {what}: 1 to 15 letters, digits, and {others}"
    ))
}

/// The name of a link, or `*`.
pub(super) fn interface(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    link_name(text, "_.-", "the name of a link")
}

/// Names of links with `*` in them; not `*` alone, which would be all.
pub(super) fn ignored_interface(text: &str) -> Result<(), String> {
    if text == "*" {
        return Err("* would ignore every link".into());
    }
    link_name(text, "_.*-", "a pattern of links")
}

/// Names of links with `*` in them.
pub(super) fn interface_pattern(text: &str) -> Result<(), String> {
    link_name(text, "_.*-", "a pattern of links")
}

/// Names of links as iptables has them: `+` at the end stands for anything.
pub(super) fn interface_filter(text: &str) -> Result<(), String> {
    link_name(text, ":._+-", "a link as iptables names it")
}

pub(super) fn regex(text: &str) -> Result<(), String> {
    match regex::Regex::new(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{text:?} is not a regular expression")),
    }
}

/// `aa:nn` of 16 bits each, or `aa:nn:mm` of 32 bits each.
pub(super) fn community(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |part: &&str| match parts.len() {
        2 => part.parse::<u16>().is_ok(),
        _ => part.parse::<u32>().is_ok(),
    };
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(digits) {
        return Err(format!(
            "{text:?} is not a community: aa:nn, or aa:nn:mm for a large one"
        ));
    }
    if parts.iter().all(fits) {
        return Ok(());
    }
    let bits = if parts.len() == 2 { 16 } else { 32 };
    Err(format!(
        "{text:?}: the parts of this community have {bits} bits each"
    ))
}

/// `key=value` pairs, with commas between them.
pub(super) fn key_values(text: &str) -> Result<(), String> {
    let wrong = text.split(',').map(str::trim_start).find(|item| {
        let key = item.split_once('=').map(|(key, _)| key);
        let word = |key: &str| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        !item.is_empty() && !key.is_some_and(word)
    });
    match wrong {
        Some(item) => Err(format!("{item:?} is not key=value")),
        None => Ok(()),
    }
}
