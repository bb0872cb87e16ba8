//! Being told to stop: once to end well, twice to end at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::Error;

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Whether SIGINT, SIGTERM or SIGHUP came.
pub(super) fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// From now on, the first signal makes [`stopped`] true; the second one ends the process, also while it waits for a
/// terminal that stands still. To be called before there are other threads.
pub(super) fn watch() -> Result<(), Error> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    signals
        .thread_block()
        .map_err(|error| Error::new(format!("signals can't be watched: {error}")))?;
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            if STOPPED.swap(true, Ordering::Relaxed) {
                end(128 + signal as i32);
            }
        }
    });
    Ok(())
}

#[expect(clippy::exit, reason = "the main thread may never come back from writing")]
fn end(status: i32) -> ! {
    std::process::exit(status)
}
