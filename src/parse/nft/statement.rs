//! Statements of a rule.

use serde_json::Value;

use super::expr::value;
use super::key::key;
use super::{text, words};
use crate::state::netfilter::names::Domain;
use crate::state::netfilter::{
    Counters, Expr, Family, Limit, Log, Match, Nat, NatFlags, NatKind, Op, Queue, Reject, SetOp, SetUpdate,
    Stateful, Statement, Verdict,
};

/// One statement; what isn't understood is unknown, in nft's syntax.
pub(super) fn statement(json: &Value) -> Statement {
    known(json).unwrap_or_else(|| Statement::Unknown {
        text: text::statement(json).into(),
        acts: json.get("match").is_none() && json["xt"]["type"] != "match",
    })
}

fn known(json: &Value) -> Option<Statement> {
    if let Some(verdict) = verdict(json) {
        return Some(Statement::Verdict(verdict));
    }
    // `notrack`, `masquerade` and their like may be words of their own.
    let null = Value::Null;
    let (kind, body) = match json {
        Value::String(word) => (word.as_str(), &null),
        Value::Object(object) if object.len() == 1 => {
            let (kind, body) = object.iter().next()?;
            (kind.as_str(), body)
        }
        _ => return None,
    };
    match kind {
        "match" => matched(body),
        "counter" if body.is_object() || body.is_null() => Some(Statement::Counter(counters(body))),
        "mangle" => mangle(body),
        "vmap" => {
            let key = value(body.get("key")?, &[]);
            let domains = Domain::of_expr(&key);
            let map = value(body.get("data")?, &domains);
            Some(Statement::Vmap(Box::new((key, map))))
        }
        "reject" => reject(body).map(Statement::Reject),
        "dnat" => nat(NatKind::Dnat, body),
        "snat" => nat(NatKind::Snat, body),
        "masquerade" => nat(NatKind::Masquerade, body),
        "redirect" => nat(NatKind::Redirect, body),
        "notrack" => Some(Statement::Notrack),
        "limit" if body.is_object() => limit(body).map(stateful),
        "log" => Some(Statement::Log(Box::new(log(body)?))),
        "ct count" => Some(stateful(Stateful::CtCount {
            count: body.get("val")?.as_u64()?,
            over: body.get("inv").and_then(Value::as_bool).unwrap_or_default(),
        })),
        "quota" if body.is_object() => Some(stateful(Stateful::Quota {
            options: body.to_string().into(),
        })),
        "last" => Some(stateful(Stateful::Last)),
        "set" | "map" => update(kind, body),
        "meter" => meter(body),
        "flow" => {
            let name = body.get("flowtable")?.as_str()?;
            Some(Statement::Flow(name.strip_prefix('@').unwrap_or(name).into()))
        }
        "tproxy" => tproxy(body),
        "dup" => tee(body),
        "synproxy" if !body.is_string() => Some(Statement::Synproxy(body.to_string().into())),
        "counter" | "quota" | "limit" | "synproxy" | "ct helper" | "ct timeout" | "ct expectation"
        | "secmark" => {
            let name = match body.as_str() {
                Some(name) => Expr::Text(name.into()),
                None => value(body, &[]),
            };
            Some(Statement::Object(Box::new((kind.into(), name))))
        }
        // It only carries a text.
        "xt" if body["type"] == "match" && body["name"] == "comment" => {
            Some(Statement::Extension("comment".into()))
        }
        _ => None,
    }
}

fn stateful(kind: Stateful) -> Statement {
    Statement::Stateful(Box::new(kind))
}

