//! The report of `ipam check -o FILE`, in calicoctl's form: `ipam release --from-report` reads either's.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{Findings, Problem};
use super::stock::Stock;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub version: String,
    #[serde(rename = "clusterGUID")]
    pub cluster_guid: String,
    pub datastore_locked: bool,
    pub cluster_information_revision: String,
    pub cluster_type: String,
    /// By address.
    pub allocations: BTreeMap<String, Vec<Entry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaked_handles: Option<Vec<Handle>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    pub ip: String,
    pub handle: String,
    pub sequence_number: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub creation_timestamp: String,
    pub in_use: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub borrowed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cooling_down: bool,
    pub owners: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handle {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "UID")]
    pub uid: Option<String>,
    #[serde(rename = "Revision")]
    pub revision: String,
}

impl Report {
    pub fn new(stock: &Stock, findings: &Findings, version: &str) -> Self {
        let cluster = |path: &[&str]| {
            let cluster = stock.cluster.as_ref();
            cluster
                .and_then(|cluster| cluster.text(path))
                .unwrap_or_default()
                .to_owned()
        };
        let ready = stock
            .cluster
            .as_ref()
            .and_then(|cluster| cluster.field(&["spec", "datastoreReady"]));
        let mut allocations: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for block in &stock.blocks {
            let affinity = block.host();
            for allocation in block.allocations() {
                let attribute = allocation.attribute;
                let text = |key: &str| attribute.get(key).unwrap_or_default().to_owned();
                let node = attribute.get("node");
                let owners = findings.owners.get(&allocation.ip).cloned();
                allocations
                    .entry(allocation.ip.to_string())
                    .or_default()
                    .push(Entry {
                        ip: allocation.ip.to_string(),
                        handle: attribute.handle.clone().unwrap_or_default(),
                        sequence_number: allocation.sequence_number,
                        pod: text("pod"),
                        namespace: text("namespace"),
                        node: text("node"),
                        kind: text("type"),
                        creation_timestamp: text("timestamp"),
                        in_use: owners.is_some() || attribute.is_reserved(),
                        borrowed: node.is_some() && affinity.is_some() && node != affinity,
                        cooling_down: attribute.released_at.is_some(),
                        owners,
                    });
            }
        }
        let revisions: HashMap<&str, i64> = stock
            .handles
            .iter()
            .map(|(handle, revision)| (handle.as_str(), *revision))
            .collect();
        let handle = |problem: &Problem| match problem {
            Problem::EmptyHandle { handle } => Some(Handle {
                id: handle.clone(),
                uid: None,
                revision: revisions.get(handle.as_str()).map(i64::to_string)?,
            }),
            _ => None,
        };
        let leaked: Vec<Handle> = findings.empty_handles.iter().filter_map(handle).collect();
        Self {
            version: version.to_owned(),
            cluster_guid: cluster(&["spec", "clusterGUID"]),
            datastore_locked: ready == Some(&Value::Bool(false)),
            cluster_information_revision: cluster(&["metadata", "resourceVersion"]),
            cluster_type: cluster(&["spec", "clusterType"]),
            allocations,
            leaked_handles: (!leaked.is_empty()).then_some(leaked),
        }
    }

    /// Addresses that nobody used when it was made.
    pub fn leaked(&self) -> BTreeMap<IpAddr, &Entry> {
        let entries = self.allocations.values().flatten();
        entries
            .filter(|entry| !entry.in_use && !entry.cooling_down)
            .filter_map(|entry| Some((entry.ip.parse().ok()?, entry)))
            .collect()
    }
}

/// Addresses that are leaked in all reports, as the same allocation each time.
pub fn leaked_in_all(reports: &[Report]) -> BTreeMap<IpAddr, &Entry> {
    let Some((first, rest)) = reports.split_first() else {
        return BTreeMap::new();
    };
    let mut leaked = first.leaked();
    for report in rest {
        let also = report.leaked();
        leaked.retain(|ip, entry| {
            also.get(ip).is_some_and(|other| {
                other.handle == entry.handle && other.sequence_number == entry.sequence_number
            })
        });
    }
    leaked
}
