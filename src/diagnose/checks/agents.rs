//! Agents that aren't there, aren't ready, or run in another mode than they were told.

use std::collections::BTreeSet;

use super::shared::{chains, host_end, is_cali, pods};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::kubernetes::pod::Pod;
use crate::state::NodeState;
use crate::state::netfilter::{Dialect, Family};
use crate::state::process::DaemonKind;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(felix(node));
        found.extend(flanneld(node));
        found.extend(proxy_mode(node));
        found.extend(two_modes(node));
    }
    unready(world, found);
}

fn missing(node: &NodeState, agent: &str, source: String, text: String, unit: &str) -> Finding {
    let name = &node.name;
    Finding::of(
        "agent-not-running",
        name,
        format!("{agent} does not run on {name}: what changes from now on, it doesn't learn"),
    )
    .about(agent)
    .sure(Sure::Likely)
    .shown(source, text)
    .shown(format!("ps on {name}"), format!("no {agent}"))
    .step(format!("see why it ended: {unit}"))
}

/// Felix wrote rules for pods that are there, and is gone. BIRD of the same container is a finding of its own.
fn felix(node: &NodeState) -> Option<Finding> {
    let processes = node
        .processes
        .known()
        .filter(|processes| processes.host_visible)?;
    if processes.felix.is_some() || processes.daemon_of(DaemonKind::Felix).is_some() {
        return None;
    }
    // Without any process of calico-node's, the host may show processes of some only.
    if processes.environment.is_empty() {
        return None;
    }
    let (_, _, chain) = chains(node, "filter")
        .find(|(_, _, chain)| chain.name.starts_with("cali-tw-") && !chain.rules.is_empty())?;
    let inhabited = pods(node).any(|pod| {
        let links = pod.net.links.items().iter();
        links.filter_map(|link| host_end(node, pod, link)).any(is_cali)
    });
    let name = &node.name;
    inhabited.then(|| {
        missing(
            node,
            "Felix",
            format!("iptables-save -t filter on {name}"),
            format!("{} is there", chain.name),
            "kubectl -n kube-system logs -l k8s-app=calico-node --previous",
        )
    })
}

/// flannel's file is there, and nobody keeps it.
fn flanneld(node: &NodeState) -> Option<Finding> {
    let processes = node
        .processes
        .known()
        .filter(|processes| processes.host_visible)?;
    let kept = [DaemonKind::Flanneld, DaemonKind::K3s];
    let subnet = node.flannel.subnet.known()?.subnet?;
    if kept.iter().any(|kind| processes.daemon_of(*kind).is_some())
        || node.net.link_named("cni0").is_none()
        // With Calico's policies over it (canal), and where only names of a few daemons are seen, kubelet is there.
        || processes.daemon_of(DaemonKind::Kubelet).is_none()
    {
        return None;
    }
    Some(missing(
        node,
        "flanneld",
        "/run/flannel/subnet.env".to_owned(),
        format!("FLANNEL_SUBNET={subnet}"),
        "kubectl -n kube-flannel logs -l app=flannel --previous",
    ))
}

/// kube-proxy was told to use IPVS or nftables, and programs something else.
fn proxy_mode(node: &NodeState) -> Option<Finding> {
    let process = node.processes.known()?.daemon_of(DaemonKind::KubeProxy)?;
    let wanted = process.argument("--proxy-mode")?;
    let nat = chains(node, "nat")
        .find(|(_, _, chain)| chain.name.starts_with("KUBE-SVC-") && !chain.rules.is_empty());
    let (_, _, chain) = nat?;
    let is_there = match wanted {
        "ipvs" => {
            let servers = &node.net.ipvs;
            // A kernel that has no IPVS answers with nothing; one that could not be asked says nothing.
            let known =
                servers.known().is_some() || servers.absence() == Some(crate::state::Absence::Missing);
            !known || !servers.items().is_empty()
        }
        "nftables" => {
            chains(node, "nat").any(|(_, table, _)| &*table.name == "kube-proxy") || has_nft_table(node)?
        }
        _ => return None,
    };
    if is_there {
        return None;
    }
    let name = &node.name;
    let mut finding = Finding::of(
        "kube-proxy-mode-differs",
        name,
        format!("kube-proxy of {name} was told to use {wanted}, and uses iptables"),
    )
    .about("kube-proxy")
    .sure(Sure::Likely)
    .shown(
        format!("ps on {name}"),
        format!("process {}: --proxy-mode={wanted}", process.pid),
    )
    .shown(
        format!("iptables-save -t nat on {name}"),
        format!("{} has {} rules", chain.name, chain.rules.len()),
    );
    if wanted == "ipvs" {
        let modules = ["ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"];
        let lacking: BTreeSet<&str> = modules
            .into_iter()
            .filter(|module| node.kernel.known().and_then(|kernel| kernel.has(module)) == Some(false))
            .collect();
        if !lacking.is_empty() {
            let lacking: Vec<&str> = lacking.into_iter().collect();
            finding = finding.shown(
                format!("lsmod on {name}"),
                format!("without {}", lacking.join(", ")),
            );
        }
        finding = finding.run("modprobe -a ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh nf_conntrack", "");
    }
    Some(finding.step(format!("then restart kube-proxy on {name}, and look at its log")))
}

