//! A list whose values are read when they are looked at, and not kept: of 100,000 resources, the stored texts take a
//! quarter of the memory.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::{Entry, List, Unreadable};
use crate::calico::resource::Resource;

/// So many are read at a time by a thread of its own, while those before are being shown.
const PIECE: usize = 256;

/// So many pieces at most wait to be shown.
const AHEAD: usize = 8;

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
    Stored(Arc<Stored>),
}

/// Values as the datastore holds them, and how they are read.
struct Stored {
    entries: Vec<Entry>,
    read: Box<Read>,
}

impl Stored {
    /// Each of them, in order; of many, the next ones are read while one is looked at.
    fn each(self: Arc<Self>) -> Box<dyn Iterator<Item = Result<Resource, Unreadable>>> {
        if self.entries.len() > PIECE
            && let Some(pieces) = self.read_ahead()
        {
            return Box::new(pieces.into_iter().flatten());
        }
        let count = self.entries.len();
        Box::new((0..count).map(move |at| read_one(&self.entries[at], &self.read)))
    }

    /// None where no thread is to be had.
    fn read_ahead(self: &Arc<Self>) -> Option<Receiver<Vec<Result<Resource, Unreadable>>>> {
        let (sender, receiver) = sync_channel(AHEAD);
        let stored = Arc::clone(self);
        let work = move || {
            for piece in stored.entries.chunks(PIECE) {
                let read = piece.iter().map(|entry| read_one(entry, &stored.read)).collect();
                if sender.send(read).is_err() {
                    // Nobody wants the rest.
                    return;
                }
            }
        };
        thread::Builder::new().spawn(work).ok().map(|_| receiver)
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
            held: Held::Stored(Arc::new(Stored { entries, read })),
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
            Held::Stored(stored) => (&[][..], &[][..], Some(Arc::clone(stored))),
        };
        let stored = stored.into_iter().flat_map(Stored::each);
        let resources = resources.iter().map(|resource| Ok(Cow::Borrowed(resource)));
        resources
            .chain(unreadable.iter().cloned().map(Err))
            .chain(stored.map(|item| item.map(Cow::Owned)))
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
        let take = |item| match item {
            Ok(resource) => list.items.push(resource),
            Err(unreadable) => list.unreadable.push(unreadable),
        };
        match self.held {
            Held::Resources(items, unreadable) => (list.items, list.unreadable) = (items, unreadable),
            Held::Stored(stored) => match Arc::try_unwrap(stored) {
                Ok(Stored { entries, read }) => {
                    let read = |entry| read_one(&entry, &read);
                    entries.into_iter().map(read).for_each(take);
                }
                Err(shared) => shared.each().for_each(take),
            },
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
