//! Which endpoints policies can't tell apart: those of whom all selectors, networks and profiles say the same.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::endpoint::Endpoint;
use super::flow::Direction;
use super::identity::Labels;
use super::model::Policy;
use super::policies::Policies;
use super::rule::{Entity, Ports, Rule};
use crate::calico::resource::Resource;
use crate::calico::selector::Selector;

/// What selectors can see of a workload's endpoint, and nothing else, not even its name.
pub fn seen_by_selectors(endpoint: &Resource) -> Resource {
    let mut seen = Resource::new(endpoint.kind, "");
    for path in [
        ["metadata", "namespace"],
        ["metadata", "labels"],
        ["spec", "orchestrator"],
        ["spec", "serviceAccountName"],
        ["spec", "profiles"],
    ] {
        if let Some(value) = endpoint.field(&path) {
            seen.set(&path, Some(value.clone()));
        }
    }
    seen
}

/// All that policies ask of endpoints and addresses.
#[derive(Debug, Default)]
pub struct Asked<'p> {
    selectors: Vec<&'p Selector>,
    nets: BTreeSet<IpNet>,
    /// Ports of destinations: protocol (none: any that has ports), first and last.
    pub ports: BTreeSet<(Option<u8>, u16, u16)>,
    /// Some port is asked for by name.
    named: bool,
    services: BTreeSet<&'p (String, String)>,
    /// Labels that selectors ask for.
    pub labels: BTreeSet<&'p str>,
}

impl<'p> Asked<'p> {
    /// Of these policies and their profiles.
    pub fn new(policies: &'p Policies) -> Self {
        let mut asked = Self::default();
        for policy in policies.all() {
            asked.policy(policy);
        }
        let mut profiles: Vec<_> = policies.profiles.values().collect();
        profiles.sort_by(|one, other| one.name.cmp(&other.name));
        for profile in profiles {
            for direction in [Direction::Ingress, Direction::Egress] {
                for rule in profile.rules(direction) {
                    asked.rule(rule);
                }
            }
        }
        asked
    }

    fn policy(&mut self, policy: &'p Policy) {
        self.selectors.extend(&policy.selector);
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = policy.rules(direction).unwrap_or_default();
            for rule in rules {
                self.rule(rule);
            }
        }
        if let Some(selector) = &policy.selector {
            labels(selector, &mut self.labels);
        }
    }

    fn rule(&mut self, rule: &'p Rule) {
        for entity in [&rule.source, &rule.destination] {
            self.entity(entity);
        }
        let ports = &rule.destination;
        for ports in ports.ports.iter().chain(&ports.not_ports) {
            match ports {
                Ports::Range(first, last) => {
                    self.ports.insert((rule.protocol, *first, *last));
                }
                Ports::Named(_) => self.named = true,
            }
        }
    }

    fn entity(&mut self, entity: &'p Entity) {
        for selector in entity.selector.iter().chain(&entity.not_selector) {
            self.selectors.push(selector);
            labels(selector, &mut self.labels);
        }
        self.nets.extend(entity.nets.iter().chain(&entity.not_nets));
        self.services.extend(&entity.service);
    }

    /// Networks that rules and sets name.
    pub fn nets(&self, policies: &Policies) -> BTreeSet<IpNet> {
        let of_sets = policies
            .identities()
            .all()
            .iter()
            .flat_map(|identity| identity.nets.iter().copied());
        self.nets.iter().copied().chain(of_sets).collect()
    }

    /// What they say of an address: equal for addresses that no rule tells apart.
    pub fn of_address(&self, policies: &Policies, ip: IpAddr) -> Vec<bool> {
        let selected = self.selectors.iter().map(|selector| {
            let mut of = policies.identities().of(ip);
            of.any(|identity| selector.matches(&identity.labels))
        });
        let inside = self.nets.iter().map(|net| net.contains(&ip));
        let served = self
            .services
            .iter()
            .map(|(namespace, name)| policies.serves(namespace, name, ip));
        selected.chain(inside).chain(served).collect()
    }

    /// What they say of an endpoint, beside its addresses.
    pub fn of_endpoint(&self, policies: &Policies, endpoint: &Endpoint) -> (Vec<bool>, Vec<String>) {
        let mut says: Vec<bool> = self
            .selectors
            .iter()
            .map(|selector| selector.matches(&endpoint.labels))
            .collect();
        for ip in &endpoint.ips {
            says.extend(self.of_address(policies, *ip));
        }
        let mut words = endpoint.profiles.clone();
        words.extend(endpoint.unknown_namespace.clone());
        // The HostEndpoint for all links of its node has a say.
        let host = policies.host_at(&endpoint.node, "", &[]);
        words.extend(host.map(|host| host.name.clone()));
        if self.named {
            let of = endpoint.ips.iter().flat_map(|ip| policies.identities().of(*ip));
            let ports = of.flat_map(|identity| &identity.ports);
            words.extend(ports.map(|port| format!("{} {} {}", port.name, port.protocol, port.port)));
        }
        (says, words)
    }
}

fn labels<'s>(selector: &'s Selector, into: &mut BTreeSet<&'s str>) {
    match selector {
        Selector::Has(label) | Selector::Label { label, .. } | Selector::In { label, .. } => {
            into.insert(label);
        }
        Selector::Not(operand) => labels(operand, into),
        Selector::And(operands) | Selector::Or(operands) => {
            for operand in operands {
                labels(operand, into);
            }
        }
        Selector::All | Selector::Global => {}
    }
}

/// Labels that all of these have.
pub fn common<'e>(endpoints: impl IntoIterator<Item = &'e Endpoint>) -> Labels {
    let mut endpoints = endpoints.into_iter();
    let Some(first) = endpoints.next() else {
        return Labels::new();
    };
    let mut labels = first.labels.clone();
    for endpoint in endpoints {
        labels.retain(|label| endpoint.labels.contains(label));
    }
    labels
}
