//! Sysctls, modules and sizes of the host's kernel.

use super::shared::{forwards, is_cali, is_docker, pod_bridge};
use crate::calico::release::Release;
use crate::diagnose::finding::{Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::intent::pool::Mode;
use crate::state::NodeState;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(forwarding(node));
        found.extend(link_forwarding(node));
        found.extend(bridge_nf(world, node));
        found.extend(loose_filter(world, node));
        found.extend(modules(world, node));
        found.extend(arp_ignored(node));
        found.extend(no_ipv6(world, node));
    }
}

const FORWARD: &str = "net.ipv4.ip_forward";

fn forwarding(node: &NodeState) -> Option<Finding> {
    (node.net.sysctl(FORWARD) == Some("0") && forwards(node)).then(|| {
        let name = &node.name;
        Finding::of("forwarding-off", name, format!("{name} does not forward packets of its pods"))
            .about(FORWARD)
            .shown(format!("sysctl on {name}"), format!("{FORWARD} = 0"))
            .step(format!("find the file that sets it, and set 1 in a later one: grep -r ip_forward /etc/sysctl.conf /etc/sysctl.d   (on {name})"))
            .run(format!("sysctl -w {FORWARD}=1"), format!("sysctl -w {FORWARD}=0"))
    })
}

/// One link that does not forward, while the node does.
fn link_forwarding(node: &NodeState) -> Vec<Finding> {
    if node.net.sysctl(FORWARD) != Some("1") {
        return Vec::new();
    }
    let links = node.net.links.items().iter().filter(|link| {
        link.is_up()
            && (is_cali(link) || is_docker(link) || link.name == "cni0")
            && node.net.link_setting(false, &link.name, "forwarding") == Some(0)
    });
    links
        .map(|link| {
            let (name, key) = (&node.name, format!("net.ipv4.conf.{}.forwarding", link.name));
            Finding::of(
                "link-forwarding-off",
                name,
                format!("{} of {name} does not forward", link.name),
            )
            .about(&link.name)
            .shown(format!("sysctl on {name}"), format!("{key} = 0"))
            .run(format!("sysctl -w {key}=1"), format!("sysctl -w {key}=0"))
        })
        .collect()
}

/// Answers of a pod on the same bridge go back untranslated.
fn bridge_nf(world: &World, node: &NodeState) -> Option<Finding> {
    const KEY: &str = "net.bridge.bridge-nf-call-iptables";
    let bridge = pod_bridge(node)?;
    let has_services =
        super::shared::chains(node, "nat").any(|(_, _, chain)| &*chain.name == "KUBE-SERVICES");
    let pods = node
        .net
        .links
        .items()
        .iter()
        .filter(|link| link.master == Some(bridge.index))
        .count();
    if !has_services || pods < 2 {
        return None;
    }
    let missing = node.kernel.known().and_then(|kernel| kernel.has("br_netfilter")) == Some(false);
    let value = node.net.sysctl(KEY);
    if value != Some("0") && !(missing && value.is_none()) {
        return None;
    }
    let _ = world;
    let name = &node.name;
    let shown = value.map_or_else(
        || "the module br_netfilter is not loaded".to_owned(),
        |value| format!("{KEY} = {value}"),
    );
    let finding = Finding::of(
        "bridge-nf-call-off",
        name,
        format!(
            "answers between pods on {} of {name} bypass netfilter: services fail between them",
            bridge.name
        ),
    )
    .about(&bridge.name)
    .sure(Sure::Likely)
    .shown(format!("sysctl on {name}"), shown);
    // The setting comes with the module.
    let finding = match value {
        Some(_) => finding,
        None => finding.run("modprobe br_netfilter", ""),
    };
    Some(finding.run(format!("sysctl -w {KEY}=1"), format!("sysctl -w {KEY}=0")))
}

/// Felix before 3.12 refuses to run beside rp_filter 2.
fn loose_filter(world: &World, node: &NodeState) -> Option<Finding> {
    let cluster = world.cluster.ok()?;
    let release = cluster.release?;
    if release >= Release::new(3, 12, 0) || node.processes.known()?.felix.is_some() {
        return None;
    }
    let loose = node.net.link_setting(false, "all", "rp_filter")? == 2;
    let ignored = cluster
        .felix_setting(&node.name, "ignoreLooseRPF")
        .and_then(serde_json::Value::as_bool)
        == Some(true);
    let name = &node.name;
    (loose && !ignored).then(|| {
        Finding::of(
            "felix-refuses-loose-rp-filter",
            name,
            format!("Felix {release} ends at once on {name}: rp_filter is 2"),
        )
        .sure(Sure::Likely)
        .shown(format!("sysctl on {name}"), "net.ipv4.conf.all.rp_filter = 2")
        .shown(
            "ClusterInformation",
            format!("calicoVersion {release}, before 3.12"),
        )
        .run(
            "sysctl -w net.ipv4.conf.all.rp_filter=1",
            "sysctl -w net.ipv4.conf.all.rp_filter=2",
        )
    })
}

