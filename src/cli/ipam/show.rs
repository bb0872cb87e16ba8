//! `netdiag ipam show`.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;

use super::address;
use crate::cli::format::Format;
use crate::cli::{Context, Error, Outcome};
use crate::datastore::Datastore;
use crate::ipam::block::Block;
use crate::ipam::facts::Facts;
use crate::ipam::stock::Stock;
use crate::output::table;

/// Show how many addresses pools and blocks have left, or who has an address
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who has this address
    #[arg(long, value_name = "IP")]
    ip: Option<String>,
    /// Blocks of each pool as well
    #[arg(long)]
    show_blocks: bool,
    /// Addresses that a node has of another node's block
    #[arg(long)]
    show_borrowed: bool,
    /// Settings of IPAM
    #[arg(long)]
    show_configuration: bool,
    /// How many addresses and blocks each node has
    #[arg(long)]
    show_nodes: bool,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A pool or a block, and how many of its addresses are left.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    grouping: &'static str,
    cidr: String,
    total: u128,
    in_use: usize,
    cooling_down: usize,
    reserved: u128,
    free: u128,
}

/// An address of a node in another's block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Borrowed {
    ip: String,
    borrowing_node: String,
    block: String,
    block_owner: String,
    #[serde(rename = "type")]
    kind: String,
    allocated_to: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfNode {
    node: String,
    blocks: usize,
    addresses: usize,
    borrowed: usize,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let store = crate::cli::datastore::open(cx)?;
        if let Some(text) = &self.ip {
            let ip = address(text)?;
            let stock = cx.block_on(Stock::blocks_and_pools(&*store))?;
            return self.owner(cx, &stock, ip);
        }
        if self.show_configuration {
            return self.configuration(cx, &*store);
        }
        let stock = cx.block_on(Stock::blocks_and_pools(&*store))?;
        super::warn_unreadable(cx, &stock)?;
        if self.show_borrowed {
            return self.borrowed(cx, &stock);
        }
        if self.show_nodes {
            return self.nodes(cx, &stock);
        }
        let usages = usages(&stock, self.show_blocks);
        if !self.output.write(cx, &usages)? {
            let rows = usages.iter().map(row).collect::<Vec<_>>();
            let headings = ["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"];
            writeln!(cx.out, "{}", table::boxed(&headings, &aligned(rows), cx.style))?;
        }
        Ok(Outcome::Good)
    }

    fn owner(&self, cx: &mut Context, stock: &Stock, ip: std::net::IpAddr) -> Result<Outcome, Error> {
        let found = stock.blocks.iter().find_map(|block| block.allocation(ip));
        let Some(allocation) = found else {
            writeln!(cx.out, "{ip} is not assigned")?;
            return Ok(Outcome::Good);
        };
        let attribute = allocation.attribute;
        let answer = serde_json::json!({
            "ip": ip.to_string(), "handle": attribute.handle, "active": attribute.secondary,
            "alternate": attribute.alternate, "releasedAt": attribute.released_at,
        });
        if self.output.write(cx, &answer)? {
            return Ok(Outcome::Good);
        }
        writeln!(cx.out, "IP {ip} is in use")?;
        writeln!(
            cx.out,
            "Handle ID: {}",
            attribute.handle.as_deref().unwrap_or("<none>")
        )?;
        list(cx, "Active Owner", &attribute.secondary, true)?;
        list(cx, "Alternate Owner", &attribute.alternate, false)?;
        if let Some(at) = &attribute.released_at {
            writeln!(cx.out, "Cooling down: released at {at}")?;
        }
        Ok(Outcome::Good)
    }

    fn configuration(&self, cx: &mut Context, store: &dyn Datastore) -> Result<Outcome, Error> {
        let config = cx.block_on(super::configure::read(store))?;
        let field = |key: &str, default: Value| config.get(key).cloned().unwrap_or(default);
        let settings = [
            ("StrictAffinity", field("strict_affinity", false.into())),
            ("AutoAllocateBlocks", field("auto_allocate_blocks", true.into())),
            ("MaxBlocksPerHost", field("maxBlocksPerHost", 0.into())),
            (
                "KubeVirtVMAddressPersistence",
                field("kubeVirtVMAddressPersistence", "Disabled".into()),
            ),
            ("IPCooldownSeconds", field("ipCooldownSeconds", 0.into())),
        ];
        let map: BTreeMap<_, _> = settings.iter().cloned().collect();
        if !self.output.write(cx, &map)? {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let rows: Vec<Vec<String>> = settings
                .iter()
                .map(|(name, value)| vec![(*name).to_owned(), text(value)])
                .collect();
            writeln!(
                cx.out,
                "{}",
                table::boxed(&["PROPERTY", "VALUE"], &rows, cx.style)
            )?;
        }
        Ok(Outcome::Good)
    }

    fn borrowed(&self, cx: &mut Context, stock: &Stock) -> Result<Outcome, Error> {
        let (mut rows, mut unknown) = (Vec::new(), 0);
        for block in &stock.blocks {
            let owner = block.host();
            for allocation in block.allocations() {
                let attribute = allocation.attribute;
                let Some(node) = attribute.get("node") else {
                    unknown += usize::from(!attribute.is_reserved());
                    continue;
                };
                if owner == Some(node) {
                    continue;
                }
                let pod = attribute.get("namespace").zip(attribute.get("pod"));
                rows.push(Borrowed {
                    ip: allocation.ip.to_string(),
                    borrowing_node: node.to_owned(),
                    block: block.cidr.to_string(),
                    block_owner: owner.unwrap_or_default().to_owned(),
                    kind: attribute
                        .get("type")
                        .unwrap_or(if pod.is_some() { "pod" } else { "" })
                        .to_owned(),
                    allocated_to: pod.map_or(String::new(), |(namespace, pod)| format!("{namespace}/{pod}")),
                });
            }
        }
        if self.output.write(cx, &rows)? {
            return Ok(Outcome::Good);
        }
        let headings = [
            "IP",
            "BORROWING-NODE",
            "BLOCK",
            "BLOCK OWNER",
            "TYPE",
            "ALLOCATED-TO",
        ];
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| {
                let Borrowed {
                    ip,
                    borrowing_node,
                    block,
                    block_owner,
                    kind,
                    allocated_to,
                } = row;
                vec![ip, borrowing_node, block, block_owner, kind, allocated_to]
            })
            .collect();
        writeln!(cx.out, "{}", table::boxed(&headings, &rows, cx.style))?;
        if unknown > 0 {
            writeln!(
                cx.out,
                "\nNote: found {unknown} IP allocations without an explicit node association. Unable to determine if they \
                 are borrowed."
            )?;
        }
        Ok(Outcome::Good)
    }

    fn nodes(&self, cx: &mut Context, stock: &Stock) -> Result<Outcome, Error> {
        let mut nodes: BTreeMap<String, OfNode> = BTreeMap::new();
        for block in &stock.blocks {
            if let Some(host) = block.host() {
                nodes.entry(host.to_owned()).or_default().blocks += 1;
            }
            for allocation in block.allocations() {
                if let Some(node) = allocation.attribute.get("node") {
                    let entry = nodes.entry(node.to_owned()).or_default();
                    entry.addresses += 1;
                    entry.borrowed += usize::from(block.host() != Some(node));
                }
            }
        }
        let nodes: Vec<OfNode> = nodes
            .into_iter()
            .map(|(node, counts)| OfNode { node, ..counts })
            .collect();
        if !self.output.write(cx, &nodes)? {
            let rows: Vec<Vec<String>> = nodes
                .iter()
                .map(|of| {
                    let numbers = [of.blocks, of.addresses, of.borrowed].map(|number| number.to_string());
                    std::iter::once(of.node.clone()).chain(numbers).collect()
                })
                .collect();
            let headings = ["NODE", "BLOCKS", "IPS", "BORROWED"];
            writeln!(cx.out, "{}", table::boxed(&headings, &rows, cx.style))?;
        }
        Ok(Outcome::Good)
    }
}

