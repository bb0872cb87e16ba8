//! A table of flows that costs no more than their own bytes and an index of at most 16 bytes each: rows never move, and
//! nothing is copied when it grows.

use super::key::Packed;
use super::state::Flow;

/// Rows that get memory together.
const ROWS: usize = 4096;
/// No row.
const EMPTY: u32 = u32::MAX;

/// Flows by their keys.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<(Packed, Flow)>>,
    /// Numbers of rows, by the hash of the key; at most half are used.
    index: Vec<u32>,
    count: usize,
}

impl Table {
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// The flow's row; a new one, made by `new`, unless there are `most` already.
    pub(super) fn row(&mut self, key: &Packed, most: usize, new: impl FnOnce() -> Flow) -> Option<u32> {
        if self.count * 2 >= self.index.len() {
            self.grow();
        }
        let at = match self.find(key) {
            Ok(row) => return Some(row),
            Err(at) => at,
        };
        if self.count >= most {
            return None;
        }
        let row = u32::try_from(self.count).ok().filter(|row| *row != EMPTY)?;
        if self.count.is_multiple_of(ROWS) {
            self.rows.push(Vec::with_capacity(ROWS));
        }
        self.rows.last_mut()?.push((*key, new()));
        *self.index.get_mut(at)? = row;
        self.count += 1;
        Some(row)
    }

    pub(super) fn flow(&mut self, row: u32) -> Option<&mut Flow> {
        let row = row as usize;
        self.rows
            .get_mut(row / ROWS)?
            .get_mut(row % ROWS)
            .map(|(_, flow)| flow)
    }

    pub(super) fn get(&self, row: u32) -> Option<&(Packed, Flow)> {
        let row = row as usize;
        self.rows.get(row / ROWS)?.get(row % ROWS)
    }

    pub(super) fn of(&self, key: &Packed) -> Option<&Flow> {
        if self.index.is_empty() {
            return None;
        }
        let (_, flow) = self.get(self.find(key).ok()?)?;
        Some(flow)
    }

    /// All rows, in the order in which they were made.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        0..u32::try_from(self.count).unwrap_or(EMPTY)
    }

    /// The row of a key, or the place in the index that a new one gets.
    fn find(&self, key: &Packed) -> Result<u32, usize> {
        let mask = self.index.len() - 1;
        let mut at = place(key, mask);
        loop {
            match self.index.get(at).copied().unwrap_or(EMPTY) {
                EMPTY => return Err(at),
                row if self.get(row).is_some_and(|(other, _)| other == key) => return Ok(row),
                _ => at = (at + 1) & mask,
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.index.len() * 2).max(1024);
        self.index.clear();
        self.index.resize(size, EMPTY);
        let mask = size - 1;
        for (row, (key, _)) in (0..).zip(self.rows.iter().flatten()) {
            let mut at = place(key, mask);
            while self.index.get(at).is_some_and(|other| *other != EMPTY) {
                at = (at + 1) & mask;
            }
            if let Some(free) = self.index.get_mut(at) {
                *free = row;
            }
        }
    }
}

fn place(key: &Packed, mask: usize) -> usize {
    usize::try_from(key.hash()).unwrap_or(0) & mask
}
