//! Pools of addresses, and how packets to their pods travel between nodes.

use ipnet::IpNet;
use serde_json::Value;

use crate::calico::node::NodeAddress;
use crate::calico::resource::Resource;

/// `ipipMode`, `vxlanMode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Never,
    Always,
    /// Only between nodes of different subnets.
    CrossSubnet,
}

impl Mode {
    fn read(text: Option<&str>) -> Self {
        match text {
            Some("Always" | "always") => Self::Always,
            Some("CrossSubnet" | "cross-subnet") => Self::CrossSubnet,
            _ => Self::Never,
        }
    }
}

/// What packets between two nodes are wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encap {
    None,
    Ipip,
    Vxlan,
}

/// An IPPool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    pub cidr: IpNet,
    pub ipip: Mode,
    pub vxlan: Mode,
    pub nat_outgoing: bool,
    pub disabled: bool,
    /// `disableBGPExport`.
    pub no_export: bool,
    /// 26 (IPv4) or 122 (IPv6) unless said.
    pub block_size: u8,
}

impl Pool {
    pub(super) fn read(resource: &Resource) -> Option<Self> {
        let cidr: IpNet = resource.text(&["spec", "cidr"])?.parse().ok()?;
        let is = |field: &str| resource.field(&["spec", field]).and_then(Value::as_bool) == Some(true);
        let size = resource.field(&["spec", "blockSize"]).and_then(Value::as_u64);
        Some(Self {
            name: resource.name().to_owned(),
            cidr,
            ipip: Mode::read(resource.text(&["spec", "ipipMode"])),
            vxlan: Mode::read(resource.text(&["spec", "vxlanMode"])),
            nat_outgoing: is("natOutgoing"),
            disabled: is("disabled"),
            no_export: is("disableBGPExport"),
            block_size: size
                .and_then(|size| u8::try_from(size).ok())
                .filter(|size| *size > 0)
                .unwrap_or(if cidr.addr().is_ipv4() { 26 } else { 122 }),
        })
    }

    /// How packets get from one node to the other.
    pub fn encap(&self, own: NodeAddress, other: NodeAddress) -> Encap {
        let across = !is_same_subnet(own, other);
        let wraps = |mode| mode == Mode::Always || (mode == Mode::CrossSubnet && across);
        if wraps(self.vxlan) {
            Encap::Vxlan
        } else if wraps(self.ipip) {
            Encap::Ipip
        } else {
            Encap::None
        }
    }

    /// Whether Felix puts in the routes, not BIRD.
    pub fn is_of_felix(&self) -> bool {
        self.vxlan != Mode::Never
    }
}

/// Whether the second address is in the first one's stored subnet, as Calico asks.
pub fn is_same_subnet(own: NodeAddress, other: NodeAddress) -> bool {
    own.net().is_some_and(|net| net.contains(&other.ip))
}

impl std::fmt::Display for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cidr.fmt(f)
    }
}
