//! StagedKubernetesNetworkPolicy (api `stagedkubernetesnetworkpolicy.go`; Kubernetes' `networking/v1`).

use serde_json::{Map, Value};

use super::Definition;
use super::columns::{Column, Inherited, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::policy::STAGED_ACTION;
use crate::calico::checks::{filled, network};
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional("spec", Shape::Checked(SPEC, fits)),
    ]),
    columns: &[NAME, Column::made("PODSELECTOR", pod_selector)],
    ps: &["NAME"],
    wide: &["NAME", "PODSELECTOR"],
    defaults: |policy| policy.default(&["spec", "stagedAction"], "Set"),
};

const SPEC: &[Field] = &[
    STAGED_ACTION,
    Field::always("podSelector", Shape::Object(SELECTOR), Zero::Object),
    Field::optional(
        "ingress",
        Shape::List(&Shape::Object(&[
            Field::optional("ports", PORTS),
            Field::optional("from", PEERS),
        ])),
    ),
    Field::optional(
        "egress",
        Shape::List(&Shape::Object(&[
            Field::optional("ports", PORTS),
            Field::optional("to", PEERS),
        ])),
    ),
    Field::optional("policyTypes", Shape::Set(&Shape::Enum(&["Ingress", "Egress"]))),
];

const SELECTOR: &[Field] = &[
    Field::optional("matchLabels", Shape::Labels),
    Field::optional(
        "matchExpressions",
        Shape::List(&Shape::Object(&[
            Field::required("key", Shape::Text(filled)),
            Field::required(
                "operator",
                Shape::Enum(&["In", "NotIn", "Exists", "DoesNotExist"]),
            ),
            Field::optional("values", Shape::List(&Shape::AnyText)),
        ])),
    ),
];

const PORTS: Shape = Shape::List(&Shape::Object(&[
    Field::optional("protocol", Shape::Enum(&["TCP", "UDP", "SCTP"])),
    Field::optional("port", Shape::IntOrText),
    Field::optional("endPort", Shape::Int(1, 65_535)),
]));

const PEERS: Shape = Shape::List(&Shape::Object(&[
    Field::optional("podSelector", Shape::Object(SELECTOR)),
    Field::optional("namespaceSelector", Shape::Object(SELECTOR)),
    Field::optional(
        "ipBlock",
        Shape::Object(&[
            Field::required("cidr", Shape::Text(network)),
            Field::optional("except", Shape::List(&Shape::Text(network))),
        ]),
    ),
]));

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    if spec.get("stagedAction").is_none_or(|action| action != "Delete") {
        return;
    }
    for (field, value) in spec.iter().filter(|(field, _)| *field != "stagedAction") {
        if value.as_object().is_none_or(|map| !map.is_empty()) {
            misfits.add(field.as_str(), "must be left out if stagedAction is Delete");
        }
    }
}

/// A selector as people write it: `a=b,c in (d,e),!f`.
fn pod_selector(policy: &Resource, _: &Inherited) -> String {
    let selector = |key: &str| policy.field(&["spec", "podSelector", key]);
    let labels = selector("matchLabels").and_then(Value::as_object);
    let equal = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let text = |item: &Value, key: &str| {
        item.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let expressions = selector("matchExpressions").and_then(Value::as_array);
    let others = expressions.into_iter().flatten().map(|item| {
        let key = text(item, "key");
        let values = item.get("values").and_then(Value::as_array);
        let values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        match text(item, "operator").as_str() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key,
        }
    });
    equal.chain(others).collect::<Vec<_>>().join(",")
}