/// A verdict, also as a value of a map.
pub(super) fn verdict(json: &Value) -> Option<Verdict> {
    if let Value::String(word) = json {
        return match word.as_str() {
            "accept" => Some(Verdict::Accept),
            "drop" => Some(Verdict::Drop),
            "return" => Some(Verdict::Return),
            "continue" => Some(Verdict::Continue),
            _ => None,
        };
    }
    let (kind, body) = json
        .as_object()
        .filter(|object| object.len() == 1)?
        .iter()
        .next()?;
    let target = || Some(body.get("target")?.as_str()?.into());
    match kind.as_str() {
        "accept" => Some(Verdict::Accept),
        "drop" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "continue" => Some(Verdict::Continue),
        "jump" => Some(Verdict::Jump(target()?)),
        "goto" => Some(Verdict::Goto(target()?)),
        "queue" => queue(body).map(|queue| Verdict::Queue(Box::new(queue))),
        _ => None,
    }
}

fn queue(body: &Value) -> Option<Queue> {
    let flags = words(body.get("flags"));
    let mut queue = Queue {
        bypass: flags.contains(&"bypass"),
        fanout: flags.contains(&"fanout"),
        ..Queue::default()
    };
    let number = |expr: &Expr| match expr {
        Expr::Number(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    match body.get("num").map(|num| value(num, &[])) {
        None => queue.range = Some((0, 0)),
        Some(Expr::Range(ends)) => queue.range = Some((number(&ends.0)?, number(&ends.1)?)),
        Some(Expr::Number(num)) => {
            let num = u16::try_from(num).ok()?;
            queue.range = Some((num, num));
        }
        Some(by) => queue.by = Some(by),
    }
    Some(queue)
}

fn matched(body: &Value) -> Option<Statement> {
    let key = value(body.get("left")?, &[]);
    let domains = Domain::of_expr(&key);
    let value = value(body.get("right")?, &domains);
    let is_set = matches!(value, Expr::Set(_) | Expr::Named(_));
    let op = match body.get("op").and_then(Value::as_str) {
        Some("==") | None => Op::Eq,
        Some("in") if is_set => Op::Eq,
        Some("in") => Op::AnyBit,
        Some("!") => Op::NoBit,
        Some("!=") => Op::Ne,
        Some("<") => Op::Lt,
        Some("<=") => Op::Le,
        Some(">") => Op::Gt,
        Some(">=") => Op::Ge,
        Some(_) => return None,
    };
    Some(Statement::Match(Match { key, op, value }))
}

fn counters(body: &Value) -> Counters {
    let number = |name| body.get(name).and_then(Value::as_u64).unwrap_or_default();
    Counters {
        packets: number("packets"),
        bytes: number("bytes"),
    }
}

fn mangle(body: &Value) -> Option<Statement> {
    let (left, right) = (body.get("key")?, body.get("value")?);
    if left["tcp option"]["name"] == "maxseg" && left["tcp option"]["field"] == "size" {
        if let Some(size) = right.as_u64() {
            return Some(Statement::TcpMss(Some(u16::try_from(size).ok()?)));
        }
        if right["rt"]["key"] == "mtu" {
            return Some(Statement::TcpMss(None));
        }
    }
    let key = key(left)?;
    let value = value(right, &[Domain::of(&key)]);
    Some(Statement::Set(Box::new((key, value))))
}

fn reject(body: &Value) -> Option<Reject> {
    let Some(kind) = body.get("type").and_then(Value::as_str) else {
        return Some(Reject::Default);
    };
    let with = || Some(body.get("expr")?.as_str()?.into());
    match kind {
        "tcp reset" => Some(Reject::TcpReset),
        "icmp" => Some(Reject::Icmp(with()?)),
        "icmpv6" => Some(Reject::Icmp6(with()?)),
        "icmpx" => Some(Reject::Icmpx(with()?)),
        _ => None,
    }
}

fn nat(kind: NatKind, body: &Value) -> Option<Statement> {
    let flags = words(body.get("flags"));
    let has = |flag: &str| flags.contains(&flag);
    let family = match body.get("family") {
        Some(family) => Some(Family::from_word(family.as_str()?)?),
        None => None,
    };
    Some(Statement::Nat(Box::new(Nat {
        kind,
        family,
        addr: body.get("addr").map(|addr| value(addr, &[])),
        port: body.get("port").map(|port| value(port, &[])),
        port_base: None,
        flags: NatFlags {
            random: has("random"),
            fully_random: has("fully-random"),
            persistent: has("persistent"),
            netmap: has("netmap") || words(body.get("type_flags")).contains(&"prefix"),
        },
    })))
}

fn limit(body: &Value) -> Option<Stateful> {
    let word = |name| body.get(name).and_then(Value::as_str).unwrap_or_default().into();
    Some(Stateful::Limit(Limit {
        rate: body.get("rate")?.as_u64()?,
        per: word("per"),
        unit: word("rate_unit"),
        burst: body.get("burst").and_then(Value::as_u64),
        burst_unit: word("burst_unit"),
        over: body.get("inv").and_then(Value::as_bool).unwrap_or_default(),
    }))
}

fn log(body: &Value) -> Option<Log> {
    let word = |name| body.get(name).and_then(Value::as_str).map(Into::into);
    let number = |name| body.get(name).and_then(Value::as_u64);
    let narrow = |name| number(name).map(u32::try_from).transpose().ok();
    Some(Log {
        prefix: word("prefix"),
        group: number("group").map(u16::try_from).transpose().ok()?,
        level: word("level"),
        snaplen: narrow("snaplen")?,
        queue_threshold: narrow("queue-threshold")?,
        flags: words(body.get("flags")).into_iter().map(Into::into).collect(),
    })
}

/// `{"set": {"op": "add", "elem": …, "set": "@name", "stmt": […]}}`
fn update(kind: &str, body: &Value) -> Option<Statement> {
    let op = match body.get("op")?.as_str()? {
        "add" => SetOp::Add,
        "update" => SetOp::Update,
        "delete" => SetOp::Delete,
        _ => return None,
    };
    let name = body.get(kind)?.as_str()?;
    let elem = body.get("elem")?;
    let inner = elem.get("elem");
    let stmt = body.get("stmt").and_then(Value::as_array).into_iter().flatten();
    Some(Statement::SetUpdate(Box::new(SetUpdate {
        op,
        set: name.strip_prefix('@').unwrap_or(name).into(),
        key: value(inner.and_then(|inner| inner.get("val")).unwrap_or(elem), &[]),
        data: body.get("data").map(|data| value(data, &[])),
        timeout: inner.and_then(|inner| inner.get("timeout")?.as_u64()),
        statements: stmt.map(statement).collect(),
        meter: None,
    })))
}

/// `{"meter": {"name": …, "key": …, "stmt": …, "size": …}}`: adds or updates, and runs the statement.
fn meter(body: &Value) -> Option<Statement> {
    let key = body.get("key")?;
    let inner = key.get("elem");
    Some(Statement::SetUpdate(Box::new(SetUpdate {
        op: SetOp::Add,
        set: body.get("name")?.as_str()?.into(),
        key: value(inner.and_then(|inner| inner.get("val")).unwrap_or(key), &[]),
        data: None,
        timeout: inner.and_then(|inner| inner.get("timeout")?.as_u64()),
        statements: vec![statement(body.get("stmt")?)],
        meter: Some(body.get("size").and_then(Value::as_u64).unwrap_or_default()),
    })))
}

fn tproxy(body: &Value) -> Option<Statement> {
    let family = match body.get("family") {
        Some(family) => Some(Family::from_word(family.as_str()?)?),
        None => None,
    };
    let port = match body.get("port") {
        Some(port) => Some(u16::try_from(port.as_u64()?).ok()?),
        None => None,
    };
    Some(Statement::Tproxy {
        addr: body.get("addr").map(|addr| Box::new(value(addr, &[]))),
        port,
        mark: None,
        family,
    })
}

fn tee(body: &Value) -> Option<Statement> {
    Some(Statement::Tee {
        gateway: body.get("addr")?.as_str()?.parse().ok()?,
        oif: body.get("dev").and_then(Value::as_str).map(Into::into),
    })
}
