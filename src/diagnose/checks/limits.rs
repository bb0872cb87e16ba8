//! Tables that are full.

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::kernel::{KernelMessage, KernelTopic};
use crate::state::neighbor::{Neighbor, NeighborState};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(conntrack(node));
        found.extend(neighbors(node));
        found.extend(leases(node));
        found.extend(checksums(node));
    }
}

fn logged(node: &NodeState, topic: KernelTopic) -> Option<&KernelMessage> {
    node.kernel_log
        .items()
        .iter()
        .rev()
        .find(|message| message.topic == topic)
}

/// From 95 in a hundred on.
const fn is_full(count: u64, max: u64) -> bool {
    max > 0 && count * 100 >= max * 95
}

fn conntrack(node: &NodeState) -> Option<Finding> {
    let table = node.net.conntrack.known()?;
    let max = table.max?;
    let name = &node.name;
    is_full(table.count.into(), max.into()).then(|| {
        let mut finding = Finding::of(
            "conntrack-table-full",
            name,
            format!("{name}'s connection table is full: new connections are dropped"),
        )
        .shown(
            format!("conntrack on {name}"),
            format!("{} of {max} entries", table.count),
        )
        .run(
            format!(
                "sysctl -w net.netfilter.nf_conntrack_max={}",
                max.saturating_mul(4)
            ),
            format!("sysctl -w net.netfilter.nf_conntrack_max={max}"),
        );
        if let Some(line) = logged(node, KernelTopic::ConntrackFull) {
            finding = finding.shown(format!("kernel log of {name}"), &line.text);
        }
        finding
    })
}

fn neighbors(node: &NodeState) -> Option<Finding> {
    const KEY: &str = "net.ipv4.neigh.default.gc_thresh3";
    let limit: u64 = node.net.sysctl(KEY)?.parse().ok()?;
    // One table has those of all namespaces. Entries without a timer don't count.
    let counted = |entries: &[Neighbor]| {
        let counts = |entry: &&Neighbor| {
            entry.ip.is_ipv4()
                && entry.state != NeighborState::Permanent
                && entry.state != NeighborState::Noarp
        };
        entries.iter().filter(counts).count() as u64
    };
    let own = counted(node.net.neighbors.known()?);
    let namespaces = node.namespaces.items().iter();
    let of_pods: u64 = namespaces
        .map(|namespace| counted(namespace.net.neighbors.items()))
        .sum();
    let count = own + of_pods;
    let name = &node.name;
    is_full(count, limit).then(|| {
        let mut finding = Finding::of(
            "neighbor-table-full",
            name,
            format!("{name}'s neighbor table is full: hosts become unreachable at random"),
        )
        .shown(
            format!("ip neigh on {name}"),
            format!("{own} entries, and {of_pods} in other namespaces; {KEY} = {limit}"),
        )
        .run(
            format!(
                "sysctl -w {KEY}={} net.ipv4.neigh.default.gc_thresh2={}",
                limit * 4,
                limit * 2
            ),
            format!("sysctl -w {KEY}={limit}"),
        );
        if let Some(line) = logged(node, KernelTopic::NeighborOverflow) {
            finding = finding.shown(format!("kernel log of {name}"), &line.text);
        }
        finding
    })
}

/// host-local keeps a file an address; when sandboxes die without being torn down, the range runs out.
fn leases(node: &NodeState) -> Vec<Finding> {
    let mut found = Vec::new();
    for network in node.host_local.items() {
        let Some(leases) = network.leases.known() else {
            continue;
        };
        let Some(subnet) = node.flannel.subnet.known().and_then(|subnet| subnet.subnet) else {
            continue;
        };
        let of_subnet = leases
            .iter()
            .filter(|lease| subnet.trunc().contains(&lease.address))
            .count() as u64;
        // The network's, the bridge's and the broadcast address are never given out.
        let size = 2_u64
            .saturating_pow(u32::from(subnet.max_prefix_len() - subnet.prefix_len()))
            .saturating_sub(3);
        if of_subnet < size {
            continue;
        }
        let name = &node.name;
        found.push(
            Finding::of(
                "address-range-exhausted",
                name,
                format!(
                    "all addresses of {} on {name} are given out: new pods can't start",
                    subnet.trunc()
                ),
            )
            .about(&network.network)
            .shown(
                &network.directory,
                format!("{of_subnet} leases of {size} addresses"),
            )
            .step(format!(
                "delete the files of sandboxes that are gone: compare {} with crictl pods -q   (on {name})",
                network.directory
            )),
        );
    }
    found
}

/// Releases of kernel.org that lack the mend of encapsulated packets' sums (Linux 5.7, and stable releases after it).
/// Distributions mend theirs without a new number: theirs are not judged.
fn sums_wrong(release: &str) -> bool {
    let plain = release.split(['-', '+']).next().unwrap_or_default();
    // `5.4.0-42-generic`, `4.18.0-193.el8`: of distributions.
    if release.contains("generic")
        || release.contains(".el")
        || release.contains("amzn")
        || plain.ends_with(".0")
    {
        return false;
    }
    let mut numbers = plain
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(u32::MAX));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(u32::MAX));
    match version {
        [5, 6, patch] => patch < 13,
        [5, 4, patch] => patch < 41,
        [4, 19, patch] => patch < 123,
        [4, 14, patch] => patch < 181,
        [5, 0..=5, _] | [4, 15..=18 | 20, _] => true,
        _ => false,
    }
}

/// Whether kube-proxy masquerades packets of services here.
fn translates_services(node: &NodeState) -> bool {
    super::shared::chains(node, "nat").any(|(_, _, chain)| {
        &*chain.name == "KUBE-POSTROUTING" && chain.rules.iter().any(|rule| rule.text.contains("MASQUERADE"))
    })
}

/// The kernel says that it got packets with bad checksums while a tunnel leaves them to hardware.
fn checksums(node: &NodeState) -> Option<Finding> {
    const FEATURE: &str = "tx-checksum-ip-generic";
    let logged = logged(node, KernelTopic::Checksum);
    let affected = node
        .kernel
        .known()
        .filter(|kernel| sums_wrong(&kernel.release) && translates_services(node));
    if logged.is_none() && affected.is_none() {
        return None;
    }
    let link = node.net.links.items().iter().find(|link| {
        link.kind.as_deref() == Some("vxlan")
            && link
                .features
                .as_ref()
                .is_some_and(|features| features.iter().any(|feature| feature == FEATURE))
    })?;
    let name = &node.name;
    let mut finding = Finding::of(
        "tunnel-checksum-offload",
        name,
        format!("{} of {name} sends packets with bad checksums", link.name),
    )
    .about(&link.name)
    .sure(if logged.is_some() {
        Sure::Likely
    } else {
        Sure::Possible
    });
    if let Some(line) = logged {
        finding = finding.shown(format!("kernel log of {name}"), &line.text);
    }
    if let Some(kernel) = affected {
        finding = finding
            .shown(
                format!("uname -r on {name}"),
                format!(
                    "{}: sums of encapsulated packets that are translated twice are wrong before 5.7",
                    kernel.release
                ),
            )
            .shown(
                format!("iptables-save -t nat on {name}"),
                "KUBE-POSTROUTING masquerades",
            );
    }
    Some(
        finding
            .shown(
                format!("ethtool -k {} on {name}", link.name),
                format!("{FEATURE}: on"),
            )
            .run(
                format!("ethtool -K {} {FEATURE} off", link.name),
                format!("ethtool -K {} {FEATURE} on", link.name),
            ),
    )
}
