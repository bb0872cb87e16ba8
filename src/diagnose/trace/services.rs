//! Services: where objects and rules part, and what mends it.

use super::Explained;
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::verdicts::{Fault, ServiceVerdict};
use crate::forward::topology::{Place, Topology};
use crate::state::socket::TcpState;

/// Why a service does not do what its objects say, and the ids of what it explains better.
pub fn service(
    topology: &Topology,
    verdict: &ServiceVerdict,
) -> Option<(Explained, &'static [&'static str])> {
    let fault = verdict.fault?;
    let (node, title) = (verdict.node.as_str(), verdict.title.as_str());
    let new = |id: &'static str, text: String| Explained {
        finding: Finding::of(id, node, text),
        cause: String::new(),
        sure: Sure::Proved,
        commands: Vec::new(),
    };
    let log = "kubectl -n kube-system logs -l k8s-app=kube-proxy --prefix --tail=50";
    let differences = verdict.differences.join("; ");
    let explained = match fault {
        Fault::Untranslated => new(
            "service-rules-missing",
            format!("node {node} has no rules for {title}"),
        )
        .because("kube-proxy does not run there, can't reach the API server, or its rules were flushed")
        .shown(format!("rules of {node}"), differences)
        .step(format!("restart kube-proxy on {node}, and look at its log: {log}")),
        Fault::Behind => new(
            "service-rules-missing",
            format!("the rules of node {node} for {title} are not those of its endpoints"),
        )
        .because("kube-proxy there stopped, hangs, or can't reach the API server: its rules are old")
        .shown(format!("rules of {node}"), differences)
        .step(format!("restart kube-proxy on {node}, and look at its log: {log}")),
        Fault::Tracked => tracked(verdict, new("udp-to-dead-endpoint", format!(
            "node {node} goes on sending to what was behind {title}"
        )), differences),
        Fault::Empty => new("service-without-endpoints", format!("nothing is behind {title}"))
            .because(differences)
            .step("compare the service's selector with the pods' labels, and see that the pods are ready: kubectl get endpointslices -A -o wide"),
        Fault::NoPort => new("service-without-endpoints", format!("{title} has no such port"))
            .because(differences)
            .step("ask for one of its ports, or add this one to the service"),
        Fault::TargetClosed(ip, port) => {
            let place = topology.places().find(|(_, place)| place.has(ip)).map(|(_, place)| place);
            let who = place.map_or_else(|| ip.to_string(), Place::title);
            let listening: Vec<String> = place
                .and_then(|place| place.net.tcp.known())
                .map(|sockets| {
                    let open = sockets.iter().filter(|socket| socket.state == TcpState::Listen);
                    open.map(|socket| socket.local.to_string()).collect()
                })
                .unwrap_or_default();
            let seen = if listening.is_empty() {
                "no socket listens".to_owned()
            } else {
                listening.join(", ")
            };
            new("target-port-closed", format!("{title} sends to port {port} of {who}, which does not listen on it"))
                .because("the service's targetPort is not the program's port, or the program is down")
                .shown(format!("ss -ltn in {who}"), seen)
                .step("correct targetPort of the service, or the program's port")
        }
    };
    Some((explained, superseded(fault)))
}

fn tracked(verdict: &ServiceVerdict, explained: Explained, differences: String) -> Explained {
    let ends = verdict.kernel.difference(&verdict.expected.ends);
    let explained = explained
        .because("an entry of conntrack outlived its endpoint: datagrams of that client keep it alive, and go where it says")
        .shown(format!("conntrack -L on {}", verdict.node), differences);
    ends.fold(explained, |explained, (ip, _)| {
        explained.run(&verdict.node, format!("conntrack -D -p udp --reply-src {ip}"), "")
    })
}

/// What is but the consequence.
const fn superseded(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::Untranslated => &[
            "beyond-silent",
            "next-hop-not-seen",
            "service-not-translated",
            "packet-lost",
        ],
        Fault::TargetClosed(..) => &["port-not-listening"],
        Fault::Empty => &["beyond-silent", "next-hop-not-seen"],
        Fault::Behind | Fault::Tracked | Fault::NoPort => &[],
    }
}
