//! One link that is captured, and the thread that drains its ring.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Precision};
use socket2::{SockFilter, SockRef};

use super::Error;
use super::batch::{Batch, Counters};
use crate::packet::LinkType;
use crate::packet::file::Time;
use crate::packet::filter::{Instruction, instructions};

/// After this long, the kernel hands over a block of the ring that isn't full (`tp_retire_blk_tov`).
const RETIRE: Duration = Duration::from_millis(20);
/// How often a link without packets is looked after.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often the counters are asked for.
const COUNT: Duration = Duration::from_secs(1);
/// libpcap's pseudo link for all of them.
const ANY: &str = "any";

/// How links are captured.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Bytes that are kept of a packet; 0 for all.
    pub snap: u32,
    /// Bytes of a link's ring.
    pub ring: u32,
    /// Also packets for others.
    pub promiscuous: bool,
    /// In tcpdump's language; the kernel runs it. Empty for all packets.
    pub expression: String,
    /// Throw packets away when nobody takes them, rather than let the ring run over.
    pub never_wait: bool,
}

/// A link that is open.
pub struct Tap {
    pub name: String,
    pub link: LinkType,
    capture: Capture<Active>,
    never_wait: bool,
}

impl Tap {
    /// Opens a link of this network namespace. Needs CAP_NET_RAW.
    pub fn open(name: &str, options: &Options) -> Result<Self, Error> {
        let whole = options.snap == 0;
        let inactive = Capture::from_device(name).map_err(|error| failed(name, &error))?;
        let capture = inactive
            .buffer_size(i32::try_from(options.ring).unwrap_or(i32::MAX))
            .snaplen(if whole {
                WHOLE
            } else {
                i32::try_from(options.snap).unwrap_or(WHOLE)
            })
            .promisc(options.promiscuous)
            .timeout(i32::try_from(RETIRE.as_millis()).unwrap_or(20))
            .precision(Precision::Nano);
        let mut capture = capture.open().map_err(|error| failed(name, &error))?;
        if name == ANY {
            // The second version has the link's number.
            let _ = capture.set_datalink(pcap::Linktype(i32::from(LinkType::SLL2.0)));
        }
        let link = link_type(capture.get_datalink());
        capture
            .filter(&options.expression, true)
            .map_err(|error| match error {
                pcap::Error::PcapError(text) => Error::Expression(text),
                other => failed(name, &other),
            })?;
        // On a cooked link, the kernel's packets are not those that the program is compiled for.
        if !whole && link != LinkType::SLL2 && link != LinkType::SLL {
            cut(&capture, options).map_err(|why| Error::Failed {
                link: name.to_owned(),
                why,
            })?;
        }
        let capture = capture.setnonblock().map_err(|error| failed(name, &error))?;
        Ok(Self {
            name: name.to_owned(),
            link,
            capture,
            never_wait: options.never_wait,
        })
    }

    /// Drains the ring until `stop`, and then what is left in it.
    pub(super) fn drain(
        mut self,
        stop: &Arc<AtomicBool>,
        batches: &SyncSender<Batch>,
        empty: &Receiver<Batch>,
    ) {
        let mut batch = Batch::default();
        let mut counters = Counters::default();
        let mut counted = Instant::now();
        let mut last: Option<(Instant, Time)> = None;
        loop {
            if last.is_none() && stop.load(Ordering::Relaxed) {
                last = Some((Instant::now() + 2 * RETIRE, now()));
            }
            let looked = before(now(), 2 * RETIRE);
            let end = last.map(|(_, end)| end);
            let found = self.capture.dispatch(None, |packet| {
                let stamp = packet.header.ts;
                let time = time(stamp.tv_sec, stamp.tv_usec);
                if end.is_none_or(|end| time <= end) {
                    batch.push(time, packet.header.len, packet.data);
                }
            });
            let count = match found {
                Ok(count) => count,
                Err(error) => {
                    batch.failed = Some(error.to_string());
                    0
                }
            };
            let over = batch.failed.is_some() || last.is_some_and(|(deadline, _)| Instant::now() >= deadline);
            if over || counted.elapsed() >= COUNT {
                counted = Instant::now();
                self.count(&mut counters);
            }
            if over || batch.is_full() || count == 0 {
                batch.until = if over { Time::END } else { looked };
                batch.counters = counters;
                let next = empty.try_recv().unwrap_or_default();
                let full = std::mem::replace(&mut batch, next);
                match self.hand_over(full, over, batches) {
                    Ok(lost) => counters.not_shown += lost,
                    Err(Gone) => return,
                }
                batch.clear();
            }
            if over {
                return;
            }
            if count == 0 {
                self.wait();
            }
        }
    }

    /// Gives a batch away; how many packets were thrown away instead. The last one is always given.
    fn hand_over(&self, batch: Batch, last: bool, batches: &SyncSender<Batch>) -> Result<u64, Gone> {
        if last || !self.never_wait {
            return batches.send(batch).map(|()| 0).map_err(|_| Gone);
        }
        match batches.try_send(batch) {
            Ok(()) => Ok(0),
            Err(TrySendError::Full(batch)) => Ok(batch.len() as u64),
            Err(TrySendError::Disconnected(_)) => Err(Gone),
        }
    }

    /// Until there is something in the ring, or for a while.
    fn wait(&self) {
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        let mut ring = [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ring, patience);
    }

    fn count(&mut self, counters: &mut Counters) {
        if let Ok(stat) = self.capture.stats() {
            counters.received = u64::from(stat.received);
            counters.dropped = u64::from(stat.dropped);
        }
    }
}

/// Nobody takes batches any more.
struct Gone;

/// What libpcap takes for all of a packet.
const WHOLE: i32 = 262_144;

/// Lets the kernel copy no more than is wanted: libpcap's own programs always keep the whole packet.
fn cut(capture: &Capture<Active>, options: &Options) -> Result<(), String> {
    let program = capture
        .compile(&options.expression, true)
        .map_err(|error| error.to_string())?;
    let program = instructions(&program).ok_or("libpcap made a program that can't be read")?;
    let program: Vec<SockFilter> = program
        .into_iter()
        .map(|instruction| {
            let Instruction { code, yes, no, k } = instruction.with_snap(options.snap);
            SockFilter::new(code, yes, no, k)
        })
        .collect();
    SockRef::from(&capture.as_fd())
        .attach_filter(&program)
        .map_err(|error| format!("the kernel refuses the filter: {error}"))
}

fn failed(link: &str, error: &pcap::Error) -> Error {
    let link = link.to_owned();
    let why = match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    };
    if why.contains("No such device") {
        Error::NoLink { link }
    } else if why.contains("ermission") || why.contains("not permitted") {
        Error::Denied { link, why }
    } else {
        Error::Failed { link, why }
    }
}

/// libpcap's number of a link type, as files have it: RAW is another one there.
fn link_type(dlt: pcap::Linktype) -> LinkType {
    match dlt.0 {
        12 => LinkType::RAW,
        other => LinkType(u16::try_from(other).unwrap_or(u16::MAX)),
    }
}

/// Of a capture in nanoseconds.
fn time(seconds: i64, nanoseconds: i64) -> Time {
    Time {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap_or(0).min(999_999_999),
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: since.subsec_nanos(),
    }
}

fn before(time: Time, by: Duration) -> Time {
    Time::from_nanos(
        time.nanos()
            .saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)),
    )
}
