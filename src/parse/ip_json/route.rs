//! `ip -d -j route show table all`, of both families (iproute2 `ip/iproute.c`: `print_route`).

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

use super::tree::{Item, Json, each, prefix};
use crate::parse::ParseError;
use crate::parse::iproute::{self, Names};
use crate::state::link::Scope;
use crate::state::route::{HopFlags, NextHop, Route, RouteProtocol, RouteType, TableId};

/// Reads routes in the kernel's order. What `ip` leaves out without `-d` holds as its manual says: table `main`,
/// protocol `boot`, scope `global`.
///
/// A `default` says nothing of its family: its gateway or source does, or the key `pref`, which routes of IPv6 alone
/// have. Failing all, it is IPv6 if `v6` is true, as for the output of `ip -6`, or if a route of IPv6 came before.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn routes(text: &str, v6: bool, names: &mut Names) -> Result<Vec<Route>, ParseError> {
    let mut v6 = v6;
    each(text, |item| {
        let route = route(item, v6, names)?;
        v6 |= route.dst.addr().is_ipv6();
        Ok(Some(route))
    })
}

/// One route, of either form.
pub(in crate::parse) fn route(item: &Item, v6: bool, names: &mut Names) -> Result<Route, String> {
    let v6 = family(item)?.unwrap_or(v6);
    let net = |key| item.read(key, "a prefix", |text| prefix(text, v6));
    let kind = item
        .read("type", "a type of route", iproute::route_type)?
        .unwrap_or(RouteType::Unicast);
    let metrics = item.list("metrics")?;
    let metric = |key| match metrics.first() {
        Some(metrics) => metrics.read(key, "a number", |text| {
            // A lock is written into the value by some releases.
            iproute::number::<u32>(text.trim_start_matches("lock "))
                .map(|number| (number, text.starts_with("lock ")))
        }),
        None => Ok(None),
    };
    let mut next_hops = Vec::new();
    for hop in item.list("nexthops")? {
        next_hops.push(next_hop(&hop, names)?);
    }
    if next_hops.is_empty() {
        let hop = next_hop(item, names)?;
        if hop.link.is_some() || hop.gateway.is_some() {
            next_hops.push(hop);
        }
    }
    if iproute::has_no_way_out(kind) {
        next_hops.clear();
    }
    Ok(Route {
        dst: item.need("dst", net("dst")?)?,
        src: source(item, v6)?,
        table: item
            .text("table")?
            .map_or(TableId::MAIN, |name| names.table(&name)),
        kind,
        proto: item
            .read("protocol", "a protocol", iproute::protocol)?
            .unwrap_or(RouteProtocol::BOOT),
        scope: item
            .read("scope", "a scope", iproute::scope)?
            .unwrap_or(Scope::GLOBAL),
        tos: tos(item)?,
        metric: item.number("metric")?.unwrap_or_default(),
        prefsrc: item.ip("prefsrc")?,
        mtu: metric("mtu")?,
        advmss: metric("advmss")?.map(|(number, _)| number),
        nexthop: item.number("nhid")?,
        next_hops,
    })
}

/// Whether the route is one of IPv6, where it tells.
fn family(item: &Item) -> Result<Option<bool>, String> {
    let is_v6 = |text: &str| Some(text.contains(':'));
    for key in ["dst", "from", "gateway", "prefsrc"] {
        let named = |text: &str| matches!(text, "default" | "all" | "any");
        if item.read(key, "an address", |text| Some(named(text)))? == Some(false) {
            return item.read(key, "an address", is_v6);
        }
    }
    for hop in item.list("nexthops")? {
        if let Some(v6) = hop.read("gateway", "an address", is_v6)? {
            return Ok(Some(v6));
        }
    }
    // A gateway of the other family.
    if let Some(via) = item.object("via")? {
        return via.read("host", "an address", |text| Some(!text.contains(':')));
    }
    Ok(item.get("pref").is_some().then_some(true))
}

