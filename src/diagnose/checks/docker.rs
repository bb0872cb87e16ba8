//! Docker's published ports, and what it keeps apart.

use super::shared::{chains, rulesets};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::docker::{Container, Docker, Network, PublishedPort};
use crate::state::netfilter::{Rule, Statement, Verdict};
use crate::state::route::TableId;
use crate::state::socket::TcpState;

/// Fewer dropped packets are somebody's mistake in typing.
const MANY: u64 = 10;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        let Some(docker) = node.docker.known() else {
            continue;
        };
        found.extend(unpublished(node, docker));
        found.extend(apart(node, docker));
        found.extend(direct(world, node, docker));
    }
}

fn drops(rule: &Rule) -> bool {
    let mut statements = rule.statements.iter();
    statements.any(|statement| {
        matches!(
            statement,
            Statement::Verdict(Verdict::Drop) | Statement::Reject(_)
        )
    })
}

fn bridges(docker: &Docker) -> impl Iterator<Item = (&Network, String)> {
    let all = docker.networks.items().iter();
    all.filter_map(|network| Some((network, network.bridge_name()?)))
}

/// A published port that no rule translates and no proxy takes.
fn unpublished(node: &NodeState, docker: &Docker) -> Option<Finding> {
    node.net.netfilter.known()?;
    let (tcp, udp) = (node.net.tcp.known()?, node.net.udp.known()?);
    // Without iptables' chains, Docker may keep ports in maps of nftables.
    if !chains(node, "nat").any(|(_, _, chain)| &*chain.name == "DOCKER" || &*chain.name == "PREROUTING") {
        return None;
    }
    let translated = |port: &PublishedPort, host: u16| {
        let wanted = format!("dport {host} ");
        let chains = rulesets(node)
            .flat_map(|ruleset| &ruleset.tables)
            .flat_map(|table| &table.chains);
        chains.flat_map(|chain| &chain.rules).any(|rule| {
            let nat = rule
                .statements
                .iter()
                .any(|statement| matches!(statement, Statement::Nat(_)));
            nat && rule.text.contains(&port.protocol) && format!("{} ", rule.text).contains(&wanted)
        })
    };
    let heard = |port: &PublishedPort, host: u16| match port.protocol.as_str() {
        "tcp" => tcp
            .iter()
            .any(|socket| socket.state == TcpState::Listen && socket.local.port() == host),
        "udp" => udp.iter().any(|socket| socket.local.port() == host),
        _ => true,
    };
    let on_bridge = |container: &Container| {
        container.state == "running"
            && container.networks.keys().any(|name| {
                docker
                    .networks
                    .items()
                    .iter()
                    .any(|network| network.name == *name && network.driver == "bridge")
            })
    };
    let (container, port, host) = docker
        .containers
        .items()
        .iter()
        .filter(|container| on_bridge(container))
        .find_map(|container| {
            container.ports.iter().find_map(|port| {
                let host = port.host_port?;
                (!translated(port, host) && !heard(port, host)).then_some((container, port, host))
            })
        })?;
    let name = &node.name;
    Some(
        Finding::of(
            "published-port-closed",
            name,
            format!(
                "port {host} of {name} is published for {}, and no rule and no proxy takes it",
                container.name
            ),
        )
        .about(&container.name)
        .shown(
            format!("docker ps on {name}"),
            format!("{}: {host}->{}/{}", container.name, port.port, port.protocol),
        )
        .shown(
            format!("iptables-save -t nat on {name}"),
            format!("no DNAT of port {host}"),
        )
        .shown(
            format!("ss -ln on {name}"),
            format!("nobody listens on port {host}"),
        )
        .step("a firewall that reloaded its rules took Docker's away: have it start before Docker")
        .run("systemctl restart docker", ""),
    )
}

