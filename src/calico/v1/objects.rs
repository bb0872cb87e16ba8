//! Each v1 kind as a v3 resource.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Made;
use super::rule::{name_of_profile, ports, rules, selector};
use crate::calico::checks::{net, net_or_ip};
use crate::calico::kinds;
use crate::calico::names;
use crate::calico::resource::{Kind, Resource};

fn metadata<'v>(v1: &'v Value, key: &str) -> &'v str {
    let metadata = v1.get("metadata").and_then(|metadata| metadata.get(key));
    metadata.and_then(Value::as_str).unwrap_or_default()
}

/// A resource of this name, with what its spec has; a note when the name is another than that of v1.
fn made(
    kind: Kind,
    v1: (&str, &str),
    name: &str,
    spec: Vec<(&str, Option<Value>)>,
) -> (Resource, Vec<String>) {
    let mut resource = Resource::new(kind, name);
    for (field, value) in spec {
        if let Some(value) = value {
            resource.set(&["spec", field], Some(value));
        }
    }
    let (what, given) = v1;
    let notes = if given == name {
        Vec::new()
    } else {
        vec![format!("v1 {what} {given:?} is {kind} {name:?} in v3")]
    };
    (resource, notes)
}

/// Whether a v1 name has enough in it to be one of v3.
fn is_name(v1: &str, v3: &str) -> Result<(), (String, String)> {
    names::check_name(v3).map_err(|why| {
        let why = format!("{v1:?} can't be made a v3 name: {why}");
        ("metadata.name".into(), why)
    })
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

/// Copies fields of the spec as they are.
fn copied<'f>(spec: &Value, fields: &[&'f str]) -> Vec<(&'f str, Option<Value>)> {
    let copy = |field: &&'f str| (*field, spec.get(*field).cloned());
    fields.iter().map(copy).collect()
}

fn set_labels(resource: &mut Resource, labels: Option<&Value>) {
    if let Some(labels) = labels {
        resource.set(&["metadata", "labels"], Some(labels.clone()));
    }
}

pub(super) fn pool(v1: &Value) -> Made {
    let cidr = metadata(v1, "cidr");
    let Some(network) = net(cidr).map(|network| network.trunc()) else {
        return Err(("metadata.cidr".into(), "is no network".into()));
    };
    let spec = v1.get("spec").cloned().unwrap_or_default();
    let ipip = spec.get("ipip").map(|ipip| {
        let enabled = ipip.get("enabled") == Some(&Value::Bool(true));
        match ipip.get("mode").and_then(Value::as_str) {
            _ if !enabled => "Never",
            Some("cross-subnet") => "CrossSubnet",
            _ => "Always",
        }
    });
    let name = names::of_network(&network);
    Ok(made(
        Kind::IpPool,
        ("ipPool", cidr),
        &name,
        vec![
            ("cidr", Some(network.to_string().into())),
            ("ipipMode", ipip.map(Value::from)),
            ("natOutgoing", spec.get("nat-outgoing").cloned()),
            ("disabled", spec.get("disabled").cloned()),
        ],
    ))
}

pub(super) fn peer(v1: &Value) -> Made {
    let (scope, node, ip) = (
        metadata(v1, "scope"),
        metadata(v1, "node"),
        metadata(v1, "peerIP"),
    );
    let fail = |field: &str, why: &str| Err((format!("metadata.{field}"), why.to_owned()));
    match (scope, node) {
        ("global", "") => {}
        ("global", _) => return fail("node", "a peer of scope global has no node"),
        ("node", "") => return fail("node", "a peer of scope node needs its node"),
        ("node", _) => {}
        _ => {
            return fail(
                "scope",
                "insufficient identifiers: write scope: global, or scope: node",
            );
        }
    }
    let Ok(address) = ip.parse::<IpAddr>() else {
        return fail("peerIP", "is no address");
    };
    let node = names::normalize_node_name(node);
    let address_name = names::of_address(address);
    let name = if node.is_empty() {
        address_name
    } else {
        format!("{node}.{address_name}")
    };
    Ok(made(
        Kind::BgpPeer,
        ("bgpPeer", ip),
        &name,
        vec![
            ("node", text(&node)),
            ("peerIP", text(ip)),
            ("asNumber", v1.pointer("/spec/asNumber").cloned()),
        ],
    ))
}

pub(super) fn policy(v1: &Value) -> Made {
    let given = metadata(v1, "name");
    let tier = match names::converted_without_dots(metadata(v1, "tier")) {
        tier if tier.is_empty() => "default".to_owned(),
        tier => tier,
    };
    let own = names::converted_without_dots(given);
    is_name(given, &own)?;
    let name = if tier == "default" {
        own
    } else {
        format!("{tier}.{own}")
    };
    let spec = v1.get("spec").cloned().unwrap_or_default();
    let set = |field: &str| spec.get(field) == Some(&Value::Bool(true));
    let forward = set("applyOnForward") || set("doNotTrack") || set("preDNAT");
    let types = spec.get("types").and_then(Value::as_array).map(|types| {
        let word = |word: &Value| match word.as_str().unwrap_or_default().to_lowercase().as_str() {
            "egress" => "Egress",
            _ => "Ingress",
        };
        types.iter().map(|name| Value::from(word(name))).collect()
    });
    let own_selector = spec.get("selector").and_then(Value::as_str).map(selector);
    let mut fields = copied(&spec, &["order", "doNotTrack", "preDNAT"]);
    fields.extend([
        ("tier", Some(tier.into())),
        ("ingress", rules(&spec, "ingress")),
        ("egress", rules(&spec, "egress")),
        ("selector", own_selector.map(Value::from)),
        ("types", types),
        ("applyOnForward", forward.then_some(Value::Bool(true))),
    ]);
    let (mut resource, notes) = made(Kind::GlobalNetworkPolicy, ("policy", given), &name, fields);
    if let Some(annotations) = v1.pointer("/metadata/annotations") {
        resource.set(&["metadata", "annotations"], Some(annotations.clone()));
    }
    kinds::prepare(&mut resource);
    Ok((resource, notes))
}

