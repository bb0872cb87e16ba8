//! Docker's part: what its networks and published ports ask of FORWARD, as far as packets depend on it (moby
//! `libnetwork/drivers/bridge`). Releases lay their chains out differently, so packets are asked about, not texts.

mod isolation;
mod packet;
mod ports;

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use packet::Packet;

use crate::state::NodeState;
use crate::state::docker::{Docker, Network};
use crate::state::link::Link;
use crate::state::netfilter::{Chain, Dialect, Policy, Rule, Ruleset, Statement, Table, Verdict};

/// Chains that keep networks apart (Docker 17.06 and later).
const ISOLATION: [&str; 2] = ["DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"];
/// Docker 28 and later lead to all from a chain of their own, and not from FORWARD.
const OWN_FORWARD: &str = "DOCKER-FORWARD";
/// Its users' rules, which come before its own.
const USERS: &str = "DOCKER-USER";
/// Where Docker with nftables has its rules.
const NFT_TABLE: &str = "docker-bridges";
const GATEWAY_MODE: &str = "com.docker.network.bridge.gateway_mode_ipv4";
const ICC: &str = "com.docker.network.bridge.enable_icc";
/// Bits of conntrack's state.
const ESTABLISHED: u64 = 2;
const NEW: u64 = 8;

/// What a network or a port asks for, and that is not there, nor another rule in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    pub network: String,
    pub dialect: Dialect,
    /// What packets miss: `leave it`, …
    pub purpose: Purpose,
    /// What brings it about, in this order. Whatever keeps networks apart comes before what lets packets pass.
    pub rules: Vec<Wanted>,
    /// What is there in its place: table, and the rule after `-A`.
    pub stale: Vec<(&'static str, String)>,
    /// They can be typed: with them, no network reaches one that Docker keeps it apart from.
    pub is_safe: bool,
}

/// A rule that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    table: &'static str,
    chain: String,
    /// What follows the chain's name.
    spec: String,
    /// Its number in the chain, from 1; none: the last one.
    at: Option<usize>,
}

impl Wanted {
    fn new(table: &'static str, chain: &str, spec: String, at: Option<usize>) -> Self {
        Self {
            table,
            chain: chain.to_owned(),
            spec,
            at,
        }
    }

    pub const fn table(&self) -> &'static str {
        self.table
    }

    /// As iptables lists it, after `-A`.
    pub fn text(&self) -> String {
        format!("{} {}", self.chain, self.spec)
    }

    /// What adds it, after the name of iptables.
    pub fn add(&self) -> String {
        let Self {
            table, chain, spec, ..
        } = self;
        match self.at {
            None => format!("-t {table} -A {chain} {spec}"),
            Some(1) => format!("-t {table} -I {chain} {spec}"),
            Some(number) => format!("-t {table} -I {chain} {number} {spec}"),
        }
    }

    /// What takes it away again.
    pub fn delete(&self) -> String {
        format!("-t {} -D {}", self.table, self.text())
    }
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
    with_scene(node, docker, lacks).unwrap_or_default()
}

/// What has to be there before any rule lets packets pass, so that Docker's networks stay apart: nothing where they are
/// apart for sure, or where Docker has another back end than this. None where only Docker can make it, by starting again.
pub fn guard(node: &NodeState, dialect: Dialect) -> Option<Vec<Wanted>> {
    let of_dialect = |scene: &Scene| (scene.dialect == dialect).then(|| scene.guard());
    let docker = node.docker.known();
    let guard = docker.and_then(|docker| with_scene(node, docker, of_dialect)?);
    guard.unwrap_or_else(|| Some(Vec::new()))
}

/// Asks about the packets of a node; none where Docker writes no rules.
fn with_scene<T>(node: &NodeState, docker: &Docker, ask: impl Fn(&Scene) -> T) -> Option<T> {
    let (ruleset, filter) = docker_table(node, "filter")?;
    let nets = docker.networks.items().iter();
    let all: Vec<Bridge> = nets
        .filter_map(|network| {
            let link = network.bridge_name()?;
            let is_there = node.net.link_named(&link).is_some();
            is_there.then_some(Bridge { network, link })
        })
        .collect();
    let is_used = |bridge: &&Bridge| {
        let link = node.net.link_named(&bridge.link);
        link.is_some_and(Link::is_up) && !bridge.network.endpoints.is_empty()
    };
    let bridges: Vec<&Bridge> = all.iter().filter(is_used).collect();
    let made = |link: &&Link| !matches!(link.kind.as_deref(), None | Some("bond" | "vlan" | "team"));
    let links = node.net.links.items().iter().filter(made);
    let inner: Vec<&str> = links.map(|link| link.name.as_str()).collect();
    Some(ask(&Scene {
        node,
        docker,
        dialect: ruleset.dialect,
        filter,
        all: &all,
        bridges: &bridges,
        inner: &inner,
    }))
}

