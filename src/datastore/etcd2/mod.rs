//! etcd v2, the store of Calico v1 and v2 (2016 to 2018): a tree of small values, shown as v3 resources. Every key is
//! compared and swapped on its own, because this API has no transactions.
//!
//! Such resources have neither uid nor creationTimestamp. `resourceVersion` is the highest `modifiedIndex` of their
//! keys. A value that doesn't parse leaves its field out; lists report its key.

mod http;
mod map;
mod node;
mod objects;

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Deadline, Dialer, Endpoint};
use super::{Answer, Datastore, Entry, Error, List, Step, identity};
use crate::calico::apiconfig::ApiConfig;
use crate::calico::resource::{Kind, Resource};
use http::{COMPARE_FAILED, EXISTS, Guard, Http, NOT_FOUND, Reply, Tree};
use node::Change;
use objects::Stored;

/// What an endpoint has to offer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// Not the v2 API.
    No,
    /// The v2 API, with nothing of Calico in it.
    Empty,
    WithCalico,
}

/// One etcd server, asked by HTTP.
pub(super) struct Etcd2 {
    http: Http,
    per_call: Duration,
    pub(super) notes: Vec<String>,
}

impl Etcd2 {
    pub(super) fn new(
        config: &ApiConfig,
        endpoint: &Endpoint,
        dialer: &Arc<Dialer>,
        per_call: Duration,
    ) -> Self {
        Self {
            http: Http {
                endpoint: endpoint.clone(),
                dialer: dialer.clone(),
                user: config.username.clone().zip(config.password.clone()),
            },
            per_call,
            notes: Vec::new(),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.http.endpoint
    }

    /// Asks whether the endpoint serves the v2 API, and whether Calico is in it.
    pub(super) async fn probe(&self, deadline: Deadline) -> Result<Served, Error> {
        match self.http.get("/calico", false, deadline).await {
            Ok(Reply::Done(_)) => Ok(Served::WithCalico),
            Ok(Reply::Refused { code: NOT_FOUND, .. }) => Ok(Served::Empty),
            Ok(Reply::Refused { message, .. }) => Err(self.endpoint().failed(Step::Request, message)),
            Ok(Reply::Foreign { status: 404 }) => Ok(Served::No),
            Ok(Reply::Foreign { .. }) => {
                let error = self.endpoint().failed(Step::Request, "the answer is not etcd's");
                Err(self.better(error, deadline).await)
            }
            Err(error) => Err(self.better(error, deadline).await),
        }
    }

    async fn better(&self, error: Error, deadline: Deadline) -> Error {
        match error {
            Error::Failed {
                step: Step::Request, ..
            } => {
                let second = self.http.dialer.second_look(self.endpoint(), deadline).await;
                second.unwrap_or(error)
            }
            other => other,
        }
    }

    /// Everything below these directories; one that doesn't exist is empty.
    async fn read(&self, roots: &[String]) -> Result<Tree, Error> {
        let deadline = Deadline::after(self.per_call);
        let mut tree = Tree::new();
        for root in roots {
            match self.http.get(root, true, deadline).await? {
                Reply::Done(found) => tree.extend(found),
                Reply::Refused { code: NOT_FOUND, .. } => {}
                Reply::Refused { message, .. } => return Err(self.endpoint().failed(Step::Request, message)),
                Reply::Foreign { status } => {
                    let why = format!("the answer is not etcd's (HTTP status {status})");
                    return Err(self.endpoint().failed(Step::Request, why));
                }
            }
        }
        Ok(tree)
    }

    async fn node_tree(&self, name: &str) -> Result<Tree, Error> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Ok(Tree::new());
        }
        let roots = [map::BGP_HOSTS, map::HOSTS].map(|root| format!("{root}/{name}"));
        self.read(&roots).await
    }

    async fn find(&self, kind: Kind, name: &str) -> Result<Resource, Error> {
        let list = match kind {
            Kind::Node => map::nodes(&self.node_tree(name).await?),
            _ => self.read_all(kind).await?,
        };
        let mut items = list.items.into_iter();
        items
            .find(|resource| resource.id() == name)
            .ok_or_else(|| Error::NotFound {
                kind,
                name: name.to_owned(),
            })
    }

    async fn read_all(&self, kind: Kind) -> Result<List, Error> {
        let read = |roots: &[&str]| {
            let roots: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
            async move { self.read(&roots).await }
        };
        Ok(match kind {
            Kind::Node => map::nodes(&read(&[map::BGP_HOSTS, map::HOSTS]).await?),
            // Calico v1 had no such object.
            Kind::ClusterInformation => List::default(),
            kind => objects::list(objects::read(kind, &self.objects(kind).await?)),
        })
    }

    /// The part of the tree that a kind is in.
    async fn objects(&self, kind: Kind) -> Result<Tree, Error> {
        let roots = objects::roots(kind);
        if roots.is_empty() {
            return Err(self.unsupported(kind, "it came with Calico v3"));
        }
        let roots: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
        self.read(&roots).await
    }

    /// The part of the tree that a resource's kind is in, and what is stored under its name.
    async fn stored(&self, resource: &Resource) -> Result<(Tree, Option<Stored>), Error> {
        let tree = self.objects(resource.kind).await?;
        let mut items = objects::read(resource.kind, &tree).items.into_iter();
        let found = items.find(|stored| stored.resource.id() == resource.id());
        Ok((tree, found))
    }

    async fn insert_object(&self, new: &Resource) -> Result<Resource, Error> {
        let (kind, name) = (new.kind, new.id());
        let (tree, None) = self.stored(new).await? else {
            return Err(Error::AlreadyExists { kind, name });
        };
        let writes = unstorable(new, objects::changes(&tree, &[], new))?;
        match self.write(new, writes).await {
            Err(Error::Conflict { .. }) => Err(Error::AlreadyExists { kind, name }),
            Err(error) => Err(error),
            Ok(()) => self.find(kind, &name).await,
        }
    }

    async fn replace_object(&self, new: &Resource) -> Result<Resource, Error> {
        let (kind, name) = (new.kind, new.id());
        let (tree, Some(old)) = self.stored(new).await? else {
            return Err(Error::NotFound { kind, name });
        };
        same_version(&old.resource, new)?;
        let writes = unstorable(new, objects::changes(&tree, &old.keys, new))?;
        self.write(new, writes).await?;
        self.find(kind, &name).await
    }

    /// Deletes every key of a resource.
    async fn remove(&self, resource: &Resource) -> Result<(), Error> {
        let (kind, name) = (resource.kind, resource.id());
        let (tree, old, keys) = if kind == Kind::Node {
            let tree = self.node_tree(resource.name()).await?;
            let old = map::nodes(&tree).items.into_iter().next();
            let keys = tree.keys().cloned().collect();
            (tree, old, keys)
        } else {
            let (tree, old) = self.stored(resource).await?;
            let keys = old.as_ref().map(|old| old.keys.clone()).unwrap_or_default();
            (tree, old.map(|old| old.resource), keys)
        };
        let Some(old) = old else {
            return Err(Error::NotFound { kind, name });
        };
        if resource.resource_version().is_some() {
            same_version(&old, resource)?;
        }
        let gone = |key: String| node::guarded(&tree, key, None);
        self.write(resource, keys.into_iter().filter_map(gone).collect())
            .await
    }

    fn unsupported(&self, kind: Kind, why: &str) -> Error {
        Error::Unsupported {
            kind,
            store: format!("{} ({why})", self.describe()),
        }
    }

    async fn insert(&self, new: &Resource) -> Result<Resource, Error> {
        identity::check_name(new)?;
        if new.kind != Kind::Node {
            return self.insert_object(new).await;
        }
        let (kind, name) = (new.kind, new.name().to_owned());
        let exists = Error::AlreadyExists {
            kind,
            name: name.clone(),
        };
        let tree = self.node_tree(&name).await?;
        if !map::nodes(&tree).items.is_empty() {
            return Err(exists);
        }
        let mut writes = changes(&tree, &Resource::new(kind, &name), new)?;
        let address = format!("{}/{name}/ip_addr_v4", map::BGP_HOSTS);
        if writes.first().is_none_or(|change| change.key != address) {
            // The guard against a second creator, and what BIRD's templates expect.
            writes.insert(0, create(address, String::new()));
        }
        writes.push(create(format!("{}/{name}/metadata", map::HOSTS), "{}".into()));
        match self.write(new, writes).await {
            Err(Error::Conflict { .. }) => Err(exists),
            Err(error) => Err(error),
            Ok(()) => self.find(kind, &name).await,
        }
    }

    async fn replace(&self, new: &Resource) -> Result<Resource, Error> {
        if new.kind != Kind::Node {
            return self.replace_object(new).await;
        }
        let (kind, name) = (new.kind, new.name().to_owned());
        let tree = self.node_tree(&name).await?;
        let mut found = map::nodes(&tree).items.into_iter();
        let Some(old) = found.next() else {
            return Err(Error::NotFound { kind, name });
        };
        same_version(&old, new)?;
        let writes = changes(&tree, &old, new)?;
        self.write(new, writes).await?;
        self.find(kind, &name).await
    }

    /// Writes key after key, each guarded; stops at the first that somebody else has changed.
    async fn write(&self, new: &Resource, changes: Vec<Change>) -> Result<(), Error> {
        let deadline = Deadline::after(self.per_call);
        let mut written: Vec<String> = Vec::new();
        for change in changes {
            let reply = self
                .http
                .put(&change.key, change.value.as_deref(), change.guard, deadline)
                .await;
            let why = match reply {
                Ok(Reply::Done(_)) => {
                    written.push(change.key);
                    continue;
                }
                Ok(Reply::Refused {
                    code: COMPARE_FAILED | EXISTS | NOT_FOUND,
                    ..
                }) => {
                    let (kind, name) = (new.kind, new.name().to_owned());
                    return Err(if written.is_empty() {
                        Error::Conflict { kind, name }
                    } else {
                        Error::HalfWritten { kind, name, written }
                    });
                }
                Ok(Reply::Refused { message, .. }) => message,
                Ok(Reply::Foreign { status }) => format!("the answer is not etcd's (HTTP status {status})"),
                Err(error) if written.is_empty() => return Err(error),
                Err(error) => error.to_string(),
            };
            let done = if written.is_empty() {
                String::new()
            } else {
                format!("; already written: {}", written.join(", "))
            };
            return Err(self
                .endpoint()
                .failed(Step::Request, format!("{}: {why}{done}", change.key)));
        }
        Ok(())
    }
}