pub(super) fn profile(v1: &Value) -> Made {
    let given = metadata(v1, "name");
    let labels = v1.pointer("/metadata/labels").and_then(Value::as_object);
    let mut to_apply: Map<String, Value> = labels.cloned().unwrap_or_default();
    let tags = v1.pointer("/metadata/tags").and_then(Value::as_array);
    for tag in tags.into_iter().flatten().filter_map(Value::as_str) {
        if to_apply.insert(tag.into(), "".into()).is_some() {
            return Err((
                "metadata.tags".into(),
                format!("{tag:?} is a label, too, and tags become labels in v3: rename one of them"),
            ));
        }
    }
    let spec = v1.get("spec").cloned().unwrap_or_default();
    let fields = vec![
        ("ingress", rules(&spec, "ingress")),
        ("egress", rules(&spec, "egress")),
        (
            "labelsToApply",
            (!to_apply.is_empty()).then_some(Value::Object(to_apply)),
        ),
    ];
    Ok(made(
        Kind::Profile,
        ("profile", given),
        &name_of_profile(given),
        fields,
    ))
}

pub(super) fn tier(v1: &Value) -> Made {
    let given = metadata(v1, "name");
    let name = names::converted_without_dots(given);
    is_name(given, &name)?;
    let order = v1.pointer("/spec/order").cloned();
    let (mut resource, notes) = made(Kind::Tier, ("tier", given), &name, vec![("order", order)]);
    kinds::prepare(&mut resource);
    Ok((resource, notes))
}

fn profiles(spec: &Value) -> Option<Value> {
    let profiles = spec.get("profiles")?.as_array()?;
    let name = |name: &Value| Value::from(name_of_profile(name.as_str().unwrap_or_default()));
    Some(profiles.iter().map(name).collect())
}

pub(super) fn host_endpoint(v1: &Value) -> Made {
    let given = metadata(v1, "name");
    let node = names::normalize_node_name(metadata(v1, "node"));
    let name = names::converted(&format!("{node}.{given}"));
    is_name(given, &name)?;
    let spec = v1.get("spec").cloned().unwrap_or_default();
    let mut fields = copied(&spec, &["interfaceName", "expectedIPs"]);
    fields.extend([
        ("node", text(&node)),
        ("profiles", profiles(&spec)),
        ("ports", ports(&spec)),
    ]);
    let (mut resource, notes) = made(Kind::HostEndpoint, ("hostEndpoint", given), &name, fields);
    set_labels(&mut resource, v1.pointer("/metadata/labels"));
    Ok((resource, notes))
}

pub(super) fn workload_endpoint(v1: &Value) -> Made {
    let (given, orchestrator, workload) = (
        metadata(v1, "name"),
        metadata(v1, "orchestrator"),
        metadata(v1, "workload"),
    );
    let mut namespace = "default";
    let (pod, container, kept) = match orchestrator {
        "k8s" => {
            let Some((own, pod)) = workload.split_once('.') else {
                return Err((
                    "metadata.workload".into(),
                    format!("{workload:?} of orchestrator k8s must be NAMESPACE.POD"),
                ));
            };
            namespace = own;
            (pod, metadata(v1, "activeInstanceID"), String::new())
        }
        "cni" => ("", workload, String::new()),
        "libnetwork" => ("", "", "libnetwork".to_owned()),
        _ => ("", "", names::converted(workload)),
    };
    let spec = v1.get("spec").cloned().unwrap_or_default();
    let networks = spec.get("ipNetworks").and_then(Value::as_array).map(|networks| {
        let network = |network: &Value| Some(net_or_ip(network.as_str()?)?.trunc().to_string().into());
        networks.iter().filter_map(network).collect::<Vec<Value>>().into()
    });
    let mut fields = copied(
        &spec,
        &["ipNATs", "ipv4Gateway", "ipv6Gateway", "interfaceName", "mac"],
    );
    fields.extend([
        ("orchestrator", Some(names::converted(orchestrator).into())),
        ("workload", text(&kept)),
        ("node", text(&names::normalize_node_name(metadata(v1, "node")))),
        ("containerID", text(container)),
        ("pod", text(pod)),
        ("endpoint", Some(names::converted(given).into())),
        ("ipNetworks", networks),
        ("profiles", profiles(&spec)),
        ("ports", ports(&spec)),
        (
            "allowSpoofedSourcePrefixes",
            spec.get("allow_spoofed_source_prefixes").cloned(),
        ),
    ]);
    let (mut resource, _) = made(Kind::WorkloadEndpoint, ("workloadEndpoint", given), "", fields);
    let labels = v1.pointer("/metadata/labels").and_then(Value::as_object);
    let mut labels = labels.cloned().unwrap_or_default();
    if let Some(value) = labels.remove("calico/k8s_ns") {
        labels.insert("projectcalico.org/namespace".into(), value);
    }
    if !labels.is_empty() {
        resource.set(&["metadata", "labels"], Some(labels.into()));
    }
    resource.set(&["metadata", "name"], None);
    resource.set_namespace(namespace);
    // The name follows from the spec.
    kinds::prepare(&mut resource);
    let notes = vec![format!(
        "v1 workloadEndpoint {given:?} is WorkloadEndpoint {:?} in v3",
        resource.id()
    )];
    Ok((resource, notes))
}
