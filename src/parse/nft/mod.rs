//! `nft -j list ruleset` (libnftables-json(5)), of old releases and new ones.

mod expr;
mod key;
mod statement;
#[cfg(test)]
mod tests;
mod text;

use serde_json::Value;

use crate::state::netfilter::names::Domain;
use crate::state::netfilter::{
    Base, Chain, ChainKind, Counters, Dialect, Element, Expr, Family, Flowtable, Hook, Policy, Rule, Ruleset,
    Set, SetFlags, Statement, Table,
};

/// Reads the JSON of `nft -j list ruleset`, or of one table.
///
/// # Errors
/// Says where the text stops being JSON, or which object lacks what it must have: `nftables[3].chain: no name`.
pub fn ruleset(json: &str) -> Result<Ruleset, String> {
    let root: Value = serde_json::from_str(json).map_err(|error| format!("not JSON: {error}"))?;
    let objects = root
        .get("nftables")
        .and_then(Value::as_array)
        .ok_or("no array \"nftables\"")?;
    let mut tables: Vec<Table> = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let Some((kind, object)) = object.as_object().and_then(|object| object.iter().next()) else {
            return Err(format!("nftables[{index}]: not an object"));
        };
        // What `nft monitor` or a script has: `{"add": {"table": …}}`.
        let (kind, object) = match (
            kind.as_str(),
            object.as_object().and_then(|inner| inner.iter().next()),
        ) {
            ("add" | "insert" | "create", Some((kind, object))) => (kind, object),
            _ => (kind, object),
        };
        take(&mut tables, kind, object).map_err(|why| format!("nftables[{index}].{kind}: {why}"))?;
    }
    Ok(Ruleset {
        dialect: Dialect::Nft,
        tables,
    })
}

fn take(tables: &mut Vec<Table>, kind: &str, object: &Value) -> Result<(), String> {
    if kind == "metainfo" {
        return Ok(());
    }
    let family = word(object, "family")?;
    let family = Family::from_word(family).ok_or_else(|| format!("no family {family:?}"))?;
    if kind == "table" {
        tables.push(Table {
            family,
            name: word(object, "name")?.into(),
            dormant: words(object.get("flags")).contains(&"dormant"),
            ..Table::default()
        });
        return Ok(());
    }
    let name = word(object, "table")?;
    let mut tables = tables.iter_mut();
    let Some(table) = tables.find(|table| table.family == family && &*table.name == name) else {
        return Err(format!("no table {} {name} before it", family.word()));
    };
    match kind {
        "chain" => table.chains.push(chain(object)?),
        "set" | "map" | "meter" => table.sets.push(set(object)?),
        "rule" => {
            let name = word(object, "chain")?;
            let rule = rule(object)?;
            let chain = table.chains.iter_mut().find(|chain| &*chain.name == name);
            chain
                .ok_or_else(|| format!("no chain {name} before it"))?
                .rules
                .push(rule);
        }
        "flowtable" => table.flowtables.push(Flowtable {
            name: word(object, "name")?.into(),
            priority: priority(object),
            devices: words(object.get("dev")).into_iter().map(Into::into).collect(),
        }),
        "element" => {
            let name = word(object, "name")?;
            let set = table.sets.iter_mut().find(|set| &*set.name == name);
            let set = set.ok_or_else(|| format!("no set {name} before it"))?;
            let (keys, values) = (domains(&set.key), domains(&set.data));
            let found = object.get("elem").and_then(Value::as_array).into_iter().flatten();
            set.elements
                .extend(found.map(|json| element(json, &keys, &values)));
        }
        _ => table
            .objects
            .push(serde_json::json!({ kind: object }).to_string().into()),
    }
    Ok(())
}

fn word<'a>(object: &'a Value, name: &str) -> Result<&'a str, String> {
    object
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("no {name}"))
}

/// One word, or a list of them.
fn words(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn priority(object: &Value) -> i32 {
    let number = object.get("prio").and_then(Value::as_i64).unwrap_or_default();
    i32::try_from(number).unwrap_or_default()
}

fn chain(object: &Value) -> Result<Chain, String> {
    let hook = match object.get("hook").and_then(Value::as_str) {
        None => None,
        Some("ingress") => Some(Hook::Ingress),
        Some("prerouting") => Some(Hook::Prerouting),
        Some("input") => Some(Hook::Input),
        Some("forward") => Some(Hook::Forward),
        Some("output") => Some(Hook::Output),
        Some("postrouting") => Some(Hook::Postrouting),
        Some("egress") => Some(Hook::Egress),
        Some(other) => return Err(format!("no hook {other:?}")),
    };
    let base = hook.map(|hook| Base {
        kind: match object.get("type").and_then(Value::as_str) {
            Some("nat") => ChainKind::Nat,
            Some("route") => ChainKind::Route,
            _ => ChainKind::Filter,
        },
        hook,
        priority: priority(object),
        policy: match object.get("policy").and_then(Value::as_str) {
            Some("drop") => Policy::Drop,
            _ => Policy::Accept,
        },
        devices: words(object.get("dev")).into_iter().map(Into::into).collect(),
        counters: None,
    });
    Ok(Chain {
        name: word(object, "name")?.into(),
        base,
        rules: Vec::new(),
    })
}

/// The links of the chains at `ingress` and `egress` in `nft list table`: releases up to 1.0.6 leave them out of JSON.
pub fn devices(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut chain = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["chain", name, "{"] = words[..] {
            chain = Some(name.to_owned());
        }
        let Some(hook) = words
            .iter()
            .position(|word| *word == "hook")
            .filter(|_| words.first() == Some(&"type"))
        else {
            continue;
        };
        let named = words[hook..].iter().skip(2);
        let named = named.take_while(|word| **word != "priority");
        let bare = |word: &&str| word.trim_matches(|c| "\",{}=".contains(c)).to_owned();
        let links = named
            .map(bare)
            .filter(|word| !["device", "devices", ""].contains(&word.as_str()));
        let links: Vec<String> = links.collect();
        found.extend(chain.take().map(|name| (name, links)));
    }
    found
}

