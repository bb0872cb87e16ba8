//! `get --watch`: what there is, then each change as it happens, also over a server that goes away and comes back.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::server::Etcd;

/// Time for a change to be told.
const PATIENCE: Duration = Duration::from_secs(20);

/// A watch that runs until it is dropped.
pub(crate) struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    pub(crate) fn start(netdiag: &Netdiag, arguments: &[&str]) -> Self {
        let mut child = netdiag.start(&[&["get"], arguments, &["--watch"]].concat(), "");
        let (tell, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a change is told")
    }

    /// Type and name of the next event, of JSON.
    #[track_caller]
    pub(crate) fn event(&self) -> (String, Value) {
        let mut event: Value = serde_json::from_str(&self.line()).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        (kind, event["object"].take())
    }

    #[track_caller]
    pub(crate) fn tells(&self, kind: &str, name: &str) -> Value {
        let (told, object) = self.event();
        assert_eq!(
            (told.as_str(), object["metadata"]["name"].as_str()),
            (kind, Some(name))
        );
        object
    }

    #[track_caller]
    fn is_silent(&self) {
        if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(300)) {
            panic!("nothing has changed: {line}");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set(name: &str, net: &str) -> String {
    let object = json!({
        "apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkSet",
        "metadata": {"name": name, "labels": {"name": name}}, "spec": {"nets": [net]},
    });
    object.to_string()
}

#[test]
fn each_change_is_an_event() {
    let Some(mut etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    netdiag.done(&["create", "-f", "-"], &set("old", "10.0.0.0/24"));
    let watch = Watch::start(&netdiag, &["globalnetworkset", "-o", "json"]);
    let only = Watch::start(
        &netdiag,
        &["globalnetworkset", "n*", "-l", "name == 'new'", "-o", "name"],
    );
    watch.tells("ADDED", "old");
    watch.is_silent();

    netdiag.done(&["create", "-f", "-"], &set("new", "10.0.1.0/24"));
    watch.tells("ADDED", "new");
    assert_eq!(only.line(), "globalnetworkset/new   (new)");
    netdiag.done(&["apply", "-f", "-"], &set("new", "10.0.2.0/24"));
    assert_eq!(
        watch.tells("MODIFIED", "new")["spec"]["nets"],
        json!(["10.0.2.0/24"])
    );
    assert_eq!(only.line(), "globalnetworkset/new   (changed)");
    netdiag.done(&["create", "-f", "-"], &set("nobody", "10.0.3.0/24"));
    watch.tells("ADDED", "nobody");

    // What the watch would begin with is gone.
    let revision = etcd.ctl(3, "", &["get", "x", "-w", "json"]);
    let revision: Value = serde_json::from_str(&revision).unwrap();
    let revision = revision["header"]["revision"].to_string();
    etcd.ctl(3, "", &["compact", &revision]);
    netdiag.done(&["delete", "globalnetworkset", "old"], "");
    watch.tells("DELETED", "old");

    // The server goes, changes while nobody looks, and comes back.
    etcd.restart(Duration::from_millis(500));
    netdiag.done(&["delete", "globalnetworkset", "new"], "");
    watch.tells("DELETED", "new");
    assert_eq!(only.line(), "globalnetworkset/new   (deleted)");
    watch.is_silent();
    only.is_silent();
}

#[test]
fn a_table_goes_on_with_its_columns() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    netdiag.done(
        &["create", "-f", "-"],
        &set("a-set-with-a-long-name", "10.0.0.0/24"),
    );
    let watch = Watch::start(&netdiag, &["globalnetworkset", "-o", "wide"]);
    let heading = watch.line();
    let first = watch.line();
    netdiag.done(&["create", "-f", "-"], &set("b", "10.0.1.0/24"));
    let row = watch.line();
    let nets = heading.find("NETS").unwrap();
    assert!(first[nets..].starts_with("10.0.0.0/24"), "{first}");
    assert!(
        row.starts_with("b ") && row[nets..].starts_with("10.0.1.0/24"),
        "{row}"
    );
    assert!(row.ends_with("   (new)"), "{row}");
    netdiag.refused(&["get", "node,ippool", "--watch"], "", "--watch is of one kind");
    netdiag.refused(
        &["get", "node", "--watch", "-o", "jsonpath={.x}"],
        "",
        "--watch shows tables",
    );
}
