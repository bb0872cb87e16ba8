//! Services of Kubernetes by kube-proxy: what is wrong with the objects, with the rules, and between them.

use serde_json::json;

use super::super::{
    Draft, KubeProxy, System,
    cluster::{KUBE_PROXY, Request},
    kube::{patched_service, service, with_endpoints, with_target_port},
};

pub(super) fn systems() -> Vec<System> {
    let mut systems = broken();
    for system in &mut systems {
        // Whom it remembers, iptables does not tell: where one of two is broken, its answer is open.
        system.whole = system.whole.clone().connects("n3/far", "10.96.0.13", 80);
    }
    systems
}

fn broken() -> Vec<System> {
    vec![
        nodes(
            objects(System::new("kube-proxy iptables", KubeProxy::Iptables.draft())),
            &[
                "iptables-nft -t nat -F KUBE-SERVICES",
                "iptables-nft -t nat -F KUBE-POSTROUTING",
                "iptables-nft -t nat -F KUBE-NODEPORTS",
            ],
        ),
        nodes(
            objects(System::new("kube-proxy nftables", KubeProxy::Nftables.draft())),
            &[
                "nft delete table ip kube-proxy",
                "nft flush chain ip kube-proxy masquerading",
                "nft flush map ip kube-proxy service-nodeports",
            ],
        ),
        System::new("kube-proxy with the older tables", KubeProxy::Legacy.draft()).lost(
            "nothing is masqueraded",
            "n3",
            "iptables-legacy -t nat -F KUBE-POSTROUTING",
            "the answer comes from",
        ),
    ]
}

/// Longer than a kube-proxy takes to write what has changed.
const FOLLOWED: &str = "sleep 3";

/// The kube-proxy of a node is gone, and then the objects change.
fn behind(draft: &Draft, node: &str, requests: impl IntoIterator<Item = Request>) -> Draft {
    draft.clone().also_kill(node, KUBE_PROXY).objects(requests)
}

/// What is in the objects, or is not in the rules that they should become.
fn objects(system: System) -> System {
    let draft = system.whole.clone();
    let gone = "ip -n web2 link set eth0 down";
    system
        .state(
            "kube-proxy is gone, and so is an endpoint",
            "n3",
            "the rules of node n3 send to 10.244.2.2:8080 (pod shop/web2), which is no endpoint of it",
            behind(&draft, "n3", [with_endpoints("web", &["web1"], true)]).also("n2", gone),
        )
        .state(
            "kube-proxy is gone, and there is a new service",
            "n1",
            "service-rules-missing",
            behind(&draft, "n1", service("late", 20, &["web1"], json!({}), json!({}))).connects(
                "n1/client",
                "10.96.0.20",
                80,
            ),
        )
        .state(
            "kube-proxy is gone, and a service has another port",
            "n3",
            "its endpoint there has port 8081",
            behind(&draft, "n3", with_target_port("web", 8081)).also("n2", gone),
        )
        .state(
            "the service's target port is one that nobody listens on",
            "n1",
            "target-port-closed",
            draft
                .clone()
                .objects(with_target_port("web", 8081))
                .also("n1", FOLLOWED),
        )
        .state(
            "no endpoint is ready",
            "n1",
            "has no endpoint that is ready: 10.244.1.2 (pod shop/web1) is not ready",
            draft
                .clone()
                .objects([with_endpoints("web", &["web1", "web2"], false)])
                .also("n1", FOLLOWED),
        )
        .state(
            "the selector is mistyped, so that there are no endpoints",
            "n1",
            "no pod has its labels (app=wbe)",
            draft.clone().connects("n1/client", "10.96.0.14", 80),
        )
        .state(
            "a NodePort of the policy Local is asked at a node without an endpoint",
            "n1",
            "has no endpoint on node n1 that is ready",
            draft.clone().connects("ext", "192.168.100.11", 30081),
        )
        .state(
            "a service of the internal policy Local has no endpoint on a node",
            "n3",
            "has no endpoint on node n3 that is ready",
            draft.clone().connects("n3/far", "10.96.0.15", 80),
        )
        .state(
            "a port is asked that the service has not",
            "n1",
            "service shop/web has no port 81/tcp; it has 80/tcp",
            draft.clone().connects("n1/client", "10.96.0.10", 81),
        )
        .state(
            "the load balancer's addresses are for others only",
            "n1",
            "loadBalancerSourceRanges",
            draft
                .clone()
                .objects([patched_service(
                    "web",
                    &json!({"loadBalancerSourceRanges": ["198.51.100.0/24"]}),
                )])
                .also("n1", FOLLOWED),
        )
        .state(
            "a tracked connection goes to an endpoint that is gone",
            "n1",
            "conntrack -D -p udp --reply-src 10.244.2.77",
            draft.clone().also_kill("n1", KUBE_PROXY).also(
                "n1",
                "conntrack -D -p udp >/dev/null 2>&1 || true
                 conntrack -I -p udp -t 600 -s 10.244.1.3 -d 10.96.0.11 --sport 40000 --dport 53 \
                 --reply-src 10.244.2.77 --reply-dst 10.244.1.3 --reply-port-src 8080 --reply-port-dst 40000 \
                 -u SEEN_REPLY",
            ),
        )
}

/// What is wrong on a node; `flush`: commands that take away all rules of services, masquerading, and NodePorts.
fn nodes(system: System, flush: &[&str; 3]) -> System {
    let [services, masquerading, node_ports] = flush;
    let draft = system.whole.clone();
    let killed = |node: &str, script: &str| draft.clone().also_kill(node, KUBE_PROXY).also(node, script);
    system
        .state(
            "the rules of services were flushed",
            "n3",
            "no rule of node n3 translates it",
            killed("n3", services),
        )
        .state(
            "what comes from outside is not masqueraded",
            "n3",
            "the answer comes from",
            killed("n3", masquerading),
        )
        .state(
            "the rules of NodePorts were flushed",
            "n3",
            "no rule of node n3 translates it",
            killed("n3", node_ports),
        )
        .lost(
            "nothing is forwarded",
            "n1",
            "iptables-nft -P FORWARD DROP",
            "policy DROP of FORWARD",
        )
        .lost(
            "bridged answers are not seen by the rules",
            "n1",
            "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables",
            "bridge-nf-call-iptables",
        )
        .lost(
            "a pod may not be answered through its own port",
            "n1",
            "ip link set \"$(link_of web1)\" type bridge_slave hairpin off",
            "hairpin",
        )
        .lost(
            "an endpoint's link is down",
            "n2",
            "ip link set \"$(link_of web2)\" down",
            "down",
        )
        .lost(
            "no route to an endpoint's node",
            "n3",
            "ip route del 10.244.2.0/24",
            "no route to 10.244.2.2",
        )
        .lost(
            "a firewall drops NodePorts before they are translated",
            "n3",
            "iptables-nft -t raw -A PREROUTING -p tcp --dport 30000:32767 -j DROP",
            "--dport 30000:32767 -j DROP",
        )
        .lost(
            "the node does not forward",
            "n2",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
            "forwarding = 0",
        )
}
