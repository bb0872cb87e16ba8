//! Published ports: what lets them through, and what translates them.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::packet::Packet;
use super::{Bridge, Lacking, OWN_FORWARD, Purpose, Scene, Wanted};
use crate::state::docker::{Container, Network, PublishedPort};
use crate::state::netfilter::{Dir, Expr, Key, Match, NatKind, Op, Rule, Statement, Table};

impl<'s> Scene<'s> {
    /// The bridge and address of a container by which its ports are published.
    fn sites(&self, container: &'s Container) -> impl Iterator<Item = (&'s Bridge<'s>, IpAddr)> {
        let bridges = self.bridges;
        container.networks.iter().filter_map(move |(name, endpoint)| {
            let bridge = bridges
                .iter()
                .copied()
                .find(|bridge| bridge.network.name == *name)?;
            Some((bridge, endpoint.address.filter(IpAddr::is_ipv4)?))
        })
    }

    /// Published ports that nothing lets through.
    pub(super) fn ports(&self, container: &'s Container, found: &mut Vec<Lacking>) {
        if container.state != "running" {
            return;
        }
        let mut known: HashSet<(u16, &str)> = HashSet::new();
        for port in &container.ports {
            let (Some(host), Some(protocol)) = (port.host_port, number(&port.protocol)) else {
                continue;
            };
            // One for IPv4 and one for IPv6.
            if port
                .host_address
                .is_some_and(|ip| ip.is_ipv6() || ip.is_loopback())
                || !known.insert((host, &port.protocol))
            {
                continue;
            }
            let sites: Vec<_> = self
                .sites(container)
                .filter(|(bridge, _)| !bridge.network.internal)
                .collect();
            let packet = |own: &'s str, ip| Packet {
                at: Some((ip, protocol, port.port)),
                ..self.packet(None, Some(own))
            };
            // Docker publishes by one of its networks.
            let is_lost = |own: &'s str, ip| {
                let packet = packet(own, ip);
                (self.drops_the_rest() || self.drops(&packet)) && !self.accepts(&packet)
            };
            let Some((bridge, ip)) = sites.first().copied() else {
                continue;
            };
            if !sites.iter().all(|(bridge, ip)| is_lost(&bridge.link, *ip)) {
                continue;
            }
            let own = &bridge.link;
            let accept = format!(
                "-d {ip}/32 ! -i {own} -o {own} -p {proto} -m {proto} --dport {} -j ACCEPT",
                port.port,
                proto = port.protocol
            );
            let mut rules = vec![Wanted::new("filter", "DOCKER", accept, Some(1))];
            let packet = packet(own, ip);
            let met = self.met(|rule| packet.may_match(rule));
            let is_met = |name: &str| met.iter().any(|chain| *chain.name == *name);
            // Without its chain, newer releases have to start again.
            let mut is_safe = true;
            if !is_met("DOCKER") {
                let jump = format!("-o {own} -j DOCKER");
                rules.push(Wanted::new("filter", "FORWARD", jump, None));
                is_safe = !self.has(OWN_FORWARD);
            }
            let purpose = Purpose::Published(host, container.name.clone(), ip);
            found.push(Lacking {
                is_safe,
                ..self.lacking(&bridge.network.name, purpose, rules)
            });
        }
    }

    /// Translations to addresses of bridges that no container has.
    pub(super) fn translations(&self, nat: &Table, found: &mut Vec<Lacking>) {
        let swarm = self
            .docker
            .info
            .known()
            .is_some_and(|info| info.swarm == "active");
        if self.docker.containers.known().is_none() || swarm {
            return;
        }
        let running = || {
            self.docker
                .containers
                .items()
                .iter()
                .filter(|one| one.state == "running")
        };
        let alive: HashSet<IpAddr> = running()
            .flat_map(|container| container.networks.values())
            .filter_map(|endpoint| endpoint.address)
            .chain(self.docker.networks.items().iter().flat_map(of_endpoints))
            .collect();
        for rule in nat.chain("DOCKER").into_iter().flat_map(|chain| &chain.rules) {
            let Some(old) = Translation::of(rule) else {
                continue;
            };
            let of_bridge = self.bridges.iter().find(|bridge| {
                let mut nets = bridge.network.ipam.iter();
                nets.any(|ipam| {
                    ipam.subnet
                        .parse::<IpNet>()
                        .is_ok_and(|net| net.contains(&old.to))
                })
            });
            let Some(bridge) = of_bridge.filter(|_| !alive.contains(&old.to)) else {
                continue;
            };
            let owner = running().find_map(|container| {
                let port = container.ports.iter().find(|port| old.is_of(port))?;
                let (bridge, own) = self.sites(container).next()?;
                Some((container, port, bridge, own))
            });
            // Where nobody has the port, the rule is only left over.
            let Some((container, port, own, address)) = owner else {
                continue;
            };
            let stale = rule.text.trim_start_matches("-A ").to_owned();
            // All else of it stays: by which address of the host it is published.
            let Some((start, _)) = stale.split_once(" --to-destination ") else {
                continue;
            };
            let start = start
                .trim_start_matches("DOCKER ")
                .replace(&bridge.link, &own.link);
            let right = format!("{start} --to-destination {address}:{}", port.port);
            let purpose = Purpose::Translated(old.port, container.name.clone(), old.to);
            let rules = vec![Wanted::new("nat", "DOCKER", right, None)];
            found.push(Lacking {
                stale: vec![("nat", stale)],
                ..self.lacking(&bridge.network.name, purpose, rules)
            });
        }
    }
}

fn of_endpoints(network: &Network) -> impl Iterator<Item = IpAddr> {
    let endpoints = network.endpoints.iter();
    endpoints.filter_map(|endpoint| endpoint.ipv4.split('/').next()?.parse().ok())
}

fn number(protocol: &str) -> Option<u8> {
    match protocol {
        "tcp" => Some(6),
        "udp" => Some(17),
        "sctp" => Some(132),
        _ => None,
    }
}

/// What a rule translates, and to which address.
struct Translation {
    /// None: every address of the host.
    at: Option<IpAddr>,
    protocol: u8,
    port: u16,
    to: IpAddr,
}

impl Translation {
    fn of(rule: &Rule) -> Option<Self> {
        let (mut at, mut port, mut protocol, mut to) = (None, None, None, None);
        for statement in &rule.statements {
            match statement {
                Statement::Match(Match {
                    key: Expr::Key(key),
                    op: Op::Eq,
                    value,
                }) => match (key, value) {
                    (Key::Port { dir: Dir::Dst, .. }, Expr::Number(number)) => {
                        port = u16::try_from(*number).ok();
                    }
                    (Key::L4Proto, Expr::Number(number)) => protocol = u8::try_from(*number).ok(),
                    (Key::Addr { dir: Dir::Dst, .. }, Expr::Addr(ip)) => at = Some(*ip),
                    (Key::Addr { dir: Dir::Dst, .. }, Expr::Net(net)) => at = Some(net.addr()),
                    _ => {}
                },
                Statement::Nat(nat) if nat.kind == NatKind::Dnat => {
                    to = match nat.addr {
                        Some(Expr::Addr(ip)) => Some(ip),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
        Some(Self {
            at,
            protocol: protocol?,
            port: port?,
            to: to?,
        })
    }

    /// Whether it is written for this port.
    fn is_of(&self, port: &PublishedPort) -> bool {
        port.host_port == Some(self.port)
            && number(&port.protocol) == Some(self.protocol)
            && port.host_address.filter(|ip| !ip.is_unspecified()) == self.at
    }
}
