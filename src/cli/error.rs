//! The one error type commands return: what failed, and what to do next.

use std::io;

/// Shown as `error: …` and a `hint: …` line each.
#[derive(Debug)]
pub struct Error {
    pub message: String,
    pub hints: Vec<String>,
    /// The reader of our output went away (`netdiag … | head`): not an error at all.
    pub broken_pipe: bool,
    /// calicoctl says it on standard output.
    pub(super) stdout: bool,
}

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            broken_pipe: false,
            stdout: false,
        }
    }

    /// For what calicoctl says on standard output.
    #[must_use]
    pub(super) fn on_stdout(mut self) -> Self {
        self.stdout = true;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self {
            broken_pipe: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new(error.to_string())
        }
    }
}

impl From<crate::datastore::Error> for Error {
    fn from(error: crate::datastore::Error) -> Self {
        use crate::datastore::Error as Store;
        let new = Self::new(error.to_string());
        match error {
            Store::Conflict { .. } | Store::HalfWritten { .. } => {
                new.hint("read it again with `netdiag get`, then repeat the change")
            }
            Store::Unreachable { .. } => new.hint(
                "set the endpoints with ETCD_ENDPOINTS=http://HOST:PORT or in the file given by --config",
            ),
            _ => new,
        }
    }
}
