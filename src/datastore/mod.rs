//! Where Calico's objects live. One trait, [`Datastore`]; a backend a file.
//!
//! Every call has a deadline: an endpoint that doesn't answer is an error that names the endpoint and the step
//! that failed, never a hang.

mod endpoint;
mod etcd2;
mod etcd3;
mod identity;
mod kubernetes;
mod listing;
mod open;
mod pages;
mod policy_names;
mod tls;
mod tls_error;

pub use identity::random_id;
pub use kubernetes::Server;
pub use listing::Listing;
pub use open::{DEFAULT_CONFIG, connect, load_config};

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::calico::resource::{Kind, Resource};

/// What a datastore call returns: a future, boxed so that `dyn Datastore` works.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// All resources of one kind, and the keys below it that could not be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct List {
    pub items: Vec<Resource>,
    /// The `resourceVersion` of the list: the datastore's revision it was read at. etcd v2 has none.
    pub version: Option<String>,
    /// Values that don't parse: calicoctl skips them silently, a diagnostic tool must not.
    pub unreadable: Vec<Unreadable>,
}

/// A key as it is, its value, and the revision at which it was written last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Vec<u8>,
    pub revision: i64,
}

/// A key whose value is not a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub key: String,
    pub why: String,
}

/// Objects of Kubernetes, with `apiVersion` and `kind`, and why some kinds are missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    pub objects: Vec<serde_json::Value>,
    pub unreadable: Vec<Unreadable>,
}

/// The kinds of Kubernetes that networks and policies depend on.
pub const INVENTORY: [&str; 7] = [
    "Node",
    "Namespace",
    "ServiceAccount",
    "Pod",
    "Service",
    "EndpointSlice",
    "NetworkPolicy",
];

/// Requests for several resources that are on their way at once, of one call.
const AT_ONCE: usize = 8;

/// Between two looks at what a store can't be asked to tell of.
const PAUSE: Duration = Duration::from_secs(2);

