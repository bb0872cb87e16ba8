//! Kubernetes' NetworkPolicy as a policy of the default tier, with the order that Calico gives it.

use super::model::{Mode, Policy, PolicyName};
use super::rule::{Action, Entity, Ports, Rule};
use super::selectors::{NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR, and, equal, of_kubernetes};
use crate::calico::selector::Selector;
use crate::kubernetes::meta::PortRef;
use crate::kubernetes::network_policy::{NetworkPolicy, Peer, PolicyType, Port};

/// The order of all of them (libcalico-go `lib/backend/k8s/conversion`).
const ORDER: f64 = 1000.0;

/// A policy's model.
pub fn policy(policy: &NetworkPolicy) -> Policy {
    let namespace = policy.metadata.namespace();
    let spec = &policy.spec;
    let ingress = || {
        let each = spec
            .ingress
            .iter()
            .map(|rule| (rule.from.as_slice(), rule.ports.as_slice()));
        rules(each, namespace, true)
    };
    let egress = || {
        let each = spec
            .egress
            .iter()
            .map(|rule| (rule.to.as_slice(), rule.ports.as_slice()));
        rules(each, namespace, false)
    };
    let own = of_kubernetes(&spec.pod_selector, "");
    Policy {
        name: PolicyName::Kubernetes(namespace.to_owned(), policy.metadata.name.clone()),
        tier: "default".to_owned(),
        order: Some(ORDER),
        selector: and(and(Some(is_pod()), own), Some(equal(NAMESPACE, namespace))),
        mode: Mode::Normal,
        ingress: spec.is_for(PolicyType::Ingress).then(ingress),
        egress: spec.is_for(PolicyType::Egress).then(egress),
        unknown: None,
    }
}

fn is_pod() -> Selector {
    equal(ORCHESTRATOR, "k8s")
}

/// A rule a peer and port: each rule of Kubernetes allows what fits one of its peers and one of its ports.
fn rules<'p>(
    each: impl Iterator<Item = (&'p [Peer], &'p [Port])>,
    namespace: &str,
    ingress: bool,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (index, (peers, ports)) in each.enumerate() {
        let peers: Vec<Option<&Peer>> = if peers.is_empty() {
            vec![None]
        } else {
            peers.iter().map(Some).collect()
        };
        let ports: Vec<Option<&Port>> = if ports.is_empty() {
            vec![None]
        } else {
            ports.iter().map(Some).collect()
        };
        for peer in &peers {
            for port in &ports {
                let mut rule = rule(*peer, *port, namespace, ingress);
                rule.number = index + 1;
                rules.push(rule);
            }
        }
    }
    rules
}

fn rule(peer: Option<&Peer>, port: Option<&Port>, namespace: &str, ingress: bool) -> Rule {
    let (peer, unknown) = match peer.map(|peer| entity(peer, namespace)) {
        None => (Entity::default(), None),
        Some(Ok(entity)) => (entity, None),
        Some(Err(why)) => (Entity::default(), Some(why)),
    };
    let (source, mut destination) = if ingress {
        (peer, Entity::default())
    } else {
        (Entity::default(), peer)
    };
    if let Some(Port {
        port: Some(first),
        end_port,
        ..
    }) = port
    {
        destination.ports = vec![ports(first, *end_port)];
    }
    Rule {
        protocol: port.map(|port| port.protocol.number()),
        source,
        destination,
        unknown,
        ..Rule::any(Action::Allow)
    }
}

fn ports(first: &PortRef, last: Option<u16>) -> Ports {
    let number = match first {
        PortRef::Number(number) => Some(*number),
        PortRef::Name(name) => name.parse().ok(),
    };
    match (number, first) {
        (Some(number), _) => Ports::Range(number, last.unwrap_or(number)),
        (None, PortRef::Name(name)) => Ports::Named(name.clone()),
        (None, PortRef::Number(number)) => Ports::Range(*number, *number),
    }
}

fn entity(peer: &Peer, namespace: &str) -> Result<Entity, String> {
    if let Some(block) = &peer.ip_block {
        let net = |text: &String| {
            text.parse()
                .map_err(|_| format!("ipBlock {text:?} is no network"))
        };
        return Ok(Entity {
            nets: vec![net(&block.cidr)?],
            not_nets: block.except.iter().map(net).collect::<Result<_, _>>()?,
            ..Entity::default()
        });
    }
    let within = match &peer.namespace_selector {
        // An empty one is every namespace.
        Some(selector) => {
            of_kubernetes(selector, NAMESPACE_PREFIX).unwrap_or(Selector::Has(NAMESPACE.to_owned()))
        }
        None => equal(NAMESPACE, namespace),
    };
    let pods = peer
        .pod_selector
        .as_ref()
        .and_then(|selector| of_kubernetes(selector, ""));
    Ok(Entity {
        selector: and(Some(within), and(Some(is_pod()), pods)),
        ..Entity::default()
    })
}
