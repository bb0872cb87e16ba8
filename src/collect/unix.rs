//! Sockets of daemons: one connection within a deadline, and what a failure means.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use crate::state::{Absence, Fact};

/// When to give up on a daemon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    allowed: Duration,
}

/// Why a daemon could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) absence: Absence,
    pub(super) why: String,
}

impl Failure {
    /// It is there, and it did not answer as it should.
    pub(super) fn unreadable(why: impl Into<String>) -> Self {
        Self {
            absence: Absence::Unreadable,
            why: why.into(),
        }
    }

    /// The same, with where it happened in front.
    pub(super) fn at(self, path: &Path) -> Self {
        Self {
            why: format!("{}: {}", path.display(), self.why),
            ..self
        }
    }
}

impl<T> From<Failure> for Fact<T> {
    fn from(failure: Failure) -> Self {
        Self::absent_as(failure.absence, failure.why)
    }
}

impl Deadline {
    pub(super) fn after(allowed: Duration) -> Self {
        Self {
            at: Instant::now() + allowed,
            allowed,
        }
    }

    /// Runs `work`; when time runs out, the failure says what was waited for.
    pub(super) async fn bound<T>(
        self,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout_at(self.at, work).await.unwrap_or_else(|_| {
            Err(Failure::unreadable(format!(
                "{what}: no answer within {} s: the daemon hangs or is stopped",
                self.allowed.as_secs_f32()
            )))
        })
    }
}

/// Connects to the daemon on this socket.
pub(super) async fn connect(path: &Path, deadline: Deadline) -> Result<UnixStream, Failure> {
    let work = async {
        UnixStream::connect(path).await.map_err(|error| {
            let (absence, why) = refused(path, &error);
            Failure { absence, why }
        })
    };
    deadline.bound("connect", work).await
}

/// What a failed connect means.
pub(super) fn refused(path: &Path, error: &Error) -> (Absence, String) {
    let is_socket = path
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_socket());
    match error.kind() {
        ErrorKind::NotFound => (Absence::Missing, "no such socket".into()),
        // The kernel refuses other files as it refuses a socket that nobody listens on.
        ErrorKind::ConnectionRefused if is_socket => (
            Absence::Missing,
            "nobody listens on this socket: the daemon is not running".into(),
        ),
        ErrorKind::ConnectionRefused => (Absence::Unreadable, "this is not a socket".into()),
        ErrorKind::PermissionDenied => (
            Absence::Unreadable,
            "permission denied: run as root, or as a user who may write to the socket".into(),
        ),
        ErrorKind::WouldBlock => (
            Absence::Unreadable,
            "the daemon does not accept connections, and others wait for it: it hangs or is stopped".into(),
        ),
        _ => (Absence::Unreadable, error.to_string()),
    }
}

/// Paths without those that lead to the same file: /var/run is often a link to /run.
pub(super) fn distinct(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut paths: Vec<PathBuf> = paths.into_iter().collect();
    paths.retain(|path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let new = !seen.contains(&real);
        seen.push(real);
        new
    });
    paths
}

/// The answer of the first daemon that gives one; else the failure that says most, else that there is none.
pub(super) async fn first<T>(
    paths: &[PathBuf],
    what: &str,
    ask: impl AsyncFn(&Path) -> Result<T, Failure>,
) -> Fact<T> {
    let mut failed: Option<Failure> = None;
    for path in paths.iter().filter(|path| path.symlink_metadata().is_ok()) {
        match ask(path).await {
            Ok(found) => return Fact::Known(found),
            // One that is there but fails says more than a socket that was left behind.
            Err(failure) => {
                let says_more = failed.as_ref().is_none_or(|before| {
                    before.absence == Absence::Missing && failure.absence != Absence::Missing
                });
                if says_more {
                    failed = Some(failure.at(path));
                }
            }
        }
    }
    failed.map_or_else(|| none(paths, what), Fact::from)
}

fn none<T>(paths: &[PathBuf], what: &str) -> Fact<T> {
    let forbidden = paths.iter().find(
        |path| matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::PermissionDenied),
    );
    if let Some(path) = forbidden {
        let why = format!("{}: permission denied: run as root", path.display());
        return Fact::absent_as(Absence::Unreadable, why);
    }
    let tried: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Fact::absent_as(
        Absence::Missing,
        format!("no socket of {what}; tried {}", tried.join(", ")),
    )
}
