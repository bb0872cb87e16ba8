//! kube-proxy's rules on each node beside the Services and EndpointSlices that they are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::ebpf;
use super::shared::names;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::intent::proxy::{Difference, Differences, Front, Held, Mode, Proxy, What, held};
use crate::policy::frontend::Ends;
use crate::state::NodeState;
use crate::state::netfilter::{Dialect, Family};
use crate::state::process::DaemonKind;

/// Services named in one finding.
const NAMED: usize = 4;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let inventory = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref());
    let Some((inventory, proxy)) = inventory.and_then(|known| Some((known, Proxy::new(known)?))) else {
        return;
    };
    let is_node = |node: &NodeState| inventory.nodes.iter().any(|own| own.metadata.name == node.name);
    let nodes = world.nodes.iter();
    let nodes: Vec<&NodeState> = nodes
        .filter(|node| is_node(node) && !is_elsewhere(world, node))
        .collect();
    for v6 in [false, true] {
        let mut all: Vec<Beside> = Vec::new();
        for node in &nodes {
            if let Some(held) = held(&proxy, node, v6) {
                let differ = proxy.differences(&node.name, &held);
                all.push(Beside { node, held, differ });
            }
        }
        forget_news(&mut all);
        for one in &all {
            found.extend(unlike(one.node, &one.held, &one.differ));
        }
        let with: Vec<&str> = all.iter().map(|one| one.node.name.as_str()).collect();
        // Where nobody has any, services are somebody else's work.
        let without = nodes.iter().filter(|node| {
            let meant = proxy.meant(&node.name, v6);
            !with.is_empty() && meant > 0 && has_no_trace(node, v6)
        });
        found.extend(without.map(|node| none(node, &with)));
    }
}

/// A node's rules beside the objects.
struct Beside<'n> {
    node: &'n NodeState,
    held: Held,
    differ: Differences,
}

/// Objects are read before the nodes. Endpoints that came or went meanwhile differ on all nodes that were read later, and
/// on no other; those are not held against anybody.
fn forget_news(all: &mut [Beside]) {
    let mut behind: BTreeMap<Front, BTreeSet<usize>> = BTreeMap::new();
    for (at, one) in all.iter().enumerate() {
        let differ = one.differ.services.iter().filter(|one| !is_missing(one));
        for differ in differ {
            behind.entry(differ.front).or_default().insert(at);
        }
    }
    let is_news = |nodes: &BTreeSet<usize>| {
        let (mut first, mut last) = (None, None);
        for (at, one) in all.iter().enumerate() {
            let taken = one.node.taken.as_str();
            if nodes.contains(&at) {
                first = Some(first.map_or(taken, |first: &str| first.min(taken)));
            } else {
                last = last.max(Some(taken));
            }
        }
        nodes.len() > 1 && first >= last
    };
    let news: BTreeSet<Front> = behind
        .iter()
        .filter(|(_, nodes)| is_news(nodes))
        .map(|(front, _)| *front)
        .collect();
    for one in all {
        let services = &mut one.differ.services;
        services.retain(|differ| is_missing(differ) || !news.contains(&differ.front));
    }
}

/// Links of those who can do kube-proxy's work: Cilium, Antrea, OVN-Kubernetes.
const OTHERS: [&str; 3] = ["cilium_host", "antrea-gw0", "ovn-k8s-mp0"];

/// Whether services are the work of eBPF here, or of another switch, and kube-proxy's rules left over at most.
fn is_elsewhere(world: &World, node: &NodeState) -> bool {
    let others = || OTHERS.iter().any(|link| node.net.link_named(link).is_some());
    world.cluster.is_ok_and(|cluster| ebpf::is_wanted(cluster, node))
        || (runs(node) != Some(true) && others())
}

