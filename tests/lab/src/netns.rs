//! A network namespace for one piece of work of this process.

use std::thread;

use nix::sched::{CloneFlags, unshare};

use crate::{Error, Result};

/// Runs the work in a new network namespace: on a thread of its own, whose commands run there too. The namespace goes
/// with the thread.
///
/// # Errors
/// [`Error::Skip`] when this process may not make namespaces.
///
/// # Panics
/// When the work does.
pub fn in_netns<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let thread = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(|error| Error::Skip(format!("no network namespace can be made: {error}")))?;
        Ok(work())
    });
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
