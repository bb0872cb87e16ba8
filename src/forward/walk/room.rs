//! Room for long walks.

use std::panic::resume_unwind;
use std::thread;

/// Bytes of a walking thread's stack: a step is several calls, and a long way has hundreds of steps.
pub const STACK: usize = 64 << 20;

/// Does something with room enough for walks of any length; without threads, with what there is.
///
/// # Panics
/// When the work does.
pub fn with_room<T: Send>(work: impl Fn() -> T + Sync) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, &work);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => work(),
        }
    })
}
