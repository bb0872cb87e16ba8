//! Ports of Docker's containers that don't open for everybody who asks.

use std::net::IpAddr;

use super::shared::{chains, link_of};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::docker::{Container, Docker, PublishedPort};
use crate::state::socket::TcpState;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        if let Some(docker) = node.docker.known() {
            found.extend(proxyless(node, docker));
            found.extend(asked_in_vain(world, node, docker));
        }
    }
}

/// Ports of running containers that are on bridges.
fn ports(docker: &Docker) -> impl Iterator<Item = (&Container, &PublishedPort)> {
    let is_bridge = |name: &String| {
        let mut networks = docker.networks.items().iter();
        networks.any(|network| network.name == *name && network.driver == "bridge")
    };
    let running =
        docker.containers.items().iter().filter(move |container| {
            container.state == "running" && container.networks.keys().any(is_bridge)
        });
    running.flat_map(|container| container.ports.iter().map(move |port| (container, port)))
}

/// Whether somebody of the host listens on a port, at this address (none: at any).
fn listens(node: &NodeState, protocol: &str, at: Option<IpAddr>, port: u16) -> Option<bool> {
    let fits = |local: std::net::SocketAddr| {
        let here = at.is_none_or(|at| local.ip() == at || local.ip().is_unspecified());
        local.port() == port && here
    };
    match protocol {
        "tcp" => Some(
            node.net
                .tcp
                .known()?
                .iter()
                .any(|socket| socket.state == TcpState::Listen && fits(socket.local)),
        ),
        "udp" => Some(node.net.udp.known()?.iter().any(|socket| fits(socket.local))),
        _ => None,
    }
}

/// The rule of a port leaves to docker-proxy what comes from the container's own network, and nobody is there.
fn proxyless(node: &NodeState, docker: &Docker) -> Option<Finding> {
    let name = &node.name;
    ports(docker).find_map(|(container, port)| {
        let host = port.host_port?;
        if listens(node, &port.protocol, None, host)? {
            return None;
        }
        let wanted = format!("--dport {host} ");
        let mut rules = chains(node, "nat")
            .filter(|(_, _, chain)| &*chain.name == "DOCKER")
            .flat_map(|(_, _, chain)| &chain.rules);
        let rule = rules.find(|rule| {
            rule.text.contains(" ! -i ")
                && rule.text.contains(&wanted)
                && rule.text.contains(&format!("-p {} ", port.protocol))
        })?;
        Some(
            Finding::of(
                "published-port-without-proxy",
                name,
                format!(
                    "port {host} of {} opens for others, and not for {name} by 127.0.0.1 and for its own network: docker-proxy is gone",
                    container.name
                ),
            )
            .about(&container.name)
            .shown(format!("iptables-save -t nat on {name}"), &*rule.text)
            .shown(format!("ss -ln on {name}"), format!("nobody listens on port {host}"))
            .step("find out who ended docker-proxy; \"userland-proxy\": false in /etc/docker/daemon.json does without it")
            .run(format!("docker restart {}", container.name), ""),
        )
    })
}

/// A port that is not published, or for the host alone, and that somebody waits for. Of a connection that is refused at
/// once nothing stays, and of one that a firewall drops only what its own host knows.
fn asked_in_vain(world: &World, node: &NodeState, docker: &Docker) -> Option<Finding> {
    ports(docker).next()?;
    let name = &node.name;
    let mut waiting = world.nodes.iter().flat_map(waiting);
    waiting.find_map(|asked| {
        link_of(node, asked.dst).filter(|_| !asked.dst.is_loopback())?;
        let (container, port, why) = unpublished(docker, asked.protocol, asked.port)?;
        if listens(node, asked.protocol, Some(asked.dst), asked.port)? {
            return None;
        }
        let Asked { client, dst, protocol, port: number, seen } = asked;
        Some(
            Finding::of(
                "port-not-published",
                name,
                format!("{client} asks {name} for port {number}, which {} has, {why}", container.name),
            )
            .about(&container.name)
            .sure(Sure::Likely)
            .shown(format!("{seen} on {client}"), format!("no answer from {dst} {protocol}/{number}"))
            .shown(
                format!("docker ps on {name}"),
                format!("{}: {}/{protocol}, {why}", container.name, port.port),
            )
            .shown(
                format!("ss -ln on {name}"),
                format!("nobody listens at {dst} port {number}"),
            )
            .step(anew(container, port, number))
            .step("where clients are containers, put them into its network: docker network connect NETWORK CLIENT"),
        )
    })
}

/// Somebody who waits for an answer.
struct Asked<'w> {
    client: &'w str,
    dst: IpAddr,
    protocol: &'static str,
    port: u16,
    /// The tool that shows it.
    seen: &'static str,
}

/// Connections of a node, or through it, that nobody has answered.
fn waiting(client: &NodeState) -> impl Iterator<Item = Asked<'_>> {
    let sockets = client.net.tcp.items().iter();
    let sockets = sockets
        .filter(|socket| socket.state == TcpState::SynSent)
        .map(|socket| Asked {
            client: &client.name,
            dst: socket.remote.ip(),
            protocol: "tcp",
            port: socket.remote.port(),
            seen: "ss -tn",
        });
    let tracked = client
        .net
        .conntrack
        .known()
        .and_then(|tracked| tracked.entries.known());
    let flows = tracked
        .into_iter()
        .flatten()
        .filter(|flow| flow.status.is_unreplied() && !flow.is_dnat());
    let flows = flows.filter_map(|flow| {
        Some(Asked {
            client: &client.name,
            dst: flow.original.dst,
            protocol: match flow.proto {
                6 => "tcp",
                17 => "udp",
                _ => return None,
            },
            port: flow.original.dport?,
            seen: "conntrack -L",
        })
    });
    sockets.chain(flows)
}

/// What opens the port.
pub(in crate::diagnose) fn anew(container: &Container, port: &PublishedPort, asked: u16) -> String {
    format!(
        "make {} anew with its port published: docker run -p {asked}:{}/{} …",
        container.name, port.port, port.protocol
    )
}

/// The container whose port this is, with why nobody from outside gets there; none where another publishes this number
/// for all.
pub(in crate::diagnose) fn unpublished<'d>(
    docker: &'d Docker,
    protocol: &str,
    asked: u16,
) -> Option<(&'d Container, &'d PublishedPort, String)> {
    let of = || ports(docker).filter(|(_, port)| port.protocol == protocol);
    let is_loopback = |port: &PublishedPort| port.host_address.filter(IpAddr::is_loopback);
    let is_open = of().any(|(_, port)| port.host_port == Some(asked) && is_loopback(port).is_none());
    if is_open {
        return None;
    }
    of().find_map(|(container, port)| {
        let why = match (port.host_port, is_loopback(port)) {
            (None, _) if port.port == asked => "not published".to_owned(),
            (Some(host), Some(at)) if host == asked => format!("published at {at} alone"),
            _ => return None,
        };
        Some((container, port, why))
    })
}
