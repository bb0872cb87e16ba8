//! The JSON that runtimes add to verbose answers of CRI: containerd (`pkg/cri/server/sandbox_status.go`, `status.go`) and
//! CRI-O (`server/sandbox_status.go`). Only what is named here is taken: the rest holds environments and credentials.

use serde_json::Value;

use super::secrets;
use crate::state::cri::{CniDirectories, CniLink};

/// What the `info` of a sandbox says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxInfo {
    /// The path of the network namespace.
    pub netns: Option<String>,
    pub pid: Option<u32>,
    pub links: Vec<CniLink>,
}

/// Reads the `info` of a sandbox.
///
/// # Errors
/// Where the text stops being JSON.
pub fn sandbox(text: &str) -> Result<SandboxInfo, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let namespaces = value
        .pointer("/runtimeSpec/linux/namespaces")
        .and_then(Value::as_array);
    let netns = namespaces
        .into_iter()
        .flatten()
        .find(|namespace| namespace.get("type").and_then(Value::as_str) == Some("network"))
        .and_then(|namespace| namespace.get("path")?.as_str());
    let links = value.pointer("/cniResult/Interfaces").and_then(Value::as_object);
    let mut links: Vec<CniLink> = links
        .into_iter()
        .flatten()
        .map(|(name, value)| CniLink {
            name: name.clone(),
            mac: text_of(value, "Mac"),
            sandbox: text_of(value, "Sandbox"),
            addresses: addresses(value, "IP"),
            gateways: addresses(value, "Gateway"),
        })
        .collect();
    links.sort();
    Ok(SandboxInfo {
        netns: netns.filter(|path| !path.is_empty()).map(str::to_owned),
        pid: value
            .get("pid")
            .and_then(Value::as_u64)
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid > 0),
        links,
    })
}

fn addresses(link: &Value, field: &str) -> Vec<String> {
    let configs = link.get("IPConfigs").and_then(Value::as_array);
    configs
        .into_iter()
        .flatten()
        .map(|config| text_of(config, field))
        .filter(|text| !text.is_empty())
        .collect()
}

/// Reads `config` (and `lastCNILoadStatus`) of containerd's verbose status: the CNI directories, nothing else, since
/// registries' credentials stand beside them.
///
/// # Errors
/// When the text is not JSON, or names no directories.
pub fn cni_directories(config: &str, last_load: Option<&str>) -> Result<CniDirectories, String> {
    let value: Value = serde_json::from_str(config).map_err(|error| error.to_string())?;
    let cni = value
        .get("cni")
        .ok_or("the runtime's configuration names no CNI directories")?;
    // A status is a JSON string of its own.
    let said = last_load.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()));
    // `confDir` and `binDir`; containerd 2 has `binDirs`.
    let dirs = cni.get("binDirs").and_then(Value::as_array);
    let bin = dirs.map_or_else(
        || text_of(cni, "binDir"),
        |dirs| {
            dirs.iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(":")
        },
    );
    Ok(CniDirectories {
        conf: text_of(cni, "confDir"),
        bin,
        max_conf_num: cni.get("maxConfNum").and_then(Value::as_i64).unwrap_or_default(),
        last_load_error: said
            .filter(|said| said != "OK" && !said.is_empty())
            .map(|said| secrets::cut(&said)),
    })
}

fn text_of(value: &Value, field: &str) -> String {
    value
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sandbox_has_namespace_process_and_links() {
        let text = r#"{"pid": 4711, "config": {"envs": [{"key": "A", "value": "hunter2"}]}, "runtimeSpec": {"linux":
            {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/var/run/netns/cni-1"}]}},
            "cniResult": {"Interfaces": {"eth0": {"IPConfigs": [{"IP": "10.88.0.2", "Gateway": "10.88.0.1"}],
            "Mac": "02:00:00:00:00:01", "Sandbox": "/var/run/netns/cni-1"}, "lo": {"IPConfigs": null}}}}"#;
        let info = sandbox(text).unwrap();
        assert_eq!(
            (info.netns.as_deref(), info.pid),
            (Some("/var/run/netns/cni-1"), Some(4711))
        );
        assert_eq!(info.links[0].addresses, ["10.88.0.2"]);
        assert_eq!(info.links[1].name, "lo");
        let host = sandbox(r#"{"pid": 0, "runtimeSpec": {"linux": {"namespaces": []}}}"#).unwrap();
        assert_eq!(host, SandboxInfo::default());
    }

    #[test]
    fn of_the_runtimes_configuration_only_cni_is_kept() {
        let config = r#"{"cni": {"confDir": "/etc/cni/net.d", "binDir": "/opt/cni/bin", "maxConfNum": 1},
            "registry": {"configs": {"r": {"auth": {"password": "hunter2"}}}}}"#;
        let directories = cni_directories(
            config,
            Some("\"cni config load failed: no network config found\""),
        )
        .unwrap();
        assert_eq!(directories.conf, "/etc/cni/net.d");
        assert!(
            directories
                .last_load_error
                .as_ref()
                .unwrap()
                .starts_with("cni config load failed")
        );
        assert!(!format!("{directories:?}").contains("hunter2"));
        assert_eq!(
            cni_directories(config, Some("\"OK\"")).unwrap().last_load_error,
            None
        );
        assert!(cni_directories("{}", None).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(\\{|\\}|\\[|\\]|,|:|\"cni\"|\"pid\"|\"linux\"|1){0,40}") {
            for text in [&text, &like] {
                let _ = (sandbox(text), cni_directories(text, Some(text)));
            }
        }
    }
}
