//! WorkloadEndpoints from Pods (libcalico-go `lib/backend/k8s/conversion`).

use serde_json::{Map, Value, json};

use crate::calico::checks;
use crate::calico::hash;
use crate::calico::resource::{Kind, Resource};

/// Written by Calico's CNI plugin, before the kubelet has written the status.
pub(super) const POD_IP: &str = "cni.projectcalico.org/podIP";
pub(super) const POD_IPS: &str = "cni.projectcalico.org/podIPs";
const AWS_IPS: &str = "vpc.amazonaws.com/pod-ips";
const CONTAINER_ID: &str = "cni.projectcalico.org/containerID";
const FLOATING_IPS: &str = "cni.projectcalico.org/floatingIPs";
const SOURCE_PREFIXES: &str = "cni.projectcalico.org/allowedSourcePrefixes";

/// The first part of links' names, unless Felix is told otherwise.
pub(super) const INTERFACE_PREFIX: &str = "cali";

/// The namespace and name of the pod behind an endpoint, from the endpoint's id; nothing for another orchestrator's.
pub(super) fn pod_of(id: &str) -> Option<(String, String)> {
    let (namespace, name) = id.split_once('/')?;
    // Dashes of the parts are doubled, those between them are not.
    let parts = name.replace("--", "\u{0}");
    let parts: Vec<String> = parts.split('-').map(|part| part.replace('\u{0}', "-")).collect();
    match parts.as_slice() {
        [_, orchestrator, pod, _] if orchestrator == "k8s" && !pod.is_empty() => {
            Some((namespace.to_owned(), pod.clone()))
        }
        _ => None,
    }
}

/// The endpoint of a pod; none for pods that aren't scheduled, or use their node's network.
///
/// # Errors
/// An annotation or an address that isn't what it should be.
pub(super) fn endpoint(pod: &Value, prefix: &str) -> Result<Option<Resource>, String> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (node, name, namespace) = (
        text("/spec/nodeName"),
        text("/metadata/name"),
        text("/metadata/namespace"),
    );
    if node.is_empty() || pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let account = text("/spec/serviceAccountName");
    let escape = |part: &str| part.replace('-', "--");
    let mut endpoint = Resource::new(
        Kind::WorkloadEndpoint,
        &format!("{}-k8s-{}-eth0", escape(node), escape(name)),
    );
    endpoint.set_namespace(namespace);
    for field in ["uid", "resourceVersion", "creationTimestamp", "generateName"] {
        if let Some(value) = pod["metadata"].get(field) {
            endpoint.set(&["metadata", field], Some(value.clone()));
        }
    }
    endpoint.set(
        &["metadata", "labels"],
        Some(labels(pod, namespace, account).into()),
    );
    let networks = networks(pod)?;
    let mut profiles = vec![format!("kns.{namespace}")];
    if !account.is_empty() {
        profiles.push(format!("ksa.{namespace}.{account}"));
    }
    let mut spec = json!({
        "orchestrator": "k8s", "node": node, "pod": name, "endpoint": "eth0", "profiles": profiles,
        "interfaceName": interface(prefix, namespace, name),
    });
    let ports = ports(pod);
    let nats = floating(annotation(pod, FLOATING_IPS), &networks)?;
    let prefixes = prefixes(annotation(pod, SOURCE_PREFIXES))?;
    for (key, list) in [
        ("ipNetworks", networks.into_iter().map(Value::from).collect()),
        ("ports", ports),
        ("ipNATs", nats),
        ("allowSpoofedSourcePrefixes", prefixes),
    ] {
        if !list.is_empty() {
            spec[key] = Value::Array(list);
        }
    }
    for (key, value) in [
        ("containerID", annotation(pod, CONTAINER_ID).unwrap_or_default()),
        ("serviceAccountName", account),
    ] {
        if !value.is_empty() {
            spec[key] = value.into();
        }
    }
    endpoint.set(&["spec"], Some(spec));
    Ok(Some(endpoint))
}

