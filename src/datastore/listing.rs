//! A list whose values are read when they are looked at, and not kept: of 100,000 resources, the stored texts take a
//! quarter of the memory.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::mpsc::sync_channel;
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
        let one = |piece: &[Entry]| -> Vec<Result<T, Unreadable>> {
            let made = piece
                .iter()
                .map(|entry| Ok(make(Cow::Owned(stored.read(entry)?))));
            made.collect()
        };
        let mut unreadable = Vec::new();
        thread::scope(|scope| {
            let (pieces, one) = (&pieces, &one);
            let turns: Vec<_> = (0..threads)
                .map(|first| {
                    let (sender, receiver) = sync_channel(AHEAD);
                    let work = move || {
                        let mut own = pieces.iter().skip(first).step_by(threads);
                        // Until nobody wants the rest.
                        let _all_sent = own.try_for_each(|piece| sender.send(one(piece)));
                    };
                    let thread = thread::Builder::new().spawn_scoped(scope, work);
                    thread.ok().map(|_| receiver)
                })
                .collect();
            for (piece, turn) in pieces.iter().zip(turns.iter().cycle()) {
                let made = match turn {
                    Some(turn) => turn.recv().unwrap_or_default(),
                    // There was no thread to be had.
                    None => one(piece),
                };
                for item in made {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calico::kind::Kind;
    use crate::calico::resource::API_VERSION;
    use serde_json::json;

    /// So many nodes, of which every hundredth can't be read.
    fn listing(count: usize) -> Listing {
        let entry = |number: usize| Entry {
            key: format!("/node/n{number}"),
            value: Vec::new(),
            revision: 0,
        };
        let read = |entry: &Entry| {
            if entry.key.ends_with("00") {
                return Err("it is not JSON".to_owned());
            }
            let name = entry.key.trim_start_matches("/node/");
            Resource::from_value(
                json!({"kind": "Node", "apiVersion": API_VERSION, "metadata": {"name": name}}),
            )
        };
        Listing::stored(None, (1..=count).map(entry).collect(), read)
    }

    fn names(listing: &Listing) -> Vec<String> {
        let mut names = Vec::new();
        let name = |node: Cow<'_, Resource>| {
            assert_eq!(node.kind, Kind::Node);
            node.name().to_owned()
        };
        let taken = listing.made(name, |name| {
            names.push(name);
            Ok::<(), ()>(())
        });
        assert_eq!(taken, Ok(()));
        names
    }

    #[test]
    fn what_several_threads_make_is_taken_in_order() {
        for count in [0, 1, PIECE, PIECE + 1, 1000, 10 * PIECE + 7] {
            let listing = listing(count);
            let expected: Vec<String> = (1..=count)
                .filter(|number| number % 100 != 0)
                .map(|number| format!("n{number}"))
                .collect();
            assert_eq!(names(&listing), expected);
            assert_eq!(listing.unreadable().len(), count / 100);
            assert_eq!(listing.each().filter_map(Result::ok).count(), expected.len());
            assert_eq!(listing.into_list().unreadable.len(), count / 100);
        }
    }

    #[test]
    fn keys_that_cant_be_read_are_known_without_looking_at_the_rest() {
        let unread = listing(300);
        let keys: Vec<&str> = unread.unreadable().iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["/node/n100", "/node/n200", "/node/n300"]);
        let partly = listing(300);
        assert_eq!(partly.each().take(150).filter(Result::is_err).count(), 1);
        assert_eq!(partly.unreadable().len(), 3);
    }

    #[test]
    fn who_takes_no_more_gets_no_more() {
        let mut taken = 0;
        let stopped = listing(100 * PIECE).made(
            |_| (),
            |()| {
                taken += 1;
                if taken == 300 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!((stopped, taken), (Err("full"), 300));
    }
}
