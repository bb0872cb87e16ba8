//! What every object has (`k8s.io/apimachinery/pkg/apis/meta/v1`), and small types that many share.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Names and their values.
pub type Labels = BTreeMap<String, String>;

/// `metadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub name: String,
    /// None for objects that live in no namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: Labels,
    /// Only those that say something of addresses and services; see `KEPT`.
    #[serde(
        default,
        deserialize_with = "kept",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: Labels,
    /// RFC 3339; set while it is being deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
}

impl Meta {
    /// The namespace; `default` where a manifest names none.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// `namespace/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace(), self.name)
    }
}

/// How the keys of kept annotations begin.
const KEPT: [&str; 4] = [
    "projectcalico.org/",
    "cni.projectcalico.org/",
    "flannel.alpha.coreos.com/",
    "service.kubernetes.io/topology",
];

fn kept<'de, D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
    let mut annotations: Labels = or_default(from)?;
    annotations.retain(|key, _| KEPT.iter().any(|start| key.starts_with(start)));
    Ok(annotations)
}

/// `null` is the same as nothing.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// A port by its number or its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PortRef {
    Number(u16),
    Name(String),
}

/// `protocol:`; TCP unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    #[serde(rename = "UDP")]
    Udp,
    #[serde(rename = "SCTP")]
    Sctp,
}

impl Protocol {
    /// IPPROTO_*.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// `tcp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}
