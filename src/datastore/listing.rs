//! A list whose values are read when they are looked at, and not kept: of 100,000 resources, the stored texts take a
//! quarter of the memory.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;

use super::pages::{Page, Pages};
use super::{Entry, Error, List, Unreadable};
use crate::calico::resource::Resource;

/// So many are read at a time by one thread.
const PIECE: usize = 128;

/// So many pieces at most wait for each thread's turn: what is made while pages still arrive is taken afterwards.
const AHEAD: usize = 256;

/// Threads at most: the datastore's answer takes longer than more of them would save.
const MOST: usize = 4;

/// All resources of one kind, as they are stored.
pub struct Listing {
    held: Held,
    /// Those that can't be read, once all were looked at.
    unreadable: OnceLock<Vec<Unreadable>>,
}

type Read = dyn Fn(&Entry) -> Result<Resource, String> + Send + Sync;

enum Held {
    Resources(List),
    Stored(Stored),
}

/// Values as the datastore holds them, and how they are read.
struct Stored {
    pages: Arc<Pages>,
    read: Box<Read>,
}

impl Stored {
    fn read(&self, entry: &Entry) -> Result<Resource, Unreadable> {
        read_one(entry, &self.read)
    }

    fn each(&self) -> impl Iterator<Item = Result<Resource, Unreadable>> {
        self.pages.all().into_iter().flat_map(move |page| {
            let mut next = 0;
            std::iter::from_fn(move || {
                next += 1;
                page.get(next - 1).map(|entry| self.read(entry))
            })
        })
    }
}

/// How a look at pages ended.
enum Seen<E> {
    /// They had to be fetched anew.
    Anew,
    All(Vec<Unreadable>),
    Refused(E),
}

impl Listing {
    /// Of stored values, in the order in which they are to be shown.
    pub(super) fn stored(
        pages: Arc<Pages>,
        read: impl Fn(&Entry) -> Result<Resource, String> + Send + Sync + 'static,
    ) -> Self {
        let read = Box::new(read);
        Self {
            held: Held::Stored(Stored { pages, read }),
            unreadable: OnceLock::new(),
        }
    }

    /// As [`List::version`].
    pub fn version(&self) -> Option<String> {
        match &self.held {
            Held::Resources(list) => list.version.clone(),
            Held::Stored(stored) => stored.pages.version(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match &self.held {
            Held::Resources(list) => list.items.is_empty() && list.unreadable.is_empty(),
            Held::Stored(stored) => stored.pages.is_empty(),
        }
    }

    /// Until all have arrived. Only lists of [`super::Datastore::arriving`] have to be waited for.
    pub fn arrived(&self) -> impl Future<Output = ()> + Send + 'static {
        let pages = match &self.held {
            Held::Resources(_) => None,
            Held::Stored(stored) => Some(Arc::clone(&stored.pages)),
        };
        async move {
            if let Some(pages) = pages {
                pages.arrived().await;
            }
        }
    }

    /// Whether the rest didn't arrive; none is looked at, then.
    pub fn is_broken_off(&self) -> bool {
        matches!(&self.held, Held::Stored(stored) if stored.pages.has_failed())
    }

    /// Why the rest didn't arrive; told once.
    pub fn failure(&self) -> Option<Error> {
        match &self.held {
            Held::Resources(_) => None,
            Held::Stored(stored) => stored.pages.failure(),
        }
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
            Held::Resources(list) => (list.items.as_slice(), list.unreadable.as_slice(), None),
            Held::Stored(stored) => (&[][..], &[][..], Some(stored)),
        };
        let stored = stored.into_iter().flat_map(Stored::each);
        let resources = resources.iter().map(|resource| Ok(Cow::Borrowed(resource)));
        resources
            .chain(unreadable.iter().cloned().map(Err))
            .chain(stored.map(|item| item.map(Cow::Owned)))
    }

