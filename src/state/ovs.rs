//! Open vSwitch as its database and its switch daemon show it (ovs-vswitchd.conf.db(5)).
//!
//! Names are those of the database's columns. Secrets in the free maps (`options:psk`, `other_config`) are cut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fact;

/// One Open vSwitch: a row of `Open_vSwitch`, and all that hangs on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ovs {
    /// The database's socket that answered; empty when read from listings.
    pub socket: String,
    /// As ovs-vswitchd wrote it, for example `3.1.0`; empty when the one who started it did not say.
    pub ovs_version: String,
    pub external_ids: BTreeMap<String, String>,
    pub other_config: BTreeMap<String, String>,
    /// `next_cfg` and `cur_cfg`: when they differ, ovs-vswitchd has not taken over the last change.
    pub next_cfg: i64,
    pub cur_cfg: i64,
    /// Where database managers (OVN, Neutron, a CNI agent) connect: `ptcp:6640:127.0.0.1`.
    pub managers: Vec<Target>,
    /// By name.
    pub bridges: Vec<Bridge>,
}

impl Ovs {
    /// The bridge of this name.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// All interfaces, each with its bridge and port.
    pub fn interfaces(&self) -> impl Iterator<Item = (&Bridge, &Port, &Interface)> {
        self.bridges.iter().flat_map(|bridge| {
            let ports = bridge.ports.iter();
            ports.flat_map(move |port| {
                port.interfaces
                    .iter()
                    .map(move |interface| (bridge, port, interface))
            })
        })
    }
}

/// A row of `Manager` or `Controller`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// `tcp:10.0.0.1:6653`, `unix:…`, `ptcp:…`.
    pub target: String,
    pub is_connected: bool,
    /// `in-band` or `out-of-band`; controllers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_mode: Option<String>,
    /// `master`, `slave`, `other`; controllers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `last_error`, `state`, `sec_since_connect`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, String>,
}

/// A row of `Bridge`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bridge {
    pub name: String,
    /// `system` (also when empty: the kernel's), or `netdev` (in ovs-vswitchd itself).
    pub datapath_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datapath_id: Option<String>,
    /// `standalone` or `secure`: without a controller a secure bridge forwards nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_mode: Option<String>,
    pub controllers: Vec<Target>,
    pub stp_enable: bool,
    pub rstp_enable: bool,
    pub mcast_snooping_enable: bool,
    /// Versions of OpenFlow; none means the daemon's defaults.
    pub protocols: Vec<String>,
    /// VLANs in which learning is off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flood_vlans: Vec<u16>,
    /// Number of mirrors.
    pub mirrors: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_config: BTreeMap<String, String>,
    /// By name.
    pub ports: Vec<Port>,
    /// OpenFlow rules, in the switch's order.
    pub flows: Fact<Vec<Flow>>,
    /// What the bridge has learned.
    pub fdb: Fact<Vec<Learned>>,
    /// Groups of buckets, which rules send to.
    pub groups: Fact<Vec<Group>>,
}

/// A row of `Port`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Port {
    pub name: String,
    /// The VLAN of an access port, or the native one of a trunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<u16>,
    /// VLANs of a trunk; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trunks: Vec<u16>,
    /// `access`, `trunk`, `native-tagged`, `native-untagged`, `dot1q-tunnel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacp: Option<String>,
    /// MAC of the active member (`bond_active_slave`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond_active_member: Option<String>,
    /// Milliseconds.
    pub bond_updelay: i64,
    pub bond_downdelay: i64,
    /// Protected ports don't forward to each other.
    pub protected: bool,
    /// `forwarding`, `blocking`, `Discarding`, …: of (rapid) spanning tree, where the bridge runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stp_state: Option<String>,
    pub fake_bridge: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_config: BTreeMap<String, String>,
    /// By name; more than one make a bond.
    pub interfaces: Vec<Interface>,
}

/// A row of `Interface`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Interface {
    pub name: String,
    /// `system` (also when empty), `internal`, `patch`, `vxlan`, `gre`, `geneve`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Of tunnels: `remote_ip`, `local_ip`, `key`, `dst_port`, `df_default`, `tos`; of patch ports: `peer`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// -1 when it could not be added; none before the switch daemon has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ofport: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ofport_request: Option<i64>,
    /// The link's number in the namespace of ovs-vswitchd; 0 when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ifindex: Option<i64>,
    /// `up` or `down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_state: Option<String>,
    /// Why it could not be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_in_use: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu_request: Option<i64>,
    /// `rx_packets`, `tx_dropped`, …: packets or bytes since the interface was added.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statistics: BTreeMap<String, i64>,
    /// `driver_name`, `tunnel_egress_iface`, `tunnel_egress_iface_carrier`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bfd_status: BTreeMap<String, String>,
    /// `attached-mac`, `iface-id`, `container_id`, …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_config: BTreeMap<String, String>,
}

/// One OpenFlow rule, as `bridge/dump-flows` or `ovs-ofctl dump-flows` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flow {
    /// The line, without blanks at its ends.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<u64>,
    pub table: u8,
    /// The default is 32768; one above 65535 is the switch's own, which OpenFlow doesn't show.
    pub priority: u32,
    pub packets: u64,
    pub bytes: u64,
    /// `in_port` → `1`; a protocol in short form (`ip`, `arp`) has an empty value. None means all packets.
    #[serde(rename = "match", skip_serializing_if = "BTreeMap::is_empty")]
    pub matches: BTreeMap<String, String>,
    /// `drop`, `NORMAL`, `output:2`, `resubmit(,1)`, …, in order.
    pub actions: Vec<String>,
}

impl Flow {
    /// Whether it is one that the switch keeps for itself (in-band control, table 254).
    pub const fn is_hidden(&self) -> bool {
        self.priority > 65_535 || self.table == 254
    }
}

/// A group, as `ovs-ofctl dump-groups` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    pub id: u32,
    /// `all`, `indirect`, `select`, `ff`.
    #[serde(rename = "type")]
    pub kind: String,
    pub buckets: Vec<Bucket>,
}

/// A bucket of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bucket {
    /// Of `select`: its part of all.
    pub weight: u32,
    /// The port that it lives and dies with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_port: Option<String>,
    pub actions: Vec<String>,
}

/// A row of `fdb/show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Learned {
    /// The number of the port, or `LOCAL`.
    pub port: String,
    /// 0 without a VLAN.
    pub vlan: u16,
    pub mac: String,
    /// Seconds since it was last seen; none for a static entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
}
