//! Docker's part: what its networks and published ports ask of FORWARD, as far as packets depend on it (moby
//! `libnetwork/drivers/bridge`). Releases lay their chains out differently, so packets are asked about, not texts.

mod packet;

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use packet::Packet;

use crate::state::NodeState;
use crate::state::docker::{Container, Docker, Network};
use crate::state::link::Link;
use crate::state::netfilter::{
    Dialect, Dir, Expr, Key, Match, NatKind, Op, Policy, Rule, Ruleset, Statement, Table, Verdict,
};

const ISOLATION: [&str; 2] = ["DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"];
const GATEWAY_MODE: &str = "com.docker.network.bridge.gateway_mode_ipv4";
const ICC: &str = "com.docker.network.bridge.enable_icc";
/// Bits of conntrack's state.
const ESTABLISHED: u64 = 2;
const NEW: u64 = 8;

/// A rule that a network or a port asks for, and that is not there, nor another one in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    pub network: String,
    pub dialect: Dialect,
    /// What packets miss: `leave it`, …
    pub purpose: Purpose,
    /// What brings it about, in this order: table, whether it comes first in its chain, and the rule after `-A`.
    pub rules: Vec<(&'static str, bool, String)>,
    /// What is there in its place.
    pub stale: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Containers' packets leave the network.
    Out,
    /// Answers come back in.
    Back,
    /// Containers of the network speak with each other.
    Between,
    /// A published port is let through: host's port, container, its address.
    Published(u16, String, IpAddr),
    /// A published port is translated to an address that no container has.
    Translated(u16, String, IpAddr),
    /// Other networks are kept out: one of them.
    Isolated(String),
}

/// A bridge of Docker's with containers on it.
#[derive(Debug)]
struct Bridge<'d> {
    network: &'d Network,
    link: String,
}

impl Bridge<'_> {
    /// Whether it is closed but for published ports, as bridges are unless they are told otherwise.
    fn is_closed(&self) -> bool {
        self.network
            .options
            .get(GATEWAY_MODE)
            .is_none_or(|mode| mode == "nat")
    }
}

/// What a node's rules lack of what its Docker means; nothing where Docker writes no rules, or not with iptables.
pub fn lacking(node: &NodeState, docker: &Docker) -> Vec<Lacking> {
    let Some((ruleset, filter)) = docker_table(node, "filter") else {
        return Vec::new();
    };
    let nets = docker.networks.items().iter();
    let bridges: Vec<Bridge> = nets
        .filter_map(|network| {
            let link = network.bridge_name()?;
            let is_up = node.net.link_named(&link).is_some_and(|known| known.is_up());
            (is_up && !network.endpoints.is_empty()).then_some(Bridge { network, link })
        })
        .collect();
    let made = |link: &&Link| !matches!(link.kind.as_deref(), None | Some("bond" | "vlan" | "team"));
    let inner: Vec<&str> = node
        .net
        .links
        .items()
        .iter()
        .filter(made)
        .map(|link| link.name.as_str())
        .collect();
    let scene = Scene {
        node,
        docker,
        dialect: ruleset.dialect,
        filter,
        bridges: &bridges,
        inner: &inner,
    };
    let mut found = Vec::new();
    for bridge in &bridges {
        scene.passage(bridge, &mut found);
        scene.isolation(bridge, &mut found);
    }
    for container in docker.containers.items() {
        scene.ports(container, &mut found);
    }
    if let Some((_, nat)) = docker_table(node, "nat") {
        scene.translations(nat, &mut found);
    }
    found
}

/// The table of the back end that has Docker's chain; none where two have.
fn docker_table<'n>(node: &'n NodeState, name: &str) -> Option<(&'n Ruleset, &'n Table)> {
    let rulesets = node.net.netfilter.known()?.iter();
    let of_v4 =
        rulesets.filter(|ruleset| matches!(ruleset.dialect, Dialect::IptablesLegacy | Dialect::IptablesNft));
    let mut all = of_v4.filter_map(|ruleset| {
        let mut tables = ruleset.tables.iter();
        let table = tables.find(|table| &*table.name == name && table.chain("DOCKER").is_some())?;
        Some((ruleset, table))
    });
    let one = all.next()?;
    all.next().is_none().then_some(one)
}

struct Scene<'s> {
    node: &'s NodeState,
    docker: &'s Docker,
    dialect: Dialect,
    filter: &'s Table,
    bridges: &'s [Bridge<'s>],
    inner: &'s [&'s str],
}

impl<'s> Scene<'s> {
    fn lacking(&self, network: &str, purpose: Purpose, rules: Vec<(&'static str, bool, String)>) -> Lacking {
        Lacking {
            network: network.to_owned(),
            dialect: self.dialect,
            purpose,
            rules,
            stale: Vec::new(),
        }
    }

    fn packet(&self, by: Option<&'s str>, to: Option<&'s str>) -> Packet<'s> {
        Packet {
            by,
            to,
            at: None,
            state: NEW,
            some: false,
            net: None,
            inner: self.inner,
        }
    }

