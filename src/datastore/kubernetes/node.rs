//! Calico's Node from Kubernetes': what Calico knows of it is in annotations (libcalico-go
//! `lib/backend/k8s/resources/node.go`).

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::calico::as_number::AsNumber;
use crate::calico::checks;
use crate::calico::resource::{Kind, Resource};

const PREFIX: &str = "projectcalico.org/";
/// Calico's own labels and annotations of a node, as JSON.
const LABELS: &str = "projectcalico.org/labels";
const ANNOTATIONS: &str = "projectcalico.org/annotations";
/// Shown on Calico's Node: which labels are Kubernetes', so that writing it back doesn't make them Calico's.
const KUBE_LABELS: &str = "projectcalico.org/kube-labels";

type Path = &'static [&'static str];
/// Whether Calico reads the value, or ignores it.
type Check = fn(&str) -> bool;

/// Annotation, field, and what its value must be.
const FIELDS: [(&str, Path, Check); 13] = [
    ("IPv4Address", &["spec", "bgp", "ipv4Address"], is_v4),
    ("IPv6Address", &["spec", "bgp", "ipv6Address"], is_v6),
    (
        "IPv4IPIPTunnelAddr",
        &["spec", "bgp", "ipv4IPIPTunnelAddr"],
        is_address,
    ),
    (
        "RouteReflectorClusterID",
        &["spec", "bgp", "routeReflectorClusterID"],
        is_address,
    ),
    (
        "IPv4VXLANTunnelAddr",
        &["spec", "ipv4VXLANTunnelAddr"],
        is_address,
    ),
    ("VXLANTunnelMACAddr", &["spec", "vxlanTunnelMACAddr"], is_mac),
    (
        "IPv6VXLANTunnelAddr",
        &["spec", "ipv6VXLANTunnelAddr"],
        is_address,
    ),
    ("VXLANTunnelMACAddrV6", &["spec", "vxlanTunnelMACAddrV6"], is_mac),
    (
        "IPv4WireguardInterfaceAddr",
        &["spec", "wireguard", "interfaceIPv4Address"],
        is_address,
    ),
    (
        "IPv6WireguardInterfaceAddr",
        &["spec", "wireguard", "interfaceIPv6Address"],
        is_address,
    ),
    ("WireguardPublicKey", &["status", "wireguardPublicKey"], any),
    ("WireguardPublicKeyV6", &["status", "wireguardPublicKeyV6"], any),
    ("ASNumber", AS_NUMBER, is_as_number),
];
const AS_NUMBER: Path = &["spec", "bgp", "asNumber"];
/// JSON: which links have which addresses.
const INTERFACES: &str = "projectcalico.org/Interfaces";

fn is_v4(text: &str) -> bool {
    checks::net_or_ip(text).is_some_and(|net| net.addr().is_ipv4())
}

fn is_v6(text: &str) -> bool {
    checks::net_or_ip(text).is_some_and(|net| net.addr().is_ipv6())
}

fn is_address(text: &str) -> bool {
    checks::net_or_ip(text).is_some()
}

fn is_mac(text: &str) -> bool {
    checks::mac(text).is_ok()
}

fn is_as_number(text: &str) -> bool {
    text.parse::<AsNumber>().is_ok()
}

fn any(_: &str) -> bool {
    true
}

/// What a node's annotations say wrongly.
pub(super) type Complaints = Vec<String>;