fn changes(tree: &Tree, old: &Resource, new: &Resource) -> Result<Vec<Change>, Error> {
    unstorable(new, node::changes(tree, old, new))
}

fn unstorable(new: &Resource, changes: Result<Vec<Change>, String>) -> Result<Vec<Change>, Error> {
    changes.map_err(|why| Error::BadValue {
        key: format!("{}({})", new.kind, new.id()),
        why,
    })
}

/// Whether a resource was read when what is stored was as it is.
fn same_version(stored: &Resource, new: &Resource) -> Result<(), Error> {
    let (kind, name) = (new.kind, new.id());
    match new.resource_version() {
        None => Err(Error::BadValue {
            key: format!("{kind}({name})"),
            why: "metadata.resourceVersion is missing: read the resource before updating it".into(),
        }),
        Some(version) if stored.resource_version() == Some(version) => Ok(()),
        Some(_) => Err(Error::Conflict { kind, name }),
    }
}

fn create(key: String, value: String) -> Change {
    Change {
        key,
        value: Some(value),
        guard: Guard::Absent,
    }
}

impl Datastore for Etcd2 {
    fn describe(&self) -> String {
        format!("etcd v2 at {}", self.endpoint())
    }

    fn reads_v1_manifests(&self) -> bool {
        true
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn get<'a>(&'a self, kind: Kind, name: &'a str) -> Answer<'a, Resource> {
        Box::pin(self.find(kind, name))
    }

    fn list(&self, kind: Kind) -> Answer<'_, List> {
        Box::pin(self.read_all(kind))
    }

