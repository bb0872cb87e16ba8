//! Clusters made from numbers: nodes with pods, blocks, rules and sets as Calico, flannel and kube-proxy make them, the
//! same for the same seed, and with faults where they are planted.

mod fault;
mod names;
mod pods;
mod routes;
mod rules;

use netdiag::state::link::{Address, IfIndex, Link, LinkFlags, Scope};
use netdiag::state::neighbor::{FdbEntry, Neighbor};
use netdiag::state::netfilter::Ruleset;
use netdiag::state::netns::{NsIdentity, Peer};
use netdiag::state::route::Route;
use netdiag::state::{Fact, Namespace, Netns, NodeState, Snapshot};

use crate::Random;
pub use fault::Fault;
use names::{node_mac, node_name};

/// How packets get from node to node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Blocks by BGP, without a tunnel.
    CalicoBgp,
    /// `tunl0`, for all nodes.
    CalicoIpip,
    /// `vxlan.calico`
    CalicoVxlan,
    /// `flannel.1` and the bridge `cni0`.
    FlannelVxlan,
    /// Routes to the nodes, and the bridge `cni0`.
    FlannelHostGw,
}

impl Flavour {
    pub const ALL: [Self; 5] = [
        Self::CalicoBgp,
        Self::CalicoIpip,
        Self::CalicoVxlan,
        Self::FlannelVxlan,
        Self::FlannelHostGw,
    ];

    pub(crate) const fn is_calico(self) -> bool {
        matches!(self, Self::CalicoBgp | Self::CalicoIpip | Self::CalicoVxlan)
    }

    /// What pods' links carry, and the tunnel if there is one.
    pub(crate) const fn mtu(self) -> u32 {
        match self {
            Self::CalicoBgp | Self::FlannelHostGw => 1_500,
            Self::CalicoIpip => 1_480,
            Self::CalicoVxlan | Self::FlannelVxlan => 1_450,
        }
    }

    /// The word of a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CalicoBgp => "bgp",
            Self::CalicoIpip => "ipip",
            Self::CalicoVxlan => "vxlan",
            Self::FlannelVxlan => "flannel-vxlan",
            Self::FlannelHostGw => "flannel-host-gw",
        }
    }
}

/// A cluster. Counts are those of each node.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub flavour: Flavour,
    /// At most 50,000.
    pub nodes: usize,
    /// At most 60 with flannel, whose nodes have one block each.
    pub pods: usize,
    /// Blocks of the whole cluster, which each node has a route to; at least what the pods need is made.
    pub blocks: usize,
    /// Rules of netfilter; at least those of the pods are made.
    pub rules: usize,
    /// Members of sets of ipset(8).
    pub members: usize,
    pub seed: u64,
    /// What is wrong, and with which node (from 0).
    pub faults: Vec<(usize, Fault)>,
}

impl Cluster {
    /// A healthy one.
    pub const fn new(flavour: Flavour, nodes: usize, pods: usize) -> Self {
        Self {
            flavour,
            nodes,
            pods,
            blocks: nodes,
            rules: 100,
            members: 0,
            seed: 1,
            faults: Vec::new(),
        }
    }

    /// A thousand nodes of 50 pods, with 1,000 blocks and 2,000 rules.
    pub fn thousand(flavour: Flavour) -> Self {
        Self {
            rules: 2_000,
            ..Self::new(flavour, 1_000, 50)
        }
    }

    /// What makes its nodes, one at a time.
    pub fn maker(&self) -> Maker<'_> {
        Maker {
            services: rules::services(self),
            cluster: self,
        }
    }

    /// All nodes.
    pub fn states(&self) -> Vec<NodeState> {
        let maker = self.maker();
        (0..self.nodes).map(|number| maker.node(number)).collect()
    }

    /// How many blocks there are: so many for each node.
    pub(crate) fn blocks_a_node(&self) -> usize {
        if self.flavour.is_calico() {
            let needed = self.pods.div_ceil(names::OF_A_BLOCK).max(1);
            self.blocks.div_ceil(self.nodes.max(1)).max(needed)
        } else {
            1
        }
    }
}

/// Makes nodes. What is the same on all of them is made once.
#[derive(Debug)]
pub struct Maker<'c> {
    cluster: &'c Cluster,
    /// kube-proxy's rules.
    services: Ruleset,
}

impl Maker<'_> {
    /// The node with this number.
    pub fn node(&self, number: usize) -> NodeState {
        let cluster = self.cluster;
        let mut random = Random::new(cluster.seed ^ (number as u64).wrapping_mul(0x5851_f42d_4c95_7f2d));
        let mut host = Host::new();
        host.uplink(number);
        routes::tunnel(cluster, number, &mut host);
        let namespaces = pods::pods(cluster, number, &mut host);
        routes::blocks(cluster, number, &mut host);
        routes::neighbors(cluster, number, &mut random, &mut host);
        let rulesets = rules::node(cluster, number, &self.services);
        let mut state = NodeState {
            name: node_name(number),
            taken: "2026-01-01T00:00:00Z".to_owned(),
            net_id: Some(identity(number, 0)),
            namespaces: Fact::Known(namespaces),
            net: Netns {
                ipsets: Fact::Known(rules::sets(cluster, &mut random)),
                ..host.into_net(rulesets)
            },
            ..NodeState::default()
        };
        for (at, fault) in &cluster.faults {
            if *at == number {
                fault.plant(&mut state);
            }
        }
        state
    }

    /// A snapshot of this node alone.
    pub fn snapshot(&self, number: usize) -> Snapshot {
        Snapshot {
            netdiag_snapshot: netdiag::state::snapshot::VERSION,
            nodes: vec![self.node(number)],
            objects: Fact::absent("made from numbers"),
        }
    }
}

