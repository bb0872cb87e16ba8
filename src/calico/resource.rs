//! A Calico v3 resource as a datastore holds it, and the kinds netdiag knows.

use serde_json::{Map, Value};

/// `apiVersion` of every v3 resource (libcalico-go `lib/apis/v3`).
pub const API_VERSION: &str = "projectcalico.org/v3";

/// The kinds netdiag reads. One row of `Kind::row` a kind; nothing else has to change for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Node,
    BgpConfiguration,
    BgpPeer,
    ClusterInformation,
    IpPool,
}

/// What is fixed about a kind.
struct Row {
    /// `kind:` in documents.
    name: &'static str,
    /// Plural, as in etcd keys (libcalico-go `lib/backend/model`).
    plural: &'static str,
    /// Names accepted on the command line, lower case (`calicoctl/resourcemgr`).
    aliases: &'static [&'static str],
}

impl Kind {
    /// Every kind, in the order in which `get` lists them.
    pub const ALL: [Self; 5] = [
        Self::Node,
        Self::BgpConfiguration,
        Self::BgpPeer,
        Self::ClusterInformation,
        Self::IpPool,
    ];

    const fn row(self) -> Row {
        match self {
            Self::Node => Row {
                name: "Node",
                plural: "nodes",
                aliases: &["node", "nodes", "no", "nos"],
            },
            Self::BgpConfiguration => Row {
                name: "BGPConfiguration",
                plural: "bgpconfigurations",
                aliases: &["bgpconfiguration", "bgpconfigurations", "bgpconfig", "bgpconfigs"],
            },
            Self::BgpPeer => Row {
                name: "BGPPeer",
                plural: "bgppeers",
                aliases: &["bgppeer", "bgppeers", "bgpp", "bgpps", "bp", "bps"],
            },
            Self::ClusterInformation => Row {
                name: "ClusterInformation",
                plural: "clusterinformations",
                aliases: &[
                    "clusterinformation",
                    "clusterinformations",
                    "clusterinfo",
                    "clusterinfos",
                ],
            },
            Self::IpPool => Row {
                name: "IPPool",
                plural: "ippools",
                aliases: &["ippool", "ippools", "ipp", "ipps", "pool", "pools"],
            },
        }
    }

    /// The kind as documents spell it, for example `BGPPeer`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The plural of etcd keys and of Kubernetes, for example `bgppeers`.
    pub const fn plural(self) -> &'static str {
        self.row().plural
    }

    /// Reads a kind as a document spells it: the case matters (calicoctl does the same).
    pub fn from_document(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reads a kind as typed on a command line: any case, singular, plural, or short.
    pub fn from_argument(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| kind.row().aliases.contains(&name.as_str()))
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One resource, whole: fields netdiag doesn't know are kept, so that a write never loses them.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub kind: Kind,
    /// The whole object: `kind`, `apiVersion`, `metadata`, `spec`, `status`. `metadata.resourceVersion` is the
    /// datastore's revision of it; a store strips it before writing.
    pub body: Map<String, Value>,
}

impl Resource {
    /// A resource of this kind and name with an empty `spec`.
    pub fn new(kind: Kind, name: &str) -> Self {
        let mut body = Map::new();
        body.insert("kind".into(), kind.name().into());
        body.insert("apiVersion".into(), API_VERSION.into());
        body.insert("metadata".into(), serde_json::json!({ "name": name }));
        body.insert("spec".into(), Value::Object(Map::new()));
        Self { kind, body }
    }

    /// Reads a resource from its JSON, checking `kind`, `apiVersion` and `metadata.name`.
    ///
    /// # Errors
    /// Says which of the three is missing or wrong.
    pub fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(body) = value else {
            return Err("not a JSON object".into());
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = Kind::from_document(text("kind")) else {
            return Err(format!("unknown kind {:?}", text("kind")));
        };
        if text("apiVersion") != API_VERSION {
            return Err(format!(
                "apiVersion is {:?}, not {API_VERSION:?}",
                text("apiVersion")
            ));
        }
        let resource = Self { kind, body };
        if resource.name().is_empty() {
            return Err("metadata.name is missing".into());
        }
        Ok(resource)
    }

    /// The field at this path, such as `["spec", "bgp", "ipv4Address"]`.
    pub fn field(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.body.get(*first)?, |value, key| value.get(key))
    }

    /// The string at this path, if it is one.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.field(path).and_then(Value::as_str)
    }

    /// `metadata.name`; empty when missing.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"]).unwrap_or_default()
    }

    /// `metadata.resourceVersion`, the revision this object was read at.
    pub fn resource_version(&self) -> Option<&str> {
        self.text(&["metadata", "resourceVersion"])
    }

    /// Sets or, with `None`, removes `metadata.resourceVersion`.
    pub fn set_resource_version(&mut self, version: Option<String>) {
        let metadata = self
            .body
            .entry("metadata")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            match version {
                Some(version) => metadata.insert("resourceVersion".into(), version.into()),
                None => metadata.remove("resourceVersion"),
            };
        }
    }
}
