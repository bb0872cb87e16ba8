//! Calico's resources as policies, profiles and sets.

use ipnet::IpNet;
use serde_json::Value;

use super::model::{Mode, Policy, PolicyName, Profile};
use super::rule::{Action, Entity, Icmp, Ports, Rule};
use super::selectors::{self, ACCOUNT, ACCOUNT_PREFIX, NAMESPACE, and, equal, of_namespaces, prefixed};
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::calico::selector::Selector;

/// The selector in a text; none for an empty one.
fn selector(text: Option<&str>) -> Result<Option<Selector>, String> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|error| format!("selector {text:?}: {error}")),
        None => Ok(None),
    }
}

/// A GlobalNetworkPolicy or a NetworkPolicy.
pub fn policy(resource: &Resource) -> Policy {
    let text = |field: &str| resource.text(&["spec", field]).filter(|text| !text.is_empty());
    let on = |field: &str| resource.field(&["spec", field]) == Some(&Value::Bool(true));
    let namespace =
        (resource.kind == Kind::NetworkPolicy).then(|| resource.namespace().unwrap_or("default").to_owned());
    let rules = |field: &str| {
        let rules = resource.field(&["spec", field]).and_then(Value::as_array);
        rules.map(|rules| rules_of(rules, namespace.as_deref()))
    };
    let types: Vec<&str> = resource
        .field(&["spec", "types"])
        .and_then(Value::as_array)
        .map(|types| types.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let (ingress, egress) = (rules("ingress"), rules("egress"));
    let filled = |rules: &Option<Vec<Rule>>| rules.as_ref().is_some_and(|rules| !rules.is_empty());
    // What the API server fills in when nothing is said.
    let (for_ingress, for_egress) = if types.is_empty() {
        (filled(&ingress) || !filled(&egress), filled(&egress))
    } else {
        (types.contains(&"Ingress"), types.contains(&"Egress"))
    };
    let (selector, unknown) = match selects(resource, namespace.as_deref()) {
        Ok(selector) => (selector, None),
        Err(why) => (None, Some(why)),
    };
    Policy {
        tier: text("tier").unwrap_or("default").to_owned(),
        order: resource.field(&["spec", "order"]).and_then(Value::as_f64),
        selector,
        mode: if on("doNotTrack") {
            Mode::DoNotTrack
        } else if on("preDNAT") {
            Mode::PreDnat
        } else if on("applyOnForward") || namespace.is_some() {
            Mode::ApplyOnForward
        } else {
            Mode::Normal
        },
        ingress: for_ingress.then(|| ingress.unwrap_or_default()),
        egress: for_egress.then(|| egress.unwrap_or_default()),
        unknown,
        name: match namespace {
            Some(namespace) => PolicyName::Calico(namespace, resource.name().to_owned()),
            None => PolicyName::Global(resource.name().to_owned()),
        },
    }
}

/// Which endpoints a policy is for.
fn selects(policy: &Resource, namespace: Option<&str>) -> Result<Option<Selector>, String> {
    let part = |field: &str| selector(policy.text(&["spec", field]));
    let own = part("selector")?;
    if let Some(namespace) = namespace {
        let accounts = part("serviceAccountSelector")?;
        let own = and(own, Some(equal(NAMESPACE, namespace)));
        return Ok(and(
            own,
            accounts.map(|it| prefixed(it, ACCOUNT_PREFIX, &|other| other)),
        ));
    }
    // Where namespaces or accounts are selected, `all()` is everything that has one: in the policy's own selector, too.
    let mut selector = own;
    for (field, prefix, label) in [
        ("namespaceSelector", selectors::NAMESPACE_PREFIX, NAMESPACE),
        ("serviceAccountSelector", ACCOUNT_PREFIX, ACCOUNT),
    ] {
        let Some(part) = part(field)? else { continue };
        let every = |selector| match selector {
            Selector::All => Selector::Has(label.to_owned()),
            other => other,
        };
        let part = prefixed(part, prefix, &|other| other);
        selector = and(selector, Some(part)).map(|it| prefixed(it, "", &every));
    }
    Ok(selector)
}

/// A Profile.
pub fn profile(resource: &Resource) -> Profile {
    let rules = |field: &str| {
        let rules = resource.field(&["spec", field]).and_then(Value::as_array);
        rules.map(|rules| rules_of(rules, None)).unwrap_or_default()
    };
    Profile {
        name: resource.name().to_owned(),
        ingress: rules("ingress"),
        egress: rules("egress"),
    }
}

fn rules_of(rules: &[Value], namespace: Option<&str>) -> Vec<Rule> {
    rules
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let mut rule = rule(value, namespace);
            rule.number = index + 1;
            rule
        })
        .collect()
}

