//! A table of flows that costs no more than their own bytes and an index of at most 16 bytes each: rows never move, and
//! nothing is copied when it grows.

use super::key::{Packed, Short, Whole};

/// Rows that get memory together.
const ROWS: usize = 4096;
/// No row.
const EMPTY: u32 = u32::MAX;
/// Bits of an entry of the index that number a row; the others are of its key's hash, so that rows of other keys are not
/// looked at.
const ROW_BITS: u32 = 19;
const ROW: u32 = (1 << ROW_BITS) - 1;
/// Rows that have numbers.
const MOST_ROWS: usize = ROW as usize;
const _: () = assert!(
    super::MOST_FLOWS * 2 < MOST_ROWS,
    "parts may have some flows too many"
);

/// What is kept of a flow, with its key.
pub(super) trait Row {
    fn key(&self) -> &Short;
}

/// Flows by their keys.
#[derive(Debug)]
pub(super) struct Table<R> {
    rows: Vec<Vec<R>>,
    /// Addresses of IPv6.
    whole: Vec<Whole>,
    /// Rows by the hash of the key; at most half are used.
    index: Vec<u32>,
    count: usize,
    /// Rows at most.
    most: usize,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            whole: Vec::new(),
            index: Vec::new(),
            count: 0,
            most: super::MOST_FLOWS,
        }
    }
}

impl<R: Row> Table<R> {
    /// Of flows that may turn out to be too many.
    pub(super) fn without_limit() -> Self {
        Self {
            most: MOST_ROWS,
            ..Self::default()
        }
    }

    /// Of as many flows as are told apart, from now on.
    pub(super) fn with_limit(self) -> Self {
        Self {
            most: super::MOST_FLOWS,
            ..self
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// What the index has first for a key: to be asked for many keys before their rows, so that the processor waits for
    /// many at once.
    #[inline]
    pub(super) fn hint(&self, key: &Packed) -> Hint {
        let hash = Hash::of(key);
        let entry = self.index.get(hash.place(self.index.len().wrapping_sub(1)));
        Hint {
            hash,
            entry: entry.copied().unwrap_or(EMPTY),
        }
    }

    /// The flow's row, if that is where the hint says, as it nearly always is: also to be asked for many keys first.
    #[inline]
    pub(super) fn likely_row(&self, hint: Hint, key: &Packed) -> Option<u32> {
        self.row_of(hint.entry, hint.hash, key)
    }

    /// The flow's row; a new one, made by `new`, unless there are too many already.
    pub(super) fn row(&mut self, hint: Hint, key: &Packed, new: impl FnOnce(Short) -> R) -> Option<u32> {
        if self.count * 2 >= self.index.len() {
            self.grow();
        }
        let at = match self.find(hint.hash, key) {
            Ok(row) => return Some(row),
            Err(at) => at,
        };
        if self.count >= self.most {
            return None;
        }
        let row = u32::try_from(self.count).ok()?;
        if self.count.is_multiple_of(ROWS) {
            self.rows.push(Vec::with_capacity(ROWS));
        }
        let whole = u32::try_from(self.whole.len()).ok()?;
        self.whole.extend(key.whole());
        self.rows.last_mut()?.push(new(Short::new(key, whole)));
        *self.index.get_mut(at)? = hint.hash.tag() | row;
        self.count += 1;
        Some(row)
    }

    /// The same flows, with something else kept of each.
    pub(super) fn map<S>(self, mut other: impl FnMut(R) -> S) -> Table<S> {
        let mut rows = |rows: Vec<R>| {
            let mut others = Vec::with_capacity(ROWS);
            others.extend(rows.into_iter().map(&mut other));
            others
        };
        Table {
            rows: self.rows.into_iter().map(&mut rows).collect(),
            whole: self.whole,
            index: self.index,
            count: self.count,
            most: self.most,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, row: u32) -> Option<&mut R> {
        let row = row as usize;
        self.rows.get_mut(row / ROWS)?.get_mut(row % ROWS)
    }

    #[inline]
    pub(super) fn get(&self, row: u32) -> Option<&R> {
        let row = row as usize;
        self.rows.get(row / ROWS)?.get(row % ROWS)
    }

    pub(super) fn key(&self, row: &R) -> Packed {
        let key = row.key();
        key.packed(self.whole.get(key.whole as usize))
    }

    /// The row of a key that was added.
    pub(super) fn of(&self, key: &Packed) -> Option<&R> {
        if self.index.is_empty() {
            return None;
        }
        self.get(self.find(Hash::of(key), key).ok()?)
    }

    /// All rows, in the order in which they were made.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> + use<R> {
        0..u32::try_from(self.count).unwrap_or(EMPTY)
    }

    /// The row of a key, or the place in the index that a new one gets.
    fn find(&self, hash: Hash, key: &Packed) -> Result<u32, usize> {
        let mask = self.index.len() - 1;
        let mut at = hash.place(mask);
        loop {
            let entry = self.index.get(at).copied().unwrap_or(EMPTY);
            if entry == EMPTY {
                return Err(at);
            }
            if let Some(row) = self.row_of(entry, hash, key) {
                return Ok(row);
            }
            at = (at + 1) & mask;
        }
    }

    /// The row of an entry of the index, if it is the key's.
    #[inline]
    fn row_of(&self, entry: u32, hash: Hash, key: &Packed) -> Option<u32> {
        let row = entry & ROW;
        if entry & !ROW != hash.tag() {
            return None;
        }
        let short = self.get(row)?.key();
        let same = key
            .whole()
            .is_none_or(|whole| self.whole.get(short.whole as usize) == Some(whole));
        (short.is_like(key) && same).then_some(row)
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.index.len() * 2).max(1024);
        self.index.clear();
        self.index.resize(size, EMPTY);
        let mask = size - 1;
        for (number, row) in (0..).zip(self.rows.iter().flatten()) {
            let hash = Hash::of(&self.key(row));
            let mut at = hash.place(mask);
            while self.index.get(at).is_some_and(|other| *other != EMPTY) {
                at = (at + 1) & mask;
            }
            if let Some(free) = self.index.get_mut(at) {
                *free = hash.tag() | number;
            }
        }
    }
}

/// What [`Table::hint`] found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hint {
    hash: Hash,
    entry: u32,
}

/// The hash of a key.
#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn of(key: &Packed) -> Self {
        Self(key.hash())
    }

    fn place(self, mask: usize) -> usize {
        usize::try_from(self.0).unwrap_or(0) & mask
    }

    /// Of an entry of the index, the bits that no row's number needs.
    fn tag(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(0) & !ROW
    }
}
