//! Open vSwitch 3.1 in a node, with the userspace datapath.

use std::time::Duration;

use crate::{Daemon, Node, Result, daemons, wait_for};

/// What its daemons are called, for [`Node::kill`] and the like.
pub const SERVER: &str = "ovsdb-server";
pub const SWITCH: &str = "ovs-vswitchd";

/// Starts the database and the switch daemon, as the package's init script does, without the kernel's datapath.
pub fn start(node: &Node) -> Result<()> {
    let schema = daemons::path("openvswitch-switch", "usr/share/openvswitch/vswitch.ovsschema")?;
    node.run(["mkdir", "-p", "/run/openvswitch"]).ok()?;
    sh(
        node,
        &format!("ovsdb-tool create /run/openvswitch/conf.db {schema}"),
    )?;
    let server = [
        "/run/openvswitch/conf.db",
        "--remote=punix:/var/run/openvswitch/db.sock",
        "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
        "--pidfile",
    ];
    launch(node, "openvswitch-common", "usr/sbin/ovsdb-server", &server)?;
    wait_for("ovsdb-server answers", Duration::from_secs(10), || {
        vsctl(node, &["--no-wait", "init"]).ok()
    })?;
    vsctl(
        node,
        &[
            "--no-wait",
            "set",
            "Open_vSwitch",
            ".",
            "ovs_version=3.1.0",
            "external_ids:system-id=lab",
        ],
    )?;
    start_switch(node)
}

/// Starts the switch daemon alone.
pub fn start_switch(node: &Node) -> Result<()> {
    let arguments = ["--pidfile", "--disable-system"];
    launch(
        node,
        "openvswitch-switch",
        "usr/lib/openvswitch-switch/ovs-vswitchd",
        &arguments,
    )?;
    wait_for("ovs-vswitchd answers", Duration::from_secs(10), || {
        tool(node, "ovs-appctl", &["version"]).ok()
    })
    .map(drop)
}

/// One of its tools.
pub fn tool(node: &Node, tool: &str, arguments: &[&str]) -> Result<String> {
    let package = match tool {
        "ovs-vsctl" => "openvswitch-switch",
        _ => "openvswitch-common",
    };
    let mut words = vec![daemons::path(package, &format!("usr/bin/{tool}"))?];
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    node.run(words).ok()
}

/// ovs-vsctl; it waits for the switch daemon, but not for ever.
pub fn vsctl(node: &Node, arguments: &[&str]) -> Result<String> {
    let mut all = vec!["--timeout=5"];
    all.extend(arguments);
    tool(node, "ovs-vsctl", &all)
}

/// Lines for the shell of a node that has its tools by their names.
pub fn sh(node: &Node, script: &str) -> Result<String> {
    node.sh(&format!("{}\n{script}", path()?))
        .within(Duration::from_secs(300))
        .ok()
}

/// The line that makes a shell find the tools.
pub fn path() -> Result<String> {
    let directories =
        ["openvswitch-switch", "openvswitch-common"].map(|package| daemons::path(package, "usr/bin"));
    let [switch, common] = directories;
    Ok(format!("PATH={}:{}:$PATH", switch?, common?))
}

fn launch(node: &Node, package: &str, file: &str, arguments: &[&str]) -> Result<()> {
    let program = daemons::path(package, file)?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let daemon = Daemon {
        program,
        called: name.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: Vec::new(),
        log: format!("/var/log/{name}.log"),
    };
    node.start(name, &daemon)
}
