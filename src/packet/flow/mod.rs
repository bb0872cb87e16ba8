//! Flows of a capture: who talks with whom inside which tunnel, and what goes wrong.

pub mod complaint;
mod count;
pub mod finding;
pub mod key;
pub mod questions;
mod report;
mod seen;
pub mod state;
mod table;
#[cfg(test)]
mod tests;
mod usual;
mod vtep;

use std::cmp::Reverse;

use super::file::{Packet, Time};
use super::layer::Stack;
use complaint::Complaints;
pub use count::{Counted, Counts};
pub use finding::Finding;
use key::Short;
pub use key::{End, Key, Via};
use questions::Questions;
use seen::Remark;
pub use seen::Seen;
pub use state::{Flow, Way};
use table::{Hint, Table};
pub use vtep::{TunnelLink, Vtep, Vteps};

/// Flows that are told apart; more cost memory without end.
pub const MOST_FLOWS: usize = 200_000;

/// The flows of a capture, while it is read.
#[derive(Debug, Default)]
pub struct Flows {
    table: Table<(Short, Flow)>,
    questions: Questions,
    complaints: Complaints,
    /// Of the packets that are being added.
    hints: Vec<Option<Hint>>,
    rows: Vec<Option<u32>>,
    pub packets: u64,
    pub bytes: u64,
    /// Packets of flows that were too many to be told apart.
    pub untold: u64,
    /// Packets that no flow has: no IP inside.
    pub others: u64,
    pub first: Option<Time>,
    pub last: Option<Time>,
}

impl Flows {
    /// Adds a packet, which is the `number`th of the file.
    pub fn add(&mut self, number: u64, packet: &Packet, stack: &Stack) {
        self.add_all(&mut [Seen::of(number, packet, stack, None)]);
    }

    /// Adds what was seen of the next packets.
    pub fn add_all(&mut self, seen: &mut [Seen]) {
        // First where their flows are, then what that means for them: so the processor waits for many of them at once.
        let mut hints = std::mem::take(&mut self.hints);
        hints.clear();
        let key = |seen: &Seen| seen.key.as_ref().map(|(key, _)| self.table.hint(key));
        hints.extend(seen.iter().map(key));
        let row = |table: &mut Table<_>, seen: &Seen, hint: Option<Hint>| {
            let ((key, back), hint) = (seen.key.as_ref()?, hint?);
            table
                .likely_row(hint, key)
                .or_else(|| table.row(hint, key, |key| (key, Flow::new(seen, *back))))
        };
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let both = seen.iter().zip(&hints);
        rows.extend(both.map(|(seen, hint)| row(&mut self.table, seen, *hint)));
        self.hints = hints;
        for (seen, row) in seen.iter_mut().zip(&rows) {
            self.put(seen, *row);
        }
        self.rows = rows;
    }

    fn put(&mut self, seen: &mut Seen, row: Option<u32>) {
        self.packets += 1;
        self.bytes += u64::from(seen.wire_len);
        self.first = Some(self.first.map_or(seen.time, |first| first.min(seen.time)));
        self.last = Some(self.last.map_or(seen.time, |last| last.max(seen.time)));
        for remark in seen.remarks.drain(..) {
            match remark {
                Remark::Asks { via, sender, target } => self.questions.ask(via, sender, target, seen.time),
                Remark::Has { via, who, link } => {
                    self.questions.answer(who);
                    if let Some(link) = link {
                        self.questions
                            .owner((seen.interface, via, who), link, seen.number);
                    }
                }
                Remark::Wrong(code, text) => self.complaints.add(seen.number, code, text),
            }
        }
        let Some((_, back)) = &seen.key else {
            self.others += 1;
            return;
        };
        match row.and_then(|row| self.table.get_mut(row)) {
            Some((_, flow)) => flow.add(seen, *back),
            None => self.untold += 1,
        }
    }

    /// The flows, those of most bytes first.
    pub fn sorted(&self) -> Sorted<'_> {
        self.largest(usize::MAX)
    }

    /// So many flows at most, those of most bytes first.
    pub fn largest(&self, most: usize) -> Sorted<'_> {
        // What is compared is looked up once a row.
        let mut places: Vec<_> = self.table.rows().filter_map(|row| self.place(row)).collect();
        if most < places.len() {
            places.select_nth_unstable(most);
            places.truncate(most);
        }
        places.sort_unstable();
        Sorted {
            table: &self.table,
            places: places.into_iter(),
        }
    }

    /// Where the flow of a row stands among others.
    fn place(&self, row: u32) -> Option<Place> {
        let (_, flow) = self.table.get(row)?;
        Some((Reverse(flow.bytes()), flow.number, row))
    }

    /// The flow of a key.
    pub fn get(&self, key: &Key) -> Option<&Flow> {
        self.table.of(&key.into()).map(|(_, flow)| flow)
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What flows are sorted by: their bytes, their first packets, their rows.
type Place = (Reverse<u64>, u64, u32);

/// Flows in an order.
#[derive(Debug)]
pub struct Sorted<'a> {
    table: &'a Table<(Short, Flow)>,
    places: std::vec::IntoIter<Place>,
}

impl<'a> Iterator for Sorted<'a> {
    type Item = (Key, &'a Flow);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.table.get(self.places.next()?.2)?;
        Some((self.table.key(row).key(), &row.1))
    }
}
