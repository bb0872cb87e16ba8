//! What netfilter's rules say of each pod: in chains that any packet of the matrix can come to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::super::hooks::{Demand, demand, demands};
use super::super::packet::{Transport, proto};
use super::super::topology::{PlaceId, Topology};
use super::identity::Digest;
use super::leaves::{self, Leaf};
use super::tables::Said;
use crate::state::kind::LinkData;
use crate::state::netfilter::{Chain, Rule, Statement, Table};

/// flanneld's UDP, and what the walker takes for a tunnel's source port.
const TUNNEL_PORTS: [u16; 2] = [8285, 50_000];

/// What packets of a matrix can have: of the pods' own, of answers, and of the tunnels that carry them.
#[derive(Debug)]
pub(super) struct World {
    /// All that anybody has, or that rules translate to.
    ips: HashSet<IpAddr>,
    ports: HashSet<u16>,
    protos: [u8; 6],
}

impl World {
    pub(super) fn new(topology: &Topology, transport: Transport) -> Self {
        let own = super::super::packet::Packet::new([0, 0, 0, 0].into(), [0, 0, 0, 0].into(), transport);
        let mut world = Self {
            ips: HashSet::new(),
            ports: TUNNEL_PORTS.into(),
            protos: [
                own.proto(),
                proto::ICMPV6,
                proto::UDP,
                proto::IPIP,
                proto::IPV6,
                proto::GRE,
            ],
        };
        if let Some((sport, dport)) = transport.ports() {
            world.ports.extend([sport, dport]);
        }
        for (_, place) in topology.places() {
            world
                .ips
                .extend(place.net.addresses.items().iter().map(|address| address.ip));
            for link in place.net.links.items() {
                if let Some(LinkData::Vxlan(vxlan)) = &link.data {
                    world.ports.insert(vxlan.port);
                }
            }
            for table in place
                .net
                .netfilter
                .items()
                .iter()
                .flat_map(|ruleset| &ruleset.tables)
            {
                world.targets(table);
            }
        }
        world
    }

    /// Where rules of a table may translate to.
    fn targets(&mut self, table: &Table) {
        let mut take = |leaf: Leaf| match leaf {
            Leaf::Addr(ip) => drop(self.ips.insert(ip)),
            Leaf::Other(other) => {
                // `Number(80)`
                let text = format!("{other:?}");
                let number = text
                    .strip_prefix("Number(")
                    .and_then(|text| text.strip_suffix(')'));
                self.ports
                    .extend(number.and_then(|number| number.parse::<u16>().ok()));
            }
            _ => {}
        };
        for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
            for statement in &rule.statements {
                if let Statement::Nat(nat) = statement {
                    for part in [&nat.addr, &nat.port].into_iter().flatten() {
                        leaves::expr(part, &mut take);
                    }
                }
            }
        }
        for value in table
            .sets
            .iter()
            .flat_map(|set| &set.elements)
            .filter_map(|element| element.value.as_ref())
        {
            leaves::expr(value, &mut take);
        }
    }

    /// Whether a packet of the matrix may match the rule.
    fn can_meet(&self, rule: &Rule) -> bool {
        demands(rule).all(|demand| match demand {
            Demand::Addr(_, net) if net.prefix_len() == net.max_prefix_len() => {
                self.ips.contains(&net.addr())
            }
            Demand::Dport(port) => self.ports.contains(&port),
            Demand::Proto(number) => self.protos.contains(&number),
            Demand::Addr(..) | Demand::Link(..) => true,
        })
    }
}

/// Whose packets come to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Nobodys,
    /// Only rules that name this pod lead here.
    One(PlaceId),
    All,
}

impl Whose {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nobodys, any) | (any, Self::Nobodys) => any,
            (mine, other) if mine == other => mine,
            _ => Self::All,
        }
    }
}

/// A table of one namespace.
struct Seen<'t, 'a> {
    id: PlaceId,
    /// Of all tables of the namespace.
    number: usize,
    table: &'a Table,
    chains: HashMap<&'a str, usize>,
    whose: Vec<Whose>,
    world: &'t World,
}