/// The table of the back end that has Docker's chain; none where two have, or where Docker is told to use nftables and
/// what iptables has is left over.
fn docker_table<'n>(node: &'n NodeState, name: &str) -> Option<(&'n Ruleset, &'n Table)> {
    let rulesets = node.net.netfilter.known()?;
    let mut native = rulesets
        .iter()
        .filter(|ruleset| ruleset.dialect == Dialect::Nft)
        .flat_map(|ruleset| &ruleset.tables);
    if native.any(|table| &*table.name == NFT_TABLE) {
        return None;
    }
    let is_v4 =
        |ruleset: &&Ruleset| matches!(ruleset.dialect, Dialect::IptablesLegacy | Dialect::IptablesNft);
    let mut all = rulesets.iter().filter(is_v4).filter_map(|ruleset| {
        let mut tables = ruleset.tables.iter();
        let table = tables.find(|table| &*table.name == name && table.chain("DOCKER").is_some())?;
        Some((ruleset, table))
    });
    let one = all.next()?;
    all.next().is_none().then_some(one)
}

/// What packets of the scene miss.
fn lacks(scene: &Scene) -> Vec<Lacking> {
    let mut apart = Vec::new();
    let mut found = Vec::new();
    for bridge in scene.bridges {
        scene.isolation(bridge, &mut apart);
        scene.passage(bridge, &mut found);
    }
    for container in scene.docker.containers.items() {
        scene.ports(container, &mut found);
    }
    if !found.is_empty() {
        scene.put_behind_isolation(&mut found);
    }
    if let Some((_, nat)) = docker_table(scene.node, "nat") {
        scene.translations(nat, &mut found);
    }
    apart.append(&mut found);
    apart
}

struct Scene<'s> {
    node: &'s NodeState,
    docker: &'s Docker,
    dialect: Dialect,
    filter: &'s Table,
    /// Every bridge of Docker's that is there.
    all: &'s [Bridge<'s>],
    /// Those that are up, and have containers.
    bridges: &'s [&'s Bridge<'s>],
    inner: &'s [&'s str],
}

impl<'s> Scene<'s> {
    fn lacking(&self, network: &str, purpose: Purpose, rules: Vec<Wanted>) -> Lacking {
        Lacking {
            network: network.to_owned(),
            dialect: self.dialect,
            purpose,
            rules,
            stale: Vec::new(),
            is_safe: true,
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
        let may = |rule: &Rule| packet.may_match(rule);
        let ends = |statement: &Statement| {
            end(statement) || matches!(statement, Statement::Unknown { acts: true, .. })
        };
        let mut rules = self.met(may).into_iter().flat_map(|chain| &chain.rules);
        rules.any(|rule| may(rule) && rule.statements.iter().any(ends))
    }

    /// The chains that FORWARD leads to by rules that match.
    fn met(&self, matches: impl Fn(&Rule) -> bool) -> Vec<&'s Chain> {
        let mut seen: HashSet<&str> = HashSet::from(["FORWARD"]);
        let mut found: Vec<&Chain> = self.filter.chain("FORWARD").into_iter().collect();
        let mut at = 0;
        while let Some(chain) = found.get(at).copied() {
            at += 1;
            let targets = chain
                .rules
                .iter()
                .filter(|rule| matches(rule))
                .flat_map(Rule::targets);
            let new = targets.filter(|target| seen.insert(target));
            found.extend(new.filter_map(|target| self.filter.chain(target)));
        }
        found
    }

    fn has(&self, chain: &str) -> bool {
        self.filter.chain(chain).is_some()
    }

    /// What a network needs to get out, and its answers back in.
    fn passage(&self, bridge: &'s Bridge<'s>, found: &mut Vec<Lacking>) {
        if !self.drops_the_rest() || self.has(OWN_FORWARD) {
            return;
        }
        let (own, network) = (bridge.link.as_str(), &bridge.network.name);
        let mut lack = |packet: Packet, purpose, spec: String| {
            if !self.accepts(&packet) {
                found.push(self.lacking(
                    network,
                    purpose,
                    vec![Wanted::new("filter", "FORWARD", spec, None)],
                ));
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
            let rule = format!("-o {own} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
            lack(back, Purpose::Back, rule);
            let out = self.packet(Some(own), None);
            lack(out, Purpose::Out, format!("-i {own} ! -o {own} -j ACCEPT"));
        }
        let bridged = self.node.net.sysctl("net.bridge.bridge-nf-call-iptables") == Some("1");
        let together = bridge.network.options.get(ICC).is_none_or(|icc| icc != "false");
        if bridged && together && bridge.network.endpoints.len() > 1 {
            let between = Packet {
                net,
                ..self.packet(Some(own), Some(own))
            };
            lack(between, Purpose::Between, format!("-i {own} -o {own} -j ACCEPT"));
        }
    }
}
