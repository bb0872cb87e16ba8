//! What Calico's client checks against other resources before it writes or deletes one (libcalico-go `lib/clientv3`).

use serde_json::Value;

use super::{Error, Verb, effects};
use crate::calico::checks;
use crate::calico::kinds::BUILT_IN_TIERS;
use crate::calico::resource::{Kind, Resource};
use crate::calico::stored::DEFAULT_ALLOW;
use crate::datastore::{self, Datastore};

/// Policies of these names belong to Kubernetes, and are only shown.
const KUBERNETES_POLICY: &str = "knp.default.";

fn refuse(why: impl Into<String>) -> Result<(), Error> {
    Err(Error::Refused(why.into()))
}

/// Whether users may write this resource at all.
pub(super) fn writable(resource: &Resource, verb: Verb) -> Result<(), Error> {
    let operation = match verb {
        Verb::Apply => "apply",
        Verb::Create { .. } => "create",
        Verb::Replace => "replace",
    };
    match resource.kind {
        Kind::ClusterInformation => refuse(format!(
            "operation {operation} is not supported on ClusterInformation: resource is readonly"
        )),
        Kind::NetworkPolicy if resource.name().starts_with(KUBERNETES_POLICY) => refuse(format!(
            "operation {operation} is not supported on {}: kubernetes network policies must be managed through the \
             kubernetes API",
            resource.name()
        )),
        Kind::Profile if resource.name() == DEFAULT_ALLOW => refuse(format!(
            "operation {operation} is not supported on {DEFAULT_ALLOW}: The profile {DEFAULT_ALLOW:?} is a default \
             provided by Calico and cannot be updated"
        )),
        _ => Ok(()),
    }
}

/// Whether users may delete this resource at all.
pub(super) fn deletable(kind: Kind, id: &str) -> Result<(), Error> {
    let name = id.rsplit('/').next().unwrap_or_default();
    match kind {
        Kind::ClusterInformation => refuse("operation delete is not supported on ClusterInformation"),
        Kind::NetworkPolicy if name.starts_with(KUBERNETES_POLICY) => refuse(format!(
            "operation delete is not supported on {name}: kubernetes network policies must be managed through the \
             kubernetes API"
        )),
        Kind::Profile if name == DEFAULT_ALLOW => refuse(format!(
            "operation Delete is not supported on {name}: The profile {name:?} is a default provided by Calico and \
             cannot be deleted"
        )),
        Kind::Tier if BUILT_IN_TIERS.iter().any(|(built_in, ..)| *built_in == name) => refuse(format!(
            "operation Delete is not supported on {name}: Cannot delete {name} tier"
        )),
        _ => Ok(()),
    }
}

/// Whether other resources allow this one to be deleted.
pub(super) async fn unused(store: &dyn Datastore, resource: &Resource) -> Result<(), Error> {
    if resource.kind != Kind::Tier {
        return Ok(());
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_tiered()) {
        let policies = effects::list(store, kind).await?;
        let used = |policy: &Resource| policy.text(&["spec", "tier"]).unwrap_or("default") == resource.name();
        if policies.iter().any(used) {
            let name = resource.name();
            return refuse(format!(
                "operation delete is not supported on {name}: Cannot delete a non-empty tier"
            ));
        }
    }
    Ok(())
}

/// Whether a resource fits the others that are stored.
pub(super) async fn check(
    store: &dyn Datastore,
    stored: Option<&Resource>,
    new: &Resource,
) -> Result<(), Error> {
    match (new.kind, stored) {
        (kind, None) if kind.is_tiered() => {
            let tier = new.text(&["spec", "tier"]).unwrap_or("default");
            exists(store, Kind::Tier, tier).await
        }
        (Kind::IpPool, None) => {
            no_overlap(store, new).await?;
            effects::same_block_size(store, new).await
        }
        (Kind::IpPool, Some(stored)) => same_pool(stored, new),
        (Kind::BgpPeer, _) => {
            let filters = new.field(&["spec", "filters"]).and_then(Value::as_array);
            for filter in filters.into_iter().flatten().filter_map(Value::as_str) {
                exists(store, Kind::BgpFilter, filter).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn exists(store: &dyn Datastore, kind: Kind, name: &str) -> Result<(), Error> {
    // The first write makes them, and a dry run mustn't.
    if kind == Kind::Tier && BUILT_IN_TIERS.iter().any(|(built_in, ..)| *built_in == name) {
        return Ok(());
    }
    match store.get(kind, name).await {
        Ok(_) | Err(datastore::Error::BadValue { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Addresses belong to one pool.
async fn no_overlap(store: &dyn Datastore, new: &Resource) -> Result<(), Error> {
    let cidr = |pool: &Resource| pool.text(&["spec", "cidr"]).and_then(checks::net);
    let Some(mine) = cidr(new) else { return Ok(()) };
    for other in store.list(Kind::IpPool).await?.items {
        let overlaps = |other: ipnet::IpNet| other.contains(&mine) || mine.contains(&other);
        if other.name() != new.name()
            && let Some(theirs) = cidr(&other).filter(|theirs| overlaps(*theirs))
        {
            return refuse(format!(
                "spec.cidr: IPPool({}) CIDR overlaps with IPPool({}) CIDR {theirs}",
                new.name(),
                other.name()
            ));
        }
    }
    Ok(())
}

/// Addresses that a pool has given out stay in it, and in blocks of one size.
fn same_pool(stored: &Resource, new: &Resource) -> Result<(), Error> {
    let field = |pool: &Resource, key: &str| pool.field(&["spec", key]).cloned();
    for (key, why) in [
        ("cidr", "IPPool CIDR cannot be modified"),
        ("blockSize", "IPPool BlockSize cannot be modified"),
    ] {
        if let (Some(before), Some(after)) = (field(stored, key), field(new, key))
            && before != after
        {
            return refuse(format!("spec.{key}: {why}: it is {before}"));
        }
    }
    let balances = |pool: &Resource| {
        let uses = field(pool, "allowedUses");
        uses.and_then(|uses| uses.as_array().cloned())
            .is_some_and(|uses| uses.iter().any(|value| value == "LoadBalancer"))
    };
    if balances(stored) != balances(new) {
        return refuse("spec.allowedUses: LoadBalancer can be neither added nor dropped");
    }
    Ok(())
}
