//! A block of addresses, read (libcalico-go `lib/backend/model/block.go`, `lib/ipam/ipam_block.go`).

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::facts::{Facts, or_none};

/// Whose addresses are taken before anybody asks: Windows nodes can't use some of each block.
const RESERVED_BY_WINDOWS: &str = "windows-reserved-ipam-handle";

/// The value of a block's key. Ordinals count addresses from the first of the block.
#[derive(Debug, Clone, Deserialize)]
pub struct Block {
    pub cidr: IpNet,
    #[serde(default)]
    affinity: Option<String>,
    #[serde(default, rename = "hostAffinity")]
    host_affinity: Option<String>,
    /// By ordinal: which of `attributes`, if the address is given out.
    #[serde(default)]
    allocations: Vec<Option<usize>>,
    /// Free ordinals, in the order in which they are given out.
    #[serde(default)]
    unallocated: Vec<usize>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default, rename = "sequenceNumberForAllocation")]
    sequence_numbers: HashMap<String, u64>,
}

/// Who has an address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Attribute {
    #[serde(rename = "handle_id")]
    pub handle: Option<String>,
    /// `pod`, `namespace`, `node`, `type`, `timestamp` …
    #[serde(default, deserialize_with = "or_none")]
    pub secondary: Facts,
    /// Set while the address is cooling down.
    #[serde(default, rename = "releasedAt")]
    pub released_at: Option<String>,
    #[serde(default, rename = "alternateOwnerAttrs", deserialize_with = "or_none")]
    pub alternate: Facts,
}

/// One address that is given out.
#[derive(Debug, Clone, Copy)]
pub struct Allocation<'a> {
    pub ip: IpAddr,
    pub attribute: &'a Attribute,
    /// The block's number at the time: an address given out again has another one.
    pub sequence_number: Option<u64>,
}

impl Attribute {
    /// A fact about the owner, such as `node`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.secondary.get(key)
    }

    /// Whether nobody but IPAM itself holds the address.
    pub fn is_reserved(&self) -> bool {
        self.handle.as_deref() == Some(RESERVED_BY_WINDOWS)
    }

    /// `Main:k8s-pod-network.x Extra:node=n1,pod=p`, as calicoctl prints it.
    pub fn describe(&self) -> String {
        let extra: Vec<String> = self
            .secondary
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let main = self.handle.as_deref().unwrap_or("<none>");
        format!("Main:{main} Extra:{}", extra.join(","))
    }
}

impl Block {
    /// `host:node-1`, `virtual:load-balancer`; nothing for a block that belongs to nobody.
    pub fn affinity(&self) -> Option<String> {
        let old = self.host_affinity.as_ref().map(|host| format!("host:{host}"));
        self.affinity
            .clone()
            .filter(|affinity| !affinity.is_empty())
            .or(old)
    }

    /// The node it belongs to.
    pub fn host(&self) -> Option<&str> {
        let host = self
            .affinity
            .as_deref()
            .and_then(|affinity| affinity.strip_prefix("host:"));
        host.or(self.host_affinity.as_deref())
    }

    /// How many addresses it has.
    pub fn size(&self) -> usize {
        self.allocations.len()
    }

    /// How many are given out.
    pub fn used(&self) -> usize {
        self.allocations.iter().flatten().count()
    }

    /// Every address that is given out.
    pub fn allocations(&self) -> impl Iterator<Item = Allocation<'_>> {
        let taken = self.allocations.iter().enumerate();
        taken.filter_map(|(ordinal, index)| {
            Some(Allocation {
                ip: self.address(ordinal)?,
                attribute: self.attributes.get((*index)?)?,
                sequence_number: self.sequence_number(ordinal),
            })
        })
    }

    /// Who has this address; nobody, if it isn't given out or not of this block.
    pub fn allocation(&self, ip: IpAddr) -> Option<Allocation<'_>> {
        if !self.cidr.contains(&ip) {
            return None;
        }
        self.allocations().find(|allocation| allocation.ip == ip)
    }

    fn sequence_number(&self, ordinal: usize) -> Option<u64> {
        if self.sequence_numbers.is_empty() {
            return None;
        }
        self.sequence_numbers.get(&ordinal.to_string()).copied()
    }

    fn address(&self, ordinal: usize) -> Option<IpAddr> {
        match self.cidr.network() {
            IpAddr::V4(first) => {
                let offset = u32::try_from(ordinal).ok()?;
                Some(IpAddr::V4(u32::from(first).checked_add(offset)?.into()))
            }
            IpAddr::V6(first) => {
                let offset = u128::try_from(ordinal).ok()?;
                Some(IpAddr::V6(u128::from(first).checked_add(offset)?.into()))
            }
        }
    }

    /// What in it can't be.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut used = vec![false; self.attributes.len()];
        for (ordinal, index) in self.allocations.iter().enumerate() {
            match index.map(|index| (index, used.get_mut(index))) {
                Some((_, Some(used))) => *used = true,
                Some((index, None)) => {
                    faults.push(format!(
                        "ordinal {ordinal} has attribute {index}, which isn't there"
                    ));
                }
                None => {}
            }
        }
        let unused = used.iter().filter(|used| !**used).count();
        if unused > 0 {
            faults.push(format!("{unused} attributes are nobody's"));
        }
        let mut free = vec![false; self.allocations.len()];
        for ordinal in &self.unallocated {
            match (self.allocations.get(*ordinal), free.get_mut(*ordinal)) {
                (Some(Some(_)), _) => faults.push(format!("ordinal {ordinal} is both free and given out")),
                (Some(None), Some(free)) if !*free => *free = true,
                (Some(None), _) => faults.push(format!("ordinal {ordinal} is twice among the free ones")),
                (None, _) => faults.push(format!("ordinal {ordinal} is out of range")),
            }
        }
        let lost = self.size() - self.used() - free.iter().filter(|free| **free).count();
        if lost > 0 {
            faults.push(format!("{lost} addresses are neither free nor given out"));
        }
        faults
    }
}
