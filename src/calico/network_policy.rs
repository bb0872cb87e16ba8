//! Kubernetes' NetworkPolicy as a NetworkPolicy of Calico's (libcalico-go `lib/backend/k8s/conversion`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::checks::{cidr, net_or_ip};
use super::kinds::ANY_METADATA;
use super::names;
use super::resource::{Kind, Resource};
use super::schema::{self, Fault, Field, Misfits, Shape};
use super::tree::Tree;

/// `apiVersion` of the kind that is read, now and before Kubernetes 1.16.
pub const API_VERSIONS: [&str; 2] = ["networking.k8s.io/v1", "extensions/v1beta1"];

/// The order that Calico gives to all of them.
const ORDER: u32 = 1000;
/// What every pod of Kubernetes has as a label, and nothing else has.
const IS_POD: &str = "projectcalico.org/orchestrator == 'k8s'";

static POLICY: Shape = Shape::Object(&[
    Field::optional("apiVersion", Shape::Ignored),
    Field::optional("kind", Shape::Ignored),
    Field::required("metadata", Shape::Object(ANY_METADATA)),
    Field::required(
        "spec",
        Shape::Object(&[
            Field::optional("podSelector", SELECTOR),
            Field::optional("policyTypes", Shape::Set(&Shape::Enum(&["Ingress", "Egress"]))),
            Field::pointer(
                "ingress",
                Shape::List(&Shape::Object(&[
                    Field::optional("from", PEERS),
                    Field::optional("ports", PORTS),
                ])),
            ),
            Field::pointer(
                "egress",
                Shape::List(&Shape::Object(&[
                    Field::optional("to", PEERS),
                    Field::optional("ports", PORTS),
                ])),
            ),
        ]),
    ),
    Field::optional("status", Shape::Ignored),
]);

const SELECTOR: Shape = Shape::Object(&[
    Field::optional("matchLabels", Shape::Labels),
    Field::optional(
        "matchExpressions",
        Shape::List(&Shape::Checked(
            &[
                Field::required("key", Shape::Text(names::check_key)),
                Field::required(
                    "operator",
                    Shape::Enum(&["In", "NotIn", "Exists", "DoesNotExist"]),
                ),
                Field::optional("values", Shape::List(&Shape::Text(names::check_label_value))),
            ],
            values_fit,
        )),
    ),
]);

fn values_fit(expression: &Map<String, Value>, misfits: &mut Misfits) {
    let wants = matches!(
        expression.get("operator").and_then(Value::as_str),
        Some("In" | "NotIn")
    );
    match (wants, expression.contains_key("values")) {
        (true, false) => misfits.add("values", "is needed by In and NotIn"),
        (false, true) => misfits.add("values", "means nothing to Exists and DoesNotExist"),
        _ => {}
    }
}

const PEERS: Shape = Shape::List(&Shape::Checked(
    &[
        Field::pointer("podSelector", SELECTOR),
        Field::pointer("namespaceSelector", SELECTOR),
        Field::optional(
            "ipBlock",
            Shape::Object(&[
                Field::required("cidr", Shape::Text(cidr)),
                Field::optional("except", Shape::List(&Shape::Text(cidr))),
            ]),
        ),
    ],
    peer_fits,
));

fn peer_fits(peer: &Map<String, Value>, misfits: &mut Misfits) {
    let has = |key: &str| peer.contains_key(key);
    let selects = has("podSelector") || has("namespaceSelector");
    match (has("ipBlock"), selects) {
        (true, true) => misfits.add("ipBlock", "can't be given together with selectors"),
        (false, false) => misfits.add("", "needs podSelector, namespaceSelector or ipBlock"),
        _ => {}
    }
}

const PORTS: Shape = Shape::List(&Shape::Object(&[
    Field::optional("protocol", Shape::Enum(&["TCP", "UDP", "SCTP"])),
    Field::optional("port", Shape::IntOrText),
    Field::optional("endPort", Shape::Int(1, 65_535)),
]));

/// Reads a policy; `None` when a fault was added. It keeps its name and namespace: Calico's own copy, which begins with
/// `knp.default.`, can't be written.
pub(super) fn read(tree: &Tree, faults: &mut Vec<Fault>) -> Option<Resource> {
    let before = faults.len();
    let value = schema::read(&POLICY, tree, faults);
    if faults.len() > before {
        return None;
    }
    // A list that is empty says something here, and may be lost by reading.
    let given = |direction: &str| tree.get("spec").is_some_and(|spec| spec.get(direction).is_some());
    Some(convert(&value, given("egress")))
}

