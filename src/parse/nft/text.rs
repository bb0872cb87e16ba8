//! Rules in nft's own syntax (nft(8)), for people: its JSON has no text.

use std::fmt::Write as _;

use serde_json::Value;

use super::words;

/// How deep expressions are followed.
const MAX_DEPTH: usize = 32;

/// A whole rule, with its comment.
pub(super) fn rule(list: &[Value], comment: Option<&str>) -> String {
    let mut text = String::new();
    for json in list {
        if !text.is_empty() {
            text.push(' ');
        }
        text += &statement(json);
    }
    if let Some(comment) = comment {
        let _ = write!(text, " comment {comment:?}");
    }
    text
}

/// One statement.
pub(super) fn statement(json: &Value) -> String {
    if let Value::String(word) = json {
        return word.clone();
    }
    let Some((kind, body)) = json.as_object().and_then(|object| object.iter().next()) else {
        return json.to_string();
    };
    let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let part = |name: &str| body.get(name).map(expr).unwrap_or_default();
    match kind.as_str() {
        "match" => {
            let op = match (word("op"), body["left"].get("&").is_some()) {
                ("==", true) => "== ".to_owned(),
                ("==" | "in", _) => String::new(),
                (op, _) => format!("{op} "),
            };
            format!("{} {op}{}", part("left"), right(&body["left"], &body["right"]))
        }
        "counter" if body.is_object() => {
            format!("counter packets {} bytes {}", part("packets"), part("bytes"))
        }
        "counter" | "quota" | "limit" | "synproxy" if body.is_string() => {
            format!("{kind} name {}", quoted(body.as_str().unwrap_or_default()))
        }
        "jump" | "goto" => format!("{kind} {}", word("target")),
        "mangle" => format!("{} set {}", part("key"), right(&body["key"], &body["value"])),
        "vmap" => format!("{} vmap {}", part("key"), part("data")),
        "reject" if body.is_null() => kind.clone(),
        "reject" if word("type") == "tcp reset" => "reject with tcp reset".to_owned(),
        "reject" => format!("reject with {} {}", word("type"), part("expr")),
        "dnat" | "snat" | "masquerade" | "redirect" => nat(kind, body),
        "limit" => format!(
            "limit rate {}{}{}/{}{}",
            if body["inv"] == true { "over " } else { "" },
            part("rate"),
            body.get("rate_unit")
                .and_then(Value::as_str)
                .map_or(String::new(), |unit| format!(" {unit}")),
            word("per"),
            body.get("burst").map_or(String::new(), |burst| format!(
                " burst {burst} {}",
                body.get("burst_unit")
                    .and_then(Value::as_str)
                    .unwrap_or("packets")
            )),
        ),
        "log" => {
            let mut text = kind.clone();
            for name in ["prefix", "group", "snaplen", "queue-threshold", "level"] {
                match body.get(name) {
                    Some(Value::String(value)) if name == "prefix" => {
                        let _ = write!(text, " prefix {}", quoted(value));
                    }
                    Some(value) => {
                        let _ = write!(text, " {name} {}", expr(value));
                    }
                    None => {}
                }
            }
            text
        }
        "set" | "map" if body.get("op").is_some() => {
            let value = body
                .get("data")
                .map_or(String::new(), |data| format!(" : {}", expr(data)));
            format!("{} {} {{ {}{value} }}", word("op"), word(kind), part("elem"))
        }
        "flow" => format!("flow add {}", word("flowtable")),
        "ct count" => format!(
            "ct count {}{}",
            if body["inv"] == true { "over " } else { "" },
            part("val")
        ),
        "tproxy" => format!(
            "tproxy{} to {}{}",
            body.get("family")
                .and_then(Value::as_str)
                .map_or(String::new(), |family| format!(" {family}")),
            part("addr"),
            body.get("port")
                .map_or(String::new(), |port| format!(":{}", expr(port)))
        ),
        "xt" if body.is_object() => format!("xt {} {}", word("type"), quoted(word("name"))),
        _ if body.is_null() => kind.clone(),
        _ => format!("{kind} {}", expr(body)),
    }
}

