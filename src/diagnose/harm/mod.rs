//! What a change of objects would break at once, told before it is written, and what in it means nothing. Pure.

mod cut;
mod needs;
mod nobody;

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::calico::checks::{net, net_or_ip};
use crate::calico::resource::{Kind, Resource};
use crate::kubernetes::Object;
use crate::state::Objects;

pub use needs::{Needs, Workloads};
pub use nobody::remarks;

/// A resource that is about to be written, or with `None` deleted.
#[derive(Debug)]
pub struct Changed<'r> {
    pub kind: Kind,
    /// [`Resource::id`].
    pub id: String,
    pub after: Option<&'r Resource>,
}

/// The machine that netdiag runs on, when it is a node.
#[derive(Debug, Default)]
pub struct Host {
    pub node: String,
    /// Every address of its links; none when they could not be read.
    pub addresses: Vec<IpAddr>,
}

/// What the objects are after a change.
pub fn after(before: &Objects, changed: &[Changed<'_>]) -> Objects {
    let mut objects = before.clone();
    let gone: HashSet<(&str, &str)> = changed
        .iter()
        .map(|change| (change.kind.name(), change.id.as_str()))
        .collect();
    let kinds: HashSet<&str> = gone.iter().map(|(kind, _)| *kind).collect();
    objects.resources.retain(|value| {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        !kinds.contains(kind) || !gone.contains(&(kind, id(value).as_str()))
    });
    let new = changed.iter().filter_map(|change| change.after);
    objects
        .resources
        .extend(new.map(|resource| Value::Object(resource.body.clone())));
    objects
}

fn id(value: &Value) -> String {
    let text = |key: &str| {
        let metadata = value.get("metadata").and_then(|metadata| metadata.get(key));
        metadata.and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let name = text("name").unwrap_or_default();
    text("namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// Those of a kind.
fn of_kind(objects: &Objects, kind: Kind) -> impl Iterator<Item = Resource> {
    objects
        .resources
        .iter()
        .filter(move |value| value.get("kind").and_then(Value::as_str) == Some(kind.name()))
        .filter_map(|value| Resource::from_value(value.clone()).ok())
}

/// What a change would break, a sentence each. What is broken already isn't its fault.
pub fn harms(before: &Objects, changed: &[Changed<'_>], host: &Host) -> Vec<String> {
    let after = after(before, changed);
    let mut harms = Vec::new();
    for change in changed {
        match (change.kind, change.after) {
            (Kind::IpPool, Some(pool)) => overlaps(before, &after, pool, &mut harms),
            (Kind::Node, Some(node)) => foreign_address(before, node, host, &mut harms),
            _ => {}
        }
    }
    cut::off(before, &after, changed, &mut harms);
    last_pool(before, &after, &mut harms);
    harms
}

fn cidr(pool: &Resource) -> Option<IpNet> {
    pool.text(&["spec", "cidr"]).and_then(net)
}

/// Pods must not get addresses that nodes or services have.
fn overlaps(before: &Objects, after: &Objects, pool: &Resource, harms: &mut Vec<String>) {
    let Some(cidr) = cidr(pool) else { return };
    let name = pool.name();
    if of_kind(before, Kind::IpPool).any(|old| old.name() == name && self::cidr(&old) == Some(cidr)) {
        return;
    }
    let mut nodes = of_kind(after, Kind::Node).flat_map(|node| {
        let addresses = node_addresses(&node);
        addresses.into_iter().map(move |ip| (node.name().to_owned(), ip))
    });
    if let Some((node, ip)) = nodes.find(|(_, ip)| cidr.contains(ip)) {
        harms.push(format!(
            "IPPool {name}: {cidr} has the address {ip} of node {node} in it: pods may get addresses of nodes"
        ));
    }
    let ranges = of_kind(after, Kind::BgpConfiguration).flat_map(|configuration| {
        let list = configuration
            .field(&["spec", "serviceClusterIPs"])
            .cloned()
            .unwrap_or_default();
        let text = |range: &Value| net(range.get("cidr")?.as_str()?);
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect::<Vec<_>>()
    });
    let overlapping = |range: &IpNet| range.contains(&cidr) || cidr.contains(range);
    if let Some(range) = ranges.into_iter().find(overlapping) {
        harms.push(format!(
            "IPPool {name}: {cidr} overlaps with the addresses of services, {range}: what is sent to such a pod may go \
             to a service"
        ));
    } else if let Some((service, ip)) = services(after).find(|(_, ip)| cidr.contains(ip)) {
        harms.push(format!(
            "IPPool {name}: {cidr} has the address {ip} of service {service} in it: what is sent to such a pod may go to \
             the service"
        ));
    }
}

/// The services of Kubernetes and their addresses inside the cluster.
fn services(objects: &Objects) -> impl Iterator<Item = (String, IpAddr)> {
    objects.kubernetes.items().iter().flat_map(|value| {
        let Ok(Some(Object::Service(service))) = Object::read(value) else {
            return Vec::new();
        };
        let name = format!("{}/{}", service.metadata.namespace(), service.metadata.name);
        let ips = service.cluster_ips();
        ips.into_iter().map(|ip| (name.clone(), ip)).collect()
    })
}

/// Every address that an object says a node has.
fn node_addresses(node: &Resource) -> Vec<IpAddr> {
    let text = |text: &str| net_or_ip(text).map(|net| net.addr());
    let bgp = ["ipv4Address", "ipv6Address"];
    let mut addresses: Vec<IpAddr> = bgp
        .iter()
        .filter_map(|field| text(node.text(&["spec", "bgp", field])?))
        .collect();
    let list = |field: &str| {
        node.field(&["spec", field])
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    addresses.extend(list("addresses").filter_map(|entry| text(entry.get("address")?.as_str()?)));
    let of_links = list("interfaces").filter_map(|link| link.get("addresses")?.as_array());
    addresses.extend(of_links.flatten().filter_map(|address| text(address.as_str()?)));
    addresses
}

/// The address of this node must be on one of its links.
fn foreign_address(before: &Objects, node: &Resource, host: &Host, harms: &mut Vec<String>) {
    if node.name() != host.node || host.addresses.is_empty() {
        return;
    }
    let old = of_kind(before, Kind::Node).find(|old| old.name() == node.name());
    for field in ["ipv4Address", "ipv6Address"] {
        let path = ["spec", "bgp", field];
        let address = |node: &Resource| net_or_ip(node.text(&path)?).map(|net| net.addr());
        let Some(ip) = address(node) else { continue };
        if old.as_ref().and_then(address) != Some(ip) && !host.addresses.contains(&ip) {
            harms.push(format!(
                "Node {}: spec.bgp.{field} {ip} is on no link of this node: BIRD could not use it, and all sessions would \
                 go down",
                node.name()
            ));
        }
    }
}

/// Without a pool, no pod gets an address.
fn last_pool(before: &Objects, after: &Objects, harms: &mut Vec<String>) {
    let enabled = |objects: &Objects| {
        of_kind(objects, Kind::IpPool)
            .filter(|pool| pool.field(&["spec", "disabled"]) != Some(&Value::Bool(true)))
            .map(|pool| pool.name().to_owned())
            .collect::<Vec<_>>()
    };
    let old = enabled(before);
    if !old.is_empty() && enabled(after).is_empty() {
        harms.push(format!(
            "IPPool {}: then no pool is enabled any more, and new pods get no address",
            old.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests;
