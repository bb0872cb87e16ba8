//! What each kind looks like: its fields in the order of Calico's structures, what must fit together, what is filled
//! in, and the columns of `get`. A file a kind or family (api `pkg/apis/projectcalico/v3`, libcalico-go
//! `lib/apis/internalapi`, `calicoctl/resourcemgr`).

mod bgp;
mod bgp_filter;
mod cluster;
mod columns;
mod controllers;
mod endpoint;
mod felix;
mod felix_fields;
mod metadata;
pub(super) mod node;
mod policy;
mod pool;
mod rule;
mod sets;
mod staged_kubernetes;
mod tier;
mod workload;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::kind::Kind;
use super::resource::Resource;
use super::schema::{self, Ordered, Shape};

pub(super) use pool::pool_defaults;
pub use tier::BUILT_IN as BUILT_IN_TIERS;

pub use columns::{Column, Inherited, UnknownColumn};
pub(super) use metadata::{LIST, PLAIN as ANY_METADATA};

/// The table of a kind.
struct Definition {
    shape: &'static Shape,
    /// Every column there is, by heading; `NAMESPACE` is there for every kind that has namespaces.
    columns: &'static [Column],
    ps: &'static [&'static str],
    /// Nothing: as `ps`.
    wide: &'static [&'static str],
    /// Fills in what Calico's client fills in before it writes (libcalico-go `lib/clientv3`).
    defaults: fn(&mut Resource),
}

/// Most kinds have no defaults.
fn none(_: &mut Resource) {}

const fn definition(kind: Kind) -> &'static Definition {
    match kind {
        Kind::Node => &node::DEFINITION,
        Kind::BgpConfiguration => &bgp::CONFIGURATION,
        Kind::BgpFilter => &bgp_filter::DEFINITION,
        Kind::BgpPeer => &bgp::PEER,
        Kind::CalicoNodeStatus => &cluster::NODE_STATUS,
        Kind::ClusterInformation => &cluster::INFORMATION,
        Kind::FelixConfiguration => &felix::DEFINITION,
        Kind::GlobalNetworkPolicy => &policy::GLOBAL,
        Kind::GlobalNetworkSet => &sets::GLOBAL_SET,
        Kind::HostEndpoint => &endpoint::DEFINITION,
        Kind::IpamConfiguration => &pool::IPAM,
        Kind::IpPool => &pool::POOL,
        Kind::IpReservation => &pool::RESERVATION,
        Kind::KubeControllersConfiguration => &controllers::DEFINITION,
        Kind::NetworkPolicy => &policy::NAMESPACED,
        Kind::NetworkSet => &sets::SET,
        Kind::Profile => &sets::PROFILE,
        Kind::StagedGlobalNetworkPolicy => &policy::STAGED_GLOBAL,
        Kind::StagedKubernetesNetworkPolicy => &staged_kubernetes::DEFINITION,
        Kind::StagedNetworkPolicy => &policy::STAGED,
        Kind::Tier => &tier::DEFINITION,
        Kind::WorkloadEndpoint => &workload::DEFINITION,
    }
}

/// The shape of documents of this kind.
pub fn shape(kind: Kind) -> &'static Shape {
    definition(kind).shape
}

/// The value of a resource, to be written with its fields in Calico's order.
pub fn ordered(kind: Kind, value: &Value) -> Ordered<'_> {
    let shape = shape(kind);
    Ordered { shape, value }
}

/// A resource that is written with its fields in Calico's order.
pub struct InOrder<'a>(pub &'a Resource);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Resource { kind, body } = self.0;
        schema::serialize_ordered(shape(*kind), body, serializer)
    }
}

/// Fills in what Calico's own client fills in before it writes a resource: defaults, and fields of the spec that are
/// always there.
pub fn prepare(resource: &mut Resource) {
    (definition(resource.kind).defaults)(resource);
    let spec = shape(resource.kind)
        .fields()
        .iter()
        .find(|field| field.name == "spec");
    if let (Some(field), Some(spec)) = (spec, resource.body.get_mut("spec")) {
        schema::complete(&field.shape, spec);
    }
}

#[cfg(test)]
mod tests;
