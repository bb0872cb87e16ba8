//! What can be done to a network to break it: to links, addresses, routes, settings and rules of every namespace.

use netdiag::state::link::{Link, LinkFlags, is_link_local};
use netdiag::state::neighbor::NeighborState;
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag::state::{Netns, NodeState};
use netdiag_lab::Random;

/// What breaks a network: a node, and lines for its shell.
#[derive(Debug, Clone)]
pub(super) struct Harm {
    pub(super) node: String,
    pub(super) script: String,
}

/// A namespace of a node: its host's, or a pod's.
struct Place<'a> {
    node: &'a str,
    /// in front of `ip` and `bridge`
    inside: String,
    net: &'a Netns,
    is_pod: bool,
}

fn places(nodes: &[NodeState]) -> Vec<Place<'_>> {
    let mut all = Vec::new();
    for node in nodes {
        all.push(Place {
            node: &node.name,
            inside: String::new(),
            net: &node.net,
            is_pod: false,
        });
        all.extend(node.namespaces.items().iter().map(|pod| Place {
            node: &node.name,
            inside: format!("ip netns exec {} ", pod.title()),
            net: &pod.net,
            is_pod: true,
        }));
    }
    all
}

const NOBODY: &str = "02:00:00:00:77:77";

impl Place<'_> {
    fn links(&self) -> impl Iterator<Item = &Link> {
        let links = self.net.links.items().iter();
        links.filter(|link| !link.flags.has(LinkFlags::LOOPBACK))
    }

    /// What can be done to its links.
    fn of_links(&self, all: &mut Vec<String>) {
        for link in self.links() {
            let name = &link.name;
            all.push(format!("ip link set {name} down"));
            all.push(format!("ip link set {name} address {NOBODY}"));
            all.push(format!("ip link set {name} arp off"));
            all.push(format!("ip link del {name}"));
            if link.master.is_some() {
                all.push(format!("ip link set {name} nomaster"));
                all.push(format!("bridge link set dev {name} state 0"));
                all.push(format!("bridge link set dev {name} isolated on"));
                all.push(format!("bridge link set dev {name} learning off flood off"));
            }
            if link.is_bridge() {
                all.push(format!("ip link set {name} type bridge vlan_filtering 1"));
                all.push(format!("ip link set {name} type bridge stp_state 1"));
            }
        }
    }

    fn of_addresses(&self, all: &mut Vec<String>) {
        let name = |index| Some(&self.net.link(index)?.name);
        for own in self.net.addresses.items() {
            let Some(name) = name(own.link).filter(|_| !own.ip.is_loopback() && !is_link_local(own.ip))
            else {
                continue;
            };
            let (ip, length) = (own.ip, own.prefix_len);
            all.push(format!("ip address del {ip}/{length} dev {name}"));
            if own.ip.is_ipv4() && length < 31 {
                all.push(format!(
                    "ip address add {ip}/32 dev {name}; ip address del {ip}/{length} dev {name}"
                ));
            }
        }
        for entry in self.net.neighbors.items() {
            let Some(name) = name(entry.link).filter(|_| entry.mac.is_some() && entry.ip.is_ipv4()) else {
                continue;
            };
            let ip = entry.ip;
            all.push(format!(
                "ip neigh replace {ip} lladdr {NOBODY} dev {name} nud permanent"
            ));
            if entry.state == NeighborState::Permanent {
                all.push(format!("ip neigh del {ip} dev {name}"));
            }
        }
        for entry in self.net.fdb.items() {
            let (Some(name), Some(dst)) = (name(entry.link), entry.dst) else {
                continue;
            };
            let mac = &entry.mac;
            all.push(format!("bridge fdb del {mac} dev {name} dst {dst} self"));
            all.push(format!("bridge fdb del {mac} dev {name} dst {dst} self; bridge fdb add {mac} dev {name} dst 192.0.2.7 self"));
        }
    }

    fn of_routes(&self, all: &mut Vec<String>) {
        let routes = self.net.routes.items().iter();
        let ours = routes.filter(|route| {
            route.table == TableId::MAIN && route.kind == RouteType::Unicast && route.dst.addr().is_ipv4()
        });
        for route in ours {
            let dst = route.dst;
            all.push(format!("ip route del {dst}"));
            for kind in ["blackhole", "unreachable", "prohibit"] {
                all.push(format!("ip route del {dst}; ip route add {kind} {dst}"));
            }
            if dst.prefix_len() < 32 {
                let half = dst
                    .subnets(dst.prefix_len() + 1)
                    .ok()
                    .and_then(|mut half| half.next());
                all.extend(half.map(|half| format!("ip route add blackhole {half}")));
            }
            if let Some(name) = route
                .next_hops
                .first()
                .and_then(|hop| Some(&self.net.link(hop.link?)?.name))
            {
                all.push(format!("ip route replace {dst} via 192.0.2.9 dev {name} onlink"));
                if route.proto != RouteProtocol::KERNEL {
                    all.push(format!("ip route replace {dst} dev {name} scope link"));
                }
            }
            all.push(format!("ip rule add pref 100 to {dst} prohibit"));
            all.push(format!("ip rule add pref 100 from {dst} blackhole"));
            all.push(format!(
                "ip rule add pref 100 to {dst} table 77; ip route add default dev lo table 77"
            ));
        }
        all.push("ip rule del pref 32766".into());
    }

    fn of_sysctls(&self, all: &mut Vec<String>) {
        let set = |key: &str, value: u8| format!("sysctl -w net.ipv4.{key}={value}");
        if !self.is_pod {
            all.push(set("ip_forward", 0));
        }
        all.push(set("conf.all.arp_ignore", 8));
        all.push(set("conf.all.rp_filter", 1));
        all.push(set("conf.all.arp_filter", 1));
        for link in self.links() {
            // A point is what sysctl(8) separates by.
            let name = link.name.replace('.', "/");
            for (key, value) in [
                ("rp_filter", 1),
                ("proxy_arp", 0),
                ("forwarding", 0),
                ("arp_ignore", 8),
            ] {
                all.push(set(&format!("conf.{name}.{key}"), value));
            }
        }
    }

    fn of_rules(&self, all: &mut Vec<String>) {
        let sources = self.net.addresses.items().iter();
        let sources = sources.filter(|own| own.ip.is_ipv4() && !own.ip.is_loopback());
        let nets: Vec<String> = sources
            .map(|own| format!("{}/{}", own.ip, own.prefix_len))
            .collect();
        let links: Vec<&str> = self.links().map(|link| link.name.as_str()).collect();
        for chain in ["INPUT", "FORWARD", "OUTPUT"] {
            if self.is_pod && chain == "FORWARD" {
                continue;
            }
            all.push(format!("iptables-nft -P {chain} DROP"));
            all.push(format!("iptables-legacy -I {chain} -p icmp -j DROP"));
            for net in &nets {
                all.push(format!("iptables-nft -I {chain} -s {net} -j DROP"));
                all.push(format!("iptables-nft -I {chain} -d {net} -j REJECT"));
            }
        }
        for net in &nets {
            all.push(format!("iptables-nft -t raw -I PREROUTING -s {net} -j DROP"));
            all.push(format!(
                "iptables-nft -t nat -I POSTROUTING -s {net} -j SNAT --to-source 192.0.2.5"
            ));
            all.push(format!(
                "iptables-nft -t nat -I PREROUTING -d {net} -j DNAT --to-destination 192.0.2.6"
            ));
        }
        for link in links {
            all.push(format!("iptables-nft -t mangle -I PREROUTING -i {link} -j DROP"));
            all.push(format!(
                "nft 'table netdev chance {{ chain in {{ type filter hook ingress device \"{link}\" priority 0; ether type ip drop; }}; }}'"
            ));
        }
        for hook in ["prerouting", "input", "forward", "output", "postrouting"] {
            all.push(format!(
                "nft 'table inet chance {{ chain all {{ type filter hook {hook} priority -5; meta l4proto icmp drop; }}; }}'"
            ));
        }
        all.push(
            "nft 'table bridge chance { chain all { type filter hook forward priority 0; policy drop; }; }'"
                .into(),
        );
        all.push(
            "nft 'table arp chance { chain all { type filter hook input priority 0; policy drop; }; }'"
                .into(),
        );
    }

    fn harms(&self) -> Vec<Vec<Harm>> {
        let kinds = [
            Self::of_links,
            Self::of_addresses,
            Self::of_routes,
            Self::of_sysctls,
            Self::of_rules,
        ];
        let harm = |script: String| Harm {
            node: self.node.to_owned(),
            script: format!("{}sh -c \"{}\"", self.inside, script.replace('"', "\\\"")),
        };
        let of = |kind: &fn(&Self, &mut Vec<String>)| {
            let mut all = Vec::new();
            kind(self, &mut all);
            all.into_iter().map(harm).collect()
        };
        kinds.iter().map(of).collect()
    }
}

/// One of all that can be done: a place, a kind, and one of these, so that what there is much of doesn't crowd out the rest.
pub(super) fn chosen(nodes: &[NodeState], random: &mut Random) -> Option<Harm> {
    fn one<T>(random: &mut Random, mut all: Vec<T>) -> Option<T> {
        let bound = u64::try_from(all.len()).ok().filter(|bound| *bound > 0)?;
        Some(all.swap_remove(usize::try_from(random.below(bound)).ok()?))
    }
    let place = one(random, places(nodes))?;
    let kind = one(
        random,
        place
            .harms()
            .into_iter()
            .filter(|kind| !kind.is_empty())
            .collect(),
    )?;
    one(random, kind)
}
