//! Rules of v1 policies and profiles, and what else changed its spelling.

use serde_json::{Map, Value, json};

use crate::calico::checks::net_or_ip;
use crate::calico::names;

/// The names of protocols as v3 spells them.
const PROTOCOLS: [&str; 6] = ["TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite"];

/// The rules of a direction.
pub(super) fn rules(spec: &Value, direction: &str) -> Option<Value> {
    let rules = spec.get(direction)?.as_array()?;
    Some(rules.iter().map(rule).collect())
}

fn rule(v1: &Value) -> Value {
    let mut rule = Map::new();
    let action = v1.get("action").and_then(Value::as_str).unwrap_or("allow");
    rule.insert("action".into(), self::action(action).into());
    for key in ["ipVersion", "icmp", "notICMP"] {
        if let Some(value) = v1.get(key) {
            rule.insert(key.into(), value.clone());
        }
    }
    for key in ["protocol", "notProtocol"] {
        if let Some(value) = v1.get(key) {
            rule.insert(key.into(), protocol(value));
        }
    }
    for side in ["source", "destination"] {
        let entity = v1.get(side).map(entity).unwrap_or_default();
        if !entity.is_empty() {
            rule.insert(side.into(), Value::Object(entity));
        }
    }
    Value::Object(rule)
}

/// What a rule does: `next-tier` became Pass, and an empty action was Allow.
fn action(v1: &str) -> &'static str {
    match v1.to_lowercase().as_str() {
        "deny" => "Deny",
        "log" => "Log",
        "pass" | "next-tier" => "Pass",
        _ => "Allow",
    }
}

/// A protocol in v3's spelling.
pub(super) fn protocol(v1: &Value) -> Value {
    let name = v1
        .as_str()
        .and_then(|text| PROTOCOLS.into_iter().find(|name| name.eq_ignore_ascii_case(text)));
    name.map_or_else(|| v1.clone(), Value::from)
}

fn entity(v1: &Value) -> Map<String, Value> {
    let mut entity = Map::new();
    for (one, many, selector, tag, ports) in [
        ("net", "nets", "selector", "tag", "ports"),
        ("notNet", "notNets", "notSelector", "notTag", "notPorts"),
    ] {
        let nets: Vec<Value> = v1
            .get(one)
            .into_iter()
            .chain(v1.get(many).and_then(Value::as_array).into_iter().flatten())
            .filter_map(|net| Some(net_or_ip(net.as_str()?)?.trunc().to_string().into()))
            .collect();
        if !nets.is_empty() {
            entity.insert(many.into(), nets.into());
        }
        let text = |key: &str| v1.get(key).and_then(Value::as_str).unwrap_or_default();
        let merged = with_tag(&self::selector(text(selector)), text(tag));
        if !merged.is_empty() {
            entity.insert(selector.into(), merged.into());
        }
        if let Some(value) = v1.get(ports) {
            entity.insert(ports.into(), value.clone());
        }
    }
    entity
}

/// Tags became labels with an empty value.
fn with_tag(selector: &str, tag: &str) -> String {
    match (selector, tag) {
        (_, "") => selector.to_owned(),
        ("", tag) => format!("{tag} == ''"),
        (selector, tag) => format!("({selector}) && {tag} == ''"),
    }
}

/// A selector with the names that labels have in v3.
pub(super) fn selector(v1: &str) -> String {
    v1.replace("calico/k8s_ns", "projectcalico.org/namespace")
}

/// A profile's v3 name: those of namespaces got a shorter prefix.
pub(super) fn name_of_profile(v1: &str) -> String {
    match v1.strip_prefix("k8s_ns.") {
        Some(namespace) => names::converted(&format!("kns.{namespace}")),
        None => names::converted(v1),
    }
}

/// Ports of an endpoint.
pub(super) fn ports(spec: &Value) -> Option<Value> {
    let ports = spec.get("ports")?.as_array()?;
    let port = |port: &Value| {
        json!({
            "name": port["name"],
            "protocol": protocol(&port["protocol"]),
            "port": port["port"],
        })
    };
    Some(ports.iter().map(port).collect())
}