fn annotation<'a>(pod: &'a Value, key: &str) -> Option<&'a str> {
    pod["metadata"]["annotations"].get(key)?.as_str()
}

fn labels(pod: &Value, namespace: &str, account: &str) -> Map<String, Value> {
    let mut labels = pod["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("projectcalico.org/namespace".into(), namespace.into());
    labels.insert("projectcalico.org/orchestrator".into(), "k8s".into());
    // A label's value can't be longer.
    if !account.is_empty() && account.len() < 63 {
        labels.insert("projectcalico.org/serviceaccount".into(), account.into());
    }
    labels
}

/// The link on the node: a prefix, and what both Felix and the CNI plugin make of the pod's name.
fn interface(prefix: &str, namespace: &str, name: &str) -> String {
    let hash = hash::sha1(&format!("{namespace}.{name}"), 11);
    format!("{prefix}{hash}")
}

/// Whether a pod's addresses may be somebody else's.
fn is_finished(pod: &Value) -> bool {
    let leaving = pod.pointer("/metadata/deletionTimestamp").is_some();
    let given_back = [POD_IP, AWS_IPS]
        .iter()
        .any(|key| annotation(pod, key) == Some(""));
    let phase = pod.pointer("/status/phase").and_then(Value::as_str);
    (leaving && given_back) || matches!(phase, Some("Succeeded" | "Failed" | "Completed"))
}

/// Its addresses: of the status, or else what the plugins noted, as networks of one address.
fn networks(pod: &Value) -> Result<Vec<String>, String> {
    if is_finished(pod) {
        return Ok(Vec::new());
    }
    let mut texts: Vec<String> = pod["status"]["podIPs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|ip| ip["ip"].as_str().map(str::to_owned))
        .collect();
    let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    if texts.is_empty() {
        let one = filled(pod["status"]["podIP"].as_str())
            .or_else(|| filled(annotation(pod, POD_IPS)))
            .or_else(|| filled(annotation(pod, POD_IP)))
            .or_else(|| filled(annotation(pod, AWS_IPS)));
        texts.extend(one.iter().flat_map(|text| text.split(',')).map(str::to_owned));
    }
    let network = |text: &String| {
        let net = checks::net_or_ip(text.trim());
        net.map(|net| net.to_string())
            .ok_or_else(|| format!("{text:?} is not an IP address"))
    };
    texts.iter().map(network).collect()
}

/// Ports with a name or a port of the node.
fn ports(pod: &Value) -> Vec<Value> {
    let containers = ["containers", "initContainers"].into_iter();
    let containers = containers.filter_map(|key| pod["spec"][key].as_array()).flatten();
    let ports = containers
        .filter_map(|container| container["ports"].as_array())
        .flatten();
    let port = |port: &Value| {
        let name = port["name"].as_str().unwrap_or_default();
        let (number, host) = (
            port["containerPort"].as_u64().unwrap_or_default(),
            port["hostPort"].as_u64().unwrap_or_default(),
        );
        if number == 0 || (host == 0 && name.is_empty()) {
            return None;
        }
        Some(json!({
            "name": name, "protocol": port["protocol"].as_str().unwrap_or("TCP"), "port": number,
            "hostPort": host, "hostIP": port["hostIP"].as_str().unwrap_or_default(),
        }))
    };
    ports.filter_map(port).collect()
}

fn list(key: &str, text: Option<&str>) -> Result<Vec<String>, String> {
    match text {
        None | Some("") => Ok(Vec::new()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| format!("annotation {key} is not a list of texts: {error}")),
    }
}

/// Addresses that are translated to the pod's, each to that of its family.
fn floating(text: Option<&str>, networks: &[String]) -> Result<Vec<Value>, String> {
    let of_family = |v6: bool| networks.iter().find(|network| network.contains(':') == v6);
    let nat = |external: String| {
        let internal = of_family(external.contains(':'))?.split('/').next()?;
        Some(json!({"internalIP": internal, "externalIP": external}))
    };
    Ok(list(FLOATING_IPS, text)?.into_iter().filter_map(nat).collect())
}

fn prefixes(text: Option<&str>) -> Result<Vec<Value>, String> {
    let prefix = |text: &String| match checks::net(text) {
        Some(net) => Ok(Value::from(net.trunc().to_string())),
        None => Err(format!("annotation {SOURCE_PREFIXES}: {text:?} is not a CIDR")),
    };
    list(SOURCE_PREFIXES, text)?.iter().map(prefix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_an_endpoint_as_calico_makes_it() {
        let pod = json!({
            "metadata": {
                "name": "pod-b", "namespace": "production", "uid": "u", "resourceVersion": "287", "labels": {"app": "db"},
                "annotations": {
                    CONTAINER_ID: "abcdef", FLOATING_IPS: "[\"192.0.2.7\",\"fd00::7\"]",
                    SOURCE_PREFIXES: "[\"10.9.1.1/16\"]", POD_IP: "10.0.0.9/32",
                },
            },
            "spec": {
                "nodeName": "node-2", "serviceAccountName": "sa1",
                "containers": [{"ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 1}]}],
            },
            "status": {"podIPs": [{"ip": "10.244.247.2"}]},
        });
        let endpoint = endpoint(&pod, INTERFACE_PREFIX).unwrap().unwrap();
        assert_eq!(endpoint.id(), "production/node--2-k8s-pod--b-eth0");
        assert_eq!(
            pod_of(&endpoint.id()),
            Some(("production".into(), "pod-b".into()))
        );
        assert_eq!(
            endpoint.field(&["spec"]).unwrap(),
            &json!({
                "orchestrator": "k8s", "node": "node-2", "pod": "pod-b", "endpoint": "eth0", "containerID": "abcdef",
                "interfaceName": "calib28514802ff", "ipNetworks": ["10.244.247.2/32"],
                "ipNATs": [{"internalIP": "10.244.247.2", "externalIP": "192.0.2.7"}],
                "allowSpoofedSourcePrefixes": ["10.9.0.0/16"],
                "profiles": ["kns.production", "ksa.production.sa1"], "serviceAccountName": "sa1",
                "ports": [{"name": "http", "protocol": "TCP", "port": 8080, "hostPort": 0, "hostIP": ""}],
            })
        );
        assert_eq!(
            endpoint.field(&["metadata", "labels"]).unwrap(),
            &json!({
                "app": "db", "projectcalico.org/namespace": "production", "projectcalico.org/orchestrator": "k8s",
                "projectcalico.org/serviceaccount": "sa1",
            })
        );
    }

    #[test]
    fn pods_without_a_network_of_their_own_or_that_have_ended_have_no_addresses() {
        let pod = |spec: Value, status: Value| json!({"metadata": {"name": "p", "namespace": "n"}, "spec": spec, "status": status});
        let none = pod(json!({}), json!({"podIP": "10.0.0.1"}));
        assert_eq!(endpoint(&none, "cali"), Ok(None));
        let host = pod(json!({"nodeName": "n1", "hostNetwork": true}), json!({}));
        assert_eq!(endpoint(&host, "cali"), Ok(None));
        for (phase, networks) in [("Running", 1), ("Succeeded", 0), ("Failed", 0)] {
            let pod = pod(
                json!({"nodeName": "n1"}),
                json!({"phase": phase, "podIP": "10.0.0.1"}),
            );
            let endpoint = endpoint(&pod, "cali").unwrap().unwrap();
            let found = endpoint.field(&["spec", "ipNetworks"]).and_then(Value::as_array);
            assert_eq!(found.map_or(0, Vec::len), networks, "{phase}");
        }
    }

    #[test]
    fn names_of_other_orchestrators_have_no_pod() {
        for id in [
            "default/nope",
            "libnetwork/n1-libnetwork-libnetwork-ep1",
            "x",
            "d/n-k8s--eth0",
        ] {
            assert_eq!(pod_of(id), None, "{id}");
        }
        assert_eq!(pod_of("d/a--b-k8s-c--d---e-eth0"), None);
    }
}
