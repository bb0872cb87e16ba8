//! What a check says: findings, each with its evidence and its fix.

use serde::Serialize;

use super::session::Cause;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Traffic is lost.
    Error,
    /// Traffic may be lost, or will be after the next change.
    Warning,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One fact that a finding rests on, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// For example `Node(node1) spec.bgp.ipv4Address` or `ip neigh on node1`.
    pub source: String,
    pub text: String,
}

impl Evidence {
    pub fn new(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            text: text.into(),
        }
    }
}

/// What mends it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fix {
    /// What to do, a line a step.
    pub steps: Vec<String>,
    /// The field that has to change, for `netdiag apply -f`.
    pub change: Option<Change>,
}

/// One field of a Node object, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub node: String,
    /// A field of `spec.bgp`, for example `ipv4Address`.
    pub bgp_field: &'static str,
    /// What is stored now.
    pub from: String,
    pub value: String,
    /// How the right value is known.
    pub why: String,
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The check's id in the catalogue, for example `A01`.
    pub code: &'static str,
    pub severity: Severity,
    /// The node it is about.
    pub node: String,
    pub title: String,
    /// Why the session is down, when it is about one.
    pub cause: Option<Cause>,
    /// Seen on the node itself; otherwise judged from other nodes.
    pub certain: bool,
    pub evidence: Vec<Evidence>,
    pub fix: Fix,
}

/// All that a check found, and what it could not see.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// What was looked at, a line each.
    pub seen: Vec<String>,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
    /// Without it nothing can be said: no datastore and no BIRD, for example.
    pub undecidable: Option<String>,
    /// Worth knowing, but no fault.
    pub notes: Vec<String>,
    /// Settings of calico-node that keep the mended addresses (`IP_AUTODETECTION_METHOD=…`).
    pub settings: Vec<String>,
}
