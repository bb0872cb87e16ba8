//! Services as clients outside a pod's own node see them.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::shared::link_of;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::kubernetes::Inventory;
use crate::kubernetes::pod::Pod;
use crate::kubernetes::service::{Service, ServiceType};
use crate::policy::service::{Backend, Services};
use crate::state::NodeState;

const TCP: u8 = 6;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let services = Services::new(inventory);
    for service in &inventory.services {
        found.extend(ranges(service));
        for node in world.nodes {
            found.extend(held_without_endpoint(&services, service, node));
            found.extend(inside_without_endpoint(inventory, &services, service, node));
        }
    }
    for node in world.nodes {
        found.extend(pinned(inventory, node));
    }
}

fn title(service: &Service) -> String {
    format!("{}/{}", service.metadata.namespace(), service.metadata.name)
}

fn patch(service: &Service, spec: &str) -> String {
    format!(
        "kubectl -n {} patch service {} -p '{{\"spec\":{{{spec}}}}}'",
        service.metadata.namespace(),
        service.metadata.name
    )
}

/// `loadBalancerSourceRanges` that let nobody in: of the wrong family, or no ranges at all.
fn ranges(service: &Service) -> Option<Finding> {
    let given = &service.spec.load_balancer_source_ranges;
    if given.is_empty() || service.spec.kind != ServiceType::LoadBalancer {
        return None;
    }
    let balanced = service.external_ips();
    let v4 = balanced.iter().any(IpAddr::is_ipv4);
    let read: Vec<Option<IpNet>> = given.iter().map(|range| range.trim().parse().ok()).collect();
    let strange: Vec<&str> = given
        .iter()
        .zip(&read)
        .filter_map(|(text, net)| net.is_none().then_some(text.as_str()))
        .collect();
    let none = !balanced.is_empty() && !read.iter().flatten().any(|net| net.addr().is_ipv4() == v4);
    let why = if none {
        format!("none of its ranges is of {}", if v4 { "IPv4" } else { "IPv6" })
    } else if strange.is_empty() {
        return None;
    } else {
        format!("{} is no range", strange.join(", "))
    };
    let name = title(service);
    Some(
        Finding::of(
            "source-ranges-let-nobody-in",
            "",
            format!("the load balancer of service {name} refuses clients: {why}"),
        )
        .about(format!("Service({name})"))
        .shown(
            format!("Service({name})"),
            format!("loadBalancerSourceRanges: {}", given.join(", ")),
        )
        .step(format!(
            "give it the clients' ranges: {}",
            patch(service, "\"loadBalancerSourceRanges\":[\"CIDR\"]")
        )),
    )
}

fn ready(backends: &[Backend]) -> impl Iterator<Item = &Backend> {
    backends.iter().filter(|backend| backend.conditions.is_ready())
}

/// With `externalTrafficPolicy: Local`, a node that has the address and no endpoint drops what comes for it.
fn held_without_endpoint(services: &Services, service: &Service, node: &NodeState) -> Option<Finding> {
    if service.spec.external_traffic_policy.as_deref() != Some("Local") {
        return None;
    }
    let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
    let elsewhere = ready(backends).find_map(|backend| backend.node.as_deref())?;
    if ready(backends).any(|backend| backend.node.as_deref() == Some(&*node.name)) {
        return None;
    }
    // kube-proxy's own link has all of them, whoever gets the packets.
    let (ip, link) = service
        .external_ips()
        .into_iter()
        .find_map(|ip| Some((ip, link_of(node, ip).filter(|link| link.name != "kube-ipvs0")?)))?;
    let (name, of) = (&node.name, title(service));
    Some(
        Finding::of(
            "service-address-without-endpoint",
            name,
            format!("{name} has {ip} of service {of}, and no endpoint of it: connections are dropped there"),
        )
        .about(format!("Service({of})"))
        .shown(format!("Service({of})"), "spec.externalTrafficPolicy is Local")
        .shown(format!("ip addr on {name}"), format!("{ip} on {}", link.name))
        .shown(
            format!("EndpointSlice of {of}"),
            format!("ready on {elsewhere}, not on {name}"),
        )
        .step(format!(
            "let every node answer: {}",
            patch(service, "\"externalTrafficPolicy\":\"Cluster\"")
        ))
        .step(format!(
            "or move the address to {elsewhere}, or run a pod on {name}"
        )),
    )
}