pub(super) fn say<'a>(said: &mut Said<'_, 'a>, topology: &Topology<'a>, world: &World) {
    for (id, place) in topology.places() {
        let tables = place
            .net
            .netfilter
            .items()
            .iter()
            .flat_map(|ruleset| &ruleset.tables);
        let mut prefixes = BTreeSet::new();
        for (number, table) in tables.enumerate() {
            let mut seen = Seen {
                id,
                number,
                table,
                chains: table
                    .chains
                    .iter()
                    .enumerate()
                    .rev()
                    .map(|(at, chain)| (&*chain.name, at))
                    .collect(),
                whose: vec![Whose::Nobodys; table.chains.len()],
                world,
            };
            seen.follow(said);
            seen.say(said, &mut prefixes);
            seen.say_sets(said, &mut prefixes);
        }
        if prefixes.is_empty() {
            continue;
        }
        for link in place.net.links.items() {
            if let Some((pod, _)) = said.owners.of_name(id, &link.name) {
                let fit: Vec<&&str> = prefixes
                    .iter()
                    .filter(|prefix| link.name.starts_with(**prefix))
                    .collect();
                said.say(pod, |digest| {
                    digest.word(fit);
                });
            }
        }
    }
}

impl<'a> Seen<'_, 'a> {
    fn rules(&self, chain: &'a Chain) -> impl Iterator<Item = (usize, &'a Rule)> {
        chain
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| self.world.can_meet(rule))
    }

    /// The pods that a rule names.
    fn named(&self, said: &Said, rule: &Rule) -> BTreeSet<PlaceId> {
        let mut pods = BTreeSet::new();
        leaves::rule(rule, &mut |leaf| pods.extend(self.pod(said, &leaf)));
        pods
    }

    fn pod(&self, said: &Said, leaf: &Leaf) -> Option<PlaceId> {
        let owner = match leaf {
            Leaf::Addr(ip) => said.owners.of_ip(*ip),
            Leaf::Text(name) => said.owners.of_name(self.id, name),
            _ => None,
        };
        owner.map(|(pod, _)| pod)
    }

    /// Finds out whose packets come to each chain.
    fn follow(&mut self, said: &Said) {
        let table = self.table;
        let mut left: Vec<usize> = Vec::new();
        for (at, chain) in table.chains.iter().enumerate() {
            if chain.base.is_some() {
                self.whose[at] = Whose::All;
                left.push(at);
            }
        }
        // Maps may be asked from anywhere.
        for element in table.sets.iter().flat_map(|set| &set.elements) {
            let (mut pods, mut chains) = (BTreeSet::new(), Vec::new());
            for part in std::iter::once(&element.key).chain(&element.value) {
                leaves::expr(part, &mut |leaf| match leaf {
                    Leaf::Chain(name) => chains.push(name),
                    other => pods.extend(self.pod(said, &other)),
                });
            }
            self.lead(&chains, one_of(&pods, Whose::All), &mut left);
        }
        while let Some(at) = left.pop() {
            let (chain, whose) = (&table.chains[at], self.whose[at]);
            let rules: Vec<&Rule> = self.rules(chain).map(|(_, rule)| rule).collect();
            for rule in rules {
                let mut chains = Vec::new();
                leaves::rule(rule, &mut |leaf| {
                    if let Leaf::Chain(name) = leaf {
                        chains.push(name);
                    }
                });
                if !chains.is_empty() {
                    let pods = self.named(said, rule);
                    self.lead(&chains, one_of(&pods, whose), &mut left);
                }
            }
        }
    }

    fn lead(&mut self, chains: &[&str], whose: Whose, left: &mut Vec<usize>) {
        for name in chains {
            let Some(at) = self.chains.get(name) else { continue };
            let both = self.whose[*at].and(whose);
            if both != self.whose[*at] {
                self.whose[*at] = both;
                left.push(*at);
            }
        }
    }

    /// Says of each pod what names it, and where that stands among the rules that don't name just one pod in just that
    /// way: of those, the order doesn't matter.
    fn say(&self, said: &mut Said<'_, 'a>, prefixes: &mut BTreeSet<&'a str>) {
        for (at, chain) in self.table.chains.iter().enumerate() {
            let mut stretch = 0;
            let mut before = None;
            for (_, rule) in self.rules(chain).filter(|_| self.whose[at] != Whose::Nobodys) {
                take_nets(said, rule, prefixes);
                let pods = self.named(said, rule);
                let way = if pods.len() == 1 {
                    self.way(said, rule)
                } else {
                    None
                };
                if way.is_none() || way != before {
                    stretch += 1;
                }
                before = way;
                for pod in pods {
                    // What stands in a pod's own chains is told with the rule that leads there.
                    if self.whose[at] != Whose::One(pod) {
                        said.say(pod, |digest| {
                            digest.word(("rule", self.id, self.number, &chain.name, stretch));
                            self.rule(digest, rule);
                        });
                    }
                }
            }
        }
    }

    /// How a rule tells its one pod from all others: by source, destination, link in or out.
    fn way(&self, said: &Said, rule: &Rule) -> Option<(u8, bool)> {
        use crate::state::netfilter::{Dir, Way};
        match demand(rule)? {
            Demand::Addr(dir, net) if net.prefix_len() == net.max_prefix_len() => {
                said.owners.of_ip(net.addr()).map(|_| (0, dir == Dir::Src))
            }
            Demand::Link(way, name) => said.owners.of_name(self.id, name).map(|_| (1, way == Way::In)),
            _ => None,
        }
    }

    fn say_sets(&self, said: &mut Said<'_, 'a>, prefixes: &mut BTreeSet<&'a str>) {
        for set in &self.table.sets {
            for element in &set.elements {
                let mut pods = BTreeSet::new();
                for part in std::iter::once(&element.key).chain(&element.value) {
                    leaves::expr(part, &mut |leaf| match leaf {
                        Leaf::Net(net) => said.net(net),
                        Leaf::Range(first, last) => said.range(first, last),
                        Leaf::Prefix(prefix) => drop(prefixes.insert(prefix)),
                        other => pods.extend(self.pod(said, &other)),
                    });
                }
                for pod in pods {
                    said.say(pod, |digest| {
                        digest.word(("element", self.id, self.number, &set.name));
                        for part in std::iter::once(&element.key).chain(&element.value) {
                            leaves::expr(part, &mut |leaf| self.leaf(digest, &leaf));
                        }
                    });
                }
            }
        }
    }

    fn rule(&self, digest: &mut Digest, rule: &Rule) {
        digest.word("one rule");
        leaves::rule(rule, &mut |leaf| self.leaf(digest, &leaf));
    }

    fn leaf(&self, digest: &mut Digest, leaf: &Leaf) {
        match leaf {
            Leaf::Addr(ip) => {
                digest.ip(*ip);
            }
            Leaf::Net(net) => {
                digest.word(net);
            }
            Leaf::Range(first, last) => {
                digest.word((first, last));
            }
            Leaf::Text(name) => {
                digest.name(self.id, name);
            }
            Leaf::Prefix(prefix) => {
                digest.word(("prefix", prefix));
            }
            Leaf::Other(other) => {
                digest.debug(other);
            }
            Leaf::Chain(name) => match self.chains.get(name).copied() {
                // Its own chains by what is in them: their names have its name in them.
                Some(at) if self.whose[at] == Whose::One(digest.pod) && digest.enter() => {
                    for (_, rule) in self.rules(&self.table.chains[at]) {
                        self.rule(digest, rule);
                    }
                    digest.leave();
                }
                _ => {
                    digest.word(("chain", name));
                }
            },
        }
    }
}

fn one_of(pods: &BTreeSet<PlaceId>, none: Whose) -> Whose {
    match pods.len() {
        0 => none,
        1 => pods.first().map_or(Whose::All, |pod| Whose::One(*pod)),
        _ => Whose::All,
    }
}

fn take_nets<'a>(said: &mut Said, rule: &'a Rule, prefixes: &mut BTreeSet<&'a str>) {
    leaves::rule(rule, &mut |leaf| match leaf {
        Leaf::Net(net) => said.net(net),
        Leaf::Range(first, last) => said.range(first, last),
        Leaf::Prefix(prefix) => drop(prefixes.insert(prefix)),
        _ => {}
    });
}
