//! One rule of a policy or a profile (api `policy_common.go`).

use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::calico::checks::{filled, net, plain_selector, selector, strict_network};
use crate::calico::names;
use crate::calico::schema::{Field, Misfits, Shape};

/// Entries of lists at most (CRDs).
const MAX_RULES: usize = 1024;
const MAX_NETS: usize = 256;
const MAX_PORTS: usize = 50;
const MAX_HTTP: usize = 20;

pub(super) const RULES: Shape = Shape::List(&RULE);

static RULE: Shape = Shape::Checked(
    &[
        Field::required("action", Shape::Enum(&["Allow", "Deny", "Log", "Pass"])),
        Field::optional("ipVersion", Shape::Int(4, 6)),
        Field::optional("protocol", Shape::Protocol),
        Field::optional("icmp", Shape::Object(ICMP)),
        Field::optional("notProtocol", Shape::Protocol),
        Field::optional("notICMP", Shape::Object(ICMP)),
        Field::optional("source", Shape::Object(ENTITY)),
        Field::optional("destination", Shape::Object(ENTITY)),
        Field::optional("http", Shape::Object(HTTP)),
        Field::optional(
            "metadata",
            Shape::Object(&[Field::optional("annotations", Shape::Annotations)]),
        ),
    ],
    fits,
);

const ICMP: &[Field] = &[
    Field::pointer("type", Shape::Int(0, 254)),
    Field::pointer("code", Shape::Int(0, 255)),
];

const HTTP: &[Field] = &[
    Field::optional("methods", Shape::Set(&Shape::Text(filled))),
    Field::optional(
        "paths",
        Shape::List(&Shape::Object(&[
            Field::optional("exact", Shape::Text(http_path)),
            Field::optional("prefix", Shape::Text(http_path)),
        ])),
    ),
];

const ENTITY: &[Field] = &[
    Field::optional("nets", Shape::Set(&Shape::Text(strict_network))),
    Field::optional("selector", Shape::Text(plain_selector)),
    Field::optional("namespaceSelector", Shape::Text(namespace_selector)),
    Field::optional(
        "services",
        Shape::Object(&[
            Field::required("name", Shape::Text(names::check_name)),
            Field::optional("namespace", Shape::Text(names::check_name)),
        ]),
    ),
    Field::optional("ports", Shape::List(&Shape::Port)),
    Field::optional("notNets", Shape::Set(&Shape::Text(strict_network))),
    Field::optional("notSelector", Shape::Text(selector)),
    Field::optional("notPorts", Shape::List(&Shape::Port)),
    Field::optional(
        "serviceAccounts",
        Shape::Object(&[
            Field::optional("names", Shape::Set(&Shape::Text(filled))),
            Field::optional("selector", Shape::Text(selector)),
        ]),
    ),
];

fn http_path(text: &str) -> Result<(), String> {
    if text.starts_with('/') && !text.contains(['?', '#', ' ']) {
        return Ok(());
    }
    Err(format!(
        "{text:?} must start with / and not contain ?, # or a blank"
    ))
}

fn namespace_selector(text: &str) -> Result<(), String> {
    selector(text)?;
    let compact: String = text.split_whitespace().collect();
    if text.contains("global(") && compact != "global()" {
        return Err("global() cannot be combined with other selectors".into());
    }
    Ok(())
}

/// A field of a field.
fn at<'v>(rule: &'v Map<String, Value>, part: &str, field: &str) -> Option<&'v Value> {
    rule.get(part)?.get(field)
}

