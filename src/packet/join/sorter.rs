//! Sorting more than fits into memory: sorted runs in a file without a name, which are merged as they are asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of a file that are written at once.
const WRITTEN: usize = 64 << 10;
/// Bytes of memory for all runs that are merged, and for each of them at least.
const MERGED: usize = 4 << 20;
const LEAST: usize = 4 << 10;

/// What is sorted.
pub(super) trait Entry: Copy + Ord {
    /// Bytes in a file.
    const LEN: usize;

    fn write(&self, bytes: &mut Vec<u8>);

    fn read(bytes: &[u8]) -> Self;
}

/// Takes entries in any order.
#[derive(Debug)]
pub(super) struct Sorter<T> {
    /// Not in the file; sorted once all were taken.
    entries: Vec<T>,
    /// Entries of a run: as many are held in memory.
    most: usize,
    /// Runs, one behind the other; all but the last have [`Self::most`] entries.
    file: Option<File>,
    /// Entries in the file.
    written: usize,
}

impl<T: Entry> Sorter<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            entries: Vec::new(),
            most,
            file: None,
            written: 0,
        }
    }

    pub(super) const fn most(&self) -> usize {
        self.most
    }

    pub(super) const fn len(&self) -> usize {
        self.written + self.entries.len()
    }

    pub(super) fn push(&mut self, entry: T) -> io::Result<()> {
        if self.entries.len() >= self.most {
            self.write_run()?;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// All were taken: of what doesn't fit, nothing stays in memory.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.entries.sort_unstable();
            return Ok(());
        }
        self.write_run()?;
        self.entries = Vec::new();
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.entries.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless(&std::env::temp_dir())?),
        };
        let mut bytes = Vec::with_capacity(WRITTEN);
        for some in self.entries.chunks(WRITTEN / T::LEN) {
            bytes.clear();
            for entry in some {
                entry.write(&mut bytes);
            }
            file.write_all(&bytes)?;
        }
        self.written += self.entries.len();
        self.entries.clear();
        Ok(())
    }

    /// The entries in order, once all were taken.
    pub(super) fn sorted(&self) -> io::Result<Sorted<'_, T>> {
        let count = self.written.div_ceil(self.most);
        let ahead = (MERGED / count.max(1)).max(LEAST) / T::LEN;
        let mut runs = Vec::with_capacity(count);
        let mut first = BinaryHeap::with_capacity(count);
        if let Some(file) = &self.file {
            for number in 0..count {
                let start = number * self.most;
                let mut run = Run {
                    file,
                    next: start,
                    end: self.written.min(start + self.most),
                    ahead,
                    bytes: Vec::new(),
                    at: 0,
                };
                if let Some(entry) = run.next()? {
                    first.push(Reverse((entry, number)));
                }
                runs.push(run);
            }
        }
        Ok(Sorted {
            memory: self.entries.iter(),
            runs,
            first,
        })
    }
}

/// Entries in order.
pub(super) struct Sorted<'a, T> {
    /// All of them, if there are no runs.
    memory: std::slice::Iter<'a, T>,
    runs: Vec<Run<'a>>,
    /// The next one of each run, with the run's number.
    first: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Entry> Sorted<'_, T> {
    pub(super) fn next(&mut self) -> io::Result<Option<T>> {
        let Some(mut first) = self.first.peek_mut() else {
            return Ok(self.memory.next().copied());
        };
        let Reverse((entry, number)) = *first;
        match self.runs.get_mut(number).map_or(Ok(None), Run::next)? {
            Some(next) => *first = Reverse((next, number)),
            None => drop(PeekMut::pop(first)),
        }
        Ok(Some(entry))
    }
}

/// A run that is read.
struct Run<'a> {
    file: &'a File,
    /// Entry of the file that is read next.
    next: usize,
    end: usize,
    /// Entries that are read at once.
    ahead: usize,
    bytes: Vec<u8>,
    at: usize,
}

impl Run<'_> {
    fn next<T: Entry>(&mut self) -> io::Result<Option<T>> {
        if self.at >= self.bytes.len() {
            let count = self.ahead.min(self.end - self.next);
            self.bytes.resize(count * T::LEN, 0);
            self.file
                .read_exact_at(&mut self.bytes, (self.next * T::LEN) as u64)?;
            self.next += count;
            self.at = 0;
        }
        let entry = self.bytes.get(self.at..self.at + T::LEN).map(T::read);
        self.at += T::LEN;
        Ok(entry)
    }
}

/// A file that goes when it is closed, however that comes.
fn nameless(directory: &Path) -> io::Result<File> {
    let mut number = 0;
    loop {
        let path = directory.join(format!("netdiag-{}-{number}", std::process::id()));
        let mut options = OpenOptions::new();
        let made = options.read(true).write(true).create_new(true).mode(0o600);
        match made.open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for u64 {
        const LEN: usize = 8;

        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_be_bytes());
        }

        fn read(bytes: &[u8]) -> Self {
            crate::packet::bytes::be64(bytes, 0)
        }
    }

    #[test]
    fn runs_are_merged_and_memory_holds_one() {
        for count in [0, 1, 7, 8, 9, 16, 5000] {
            let mut sorter = Sorter::new(8);
            let mut expected: Vec<u64> = (0..count).map(|number: u64| number * 7919 % 601).collect();
            for number in &expected {
                sorter.push(*number).unwrap();
                assert!(sorter.entries.capacity() <= 8);
            }
            sorter.finish().unwrap();
            assert_eq!(sorter.file.is_some(), count > 8);
            assert_eq!(sorter.len() as u64, count);
            expected.sort_unstable();
            for _ in 0..2 {
                let mut sorted = sorter.sorted().unwrap();
                let found: Vec<u64> = std::iter::from_fn(|| sorted.next().unwrap()).collect();
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_file_needs_a_directory() {
        assert!(nameless(Path::new("/proc/none")).is_err());
    }
}