fn nat(kind: &str, body: &Value) -> String {
    let mut text = kind.to_owned();
    if let Some(family) = body.get("family").and_then(Value::as_str) {
        let _ = write!(text, " {family}");
    }
    match (body.get("addr").map(expr), body.get("port").map(expr)) {
        (Some(addr), Some(port)) if addr.contains(':') => {
            let _ = write!(text, " to [{addr}]:{port}");
        }
        (Some(addr), Some(port)) => {
            let _ = write!(text, " to {addr}:{port}");
        }
        (Some(addr), None) => {
            let _ = write!(text, " to {addr}");
        }
        (None, Some(port)) => {
            let _ = write!(text, " to :{port}");
        }
        (None, None) => {}
    }
    let flags = words(body.get("flags")).join(",");
    if !flags.is_empty() {
        let _ = write!(text, " {flags}");
    }
    text
}

/// What a field is compared with: marks in hexadecimal, names of links in quotes.
fn right(left: &Value, json: &Value) -> String {
    let field = left.get("&").and_then(|parts| parts.get(0)).unwrap_or(left);
    let key = field["meta"]["key"]
        .as_str()
        .or_else(|| field["ct"]["key"].as_str());
    match (key, json) {
        (Some("mark"), Value::Number(number)) => number
            .as_u64()
            .map_or_else(|| number.to_string(), |number| format!("{number:#010x}")),
        (Some("iifname" | "oifname" | "iif" | "oif"), Value::String(name)) if !name.starts_with('@') => {
            quoted(name)
        }
        (Some(_), Value::Array(list)) => list.iter().map(expr).collect::<Vec<_>>().join(","),
        _ => expr(json),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// An expression.
pub(super) fn expr(json: &Value) -> String {
    nested(json, 0)
}

fn nested(json: &Value, depth: usize) -> String {
    let list = |json: &Value, separator: &str| {
        let parts = json.as_array().into_iter().flatten();
        parts
            .map(|part| nested(part, depth + 1))
            .collect::<Vec<_>>()
            .join(separator)
    };
    let (kind, body) = match json {
        _ if depth > MAX_DEPTH => return "…".to_owned(),
        Value::String(word) => return word.clone(),
        Value::Array(_) => return list(json, ","),
        Value::Bool(exists) => return if *exists { "exists" } else { "missing" }.to_owned(),
        Value::Object(object) if object.len() == 1 => match object.iter().next() {
            Some(pair) => pair,
            None => return String::new(),
        },
        other => return other.to_string(),
    };
    let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let part = |name: &str| {
        body.get(name)
            .map(|part| nested(part, depth + 1))
            .unwrap_or_default()
    };
    match kind.as_str() {
        "payload" if body.get("base").is_some() => {
            format!("@{},{},{}", word("base"), part("offset"), part("len"))
        }
        "payload" => format!(
            "{} {}",
            body.get("protocol")
                .or_else(|| body.get("name"))
                .and_then(Value::as_str)
                .unwrap_or_default(),
            word("field")
        ),
        "meta" => match body.as_str().unwrap_or(word("key")) {
            key @ ("iif" | "oif" | "iifname" | "oifname" | "iifgroup" | "oifgroup") => key.to_owned(),
            key => format!("meta {key}"),
        },
        "ct" => match word("dir") {
            "" => format!("ct {}", word("key")),
            dir => format!("ct {dir} {}", word("key")),
        },
        "fib" => format!("fib {} {}", words(body.get("flags")).join(" . "), word("result")),
        "concat" => list(body, " . "),
        "set" => {
            let items =
                body.as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| match item.as_array().map(Vec::as_slice) {
                        Some([key, value]) => {
                            format!("{} : {}", nested(key, depth + 1), nested(value, depth + 1))
                        }
                        _ => nested(item, depth + 1),
                    });
            format!("{{ {} }}", items.collect::<Vec<_>>().join(", "))
        }
        "prefix" => format!("{}/{}", part("addr"), part("len")),
        "range" => list(body, "-"),
        "map" => format!("{} map {}", part("key"), part("data")),
        "elem" => part("val"),
        "|" | "&" | "^" | "<<" | ">>" => list(body, &format!(" {kind} ")),
        "numgen" => format!("numgen {} mod {}", word("mode"), part("mod")),
        "jump" | "goto" => format!("{kind} {}", word("target")),
        "socket" | "rt" | "tcp option" | "exthdr" => {
            let mut text = kind.clone();
            for name in ["name", "field", "key"] {
                if body.get(name).is_some() {
                    let _ = write!(text, " {}", part(name));
                }
            }
            text
        }
        _ if body.is_null() => kind.clone(),
        _ => json.to_string(),
    }
}