    fn drops_the_rest(&self) -> bool {
        let base = self.filter.chain("FORWARD").and_then(|chain| chain.base.as_ref());
        base.is_some_and(|base| base.policy == Policy::Drop)
    }

    /// Whether a rule may accept such a packet; with what can't be told, it may.
    fn accepts(&self, packet: &Packet) -> bool {
        self.ends(packet, |statement| {
            matches!(statement, Statement::Verdict(Verdict::Accept | Verdict::Queue(_)))
        })
    }

    fn drops(&self, packet: &Packet) -> bool {
        let packet = Packet {
            some: true,
            ..*packet
        };
        self.ends(&packet, |statement| {
            matches!(
                statement,
                Statement::Verdict(Verdict::Drop | Verdict::Queue(_)) | Statement::Reject(_)
            )
        })
    }

    /// Whether a rule that FORWARD leads to may match the packet and end it so.
    fn ends(&self, packet: &Packet, end: fn(&Statement) -> bool) -> bool {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut todo = vec!["FORWARD"];
        while let Some(name) = todo.pop() {
            let rules = self.filter.chain(name).into_iter().flat_map(|chain| &chain.rules);
            for rule in rules.filter(|rule| packet.may_match(rule)) {
                for statement in &rule.statements {
                    match statement {
                        _ if end(statement) => return true,
                        Statement::Unknown { acts: true, .. } => return true,
                        Statement::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) if seen.insert(to) => {
                            todo.push(to)
                        }
                        _ => {}
                    }
                }
            }
        }
        false
    }

    /// Whether a chain has a rule that jumps there, for a packet like this.
    fn leads(&self, from: &str, to: &str, packet: &Packet) -> bool {
        let rules = self.filter.chain(from).into_iter().flat_map(|chain| &chain.rules);
        rules.filter(|rule| packet.may_match(rule)).any(|rule| {
            let mut statements = rule.statements.iter();
            statements.any(|statement| {
                matches!(statement, Statement::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) if **chain == *to)
            })
        })
    }

    fn has(&self, chain: &str) -> bool {
        self.filter.chain(chain).is_some()
    }

    /// What a network needs to get out, and its answers back in.
    fn passage(&self, bridge: &'s Bridge<'s>, found: &mut Vec<Lacking>) {
        // Docker 28 and later have all that in chains of their own.
        if !self.drops_the_rest() || self.has("DOCKER-FORWARD") {
            return;
        }
        let (own, network) = (bridge.link.as_str(), &bridge.network.name);
        let mut lack = |packet: Packet, purpose, rule: String| {
            if !self.accepts(&packet) {
                found.push(self.lacking(network, purpose, vec![("filter", false, rule)]));
            }
        };
        let mut nets = bridge
            .network
            .ipam
            .iter()
            .filter_map(|ipam| ipam.subnet.parse().ok());
        let net = nets.find(|net: &IpNet| net.addr().is_ipv4());
        if !bridge.network.internal {
            let back = Packet {
                state: ESTABLISHED,
                net,
                ..self.packet(None, Some(own))
            };
            let rule = format!("FORWARD -o {own} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
            lack(back, Purpose::Back, rule);
            let out = self.packet(Some(own), None);
            lack(
                out,
                Purpose::Out,
                format!("FORWARD -i {own} ! -o {own} -j ACCEPT"),
            );
        }
        let bridged = self.node.net.sysctl("net.bridge.bridge-nf-call-iptables") == Some("1");
        let together = bridge.network.options.get(ICC).is_none_or(|icc| icc != "false");
        if bridged && together && bridge.network.endpoints.len() > 1 {
            let between = Packet {
                net,
                ..self.packet(Some(own), Some(own))
            };
            lack(
                between,
                Purpose::Between,
                format!("FORWARD -i {own} -o {own} -j ACCEPT"),
            );
        }
    }

    /// Whether packets of this network come into another one.
    fn isolation(&self, bridge: &'s Bridge<'s>, found: &mut Vec<Lacking>) {
        let [first, second] = ISOLATION;
        if !self.has(first) || !self.has(second) || !bridge.is_closed() {
            return;
        }
        let others: Vec<&Bridge> = self
            .bridges
            .iter()
            .filter(|other| other.link != bridge.link)
            .collect();
        let open = others.into_iter().filter(|other| {
            let packet = self.packet(Some(&bridge.link), Some(&other.link));
            other.is_closed() && !self.drops(&packet)
        });
        let open: Vec<&Bridge> = open.collect();
        let Some(other) = open.first() else { return };
        let packet = self.packet(Some(&bridge.link), Some(&other.link));
        let from = &bridge.link;
        let mut rules = Vec::new();
        if !self.leads("FORWARD", first, &packet) {
            rules.push(("filter", true, format!("FORWARD -j {first}")));
        }
        if !self.leads(first, second, &packet) {
            rules.push((
                "filter",
                true,
                format!("{first} -i {from} ! -o {from} -j {second}"),
            ));
        }
        for other in &open {
            let packet = self.packet(Some(from), Some(&other.link));
            let mut ends = self
                .filter
                .chain(second)
                .into_iter()
                .flat_map(|chain| &chain.rules);
            let drops = |rule: &Rule| {
                let mut statements = rule.statements.iter();
                packet.may_match(rule) && statements.any(|it| matches!(it, Statement::Verdict(Verdict::Drop)))
            };
            if !ends.any(drops) {
                rules.push(("filter", true, format!("{second} -o {} -j DROP", other.link)));
            }
        }
        if !rules.is_empty() {
            let purpose = Purpose::Isolated(other.network.name.clone());
            found.push(self.lacking(&bridge.network.name, purpose, rules));
        }
    }

    /// The bridge and address of a container by which its ports are published.
    fn sites(&self, container: &'s Container) -> impl Iterator<Item = (&'s Bridge<'s>, IpAddr)> {
        let bridges = self.bridges;
        container.networks.iter().filter_map(move |(name, endpoint)| {
            let bridge = bridges.iter().find(|bridge| bridge.network.name == *name)?;
            Some((bridge, endpoint.address.filter(IpAddr::is_ipv4)?))
        })
    }

    /// Published ports that nothing lets through.
    fn ports(&self, container: &'s Container, found: &mut Vec<Lacking>) {
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
                "DOCKER -d {ip}/32 ! -i {own} -o {own} -p {proto} -m {proto} --dport {} -j ACCEPT",
                port.port,
                proto = port.protocol
            );
            let mut rules = vec![("filter", true, accept)];
            let reaches = ["FORWARD", "DOCKER-FORWARD", "DOCKER-BRIDGE"];
            if !reaches
                .iter()
                .any(|chain| self.leads(chain, "DOCKER", &packet(own, ip)))
            {
                rules.push(("filter", false, format!("FORWARD -o {own} -j DOCKER")));
            }
            let purpose = Purpose::Published(host, container.name.clone(), ip);
            found.push(self.lacking(&bridge.network.name, purpose, rules));
        }
    }

    /// Translations to addresses of bridges that no container has.
    fn translations(&self, nat: &Table, found: &mut Vec<Lacking>) {
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
            let Some((host, protocol, ip)) = translation(rule) else {
                continue;
            };
            let of_bridge = self.bridges.iter().find(|bridge| {
                let mut nets = bridge.network.ipam.iter();
                nets.any(|ipam| ipam.subnet.parse::<IpNet>().is_ok_and(|net| net.contains(&ip)))
            });
            let Some(bridge) = of_bridge.filter(|_| !alive.contains(&ip)) else {
                continue;
            };
            let owner = running().find_map(|container| {
                let port = container
                    .ports
                    .iter()
                    .find(|port| port.host_port == Some(host) && number(&port.protocol) == Some(protocol))?;
                let (bridge, own) = self.sites(container).next()?;
                Some((container, port, bridge, own))
            });
            // Where nobody has the port, the rule is only left over.
            let Some((container, port, own, address)) = owner else {
                continue;
            };
            let right = format!(
                "DOCKER ! -i {} -p {proto} -m {proto} --dport {host} -j DNAT --to-destination {address}:{}",
                own.link,
                port.port,
                proto = port.protocol
            );
            let purpose = Purpose::Translated(host, container.name.clone(), ip);
            let mut one = self.lacking(&bridge.network.name, purpose, vec![("nat", false, right)]);
            one.stale
                .push(("nat", rule.text.trim_start_matches("-A ").to_owned()));
            found.push(one);
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

/// The port of the host that a rule translates, and to which address.
fn translation(rule: &Rule) -> Option<(u16, u8, IpAddr)> {
    let (mut port, mut protocol, mut to) = (None, None, None);
    for statement in &rule.statements {
        match statement {
            Statement::Match(Match {
                key: Expr::Key(Key::Port { dir: Dir::Dst, .. }),
                op: Op::Eq,
                value: Expr::Number(number),
            }) => port = u16::try_from(*number).ok(),
            Statement::Match(Match {
                key: Expr::Key(Key::L4Proto),
                op: Op::Eq,
                value: Expr::Number(number),
            }) => protocol = u8::try_from(*number).ok(),
            Statement::Nat(nat) if nat.kind == NatKind::Dnat => {
                to = match nat.addr {
                    Some(Expr::Addr(ip)) => Some(ip),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    Some((port?, protocol?, to?))
}
