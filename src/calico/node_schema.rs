//! The fields of a Node: v3 (libcalico-go `lib/apis/v3`), and v1 (`lib/apis/v1`) with its conversion.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::address::{self, Family};
use super::names;
use super::schema::{Field, Misfit, Shape};

/// A v3 Node, without `apiVersion` and `kind`.
pub(super) static NODE: Shape = Shape::Object(&[
    Field::optional("apiVersion", Shape::Ignored),
    Field::optional("kind", Shape::Ignored),
    Field::required("metadata", Shape::Object(METADATA)),
    Field::optional("spec", Shape::Object(SPEC)),
    Field::optional("status", Shape::Object(STATUS)),
]);

/// A v1 node.
pub(super) static NODE_V1: Shape = Shape::Object(&[
    Field::optional("apiVersion", Shape::Ignored),
    Field::optional("kind", Shape::Ignored),
    Field::required(
        "metadata",
        Shape::Object(&[
            Field::required("name", Shape::Text(filled)),
            Field::optional("labels", Shape::Labels),
        ]),
    ),
    Field::optional(
        "spec",
        Shape::Object(&[
            Field::optional(
                "bgp",
                Shape::NonEmpty(&[
                    Field::optional("asNumber", Shape::AsNumber),
                    Field::optional("ipv4Address", Shape::Text(net_v4)),
                    Field::optional("ipv6Address", Shape::Text(net_v6)),
                ]),
            ),
            Field::optional("orchRefs", Shape::List(&Shape::Object(ORCH_REF))),
        ]),
    ),
]);

/// A list of resources, `NodeList` or v1 `nodeList`; the items are read one by one.
pub(super) static LIST: Shape = Shape::Object(&[
    Field::required("apiVersion", Shape::Ignored),
    Field::required("kind", Shape::Ignored),
    Field::optional("metadata", Shape::Ignored),
    Field::required("items", Shape::Ignored),
]);

/// Kubernetes' ObjectMeta. What a client may set is kept; what a server fills in (a file made by `get -o yaml`
/// has it) is accepted and dropped.
const METADATA: &[Field] = &[
    Field::required("name", Shape::Text(names::check_name)),
    Field::optional("labels", Shape::Labels),
    Field::optional("annotations", Shape::Annotations),
    Field::optional("resourceVersion", Shape::Text(filled)),
    Field::optional("uid", Shape::Ignored),
    Field::optional("creationTimestamp", Shape::Ignored),
    Field::optional("deletionTimestamp", Shape::Ignored),
    Field::optional("deletionGracePeriodSeconds", Shape::Ignored),
    Field::optional("generation", Shape::Ignored),
    Field::optional("generateName", Shape::Ignored),
    Field::optional("selfLink", Shape::Ignored),
    Field::optional("ownerReferences", Shape::Ignored),
    Field::optional("finalizers", Shape::Ignored),
    Field::optional("managedFields", Shape::Ignored),
    Field::optional("namespace", Shape::Text(no_namespace)),
];

const SPEC: &[Field] = &[
    Field::optional(
        "bgp",
        Shape::NonEmpty(&[
            Field::optional("asNumber", Shape::AsNumber),
            Field::optional("ipv4Address", Shape::Text(net_v4)),
            Field::optional("ipv6Address", Shape::Text(net_v6)),
            Field::optional("ipv4IPIPTunnelAddr", Shape::Text(ipv4)),
            Field::optional("routeReflectorClusterID", Shape::Text(cluster_id)),
        ]),
    ),
    Field::optional("ipv4VXLANTunnelAddr", Shape::Text(ipv4)),
    Field::optional("vxlanTunnelMACAddr", Shape::Text(mac)),
    Field::optional("ipv6VXLANTunnelAddr", Shape::Text(ipv6)),
    Field::optional("vxlanTunnelMACAddrV6", Shape::Text(mac)),
    Field::optional("orchRefs", Shape::List(&Shape::Object(ORCH_REF))),
    Field::optional(
        "wireguard",
        Shape::Object(&[
            Field::optional("interfaceIPv4Address", Shape::Text(ipv4)),
            Field::optional("interfaceIPv6Address", Shape::Text(ipv6)),
        ]),
    ),
    Field::optional(
        "addresses",
        Shape::List(&Shape::Checked(
            &[
                Field::required("address", Shape::Text(filled)),
                Field::optional("type", Shape::Text(address_type)),
            ],
            typed_address,
        )),
    ),
    Field::optional(
        "interfaces",
        Shape::List(&Shape::Object(&[
            Field::optional("name", Shape::Text(filled)),
            Field::optional("addresses", Shape::List(&Shape::Text(filled))),
        ])),
    ),
];

