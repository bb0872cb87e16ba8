//! IPAM's own objects, under the keys and in the form that etcd has for them, so that there is one IPAM (libcalico-go
//! `lib/backend/k8s/resources/ipam_*.go`).

use serde_json::{Map, Value, json};

use crate::calico::crd::Group;
use crate::calico::hash;

const BLOCKS: &str = "/calico/ipam/v2/assignment/";
const HANDLES: &str = "/calico/ipam/v2/handle/";
const HOSTS: &str = "/calico/ipam/v2/host/";
const VIRTUAL: &str = "/calico/ipam/v2/virtual/";
const CONFIG: &str = "/calico/ipam/v2/config";

/// A kind of IPAM's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Block,
    Affinity,
    Handle,
    Config,
}

/// The fields of the configuration: in etcd, and in Kubernetes.
const CONFIG_FIELDS: [(&str, &str); 5] = [
    ("strict_affinity", "strictAffinity"),
    ("auto_allocate_blocks", "autoAllocateBlocks"),
    ("maxBlocksPerHost", "maxBlocksPerHost"),
    ("kubeVirtVMAddressPersistence", "kubeVirtVMAddressPersistence"),
    ("ipCooldownSeconds", "ipCooldownSeconds"),
];

impl Sort {
    /// Whose keys may begin with this.
    pub(super) fn of_prefix(prefix: &str) -> Vec<Self> {
        let roots = [
            (BLOCKS, Self::Block),
            (HOSTS, Self::Affinity),
            (VIRTUAL, Self::Affinity),
            (HANDLES, Self::Handle),
            (CONFIG, Self::Config),
        ];
        let mut sorts: Vec<Self> = roots
            .into_iter()
            .filter(|(root, _)| root.starts_with(prefix) || prefix.starts_with(root))
            .map(|(_, sort)| sort)
            .collect();
        sorts.dedup();
        sorts
    }

    /// Kind and plural.
    pub(super) const fn names(self, group: Group) -> (&'static str, &'static str) {
        match (self, group) {
            (Self::Block, _) => ("IPAMBlock", "ipamblocks"),
            (Self::Affinity, _) => ("BlockAffinity", "blockaffinities"),
            (Self::Handle, _) => ("IPAMHandle", "ipamhandles"),
            (Self::Config, Group::Classic) => ("IPAMConfig", "ipamconfigs"),
            (Self::Config, Group::Native) => ("IPAMConfiguration", "ipamconfigurations"),
        }
    }

    /// etcd's key and value of an object; nothing when it is being deleted, or isn't what it should be.
    pub(super) fn entry(self, object: &Value) -> Option<(String, String)> {
        let spec = object.get("spec")?.as_object()?;
        let text = |key: &str| spec.get(key).and_then(Value::as_str);
        let deleted = spec.get("deleted");
        if deleted == Some(&Value::Bool(true)) || deleted.and_then(Value::as_str) == Some("true") {
            return None;
        }
        Some(match self {
            Self::Block => (
                format!("{BLOCKS}{}", block_path(text("cidr")?)),
                Value::Object(spec.clone()).to_string(),
            ),
            Self::Affinity => {
                let root = if text("type") == Some("virtual") {
                    VIRTUAL
                } else {
                    HOSTS
                };
                let key = format!("{root}{}/{}", text("node")?, block_path(text("cidr")?));
                (
                    key,
                    json!({"state": text("state").unwrap_or_default(), "deleted": false}).to_string(),
                )
            }
            Self::Handle => {
                let block = spec.get("block").cloned().unwrap_or_else(|| json!({}));
                let value = json!({"block": block, "deleted": false});
                (format!("{HANDLES}{}", text("handleID")?), value.to_string())
            }
            Self::Config => {
                let fields = CONFIG_FIELDS.into_iter();
                let value: Map<String, Value> = fields
                    .filter_map(|(etcd, name)| Some((etcd.to_owned(), spec.get(name)?.clone())))
                    .collect();
                (CONFIG.to_owned(), Value::Object(value).to_string())
            }
        })
    }
}

/// `ipv4/block/10.0.0.0-26`.
fn block_path(cidr: &str) -> String {
    let family = if cidr.contains(':') { "ipv6" } else { "ipv4" };
    format!("{family}/block/{}", cidr.replace('/', "-"))
}

/// What a key is in Kubernetes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sort: Sort,
    /// `metadata.name`.
    pub(super) name: String,
    /// Of the spec, what the key alone says.
    fixed: Vec<(&'static str, String)>,
}