fn list(cx: &mut Context, whose: &str, attributes: &Facts, always: bool) -> Result<(), Error> {
    if attributes.is_empty() {
        if always {
            writeln!(cx.out, "No {whose} attributes defined")?;
        }
        return Ok(());
    }
    writeln!(cx.out, "{whose} Attributes:")?;
    for (key, value) in attributes.iter() {
        writeln!(cx.out, "  {key}: {value}")?;
    }
    Ok(())
}

/// How many addresses a net has; the last of the largest can't be counted.
fn size(net: IpNet) -> u128 {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len());
    1_u128.checked_shl(bits).unwrap_or(u128::MAX)
}

fn usage(grouping: &'static str, cidr: IpNet, blocks: &[&Block], stock: &Stock) -> Usage {
    let total = size(cidr);
    let in_use: usize = blocks.iter().map(|block| block.used()).sum();
    let cooling = blocks
        .iter()
        .flat_map(|block| block.allocations())
        .filter(|allocation| allocation.attribute.released_at.is_some())
        .count();
    let inside = |net: &&IpNet| cidr.contains(*net);
    let reserved: u128 = stock.reserved.iter().filter(inside).map(|net| size(*net)).sum();
    Usage {
        grouping,
        cidr: cidr.to_string(),
        total,
        in_use,
        cooling_down: cooling,
        reserved: reserved.min(total),
        free: total.saturating_sub(in_use as u128),
    }
}

/// Pools, each with its blocks; blocks that no pool has come last, also those of IPv6.
fn usages(stock: &Stock, with_blocks: bool) -> Vec<Usage> {
    let mut usages = Vec::new();
    let of_block = |block: &Block| usage("Block", block.cidr, &[block], stock);
    for pool in &stock.pools {
        let inside: Vec<&Block> = stock
            .blocks
            .iter()
            .filter(|block| pool.cidr.contains(&block.cidr))
            .collect();
        usages.push(usage("IP Pool", pool.cidr, &inside, stock));
        if with_blocks {
            usages.extend(inside.iter().map(|block| of_block(block)));
        }
    }
    let orphans = stock
        .blocks
        .iter()
        .filter(|block| !stock.pools.iter().any(|pool| pool.cidr.contains(&block.cidr)));
    usages.extend(orphans.map(|block| Usage {
        grouping: "No pool",
        ..of_block(block)
    }));
    usages
}

fn row(usage: &Usage) -> Vec<String> {
    // Of a count that fits a float: percents are for people.
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let percent = |part: u128| (part as f64 * 100.0 / usage.total as f64).round();
    vec![
        usage.grouping.to_owned(),
        usage.cidr.clone(),
        usage.total.to_string(),
        format!("{} ({}%)", usage.in_use, percent(usage.in_use as u128)),
        format!("{} ({}%)", usage.free, percent(usage.free)),
    ]
}

/// Totals stand on the right of their column.
fn aligned(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let heading = "IPS TOTAL".len();
    let width = rows
        .iter()
        .map(|row| row[2].len())
        .max()
        .unwrap_or(0)
        .max(heading);
    for row in &mut rows {
        row[2] = format!("{:>width$}", row[2]);
    }
    rows
}