fn items<'v>(rule: &'v Map<String, Value>, part: &str, field: &str) -> &'v [Value] {
    at(rule, part, field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn fits(rule: &Map<String, Value>, misfits: &mut Misfits) {
    ports_fit(rule, misfits);
    icmp_fits(rule, misfits);
    nets_fit(rule, misfits);
    http_fits(rule, misfits);
    for side in ["source", "destination"] {
        services_fit(rule, side, misfits);
    }
    if rule.get("ipVersion") == Some(&Value::from(5)) {
        misfits.add("ipVersion", "is 5, must be 4 or 6");
    }
}

/// Whether a protocol is this one, by name or number.
fn is(protocol: &Value, name: &str, number: u64) -> bool {
    let text = protocol.as_str();
    text == Some(name)
        || protocol.as_u64() == Some(number)
        || text.is_some_and(|text| text.parse() == Ok(number))
}

fn ports_fit(rule: &Map<String, Value>, misfits: &mut Misfits) {
    let protocol = rule.get("protocol");
    let has_ports = |protocol: &Value| {
        [("TCP", 6), ("UDP", 17), ("SCTP", 132)]
            .iter()
            .any(|(name, number)| is(protocol, name, *number))
    };
    for side in ["source", "destination"] {
        for field in ["ports", "notPorts"] {
            let ports = items(rule, side, field);
            let path = format!("{side}.{field}");
            let numeric =
                |port: &Value| port.is_number() || port.as_str().is_some_and(|text| text.contains(':'));
            if ports.len() > MAX_PORTS {
                misfits.add(
                    path.as_str(),
                    format!("has {} ports, more than {MAX_PORTS}", ports.len()),
                );
            }
            match protocol {
                None if ports.iter().any(numeric) => {
                    misfits.add(path, "needs protocol TCP, UDP or SCTP in the rule");
                }
                Some(protocol) if !ports.is_empty() && !has_ports(protocol) => {
                    misfits.add(
                        path,
                        format!("{protocol} has no ports; only TCP, UDP and SCTP have"),
                    );
                }
                _ => {}
            }
        }
    }
}

fn icmp_fits(rule: &Map<String, Value>, misfits: &mut Misfits) {
    for field in ["icmp", "notICMP"] {
        if at(rule, field, "code").is_some() && at(rule, field, "type").is_none() {
            misfits.add(
                format!("{field}.code"),
                "ICMP code specified without an ICMP type",
            );
        }
    }
    let protocol = rule.get("protocol");
    let is_icmp = |protocol: &Value| protocol == "ICMP" || protocol == "ICMPv6";
    if rule.get("icmp").is_some() && !protocol.is_some_and(is_icmp) {
        misfits.add("icmp", "needs protocol ICMP or ICMPv6 in the rule");
    }
    for (name, version) in [("ICMP", 4), ("ICMPv6", 6)] {
        let named = [protocol, rule.get("notProtocol")]
            .into_iter()
            .flatten()
            .any(|protocol| protocol == name);
        let other = rule
            .get("ipVersion")
            .and_then(Value::as_u64)
            .is_some_and(|given| given != version);
        if named && other {
            misfits.add("ipVersion", format!("must be {version} with protocol {name}"));
        }
    }
}

fn nets_fit(rule: &Map<String, Value>, misfits: &mut Misfits) {
    let version = rule.get("ipVersion").and_then(Value::as_u64);
    let mut first: Option<u64> = None;
    for side in ["source", "destination"] {
        for field in ["nets", "notNets"] {
            let nets = items(rule, side, field);
            if nets.len() > MAX_NETS {
                misfits.add(
                    format!("{side}.{field}"),
                    format!("has {} networks, more than {MAX_NETS}", nets.len()),
                );
            }
            for (index, net) in nets.iter().filter_map(|value| net(value.as_str()?)).enumerate() {
                let path = || format!("{side}.{field}[{index}]");
                let family = if matches!(net, IpNet::V4(_)) { 4 } else { 6 };
                if field == "notNets" && net.prefix_len() == 0 {
                    misfits.add(
                        path(),
                        format!("{net} is everything: such a rule would match no traffic"),
                    );
                }
                if version.is_some_and(|version| version != family) {
                    misfits.add(path(), format!("{net} is not of IP version {}", 10 - family));
                } else if first.is_some_and(|first| first != family) {
                    misfits.add(path(), "rule contains both IPv4 and IPv6 CIDRs");
                }
                first.get_or_insert(family);
            }
        }
    }
}

fn http_fits(rule: &Map<String, Value>, misfits: &mut Misfits) {
    if rule.get("http").is_none() {
        return;
    }
    if rule.get("action").is_some_and(|action| action != "Allow") {
        misfits.add("http", "only valid for Allow rules");
    }
    if rule
        .get("protocol")
        .is_some_and(|protocol| !is(protocol, "TCP", 6))
    {
        misfits.add(
            "protocol",
            "rules that specify HTTP fields must set protocol to TCP or empty",
        );
    }
    for field in ["methods", "paths"] {
        let count = items(rule, "http", field).len();
        if count > MAX_HTTP {
            misfits.add(
                format!("http.{field}"),
                format!("has {count} entries, more than {MAX_HTTP}"),
            );
        }
    }
    for (index, path) in items(rule, "http", "paths").iter().enumerate() {
        if path.get("exact").is_some() == path.get("prefix").is_some() {
            misfits.add(
                format!("http.paths[{index}]"),
                "must have one of exact and prefix",
            );
        }
    }
}

fn services_fit(rule: &Map<String, Value>, side: &str, misfits: &mut Misfits) {
    if at(rule, side, "services").is_none() {
        return;
    }
    for field in [
        "namespaceSelector",
        "selector",
        "notSelector",
        "serviceAccounts",
        "nets",
        "notNets",
        "ports",
        "notPorts",
    ] {
        if at(rule, side, field).is_some() {
            misfits.add(format!("{side}.{field}"), "can't be given together with services");
        }
    }
}

/// What rules may not have because of the direction they are for, and of the policy they are in.
pub(super) fn directions_fit(spec: &Map<String, Value>, global: bool, misfits: &mut Misfits) {
    for (direction, wrong, right) in [
        ("ingress", "destination", "source"),
        ("egress", "source", "destination"),
    ] {
        let rules = spec
            .get(direction)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if rules.len() > MAX_RULES {
            misfits.add(
                direction,
                format!("has {} rules, more than {MAX_RULES}", rules.len()),
            );
        }
        for (index, rule) in rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| Some((index, rule.as_object()?)))
        {
            let path = |field: &str| format!("{direction}[{index}].{field}");
            if at(rule, wrong, "services").is_some() {
                misfits.add(
                    path(&format!("{wrong}.services")),
                    format!("not allowed in {direction} rule {wrong}"),
                );
            }
            if direction == "egress" && rule.get("http").is_some() {
                misfits.add(path("http"), "not allowed in egress rules");
            }
            let services = at(rule, right, "services");
            if global && services.is_some_and(|services| services.get("namespace").is_none()) {
                misfits.add(
                    path(&format!("{right}.services")),
                    "must specify a namespace in a policy without one",
                );
            }
        }
    }
}
