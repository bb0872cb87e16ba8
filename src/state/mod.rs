//! Typed facts of one node and of a cluster: what *is*. No I/O, no opinions.
//!
//! Every fact is [`Fact::Known`] or [`Fact::Absent`] with the reason, so that a check can say what it could not see.

pub mod bird;
pub mod cni;
pub mod conntrack;
pub mod cri;
pub mod docker;
pub mod hosts;
pub mod ipset;
pub mod ipvs;
pub mod json;
pub mod kernel;
pub mod kind;
pub mod link;
pub mod machine;
pub mod managers;
pub mod namespace;
pub mod neighbor;
pub mod netfilter;
pub mod netns;
pub mod ovs;
pub mod process;
pub mod recent;
pub mod route;
pub mod rule;
pub mod snapshot;
pub mod socket;

use serde::{Deserialize, Serialize};

pub use namespace::Namespace;
pub use netns::Netns;
pub use snapshot::{NodeState, Objects, Snapshot};

/// Something that was read, or the reason why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    Known(T),
    Absent {
        why: String,
        #[serde(default)]
        absence: Absence,
    },
}

/// How a fact came to be absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Absence {
    /// It is not known whether there is anything to read.
    #[default]
    Unknown,
    /// There is nothing: no such file, nobody listens.
    Missing,
    /// There is something, and it could not be read: no permission, no answer, a wrong one.
    Unreadable,
}

impl<T> Fact<T> {
    /// An absent fact with its reason.
    pub fn absent(why: impl Into<String>) -> Self {
        Self::absent_as(Absence::Unknown, why)
    }

    /// An absent fact with its reason, and what that means.
    pub fn absent_as(absence: Absence, why: impl Into<String>) -> Self {
        Self::Absent {
            why: why.into(),
            absence,
        }
    }

    /// How it is absent, if it is.
    pub const fn absence(&self) -> Option<Absence> {
        match self {
            Self::Known(_) => None,
            Self::Absent { absence, .. } => Some(*absence),
        }
    }

    /// The value, if it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent { .. } => None,
        }
    }

    /// The reason, if it is absent.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Absent { why, .. } => Some(why),
        }
    }
}

impl<T> Fact<Vec<T>> {
    /// The items; none when absent.
    pub fn items(&self) -> &[T] {
        self.known().map_or(&[], Vec::as_slice)
    }
}

impl<T> Default for Fact<T> {
    /// Not collected: what a snapshot of an older release lacks.
    fn default() -> Self {
        Self::absent("not collected")
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Fact<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(error) => Self::absent(error.to_string()),
        }
    }
}
