//! Whose rules a node has, and in which back end.

use std::collections::BTreeSet;

use super::shared::{chains, is_cali, rulesets};
use crate::diagnose::finding::{Finding, Severity, Sure};
use crate::diagnose::world::World;
use crate::state::NodeState;
use crate::state::netfilter::{Chain, Dialect, Policy, Rule, Ruleset, Statement, Verdict};
use crate::state::process::DaemonKind;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(both_backends(node));
        found.extend(leftovers(world, node));
        found.extend(flannel(node));
        found.extend(modes(node));
        found.extend(after_refusal(node));
        found.extend(mutilated(node));
    }
}

/// Rules that another release of iptables wrote: this one lost a part of them, or can't read it.
fn mutilated(node: &NodeState) -> Option<Finding> {
    let name = &node.name;
    let all = || {
        rulesets(node).flat_map(|ruleset| {
            let tables = ruleset.tables.iter().flat_map(|table| &table.chains);
            tables.flat_map(move |chain| chain.rules.iter().map(move |rule| (ruleset, chain, rule)))
        })
    };
    // kubelet's rule drops marked packets; without its match it drops all.
    let bare = |rule: &Rule| {
        rule.text.contains("dropping marked packets")
            && rule
                .statements
                .iter()
                .any(|statement| matches!(statement, Statement::Verdict(Verdict::Drop)))
            && !rule
                .statements
                .iter()
                .any(|statement| matches!(statement, Statement::Match(_) | Statement::Unknown { .. }))
    };
    let finding = |what: String, ruleset: &Ruleset, rule: &Rule| {
        Finding::of("rules-of-other-iptables", name, what)
            .shown(format!("{}-save on {name}", ruleset.dialect.command()), &*rule.text)
            .step("let host and agents use iptables of the same release (iptables --version on the host, and in the agents' containers)")
    };
    if let Some((ruleset, chain, rule)) = all().find(|(_, _, rule)| bare(rule)) {
        let command = ruleset.dialect.command();
        let mut lost = finding(
            format!("a rule of {name} lost its condition, and drops every packet"),
            ruleset,
            rule,
        )
        .about(&*chain.name)
        .run(
            format!("{command} {}", rule.text.replacen("-A ", "-D ", 1)),
            format!("{command} {}", rule.text),
        )
        .step(format!("then restart kubelet on {name}, which writes it anew"));
        lost.severity = Severity::Error;
        return Some(lost);
    }
    let (ruleset, chain, rule) = all().find(|(_, _, rule)| rule.text.contains("[unsupported revision]"))?;
    let what = format!(
        "iptables of {name} can't read a rule of {}: whoever saves and restores rules loses a part of it",
        chain.name
    );
    Some(
        finding(what, ruleset, rule)
            .about(&*chain.name)
            .sure(Sure::Likely),
    )
}

/// The program that a chain is of.
pub(in crate::diagnose) fn owner(chain: &str) -> Option<&'static str> {
    [
        ("cali-", "Calico"),
        ("KUBE-", "kube-proxy"),
        ("FLANNEL-", "flannel"),
        ("CILIUM_", "Cilium"),
        ("WEAVE", "Weave"),
        ("DOCKER", "Docker"),
    ]
    .into_iter()
    .find_map(|(prefix, owner)| chain.starts_with(prefix).then_some(owner))
}

/// Programs with rules in a back end of iptables. kubelet makes an empty chain as a hint, which is none.
fn owners(node: &NodeState, dialect: Dialect) -> BTreeSet<&'static str> {
    let of = rulesets(node).filter(|ruleset| ruleset.dialect == dialect);
    let all = of
        .flat_map(|ruleset| &ruleset.tables)
        .flat_map(|table| &table.chains);
    let filled = all.filter(|chain| !chain.rules.is_empty() && &*chain.name != "KUBE-FIREWALL");
    filled.filter_map(|chain| owner(&chain.name)).collect()
}

