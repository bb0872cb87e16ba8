//! How far a stream was read, and no further than allowed.

use std::cell::Cell;
use std::io::{self, Read};

/// Counts what passes through. One byte beyond the limit is an error.
pub(super) struct Meter<'a, R> {
    inner: R,
    passed: &'a Cell<u64>,
    limit: u64,
}

impl<'a, R> Meter<'a, R> {
    pub(super) fn new(inner: R, passed: &'a Cell<u64>, limit: u64) -> Self {
        Self { inner, passed, limit }
    }
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.inner.read(buffer)?;
        self.passed.set(self.passed.get().saturating_add(number as u64));
        if self.passed.get() > self.limit {
            return Err(io::Error::other("larger than allowed"));
        }
        Ok(number)
    }
}