fn rule(value: &Value, namespace: Option<&str>) -> Rule {
    let mut problems = Vec::new();
    let mut keep = |result: Result<Entity, String>| {
        result.unwrap_or_else(|why| {
            problems.push(why);
            Entity::default()
        })
    };
    let source = keep(entity(value.get("source"), namespace));
    let destination = keep(entity(value.get("destination"), namespace));
    let action = match value.get("action").and_then(Value::as_str).unwrap_or_default() {
        "Allow" | "allow" => Action::Allow,
        "Deny" | "deny" => Action::Deny,
        "Pass" | "pass" | "next-tier" => Action::Pass,
        "Log" | "log" => Action::Log,
        other => {
            problems.push(format!("action {other:?} is not known"));
            Action::Deny
        }
    };
    let mut number = |field: &str| match value.get(field).filter(|value| !value.is_null()) {
        Some(given) => protocol(given).or_else(|| {
            problems.push(format!("{field} {given} is not known"));
            None
        }),
        None => None,
    };
    let (protocol, not_protocol) = (number("protocol"), number("notProtocol"));
    Rule {
        ip_version: value.get("ipVersion").and_then(Value::as_u64).and_then(small),
        protocol,
        not_protocol,
        icmp: icmp(value.get("icmp")),
        not_icmp: icmp(value.get("notICMP")),
        source,
        destination,
        unknown: problems.into_iter().next(),
        ..Rule::any(action)
    }
}

fn small(number: u64) -> Option<u8> {
    u8::try_from(number).ok()
}

/// A protocol by name or number.
pub fn protocol(value: &Value) -> Option<u8> {
    if let Some(number) = value.as_u64() {
        return small(number);
    }
    let text = value.as_str()?;
    let named = match text.to_ascii_lowercase().as_str() {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmpv6" => 58,
        "sctp" => 132,
        "udplite" => 136,
        _ => return text.parse().ok(),
    };
    Some(named)
}

fn icmp(value: Option<&Value>) -> Option<Icmp> {
    let value = value?.as_object()?;
    let number = |field: &str| value.get(field).and_then(Value::as_u64).and_then(small);
    let icmp = Icmp {
        kind: number("type"),
        code: number("code"),
    };
    (icmp != Icmp::default()).then_some(icmp)
}

fn entity(value: Option<&Value>, namespace: Option<&str>) -> Result<Entity, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(Entity::default());
    };
    let text = |field: &str| value.get(field).and_then(Value::as_str);
    let service = value
        .get("services")
        .filter(|value| value.is_object())
        .map(|service| {
            let part = |field: &str| service.get(field).and_then(Value::as_str);
            let within = part("namespace").or(namespace).unwrap_or_default();
            (within.to_owned(), part("name").unwrap_or_default().to_owned())
        });
    Ok(Entity {
        nets: nets(value, "nets")?,
        not_nets: nets(value, "notNets")?,
        selector: peers(value, namespace)?,
        not_selector: selector(text("notSelector"))?,
        ports: ports(value, "ports")?,
        not_ports: ports(value, "notPorts")?,
        service,
    })
}

/// Whom a rule means. As soon as one selector is given, a policy with a namespace means those of its own namespace,
/// unless it selects namespaces.
fn peers(value: &Value, namespace: Option<&str>) -> Result<Option<Selector>, String> {
    let text = |field: &str| {
        value
            .get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let namespaces = selector(text("namespaceSelector"))?.map(of_namespaces);
    let mut own = accounts(value.get("serviceAccounts"))?;
    own = and(own, selector(text("selector"))?);
    let asks = own.is_some() || namespaces.is_some() || text("notSelector").is_some();
    let within = match namespaces {
        Some(namespaces) => Some(namespaces),
        None => namespace
            .filter(|_| asks)
            .map(|namespace| equal(NAMESPACE, namespace)),
    };
    Ok(and(within, own))
}

fn accounts(value: Option<&Value>) -> Result<Option<Selector>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let by_labels = selector(value.get("selector").and_then(Value::as_str))?
        .map(|it| prefixed(it, ACCOUNT_PREFIX, &|other| other));
    let names: Vec<String> = value
        .get("names")
        .and_then(Value::as_array)
        .map(|names| {
            names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let by_names = (!names.is_empty()).then(|| Selector::In {
        label: ACCOUNT.to_owned(),
        negated: false,
        values: names,
    });
    Ok(and(by_labels, by_names))
}

/// Networks of a list; an address is one of its own.
pub fn nets(value: &Value, field: &str) -> Result<Vec<IpNet>, String> {
    let list = value.get(field).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|net| {
            let text = net.as_str().unwrap_or_default();
            let single = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
            text.parse::<IpNet>()
                .ok()
                .map(|net| net.trunc())
                .or_else(single)
                .ok_or_else(|| format!("{field} {net} is no network"))
        })
        .collect()
}

fn ports(value: &Value, field: &str) -> Result<Vec<Ports>, String> {
    let list = value.get(field).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|port| {
            if let Some(number) = port.as_u64() {
                let number = u16::try_from(number).map_err(|_| format!("{field} {port} is no port"))?;
                return Ok(Ports::Range(number, number));
            }
            let text = port
                .as_str()
                .ok_or_else(|| format!("{field} {port} is no port"))?;
            let (first, last) = text.split_once(':').unwrap_or((text, text));
            Ok(match (first.parse(), last.parse()) {
                (Ok(first), Ok(last)) => Ports::Range(first, last),
                _ => Ports::Named(text.to_owned()),
            })
        })
        .collect()
}
