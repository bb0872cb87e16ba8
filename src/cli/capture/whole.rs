//! A file that is read whole: by several threads, with the output that one would make, or by one.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::dump::{Dump, Recipe};
use super::input::recorded::Recorded;
use super::output::{Shower, Sink};
use super::select::Select;
use super::summary::{Counting, Summary, counted, seen};
use super::threads::{Failure, in_any_order, in_order};
use super::{Context, Error};
use crate::packet::file::{Block, Interface, Packet};
use crate::packet::flow::{Counted, Counts, MOST_FLOWS, Seen};
use crate::packet::show::{Layout, Shown, Text};
use crate::packet::{Decoder, Stack};

/// What a thread needs to decode packets and to choose among them.
pub(super) struct Hand<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) select: Select,
    pub(super) stack: Stack,
}

impl Hand<'_> {
    fn another(&self) -> Self {
        Self {
            decoder: self.decoder,
            select: self.select.clone(),
            stack: Stack::default(),
        }
    }

    /// Decodes a packet, and lets it be taken if it is wanted.
    #[inline]
    pub(super) fn look(
        &mut self,
        number: u64,
        packet: Packet,
        interface: Option<&Interface>,
        take: impl FnOnce(&Shown) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.decoder
            .decode(packet.data, packet.link, packet.wire_len, &mut self.stack);
        if !self.select.takes(&packet, &self.stack)? {
            return Ok(());
        }
        take(&Shown {
            number,
            packet,
            stack: &self.stack,
            interface,
        })
    }

    /// Counts the packets of a block that are wanted.
    fn count(&mut self, block: &Block, counts: &mut Counts) -> Result<(), Error> {
        if self.select.takes_all() {
            counts.add_block(block, self.decoder);
            return Ok(());
        }
        let mut wanted = Vec::new();
        self.each(block, |shown| {
            wanted.push(counted(shown));
            Ok(())
        })?;
        counts.add_all(&wanted);
        Ok(())
    }

    /// The packets of a block that are wanted.
    fn each(
        &mut self,
        block: &Block,
        mut take: impl FnMut(&Shown) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (number, packet, interface) in block.packets() {
            self.look(number, packet, interface, &mut take)?;
        }
        Ok(())
    }

    /// The packets of a file that are wanted, until `take` breaks off.
    pub(super) fn all(
        &mut self,
        file: &mut Recorded,
        mut take: impl FnMut(&Shown) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Failure> {
        let read = file.reader().each(|number, packet, interface| {
            let mut flow = ControlFlow::Continue(());
            let taken = self.look(number, packet, interface, |shown| {
                flow = take(shown)?;
                Ok(())
            });
            match (taken, flow) {
                (Err(error), _) => ControlFlow::Break(Some(error)),
                (Ok(()), ControlFlow::Break(())) => ControlFlow::Break(None),
                (Ok(()), ControlFlow::Continue(())) => ControlFlow::Continue(()),
            }
        });
        match read.map_err(Failure::Read)? {
            ControlFlow::Break(Some(error)) => Err(Failure::Taken(error)),
            ControlFlow::Break(None) | ControlFlow::Continue(()) => Ok(()),
        }
    }
}

/// What was made of a block.
#[derive(Default)]
struct Made<T, S> {
    thing: T,
    /// What was known of the blocks before, and what is known after it.
    before: S,
    after: S,
    failed: Option<Error>,
}

/// Reads all of a file, without other threads. Each kind of output has a loop of its own.
pub(super) fn alone(
    cx: &mut Context,
    sink: &mut Sink,
    file: &mut Recorded,
    hand: &mut Hand,
) -> Result<(), Error> {
    let on = ControlFlow::Continue(());
    let ended = match sink {
        Sink::Show(shower) => hand.all(file, |shown| shower.take(cx, shown).map(|()| on)),
        Sink::Write(dump) => hand.all(file, |shown| dump.take(shown).map(|()| on)),
        Sink::Flows(flows) if hand.select.takes_all() => {
            let read = flows.counts.read(file.reader(), hand.decoder);
            read.map_err(Failure::Read)
        }
        Sink::Flows(flows) => hand.all(file, |shown| {
            flows.take(shown);
            Ok(on)
        }),
        Sink::Summary(summary) => hand.all(file, |shown| {
            summary.take(shown);
            Ok(on)
        }),
        Sink::Tui(tui) => hand.all(file, |shown| {
            tui.take(shown)?;
            Ok(if tui.has_ended() {
                ControlFlow::Break(())
            } else {
                on
            })
        }),
    };
    ended.or_else(|failure| failed(cx, sink, file, failure))
}

/// What was taken so far is written before an error.
fn failed(cx: &mut Context, sink: &mut Sink, file: &Recorded, failure: Failure) -> Result<(), Error> {
    sink.flush(cx)?;
    Err(file.failed(failure))
}

/// Reads all of a file; none if its packets can't be taken side by side.
pub(super) fn run(
    threads: usize,
    cx: &mut Context,
    sink: &mut Sink,
    file: &mut Recorded,
    hand: &Hand,
) -> Option<Result<(), Error>> {
    let hands = |count| (0..count).map(|_| hand.another()).collect();
    let ended = match sink {
        Sink::Show(shower) if shower.may_be_made_apart() => show(cx, shower, file, hands(threads + 1)),
        Sink::Write(dump) if dump.may_be_made_apart() => self::dump(dump, file, hands(threads + 1)),
        Sink::Flows(counting) => flows(counting, file, hands(threads)),
        Sink::Summary(summary) => self::summary(summary, file, hands(threads)),
        _ => return None,
    };
    Some(ended.or_else(|failure| failed(cx, sink, file, failure)))
}

