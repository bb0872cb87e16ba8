//! dockerd 20.10 of Debian in a node.

use std::time::Duration;

use crate::{Daemon, Error, Group, Node, Result, unpacked, wait_for};

/// Starts a program of an unpacked package; directories in `path` come before the node's own.
pub fn start_unpacked(
    node: &Node,
    package: &str,
    file: &str,
    arguments: &[&str],
    path: &str,
    environment: &[(&str, &str)],
) -> Result<()> {
    let program = unpacked(package, file)?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let path = format!("{path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let environment = environment.iter().copied().chain([("PATH", path.as_str())]);
    let daemon = Daemon {
        program,
        called: name.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        log: format!("/var/log/{name}.log"),
    };
    node.start(name, &daemon)
}

/// Starts the daemon with everything that it writes in memory, and an image `box` that has busybox alone.
pub fn start(node: &Node, group: &Group) -> Result<()> {
    group.mount(node)?;
    node.sh("ip link set lo up").ok()?;
    serve(node, group)?;
    let busybox = unpacked("busybox-static", "bin/busybox")?;
    let client = unpacked("docker.io", "usr/bin/docker")?;
    node.sh(&format!(
        "mkdir -p /run/image/bin; cp {busybox} /run/image/bin/; tar -C /run/image -c . | {client} import - box"
    ))
    .ok()
    .map(drop)
}

/// What `systemctl restart docker` does; these containers run then as well.
pub fn restart(node: &Node, group: &Group, containers: &[&str]) -> Result<()> {
    // It would wait for them.
    docker(node, &[&["kill"], containers].concat())?;
    node.stop("dockerd")?;
    serve(node, group)?;
    docker(node, &[&["start"], containers].concat()).map(drop)
}

/// Starts dockerd, and waits until it answers.
fn serve(node: &Node, group: &Group) -> Result<()> {
    let mut path = Vec::new();
    for (package, file) in [
        ("docker.io", "usr/sbin/dockerd"),
        ("docker.io", "usr/bin/docker"),
        ("containerd", "usr/bin/containerd"),
        ("runc", "usr/sbin/runc"),
    ] {
        let program = unpacked(package, file)?;
        path.push(
            program
                .rsplit_once('/')
                .map_or("", |(directory, _)| directory)
                .to_owned(),
        );
    }
    let parent = format!("--cgroup-parent={}", group.path());
    let arguments = ["--storage-driver=vfs", "--data-root=/run/docker-data", &parent];
    // On a file system in memory runc can't pivot its root.
    start_unpacked(
        node,
        "docker.io",
        "usr/sbin/dockerd",
        &arguments,
        &path.join(":"),
        &[("DOCKER_RAMDISK", "true")],
    )?;
    wait_for("dockerd answers", Duration::from_secs(40), || {
        docker(node, &["version"]).ok()
    })
    .map(drop)
    .map_err(|error| {
        let log = node.read("/var/log/dockerd.log").unwrap_or_default();
        let last = log.lines().last().unwrap_or_default();
        Error::Skip(format!("dockerd does not start here: {error}: {last}"))
    })
}

/// What the client answers.
pub fn docker(node: &Node, arguments: &[&str]) -> Result<String> {
    let mut words = vec![unpacked("docker.io", "usr/bin/docker")?];
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    node.run(words).within(Duration::from_secs(120)).ok()
}
