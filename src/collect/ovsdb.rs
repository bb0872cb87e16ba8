//! Open vSwitch: its database (`select` only: no lock, no monitor, no change), and the switch daemon's control socket for
//! flows and learned addresses, so that no tool has to be installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::json_rpc::Client;
use super::unix::{self, Deadline, Failure};
use crate::parse;
use crate::state::ovs::Ovs;
use crate::state::{Absence, Fact};

/// Where ovsdb-server and ovs-vswitchd keep their sockets: packages, builds from source, snaps.
const DIRECTORIES: [&str; 4] = [
    "/var/run/openvswitch",
    "/run/openvswitch",
    "/usr/local/var/run/openvswitch",
    "/var/snap/microovn/common/run/switch",
];

/// The tables of the database `Open_vSwitch` that netdiag reads.
const TABLES: [&str; 6] = [
    "Open_vSwitch",
    "Bridge",
    "Port",
    "Interface",
    "Controller",
    "Manager",
];

/// Reads the switch of this host, if there is one.
pub(super) async fn ovs(timeout: Duration) -> Fact<Ovs> {
    let sockets = unix::distinct(DIRECTORIES.map(|directory| Path::new(directory).join("db.sock")));
    from(&sockets, timeout).await
}

pub(super) async fn from(sockets: &[PathBuf], timeout: Duration) -> Fact<Ovs> {
    unix::first(sockets, "ovsdb-server", async |path: &Path| {
        ask(path, timeout).await
    })
    .await
}

async fn ask(path: &Path, timeout: Duration) -> Result<Ovs, Failure> {
    let deadline = Deadline::after(timeout);
    let mut client = Client::connect(path, deadline).await?;
    let mut params = vec![json!("Open_vSwitch")];
    // All columns: one that this release doesn't have would fail the whole.
    params.extend(TABLES.map(|table| json!({"op": "select", "table": table, "where": []})));
    let result = client.call("transact", Value::Array(params)).await?;
    let tables = parse::ovsdb::selected(&result, &TABLES).map_err(Failure::unreadable)?;
    let mut ovs = parse::ovsdb::picture(&tables);
    ovs.socket = path.display().to_string();
    let directory = path.parent().unwrap_or(path);
    switch(&mut ovs, directory, deadline).await;
    Ok(ovs)
}

/// Adds what the switch daemon says of each bridge.
async fn switch(ovs: &mut Ovs, directory: &Path, deadline: Deadline) {
    let mut client = control(directory, deadline).await;
    for bridge in &mut ovs.bridges {
        match &mut client {
            Ok(client) => {
                bridge.flows = command(client, "bridge/dump-flows", &bridge.name, |text| {
                    parse::ovs_flows::flows(text).map_err(|error| error.to_string())
                })
                .await;
                bridge.fdb = command(client, "fdb/show", &bridge.name, |text| {
                    parse::ovs_flows::fdb(text).map_err(|error| error.to_string())
                })
                .await;
            }
            Err(failure) => {
                bridge.flows = failure.clone().into();
                bridge.fdb = failure.clone().into();
            }
        }
    }
}

async fn command<T>(
    client: &mut Client,
    method: &str,
    bridge: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Fact<T> {
    let result = client.call(method, json!([bridge])).await;
    let read = result.and_then(|result| {
        let text = result
            .as_str()
            .ok_or_else(|| Failure::unreadable(format!("{method}: the result is no text")))?;
        read(text).map_err(|why| Failure::unreadable(format!("{method}: {why}")))
    });
    read.map_or_else(Fact::from, Fact::Known)
}

/// Connects to the control socket of the running ovs-vswitchd: `ovs-vswitchd.PID.ctl`.
async fn control(directory: &Path, deadline: Deadline) -> Result<Client, Failure> {
    let named = std::fs::read_to_string(directory.join("ovs-vswitchd.pid"))
        .ok()
        .map(|pid| directory.join(format!("ovs-vswitchd.{}.ctl", pid.trim())));
    let mut paths: Vec<PathBuf> = named.into_iter().collect();
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut others: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_prefix("ovs-vswitchd.")?.strip_suffix(".ctl"))
                .is_some()
        })
        .collect();
    others.sort();
    paths.extend(others);
    let mut failed = None;
    for path in unix::distinct(paths) {
        match Client::connect(&path, deadline).await {
            Ok(client) => return Ok(client),
            Err(failure) => _ = failed.get_or_insert(failure.at(&path)),
        }
    }
    Err(failed.unwrap_or_else(|| Failure {
        absence: Absence::Missing,
        why: format!(
            "{}: no control socket of ovs-vswitchd: it is not running",
            directory.display()
        ),
    }))
}
