//! Container networks of every kind that netdiag knows, as they are when they work.
//!
//! Each kind makes a [`Draft`]; brought up, it is a [`Network`], which says what pods there are and which ways packets
//! must and must not go. What is to be broken is broken by commands in the nodes: [`Draft::also`] before, or
//! [`Network::lab`] after it is up; [`systems`] has them all, whole and broken in many ways.
//!
//! | kind | what it is |
//! |---|---|
//! | [`veth_pair`] | two namespaces and a cable |
//! | [`ProxyArp`] | Calico's way to pods, without BGP: /32 routes, 169.254.1.1, static routes between two hosts |
//! | [`bridge`] | one bridge over two hosts |
//! | [`Docker`] | docker0, a network of a user, a published port, macvlan |
//! | [`Flannel`] | VXLAN, host-gw, DirectRouting |
//! | [`vxlan_group`], [`overlay`] | VXLAN over multicast; Docker's overlay |
//! | [`StaticRoutes`] | bridges, and routes by hand, with or without a router between |
//! | [`OpenVswitch`] | bridges of Open vSwitch with VXLAN, GRE or Geneve ports between the hosts |
//! | [`Rip`] | the same, and RIP in place of hands |
//! | [`Calico`] | BIRD in a mesh or with a reflector, VXLAN, natOutgoing, a router that knows no pods |
//! | [`KubeProxy`] | services of Kubernetes, by real kube-proxies that a real API server tells of them |
//! | [`link_labs`] | tunnels, VLANs, VRFs, IPVS and more that few kernels have at hand: for a guest |
//!
//! Calico with BGP is [`crate::StoryPlan`].

mod answerer;
mod attach;
mod bridge;
mod calico;
mod cluster;
mod docker;
mod draft;
mod flannel;
mod frr;
mod kube;
mod links;
mod network;
mod ovs;
mod proxy_arp;
mod rip;
mod static_routes;
mod system;
mod systems;
mod veth;
mod vxlan;

pub use bridge::bridge;
pub use calico::{Calico, Peering, Wire, Wrong};
pub use docker::{Docker, macvlan};
pub use draft::Draft;
pub use flannel::{Backend, Flannel};
pub use frr::bgpd;
pub use kube::KubeProxy;
pub use links::{link_labs, museum};
pub use network::{Network, PodSite, Probe, Way};
pub use ovs::{OpenVswitch, Tunnel};
pub use proxy_arp::ProxyArp;
pub use rip::{Rip, Router};
pub use static_routes::StaticRoutes;
pub use system::{Broken, System};
pub use systems::{broken, systems};
pub use veth::veth_pair;
pub use vxlan::{overlay, vxlan_group};

/// Which iptables writes a network's rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Iptables {
    /// into nftables, as distributions do since 2019
    #[default]
    Nft,
    /// into the older tables
    Legacy,
}

impl Iptables {
    /// Lines for the shell that add these rules, in the form of iptables-save.
    fn restore(self, rules: &str) -> String {
        let command = match self {
            Self::Nft => "iptables-nft-restore",
            Self::Legacy => "iptables-legacy-restore",
        };
        format!("{command} --noflush <<'END'\n{rules}END")
    }
}