/// `from`; a source of whole length zero is printed under `src` by some releases.
fn source(item: &Item, v6: bool) -> Result<Option<IpNet>, String> {
    let net = item.read("from", "a prefix", |text| prefix(text, v6))?;
    Ok(net.filter(|net| net.prefix_len() > 0))
}

fn next_hop(item: &Item, names: &mut Names) -> Result<NextHop, String> {
    Ok(NextHop {
        gateway: gateway(item)?,
        link: item.text("dev")?.map(|name| names.link(&name)),
        weight: item.number("weight")?.unwrap_or(1),
        flags: hop_flags(item),
        encap: encap(item),
    })
}

/// `gateway`, or `via` with the family of its own.
pub(super) fn gateway(item: &Item) -> Result<Option<IpAddr>, String> {
    match item.get("gateway") {
        Some(_) => item.ip("gateway"),
        None => match item.object("via")? {
            Some(via) => via.ip("host"),
            None => Ok(None),
        },
    }
}

pub(super) fn hop_flags(item: &Item) -> HopFlags {
    HopFlags(
        item.words("flags")
            .filter_map(iproute::hop_flag)
            .fold(0, |flags, flag| flags | flag.0),
    )
}

/// What belongs to an encapsulation, by its kind; of others than these it is not known where they end.
pub(in crate::parse) fn encap_keys(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "mpls" => &["dst", "ttl"],
        "ip" => &["id", "src", "dst", "ttl", "tos", "key", "csum", "seq"],
        "ip6" => &["id", "src", "dst", "hoplimit", "tc", "key", "csum", "seq"],
        "seg6" => &["mode", "segs", "hmac"],
        _ => return None,
    })
}

/// The keys of `encap` and of what belongs to it: its `dst` and `tos` are not the route's, which may follow.
fn encap_places(item: &Item) -> Option<Range<usize>> {
    let at = item.object.iter().position(|(key, _)| key == "encap")?;
    let kind = item.object.get(at)?.1.scalar()?;
    let mut seen: Vec<&str> = Vec::new();
    for (key, _) in item.object.iter().skip(at + 1) {
        let key = key.as_str();
        let ends = match encap_keys(&kind) {
            Some(keys) => !keys.contains(&key) || seen.contains(&key),
            None => [
                "tos", "via", "gateway", "dev", "table", "protocol", "scope", "flags", "weight",
            ]
            .contains(&key),
        };
        if ends {
            break;
        }
        seen.push(key);
    }
    Some(at..at + 1 + seen.len())
}

/// `encap` and what belongs to it, as one text.
pub(super) fn encap(item: &Item) -> Option<String> {
    let places = encap_places(item)?;
    let kind = item.object.get(places.start)?.1.scalar()?;
    let mut text = kind.clone();
    for (key, value) in item.object.get(places)?.iter().skip(1) {
        // A label stack of MPLS is written without a name.
        if !(kind == "mpls" && key == "dst") {
            text.push(' ');
            text.push_str(key);
        }
        match value {
            Json::Bool(true) => {}
            Json::List(segments) => {
                let segments: Vec<String> = segments.iter().filter_map(Json::scalar).collect();
                text += &format!(" {} [ {} ]", segments.len(), segments.join(" "));
            }
            // The text has it in hexadecimal digits.
            Json::Number(number) if key == "hmac" => {
                text += &format!(" {:X}", number.as_u64().unwrap_or_default());
            }
            other => {
                if let Some(value) = other.scalar() {
                    text.push(' ');
                    text.push_str(&value);
                }
            }
        }
    }
    Some(text)
}

/// The TOS of the route.
fn tos(item: &Item) -> Result<u8, String> {
    let encap = encap_places(item).unwrap_or_default();
    let entries = item.object.iter().enumerate();
    let mut own = entries.filter(|(place, (key, _))| key == "tos" && !encap.contains(place));
    let Some((_, (_, value))) = own.next() else {
        return Ok(0);
    };
    let tos = value.scalar().as_deref().and_then(iproute::tos);
    tos.ok_or_else(|| item.error("tos", "not a TOS"))
}
