//! Outcomes of all pairs, where there are too many to be walked: of each sender and to each receiver some are, and all
//! those of who stands out. A fault of a node shows in most of its pairs; one that only a single pair has may be missed,
//! and so it is said how many were walked.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::super::walk::side_by_side;

/// So many pairs of each sender are walked, and as many of each receiver.
const EACH: usize = 32;

/// Pairs that a thread takes at once.
const CHUNK: usize = 64;

/// From, to.
type Pair = (usize, usize);

/// What is known of all pairs of numbers.
#[derive(Debug)]
pub struct Outcomes<T> {
    walked: HashMap<Pair, T>,
    /// Of senders and receivers that stand out, what most of their pairs come to.
    from: HashMap<usize, T>,
    to: HashMap<usize, T>,
    usual: Option<T>,
}

impl<T: Copy + Ord + Send + Sync> Outcomes<T> {
    /// Asks of the pairs of so many numbers; of all, where these are no more than `room`, and of `room` more than the
    /// sample else. None: there is no such pair.
    pub fn new(number: usize, room: usize, ask: impl Fn(usize, usize) -> Option<T> + Sync) -> Self {
        if number * number <= room || number <= 2 * EACH {
            let all = (0..number).flat_map(|from| (0..number).map(move |to| (from, to)));
            return Self {
                walked: walked(&all.collect::<Vec<_>>(), &ask).into_iter().collect(),
                from: HashMap::new(),
                to: HashMap::new(),
                usual: None,
            };
        }
        // Uneven steps: who is alike often comes in even ones.
        let step = number / EACH;
        let others = (0..EACH).map(|at| 1 + at * step + at * at % step);
        let offsets: Vec<usize> = std::iter::once(0).chain(others).collect();
        let sample =
            (0..number).flat_map(|from| offsets.iter().map(move |offset| (from, (from + offset) % number)));
        let walked_first = walked(&sample.collect::<Vec<_>>(), &ask);
        // What stays on one node says nothing of others.
        let between = || walked_first.iter().filter(|((from, to), _)| from != to);
        let usual = most(between().map(|(_, outcome)| *outcome));
        let mut known = Self {
            walked: walked_first.iter().copied().collect(),
            from: standing_out(between().map(|((from, _), outcome)| (*from, *outcome)), usual),
            to: standing_out(between().map(|((_, to), outcome)| (*to, *outcome)), usual),
            usual,
        };
        let strange: Vec<Pair> = between()
            .filter(|((from, to), outcome)| {
                Some(*outcome) != usual && !known.from.contains_key(from) && !known.to.contains_key(to)
            })
            .map(|(pair, _)| *pair)
            .collect();
        let senders = known
            .from
            .keys()
            .copied()
            .chain(strange.iter().map(|(from, _)| *from));
        let rows = senders.flat_map(|from| (0..number).map(move |to| (from, to)));
        let receivers = known.to.keys().copied().chain(strange.iter().map(|(_, to)| *to));
        let columns = receivers.flat_map(|to| (0..number).map(move |from| (from, to)));
        let mut more: Vec<Pair> = rows
            .chain(columns)
            .filter(|pair| !known.walked.contains_key(pair))
            .collect();
        more.sort_unstable();
        more.dedup();
        more.truncate(room);
        known.walked.extend(walked(&more, &ask));
        known
    }

    /// What a pair comes to, walked or not.
    pub fn of(&self, from: usize, to: usize) -> Option<T> {
        let told = self.walked.get(&(from, to)).or_else(|| self.from.get(&from));
        told.or_else(|| self.to.get(&to)).copied().or(self.usual)
    }

    /// Whether a pair was walked.
    pub fn is_walked(&self, from: usize, to: usize) -> bool {
        self.walked.contains_key(&(from, to))
    }

    /// How many pairs were walked.
    pub fn walks(&self) -> usize {
        self.walked.len()
    }
}

/// Asks of pairs by all threads.
fn walked<T: Send>(pairs: &[Pair], ask: &(impl Fn(usize, usize) -> Option<T> + Sync)) -> Vec<(Pair, T)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = pairs.get(start..).filter(|rest| !rest.is_empty()) else {
                return found;
            };
            let chunk = rest.iter().take(CHUNK);
            found.extend(chunk.filter_map(|(from, to)| Some(((*from, *to), ask(*from, *to)?))));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    side_by_side(threads, work).into_iter().flatten().collect()
}

/// What most come to; of those that are as many, the first by order.
fn most<T: Copy + Ord>(outcomes: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(outcome, _)| outcome)
}

/// Numbers most of whose pairs come to something else than is usual.
fn standing_out<T: Copy + Ord>(
    pairs: impl Iterator<Item = (usize, T)>,
    usual: Option<T>,
) -> HashMap<usize, T> {
    let mut by: HashMap<usize, Vec<T>> = HashMap::new();
    for (number, outcome) in pairs {
        by.entry(number).or_default().push(outcome);
    }
    by.into_iter()
        .filter_map(|(number, outcomes)| {
            let most = most(outcomes.iter().copied())?;
            let count = outcomes.iter().filter(|outcome| **outcome == most).count();
            (Some(most) != usual && 2 * count > outcomes.len()).then_some((number, most))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with all pairs asked; gives how many were walked.
    fn agrees(number: usize, room: usize, is_good: impl Fn(usize, usize) -> bool + Sync) -> usize {
        let known = Outcomes::new(number, room, |from, to| Some(is_good(from, to)));
        for from in 0..number {
            for to in 0..number {
                assert_eq!(known.of(from, to), Some(is_good(from, to)), "{from} → {to}");
            }
        }
        known.walks()
    }

    #[test]
    fn few_are_all_walked() {
        assert_eq!(agrees(20, 10, |from, to| (from * 7 + to).is_multiple_of(3)), 400);
        assert_eq!(
            agrees(100, 10_000, |from, to| (from * 7 + to).is_multiple_of(3)),
            10_000
        );
    }

    #[test]
    fn of_many_those_of_who_stands_out_are_walked_too() {
        assert_eq!(agrees(500, 10_000, |_, _| true), 500 * (EACH + 1));
        // One neither sends nor receives, one does not send to half of the others; on a node, all is well.
        let is_good = |from: usize, to: usize| {
            from == to || (from != 17 && to != 17 && to != 321 && (from != 100 || to.is_multiple_of(5)))
        };
        let walks = agrees(500, 10_000, is_good);
        assert!(walks < 500 * (EACH + 1) + 2_000, "{walks}");
    }

    #[test]
    fn with_too_many_to_be_walked_each_comes_to_what_most_of_its_pairs_do() {
        agrees(500, 100, |from, to| !from.is_multiple_of(10) && to % 10 != 1);
    }
}
