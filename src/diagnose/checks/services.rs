//! Services of Kubernetes: what is behind them.

use std::collections::BTreeSet;

use super::shared::addresses;
use crate::diagnose::finding::{Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::kubernetes::Inventory;
use crate::kubernetes::meta::{PortRef, Protocol};
use crate::kubernetes::service::{Service, ServiceType};
use crate::policy::service::Services;
use crate::state::socket::TcpState;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let services = Services::new(inventory);
    for service in &inventory.services {
        found.extend(empty(inventory, &services, service));
        found.extend(local_only(world, &services, service));
        found.extend(port_closed(world, inventory, service));
    }
}

fn title(service: &Service) -> String {
    format!("{}/{}", service.metadata.namespace(), service.metadata.name)
}

/// A service with a selector that has no ready backend.
fn empty(inventory: &Inventory, services: &Services, service: &Service) -> Option<Finding> {
    if service.spec.selector.is_empty()
        || service.spec.kind == ServiceType::ExternalName
        || inventory.pods.is_empty()
    {
        return None;
    }
    let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
    if backends.iter().any(|backend| backend.conditions.is_ready()) {
        return None;
    }
    let name = title(service);
    let selected: Vec<_> = inventory
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace() == service.metadata.namespace() && !pod.is_finished())
        .filter(|pod| {
            service
                .spec
                .selector
                .iter()
                .all(|(key, value)| pod.metadata.labels.get(key) == Some(value))
        })
        .collect();
    let selector: Vec<String> = service
        .spec
        .selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let finding = Finding::of(
        "service-without-endpoints",
        "",
        format!("service {name} has no ready endpoint: connections to it are refused"),
    )
    .about(format!("Service({name})"))
    .shown(
        format!("EndpointSlice of {name}"),
        format!("{} addresses, none ready", backends.len()),
    );
    Some(match selected.as_slice() {
        [] => {
            let near = near(inventory, service);
            let finding = finding.shown(
                format!("Service({name})"),
                format!("its selector {} selects no pod", selector.join(",")),
            );
            match near {
                Some((key, value, pod)) => finding
                    .shown(format!("Pod({pod})"), format!("has {key}={value}"))
                    .step(format!("kubectl -n {} patch service {} -p '{{\"spec\":{{\"selector\":{{\"{key}\":\"{value}\"}}}}}}'", service.metadata.namespace(), service.metadata.name)),
                None => finding.step("correct the selector, or start the pods"),
            }
        }
        pods => finding
            .shown("pods", format!("{} selected, none of them Ready", pods.len()))
            .step(format!(
                "see why the pods aren't ready: kubectl -n {} get pods -l {}",
                service.metadata.namespace(),
                selector.join(",")
            )),
    })
}

/// A pod whose label is nearly what the selector asks for.
fn near<'i>(inventory: &'i Inventory, service: &Service) -> Option<(&'i str, &'i str, &'i str)> {
    for (key, value) in &service.spec.selector {
        let of_namespace = inventory
            .pods
            .iter()
            .filter(|pod| pod.metadata.namespace() == service.metadata.namespace());
        let labels = of_namespace.flat_map(|pod| {
            pod.metadata
                .labels
                .iter()
                .map(|(label, known)| (label.as_str(), known.as_str(), pod.metadata.name.as_str()))
        });
        let same_key: Vec<_> = labels.filter(|(label, ..)| label == key).collect();
        if same_key.iter().any(|(_, known, _)| known == value) {
            continue;
        }
        let found = crate::calico::nearest::nearest(value, same_key.iter().map(|(_, known, _)| *known))?;
        return same_key.into_iter().find(|(_, known, _)| *known == found);
    }
    None
}

