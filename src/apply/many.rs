//! Many documents: what is stored of them is read, and what becomes of them is written, by fewer requests than there are
//! documents, as far as they don't depend on each other.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};

use super::{Done, Error, Mode, Next, Plan, Planned, Verb, apply_to, ended, plan};
use crate::calico::manifest::Document;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore, Write};

/// Documents that are read and written together.
pub(super) const TOGETHER: usize = 64;
/// So many times that many are on their way at once: while some are written, others are read.
const AT_ONCE: usize = 8;

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
    let run = Run {
        store,
        verb,
        mode,
        show: RefCell::new(show),
        stopped,
        lost: Cell::new(false),
    };
    let mut results = Vec::with_capacity(documents.len());
    for batch in batches(documents) {
        let first = results.len();
        let parts = batch
            .chunks(TOGETHER)
            .enumerate()
            .map(|(number, part)| run.together(first + number * TOGETHER, part));
        let parts: Vec<_> = stream::iter(parts).buffered(AT_ONCE).collect().await;
        results.extend(parts.into_iter().flatten());
    }
    results
}

/// Runs of documents that can be on their way at once: of one kind, each another resource. Pools are checked against
/// each other, so each of them is alone.
pub(super) fn batches(documents: &[Document]) -> impl Iterator<Item = &[Document]> {
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

/// Told of each plan, and of its document's place.
type Show<'s> = dyn FnMut(usize, &Plan<'_>) + 's;

/// What all documents have in common.
struct Run<'r> {
    store: &'r dyn Datastore,
    verb: Verb,
    mode: Mode,
    show: RefCell<&'r mut Show<'r>>,
    stopped: &'r dyn Fn() -> bool,
    /// The datastore is out of reach.
    lost: Cell<bool>,
}

impl Run<'_> {
    /// Applies documents of one kind, the first of which has this place.
    async fn together(&self, first: usize, part: &[Document]) -> Vec<Result<Done, Error>> {
        let stored = match self.over() {
            None => read_ahead(self.store, part).await,
            Some(_) => Vec::new(),
        };
        let mut stored = stored.into_iter();
        let plans = part.iter().enumerate().map(|(index, document)| {
            let stored = stored.next();
            self.plan(first + index, document, stored)
        });
        let plans: Vec<_> = stream::iter(plans).buffered(TOGETHER).collect().await;
        let mut written = self.write(&plans).await.into_iter();
        let mut results = Vec::with_capacity(part.len());
        for (index, (document, plan)) in part.iter().zip(plans).enumerate() {
            let result = match plan {
                Ok(Next::Done(done)) => Ok(done),
                Ok(Next::Write(write)) => {
                    let written = written.next().unwrap_or(Ok(()));
                    match ended(written, (self.verb, write.done), 1) {
                        Some(result) => result,
                        None => self.again(first + index, document).await,
                    }
                }
                Err(error) => Err(error),
            };
            self.note(&result);
            results.push(result);
        }
        results
    }

    /// Why nothing else is begun.
    fn over(&self) -> Option<Error> {
        if self.lost.get() {
            return Some(Error::NotTried);
        }
        (self.stopped)().then_some(Error::Stopped)
    }

    fn note<T>(&self, result: &Result<T, Error>) {
        let lost = matches!(result, Err(Error::Datastore(error)) if is_out_of_reach(error));
        self.lost.set(self.lost.get() || lost);
    }

    async fn plan(
        &self,
        place: usize,
        document: &Document,
        stored: Option<Result<Resource, datastore::Error>>,
    ) -> Result<Next, Error> {
        if let Some(error) = self.over() {
            return Err(error);
        }
        let mut tell = |plan: &Plan<'_>| (self.show.borrow_mut())(place, plan);
        let next = plan(self.store, document, stored, (self.verb, self.mode), &mut tell).await;
        self.note(&next);
        next
    }

    /// Writes what is to be written.
    async fn write(&self, plans: &[Result<Next, Error>]) -> Vec<Result<(), datastore::Error>> {
        let writes: Vec<Write<'_>> = plans
            .iter()
            .filter_map(|plan| match plan {
                Ok(Next::Write(Planned { resource, done })) => Some(match done {
                    Done::Created => Write::Create(resource),
                    _ => Write::Update(resource),
                }),
                _ => None,
            })
            .collect();
        self.store.write_several(&writes).await
    }

    /// Once more, alone, since somebody else was faster.
    async fn again(&self, place: usize, document: &Document) -> Result<Done, Error> {
        let mut tell = |plan: &Plan<'_>| (self.show.borrow_mut())(place, plan);
        apply_to(self.store, document, None, (self.verb, self.mode, 1), &mut tell).await
    }
}

/// What is stored of documents of one kind, read by fewer requests than there are documents.
async fn read_ahead(store: &dyn Datastore, part: &[Document]) -> Vec<Result<Resource, datastore::Error>> {
    let [first, _, ..] = part else { return Vec::new() };
    let names: Vec<String> = part.iter().map(|document| document.resource.id()).collect();
    // Where that fails, each document says why.
    let read = store.get_several(first.resource.kind, &names).await;
    read.unwrap_or_default()
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
