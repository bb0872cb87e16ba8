//! What netdiag says of a packet against what was heard of it.

use std::fmt::Write as _;
use std::net::IpAddr;

use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::PlaceId;
use netdiag::forward::walk::{Cause, End, Outcome, RefusedBy, Refuses, State, Walker};

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
            None => walker.packet_of(probe.owner(), from, probe.dst, transport)?,
        };
        let packet = Packet {
            tos: probe.tos,
            ttl: probe.ttl,
            size: probe.size,
            df: probe.df,
            mark: probe.mark,
            owner: probe.owner(),
            ..packet
        };
        Some(Self {
            walks: walker.both_ways(&State::new(packet).counting(), from),
            space_of: space_of.to_vec(),
        })
    }

    pub(crate) fn space(&self, outcome: &Outcome) -> Option<usize> {
        self.space_of.get(outcome.place.0).copied().flatten()
    }

    /// Where and how the packet is taken in by a host, even when nobody there wants it.
    fn arrival(&self, outcome: &Outcome) -> Option<Seen> {
        let refused = matches!(
            &outcome.end,
            End::Rejected(Cause::PortClosed { .. }) | End::Dropped(Cause::AddressShared { .. })
        );
        if outcome.end != End::Delivered && !refused {
            return None;
        }
        let packet = &outcome.state.packet;
        Some((self.space(outcome)?, packet.src, packet.dst, packet.transport))
    }

    pub(crate) fn open(&self) -> Option<String> {
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
        let why = differ("is answered", &backs, &answers).or_else(|| self.unexplained(heard));
        why.map_or(Judgement::Right, Judgement::Wrong)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Outcome> {
        let ways = self.walks.iter();
        ways.flat_map(|(there, back)| std::iter::once(there).chain(back))
    }

    /// An ICMP error or a reset that nothing told of.
    fn unexplained(&self, heard: &[Heard]) -> Option<String> {
        // Where an answer comes when its socket is closed, or that never asked, it is refused.
        let mut backs = self.walks.iter().flat_map(|(_, back)| back);
        let answered = backs.any(|back| {
            let elsewhere = matches!(back.end, End::Dropped(Cause::AddressShared { .. }));
            back.end == End::Delivered || elsewhere
        });
        let told = |kind: u8, code: u8| {
            let port = [(3, 3), (1, 4)].contains(&(kind, code));
            (port && answered) || self.all().any(|outcome| errors(outcome).contains(&(kind, code)))
        };
        let reset = || {
            answered
                || self.all().any(|outcome| match &outcome.end {
                    End::Rejected(Cause::PortClosed { proto, .. }) => *proto == "tcp",
                    End::Rejected(Cause::Rule { answer, .. }) => answer.as_deref() == Some("TCP reset"),
                    _ => false,
                })
        };
        heard.iter().find_map(|heard| match heard.what {
            What::Error(kind, code) if !told(kind, code) => {
                Some(format!("ICMP {kind}/{code} was heard, which nobody told of"))
            }
            What::Reset if !reset() => Some("a reset was heard, which nobody told of".to_owned()),
            _ => None,
        })
    }

    /// Whether the sender is told to hear an error, and whether it did.
    pub(crate) fn refused(&self, heard: &[Heard]) -> Option<bool> {
        let [(there, _)] = self.walks.as_slice() else {
            return None;
        };
        let expected = errors(there);
        let slow = matches!(&there.end, End::Rejected(Cause::NoAnswer { .. }));
        if expected.is_empty() || slow || there.state.packet.inner.is_some() {
            return None;
        }
        Some(heard.iter().any(|heard| match heard.what {
            What::Error(kind, code) => expected.contains(&(kind, code)),
            _ => false,
        }))
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

/// Types and codes of the ICMP errors that an end makes (`icmp.c`, `route.c`, `ip6_forward`).
pub(crate) fn errors(outcome: &Outcome) -> Vec<(u8, u8)> {
    let (End::Rejected(cause) | End::Dropped(cause)) = &outcome.end else {
        return Vec::new();
    };
    let v6 = outcome.state.packet.is_v6();
    let of = |v4: (u8, u8), of_v6: (u8, u8)| vec![if v6 { of_v6 } else { v4 }];
    match cause {
        // What goes round in circles ends where its time to live does.
        Cause::TtlOver | Cause::Loop { .. } => of((11, 0), (3, 0)),
        Cause::TooBig { .. } => of((3, 4), (2, 0)),
        // The error of a host that doesn't forward is of IPv4 only.
        Cause::ForwardingOff { .. } => of((3, 1), (1, 0)),
        Cause::NoRoute { .. }
        | Cause::NotForUs { .. }
        | Cause::RouteRefuses {
            how: Refuses::Unreachable,
            by: RefusedBy::Rule { .. },
            ..
        } => of((3, 0), (1, 0)),
        Cause::RouteRefuses { how, .. } => match how {
            Refuses::Blackhole => Vec::new(),
            Refuses::Unreachable => of((3, 1), (1, 0)),
            Refuses::Prohibit => of((3, 13), (1, 1)),
        },
        Cause::PortClosed { proto, .. } if *proto == "udp" => of((3, 3), (1, 4)),
        Cause::NoAnswer { .. } => of((3, 1), (1, 3)),
        Cause::Rule {
            answer: Some(answer), ..
        } => {
            let word = answer.trim_start_matches("ICMP ").trim_start_matches("icmp6-");
            let codes: &[(&str, u8)] = if v6 {
                &[
                    ("no-route", 0),
                    ("host-unreachable", 3),
                    ("policy-fail", 5),
                    ("reject-route", 6),
                    ("adm-prohibited", 1),
                    ("admin-prohibited", 1),
                    ("addr-unreachable", 3),
                    ("port", 4),
                ]
            } else {
                &[
                    ("net-unreachable", 0),
                    ("no-route", 0),
                    ("host-unreachable", 1),
                    // nft says prot.
                    ("prot", 2),
                    ("port", 3),
                    ("net-prohibited", 9),
                    ("host-prohibited", 10),
                    ("admin-prohibited", 13),
                ]
            };
            let found = codes.iter().find(|(name, _)| word.starts_with(name));
            let kind = if v6 { 1 } else { 3 };
            found.map(|(_, code)| vec![(kind, *code)]).unwrap_or_default()
        }
        Cause::Other(why) if why.contains("not forwarded") => of((3, 1), (1, 2)),
        _ => Vec::new(),
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
