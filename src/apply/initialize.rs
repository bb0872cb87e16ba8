//! What the first write to an empty datastore brings with it (libcalico-go `lib/clientv3`, `EnsureInitialized`).

use serde_json::json;

use crate::calico::kinds::BUILT_IN_TIERS;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{Datastore, random_id};

/// Creates ClusterInformation `default` and the built-in tiers where they are missing. As calicoctl, which does this
/// before it creates, applies or replaces anything, it doesn't say so when it can't.
pub async fn initialize(store: &dyn Datastore) {
    // Calico v1 had neither.
    if store.reads_v1_manifests() {
        return;
    }
    let missing = |kind: Kind, name: &'static str| async move {
        matches!(
            store.get(kind, name).await,
            Err(crate::datastore::Error::NotFound { .. })
        )
    };
    if missing(Kind::ClusterInformation, "default").await
        && let Ok(id) = random_id()
    {
        let mut cluster = Resource::new(Kind::ClusterInformation, "default");
        cluster.set(
            &["spec"],
            Some(json!({"clusterGUID": id, "datastoreReady": true})),
        );
        let _ = store.create(&cluster).await;
    }
    for (name, order, action) in BUILT_IN_TIERS {
        if missing(Kind::Tier, name).await {
            let mut tier = Resource::new(Kind::Tier, name);
            tier.set(&["spec"], Some(json!({"order": order, "defaultAction": action})));
            let _ = store.create(&tier).await;
        }
    }
}
