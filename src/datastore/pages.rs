//! Stored values of a long list, page by page, for whoever looks at the first ones while the others are on their way.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Entry, Error};

/// Values that came in one answer, in the order of their keys.
pub(super) type Page = Arc<Vec<Entry>>;

/// Pages that are here, and whether more come. What waits, blocks its thread: somebody else has to drive what fetches.
#[derive(Default)]
pub(super) struct Pages {
    state: Mutex<State>,
    news: Condvar,
    over: Notify,
}

#[derive(Default)]
struct State {
    version: Option<String>,
    pages: Vec<Page>,
    /// How often all had to be fetched anew.
    round: usize,
    over: bool,
    /// Why not all came.
    failure: Option<Error>,
}

impl Pages {
    /// All there are.
    pub(super) fn whole(version: Option<String>, entries: Vec<Entry>) -> Arc<Self> {
        let pages = Self::first(version, entries);
        pages.end(None);
        pages
    }

    /// The first page; others are to be added until the end.
    pub(super) fn first(version: Option<String>, entries: Vec<Entry>) -> Arc<Self> {
        let pages = Self::default();
        {
            let mut state = pages.lock();
            state.version = version;
            state.pages.push(Arc::new(entries));
        }
        Arc::new(pages)
    }

    pub(super) fn add(&self, entries: Vec<Entry>) {
        self.lock().pages.push(Arc::new(entries));
        self.news.notify_all();
    }

    /// In place of all that came before.
    pub(super) fn anew(&self, version: Option<String>, entries: Vec<Entry>) {
        {
            let mut state = self.lock();
            state.version = version;
            state.pages = vec![Arc::new(entries)];
            state.round += 1;
        }
        self.news.notify_all();
    }

    /// Nothing more comes: that was all, or this is why not.
    pub(super) fn end(&self, failure: Option<Error>) {
        {
            let mut state = self.lock();
            state.over = true;
            if failure.is_some() {
                state.pages.clear();
            }
            state.failure = failure;
        }
        self.news.notify_all();
        self.over.notify_waiters();
    }

    /// Until the end.
    pub(super) async fn arrived(&self) {
        let over = self.over.notified();
        tokio::pin!(over);
        // Before looking, so that an end between both isn't missed.
        over.as_mut().enable();
        if !self.lock().over {
            over.await;
        }
    }

    pub(super) fn round(&self) -> usize {
        self.lock().round
    }

    /// The page of this number, once it is here; nothing after the last one, and when a new round has begun.
    pub(super) fn page(&self, at: usize, round: usize) -> Option<Page> {
        let waits = |state: &mut State| state.round == round && state.pages.len() <= at && !state.over;
        let state = self.until(waits);
        (state.round == round)
            .then(|| state.pages.get(at).cloned())
            .flatten()
    }

    /// Until all are here; whether they are those of this round.
    pub(super) fn wait(&self, round: usize) -> bool {
        self.until(|state| state.round == round && !state.over).round == round
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Page> {
        self.ended().pages.clone()
    }

    /// All of them, for the last one who looks.
    pub(super) fn taken(&self) -> Vec<Page> {
        std::mem::take(&mut self.ended().pages)
    }

    pub(super) fn version(&self) -> Option<String> {
        self.ended().version.clone()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.ended().failure.is_some()
    }

    /// Once, after the end: why not all came.
    pub(super) fn failure(&self) -> Option<Error> {
        self.ended().failure.take()
    }

    /// By the first page: there is no second one after an empty one.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().pages.iter().all(|page| page.is_empty())
    }

    pub(super) fn are_more_than(&self, few: usize) -> bool {
        let state = self.lock();
        !state.over || state.pages.iter().map(|page| page.len()).sum::<usize>() > few
    }

    fn ended(&self) -> MutexGuard<'_, State> {
        self.until(|state| !state.over)
    }

    fn until(&self, waits: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.news.wait_while(self.lock(), waits);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
