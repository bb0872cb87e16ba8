//! Where everything is moved to: it must be empty, is locked, and can be filled again after an interruption.

use futures_util::stream::{self, StreamExt};

use super::{Ipam, KINDS, KUBERNETES_POLICY, Pair};
use crate::apply::{Error, TRIES, effects};
use crate::calico::kinds::BUILT_IN_TIERS;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore, Entry};

/// Requests that are on their way at once.
const AT_ONCE: usize = 32;

/// What became of IPAM's objects.
#[derive(Debug, Default)]
pub struct Imported {
    pub written: usize,
    /// Those that were there already as they should be.
    pub unchanged: usize,
    /// Key, and why it isn't there.
    pub failures: Vec<(String, String)>,
}

/// Whether a datastore belongs to the cluster that is moved: then an import was begun there.
pub async fn is_same_cluster(store: &dyn Datastore, cluster: &Resource) -> Result<bool, Error> {
    let path = ["spec", "clusterGUID"];
    match store.get(Kind::ClusterInformation, "default").await {
        Ok(there) => {
            let locked = there.field(&["spec", "datastoreReady"]) == Some(&false.into());
            Ok(locked && there.text(&path).is_some() && there.text(&path) == cluster.text(&path))
        }
        Err(datastore::Error::NotFound { .. } | datastore::Error::Unsupported { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Something that is in a datastore already, other than what Kubernetes itself or a first write brings.
pub async fn occupied(store: &dyn Datastore) -> Result<Option<String>, Error> {
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Node) {
        let items = effects::list(store, kind).await?;
        let own = |item: &&Resource| match kind {
            Kind::NetworkPolicy => !item.name().starts_with(KUBERNETES_POLICY),
            Kind::Tier => !BUILT_IN_TIERS.iter().any(|(name, ..)| *name == item.name()),
            _ => true,
        };
        if let Some(item) = items.iter().find(own) {
            return Ok(Some(format!("{kind} {}", item.id())));
        }
    }
    let entries = store.entries("/calico/ipam/v2/").await?;
    Ok(entries.into_iter().next().map(|entry| entry.key))
}

/// Locks a datastore, and makes it the cluster that is moved there.
pub async fn lock(store: &dyn Datastore, cluster: Option<&Resource>) -> Result<(), Error> {
    change(store, &|there| {
        there.set(&["spec", "datastoreReady"], Some(false.into()));
        for field in ["clusterGUID", "calicoVersion"] {
            let path = ["spec", field];
            if let Some(value) = cluster.and_then(|cluster| cluster.field(&path)) {
                there.set(&path, Some(value.clone()));
            }
        }
    })
    .await
}

/// Tells all of Calico to go on, or that nothing may be changed.
///
/// # Errors
/// What the datastore answers.
pub async fn set_ready(store: &dyn Datastore, ready: bool) -> Result<(), Error> {
    change(store, &|there| {
        there.set(&["spec", "datastoreReady"], Some(ready.into()));
    })
    .await
}

async fn change(store: &dyn Datastore, change: &dyn Fn(&mut Resource)) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let stored = store.get(Kind::ClusterInformation, "default").await?;
        let mut cluster = stored.clone();
        change(&mut cluster);
        if cluster == stored {
            return Ok(());
        }
        match store.update(&cluster).await {
            Ok(_) => return Ok(()),
            Err(datastore::Error::Conflict { .. }) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes IPAM's objects where they are missing.
pub async fn import_ipam(store: &dyn Datastore, ipam: &Ipam) -> Imported {
    let tasks = ipam
        .pairs()
        .map(|pair| async move { (pair, write(store, pair).await) });
    let mut done = stream::iter(tasks).buffered(AT_ONCE);
    let mut imported = Imported::default();
    while let Some((pair, result)) = done.next().await {
        match result {
            Ok(true) => imported.written += 1,
            Ok(false) => imported.unchanged += 1,
            Err(why) => imported.failures.push((pair.key.clone(), why)),
        }
    }
    imported
}

/// Whether it had to be written.
async fn write(store: &dyn Datastore, pair: &Pair) -> Result<bool, String> {
    let entry = Entry {
        key: pair.key.clone(),
        value: Vec::new(),
        revision: 0,
    };
    let value = pair.value.to_string();
    let text = |error: datastore::Error| error.to_string();
    if store.swap_entry(&entry, Some(&value)).await.map_err(text)? {
        return Ok(true);
    }
    match store.entry(&pair.key).await.map_err(text)? {
        Some(there)
            if serde_json::from_slice::<serde_json::Value>(&there.value)
                .ok()
                .as_ref()
                == Some(&pair.value) =>
        {
            Ok(false)
        }
        Some(_) => Err("is there already, with another value".into()),
        None => Err("can't be written".into()),
    }
}