fn both_backends(node: &NodeState) -> Option<Finding> {
    let [legacy, nft] = [Dialect::IptablesLegacy, Dialect::IptablesNft].map(|dialect| owners(node, dialect));
    let both: Vec<&str> = legacy.intersection(&nft).copied().collect();
    let one = both.first()?;
    let name = &node.name;
    Some(
        Finding::of("iptables-in-both-backends", name, format!("{} has rules in both back ends of iptables on {name}: the old ones still drop packets", both.join(" and ")))
            .about(*one)
            .shown(format!("iptables-legacy-save on {name}"), format!("chains of {}", legacy.iter().copied().collect::<Vec<_>>().join(", ")))
            .shown(format!("iptables-nft-save on {name}"), format!("chains of {}", nft.iter().copied().collect::<Vec<_>>().join(", ")))
            .step("see which back end the agents use now (iptables -V in their containers; FELIX_IPTABLESBACKEND), and empty the other one; a restart of the node does as well")
            .step(format!("where they use nf_tables: {}", emptied(node, Dialect::IptablesLegacy)))
            .step(format!("where they use legacy: {}", emptied(node, Dialect::IptablesNft))),
    )
}

/// What empties a back end. A policy that drops stays when the rules are gone: it goes first.
fn emptied(node: &NodeState, dialect: Dialect) -> String {
    let command = dialect.command();
    let mut all = Vec::new();
    for ruleset in rulesets(node).filter(|ruleset| ruleset.dialect == dialect) {
        for table in &ruleset.tables {
            let drops = |chain: &&Chain| {
                chain
                    .base
                    .as_ref()
                    .is_some_and(|base| base.policy == Policy::Drop)
            };
            for chain in table.chains.iter().filter(drops) {
                all.push(format!("{command} -t {} -P {} ACCEPT", table.name, chain.name));
            }
        }
        for table in ruleset.tables.iter().filter(|table| !table.chains.is_empty()) {
            all.push(format!("{command} -t {0} -F; {command} -t {0} -X", table.name));
        }
    }
    all.join("; ")
}

/// Chains of a network that isn't there any more.
fn leftovers(world: &World, node: &NodeState) -> Option<Finding> {
    let processes = node
        .processes
        .known()
        .filter(|processes| processes.host_visible)?;
    let runs = |kinds: &[DaemonKind]| kinds.iter().any(|kind| processes.daemon_of(*kind).is_some());
    let calico =
        processes.felix.is_some() || runs(&[DaemonKind::Felix]) || world.object(&node.name).is_some();
    let present = |owner: &str| match owner {
        "Calico" => calico || node.net.links.items().iter().any(is_cali),
        "flannel" => runs(&[DaemonKind::Flanneld, DaemonKind::K3s]) || node.flannel.subnet.known().is_some(),
        "Cilium" => runs(&[DaemonKind::CiliumAgent]),
        "Weave" => runs(&[DaemonKind::Weaver]),
        _ => true,
    };
    let all: BTreeSet<&str> = [Dialect::IptablesLegacy, Dialect::IptablesNft]
        .into_iter()
        .flat_map(|dialect| owners(node, dialect))
        .collect();
    let networks = calico
        || runs(&[
            DaemonKind::Flanneld,
            DaemonKind::K3s,
            DaemonKind::CiliumAgent,
            DaemonKind::Weaver,
        ]);
    let left = all
        .into_iter()
        .find(|owner| !present(owner))
        .filter(|_| networks)?;
    let name = &node.name;
    let prefix = match left {
        "Calico" => "cali-",
        "flannel" => "FLANNEL-",
        "Cilium" => "CILIUM_",
        _ => "WEAVE",
    };
    let command = [Dialect::IptablesLegacy, Dialect::IptablesNft]
        .into_iter()
        .find(|dialect| owners(node, *dialect).contains(left))?
        .command();
    Some(
        Finding::of(
            "rules-left-over",
            name,
            format!("{name} has rules of {left}, which doesn't run there"),
        )
        .about(left)
        .sure(Sure::Likely)
        .shown(format!("{command}-save on {name}"), format!("chains {prefix}…"))
        .step(format!(
            "take them out: {command}-save | grep -v {prefix} | {command}-restore"
        ))
        .step("a restart of the node does as well"),
    )
}

