//! The four kinds of policies that belong to a tier (api `globalnetworkpolicy.go`, `networkpolicy.go`,
//! `stagedglobalnetworkpolicy.go`, `stagednetworkpolicy.go`, `pkg/defaults`).

use serde_json::{Map, Value, json};

use super::Definition;
use super::columns::{Column, NAME, order};
use super::metadata::{API_VERSION, KIND, OF_GLOBAL_POLICY, OF_NETWORK_POLICY};
use super::rule::{RULES, directions_fit};
use crate::calico::checks::plain_selector;
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape};

pub(super) static GLOBAL: Definition = of(&Shape::Object(&[
    KIND,
    API_VERSION,
    Field::required("metadata", Shape::Object(OF_GLOBAL_POLICY)),
    Field::optional("spec", Shape::Checked(GLOBAL_SPEC, global_fits)),
]));

pub(super) static NAMESPACED: Definition = of(&Shape::Object(&[
    KIND,
    API_VERSION,
    Field::required("metadata", Shape::Object(OF_NETWORK_POLICY)),
    Field::optional("spec", Shape::Checked(SPEC, fits)),
]));

pub(super) static STAGED_GLOBAL: Definition = staged(&Shape::Object(&[
    KIND,
    API_VERSION,
    Field::required("metadata", Shape::Object(OF_GLOBAL_POLICY)),
    Field::optional(
        "spec",
        Shape::Checked(STAGED_GLOBAL_SPEC, |spec, misfits| {
            staged_fits(spec, misfits, global_fits);
        }),
    ),
]));

pub(super) static STAGED: Definition = staged(&Shape::Object(&[
    KIND,
    API_VERSION,
    Field::required("metadata", Shape::Object(OF_NETWORK_POLICY)),
    Field::optional(
        "spec",
        Shape::Checked(STAGED_SPEC, |spec, misfits| {
            staged_fits(spec, misfits, fits);
        }),
    ),
]));

const COLUMNS: &[Column] = &[
    NAME,
    Column::field("TIER", &["spec", "tier"]),
    Column::made("ORDER", order),
    Column::field("SELECTOR", &["spec", "selector"]),
];

const fn of(shape: &'static Shape) -> Definition {
    Definition {
        shape,
        columns: COLUMNS,
        ps: &["NAME", "TIER"],
        wide: &["NAME", "TIER", "ORDER", "SELECTOR"],
        defaults,
    }
}

const fn staged(shape: &'static Shape) -> Definition {
    Definition {
        defaults: staged_defaults,
        ..of(shape)
    }
}

const TIER: Field = Field::optional("tier", Shape::Text(names::check_tier_name));
const ORDER: Field = Field::pointer("order", Shape::Float);
const INGRESS: Field = Field::optional("ingress", RULES);
const EGRESS: Field = Field::optional("egress", RULES);
const SELECTOR: Field = Field::optional("selector", Shape::Text(plain_selector));
const TYPES: Field = Field::optional("types", Shape::Set(&Shape::Enum(&["Ingress", "Egress"])));
const DO_NOT_TRACK: Field = Field::optional("doNotTrack", Shape::Bool);
const PRE_DNAT: Field = Field::optional("preDNAT", Shape::Bool);
const APPLY_ON_FORWARD: Field = Field::optional("applyOnForward", Shape::Bool);
const ACCOUNTS: Field = Field::optional("serviceAccountSelector", Shape::Text(plain_selector));
const NAMESPACES: Field = Field::optional("namespaceSelector", Shape::Text(plain_selector));
const HINTS: Field = Field::optional(
    "performanceHints",
    Shape::Set(&Shape::Enum(&["AssumeNeededOnEveryNode"])),
);
pub(super) const STAGED_ACTION: Field =
    Field::optional("stagedAction", Shape::Enum(&["Set", "Delete", "Learn", "Ignore"]));

const SPEC: &[Field] = &[TIER, ORDER, INGRESS, EGRESS, SELECTOR, TYPES, ACCOUNTS, HINTS];
const STAGED_SPEC: &[Field] = &[
    STAGED_ACTION,
    TIER,
    ORDER,
    INGRESS,
    EGRESS,
    SELECTOR,
    TYPES,
    ACCOUNTS,
    HINTS,
];
const GLOBAL_SPEC: &[Field] = &[
    TIER,
    ORDER,
    INGRESS,
    EGRESS,
    SELECTOR,
    TYPES,
    DO_NOT_TRACK,
    PRE_DNAT,
    APPLY_ON_FORWARD,
    ACCOUNTS,
    NAMESPACES,
    HINTS,
];
const STAGED_GLOBAL_SPEC: &[Field] = &[
    STAGED_ACTION,
    TIER,
    ORDER,
    INGRESS,
    EGRESS,
    SELECTOR,
    TYPES,
    DO_NOT_TRACK,
    PRE_DNAT,
    APPLY_ON_FORWARD,
    ACCOUNTS,
    NAMESPACES,
    HINTS,
];

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    directions_fit(spec, false, misfits);
}

fn global_fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    directions_fit(spec, true, misfits);
    let on = |field: &str| spec.get(field) == Some(&Value::Bool(true));
    if on("doNotTrack") && on("preDNAT") {
        misfits.add("preDNAT", "preDNAT and doNotTrack can't both be true");
    }
    if (on("doNotTrack") || on("preDNAT")) && !on("applyOnForward") {
        misfits.add("applyOnForward", "must be true if preDNAT or doNotTrack is true");
    }
    if on("preDNAT") && spec.get("egress").is_some() {
        misfits.add("egress", "a preDNAT policy can't have egress rules");
    }
    let types = spec.get("types").and_then(Value::as_array);
    if on("preDNAT") && types.is_some_and(|types| types.iter().any(|kind| kind == "Egress")) {
        misfits.add("types", "a preDNAT policy can't have type Egress");
    }
}

/// A staged policy that is to delete another says nothing else.
fn staged_fits(
    spec: &Map<String, Value>,
    misfits: &mut Misfits,
    fits: fn(&Map<String, Value>, &mut Misfits),
) {
    if spec.get("stagedAction").is_none_or(|action| action != "Delete") {
        return fits(spec, misfits);
    }
    for field in spec
        .keys()
        .filter(|field| !matches!(field.as_str(), "stagedAction" | "tier" | "types"))
    {
        misfits.add(field.as_str(), "must be left out if stagedAction is Delete");
    }
}

/// Which directions a policy is for, if it doesn't say so, and its tier.
fn defaults(policy: &mut Resource) {
    policy.default(&["spec", "tier"], "default");
    let has = |direction: &str| {
        let rules = policy.field(&["spec", direction]).and_then(Value::as_array);
        rules.is_some_and(|rules| !rules.is_empty())
    };
    let types = match (has("ingress"), has("egress")) {
        (false, true) => json!(["Egress"]),
        (true, true) => json!(["Ingress", "Egress"]),
        _ => json!(["Ingress"]),
    };
    policy.default(&["spec", "types"], types);
    let tier = policy.field(&["spec", "tier"]).cloned();
    policy.set(&["metadata", "labels", "projectcalico.org/tier"], tier);
}

fn staged_defaults(policy: &mut Resource) {
    policy.default(&["spec", "stagedAction"], "Set");
    if policy.text(&["spec", "stagedAction"]) == Some("Delete") {
        policy.default(&["spec", "tier"], "default");
        let tier = policy.field(&["spec", "tier"]).cloned();
        policy.set(&["metadata", "labels", "projectcalico.org/tier"], tier);
    } else {
        defaults(policy);
    }
}