    /// Makes something of each that can be read, and takes that in their order, once all have arrived; nothing is taken of
    /// what didn't arrive whole. Of many, several threads read and make, while the rest still arrives: what a resource is
    /// made of is let go where it was read.
    ///
    /// # Errors
    /// The first one of `take`, which is not called again then.
    pub fn made<T: Send, E>(
        &self,
        make: impl Fn(Cow<'_, Resource>) -> T + Sync,
        take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        self.made_of(|_| None, make, take)
    }

    /// The same. Of what is stored as a text, `light` takes what is wanted, where that needs no whole resource.
    ///
    /// # Errors
    /// As [`Self::made`].
    pub fn made_of<T: Send, E>(
        &self,
        light: impl Fn(&Entry) -> Option<T> + Sync,
        make: impl Fn(Cow<'_, Resource>) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST);
        let stored = match &self.held {
            Held::Stored(stored) if threads > 1 && stored.pages.are_more_than(PIECE) => stored,
            _ => {
                return self
                    .each()
                    .filter_map(Result::ok)
                    .try_for_each(|item| take(make(item)));
            }
        };
        let one = |piece: &[Entry]| -> Vec<Result<T, Unreadable>> {
            let made = |entry| match light(entry) {
                Some(made) => Ok(made),
                None => Ok(make(Cow::Owned(stored.read(entry)?))),
            };
            piece.iter().map(made).collect()
        };
        loop {
            match side_by_side(&stored.pages, threads, &one, &mut take) {
                Seen::Anew => {}
                Seen::All(unreadable) => {
                    self.unreadable.get_or_init(|| unreadable);
                    return Ok(());
                }
                Seen::Refused(error) => return Err(error),
            }
        }
    }

    /// Those that can't be read; reads all only if nobody has yet.
    pub fn unreadable(&self) -> &[Unreadable] {
        self.unreadable
            .get_or_init(|| self.items().filter_map(Result::err).collect())
    }

    /// All of them, read. A stored text is let go as soon as it is.
    pub fn into_list(self) -> List {
        let Stored { pages, read } = match self.held {
            Held::Resources(list) => return list,
            Held::Stored(stored) => stored,
        };
        let mut list = List {
            version: pages.version(),
            ..List::default()
        };
        for page in pages.taken() {
            // Nobody else looks at them any more.
            for entry in Arc::unwrap_or_clone(page) {
                match read_one(&entry, &read) {
                    Ok(resource) => list.items.push(resource),
                    Err(unreadable) => list.unreadable.push(unreadable),
                }
            }
        }
        list
    }
}

/// Has threads make something of the pieces of all pages in turn, and takes it in their order.
fn side_by_side<T: Send, E>(
    pages: &Pages,
    threads: usize,
    one: &(impl Fn(&[Entry]) -> Vec<Result<T, Unreadable>> + Sync),
    take: &mut impl FnMut(T) -> Result<(), E>,
) -> Seen<E> {
    let round = pages.round();
    let following = |at: &mut usize| -> Option<Page> {
        *at += 1;
        pages.page(*at - 1, round)
    };
    thread::scope(|scope| {
        let turns: Vec<_> = (0..threads)
            .map(|own| {
                let (sender, receiver) = sync_channel(AHEAD);
                let work = move || {
                    let (mut at, mut number) = (0, 0);
                    while let Some(page) = following(&mut at) {
                        for piece in page.chunks(PIECE) {
                            // Until nobody wants the rest.
                            if number % threads == own && sender.send(one(piece)).is_err() {
                                return;
                            }
                            number += 1;
                        }
                    }
                };
                let thread = thread::Builder::new().spawn_scoped(scope, work);
                thread.ok().map(|_| receiver)
            })
            .collect();
        let mut unreadable = Vec::new();
        if !pages.wait(round) {
            return Seen::Anew;
        }
        let (mut at, mut turns) = (0, turns.iter().cycle());
        while let Some(page) = following(&mut at) {
            for piece in page.chunks(PIECE) {
                let made = match turns.next().and_then(Option::as_ref) {
                    Some(turn) => turn.recv().unwrap_or_default(),
                    // There was no thread to be had.
                    None => one(piece),
                };
                for item in made {
                    match item.map(&mut *take) {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Seen::Refused(error),
                        Err(one) => unreadable.push(one),
                    }
                }
            }
        }
        Seen::All(unreadable)
    })
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
            held: Held::Resources(list),
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
        Listing::stored(Pages::whole(None, (1..=count).map(entry).collect()), read)
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

    /// A list of so many nodes a page, of which the first page is there; what adds the others.
    fn arriving(each: usize) -> (Listing, Arc<Pages>, impl Fn(usize) -> Vec<Entry>) {
        let page = move |at: usize| -> Vec<Entry> {
            let entry = |number| Entry {
                key: format!("/node/n{number}"),
                value: Vec::new(),
                revision: 0,
            };
            (at * each..(at + 1) * each).map(entry).collect()
        };
        let pages = Pages::first(Some("7".into()), page(0));
        let read = |entry: &Entry| Ok(Resource::new(Kind::Node, entry.key.trim_start_matches("/node/")));
        (Listing::stored(Arc::clone(&pages), read), pages, page)
    }

    #[test]
    fn pages_are_taken_when_all_are_there_and_only_those_of_the_last_round() {
        for (begins_anew, expected) in [(false, 0..1500), (true, 1000..2500)] {
            let (listing, pages, page) = arriving(500);
            assert!(!listing.is_empty());
            thread::scope(|scope| {
                scope.spawn(|| {
                    pages.add(page(1));
                    thread::sleep(std::time::Duration::from_millis(20));
                    if begins_anew {
                        pages.anew(Some("8".into()), page(2));
                        pages.add(page(3));
                        pages.add(page(4));
                    } else {
                        pages.add(page(2));
                    }
                    pages.end(None);
                });
                let expected: Vec<String> = expected.clone().map(|number| format!("n{number}")).collect();
                assert_eq!(names(&listing), expected);
            });
            let version = if begins_anew { "8" } else { "7" };
            assert_eq!(listing.version().as_deref(), Some(version));
            assert!(!listing.is_broken_off() && listing.failure().is_none());
        }
    }

    #[test]
    fn of_a_list_that_breaks_off_nothing_is_taken() {
        let (listing, pages, page) = arriving(500);
        thread::scope(|scope| {
            scope.spawn(|| {
                pages.add(page(1));
                thread::sleep(std::time::Duration::from_millis(20));
                pages.end(Some(Error::Config("gone".into())));
            });
            assert_eq!(names(&listing), Vec::<String>::new());
        });
        assert!(listing.is_broken_off());
        assert!(matches!(listing.failure(), Some(Error::Config(_))));
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