/// Packets between containers that Docker drops on purpose.
fn apart(node: &NodeState, docker: &Docker) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = &node.name;
    for (network, bridge) in bridges(docker) {
        let off = network
            .options
            .get("com.docker.network.bridge.enable_icc")
            .is_some_and(|value| value == "false");
        if !off || network.endpoints.len() < 2 {
            continue;
        }
        let inside = (format!("-i {bridge} "), format!("-o {bridge} "));
        let hit = chains(node, "filter")
            .flat_map(|(_, _, chain)| &chain.rules)
            .find(|rule| {
                drops(rule)
                    && rule.text.contains(&inside.0)
                    && rule.text.contains(&inside.1)
                    && rule.counters.is_some_and(|counters| counters.packets >= MANY)
            });
        let Some(rule) = hit else { continue };
        let packets = rule.counters.map_or(0, |counters| counters.packets);
        found.push(
            Finding::of(
                "containers-kept-apart",
                name,
                format!("containers of {} on {name} ask each other for something, and the network keeps them apart", network.name),
            )
            .about(&network.name)
            .sure(Sure::Likely)
            .shown(format!("docker network inspect {}", network.name), "com.docker.network.bridge.enable_icc is false")
            .shown(format!("iptables -vnL FORWARD on {name}"), format!("{} ({packets} packets)", rule.text))
            .step(format!("make {} anew without that option, or use published ports", network.name)),
        );
    }
    found
}

/// Docker drops what comes from outside for a container's own address, and another node sends it on purpose.
fn direct(world: &World, node: &NodeState, docker: &Docker) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = &node.name;
    for (network, bridge) in bridges(docker) {
        let nets: Vec<ipnet::IpNet> = network
            .ipam
            .iter()
            .filter_map(|ipam| ipam.subnet.parse().ok())
            .collect();
        let of_net = |rule: &Rule| {
            let mut words = rule.text.split(' ');
            let dst = words.find(|word| *word == "-d").and_then(|_| words.next());
            let ip = dst.and_then(|dst| dst.parse::<ipnet::IpNet>().ok());
            ip.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip)))
        };
        let rule = chains(node, "raw")
            .filter(|(_, _, chain)| &*chain.name == "PREROUTING")
            .flat_map(|(ruleset, _, chain)| chain.rules.iter().map(|rule| (ruleset.dialect.command(), rule)))
            .find(|(_, rule)| drops(rule) && of_net(rule) && rule.text.contains(&format!("! -i {bridge}")));
        let Some((iptables, rule)) = rule else { continue };
        let own = |ip: std::net::IpAddr| node.net.addresses.items().iter().any(|address| address.ip == ip);
        let sender = world
            .nodes
            .iter()
            .filter(|other| other.name != *name)
            .find_map(|other| {
                let routes = other.net.routes.items().iter();
                let mut routes =
                    routes.filter(|route| route.table == TableId::MAIN && route.dst.prefix_len() > 0);
                routes
                    .find(|route| {
                        nets.iter()
                            .any(|net| net.contains(&route.dst) || route.dst.contains(net))
                            && route.next_hops.iter().any(|hop| hop.gateway.is_some_and(own))
                    })
                    .map(|route| (other, route))
            });
        let Some((other, route)) = sender else { continue };
        found.push(
            Finding::of(
                "docker-drops-direct-access",
                name,
                format!("{} has a route to containers of {name}, and Docker there drops what comes by it", other.name),
            )
            .about(&network.name)
            .shown(format!("iptables-save -t raw on {name}"), &*rule.text)
            .shown(format!("ip route on {}", other.name), format!("{} via {name}", route.dst))
            .step(format!("make {} anew with -o com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected (or routed)", network.name))
            .step("or allow it for all networks: \"allow-direct-routing\": true in /etc/docker/daemon.json")
            .run(
                format!("{iptables} -t raw {}", rule.text.replacen("-A ", "-D ", 1)),
                format!("{iptables} -t raw {}", rule.text),
            ),
        );
    }
    found
}