fn rule(object: &Value) -> Result<Rule, String> {
    let list = object.get("expr").and_then(Value::as_array).ok_or("no expr")?;
    let comment = object.get("comment").and_then(Value::as_str);
    let mut statements = Vec::with_capacity(list.len() + usize::from(comment.is_some()));
    statements.extend(comment.map(|comment| Statement::Comment(comment.into())));
    statements.extend(list.iter().map(statement::statement));
    let counters = statements.iter().find_map(|statement| match statement {
        Statement::Counter(counters) => Some(*counters),
        _ => None,
    });
    Ok(Rule {
        text: text::rule(list, comment).into(),
        line: 0,
        handle: object.get("handle").and_then(Value::as_u64),
        counters,
        statements,
    })
}

/// The types of a key or value: a name, a list of them, or `typeof` expressions.
fn types(value: Option<&Value>) -> Vec<Box<str>> {
    match value {
        Some(Value::String(name)) => name.split(" . ").map(Into::into).collect(),
        Some(Value::Array(list)) => list.iter().flat_map(|value| types(Some(value))).collect(),
        Some(Value::Object(object)) => match object.get("typeof") {
            Some(Value::Object(inner)) if inner.contains_key("concat") => {
                let parts = inner.get("concat").and_then(Value::as_array);
                parts
                    .into_iter()
                    .flatten()
                    .map(|part| text::expr(part).into())
                    .collect()
            }
            Some(Value::Array(parts)) => parts.iter().map(|part| text::expr(part).into()).collect(),
            Some(one) => vec![text::expr(one).into()],
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn domains(types: &[Box<str>]) -> Vec<Domain> {
    types
        .iter()
        .map(|name| match Domain::of_type(name) {
            // Of `typeof`: as the field is written.
            Domain::Other => match &**name {
                "meta l4proto" | "ip protocol" | "ip6 nexthdr" => Domain::Protocol,
                "iifname" | "oifname" | "meta iifname" | "meta oifname" => Domain::LinkName,
                "ct state" => Domain::CtState,
                "icmp type" => Domain::IcmpType,
                "icmpv6 type" => Domain::Icmp6Type,
                "ether type" | "meta protocol" => Domain::EtherType,
                _ => Domain::Other,
            },
            domain => domain,
        })
        .collect()
}

fn set(object: &Value) -> Result<Set, String> {
    let key = types(object.get("type"));
    let data = types(object.get("map"));
    let flags = words(object.get("flags"));
    let has = |flag: &str| flags.contains(&flag);
    let (keys, values) = (domains(&key), domains(&data));
    let elements = object.get("elem").and_then(Value::as_array).into_iter().flatten();
    Ok(Set {
        name: word(object, "name")?.into(),
        flags: SetFlags {
            constant: has("constant"),
            interval: has("interval"),
            timeout: has("timeout"),
            dynamic: has("dynamic"),
        },
        timeout: object.get("timeout").and_then(Value::as_u64),
        size: object.get("size").and_then(Value::as_u64),
        comment: object.get("comment").and_then(Value::as_str).map(Into::into),
        elements: elements.map(|json| element(json, &keys, &values)).collect(),
        key,
        data,
    })
}

/// `"10.0.0.1"`, `{"elem": {"val": …, "timeout": …}}`, and, of maps, `[key, value]`.
fn element(json: &Value, keys: &[Domain], values: &[Domain]) -> Element {
    let (json, value) = match json.as_array().map(Vec::as_slice) {
        Some([key, value]) if !values.is_empty() => (key, Some(expr::value(value, values))),
        _ => (json, None),
    };
    let inner = json.get("elem").filter(|inner| inner.get("val").is_some());
    let key = inner.and_then(|inner| inner.get("val")).unwrap_or(json);
    let number = |name| inner.and_then(|inner| inner.get(name)?.as_u64());
    let counters = inner
        .and_then(|inner| inner.get("counter"))
        .map(|counter| Counters {
            packets: counter.get("packets").and_then(Value::as_u64).unwrap_or_default(),
            bytes: counter.get("bytes").and_then(Value::as_u64).unwrap_or_default(),
        });
    // The value of a map's element may stand with the key: `{"elem": {"val": [key, value]}}`.
    let (key, value) = match key.as_array().map(Vec::as_slice) {
        Some([key, with]) if value.is_none() && !values.is_empty() => (key, Some(expr::value(with, values))),
        _ => (key, value),
    };
    Element {
        key: if key.as_str() == Some("*") && keys != [Domain::LinkName] {
            Expr::Any
        } else {
            expr::value(key, keys)
        },
        value,
        timeout: number("timeout"),
        expires: number("expires"),
        comment: inner
            .and_then(|inner| inner.get("comment")?.as_str())
            .map(Into::into),
        counters,
    }
}
