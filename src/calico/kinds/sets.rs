//! NetworkSet, GlobalNetworkSet and Profile (api `networkset.go`, `globalnetworkset.go`, `profile.go`).

use serde_json::{Map, Value};

use super::columns::{Column, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::rule::RULES;
use super::{Definition, none};
use crate::calico::checks::cidr;
use crate::calico::schema::{Field, Misfits, Shape};

pub(super) static GLOBAL_SET: Definition = set();
pub(super) static SET: Definition = set();

static SHAPE: Shape = Shape::Checked(
    &[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional(
            "spec",
            Shape::Object(&[Field::optional("nets", Shape::Set(&Shape::Text(cidr)))]),
        ),
    ],
    fits,
);

const COLUMNS: &[Column] = &[NAME, Column::joined("NETS", &["spec", "nets"], 80)];

const fn set() -> Definition {
    Definition {
        shape: &SHAPE,
        columns: COLUMNS,
        ps: &["NAME"],
        wide: &["NAME", "NETS"],
        defaults: none,
    }
}

/// The label under which Calico itself says which namespace a thing is in.
const NAMESPACE_LABEL: &str = "projectcalico.org/namespace";

fn fits(set: &Map<String, Value>, misfits: &mut Misfits) {
    let labels = set.get("metadata").and_then(|metadata| metadata.get("labels"));
    if labels.is_some_and(|labels| labels.get(NAMESPACE_LABEL).is_some()) {
        misfits.add(
            "metadata.labels",
            format!("{NAMESPACE_LABEL} is not a valid label name"),
        );
    }
}

pub(super) static PROFILE: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional(
            "spec",
            Shape::Object(&[
                Field::optional("ingress", RULES),
                Field::optional("egress", RULES),
                Field::optional("labelsToApply", Shape::Labels),
            ]),
        ),
    ]),
    columns: &[NAME, Column::joined("LABELS", &["spec", "labelsToApply"], 0)],
    ps: &["NAME"],
    wide: &["NAME", "LABELS"],
    defaults: none,
};
