//! Kubernetes' ObjectMeta, and the parts that all kinds share.

use super::super::checks::filled;
use super::super::names;
use super::super::schema::{Check, Field, Shape};

/// A list of resources, `NodeList` or v1 `nodeList`; the items are read one by one.
pub(crate) static LIST: Shape = Shape::Object(&[
    Field::required("apiVersion", Shape::Ignored),
    Field::required("kind", Shape::Ignored),
    Field::optional("metadata", Shape::Ignored),
    Field::required("items", Shape::Ignored),
]);

pub(super) const KIND: Field = Field::optional("kind", Shape::Ignored);
pub(super) const API_VERSION: Field = Field::optional("apiVersion", Shape::Ignored);

/// Metadata of most kinds.
pub(crate) const PLAIN: &[Field] = &with_name(names::check_name);
pub(super) const OF_TIER: &[Field] = &with_name(names::check_tier_name);
pub(super) const OF_NETWORK_POLICY: &[Field] = &with_name(names::check_network_policy_name);
pub(super) const OF_GLOBAL_POLICY: &[Field] = &with_name(names::check_global_policy_name);

/// The name of a workload's endpoint follows from its spec, and may be left out.
pub(super) const OF_WORKLOAD: &[Field] = &{
    let mut fields = with_name(names::check_name);
    fields[0] = Field::optional("name", Shape::Text(names::check_name));
    fields
};

/// What a client may set is kept; what a server fills in (a file made by `get -o yaml` has it) is accepted and
/// dropped.
const fn with_name(check: Check) -> [Field; 15] {
    [
        Field::required("name", Shape::Text(check)),
        Field::optional("generateName", Shape::Ignored),
        Field::optional("namespace", Shape::Text(names::check_name)),
        Field::optional("selfLink", Shape::Ignored),
        Field::optional("uid", Shape::Ignored),
        Field::optional("resourceVersion", Shape::Text(filled)),
        Field::optional("generation", Shape::Ignored),
        Field::optional("creationTimestamp", Shape::Ignored),
        Field::optional("deletionTimestamp", Shape::Ignored),
        Field::optional("deletionGracePeriodSeconds", Shape::Ignored),
        Field::optional("labels", Shape::Labels),
        Field::optional("annotations", Shape::Annotations),
        Field::optional("ownerReferences", Shape::Ignored),
        Field::optional("finalizers", Shape::Ignored),
        Field::optional("managedFields", Shape::Ignored),
    ]
}

/// `status.conditions` of Kubernetes.
pub(super) const CONDITIONS: &[Field] = &[Field::optional(
    "conditions",
    Shape::List(&Shape::Object(&[
        Field::optional("type", Shape::Any),
        Field::optional("status", Shape::Any),
        Field::optional("observedGeneration", Shape::Any),
        Field::optional("lastTransitionTime", Shape::Any),
        Field::optional("reason", Shape::Any),
        Field::optional("message", Shape::Any),
    ])),
)];
