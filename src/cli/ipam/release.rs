//! `netdiag ipam release`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::address;
use crate::cli::{Context, Error, Outcome};
use crate::datastore::{Datastore, Entry};
use crate::ipam::check::check;
use crate::ipam::report::{Report, leaked_in_all};
use crate::ipam::stock::Stock;
use crate::ipam::store;

/// Give addresses back that nobody uses
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "what")]
pub(super) struct Args {
    /// This address
    #[arg(long, value_name = "IP", group = "what")]
    ip: Option<String>,
    /// Those that are leaked in this report of `ipam check -o`; in all, if several are given
    #[arg(long, value_name = "FILE", group = "what")]
    from_report: Vec<PathBuf>,
    /// Also an address that is in use; also from reports while the datastore isn't locked
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        if let Some(text) = &self.ip {
            let ip = address(text)?;
            let store = crate::cli::datastore::open(cx)?;
            return self.one(cx, &*store, ip);
        }
        let reports = self
            .from_report
            .iter()
            .map(|path| read(path))
            .collect::<Result<Vec<_>, _>>()?;
        let store = crate::cli::datastore::open(cx)?;
        self.reported(cx, &*store, &reports)
    }

    fn one(&self, cx: &mut Context, store: &dyn Datastore, ip: IpAddr) -> Result<Outcome, Error> {
        if !self.force {
            let stock = cx.block_on(Stock::whole(store))?;
            if let Some(owners) = check(&stock).owners.get(&ip) {
                return Err(Error::new(format!("{ip} is in use by {}", owners.join(", ")))
                    .hint("--force gives it back all the same; somebody else may then get it"));
            }
        }
        let released = cx.block_on(store::release(store, &[ip]))?;
        if released.is_empty() {
            return Err(Error::new(format!("IP address {ip} is not assigned")));
        }
        writeln!(cx.out, "Successfully released IP address {ip}")?;
        Ok(Outcome::Good)
    }

    fn reported(
        &self,
        cx: &mut Context,
        store: &dyn Datastore,
        reports: &[Report],
    ) -> Result<Outcome, Error> {
        let stock = cx.block_on(Stock::whole(store))?;
        self.refuse_wrong(&stock, reports)?;
        // What somebody uses by now stays, and so does what is another allocation by now.
        let findings = check(&stock);
        let leaked = leaked_in_all(reports);
        let still = |ip: &IpAddr| {
            let allocation = stock.blocks.iter().find_map(|block| block.allocation(*ip));
            let entry = leaked.get(ip);
            allocation.zip(entry).is_some_and(|(allocation, entry)| {
                findings.is_leaked(allocation)
                    && allocation.sequence_number == entry.sequence_number
                    && allocation.attribute.handle.as_deref().unwrap_or_default() == entry.handle
            })
        };
        let addresses: Vec<IpAddr> = leaked.keys().copied().filter(|ip| still(ip)).collect();
        writeln!(cx.out, "Releasing {} old IPs...", addresses.len())?;
        let released = cx.block_on(store::release(store, &addresses))?;
        writeln!(cx.out, "Released {} IPs successfully", released.len())?;
        let gone = leaked.len() - released.len();
        if gone > 0 {
            writeln!(
                cx.out,
                "{gone} addresses marked as leaked in the report had already been cleaned up."
            )?;
        }
        handles(cx, store, reports)?;
        writeln!(cx.out, "You may now unlock the data store.")?;
        Ok(Outcome::Good)
    }

    /// A report must be of this cluster, and of its present state.
    fn refuse_wrong(&self, stock: &Stock, reports: &[Report]) -> Result<(), Error> {
        let cluster = |path: &[&str]| {
            let cluster = stock.cluster.as_ref();
            cluster.and_then(|cluster| cluster.text(path)).unwrap_or_default()
        };
        for (path, report) in self.from_report.iter().zip(reports) {
            if report.cluster_guid != cluster(&["spec", "clusterGUID"]) {
                return Err(Error::new(format!(
                    "cluster does not match the provided report ({}): mismatched cluster GUID. Refusing to release",
                    path.display()
                )));
            }
        }
        let ready = stock
            .cluster
            .as_ref()
            .and_then(|cluster| cluster.field(&["spec", "datastoreReady"]));
        if !self.force && ready != Some(&serde_json::Value::Bool(false)) {
            return Err(
                Error::new("not locking datastore: it must be locked while addresses are released")
                    .hint("netdiag datastore migrate lock, a new report, then this; or --force"),
            );
        }
        let revision = cluster(&["metadata", "resourceVersion"]);
        let fresh = reports
            .iter()
            .any(|report| report.cluster_information_revision == revision);
        if !self.force && !fresh {
            return Err(Error::new(
                "the provided reports are all stale - the cluster's information has changed since: make a new one",
            ));
        }
        Ok(())
    }
}

/// Deletes the handles without addresses, if nobody has changed them.
fn handles(cx: &mut Context, store: &dyn Datastore, reports: &[Report]) -> Result<(), Error> {
    let handles: Vec<_> = reports
        .last()
        .and_then(|report| report.leaked_handles.clone())
        .unwrap_or_default();
    if handles.is_empty() {
        return Ok(());
    }
    writeln!(
        cx.out,
        "Deleting {} handles...\nKey: '.' = Deleted OK; 'x' = skip, handle missing/changed.",
        handles.len()
    )?;
    let (mut line, mut done) = (String::new(), 0);
    for handle in &handles {
        let entry = Entry {
            key: format!("/calico/ipam/v2/handle/{}", handle.id),
            value: Vec::new(),
            revision: handle.revision.parse().unwrap_or(-1),
        };
        let deleted = entry.revision > 0 && cx.block_on(store.swap_entry(&entry, None))?;
        done += usize::from(deleted);
        line.push(if deleted { '.' } else { 'x' });
    }
    writeln!(
        cx.out,
        "{line}\nReleased {done} handles; {} skipped; 0 errors.",
        handles.len() - done
    )?;
    Ok(())
}

fn read(path: &Path) -> Result<Report, Error> {
    let fail = |why: String| Error::new(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| fail(format!("not a report of ipam check: {error}")))
}
