//! Who reaches whom: every pair of endpoints, by classes of those that are alike, and the reasons of those that can't,
//! by the first place and cause.
//!
//! One member walks for its class: the first, and for pairs within a class the first to the second. [`classes`] says
//! what makes endpoints alike.

pub mod classes;
mod identity;
mod leaves;
mod reason;
mod rules;
mod sample;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::packet::{Packet, Transport};
use super::topology::PlaceId;
use super::walk::{End, Outcome, State, Walker, side_by_side};
pub use reason::Reason;
pub use sample::Outcomes;

/// A namespace, and an address by which it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub place: PlaceId,
    pub ip: IpAddr,
}

/// Endpoints that packets can't tell apart; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub members: Vec<Endpoint>,
}

/// What becomes of the packets of a pair, or of their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    Good,
    Lost,
    /// What decides was not seen.
    Undecided,
}

/// Pairs that fail for one reason at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub reach: Reach,
    /// Where the packet, or its answer, ends.
    pub at: PlaceId,
    /// It is the answer that doesn't arrive.
    pub back: bool,
    /// Of the example.
    pub end: End,
    /// Ordered pairs of endpoints.
    pub pairs: u64,
    /// Numbers of classes.
    pub from: BTreeSet<usize>,
    pub to: BTreeSet<usize>,
    pub example: (Endpoint, Endpoint),
}

/// The whole answer.
#[derive(Debug, Default)]
pub struct Matrix {
    pub classes: Vec<Class>,
    /// Ordered pairs of endpoints: all, and those whose packets and answers arrive.
    pub pairs: u64,
    pub good: u64,
    pub lost: u64,
    pub undecided: u64,
    /// How many pairs were walked.
    pub walks: u64,
    /// The largest first.
    pub groups: Vec<Group>,
}

/// What groups are told apart by.
type Key = (Reach, PlaceId, bool, Reason);

/// What one thread has found.
#[derive(Debug, Default)]
struct Part {
    pairs: [u64; 3],
    walks: u64,
    groups: BTreeMap<Key, Group>,
}

/// Walks all pairs of classes with so many threads; the answer doesn't depend on how many.
pub fn matrix(
    walker: &Walker,
    classes: Vec<Class>,
    transport: impl Fn(IpAddr) -> Transport + Sync,
    threads: usize,
) -> Matrix {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut part = Part::default();
        loop {
            let from = next.fetch_add(1, Ordering::Relaxed);
            if from >= classes.len() {
                return part;
            }
            part.row(walker, &classes, from, &transport);
        }
    };
    let parts = side_by_side(threads, work);
    let mut whole = Part::default();
    for part in parts {
        whole.add(part);
    }
    let mut groups: Vec<Group> = whole.groups.into_values().collect();
    groups.sort_by_key(|group| (group.reach, std::cmp::Reverse(group.pairs)));
    let [good, lost, undecided] = whole.pairs;
    Matrix {
        classes,
        pairs: good + lost + undecided,
        good,
        lost,
        undecided,
        walks: whole.walks,
        groups,
    }
}

/// What becomes of a packet from one endpoint to the other, and of what answers it: the worst of all ways, with where
/// it ends, and whether that is on the way back.
pub fn reach(
    walker: &Walker,
    from: Endpoint,
    to: Endpoint,
    transport: Transport,
) -> (Reach, PlaceId, bool, End) {
    let packet = walker.packet(from.place, to.ip, transport);
    // Without an address to choose, there is no route either: what says so comes of the walk.
    let packet = packet.unwrap_or_else(|| Packet::new(from.ip, to.ip, transport));
    let mut worst = (Reach::Good, to.place, false, End::Delivered);
    for there in walker.send(State::new(packet.clone()).quiet(), from.place) {
        if there.end == End::Delivered {
            for back in walker.answers(&there, &packet, from.place) {
                worse(&mut worst, back, true);
            }
        } else {
            worse(&mut worst, there, false);
        }
    }
    worst
}

fn worse(worst: &mut (Reach, PlaceId, bool, End), outcome: Outcome, back: bool) {
    let reach = match outcome.end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => Reach::Good,
        End::NotDecidable(_) => Reach::Undecided,
        _ => Reach::Lost,
    };
    let rank = |reach| match reach {
        Reach::Good => 0,
        Reach::Undecided => 1,
        Reach::Lost => 2,
    };
    if rank(reach) > rank(worst.0) {
        *worst = (reach, outcome.place, back, outcome.end);
    }
}

impl Part {
    /// All pairs whose packets one class sends.
    fn row(
        &mut self,
        walker: &Walker,
        classes: &[Class],
        from: usize,
        transport: &impl Fn(IpAddr) -> Transport,
    ) {
        let Some(senders) = classes.get(from) else { return };
        for (to, receivers) in classes.iter().enumerate() {
            // Nobody sends to himself.
            let number = usize::from(from == to);
            let (Some(sender), Some(receiver)) = (senders.members.first(), receivers.members.get(number))
            else {
                continue;
            };
            let pairs = senders.members.len() as u64 * (receivers.members.len() - number) as u64;
            let (reach, at, back, end) = reach(walker, *sender, *receiver, transport(receiver.ip));
            self.walks += 1;
            self.pairs[reach as usize] += pairs;
            if reach == Reach::Good {
                continue;
            }
            let key = (reach, at, back, Reason::of(&end));
            let group = self.groups.entry(key).or_insert_with(|| Group {
                reach,
                at,
                back,
                end,
                pairs: 0,
                from: BTreeSet::new(),
                to: BTreeSet::new(),
                example: (*sender, *receiver),
            });
            group.pairs += pairs;
            group.from.insert(from);
            group.to.insert(to);
        }
    }

    fn add(&mut self, other: Self) {
        for (mine, others) in self.pairs.iter_mut().zip(other.pairs) {
            *mine += others;
        }
        self.walks += other.walks;
        for (key, group) in other.groups {
            match self.groups.get_mut(&key) {
                None => {
                    self.groups.insert(key, group);
                }
                Some(mine) => {
                    mine.pairs += group.pairs;
                    mine.from.extend(group.from);
                    mine.to.extend(group.to);
                    // The same one whichever thread was first.
                    if group.example < mine.example {
                        mine.example = group.example;
                        mine.end = group.end;
                    }
                }
            }
        }
    }
}