    fn create<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.insert(resource))
    }

    fn update<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.replace(resource))
    }

    fn entries<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Entry>> {
        Box::pin(async move {
            let tree = self.read(&[prefix.trim_end_matches('/').to_owned()]).await?;
            let entry = |(key, leaf): (String, http::Leaf)| Entry {
                key,
                value: leaf.value.into_bytes(),
                revision: i64::try_from(leaf.index).unwrap_or(i64::MAX),
            };
            Ok(tree.into_iter().map(entry).collect())
        })
    }

    fn swap_entry<'a>(&'a self, entry: &'a Entry, value: Option<&'a str>) -> Answer<'a, bool> {
        Box::pin(async move {
            let guard = match u64::try_from(entry.revision) {
                Ok(index) if index > 0 => Guard::Index(index),
                _ => Guard::Absent,
            };
            let deadline = Deadline::after(self.per_call);
            match self.http.put(&entry.key, value, guard, deadline).await? {
                Reply::Done(_) => Ok(true),
                Reply::Refused {
                    code: COMPARE_FAILED | EXISTS | NOT_FOUND,
                    ..
                } => Ok(false),
                Reply::Refused { message, .. } => Err(self.endpoint().failed(Step::Request, message)),
                Reply::Foreign { status } => {
                    let why = format!("the answer is not etcd's (HTTP status {status})");
                    Err(self.endpoint().failed(Step::Request, why))
                }
            }
        })
    }

    fn delete<'a>(&'a self, resource: &'a Resource) -> Answer<'a, ()> {
        Box::pin(self.remove(resource))
    }
}
