//! Neighbors: whom a packet is handed to on its link, and who answers for an address (`neighbour.c`, `arp.c`).

use std::net::{IpAddr, Ipv4Addr};

use super::super::fib::{Flow, link_address};
use super::super::packet::{Frame, Mac, Packet, Payload, Transport};
use super::super::topology::{At, Place, PlaceId};
use super::learned::Learned;
use super::missing::{unread, unread_neighbors};
use super::validate::{larger, source_fault};
use super::{Cause, End, Outcome, State, Walker, What};
use crate::state::link::{Address, LinkFlags, Scope, is_link_local};
use crate::state::neighbor::{Neighbor, NeighborState};
use crate::state::route::{NextHop, Route, RouteType};

impl Walker<'_, '_> {
    /// The link-layer address of the next hop: from the table, or by asking on the link. Several, where several answer;
    /// with each what was learned on the way.
    pub(super) fn neighbor(
        &self,
        state: &mut State,
        at: At,
        next: IpAddr,
    ) -> Result<Vec<(Mac, Learned)>, End> {
        let place = self.topology.place(at.place);
        let learned = &state.learned;
        let one = |mac, learned: &Learned| Ok(vec![(mac, learned.clone())]);
        if next.is_multicast() {
            return one(Mac::group(next), learned);
        }
        if next == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return one(Mac::BROADCAST, learned);
        }
        let known = place.neighbor(at.link, next);
        let silent = self
            .topology
            .link(at)
            .filter(|link| link.flags.has(LinkFlags::NOARP));
        if let Some(link) = silent
            && known.is_none_or(|entry| entry.state != NeighborState::Permanent)
        {
            // All goes to the link's own address (`arp_constructor`); most of these have none.
            let Some(own) = link.mac.as_deref().and_then(Mac::parse) else {
                return one(Mac::ZERO, learned);
            };
            let learned = learned.clone();
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                format!("{next} dev {} lladdr {own} NOARP", self.name(at))
            });
            return Ok(vec![(own, learned)]);
        }
        if let Some(entry) = known
            && let Some(mac) = entry.mac.as_deref().and_then(Mac::parse)
            && !entry.state.unanswered()
        {
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                neighbor_text(entry, self.name(at))
            });
            let fixed = matches!(entry.state, NeighborState::Permanent | NeighborState::Noarp);
            if fixed
                || (self.topology.cables().someone_has(mac) && state.learned.neighbor(at, next).is_none())
            {
                return one(mac, &state.learned);
            }
        }
        if let Some(mac) = state.learned.neighbor(at, next) {
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                format!("{next} dev {} lladdr {mac} (learned)", self.name(at))
            });
            return one(mac, &state.learned);
        }
        self.ask(state, at, next, known)
    }

    /// Asks for an address on a link, as the kernel would.
    fn ask(
        &self,
        state: &mut State,
        at: At,
        target: IpAddr,
        known: Option<&Neighbor>,
    ) -> Result<Vec<(Mac, Learned)>, End> {
        let name = self.name(at);
        // An answer that another link gets (the bridge that this one is a port of) helps nobody.
        // Who is told another address for one of its own on that link doesn't heed it (`ndisc_recv_na`).
        let mut addresses = self.topology.place(at.place).net.addresses.items().iter();
        let own =
            target.is_ipv6() && addresses.any(|address| address.link == at.link && address.ip == target);
        let answer = |outcome: &Outcome| match outcome.end {
            End::Answered(_) if own => None,
            End::Answered(mac) => Some(mac).filter(|mac| {
                outcome.place != at.place || outcome.state.learned.neighbor(at, target) == Some(*mac)
            }),
            _ => None,
        };
        let mut outcomes = self.question(state, at, target, false)?;
        if !state.quiet && outcomes.iter().all(|outcome| answer(outcome).is_none()) {
            // To say who heard it.
            outcomes = self.question(state, at, target, true)?;
        }
        let mut answers: Vec<(Mac, Learned)> = Vec::new();
        for outcome in &outcomes {
            let Some(mac) = answer(outcome) else { continue };
            if answers.iter().all(|(other, _)| *other != mac) {
                answers.push((mac, outcome.state.learned.clone()));
            }
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                let place = outcome.state.heard.map_or(outcome.place, |heard| heard.place);
                let who = self.topology.place(place).title();
                format!("{target} dev {name} lladdr {mac} (asked for: {who} answers)")
            });
        }
        if !answers.is_empty() {
            return Ok(answers);
        }
        if let Some(entry) = known
            && let Some(mac) = entry.mac.as_deref().and_then(Mac::parse)
            && !entry.state.unanswered()
        {
            return Ok(vec![(mac, state.learned.clone())]);
        }
        let entry = known.map(|entry| neighbor_text(entry, name));
        let unseen = outcomes.iter().find_map(|outcome| match &outcome.end {
            End::NotDecidable(why) => Some(why.clone()),
            _ => None,
        });
        let failed = known.is_some_and(|entry| entry.state.unanswered());
        if let Some(why) = unread_neighbors(self.topology.place(at.place).net) {
            return Err(End::NotDecidable(why));
        }
        match unseen {
            Some(why) if !failed => Err(End::NotDecidable(why)),
            _ => Err(End::Rejected(Cause::NoAnswer {
                target,
                link: name.to_owned(),
                entry,
                heard: heard(&outcomes),
                lost: lost(outcomes),
            })),
        }
    }

    /// What becomes of a question for an address on a link.
    pub(super) fn question(
        &self,
        state: &State,
        at: At,
        target: IpAddr,
        widely: bool,
    ) -> Result<Vec<Outcome>, End> {
        let Some(src) = self
            .topology
            .link(at)
            .and_then(|link| link.mac.as_deref().and_then(Mac::parse))
        else {
            let name = self.name(at);
            return Err(End::NotDecidable(
                format!("the MAC of {name} is not known").into(),
            ));
        };
        let frame = Frame {
            src,
            dst: match target {
                IpAddr::V4(_) => Mac::BROADCAST,
                IpAddr::V6(ip) => Mac::solicited(ip),
            },
            vlan: None,
            payload: Payload::Ask {
                target,
                sender: self.sender(at, target, state.packet.src),
            },
        };
        let mut question = State::new(state.packet.clone()).quiet();
        question.widely = widely;
        question.learned = state.learned.clone();
        // A tunnel whose packets it carries itself would be asked for ever.
        question.steps = state.steps + 1;
        question.work = state.work.clone();
        if let Some(end) = self.keeps_in(at, &frame.payload) {
            return Ok(question.ends(at.place, end));
        }
        Ok(self.xmit(question, at, frame))
    }

    /// The address that asks: the packet's own source when it is one of the host's, else one of the link
    /// (`arp_solicit`).
    fn sender(&self, at: At, target: IpAddr, src: IpAddr) -> IpAddr {
        let place = self.topology.place(at.place);
        let addresses = place.net.addresses.items();
        let (IpAddr::V4(asked), IpAddr::V4(_)) = (target, src) else {
            let mut here = addresses
                .iter()
                .filter(|address| address.link == at.link && address.ip.is_ipv6());
            let own = here.clone().find(|address| address.ip == src);
            let found = own.or_else(|| here.find(|address| is_link_local(address.ip)));
            return found.map_or(src, |address| address.ip);
        };
        let beside = || {
            addresses
                .iter()
                .filter(|address| address.link == at.link)
                .any(|address| {
                    address
                        .network()
                        .is_some_and(|net| net.contains(&target) && net.contains(&src))
                })
        };
        let may = match larger(place, self.name(at), "arp_announce") {
            0 => true,
            1 => beside(),
            _ => false,
        };
        let own = place
            .fib
            .lookup(&Flow::to(src))
            .is_ok_and(|hit| hit.route.kind == RouteType::Local);
        if may && own {
            return src;
        }
        link_address(place.net, at.link, asked, Scope::LINK)
            .unwrap_or(Ipv4Addr::UNSPECIFIED)
            .into()
    }

    /// Somebody asks for an address on this link: the namespace answers for its own, and for others as a proxy.
    pub(super) fn asked(
        &self,
        mut state: State,
        at: At,
        target: IpAddr,
        sender: IpAddr,
        asker: Mac,
    ) -> Vec<Outcome> {
        let place = self.topology.place(at.place);
        let Some(link) = self.topology.link(at) else {
            return state.ends(at.place, End::NotForMe);
        };
        let Some(mac) = link.mac.as_deref().and_then(Mac::parse) else {
            return state.ends(at.place, End::NotForMe);
        };
        if link.flags.has(LinkFlags::NOARP) {
            return state.ends(at.place, End::NotForMe);
        }
        if let Some(why) = unread(place.net) {
            return state.undecided(at.place, why);
        }
        if target.is_ipv4()
            && let Some(end) = self.arp_filter(&mut state, at, target, sender, asker)
        {
            return state.ends(at.place, end);
        }
        let answers = if target.is_ipv4() {
            let Some(answers) = answers_arp(place, at, &link.name, target, sender) else {
                let why = format!(
                    "whether {} answers on {} for {target}: it has several equal routes there, and not all leave by another link",
                    place.title(),
                    link.name
                );
                return state.undecided(at.place, why);
            };
            answers
        } else {
            let here = |address: &Address| address.link == at.link && address.ip == target;
            let proxy = || {
                place.setting(true, &link.name, "forwarding") != Some(0)
                    && place.either(true, &link.name, "proxy_ndp").unwrap_or(false)
                    && place.proxies(at.link, target)
            };
            // A router has its networks' anycast addresses (`addrconf_join_anycast`).
            let anycast = |route: &Route| {
                let by_link = |hop: &NextHop| hop.link == Some(at.link);
                route.kind == RouteType::Anycast
                    && route.dst.addr() == target
                    && route.next_hops.iter().any(by_link)
            };
            (place.has(target) && place.net.addresses.items().iter().any(here))
                || place.net.routes.items().iter().any(anycast)
                || proxy()
        };
        state.heard = Some(at);
        if !answers {
            let end = filtered(place, at, &link.name, target, sender).map_or(End::NotForMe, End::Dropped);
            return state.ends(at.place, end);
        }
        let prerouted = std::mem::take(&mut state.prerouted);
        if let Some(end) = self.keeps_out(at, &Payload::Ask { target, sender }, prerouted) {
            return state.ends(at.place, end);
        }
        let fixed = place
            .neighbor(at.link, sender)
            .filter(|entry| entry.state == NeighborState::Permanent);
        if fixed.is_none() {
            state.learned.learn_neighbor(at, sender, asker);
        }
        // The answer of ARP goes where the question came from; that of IPv6 is a packet as any.
        let known = fixed.filter(|_| target.is_ipv6());
        let asker = known
            .and_then(|entry| entry.mac.as_deref().and_then(Mac::parse))
            .unwrap_or(asker);
        state.wired.clear();
        let answer = Frame {
            src: mac,
            dst: asker,
            vlan: None,
            payload: Payload::Tell {
                target,
                mac,
                sender,
                from: self.advertised_from(at, target, sender),
            },
        };
        if let Some(end) = self.keeps_in(at, &answer.payload) {
            return state.ends(at.place, end);
        }
        self.xmit(state, at, answer)
    }
}

