//! A datastore as a whole, to be moved to another: what is taken along, under which names, and how it comes in
//! (`calicoctl datastore migrate`).

mod rename;
mod target;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::Error;
use crate::calico::block;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{Datastore, Entry, List};
use crate::ipam::stock::{BLOCKS, CONFIG, HANDLES, HOSTS};

pub use target::{Imported, import_ipam, is_same_cluster, lock, occupied, set_ready};

/// What is taken along, in the order that calicoctl writes it.
pub const KINDS: [Kind; 17] = [
    Kind::IpPool,
    Kind::BgpPeer,
    Kind::Tier,
    Kind::GlobalNetworkPolicy,
    Kind::StagedGlobalNetworkPolicy,
    Kind::GlobalNetworkSet,
    Kind::HostEndpoint,
    Kind::KubeControllersConfiguration,
    Kind::NetworkPolicy,
    Kind::StagedNetworkPolicy,
    Kind::StagedKubernetesNetworkPolicy,
    Kind::NetworkSet,
    Kind::Node,
    Kind::BgpConfiguration,
    Kind::FelixConfiguration,
    Kind::IpReservation,
    Kind::BgpFilter,
];

/// One of IPAM's objects, as calicoctl writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pair {
    #[serde(rename = "Key")]
    pub key: String,
    #[serde(rename = "Value")]
    pub value: Value,
    #[serde(rename = "TTL", default)]
    pub ttl: u64,
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_struct("Pair", 3)?;
        pair.serialize_field("Key", &self.key)?;
        pair.serialize_field("Value", &block::in_order(&self.key, &self.value))?;
        pair.serialize_field("TTL", &self.ttl)?;
        pair.end()
    }
}

/// All of IPAM.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ipam {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block_affinities: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Pair>,
}

impl Ipam {
    /// Every object, in the order in which they are written.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        let lists = [&self.block_affinities, &self.blocks, &self.handles];
        lists.into_iter().flatten().chain(&self.config)
    }
}

/// What a datastore holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// A list a kind of [`KINDS`], in that order.
    pub lists: Vec<(Kind, List)>,
    pub cluster: Option<Resource>,
    pub ipam: Ipam,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// Policies of these names follow from Kubernetes' own.
const KUBERNETES_POLICY: &str = "knp.default.";

/// Reads everything. Nodes get the names that Kubernetes has for them.
///
/// # Errors
/// What the datastore answers, and a value that can't be read: it would be lost.
pub async fn export(store: &dyn Datastore) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    for kind in KINDS {
        let mut list = store.list(kind).await?;
        if let Some(bad) = list.unreadable.first() {
            return Err(Error::Refused(format!("{}: {}", bad.key, bad.why)));
        }
        list.items
            .retain(|item| kind != Kind::NetworkPolicy || !item.name().starts_with(KUBERNETES_POLICY));
        list.items.iter_mut().for_each(strip);
        if kind == Kind::Tier {
            // As calicoctl lists them.
            list.items.sort_by(by_order);
        }
        contents.lists.push((kind, list));
    }
    contents.cluster = store.get(Kind::ClusterInformation, "default").await.ok();
    contents.ipam = ipam(store).await?;
    left_behind(store, &mut contents.notes).await;
    rename::to_kubernetes(&mut contents);
    Ok(contents)
}

fn by_order(one: &Resource, other: &Resource) -> std::cmp::Ordering {
    let order = |tier: &Resource| {
        let order = tier.field(&["spec", "order"]).and_then(Value::as_f64);
        order.unwrap_or(f64::INFINITY)
    };
    order(one).total_cmp(&order(other))
}

/// What the next datastore gives anew.
fn strip(resource: &mut Resource) {
    for key in ["uid", "resourceVersion", "creationTimestamp"] {
        resource.set(&["metadata", key], None);
    }
}

/// What isn't taken along is told, if Kubernetes doesn't make it anew.
async fn left_behind(store: &dyn Datastore, notes: &mut Vec<String>) {
    let own = |resource: &&Resource| {
        let name = resource.name();
        !["kns.", "ksa.", "projectcalico-default-allow"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    if let Ok(list) = store.list(Kind::Profile).await {
        let count = list.items.iter().filter(own).count();
        if count > 0 {
            notes.push(format!(
                "{count} profiles are not exported: with Kubernetes, profiles follow from namespaces and service accounts"
            ));
        }
    }
    if let Ok(list) = store.list(Kind::WorkloadEndpoint).await {
        let of_others = |endpoint: &&Resource| endpoint.text(&["spec", "orchestrator"]) != Some("k8s");
        let count = list.items.iter().filter(of_others).count();
        if count > 0 {
            notes.push(format!(
                "{count} workload endpoints are of no pod, and not exported: Kubernetes' endpoints follow from pods"
            ));
        }
    }
}

async fn ipam(store: &dyn Datastore) -> Result<Ipam, Error> {
    let mut ipam = Ipam::default();
    for entry in store.entries(HOSTS).await? {
        // Without a block, it is the marker of a host.
        if entry.key.contains("/block/") {
            let mut pair = pair(&entry)?;
            if pair.value.is_null() {
                pair.value = json!({"state": "confirmed", "deleted": false});
            }
            ipam.block_affinities.push(pair);
        }
    }
    for prefix in BLOCKS {
        for entry in store.entries(prefix).await? {
            ipam.blocks.push(pair(&entry)?);
        }
    }
    for entry in store.entries(HANDLES).await? {
        ipam.handles.push(pair(&entry)?);
    }
    ipam.config = match store.entry(CONFIG).await? {
        Some(entry) => Some(pair(&entry)?),
        None => None,
    };
    Ok(ipam)
}

fn pair(entry: &Entry) -> Result<Pair, Error> {
    let value = if entry.value.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&entry.value)
            .map_err(|error| Error::Refused(format!("{}: not JSON: {error}", entry.key)))?
    };
    Ok(Pair {
        key: entry.key.clone(),
        value,
        ttl: 0,
    })
}
