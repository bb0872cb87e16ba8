//! A list whose values are read when they are looked at, and not kept: of 100,000 resources, the stored texts take a
//! quarter of the memory.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::{Entry, List, Unreadable};
use crate::calico::resource::Resource;

/// So many are read at a time by one thread.
const PIECE: usize = 128;

/// So many pieces at most wait for each thread's turn.
const AHEAD: usize = 4;

/// Threads at most: the datastore's answer takes longer than more of them would save.
const MOST: usize = 4;

/// All resources of one kind, as they are stored.
pub struct Listing {
    version: Option<String>,
    held: Held,
    /// Those that can't be read, once all were looked at.
    unreadable: OnceLock<Vec<Unreadable>>,
}

type Read = dyn Fn(&Entry) -> Result<Resource, String> + Send + Sync;

enum Held {
    Resources(Vec<Resource>, Vec<Unreadable>),
    Stored(Stored),
}

/// Values as the datastore holds them, and how they are read.
struct Stored {
    entries: Vec<Entry>,
    read: Box<Read>,
}

impl Stored {
    fn read(&self, entry: &Entry) -> Result<Resource, Unreadable> {
        read_one(entry, &self.read)
    }

    fn each(&self) -> impl Iterator<Item = Result<Resource, Unreadable>> {
        self.entries.iter().map(|entry| self.read(entry))
    }
}

impl Listing {
    /// Of stored values, in the order in which they are to be shown.
    pub(super) fn stored(
        version: Option<String>,
        entries: Vec<Entry>,
        read: impl Fn(&Entry) -> Result<Resource, String> + Send + Sync + 'static,
    ) -> Self {
        let read = Box::new(read);
        Self {
            version,
            held: Held::Stored(Stored { entries, read }),
            unreadable: OnceLock::new(),
        }
    }

    /// As [`List::version`].
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How many there are, with those that can't be read.
    pub fn len(&self) -> usize {
        match &self.held {
            Held::Resources(resources, unreadable) => resources.len() + unreadable.len(),
            Held::Stored(stored) => stored.entries.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them; keys that can't be read among them. Reads anew each time.
    pub fn each(&self) -> impl Iterator<Item = Result<Cow<'_, Resource>, Unreadable>> {
        let (mut items, mut unreadable) = (self.items(), Some(Vec::new()));
        std::iter::from_fn(move || {
            let item = items.next();
            match &item {
                Some(Err(one)) => unreadable.iter_mut().for_each(|found| found.push(one.clone())),
                Some(Ok(_)) => {}
                None => {
                    if let Some(found) = unreadable.take() {
                        self.unreadable.get_or_init(|| found);
                    }
                }
            }
            item
        })
    }

    fn items(&self) -> impl Iterator<Item = Result<Cow<'_, Resource>, Unreadable>> {
        let (resources, unreadable, stored) = match &self.held {
            Held::Resources(resources, unreadable) => (resources.as_slice(), unreadable.as_slice(), None),
            Held::Stored(stored) => (&[][..], &[][..], Some(stored)),
        };
        let stored = stored.into_iter().flat_map(Stored::each);
        let resources = resources.iter().map(|resource| Ok(Cow::Borrowed(resource)));
        resources
            .chain(unreadable.iter().cloned().map(Err))
            .chain(stored.map(|item| item.map(Cow::Owned)))
    }

    /// Makes something of each that can be read, and takes that in their order. Of many, several threads read and make:
    /// what a resource is made of is let go where it was read.
    ///
    /// # Errors
    /// The first one of `take`, which is not called again then.
    pub fn made<T: Send, E>(
        &self,
        make: impl Fn(Cow<'_, Resource>) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST);
        let stored = match &self.held {
            Held::Stored(stored) if stored.entries.len() > PIECE && threads > 1 => stored,
            _ => {
                return self
                    .each()
                    .filter_map(Result::ok)
                    .try_for_each(|item| take(make(item)));
            }
        };
        let pieces: Vec<&[Entry]> = stored.entries.chunks(PIECE).collect();
        let mut unreadable = Vec::new();
        thread::scope(|scope| {
            let (pieces, make) = (&pieces, &make);
            let work = |first: usize, sender: SyncSender<Vec<Result<T, Unreadable>>>| {
                for piece in pieces.iter().skip(first).step_by(threads) {
                    let made = piece
                        .iter()
                        .map(|entry| Ok(make(Cow::Owned(stored.read(entry)?))));
                    if sender.send(made.collect()).is_err() {
                        // Nobody wants the rest.
                        return;
                    }
                }
            };
            let turns: Vec<_> = (0..threads)
                .map(|first| {
                    let (sender, receiver) = sync_channel(AHEAD);
                    scope.spawn(move || work(first, sender));
                    receiver
                })
                .collect();
            for turn in turns.iter().cycle().take(pieces.len()) {
                for item in turn.recv().into_iter().flatten() {
                    match item {
                        Ok(made) => take(made)?,
                        Err(one) => unreadable.push(one),
                    }
                }
            }
            Ok(())
        })?;
        self.unreadable.get_or_init(|| unreadable);
        Ok(())
    }

    /// Those that can't be read; reads all only if nobody has yet.
    pub fn unreadable(&self) -> &[Unreadable] {
        self.unreadable
            .get_or_init(|| self.items().filter_map(Result::err).collect())
    }

    /// All of them, read. A stored text is let go as soon as it is.
    pub fn into_list(self) -> List {
        let mut list = List {
            version: self.version,
            ..List::default()
        };
        match self.held {
            Held::Resources(items, unreadable) => (list.items, list.unreadable) = (items, unreadable),
            Held::Stored(Stored { entries, read }) => {
                for entry in entries {
                    match read_one(&entry, &read) {
                        Ok(resource) => list.items.push(resource),
                        Err(unreadable) => list.unreadable.push(unreadable),
                    }
                }
            }
        }
        list
    }
}

fn read_one(entry: &Entry, read: &Read) -> Result<Resource, Unreadable> {
    read(entry).map_err(|why| Unreadable {
        key: entry.key.clone(),
        why,
    })
}

impl From<List> for Listing {
    fn from(list: List) -> Self {
        Self {
            version: list.version,
            held: Held::Resources(list.items, list.unreadable),
            unreadable: OnceLock::new(),
        }
    }
}
