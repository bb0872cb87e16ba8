//! Netfilter rules that lost or refused the packet: whose they are, and what lets it pass.

use std::net::IpAddr;

use super::Explained;
use super::case::{Case, pod_net, typed_in};
use crate::diagnose::finding::Sure;
use crate::forward::walk::RuleText;
use crate::intent::docker;
use crate::state::netfilter::Dialect;

/// A service's address that no rule translates, and that a router gets therefore.
pub(super) fn untranslated(case: &Case, dst: IpAddr, gateway: IpAddr, rule: &str) -> Explained {
    let who = case.who();
    Explained::new(
        "service-not-translated",
        case,
        Sure::Likely,
        format!("{who} does not translate {dst}, the address of a service"),
    )
    .because("its rules know the address, but none takes this protocol and port to an endpoint")
    .shown(format!("iptables-save on {who}"), rule)
    .shown(
        format!("ip route get {dst} on {who}"),
        format!("by {gateway}, which knows no services"),
    )
    .step("compare protocol and port with those of the service: kubectl get service -A")
    .step("see whether kube-proxy runs on the node, and what it logs")
}

pub(super) fn rule(case: &Case, rule: &RuleText, answer: Option<&str>) -> Explained {
    let (who, text) = (case.who(), rule.rule.as_deref().unwrap_or_default());
    let does = if answer.is_some() { "refuses" } else { "drops" };
    let explained = Explained::new(
        "rule-drops-packet",
        case,
        Sure::Proved,
        format!("a netfilter rule of {who} {does} it"),
    )
    .shown(
        format!("{} on {who}", list(case, rule)),
        if text.is_empty() {
            format!("policy DROP of chain {}", rule.chain)
        } else {
            text.to_owned()
        },
    );
    if rule.rule.is_none() {
        return policy(case, rule, explained);
    }
    let chain = rule.chain.as_str();
    if chain.starts_with("DOCKER-ISOLATION") {
        return isolation(case, explained);
    }
    if chain.starts_with("KUBE-") && text.contains("has no endpoints") {
        return no_endpoints(text, explained);
    }
    if rule.table == "kube-proxy" || chain.starts_with("KUBE-") {
        return kube_proxy(case, text, explained);
    }
    if chain.starts_with("cali-") {
        return calico(case, chain, text, explained);
    }
    // What comes in by another link than the container's bridge.
    let of_docker = text.contains(" -d ") && text.contains(" ! -i ") && text.contains("-j DROP");
    if of_docker && (chain == "DOCKER" || chain == "PREROUTING" && rule.table == "raw") {
        return docker_direct(case, explained);
    }
    if text.contains("icmp-host-prohibited") || rule.table == "firewalld" || chain.starts_with("filter_") {
        let packet = &case.outcome.state.packet;
        let mut nets: Vec<_> = [packet.src, packet.dst]
            .map(|ip| pod_net(case.host_of(case.id).1, ip))
            .into();
        nets.sort_unstable();
        nets.dedup();
        let explained = explained
            .sure(Sure::Likely)
            .because("firewalld lets through only what its zones allow")
            .step("pods belong into a zone that lets them pass, for good: --permanent, too");
        return nets.iter().fold(explained, |explained, net| {
            let zone = "firewall-cmd --zone=trusted";
            explained.run(
                &case.place.node.name,
                format!("{zone} --add-source={net}"),
                format!("{zone} --remove-source={net}"),
            )
        });
    }
    if chain.starts_with("ufw") {
        return explained
            .sure(Sure::Likely)
            .because("ufw drops what it forwards, unless told otherwise")
            .step("DEFAULT_FORWARD_POLICY=\"ACCEPT\" in /etc/default/ufw, then ufw reload; or ufw route allow from CIDR");
    }
    by_hand(case, rule, explained)
}

/// The command that lists the chain.
fn list(case: &Case, rule: &RuleText) -> String {
    let inside = typed_in(case.place);
    match rule.dialect {
        Dialect::Nft => format!(
            "{inside}nft list chain {} {} {}",
            rule.family.word(),
            rule.table,
            rule.chain
        ),
        dialect => format!(
            "{inside}{} -t {} -S {}",
            dialect.command(),
            rule.table,
            rule.chain
        ),
    }
}

