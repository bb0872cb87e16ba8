//! One node on a packet's way: which endpoints' policies are asked there, in Felix's order (Felix `rules/static.go`).

use std::net::IpAddr;

use super::decide::{Cause, Decision, Stage};
use super::endpoint::Endpoint;
use super::flow::{Direction, Flow};
use super::policies::Policies;

/// Where a packet comes from, or goes to, as a node sees it.
#[derive(Debug, Clone, Copy)]
pub enum Side<'a> {
    /// The node itself.
    Local,
    /// A pod on it.
    Pod(&'a Endpoint),
    /// A link to the outside, with the node's addresses on it.
    Link { name: &'a str, addresses: &'a [IpAddr] },
}

/// A packet at a node.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    pub node: &'a str,
    pub from: Side<'a>,
    pub to: Side<'a>,
    /// As it comes in, and after its destination was translated.
    pub before: Flow,
    pub flow: Flow,
}

impl Policies {
    /// All decisions at a node, in the order in which they are made. The first that denies, or can't be made, is the
    /// last.
    pub fn judge(&self, passage: &Passage<'_>) -> Vec<Decision> {
        let mut asked = Asked {
            policies: self,
            decisions: Vec::new(),
        };
        let _ = asked.all(passage);
        asked.decisions
    }

    fn host_of(&self, node: &str, side: Side<'_>) -> Option<&Endpoint> {
        match side {
            Side::Link { name, addresses } => self.host_at(node, name, addresses),
            Side::Pod(_) => self.host_at(node, "", &[]),
            Side::Local => None,
        }
    }
}

/// Nothing more is asked.
struct Over;

struct Asked<'p> {
    policies: &'p Policies,
    decisions: Vec<Decision>,
}

impl Asked<'_> {
    fn all(&mut self, passage: &Passage<'_>) -> Result<(), Over> {
        let node = passage.node;
        let accepted = self.comes_in(passage)?;
        match (passage.from, passage.to) {
            (Side::Local, Side::Local | Side::Pod(_)) => Ok(()),
            (Side::Pod(pod), Side::Local) => {
                if !self.policies.is_calico {
                    return Ok(());
                }
                self.ask(pod, Direction::Egress, Stage::Normal, &passage.flow)?;
                self.pod_to_host(pod, node)
            }
            (Side::Link { .. }, Side::Local) => match self.policies.host_of(node, passage.from) {
                Some(host) if !accepted => self
                    .ask(host, Direction::Ingress, Stage::Normal, &passage.flow)
                    .map(drop),
                _ => Ok(()),
            },
            (Side::Local, Side::Link { .. }) => {
                let Some(host) = self.policies.host_of(node, passage.to) else {
                    return Ok(());
                };
                if self.ask(host, Direction::Egress, Stage::Untracked, &passage.flow)? {
                    return Ok(());
                }
                self.ask(host, Direction::Egress, Stage::Normal, &passage.flow)
                    .map(drop)
            }
            (from, to) => {
                // The HostEndpoint for all links is asked about pods' links, too.
                if let (Some(host), false) = (self.policies.host_of(node, from), accepted) {
                    self.ask(host, Direction::Ingress, Stage::Forward, &passage.flow)?;
                }
                if let Side::Pod(pod) = from {
                    self.ask(pod, Direction::Egress, Stage::Normal, &passage.flow)?;
                }
                if let Side::Pod(pod) = to {
                    self.ask(pod, Direction::Ingress, Stage::Normal, &passage.flow)?;
                }
                if let Some(host) = self.policies.host_of(node, to) {
                    self.ask(host, Direction::Egress, Stage::Forward, &passage.flow)?;
                }
                Ok(())
            }
        }
    }

    /// Before routing. Whether a rule has accepted the packet: then other policies of the same link aren't asked.
    fn comes_in(&mut self, passage: &Passage<'_>) -> Result<bool, Over> {
        let Some(host) = self.policies.host_of(passage.node, passage.from) else {
            return Ok(false);
        };
        let is_link = matches!(passage.from, Side::Link { .. });
        if is_link && self.ask(host, Direction::Ingress, Stage::Untracked, &passage.before)? {
            return Ok(true);
        }
        self.ask(host, Direction::Ingress, Stage::PreDnat, &passage.before)
    }

    /// Asks one endpoint; whether a rule of a policy allowed it. What says nothing is not noted.
    fn ask(
        &mut self,
        endpoint: &Endpoint,
        direction: Direction,
        stage: Stage,
        flow: &Flow,
    ) -> Result<bool, Over> {
        let decision = self.policies.decide(endpoint, direction, stage, flow);
        let by_rule = decision.allowed == Some(true) && matches!(decision.cause, Cause::Rule(..));
        let over = decision.allowed != Some(true);
        let silent = matches!(decision.cause, Cause::Silent)
            || (matches!(decision.cause, Cause::NoPolicy | Cause::Failsafe(_)) && stage != Stage::Normal);
        if !silent {
            self.decisions.push(decision);
        }
        if over { Err(Over) } else { Ok(by_rule) }
    }

    /// A pod's packets to its own node.
    fn pod_to_host(&mut self, pod: &Endpoint, node: &str) -> Result<(), Over> {
        let (allowed, cause) = match self.policies.felix.endpoint_to_host(node) {
            Some(action) if action.eq_ignore_ascii_case("drop") => {
                (Some(false), Cause::ToHost(action.to_owned()))
            }
            Some(_) => return Ok(()),
            None => {
                let why = "no FelixConfiguration says what pods may send to their own node \
                           (defaultEndpointToHostAction), and calico-node's environment may";
                (None, Cause::Unknown(why.to_owned()))
            }
        };
        self.decisions.push(Decision {
            endpoint: pod.title(),
            node: node.to_owned(),
            direction: Direction::Egress,
            stage: Stage::Normal,
            allowed,
            cause,
        });
        Err(Over)
    }
}
