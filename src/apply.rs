//! Applies documents to a datastore: read, merge, compare and swap, again if someone else was faster.

use crate::calico::manifest::Document;
use crate::calico::merge::{MergeError, Merged, merge};
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore};

/// How often a document is merged anew because the stored resource changed in between (calicoctl: the same).
pub const TRIES: usize = 5;

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
}

/// Applies every document in order; a failure doesn't stop those after it, unless the datastore is out of reach.
///
/// `show` is called before each write, again when a conflict made a new plan. The result has an entry a document.
pub async fn apply_all(
    store: &dyn Datastore,
    documents: &[Document],
    mode: Mode,
    show: &mut dyn FnMut(&Plan<'_>),
) -> Vec<Result<Done, Error>> {
    let mut results = Vec::with_capacity(documents.len());
    let mut reachable = true;
    for document in documents {
        let result = if reachable {
            apply(store, document, mode, show).await
        } else {
            Err(Error::NotTried)
        };
        reachable &= !matches!(
            result,
            Err(Error::Datastore(datastore::Error::Unreachable { .. }))
        );
        results.push(result);
    }
    results
}

/// Applies one document.
///
/// # Errors
/// What the datastore answers, a conflict after [`TRIES`] or at once if the document carries a `resourceVersion`,
/// or a document that can't be merged.
pub async fn apply(
    store: &dyn Datastore,
    document: &Document,
    mode: Mode,
    show: &mut dyn FnMut(&Plan<'_>),
) -> Result<Done, Error> {
    let mut tries = 1;
    loop {
        let stored = stored(store, &document.resource).await?;
        let merged = merge(stored.as_ref(), document)?;
        // What is stored already as the document wants it is no conflict, whoever wrote it.
        if let Some(stored) = stored.as_ref().filter(|_| merged.changed) {
            check_version(stored, &document.resource)?;
        }
        let plan = Plan {
            document,
            stored: stored.as_ref(),
            merged: &merged,
        };
        show(&plan);
        let done = plan.done();
        let written = match (mode, done) {
            (Mode::DryRun, _) | (_, Done::Unchanged) => return Ok(done),
            (Mode::Write, Done::Created) => store.create(&merged.resource).await,
            (Mode::Write, Done::Updated) => store.update(&merged.resource).await,
        };
        match written {
            Ok(_) => return Ok(done),
            Err(error) if tries < TRIES && is_race(&error) => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a write failed only because someone else wrote, created or deleted the resource since it was read.
fn is_race(error: &datastore::Error) -> bool {
    use datastore::Error::{AlreadyExists, Conflict, NotFound};
    matches!(error, Conflict { .. } | AlreadyExists { .. } | NotFound { .. })
}

async fn stored(store: &dyn Datastore, resource: &Resource) -> Result<Option<Resource>, Error> {
    match store.get(resource.kind, resource.name()).await {
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
        name: file.name().to_owned(),
        file: wanted.to_owned(),
        stored: found.map(str::to_owned),
    })
}

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;
