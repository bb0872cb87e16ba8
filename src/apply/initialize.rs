//! What the first write to an empty datastore brings with it (libcalico-go `lib/clientv3`, `EnsureInitialized`).

use futures_util::future::join_all;
use serde_json::json;

use crate::calico::kinds::BUILT_IN_TIERS;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore, random_id};

/// Creates ClusterInformation `default` and the built-in tiers where they are missing. As calicoctl, which does this
/// before it creates, applies or replaces anything, it doesn't say so when it can't.
pub async fn initialize(store: &dyn Datastore) {
    // Calico v1 had neither.
    if store.reads_v1_manifests() {
        return;
    }
    let mut wanted = vec![Resource::new(Kind::ClusterInformation, "default")];
    wanted.extend(BUILT_IN_TIERS.map(|(name, order, action)| {
        let mut tier = Resource::new(Kind::Tier, name);
        tier.set(&["spec"], Some(json!({"order": order, "defaultAction": action})));
        tier
    }));
    join_all(wanted.into_iter().map(|resource| ensure(store, resource))).await;
}

/// Creates a resource if it is missing.
async fn ensure(store: &dyn Datastore, mut resource: Resource) {
    let there = store.get(resource.kind, &resource.id()).await;
    if !matches!(there, Err(datastore::Error::NotFound { .. })) {
        return;
    }
    if resource.kind == Kind::ClusterInformation {
        let Ok(id) = random_id() else { return };
        resource.set(
            &["spec"],
            Some(json!({"clusterGUID": id, "datastoreReady": true})),
        );
    }
    let _ = store.create(&resource).await;
}