/// Calico's Node, and annotations that Calico can't read (it ignores them without a word).
pub(super) fn read(node: &Value, use_pod_cidr: bool) -> (Resource, Complaints) {
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or_default();
    let mut calico = Resource::new(Kind::Node, name);
    let mut complaints = Vec::new();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        calico.set(&["metadata", field], node["metadata"].get(field).cloned());
    }
    let none = Map::new();
    let annotations = node["metadata"]["annotations"].as_object().unwrap_or(&none);
    let annotation = |key: &str| annotations.get(key).and_then(Value::as_str);
    metadata(&mut calico, node, &annotation, &mut complaints);
    for (key, path, is_right) in FIELDS {
        let Some(value) = annotation(&format!("{PREFIX}{key}")).filter(|value| !value.is_empty()) else {
            continue;
        };
        match value.parse::<AsNumber>() {
            Ok(number) if path == AS_NUMBER => {
                calico.set(path, Some(number.get().into()));
            }
            _ if is_right(value) => calico.set(path, Some(value.into())),
            _ => complaints.push(format!(
                "annotation {PREFIX}{key} is {value:?}: Calico ignores it"
            )),
        }
    }
    if let Some(interfaces) = annotation(INTERFACES) {
        match serde_json::from_str::<Value>(interfaces) {
            Ok(interfaces @ Value::Array(_)) => calico.set(&["spec", "interfaces"], Some(interfaces)),
            _ => complaints.push(format!("annotation {INTERFACES} is not JSON")),
        }
    }
    if use_pod_cidr {
        pod_cidr_tunnels(&mut calico, node);
    }
    calico.set(
        &["spec", "orchRefs"],
        Some(json!([{"nodeName": name, "orchestrator": "k8s"}])),
    );
    if let Some(cidrs) = node["spec"].get("podCIDRs").filter(|cidrs| cidrs.is_array()) {
        calico.set(&["status", "podCIDRs"], Some(cidrs.clone()));
    }
    let addresses = addresses(&calico, node);
    if !addresses.is_empty() {
        calico.set(&["spec", "addresses"], Some(addresses.into()));
    }
    (calico, complaints)
}

/// Labels are Kubernetes' and, where it has no such, Calico's own.
fn metadata<'a>(
    calico: &mut Resource,
    node: &Value,
    annotation: &dyn Fn(&str) -> Option<&'a str>,
    complaints: &mut Complaints,
) {
    let mut own = |key: &str| -> Map<String, Value> {
        match annotation(key).map(serde_json::from_str) {
            None => Map::new(),
            Some(Ok(map)) => map,
            Some(Err(error)) => {
                complaints.push(format!("annotation {key} is not JSON: {error}"));
                Map::new()
            }
        }
    };
    let (mut labels, mut annotations) = (own(LABELS), own(ANNOTATIONS));
    let kubernetes = node["metadata"].get("labels").and_then(Value::as_object);
    labels.extend(kubernetes.cloned().unwrap_or_default());
    let shown = kubernetes.map_or_else(|| "null".into(), |map| Value::Object(map.clone()).to_string());
    annotations.insert(KUBE_LABELS.into(), shown.into());
    if !labels.is_empty() {
        calico.set(&["metadata", "labels"], Some(labels.into()));
    }
    calico.set(&["metadata", "annotations"], Some(annotations.into()));
}

/// With host-local IPAM, the first address of the node's pods is that of its tunnels.
fn pod_cidr_tunnels(calico: &mut Resource, node: &Value) {
    let first = node["spec"]["podCIDR"]
        .as_str()
        .and_then(|cidr| cidr.split('/').next()?.parse::<Ipv4Addr>().ok());
    let Some(first) = first else { return };
    let address = Ipv4Addr::from(u32::from(first).wrapping_add(1)).to_string();
    calico.set(
        &["spec", "bgp", "ipv4IPIPTunnelAddr"],
        Some(address.clone().into()),
    );
    if calico.text(&["status", "wireguardPublicKey"]).is_some() {
        calico.set(
            &["spec", "wireguard", "interfaceIPv4Address"],
            Some(address.into()),
        );
    }
}

/// Those of BGP, and those that Kubernetes knows.
fn addresses(calico: &Resource, node: &Value) -> Vec<Value> {
    let entry = |address: &str, kind: &str| json!({"address": address, "type": kind});
    let bgp = ["ipv4Address", "ipv6Address"]
        .into_iter()
        .filter_map(|field| calico.text(&["spec", "bgp", field]))
        .map(|address| entry(address, "CalicoNodeIP"));
    let kubernetes = node["status"]["addresses"].as_array().into_iter().flatten();
    let kubernetes = kubernetes.filter_map(|address| {
        let kind = address["type"].as_str()?;
        let wanted = matches!(kind, "InternalIP" | "ExternalIP");
        wanted.then_some(entry(address["address"].as_str()?, kind))
    });
    bgp.chain(kubernetes).collect()
}

