//! CNI's configuration, held against what pods need of it.

use super::pods::within;
use super::shared::{host_end, is_cali, pod_bridge, pods, route_link};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::cni::{CniFile, CniNetwork};
use crate::state::link::Link;
use crate::state::route::RouteType;
use crate::state::{Namespace, NodeState};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        let used = used(node);
        if let Some((file, network)) = used {
            found.extend(without_ipam(node, file, network));
            found.extend(without_portmap(world, node, file, network));
        }
        let unsaid = used.and_then(|(file, network)| without_mtu(node, file, network));
        found.extend(unsaid.or_else(|| too_large(node, used.map(|(_, network)| network))));
    }
}

/// What the runtime uses.
fn used(node: &NodeState) -> Option<(&CniFile, &CniNetwork)> {
    let file = node.cni.known()?.first()?.first()?;
    Some((file, file.network.known()?))
}

/// Calico's plugin gives no pod an address without one.
fn without_ipam(node: &NodeState, file: &CniFile, network: &CniNetwork) -> Option<Finding> {
    let plugin = network.plugin("calico").filter(|plugin| plugin.ipam.is_none())?;
    let name = &node.name;
    Some(
        Finding::of(
            "cni-configuration-incomplete",
            name,
            format!("the CNI configuration of {name} says nothing of addresses: pods can't start"),
        )
        .about(&file.path)
        .shown(&file.path, format!("plugin {} without ipam", plugin.kind))
        .step(format!("put \"ipam\": {{\"type\": \"calico-ipam\"}} into it, or take the file that calico-node writes: delete {} and restart calico-node", file.path)),
    )
}

/// Without `mtu`, and without Felix's own file, pods get 1500.
fn without_mtu(node: &NodeState, file: &CniFile, network: &CniNetwork) -> Option<Finding> {
    let plugin = network.plugin("calico")?;
    if plugin.mtu.is_some_and(|mtu| mtu > 0) || node.calico_files.mtu.known().is_some() {
        return None;
    }
    let tunnel = ["vxlan.calico", "tunl0", "wireguard.cali"]
        .into_iter()
        .find_map(|name| {
            node.net
                .link_named(name)
                .filter(|link| link.is_up() && carries(node, link))
        })?;
    let large = pods(node).find_map(|pod| {
        let links = pod.net.links.items().iter();
        links
            .filter(|link| link.mtu > tunnel.mtu)
            .find(|link| host_end(node, pod, link).is_some_and(is_cali))
            .map(|link| (pod.title(), link))
    });
    let (title, link) = large?;
    let name = &node.name;
    Some(
        Finding::of(
            "cni-configuration-incomplete",
            name,
            format!(
                "the CNI configuration of {name} has no mtu: its pods get {}, and {} carries {}",
                link.mtu, tunnel.name, tunnel.mtu
            ),
        )
        .about(&file.path)
        .shown(
            &file.path,
            "plugin calico without mtu, and no /var/lib/calico/mtu",
        )
        .shown(
            format!("ip link in {title}"),
            format!("{} mtu {}", link.name, link.mtu),
        )
        .shown(
            format!("ip link on {name}"),
            format!("{} mtu {}", tunnel.name, tunnel.mtu),
        )
        .step(format!(
            "put \"mtu\": {} into it, and make the pods anew",
            tunnel.mtu
        )),
    )
}

/// Whether pods of other nodes are reached by it.
fn carries(node: &NodeState, link: &Link) -> bool {
    node.net.routes.items().iter().any(|route| {
        let mut hops = route.next_hops.iter();
        hops.any(|hop| {
            hop.link == Some(link.index) && (hop.gateway.is_some() || link.name == "wireguard.cali")
        })
    })
}

