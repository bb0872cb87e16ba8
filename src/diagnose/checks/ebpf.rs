//! Calico's eBPF data plane: whether it is what the settings mean, and who is in its way.

use serde_json::Value;

use super::shared::chains;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::state::NodeState;
use crate::state::process::DaemonKind;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    for node in world.nodes {
        if !is_wanted(cluster, node) {
            continue;
        }
        match not_running(node) {
            Some(finding) => found.push(finding),
            None => found.extend(kube_proxy(cluster, node)),
        }
        found.extend(bridged(cluster, node));
    }
}

/// `bpfEnabled`, unless calico-node's environment says otherwise.
pub(super) fn is_wanted(cluster: &Cluster, node: &NodeState) -> bool {
    let environment = node.processes.known().map(|processes| &processes.environment);
    match environment.and_then(|environment| environment.get("FELIX_BPFENABLED")) {
        Some(value) => value.eq_ignore_ascii_case("true"),
        None => {
            cluster
                .felix_setting(&node.name, "bpfEnabled")
                .and_then(Value::as_bool)
                == Some(true)
        }
    }
}

fn setting(name: &str) -> (String, &'static str) {
    (format!("FelixConfiguration of {name}"), "bpfEnabled is true")
}

/// Felix writes chains of endpoints only where it runs without eBPF (`felix/dataplane/linux/int_dataplane.go`).
fn not_running(node: &NodeState) -> Option<Finding> {
    let (ruleset, _, chain) = chains(node, "filter")
        .find(|(_, _, chain)| chain.name.starts_with("cali-tw-") && !chain.rules.is_empty())?;
    let name = &node.name;
    let (source, text) = setting(name);
    let mut finding = Finding::of(
        "ebpf-not-running",
        name,
        format!("{name} is to use eBPF, and Felix runs it with iptables"),
    )
    .about("bpfEnabled")
    .sure(Sure::Likely)
    .shown(source, text)
    .shown(
        format!("{}-save -t filter on {name}", ruleset.dialect.command()),
        format!("{} has {} rules", chain.name, chain.rules.len()),
    );
    if let Some(kernel) = node.kernel.known() {
        finding = finding.shown(format!("uname -r on {name}"), &kernel.release);
    }
    Some(finding.step("eBPF needs Linux 5.3 (5.10 with newer releases, 4.18 of RHEL 8): update the kernel, or leave kube-proxy running"))
}

/// kube-proxy and Felix take each other's rules away.
fn kube_proxy(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let cleans = cluster
        .felix_setting(&node.name, "bpfKubeProxyIptablesCleanupEnabled")
        .and_then(Value::as_bool)
        != Some(false);
    let process = node.processes.known()?.daemon_of(DaemonKind::KubeProxy)?;
    let name = &node.name;
    let (source, text) = setting(name);
    cleans.then(|| {
        Finding::of(
            "kube-proxy-beside-ebpf",
            name,
            format!("kube-proxy still runs on {name}, where Felix does its work by eBPF: each deletes the other's rules"),
        )
        .about("kube-proxy")
        .shown(source, text)
        .shown(format!("ps on {name}"), format!("process {} (kube-proxy)", process.pid))
        .step("kubectl -n kube-system patch daemonset kube-proxy -p '{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"non-calico\":\"true\"}}}}}'")
        .set("FelixConfiguration", "default", "bpfKubeProxyIptablesCleanupEnabled", false)
    })
}

/// The program sits on an uplink that virtual machines share by a bridge.
fn bridged(cluster: &Cluster, node: &NodeState) -> Option<Finding> {
    let pattern = cluster
        .felix_setting(&node.name, "bpfDataIfacePattern")
        .and_then(Value::as_str)
        .unwrap_or("^((en|wl|ww|sl|ib)[opsx].*|(eth|wlan|wwan).*)");
    let pattern = regex::Regex::new(pattern).ok()?;
    let links = node.net.links.known()?;
    let (uplink, bridge, machine) = links.iter().find_map(|uplink| {
        let bridge = node
            .net
            .link(uplink.master?)
            .filter(|bridge| bridge.is_bridge())?;
        let plain = uplink.kind.is_none() && uplink.is_up() && pattern.is_match(&uplink.name);
        let machine = links.iter().find(|port| {
            port.master == Some(bridge.index) && matches!(port.kind.as_deref(), Some("tun" | "macvtap"))
        })?;
        plain.then_some((uplink, bridge, machine))
    })?;
    let name = &node.name;
    let (source, text) = setting(name);
    Some(
        Finding::of(
            "ebpf-on-bridged-uplink",
            name,
            format!(
                "Felix's eBPF program on {} of {name} drops packets of machines on {}",
                uplink.name, bridge.name
            ),
        )
        .about(&uplink.name)
        .sure(Sure::Likely)
        .shown(source, text)
        .shown(
            format!("bridge link on {name}"),
            format!(
                "{} and {} are ports of {}",
                uplink.name, machine.name, bridge.name
            ),
        )
        .set(
            "FelixConfiguration",
            "default",
            "bpfDataIfacePattern",
            format!("^{}$", bridge.name),
        ),
    )
}
