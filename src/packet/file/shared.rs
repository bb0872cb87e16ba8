//! A file that several threads read at once. Of a classic one on disk, each reads parts of its own, side by side: only where
//! the packets of a part begin is told by the part before. All else is read by one thread at a time.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex};

use super::pcap::Pcap;
use super::{Block, Error, Format, Reader};

/// Bytes of a part: they stay in the cache of the processor that reads them.
const PART: usize = 256 << 10;
/// Bytes read behind a part, for the packet that begins in it and ends there: seldom are there more.
const BEHIND: usize = 2 << 10;

/// A file that is lent to threads: see [`Reader::shared`].
pub struct Shared<'a> {
    /// Read at any place; none for a file of which no parts can be read.
    file: Option<File>,
    /// Bytes of a part.
    part: usize,
    state: Mutex<State<'a>>,
    turn: Condvar,
}

struct State<'a> {
    reader: &'a mut Reader,
    /// None when parts are read no more.
    parts: Option<Parts>,
    /// Blocks so far.
    blocks: u64,
    ended: bool,
}

/// How far a file was read in parts, from its beginning.
struct Parts {
    format: Pcap,
    /// Where the next part begins that nobody reads yet.
    next: u64,
    /// Where the part begins whose packets are told next.
    turn: u64,
    /// Where the first of these packets begins.
    at: u64,
}

impl Reader {
    /// Lends what is left of the file to threads that take blocks of it. [`Shared::finish`] makes the reader go on where
    /// they ended.
    pub fn shared(&mut self) -> Shared<'_> {
        self.shared_by(PART)
    }

    /// In parts of so many bytes.
    pub(super) fn shared_by(&mut self, part: usize) -> Shared<'_> {
        let file = self.file.as_ref().and_then(|file| file.try_clone().ok());
        let at = self.buffer.offset();
        let parts = match self.format {
            Format::Pcap(format) if file.is_some() => Some(Parts {
                format,
                next: at,
                turn: at,
                at,
            }),
            _ => None,
        };
        Shared {
            file,
            part,
            state: Mutex::new(State {
                reader: self,
                parts,
                blocks: 0,
                ended: false,
            }),
            turn: Condvar::new(),
        }
    }

    /// Goes on at a place of the file.
    fn resume(&mut self, at: u64) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(at))?;
            self.buffer.restart(at);
        }
        Ok(())
    }
}

impl Shared<'_> {
    /// Packets that nobody has yet, with the number of their block in the order of the file, from 0, or why they can't be
    /// read. None at the end, and after an error.
    pub fn next_block(&self, block: &mut Block) -> Option<(u64, Result<(), Error>)> {
        // Whoever panicked ends all.
        let mut state = self.state.lock().ok()?;
        while let (Some(file), Some(parts)) = (&self.file, &mut state.parts) {
            let offset = parts.next;
            parts.next += self.part as u64;
            drop(state);
            block.bytes.resize(self.part + BEHIND, 0);
            let had = read_at(file, &mut block.bytes, offset);
            let other = |state: &mut State| state.parts.as_ref().is_some_and(|parts| parts.turn != offset);
            state = self.turn.wait_while(self.state.lock().ok()?, other).ok()?;
            let told = state.tell(file, offset, self.part, had, block);
            self.turn.notify_all();
            if told.is_err() || !block.is_empty() {
                return Some(state.numbered(told));
            }
        }
        state.next_block(block)
    }

    /// The reader goes on behind all blocks that were taken.
    pub fn finish(self) -> Result<(), Error> {
        match self.state.into_inner() {
            Ok(State {
                reader,
                parts: Some(parts),
                ..
            }) => Ok(reader.resume(parts.at)?),
            _ => Ok(()),
        }
    }
}

impl Parts {
    /// Reads the rest of a record that isn't there as a whole; false if it can't be.
    fn complete(&self, file: &File, offset: u64, at: usize, had: &mut usize, bytes: &mut Vec<u8>) -> bool {
        let rest = bytes.get(at..*had).unwrap_or(&[]);
        let Some(end) = self.format.record_len(rest).map(|length| at + length) else {
            return false;
        };
        bytes.resize(end.max(bytes.len()), 0);
        let missing = bytes.get_mut(*had..end).unwrap_or(&mut []);
        *had += read_at(file, missing, offset + *had as u64);
        *had >= end
    }
}

impl State<'_> {
    /// Tells the packets that begin in a part, of which a block has the first bytes.
    fn tell(
        &mut self,
        file: &File,
        offset: u64,
        part: usize,
        mut had: usize,
        block: &mut Block,
    ) -> Result<(), Error> {
        block.begin(self.reader);
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        parts.turn += part as u64;
        // A packet may be longer than parts are.
        let start = usize::try_from(parts.at - offset).unwrap_or(usize::MAX);
        let (mut at, mut whole) = (start, true);
        while at < part && whole {
            let bytes = block.bytes.get(..had).unwrap_or(&[]);
            let passed = parts.format.pass(bytes, at, part);
            at = passed.0;
            self.reader.taken += passed.1;
            if at < part {
                whole = parts.complete(file, offset, at, &mut had, &mut block.bytes);
            }
        }
        block.set_run(parts.format, start..at);
        parts.at = parts.at.max(offset + at as u64);
        if !whole {
            // The end, be it a damaged one: the reader meets it, and says what there is to say.
            let at = parts.at;
            self.parts = None;
            self.reader.resume(at)?;
        }
        Ok(())
    }

    fn next_block(&mut self, block: &mut Block) -> Option<(u64, Result<(), Error>)> {
        if self.ended {
            return None;
        }
        match self.reader.next_block(block) {
            Ok(true) => Some(self.numbered(Ok(()))),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(error) => Some(self.numbered(Err(error))),
        }
    }

    fn numbered(&mut self, read: Result<(), Error>) -> (u64, Result<(), Error>) {
        self.ended |= read.is_err();
        let number = self.blocks;
        self.blocks += 1;
        (number, read)
    }
}

/// Fills bytes from a place of a file; how many there were. Whoever needs more meets the error.
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> usize {
    let mut had = 0;
    while let Some(free) = bytes.get_mut(had..).filter(|free| !free.is_empty()) {
        match file.read_at(free, offset + had as u64) {
            Ok(0) => break,
            Ok(count) => had += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    had
}
