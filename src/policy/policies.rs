//! All objects that decide about packets, ready to be asked.

use std::collections::HashMap;
use std::net::IpAddr;

use super::decide::{Cause, Decision, Gate, Stage, decide};
use super::endpoint::{Endpoint, governing};
use super::felix::Felix;
use super::flow::{Direction, Flow};
use super::identity::Identities;
use super::model::{Policy, Profile, Tier};
use super::read;
use super::rule::{Match, World};
use super::service::Services;
use crate::state::Objects;

/// Policies, endpoints, sets, services.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    pub(super) tiers: Vec<Tier>,
    pub(super) profiles: HashMap<String, Profile>,
    pub pods: Vec<Endpoint>,
    pub hosts: Vec<Endpoint>,
    pub(super) identities: Identities,
    pub services: Services,
    pub felix: Felix,
    /// Calico's objects are there: endpoints have profiles, and links of hosts may have policies.
    pub is_calico: bool,
    /// What could not be understood, and may matter.
    pub unreadable: Vec<String>,
    by_ip: HashMap<IpAddr, usize>,
}

impl Policies {
    /// Reads the objects.
    pub fn new(objects: &Objects) -> Self {
        let mut policies = read::policies(objects);
        for (place, pod) in policies.pods.iter().enumerate() {
            for ip in &pod.ips {
                policies.by_ip.entry(*ip).or_insert(place);
            }
        }
        policies
    }

    /// The pod with this address.
    pub fn pod_at(&self, ip: IpAddr) -> Option<&Endpoint> {
        self.by_ip.get(&ip).and_then(|place| self.pods.get(*place))
    }

    /// The HostEndpoint that governs a link.
    pub fn host_at(&self, node: &str, link: &str, addresses: &[IpAddr]) -> Option<&Endpoint> {
        governing(&self.hosts, node, link, addresses)
    }

    /// Every policy, by tier and order.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.tiers.iter().flat_map(|tier| &tier.policies)
    }

    /// Whom rules can select.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// Whether an address is one of a service's backends.
    pub fn serves(&self, namespace: &str, name: &str, ip: IpAddr) -> bool {
        self.services.has_address(namespace, name, ip) == Match::Yes
    }

    /// The verdict at an endpoint.
    pub fn decide(&self, endpoint: &Endpoint, direction: Direction, stage: Stage, flow: &Flow) -> Decision {
        if endpoint.is_host && stage != Stage::Forward {
            let untracked = stage == Stage::Untracked;
            if let Some(port) = self.felix.opened(&endpoint.node, direction, untracked, flow) {
                return Decision {
                    endpoint: endpoint.title(),
                    node: endpoint.node.clone(),
                    direction,
                    stage,
                    allowed: Some(true),
                    cause: Cause::Failsafe(port),
                };
            }
        }
        let profiles: Vec<Option<&Profile>> = endpoint
            .profiles
            .iter()
            .map(|name| self.profiles.get(name))
            .collect();
        let gate = Gate {
            tiers: &self.tiers,
            profiles: &profiles,
            open: !self.is_calico && !endpoint.is_host,
            world: World {
                identities: &self.identities,
                services: &self.services,
            },
        };
        decide(endpoint, direction, stage, flow, gate)
    }
}
