//! dockerd 20.10 of Debian in a lab node: netdiag's picture against `docker inspect` and the kernel.

use netdiag::parse;
use netdiag::state::Absence;
use netdiag::state::docker::Container;
use netdiag_lab::docker::{docker, start as start_docker};
use netdiag_lab::{Error, Group, Node, Result, or_skip};
use serde_json::Value;

use super::{collected, two_nodes};

fn inspected(node: &Node, what: &[&str]) -> Value {
    let text = docker(node, what).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}

/// One container of each kind of network. None when containers can't run here, with the reason said.
fn run_containers(node: &Node) -> Result<()> {
    let run = |arguments: &[&str]| {
        let mut all = vec!["run", "-d"];
        all.extend(arguments);
        all.extend([
            "box",
            "/bin/busybox",
            "sh",
            "-c",
            "sleep 1000",
            "--password=hunter2",
        ]);
        docker(node, &all)
            .map(drop)
            .map_err(|error| Error::Skip(format!("no container runs here: {error}")))
    };
    docker(
        node,
        &[
            "network",
            "create",
            "--subnet=172.30.0.0/24",
            "--ipv6",
            "--subnet=fd30::/64",
            "--opt=com.docker.network.driver.mtu=1400",
            "shop",
        ],
    )?;
    run(&[
        "--name=web",
        "--network=shop",
        "-p",
        "8080:80",
        "-e",
        "TOKEN=hunter2",
        "-l",
        "io.kubernetes.pod.name=web-1",
        "-l",
        "io.kubernetes.pod.namespace=shop",
        "-l",
        "secret=hunter2",
    ])?;
    run(&["--name=plain"])?;
    run(&["--name=beside", "--network=container:web"])?;
    run(&["--name=host", "--network=host"])?;
    run(&["--name=alone", "--network=none"])?;
    docker(node, &["create", "--name=never", "box", "/bin/busybox"]).map(drop)
}

#[test]
fn networks_and_containers_are_those_that_docker_inspects() {
    let group = Group::new("docker");
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    assert_eq!(collected(node).docker.absence(), Some(Absence::Missing));
    if or_skip(start_docker(node, &group).and_then(|()| run_containers(node))).is_none() {
        return;
    }
    let state = collected(node);
    let found = state
        .docker
        .known()
        .unwrap_or_else(|| panic!("{:?}", state.docker));
    assert_eq!(
        found.version,
        docker(node, &["version", "-f", "{{.Server.Version}}"])
            .unwrap()
            .trim()
    );
    assert_eq!(found.info.known().unwrap().storage_driver, "vfs");

    let networks = found.networks.items();
    let names: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
    assert_eq!(names, ["bridge", "host", "none", "shop"]);
    for network in networks {
        let value = inspected(node, &["network", "inspect", &network.name]);
        assert_eq!(*network, parse::docker::network(&value).unwrap());
    }
    // What the tool prints, without the reader in between.
    let shop = &networks[3];
    let of_tool = inspected(node, &["network", "inspect", "shop"]);
    assert_eq!(shop.id, of_tool["Id"].as_str().unwrap());
    assert_eq!(shop.ipam[0].subnet, "172.30.0.0/24");
    assert_eq!(shop.options["com.docker.network.driver.mtu"], "1400");
    let link = state.net.link_named(&shop.bridge_name().unwrap());
    assert!(link.is_some(), "{:?}", shop.bridge_name());
    assert!(
        state
            .net
            .link_named(&networks[0].bridge_name().unwrap())
            .is_some()
    );

    let containers = found.containers.items();
    let ids = docker(node, &["ps", "-aq", "--no-trunc"]).unwrap();
    assert_eq!(containers.len(), ids.lines().count());
    for container in containers {
        let value = inspected(node, &["inspect", &container.id]);
        assert_eq!(*container, parse::docker::container(&value).unwrap());
    }
    assert!(!serde_json::to_string(&state).unwrap().contains("hunter2"));
    by_kernel(node, containers);

    node.freeze("dockerd").unwrap();
    let hung = collected(node).docker;
    assert_eq!(hung.absence(), Some(Absence::Unreadable), "{hung:?}");
    node.thaw("dockerd").unwrap();
}

/// Processes, namespaces and addresses against the kernel.
fn by_kernel(node: &Node, containers: &[Container]) {
    let container = |name: &str| {
        containers
            .iter()
            .find(|container| container.name == name)
            .unwrap()
    };
    let web = container("web");
    let detail = web.detail.known().unwrap();
    let pid = detail.pid.unwrap();
    let command = node
        .sh(&format!("tr '\\0' ' ' </proc/{pid}/cmdline"))
        .ok()
        .unwrap();
    assert!(command.contains("sleep 1000"), "{command}");
    let same = format!("[ {} -ef /proc/{pid}/ns/net ]", detail.sandbox_key);
    node.sh(&same).ok().unwrap();
    let text = node
        .sh(&format!("nsenter -t {pid} -n ip -j address show eth0"))
        .ok()
        .unwrap();
    let link: Value = serde_json::from_str(&text).unwrap();
    let endpoint = &web.networks["shop"];
    assert_eq!(link[0]["address"], endpoint.mac);
    assert_eq!(link[0]["mtu"], 1400);
    let addresses = link[0]["addr_info"].as_array().unwrap();
    let has = |address: String, length: u8| {
        addresses
            .iter()
            .any(|row| row["local"] == address.as_str() && row["prefixlen"] == length)
    };
    assert!(
        has(endpoint.address.unwrap().to_string(), endpoint.prefix_len),
        "{addresses:?}"
    );
    assert!(
        has(
            endpoint.ipv6_address.unwrap().to_string(),
            endpoint.ipv6_prefix_len
        ),
        "{addresses:?}"
    );
    assert_eq!(web.pod(), Some(("shop", "web-1")));
    assert!(
        web.ports
            .iter()
            .all(|port| (port.port, port.host_port) == (80, Some(8080)))
            && !web.ports.is_empty()
    );

    assert_eq!(container("beside").shares_network_of(), Some(web.id.as_str()));
    assert_eq!(container("host").network_mode, "host");
    assert_eq!(container("alone").network_mode, "none");
    assert!(container("plain").networks.contains_key("bridge"));
    let never = container("never");
    assert_eq!(
        (never.state.as_str(), never.detail.known().unwrap().pid),
        ("created", None)
    );
}
