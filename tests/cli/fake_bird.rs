//! A server on a unix socket that plays BIRD, well or badly.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

/// What one daemon answers.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) greeting: String,
    pub(crate) status: String,
    pub(crate) protocols: String,
}

impl Script {
    /// A recorded `show protocols all` whose first line is the greeting; the status is the same release's.
    pub(crate) fn recorded(text: &str) -> Self {
        let (greeting, protocols) = text.split_once('\n').unwrap();
        let status = if greeting.contains("BIRD 1.") {
            include_str!("../../fixtures/bird/1.6.8-status.txt")
        } else {
            include_str!("../../fixtures/bird/2.0.12-status.txt")
        };
        Self {
            greeting: format!("{greeting}\n"),
            status: status.split_once('\n').unwrap().1.to_owned(),
            protocols: protocols.to_owned(),
        }
    }

    /// The same daemon with another reply to `show protocols all`.
    pub(crate) fn answering(mut self, protocols: impl Into<String>) -> Self {
        self.protocols = protocols.into();
        self
    }

    /// Answers until the client goes away.
    pub(crate) fn play(&self, stream: &UnixStream) {
        let mut out = stream;
        let mut say = |text: &str| out.write_all(text.as_bytes()).is_ok();
        if !say(&self.greeting) {
            return;
        }
        for line in BufReader::new(stream).lines() {
            let said = match line.as_deref() {
                Ok("show status") => say(&self.status),
                Ok("show protocols all") => say(&self.protocols),
                Ok(_) => say("9001 syntax error, unexpected CF_SYM_UNDEFINED\n"),
                Err(_) => false,
            };
            if !said {
                return;
            }
        }
    }
}

/// A listening socket that goes away, with its thread, when dropped.
pub(crate) struct FakeBird {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
    directory: TempDir,
}

impl FakeBird {
    /// `bird.ctl` in a directory of its own, with a server that follows the script.
    pub(crate) fn start(script: Script) -> Self {
        Self::serving(move |stream| script.play(stream))
    }

    /// A recorded daemon.
    pub(crate) fn recorded(text: &str) -> Self {
        Self::start(Script::recorded(text))
    }

    /// A server that does anything with a connection; it is closed afterwards.
    pub(crate) fn serving(serve: impl Fn(&UnixStream) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bird.ctl");
        Self::listening(directory, path, serve)
    }

    /// The daemon for IPv6 beside one for IPv4.
    pub(crate) fn start_beside(v4: &Self, script: Script) -> Self {
        let path = v4.path.with_file_name("bird6.ctl");
        // Its own directory stays empty: the socket is in the other's.
        Self::listening(tempfile::tempdir().unwrap(), path, move |stream| {
            script.play(stream);
        })
    }

    fn listening(directory: TempDir, path: PathBuf, serve: impl Fn(&UnixStream) + Send + 'static) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                serve(&stream.unwrap());
            }
        });
        Self {
            path,
            stop,
            server: Some(server),
            directory,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for FakeBird {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the server, which is between two connections.
        if UnixStream::connect(&self.path).is_ok()
            && let Some(server) = self.server.take()
        {
            let outcome = server.join();
            assert!(outcome.is_ok() || thread::panicking(), "the fake BIRD panicked");
        }
    }
}

/// Waits until the client closes its end.
pub(crate) fn wait_for_close(mut stream: &UnixStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Whether the client closes its end within this time.
pub(crate) fn closes_within(mut stream: &UnixStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(length) => length == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
