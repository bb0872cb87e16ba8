//! Room for long walks.

use std::panic::resume_unwind;
use std::thread;

/// Bytes of a walking thread's stack: a step is several calls, and a long way has hundreds of steps.
const STACK: usize = 64 << 20;

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

/// Does the same in so many threads at once, each with room for walks of any length; what each of them made. Without
/// threads, it is done here: the work has to share what there is to do.
///
/// # Panics
/// When the work does.
pub fn side_by_side<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let spawn = |_| {
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, &work)
                .ok()
        };
        let others: Vec<_> = (0..threads).filter_map(spawn).collect();
        let mut made: Vec<T> = others
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        // Only where no thread could be had is there anything left.
        if made.is_empty() {
            made.push(work());
        }
        made
    })
}