/// The tables of a host, while they grow.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) links: Vec<Link>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<Route>,
    pub(crate) neighbors: Vec<Neighbor>,
    pub(crate) fdb: Vec<FdbEntry>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) settings: Vec<(String, &'static str, u8)>,
}

pub(crate) const ETH0: IfIndex = IfIndex(2);

impl Host {
    /// With `lo`.
    pub(crate) fn new() -> Self {
        let lo = Address {
            scope: Scope::HOST,
            ..Address::new(IfIndex(1), [127, 0, 0, 1].into(), 8)
        };
        Self {
            links: vec![loopback()],
            addresses: vec![lo],
            ..Self::default()
        }
    }

    /// `eth0`.
    fn uplink(&mut self, number: usize) {
        self.links.push(ethernet(ETH0, "eth0", &node_mac(number)));
        let ip = names::node_ip(number);
        self.own(ETH0, ip, 16);
        self.set("all", &[("rp_filter", 0), ("forwarding", 1), ("proxy_arp", 0)]);
        self.set("eth0", &[("rp_filter", 1), ("forwarding", 1), ("proxy_arp", 0)]);
    }

    pub(crate) fn set(&mut self, link: &str, values: &[(&'static str, u8)]) {
        let values = values.iter();
        self.settings
            .extend(values.map(|(name, value)| (link.to_owned(), *name, *value)));
    }

    /// An address, and the routes that the kernel makes of it.
    pub(crate) fn own(&mut self, link: IfIndex, ip: std::net::Ipv4Addr, prefix_len: u8) {
        self.addresses.push(Address::new(link, ip.into(), prefix_len));
        self.routes.push(routes::local(link, ip));
        if prefix_len < 32 {
            self.routes.push(routes::connected(link, ip, prefix_len));
        }
    }

    pub(crate) fn into_net(self, rulesets: Vec<Ruleset>) -> Netns {
        let sysctls = self
            .settings
            .into_iter()
            .map(|(link, name, value)| (format!("net.ipv4.conf.{link}.{name}"), value.to_string()))
            .chain([("net.ipv4.ip_forward".to_owned(), "1".to_owned())]);
        Netns {
            links: Fact::Known(self.links),
            addresses: Fact::Known(self.addresses),
            routes: Fact::Known(self.routes),
            rules: Fact::Known(routes::policy()),
            neighbors: Fact::Known(self.neighbors),
            fdb: Fact::Known(self.fdb),
            vlans: Fact::Known(Vec::new()),
            netfilter: Fact::Known(rulesets),
            tcp: Fact::Known(Vec::new()),
            udp: Fact::Known(Vec::new()),
            sysctls: Fact::Known(sysctls.collect()),
            peers: Fact::Known(self.peers),
            ..Netns::default()
        }
    }
}

/// Of a node's namespaces: the host's own is 0.
pub(crate) fn identity(node: usize, namespace: usize) -> NsIdentity {
    NsIdentity {
        device: 4,
        inode: 4_026_531_840 + (node * 1_000 + namespace) as u64,
    }
}

pub(crate) fn loopback() -> Link {
    Link {
        index: IfIndex(1),
        name: "lo".to_owned(),
        flags: LinkFlags(LinkFlags::UP.0 | LinkFlags::LOOPBACK.0 | LinkFlags::RUNNING.0),
        operstate: "unknown".to_owned(),
        mtu: 65_536,
        mac: Some("00:00:00:00:00:00".to_owned()),
        ..Link::default()
    }
}

pub(crate) fn ethernet(index: IfIndex, name: &str, mac: &str) -> Link {
    Link {
        index,
        name: name.to_owned(),
        flags: LinkFlags(
            LinkFlags::UP.0 | LinkFlags::BROADCAST.0 | LinkFlags::RUNNING.0 | LinkFlags::LOWER_UP.0,
        ),
        operstate: "up".to_owned(),
        carrier: Some(true),
        mtu: 1_500,
        mac: Some(mac.to_owned()),
        ..Link::default()
    }
}

/// What [`Namespace`] is made of, beside its tables.
pub(crate) fn namespace(node: usize, number: usize, net: Netns) -> Namespace {
    Namespace {
        id: identity(node, number + 1),
        pod: Some(netdiag::state::namespace::PodName {
            namespace: Some("default".to_owned()),
            name: Some(names::pod_name(node, number)),
            uid: None,
        }),
        net,
        ..Namespace::default()
    }
}
