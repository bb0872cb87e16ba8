//! HostEndpoint (api `hostendpoint.go`).

use serde_json::{Map, Value};

use super::columns::{Column, NAME};
use super::metadata::{API_VERSION, KIND, PLAIN};
use super::{Definition, none};
use crate::calico::checks::{interface, ip};
use crate::calico::names;
use crate::calico::schema::{Field, Misfits, Shape};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Object(&[
        KIND,
        API_VERSION,
        Field::required("metadata", Shape::Object(PLAIN)),
        Field::required("spec", Shape::Checked(SPEC, fits)),
    ]),
    columns: &[
        NAME,
        Column::field("NODE", &["spec", "node"]),
        Column::field("INTERFACE", &["spec", "interfaceName"]),
        Column::joined("IPS", &["spec", "expectedIPs"], 0),
        Column::joined("PROFILES", &["spec", "profiles"], 0),
    ],
    ps: &["NAME", "NODE"],
    wide: &["NAME", "NODE", "INTERFACE", "IPS", "PROFILES"],
    defaults: none,
};

const SPEC: &[Field] = &[
    Field::required("node", Shape::Text(names::check_name)),
    Field::optional("interfaceName", Shape::Text(interface)),
    Field::optional("expectedIPs", Shape::Set(&Shape::Text(ip))),
    Field::optional("profiles", Shape::Set(&Shape::Text(names::check_name))),
    Field::optional("ports", Shape::List(&Shape::Checked(PORT, port_fits))),
];

const PORT: &[Field] = &[
    Field::required("name", Shape::Text(port_name)),
    Field::required("protocol", Shape::Protocol),
    Field::required("port", Shape::Int(1, 65_535)),
];

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    if spec.get("interfaceName").is_none() && spec.get("expectedIPs").is_none() {
        misfits.add("", "needs interfaceName or expectedIPs");
    }
}

/// A port has a protocol that has ports.
pub(super) fn port_fits(port: &Map<String, Value>, misfits: &mut Misfits) {
    let supported = |protocol: &Value| {
        let number = protocol.as_u64().or_else(|| protocol.as_str()?.parse().ok());
        number.is_some_and(|number| [6, 17, 132].contains(&number))
            || protocol
                .as_str()
                .is_some_and(|name| ["TCP", "UDP", "SCTP"].contains(&name))
    };
    if port.get("protocol").is_some_and(|protocol| !supported(protocol)) {
        misfits.add("protocol", "has no ports; only TCP, UDP and SCTP have");
    }
}

/// Kubernetes' rule for names of ports.
pub(super) fn port_name(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let right = (1..=15).contains(&text.len())
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-');
    if right {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not the name of a port: 1 to 15 lower case letters, digits and single dashes, with one letter at \
         least"
    ))
}
