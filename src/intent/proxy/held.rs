//! What the rules of a node translate: iptables' chains, maps of nftables, IPVS's virtual servers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::{Front, Proxy};
use crate::policy::frontend::Ends;
use crate::state::ipvs::VirtualSelect;
use crate::state::netfilter::{
    Chain, Dialect, Dir, Expr, Family, Key, Match, NatKind, Op, Rule, Ruleset, Statement, Table, Verdict,
};
use crate::state::{Absence, NodeState};

const SERVICES: &str = "KUBE-SERVICES";
const NODE_PORTS: &str = "KUBE-NODEPORTS";
const MASQUERADING: &str = "KUBE-POSTROUTING";
/// A chain that kube-proxy only makes to see whether somebody flushes its tables.
const CANARY: &str = "KUBE-PROXY-CANARY";
const NFT_TABLE: &str = "kube-proxy";

/// In which form kube-proxy wrote its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By this back end of iptables.
    Iptables(Dialect),
    Nftables,
    Ipvs,
}

/// What the rules of one family translate.
#[derive(Debug)]
pub struct Held {
    pub mode: Mode,
    pub v6: bool,
    pub fronts: BTreeMap<Front, Translated>,
    /// A rule was not understood: what isn't in `fronts` may be there.
    pub is_uncertain: bool,
    /// Base chains that don't lead to the rules of services (iptables only).
    pub unhooked: Vec<&'static str>,
    /// Whether what is marked for it gets the node's address.
    pub masquerades: bool,
    /// Whether kube-proxy looks if its tables are flushed.
    pub is_watched: bool,
}

/// Where packets of one front are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translated {
    pub ends: Ends,
    /// A rule on the way was not understood.
    pub is_uncertain: bool,
}

impl Held {
    /// Whether a front like this has to be there: IPVS has NodePorts only of the addresses that kube-proxy was told.
    pub(super) fn opens(&self, front: &Front) -> bool {
        front.ip.is_some() || self.mode != Mode::Ipvs || self.fronts.keys().any(|known| known.ip.is_none())
    }
}

/// What a node translates in one family; none where it has no rules of kube-proxy, or of several modes, one of which is
/// left over.
pub fn held(proxy: &Proxy, node: &NodeState, v6: bool) -> Option<Held> {
    let family = if v6 { Family::Ip6 } else { Family::Ip };
    let rulesets = node.net.netfilter.known()?;
    let nft = rulesets
        .iter()
        .filter(|ruleset| ruleset.dialect == Dialect::Nft)
        .flat_map(|ruleset| &ruleset.tables)
        .find(|table| &*table.name == NFT_TABLE && table.family == family && !table.dormant);
    let chains = |wanted: fn(&Table) -> bool| {
        rulesets.iter().filter_map(move |ruleset| {
            let of_family = ruleset.dialect != Dialect::Nft && ruleset.dialect.family() == family;
            let mut nat = ruleset.tables.iter().filter(|table| &*table.name == "nat");
            let nat = nat.find(|table| of_family && wanted(table))?;
            Some((ruleset, nat))
        })
    };
    let has_rules = |table: &Table| {
        let services = table.chain(SERVICES);
        services.is_some_and(|chain| !chain.rules.is_empty())
    };
    // A chain that was flushed counts where nobody else has rules.
    let full: Vec<_> = chains(has_rules).collect();
    let any: Vec<_> = chains(|table| table.chain(SERVICES).is_some()).collect();
    let (ruleset, nat) = match (nft, full.as_slice(), any.as_slice()) {
        (Some(table), [], _) => return Some(nftables(table, v6)),
        (None, [one], _) | (None, [], [one]) => *one,
        _ => return None,
    };
    let by_sets = |rule: &Rule| rule.statements.iter().any(|it| matches!(it, Statement::IpSet(_)));
    let services = nat.chain(SERVICES)?;
    if services.rules.iter().any(by_sets) {
        let mut held = ipvs(proxy, node, v6)?;
        held.masquerades = masquerades(nat, "POSTROUTING", MASQUERADING);
        return Some(held);
    }
    // Virtual servers of services beside an empty chain are IPVS's, whoever flushed it.
    if services.rules.is_empty() && ipvs(proxy, node, v6).is_some_and(|held| !held.fronts.is_empty()) {
        return None;
    }
    Some(iptables(ruleset, nat, v6))
}

