//! ClusterInformation and CalicoNodeStatus (api `clusterinfo.go`, `nodestatus.go`).

use super::columns::{Column, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::names;
use crate::calico::schema::{Field, Shape, Zero};

pub(super) static INFORMATION: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional(
            "spec",
            Shape::Object(&[
                Field::optional("clusterGUID", Shape::AnyText),
                Field::optional("clusterType", Shape::AnyText),
                Field::optional("calicoVersion", Shape::AnyText),
                Field::pointer("datastoreReady", Shape::Bool),
                Field::optional("variant", Shape::AnyText),
            ]),
        ),
    ]),
    columns: &[
        NAME,
        Column::field("CLUSTERGUID", &["spec", "clusterGUID"]),
        Column::field("CLUSTERTYPE", &["spec", "clusterType"]),
        Column::field("CALICOVERSION", &["spec", "calicoVersion"]),
        Column::field_or("DATASTOREREADY", &["spec", "datastoreReady"], "<nil>"),
    ],
    ps: &[
        "NAME",
        "CLUSTERGUID",
        "CLUSTERTYPE",
        "CALICOVERSION",
        "DATASTOREREADY",
    ],
    wide: &[],
    defaults: none,
};

pub(super) static NODE_STATUS: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::required(
            "spec",
            Shape::Object(&[
                Field::required("node", Shape::Text(names::check_name)),
                Field::required("classes", Shape::Set(&Shape::Enum(&["Agent", "BGP", "Routes"]))),
                Field::required("updatePeriodSeconds", Shape::Int(0, 86_400)),
            ]),
        ),
        Field::always("status", Shape::Object(STATUS), Zero::Object),
    ]),
    columns: &[
        NAME,
        Column::field("NODE", &["spec", "node"]),
        Column::joined("CLASSES", &["spec", "classes"], 0),
    ],
    ps: &["NAME", "NODE"],
    wide: &["NAME", "NODE", "CLASSES"],
    defaults: none,
};

/// What only the node writes.
const STATUS: &[Field] = &[
    Field::always("lastUpdated", Shape::Any, Zero::Null),
    Field::always(
        "agent",
        Shape::Object(&[
            Field::always("birdV4", Shape::Object(DAEMON), Zero::Object),
            Field::always("birdV6", Shape::Object(DAEMON), Zero::Object),
        ]),
        Zero::Object,
    ),
    Field::always(
        "bgp",
        Shape::Object(&[
            Field::always("numberEstablishedV4", Shape::Any, Zero::Number),
            Field::always("numberNotEstablishedV4", Shape::Any, Zero::Number),
            Field::always("numberEstablishedV6", Shape::Any, Zero::Number),
            Field::always("numberNotEstablishedV6", Shape::Any, Zero::Number),
            Field::optional("peersV4", Shape::List(&Shape::Object(PEER))),
            Field::optional("peersV6", Shape::List(&Shape::Object(PEER))),
        ]),
        Zero::Object,
    ),
    Field::always(
        "routes",
        Shape::Object(&[
            Field::optional("routesV4", Shape::List(&Shape::Object(ROUTE))),
            Field::optional("routesV6", Shape::List(&Shape::Object(ROUTE))),
        ]),
        Zero::Object,
    ),
];

const DAEMON: &[Field] = &[
    Field::optional("state", Shape::Any),
    Field::optional("version", Shape::Any),
    Field::optional("routerID", Shape::Any),
    Field::optional("lastBootTime", Shape::Any),
    Field::optional("lastReconfigurationTime", Shape::Any),
];

const PEER: &[Field] = &[
    Field::optional("peerIP", Shape::Any),
    Field::optional("type", Shape::Any),
    Field::optional("state", Shape::Any),
    Field::optional("since", Shape::Any),
];

const ROUTE: &[Field] = &[
    Field::optional("type", Shape::Any),
    Field::optional("destination", Shape::Any),
    Field::optional("gateway", Shape::Any),
    Field::optional("interface", Shape::Any),
    Field::always(
        "learnedFrom",
        Shape::Object(&[
            Field::optional("sourceType", Shape::Any),
            Field::optional("peerIP", Shape::Any),
        ]),
        Zero::Object,
    ),
];
