//! What netdiag reads live in networks of every kind is what the tools print there.

mod compare;
mod outputs;
mod pods;

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use netdiag::state::kind::LinkData;
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::Dialect;
use netdiag::state::{Fact, Netns, NodeState};
use netdiag_lab::kinds::{
    Backend, Broken, Docker, Draft, Flannel, Iptables, Network, PodSite, ProxyArp, Rip, Router, StaticRoutes,
    bridge, broken, museum, veth_pair,
};
use netdiag_lab::{Error, Lab, Node, Result, StoryPlan, guest, or_skip};

use super::daemons::collected;

/// What moves by itself comes to rest within so many tries.
const TRIES: u32 = 12;

/// A network that is up and works; none where labs can't run.
fn network(draft: Draft) -> Option<Network> {
    let network = or_skip(draft.up())?;
    network.works().unwrap();
    Some(network)
}

/// Holds every node, the pods within included, against the tools; what netdiag read of each.
fn all_is_as_printed(lab: &Lab, pods: &[PodSite]) -> Vec<NodeState> {
    thread::scope(|scope| {
        let work: Vec<_> = lab
            .nodes()
            .map(|node| scope.spawn(|| one(node, pods).unwrap_or_else(|error| panic!("{error}"))))
            .collect();
        work.into_iter()
            .map(|work| {
                work.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

fn one(node: &Node, pods: &[PodSite]) -> Result<NodeState> {
    let sites: Vec<&PodSite> = pods.iter().filter(|site| site.node == node.name()).collect();
    let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    let mut difference = String::new();
    for attempt in 0..TRIES {
        thread::sleep(Duration::from_millis(100) * attempt);
        let live = collected(node);
        let printed = outputs::printed(node, &names)?;
        difference = parts(&live, &printed, &names);
        if difference.is_empty() {
            pods::are_found(&live, &sites, true);
            for form in &printed.forms {
                pods::are_found(form, &sites, false);
            }
            return Ok(live);
        }
    }
    Err(Error::Failed(format!("{}:\n{difference}", node.name())))
}

/// Where what was read and what was printed part.
fn parts(live: &NodeState, printed: &outputs::Printed, pods: &[&str]) -> String {
    let mut text = String::new();
    for ((form, as_text), there) in [("JSON", false), ("text", true)].iter().zip(&printed.forms) {
        let mut note = |place: &str, difference: &str| {
            if !difference.is_empty() {
                _ = write!(text, "{place}, {form}:\n{difference}");
            }
        };
        let difference = compare::differences(&live.net, &there.net, &printed.ports(None), *as_text);
        note("the node", &difference);
        for pod in pods {
            let ports = printed.ports(Some(pod));
            note(
                pod,
                &compare::differences(net(live, pod), net(there, pod), &ports, *as_text),
            );
        }
    }
    text
}

fn net<'a>(node: &'a NodeState, pod: &str) -> &'a Netns {
    let mut all = node.namespaces.items().iter();
    let namespace = all.find(|namespace| namespace.names.iter().any(|name| name == pod));
    &namespace
        .unwrap_or_else(|| panic!("no namespace {pod} on {}", node.name))
        .net
}

fn named<'a>(nodes: &'a [NodeState], name: &str) -> &'a NodeState {
    nodes.iter().find(|node| node.name == name).unwrap()
}

/// How many rules of a back end there are.
fn rules(net: &Netns, dialect: Dialect) -> usize {
    let rulesets = net.netfilter.items().iter();
    rulesets
        .filter(|ruleset| ruleset.dialect == dialect)
        .flat_map(|ruleset| &ruleset.tables)
        .flat_map(|table| &table.chains)
        .map(|chain| chain.rules.len())
        .sum()
}

#[test]
fn a_cable_between_two_namespaces() {
    let Some(network) = network(veth_pair()) else {
        return;
    };
    let nodes = all_is_as_printed(network.lab(), network.pods());
    // What is missed is seen.
    let pod = net(&nodes[0], "test-ns");
    let mut less = pod.clone();
    assert_eq!(compare::differences(pod, &less, &[], false), "");
    if let Fact::Known(addresses) = &mut less.addresses {
        addresses.pop();
    }
    if let Fact::Known(links) = &mut less.links {
        links[0].mtu += 1;
    }
    let difference = compare::differences(pod, &less, &[], false);
    assert!(difference.contains("addresses: only netdiag") && difference.contains("links: only tools"));
}

/// With something of everything that people add by hand.
#[test]
fn proxy_arp_and_what_hands_add() {
    let by_hand = "ip rule add fwmark 0x40/0xff lookup 100 priority 500
        ip route add default via 192.168.1.254 table 100
        ip -6 rule add from fd00::/64 blackhole priority 600
        ip nexthop add id 5 via 192.168.1.254 dev ens192
        ip nexthop add id 6 via 192.168.1.253 dev ens192
        ip nexthop add id 7 group 5,3/6
        ip route add 10.99.0.0/16 nhid 7
        ip route add 10.98.0.0/16 nexthop via 192.168.1.254 weight 2 nexthop via 192.168.1.253
        ip route add unreachable 10.97.0.0/16 metric 9
        ip neighbor add proxy 10.20.1.9 dev ens192
        ip -6 neighbor add proxy fd00::9 dev ens192
        iptables-legacy -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
        iptables-nft -A FORWARD -m comment --comment 'by hand' -j ACCEPT
        ip6tables-nft -A INPUT -p ipv6-icmp -j ACCEPT
        nft add table inet own
        nft 'add set inet own outside { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }'
        nft 'add chain inet own forward { type filter hook forward priority 10; policy accept; }'
        nft 'add rule inet own forward ip saddr @outside counter drop'
        ip netns exec ns0 nft 'add table ip pods'
        ip netns exec ns0 nft 'add chain ip pods in { type filter hook input priority 0; }'
        ip netns exec ns0 nft 'add rule ip pods in tcp dport 80 counter accept'";
    for prefix_len in [32, 24] {
        let plan = ProxyArp {
            prefix_len,
            ..ProxyArp::default()
        };
        let Some(network) = network(plan.draft().also("host0", by_hand)) else {
            return;
        };
        let nodes = all_is_as_printed(network.lab(), network.pods());
        let host = named(&nodes, "host0");
        let proxies = host.net.neighbors.items().iter();
        assert_eq!(
            proxies
                .filter(|neighbor| neighbor.flags.has(netdiag::state::neighbor::NeighborFlags::PROXY))
                .count(),
            2
        );
        assert_eq!(host.net.nexthops.items().len(), 3);
        assert_eq!(rules(&host.net, Dialect::IptablesLegacy), 1);
        assert_eq!(rules(&host.net, Dialect::IptablesNft), 1);
        assert_eq!(rules(&host.net, Dialect::Ip6tablesNft), 1);
        assert_eq!(rules(&host.net, Dialect::Nft), 1);
        assert_eq!(rules(net(host, "ns0"), Dialect::Nft), 1);
    }
}

#[test]
fn a_bridge_over_two_hosts() {
    let Some(network) = network(bridge()) else { return };
    let nodes = all_is_as_printed(network.lab(), network.pods());
    let ports = named(&nodes, "n1").net.links.items().iter();
    assert_eq!(ports.filter(|link| link.port.is_some()).count(), 3);
}

#[test]
fn docker_with_either_iptables() {
    for (iptables, dialect) in [
        (Iptables::Nft, Dialect::IptablesNft),
        (Iptables::Legacy, Dialect::IptablesLegacy),
    ] {
        let plan = Docker {
            iptables,
            ..Docker::default()
        };
        let Some(network) = network(plan.draft()) else {
            return;
        };
        let nodes = all_is_as_printed(network.lab(), network.pods());
        assert_eq!(rules(&named(&nodes, "h1").net, dialect), 26);
    }
}

#[test]
fn flannel_of_every_backend() {
    for (backend, remotes) in [
        (Backend::Vxlan, 2),
        (Backend::DirectRouting, 1),
        (Backend::HostGateway, 0),
    ] {
        let Some(network) = network(Flannel::new(backend).draft()) else {
            return;
        };
        let nodes = all_is_as_printed(network.lab(), network.pods());
        let net = &named(&nodes, "n1").net;
        let remote = net.fdb.items().iter().filter(|entry| entry.dst.is_some());
        assert_eq!(remote.count(), remotes);
        let fixed = |state| state == NeighborState::Permanent;
        assert_eq!(
            net.neighbors
                .items()
                .iter()
                .filter(|neighbor| fixed(neighbor.state))
                .count(),
            remotes
        );
        let tunnel = net.link_named("flannel.1").and_then(|link| link.data.as_ref());
        assert_eq!(matches!(tunnel, Some(LinkData::Vxlan(_))), remotes > 0);
    }
}

#[test]
fn static_routes_with_a_router_and_without() {
    for routed in [false, true] {
        let plan = StaticRoutes {
            routed,
            ..StaticRoutes::default()
        };
        let Some(network) = network(plan.draft()) else {
            return;
        };
        all_is_as_printed(network.lab(), network.pods());
    }
}

#[test]
fn rip_by_frr_and_by_bird() {
    for (router, protocol) in [(Router::Frr, 189), (Router::Bird, 12)] {
        let Some(network) = network(Rip::new(router).draft()) else {
            return;
        };
        let nodes = all_is_as_printed(network.lab(), network.pods());
        let routes = named(&nodes, "h1").net.routes.items().iter();
        let learned = routes.filter(|route| route.proto.0 == protocol);
        assert!(learned.count() >= 2);
    }
}

#[test]
fn calico_by_bird() {
    let Some(story) = or_skip(StoryPlan::first_found().healthy().up()) else {
        return;
    };
    story.wait_established(Duration::from_secs(30)).unwrap();
    let nodes = all_is_as_printed(story.lab(), &story.pods());
    for node in nodes {
        let routes = node.net.routes.items().iter();
        assert_eq!(routes.filter(|route| route.proto.0 == 12).count(), 4);
    }
}

#[test]
fn networks_with_faults() {
    let all = broken(2);
    let hold = |some: &[Broken]| {
        for Broken {
            what, node, draft, ..
        } in some
        {
            let Some(network) = or_skip(draft.clone().up()) else {
                return;
            };
            // The others are as in the healthy network.
            one(network.lab().node(node), network.pods()).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    };
    thread::scope(|scope| {
        for some in all.chunks(all.len().div_ceil(2)) {
            scope.spawn(move || hold(some));
        }
    });
}

/// Links that this machine's kernel may lack.
#[test]
fn links_of_rare_kinds() {
    or_skip(guest::tests(&["in_a_guest_links"], Duration::from_secs(600)));
}

#[test]
#[ignore = "runs in a guest"]
fn in_a_guest_links_of_every_kind_are_as_printed() {
    let Some(network) = network(museum()) else {
        return;
    };
    let nodes = all_is_as_printed(network.lab(), network.pods());
    let net = &nodes[0].net;
    let understood = net
        .links
        .items()
        .iter()
        .filter(|link| link.data.is_some())
        .count();
    assert!(understood > 24, "{understood} links with data");
    assert_eq!(net.ipvs.items().len(), 1);
}