/// With `internalTrafficPolicy: Local`, pods of a node without an endpoint reach nobody.
fn inside_without_endpoint(
    inventory: &Inventory,
    services: &Services,
    service: &Service,
    node: &NodeState,
) -> Option<Finding> {
    if service.spec.internal_traffic_policy.as_deref() != Some("Local") || service.cluster_ips().is_empty() {
        return None;
    }
    let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
    ready(backends).next()?;
    let here = ready(backends).any(|backend| backend.node.as_deref() == Some(&*node.name));
    // Only where somebody asked in vain: on other nodes it may be meant.
    let entries = node.net.conntrack.known()?.entries.known()?;
    let asked = entries.iter().find(|flow| {
        flow.status.is_unreplied() && !flow.is_dnat() && service.cluster_ips().contains(&flow.original.dst)
    })?;
    let client = inventory
        .pods
        .iter()
        .find(|pod| Pod::ips(pod).contains(&asked.original.src));
    let (name, of) = (&node.name, title(service));
    (!here).then(|| {
        Finding::of(
            "service-local-without-endpoint",
            name,
            format!("pods of {name} get no answer from service {of}, which has no endpoint there"),
        )
        .about(format!("Service({of})"))
        .sure(Sure::Likely)
        .shown(format!("Service({of})"), "spec.internalTrafficPolicy is Local")
        .shown(
            format!("conntrack -L on {name}"),
            format!(
                "{} ({}) → {} [UNREPLIED]",
                asked.original.src,
                client.map_or("no pod", |pod| pod.metadata.name.as_str()),
                asked.original.dst
            ),
        )
        .step(format!(
            "let it use endpoints of other nodes: {}",
            patch(service, "\"internalTrafficPolicy\":\"Cluster\"")
        ))
        .step("or run a pod of it on every node (a DaemonSet)")
    })
}

/// Session affinity keeps a client with an endpoint that is gone.
fn pinned(inventory: &Inventory, node: &NodeState) -> Option<Finding> {
    if inventory.pods.is_empty() {
        return None;
    }
    let alive: HashSet<IpAddr> = inventory
        .pods
        .iter()
        .filter(|pod| !pod.is_finished())
        .flat_map(Pod::ips)
        .collect();
    let entries = node.net.conntrack.known()?.entries.known()?;
    let (service, flow) = entries.iter().find_map(|flow| {
        let lost = flow.proto == TCP
            && flow.is_dnat()
            && flow.status.is_unreplied()
            && !alive.contains(&flow.reply.src);
        let service = inventory
            .services
            .iter()
            .find(|service| service.has_affinity() && service.cluster_ips().contains(&flow.original.dst))?;
        lost.then_some((service, flow))
    })?;
    let (name, of) = (&node.name, title(service));
    Some(
        Finding::of(
            "affinity-to-dead-endpoint",
            name,
            format!(
                "{name} keeps {} with an endpoint of service {of} that is gone: {}",
                flow.original.src, flow.reply.src
            ),
        )
        .about(format!("Service({of})"))
        .sure(Sure::Likely)
        .shown(format!("Service({of})"), "spec.sessionAffinity is ClientIP")
        .shown(
            format!("conntrack -L -p tcp on {name}"),
            format!(
                "{} → {} [UNREPLIED], reply from {}",
                flow.original.src, flow.original.dst, flow.reply.src
            ),
        )
        .shown("pods", format!("none has {}", flow.reply.src))
        .step(format!(
            "restart kube-proxy on {name}: its rules still know the endpoint"
        ))
        .run(
            format!(
                "conntrack -D -p tcp --orig-src {} --orig-dst {}",
                flow.original.src, flow.original.dst
            ),
            "",
        ),
    )
}
