//! Links of several namespaces, watched while probes pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::door::Door;
use super::send::{Sent, Transport};
use super::sighting::{Candidate, Eye, Sighting};
use crate::live::{Look, Options, Tap, Taps};

/// Bytes of a probe that are kept: more than any tunnel's headers, and the cookie.
const SNAP: u32 = 512;
/// Bytes of a link's ring.
const RING: u32 = 4 << 20;
const PATIENCE: Duration = Duration::from_millis(20);
/// Candidates of a link at most: a busy link has connections of its own.
const MOST: usize = 20_000;

/// A link to watch.
pub struct Point<'a> {
    pub door: &'a Door,
    pub link: &'a str,
}

/// Links that are being watched.
pub struct Watch {
    transport: Transport,
    /// For each point, its place among the links that could be opened, or why it can't be watched.
    points: Vec<Result<usize, String>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Vec<Candidate>>>,
}

impl Watch {
    /// Begins to watch. A point that can't be watched does not stop the others.
    pub fn begin(points: &[Point], transport: Transport, cookie: [u8; 16]) -> Self {
        let mut taps = Vec::new();
        let points = points
            .iter()
            .map(|point| {
                let options = Options {
                    snap: SNAP,
                    ring: RING,
                    ..Options::default()
                };
                let tap = point.door.inside(|| Tap::open(point.link, &options))?;
                taps.push(tap.map_err(|error| error.to_string())?);
                Ok(taps.len() - 1)
            })
            .collect();
        let over = Arc::new(AtomicBool::new(false));
        let links = taps.len();
        let taps = Taps::start(taps);
        let stop = Arc::clone(&over);
        let thread = thread::spawn(move || gather(taps, links, &stop, transport, cookie));
        Self {
            transport,
            points,
            over,
            thread,
        }
    }

    /// Ends, and tells for each point what passed there, or why that isn't known.
    pub fn end(self, sent: &Sent) -> Vec<Result<Vec<Sighting>, String>> {
        self.over.store(true, Ordering::Relaxed);
        let candidates = self.thread.join().unwrap_or_default();
        let mut eye = Eye::default();
        let sequences: Vec<u32> = match self.transport {
            Transport::Tcp(_) => candidates
                .iter()
                .flatten()
                .filter_map(|candidate| eye.first_sequence(candidate, sent))
                .collect(),
            Transport::Echo | Transport::Udp(_) => Vec::new(),
        };
        self.points
            .into_iter()
            .map(|point| {
                let seen = point?;
                let candidates = candidates.get(seen).ok_or("the watch stopped unexpectedly")?;
                Ok(candidates
                    .iter()
                    .filter_map(|candidate| eye.recognise(candidate, self.transport, sent, &sequences))
                    .collect())
            })
            .collect()
    }
}

/// Takes packets until told to stop, and keeps those that may be probes.
fn gather(
    mut taps: Taps,
    links: usize,
    stop: &AtomicBool,
    transport: Transport,
    cookie: [u8; 16],
) -> Vec<Vec<Candidate>> {
    let mut kept: Vec<Vec<Candidate>> = vec![Vec::new(); links];
    let mut eye = Eye::default();
    loop {
        if stop.load(Ordering::Relaxed) {
            taps.stop();
        }
        match taps.look(PATIENCE) {
            Look::End => return kept,
            Look::Quiet => continue,
            Look::Packet => {}
        }
        let Some(packet) = taps.take() else { continue };
        if let Some(kept) = kept.get_mut(packet.interface)
            && kept.len() < MOST
        {
            kept.extend(eye.candidate(&packet, transport, &cookie));
        }
    }
}