fn iptables(ruleset: &Ruleset, nat: &Table, v6: bool) -> Held {
    let mut reach = Reach::new(nat);
    let mut held = Held {
        mode: Mode::Iptables(ruleset.dialect),
        v6,
        fronts: BTreeMap::new(),
        is_uncertain: false,
        unhooked: Vec::new(),
        masquerades: masquerades(nat, "POSTROUTING", MASQUERADING),
        is_watched: ruleset.tables.iter().any(|table| table.chain(CANARY).is_some()),
    };
    held.unhooked = ["PREROUTING", "OUTPUT"]
        .into_iter()
        .filter(|base| !leads(nat, base, SERVICES))
        .collect();
    for (name, of_node) in [(SERVICES, false), (NODE_PORTS, true)] {
        for rule in nat.chain(name).into_iter().flat_map(|chain| &chain.rules) {
            held.is_uncertain |= !rule.is_understood() && front(rule, of_node).is_none();
            let Some(target) = rule.targets().next().filter(|target| is_of_service(target)) else {
                continue;
            };
            let Some(front) = front(rule, of_node) else {
                continue;
            };
            let translated = reach.of(target);
            let known = held.fronts.entry(front).or_default();
            known.ends.extend(&translated.ends);
            known.is_uncertain |= translated.is_uncertain;
        }
    }
    held
}

/// Chains that only mark, or that are for all.
fn is_of_service(chain: &str) -> bool {
    chain.starts_with("KUBE-") && !chain.starts_with("KUBE-MARK-") && chain != NODE_PORTS
}

/// The address, protocol and port that a rule asks for.
fn front(rule: &Rule, of_node: bool) -> Option<Front> {
    let (mut ip, mut protocol, mut port) = (None, None, None);
    for statement in &rule.statements {
        let Statement::Match(Match {
            key: Expr::Key(key),
            op: Op::Eq,
            value,
        }) = statement
        else {
            continue;
        };
        match (key, value) {
            (Key::Addr { dir: Dir::Dst, .. }, value) => ip = address(value),
            (Key::L4Proto | Key::IpProto { .. }, Expr::Number(number)) => {
                protocol = u8::try_from(*number).ok();
            }
            (Key::Port { dir: Dir::Dst, .. }, Expr::Number(number)) => port = u16::try_from(*number).ok(),
            _ => {}
        }
    }
    Some(Front {
        ip: if of_node { None } else { Some(ip?) },
        protocol: protocol?,
        port: port?,
    })
}

fn address(value: &Expr) -> Option<IpAddr> {
    match value {
        Expr::Addr(ip) => Some(*ip),
        Expr::Net(net) if net.prefix_len() == net.max_prefix_len() => Some(net.addr()),
        _ => None,
    }
}

/// Whether a chain leads to another one, directly or by others.
fn leads(table: &Table, from: &str, to: &str) -> bool {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut todo = vec![from];
    while let Some(name) = todo.pop() {
        let rules = table.chain(name).into_iter().flat_map(|chain| &chain.rules);
        for target in rules.flat_map(Rule::targets) {
            if target == to {
                return true;
            }
            // kube-proxy's own are many, and none leads back.
            if !target.starts_with("KUBE-S") && seen.insert(target) {
                todo.push(target);
            }
        }
    }
    false
}

/// Whether a base chain leads to a chain that masquerades.
fn masquerades(table: &Table, from: &str, chain: &str) -> bool {
    let masquerading = table.chain(chain).is_some_and(|chain| {
        let statements = chain.rules.iter().flat_map(|rule| &rule.statements);
        statements.into_iter().any(
            |statement| matches!(statement, Statement::Nat(nat) if matches!(nat.kind, NatKind::Masquerade | NatKind::Snat)),
        )
    });
    masquerading && leads(table, from, chain)
}

/// Where chains of a table lead, each found once.
struct Reach<'t> {
    chains: HashMap<&'t str, &'t Chain>,
    known: HashMap<&'t str, Translated>,
}

impl<'t> Reach<'t> {
    fn new(table: &'t Table) -> Self {
        Self {
            chains: table.chains.iter().map(|chain| (&*chain.name, chain)).collect(),
            known: HashMap::new(),
        }
    }

