//! WorkloadEndpoint (libcalico-go `lib/apis/internalapi/workloadendpoint.go`, `lib/names/workloadendpoint.go`,
//! `lib/clientv3/workloadendpoint.go`).

use serde_json::{Map, Value};

use super::Definition;
use super::columns::{Column, Inherited, NAME};
use super::endpoint::{port_fits, port_name};
use super::metadata::{API_VERSION, KIND, OF_WORKLOAD};
use crate::calico::checks::{cidr, interface, ip, ipv4, ipv6, mac, net_or_ip, network};
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Checked(
        &[
            KIND,
            API_VERSION,
            Field::required("metadata", Shape::Object(OF_WORKLOAD)),
            Field::required("spec", Shape::Checked(SPEC, fits)),
        ],
        name_fits,
    ),
    columns: &[
        NAME,
        Column::made("WORKLOAD", workload),
        Column::field("NODE", &["spec", "node"]),
        Column::joined("NETWORKS", &["spec", "ipNetworks"], 0),
        Column::field("INTERFACE", &["spec", "interfaceName"]),
        Column::joined("PROFILES", &["spec", "profiles"], 0),
        Column::made("NATS", nats),
        Column::field("ORCHESTRATOR", &["spec", "orchestrator"]),
    ],
    ps: &["WORKLOAD", "NODE", "NETWORKS", "INTERFACE"],
    wide: &[
        "NAME",
        "WORKLOAD",
        "NODE",
        "NETWORKS",
        "INTERFACE",
        "PROFILES",
        "NATS",
    ],
    defaults,
};

const SPEC: &[Field] = &[
    Field::optional("orchestrator", Shape::Text(names::check_name)),
    Field::optional("workload", Shape::Text(names::check_name)),
    Field::required("node", Shape::Text(names::check_name)),
    Field::optional("containerID", Shape::Text(container_id)),
    Field::optional("pod", Shape::Text(names::check_name)),
    Field::optional("endpoint", Shape::Text(names::check_name)),
    Field::optional("serviceAccountName", Shape::Text(names::check_name)),
    Field::optional("ipNetworks", Shape::List(&Shape::Text(network))),
    Field::optional(
        "ipNATs",
        Shape::List(&Shape::Object(&[
            Field::required("internalIP", Shape::Text(ip)),
            Field::required("externalIP", Shape::Text(ip)),
        ])),
    ),
    Field::optional("ipv4Gateway", Shape::Text(ipv4)),
    Field::optional("ipv6Gateway", Shape::Text(ipv6)),
    Field::optional("profiles", Shape::List(&Shape::Text(names::check_name))),
    Field::required("interfaceName", Shape::Text(interface)),
    Field::optional("mac", Shape::Text(mac)),
    Field::optional("ports", Shape::List(&Shape::Checked(PORT, workload_port_fits))),
    Field::optional("allowSpoofedSourcePrefixes", Shape::List(&Shape::Text(cidr))),
    Field::optional("qosControls", Shape::Object(QOS)),
];

const PORT: &[Field] = &[
    Field::always("name", Shape::Text(port_name), Zero::Text),
    Field::required("protocol", Shape::Protocol),
    Field::required("port", Shape::Int(1, 65_535)),
    Field::always("hostPort", Shape::Int(0, 65_535), Zero::Number),
    Field::always("hostIP", Shape::Text(network), Zero::Text),
];

const AMOUNT: Shape = Shape::Int(0, i64::MAX);

const QOS: &[Field] = &[
    Field::optional("ingressBandwidth", AMOUNT),
    Field::optional("ingressBurst", AMOUNT),
    Field::optional("ingressPeakrate", AMOUNT),
    Field::optional("ingressMinburst", AMOUNT),
    Field::optional("egressBandwidth", AMOUNT),
    Field::optional("egressBurst", AMOUNT),
    Field::optional("egressPeakrate", AMOUNT),
    Field::optional("egressMinburst", AMOUNT),
    Field::optional("ingressPacketRate", AMOUNT),
    Field::optional("ingressPacketBurst", AMOUNT),
    Field::optional("egressPacketRate", AMOUNT),
    Field::optional("egressPacketBurst", AMOUNT),
    Field::optional("ingressMaxConnections", AMOUNT),
    Field::optional("egressMaxConnections", AMOUNT),
    Field::optional("dscp", Shape::Dscp),
];

