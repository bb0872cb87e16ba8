//! A walk that ended badly, with the questions that all families ask.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Scene;
use crate::forward::packet::Packet;
use crate::forward::topology::{At, Place, PlaceId};
use crate::forward::walk::{Hop, Outcome, Step, What, hops};
use crate::state::Namespace;
use crate::state::link::{IfIndex, Link, LinkFlags, Scope};
use crate::state::route::{Route, RouteType, TableId};

pub(super) struct Case<'c, 'a> {
    pub(super) scene: Scene<'c, 'a>,
    pub(super) outcome: &'c Outcome,
    pub(super) there: Option<&'c Outcome>,
    pub(super) id: PlaceId,
    /// Where it ended.
    pub(super) place: &'c Place<'a>,
}

impl<'c, 'a> Case<'c, 'a> {
    pub(super) fn new(scene: Scene<'c, 'a>, outcome: &'c Outcome, there: Option<&'c Outcome>) -> Self {
        Self {
            scene,
            outcome,
            there,
            id: outcome.place,
            place: scene.topology.place(outcome.place),
        }
    }

    /// Whether it is the answer that is lost.
    pub(super) const fn is_answer(&self) -> bool {
        self.there.is_some()
    }

    pub(super) fn who(&self) -> String {
        self.place.title()
    }

    pub(super) fn trail(&self) -> &'c [Step] {
        &self.outcome.state.trail
    }

    pub(super) fn hops(&self) -> Vec<Hop<'c>> {
        hops(self.trail())
    }

    /// The packet as it started.
    pub(super) fn first_packet(&self) -> Option<&'c Packet> {
        self.trail().first()?.packet.as_deref()
    }

    /// The last step of this kind in the namespace where it ended.
    pub(super) fn last(&self, what: What) -> Option<&'c Step> {
        self.trail()
            .iter()
            .rev()
            .find(|step| step.what == what && step.place == self.id)
    }

    /// The namespace that has an address, the walk's own namespaces first.
    pub(super) fn owner(&self, ip: IpAddr) -> Option<(PlaceId, &'c Place<'a>)> {
        if ip.is_loopback() {
            return None;
        }
        let mut found = self.scene.topology.places().filter(|(_, place)| place.has(ip));
        let first = found.next()?;
        // An address that many have (docker0's) tells nothing.
        found.next().is_none().then_some(first)
    }

    /// The link that has an address, where one namespace alone has it.
    pub(super) fn held(&self, ip: IpAddr) -> Option<At> {
        let (place, owner) = self.owner(ip)?;
        let mut addresses = owner.net.addresses.items().iter();
        let link = addresses.find(|address| address.ip == ip)?.link;
        Some(At { place, link })
    }

    /// The host's own namespace of the node of a place.
    pub(super) fn host_of(&self, id: PlaceId) -> (PlaceId, &'c Place<'a>) {
        let node = self.scene.topology.place(id).node;
        self.scene
            .topology
            .places()
            .find(|(_, place)| place.namespace.is_none() && std::ptr::eq(place.node, node))
            .unwrap_or((id, self.scene.topology.place(id)))
    }

    pub(super) fn at_named(&self, id: PlaceId, name: &str) -> Option<At> {
        let link = link_named(self.scene.topology.place(id), name)?;
        Some(At {
            place: id,
            link: link.index,
        })
    }

    /// `dev NAME` of a link, for evidence.
    pub(super) fn name(&self, id: PlaceId, link: IfIndex) -> &'a str {
        let at = At { place: id, link };
        self.scene
            .topology
            .link(at)
            .map_or("?", |link| link.name.as_str())
    }

    /// The host's end of the cable to a pod: the first veth of the pod with a peer there.
    pub(super) fn host_end(&self, pod: PlaceId) -> Option<At> {
        let links = self.scene.topology.place(pod).net.links.items();
        links.iter().find_map(|link| {
            self.scene.topology.veth_peer(At {
                place: pod,
                link: link.index,
            })
        })
    }
}

/// The namespace that a place is, beside the host's own.
pub(super) fn namespace<'n>(place: &Place<'n>) -> Option<&'n Namespace> {
    place
        .node
        .namespaces
        .items()
        .iter()
        .find(|namespace| std::ptr::eq(&raw const namespace.net, place.net))
}

/// What is put before a command so that it runs in the place's namespace, on its node.
pub(super) fn typed_in(place: &Place) -> String {
    let Some(namespace) = namespace(place) else {
        return String::new();
    };
    let named = namespace
        .paths
        .iter()
        .find_map(|path| path.rsplit_once("/netns/").map(|(_, name)| name));
    if let Some(name) = named {
        return format!("ip netns exec {name} ");
    }
    if let Some(process) = namespace.processes.first() {
        return format!("nsenter -t {} -n ", process.pid);
    }
    let name = namespace.names.first().map_or("NAMESPACE", String::as_str);
    format!("ip netns exec {name} ")
}

pub(super) fn link_named<'a>(place: &Place<'a>, name: &str) -> Option<&'a Link> {
    place.net.links.items().iter().find(|link| link.name == name)
}

/// The prefix that a node's pods of this address are in: its Calico block, the segment of its bridge, or the address.
pub(super) fn pod_net(host: &Place, ip: IpAddr) -> IpNet {
    let covers = |route: &&Route| {
        route.dst.contains(&ip)
            && route.table == TableId::MAIN
            && (route.kind == RouteType::Blackhole
                || (route.kind == RouteType::Unicast && route.dst.prefix_len() > 0))
    };
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    host.net
        .routes
        .items()
        .iter()
        .filter(covers)
        .filter(|route| route.dst.prefix_len() < bits)
        .max_by_key(|route| (route.kind == RouteType::Blackhole, route.dst.prefix_len()))
        .map_or_else(|| IpNet::from(ip), |route| route.dst)
}

/// An address of `other` that lies on a segment of `place`, and the link of `place` to it.
pub(super) fn on_segment(place: &Place, other: &Place, v6: bool) -> Option<(IpAddr, String)> {
    let theirs = other.net.addresses.items().iter();
    theirs
        .filter(|address| address.ip.is_ipv6() == v6 && address.scope == Scope::GLOBAL)
        .find_map(|theirs| {
            let ours = place.net.addresses.items().iter().find(|ours| {
                ours.ip != theirs.ip
                    && ours.network().is_some_and(|net| net.contains(&theirs.ip))
                    && place
                        .net
                        .link(ours.link)
                        .is_some_and(|link| !link.is_bridge() && !link.flags.has(LinkFlags::LOOPBACK))
            })?;
            let link = place.net.link(ours.link)?;
            Some((theirs.ip, link.name.clone()))
        })
}

/// Whether a bridge of Docker has the segment that an address lies in.
pub(super) fn docker_bridge<'a>(host: &Place<'a>, ip: IpAddr) -> Option<(&'a Link, IpNet)> {
    host.net.addresses.items().iter().find_map(|address| {
        let net = address.network().filter(|net| net.contains(&ip))?;
        let link = host.net.link(address.link)?;
        let docker = link.name == "docker0" || link.name.starts_with("br-");
        docker.then_some((link, net.trunc()))
    })
}