/// A pod asks for a port of the host, and no plugin does that.
fn without_portmap(world: &World, node: &NodeState, file: &CniFile, network: &CniNetwork) -> Option<Finding> {
    let inventory = world.cluster.ok()?.kubernetes.as_ref()?;
    // These do it themselves.
    let able = network.plugins.iter().any(|plugin| {
        ["portmap", "cilium-cni", "multus", "weave-net"].contains(&plugin.kind.as_str())
            || plugin.capabilities.get("portMappings") == Some(&true)
    });
    if able || network.plugins.is_empty() {
        return None;
    }
    let (pod, port) = inventory.pods.iter().find_map(|pod| {
        let here = pod.spec.node_name == node.name && !pod.spec.host_network && !pod.is_finished();
        let port = pod.ports().find_map(|port| port.host_port)?;
        here.then_some((pod, port))
    })?;
    let name = &node.name;
    let title = format!("{}/{}", pod.metadata.namespace(), pod.metadata.name);
    Some(
        Finding::of(
            "host-port-without-portmap",
            name,
            format!("{title} asks for port {port} of {name}, and no CNI plugin there maps ports"),
        )
        .about(format!("Pod({title})"))
        .sure(Sure::Likely)
        .shown(format!("Pod({title})"), format!("hostPort {port}"))
        .shown(&file.path, "no plugin portmap")
        .step(format!("add {{\"type\": \"portmap\", \"snat\": true, \"capabilities\": {{\"portMappings\": true}}}} to the plugins of {}, and make the pod anew", file.path)),
    )
}

/// Pods whose packets may be larger than the tunnel that takes them to other nodes carries.
fn too_large(node: &NodeState, network: Option<&CniNetwork>) -> Option<Finding> {
    let tunnel = ["vxlan.calico", "flannel.1", "flannel0", "tunl0", "wireguard.cali"]
        .into_iter()
        .find_map(|name| node.net.link_named(name).filter(|link| link.is_up()))?;
    let configured = network.and_then(|network| network.plugin("calico")?.mtu);
    if configured.is_some_and(|mtu| mtu > u64::from(tunnel.mtu)) {
        // Told of the configuration already: all pods have it from there.
        return None;
    }
    let mut routes = node.net.routes.items().iter();
    routes.find(|route| route.kind == RouteType::Unicast && route_link(route) == Some(tunnel.index))?;
    let bridge = pod_bridge(node).map(|bridge| bridge.index);
    let larger: Vec<(&Namespace, &Link)> = pods(node)
        .filter_map(|pod| {
            let link = pod.net.links.items().iter().find(|link| {
                let end = host_end(node, pod, link);
                link.mtu > tunnel.mtu
                    && end.is_some_and(|end| is_cali(end) || (bridge.is_some() && end.master == bridge))
            })?;
            // A route may say less than its link.
            let limited = pod
                .net
                .routes
                .items()
                .iter()
                .any(|route| route.mtu.is_some_and(|(mtu, _)| mtu <= tunnel.mtu));
            (!limited).then_some((pod, link))
        })
        .collect();
    let (first, link) = larger.first()?;
    let name = &node.name;
    let finding = Finding::of(
        "pod-mtu-too-large",
        name,
        format!(
            "pods of {name} have MTU {}, and {} carries {}",
            link.mtu, tunnel.name, tunnel.mtu
        ),
    )
    .about(&tunnel.name)
    .shown(
        format!("ip link in {} on {name}", first.title()),
        format!("{} mtu {}", link.name, link.mtu),
    )
    .shown(
        format!("ip link on {name}"),
        format!("{} mtu {}", tunnel.name, tunnel.mtu),
    )
    .step("new pods get it from the CNI plugin's configuration: leave its mtu out, or set the tunnel's");
    let set = |link: &Link, mtu| format!("ip link set dev {} mtu {mtu}", link.name);
    Some(larger.iter().fold(finding, |finding, (pod, link)| {
        finding.run(
            within(pod, &set(link, tunnel.mtu)),
            within(pod, &set(link, link.mtu)),
        )
    }))
}
