//! Waiting for a state instead of sleeping.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// Polls `probe` until it gives a value, at most `within`; an error names `what` was awaited.
pub fn wait_for<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(value) = probe() {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return Err(Error::failed(format!("{what}: not within {within:?}")));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Polls `probe` until it holds, at most `within`; an error names `what` was awaited.
pub fn wait_until(what: &str, within: Duration, mut probe: impl FnMut() -> bool) -> Result<()> {
    wait_for(what, within, || probe().then_some(()))
}
