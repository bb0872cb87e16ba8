//! What policies allow, before and after a change: a matrix of classes of endpoints that policies can't tell apart,
//! named by their labels. The judge is the model of policies alone, not the rules of any node.

mod ends;
mod ports;
mod rules;

use std::collections::BTreeSet;

use serde::Serialize;

use self::ends::{Ends, Side, judge};
use self::ports::Port;
use super::Changed;
use crate::calico::resource::Kind;
use crate::policy::Policies;
use crate::policy::alike::Asked;
use crate::state::Objects;

/// So many questions are asked; classes with few members are left out of more.
const QUESTIONS: usize = 400_000;

/// Kinds that decide about flows.
const DECIDING: [Kind; 10] = [
    Kind::NetworkPolicy,
    Kind::GlobalNetworkPolicy,
    Kind::Tier,
    Kind::Profile,
    Kind::HostEndpoint,
    Kind::GlobalNetworkSet,
    Kind::NetworkSet,
    Kind::WorkloadEndpoint,
    Kind::FelixConfiguration,
    Kind::Node,
];

/// The whole answer; empty where nothing that decides changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flows {
    /// Classes, each with how many endpoints it has.
    pub groups: Vec<Group>,
    pub rows: Vec<Row>,
    /// What was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    #[serde(skip)]
    rules: Vec<String>,
}

/// Endpoints that policies can't tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// `shop app=web`
    pub title: String,
    pub members: usize,
    /// Of pods, each by namespace and name.
    #[serde(skip)]
    pub names: Vec<String>,
    /// It answers names (`k8s-app=kube-dns`, or behind a service of that name).
    #[serde(skip)]
    dns: bool,
    #[serde(skip)]
    outside: bool,
}

/// What one class may send to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Places in the list of groups.
    pub from: usize,
    pub to: usize,
    /// Ordered pairs of members.
    pub pairs: usize,
    /// Kinds of packets: `tcp/80`, `other udp`, `ping`.
    pub allowed_before: Vec<String>,
    pub allowed_after: Vec<String>,
    pub changes: Vec<Turn>,
}

/// A kind of packet that is treated otherwise afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    pub port: String,
    /// None: not decidable, or there is no such endpoint.
    pub before: Option<bool>,
    pub after: Option<bool>,
    /// What decides afterwards.
    pub why: String,
}

impl Flows {
    pub(super) fn new(objects: [&Objects; 2], changed: &[Changed]) -> Self {
        if !changed.iter().any(|change| DECIDING.contains(&change.kind)) {
            return Self::default();
        }
        let [old, new] = objects.map(Policies::new);
        let asked = [&old, &new].map(Asked::new);
        let policies = [&old, &new];
        let mut flows = Self {
            rules: rules::lines(policies),
            ..Self::default()
        };
        let ports = ports::ports(policies, &asked);
        let mut ends = Ends::new(policies, &asked, objects);
        let room = (QUESTIONS / (2 * ports.len().max(1))).isqrt();
        flows.left_out = ends.cut(room);
        flows.groups = ends.groups();
        for (from, sender) in ends.all.iter().enumerate() {
            for (to, receiver) in ends.all.iter().enumerate() {
                let sides = (sender, receiver);
                flows.row((from, to), sides, policies, &ports);
            }
        }
        flows
    }

    fn row(
        &mut self,
        (from, to): (usize, usize),
        (sender, receiver): (&ends::End, &ends::End),
        policies: [&Policies; 2],
        ports: &[Port],
    ) {
        let pairs = ends::pairs(sender, receiver, from == to);
        if pairs == 0 {
            return;
        }
        let mut row = Row {
            from,
            to,
            pairs,
            allowed_before: Vec::new(),
            allowed_after: Vec::new(),
            changes: Vec::new(),
        };
        let mut any = false;
        for port in ports {
            let verdicts = [0, 1].map(|epoch| {
                let side = Side {
                    policies: policies[epoch],
                    epoch,
                    same: from == to,
                };
                judge(&side, sender, receiver, port)
            });
            any |= verdicts.iter().any(Option::is_some);
            let [before, after] = verdicts
                .each_ref()
                .map(|verdict| verdict.as_ref().and_then(|verdict| verdict.0));
            for (allowed, list) in [(before, &mut row.allowed_before), (after, &mut row.allowed_after)] {
                if allowed == Some(true) {
                    list.push(port.title.clone());
                }
            }
            if before != after {
                let [_, now] = verdicts;
                row.changes.push(Turn {
                    port: port.title.clone(),
                    before,
                    after,
                    why: now.map_or_else(|| "there is no such endpoint any more".to_owned(), |now| now.1),
                });
            }
        }
        if any {
            self.rows.push(row);
        }
    }

    /// Ordered pairs of endpoints that gain or lose some kind of packet.
    pub fn pairs(&self, gained: bool) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row.changes.iter().any(|turn| turn.is(gained)))
            .map(|row| row.pairs)
            .sum()
    }

    /// Rows in which something is gained or lost.
    pub fn turned(&self, gained: bool) -> impl Iterator<Item = (&Row, Vec<&Turn>)> {
        self.rows.iter().filter_map(move |row| {
            let turns: Vec<&Turn> = row.changes.iter().filter(|turn| turn.is(gained)).collect();
            (!turns.is_empty()).then_some((row, turns))
        })
    }

    /// `shop app=web (12)`
    pub fn title(&self, group: usize) -> String {
        self.groups.get(group).map_or_else(String::new, |group| {
            if group.outside {
                group.title.clone()
            } else {
                format!("{} ({})", group.title, group.members)
            }
        })
    }

    pub(super) fn rules(&self) -> Vec<String> {
        self.rules.clone()
    }

    /// Pods that can't ask for names any more.
    pub(super) fn warnings(&self) -> Vec<String> {
        let is_dns = |group: usize| self.groups.get(group).is_some_and(|group| group.dns);
        let any_dns = self.groups.iter().any(|group| group.dns);
        let outside = |group: usize| self.groups.get(group).is_some_and(|group| group.outside);
        let mut senders: BTreeSet<usize> = BTreeSet::new();
        let mut why = None;
        for (row, turns) in self.turned(false) {
            let asks = is_dns(row.to) || (!any_dns && outside(row.to));
            if let Some(turn) = turns.iter().find(|turn| asks && turn.port == ports::DNS) {
                senders.insert(row.from);
                why.get_or_insert_with(|| turn.why.clone());
            }
        }
        let of: Vec<String> = senders
            .iter()
            .filter(|sender| !outside(**sender))
            .map(|sender| self.title(*sender))
            .collect();
        let why = why.filter(|_| !of.is_empty());
        why.map(|why| {
            format!(
                "{} can't resolve names any more ({}): {why}",
                of.join(", "),
                ports::DNS
            )
        })
        .into_iter()
        .collect()
    }
}

impl Turn {
    /// Whether it is a gain, or else a loss.
    pub const fn is(&self, gained: bool) -> bool {
        if gained {
            matches!(self.after, Some(true))
        } else {
            matches!((self.before, self.after), (Some(true), _))
        }
    }
}
