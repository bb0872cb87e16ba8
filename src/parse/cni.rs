//! CNI's network configurations (CNI specification 1.0, section 1) → state. Secrets are cut before anything is kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::secrets;
use crate::state::cni::{CniIpam, CniNetwork, CniPlugin, CniRange};

/// Plugins may call plugins; no configuration nests deeper.
const MAX_DEPTH: usize = 4;

/// Reads a `.conflist`, or a `.conf` or `.json` with one plugin.
///
/// # Errors
/// Where the text stops being JSON, or what a network can't do without.
pub fn network(text: &str) -> Result<CniNetwork, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    secrets::cut_json(&mut value);
    let Value::Object(mut fields) = value else {
        return Err("not a network configuration: no object".into());
    };
    let name = take_text(&mut fields, "name").unwrap_or_default();
    let cni_version = take_text(&mut fields, "cniVersion");
    let (list, plugins) = match fields.remove("plugins") {
        Some(Value::Array(plugins)) => (true, plugins),
        Some(_) => return Err("plugins are not a list".into()),
        None => (false, vec![Value::Object(fields)]),
    };
    let plugins: Vec<CniPlugin> = plugins
        .into_iter()
        .map(|value| match value {
            Value::Object(fields) => Ok(plugin(fields, 0)),
            _ => Err("a plugin is not an object".to_owned()),
        })
        .collect::<Result<_, _>>()?;
    if let Some(number) = plugins.iter().position(|plugin| plugin.kind.is_empty()) {
        return Err(format!("plugin {} has no type", number + 1));
    }
    Ok(CniNetwork {
        name,
        cni_version,
        list,
        plugins,
    })
}

fn plugin(mut fields: Map<String, Value>, depth: usize) -> CniPlugin {
    let kubeconfig = kubeconfig(&mut fields);
    CniPlugin {
        kind: take_text(&mut fields, "type").unwrap_or_default(),
        bridge: take_text(&mut fields, "bridge"),
        master: take_text(&mut fields, "master"),
        mode: take_text(&mut fields, "mode"),
        mtu: take(&mut fields, "mtu", Value::as_u64),
        vlan: take(&mut fields, "vlan", Value::as_u64),
        is_gateway: take(&mut fields, "isGateway", Value::as_bool),
        is_default_gateway: take(&mut fields, "isDefaultGateway", Value::as_bool),
        ip_masq: take(&mut fields, "ipMasq", Value::as_bool),
        hairpin_mode: take(&mut fields, "hairpinMode", Value::as_bool),
        promisc_mode: take(&mut fields, "promiscMode", Value::as_bool),
        ipam: take(&mut fields, "ipam", |value| value.as_object().cloned())
            .filter(|fields| !fields.is_empty())
            .map(ipam),
        kubeconfig,
        capabilities: take(&mut fields, "capabilities", |value| {
            let capabilities = value.as_object()?.iter();
            capabilities
                .map(|(name, on)| Some((name.clone(), on.as_bool()?)))
                .collect()
        })
        .unwrap_or_default(),
        delegates: delegates(&mut fields, depth),
        other: fields.into_iter().collect(),
    }
}

/// Calico has it in `kubernetes`, Multus and others at the top.
fn kubeconfig(fields: &mut Map<String, Value>) -> Option<String> {
    let below = fields
        .get("kubernetes")
        .and_then(|kubernetes| kubernetes.get("kubeconfig")?.as_str());
    below
        .map(str::to_owned)
        .or_else(|| take_text(fields, "kubeconfig"))
}

/// flannel: `delegate`, one; Multus: `delegates`, a list, whose items may be lists of plugins.
fn delegates(fields: &mut Map<String, Value>, depth: usize) -> Vec<CniPlugin> {
    if depth >= MAX_DEPTH {
        return Vec::new();
    }
    let mut found = Vec::new();
    let one = take(fields, "delegate", |value| value.as_object().cloned());
    let several = take(fields, "delegates", |value| {
        let items = value.as_array()?.iter();
        items
            .map(|item| item.as_object().cloned())
            .collect::<Option<Vec<_>>>()
    });
    for mut fields in one.into_iter().chain(several.into_iter().flatten()) {
        match fields.remove("plugins") {
            Some(Value::Array(plugins)) => {
                for value in plugins {
                    if let Value::Object(fields) = value {
                        found.push(plugin(fields, depth + 1));
                    }
                }
            }
            _ => found.push(plugin(fields, depth + 1)),
        }
    }
    found
}

fn ipam(mut fields: Map<String, Value>) -> CniIpam {
    let mut ranges = take(&mut fields, "ranges", |value| {
        let sets = value.as_array()?.iter();
        sets.map(|set| {
            let ranges = set.as_array()?.iter();
            ranges.map(|value| range(value.as_object()?)).collect()
        })
        .collect::<Option<Vec<Vec<CniRange>>>>()
    })
    .unwrap_or_default();
    if let Some(old) = range(&fields) {
        for name in ["subnet", "rangeStart", "rangeEnd", "gateway"] {
            fields.remove(name);
        }
        ranges.insert(0, vec![old]);
    }
    CniIpam {
        kind: take_text(&mut fields, "type").unwrap_or_default(),
        ranges,
        data_dir: take_text(&mut fields, "dataDir"),
        routes: take(&mut fields, "routes", |value| {
            let routes = value.as_array()?.iter();
            routes
                .map(|route| {
                    let text = |name: &str| route.get(name).and_then(Value::as_str).map(str::to_owned);
                    Some((text("dst")?, text("gw")))
                })
                .collect()
        })
        .unwrap_or_default(),
        other: fields.into_iter().collect::<BTreeMap<_, _>>(),
    }
}

