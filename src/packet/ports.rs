//! Which UDP ports carry which tunnel.

use super::wire::Next;

/// A tunnel over UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tunnel {
    None,
    /// VXLAN: 4789 (RFC 7348), and 8472 as flannel, k3s and Cilium use it.
    Vxlan,
    /// 4790.
    VxlanGpe,
    /// 6081 (RFC 8926).
    Geneve,
    /// flannel's own: 8285.
    FlannelUdp,
    /// GRE over UDP: 4754 (RFC 8086).
    Gre,
    /// MPLS over UDP: 6635 (RFC 7510).
    Mpls,
}

impl Tunnel {
    const NAMES: [(&'static str, Self); 6] = [
        ("vxlan", Self::Vxlan),
        ("vxlan-gpe", Self::VxlanGpe),
        ("geneve", Self::Geneve),
        ("flannel-udp", Self::FlannelUdp),
        ("gre", Self::Gre),
        ("mpls", Self::Mpls),
    ];

    /// By its name in `--port`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, tunnel)| *tunnel)
    }

    /// The names of `--port`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    pub(super) const fn next(self) -> Option<Next> {
        match self {
            Self::None => None,
            Self::Vxlan => Some(Next::Vxlan),
            Self::VxlanGpe => Some(Next::VxlanGpe),
            Self::Geneve => Some(Next::Geneve),
            Self::FlannelUdp => Some(Next::FlannelUdp),
            Self::Gre => Some(Next::Proto(super::wire::ipv4::protocol::GRE as u16)),
            Self::Mpls => Some(Next::Type(super::wire::ethernet::ether_type::MPLS)),
        }
    }
}

/// The tunnel of each port, one byte a port.
#[derive(Debug, Clone)]
pub struct Ports(Vec<Tunnel>);

impl Default for Ports {
    fn default() -> Self {
        let mut ports = Self(vec![Tunnel::None; 1 << 16]);
        for (port, tunnel) in [
            (4789, Tunnel::Vxlan),
            (8472, Tunnel::Vxlan),
            (4790, Tunnel::VxlanGpe),
            (6081, Tunnel::Geneve),
            (8285, Tunnel::FlannelUdp),
            (4754, Tunnel::Gre),
            (6635, Tunnel::Mpls),
        ] {
            ports.set(port, tunnel);
        }
        ports
    }
}

impl Ports {
    /// Gives a port to a tunnel.
    pub fn set(&mut self, port: u16, tunnel: Tunnel) {
        if let Some(entry) = self.0.get_mut(usize::from(port)) {
            *entry = tunnel;
        }
    }

    /// The tunnel of a port.
    pub fn get(&self, port: u16) -> Tunnel {
        self.0.get(usize::from(port)).copied().unwrap_or(Tunnel::None)
    }
}
