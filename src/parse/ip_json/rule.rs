//! `ip -j rule`, `ip -6 -j rule` (iproute2 `ip/iprule.c`: `print_rule`).

use ipnet::IpNet;

use super::tree::{Item, each};
use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, any};
use crate::state::rule::{PolicyRule, RuleAction};

/// Reads rules in the kernel's order. They don't say of which family they are: `v6` does.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn rules(text: &str, v6: bool, names: &mut Names) -> Result<Vec<PolicyRule>, ParseError> {
    each(text, |item| rule(item, v6, names).map(Some))
}

/// One rule, of either form.
pub(in crate::parse) fn rule(item: &Item, v6: bool, names: &mut Names) -> Result<PolicyRule, String> {
    let src = net(item, "src", "srclen", v6)?;
    let dst = net(item, "dst", "dstlen", v6)?;
    let fwmark = item.number("fwmark")?;
    let mask = item.number("fwmask")?.unwrap_or(u32::MAX);
    Ok(PolicyRule {
        v6,
        priority: item.number("priority")?.unwrap_or_default(),
        invert: item.flag("not"),
        src,
        dst,
        iif: item.text("iif")?,
        oif: item.text("oif")?,
        fwmark: fwmark.map(|mark| (mark, mask)),
        tos: item.read("tos", "a TOS", iproute::tos)?.unwrap_or_default(),
        ipproto: item.read("ipproto", "a protocol", iproute::ip_protocol)?,
        sport: range(item, "sport", "sport_start", "sport_end")?,
        dport: range(item, "dport", "dport_start", "dport_end")?,
        uid: range(item, "uid", "uid_start", "uid_end")?,
        tun_id: item.number("tun_id")?,
        action: action(item, names)?,
        suppress_prefix_len: item.number("suppress_prefixlen")?,
        suppress_group: item.read("suppress_ifgroup", "a group of links", |text| match text {
            "default" => Some(0),
            _ => iproute::number(text),
        })?,
        proto: item.read("protocol", "a protocol", iproute::protocol)?,
    })
}

fn action(item: &Item, names: &mut Names) -> Result<RuleAction, String> {
    if item.flag("l3mdev") {
        return Ok(RuleAction::L3mdev);
    }
    if item.get("goto").is_some() {
        let read = |text: &str| match text {
            "none" => Some(0),
            _ => iproute::number(text),
        };
        return Ok(RuleAction::Goto(
            item.read("goto", "a priority", read)?.unwrap_or_default(),
        ));
    }
    if item.flag("nop") {
        return Ok(RuleAction::Nop);
    }
    if let Some(action) = item.read("action", "an action of a rule", action_named)? {
        return Ok(action);
    }
    if let Some(table) = item.text("table")? {
        return Ok(RuleAction::Lookup(names.table(&table)));
    }
    // FR_ACT_UNSPEC, and RTN_NAT of kernels long gone.
    let nat = item.get("nat_gateway").is_some() || item.get("masquerade").is_some();
    Ok(RuleAction::Other(if nat { 10 } else { 0 }))
}

/// FR_ACT_* that iproute2 prints with the names of RTN_*.
pub(in crate::parse) fn action_named(name: &str) -> Option<RuleAction> {
    Some(match name {
        "blackhole" => RuleAction::Blackhole,
        "unreachable" => RuleAction::Unreachable,
        "prohibit" => RuleAction::Prohibit,
        "unicast" | "none" => RuleAction::Other(0),
        _ => RuleAction::Other(iproute::number(name)?),
    })
}

/// An address and, in a key of its own, the length; `all` is none.
fn net(item: &Item, key: &str, length: &str, v6: bool) -> Result<Option<IpNet>, String> {
    let Some(text) = item.text(key)? else {
        return Ok(None);
    };
    if text == "all" {
        return Ok(None);
    }
    let ip = match text.as_str() {
        "0" => any(v6),
        _ => item.need(key, item.ip(key)?)?,
    };
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let length = item.number(length)?.unwrap_or(whole);
    IpNet::new(ip, length)
        .map(Some)
        .map_err(|_| item.error(key, "its prefix is too long"))
}

/// One value, or first and last under names of their own.
fn range<T: TryFrom<u64> + Copy>(
    item: &Item,
    one: &str,
    first: &str,
    last: &str,
) -> Result<Option<(T, T)>, String> {
    if let Some(value) = item.number(one)? {
        return Ok(Some((value, value)));
    }
    Ok(item.number(first)?.zip(item.number(last)?))
}
