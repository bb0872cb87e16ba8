//! BGPFilter (api `bgpfilter.go`).

use serde_json::{Map, Value};

use super::columns::{Column, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::checks::{community, interface_pattern, network_v4, network_v6};
use crate::calico::schema::{Field, Misfits, Shape};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional(
            "spec",
            Shape::Object(&[
                Field::optional("exportV4", Shape::List(&RULE_V4)),
                Field::optional("importV4", Shape::List(&RULE_V4)),
                Field::optional("exportV6", Shape::List(&RULE_V6)),
                Field::optional("importV6", Shape::List(&RULE_V6)),
            ]),
        ),
    ]),
    columns: &[
        NAME,
        Column::count("NUMEXPORTV4", &["spec", "exportV4"]),
        Column::count("NUMIMPORTV4", &["spec", "importV4"]),
        Column::count("NUMEXPORTV6", &["spec", "exportV6"]),
        Column::count("NUMIMPORTV6", &["spec", "importV6"]),
    ],
    ps: &["NAME", "NUMEXPORTV4", "NUMIMPORTV4", "NUMEXPORTV6", "NUMIMPORTV6"],
    wide: &[],
    defaults: none,
};

static RULE_V4: Shape = Shape::Checked(
    &rule(
        Shape::Text(network_v4),
        &[
            Field::pointer("min", Shape::Int(0, 32)),
            Field::pointer("max", Shape::Int(0, 32)),
        ],
    ),
    fits,
);

static RULE_V6: Shape = Shape::Checked(
    &rule(
        Shape::Text(network_v6),
        &[
            Field::pointer("min", Shape::Int(0, 128)),
            Field::pointer("max", Shape::Int(0, 128)),
        ],
    ),
    fits,
);

const PRIORITY: Shape = Shape::Int(1, 2_147_483_646);

const COMMUNITIES: &[Field] = &[Field::required("values", Shape::List(&Shape::Text(community)))];

const fn rule(cidr: Shape, lengths: &'static [Field]) -> [Field; 11] {
    [
        Field::optional("cidr", cidr),
        Field::optional("prefixLength", Shape::Object(lengths)),
        Field::optional("source", Shape::Enum(&["RemotePeers"])),
        Field::optional("interface", Shape::Text(interface_pattern)),
        Field::optional(
            "matchOperator",
            Shape::Enum(&["Equal", "NotEqual", "In", "NotIn"]),
        ),
        Field::optional("peerType", Shape::Enum(&["eBGP", "iBGP"])),
        Field::optional("communities", Shape::Object(COMMUNITIES)),
        Field::optional("asPathPrefix", Shape::List(&Shape::AsNumber)),
        Field::optional("priority", PRIORITY),
        Field::required("action", Shape::Enum(&["Accept", "Reject"])),
        Field::optional("operations", Shape::List(&Shape::Object(OPERATION))),
    ]
}

const OPERATION: &[Field] = &[
    Field::optional(
        "addCommunity",
        Shape::Object(&[Field::required("value", Shape::Text(community))]),
    ),
    Field::optional(
        "prependASPath",
        Shape::Object(&[Field::required("prefix", Shape::List(&Shape::AsNumber))]),
    ),
    Field::optional(
        "setPriority",
        Shape::Object(&[Field::required("value", PRIORITY)]),
    ),
];

fn fits(rule: &Map<String, Value>, misfits: &mut Misfits) {
    let has = |key: &str| rule.get(key).is_some();
    if has("cidr") && !has("matchOperator") {
        misfits.add("cidr", "needs matchOperator");
    }
    if has("matchOperator") && !has("cidr") {
        misfits.add("matchOperator", "needs cidr");
    }
    if has("prefixLength") && !has("cidr") {
        misfits.add("prefixLength", "needs cidr");
    }
    let values = rule
        .get("communities")
        .and_then(|match_| match_.get("values"))
        .and_then(Value::as_array);
    if values.is_some_and(|values| values.len() != 1) {
        misfits.add("communities.values", "must have one value");
    }
    let operations = rule
        .get("operations")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if !operations.is_empty() && rule.get("action").is_some_and(|action| action != "Accept") {
        misfits.add("operations", "may only be used with action Accept");
    }
    if operations.len() > 10 {
        misfits.add("operations", format!("are {}, more than 10", operations.len()));
    }
    for (index, operation) in operations.iter().enumerate() {
        if operation
            .as_object()
            .is_some_and(|operation| operation.len() != 1)
        {
            misfits.add(format!("operations[{index}]"), "must be exactly one operation");
        }
        let prefix = operation
            .get("prependASPath")
            .and_then(|path| path.get("prefix"))
            .and_then(Value::as_array);
        if prefix.is_some_and(|prefix| !(1..=10).contains(&prefix.len())) {
            misfits.add(
                format!("operations[{index}].prependASPath.prefix"),
                "must have 1 to 10 AS numbers",
            );
        }
    }
}