fn convert(value: &Value, has_egress: bool) -> Resource {
    let metadata = |key: &str| value.pointer(&format!("/metadata/{key}"));
    let name = metadata("name").and_then(Value::as_str).unwrap_or_default();
    let mut policy = Resource::new(Kind::NetworkPolicy, name);
    let namespace = metadata("namespace").and_then(Value::as_str);
    policy.set_namespace(namespace.unwrap_or("default"));
    if let Some(labels) = metadata("labels") {
        policy.set(&["metadata", "labels"], Some(labels.clone()));
    }
    let spec = value.get("spec").cloned().unwrap_or_default();
    let types = match spec.get("policyTypes").and_then(Value::as_array) {
        Some(types) if !types.is_empty() => types.clone(),
        _ if has_egress && !rules_of(&spec, "egress").is_empty() => vec![json!("Ingress"), json!("Egress")],
        _ => vec![json!("Ingress")],
    };
    policy.set(&["spec", "order"], Some(ORDER.into()));
    policy.set(&["spec", "tier"], Some("default".into()));
    policy.set(
        &["spec", "selector"],
        Some(pods(spec.get("podSelector").unwrap_or(&Value::Null)).into()),
    );
    for (direction, word, peers, side) in [
        ("ingress", "Ingress", "from", "source"),
        ("egress", "Egress", "to", "destination"),
    ] {
        // Rules of a direction that the policy isn't for mean nothing to Kubernetes.
        let rules: Vec<Value> = rules_of(&spec, direction)
            .iter()
            .filter(|_| types.iter().any(|given| given == word))
            .flat_map(|rule| rules(rule, peers, side))
            .collect();
        if !rules.is_empty() {
            policy.set(&["spec", direction], Some(rules.into()));
        }
    }
    policy.set(&["spec", "types"], Some(types.into()));
    policy
}

fn rules_of<'v>(spec: &'v Value, direction: &str) -> &'v [Value] {
    let rules = spec.get(direction).and_then(Value::as_array);
    rules.map_or(&[], Vec::as_slice)
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A rule a peer and protocol: each rule of Kubernetes allows what fits one of its peers and one of its ports.
fn rules(rule: &Value, peers: &str, side: &str) -> Vec<Value> {
    let peers: Vec<Option<&Value>> = match list(rule, peers) {
        [] => vec![None],
        peers => peers.iter().map(Some).collect(),
    };
    let ports = ports_by_protocol(list(rule, "ports"));
    let mut rules = Vec::new();
    for peer in peers {
        let entity = peer.map(entity).unwrap_or_default();
        if ports.is_empty() {
            rules.push(one(None, &[], &entity, side));
        }
        for (protocol, ports) in &ports {
            rules.push(one(Some(protocol), ports, &entity, side));
        }
    }
    rules
}

fn one(protocol: Option<&str>, ports: &[Value], entity: &Map<String, Value>, side: &str) -> Value {
    let mut rule = json!({"action": "Allow"});
    if let Some(protocol) = protocol {
        rule["protocol"] = protocol.into();
    }
    if !entity.is_empty() {
        rule[side] = entity.clone().into();
    }
    if !ports.is_empty() {
        rule["destination"]["ports"] = ports.to_vec().into();
    }
    rule
}

/// The ports of each protocol; none where all of them are meant.
fn ports_by_protocol(ports: &[Value]) -> BTreeMap<&str, Vec<Value>> {
    let mut by_protocol: BTreeMap<&str, Option<Vec<Value>>> = BTreeMap::new();
    for port in ports {
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        let entry = by_protocol.entry(protocol).or_insert_with(|| Some(Vec::new()));
        match (port.get("port"), port.get("endPort")) {
            // All ports: what else is named says no more.
            (None, _) => *entry = None,
            (Some(first), last) => {
                let range = last
                    .filter(|last| *last != first)
                    .map(|last| format!("{first}:{last}").into());
                if let Some(entry) = entry {
                    entry.push(range.unwrap_or_else(|| first.clone()));
                }
            }
        }
    }
    let known = |(protocol, ports): (_, Option<Vec<Value>>)| (protocol, ports.unwrap_or_default());
    by_protocol.into_iter().map(known).collect()
}

fn entity(peer: &Value) -> Map<String, Value> {
    let mut entity = Map::new();
    if let Some(block) = peer.get("ipBlock") {
        let network = |net: &Value| Some(net_or_ip(net.as_str()?)?.trunc().to_string().into());
        let networks = |nets: &[Value]| nets.iter().filter_map(network).collect::<Vec<Value>>();
        entity.insert(
            "nets".into(),
            networks(std::slice::from_ref(&block["cidr"])).into(),
        );
        let except = networks(list(block, "except"));
        if !except.is_empty() {
            entity.insert("notNets".into(), except.into());
        }
        return entity;
    }
    // One that is there and empty takes all.
    let own = peer.get("podSelector").unwrap_or(&Value::Null);
    entity.insert("selector".into(), pods(own).into());
    if let Some(selector) = peer.get("namespaceSelector") {
        let text = match terms(selector) {
            terms if terms.is_empty() => "all()".to_owned(),
            terms => terms.join(" && "),
        };
        entity.insert("namespaceSelector".into(), text.into());
    }
    entity
}

/// The selector of pods.
fn pods(selector: &Value) -> String {
    let mut all = vec![IS_POD.to_owned()];
    all.extend(terms(selector));
    all.join(" && ")
}

fn terms(selector: &Value) -> Vec<String> {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut terms: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key} == '{}'", text(value)))
        .collect();
    terms.sort();
    for expression in list(selector, "matchExpressions") {
        let key = text(&expression["key"]);
        let values: Vec<String> = list(expression, "values")
            .iter()
            .map(|value| format!("'{}'", text(value)))
            .collect();
        let values = values.join(", ");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in {{ {values} }}"),
            Some("NotIn") => format!("{key} not in {{ {values} }}"),
            Some("Exists") => format!("has({key})"),
            _ => format!("! has({key})"),
        });
    }
    terms
}