const ORCH_REF: &[Field] = &[
    Field::optional("nodeName", Shape::Text(filled)),
    Field::required("orchestrator", Shape::Text(filled)),
];

const STATUS: &[Field] = &[
    Field::optional("wireguardPublicKey", Shape::Text(wireguard_key)),
    Field::optional("wireguardPublicKeyV6", Shape::Text(wireguard_key)),
    Field::optional("podCIDRs", Shape::List(&Shape::Text(net))),
];

fn filled(text: &str) -> Result<(), String> {
    match text {
        "" => Err("is empty".into()),
        _ => Ok(()),
    }
}

fn no_namespace(namespace: &str) -> Result<(), String> {
    match namespace {
        "" => Ok(()),
        _ => Err(
            "namespace should not be specified for a non-namespaced resource. Node is not a namespaced resource".into(),
        ),
    }
}

fn ipv4(text: &str) -> Result<(), String> {
    let why = |_| match text.parse::<Ipv6Addr>() {
        Ok(_) => format!("{text} is an IPv6 address, must be IPv4"),
        Err(_) => format!("{text:?} is not an IPv4 address"),
    };
    text.parse::<Ipv4Addr>().map(|_| ()).map_err(why)
}

fn cluster_id(text: &str) -> Result<(), String> {
    text.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| {
        format!("{text:?} is not a cluster ID: it has the form of an IPv4 address, such as 244.0.0.1")
    })
}

fn ipv6(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>().map(|ip| Family::V6.refuses(ip)) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(format!("{text} is {why}")),
        Err(_) => Err(format!("{text:?} is not an IPv6 address")),
    }
}

/// The address of a node, with or without a length.
fn node_address(text: &str, family: Family) -> Result<(), String> {
    match address::parse(text).map(|(ip, _)| family.refuses_node(ip)) {
        Some(None) => Ok(()),
        Some(Some(why)) => Err(format!("{text} is {why}")),
        None => {
            let version = if family == Family::V4 { "IPv4" } else { "IPv6" };
            Err(format!(
                "{text:?} is not an {version} address with or without a prefix length"
            ))
        }
    }
}

fn net_v4(text: &str) -> Result<(), String> {
    node_address(text, Family::V4)
}

fn net_v6(text: &str) -> Result<(), String> {
    node_address(text, Family::V6)
}

fn net(text: &str) -> Result<(), String> {
    match address::parse(text) {
        Some(_) => Ok(()),
        None => Err(format!(
            "{text:?} is not an IP address with or without a prefix length"
        )),
    }
}

/// The full prefix for an address that has none: `192.0.2.1` becomes `192.0.2.1/32`. `None` if it has one.
pub(super) fn with_full_prefix(text: &str) -> Option<String> {
    match address::parse(text)? {
        (ip, None) => Some(format!("{ip}/{}", address::full_length(ip))),
        _ => None,
    }
}

/// What Go's `net.ParseMAC` takes: 6, 8 or 20 bytes, `66:cf:…`, `66-cf-…` or `66cf.…`.
fn mac(text: &str) -> Result<(), String> {
    let has = |separator: char, digits: usize| {
        let hex = |part: &str| part.len() == digits && part.bytes().all(|digit| digit.is_ascii_hexdigit());
        text.split(separator).all(hex) && [6, 8, 20].contains(&(text.split(separator).count() * digits / 2))
    };
    if has(':', 2) || has('-', 2) || has('.', 4) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a MAC address, such as 66:cf:23:df:22:07"
    ))
}

fn address_type(text: &str) -> Result<(), String> {
    match text {
        "CalicoNodeIP" | "InternalIP" | "ExternalIP" => Ok(()),
        _ if is_name_type(text) => Ok(()),
        _ => Err(format!(
            "{text:?} is not one of CalicoNodeIP, InternalIP, ExternalIP, InternalDNS, ExternalDNS, Hostname"
        )),
    }
}

/// Types of Kubernetes whose address is a host name.
fn is_name_type(text: &str) -> bool {
    matches!(text, "InternalDNS" | "ExternalDNS" | "Hostname")
}

/// Whether the address is what its type says.
fn typed_address(entry: &Map<String, Value>) -> Option<Misfit> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let address = text("address")?;
    let why = match net(address) {
        Ok(()) => return None,
        Err(why) if !text("type").is_some_and(is_name_type) => why,
        Err(_) if names::check_name(&address.to_lowercase()).is_ok() => return None,
        Err(_) => format!("{address:?} is neither a host name nor an IP address"),
    };
    Some(("address", why))
}

/// 32 bytes in base64.
fn wireguard_key(text: &str) -> Result<(), String> {
    let digits = text.strip_suffix('=').unwrap_or_default();
    if digits.len() == 43
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
    {
        return Ok(());
    }
    Err("is not a WireGuard key (32 bytes in base64)".into())
}
