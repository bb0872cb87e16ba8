//! Expressions and values.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{key::key, statement};
use crate::state::netfilter::{BitOp, Expr, names::Domain};

/// How deep expressions may nest; nft's own stay far below.
const MAX_DEPTH: usize = 32;

/// An expression; words in it are of these domains, one for each part of a concatenation.
pub(super) fn value(json: &Value, domains: &[Domain]) -> Expr {
    nested(json, domains, 0)
}

fn nested(json: &Value, domains: &[Domain], depth: usize) -> Expr {
    let unknown = || Expr::Unknown(json.to_string().into());
    if depth > MAX_DEPTH {
        return Expr::Unknown("nested too deeply".into());
    }
    let domain = domains.first().copied().unwrap_or(Domain::Other);
    let inner = |json: &Value| nested(json, domains, depth + 1);
    match json {
        Value::Number(number) => number.as_u64().map_or_else(unknown, Expr::Number),
        Value::Bool(exists) => Expr::Exists(*exists),
        Value::String(word) => symbol(word, domain),
        // Flags: `["established", "related"]`.
        Value::Array(list) => bits(list, domains, depth).unwrap_or_else(unknown),
        Value::Null => unknown(),
        Value::Object(object) => {
            if let Some(key) = key(json) {
                return Expr::Key(key);
            }
            if let Some(verdict) = statement::verdict(json) {
                return Expr::Verdict(Box::new(verdict));
            }
            let Some((kind, body)) = object.iter().next().filter(|_| object.len() == 1) else {
                return unknown();
            };
            let known = match kind.as_str() {
                "concat" => body.as_array().map(|parts| {
                    let parts = parts.iter().enumerate();
                    Expr::Concat(
                        parts
                            .map(|(at, part)| nested(part, domains.get(at..).unwrap_or_default(), depth + 1))
                            .collect(),
                    )
                }),
                "set" => body.as_array().map(|items| {
                    Expr::Set(
                        items
                            .iter()
                            .map(|item| item_of_set(item, domains, depth))
                            .collect(),
                    )
                }),
                "elem" => body.get("val").map(inner),
                "prefix" => prefix(body),
                "range" => match body.as_array().map(Vec::as_slice) {
                    Some([low, high]) => Some(Expr::Range(Box::new((inner(low), inner(high))))),
                    _ => None,
                },
                "map" => body.get("key").zip(body.get("data")).map(|(key, data)| {
                    let key = value(key, &[]);
                    let domains = Domain::of_expr(&key);
                    Expr::Map(Box::new((key, nested(data, &domains, depth + 1))))
                }),
                "|" | "&" | "^" | "<<" | ">>" => binary(kind, body, domains, depth),
                "numgen" => numgen(body),
                "jhash" | "symhash" => hash(body),
                _ => None,
            };
            known.unwrap_or_else(unknown)
        }
    }
}

/// A plain element, or key and value of a map.
fn item_of_set(item: &Value, domains: &[Domain], depth: usize) -> Expr {
    match item.as_array().map(Vec::as_slice) {
        Some([key, value]) => Expr::Pair(Box::new((
            item_of_set(key, domains, depth + 1),
            nested(value, &[], depth + 1),
        ))),
        _ if item.as_str() == Some("*") => Expr::Any,
        _ => nested(item, domains, depth + 1),
    }
}

/// A word: a set's name, a link's name, an address, or what stands for a number.
fn symbol(word: &str, domain: Domain) -> Expr {
    if let Some(name) = word.strip_prefix('@') {
        return Expr::Named(name.into());
    }
    if domain == Domain::LinkName {
        return match word.strip_suffix('*') {
            // `\*` is a star.
            Some(prefix) if !prefix.ends_with('\\') => Expr::Prefix(prefix.into()),
            _ => Expr::Text(word.into()),
        };
    }
    if let Some(number) = domain.number(word) {
        return Expr::Number(number);
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return Expr::Addr(address);
    }
    if let Some(mac) = mac(word) {
        return Expr::Mac(mac);
    }
    let number = match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    };
    number.map_or_else(|| Expr::Text(word.into()), Expr::Number)
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut mac {
        *octet = u8::from_str_radix(parts.next().filter(|part| part.len() == 2)?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

/// Numbers that are joined bit by bit; none when one of them is not a number.
fn bits(list: &[Value], domains: &[Domain], depth: usize) -> Option<Expr> {
    let mut all = 0;
    for item in list {
        match nested(item, domains, depth + 1) {
            Expr::Number(number) => all |= number,
            _ => return None,
        }
    }
    Some(Expr::Number(all))
}

fn prefix(body: &Value) -> Option<Expr> {
    let length = u8::try_from(body.get("len")?.as_u64()?).ok()?;
    let address = body.get("addr")?;
    if let Some(address) = address.as_str().and_then(|text| text.parse::<IpAddr>().ok()) {
        return Some(Expr::Net(IpNet::new(address, length).ok()?));
    }
    None
}

fn binary(op: &str, body: &Value, domains: &[Domain], depth: usize) -> Option<Expr> {
    let list = body.as_array()?;
    if op == "|"
        && let Some(all) = bits(list, domains, depth)
    {
        return Some(all);
    }
    let op = match op {
        "|" => BitOp::Or,
        "&" => BitOp::And,
        "^" => BitOp::Xor,
        "<<" => BitOp::ShiftLeft,
        _ => BitOp::ShiftRight,
    };
    let mut list = list.iter();
    let mut left = nested(list.next()?, domains, depth + 1);
    let own = Domain::of_expr(&left);
    let domains = if matches!(own[..], [Domain::Other]) {
        domains
    } else {
        &own
    };
    for right in list {
        left = Expr::binary(left, op, nested(right, domains, depth + 1));
    }
    Some(left)
}

fn number32(body: &Value, name: &str) -> Option<u32> {
    u32::try_from(body.get(name)?.as_u64()?).ok()
}

fn numgen(body: &Value) -> Option<Expr> {
    Some(Expr::Numgen {
        random: body.get("mode")?.as_str()? == "random",
        modulo: number32(body, "mod")?,
        offset: number32(body, "offset").unwrap_or_default(),
    })
}

fn hash(body: &Value) -> Option<Expr> {
    Some(Expr::Hash {
        of: body.get("expr").map(|of| Box::new(value(of, &[]))),
        modulo: number32(body, "mod")?,
        seed: number32(body, "seed"),
        offset: number32(body, "offset").unwrap_or_default(),
    })
}
