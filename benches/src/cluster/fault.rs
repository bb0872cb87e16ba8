//! What can be wrong with a node of a made cluster.

use netdiag::parse::iptables::iptables_save;
use netdiag::state::link::LinkFlags;
use netdiag::state::netfilter::{Dialect, Ruleset};
use netdiag::state::route::{RouteProtocol, RouteType};
use netdiag::state::{Fact, NodeState};

/// One thing that is wrong. Each changes the node's state as it would be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `ip_forward` is off, and so it is on every link.
    ForwardingOff,
    /// No route to any block of other nodes: BIRD or flanneld is gone.
    NoBlockRoutes,
    /// The routes to other nodes' blocks are blackholes.
    BlockRoutesBlackholed,
    /// Somebody's firewall drops what comes from other nodes.
    InputDropped,
    /// … and what is forwarded.
    ForwardDropped,
    /// `eth0` is down.
    UplinkDown,
    /// `tunl0`, `vxlan.calico` or `flannel.1` is down; nothing without a tunnel.
    TunnelDown,
    /// The first pod's link is down in the pod.
    PodLinkDown,
    /// The route to the first pod is gone.
    PodRouteMissing,
    /// No rules were read.
    RulesUnread,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::ForwardingOff,
        Self::NoBlockRoutes,
        Self::BlockRoutesBlackholed,
        Self::InputDropped,
        Self::ForwardDropped,
        Self::UplinkDown,
        Self::TunnelDown,
        Self::PodLinkDown,
        Self::PodRouteMissing,
        Self::RulesUnread,
    ];

    /// Breaks a healthy node.
    pub fn plant(self, node: &mut NodeState) {
        match self {
            Self::ForwardingOff => forwarding_off(node),
            Self::NoBlockRoutes => routes(node, |all| all.retain(|route| !is_of_block(route))),
            Self::BlockRoutesBlackholed => routes(node, |all| {
                for route in all.iter_mut().filter(|route| is_of_block(route)) {
                    route.kind = RouteType::Blackhole;
                    route.next_hops.clear();
                }
            }),
            Self::InputDropped => filter(node, "INPUT"),
            Self::ForwardDropped => filter(node, "FORWARD"),
            Self::UplinkDown => down(node, |name| name == "eth0"),
            Self::TunnelDown => down(node, |name| {
                ["tunl0", "vxlan.calico", "flannel.1"].contains(&name)
            }),
            Self::PodLinkDown => pod_link_down(node),
            Self::PodRouteMissing => pod_route_missing(node),
            Self::RulesUnread => node.net.netfilter = Fact::absent("iptables-save: permission denied"),
        }
    }
}

fn forwarding_off(node: &mut NodeState) {
    if let Fact::Known(sysctls) = &mut node.net.sysctls {
        for (key, value) in sysctls {
            if key.ends_with(".forwarding") || key == "net.ipv4.ip_forward" {
                "0".clone_into(value);
            }
        }
    }
}

fn is_of_block(route: &netdiag::state::route::Route) -> bool {
    route.proto == RouteProtocol::BIRD && route.kind == RouteType::Unicast
}

fn routes(node: &mut NodeState, change: impl FnOnce(&mut Vec<netdiag::state::route::Route>)) {
    if let Fact::Known(routes) = &mut node.net.routes {
        change(routes);
    }
}

/// In legacy tables, which nobody looks at.
fn filter(node: &mut NodeState, chain: &str) {
    let text = format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A {chain} -i lo -j ACCEPT\n-A {chain} -j DROP\nCOMMIT\n"
    );
    let ruleset = iptables_save(&text, Dialect::IptablesLegacy).unwrap_or(Ruleset {
        dialect: Dialect::IptablesLegacy,
        tables: Vec::new(),
    });
    if let Fact::Known(rulesets) = &mut node.net.netfilter {
        rulesets.insert(0, ruleset);
    }
}

fn down(node: &mut NodeState, which: impl Fn(&str) -> bool) {
    links_down(&mut node.net.links, which);
}

fn links_down(links: &mut Fact<Vec<netdiag::state::link::Link>>, which: impl Fn(&str) -> bool) {
    if let Fact::Known(links) = links {
        for link in links.iter_mut().filter(|link| which(&link.name)) {
            link.flags = LinkFlags(link.flags.0 & !LinkFlags::UP.0);
            "down".clone_into(&mut link.operstate);
        }
    }
}

fn pod_link_down(node: &mut NodeState) {
    if let Fact::Known(namespaces) = &mut node.namespaces
        && let Some(first) = namespaces.first_mut()
    {
        links_down(&mut first.net.links, |name| name == "eth0");
    }
}

fn pod_route_missing(node: &mut NodeState) {
    let is_to_pod = |route: &netdiag::state::route::Route| {
        route.proto == RouteProtocol::BOOT && route.dst.prefix_len() == 32
    };
    routes(node, |all| {
        if let Some(at) = all.iter().position(is_to_pod) {
            all.remove(at);
        }
    });
}
