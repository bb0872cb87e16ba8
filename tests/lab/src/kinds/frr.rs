//! FRR's zebra and ripd in a node, with configuration and sockets of its own.

use std::time::Duration;

use crate::{Daemon, Node, Result, daemons, wait_until};

/// Starts both; `config` is ripd's.
pub(super) fn start(node: &Node, config: &str) -> Result<()> {
    furnish(node)?;
    node.write("/etc/frr/zebra.conf", &format!("hostname {}\n", node.name()))?;
    node.write("/etc/frr/ripd.conf", config)?;
    for name in ["zebra", "ripd"] {
        answers(node, name)?;
    }
    Ok(())
}

/// Starts bgpd without a zebra: it takes BGP's port.
pub fn bgpd(node: &Node, config: &str) -> Result<()> {
    furnish(node)?;
    node.write("/etc/frr/bgpd.conf", config)?;
    answers(node, "bgpd")
}

fn furnish(node: &Node) -> Result<()> {
    // They give up root's rights, or want to know at least to whom they could.
    node.sh("mkdir -p /run/frr /etc/frr
         grep -q ^frr: /etc/passwd || echo 'frr:x:300:300::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
         grep -q ^frr: /etc/group || echo 'frr:x:300:' >>/etc/group
         grep -q ^frrvty: /etc/group || echo 'frrvty:x:301:frr' >>/etc/group
         chown -R frr:frr /run/frr")
        .ok()
        .map(drop)
}

/// Starts one, and waits until it can be asked.
fn answers(node: &Node, name: &str) -> Result<()> {
    launch(node, name)?;
    wait_until(
        &format!("{}: {name} answers", node.name()),
        Duration::from_secs(10),
        || node.connect(&format!("/run/frr/{name}.vty")).is_ok(),
    )
    .map_err(|error| {
        let log = node.read(&log(name)).unwrap_or_default();
        crate::Error::failed(format!("{error}\n{log}"))
    })
}

fn log(name: &str) -> String {
    format!("/var/log/frr-{name}.log")
}

fn launch(node: &Node, name: &str) -> Result<()> {
    let program = daemons::path("frr", &format!("usr/lib/frr/{name}"))?;
    let libraries = |package: &str, directory: &str| {
        let machine = std::env::consts::ARCH;
        daemons::path(package, &format!("usr/lib/{machine}-linux-gnu{directory}"))
    };
    let libraries = [libraries("frr", "/frr")?, libraries("libyang2", "")?].join(":");
    let arguments = [
        "-f",
        &format!("/etc/frr/{name}.conf"),
        "-i",
        &format!("/run/frr/{name}.pid"),
        "-z",
        "/run/frr/zserv.api",
        "--vty_socket",
        "/run/frr",
        "-A",
        "127.0.0.1",
        "--log",
        "stdout",
    ];
    let daemon = Daemon {
        program,
        called: name.into(),
        arguments: arguments.map(str::to_owned).into(),
        environment: vec![("LD_LIBRARY_PATH".into(), libraries)],
        log: log(name),
    };
    node.start(name, &daemon)
}
