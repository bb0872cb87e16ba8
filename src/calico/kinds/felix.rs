//! FelixConfiguration (api `felixconfig.go`; libcalico-go `lib/clientv3/felixconfig.go`).

use serde_json::{Map, Value};

use super::Definition;
use super::columns::NAME;
use super::felix_fields::SPEC;
use super::metadata::{API_VERSION, KIND, PLAIN};
use crate::calico::checks::cidr;
use crate::calico::names;
use crate::calico::resource::Resource;
use crate::calico::schema::{Field, Misfits, Shape};

pub(super) static DEFINITION: Definition = Definition {
    shape: &Shape::Checked(
        &[
            KIND,
            API_VERSION,
            Field::required("metadata", Shape::Object(PLAIN)),
            Field::optional("spec", Shape::Checked(SPEC, fits)),
        ],
        selector_fits,
    ),
    columns: &[NAME],
    ps: &["NAME"],
    wide: &[],
    defaults,
};

pub(super) const ANY_NUMBER: Shape = Shape::Int(i64::MIN, i64::MAX);
pub(super) const PORT_NUMBER: Shape = Shape::Int(0, 65_535);
pub(super) const PRIORITY: Shape = Shape::Int(1, 2_147_483_646);
pub(super) const U32: Shape = Shape::Int(0, 4_294_967_295);
pub(super) const LOG_LEVEL: Shape = Shape::Enum(&["Trace", "Debug", "Info", "Warning", "Error", "Fatal"]);
pub(super) const ACCEPT_RETURN: Shape = Shape::Enum(&["Accept", "Return"]);
pub(super) const DROP_REJECT: Shape = Shape::Enum(&["Drop", "Reject"]);

pub(super) const FAILSAFE: Shape = Shape::List(&Shape::Object(&[
    Field::optional("protocol", Shape::AnyCase(&["TCP", "UDP", "SCTP"])),
    Field::required("port", PORT_NUMBER),
    Field::optional("net", Shape::Text(cidr)),
]));

pub(super) const OVERRIDE: &[Field] = &[
    Field::required("name", Shape::Text(component)),
    Field::required("timeout", Shape::Duration),
];

pub(super) const MIN_MAX: &[Field] = &[
    Field::required("min", ANY_NUMBER),
    Field::required("max", ANY_NUMBER),
];

pub(super) const TIMEOUTS: &[Field] = &[
    Field::optional("creationGracePeriod", Shape::Text(timeout)),
    Field::optional("tcpSynSent", Shape::Text(timeout)),
    Field::optional("tcpEstablished", Shape::Text(timeout)),
    Field::optional("tcpFinsSeen", Shape::Text(timeout)),
    Field::optional("tcpResetSeen", Shape::Text(timeout)),
    Field::optional("udpTimeout", Shape::Text(timeout)),
    Field::optional("genericTimeout", Shape::Text(timeout)),
    Field::optional("icmpTimeout", Shape::Text(timeout)),
];

pub(super) static RANGE: Shape = Shape::Checked(MIN_MAX, range_fits);

fn bounds(range: &Map<String, Value>) -> (i64, i64) {
    let number = |key: &str| range.get(key).and_then(Value::as_i64).unwrap_or_default();
    (number("min"), number("max"))
}

fn range_fits(range: &Map<String, Value>, misfits: &mut Misfits) {
    let (min, max) = bounds(range);
    if min > max {
        misfits.add("min", "must not be greater than max");
    }
    if min < 1 {
        misfits.add("min", "must be at least 1");
    }
    if max > 4_294_967_295 {
        misfits.add("max", "is more than the kernel's last table, 4294967295");
    }
}

pub(super) fn old_range_fits(range: &Map<String, Value>, misfits: &mut Misfits) {
    let (min, max) = bounds(range);
    if !(1..=max).contains(&min) || max > 250 {
        misfits.add("", "must be a range of route tables within 1 to 250");
    }
}

