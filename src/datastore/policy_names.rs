//! Under which names policies are stored: that depends on the cluster's release (libcalico-go `lib/names`).

use crate::calico::kind::Kind;
use crate::calico::release::Release;
use crate::calico::resource::Resource;
use crate::calico::stored;

/// The same resource under another name.
pub(super) fn with_name(id: &str, name: &str) -> String {
    match id.rsplit_once('/') {
        Some((namespace, _)) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Under which names a resource may be stored: policies of the default tier had a prefix until Calico 3.32.
pub(super) fn stored_ids(kind: Kind, id: &str) -> Vec<String> {
    let mut ids = vec![id.to_owned()];
    let name = id.rsplit('/').next().unwrap_or_default();
    if kind.is_tiered() && !name.starts_with("default.") {
        ids.push(with_name(id, &format!("default.{name}")));
    }
    ids
}

/// Whether a cluster's release stores policies under their tier's name; without a cluster, the newest form counts.
pub(super) fn tiers_in_names(cluster: Option<&Resource>) -> bool {
    let version = cluster.and_then(|cluster| cluster.text(&["spec", "calicoVersion"]));
    version
        .and_then(|version| version.parse().ok())
        .is_some_and(|release: Release| release < Release::new(3, 32, 0))
}

/// The name to store a new resource under.
pub(super) fn new_name(new: &Resource, tiers_in_names: bool) -> String {
    if new.kind.is_tiered() && tiers_in_names {
        return stored::name_with_tier(new);
    }
    new.name().to_owned()
}
