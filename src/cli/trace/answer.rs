//! The answer to a trace: what arrives, by which ways, and why not.

use std::net::IpAddr;

use super::names::Meant;
use super::{Ways, end_text};
use crate::cli::Outcome;
use crate::diagnose::trace::{Explained, Scene, explain, service};
use crate::diagnose::verdicts::ServiceVerdict;
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{End, Outcome as Walked};
use crate::intent::Cluster;

/// What was asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) from: PlaceId,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// `icmp`, `tcp/80`.
    pub(super) what: String,
    pub(super) to: Meant,
}

/// The walks, sorted for showing.
pub(super) struct Answer<'w, 't, 'a> {
    pub(super) topology: &'t Topology<'a>,
    pub(super) question: Question,
    pub(super) legs: Vec<Leg<'w>>,
    /// Each cause once.
    pub(super) explained: Vec<Explained>,
    pub(super) outcome: Outcome,
    cluster: Option<&'t Cluster>,
}

/// Ways in one direction that end alike.
pub(super) struct Leg<'w> {
    pub(super) back: bool,
    /// The first of them.
    pub(super) walked: &'w Walked,
    /// Millionths of all packets.
    pub(super) share: u64,
    /// How many ways these are.
    pub(super) count: usize,
    /// Which of the answer's explanations is its.
    pub(super) why: Option<usize>,
}

impl Leg<'_> {
    pub(super) const fn direction(&self) -> &'static str {
        if self.back { "back" } else { "there" }
    }

    /// `50 %`; nothing for the whole.
    pub(super) fn percent(&self) -> Option<String> {
        (self.share < 999_900).then(|| match (self.share + 5_000) / 10_000 {
            0 => "<1 %".to_owned(),
            percent => format!("{percent} %"),
        })
    }

    pub(super) const fn is_good(&self) -> bool {
        matches!(
            self.walked.end,
            End::Delivered | End::Answered(_) | End::Heard { .. }
        )
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.walked.end, End::NotDecidable(_))
    }

    /// `dropped at n2: …`
    pub(super) fn ended(&self, topology: &Topology) -> String {
        let (word, why) = end_text(&self.walked.end);
        let at = topology.place(self.walked.place).title();
        let whom = match self.walked.end {
            End::Delivered => format!("{word} at {at} ({})", destination(self.walked)),
            _ => format!("{word} at {at}"),
        };
        if why.is_empty() {
            whom
        } else {
            format!("{whom}: {why}")
        }
    }
}

/// Where the packet is for at its end: `10.244.1.2`, `10.244.1.2:80`.
fn destination(walked: &Walked) -> String {
    let packet = &walked.state.packet;
    match packet.transport.ports() {
        Some((_, dport)) if !packet.is_v6() => format!("{}:{dport}", packet.dst),
        Some((_, dport)) => format!("[{}]:{dport}", packet.dst),
        None => packet.dst.to_string(),
    }
}

impl<'w, 't, 'a> Answer<'w, 't, 'a> {
    pub(super) fn new(scene: Scene<'t, 'a>, question: Question, ways: &'w Ways) -> Self {
        let mut answer = Self {
            topology: scene.topology,
            question,
            legs: Vec::new(),
            explained: Vec::new(),
            outcome: super::verdict(ways),
            cluster: scene.cluster,
        };
        for (there, _) in ways {
            answer.add(scene, there, None);
        }
        for (there, back) in ways {
            for walked in back {
                answer.add(scene, walked, Some(there));
            }
        }
        answer
    }

    /// What a service's objects say stands before what becomes of its packets.
    pub(super) fn of_service(&mut self, verdict: &ServiceVerdict) {
        let Some((explained, better)) = service(self.topology, verdict) else {
            return;
        };
        let before = std::mem::take(&mut self.explained);
        self.explained.push(explained);
        let places: Vec<usize> = before
            .into_iter()
            .map(|old| {
                if better.contains(&old.finding.id) {
                    return 0;
                }
                self.explained.push(old);
                self.explained.len() - 1
            })
            .collect();
        for leg in &mut self.legs {
            leg.why = leg.why.and_then(|why| places.get(why).copied());
        }
    }

    fn add(&mut self, scene: Scene<'t, 'a>, walked: &'w Walked, there: Option<&'w Walked>) {
        let part = there.map_or(1_000_000, |there| u64::from(there.state.share.0));
        let share = u64::from(walked.state.share.0) * part / 1_000_000;
        let back = there.is_some();
        let good = matches!(walked.end, End::Delivered);
        let alike = self.legs.iter_mut().find(|leg| {
            leg.back == back
                && leg.walked.place == walked.place
                && leg.walked.end == walked.end
                && (!good || back || leg.walked.state.packet.dst == walked.state.packet.dst)
        });
        if let Some(leg) = alike {
            leg.share += share;
            leg.count += 1;
            return;
        }
        let why = explain(scene, walked, there).map(|explained| {
            let known = self
                .explained
                .iter()
                .position(|other| other.finding.title == explained.finding.title);
            known.unwrap_or_else(|| {
                self.explained.push(explained);
                self.explained.len() - 1
            })
        });
        self.legs.push(Leg {
            back,
            walked,
            share,
            count: 1,
            why,
        });
    }

    /// `n1/pod1 → n2/pod1 (10.244.2.2), icmp`
    pub(super) fn asked(&self) -> String {
        let Question {
            from, dst, what, to, ..
        } = &self.question;
        let to = match (&to.known_as, to.place) {
            (Some(known), _) => format!("{known} ({dst})"),
            (None, Some(place)) => format!("{} ({dst})", self.topology.place(place).title()),
            (None, None) => dst.to_string(),
        };
        format!("{} → {to}, {what}", self.topology.place(*from).title())
    }

    /// The Node of the datastore that has an address.
    pub(super) fn node_at(&self, ip: IpAddr) -> Option<&str> {
        let node = self.cluster?.nodes_at(ip).next()?;
        Some(&node.name)
    }

    /// In a few words.
    pub(super) fn verdict(&self) -> &'static str {
        let lost = |back: bool| {
            let (bad, all): (Vec<&Leg>, Vec<&Leg>) = self
                .legs
                .iter()
                .filter(|leg| leg.back == back)
                .partition(|leg| !leg.is_good() && !leg.is_open());
            (!bad.is_empty(), !all.is_empty())
        };
        match (lost(false), lost(true), self.outcome) {
            ((true, true), ..) => "some of it does not arrive",
            ((true, false), ..) => "does not arrive",
            (_, (true, true), _) => "arrives, but some answers do not come back",
            (_, (true, false), _) => "arrives, but the answer does not come back",
            (_, _, Outcome::NotDecidable) => "not decidable",
            _ => "arrives, and the answer comes back",
        }
    }
}
