//! What the tables of the kernel say of each pod, netfilter aside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::super::packet::Mac;
use super::super::topology::{At, Place, PlaceId, Topology};
use super::identity::{Digest, Owners};
use crate::state::Netns;
use crate::state::ipset::Part;
use crate::state::link::{IfIndex, Link};
use crate::state::route::Route;

/// All that is said of each pod, in one order for all, with its own names and numbers left out.
#[derive(Debug)]
pub(super) struct Said<'o, 'a> {
    pub(super) owners: &'o Owners<'a>,
    of_pod: BTreeMap<PlaceId, Vec<u64>>,
    /// Networks that anything names: two addresses are told apart when one of them has only one of the two.
    nets: BTreeSet<IpNet>,
    ranges: BTreeSet<(IpAddr, IpAddr)>,
}

impl<'o, 'a> Said<'o, 'a> {
    pub(super) fn new(topology: &Topology<'a>, owners: &'o Owners<'a>) -> Self {
        let mut said = Self {
            owners,
            of_pod: BTreeMap::new(),
            nets: BTreeSet::new(),
            ranges: BTreeSet::new(),
        };
        for (id, place) in topology.places() {
            if place.namespace.is_some() {
                said.inside(topology, id, place);
            }
            said.tables(id, place);
        }
        said
    }

    /// Adds what a digest of the pod says.
    pub(super) fn say(&mut self, pod: PlaceId, what: impl FnOnce(&mut Digest<'o, 'a>)) {
        let mut digest = Digest::new(self.owners, pod);
        what(&mut digest);
        self.of_pod.entry(pod).or_default().push(digest.done());
    }

    pub(super) fn net(&mut self, net: IpNet) {
        self.nets.insert(net.trunc());
    }

    pub(super) fn range(&mut self, first: IpAddr, last: IpAddr) {
        self.ranges.insert((first, last));
    }

    /// All that is said of a pod whose address this is.
    pub(super) fn whole(
        &self,
        pod: PlaceId,
        ips: &[IpAddr],
    ) -> (Vec<u64>, Vec<IpNet>, Vec<(IpAddr, IpAddr)>) {
        let inside = |net: &&IpNet| ips.iter().any(|ip| net.contains(ip));
        let between = |range: &&(IpAddr, IpAddr)| ips.iter().any(|ip| (range.0..=range.1).contains(ip));
        (
            self.of_pod.get(&pod).cloned().unwrap_or_default(),
            self.nets.iter().filter(inside).copied().collect(),
            self.ranges.iter().filter(between).copied().collect(),
        )
    }

    /// A pod's own links and addresses, with the node's end of each link.
    fn inside(&mut self, topology: &Topology<'a>, id: PlaceId, place: &Place<'a>) {
        let net = place.net;
        self.say(id, |digest| {
            for (rank, link) in net.links.items().iter().enumerate() {
                let at = At {
                    place: id,
                    link: link.index,
                };
                one_link(digest, rank, link);
                let peer = topology.veth_peer(at);
                digest.word(peer.map(|peer| peer.place));
                if let Some(end) = peer.and_then(|peer| topology.link(peer)) {
                    digest
                        .word(end.master)
                        .word(end.operstate.as_str())
                        .word(end.flags.0);
                    digest.word(end.mtu).debug(&end.port);
                    // Felix gives one address to all.
                    digest.word(end.mac.as_deref().filter(|mac| mac.starts_with("ee:ee")));
                    let place = topology.place(peer.map_or(id, |peer| peer.place));
                    settings(digest, place.net, &end.name);
                    let vlans = place.net.vlans.items().iter();
                    for vlan in vlans.filter(|vlan| vlan.link == end.index) {
                        digest.word((vlan.vid, vlan.pvid, vlan.untagged));
                    }
                }
            }
            for address in net.addresses.items() {
                digest.ip(address.ip).word(rank_of(net, address.link));
                digest.word((address.prefix_len, address.peer, address.scope.0, address.flags.0));
            }
            for (key, value) in net.sysctls.known().into_iter().flatten() {
                digest.word((key, value));
            }
            // Rare in pods; told as they are.
            digest
                .debug(&net.netfilter)
                .debug(&net.ipsets)
                .debug(&net.rules)
                .debug(&net.vlans);
            digest.debug(&net.routes.why()).debug(&net.sysctls.why());
            for socket in net.tcp.items() {
                digest
                    .word((socket.local.port(), socket.local.ip().is_unspecified()))
                    .debug(&socket.state);
            }
            for socket in net.udp.items() {
                digest.word((socket.local.port(), socket.local.ip().is_unspecified()));
            }
            digest.word((net.tcp.why(), net.udp.why()));
        });
    }

