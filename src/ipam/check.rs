//! What in IPAM doesn't fit together, or what its users have (calicoctl `commands/ipam/check.go`). Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::block::Allocation;
use super::stock::{Owner, Stock};

/// Something that doesn't fit. Each is one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Given out, but nobody uses it.
    Leaked {
        ip: IpAddr,
        attributes: String,
        node: Option<String>,
        since: Option<String>,
    },
    SeveralOwners {
        ip: IpAddr,
        owners: Vec<Owner>,
    },
    /// In use, but no pool has it, or only a disabled one.
    NoPool {
        ip: IpAddr,
        owner: Owner,
    },
    /// In use and in a pool, but not given out.
    NotAllocated {
        ip: IpAddr,
        owner: Owner,
    },
    /// A handle without any address.
    EmptyHandle {
        handle: String,
    },
    /// A handle that addresses name, but that isn't there.
    MissingHandle {
        handle: String,
    },
    InvalidBlock {
        block: String,
        why: String,
    },
    /// A block that belongs to a node that isn't there.
    NoNode {
        block: String,
        node: String,
    },
    /// A node's claim to a block that isn't there, or is another's.
    StaleAffinity {
        block: String,
        node: String,
    },
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaked { ip, attributes, .. } => write!(f, "{ip} leaked; attrs {attributes}"),
            Self::SeveralOwners { ip, owners } => {
                write!(f, "{ip} has multiple owners: {}", owners.join(", "))
            }
            Self::NoPool { ip, owner } => write!(f, "{ip} in use by {owner} is not in any active IP pool."),
            Self::NotAllocated { ip, owner } => write!(
                f,
                "{ip} in use by {owner} and in active IPAM pool but has no IPAM allocation."
            ),
            Self::EmptyHandle { handle } => write!(f, "{handle} doesn't have any active IPs."),
            Self::MissingHandle { handle } => write!(f, "{handle} is in use in a block but doesn't exist."),
            Self::InvalidBlock { block, why } => write!(f, "IPAMBlock {block} is invalid: {why}"),
            Self::NoNode { block, node } => {
                write!(f, "{block} belongs to {node}, but there is no such node.")
            }
            Self::StaleAffinity { block, node } => {
                write!(
                    f,
                    "{node} claims {block}, but that block isn't there or not its own."
                )
            }
        }
    }
}

/// The result: owners of all addresses in use, and the problems by sort.
#[derive(Debug, Default)]
pub struct Findings {
    pub owners: HashMap<IpAddr, Vec<Owner>>,
    /// How many addresses each node has been given.
    pub by_node: BTreeMap<String, usize>,
    pub handles_with_addresses: usize,
    pub cooling_down: usize,
    pub leaked: Vec<Problem>,
    pub several_owners: Vec<Problem>,
    pub no_pool: Vec<Problem>,
    pub not_allocated: Vec<Problem>,
    pub empty_handles: Vec<Problem>,
    pub missing_handles: Vec<Problem>,
    pub invalid_blocks: Vec<Problem>,
    pub wrong_affinities: Vec<Problem>,
}

impl Findings {
    /// Whether an address that is given out is used by nobody.
    pub fn is_leaked(&self, allocation: Allocation<'_>) -> bool {
        let attribute = allocation.attribute;
        let used = self.owners.contains_key(&allocation.ip);
        !used && !attribute.is_reserved() && attribute.released_at.is_none()
    }

    /// All of them.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        [
            &self.leaked,
            &self.several_owners,
            &self.no_pool,
            &self.not_allocated,
            &self.empty_handles,
            &self.missing_handles,
            &self.invalid_blocks,
            &self.wrong_affinities,
        ]
        .into_iter()
        .flatten()
    }
}

