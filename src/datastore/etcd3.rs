//! etcd v3 over gRPC: keys and values exactly as Calico writes them (libcalico-go `lib/backend/etcdv3`).

mod connect;
mod range;
mod several;

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Compare, CompareOp, Error as Etcd, GetOptions, KvClient, Txn, TxnOp, TxnOpResponse, WatchClient,
    WatchOptions,
};
use tokio::sync::OnceCell;

use super::endpoint::{Deadline, Dialer, Endpoint};
use super::pages::Pages;
use super::policy_names::{self, stored_ids, with_name};
use super::{Answer, Datastore, Entry, Error, List, Listing, Step, Write, Written, identity};
use crate::calico::apiconfig::ApiConfig;
use crate::calico::resource::{Kind, Resource};
use crate::calico::stored;
use connect::{ALPN, NO_USER, PERMISSION, better, channel, log_in, why};

pub(super) use connect::no_user;
use range::Range;

/// Where Calico v3 keeps its resources.
const ROOT: &str = "/calico/resources/v3/projectcalico.org";

/// A resource that is about to be stored for the first time.
struct New {
    /// The name it is stored under.
    id: String,
    value: String,
    txn: Txn,
}

/// A connection to one etcd server.
pub(super) struct Etcd3 {
    kv: KvClient,
    watch: WatchClient,
    endpoint: Endpoint,
    deadline: Duration,
    pub(super) notes: Vec<String>,
    /// No Calico v3 resource exists.
    pub(super) empty: bool,
    /// Whether the cluster's release stores policies under their tier's name.
    tiers_in_names: OnceCell<bool>,
}