/// Whether all rules of a family were read, and none is kube-proxy's of whatever mode.
fn has_no_trace(node: &NodeState, v6: bool) -> bool {
    let family = if v6 { Family::Ip6 } else { Family::Ip };
    node.net.netfilter.known().is_some_and(|rulesets| {
        let mut tables = rulesets
            .iter()
            .flat_map(|ruleset| ruleset.tables.iter().map(move |table| (ruleset, table)))
            .filter(|(ruleset, table)| match ruleset.dialect {
                Dialect::Nft => table.family == family,
                dialect => dialect.family() == family,
            });
        tables.all(|(_, table)| {
            let services = |name: &str| name == "KUBE-SERVICES" || name.starts_with("KUBE-PORTALS");
            &*table.name != "kube-proxy" && !table.chains.iter().any(|chain| services(&chain.name))
        })
    })
}

/// Whether kube-proxy runs, by itself or in k3s; none where processes of the host aren't seen.
fn runs(node: &NodeState) -> Option<bool> {
    let processes = node.processes.known().filter(|known| known.host_visible)?;
    let mut kinds = [DaemonKind::KubeProxy, DaemonKind::K3s].into_iter();
    Some(kinds.any(|kind| processes.daemon_of(kind).is_some()))
}

fn with_process(finding: Finding, node: &NodeState) -> Finding {
    let name = &node.name;
    match runs(node) {
        Some(false) => finding.shown(format!("ps on {name}"), "no kube-proxy"),
        _ => finding,
    }
}

fn log(node: &NodeState) -> String {
    format!(
        "kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide --field-selector spec.nodeName={}",
        node.name
    )
}

fn none(node: &NodeState, with: &[&str]) -> Finding {
    let name = &node.name;
    let finding = Finding::of(
        "service-rules-missing",
        name,
        format!("{name} has no rules of kube-proxy: no service answers there"),
    )
    .about("kube-proxy")
    .sure(Sure::Likely)
    .shown(
        format!("rules of {name}"),
        "neither chain KUBE-SERVICES nor table kube-proxy",
    )
    .shown(format!("rules of {}", names(with)), "kube-proxy's are there");
    with_process(finding, node).step(format!(
        "start kube-proxy on {name}, and look at its log: {}",
        log(node)
    ))
}

/// Nothing of it is held against kube-proxy where it knows the truth, and objects are older by a moment.
fn unlike(node: &NodeState, held: &Held, differ: &Differences) -> Option<Finding> {
    let missing: Vec<&Difference> = differ.services.iter().filter(|one| is_missing(one)).collect();
    let behind: Vec<&Difference> = differ.services.iter().filter(|one| !is_missing(one)).collect();
    let is_whole = held.unhooked.is_empty() && held.masquerades;
    // Rules of services that are gone do no harm: they may be those of one that went just now.
    if differ.meant == 0 || (missing.is_empty() && behind.is_empty() && is_whole) {
        return None;
    }
    let name = &node.name;
    let all_gone = missing.len() == differ.meant;
    let title = if all_gone {
        format!("{name} translates no service: the rules of kube-proxy are gone")
    } else if let [first, ..] = missing.as_slice() {
        let services = services(&missing);
        let plural = if services.len() == 1 { "" } else { "s" };
        format!(
            "kube-proxy's rules on {name} lack {} service{plural}: {} ({})",
            services.len(),
            names(&services),
            first.front
        )
    } else if let [base, ..] = held.unhooked.as_slice() {
        format!("packets on {name} don't come to the rules of services: {base} does not lead to them")
    } else if let [first, ..] = behind.as_slice() {
        format!(
            "kube-proxy's rules on {name} for {} are not those of its endpoints",
            first.service
        )
    } else {
        format!("{name} does not masquerade what comes by services: answers go past it")
    };
    // What was flushed is gone; what differs may be about to change.
    let sure = if all_gone || !is_whole {
        Sure::Proved
    } else {
        Sure::Likely
    };
    let subject = missing.first().or(behind.first());
    let subject = subject.map_or_else(
        || "kube-proxy".to_owned(),
        |one| format!("Service({})", one.service),
    );
    let mut finding = Finding::of("service-rules-missing", name, title)
        .about(subject)
        .sure(sure);
    let shown = shown_by(held);
    for one in missing.iter().chain(&behind).take(NAMED) {
        for (source, text) in evidence(one, &shown, name) {
            finding = finding.shown(source, text);
        }
    }
    for base in &held.unhooked {
        finding = finding.shown(
            format!("{shown} on {name}"),
            format!("{base} has no jump to KUBE-SERVICES"),
        );
    }
    if !held.masquerades {
        finding = finding.shown(
            format!("{shown} on {name}"),
            "nothing of POSTROUTING masquerades for services",
        );
    }
    if let [first, ..] = differ.of_nobody.as_slice() {
        let count = differ.of_nobody.len();
        finding = finding.shown(
            format!("{shown} on {name}"),
            format!("{count} that no service has, like {first}"),
        );
    }
    Some(mended(with_process(finding, node), node, held))
}

