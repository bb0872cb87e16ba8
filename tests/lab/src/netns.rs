//! A network namespace for one piece of work of this process.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
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

type Work = Box<dyn FnOnce() + Send>;

/// A network namespace that a thread of this process keeps; dropped, it is gone, unless a socket made in it is open.
pub struct Netns {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<thread::JoinHandle<()>>,
    path: String,
    file: File,
}

impl Netns {
    /// A new one, with nothing in it but `lo`.
    ///
    /// # Errors
    /// [`Error::Skip`] when this process may not make namespaces.
    pub fn new() -> Result<Self> {
        let (work, todo) = mpsc::channel::<Work>();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let made = unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|error| Error::Skip(format!("no network namespace can be made: {error}")));
            let failed = made.is_err();
            let thread = nix::unistd::gettid();
            let path = format!("/proc/{}/task/{thread}/ns/net", std::process::id());
            let file = File::open(&path).map_err(Error::io(&path));
            if tell.send(made.and_then(|()| Ok((path, file?)))).is_err() || failed {
                return;
            }
            for work in todo {
                work();
            }
        });
        let (path, file) = told
            .recv()
            .unwrap_or_else(|_| Err(Error::failed("the thread of a namespace is gone")))?;
        Ok(Self {
            work: Some(work),
            thread: Some(thread),
            path,
            file,
        })
    }

    /// Its file, as ip(8) takes it for a namespace.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Begins something inside, and gives where its result will be.
    pub fn start<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
        let (tell, told) = mpsc::channel();
        if let Some(thread) = &self.work {
            let _ = thread.send(Box::new(move || {
                let _ = tell.send(work());
            }));
        }
        told
    }

    /// Does something inside.
    ///
    /// # Panics
    /// When the work does.
    #[expect(clippy::expect_used, reason = "the work of a test panicked")]
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.start(work).recv().expect("the work in a namespace panicked")
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Netns").field(&self.path).finish()
    }
}

/// Runs a command of this thread's namespace with an input, and gives what it printed: standard output, then errors.
///
/// # Errors
/// When it can't be started.
pub fn feed(command: &[&str], input: &str) -> Result<(String, String)> {
    let [name, arguments @ ..] = command else {
        return Err(Error::failed("no command"));
    };
    let mut child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io(*name))?;
    let stdin = child.stdin.take();
    let input = input.to_owned();
    let writer = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().map_err(Error::io(*name))?;
    let _ = writer.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}
