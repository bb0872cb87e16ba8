//! Endpoints of hosts and of workloads.

use serde_json::{Map, Value, json};

use super::{Object, Writes, escaped, items, json as object, of_v1, unescaped, updated};
use crate::calico::resource::Resource;
use crate::datastore::etcd2::http::Tree;
use crate::datastore::etcd2::map::HOSTS;

fn parts(key: &str) -> Option<Vec<&str>> {
    Some(key.strip_prefix(HOSTS)?.strip_prefix('/')?.split('/').collect())
}

/// Copies fields of a stored value to those of the v1 form.
fn form(stored: &Map<String, Value>, fields: &[(&str, &str)]) -> Map<String, Value> {
    let copy = |(key, field): &(&str, &str)| {
        let value = stored.get(*key).filter(|value| !value.is_null())?;
        Some(((*field).to_owned(), value.clone()))
    };
    fields.iter().filter_map(copy).collect()
}

/// The entries of two lists of a stored value, one a family.
fn both(stored: &Map<String, Value>, v4: &str, v6: &str) -> Vec<Value> {
    let list = |key: &str| {
        stored
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut all = list(v4);
    all.extend(list(v6));
    all
}

const OF_HOST: [(&str, &str); 3] = [
    ("name", "interfaceName"),
    ("profile_ids", "profiles"),
    ("ports", "ports"),
];

pub(super) fn hosts(tree: &Tree) -> Vec<Object> {
    let mut objects = Vec::new();
    for (key, leaf) in tree {
        if let Some([node, "endpoint", name]) = parts(key).as_deref() {
            let made = object(&leaf.value).map(|stored| {
                let mut spec = form(&stored, &OF_HOST);
                let ips = both(&stored, "expected_ipv4_addrs", "expected_ipv6_addrs");
                spec.insert("expectedIPs".into(), ips.into());
                let mut metadata = json!({"node": unescaped(node), "name": unescaped(name)});
                if let Some(labels) = stored.get("labels") {
                    metadata["labels"] = labels.clone();
                }
                json!({"metadata": metadata, "spec": spec})
            });
            objects.push(of_v1("hostEndpoint", vec![key.clone()], made));
        }
    }
    objects
}

/// Profiles of namespaces had a longer prefix.
fn profiles(new: &Resource) -> Value {
    let old = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        match name.strip_prefix("kns.") {
            Some(namespace) => Value::from(format!("k8s_ns.{namespace}")),
            None => name.into(),
        }
    };
    items(new, "profiles").iter().map(old).collect()
}

fn ports(new: &Resource) -> Value {
    let port = |port: &Value| {
        let protocol = match port["protocol"].as_str() {
            Some(name) => name.to_lowercase().into(),
            None => port["protocol"].clone(),
        };
        json!({"name": port["name"], "protocol": protocol, "port": port["port"]})
    };
    items(new, "ports").iter().map(port).collect()
}

/// Those texts of a list that are of a family.
fn of_family(values: &[Value], v6: bool) -> impl Iterator<Item = &str> {
    let texts = values.iter().filter_map(Value::as_str);
    texts.filter(move |text| text.contains(':') == v6)
}

fn labels(new: &Resource) -> Map<String, Value> {
    let labels = new.field(&["metadata", "labels"]).and_then(Value::as_object);
    labels.cloned().unwrap_or_default()
}

pub(super) fn write_host(tree: &Tree, keys: &[String], new: &Resource) -> Writes {
    let node = new.text(&["spec", "node"]).unwrap_or_default();
    let own = new.name().strip_prefix(&format!("{node}.")).unwrap_or(new.name());
    let key = keys
        .first()
        .cloned()
        .unwrap_or_else(|| format!("{HOSTS}/{}/endpoint/{}", escaped(node), escaped(own)));
    let ips = items(new, "expectedIPs");
    let interface = new.text(&["spec", "interfaceName"]).map(Value::from);
    let value = updated(
        tree,
        &key,
        vec![
            ("name", interface),
            ("expected_ipv4_addrs", Some(of_family(ips, false).collect())),
            ("expected_ipv6_addrs", Some(of_family(ips, true).collect())),
            ("profile_ids", Some(profiles(new))),
            ("labels", Some(labels(new).into())),
            ("ports", Some(ports(new)).filter(|ports| ports != &json!([]))),
        ],
    );
    vec![(key, Some(value))]
}

