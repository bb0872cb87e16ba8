//! What netdiag says of a packet against what was heard of it.

use std::fmt::Write as _;
use std::net::IpAddr;

use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::PlaceId;
use netdiag::forward::walk::{Cause, End, Outcome, Walker};

use super::probe::{Heard, Probe, What};

/// How a comparison ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    Right,
    /// netdiag doesn't say.
    Open(String),
    Wrong(String),
}

/// What netdiag says of a probe.
pub(crate) struct Told {
    pub(crate) walks: Vec<(Outcome, Vec<Outcome>)>,
    pub(crate) space_of: Vec<Option<usize>>,
}

/// A place and a packet, as they can be heard.
type Seen = (usize, IpAddr, IpAddr, Transport);

fn seen(heard: &Heard, transport: Transport) -> Seen {
    (heard.space, heard.src, heard.dst, transport)
}

impl Told {
    pub(crate) fn new(
        walker: &Walker,
        probe: &Probe,
        from: PlaceId,
        space_of: &[Option<usize>],
    ) -> Option<Self> {
        let transport = probe.transport();
        let packet = match probe.src {
            Some(src) => Packet::new(src, probe.dst, transport),
            None => walker.packet(from, probe.dst, transport)?,
        };
        let packet = Packet {
            tos: probe.tos,
            ttl: probe.ttl,
            size: probe.size,
            df: probe.df,
            mark: probe.mark,
            ..packet
        };
        Some(Self {
            walks: walker.there_and_back(packet, from),
            space_of: space_of.to_vec(),
        })
    }

    fn space(&self, outcome: &Outcome) -> Option<usize> {
        self.space_of.get(outcome.place.0).copied().flatten()
    }

    /// Where and how the packet is taken in by a host, even when nobody there wants it.
    fn arrival(&self, outcome: &Outcome) -> Option<Seen> {
        let refused = matches!(&outcome.end, End::Rejected(Cause::PortClosed { .. }));
        if outcome.end != End::Delivered && !refused {
            return None;
        }
        let packet = &outcome.state.packet;
        Some((self.space(outcome)?, packet.src, packet.dst, packet.transport))
    }

    fn open(&self) -> Option<String> {
        let all = self
            .walks
            .iter()
            .flat_map(|(there, back)| std::iter::once(there).chain(back));
        all.map(|outcome| &outcome.end).find_map(|end| match end {
            End::NotDecidable(why) => Some(why.to_string()),
            _ => None,
        })
    }

    /// What is heard agrees with what is told.
    pub(crate) fn judge(&self, heard: &[Heard]) -> Judgement {
        if let Some(why) = self.open() {
            return Judgement::Open(why);
        }
        let requests: Vec<Seen> = heard
            .iter()
            .filter_map(|heard| match &heard.what {
                What::Request(transport) => Some(seen(heard, *transport)),
                _ => None,
            })
            .collect();
        let answers: Vec<Seen> = heard
            .iter()
            .filter_map(|heard| match &heard.what {
                What::Answer(transport) => Some(seen(heard, *transport)),
                _ => None,
            })
            .collect();
        let expected: Vec<Option<Seen>> = self.walks.iter().map(|(there, _)| self.arrival(there)).collect();
        if let Some(why) = differ("arrives", &expected, &requests) {
            return Judgement::Wrong(why);
        }
        // Of several ways, the one that was taken answers.
        let taken = self
            .walks
            .iter()
            .filter(|(there, _)| there.end == End::Delivered)
            .filter(|(there, _)| {
                self.arrival(there)
                    .is_some_and(|arrival| requests.contains(&arrival))
            });
        let backs: Vec<Option<Seen>> = taken
            .flat_map(|(_, back)| back.iter().map(|back| self.arrival(back)))
            .collect();
        match differ("is answered", &backs, &answers) {
            Some(why) => Judgement::Wrong(why),
            None => Judgement::Right,
        }
    }

    /// All trails.
    pub(crate) fn words(&self, walker: &Walker) -> String {
        let mut text = String::new();
        for (there, back) in &self.walks {
            for (way, outcome) in
                std::iter::once(("there", there)).chain(back.iter().map(|back| ("back", back)))
            {
                writeln!(text, "  {way}, share {}:", outcome.state.share.0).unwrap();
                for step in &outcome.state.trail {
                    let place = walker.topology.place(step.place).title();
                    writeln!(text, "    {place}: {:?} {}", step.what, step.text).unwrap();
                }
                let at = walker.topology.place(outcome.place).title();
                writeln!(text, "    {:?} at {at} ({})", outcome.end, outcome.state.packet).unwrap();
            }
        }
        text
    }
}

/// Of one way, exactly what it says; of several, one of them at least.
fn differ(what: &str, expected: &[Option<Seen>], seen: &[Seen]) -> Option<String> {
    let strange = seen
        .iter()
        .find(|seen| !expected.iter().flatten().any(|way| way == *seen));
    if let Some(strange) = strange {
        return Some(format!("it {what} as {strange:?}, told was {expected:?}"));
    }
    if seen.is_empty() && !expected.is_empty() && expected.iter().all(Option::is_some) {
        return Some(format!("nothing {what}, told was {expected:?}"));
    }
    None
}