/// A chain's policy drops what no rule has let pass.
fn policy(case: &Case, rule: &RuleText, explained: Explained) -> Explained {
    let (node, inside) = (&case.place.node.name, typed_in(case.place));
    let packet = &case.outcome.state.packet;
    // What comes from this node's pods and goes to them; on the way between others, only this packet's ends are known.
    let is_own = |ip: &IpAddr| {
        case.owner(*ip)
            .is_some_and(|(_, owner)| std::ptr::eq(owner.node, case.place.node))
    };
    let [src, dst] = match [packet.src, packet.dst].into_iter().find(is_own) {
        Some(own) => [own, own],
        None => [packet.src, packet.dst],
    };
    let [net, dst] = [src, dst].map(|ip| pod_net(case.host_of(case.id).1, ip));
    let explained = if rule.chain == "FORWARD" {
        explained.because(
            "no rule lets it pass, and the policy of FORWARD is DROP: Docker sets that, and whoever routes pods must add accepting rules",
        )
    } else {
        explained.because("no rule lets it pass, and the chain's policy is to drop")
    };
    match rule.dialect {
        Dialect::Nft => explained.step(format!(
            "add a rule that accepts it: nft insert rule {} {} {} ip saddr {net} accept",
            rule.family.word(),
            rule.table,
            rule.chain
        )),
        dialect => {
            let command = format!("{inside}{} -t {}", dialect.command(), rule.table);
            let chain = &rule.chain;
            // Behind all others: whatever keeps networks apart comes first.
            let accept = |explained: Explained, what: String| {
                let rule = format!("{chain} {what} -j ACCEPT");
                explained.run(
                    node,
                    format!("{command} -A {rule}"),
                    format!("{command} -D {rule}"),
                )
            };
            let Some(guard) = guard(case, rule) else {
                return explained
                    .step("Docker alone writes all that keeps its networks apart, in its order")
                    .run(node, "systemctl restart docker", "");
            };
            let iptables = rule.dialect.command();
            let explained = guard.iter().fold(explained, |explained, (add, delete)| {
                explained.run(node, format!("{iptables} {add}"), format!("{iptables} {delete}"))
            });
            match published(case) {
                Some(only) => accept(explained, only),
                None => accept(accept(explained, format!("-s {net}")), format!("-d {dst}")),
            }
        }
    }
}

const ISOLATION: &str = "DOCKER-ISOLATION-STAGE-1";

/// What keeps Docker's networks apart and has to be there first, with its undo; none where only Docker can bring it back.
fn guard(case: &Case, rule: &RuleText) -> Option<Vec<(String, String)>> {
    if case.place.namespace.is_some() || rule.chain != "FORWARD" {
        return Some(Vec::new());
    }
    if case.place.node.docker.known().is_some() {
        let guard = docker::guard(case.place.node, rule.dialect)?;
        return Some(guard.iter().map(|rule| (rule.add(), rule.delete())).collect());
    }
    let jump = |way: &str| format!("-t {} {way} FORWARD -j {ISOLATION}", rule.table);
    let unhooked = is_unhooked(case, rule).then(|| (jump("-A"), jump("-D")));
    Some(unhooked.into_iter().collect())
}

/// Whether Docker's chain that keeps networks apart is there, and FORWARD doesn't lead to it.
fn is_unhooked(case: &Case, rule: &RuleText) -> bool {
    let mut rulesets = case.place.net.netfilter.items().iter();
    let table = rulesets
        .find(|ruleset| ruleset.dialect == rule.dialect)
        .and_then(|ruleset| ruleset.tables.iter().find(|table| *table.name == *rule.table));
    let jumps = |text: &str| text.ends_with(&format!("-j {ISOLATION}"));
    table.is_some_and(|table| {
        table.chain(ISOLATION).is_some()
            && !table
                .chain("FORWARD")
                .is_some_and(|chain| chain.rules.iter().any(|rule| jumps(&rule.text)))
    })
}

/// What a published port's packet has that others haven't: whoever comes by another way stays out.
fn published(case: &Case) -> Option<String> {
    let packet = &case.outcome.state.packet;
    let mut conns = case.outcome.state.connections(case.id);
    let translated = conns.any(|(_, conn)| conn.is_dnat() && conn.reply.src == packet.dst);
    let (_, port) = packet
        .transport
        .ports()
        .filter(|_| translated && !case.is_answer())?;
    let protocol = match packet.proto() {
        6 => "tcp",
        17 => "udp",
        _ => return None,
    };
    Some(format!(
        "-d {}/{} -p {protocol} -m {protocol} --dport {port} -m conntrack --ctstate DNAT",
        packet.dst,
        if packet.is_v6() { 128 } else { 32 }
    ))
}

fn isolation(case: &Case, explained: Explained) -> Explained {
    let name = case
        .hops()
        .first()
        .map(|hop| case.scene.topology.place(hop.place))
        .and_then(|place| place.namespace.clone())
        .unwrap_or_else(|| "CONTAINER".to_owned());
    explained
        .because("Docker keeps its bridge networks apart: the two containers are in different ones, and that is meant")
        .run(
            &case.place.node.name,
            format!("docker network connect NETWORK {name}"),
            format!("docker network disconnect NETWORK {name}"),
        )
        .step("this puts both into one network; or publish a port, and use the host's address")
}

fn docker_direct(case: &Case, explained: Explained) -> Explained {
    let node = &case.place.node.name;
    explained
        .because("Docker drops what comes from outside for a container's own address: only published ports are open")
        .step("use the host's address and a published port (docker run -p HOST:CONTAINER), not the container's address")
        .look(node, "docker ps --format '{{.Names}} {{.Ports}}'")
}