    /// Routes, neighbors, FDB entries, rules and sets of any namespace.
    fn tables(&mut self, id: PlaceId, place: &Place<'a>) {
        let own = place.namespace.is_some().then_some(id);
        for route in place.net.routes.items() {
            self.route(id, own, place.net, route);
        }
        for entry in place.net.neighbors.items() {
            let mac = entry.mac.as_deref().and_then(Mac::parse);
            let named = [
                self.owners.of_ip(entry.ip),
                mac.and_then(|mac| self.owners.of_mac(mac)),
                self.owners.of_link(At {
                    place: id,
                    link: entry.link,
                }),
            ];
            self.about(own, named.map(|owner| owner.map(|(pod, _)| pod)), |digest| {
                digest.word(("neighbor", (id != digest.pod).then_some(id)));
                link(digest, place.net, own, id, Some(entry.link));
                digest.ip(entry.ip).mac(entry.mac.as_deref());
                digest.debug(&entry.state).word(entry.flags.0);
            });
        }
        for entry in place.net.fdb.items() {
            let mac = Mac::parse(&entry.mac);
            let at = At {
                place: id,
                link: entry.link,
            };
            let named = [
                entry.dst.and_then(|ip| self.owners.of_ip(ip)),
                mac.and_then(|mac| self.owners.of_mac(mac)),
                self.owners.of_link(at),
            ];
            // The address of the node's end of a pod's link.
            let end = named[2].and_then(|_| place.fib.link(entry.link));
            let of_end = end.is_some_and(|end| end.mac.as_deref() == Some(&entry.mac));
            self.about(own, named.map(|owner| owner.map(|(pod, _)| pod)), |digest| {
                digest.word(("fdb", id));
                link(digest, place.net, own, id, Some(entry.link));
                if of_end {
                    digest.word("an address of the node's end");
                } else {
                    digest.mac(Some(&entry.mac));
                }
                digest.word((entry.master, entry.vlan, entry.dst, entry.port, entry.vni));
                digest.debug(&entry.state);
            });
        }
        for address in place.net.addresses.items() {
            let at = At {
                place: id,
                link: address.link,
            };
            if let Some((pod, _)) = self.owners.of_link(at) {
                self.say(pod, |digest| {
                    digest.word(("address", address.ip, address.prefix_len));
                });
            }
        }
        for (number, rule) in place.net.rules.items().iter().enumerate() {
            for net in [rule.src, rule.dst].into_iter().flatten() {
                self.net(net);
            }
            for name in [&rule.iif, &rule.oif].into_iter().flatten() {
                if let Some((pod, _)) = self.owners.of_name(id, name) {
                    self.say(pod, |digest| {
                        digest.word(("rule", id, number));
                    });
                }
            }
        }
        self.sets(id, place.net);
    }

