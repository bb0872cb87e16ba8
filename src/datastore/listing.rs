//! A list whose values are read when they are looked at, and not kept: of 100,000 resources, the stored texts take a
//! quarter of the memory.

use std::borrow::Cow;

use super::{Entry, List, Unreadable};
use crate::calico::resource::Resource;

/// All resources of one kind, as they are stored.
pub struct Listing {
    version: Option<String>,
    held: Held,
}

type Read = Box<dyn Fn(&Entry) -> Result<Resource, String>>;

enum Held {
    Resources(Vec<Resource>, Vec<Unreadable>),
    Stored(Vec<Entry>, Read),
}

impl Listing {
    /// Of stored values, in the order in which they are to be shown.
    pub(super) fn stored(
        version: Option<String>,
        entries: Vec<Entry>,
        read: impl Fn(&Entry) -> Result<Resource, String> + 'static,
    ) -> Self {
        Self {
            version,
            held: Held::Stored(entries, Box::new(read)),
        }
    }

    /// As [`List::version`].
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How many there are, with those that can't be read.
    pub const fn len(&self) -> usize {
        match &self.held {
            Held::Resources(resources, unreadable) => resources.len() + unreadable.len(),
            Held::Stored(entries, _) => entries.len(),
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them; keys that can't be read among them. Reads anew each time.
    pub fn each(&self) -> impl Iterator<Item = Result<Cow<'_, Resource>, Unreadable>> {
        let (resources, unreadable, entries) = match &self.held {
            Held::Resources(resources, unreadable) => (resources.as_slice(), unreadable.as_slice(), None),
            Held::Stored(entries, read) => (&[][..], &[][..], Some((entries, read))),
        };
        let stored = entries.into_iter().flat_map(|(entries, read)| {
            entries
                .iter()
                .map(move |entry| read_one(entry, read).map(Cow::Owned))
        });
        let resources = resources.iter().map(|resource| Ok(Cow::Borrowed(resource)));
        resources.chain(unreadable.iter().cloned().map(Err)).chain(stored)
    }

    /// All of them, read. A stored text is let go as soon as it is.
    pub fn into_list(self) -> List {
        let mut list = List {
            version: self.version,
            ..List::default()
        };
        match self.held {
            Held::Resources(items, unreadable) => (list.items, list.unreadable) = (items, unreadable),
            Held::Stored(entries, read) => {
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
        }
    }
}
