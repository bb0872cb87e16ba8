//! Writes documents to a datastore: read, merge, compare and swap, again if someone else was faster. What else a write
//! brings about in Calico, and what forbids one, is in `rules` and `effects`.

mod change;
mod effects;
mod initialize;
mod many;
pub mod migrate;
mod rules;

use crate::calico::manifest::Document;
use crate::calico::merge::{MergeError, Merged, merge};
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore};

/// How often a document is merged anew because the stored resource changed in between (calicoctl: the same).
pub const TRIES: usize = 5;

pub use change::{Label, change_label, delete, patch};
pub use initialize::initialize;
pub use many::apply_all;

/// What may become of a resource (`calicoctl/resourcemgr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Create it, or else update it.
    Apply,
    /// It must not exist yet; with `skip_exists`, one that does is left as it is.
    Create { skip_exists: bool },
    /// It must exist.
    Replace,
}

/// Whether to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    /// Everything but the write itself.
    DryRun,
}

/// What happened to a document's resource, or with [`Mode::DryRun`] would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Created,
    Updated,
    /// The datastore holds it already; nothing is written.
    Unchanged,
    /// It exists already, and was to be left alone.
    Skipped,
}

/// What is about to be done for a document.
#[derive(Debug)]
pub struct Plan<'a> {
    pub document: &'a Document,
    /// What is stored now.
    pub stored: Option<&'a Resource>,
    pub merged: &'a Merged,
}

impl Plan<'_> {
    pub fn done(&self) -> Done {
        match self.stored {
            None => Done::Created,
            Some(_) if self.merged.changed => Done::Updated,
            Some(_) => Done::Unchanged,
        }
    }
}

/// Why a document could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Datastore(#[from] datastore::Error),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    Ipam(#[from] crate::ipam::Error),
    /// Calico doesn't allow it.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Patch(#[from] crate::calico::patch::PatchError),
    /// What a patch makes isn't valid: a line each.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The file carries a `resourceVersion` that isn't the stored one, and asks for something else than is stored.
    #[error(
        "update conflict: {kind}({name}): the file is for resourceVersion {file}, stored is {}",
        stored.as_deref().unwrap_or("none")
    )]
    Outdated {
        kind: Kind,
        name: String,
        file: String,
        stored: Option<String>,
    },
    /// An earlier document found the datastore out of reach.
    #[error("not tried, because the datastore is out of reach")]
    NotTried,
    #[error("not tried, because it was interrupted")]
    Stopped,
}

/// Applies one document.
///
/// # Errors
/// What the datastore answers, a conflict after [`TRIES`] or at once if the document carries a `resourceVersion`,
/// or a document that can't be merged.
pub async fn apply(
    store: &dyn Datastore,
    document: &Document,
    verb: Verb,
    mode: Mode,
    show: &mut dyn FnMut(&Plan<'_>),
) -> Result<Done, Error> {
    apply_to(store, document, None, (verb, mode, 0), show).await
}

/// The same, where what is stored may have been read already, after so many tries.
async fn apply_to(
    store: &dyn Datastore,
    document: &Document,
    mut read: Option<Result<Resource, datastore::Error>>,
    (verb, mode, mut tries): (Verb, Mode, usize),
    show: &mut dyn FnMut(&Plan<'_>),
) -> Result<Done, Error> {
    loop {
        let write = match plan(store, document, read.take(), (verb, mode), show).await? {
            Next::Done(done) => return Ok(done),
            Next::Write(write) => write,
        };
        tries += 1;
        let written = match write.done {
            Done::Created => store.create(&write.resource).await,
            _ => store.update(&write.resource).await,
        };
        if let Some(result) = ended(written.map(drop), (verb, write.done), tries) {
            return result;
        }
    }
}

/// What is left to do for a document.
enum Next {
    Done(Done),
    Write(Planned),
}

/// What is to be written for a document, and what is done by that.
struct Planned {
    resource: Resource,
    done: Done,
}

/// Holds a document against what is stored, and shows what comes of it.
async fn plan(
    store: &dyn Datastore,
    document: &Document,
    read: Option<Result<Resource, datastore::Error>>,
    (verb, mode): (Verb, Mode),
    show: &mut dyn FnMut(&Plan<'_>),
) -> Result<Next, Error> {
    let kind = document.resource.kind;
    rules::writable(&document.resource, verb)?;
    let stored = match read {
        Some(read) => read,
        None => store.get(kind, &document.resource.id()).await,
    };
    let stored = found(stored)?;
    match (verb, &stored) {
        (Verb::Create { skip_exists: true }, Some(_)) => return Ok(Next::Done(Done::Skipped)),
        (Verb::Create { .. }, Some(_)) => {
            let name = document.resource.id();
            return Err(datastore::Error::AlreadyExists { kind, name }.into());
        }
        (Verb::Replace, None) => {
            let name = document.resource.id();
            return Err(datastore::Error::NotFound { kind, name }.into());
        }
        _ => {}
    }
    let merged = merge(stored.as_ref(), document)?;
    // What is stored already as the document wants it is no conflict, whoever wrote it.
    if let Some(stored) = stored.as_ref().filter(|_| merged.changed) {
        check_version(stored, &document.resource)?;
    }
    if merged.changed {
        rules::check(store, stored.as_ref(), &merged.resource).await?;
    }
    let plan = Plan {
        document,
        stored: stored.as_ref(),
        merged: &merged,
    };
    show(&plan);
    let done = plan.done();
    Ok(match (mode, done) {
        (Mode::DryRun, _) | (_, Done::Unchanged | Done::Skipped) => Next::Done(done),
        (Mode::Write, Done::Created | Done::Updated) => {
            let resource = merged.resource;
            Next::Write(Planned { resource, done })
        }
    })
}

/// How a document fared whose resource was written; nothing, when somebody else was faster and it is to be tried again.
fn ended(
    written: Result<(), datastore::Error>,
    (verb, done): (Verb, Done),
    tries: usize,
) -> Option<Result<Done, Error>> {
    match written {
        Ok(()) => Some(Ok(done)),
        Err(datastore::Error::AlreadyExists { .. }) if verb == (Verb::Create { skip_exists: true }) => {
            Some(Ok(Done::Skipped))
        }
        Err(error) if tries < TRIES && is_race(&error) && !matches!(verb, Verb::Create { .. }) => None,
        Err(error) => Some(Err(error.into())),
    }
}

/// Whether a write failed only because someone else wrote, created or deleted the resource since it was read.
fn is_race(error: &datastore::Error) -> bool {
    use datastore::Error::{AlreadyExists, Conflict, NotFound};
    matches!(error, Conflict { .. } | AlreadyExists { .. } | NotFound { .. })
}

/// What isn't there is no error.
fn found(read: Result<Resource, datastore::Error>) -> Result<Option<Resource>, Error> {
    match read {
        Ok(stored) => Ok(Some(stored)),
        Err(datastore::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A `resourceVersion` in the file must be the stored one. That of a resource which is gone says nothing: as with
/// calicoctl, the resource is created again.
fn check_version(stored: &Resource, file: &Resource) -> Result<(), Error> {
    let Some(wanted) = file.resource_version() else {
        return Ok(());
    };
    let found = stored.resource_version();
    if found == Some(wanted) {
        return Ok(());
    }
    Err(Error::Outdated {
        kind: file.kind,
        name: file.id(),
        file: wanted.to_owned(),
        stored: found.map(str::to_owned),
    })
}

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;