impl Etcd3 {
    /// Connects to one endpoint, logs in when a user is configured, and proves with one small read that it answers.
    pub(super) async fn connect(
        config: &ApiConfig,
        endpoint: &Endpoint,
        dialer: &Arc<Dialer>,
        deadline: Deadline,
        per_call: Duration,
    ) -> Result<Self, Error> {
        let stream = dialer.dial(endpoint, &ALPN, deadline).await?;
        let channel = channel(endpoint, dialer, stream, per_call)?;
        let client = log_in(config, endpoint, channel, deadline).await;
        let client = match client {
            Err(Error::Failed {
                step: Step::Request, ..
            }) => {
                return Err(better(dialer, endpoint, deadline, client.err()).await);
            }
            other => other?,
        };
        let mut store = Self {
            kv: client.kv_client().max_decoding_message_size(usize::MAX),
            watch: client.watch_client(),
            endpoint: endpoint.clone(),
            deadline: per_call,
            notes: Vec::new(),
            empty: false,
            tiers_in_names: OnceCell::new(),
        };
        match store.is_empty(deadline).await {
            Ok(empty) => store.empty = empty,
            // Roles may allow other keys: the server is there, and later calls say what they may not read.
            Err(Error::Failed { why, .. }) if why.contains(PERMISSION) => {}
            Err(error) => return Err(better(dialer, endpoint, deadline, Some(error)).await),
        }
        Ok(store)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn is_empty(&self, deadline: Deadline) -> Result<bool, Error> {
        let options = GetOptions::new().with_prefix().with_keys_only().with_limit(1);
        let answer = deadline
            .bound(&self.endpoint, Step::Request, async {
                self.kv
                    .clone()
                    .get(format!("{ROOT}/"), Some(options))
                    .await
                    .map_err(|error| why(&error))
            })
            .await;
        answer
            .map(|answer| answer.kvs().is_empty())
            .map_err(|error| authentication(&self.endpoint, error))
    }

    /// Runs one call within the deadline.
    async fn call<T>(&self, work: impl Future<Output = Result<T, Etcd>>) -> Result<T, Error> {
        call(&self.endpoint, self.deadline, work).await
    }

    async fn read(&self, kind: Kind, id: &str) -> Result<Resource, Error> {
        if (kind, id) == (Kind::Profile, stored::DEFAULT_ALLOW) {
            return Ok(stored::default_allow());
        }
        for stored_id in stored_ids(kind, id) {
            let key = key(kind, &stored_id);
            let answer = self.call(self.kv.clone().get(key.as_str(), None)).await?;
            if let Some(pair) = answer.kvs().first() {
                return parse(kind, &stored_id, pair.value(), pair.mod_revision())
                    .map_err(|why| Error::BadValue { key, why });
            }
        }
        Err(not_found(kind, id))
    }

    fn range(&self, prefix: &str) -> Range {
        Range::new(self.kv.clone(), self.endpoint.clone(), self.deadline, prefix)
    }

    /// As they are stored, in the order of keys; complete, or while the rest arrives.
    async fn stored(&self, kind: Kind, namespace: Option<&str>, complete: bool) -> Result<Listing, Error> {
        let below = key(kind, "");
        let namespace = namespace.map_or(String::new(), |namespace| format!("{namespace}/"));
        let mut range = self.range(&format!("{below}{namespace}"));
        let pages = if complete {
            let entries = range.rest(Vec::new()).await?;
            Pages::whole(Some(range.revision.to_string()), entries)
        } else {
            range.arriving().await?
        };
        let read = move |entry: &Entry| {
            let id = entry.key.strip_prefix(below.as_str()).unwrap_or_default();
            parse(kind, id, &entry.value, entry.revision)
        };
        Ok(Listing::stored(pages, read))
    }

    async fn read_all(&self, kind: Kind, namespace: Option<&str>) -> Result<List, Error> {
        let mut list = self.stored(kind, namespace, true).await?.into_list();
        if kind == Kind::Profile {
            list.items.push(stored::default_allow());
        }
        if is_sorted(kind) {
            list.items.sort_by_cached_key(Resource::id);
        }
        Ok(list)
    }

    async fn insert(&self, resource: &Resource) -> Result<Resource, Error> {
        let New { id, value, txn } = self.new_entry(resource).await?;
        let answer = self.call(self.kv.clone().txn(txn)).await?;
        let kind = resource.kind;
        if !answer.succeeded() {
            let name = resource.id();
            return Err(Error::AlreadyExists { kind, name });
        }
        // As it would be read.
        let mut new = stored::decode(kind, &id, value.as_bytes()).unwrap_or_else(|_| resource.clone());
        new.set_resource_version(answer.header().map(|header| header.revision().to_string()));
        Ok(new)
    }

    /// What is to be stored of a new resource, with its identity, and the transaction that stores it unless it is there. A
    /// policy may be there under the name that older releases give it.
    async fn new_entry(&self, resource: &Resource) -> Result<New, Error> {
        let mut new = resource.clone();
        let (kind, own) = (new.kind, new.id());
        identity::check_name(&new)?;
        identity::give(&mut new)?;
        let name = self.new_name(&new).await?;
        let id = with_name(&own, &name);
        let value = stored::encode(&new, &name);
        let mut ids = stored_ids(kind, &own);
        if !ids.contains(&id) {
            ids.push(id.clone());
        }
        let absent = ids
            .iter()
            .map(|id| Compare::version(key(kind, id), CompareOp::Equal, 0));
        let txn = Txn::new().when(absent.collect::<Vec<_>>()).and_then([TxnOp::put(
            key(kind, &id),
            value.as_str(),
            None,
        )]);
        Ok(New { id, value, txn })
    }

    /// The name to store a new resource under: that of the policies depends on the cluster's release.
    async fn new_name(&self, new: &Resource) -> Result<String, Error> {
        let look = || async {
            match self.read(Kind::ClusterInformation, "default").await {
                Err(Error::NotFound { .. }) => Ok(policy_names::tiers_in_names(None)),
                cluster => Ok(policy_names::tiers_in_names(Some(&cluster?))),
            }
        };
        let tiers = new.kind.is_tiered() && *self.tiers_in_names.get_or_try_init(look).await?;
        Ok(policy_names::new_name(new, tiers))
    }

    async fn replace(&self, resource: &Resource) -> Result<Resource, Error> {
        let mut new = resource.clone();
        if !identity::has(&new) {
            identity::copy(&self.read(new.kind, &new.id()).await?, &mut new);
        }
        let put = |key: &str, name: &str| TxnOp::put(key, stored::encode(&new, name), None);
        let revision = self.swap(&new, &put).await?;
        new.set_resource_version(revision);
        Ok(new)
    }

    /// Does this to the resource's key if it is as the resource was read; the new revision.
    async fn swap(
        &self,
        resource: &Resource,
        change: &dyn Fn(&str, &str) -> TxnOp,
    ) -> Result<Option<String>, Error> {
        let (kind, id) = (resource.kind, resource.id());
        if (kind, id.as_str()) == (Kind::Profile, stored::DEFAULT_ALLOW) {
            return Err(Error::Unsupported {
                kind,
                store: format!("{id}: it is provided by Calico, and"),
            });
        }
        for stored_id in stored_ids(kind, &id) {
            let key = key(kind, &stored_id);
            let name = stored_id.rsplit('/').next().unwrap_or_default();
            let revision = revision(resource).map_err(|why| Error::BadValue {
                key: key.clone(),
                why,
            })?;
            let txn = Txn::new()
                .when([Compare::mod_revision(key.as_str(), CompareOp::Equal, revision)])
                .and_then([change(&key, name)])
                .or_else([TxnOp::get(key.as_str(), Some(GetOptions::new().with_keys_only()))]);
            let answer = self.call(self.kv.clone().txn(txn)).await?;
            if answer.succeeded() {
                return Ok(answer.header().map(|header| header.revision().to_string()));
            }
            let exists = matches!(answer.op_responses().first(),
                Some(TxnOpResponse::Get(found)) if !found.kvs().is_empty());
            if exists {
                return Err(Error::Conflict { kind, name: id });
            }
        }
        Err(not_found(kind, &id))
    }
}

/// Runs one call within the deadline.
async fn call<T>(
    endpoint: &Endpoint,
    deadline: Duration,
    work: impl Future<Output = Result<T, Etcd>>,
) -> Result<T, Error> {
    // Whoever waits for it has it inside.
    let work = Box::pin(work);
    let bounded = async { work.await.map_err(|error| why(&error)) };
    Deadline::after(deadline)
        .bound(endpoint, Step::Request, bounded)
        .await
        .map_err(|error| authentication(endpoint, error))
}

/// A request refused for want of a user is a failure to log in.
fn authentication(endpoint: &Endpoint, error: Error) -> Error {
    match error {
        Error::Failed { why, .. } if why.contains(NO_USER) => endpoint.failed(Step::Authenticate, no_user()),
        other => other,
    }
}

fn not_found(kind: Kind, id: &str) -> Error {
    Error::NotFound {
        kind,
        name: id.to_owned(),
    }
}

impl Datastore for Etcd3 {
    fn describe(&self) -> String {
        format!("etcd v3 at {}", self.endpoint)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn get<'a>(&'a self, kind: Kind, name: &'a str) -> Answer<'a, Resource> {
        Box::pin(self.read(kind, name))
    }

    fn get_several<'a>(
        &'a self,
        kind: Kind,
        names: &'a [String],
    ) -> Answer<'a, Vec<Result<Resource, Error>>> {
        Box::pin(self.read_all_of(kind, names))
    }

