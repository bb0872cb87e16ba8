//! Services that are really broken, with real kube-proxies: each is named by its check and nothing else, mended by what is
//! printed, packets pass, and nothing is found any more.

use std::thread;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag_lab::kinds::{KubeProxy, Network, Probe, Way};
use netdiag_lab::{or_skip, ovs, wait_until};
use serde_json::{Value, json};

use crate::kube_proxy::state;
use crate::made::found;

/// How long kube-proxy, or a tracked connection, may take.
const SETTLED: Duration = Duration::from_secs(30);

fn of_kind(network: &Network, kind: &str) -> Vec<Value> {
    let text = network.objects().unwrap().unwrap();
    let lists = text.split("---\n").filter(|list| !list.trim().is_empty());
    let lists = lists.map(|list| serde_json::from_str::<Value>(list).unwrap());
    let of_kind = lists.filter(|list| list["kind"] == format!("{kind}List"));
    of_kind
        .flat_map(|list| list["items"].as_array().unwrap().clone())
        .collect()
}

/// The controller of EndpointSlices: pods of each service, by its selector.
fn controller(network: &Network) {
    let pods = of_kind(network, "Pod");
    for service in of_kind(network, "Service") {
        let spec = &service["spec"];
        let selector = spec["selector"].as_object().unwrap();
        let ends: Vec<Value> = pods
            .iter()
            .filter(|pod| {
                selector
                    .iter()
                    .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
            .map(|pod| {
                json!({
                    "addresses": [pod["status"]["podIP"]],
                    "nodeName": pod["spec"]["nodeName"],
                    "conditions": {"ready": true, "serving": true, "terminating": false},
                    "targetRef": {"kind": "Pod", "namespace": "shop", "name": pod["metadata"]["name"]},
                })
            })
            .collect();
        let port = &spec["ports"][0];
        let ports = json!([{"name": port["name"], "port": port["targetPort"], "protocol": port["protocol"]}]);
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/{}",
            service["metadata"]["name"].as_str().unwrap()
        );
        network
            .ask("PATCH", &path, &json!({"endpoints": ends, "ports": ports}))
            .unwrap();
    }
}

/// What `kubectl -n NAMESPACE patch service NAME -p 'PATCH'` does.
fn kubectl(network: &Network, line: &str) {
    let words = line
        .split("kubectl -n ")
        .nth(1)
        .unwrap_or_else(|| panic!("{line}"));
    let (namespace, rest) = words.split_once(" patch service ").unwrap();
    let (name, rest) = rest.split_once(" -p '").unwrap();
    let (patch, _) = rest.split_once('\'').unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let patch = patch.replace("\"CIDR\"", "\"192.168.100.0/24\"");
    let mut patch: Value = serde_json::from_str(&patch).unwrap();
    // Of ports, kubectl's patch is merged by their number.
    if let Some(ports) = patch["spec"]["ports"].as_array().cloned() {
        let known = of_kind(network, "Service")
            .into_iter()
            .find(|known| known["metadata"]["name"] == name);
        let mut all = known.unwrap()["spec"]["ports"].clone();
        for port in all.as_array_mut().unwrap() {
            let same = ports.iter().find(|new| new["port"] == port["port"]);
            let new = same.and_then(Value::as_object).into_iter().flatten();
            new.for_each(|(key, value)| port[key] = value.clone());
        }
        patch["spec"]["ports"] = all;
    }
    network.ask("PATCH", &path, &patch).unwrap();
}

/// Types what is printed: commands, or else the first step that holds one.
fn typed(network: &Network, finding: &Finding) {
    let fix = &finding.fix;
    if fix.commands.is_empty() {
        let step = fix.steps.iter().find(|step| step.contains("kubectl"));
        kubectl(
            network,
            step.unwrap_or_else(|| panic!("nothing to type: {finding:#?}")),
        );
    }
    for command in fix.commands.iter().filter(|command| !command.looks) {
        match &command.node {
            Some(node) => drop(ovs::sh(network.lab().node(node), &command.run).unwrap()),
            None => kubectl(network, &command.run),
        }
    }
    controller(network);
}

fn way(from: &str, ip: &str, port: u16) -> Way {
    let (node, pod) = match from.split_once('/') {
        Some((node, pod)) => (node, Some(pod.to_owned())),
        None => (from, None),
    };
    Way {
        node: node.into(),
        pod,
        probe: Probe::Tcp(ip.into(), port),
        answered: true,
    }
}

/// A shop that is up, whose endpoints a controller follows.
struct Shop {
    network: Network,
    mode: KubeProxy,
}

impl Shop {
    fn up(mode: KubeProxy) -> Option<Self> {
        let network = or_skip(mode.draft().up())?;
        network.works().unwrap();
        controller(&network);
        Some(Self { network, mode })
    }

    fn patch(&self, service: &str, spec: Value) {
        let path = format!("/api/v1/namespaces/shop/services/{service}");
        self.network.ask("PATCH", &path, &json!({"spec": spec})).unwrap();
        controller(&self.network);
    }

    fn delete(&self, pod: &str) {
        let path = format!("/api/v1/namespaces/shop/pods/{pod}");
        let at_once = json!({"gracePeriodSeconds": 0});
        self.network.ask("DELETE", &path, &at_once).unwrap();
        controller(&self.network);
    }

    fn connects(&self, way: &Way) -> bool {
        self.network.answers(way).unwrap()
    }

    fn waits(&self, what: &str, way: &Way, open: bool) {
        let is_so = || self.connects(way) == open;
        wait_until(
            &format!("{:?}: {what}: {way:?}: {open}", self.mode),
            SETTLED,
            is_so,
        )
        .unwrap();
    }

    /// Wants this finding, while the way is asked, and nothing else, but for those that are there on purpose.
    fn named(&self, what: &str, id: &str, way: &Way, on_purpose: &[&str]) -> Finding {
        let mut told = Vec::new();
        let named = wait_until(what, SETTLED, || {
            // What rules have counted, kube-proxy forgets when it writes them anew.
            self.connects(way);
            told = found(&state(&self.network));
            told.retain(|finding| !on_purpose.contains(&finding.id));
            matches!(told.as_slice(), [one] if one.id == id)
        });
        assert!(named.is_ok(), "{:?}: {what}: {told:#?}", self.mode);
        told.remove(0)
    }

    fn silent(&self, what: &str, on_purpose: &[&str]) {
        let mut told = Vec::new();
        let silent = wait_until(what, SETTLED, || {
            told = found(&state(&self.network));
            told.retain(|finding| !on_purpose.contains(&finding.id));
            told.is_empty()
        });
        assert!(
            silent.is_ok(),
            "{:?}: {what}: mended, and yet {told:#?}",
            self.mode
        );
    }

    /// Named, typed, open, and silent.
    fn mends(&self, what: &str, id: &str, way: &Way, on_purpose: &[&str]) {
        let finding = self.named(what, id, way, on_purpose);
        typed(&self.network, &finding);
        self.waits(what, way, true);
        self.silent(what, on_purpose);
    }
}

const EMPTY: &str = "service-without-endpoints";
const LOCAL: &str = "node-port-on-some-nodes";

fn services_are_mended(mode: KubeProxy) {
    let Some(shop) = Shop::up(mode) else { return };
    let empty = way("n1/client", "10.96.0.14", 80);
    assert!(!shop.connects(&empty));
    shop.mends("a selector is mistyped", EMPTY, &empty, &[LOCAL]);

    // Both web pods are selected now: n3 is the node without.
    let local = way("ext", "192.168.100.13", 30081);
    assert!(!shop.connects(&local));
    shop.mends("a NodePort answers on some nodes", LOCAL, &local, &[]);

    let web = json!({"name": "main", "port": 80, "targetPort": 9090, "protocol": "TCP", "nodePort": 30080});
    shop.patch("web", json!({"ports": [web]}));
    let to_web = way("n1/client", "10.96.0.10", 80);
    shop.waits("the target port is closed", &to_web, false);
    shop.mends("the target port is closed", "target-port-closed", &to_web, &[]);

    // The range is of nobody, then of the wrong family.
    let balanced = way("ext", "203.0.113.10", 80);
    if mode == KubeProxy::Nftables {
        shop.patch("web", json!({"loadBalancerSourceRanges": ["fd00::/8"]}));
        shop.waits("ranges of another family are none", &balanced, true);
        let finding = shop.named(
            "ranges of another family",
            "source-ranges-ignored",
            &balanced,
            &[],
        );
        typed(&shop.network, &finding);
        shop.silent("ranges of another family", &[]);
        shop.waits("ranges of clients", &balanced, true);
        pinned(&shop);
        return;
    }
    let far = way("n3/far", "10.96.0.15", 80);
    shop.delete("web1");
    ovs::sh(shop.network.lab().node("n1"), "ip netns del web1").unwrap();
    assert!(!shop.connects(&far));
    shop.mends(
        "an internal service without an endpoint on a node",
        "service-local-without-endpoint",
        &far,
        &[],
    );
    shop.patch("web", json!({"loadBalancerSourceRanges": ["198.51.100.0/24"]}));
    shop.waits("ranges of nobody", &balanced, false);
    shop.mends("ranges of nobody", "source-ranges-let-nobody-in", &balanced, &[]);
    local_at_one_node(&shop, &balanced);
}

/// Services that answer on their endpoint's node alone, n2: n1 has the address of one, and its pods ask n2 for the other,
/// whose answers come by a tunnel for pods.
fn local_at_one_node(shop: &Shop, balanced: &Way) {
    let sh = |node: &str, script: &str| drop(ovs::sh(shop.network.lab().node(node), script).unwrap());
    sh("n1", "ip address add 203.0.113.10/32 dev lo");
    shop.patch("web", json!({"externalTrafficPolicy": "Local"}));
    shop.waits("a balancer without an endpoint", balanced, false);
    shop.mends(
        "a balancer without an endpoint",
        "service-address-without-endpoint",
        balanced,
        &[],
    );

    let asked = way("n1/client", "192.168.100.12", 30081);
    shop.patch("local", json!({"externalTrafficPolicy": "Local"}));
    shop.waits("a NodePort that keeps the pod's address", &asked, true);
    for (own, other) in [(1, 2), (2, 1)] {
        let script = format!(
            "ip link add vx0 type vxlan id 9 local 192.168.100.1{own} remote 192.168.100.1{other} dstport 4789 dev eth0
             ip link set vx0 up; ip address add 10.99.0.{own}/24 dev vx0
             ip route replace 10.244.{other}.0/24 via 10.99.0.{other}
             for link in all vx0 eth0; do sysctl -qw net.ipv4.conf.$link.rp_filter=1; done"
        );
        sh(&format!("n{own}"), &script);
    }
    shop.waits("a NodePort that keeps the pod's address", &asked, false);
    // That endpoints are asked by their node's address makes no difference.
    shop.patch("local", json!({"externalTrafficPolicy": "Cluster"}));
    thread::sleep(Duration::from_secs(2));
    assert!(!shop.connects(&asked));
    shop.patch("local", json!({"externalTrafficPolicy": "Local"}));
    let what = "a NodePort that keeps the pod's address";
    // What comes in by the nodes' network is lost on n2; who has n1's address of the tunnel is asked for n2's other
    // address then, which n1 doesn't heed.
    let at_n2 = shop.named(what, "node-port-answer-lost", &asked, &[LOCAL]);
    typed(&shop.network, &at_n2);
    shop.waits(what, &asked, false);
    shop.mends(what, "node-port-answer-lost", &asked, &[LOCAL]);
}

/// A client's endpoint goes while it asks.
fn pinned(shop: &Shop) {
    let sticky = way("n3/far", "10.96.0.13", 80);
    assert!(shop.connects(&sticky));
    let node = shop.network.lab().node("n3");
    let entries = ovs::sh(node, "conntrack -L -p tcp --orig-dst 10.96.0.13 2>/dev/null").unwrap();
    let (on, pod) = if entries.contains("src=10.244.1.2") {
        ("n1", "web1")
    } else {
        ("n2", "web2")
    };
    let gone = format!("ip netns exec {pod} ip link del eth0; ip netns del {pod}");
    ovs::sh(shop.network.lab().node(on), &gone).unwrap();
    assert!(!shop.connects(&sticky), "{entries}");
    shop.delete(pod);
    let others = way("n3/far", "10.96.0.10", 80);
    shop.mends(
        "a client's endpoint goes while it asks",
        "affinity-to-dead-endpoint",
        &others,
        &[],
    );
    shop.waits("another endpoint", &sticky, true);
}

#[test]
fn services_that_are_really_broken_are_named_and_mended() {
    thread::scope(|scope| {
        for mode in [KubeProxy::Iptables, KubeProxy::Nftables] {
            thread::Builder::new()
                .stack_size(64 << 20)
                .spawn_scoped(scope, move || services_are_mended(mode))
                .unwrap();
        }
    });
}
