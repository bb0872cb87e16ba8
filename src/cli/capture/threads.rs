//! A file that several threads decode: whoever is free takes the next block of packets, and what is made of the blocks is
//! taken in their order.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::Error;
use crate::packet::file::{self, Block, Reader};

/// Blocks on their way, for each thread: one that is worked on, and some that wait for their turn.
const WAITING: usize = 4;

/// Where blocks come from, in order.
struct Source<'a, T> {
    reader: &'a mut Reader,
    /// Number of the next block.
    next: u64,
    ended: bool,
    /// What was used, to be used again. Whoever has none waits, so that nobody runs ahead without end.
    empty: Receiver<(Block, T)>,
}

/// Why it ended before the file did.
pub(super) enum Failure {
    /// The file can't be read on. All packets before were taken.
    Read(file::Error),
    /// What was made could not be taken.
    Taken(Error),
}

/// Lets each worker make something of blocks, side by side, and takes it in the order of the file.
pub(super) fn in_order<T: Default + Send>(
    reader: &mut Reader,
    workers: Vec<impl FnMut(&Block, &mut T) + Send>,
    mut take: impl FnMut(&Block, &mut T) -> Result<(), Error>,
) -> Result<(), Failure> {
    let (give_back, empty) = channel();
    for _ in 0..workers.len() * WAITING {
        // Its other end is here.
        let _ = give_back.send((Block::default(), T::default()));
    }
    let source = &Mutex::new(Source {
        reader,
        next: 0,
        ended: false,
        empty,
    });
    let (made, finished) = channel();
    thread::scope(move |scope| {
        for mut work in workers {
            let made = made.clone();
            scope.spawn(move || {
                while let Some((number, mut block, mut thing)) =
                    source.lock().ok().and_then(|mut it| it.next())
                {
                    if let Ok(block) = &mut block {
                        work(block, &mut thing);
                    }
                    if made.send((number, block, thing)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(made);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        for (number, block, thing) in finished {
            waiting.insert(number, (block, thing));
            while let Some((block, mut thing)) = waiting.remove(&turn) {
                turn += 1;
                let block = block.map_err(Failure::Read)?;
                take(&block, &mut thing).map_err(Failure::Taken)?;
                // Nobody may want it any more.
                let _ = give_back.send((block, thing));
            }
        }
        Ok(())
    })
}

/// Lets each worker take blocks, side by side and in no order, until the file ends or a worker says false. Whether it ended:
/// what was taken is all of it up to where it goes on, with no block left out.
pub(super) fn in_any_order(
    reader: &mut Reader,
    workers: impl IntoIterator<Item = impl FnMut(&Block) -> Result<bool, Error> + Send>,
) -> Result<bool, Failure> {
    let reader = &Mutex::new(reader);
    let next = |block: &mut Block| match reader.lock() {
        Ok(mut reader) => reader.next_block(block).map_err(Failure::Read),
        // Whoever panicked ends all.
        Err(_) => Ok(false),
    };
    let next = &next;
    thread::scope(|scope| {
        let threads = workers.into_iter().map(|mut work| {
            scope.spawn(move || {
                let mut block = Block::default();
                while next(&mut block)? {
                    if !work(&block).map_err(Failure::Taken)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
        });
        let threads: Vec<_> = threads.collect();
        let ended = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // All are waited for, also after a failure.
        let ended: Vec<_> = ended.collect();
        ended.into_iter().try_fold(true, |all, one| Ok(all && one?))
    })
}

impl<T> Source<'_, T> {
    /// The next block, or why there is none; nothing after the end.
    fn next(&mut self) -> Option<(u64, Result<Block, file::Error>, T)> {
        if self.ended {
            return None;
        }
        let (mut block, thing) = self.empty.recv().ok()?;
        let number = self.next;
        self.next += 1;
        match self.reader.next_block(&mut block) {
            Ok(true) => Some((number, Ok(block), thing)),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some((number, Err(error), thing))
            }
        }
    }
}