const fn is_missing(one: &Difference) -> bool {
    matches!(one.what, What::Missing(_))
}

fn services<'d>(all: &[&'d Difference]) -> Vec<&'d str> {
    let services: BTreeSet<&str> = all.iter().map(|one| one.service.as_str()).collect();
    services.into_iter().collect()
}

fn shown_by(held: &Held) -> String {
    match held.mode {
        Mode::Iptables(dialect) => format!("{}-save -t nat", dialect.command()),
        Mode::Nftables => format!("nft list table {} kube-proxy", if held.v6 { "ip6" } else { "ip" }),
        Mode::Ipvs => "ipvsadm -Ln".to_owned(),
    }
}

/// Few are enough to be known again.
fn list(ends: &Ends) -> String {
    let texts: Vec<String> = ends
        .iter()
        .map(|(ip, port)| std::net::SocketAddr::new(*ip, *port).to_string())
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    names(&texts)
}

fn evidence(one: &Difference, shown: &str, node: &str) -> Vec<(String, String)> {
    let service = || format!("Service({})", one.service);
    let rules = || format!("{shown} on {node}");
    let front = one.front;
    match &one.what {
        What::Missing(ends) => vec![
            (service(), format!("{front}, ready are {}", list(ends))),
            (rules(), format!("nothing translates {front}")),
        ],
        What::Behind { gone, lacking, ready } => {
            let mut lines = Vec::new();
            if !gone.is_empty() {
                let text = format!("{front} is sent to {}, which is no endpoint of it", list(gone));
                lines.push((rules(), text));
            }
            if !lacking.is_empty() {
                let text = format!("{front} is not sent to {}", list(lacking));
                lines.push((rules(), text));
            }
            lines.push((
                format!("EndpointSlice of {}", one.service),
                format!("ready are {}", list(ready)),
            ));
            lines
        }
    }
}

/// kube-proxy writes all anew when its canary is gone (`pkg/util/iptables`, `Monitor`); it looks every 30 seconds.
fn mended(finding: Finding, node: &NodeState, held: &Held) -> Finding {
    let name = &node.name;
    let mut finding = finding;
    let Mode::Iptables(dialect) = held.mode else {
        return finding.step(format!(
            "restart kube-proxy on {name}, and look at its log: {}",
            log(node)
        ));
    };
    let command = dialect.command();
    for base in &held.unhooked {
        let rule = format!("{base} -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES");
        finding = finding.run(
            format!("{command} -t nat -I {rule}"),
            format!("{command} -t nat -D {rule}"),
        );
    }
    if held.is_watched && runs(node) != Some(false) {
        finding = finding
            .step("without its canary, kube-proxy writes all rules anew within 30 seconds; where it doesn't, it hangs or is gone")
            .run(
                format!("for table in mangle nat filter; do {command} -t $table -X KUBE-PROXY-CANARY; done"),
                "",
            );
    }
    finding.step(format!(
        "restart kube-proxy on {name}, and look at its log: {}",
        log(node)
    ))
}