/// flannel's chain is empty, or nothing jumps there.
fn flannel(node: &NodeState) -> Option<Finding> {
    let runs = node.flannel.subnet.known().is_some() && node.net.link_named("cni0").is_some();
    if !runs {
        return None;
    }
    for (table, hook, name) in [
        ("nat", "POSTROUTING", "FLANNEL-POSTRTG"),
        ("filter", "FORWARD", "FLANNEL-FWD"),
    ] {
        let Some((ruleset, _, chain)) = chains(node, table).find(|(_, _, chain)| &*chain.name == name) else {
            continue;
        };
        let base = chains(node, table)
            .find(|(other, _, chain)| other.dialect == ruleset.dialect && &*chain.name == hook);
        let jumps = base.is_some_and(|(_, _, base)| {
            base.rules
                .iter()
                .any(|rule| rule.targets().any(|target| target == name))
        });
        if !chain.rules.is_empty() && jumps {
            continue;
        }
        let what = if chain.rules.is_empty() {
            format!("{name} is empty")
        } else {
            format!("nothing in {hook} jumps to {name}")
        };
        return Some(
            Finding::of(
                "flannel-rules-missing",
                &node.name,
                format!("{what} on {}: flannel's rules were flushed", node.name),
            )
            .about(name)
            .shown(format!("iptables-save -t {table} on {}", node.name), what)
            .step(format!(
                "restart flanneld on {}; it puts its rules in again",
                node.name
            )),
        );
    }
    None
}

/// kube-proxy writes nftables of its own, Felix iptables.
fn modes(node: &NodeState) -> Option<Finding> {
    let native = rulesets(node).find(|ruleset| {
        ruleset.dialect == Dialect::Nft && ruleset.tables.iter().any(|table| &*table.name == "kube-proxy")
    });
    native?;
    let felix = [Dialect::IptablesLegacy, Dialect::IptablesNft]
        .into_iter()
        .find(|dialect| owners(node, *dialect).contains("Calico"))?;
    let name = &node.name;
    Some(
        Finding::of(
            "dataplanes-mixed",
            name,
            format!(
                "kube-proxy uses nftables on {name}, and Felix {}",
                felix.command()
            ),
        )
        .about("kube-proxy")
        .sure(Sure::Likely)
        .shown(format!("nft list tables on {name}"), "table ip kube-proxy")
        .shown(format!("{}-save on {name}", felix.command()), "chains cali-…")
        .set("FelixConfiguration", "default", "nftablesMode", "Enabled"),
    )
}

/// A rule without a condition; `-m NAME` alone is none, and a comment neither.
fn refuses_all(rule: &Rule) -> bool {
    let refuses = |statement: &Statement| {
        matches!(
            statement,
            Statement::Reject(_) | Statement::Verdict(Verdict::Drop)
        )
    };
    let always = |statement: &Statement| matches!(statement, Statement::Comment(_) | Statement::Extension(_));
    rule.statements.iter().any(refuses)
        && rule
            .statements
            .iter()
            .all(|statement| refuses(statement) || always(statement))
}

/// A rule for all packets drops or rejects before Calico's chains are reached.
fn after_refusal(node: &NodeState) -> Option<Finding> {
    for (ruleset, _, chain) in chains(node, "filter").filter(|(_, _, chain)| &*chain.name == "FORWARD") {
        let Some(calico) = chain
            .rules
            .iter()
            .position(|rule| rule.targets().any(|target| target == "cali-FORWARD"))
        else {
            continue;
        };
        let refusal = chain.rules.iter().take(calico).find(|rule| refuses_all(rule));
        let Some(refusal) = refusal else { continue };
        let name = &node.name;
        return Some(
            Finding::of(
                "refused-before-calico",
                name,
                format!("a rule of {name} refuses all forwarded packets before Calico's rules accept them"),
            )
            .about("FORWARD")
            .shown(
                format!("{}-save on {name}", ruleset.dialect.command()),
                &*refusal.text,
            )
            .step("set ChainInsertMode of FelixConfiguration to Insert, or delete the rule")
            .run(
                format!(
                    "{} {}",
                    ruleset.dialect.command(),
                    refusal.text.replacen("-A ", "-D ", 1)
                ),
                format!("{} {}", ruleset.dialect.command(), refusal.text),
            ),
        );
    }
    None
}
