//! Netfilter over frames: tables of the families bridge, netdev and arp, and `ingress` of inet
//! (`nft_chain_filter.c`). What they drop was never seen by IP.

use std::net::{IpAddr, Ipv6Addr};

use super::super::hooks::{Call, Doubt, Head, Layer, Verdict};
use super::super::packet::{Frame, Mac, Packet, Payload, Transport};
use super::super::topology::At;
use super::discovery::{ADVERT, SOLICIT};
use super::{Cause, End, State, Walker, What};
use crate::state::link::IfIndex;
use crate::state::netfilter::Hook;

impl Walker<'_, '_> {
    /// A frame that comes in by a link, or leaves by it.
    pub(super) fn link_filter(&self, state: &mut State, at: At, hook: Hook, frame: &Frame) -> Option<End> {
        let (input, output) = match hook {
            Hook::Egress => (None, Some(at.link)),
            _ => (Some(at.link), None),
        };
        self.frame_filter(state, at, (Layer::Link, hook), (input, output), frame)
    }

    /// A frame in a bridge, by its ports.
    pub(super) fn bridge_filter(
        &self,
        state: &mut State,
        bridge: At,
        hook: Hook,
        ports: (Option<IfIndex>, Option<IfIndex>),
        frame: &Frame,
    ) -> Option<End> {
        self.frame_filter(state, bridge, (Layer::Bridge, hook), ports, frame)
    }

    /// A question by ARP, before it is answered.
    pub(super) fn arp_filter(
        &self,
        state: &mut State,
        at: At,
        target: IpAddr,
        sender: IpAddr,
        asker: Mac,
    ) -> Option<End> {
        let frame = Frame {
            src: asker,
            dst: Mac::BROADCAST,
            vlan: None,
            payload: Payload::Ask { target, sender },
        };
        self.frame_filter(
            state,
            at,
            (Layer::Arp, Hook::Input),
            (Some(at.link), None),
            &frame,
        )
    }

    /// Whether the tables end a frame's way.
    fn frame_filter(
        &self,
        state: &mut State,
        at: At,
        (layer, hook): (Layer, Hook),
        (in_link, out_link): (Option<IfIndex>, Option<IfIndex>),
        frame: &Frame,
    ) -> Option<End> {
        let hooks = self.hooks(at.place);
        if !hooks.frames {
            return None;
        }
        if layer == Layer::Link
            && let Some(doubt) = hooks.somewhere(hook)
        {
            return Some(End::NotDecidable(doubt.into()));
        }
        let (packet, arp) = carried(frame);
        let call = Call {
            place: self.topology.place(at.place),
            hook,
            in_link,
            out_link,
            physdev: (None, None),
            packet,
            frame: Some(Head {
                at: layer,
                src: frame.src,
                dst: frame.dst,
                arp,
            }),
            conn: None,
            known: Vec::new(),
            others: Vec::new(),
            recent: Vec::new(),
            quiet: state.quiet,
            counts: false,
        };
        let passed = hooks.call(&call);
        let ends = |verdict: &Verdict| !matches!(verdict, Verdict::Accept);
        let mut bad = passed.iter().filter(|passed| ends(&passed.verdict));
        let verdict = &bad.next()?.verdict;
        if passed.len() > 1 {
            return Some(End::NotDecidable(Doubt::TooManyWays.into()));
        }
        let link = out_link.or(in_link);
        Some(match verdict {
            Verdict::Accept => return None,
            Verdict::Drop(rule) => {
                state.note_with(at.place, link, What::Netfilter, || rule.to_string());
                End::Dropped(Cause::Rule {
                    rule: Box::new((*rule).into()),
                    answer: None,
                })
            }
            Verdict::Reject(rule, how) => {
                state.note_with(at.place, link, What::Netfilter, || rule.to_string());
                End::Rejected(Cause::Rule {
                    rule: Box::new((*rule).into()),
                    answer: Some(how.clone()),
                })
            }
            Verdict::NotDecidable(why) => End::NotDecidable((*why).into()),
        })
    }
}

/// The packet of a frame, and whether it is ARP in truth.
fn carried(frame: &Frame) -> (Packet, bool) {
    let nd = |kind| Transport::Icmp { kind, code: 0, id: 0 };
    let none = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match &frame.payload {
        Payload::Ip(packet) => (packet.clone(), false),
        Payload::Ask { target, sender } if target.is_ipv6() => {
            let sender = if sender.is_ipv6() { *sender } else { none };
            (Packet::new(sender, *target, nd(SOLICIT)), false)
        }
        Payload::Tell { from, sender, .. } if from.is_ipv6() => {
            (Packet::new(*from, *sender, nd(ADVERT)), false)
        }
        Payload::Ask { target, sender } | Payload::Tell { target, sender, .. } => {
            (Packet::new(*sender, *target, Transport::Other(0)), true)
        }
    }
}
