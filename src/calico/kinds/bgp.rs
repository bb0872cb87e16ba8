//! BGPPeer and BGPConfiguration (api `bgppeer.go`, `bgpconfig.go`; libcalico-go `lib/clientv3/bgpconfig.go`).

use std::net::{IpAddr, SocketAddr};

use serde_json::{Map, Value};

use super::columns::{Column, Inherited, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::checks::{
    community, filled, ignored_interface, ip, ip_port, ipv4, ipv6, network, selector,
};
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape};

/// Where a password is, never the password itself.
const PASSWORD: Shape = Shape::Object(&[Field::optional(
    "secretKeyRef",
    Shape::Object(&[
        Field::optional("name", Shape::Text(filled)),
        Field::required("key", Shape::Text(filled)),
        Field::pointer("optional", Shape::Bool),
    ]),
)]);

const PRIORITY: Shape = Shape::Int(1, 2_147_483_646);

pub(super) static PEER: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::optional("spec", Shape::Checked(PEER_SPEC, peer_fits)),
    ]),
    columns: &[
        NAME,
        Column::field("PEERIP", &["spec", "peerIP"]),
        Column::made("NODE", peer_node),
        Column::field_or("ASN", &["spec", "asNumber"], "0"),
    ],
    ps: &["NAME", "PEERIP", "NODE", "ASN"],
    wide: &[],
    defaults: none,
};

const PEER_SPEC: &[Field] = &[
    Field::optional("node", Shape::Text(names::check_name)),
    Field::optional("nodeSelector", Shape::Text(selector)),
    Field::optional("peerIP", Shape::Text(ip_port)),
    Field::optional("asNumber", Shape::AsNumber),
    Field::pointer("localASNumber", Shape::AsNumber),
    Field::optional("peerSelector", Shape::Text(selector)),
    Field::optional("keepOriginalNextHop", Shape::Bool),
    Field::optional("nextHopMode", Shape::Enum(&["Auto", "Self", "Keep"])),
    Field::optional("password", PASSWORD),
    Field::optional("sourceAddress", Shape::Enum(&["UseNodeIP", "None"])),
    Field::optional("maxRestartTime", Shape::Duration),
    Field::optional("keepaliveTime", Shape::Duration),
    Field::pointer("numAllowedLocalASNumbers", Shape::Int(0, 2_147_483_647)),
    Field::pointer("ttlSecurity", Shape::Int(0, 255)),
    Field::optional("reachableBy", Shape::Text(ip)),
    Field::optional("filters", Shape::List(&Shape::Text(names::check_name))),
    Field::optional("localWorkloadSelector", Shape::Text(selector)),
    Field::optional("reversePeering", Shape::Enum(&["Auto", "Manual"])),
];

fn peer_node(peer: &Resource, _: &Inherited) -> String {
    let text = |field: &str| peer.text(&["spec", field]).filter(|text| !text.is_empty());
    text("node")
        .or(text("nodeSelector"))
        .unwrap_or("(global)")
        .to_owned()
}

fn peer_fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let has = |key: &str| !text(key).is_empty();
    let as_number = spec.get("asNumber").is_some();
    for (field, other) in [
        ("node", "nodeSelector"),
        ("peerIP", "peerSelector"),
        ("peerIP", "localWorkloadSelector"),
        ("peerSelector", "localWorkloadSelector"),
    ] {
        if has(field) && has(other) {
            misfits.add(field, format!("must be empty when {other} is set"));
        }
    }
    if as_number && has("peerSelector") {
        misfits.add(
            "asNumber",
            "must be empty when peerSelector is set: each node has its own",
        );
    }
    if !as_number && has("localWorkloadSelector") {
        misfits.add("asNumber", "is needed when localWorkloadSelector is set");
    }
    if spec.get("keepOriginalNextHop") == Some(&Value::Bool(true)) && has("nextHopMode") {
        misfits.add(
            "keepOriginalNextHop",
            "must not be true when nextHopMode is set, which replaces it",
        );
    }
    if has("reachableBy") {
        let address = |text: &str| -> Option<IpAddr> {
            let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
            text.parse().ok().or_else(with_port)
        };
        match (address(text("reachableBy")), address(text("peerIP"))) {
            (_, None) => misfits.add("reachableBy", "must be empty when peerIP is empty"),
            (Some(by), Some(peer)) if by.is_ipv4() != peer.is_ipv4() => {
                misfits.add("reachableBy", "must be of the same IP version as peerIP");
            }
            _ => {}
        }
    }
}