/// The links that a question reached without being answered.
fn heard(outcomes: &[Outcome]) -> Vec<At> {
    outcomes
        .iter()
        .filter_map(|outcome| outcome.state.heard)
        .collect()
}

/// Why a question got no farther, and where.
fn lost(outcomes: Vec<Outcome>) -> Option<(PlaceId, Box<Cause>)> {
    outcomes.into_iter().find_map(|outcome| match outcome.end {
        // No flood goes back where it came from.
        End::Dropped(Cause::HairpinOff { .. }) => None,
        End::Dropped(cause) => Some((outcome.place, Box::new(cause))),
        _ => None,
    })
}

/// `arp_process`: the way of the question is looked up first, so that a host without a route to the target is no
/// proxy for it. None where one of several ways is taken, and which one decides.
fn answers_arp(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> Option<bool> {
    if sender.is_unspecified() {
        // Whoever has no address to ask from only learns whether the target is taken (RFC 5227).
        let own = |ip| {
            place
                .fib
                .local(ip)
                .is_some_and(|route| route.kind == RouteType::Local)
        };
        let own = matches!(target, IpAddr::V4(ip) if own(ip));
        return Some(own && arp_ignore(place, at, name, target, sender));
    }
    let flow = Flow {
        src: Some(sender),
        iif: at.link,
        ..Flow::to(target)
    };
    let Ok(hit) = place.fib.lookup(&flow) else {
        return Some(false);
    };
    let asks = Packet::new(sender, target, Transport::Other(0));
    let leaves_by = || hit.hops.first().and_then(|hop| hop.link);
    let oif = (hit.route.kind == RouteType::Unicast).then(leaves_by).flatten();
    if source_fault(place, at.link, name, &asks, oif).is_some() {
        return Some(false);
    }
    match hit.route.kind {
        RouteType::Local => {
            Some(arp_ignore(place, at, name, target, sender) && !arp_filter(place, at, name, target, sender))
        }
        RouteType::Unicast if place.setting(false, name, "forwarding") != Some(0) => {
            let proxy = place.either(false, name, "proxy_arp").unwrap_or(false);
            let elsewhere = proxy || place.proxies(at.link, target);
            let here = place.setting(false, name, "proxy_arp_pvlan").unwrap_or(0) != 0;
            let mut answers = hit.hops.iter().map(|hop| {
                if hop.link == Some(at.link) {
                    here
                } else {
                    elsewhere
                }
            });
            let Some(first) = answers.next() else {
                return Some(false);
            };
            answers.all(|answer| answer == first).then_some(first)
        }
        _ => Some(false),
    }
}

/// Whether the namespace has the target, and its reverse path filter takes no question from this sender.
fn filtered(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> Option<Cause> {
    if target.is_ipv6() || sender.is_unspecified() || !place.has(target) {
        return None;
    }
    let asks = Packet::new(sender, target, Transport::Other(0));
    source_fault(place, at.link, name, &asks, None).filter(|why| matches!(why, Cause::ReversePath { .. }))
}

/// Whether the answer would leave by another link, and is not given therefore (`arp_filter()`).
fn arp_filter(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> bool {
    if !place.either(false, name, "arp_filter").unwrap_or(false) {
        return false;
    }
    let flow = Flow {
        src: Some(target),
        ..Flow::to(sender)
    };
    let back = place.fib.lookup(&flow);
    back.map_or(true, |hit| {
        hit.hops.first().is_none_or(|hop| hop.link != Some(at.link))
    })
}

/// Whether the namespace answers for an address of its own on this link (`arp_ignore()`).
fn arp_ignore(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> bool {
    let mode = larger(place, name, "arp_ignore");
    let addresses = place.net.addresses.items();
    let on_link = || {
        addresses
            .iter()
            .filter(|address| address.link == at.link)
            .find(|address| address.ip == target)
    };
    match mode {
        1 => on_link().is_some(),
        2 => on_link().is_some_and(|address| address.network().is_some_and(|net| net.contains(&sender))),
        3 => addresses
            .iter()
            .any(|address| address.ip == target && address.scope <= Scope::LINK),
        8 => false,
        _ => true,
    }
}

/// As ip-neighbour(8) prints it.
fn neighbor_text(entry: &Neighbor, link: &str) -> String {
    let mac = entry
        .mac
        .as_ref()
        .map_or_else(String::new, |mac| format!(" lladdr {mac}"));
    format!("{} dev {link}{mac} {}", entry.ip, entry.state)
}