/// Lines. A block that was written with other columns than the blocks before turned out to have is written again: that
/// happens only while columns still grow.
fn show(
    cx: &mut Context,
    shower: &mut Shower,
    file: &mut Recorded,
    mut hands: Vec<Hand>,
) -> Result<(), Failure> {
    let known = Mutex::new(shower.layout());
    let mut own = hands.pop();
    let workers = hands.into_iter().map(|mut hand| {
        let (mut shower, known) = (shower.clone(), &known);
        move |block: &Block, made: &mut Made<Text, Layout>| {
            made.before = known.lock().map_or_else(|_| Layout::default(), |known| *known);
            shower.resume(made.before);
            std::mem::swap(shower.text(), &mut made.thing);
            shower.text().clear();
            let done = hand.each(block, |shown| {
                shower.write(shown);
                Ok(())
            });
            made.failed = done.err();
            std::mem::swap(shower.text(), &mut made.thing);
            made.after = shower.layout();
        }
    });
    let workers: Vec<_> = workers.collect();
    let at_hand = file.is_at_hand();
    let ended = in_order(file.reader(), workers, at_hand, |block, made| {
        if made.before != shower.layout() {
            shower.text().clear();
            let done = own.as_mut().map(|own| {
                own.each(block, |shown| {
                    shower.write(shown);
                    Ok(())
                })
            });
            made.failed = done.and_then(Result::err);
            std::mem::swap(shower.text(), &mut made.thing);
            made.after = shower.layout();
            if let Ok(mut known) = known.lock() {
                *known = made.after;
            }
        } else if made.before != made.after {
            shower.resume(made.after);
            if let Ok(mut known) = known.lock() {
                *known = made.after;
            }
        }
        cx.out.write_all(made.thing.bytes())?;
        made.failed.take().map_or(Ok(()), Err)
    });
    // A text that was lent.
    shower.text().clear();
    ended
}

/// Packets for a file. Those that the writer's links were not known for are written one by one.
fn dump(dump: &mut Dump, file: &mut Recorded, mut hands: Vec<Hand>) -> Result<(), Failure> {
    let known = Mutex::new(dump.recipe());
    let mut own = hands.pop();
    let workers = hands.into_iter().map(|mut hand| {
        let known = &known;
        let mut recipe = dump.recipe();
        move |block: &Block, made: &mut Made<Vec<u8>, bool>| {
            if let Ok(known) = known.lock() {
                Recipe::clone_from(&mut recipe, &known);
            }
            made.thing.clear();
            made.after = true;
            let done = hand.each(block, |shown| {
                made.after &= recipe.write(shown, &mut made.thing);
                Ok(())
            });
            made.failed = done.err();
        }
    });
    let workers: Vec<_> = workers.collect();
    let at_hand = file.is_at_hand();
    in_order(file.reader(), workers, at_hand, |block, made| {
        if made.after {
            dump.records(&made.thing)?;
        } else {
            if let Some(own) = &mut own {
                own.each(block, |shown| dump.take(shown))?;
            }
            if let Ok(mut known) = known.lock() {
                *known = dump.recipe();
            }
        }
        made.failed.take().map_or(Ok(()), Err)
    })
}

/// Flows that are only counted: each thread does so by itself, in any order, as long as they are not too many for that.
fn flows(counting: &mut Counting, file: &mut Recorded, mut hands: Vec<Hand>) -> Result<(), Failure> {
    let mut parts: Vec<_> = hands.iter().map(|_| Counts::of_parts()).collect();
    let told = &AtomicUsize::new(0);
    let workers = hands.iter_mut().zip(&mut parts).map(|(hand, part)| {
        move |block: &Block| {
            let before = part.len();
            hand.count(block, part)?;
            let new = part.len() - before;
            Ok(told.fetch_add(new, Ordering::Relaxed) + new < MOST_FLOWS)
        }
    });
    let ended = in_any_order(file.reader(), workers);
    counting.counts.join(parts);
    if ended? {
        return Ok(());
    }
    let workers = hands.into_iter().map(|mut hand| {
        move |block: &Block, made: &mut Made<Vec<Counted>, ()>| {
            made.thing.clear();
            let done = hand.each(block, |shown| {
                made.thing.push(counted(shown));
                Ok(())
            });
            made.failed = done.err();
        }
    });
    let workers: Vec<_> = workers.collect();
    let at_hand = file.is_at_hand();
    in_order(file.reader(), workers, at_hand, |_, made| {
        counting.counts.add_all(&made.thing);
        made.failed.take().map_or(Ok(()), Err)
    })
}

/// Flows: what is seen of each packet is told apart from what it means for its flow.
fn summary(summary: &mut Summary, file: &mut Recorded, hands: Vec<Hand>) -> Result<(), Failure> {
    let vteps = summary.vteps().cloned();
    let workers = hands.into_iter().map(|mut hand| {
        let vteps = vteps.as_deref();
        move |block: &Block, made: &mut Made<Vec<Seen>, ()>| {
            made.thing.clear();
            let done = hand.each(block, |shown| {
                made.thing.push(seen(shown, vteps));
                Ok(())
            });
            made.failed = done.err();
        }
    });
    let workers: Vec<_> = workers.collect();
    let at_hand = file.is_at_hand();
    in_order(file.reader(), workers, at_hand, |_, made| {
        summary.take_all(&mut made.thing);
        made.failed.take().map_or(Ok(()), Err)
    })
}
