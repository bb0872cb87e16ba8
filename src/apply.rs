//! Writes documents to a datastore: read, merge, compare and swap, again if someone else was faster. What else a write
//! brings about in Calico, and what forbids one, is in `rules` and `effects`.

mod change;
mod effects;
mod initialize;
pub mod migrate;
mod rules;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use futures_util::stream::{self, StreamExt};

use crate::calico::manifest::Document;
use crate::calico::merge::{MergeError, Merged, merge};
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore};

/// How often a document is merged anew because the stored resource changed in between (calicoctl: the same).
pub const TRIES: usize = 5;

pub use change::{Label, change_label, delete, patch};
pub use initialize::initialize;

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

/// How many documents are on their way at once: the store's round trips overlap.
const AT_ONCE: usize = 32;

/// Applies every document; a failure doesn't stop the others, unless the datastore is out of reach, or `stopped` says
/// that the user has had enough: then what is on its way ends, and nothing else begins.
///
/// Neighbours of one kind that can't depend on each other are on their way at once, in order otherwise. `show` is
/// called with the document's place before each write, again when a conflict made a new plan. The result has an entry
/// a document.
pub async fn apply_all(
    store: &dyn Datastore,
    documents: &[Document],
    verb: Verb,
    mode: Mode,
    show: &mut dyn FnMut(usize, &Plan<'_>),
    stopped: &dyn Fn() -> bool,
) -> Vec<Result<Done, Error>> {
    let mut results = Vec::with_capacity(documents.len());
    let (lost, show) = (Cell::new(false), RefCell::new(show));
    let (lost, show) = (&lost, &show);
    for batch in batches(documents).flat_map(|batch| batch.chunks(AT_ONCE)) {
        let first = results.len();
        let stored = if lost.get() || stopped() {
            Vec::new()
        } else {
            read_ahead(store, batch).await
        };
        let mut stored = stored.into_iter();
        let tasks = batch.iter().enumerate().map(|(index, document)| {
            let stored = stored.next();
            (index, document, stored)
        });
        let tasks = tasks.map(|(index, document, stored)| async move {
            if lost.get() {
                return Err(Error::NotTried);
            }
            if stopped() {
                return Err(Error::Stopped);
            }
            let mut tell = |plan: &Plan<'_>| (show.borrow_mut())(first + index, plan);
            let result = apply_to(store, document, stored, verb, mode, &mut tell).await;
            lost.set(lost.get() || matches!(&result, Err(Error::Datastore(error)) if is_out_of_reach(error)));
            result
        });
        let done: Vec<_> = stream::iter(tasks).buffered(AT_ONCE).collect().await;
        results.extend(done);
    }
    results
}

/// Runs of documents that can be on their way at once: of one kind, each another resource. Pools are checked against
/// each other, so each of them is alone.
fn batches(documents: &[Document]) -> impl Iterator<Item = &[Document]> {
    let mut rest = documents;
    std::iter::from_fn(move || {
        let kind = rest.first()?.resource.kind;
        let mut seen = HashSet::new();
        let length = rest
            .iter()
            .take_while(|document| {
                let resource = &document.resource;
                let fits = seen.is_empty() || kind != Kind::IpPool;
                resource.kind == kind && fits && seen.insert(resource.id())
            })
            .count();
        let (batch, after) = rest.split_at(length);
        rest = after;
        Some(batch)
    })
}

/// Whether there is nobody to talk to: others would fail as well, each after its deadline.
fn is_out_of_reach(error: &datastore::Error) -> bool {
    use datastore::Step;
    matches!(
        error,
        datastore::Error::Unreachable { .. }
            | datastore::Error::Failed {
                step: Step::Resolve | Step::Connect | Step::Tls,
                ..
            }
    )
}

/// What is stored of documents of one kind, read by fewer requests than there are documents.
async fn read_ahead(store: &dyn Datastore, batch: &[Document]) -> Vec<Result<Resource, datastore::Error>> {
    let [first, _, ..] = batch else { return Vec::new() };
    let names: Vec<String> = batch.iter().map(|document| document.resource.id()).collect();
    // Where that fails, each document says why.
    let read = store.get_several(first.resource.kind, &names).await;
    read.unwrap_or_default()
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
    apply_to(store, document, None, verb, mode, show).await
}

/// The same, where what is stored may have been read already.
async fn apply_to(
    store: &dyn Datastore,
    document: &Document,
    mut read: Option<Result<Resource, datastore::Error>>,
    verb: Verb,
    mode: Mode,
    show: &mut dyn FnMut(&Plan<'_>),
) -> Result<Done, Error> {
    let mut tries = 1;
    loop {
        let kind = document.resource.kind;
        rules::writable(&document.resource, verb)?;
        let stored = match read.take() {
            Some(read) => read,
            None => store.get(kind, &document.resource.id()).await,
        };
        let stored = found(stored)?;
        match (verb, &stored) {
            (Verb::Create { skip_exists: true }, Some(_)) => return Ok(Done::Skipped),
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
        let written = match (mode, done) {
            (Mode::DryRun, _) | (_, Done::Unchanged | Done::Skipped) => return Ok(done),
            (Mode::Write, Done::Created) => store.create(&merged.resource).await,
            (Mode::Write, Done::Updated) => store.update(&merged.resource).await,
        };
        match written {
            Ok(_) => return Ok(done),
            Err(datastore::Error::AlreadyExists { .. }) if verb == (Verb::Create { skip_exists: true }) => {
                return Ok(Done::Skipped);
            }
            Err(error) if tries < TRIES && is_race(&error) && !matches!(verb, Verb::Create { .. }) => {
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
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
