//! `netdiag ipam check`.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::{Context, Error, Outcome, files};
use crate::ipam::check::{Findings, Problem, check};
use crate::ipam::report::Report;
use crate::ipam::stock::Stock;
use crate::output::{document, text};

/// Hold what IPAM has given out against those who use it
///
/// Needs no Kubernetes where etcd is the datastore. Exit status 2 when there are problems.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Every address that is given out or in use
    #[arg(long)]
    show_all_ips: bool,
    /// Every address and handle that is a problem
    #[arg(long)]
    show_problem_ips: bool,
    /// Write a report for `ipam release --from-report`; `-` is standard output, with nothing else on it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Accepted as calicoctl has it: Kubernetes isn't asked beside the datastore
    #[arg(long, hide = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Nodes with the most addresses that are shown.
const TOP: usize = 20;

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let store = crate::cli::datastore::open(cx)?;
        let stock = cx.block_on(Stock::whole(&*store))?;
        let findings = check(&stock);
        let to_stdout = self.output.as_deref().is_some_and(files::is_stdout);
        if !to_stdout {
            self.tell(cx.out, &stock, &findings)?;
        }
        super::warn_unreadable(cx, &stock)?;
        if let Some(path) = &self.output {
            let version = concat!("netdiag ", env!("CARGO_PKG_VERSION"));
            let report = document::json(&Report::new(&stock, &findings, version));
            if to_stdout {
                cx.out.write_all(report.as_bytes())?;
            } else {
                files::write_whole(path, &report)?;
                writeln!(cx.out, "Report written to {}", path.display())?;
            }
        }
        if findings.problems().next().is_none() && stock.unreadable.is_empty() {
            return Ok(Outcome::Good);
        }
        Ok(Outcome::Findings)
    }

    /// calicoctl's lines.
    fn tell(&self, out: &mut dyn Write, stock: &Stock, findings: &Findings) -> std::io::Result<()> {
        let all = self.show_all_ips;
        writeln!(
            out,
            "Checking IPAM for inconsistencies...\n\nLoading all IPAM blocks..."
        )?;
        writeln!(out, "Found {} IPAM blocks.", stock.blocks.len())?;
        let mut allocations = 0;
        for block in &stock.blocks {
            let affinity = block.affinity().unwrap_or_else(|| "none".into());
            writeln!(out, " IPAM block {} affinity={affinity}:", block.cidr)?;
            for allocation in block.allocations() {
                allocations += 1;
                if all {
                    writeln!(
                        out,
                        "  {} allocated; attrs {}",
                        allocation.ip,
                        allocation.attribute.describe()
                    )?;
                }
            }
        }
        writeln!(out, "IPAM blocks record {allocations} allocations.\n")?;
        let active = stock.pools.iter().filter(|pool| !pool.disabled);
        writeln!(out, "Loading all IPAM pools...")?;
        for pool in active.clone() {
            writeln!(out, "  {}", pool.cidr)?;
        }
        writeln!(out, "Found {} active IP pools.\n", active.count())?;
        let owned = |out: &mut dyn Write, list: &[(std::net::IpAddr, String)]| {
            let shown = list.iter().filter(|_| all);
            shown
                .into_iter()
                .try_for_each(|(ip, owner)| writeln!(out, "  {ip} belongs to {owner}"))
        };
        writeln!(out, "Loading all nodes.")?;
        owned(out, &stock.tunnels)?;
        writeln!(out, "Found {} node tunnel IPs.\n", stock.tunnels.len())?;
        writeln!(out, "Loading all service load balancer IPs.")?;
        match &stock.services {
            Some(services) => {
                owned(out, services)?;
                writeln!(out, "Found {} service load balancer(s).\n", services.len())?;
            }
            None => writeln!(
                out,
                "No configuration for LoadBalancer kubecontroller found, skipping service check\n"
            )?,
        }
        writeln!(out, "Loading all workload endpoints.")?;
        owned(out, &stock.workloads)?;
        writeln!(out, "Found {} workload IPs.", stock.workloads.len())?;
        writeln!(
            out,
            "Workloads and nodes are using {} IPs.\n",
            findings.owners.len()
        )?;
        by_node(out, findings)?;
        self.problems(out, findings)
    }

    fn problems(&self, out: &mut dyn Write, findings: &Findings) -> std::io::Result<()> {
        let shown = |out: &mut dyn Write, problems: &[Problem]| {
            let shown = problems
                .iter()
                .filter(|_| self.show_all_ips || self.show_problem_ips);
            shown
                .into_iter()
                .try_for_each(|problem| writeln!(out, "  {problem}"))
        };
        writeln!(
            out,
            "\nScanning for IPs that are allocated but not actually in use..."
        )?;
        shown(out, &findings.leaked)?;
        writeln!(
            out,
            "Found {} IPs that are allocated in IPAM but not actually in use.",
            findings.leaked.len()
        )?;
        if findings.cooling_down > 0 {
            writeln!(
                out,
                "{} are cooling down.",
                text::count(findings.cooling_down, "more address")
            )?;
        }
        writeln!(
            out,
            "Scanning for IPs that are in use by a workload or node but not allocated in IPAM..."
        )?;
        for problems in [
            &findings.several_owners,
            &findings.no_pool,
            &findings.not_allocated,
        ] {
            shown(out, problems)?;
        }
        writeln!(
            out,
            "Found {} in-use IPs that are not in active IP pools.\nFound {} in-use IPs that are in active IP pools but have \
             no corresponding IPAM allocation.\n",
            findings.no_pool.len(),
            findings.not_allocated.len()
        )?;
        writeln!(out, "Scanning for IPAM handles with no matching IPs...")?;
        shown(out, &findings.empty_handles)?;
        writeln!(
            out,
            "Found {} handles with no matching IPs (and {} handles with matches).\nScanning for IPs with missing handle...",
            findings.empty_handles.len(),
            findings.handles_with_addresses
        )?;
        shown(out, &findings.missing_handles)?;
        writeln!(
            out,
            "Found {} handles mentioned in blocks with no matching handle resource.",
            findings.missing_handles.len()
        )?;
        writeln!(out, "Validating IPAMBlock structures...")?;
        for problem in &findings.invalid_blocks {
            writeln!(out, "  {problem}")?;
        }
        writeln!(out, "Found {} invalid IPAMBlocks.", findings.invalid_blocks.len())?;
        if !findings.wrong_affinities.is_empty() {
            writeln!(out, "Comparing blocks with nodes...")?;
            for problem in &findings.wrong_affinities {
                writeln!(out, "  {problem}")?;
            }
        }
        writeln!(
            out,
            "Check complete; found {} problems.",
            findings.problems().count()
        )
    }
}

fn by_node(out: &mut dyn Write, findings: &Findings) -> std::io::Result<()> {
    writeln!(
        out,
        "Loading all handles\nLooking for top (up to {TOP}) nodes by allocations..."
    )?;
    let mut nodes: Vec<(&String, usize)> = findings
        .by_node
        .iter()
        .map(|(node, count)| (node, *count))
        .collect();
    nodes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    for (node, count) in nodes.iter().take(TOP) {
        writeln!(out, "  {node} has {count} allocations")?;
    }
    if let (Some((_, most)), Some((_, median))) = (nodes.first(), nodes.get(nodes.len() / 2)) {
        writeln!(out, "Node with most allocations has {most}; median is {median}")?;
    }
    Ok(())
}
