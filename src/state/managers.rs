//! What a host's network managers are told about links: NetworkManager.conf(5), systemd.network(5).

use serde::{Deserialize, Serialize};

use super::Fact;

/// Files of both managers; whether they run is among the processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkManagers {
    /// NetworkManager's files that say something about links that it leaves alone.
    pub network_manager: Fact<Vec<Unmanaged>>,
    /// `*.network` of systemd-networkd, in the order in which a link is held against them.
    pub networkd: Fact<Vec<NetworkFile>>,
}

/// A file with `unmanaged-devices`, or with a device section that has `managed=0`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Unmanaged {
    pub path: String,
    /// `interface-name:cali*`, `mac:…`, `except:…`, as written.
    pub devices: Vec<String>,
}

/// Which links a `.network` file is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkFile {
    pub path: String,
    /// `Name=`: globs; one that begins with `!` is for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `Kind=`: `veth`, `bridge`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// `Type=`: `ether`, `wlan`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// It asks for more (a MAC, a driver, …).
    pub narrower: bool,
    /// `Unmanaged=yes`.
    pub unmanaged: bool,
}
