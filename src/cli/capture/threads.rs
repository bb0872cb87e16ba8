//! A file that several threads decode: whoever is free takes the next block of packets, and what is made of the blocks is
//! taken in their order.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::Error;
use crate::packet::file::{self, Block, Reader, Shared};

/// Blocks of each thread: one that it works on, and some that wait for their turn. They stay with it, in the cache of its
/// processor, and nobody runs ahead without end.
const WAITING: usize = 3;

/// A block, and what was made of it.
struct Piece<T> {
    number: u64,
    /// Whose it is; none is the caller's.
    thread: Option<usize>,
    block: Block,
    thing: T,
    failed: Option<file::Error>,
}

/// Why it ended before the file did.
pub(super) enum Failure {
    /// The file can't be read on. All packets before were taken.
    Read(file::Error),
    /// What was made could not be taken.
    Taken(Error),
}

/// Lets each worker make something of blocks, side by side, and takes it in the order of the file. The caller's thread is
/// one of the workers if blocks are `at_hand`; else it does nothing but take, so that nothing waits for what comes later.
pub(super) fn in_order<T: Default + Send>(
    reader: &mut Reader,
    mut workers: Vec<impl FnMut(&Block, &mut T) + Send>,
    at_hand: bool,
    mut take: impl FnMut(&Block, &mut T) -> Result<(), Error>,
) -> Result<(), Failure> {
    let source = &reader.shared();
    let mut own = if at_hand { workers.pop() } else { None };
    let mut empty: Vec<(Block, T)> = own.iter().flat_map(|_| several()).collect();
    let (made, finished) = channel();
    thread::scope(move |scope| {
        let mut others = Vec::new();
        for (thread, work) in workers.into_iter().enumerate() {
            let (give_back, empty) = channel();
            for one in several() {
                // Its other end is here.
                let _ = give_back.send(one);
            }
            others.push(give_back);
            let made = made.clone();
            scope.spawn(move || go_on(source, work, thread, &empty, &made));
        }
        drop(made);
        let mut waiting = BTreeMap::<u64, Piece<T>>::new();
        let mut turn = 0;
        loop {
            while let Some(mut piece) = waiting.remove(&turn) {
                piece.failed.map_or(Ok(()), |error| Err(Failure::Read(error)))?;
                take(&piece.block, &mut piece.thing).map_err(Failure::Taken)?;
                turn += 1;
                match piece.thread.and_then(|thread| others.get(thread)) {
                    // It may want it no more.
                    Some(other) => drop(other.send((piece.block, piece.thing))),
                    None => empty.push((piece.block, piece.thing)),
                }
            }
            let piece = match (finished.try_recv(), &mut own) {
                (Ok(piece), _) => Some(piece),
                (Err(_), Some(work)) => empty.pop().and_then(|one| make(source, work, None, one)),
                (Err(_), None) => None,
            };
            // Nothing is left to make, or nothing to make it in: others are at it.
            let piece = piece.or_else(|| finished.recv().ok());
            let Some(piece) = piece else {
                return Ok(());
            };
            waiting.insert(piece.number, piece);
        }
    })
}

fn several<T: Default>() -> impl Iterator<Item = (Block, T)> {
    (0..WAITING).map(|_| Default::default())
}

/// What a thread does: as long as there are blocks, and what was made of the others is taken.
fn go_on<T>(
    source: &Shared,
    mut work: impl FnMut(&Block, &mut T),
    thread: usize,
    empty: &Receiver<(Block, T)>,
    made: &Sender<Piece<T>>,
) {
    while let Some(piece) = empty
        .recv()
        .ok()
        .and_then(|one| make(source, &mut work, Some(thread), one))
    {
        if made.send(piece).is_err() {
            return;
        }
    }
}

/// Makes something of the next block, if there is one.
fn make<T>(
    source: &Shared,
    work: &mut impl FnMut(&Block, &mut T),
    thread: Option<usize>,
    (mut block, mut thing): (Block, T),
) -> Option<Piece<T>> {
    let (number, read) = source.next_block(&mut block)?;
    let failed = read.err();
    if failed.is_none() {
        work(&block, &mut thing);
    }
    Some(Piece {
        number,
        thread,
        block,
        thing,
        failed,
    })
}

/// Lets each worker take blocks, side by side and in no order, until the file ends or a worker says false. Whether it ended:
/// what was taken is all of it up to where it goes on, with no block left out.
pub(super) fn in_any_order(
    reader: &mut Reader,
    workers: impl IntoIterator<Item = impl FnMut(&Block) -> Result<bool, Error> + Send>,
) -> Result<bool, Failure> {
    let shared = reader.shared();
    let source = &shared;
    let ended = thread::scope(|scope| {
        let threads = workers.into_iter().map(|mut work| {
            scope.spawn(move || {
                let mut block = Block::default();
                while let Some((_, read)) = source.next_block(&mut block) {
                    read.map_err(Failure::Read)?;
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
        ended.collect::<Vec<_>>()
    });
    shared.finish().map_err(Failure::Read)?;
    ended.into_iter().try_fold(true, |all, one| Ok(all && one?))
}
