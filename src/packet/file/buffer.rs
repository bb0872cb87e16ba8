//! One buffer for all of a file: filled by large reads, lent to whoever wants the next bytes.

use std::io::{self, ErrorKind, Read};

/// Bytes asked for at a time: the buffer stays in the processor's cache.
const SIZE: usize = 256 << 10;

/// A buffered input.
pub(super) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Of `start`, from the beginning of the input.
    offset: u64,
    at_end: bool,
    /// What isn't there yet isn't read: [`ErrorKind::WouldBlock`] instead, with nothing taken.
    pub(super) held: bool,
}

impl Buffer {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            bytes: vec![0; SIZE],
            start: 0,
            end: 0,
            offset: 0,
            at_end: false,
            held: false,
        }
    }

    /// Gives all bytes away, those that were taken and those that were not, and goes on with a copy of the latter in
    /// `bytes`, whose content doesn't matter.
    pub(super) fn exchange(&mut self, bytes: &mut Vec<u8>) {
        let rest = self.rest();
        let length = rest.len();
        if bytes.len() < SIZE.max(length) {
            bytes.resize(SIZE.max(length), 0);
        }
        if let Some(start) = bytes.get_mut(..length) {
            start.copy_from_slice(rest);
        }
        std::mem::swap(&mut self.bytes, bytes);
        (self.start, self.end) = (0, length);
    }

    /// The input, with what was read and not taken in front.
    pub(super) fn into_source(mut self) -> Box<dyn Read + Send> {
        self.bytes.truncate(self.end);
        self.bytes.drain(..self.start);
        Box::new(io::Cursor::new(self.bytes).chain(self.source))
    }

    /// Where the next byte is in the input.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Up to `length` next bytes; fewer only at the end of the input.
    #[inline]
    pub(super) fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.end - self.start < length && !self.at_end {
            self.fill(length)?;
        }
        let end = self.end.min(self.start.saturating_add(length));
        Ok(self.bytes.get(self.start..end).unwrap_or(&[]))
    }

    #[cold]
    fn fill(&mut self, length: usize) -> io::Result<()> {
        if self.held {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < length {
            self.bytes.resize(length.next_power_of_two(), 0);
        }
        while self.end < length {
            let free = self.bytes.get_mut(self.end..).unwrap_or(&mut []);
            match self.source.read(free) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Passes over bytes that were seen.
    #[inline]
    pub(super) fn skip(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset = self.offset.saturating_add(length as u64);
    }

    /// Passes over bytes, seen or not; false when there are fewer.
    pub(super) fn skip_far(&mut self, mut length: u64) -> io::Result<bool> {
        if self.held && !self.at_end && length > (self.end - self.start) as u64 {
            return Err(ErrorKind::WouldBlock.into());
        }
        while length > 0 {
            let step = usize::try_from(length).unwrap_or(SIZE).min(SIZE);
            let had = self.peek(step)?.len();
            if had == 0 {
                return Ok(false);
            }
            self.skip(had);
            length -= had as u64;
        }
        Ok(true)
    }

    /// Takes bytes that were seen by `peek`; where they begin in the buffer.
    #[inline]
    pub(super) fn take(&mut self, length: usize) -> usize {
        let from = self.start;
        self.skip(length);
        from
    }

    /// Where the next byte is in the buffer.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// The next bytes, as far as they were read already.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or(&[])
    }

    /// Goes on where the source is now: at an offset from the beginning of the input.
    pub(super) fn restart(&mut self, offset: u64) {
        (self.start, self.end) = (0, 0);
        (self.offset, self.at_end) = (offset, false);
    }

    /// The bytes, taken or not; what was taken stays where it is until more is read.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
