//! Commands in a node or pod, with a deadline.

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// A command that is going to run inside a node or pod; it stops after ten seconds, unless told otherwise.
#[derive(Debug)]
#[must_use = "nothing runs before `output`"]
pub struct Run {
    command: Command,
    said: String,
    input: String,
    within: Duration,
}

/// What a command printed, and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// standard output
    pub stdout: String,
    /// standard error
    pub stderr: String,
    /// how it ended
    pub status: ExitStatus,
    said: String,
}

impl Run {
    pub(crate) fn new(
        mut enter: Command,
        place: &str,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let said = format!("{place}: {}", words.join(OsStr::new(" ")).to_string_lossy());
        enter.args(words);
        // Coverage of programs under test ends up where their runner wants it.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            enter.env("LLVM_PROFILE_FILE", profile);
        }
        Self {
            command: enter,
            said,
            input: String::new(),
            within: Duration::from_secs(30),
        }
    }

    /// One more variable in its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// One more word on its command line.
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.command.arg(word);
        self
    }

    /// What it reads on standard input (nothing, if not said).
    pub fn input(mut self, input: impl Into<String>) -> Self {
        self.input = input.into();
        self
    }

    /// How long it may take.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Runs it to its end, whatever its exit status; an error if that takes too long.
    pub fn output(mut self) -> Result<Output> {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io(&self.said))?;
        let stdin = child.stdin.take();
        let stdout = read(child.stdout.take());
        let stderr = read(child.stderr.take());
        let input = self.input;
        thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        let status = wait(&mut child, self.within).map_err(Error::io(&self.said))?;
        let (stdout, stderr) = (stdout.text(), stderr.text());
        let (said, within) = (self.said, self.within);
        match status {
            Some(status) => Ok(Output {
                stdout,
                stderr,
                status,
                said,
            }),
            None => Err(Error::failed(format!(
                "{said}: still running after {within:?}; printed {stdout}{stderr}"
            ))),
        }
    }

    /// Runs it, demands success and gives what it printed.
    pub fn ok(self) -> Result<String> {
        self.output()?.ok()
    }
}

impl Output {
    /// Standard output, if the command succeeded.
    pub fn ok(self) -> Result<String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        let Self {
            said,
            status,
            stdout,
            stderr,
        } = self;
        Err(Error::failed(format!("{said}: {status}\n{stdout}{stderr}")))
    }

    /// The exit code; a command killed by a signal has none.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A stream that a thread reads.
struct Reading {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: mpsc::Receiver<()>,
}

fn read(mut stream: Option<impl Read + Send + 'static>) -> Reading {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (end, ended) = mpsc::channel();
    let target = Arc::clone(&bytes);
    thread::spawn(move || {
        let mut part = [0; 8192];
        while let Some(Ok(length @ 1..)) = stream.as_mut().map(|stream| stream.read(&mut part)) {
            target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(&part[..length]);
        }
        let _ = end.send(());
    });
    Reading { bytes, ended }
}

impl Reading {
    /// All that was read; something the command left behind may hold the stream open: it is not waited for.
    fn text(&self) -> String {
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// How the child ended, or `None` when it had to be killed.
fn wait(child: &mut Child, within: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