    fn write_several<'a>(&'a self, writes: &'a [Write<'a>]) -> Written<'a> {
        Box::pin(self.write_all(writes))
    }

    fn list(&self, kind: Kind) -> Answer<'_, List> {
        Box::pin(self.read_all(kind, None))
    }

    fn list_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> Answer<'a, List> {
        Box::pin(self.read_all(kind, Some(namespace)))
    }

    fn listing<'a>(&'a self, kind: Kind, namespace: Option<&'a str>) -> Answer<'a, Listing> {
        Box::pin(async move {
            if is_sorted(kind) {
                return Ok(self.read_all(kind, namespace).await?.into());
            }
            self.stored(kind, namespace, true).await
        })
    }

    fn arriving<'a>(&'a self, kind: Kind, namespace: Option<&'a str>) -> Answer<'a, Listing> {
        Box::pin(async move {
            if is_sorted(kind) {
                return Ok(self.read_all(kind, namespace).await?.into());
            }
            self.stored(kind, namespace, false).await
        })
    }

    fn changed<'a>(&'a self, kind: Kind, version: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(async move {
            let next = version
                .and_then(|version| version.parse::<i64>().ok())
                .unwrap_or(0)
                + 1;
            let options = WatchOptions::new().with_prefix().with_start_revision(next);
            let mut watch = self.watch.clone();
            let mut events = self.call(watch.watch(key(kind, ""), Some(options))).await?;
            let failed = |why: String| self.endpoint.failed(Step::Request, why);
            loop {
                match events.message().await {
                    // Cancelled: what was there is gone (compacted). The list says what there is.
                    Ok(Some(answer)) if answer.canceled() || !answer.events().is_empty() => return Ok(()),
                    Ok(Some(_)) => {}
                    Ok(None) => return Err(failed("the server ended the watch".into())),
                    Err(error) => return Err(failed(why(&error))),
                }
            }
        })
    }

    fn create<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.insert(resource))
    }

    fn update<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.replace(resource))
    }

    fn entries<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Entry>> {
        Box::pin(async move { self.range(prefix).rest(Vec::new()).await })
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, i64)>> {
        Box::pin(async move {
            let entries = self.range(prefix).keys_only().rest(Vec::new()).await?.into_iter();
            Ok(entries.map(|entry| (entry.key, entry.revision)).collect())
        })
    }

    fn swap_entry<'a>(&'a self, entry: &'a Entry, value: Option<&'a str>) -> Answer<'a, bool> {
        Box::pin(async move {
            let key = entry.key.as_str();
            let change = match value {
                Some(value) => TxnOp::put(key, value, None),
                None => TxnOp::delete(key, None),
            };
            let txn = Txn::new()
                .when([Compare::mod_revision(key, CompareOp::Equal, entry.revision)])
                .and_then([change]);
            Ok(self.call(self.kv.clone().txn(txn)).await?.succeeded())
        })
    }

    fn delete<'a>(&'a self, resource: &'a Resource) -> Answer<'a, ()> {
        Box::pin(async move {
            self.swap(resource, &|key, _| TxnOp::delete(key, None)).await?;
            Ok(())
        })
    }
}

fn key(kind: Kind, name: &str) -> String {
    format!("{ROOT}/{}/{name}", kind.plural())
}

/// Whether lists have another order than their keys, or more in them than is stored.
fn is_sorted(kind: Kind) -> bool {
    kind == Kind::Profile || kind.is_tiered()
}

/// Reads a value, checking that it is what its key says.
fn parse(kind: Kind, id: &str, value: &[u8], revision: i64) -> Result<Resource, String> {
    let mut resource = stored::decode(kind, id, value)?;
    resource.set_resource_version(Some(revision.to_string()));
    Ok(resource)
}

/// The revision to compare with.
fn revision(resource: &Resource) -> Result<i64, String> {
    let text = resource
        .resource_version()
        .ok_or("metadata.resourceVersion is missing: read the resource before updating it")?;
    text.parse()
        .map_err(|_| format!("metadata.resourceVersion {text:?} is not a number"))
}