const OF_WORKLOAD: [(&str, &str); 6] = [
    ("name", "interfaceName"),
    ("mac", "mac"),
    ("profile_ids", "profiles"),
    ("ipv4_gateway", "ipv4Gateway"),
    ("ipv6_gateway", "ipv6Gateway"),
    ("ports", "ports"),
];

pub(super) fn workloads(tree: &Tree) -> Vec<Object> {
    let mut objects = Vec::new();
    for (key, leaf) in tree {
        let parts = parts(key);
        let Some([node, "workload", orchestrator, workload, "endpoint", name]) = parts.as_deref() else {
            continue;
        };
        let made = object(&leaf.value).map(|stored| {
            let mut spec = form(&stored, &OF_WORKLOAD);
            spec.insert("ipNetworks".into(), both(&stored, "ipv4_nets", "ipv6_nets").into());
            let nats = both(&stored, "ipv4_nat", "ipv6_nat");
            let nat = |nat: &Value| json!({"internalIP": nat["int_ip"], "externalIP": nat["ext_ip"]});
            if !nats.is_empty() {
                spec.insert("ipNATs".into(), nats.iter().map(nat).collect());
            }
            let mut metadata = json!({
                "node": unescaped(node), "orchestrator": unescaped(orchestrator), "workload": unescaped(workload),
                "name": unescaped(name), "labels": stored.get("labels").cloned().unwrap_or_default(),
            });
            if let Some(instance) = stored.get("active_instance_id") {
                metadata["activeInstanceID"] = instance.clone();
            }
            json!({"metadata": metadata, "spec": spec})
        });
        objects.push(of_v1("workloadEndpoint", vec![key.clone()], made));
    }
    objects
}

pub(super) fn write_workload(tree: &Tree, keys: &[String], new: &Resource) -> Writes {
    let text = |field: &str| new.text(&["spec", field]).unwrap_or_default();
    let workload = match text("orchestrator") {
        "k8s" => format!("{}.{}", new.namespace().unwrap_or("default"), text("pod")),
        "cni" => text("containerID").to_owned(),
        "libnetwork" => "libnetwork".to_owned(),
        _ => text("workload").to_owned(),
    };
    let key = keys.first().cloned().unwrap_or_else(|| {
        format!(
            "{HOSTS}/{}/workload/{}/{}/endpoint/{}",
            escaped(text("node")),
            escaped(text("orchestrator")),
            escaped(&workload),
            escaped(text("endpoint"))
        )
    });
    let nets = items(new, "ipNetworks");
    let nats = |v6: bool| -> Value {
        let of_family = |nat: &&Value| {
            let internal = nat["internalIP"].as_str().unwrap_or_default();
            internal.contains(':') == v6
        };
        let stored = |nat: &Value| json!({"int_ip": nat["internalIP"], "ext_ip": nat["externalIP"]});
        items(new, "ipNATs")
            .iter()
            .filter(of_family)
            .map(stored)
            .collect()
    };
    let filled = |value: Value| Some(value).filter(|value| value != &json!([]));
    let own = |field: &str| new.field(&["spec", field]).cloned();
    let instance = Some(text("containerID")).filter(|id| text("orchestrator") == "k8s" && !id.is_empty());
    let mut kept = labels(new);
    // These follow from the key.
    kept.remove("projectcalico.org/orchestrator");
    if let Some(namespace) = kept.remove("projectcalico.org/namespace") {
        kept.insert("calico/k8s_ns".into(), namespace);
    }
    let value = updated(
        tree,
        &key,
        vec![
            ("state", Some("active".into())),
            ("name", own("interfaceName")),
            ("active_instance_id", instance.map(Value::from)),
            ("mac", own("mac")),
            ("profile_ids", Some(profiles(new))),
            ("ipv4_nets", Some(of_family(nets, false).collect())),
            ("ipv6_nets", Some(of_family(nets, true).collect())),
            ("ipv4_nat", filled(nats(false))),
            ("ipv6_nat", filled(nats(true))),
            ("ipv4_gateway", own("ipv4Gateway")),
            ("ipv6_gateway", own("ipv6Gateway")),
            ("labels", Some(kept.into())),
            ("ports", filled(ports(new))),
        ],
    );
    vec![(key, Some(value))]
}
