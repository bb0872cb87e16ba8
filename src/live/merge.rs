//! Packets of several links in the order in which they passed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::batch::{Batch, Counters};
use super::tap::Tap;
use crate::packet::LinkType;
use crate::packet::file::{Packet, Time};

/// Batches of a link that may wait to be taken: some 16 MB.
const WAITING: usize = 64;

/// Links that are being captured.
pub struct Taps {
    links: Vec<Captured>,
    /// The link with the next packet.
    turn: usize,
    stop: Arc<AtomicBool>,
}

/// One link, seen from the taker.
struct Captured {
    name: String,
    link: LinkType,
    batches: Receiver<Batch>,
    /// Batches to be filled again.
    empty: Sender<Batch>,
    queue: VecDeque<Batch>,
    /// The next packet of the first batch.
    next: usize,
    until: Time,
    counters: Counters,
    failed: Option<String>,
    ended: bool,
    thread: Option<JoinHandle<()>>,
}

/// What there is to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A packet, by [`Taps::take`].
    Packet,
    /// Nothing passes at the moment.
    Quiet,
    /// All links ended.
    End,
}

impl Taps {
    /// Starts a thread for each link, with the rights of the caller.
    pub fn start(taps: Vec<Tap>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let links = taps.into_iter().map(|tap| Captured::start(tap, &stop)).collect();
        Self { links, turn: 0, stop }
    }

    /// Ends the capture: what has passed by now is still taken.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Looks for the next packet, and waits a little when there is none.
    pub fn look(&mut self, patience: Duration) -> Look {
        for link in &mut self.links {
            link.receive();
        }
        if let Some(turn) = self.oldest() {
            self.turn = turn;
            return Look::Packet;
        }
        if self.links.iter().all(|link| link.ended && link.time().is_none()) {
            return Look::End;
        }
        let late = |link: &&mut Captured| !link.ended && link.queue.is_empty();
        if let Some(link) = self.links.iter_mut().find(late) {
            link.wait(patience);
        }
        // What came is looked at by the next call.
        Look::Quiet
    }

    /// The packet that [`Taps::look`] saw. [`Packet::interface`] is the place of its link among those that were started.
    pub fn take(&mut self) -> Option<Packet<'_>> {
        self.links.get_mut(self.turn)?.take(self.turn)
    }

    /// The links: name, link type, what was counted so far, and why it ended early.
    pub fn counted(&self) -> impl Iterator<Item = (&str, LinkType, Counters, Option<&str>)> {
        self.links.iter().map(|link| {
            (
                link.name.as_str(),
                link.link,
                link.counters,
                link.failed.as_deref(),
            )
        })
    }

    /// The link with the oldest packet, if nothing older can come from another.
    fn oldest(&self) -> Option<usize> {
        let (at, time) = self
            .links
            .iter()
            .enumerate()
            .filter_map(|(at, link)| Some((at, link.time()?)))
            .min_by_key(|(at, time)| (*time, *at))?;
        self.links
            .iter()
            .all(|link| link.time().is_some() || link.ended || self.links.len() == 1 || link.until >= time)
            .then_some(at)
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        self.stop();
        for link in &mut self.links {
            // A thread that waits for room ends when nobody takes batches.
            let (_, nobody) = sync_channel(0);
            link.batches = nobody;
            if let Some(thread) = link.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl Captured {
    fn start(tap: Tap, stop: &Arc<AtomicBool>) -> Self {
        let (give, batches) = sync_channel(WAITING);
        let (empty, again) = channel();
        let (name, link) = (tap.name.clone(), tap.link);
        let stop = Arc::clone(stop);
        Self {
            name,
            link,
            batches,
            empty,
            queue: VecDeque::new(),
            next: 0,
            until: Time::default(),
            counters: Counters::default(),
            failed: None,
            ended: false,
            thread: Some(thread::spawn(move || tap.drain(&stop, &give, &again))),
        }
    }

    fn time(&self) -> Option<Time> {
        self.queue.front()?.time(self.next)
    }

    /// Passes over batches that were taken, and receives one if there is nothing else.
    fn receive(&mut self) {
        while self.queue.front().is_some_and(|batch| self.next >= batch.len()) {
            self.next = 0;
            if let Some(mut batch) = self.queue.pop_front() {
                batch.clear();
                let _ = self.empty.send(batch);
            }
        }
        while self.queue.is_empty() && !self.ended {
            match self.batches.try_recv() {
                Ok(batch) => self.keep(batch),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.ended = true,
            }
        }
    }

    fn wait(&mut self, patience: Duration) {
        match self.batches.recv_timeout(patience) {
            Ok(batch) => self.keep(batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.ended = true,
        }
    }

    fn keep(&mut self, batch: Batch) {
        self.until = batch.until;
        self.counters = batch.counters;
        self.failed = self.failed.take().or_else(|| batch.failed.clone());
        if batch.is_empty() {
            let _ = self.empty.send(batch);
        } else {
            self.queue.push_back(batch);
        }
    }

    fn take(&mut self, interface: usize) -> Option<Packet<'_>> {
        let (time, wire_len, data) = self.queue.front()?.packet(self.next)?;
        self.next += 1;
        Some(Packet {
            time,
            link: self.link,
            interface,
            wire_len,
            data,
            comment: None,
            direction: 0,
        })
    }
}
