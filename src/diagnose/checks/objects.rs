//! What agents are told: CNI's files, Kubernetes' Nodes, environments, the datastore.

use ipnet::IpNet;

use super::shared::{overlap, pod_bridge};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::kubernetes::Inventory;
use crate::state::NodeState;
use crate::state::process::DaemonKind;
use crate::state::socket::TcpState;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    pod_cidrs(world, found);
    for node in world.nodes {
        found.extend(environment(world, node));
        found.extend(unreachable(node));
        found.extend(configurations(node));
        found.extend(mtu(node));
    }
}

/// flannel (and every CNI that takes spec.podCIDR) can't start without one.
fn pod_cidrs(world: &World, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    let has = |node: &crate::kubernetes::node::Node| {
        node.spec.pod_cidr.is_some() || !node.spec.pod_cidrs.is_empty()
    };
    let flannel = |name: &str| {
        world.state(name).is_some_and(|state| {
            state.flannel.net_conf.known().is_some()
                || state
                    .processes
                    .known()
                    .is_some_and(|processes| processes.daemon_of(DaemonKind::Flanneld).is_some())
        })
    };
    let others = inventory.nodes.iter().any(has);
    for node in inventory.nodes.iter().filter(|node| !has(node)) {
        let name = &node.metadata.name;
        if !flannel(name) {
            continue;
        }
        let mut finding = Finding::of("pod-cidr-missing", name, format!("Kubernetes gave {name} no pod CIDR: flannel does not start there"))
            .about(format!("Node({name})"))
            .shown(format!("Node({name})"), "spec.podCIDR is empty")
            .step("run kube-controller-manager with --allocate-node-cidrs=true and --cluster-cidr as in flannel's net-conf");
        if others {
            let range = free_range(inventory, world.state(name))
                .map_or_else(|| "…/24".to_owned(), |range| range.to_string());
            finding = finding.step(format!("or give it a range that no other node has: kubectl patch node {name} -p '{{\"spec\":{{\"podCIDR\":\"{range}\"}}}}'"));
        }
        found.push(finding);
    }
}

/// A range of flannel's network that no node has: the one that the node's bridge has already, or the first.
fn free_range(inventory: &Inventory, state: Option<&NodeState>) -> Option<IpNet> {
    let state = state?;
    let network = state.flannel.net_conf.known()?.network?;
    let texts = inventory
        .nodes
        .iter()
        .filter_map(|node| node.spec.pod_cidr.as_deref());
    let taken: Vec<IpNet> = texts.filter_map(|text| text.parse().ok()).collect();
    let length = taken.first()?.prefix_len();
    let is_free = |range: &IpNet| {
        range.prefix_len() == length
            && network.contains(range)
            && !taken.iter().any(|other| overlap(other, range))
    };
    let own = pod_bridge(state).and_then(|bridge| {
        let mut addresses = state.net.ipv4_on(bridge);
        addresses.find_map(|address| address.network().filter(&is_free))
    });
    own.or_else(|| network.subnets(length).ok()?.find(is_free))
}