/// Writes what Calico's Node says into the annotations of Kubernetes'.
///
/// # Errors
/// Its note of Kubernetes' labels is not JSON.
pub(super) fn write(calico: &Resource, node: &mut Value) -> Result<(), String> {
    let map = |part: &str| {
        let map = calico.field(&["metadata", part]).and_then(Value::as_object);
        map.cloned().unwrap_or_default()
    };
    let (mut labels, mut own) = (map("labels"), map("annotations"));
    if let Some(Value::String(text)) = own.remove(KUBE_LABELS) {
        let inherited: Option<Map<String, Value>> = serde_json::from_str(&text)
            .map_err(|error| format!("annotation {KUBE_LABELS} is not JSON: {error}"))?;
        for key in inherited.iter().flat_map(Map::keys) {
            labels.remove(key);
        }
    }
    let mut set: Vec<(String, Option<String>)> = Vec::new();
    for (key, map) in [(LABELS, labels), (ANNOTATIONS, own)] {
        let text = (!map.is_empty()).then(|| Value::Object(map).to_string());
        set.push((key.to_owned(), text));
    }
    for (key, path, _) in FIELDS {
        let value = calico.field(path).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        set.push((format!("{PREFIX}{key}"), value.filter(|value| !value.is_empty())));
    }
    if let Some(interfaces) = calico.field(&["spec", "interfaces"]) {
        set.push((INTERFACES.to_owned(), Some(interfaces.to_string())));
    }
    if !node["metadata"]["annotations"].is_object() {
        node["metadata"]["annotations"] = json!({});
    }
    if let Some(annotations) = node["metadata"]["annotations"].as_object_mut() {
        for (key, value) in set {
            match value {
                Some(value) => annotations.insert(key, value.into()),
                None => annotations.remove(&key),
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Value {
        json!({
            "metadata": {
                "name": "node-1", "uid": "u", "resourceVersion": "728", "labels": {"rack": "r1"},
                "annotations": {
                    "projectcalico.org/IPv4Address": "192.168.80.21/24", "projectcalico.org/ASNumber": "65010",
                    "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.84.128",
                    "projectcalico.org/labels": "{\"x\":\"y\"}", "other": "kept",
                },
            },
            "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
            "status": {"addresses": [
                {"type": "InternalIP", "address": "192.168.80.21"}, {"type": "Hostname", "address": "node-1"},
            ]},
        })
    }

    #[test]
    fn what_calico_knows_of_a_node_is_in_its_annotations_and_goes_back_there() {
        let (calico, complaints) = read(&node(), false);
        assert_eq!(complaints, [""; 0]);
        assert_eq!(
            calico.field(&["spec"]),
            Some(&json!({
                "bgp": {"asNumber": 65010, "ipv4Address": "192.168.80.21/24", "ipv4IPIPTunnelAddr": "10.244.84.128"},
                "orchRefs": [{"nodeName": "node-1", "orchestrator": "k8s"}],
                "addresses": [
                    {"address": "192.168.80.21/24", "type": "CalicoNodeIP"},
                    {"address": "192.168.80.21", "type": "InternalIP"},
                ],
            }))
        );
        assert_eq!(
            calico.field(&["metadata", "labels"]),
            Some(&json!({"rack": "r1", "x": "y"}))
        );
        assert_eq!(
            calico.text(&["metadata", "annotations", KUBE_LABELS]),
            Some("{\"rack\":\"r1\"}")
        );
        let mut again = node();
        write(&calico, &mut again).unwrap();
        assert_eq!(again, node());
    }

    #[test]
    fn what_is_gone_from_the_node_is_gone_from_the_annotations() {
        let (mut calico, _) = read(&node(), false);
        calico.set(&["spec", "bgp"], None);
        calico.set(&["metadata", "labels"], None);
        let mut after = node();
        write(&calico, &mut after).unwrap();
        assert_eq!(after["metadata"]["annotations"], json!({"other": "kept"}));
    }

    #[test]
    fn annotations_that_calico_ignores_are_told() {
        let mut wrong = node();
        wrong["metadata"]["annotations"] = json!({
            "projectcalico.org/IPv4Address": "fd00::1/64", "projectcalico.org/ASNumber": "x",
            "projectcalico.org/labels": "{",
        });
        let (calico, complaints) = read(&wrong, true);
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert_eq!(
            calico.field(&["spec", "bgp"]),
            Some(&json!({"ipv4IPIPTunnelAddr": "10.244.1.1"}))
        );
    }
}
