//! What can go wrong, and how a test skips.

use std::{env, io};

/// Why a lab, or something in it, did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine can't run labs at all (not root, a tool missing): the test is to be skipped.
    #[error("skipped: {0}")]
    Skip(String),
    /// Something in the lab failed.
    #[error("{0}")]
    Failed(String),
    /// A call to the kernel failed.
    #[error("{what}: {source}")]
    Io {
        /// what was tried
        what: String,
        /// what the kernel said
        source: io::Error,
    },
}

/// The result of most of what a lab does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The lab, or `None` after printing `skipped: reason` when this machine can't run labs.
///
/// # Panics
/// When the lab failed for another reason, and, with `CI=true` in the environment, instead of skipping: there,
/// nothing that can run may be skipped.
#[expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "tests call it, and this is how tests speak"
)]
#[track_caller]
pub fn or_skip<T>(lab: Result<T>) -> Option<T> {
    match lab {
        Ok(lab) => Some(lab),
        Err(error @ Error::Skip(_)) if env::var_os("CI").is_none_or(|ci| ci != "true") => {
            println!("{error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