fn range(fields: &Map<String, Value>) -> Option<CniRange> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(CniRange {
        subnet: text("subnet")?,
        range_start: text("rangeStart"),
        range_end: text("rangeEnd"),
        gateway: text("gateway"),
    })
}

/// Takes a field out, if it has the type that it should have.
fn take<T>(fields: &mut Map<String, Value>, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
    let value = read(fields.get(name)?)?;
    fields.remove(name);
    Some(value)
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    take(fields, name, |value| value.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Calico's install-cni writes it (`cni-plugin/deployment`), with secrets where it puts them.
    const CALICO: &str = r#"{"name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [
        {"type": "calico", "log_level": "info", "datastore_type": "etcdv3", "mtu": 1440,
         "etcd_endpoints": "https://root:hunter2@10.0.0.1:2379", "etcd_key": "hunter2", "etcd_key_file": "/etc/key.pem",
         "ipam": {"type": "calico-ipam", "assign_ipv4": "true"}, "container_settings": {"allow_ip_forwarding": false},
         "policy": {"type": "k8s", "k8s_auth_token": "hunter2"},
         "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig", "k8s_api_root": "https://10.96.0.1"}},
        {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}]}"#;

    #[test]
    fn calicos_list_keeps_what_matters_and_no_secret() {
        let network = network(CALICO).unwrap();
        assert_eq!((network.name.as_str(), network.list), ("k8s-pod-network", true));
        let calico = network.plugin("calico").unwrap();
        assert_eq!(calico.mtu, Some(1440));
        assert_eq!(calico.ipam.as_ref().unwrap().kind, "calico-ipam");
        assert_eq!(
            calico.kubeconfig.as_deref(),
            Some("/etc/cni/net.d/calico-kubeconfig")
        );
        assert_eq!(calico.other["container_settings"]["allow_ip_forwarding"], false);
        assert_eq!(calico.other["etcd_key_file"], "/etc/key.pem");
        assert!(network.plugin("portmap").unwrap().capabilities["portMappings"]);
        assert!(!serde_json::to_string(&network).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_single_plugin_with_a_bridge_and_old_ranges_is_read() {
        let text = r#"{"name": "cbr0", "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
            "hairpinMode": true, "mtu": "1450", "ipam": {"type": "host-local", "subnet": "10.22.0.0/16",
            "gateway": "10.22.0.1", "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/run/leases",
            "ranges": [[{"subnet": "fd00::/64", "rangeStart": "fd00::10"}]]}}"#;
        let network = network(text).unwrap();
        let plugin = &network.plugins[0];
        assert!(!network.list);
        assert_eq!(
            (plugin.bridge.as_deref(), plugin.is_gateway),
            (Some("cni0"), Some(true))
        );
        assert_eq!((plugin.ip_masq, plugin.hairpin_mode), (Some(false), Some(true)));
        // A text is not an MTU: the plugin would refuse it, so it is shown as it is.
        assert_eq!((plugin.mtu, &plugin.other["mtu"]), (None, &Value::from("1450")));
        let ipam = plugin.ipam.as_ref().unwrap();
        assert_eq!(ipam.ranges[0][0].subnet, "10.22.0.0/16");
        assert_eq!(ipam.ranges[1][0].range_start.as_deref(), Some("fd00::10"));
        assert_eq!(ipam.routes, [("0.0.0.0/0".to_owned(), None)]);
        assert!(ipam.other.is_empty(), "{ipam:?}");
    }

    #[test]
    fn delegates_of_flannel_and_multus_are_plugins() {
        let flannel = r#"{"name": "cbr0", "plugins": [{"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}}]}"#;
        let network = network(flannel).unwrap();
        assert_eq!(network.plugins[0].delegates[0].is_default_gateway, Some(true));
        let multus = r#"{"name": "m", "type": "multus", "kubeconfig": "/etc/m.kubeconfig", "delegates": [{"plugins": [{"type": "calico"}]}]}"#;
        let network = super::network(multus).unwrap();
        assert_eq!(network.plugins[0].delegates[0].kind, "calico");
        assert_eq!(
            network.plugins[0].kubeconfig.as_deref(),
            Some("/etc/m.kubeconfig")
        );
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "not JSON"),
            ("[]", "no object"),
            (r#"{"name": "x"}"#, "plugin 1 has no type"),
            (r#"{"name": "x", "plugins": {}}"#, "not a list"),
            (r#"{"name": "x", "plugins": [1]}"#, "not an object"),
        ] {
            assert!(network(text).unwrap_err().contains(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(\\{|\\}|\\[|\\]|,|:|\"type\"|\"plugins\"|\"ipam\"|\"delegate\"|1){0,40}") {
            let _ = (network(&text), network(&like));
        }

        #[test]
        fn no_field_of_any_type_makes_it_panic(field in "(mtu|ipam|ranges|capabilities|delegates|kubernetes)", value in "(null|1|-1|\"a\"|\\[\\]|\\[\\[1\\]\\]|\\[\\{\\}\\]|\\{\\}|\\{\"a\":\\[\\]\\}|true)") {
            let plain = format!("{{\"type\": \"x\", \"{field}\": {value}}}");
            prop_assert!(network(&plain).is_ok());
            let _ = network(&format!("{{\"type\": \"x\", \"ipam\": {{\"{field}\": {value}}}}}"));
        }
    }
}