fn no_endpoints(text: &str, explained: Explained) -> Explained {
    let service = text
        .split('"')
        .nth(1)
        .unwrap_or("the service")
        .replace(" has no endpoints", "");
    let name = service.split(':').next().unwrap_or(&service).to_owned();
    let explained = explained.because(format!(
        "{service} has no ready endpoint: its selector matches no pod, or no matching pod is ready"
    ));
    match name.split_once('/') {
        Some((namespace, service)) => explained
            .step(format!("kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={service}"))
            .step(format!("kubectl -n {namespace} describe service {service}, and compare its selector with the pods' labels")),
        None => explained,
    }
}

/// Rules of kube-proxy that refuse or drop: services without endpoints, source ranges, local traffic policy.
fn kube_proxy(case: &Case, text: &str, explained: Explained) -> Explained {
    let dst = case.outcome.state.packet.dst;
    let explained = if text.contains("reject") || text.contains("REJECT") {
        explained.sure(Sure::Likely).because(format!(
            "the service with {dst} has no ready endpoint, and kube-proxy refuses connections to it"
        ))
    } else {
        explained.sure(Sure::Likely).because(format!(
            "the service with {dst} has no endpoint for this client: externalTrafficPolicy Local, or loadBalancerSourceRanges"
        ))
    };
    explained.step(format!(
        "find the service: kubectl get services -A | grep {dst}; then compare its selector with the pods' labels, and see that they are ready"
    ))
}

/// Felix's chains: `cali-tw-` to, `cali-fw-` from a workload; `cali-po-`, `cali-pi-` policies; `cali-pro-`, `cali-pri-`
/// profiles; `cali-fh-`, `cali-th-` host endpoints.
fn calico(case: &Case, chain: &str, text: &str, explained: Explained) -> Explained {
    let host = chain.starts_with("cali-fh") || chain.starts_with("cali-th");
    // To a pod is into it; what comes "from" a host's link comes into the host (`felix/rules/endpoints.go`).
    let way = if chain.starts_with("cali-tw") || chain.starts_with("cali-fh") {
        "ingress"
    } else {
        "egress"
    };
    let what = if host { "host endpoint" } else { "pod" };
    let why = if text.contains("ctstate INVALID") || text.contains("state INVALID") {
        "the packet belongs to no known connection (INVALID): the two directions take different ways, or entries were flushed".to_owned()
    } else if text.contains("rpfilter") {
        "Felix's reverse path filter: the sender's address is not routed to the link it came by".to_owned()
    } else if text.contains("profile") || text.contains("Drop if no") {
        format!("no policy and no profile allows it: the {way} rules of the {what} end in drop")
    } else {
        format!("a Calico policy for the {what} ({way}) denies it, or none allows it")
    };
    let explained = explained.because(why);
    let explained = if host {
        explained.step("a HostEndpoint without policy or profile drops all but Felix's failsafe ports: give it one, or delete it")
    } else {
        explained.step(format!(
            "see the policies that select the {what}: netdiag get networkpolicy -A; netdiag get globalnetworkpolicy; one with {way} and action Allow must match"
        ))
    };
    explained.look(
        &case.place.node.name,
        format!("{}iptables-save -c | grep -- {chain}", typed_in(case.place)),
    )
}

/// Not of any program that is known: somebody's own.
fn by_hand(case: &Case, rule: &RuleText, explained: Explained) -> Explained {
    let (node, inside) = (&case.place.node.name, typed_in(case.place));
    let text = rule.rule.as_deref().unwrap_or_default();
    let explained = explained.because(
        "the rule is of no program that is known here: written by hand, by a script or by the host's firewall",
    );
    match (rule.dialect, rule.handle, text.strip_prefix("-A ")) {
        (Dialect::Nft, Some(handle), _) => explained.run(
            node,
            format!(
                "{inside}nft delete rule {} {} {} handle {handle}",
                rule.family.word(),
                rule.table,
                rule.chain
            ),
            format!(
                "{inside}nft add rule {} {} {} {text}",
                rule.family.word(),
                rule.table,
                rule.chain
            ),
        ),
        (Dialect::Nft, None, _) | (_, _, None) => {
            explained.step("delete it, or let the packet pass before it")
        }
        (dialect, _, Some(rest)) => {
            let command = format!("{inside}{} -t {}", dialect.command(), rule.table);
            let position = position(case, rule).unwrap_or(1);
            let after = rest.strip_prefix(&*rule.chain).unwrap_or(rest).trim_start();
            explained.run(
                node,
                format!("{command} -D {rest}"),
                format!("{command} -I {} {position} {after}", rule.chain),
            )
        }
    }
}

/// Where in its chain a rule stands, from 1 on.
fn position(case: &Case, rule: &RuleText) -> Option<usize> {
    let rulesets = case.place.net.netfilter.items();
    let ruleset = rulesets.iter().find(|ruleset| ruleset.dialect == rule.dialect)?;
    let table = ruleset.tables.iter().find(|table| *table.name == *rule.table)?;
    let chain = table.chains.iter().find(|chain| *chain.name == *rule.chain)?;
    let at = chain
        .rules
        .iter()
        .position(|found| Some(&*found.text) == rule.rule.as_deref())?;
    Some(at + 1)
}
