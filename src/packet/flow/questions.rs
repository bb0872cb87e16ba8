//! Who has an address: questions of ARP and of neighbour discovery, and whether they were answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Finding;
use super::key::{self, Via};
use crate::packet::file::Time;
use crate::packet::layer::{Kind, Stack};
use crate::packet::wire::arp::{self, Arp};
use crate::packet::wire::icmpv6::{Icmpv6, kind};

/// Who asks again within this time got no answer, whether or not it could be captured: in nanoseconds.
const AGAIN: i64 = 5_000_000_000;
/// Addresses that are remembered.
const MOST: usize = 10_000;

/// A question, by wanted address, tunnel and asker.
type Question = (IpAddr, Option<Via>, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Asked {
    last: Time,
    count: u64,
    /// Asked again before an answer came.
    in_vain: u64,
    answered: bool,
}

/// The questions of a capture.
#[derive(Debug, Default)]
pub(super) struct Questions(BTreeMap<Question, Asked>);

impl Questions {
    pub(super) fn add(&mut self, time: Time, frame: &[u8], stack: &Stack) {
        let Some(last) = stack.innermost().last() else {
            return;
        };
        match last.kind {
            Kind::Arp => self.arp(time, frame, stack, Arp(last.header(frame))),
            Kind::Icmpv6 => self.neighbor(time, frame, stack, Icmpv6(last.header(frame))),
            _ => {}
        }
    }

    fn arp(&mut self, time: Time, frame: &[u8], stack: &Stack, arp: Arp) {
        let (Some(sender), Some(target)) = (arp.sender().first_chunk::<4>(), arp.target().first_chunk::<4>())
        else {
            return;
        };
        let (sender, target) = (Ipv4Addr::from(*sender).into(), Ipv4Addr::from(*target).into());
        match arp.operation() {
            arp::REQUEST if sender != target => self.ask(key::via(frame, stack), sender, target, time),
            _ => self.answer(sender),
        }
    }

    fn neighbor(&mut self, time: Time, frame: &[u8], stack: &Stack, message: Icmpv6) {
        let (kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT, Some(target)) =
            (message.kind(), message.target())
        else {
            return;
        };
        let target = Ipv6Addr::from(target).into();
        if message.kind() == kind::NEIGHBOR_ADVERTISEMENT {
            self.answer(target);
            return;
        }
        let Some(ip) = stack.innermost().iter().find(|layer| layer.kind == Kind::Ipv6) else {
            return;
        };
        let (sender, _) = key::addresses(frame, ip);
        // From nobody: a host asks whether its own new address is taken, and hopes for no answer.
        if !sender.is_unspecified() {
            self.ask(key::via(frame, stack), sender, target, time);
        }
    }

    fn ask(&mut self, via: Option<Via>, sender: IpAddr, target: IpAddr, time: Time) {
        if self.0.len() >= MOST {
            return;
        }
        let asked = self.0.entry((target, via, sender)).or_insert(Asked {
            last: time,
            count: 0,
            in_vain: 0,
            answered: true,
        });
        let since = time.nanos().saturating_sub(asked.last.nanos());
        // Less than a tenth of a second: the same question on another link.
        if !asked.answered && (100_000_000..AGAIN).contains(&since) {
            asked.in_vain += 1;
        }
        asked.count += 1;
        asked.last = time;
        asked.answered = false;
    }

    fn answer(&mut self, who: IpAddr) {
        let first = (who, None, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        for (_, asked) in self
            .0
            .range_mut(first..)
            .take_while(|((target, _, _), _)| *target == who)
        {
            asked.answered = true;
            asked.in_vain = 0;
        }
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.0
            .iter()
            .filter(|(_, asked)| asked.in_vain > 0)
            .map(|((target, via, sender), asked)| {
                let inside = via.map_or(String::new(), |via| format!(" in {}", via.text()));
                let word = if target.is_ipv4() {
                    "ARP"
                } else {
                    "neighbor discovery"
                };
                Finding {
                    code: if target.is_ipv4() {
                        "arp-unanswered"
                    } else {
                        "neighbor-unanswered"
                    },
                    text: format!(
                        "{word}{inside}: {sender} asked {} times who has {target}, and got no answer",
                        asked.count
                    ),
                    packets: asked.count,
                    number: 0,
                }
            })
    }
}
