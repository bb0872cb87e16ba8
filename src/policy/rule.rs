//! Rules, and whether a packet matches one (Felix `calc/rule_scanner.go`, `rules/policy.go`).

use std::net::IpAddr;

use ipnet::IpNet;

use super::flow::Flow;
use super::identity::{Identities, Identity};
use super::selectors;
use super::service::Services;
use crate::calico::selector::Selector;

/// What a rule does with a packet that matches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Allow,
    Deny,
    /// On with the next tier; after the last one with the profiles.
    Pass,
    /// Noted in the kernel's log; the next rule decides.
    Log,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub action: Action,
    /// 4 or 6.
    pub ip_version: Option<u8>,
    /// IPPROTO_*.
    pub protocol: Option<u8>,
    pub not_protocol: Option<u8>,
    pub icmp: Option<Icmp>,
    pub not_icmp: Option<Icmp>,
    pub source: Entity,
    pub destination: Entity,
    /// What of it could not be understood.
    pub unknown: Option<String>,
    /// Which of the rules of its policy it comes from, from 1: one of Kubernetes becomes several.
    pub number: usize,
}

/// Type and code; none is any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Icmp {
    pub kind: Option<u8>,
    pub code: Option<u8>,
}

/// One side of a rule. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entity {
    pub nets: Vec<IpNet>,
    pub not_nets: Vec<IpNet>,
    pub selector: Option<Selector>,
    pub not_selector: Option<Selector>,
    pub ports: Vec<Ports>,
    pub not_ports: Vec<Ports>,
    /// Namespace and name of a service whose endpoints are meant.
    pub service: Option<(String, String)>,
}

/// Ports by number, or by the name that an endpoint gives one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    Range(u16, u16),
    Named(String),
}

/// An answer that may hang on what isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    Yes,
    No,
    Unknown(String),
}

impl Match {
    fn when(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }

    /// Both must hold; what is certainly false decides.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                _ => Self::Unknown(why),
            },
        }
    }
}

/// What rules are matched against, beside the packet.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub identities: &'a Identities,
    pub services: &'a Services,
}

impl Rule {
    /// A rule that matches everything.
    pub fn any(action: Action) -> Self {
        Self {
            action,
            ip_version: None,
            protocol: None,
            not_protocol: None,
            icmp: None,
            not_icmp: None,
            source: Entity::default(),
            destination: Entity::default(),
            unknown: None,
            number: 1,
        }
    }

    /// Whether a packet matches.
    pub fn matches(&self, flow: &Flow, world: World<'_>) -> Match {
        let version = if flow.dst.is_ipv6() { 6 } else { 4 };
        let sides = [(&self.source, flow.src), (&self.destination, flow.dst)];
        let fits = self.ip_version.is_none_or(|wanted| wanted == version)
            && self.protocol.is_none_or(|wanted| wanted == flow.protocol)
            && self.not_protocol.is_none_or(|unwanted| unwanted != flow.protocol)
            && self.icmp.is_none_or(|icmp| icmp.matches(flow))
            && !self.not_icmp.is_some_and(|icmp| icmp.matches(flow))
            && sides.iter().all(|(entity, ip)| entity.holds(*ip));
        if !fits {
            return Match::No;
        }
        let ports = flow.ports.unzip();
        let matched = self
            .source
            .matches(flow.src, ports.0, self, flow, world)
            .and(|| self.destination.matches(flow.dst, ports.1, self, flow, world))
            .and(|| self.serves(flow, world));
        match &self.unknown {
            Some(why) => matched.and(|| Match::Unknown(why.clone())),
            None => matched,
        }
    }

    /// The protocol of named ports: TCP unless the rule says UDP or SCTP.
    const fn named_protocol(&self) -> u8 {
        match self.protocol {
            Some(protocol @ (17 | 132)) => protocol,
            _ => 6,
        }
    }

    /// Services: as a source their addresses, as a destination with their ports.
    fn serves(&self, flow: &Flow, world: World<'_>) -> Match {
        let source = match &self.source.service {
            Some((namespace, name)) => world.services.has_address(namespace, name, flow.src),
            None => Match::Yes,
        };
        source.and(|| match &self.destination.service {
            Some((namespace, name)) => world.services.has_endpoint(namespace, name, flow),
            None => Match::Yes,
        })
    }
}

impl Icmp {
    fn matches(self, flow: &Flow) -> bool {
        flow.icmp.is_some_and(|(kind, code)| {
            self.kind.is_none_or(|wanted| wanted == kind) && self.code.is_none_or(|wanted| wanted == code)
        })
    }
}

impl Entity {
    /// Networks. A list that has none of the packet's family makes the rule one for the other family only.
    fn holds(&self, ip: IpAddr) -> bool {
        let of_family =
            |nets: &[IpNet]| nets.is_empty() || nets.iter().any(|net| net.addr().is_ipv4() == ip.is_ipv4());
        of_family(&self.nets)
            && of_family(&self.not_nets)
            && (self.nets.is_empty() || self.nets.iter().any(|net| net.contains(&ip)))
            && !self.not_nets.iter().any(|net| net.contains(&ip))
    }

    fn matches(&self, ip: IpAddr, port: Option<u16>, rule: &Rule, flow: &Flow, world: World<'_>) -> Match {
        let named = rule.named_protocol();
        let in_ports = |ports: &[Ports]| {
            ports.iter().any(|ports| match ports {
                Ports::Range(first, last) => port.is_some_and(|port| (*first..=*last).contains(&port)),
                Ports::Named(name) => {
                    flow.protocol == named
                        && world.identities.of(ip).any(|identity| {
                            identity.ports.iter().any(|known| {
                                known.name == *name && known.protocol == named && Some(known.port) == port
                            })
                        })
                }
            })
        };
        let peers = match (&self.selector, &self.not_selector) {
            (Some(selector), None) => selects(selector, world.identities.of(ip)),
            // One that is selected by the first and not by the second.
            (Some(selector), Some(not)) => {
                let one = |selector: &Selector, identity| selects(selector, std::iter::once(identity));
                any(world
                    .identities
                    .of(ip)
                    .map(|identity| one(selector, identity).and(|| one(not, identity).not())))
            }
            (None, Some(not)) => selects(not, world.identities.of(ip)).not(),
            (None, None) => Match::Yes,
        };
        peers
            .and(|| Match::when(self.ports.is_empty() || in_ports(&self.ports)))
            .and(|| Match::when(self.not_ports.is_empty() || (port.is_some() && !in_ports(&self.not_ports))))
    }
}

/// Whether one of them holds.
fn any(matches: impl Iterator<Item = Match>) -> Match {
    let mut found = Match::No;
    for matched in matches {
        match matched {
            Match::Yes => return Match::Yes,
            Match::Unknown(_) => found = matched,
            Match::No => {}
        }
    }
    found
}

/// Whether one of these is selected.
fn selects<'a>(selector: &Selector, identities: impl Iterator<Item = &'a Identity>) -> Match {
    any(identities.map(|identity| match &identity.unknown_namespace {
        Some(namespace) if selectors::asks_namespace(selector) => Match::Unknown(format!(
            "{} is in namespace {namespace}, whose labels are not known",
            identity.title
        )),
        _ => Match::when(selector.matches(&identity.labels)),
    }))
}