/// Holds everything against everything.
pub fn check(stock: &Stock) -> Findings {
    let mut findings = Findings::default();
    let services = stock.services.iter().flatten();
    for (ip, owner) in stock.tunnels.iter().chain(&stock.workloads).chain(services) {
        findings.owners.entry(*ip).or_default().push(owner.clone());
    }
    let mut by_node: HashMap<&str, usize> = HashMap::new();
    let mut allocated: HashSet<IpAddr> = HashSet::with_capacity(stock.workloads.len());
    let mut named: HashSet<&str> = HashSet::with_capacity(stock.handles.len());
    for block in &stock.blocks {
        for allocation in block.allocations() {
            let attribute = allocation.attribute;
            allocated.insert(allocation.ip);
            if attribute.is_reserved() {
                continue;
            }
            named.extend(attribute.handle.as_deref());
            if let Some(node) = attribute.get("node") {
                *by_node.entry(node).or_default() += 1;
            }
            if attribute.released_at.is_some() {
                findings.cooling_down += 1;
            }
            if findings.is_leaked(allocation) {
                findings.leaked.push(Problem::Leaked {
                    ip: allocation.ip,
                    attributes: attribute.describe(),
                    node: attribute.get("node").map(str::to_owned),
                    since: attribute.get("timestamp").map(str::to_owned),
                });
            }
        }
        let name = block.cidr.to_string();
        for why in block.faults() {
            let block = name.clone();
            findings.invalid_blocks.push(Problem::InvalidBlock { block, why });
        }
        if let Some(node) = block.host()
            && !stock.nodes.contains(node)
        {
            let node = node.to_owned();
            findings
                .wrong_affinities
                .push(Problem::NoNode { block: name, node });
        }
    }
    findings.by_node = by_node
        .into_iter()
        .map(|(node, count)| (node.to_owned(), count))
        .collect();
    in_use(stock, &allocated, &mut findings);
    handles(stock, &named, &mut findings);
    let owned: HashMap<_, _> = stock
        .blocks
        .iter()
        .filter_map(|block| Some((block.cidr, block.host()?)))
        .collect();
    for (node, cidr) in &stock.affinities {
        if owned.get(cidr) != Some(&node.as_str()) {
            findings.wrong_affinities.push(Problem::StaleAffinity {
                block: cidr.to_string(),
                node: node.clone(),
            });
        }
    }
    findings
}

/// Addresses that somebody uses, in order.
fn in_use(stock: &Stock, allocated: &HashSet<IpAddr>, findings: &mut Findings) {
    let mut used: Vec<_> = findings.owners.iter().collect();
    used.sort_unstable();
    let (mut several, mut no_pool, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for (ip, owners) in used {
        let ip = *ip;
        if owners.iter().any(|owner| Some(owner) != owners.first()) {
            let owners = owners.clone();
            several.push(Problem::SeveralOwners { ip, owners });
        }
        let owner = || owners.first().cloned().unwrap_or_default();
        let pool = stock.pool_of(ip);
        if allocated.contains(&ip) {
            // A disabled pool gives no new ones out; those that are out are right.
            if pool.is_none() {
                no_pool.push(Problem::NoPool { ip, owner: owner() });
            }
        } else if pool.is_some_and(|pool| !pool.disabled) {
            missing.push(Problem::NotAllocated { ip, owner: owner() });
        } else {
            no_pool.push(Problem::NoPool { ip, owner: owner() });
        }
    }
    (findings.several_owners, findings.no_pool, findings.not_allocated) = (several, no_pool, missing);
}

fn handles(stock: &Stock, named: &HashSet<&str>, findings: &mut Findings) {
    // Kubernetes knows names in lower case only.
    let lower: HashSet<Cow<'_, str>> = named.iter().map(|name| lower_case(name)).collect();
    let mut there: HashSet<&str> = HashSet::with_capacity(stock.handles.len());
    for (handle, _) in &stock.handles {
        there.insert(handle);
        if lower.contains(&lower_case(handle)) {
            findings.handles_with_addresses += 1;
        } else {
            let handle = handle.clone();
            findings.empty_handles.push(Problem::EmptyHandle { handle });
        }
    }
    let mut missing: Vec<&str> = named.difference(&there).copied().collect();
    missing.sort_unstable();
    let missing = missing.into_iter().map(|handle| Problem::MissingHandle {
        handle: handle.to_owned(),
    });
    findings.missing_handles.extend(missing);
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests;