/// NodePorts of a service that are open on some nodes only, by its own word.
fn local_only(world: &World, services: &Services, service: &Service) -> Option<Finding> {
    let local = service.spec.external_traffic_policy.as_deref() == Some("Local")
        && service.spec.kind == ServiceType::NodePort;
    let backends = services.backends(service.metadata.namespace(), &service.metadata.name);
    let on: BTreeSet<&str> = backends
        .iter()
        .filter(|backend| backend.conditions.is_ready())
        .filter_map(|backend| backend.node.as_deref())
        .collect();
    let inventory = world.cluster.ok()?.kubernetes.as_ref()?;
    let without: Vec<&str> = inventory
        .nodes
        .iter()
        .map(|node| node.metadata.name.as_str())
        .filter(|name| !on.contains(name))
        .collect();
    if !local || on.is_empty() || without.is_empty() {
        return None;
    }
    let name = title(service);
    let mut finding = Finding::of("node-port-on-some-nodes", "", format!("the NodePort of service {name} answers on {} of {} nodes", on.len(), on.len() + without.len()))
        .about(format!("Service({name})"))
        .sure(Sure::Likely)
        .shown(format!("Service({name})"), "spec.externalTrafficPolicy is Local")
        .shown("EndpointSlice", format!("no ready endpoint on {}", without.join(", ")))
        .step(format!("spread the pods (a DaemonSet), or: kubectl -n {} patch service {} -p '{{\"spec\":{{\"externalTrafficPolicy\":\"Cluster\"}}}}'", service.metadata.namespace(), service.metadata.name));
    finding.severity = Severity::Warning;
    Some(finding)
}

/// The port that a service sends to is one that its pod doesn't listen on.
fn port_closed(world: &World, inventory: &Inventory, service: &Service) -> Option<Finding> {
    if service.spec.selector.is_empty() {
        return None;
    }
    for port in service
        .spec
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Tcp)
    {
        let target = match &port.target_port {
            None => port.port,
            Some(PortRef::Number(number)) => *number,
            Some(PortRef::Name(_)) => continue,
        };
        let selected = inventory.pods.iter().filter(|pod| {
            pod.metadata.namespace() == service.metadata.namespace()
                && !pod.spec.host_network
                && service
                    .spec
                    .selector
                    .iter()
                    .all(|(key, value)| pod.metadata.labels.get(key) == Some(value))
        });
        for pod in selected {
            let Some(state) = world.state(&pod.spec.node_name) else {
                continue;
            };
            let of = state.namespaces.items().iter().find(|namespace| {
                // Without the runtime's word, by its address.
                namespace.pod.as_ref().map_or_else(
                    || addresses(namespace).any(|ip| pod.ips().contains(&ip)),
                    |known| {
                        known.name.as_deref() == Some(&*pod.metadata.name)
                            && known.namespace.as_deref() == Some(pod.metadata.namespace())
                    },
                )
            });
            let Some(sockets) = of.and_then(|namespace| namespace.net.tcp.known()) else {
                continue;
            };
            let listening: BTreeSet<u16> = sockets
                .iter()
                .filter(|socket| socket.state == TcpState::Listen)
                .map(|socket| socket.local.port())
                .collect();
            let reachable = sockets.iter().any(|socket| {
                socket.state == TcpState::Listen
                    && socket.local.port() == target
                    && !socket.local.ip().is_loopback()
            });
            if reachable || listening.is_empty() {
                continue;
            }
            let (name, title) = (
                title(service),
                format!("{}/{}", pod.metadata.namespace(), pod.metadata.name),
            );
            let why = if listening.contains(&target) {
                format!("listens on 127.0.0.1:{target} only")
            } else {
                format!(
                    "listens on {}",
                    listening
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            };
            let mut open = sockets
                .iter()
                .filter(|socket| socket.state == TcpState::Listen && !socket.local.ip().is_loopback());
            let only = open.next().map(|socket| socket.local.port());
            let only = only.filter(|only| open.all(|socket| socket.local.port() == *only));
            let mend = match only {
                Some(only) => format!(
                    "if the program's port is right: kubectl -n {} patch service {} -p '{{\"spec\":{{\"ports\":[{{\"port\":{},\"targetPort\":{only}}}]}}}}'",
                    service.metadata.namespace(),
                    service.metadata.name,
                    port.port
                ),
                None => format!("correct targetPort of service {name}, or the program's port"),
            };
            return Some(
                Finding::of(
                    "target-port-closed",
                    &pod.spec.node_name,
                    format!("service {name} sends to port {target} of {title}, which {why}"),
                )
                .about(format!("Service({name})"))
                .shown(format!("Service({name})"), format!("targetPort {target}"))
                .shown(format!("ss -ltn in {title}"), why)
                .step(mend),
            );
        }
    }
    None
}