pub(super) static CONFIGURATION: Definition = Definition {
    shape: &Shape::Checked(
        &[
            KIND,
            API_VERSION,
            Field::required("metadata", Shape::Object(PLAIN)),
            Field::optional("spec", Shape::Checked(SPEC, fits)),
        ],
        only_on_default,
    ),
    columns: &[
        NAME,
        Column::field("LOGSEVERITY", &["spec", "logSeverityScreen"]),
        Column::field_or("MESHENABLED", &["spec", "nodeToNodeMeshEnabled"], "-"),
        Column::field_or("ASNUMBER", &["spec", "asNumber"], "-"),
    ],
    ps: &["NAME", "LOGSEVERITY", "MESHENABLED", "ASNUMBER"],
    wide: &[],
    defaults: |config| {
        config.default(&["spec", "logSeverityScreen"], "Info");
        config.default(&["spec", "serviceLoadBalancerAggregation"], "Enabled");
    },
};

const BLOCKS: Shape = Shape::List(&Shape::Object(&[Field::optional("cidr", Shape::Text(network))]));

const SPEC: &[Field] = &[
    Field::optional(
        "logSeverityScreen",
        Shape::Enum(&["Trace", "Debug", "Info", "Warning", "Error", "Fatal"]),
    ),
    Field::pointer("nodeToNodeMeshEnabled", Shape::Bool),
    Field::pointer("asNumber", Shape::AsNumber),
    Field::optional("serviceLoadBalancerIPs", BLOCKS),
    Field::optional("serviceExternalIPs", BLOCKS),
    Field::optional("serviceClusterIPs", BLOCKS),
    Field::optional(
        "serviceLoadBalancerAggregation",
        Shape::Enum(&["Enabled", "Disabled"]),
    ),
    Field::optional(
        "communities",
        Shape::List(&Shape::Object(&[
            Field::required("name", Shape::Text(names::check_name)),
            Field::required("value", Shape::Text(community)),
        ])),
    ),
    Field::optional(
        "prefixAdvertisements",
        Shape::List(&Shape::Object(&[
            Field::required("cidr", Shape::Text(network)),
            Field::required("communities", Shape::List(&Shape::Text(filled))),
        ])),
    ),
    Field::optional("listenPort", Shape::Int(1, 65_535)),
    Field::optional("nodeMeshPassword", PASSWORD),
    Field::optional("nodeMeshMaxRestartTime", Shape::Duration),
    Field::optional("bindMode", Shape::Enum(&["None", "NodeIP"])),
    Field::optional("ignoredInterfaces", Shape::Set(&Shape::Text(ignored_interface))),
    Field::optional("localWorkloadPeeringIPV4", Shape::Text(ipv4)),
    Field::optional("localWorkloadPeeringIPV6", Shape::Text(ipv6)),
    Field::optional("programClusterRoutes", Shape::Enum(&["Enabled", "Disabled"])),
    Field::optional("ipv4NormalRoutePriority", PRIORITY),
    Field::optional("ipv6NormalRoutePriority", PRIORITY),
];

/// Fields of which there is one in a cluster.
const GLOBAL_ONLY: [&str; 7] = [
    "nodeToNodeMeshEnabled",
    "asNumber",
    "serviceLoadBalancerIPs",
    "serviceExternalIPs",
    "serviceClusterIPs",
    "nodeMeshPassword",
    "nodeMeshMaxRestartTime",
];

fn only_on_default(config: &Map<String, Value>, misfits: &mut Misfits) {
    let name = config.get("metadata").and_then(|metadata| metadata.get("name"));
    if name.is_some_and(|name| name == "default") {
        return;
    }
    for field in GLOBAL_ONLY {
        if config.get("spec").is_some_and(|spec| spec.get(field).is_some()) {
            let why = format!("Cannot set {field} on a non default BGP Configuration.");
            misfits.add(format!("spec.{field}"), why);
        }
    }
}

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    let list = |key: &str| {
        spec.get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let defined = list("communities");
    if !defined.is_empty() && list("prefixAdvertisements").is_empty() {
        misfits.add("communities", "are defined but not used in prefixAdvertisements");
    }
    for (index, advertisement) in list("prefixAdvertisements").iter().enumerate() {
        let used = advertisement.get("communities").and_then(Value::as_array);
        for (item, name) in used.into_iter().flatten().enumerate() {
            let is_name = defined
                .iter()
                .any(|community| community.get("name") == Some(name));
            if !is_name && name.as_str().is_none_or(|text| community(text).is_err()) {
                let path = format!("prefixAdvertisements[{index}].communities[{item}]");
                misfits.add(
                    path,
                    format!("{name} is neither a community nor the name of a defined one"),
                );
            }
        }
    }
    if spec.get("nodeToNodeMeshEnabled") == Some(&Value::Bool(false)) {
        for field in ["nodeMeshPassword", "nodeMeshMaxRestartTime"] {
            if spec.get(field).is_some() {
                misfits.add(field, "can't be set when nodeToNodeMeshEnabled is false");
            }
        }
    }
}
