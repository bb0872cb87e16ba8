//! Neighbors: whom a packet is handed to on its link, and who answers for an address (`neighbour.c`, `arp.c`).

use std::net::{IpAddr, Ipv4Addr};

use super::super::fib::Flow;
use super::super::packet::{Frame, Mac, Payload};
use super::super::topology::{At, Place, PlaceId};
use super::{Cause, End, Outcome, State, Walker, What};
use crate::state::link::{Address, LinkFlags, Scope};
use crate::state::neighbor::{Neighbor, NeighborState};
use crate::state::route::RouteType;

impl Walker<'_, '_> {
    /// The link-layer address of the next hop: from the table, or by asking on the link.
    pub(super) fn neighbor(&self, state: &mut State, at: At, next: IpAddr) -> Result<Mac, End> {
        let place = self.topology.place(at.place);
        if next.is_multicast() || next == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Ok(Mac::BROADCAST);
        }
        if self
            .topology
            .link(at)
            .is_some_and(|link| link.flags.has(LinkFlags::NOARP))
        {
            return Ok(Mac::ZERO);
        }
        let known = place.neighbor(at.link, next);
        if let Some(entry) = known
            && let Some(mac) = entry.mac.as_deref().and_then(Mac::parse)
            && !entry.state.unanswered()
        {
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                neighbor_text(entry, self.name(at))
            });
            let fixed = matches!(entry.state, NeighborState::Permanent | NeighborState::Noarp);
            if fixed || self.topology.cables().someone_has(mac) {
                return Ok(mac);
            }
        }
        self.ask(state, at, next, known)
    }

    /// Asks for an address on a link, as the kernel would.
    fn ask(&self, state: &mut State, at: At, target: IpAddr, known: Option<&Neighbor>) -> Result<Mac, End> {
        let name = self.name(at);
        let answer = |outcomes: &[Outcome]| {
            outcomes.iter().find_map(|outcome| match outcome.end {
                End::Answered(mac) => Some((mac, outcome.place)),
                _ => None,
            })
        };
        let mut outcomes = self.question(state, at, target, false)?;
        let answered = answer(&outcomes);
        if answered.is_none() && !state.quiet {
            // To say who heard it.
            outcomes = self.question(state, at, target, true)?;
        }
        if let Some((mac, who)) = answered {
            state.note_with(at.place, Some(at.link), What::Neighbor, || {
                let who = self.topology.place(who).title();
                format!("{target} dev {name} lladdr {mac} (asked for: {who} answers)")
            });
            return Ok(mac);
        }
        if let Some(entry) = known
            && let Some(mac) = entry.mac.as_deref().and_then(Mac::parse)
            && !entry.state.unanswered()
        {
            return Ok(mac);
        }
        let entry = known.map(|entry| neighbor_text(entry, name));
        let unseen = outcomes.iter().find_map(|outcome| match &outcome.end {
            End::NotDecidable(why) => Some(why.clone()),
            _ => None,
        });
        let failed = known.is_some_and(|entry| entry.state.unanswered());
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
            dst: Mac::BROADCAST,
            vlan: None,
            payload: Payload::Ask {
                target,
                sender: self.sender(at, target, state.packet.src),
            },
        };
        let mut question = State::new(state.packet.clone()).quiet();
        question.widely = widely;
        Ok(self.xmit(question, at, frame))
    }

    /// The address that asks: the packet's own source when it is one of the host's, else one of the link
    /// (`arp_solicit`).
    fn sender(&self, at: At, target: IpAddr, src: IpAddr) -> IpAddr {
        let place = self.topology.place(at.place);
        if place.has(src) && src.is_ipv4() == target.is_ipv4() {
            return src;
        }
        let addresses = place.net.addresses.items();
        let of_family = |ip: &IpAddr| ip.is_ipv4() == target.is_ipv4();
        let beside = addresses
            .iter()
            .filter(|address| address.link == at.link)
            .find(|address| address.network().is_some_and(|net| net.contains(&target)));
        beside
            .or_else(|| {
                addresses
                    .iter()
                    .find(|address| address.link == at.link && of_family(&address.ip))
            })
            .or_else(|| {
                addresses
                    .iter()
                    .find(|address| address.scope == Scope::GLOBAL && of_family(&address.ip))
            })
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip)
    }

    /// Somebody asks for an address on this link: the namespace answers for its own, and for others as a proxy.
    pub(super) fn asked(&self, mut state: State, at: At, target: IpAddr, sender: IpAddr) -> Vec<Outcome> {
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
        let answers = if target.is_ipv4() {
            answers_arp(place, at, &link.name, target, sender)
        } else {
            let here = |address: &Address| address.link == at.link && address.ip == target;
            (place.has(target) && place.net.addresses.items().iter().any(here))
                || place.proxies(at.link, target)
        };
        state.heard = Some(at);
        let end = if answers {
            End::Answered(mac)
        } else {
            End::NotForMe
        };
        state.ends(at.place, end)
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
        End::Dropped(cause) => Some((outcome.place, Box::new(cause))),
        _ => None,
    })
}

/// `arp_process`: the way of the question is looked up first, so that a host without a route to the target is no
/// proxy for it.
fn answers_arp(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> bool {
    let flow = Flow {
        src: Some(sender),
        iif: at.link,
        ..Flow::to(target)
    };
    let Ok(hit) = place.fib.lookup(&flow) else {
        return false;
    };
    match hit.route.kind {
        RouteType::Local => arp_ignore(place, at, name, target, sender),
        RouteType::Unicast if place.setting(false, name, "forwarding") != Some(0) => {
            let elsewhere = hit.hops.iter().any(|hop| hop.link != Some(at.link));
            let proxy = place.either(false, name, "proxy_arp").unwrap_or(false);
            let same_link = place.setting(false, name, "proxy_arp_pvlan").unwrap_or(0) != 0;
            (proxy && elsewhere) || (same_link && !elsewhere) || place.proxies(at.link, target)
        }
        _ => false,
    }
}

/// Whether the namespace answers for an address of its own on this link (`arp_ignore()`).
fn arp_ignore(place: &Place, at: At, name: &str, target: IpAddr, sender: IpAddr) -> bool {
    let mode = place
        .setting(false, name, "arp_ignore")
        .unwrap_or(0)
        .max(place.setting(false, "all", "arp_ignore").unwrap_or(0));
    let on_link = || {
        place
            .net
            .addresses
            .items()
            .iter()
            .filter(|address| address.link == at.link)
            .find(|address| address.ip == target)
    };
    match mode {
        0 => true,
        1 => on_link().is_some(),
        2 => on_link().is_some_and(|address| address.network().is_some_and(|net| net.contains(&sender))),
        8 => false,
        _ => on_link().is_some_and(|address| address.scope < Scope::LINK),
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