/// A setting in calico-node's environment that hides another one in FelixConfiguration.
fn environment(world: &World, node: &NodeState) -> Vec<Finding> {
    let (Ok(cluster), Some(processes)) = (world.cluster, node.processes.known()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (variable, value) in &processes.environment {
        let Some(name) = variable.strip_prefix("FELIX_") else {
            continue;
        };
        let (wanted, unit) = field_of(name);
        let own = format!("node.{}", node.name);
        let stored = cluster
            .felix
            .iter()
            .filter(|(object, _)| *object == own || object == "default")
            .find_map(|(object, spec)| {
                let (field, stored) = spec
                    .as_object()?
                    .iter()
                    .find(|(field, _)| field.to_lowercase() == wanted)?;
                Some((object, field, stored))
            });
        let Some((object, field, stored)) = stored else {
            continue;
        };
        let text = stored.as_str().map_or_else(|| stored.to_string(), str::to_owned);
        let same = text.eq_ignore_ascii_case(value) || text == format!("{value}{unit}");
        // `1m0s` may be the same as 60.
        let compound = !unit.is_empty() && text.matches(char::is_alphabetic).count() > unit.len();
        if same || compound {
            continue;
        }
        let name = &node.name;
        found.push(
            Finding::of("environment-hides-setting", name, format!("{variable}={value} on {name} hides {field} {text} of FelixConfiguration({object})"))
                .about(variable)
                .shown(format!("environment of calico-node on {name}"), format!("{variable}={value}"))
                .shown(format!("FelixConfiguration({object})"), format!("spec.{field} is {text}"))
                .step(format!("take {variable} out of calico-node's DaemonSet: kubectl -n kube-system set env daemonset/calico-node {variable}-")),
        );
    }
    found
}

/// The field of FelixConfiguration, in small letters, that a variable of Felix' environment is for, and the unit that the
/// field says and the variable doesn't. Names are as Felix knew them before Calico 3 (`confignamev1` in Calico's
/// `api/pkg/apis/projectcalico/v3/felixconfig.go`).
fn field_of(variable: &str) -> (String, &'static str) {
    let name = variable.replace('_', "").to_lowercase();
    let name = match name.strip_prefix("ipinip") {
        Some(rest) => format!("ipip{rest}"),
        None => name,
    };
    let of_unit = |suffix, unit| name.strip_suffix(suffix).map(|field| (field.to_owned(), unit));
    let split = of_unit("secs", "s").or_else(|| of_unit("millis", "ms"));
    split.unwrap_or((name.clone(), ""))
}

/// Agents that get no answer from the datastore.
fn unreachable(node: &NodeState) -> Option<Finding> {
    const PORTS: [u16; 6] = [443, 2379, 4001, 5473, 6443, 6666];
    const AGENTS: [&str; 8] = [
        "calico-node",
        "calico-felix",
        "felix",
        "confd",
        "flanneld",
        "kubelet",
        "kube-proxy",
        "calico-typha",
    ];
    let sockets = node.net.tcp.known()?;
    let of_agent = |program: &str| {
        AGENTS
            .iter()
            .any(|agent| agent.starts_with(program) && program.len() >= 5)
    };
    let asking = sockets.iter().find(|socket| {
        socket.state == TcpState::SynSent
            && PORTS.contains(&socket.remote.port())
            && socket
                .owner
                .as_ref()
                .is_some_and(|owner| of_agent(&owner.program))
    })?;
    let owner = asking.owner.as_ref()?;
    let connected = sockets.iter().any(|socket| {
        socket.state == TcpState::Established
            && socket.owner.as_ref().is_some_and(|other| other.pid == owner.pid)
            && PORTS.contains(&socket.remote.port())
    });
    let name = &node.name;
    (!connected).then(|| {
        Finding::of("datastore-unreachable", name, format!("{} on {name} gets no answer from {}", owner.program, asking.remote))
            .about(asking.remote.to_string())
            .sure(Sure::Likely)
            .shown(format!("ss -tnp on {name}"), format!("SYN-SENT {} → {} ({}, process {})", asking.local, asking.remote, owner.program, owner.pid))
            .step(format!("see where the packets go: netdiag trace {name} {} tcp/{}", asking.remote.ip(), asking.remote.port()))
            .step("if it is a service's address that kube-proxy has yet to program, give the agent the server's own address (KUBERNETES_SERVICE_HOST)")
    })
}

/// The file that the runtime takes is not that of the network that runs.
fn configurations(node: &NodeState) -> Option<Finding> {
    let processes = node
        .processes
        .known()
        .filter(|processes| processes.host_visible)?;
    let directory = node.cni.known()?.first()?;
    let first = directory.first()?;
    let of = |file: &crate::state::cni::CniFile| {
        let network = file.network.known()?;
        let mut kinds = network.plugins.iter().map(|plugin| plugin.kind.as_str());
        kinds.find_map(|kind| match kind {
            "calico" => Some("calico"),
            "flannel" => Some("flannel"),
            "cilium-cni" => Some("cilium"),
            "weave-net" => Some("weave"),
            _ => None,
        })
    };
    let runs = |network: &str| match network {
        "calico" => processes.felix.is_some() || processes.daemon_of(DaemonKind::Felix).is_some(),
        "flannel" => {
            processes.daemon_of(DaemonKind::Flanneld).is_some()
                || processes.daemon_of(DaemonKind::K3s).is_some()
        }
        "cilium" => processes.daemon_of(DaemonKind::CiliumAgent).is_some(),
        _ => processes.daemon_of(DaemonKind::Weaver).is_some(),
    };
    let used = of(first)?;
    let right = directory
        .files
        .iter()
        .find(|file| of(file).is_some_and(|network| network != used && runs(network)))?;
    if runs(used) {
        return None;
    }
    let name = &node.name;
    Some(
        Finding::of(
            "cni-configuration-shadowed",
            name,
            format!(
                "the runtime of {name} uses {}, and {used} doesn't run there",
                first.path
            ),
        )
        .about(&first.path)
        .sure(Sure::Likely)
        .shown(
            &directory.path,
            directory
                .files
                .iter()
                .map(|file| file.path.rsplit('/').next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join(", "),
        )
        .shown(
            "processes",
            format!("{} runs, {used} doesn't", of(right).unwrap_or("another network")),
        )
        .run(
            format!("mv {} /root/", first.path),
            format!(
                "mv /root/{} {}/",
                first.path.rsplit('/').next().unwrap_or_default(),
                directory.path
            ),
        ),
    )
}

/// New pods get a larger MTU than their tunnel carries.
fn mtu(node: &NodeState) -> Option<Finding> {
    let first = node.cni.known()?.first()?.first()?;
    let network = first.network.known()?;
    let plugin = network.plugin("calico")?;
    let wanted = plugin.mtu.filter(|mtu| *mtu > 0)?;
    let tunnel = ["vxlan.calico", "tunl0", "wireguard.cali"]
        .into_iter()
        .find_map(|name| node.net.link_named(name).filter(|link| link.is_up()))?;
    let used = node.net.routes.items().iter().any(|route| {
        route
            .next_hops
            .iter()
            .any(|hop| hop.link == Some(tunnel.index) && hop.gateway.is_some())
    });
    let name = &node.name;
    (used && wanted > u64::from(tunnel.mtu)).then(|| {
        Finding::of(
            "pod-mtu-too-large",
            name,
            format!(
                "pods of {name} get MTU {wanted}, and {} carries {}",
                tunnel.name, tunnel.mtu
            ),
        )
        .about(&first.path)
        .sure(Sure::Likely)
        .shown(&first.path, format!("mtu {wanted}"))
        .shown(
            format!("ip link on {name}"),
            format!("{} mtu {}", tunnel.name, tunnel.mtu),
        )
        .step(format!(
            "set veth_mtu of ConfigMap calico-config to {}, and make the pods anew",
            tunnel.mtu
        ))
    })
}
