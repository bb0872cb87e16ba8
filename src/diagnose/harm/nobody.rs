//! What means nothing: selectors that select nobody, addresses that no node has.

use std::net::IpAddr;

use serde_json::Value;

use super::{Changed, after, node_addresses, of_kind};
use crate::calico::resource::{Kind, Resource};
use crate::calico::selector::Selector;
use crate::policy::model::PolicyName;
use crate::policy::{Direction, Policies};
use crate::state::Objects;

/// What of a change selects nobody, a sentence each. Where nothing is there to be selected, nothing is said.
pub fn remarks(before: &Objects, changed: &[Changed<'_>]) -> Vec<String> {
    let after = after(before, changed);
    let policies = Policies::new(&after);
    let nodes: Vec<Resource> = of_kind(&after, Kind::Node).collect();
    let mut remarks = Vec::new();
    for resource in changed.iter().filter_map(|change| change.after) {
        match resource.kind {
            Kind::GlobalNetworkPolicy | Kind::NetworkPolicy => policy(&policies, resource, &mut remarks),
            Kind::HostEndpoint => endpoint(&nodes, resource, &mut remarks),
            Kind::IpPool | Kind::BgpPeer => node_selectors(&nodes, resource, &mut remarks),
            _ => {}
        }
    }
    remarks
}

fn policy(policies: &Policies, resource: &Resource, remarks: &mut Vec<String>) {
    if policies.pods.is_empty() && policies.hosts.is_empty() {
        return;
    }
    let name = match resource.namespace() {
        Some(namespace) => PolicyName::Calico(namespace.to_owned(), resource.name().to_owned()),
        None => PolicyName::Global(resource.name().to_owned()),
    };
    if let Some(why) = policies.is_for_nobody(&name) {
        remarks.push(format!(
            "{} {}: spec.selector selects nobody: {why}",
            resource.kind,
            resource.id()
        ));
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        remarks.extend(policies.selects_nobody(&name, direction));
    }
}

fn endpoint(nodes: &[Resource], resource: &Resource, remarks: &mut Vec<String>) {
    if nodes.is_empty() {
        return;
    }
    let name = resource.text(&["spec", "node"]).unwrap_or_default();
    let Some(node) = nodes.iter().find(|node| node.name() == name) else {
        remarks.push(format!(
            "HostEndpoint {}: spec.node: there is no node {name}",
            resource.name()
        ));
        return;
    };
    let known = node_addresses(node);
    let ips = resource.field(&["spec", "expectedIPs"]).and_then(Value::as_array);
    for ip in ips.into_iter().flatten().filter_map(Value::as_str) {
        let parsed: Option<IpAddr> = ip.parse().ok();
        if !known.is_empty() && !parsed.is_some_and(|ip| known.contains(&ip)) {
            let owner = nodes
                .iter()
                .find(|other| parsed.is_some_and(|ip| node_addresses(other).contains(&ip)));
            let owner = owner.map_or_else(String::new, |owner| format!(", but node {} has", owner.name()));
            remarks.push(format!(
                "HostEndpoint {}: spec.expectedIPs: node {name} isn't known to have {ip}{owner}",
                resource.name()
            ));
        }
    }
}

fn node_selectors(nodes: &[Resource], resource: &Resource, remarks: &mut Vec<String>) {
    if nodes.is_empty() {
        return;
    }
    for field in ["nodeSelector", "peerSelector"] {
        let Some(text) = resource.text(&["spec", field]).filter(|text| !text.is_empty()) else {
            continue;
        };
        let Ok(selector) = text.parse::<Selector>() else {
            continue;
        };
        let labels = |node: &Resource| -> Vec<(String, String)> {
            let labels = node
                .labels()
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
            labels.collect()
        };
        if !nodes.iter().any(|node| selector.matches(&labels(node))) {
            remarks.push(format!(
                "{} {}: spec.{field} selects no node: {text}",
                resource.kind,
                resource.id()
            ));
        }
    }
}