/// Rules of services in nftables and in chains of iptables: one of them is left over, and translates to old endpoints.
fn two_modes(node: &NodeState) -> Option<Finding> {
    let rulesets = node.net.netfilter.known()?;
    let nft = rulesets.iter().filter(|ruleset| ruleset.dialect == Dialect::Nft);
    let table = nft.flat_map(|ruleset| &ruleset.tables).find(|table| {
        let services = table.set("service-ips");
        let is_ours = &*table.name == "kube-proxy" && table.family == Family::Ip && !table.dormant;
        is_ours && services.is_some_and(|services| !services.elements.is_empty())
    })?;
    let (ruleset, _, chain) = chains(node, "nat").find(|(ruleset, _, chain)| {
        let to_service = |text: &str| text.contains(" -j KUBE-SVC-");
        ruleset.dialect != Dialect::Nft
            && &*chain.name == "KUBE-SERVICES"
            && chain.rules.iter().any(|rule| to_service(&rule.text))
    })?;
    let (name, command) = (&node.name, ruleset.dialect.command());
    let services = table
        .set("service-ips")
        .map_or(0, |services| services.elements.len());
    Some(
        Finding::of(
            "kube-proxy-mode-differs",
            name,
            format!("{name} has rules of services in nftables and in iptables: one of both is left over"),
        )
        .about("kube-proxy")
        .shown(
            format!("nft list table ip kube-proxy on {name}"),
            format!("service-ips has {services} elements"),
        )
        .shown(
            format!("{command}-save -t nat on {name}"),
            format!("KUBE-SERVICES has {} rules", chain.rules.len()),
        )
        .step(format!(
            "run kube-proxy --cleanup on {name}, then restart kube-proxy: it writes those of its mode anew"
        )),
    )
}

/// Whether nftables has kube-proxy's table; none when native tables were not read.
fn has_nft_table(node: &NodeState) -> Option<bool> {
    let rulesets = node.net.netfilter.known()?;
    Some(
        rulesets
            .iter()
            .flat_map(|ruleset| &ruleset.tables)
            .any(|table| &*table.name == "kube-proxy"),
    )
}

/// Pods of agents that Kubernetes doesn't call ready.
fn unready(world: &World, found: &mut Vec<Finding>) {
    let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref()) else {
        return;
    };
    for pod in inventory.pods.iter().filter(|pod| !pod.is_finished()) {
        let Some(agent) = agent(pod) else { continue };
        let ready = pod
            .status
            .conditions
            .iter()
            .find(|condition| condition.kind == "Ready");
        let Some(ready) = ready.filter(|ready| ready.status == "False") else {
            continue;
        };
        let name = &pod.spec.node_name;
        let explained = found.iter().any(|known| {
            known.node == *name && ["agent-not-running", "bird-not-running"].contains(&known.id)
        });
        if explained {
            continue;
        }
        let (namespace, title) = (pod.metadata.namespace(), &pod.metadata.name);
        found.push(
            Finding::of("agent-not-ready", name, format!("{agent} of {name} is not ready"))
                .about(format!("Pod({namespace}/{title})"))
                .shown(
                    format!("Pod({namespace}/{title})"),
                    format!("Ready is {}, phase {}", ready.status, pod.status.phase),
                )
                .step(format!(
                    "see what its probe says: kubectl -n {namespace} describe pod {title}"
                ))
                .step(format!("and its log: kubectl -n {namespace} logs {title}")),
        );
    }
}

fn agent(pod: &Pod) -> Option<&'static str> {
    let label = |key: &str| pod.metadata.labels.get(key).map(String::as_str);
    match (label("k8s-app"), label("app")) {
        (Some("calico-node"), _) => Some("calico-node"),
        (Some("kube-proxy"), _) => Some("kube-proxy"),
        (Some("flannel"), _) | (_, Some("flannel")) => Some("flanneld"),
        (Some("calico-typha"), _) => Some("calico-typha"),
        _ => None,
    }
}