/// A write of [`Datastore::write_several`].
#[derive(Debug, Clone, Copy)]
pub enum Write<'r> {
    /// As [`Datastore::create`].
    Create(&'r Resource),
    /// As [`Datastore::update`].
    Update(&'r Resource),
}

/// How each of several writes ended.
pub type Written<'a> = Pin<Box<dyn Future<Output = Vec<Result<(), Error>>> + 'a>>;

/// A store of Calico resources. Writes are compare-and-swap.
pub trait Datastore {
    /// For messages: `etcd v3 at http://127.0.0.1:2379`. Never holds a secret.
    fn describe(&self) -> String;

    /// What the user should know about this store, one sentence each: what was assumed, or looks like a mistake.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the calicoctl of this store's time reads v1 manifests, not v3.
    fn reads_v1_manifests(&self) -> bool {
        false
    }

    /// One resource, with `metadata.resourceVersion` set. [`Error::NotFound`] when there is none. `name` is its
    /// [`Resource::id`]: `namespace/name` for kinds that have namespaces.
    fn get<'a>(&'a self, kind: Kind, name: &'a str) -> Answer<'a, Resource>;

    /// Several of a kind, in the order of their names: the same as [`Self::get`] of each, at once.
    fn get_several<'a>(
        &'a self,
        kind: Kind,
        names: &'a [String],
    ) -> Answer<'a, Vec<Result<Resource, Error>>> {
        Box::pin(async move {
            let each = names.iter().map(|name| self.get(kind, name));
            Ok(stream::iter(each).buffered(AT_ONCE).collect().await)
        })
    }

    /// All resources of a kind, sorted by name.
    fn list(&self, kind: Kind) -> Answer<'_, List>;

    /// Those of one namespace.
    fn list_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> Answer<'a, List> {
        Box::pin(async move {
            let mut list = self.list(kind).await?;
            list.items
                .retain(|resource| resource.namespace() == Some(namespace));
            Ok(list)
        })
    }

    /// All resources of a kind, or those of one namespace, for whoever looks at one after the other.
    fn listing<'a>(&'a self, kind: Kind, namespace: Option<&'a str>) -> Answer<'a, Listing> {
        Box::pin(async move {
            let list = match namespace {
                Some(namespace) => self.list_in(kind, namespace).await?,
                None => self.list(kind).await?,
            };
            Ok(list.into())
        })
    }

    /// The same, as soon as a part of it is there: the rest arrives while the runtime runs, on whatever thread. What waits
    /// for it blocks: [`Listing::arrived`] is what the runtime is to be given meanwhile.
    fn arriving<'a>(&'a self, kind: Kind, namespace: Option<&'a str>) -> Answer<'a, Listing> {
        self.listing(kind, namespace)
    }

    /// Waits until resources of a kind may be others than in a list of that `version`. It may end without a change, too:
    /// the list is then read once more. An error is one of the connection.
    fn changed<'a>(&'a self, kind: Kind, version: Option<&'a str>) -> Answer<'a, ()> {
        let _ = (kind, version);
        Box::pin(async {
            tokio::time::sleep(PAUSE).await;
            Ok(())
        })
    }

    /// Writes a resource that must not exist yet ([`Error::AlreadyExists`]); fills uid and creationTimestamp.
    fn create<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource>;

    /// Replaces the resource read at `metadata.resourceVersion`; [`Error::Conflict`] when it has changed since.
    fn update<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource>;

    /// Writes several, each another resource: one that fails stops no other. The results are in their order.
    fn write_several<'a>(&'a self, writes: &'a [Write<'a>]) -> Written<'a> {
        let one = move |write: &'a Write<'a>| async move {
            match write {
                Write::Create(resource) => self.create(resource).await.map(drop),
                Write::Update(resource) => self.update(resource).await.map(drop),
            }
        };
        Box::pin(stream::iter(writes).map(one).buffered(AT_ONCE).collect())
    }

    /// Keys that begin with this, as they are, and their values; none in stores that have no such keys. For what isn't
    /// a resource: IPAM's blocks and handles.
    fn entries<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Entry>> {
        let _ = prefix;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The same keys and their revisions, where their values don't matter.
    fn keys<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, i64)>> {
        Box::pin(async move {
            let entries = self.entries(prefix).await?.into_iter();
            Ok(entries.map(|entry| (entry.key, entry.revision)).collect())
        })
    }

    /// One such key.
    fn entry<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            let entries = self.entries(key).await?;
            Ok(entries.into_iter().find(|entry| entry.key == key))
        })
    }

    /// Gives a key a new value, or with `None` deletes it, if nobody has changed it since it was read; whether it did.
    /// A key that wasn't there has the revision 0.
    fn swap_entry<'a>(&'a self, entry: &'a Entry, value: Option<&'a str>) -> Answer<'a, bool> {
        let _ = (entry, value);
        Box::pin(async { Ok(false) })
    }

    /// Defines Calico's kinds where a store has to be told of them, and isn't; how many it was told of.
    fn define_kinds(&self) -> Answer<'_, usize> {
        Box::pin(async { Ok(0) })
    }

    /// Objects of Kubernetes itself of these kinds of [`INVENTORY`], when Kubernetes is the store: what may not be read is
    /// told beside them.
    fn kubernetes_objects<'a>(&'a self, kinds: &'a [&'a str]) -> Answer<'a, Option<Inventory>> {
        let _ = kinds;
        Box::pin(async { Ok(None) })
    }

    /// Deletes the resource read at `metadata.resourceVersion`; [`Error::Conflict`] when it has changed since.
    fn delete<'a>(&'a self, resource: &'a Resource) -> Answer<'a, ()>;
}

/// The step of reaching an endpoint that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Resolve,
    Connect,
    Tls,
    Authenticate,
    Request,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve the name",
            Self::Connect => "connect",
            Self::Tls => "TLS handshake",
            Self::Authenticate => "log in",
            Self::Request => "request",
        })
    }
}

/// Why a datastore call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("resource does not exist: {kind}({name})")]
    NotFound { kind: Kind, name: String },
    #[error("resource already exists: {kind}({name})")]
    AlreadyExists { kind: Kind, name: String },
    #[error("update conflict: {kind}({name}) was changed by someone else since it was read")]
    Conflict { kind: Kind, name: String },
    /// A store without transactions had taken a part of an update when somebody else's change stopped it.
    #[error("update conflict: {kind}({name}) was changed by someone else while {} had been written", written.join(", "))]
    HalfWritten {
        kind: Kind,
        name: String,
        written: Vec<String>,
    },
    /// One line an endpoint: which step failed and why.
    #[error("cannot reach the datastore\n  {}", failures.join("\n  "))]
    Unreachable { failures: Vec<String> },
    #[error("{endpoint}: {step}: {why}")]
    Failed {
        endpoint: String,
        step: Step,
        why: String,
    },
    #[error("{key}: {why}")]
    BadValue { key: String, why: String },
    #[error("datastore configuration: {0}")]
    Config(String),
    /// A verb that a store doesn't have for a kind, in calicoctl's words.
    #[error("operation {operation} is not supported on {kind}({name}): {why}")]
    NotSupported {
        operation: &'static str,
        kind: Kind,
        name: String,
        why: String,
    },
    #[error("{kind} is not supported on {store}")]
    Unsupported { kind: Kind, store: String },
}
