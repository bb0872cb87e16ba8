//! Packets that go where nobody was seen, and frames that nobody takes: what is known of them all the same.

use std::net::IpAddr;

use super::super::fib::Hit;
use super::super::packet::Mac;
use super::super::topology::{At, Place, PlaceId};
use super::l3::route_text;
use super::{Cause, End, Outcome, State, Walker};
use crate::state::netfilter::Rule;

impl Walker<'_, '_> {
    /// A packet for a pod that was seen, or for a service's address, goes to a gateway that is no node: only a route that
    /// knows nothing of pods (a default one, or one of BIRD's by way of it) leads there. A route that somebody made for
    /// just these pods is trusted.
    pub(super) fn astray(&self, state: &State, at: At, hit: &Hit, gateway: IpAddr) -> Option<Cause> {
        let place = at.place;
        if self.topology.place(place).namespace.is_some() || !self.leads_out(at) {
            return None;
        }
        let unaware = hit.route.dst.prefix_len() == 0 || hit.route.proto.to_string() == "bird";
        if !unaware || state.packet.inner.is_some() || self.topology.cables().is_owned(gateway) {
            return None;
        }
        let dst = state.packet.dst;
        let here = self.topology.place(place);
        if let Some(rule) = service_rule(here.net, dst) {
            let rule = rule.text.to_string();
            return Some(Cause::Untranslated { dst, gateway, rule });
        }
        if has_session(here, gateway) {
            // A router that BIRD tells of pods may well know them.
            return None;
        }
        let owner = self.whose(dst).filter(|owner| *owner != place)?;
        if self.whose(gateway).is_some() || self.topology.place(owner).namespace.is_none() {
            return None;
        }
        Some(Cause::Astray {
            dst,
            owner: self.topology.place(owner).title(),
            gateway,
            route: route_text(here, hit),
        })
    }

    /// Whether what is behind the link was not seen.
    fn leads_out(&self, at: At) -> bool {
        self.topology.cables().has(at) || self.topology.switches().port(at).is_some()
    }

    fn whose(&self, ip: IpAddr) -> Option<PlaceId> {
        let mut places = self.topology.places();
        let found = places.find(|(_, place)| place.has(ip));
        found.map(|(id, _)| id)
    }

    /// A frame that nobody took, with the reason.
    pub(super) fn explained(&self, mut outcome: Outcome) -> Outcome {
        if let (End::NotForMe, Some((at, mac))) = (&outcome.end, outcome.state.missed) {
            outcome.end = End::Dropped(self.nobody(at, mac));
        }
        outcome
    }

    fn nobody(&self, at: At, mac: Mac) -> Cause {
        let link = self.name(at).to_owned();
        let of = |at: At| {
            let link = self.topology.link(at)?;
            link.mac.as_deref().and_then(Mac::parse)
        };
        let holder = self.topology.places().find_map(|(place, seen)| {
            let links = seen.net.links.items().iter();
            let mut all = links.map(|link| At {
                place,
                link: link.index,
            });
            all.find(|other| of(*other) == Some(mac))
        });
        let Some(holder) = holder else {
            let own = of(at);
            return Cause::WrongMac { mac, link, own };
        };
        let who = self.topology.place(holder.place).title();
        let other_end = self.topology.veth_peer(holder);
        let detached = other_end.and_then(|end| {
            let end = self.topology.link(end)?;
            end.master.is_none().then(|| end.name.clone())
        });
        let held = format!("{} of {who}", self.name(holder));
        Cause::Elsewhere {
            mac,
            link,
            held,
            detached,
        }
    }
}

/// kube-proxy's rule for a service with this address.
fn service_rule(net: &crate::state::Netns, dst: IpAddr) -> Option<&Rule> {
    let wanted = format!("-d {dst}/32 ");
    let tables = net.netfilter.items().iter().flat_map(|ruleset| &ruleset.tables);
    let chains = tables.flat_map(|table| &table.chains);
    let mut rules = chains
        .filter(|chain| chain.name.starts_with("KUBE-SERVICES"))
        .flat_map(|chain| &chain.rules);
    rules.find(|rule| rule.text.contains(&wanted))
}

/// Whether BIRD has a session with an address, established or not; without BIRD's own words, none is known.
fn has_session(place: &Place, with: IpAddr) -> bool {
    let daemons = [&place.node.bird, &place.node.bird6];
    daemons
        .into_iter()
        .filter_map(|bird| bird.known())
        .flat_map(|bird| &bird.protocols)
        .filter_map(|protocol| protocol.bgp.as_ref())
        .any(|session| session.neighbor_address == Some(with))
}
