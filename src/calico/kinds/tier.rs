//! Tier (api `tier.go`; libcalico-go `lib/resources/tier.go`).

use serde_json::{Map, Value};

use super::Definition;
use super::columns::{Column, NAME, order};
use super::metadata::{API_VERSION, CONDITIONS, KIND, OF_TIER};
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

/// Where policies without a tier are, and where tiers without an order are.
const DEFAULT_ORDER: u32 = 1_000_000;

pub(super) static DEFINITION: Definition = Definition {
    shape: &TIER,
    columns: &[NAME, Column::made("ORDER", order)],
    ps: &["NAME", "ORDER"],
    wide: &[],
    defaults,
};

static TIER: Shape = Shape::Checked(
    &[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(OF_TIER)),
        Field::optional(
            "spec",
            Shape::Object(&[
                Field::pointer("order", Shape::Float),
                Field::optional("defaultAction", Shape::Enum(&["Deny", "Pass"])),
            ]),
        ),
        Field::always("status", Shape::Object(CONDITIONS), Zero::Object),
    ],
    fits,
);

/// The three tiers that always exist, each with the order and the action it must have.
pub const BUILT_IN: [(&str, u32, &str); 3] = [
    ("default", DEFAULT_ORDER, "Deny"),
    ("kube-admin", 1_000, "Pass"),
    ("kube-baseline", 10_000_000, "Pass"),
];

fn fits(tier: &Map<String, Value>, misfits: &mut Misfits) {
    let field = |part: &str, key: &str| tier.get(part).and_then(|part| part.get(key));
    let name = field("metadata", "name").and_then(Value::as_str);
    let Some((name, order, action)) = BUILT_IN
        .into_iter()
        .find(|(built_in, ..)| Some(*built_in) == name)
    else {
        return;
    };
    let given = field("spec", "order").map_or(Some(DEFAULT_ORDER.into()), Value::as_u64);
    if given != Some(order.into()) {
        misfits.add("spec.order", format!("the order of tier {name} must be {order}"));
    }
    if field("spec", "defaultAction")
        .and_then(Value::as_str)
        .unwrap_or("Deny")
        != action
    {
        misfits.add(
            "spec.defaultAction",
            format!("the default action of tier {name} must be {action}"),
        );
    }
}

fn defaults(tier: &mut Resource) {
    tier.default(&["spec", "order"], DEFAULT_ORDER);
    tier.default(&["spec", "defaultAction"], "Deny");
}