/// A module that the pools or flannel's back end need.
fn modules(world: &World, node: &NodeState) -> Vec<Finding> {
    let Some(kernel) = node.kernel.known() else {
        return Vec::new();
    };
    let pools = || world.cluster.iter().flat_map(|cluster| &cluster.pools);
    let flannel = node
        .flannel
        .net_conf
        .known()
        .is_some_and(|conf| conf.backend == "vxlan");
    let needed = [
        (
            "vxlan",
            flannel || pools().any(|pool| pool.vxlan != Mode::Never),
            if flannel { "flannel.1" } else { "vxlan.calico" },
        ),
        ("ipip", pools().any(|pool| pool.ipip != Mode::Never), "tunl0"),
    ];
    let missing = needed.into_iter().filter(|(module, needed, link)| {
        *needed
            && kernel.has(module) == Some(false)
            && node.net.links.known().is_some()
            && node.net.link_named(link).is_none()
    });
    missing
        .map(|(module, _, link)| {
            let name = &node.name;
            Finding::of("kernel-module-missing", name, format!("{name} has no {link}: the kernel module {module} is missing"))
                .about(module)
                .shown(format!("lsmod on {name}"), format!("{module} is neither loaded nor built in ({})", kernel.release))
                .step("if modprobe finds no such module, install the kernel's extra modules (linux-modules-extra-…)")
                .run(format!("modprobe {module}"), format!("modprobe -r {module}"))
        })
        .collect()
}

/// arp_ignore 8 answers no ARP at all.
fn arp_ignored(node: &NodeState) -> Option<Finding> {
    const KEY: &str = "net.ipv4.conf.all.arp_ignore";
    let name = &node.name;
    (node.net.sysctl(KEY) == Some("8")).then(|| {
        Finding::of(
            "arp-ignored",
            name,
            format!("{name} answers no ARP for its own addresses"),
        )
        .about(KEY)
        .shown(format!("sysctl on {name}"), format!("{KEY} = 8"))
        .run(format!("sysctl -w {KEY}=0"), format!("sysctl -w {KEY}=8"))
    })
}

/// Disabled, a kernel forgets all addresses of IPv6 and their routes, and doesn't bring them back by itself.
fn no_ipv6(world: &World, node: &NodeState) -> Option<Finding> {
    let object = world.object(&node.name)?;
    let stored = object.ipv6?;
    let name = &node.name;
    let missing = super::shared::link_of(node, stored.ip).is_none();
    let bearer = object.ipv4.and_then(|own| super::shared::link_of(node, own.ip));
    let lacks = |name: &str| node.net.link_setting(true, name, "disable_ipv6") == Some(1);
    let of_host = bearer
        .filter(|link| lacks("all") || lacks(&link.name))
        .map(|link| if lacks("all") { "all" } else { &link.name });
    let Some(of) = of_host.filter(|of| *of == "all" || missing) else {
        return no_ipv6_on_pods(node, stored.ip);
    };
    let key = format!("net.ipv6.conf.{}.disable_ipv6", of.replace('.', "/"));
    let mut finding = Finding::of(
        "ipv6-disabled",
        name,
        format!(
            "IPv6 is disabled on {}, which has {} stored",
            if of == "all" {
                name.clone()
            } else {
                format!("{of} of {name}")
            },
            stored.ip
        ),
    )
    .about(if of == "all" { &key } else { of })
    .shown(format!("sysctl on {name}"), format!("{key} = 1"))
    .shown(
        format!("Node({name})"),
        format!("spec.bgp.ipv6Address is {stored}"),
    )
    .run(format!("sysctl -w {key}=0"), format!("sysctl -w {key}=1"));
    if let Some(link) = bearer.filter(|_| missing) {
        finding.severity = Severity::Error;
        finding = finding
            .shown(format!("ip addr on {name}"), format!("no link has {}", stored.ip))
            .step("see that what configures the link gives it its address again; BIRD and Felix write their routes by themselves")
            .run(
                format!("ip address add {stored} dev {}", link.name),
                format!("ip address del {stored} dev {}", link.name),
            );
    }
    Some(finding)
}

/// A pod's link without IPv6, while the node has it: there is no gateway on it, and no route to the pod.
fn no_ipv6_on_pods(node: &NodeState, stored: std::net::IpAddr) -> Option<Finding> {
    let lacks = |name: &str| node.net.link_setting(true, name, "disable_ipv6") == Some(1);
    let (link, ip) = super::shared::pods(node).find_map(|pod| {
        let ip = super::shared::addresses(pod).find(std::net::IpAddr::is_ipv6)?;
        let mut links = pod.net.links.items().iter();
        let end =
            links.find_map(|link| super::shared::host_end(node, pod, link).filter(|end| lacks(&end.name)))?;
        Some((end, ip))
    })?;
    let (name, key) = (
        &node.name,
        format!("net.ipv6.conf.{}.disable_ipv6", link.name.replace('.', "/")),
    );
    let mut finding = Finding::of(
        "ipv6-disabled",
        name,
        format!(
            "IPv6 is disabled on {} of {name}, which has {stored} stored",
            link.name
        ),
    )
    .about(&link.name)
    .shown(format!("sysctl on {name}"), format!("{key} = 1"))
    .shown(
        format!("Node({name})"),
        format!("spec.bgp.ipv6Address is {stored}"),
    )
    .run(format!("sysctl -w {key}=0"), format!("sysctl -w {key}=1"));
    if is_cali(link) {
        finding = finding.run(
            format!("ip route add {ip} dev {}", link.name),
            format!("ip route del {ip} dev {}", link.name),
        );
    }
    Some(finding)
}