    fn route(&mut self, id: PlaceId, own: Option<PlaceId>, net: &Netns, route: &Route) {
        let host = route.dst.prefix_len() == route.dst.max_prefix_len();
        if !host || self.owners.of_ip(route.dst.addr()).is_none() {
            self.net(route.dst);
        }
        if let Some(src) = route.src {
            self.net(src);
        }
        let mut named: Vec<Option<PlaceId>> = vec![self.owners.of_ip(route.dst.addr()).map(|(pod, _)| pod)];
        for hop in &route.next_hops {
            let link = hop.link.map(|link| At { place: id, link });
            named.push(link.and_then(|at| self.owners.of_link(at)).map(|(pod, _)| pod));
            named.push(
                hop.gateway
                    .and_then(|ip| self.owners.of_ip(ip))
                    .map(|(pod, _)| pod),
            );
        }
        named.push(
            route
                .prefsrc
                .and_then(|ip| self.owners.of_ip(ip))
                .map(|(pod, _)| pod),
        );
        self.about(own, named, |digest| {
            digest.word(("route", (id != digest.pod).then_some(id)));
            digest
                .ip(route.dst.addr())
                .word((route.dst.prefix_len(), route.src, route.table.0));
            digest
                .debug(&route.kind)
                .word((route.scope.0, route.tos, route.metric, route.mtu));
            if let Some(ip) = route.prefsrc {
                digest.ip(ip);
            }
            for hop in &route.next_hops {
                digest.word((hop.weight, hop.flags.0, hop.link.map(|_| id == digest.pod)));
                if own == Some(digest.pod) {
                    digest.word(hop.link.and_then(|link| rank_of(net, link)));
                } else {
                    digest.link(id, hop.link);
                }
                if let Some(gateway) = hop.gateway {
                    digest.ip(gateway);
                }
            }
        });
    }

    /// Says something of all pods that are named; in a pod's own tables, of that, too.
    fn about(
        &mut self,
        own: Option<PlaceId>,
        named: impl IntoIterator<Item = Option<PlaceId>>,
        what: impl Fn(&mut Digest<'o, 'a>),
    ) {
        let pods: BTreeSet<PlaceId> = named.into_iter().chain([own]).flatten().collect();
        for pod in pods {
            self.say(pod, |digest| what(digest));
        }
    }

    fn sets(&mut self, id: PlaceId, net: &'a Netns) {
        for set in net.ipsets.items() {
            for element in &set.elements {
                let mut named = Vec::new();
                for part in &element.parts {
                    match part {
                        Part::Addr(ip) if set.netmask.is_none() => named.push(self.owners.of_ip(*ip)),
                        Part::Addr(ip) => {
                            self.nets
                                .extend(set.netmask.and_then(|length| IpNet::new(*ip, length).ok()));
                        }
                        Part::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                            named.push(self.owners.of_ip(net.addr()));
                        }
                        Part::Net(net) => self.net(*net),
                        Part::Link { name, .. } => named.push(self.owners.of_name(id, name)),
                        _ => {}
                    }
                }
                self.about(
                    None,
                    named.into_iter().map(|owner| owner.map(|(pod, _)| pod)),
                    |digest| {
                        digest.word(("set", id, &set.name, element.nomatch));
                        for part in &element.parts {
                            match part {
                                Part::Addr(ip) => {
                                    digest.ip(*ip);
                                }
                                Part::Net(net) => {
                                    digest.ip(net.addr()).word(net.prefix_len());
                                }
                                Part::Link { name, .. } => {
                                    digest.name(id, name);
                                }
                                other => {
                                    digest.debug(other);
                                }
                            }
                        }
                    },
                );
            }
        }
    }
}

fn one_link(digest: &mut Digest, rank: usize, link: &Link) {
    digest.word((
        rank,
        link.kind.as_deref(),
        link.flags.0,
        link.mtu,
        link.mac.is_some(),
    ));
    digest.word(link.master).debug(&link.data).debug(&link.port);
    if link.kind.as_deref() != Some("veth") {
        digest.debug(&link.lower);
    }
    digest.word(link.name.as_str());
}

/// A link of a node, or of the pod itself.
fn link(digest: &mut Digest, net: &Netns, own: Option<PlaceId>, id: PlaceId, link: Option<IfIndex>) {
    if own == Some(digest.pod) {
        digest.word(link.and_then(|link| rank_of(net, link)));
    } else {
        digest.link(id, link);
    }
}

fn rank_of(net: &Netns, link: IfIndex) -> Option<usize> {
    net.links.items().iter().position(|other| other.index == link)
}

/// What sysctl says of one link.
fn settings(digest: &mut Digest, net: &Netns, link: &str) {
    let Some(sysctls) = net.sysctls.known() else {
        return;
    };
    let link = link.replace('.', "/");
    for family in ["ipv4", "ipv6"] {
        let start = format!("net.{family}.conf.{link}.");
        for (key, value) in sysctls.range(start.clone()..) {
            let Some(name) = key.strip_prefix(&start) else {
                break;
            };
            digest.word((family, name, value));
        }
    }
}
