//! Felix's dispatch chains: of each endpoint of a node, where its packets are judged on their way in and out
//! (`felix/rules/dispatch.go`). With nftables, Felix has maps in their place, which are not looked at here.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::state::netfilter::{Expr, Key, LinkBy, Match, Op, Rule, Statement, Table, Way};

/// From an endpoint, or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    From,
    To,
}

impl Direction {
    pub const ALL: [Self; 2] = [Self::From, Self::To];

    /// The chain that leads to all.
    pub const fn root(self) -> &'static str {
        match self {
            Self::From => "cali-from-wl-dispatch",
            Self::To => "cali-to-wl-dispatch",
        }
    }

    /// iptables' word for the link.
    pub const fn option(self) -> &'static str {
        match self {
            Self::From => "-i",
            Self::To => "-o",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::From => "cali-fw-",
            Self::To => "cali-tw-",
        }
    }

    /// The chain of one endpoint.
    pub fn chain(self, link: &str) -> String {
        format!("{}{link}", self.prefix())
    }

    const fn way(self) -> Way {
        match self {
            Self::From => Way::In,
            Self::To => Way::Out,
        }
    }
}

/// In what the chains and an endpoint part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Its own chain is there, and nothing leads to it.
    NotDispatched,
    /// It has no chain, or one without rules.
    NoChain,
}

/// What a table does with packets of endpoints.
#[derive(Debug)]
pub struct Dispatch<'t> {
    table: &'t Table,
    /// By direction and link: the chain that it is sent to.
    leads: BTreeMap<(Direction, &'t str), &'t str>,
}

impl<'t> Dispatch<'t> {
    /// None where Felix's chains aren't there, or are maps.
    pub fn new(table: &'t Table) -> Option<Self> {
        let mut leads = BTreeMap::new();
        for direction in Direction::ALL {
            table.chain(direction.root())?;
            follow(table, direction, &mut leads)?;
        }
        Some(Self { table, leads })
    }

    /// In what it parts from an endpoint whose link this is, by direction.
    pub fn lacks(&self, link: &str) -> Vec<(Direction, What)> {
        let lacks = Direction::ALL.into_iter().filter_map(|direction| {
            let own = direction.chain(link);
            let chain = self.leads.get(&(direction, link)).copied();
            let has_rules = |name: &str| {
                self.table
                    .chain(name)
                    .is_some_and(|chain| !chain.rules.is_empty())
            };
            let what = match chain {
                Some(chain) if has_rules(chain) => return None,
                None if has_rules(&own) => What::NotDispatched,
                _ => What::NoChain,
            };
            Some((direction, what))
        });
        lacks.collect()
    }

    /// Links that have chains of their own.
    pub fn links(&self) -> BTreeSet<&'t str> {
        let chains = self.table.chains.iter().filter(|chain| !chain.rules.is_empty());
        let links = chains.filter_map(|chain| {
            let mut prefixes = Direction::ALL.into_iter().map(Direction::prefix);
            prefixes.find_map(|prefix| chain.name.strip_prefix(prefix))
        });
        links.collect()
    }

    /// The rules that lead to chains of a link: the chain that they are in, and what follows it.
    pub fn rules_of(&self, link: &str) -> Vec<&'t str> {
        let dispatch = |name: &str| {
            Direction::ALL
                .iter()
                .any(|direction| name.starts_with(direction.root()))
        };
        let chains = self.table.chains.iter().filter(|chain| dispatch(&chain.name));
        let rules = chains.flat_map(|chain| &chain.rules);
        let of = rules.filter(|rule| {
            let chain = rule.targets().next().unwrap_or_default();
            Direction::ALL
                .iter()
                .any(|direction| *chain == direction.chain(link))
        });
        of.map(|rule| &*rule.text).collect()
    }
}

/// From the root through the chains of first letters (`cali-from-wl-dispatch-4`); none where there is a map.
fn follow<'t>(
    table: &'t Table,
    direction: Direction,
    leads: &mut BTreeMap<(Direction, &'t str), &'t str>,
) -> Option<()> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut todo = vec![direction.root()];
    while let Some(name) = todo.pop() {
        for rule in table.chain(name).into_iter().flat_map(|chain| &chain.rules) {
            if rule
                .statements
                .iter()
                .any(|statement| matches!(statement, Statement::Vmap(_)))
            {
                return None;
            }
            let Some(to) = rule.targets().next() else { continue };
            match link(rule, direction.way()) {
                Some(Expr::Text(link)) => drop(leads.insert((direction, &**link), to)),
                Some(Expr::Prefix(_)) if seen.insert(to) => todo.push(to),
                _ => {}
            }
        }
    }
    Some(())
}

fn link(rule: &Rule, wanted: Way) -> Option<&Expr> {
    rule.statements.iter().find_map(|statement| match statement {
        Statement::Match(Match {
            key: Expr::Key(Key::Link {
                way,
                by: LinkBy::Name,
            }),
            op: Op::Eq,
            value,
        }) if *way == wanted => Some(value),
        _ => None,
    })
}