fn fits(spec: &Map<String, Value>, misfits: &mut Misfits) {
    let items = |key: &str| {
        spec.get(key)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let ports = items("kubeNodePortRanges");
    if ports.len() > 7 {
        misfits.add(
            "kubeNodePortRanges",
            format!("has {} ranges, more than 7", ports.len()),
        );
    }
    for (index, port) in ports.iter().enumerate() {
        if port.as_str().is_some_and(|text| !text.contains(':')) {
            misfits.add(
                format!("kubeNodePortRanges[{index}]"),
                "must be a number or a range",
            );
        }
    }
    if spec.contains_key("routeTableRange") && spec.contains_key("routeTableRanges") {
        misfits.add("routeTableRange", "can't be set together with routeTableRanges");
    }
    let tables = |range: &Value| {
        range
            .as_object()
            .map(bounds)
            .map_or(0, |(min, max)| max.saturating_sub(min).saturating_add(1))
    };
    let total = items("routeTableRanges")
        .iter()
        .map(tables)
        .fold(0_i64, i64::saturating_add);
    if total > 65_535 {
        misfits.add(
            "routeTableRanges",
            format!("target {total} tables, more than 65535"),
        );
    }
}

fn selector_fits(config: &Map<String, Value>, misfits: &mut Misfits) {
    let name = config
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(Value::as_str);
    let selects = config
        .get("spec")
        .is_some_and(|spec| spec.get("nodeSelector").is_some());
    if selects && name.is_some_and(|name| name == "default" || name.starts_with("node.")) {
        misfits.add("spec.nodeSelector", "can't be set on default or on node.NAME");
    }
}

fn component(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_ -".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not the name of a component: letters, digits, _, - and blanks"
    ))
}

/// A host name or an address.
pub(super) fn metrics_host(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":._+-".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err(format!("{text:?} is neither a host name nor an IP address"))
}

/// One label that has room for a prefix before it.
pub(super) fn region(text: &str) -> Result<(), String> {
    const LONGEST: usize = 63 - "openstack-region-".len();
    names::check_tier_name(text)?;
    if text.len() > LONGEST {
        return Err(format!("has {} characters, more than {LONGEST}", text.len()));
    }
    Ok(())
}

/// Such as `100/second`.
pub(super) fn rate(text: &str) -> Result<(), String> {
    let right = text.split_once('/').is_some_and(|(count, unit)| {
        (1..=4).contains(&count.len())
            && count.bytes().all(|byte| byte.is_ascii_digit())
            && !count.starts_with('0')
            && ["second", "minute", "hour", "day"].contains(&unit)
    });
    if right {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a rate, such as 10/second: 1 to 9999 a second, minute, hour or day"
    ))
}

pub(super) fn log_prefix(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%: /_-".contains(&byte);
    if text.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "{text:?} may have letters, digits, blanks and %:/_- only"
    ))
}

/// A duration, or Auto.
fn timeout(text: &str) -> Result<(), String> {
    if text == "Auto" || crate::calico::schema::is_duration(text) {
        return Ok(());
    }
    Err(format!("{text:?} is neither a duration, such as 5s, nor Auto"))
}

fn defaults(config: &mut Resource) {
    // The old switch decides over the new one.
    if let Some(old) = config
        .field(&["spec", "bpfConnectTimeLoadBalancingEnabled"])
        .and_then(Value::as_bool)
    {
        let mode = if old { "Enabled" } else { "Disabled" };
        config.set(&["spec", "bpfConnectTimeLoadBalancing"], Some(mode.into()));
        config.set(
            &["spec", "bpfHostNetworkedNATWithoutCTLB"],
            Some("Disabled".into()),
        );
    }
    for (field, value) in [
        ("floatingIPs", "Disabled"),
        ("bpfConnectTimeLoadBalancing", "TCP"),
        ("bpfHostNetworkedNATWithoutCTLB", "Enabled"),
        ("nftablesMode", "Auto"),
    ] {
        config.default(&["spec", field], value);
    }
}