fn container_id(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    if text.bytes().all(|byte| plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
    {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not the id of a container: letters, digits, and dashes between them"
    ))
}

fn workload_port_fits(port: &Map<String, Value>, misfits: &mut Misfits) {
    port_fits(port, misfits);
    let host_port = port.get("hostPort").and_then(Value::as_u64).unwrap_or_default();
    if port.get("name").is_none() && host_port == 0 {
        misfits.add("name", "is needed if there is no hostPort");
    }
}

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    let items = |key: &str| {
        spec.get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let networks: Vec<_> = items("ipNetworks")
        .iter()
        .map(|value| net_or_ip(value.as_str()?))
        .collect();
    for (index, net) in networks.iter().enumerate() {
        if net.is_some_and(|net| net.prefix_len() != net.max_prefix_len()) {
            misfits.add(
                format!("ipNetworks[{index}]"),
                "must be one address: /32, or /128 for IPv6",
            );
        }
    }
    for (index, nat) in items("ipNATs").iter().enumerate() {
        let address = |key: &str| nat.get(key).and_then(Value::as_str).and_then(net_or_ip);
        let (Some(internal), Some(external)) = (address("internalIP"), address("externalIP")) else {
            continue;
        };
        if !networks.contains(&Some(internal)) {
            misfits.add(
                format!("ipNATs[{index}].internalIP"),
                "is not in the endpoint's ipNetworks",
            );
        }
        if internal.addr().is_ipv4() != external.addr().is_ipv4() {
            misfits.add(
                format!("ipNATs[{index}].externalIP"),
                "must be of the same IP version as internalIP",
            );
        }
    }
}

fn name_fits(endpoint: &Map<String, Value>, misfits: &mut Misfits) {
    let Some(spec) = endpoint.get("spec").and_then(Value::as_object) else {
        return;
    };
    match (expected_name(spec), endpoint.get("metadata").and_then(|metadata| metadata.get("name"))) {
        (Err((field, why)), _) => misfits.add(format!("spec.{field}"), why),
        (Ok(expected), Some(name)) if *name != expected => misfits.add(
            "metadata.name",
            format!(
                "the WorkloadEndpoint name does not match the primary identifiers assigned in the Spec: expected name \
                 {expected}"
            ),
        ),
        _ => {}
    }
}

/// The name that follows from the spec: the parts that identify an endpoint, dashes doubled, with dashes between them.
fn expected_name(spec: &Map<String, Value>) -> Result<String, (&'static str, String)> {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let third = match text("orchestrator") {
        "k8s" => "pod",
        "cni" => "containerID",
        "libnetwork" => "orchestrator",
        _ => "workload",
    };
    let mut parts = Vec::new();
    for field in ["node", "orchestrator", third, "endpoint"] {
        let value = text(field);
        if value.is_empty() {
            return Err((field, "field should be assigned".into()));
        }
        parts.push(value.replace('-', "--"));
    }
    Ok(parts.join("-"))
}

fn defaults(endpoint: &mut Resource) {
    if endpoint.name().is_empty()
        && let Some(Ok(name)) = endpoint
            .body
            .get("spec")
            .and_then(Value::as_object)
            .map(expected_name)
    {
        endpoint.set(&["metadata", "name"], Some(name.into()));
    }
    for (label, path) in [
        ("projectcalico.org/namespace", ["metadata", "namespace"]),
        ("projectcalico.org/orchestrator", ["spec", "orchestrator"]),
    ] {
        if let Some(value) = endpoint.field(&path).cloned() {
            endpoint.set(&["metadata", "labels", label], Some(value));
        }
    }
}

/// What runs behind the endpoint.
fn workload(endpoint: &Resource, _: &Inherited) -> String {
    let text = |key: &str| endpoint.text(&["spec", key]).filter(|text| !text.is_empty());
    text("workload").or(text("pod")).unwrap_or_default().to_owned()
}

fn nats(endpoint: &Resource, _: &Inherited) -> String {
    let nats = endpoint.field(&["spec", "ipNATs"]).and_then(Value::as_array);
    let text = |nat: &Value, key: &str| {
        nat.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let pairs = nats.into_iter().flatten();
    let pairs = pairs.map(|nat| format!("{{{} {}}}", text(nat, "internalIP"), text(nat, "externalIP")));
    pairs.collect::<Vec<_>>().join(",")
}
