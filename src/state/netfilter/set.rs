//! Named sets, maps and flowtables of nftables.

use serde::{Deserialize, Serialize};

use super::Counters;
use super::expr::Expr;
use crate::state::link::is_default;

/// A set or map of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Set {
    pub name: Box<str>,
    /// Types of the key's parts by nft's names: `ipv4_addr`, `inet_service`.
    pub key: Vec<Box<str>>,
    /// A map: the type of its values; `verdict` of a verdict map. Several for a concatenation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub flags: SetFlags,
    /// Seconds that an element without its own stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Element>,
}

/// NFT_SET_*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetFlags {
    #[serde(skip_serializing_if = "is_default")]
    pub constant: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub interval: bool,
    /// Elements go by themselves.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: bool,
    /// Rules add elements.
    #[serde(skip_serializing_if = "is_default")]
    pub dynamic: bool,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Element {
    pub key: Expr,
    /// Of a map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Expr>,
    /// Seconds it stays, and seconds left of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
}

/// What forwards known connections past the chains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flowtable {
    pub name: Box<str>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Box<str>>,
}