    fn of(&mut self, chain: &'t str) -> Translated {
        if let Some(known) = self.known.get(chain) {
            return known.clone();
        }
        // A chain that leads to itself has no more than it has.
        self.known.insert(chain, Translated::default());
        let mut found = Translated::default();
        let rules: &[Rule] = self.chains.get(chain).map_or(&[], |chain| &chain.rules);
        for rule in rules {
            found.is_uncertain |= !rule.is_understood();
            for statement in &rule.statements {
                match statement {
                    Statement::Nat(nat) if nat.kind == NatKind::Dnat => {
                        match end(nat.addr.as_ref(), nat.port.as_ref()) {
                            Some(end) => drop(found.ends.insert(end)),
                            None => found.is_uncertain = true,
                        }
                    }
                    Statement::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) => self.join(to, &mut found),
                    Statement::Vmap(parts) => self.values(&parts.1, &mut found),
                    _ => {}
                }
            }
        }
        self.known.insert(chain, found.clone());
        found
    }

    fn join(&mut self, chain: &'t str, found: &mut Translated) {
        let other = self.of(chain);
        found.ends.extend(other.ends);
        found.is_uncertain |= other.is_uncertain;
    }

    /// The chains of an anonymous map.
    fn values(&mut self, map: &'t Expr, found: &mut Translated) {
        let Expr::Set(pairs) = map else { return };
        for pair in pairs {
            if let Expr::Pair(pair) = pair
                && let Some(chain) = verdict(&pair.1)
            {
                self.join(chain, found);
            }
        }
    }
}

fn verdict(value: &Expr) -> Option<&str> {
    match value {
        Expr::Verdict(verdict) => verdict.target(),
        _ => None,
    }
}

/// The address and port that a rule translates to.
fn end(addr: Option<&Expr>, port: Option<&Expr>) -> Option<(IpAddr, u16)> {
    let number = |value: &Expr| match value {
        Expr::Number(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    match (addr?, port) {
        (Expr::Concat(parts), None) => match parts.as_slice() {
            [ip, port] => Some((address(ip)?, number(port)?)),
            _ => None,
        },
        (ip, Some(port)) => Some((address(ip)?, number(port)?)),
        _ => None,
    }
}

fn nftables(table: &Table, v6: bool) -> Held {
    let mut reach = Reach::new(table);
    let mut held = Held {
        mode: Mode::Nftables,
        v6,
        fronts: BTreeMap::new(),
        is_uncertain: false,
        unhooked: Vec::new(),
        masquerades: masquerades(table, "nat-postrouting", "masquerading"),
        is_watched: false,
    };
    for (map, of_node) in [("service-ips", false), ("service-nodeports", true)] {
        let elements = table.set(map).into_iter().flat_map(|set| &set.elements);
        for element in elements {
            let front = front_of_key(&element.key, of_node);
            let chain = element.value.as_ref().and_then(verdict);
            let Some((front, chain)) = front.zip(chain) else {
                held.is_uncertain = true;
                continue;
            };
            held.fronts.insert(front, reach.of(chain));
        }
    }
    held
}

/// `10.96.0.10 . tcp . 80`, or `tcp . 30080`
fn front_of_key(key: &Expr, of_node: bool) -> Option<Front> {
    let Expr::Concat(parts) = key else { return None };
    let (ip, rest) = if of_node {
        (None, parts.as_slice())
    } else {
        let (first, rest) = parts.split_first()?;
        (Some(address(first)?), rest)
    };
    let [Expr::Number(protocol), Expr::Number(port)] = rest else {
        return None;
    };
    Some(Front {
        ip,
        protocol: u8::try_from(*protocol).ok()?,
        port: u16::try_from(*port).ok()?,
    })
}

/// Of virtual servers, those of the family; none where the kernel could not be asked.
fn ipvs(proxy: &Proxy, node: &NodeState, v6: bool) -> Option<Held> {
    let servers = &node.net.ipvs;
    if servers.known().is_none() && servers.absence() != Some(Absence::Missing) {
        return None;
    }
    let own = proxy.cluster_ips();
    let mut fronts: BTreeMap<Front, Translated> = BTreeMap::new();
    for server in servers.items() {
        let (protocol, at) = match server.select {
            VirtualSelect::Tcp(at) => (6, at),
            VirtualSelect::Udp(at) => (17, at),
            VirtualSelect::Sctp(at) => (132, at),
            VirtualSelect::Mark(_) => continue,
        };
        if at.is_ipv6() != v6 {
            continue;
        }
        let of_node = !own.contains_key(&at.ip())
            && proxy.has_node_port(protocol, at.port())
            && node
                .net
                .addresses
                .items()
                .iter()
                .any(|address| address.ip == at.ip());
        let front = Front {
            ip: (!of_node).then_some(at.ip()),
            protocol,
            port: at.port(),
        };
        // Those of weight 0 are on their way out.
        let ends = server.servers.iter().filter(|real| real.weight > 0);
        fronts
            .entry(front)
            .or_default()
            .ends
            .extend(ends.map(|real| (real.address.ip(), real.address.port())));
    }
    Some(Held {
        mode: Mode::Ipvs,
        v6,
        fronts,
        is_uncertain: false,
        unhooked: Vec::new(),
        masquerades: true,
        is_watched: false,
    })
}
