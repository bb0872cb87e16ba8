//! Who has an address: questions of ARP and of neighbour discovery, and whether they were answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Finding;
use super::key::{self, Via};
use super::seen::Remark;
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

/// Looks for questions and answers in a packet.
pub(super) fn look(frame: &[u8], stack: &Stack, remarks: &mut Vec<Remark>) {
    let Some(last) = stack.layers().last() else {
        return;
    };
    match last.kind {
        Kind::Arp => arp(frame, stack, Arp(last.header(frame)), remarks),
        Kind::Icmpv6 => neighbor(frame, stack, Icmpv6(last.header(frame)), remarks),
        _ => {}
    }
}

fn arp(frame: &[u8], stack: &Stack, arp: Arp, remarks: &mut Vec<Remark>) {
    let (Some(sender), Some(target)) = (arp.sender().first_chunk::<4>(), arp.target().first_chunk::<4>())
    else {
        return;
    };
    let via = key::via(frame, stack);
    let link = arp.sender_link().first_chunk().copied();
    let (sender, target) = (Ipv4Addr::from(*sender), Ipv4Addr::from(*target));
    let (is_question, probes) = (
        arp.operation() == arp::REQUEST && sender != target,
        sender.is_unspecified(),
    );
    let (sender, target) = (sender.into(), target.into());
    if is_question {
        // From nobody: a host asks whether its own new address is taken, and hopes for no answer (RFC 5227).
        if !probes {
            remarks.push(Remark::Asks { via, sender, target });
        }
    } else {
        remarks.push(Remark::Has {
            via,
            who: sender,
            link,
        });
    }
}

fn neighbor(frame: &[u8], stack: &Stack, message: Icmpv6, remarks: &mut Vec<Remark>) {
    let (kind::NEIGHBOR_SOLICITATION | kind::NEIGHBOR_ADVERTISEMENT, Some(target)) =
        (message.kind(), message.target())
    else {
        return;
    };
    let via = key::via(frame, stack);
    let target = Ipv6Addr::from(target).into();
    if message.kind() == kind::NEIGHBOR_ADVERTISEMENT {
        remarks.push(Remark::Has {
            via,
            who: target,
            link: None,
        });
        return;
    }
    let Some(ip) = stack.innermost().iter().find(|layer| layer.kind == Kind::Ipv6) else {
        return;
    };
    let (sender, _) = key::addresses(frame, ip);
    // As above (RFC 4862, 5.4).
    if !sender.is_unspecified() {
        remarks.push(Remark::Asks { via, sender, target });
    }
}

/// The questions of a capture.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: BTreeMap<Question, Asked>,
    owners: BTreeMap<Place, Owner>,
}

/// Where an address is: link of the capture, tunnel, address.
type Place = (u32, Option<Via>, IpAddr);

/// Who says to have an address.
#[derive(Debug, Clone, Copy)]
struct Owner {
    now: [u8; 6],
    before: Option<[u8; 6]>,
    /// Another than before said so.
    changes: u64,
    /// The one before said so again: it had not moved.
    disputed: bool,
    number: u64,
}

impl Questions {
    /// Somebody says to have an address.
    pub(super) fn owner(&mut self, place: Place, link: [u8; 6], number: u64) {
        if self.owners.len() >= MOST {
            return;
        }
        let owner = self.owners.entry(place).or_insert(Owner {
            now: link,
            before: None,
            changes: 0,
            disputed: false,
            number,
        });
        if owner.now != link {
            owner.disputed |= owner.before == Some(link);
            owner.changes += 1;
            owner.before = Some(owner.now);
            owner.now = link;
        }
    }

    fn duplicates(&self) -> impl Iterator<Item = Finding> {
        let disputed = self.owners.iter().filter(|(_, owner)| owner.disputed);
        disputed.filter_map(|((_, via, who), owner)| {
            let inside = via.map_or(String::new(), |via| format!(" in {}", via.text()));
            let [one, other] = [owner.now, owner.before?].map(link_text);
            Some(Finding {
                code: "duplicate-address",
                text: format!("ARP{inside}: both {one} and {other} say to have {who}, in turn"),
                packets: owner.changes,
                number: owner.number,
            })
        })
    }

    pub(super) fn ask(&mut self, via: Option<Via>, sender: IpAddr, target: IpAddr, time: Time) {
        if self.asked.len() >= MOST {
            return;
        }
        let asked = self.asked.entry((target, via, sender)).or_insert(Asked {
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

    pub(super) fn answer(&mut self, who: IpAddr) {
        let first = (who, None, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        for (_, asked) in self
            .asked
            .range_mut(first..)
            .take_while(|((target, _, _), _)| *target == who)
        {
            asked.answered = true;
            asked.in_vain = 0;
        }
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.asked
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
                    code: "neighbor-unanswered",
                    text: format!(
                        "{word}{inside}: {sender} asked {} times who has {target}, and got no answer",
                        asked.count
                    ),
                    packets: asked.count,
                    number: 0,
                }
            })
            .chain(self.duplicates())
    }
}

fn link_text(link: [u8; 6]) -> String {
    link.map(|byte| format!("{byte:02x}")).join(":")
}
