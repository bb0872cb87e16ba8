//! Services as clients outside a pod's own node see them.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::shared::{chains, link_of};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::kubernetes::Inventory;
use crate::kubernetes::pod::Pod;
use crate::kubernetes::service::{Service, ServiceType};
use crate::policy::service::{Backend, Services};
use crate::state::NodeState;
use crate::state::netfilter::Rule;

const TCP: u8 = 6;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let services = Services::new(inventory);
    for service in &inventory.services {
        found.extend(ignored(service));
        found.extend(world.nodes.iter().find_map(|node| ranges(service, node)));
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

/// `loadBalancerSourceRanges` of which none is of the address's family: kube-proxy goes by those of the family alone, and
/// lets everybody in where there are none (`NewServicePort`, pkg/proxy/serviceport.go).
fn ignored(service: &Service) -> Option<Finding> {
    let given = &service.spec.load_balancer_source_ranges;
    let balanced = service.external_ips();
    if given.is_empty() || balanced.is_empty() || service.spec.kind != ServiceType::LoadBalancer {
        return None;
    }
    let v4 = balanced.iter().any(IpAddr::is_ipv4);
    let mut read = given
        .iter()
        .filter_map(|range| range.trim().parse::<IpNet>().ok());
    if read.any(|net| net.addr().is_ipv4() == v4) {
        return None;
    }
    let (name, family) = (title(service), if v4 { "IPv4" } else { "IPv6" });
    Some(
        Finding::of(
            "source-ranges-ignored",
            "",
            format!(
                "the load balancer of service {name} lets everybody in: none of its ranges is of {family}"
            ),
        )
        .about(format!("Service({name})"))
        .sure(Sure::Likely)
        .shown(
            format!("Service({name})"),
            format!("loadBalancerSourceRanges: {}", given.join(", ")),
        )
        .step(with_ranges(service)),
    )
}

fn with_ranges(service: &Service) -> String {
    format!(
        "give it the clients' ranges: {}",
        patch(service, "\"loadBalancerSourceRanges\":[\"CIDR\"]")
    )
}

/// Packets that a rule of kube-proxy's has counted.
fn counted(rule: &Rule) -> Option<u64> {
    let packets = rule.counters?.packets;
    (packets > 0).then_some(packets)
}

/// `loadBalancerSourceRanges` that refused clients, and let none in: by the counters of kube-proxy's rules.
fn ranges(service: &Service, node: &NodeState) -> Option<Finding> {
    let given = &service.spec.load_balancer_source_ranges;
    if given.is_empty() || service.spec.kind != ServiceType::LoadBalancer {
        return None;
    }
    let to_it = |rule: &Rule, ip: &IpAddr| rule.text.contains(&format!(" -d {ip}/"));
    let (ruleset, rule, ip) = service.external_ips().into_iter().find_map(|ip| {
        let mut refusing =
            chains(node, "filter").filter(|(_, _, chain)| &*chain.name == "KUBE-PROXY-FIREWALL");
        refusing.find_map(|(ruleset, _, chain)| {
            let rule = chain
                .rules
                .iter()
                .find(|rule| to_it(rule, &ip) && counted(rule).is_some())?;
            Some((ruleset, rule, ip))
        })
    })?;
    // `traffic not accepted by KUBE-FW-…`: the chain whose rules let ranges in.
    let accepting = rule.text.split_once("KUBE-FW-")?.1;
    let accepting: String = accepting
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let accepting = format!("KUBE-FW-{accepting}");
    let mut let_in = chains(node, "nat").filter(|(_, _, chain)| *chain.name == *accepting);
    let lets_in = |rule: &Rule| rule.text.contains(" -j ") && counted(rule).is_some();
    if let_in.any(|(_, _, chain)| chain.rules.iter().any(lets_in)) {
        return None;
    }
    let (name, of, packets) = (&node.name, title(service), counted(rule)?);
    Some(
        Finding::of(
            "source-ranges-let-nobody-in",
            name,
            format!("the load balancer of service {of} refuses clients on {name}: none was of its ranges"),
        )
        .about(format!("Service({of})"))
        .sure(Sure::Likely)
        .shown(
            format!("Service({of})"),
            format!(
                "loadBalancerSourceRanges: {}; its address is {ip}",
                given.join(", ")
            ),
        )
        .shown(
            format!("{}-save -c -t filter on {name}", ruleset.dialect.command()),
            format!("{} ({packets} packets)", rule.text),
        )
        .shown(
            format!("{}-save -c -t nat on {name}", ruleset.dialect.command()),
            format!("no rule of {accepting} has let a packet in"),
        )
        .step(with_ranges(service)),
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
    if here {
        return None;
    }
    // Only where somebody asked in vain: on other nodes it may be meant.
    let (source, text) = tracked(inventory, service, node).or_else(|| refused(service, node))?;
    let (name, of) = (&node.name, title(service));
    Some(
        Finding::of(
            "service-local-without-endpoint",
            name,
            format!("pods of {name} get no answer from service {of}, which has no endpoint there"),
        )
        .about(format!("Service({of})"))
        .sure(Sure::Likely)
        .shown(format!("Service({of})"), "spec.internalTrafficPolicy is Local")
        .shown(source, text)
        .step(format!(
            "let it use endpoints of other nodes: {}",
            patch(service, "\"internalTrafficPolicy\":\"Cluster\"")
        ))
        .step("or run a pod of it on every node (a DaemonSet)"),
    )
}

/// A connection to a service that nobody translated and nobody answered.
fn tracked(inventory: &Inventory, service: &Service, node: &NodeState) -> Option<(String, String)> {
    let entries = node.net.conntrack.known()?.entries.known()?;
    let asked = entries.iter().find(|flow| {
        flow.status.is_unreplied() && !flow.is_dnat() && service.cluster_ips().contains(&flow.original.dst)
    })?;
    let mut pods = inventory.pods.iter();
    let client = pods.find(|pod| Pod::ips(pod).contains(&asked.original.src));
    let text = format!(
        "{} ({}) → {} [UNREPLIED]",
        asked.original.src,
        client.map_or("no pod", |pod| pod.metadata.name.as_str()),
        asked.original.dst
    );
    Some((format!("conntrack -L on {}", node.name), text))
}

/// Packets that kube-proxy's own rule for it has dropped: they are never tracked.
fn refused(service: &Service, node: &NodeState) -> Option<(String, String)> {
    let ips = service.cluster_ips();
    chains(node, "filter")
        .filter(|(_, _, chain)| &*chain.name == "KUBE-SERVICES")
        .find_map(|(ruleset, _, chain)| {
            let rule = chain.rules.iter().find(|rule| {
                let to_it = ips.iter().any(|ip| rule.text.contains(&format!(" -d {ip}/")));
                to_it && rule.text.ends_with("-j DROP") && counted(rule).is_some()
            })?;
            let source = format!("{}-save -c -t filter on {}", ruleset.dialect.command(), node.name);
            Some((source, format!("{} ({} packets)", rule.text, counted(rule)?)))
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
        .run(
            format!(
                "conntrack -D -p tcp --orig-src {} --orig-dst {}",
                flow.original.src, flow.original.dst
            ),
            "",
        ),
    )
}
