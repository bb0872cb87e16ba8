//! Node (libcalico-go `lib/apis/internalapi/node.go`), v3 and the v1 of old articles.

use serde_json::{Map, Value};

use super::columns::{Column, Inherited, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::address::{self, Family};
use crate::calico::checks::{cidr, filled, ipv4, ipv6, mac};
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape, Zero};

pub(super) static DEFINITION: Definition = Definition {
    shape: &NODE,
    columns: &[
        NAME,
        Column::made("ASN", as_number),
        Column::field("IPV4", &["spec", "bgp", "ipv4Address"]),
        Column::field("IPV6", &["spec", "bgp", "ipv6Address"]),
    ],
    ps: &["NAME"],
    wide: &["NAME", "ASN", "IPV4", "IPV6"],
    defaults: none,
};

static NODE: Shape = Shape::Object(&[
    KIND,
    API_VERSION,
    Field::required("metadata", Shape::Object(PLAIN)),
    Field::optional("spec", Shape::Object(SPEC)),
    Field::always("status", Shape::Object(STATUS), Zero::Object),
]);

/// A v1 node.
pub(crate) static NODE_V1: Shape = Shape::Object(&[
    API_VERSION,
    KIND,
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
    Field::optional("nodeName", Shape::AnyText),
    Field::required("orchestrator", Shape::Text(filled)),
];

const STATUS: &[Field] = &[
    Field::optional("wireguardPublicKey", Shape::Text(wireguard_key)),
    Field::optional("wireguardPublicKeyV6", Shape::Text(wireguard_key)),
    Field::optional("podCIDRs", Shape::List(&Shape::Text(cidr))),
];

/// An AS number in parentheses is inherited; a node without BGP has none.
fn as_number(resource: &Resource, inherited: &Inherited) -> String {
    let Some(bgp) = resource.field(&["spec", "bgp"]).and_then(Value::as_object) else {
        return String::new();
    };
    match bgp.get("asNumber") {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        None | Some(Value::Null | Value::String(_)) => format!("({})", inherited.as_number),
        Some(other) => other.to_string(),
    }
}

fn cluster_id(text: &str) -> Result<(), String> {
    text.parse::<std::net::Ipv4Addr>().map(|_| ()).map_err(|_| {
        format!("{text:?} is not a cluster ID: it has the form of an IPv4 address, such as 244.0.0.1")
    })
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

/// The full prefix for an address that has none: `192.0.2.1` becomes `192.0.2.1/32`. `None` if it has one.
pub(crate) fn with_full_prefix(text: &str) -> Option<String> {
    match address::parse(text)? {
        (ip, None) => Some(format!("{ip}/{}", address::full_length(ip))),
        _ => None,
    }
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
fn typed_address(entry: &Map<String, Value>, misfits: &mut Misfits) {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let Some(address) = text("address") else { return };
    match cidr(address) {
        Ok(()) => {}
        Err(why) if !text("type").is_some_and(is_name_type) => misfits.add("address", why),
        Err(_) if names::check_name(&address.to_lowercase()).is_ok() => {}
        Err(_) => misfits.add(
            "address",
            format!("{address:?} is neither a host name nor an IP address"),
        ),
    }
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