impl Place {
    /// Where the object of a key is.
    pub(super) fn of(key: &str) -> Option<Self> {
        let place = |sort, name: String, fixed| Some(Self { sort, name, fixed });
        if key == CONFIG {
            return place(Sort::Config, "default".into(), Vec::new());
        }
        if let Some(handle) = key.strip_prefix(HANDLES) {
            let fixed = vec![("handleID", handle.to_owned())];
            return place(Sort::Handle, handle.to_lowercase(), fixed);
        }
        if let Some(path) = key.strip_prefix(BLOCKS) {
            let cidr = cidr(path)?;
            return place(Sort::Block, cidr_name(&cidr), Vec::new());
        }
        let (kind, rest) = match key.strip_prefix(HOSTS) {
            Some(rest) => ("host", rest),
            None => ("virtual", key.strip_prefix(VIRTUAL)?),
        };
        let (host, path) = rest.split_once('/')?;
        let cidr = cidr(path)?;
        let name = affinity_name(host, &cidr_name(&cidr));
        let fixed = vec![
            ("node", host.to_owned()),
            ("type", kind.to_owned()),
            ("cidr", cidr),
        ];
        place(Sort::Affinity, name, fixed)
    }

    /// The spec for a value of etcd's.
    ///
    /// # Errors
    /// The value is not JSON.
    pub(super) fn spec(&self, value: &str, group: Group) -> Result<Value, String> {
        let mut value: Map<String, Value> = serde_json::from_str(value).map_err(|error| error.to_string())?;
        if self.sort == Sort::Config {
            let fields = CONFIG_FIELDS.into_iter();
            value = fields
                .filter_map(|(etcd, name)| Some((name.to_owned(), value.get(etcd)?.clone())))
                .collect();
        }
        if self.sort == Sort::Affinity && group == Group::Classic {
            value.insert("deleted".into(), "false".into());
        }
        if self.sort == Sort::Block {
            value.retain(|_, value| !value.is_null());
        }
        for (key, text) in &self.fixed {
            value.insert((*key).into(), text.clone().into());
        }
        Ok(Value::Object(value))
    }
}

/// `ipv4/block/10.0.0.0-26` as CIDR.
fn cidr(path: &str) -> Option<String> {
    let (_, block) = path.split_once("/block/")?;
    let (address, length) = block.rsplit_once('-')?;
    Some(format!("{address}/{length}"))
}

/// `10-0-0-0-26`.
fn cidr_name(cidr: &str) -> String {
    cidr.replace(['.', ':', '/'], "-")
}

/// Node and block; longer names than Kubernetes has are cut, and end with a hash.
fn affinity_name(host: &str, block: &str) -> String {
    let name = format!("{host}-{block}");
    if name.len() < 253 {
        return name;
    }
    let hash = hash::sha256(&format!("{host}+{block}"), 11);
    let kept = host.get(..252 - block.len() - 13).unwrap_or(host);
    format!("{kept}-{block}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_goes_to_etcds_form_and_back() {
        let block = json!({"cidr": "10.0.1.0/26", "affinity": "host:n1", "allocations": [null, 0], "unallocated": [0],
            "attributes": [{"handle_id": "h", "secondary": {"node": "n1"}}], "sequenceNumber": 7, "deleted": false});
        let affinity = json!({"state": "confirmed", "node": "n1", "type": "host", "cidr": "10.0.1.0/26", "deleted": "false"});
        let handle = json!({"handleID": "K8s.ABC", "block": {"10.0.1.0/26": 1}, "deleted": false});
        let config = json!({"strictAffinity": true, "autoAllocateBlocks": true, "maxBlocksPerHost": 4});
        for (sort, spec, key, name) in [
            (
                Sort::Block,
                block,
                "/calico/ipam/v2/assignment/ipv4/block/10.0.1.0-26",
                "10-0-1-0-26",
            ),
            (
                Sort::Affinity,
                affinity,
                "/calico/ipam/v2/host/n1/ipv4/block/10.0.1.0-26",
                "n1-10-0-1-0-26",
            ),
            (Sort::Handle, handle, "/calico/ipam/v2/handle/K8s.ABC", "k8s.abc"),
            (Sort::Config, config, "/calico/ipam/v2/config", "default"),
        ] {
            let (found, value) = sort.entry(&json!({"spec": spec})).unwrap();
            assert_eq!(found, key);
            let place = Place::of(key).unwrap();
            assert_eq!((place.sort, place.name.as_str()), (sort, name));
            assert_eq!(place.spec(&value, Group::Classic).unwrap(), spec);
            assert!(Sort::of_prefix(key).contains(&sort));
        }
        assert_eq!(Sort::of_prefix("/coreos.com/network/"), []);
        assert_eq!(Sort::of_prefix("/calico/ipam/v2/").len(), 4);
    }

    #[test]
    fn what_is_being_deleted_is_not_there() {
        for deleted in [json!(true), json!("true")] {
            let object = json!({"spec": {"cidr": "10.0.0.0/26", "node": "n", "deleted": deleted}});
            assert_eq!(Sort::Block.entry(&object), None);
            assert_eq!(Sort::Affinity.entry(&object), None);
        }
    }

    #[test]
    fn the_name_of_an_affinity_is_never_too_long() {
        let name = affinity_name(&"n".repeat(250), "10-0-0-0-26");
        assert!(name.len() <= 253, "{}", name.len());
        assert_ne!(name, affinity_name(&("n".repeat(249) + "m"), "10-0-0-0-26"));
    }
}
