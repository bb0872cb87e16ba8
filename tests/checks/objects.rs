//! Faults of objects: pools, blocks, Nodes, services, policies.

use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::{Value, json};

use crate::made::{fires, found, made, pod_ip, resource, stored, told};

fn bgp() -> Snapshot {
    made(Flavour::CalicoBgp, 3, 2)
}

fn pool(snapshot: &mut Snapshot) -> &mut Value {
    let objects = stored(snapshot);
    objects
        .resources
        .iter_mut()
        .find(|object| object["kind"] == "IPPool")
        .unwrap()
}

fn block(cidr: &str, node: &str, full: bool) -> (String, Value) {
    let allocation = if full { json!(0) } else { Value::Null };
    let key = format!("/calico/ipam/v2/assignment/ipv4/block/{}", cidr.replace('/', "-"));
    let value = json!({"cidr": cidr, "affinity": (!node.is_empty()).then(|| format!("host:{node}")), "allocations": vec![allocation; 64],
        "attributes": [{"handle_id": "h"}], "unallocated": []});
    (key, value)
}

fn affinity(cidr: &str, node: &str, state: &str) -> (String, Value) {
    let key = format!(
        "/calico/ipam/v2/host/{node}/ipv4/block/{}",
        cidr.replace('/', "-")
    );
    (key, json!({"state": state}))
}

#[test]
fn pools_that_can_not_work_are_told() {
    fires("no-pool-enabled", &bgp(), |broken| {
        pool(broken)["spec"]["disabled"] = json!(true)
    });
    fires("block-of-one-address", &bgp(), |broken| {
        pool(broken)["spec"]["blockSize"] = json!(32)
    });
    fires("pools-overlap", &bgp(), |broken| {
        stored(broken)
            .resources
            .push(resource("IPPool", "second", json!({"cidr": "10.64.0.0/16"})));
    });
    fires("pool-overlaps-node-network", &bgp(), |broken| {
        stored(broken)
            .resources
            .push(resource("IPPool", "second", json!({"cidr": "172.16.128.0/24"})));
    });
    fires("pool-exhausted", &bgp(), |broken| {
        stored(broken)
            .resources
            .push(resource("IPPool", "small", json!({"cidr": "192.168.7.0/26"})));
        stored(broken).ipam = Fact::Known(vec![block("192.168.7.0/26", "", true)]);
    });
}

/// Deleting a pool takes all blocks in its range from their nodes.
#[test]
fn of_pools_that_overlap_the_one_without_blocks_goes() {
    let step = |blocks: Option<&[&str]>| {
        let mut cluster = bgp();
        let objects = stored(&mut cluster);
        objects
            .resources
            .push(resource("IPPool", "second", json!({"cidr": "10.64.0.0/16"})));
        if let Some(blocks) = blocks {
            let all = blocks.iter().map(|cidr| block(cidr, "", false));
            objects.ipam = Fact::Known(all.collect());
        }
        let mut findings = found(&cluster);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0).fix.steps.remove(0)
    };
    let gone = "no pod has an address of second: netdiag delete ippool second";
    assert_eq!(step(Some(&["10.200.0.0/26"])), gone);
    for blocks in [None, Some(&["10.64.0.0/26"][..])] {
        let text = step(blocks);
        assert!(
            text.starts_with("no pod gets an address of second any more: netdiag patch "),
            "{text}"
        );
    }
}

#[test]
fn blocks_that_are_claimed_twice_or_by_nobody_are_told() {
    fires("block-of-dead-node", &bgp(), |broken| {
        stored(broken).ipam = Fact::Known(vec![block("10.200.0.0/26", "node-gone", false)]);
    });
    fires("block-claimed-twice", &bgp(), |broken| {
        let [one, other] = [0, 1].map(|at| broken.nodes[at].name.clone());
        stored(broken).ipam = Fact::Known(vec![
            affinity("10.0.0.0/26", &one, "confirmed"),
            affinity("10.0.0.0/26", &other, "pending"),
        ]);
    });
    let mut borrowed = bgp();
    let foreign = format!("{}", pod_ip(&borrowed.nodes[1], 1));
    let namespaces = crate::made::known(&mut borrowed.nodes[0].namespaces);
    for address in crate::made::known(&mut namespaces[1].net.addresses) {
        if !address.ip.is_loopback() {
            // One more than any pod of the other node has.
            let octets = foreign.rsplit_once('.').unwrap();
            address.ip = format!("{}.{}", octets.0, octets.1.parse::<u8>().unwrap() + 9)
                .parse()
                .unwrap();
        }
    }
    told("borrowed-address-without-route", &borrowed);
}

#[test]
fn pods_with_one_address_are_told() {
    let mut broken = bgp();
    let ip = pod_ip(&broken.nodes[1], 0);
    let namespaces = crate::made::known(&mut broken.nodes[0].namespaces);
    for address in crate::made::known(&mut namespaces[0].net.addresses) {
        if !address.ip.is_loopback() {
            address.ip = ip;
        }
    }
    told("pod-address-shared", &broken);
}

pub(crate) fn kube(kind: &str, namespace: &str, name: &str, rest: Value) -> Value {
    let version = if kind == "EndpointSlice" {
        "discovery.k8s.io/v1"
    } else if kind == "NetworkPolicy" {
        "networking.k8s.io/v1"
    } else {
        "v1"
    };
    let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        value["metadata"]["namespace"] = namespace.into();
    }
    for (key, part) in rest.as_object().unwrap() {
        if key == "labels" {
            value["metadata"]["labels"] = part.clone();
        } else {
            value[key] = part.clone();
        }
    }
    value
}

/// A cluster with Kubernetes' objects: a web service, DNS, and their pods.
pub(crate) fn with_kubernetes() -> Snapshot {
    let mut cluster = bgp();
    let names: Vec<String> = cluster.nodes.iter().map(|node| node.name.clone()).collect();
    let ips: Vec<String> = cluster
        .nodes
        .iter()
        .map(|node| pod_ip(node, 0).to_string())
        .collect();
    let mut values: Vec<Value> = names
        .iter()
        .map(|name| {
            kube(
                "Node",
                "",
                name,
                json!({"spec": {"podCIDR": "10.1.0.0/24"}, "status": {}}),
            )
        })
        .collect();
    for (namespace, labels) in [
        ("default", json!({"kubernetes.io/metadata.name": "default"})),
        (
            "kube-system",
            json!({"kubernetes.io/metadata.name": "kube-system"}),
        ),
    ] {
        values.push(kube("Namespace", "", namespace, json!({"labels": labels})));
    }
    for (namespace, name, label, at) in [
        ("default", "web", "web", 0),
        ("kube-system", "coredns", "kube-dns", 1),
        ("default", "client", "client", 2),
    ] {
        let status = json!({"phase": "Running", "podIP": ips[at], "podIPs": [{"ip": ips[at]}], "conditions": [{"type": "Ready", "status": "True"}]});
        let labels = if label == "kube-dns" {
            json!({"k8s-app": label})
        } else {
            json!({"app": label})
        };
        let spec = json!({"nodeName": names[at], "containers": [{"name": "c"}]});
        values.push(kube(
            "Pod",
            namespace,
            name,
            json!({"labels": labels, "spec": spec, "status": status}),
        ));
    }
    for (namespace, name, key, label, ip, at, port) in [
        ("default", "web", "app", "web", "10.96.0.80", 0, 80),
        (
            "kube-system",
            "kube-dns",
            "k8s-app",
            "kube-dns",
            "10.96.0.10",
            1,
            53,
        ),
    ] {
        let mut selector = serde_json::Map::new();
        selector.insert(key.into(), label.into());
        let protocol = if port == 53 { "UDP" } else { "TCP" };
        let ports = json!([{"port": port, "protocol": protocol, "name": "main"}]);
        values.push(kube(
            "Service",
            namespace,
            name,
            json!({"spec": {"clusterIP": ip, "selector": selector, "ports": ports}}),
        ));
        let endpoints =
            json!([{"addresses": [ips[at]], "conditions": {"ready": true}, "nodeName": names[at]}]);
        values.push(kube("EndpointSlice", namespace, &format!("{name}-1"), json!({"labels": {"kubernetes.io/service-name": name},
            "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "main", "port": port, "protocol": protocol}]})));
    }
    let objects = stored(&mut cluster);
    objects.kubernetes = Fact::Known(values);
    // Services of the bench's rules are others.
    for node in &mut cluster.nodes {
        for ruleset in crate::made::known(&mut node.net.netfilter) {
            for table in &mut ruleset.tables {
                table.chains.retain(|chain| &*chain.name != "KUBE-SERVICES");
                for chain in &mut table.chains {
                    chain.rules.retain(|rule| !rule.text.contains("KUBE-SERVICES"));
                }
            }
        }
    }
    cluster
}

pub(crate) fn of<'s>(snapshot: &'s mut Snapshot, kind: &str, name: &str) -> &'s mut Value {
    let Fact::Known(values) = &mut stored(snapshot).kubernetes else {
        panic!("no objects")
    };
    values
        .iter_mut()
        .find(|value| value["kind"] == kind && value["metadata"]["name"] == name)
        .unwrap()
}

#[test]
fn services_that_nobody_answers_are_told() {
    fires("service-without-endpoints", &with_kubernetes(), |broken| {
        of(broken, "Service", "web")["spec"]["selector"] = json!({"app": "webb"});
        of(broken, "EndpointSlice", "web-1")["endpoints"] = json!([]);
    });
    let mut broken = with_kubernetes();
    of(&mut broken, "Service", "web")["spec"]["selector"] = json!({"app": "webb"});
    of(&mut broken, "EndpointSlice", "web-1")["endpoints"] = json!([]);
    let told = format!("{:?}", found(&broken));
    assert!(told.contains("app=web"), "what was meant is not told: {told}");
    fires("node-port-on-some-nodes", &with_kubernetes(), |broken| {
        let service = of(broken, "Service", "web");
        service["spec"]["type"] = json!("NodePort");
        service["spec"]["externalTrafficPolicy"] = json!("Local");
    });
}

#[test]
fn policies_that_miss_their_aim_are_told() {
    fires("policy-denies-dns", &with_kubernetes(), |broken| {
        let Fact::Known(values) = &mut stored(broken).kubernetes else {
            panic!("no objects")
        };
        values.push(kube(
            "NetworkPolicy",
            "default",
            "egress",
            json!({"spec": {"podSelector": {}, "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]}}),
        ));
    });
    fires("policy-selects-nobody", &with_kubernetes(), |broken| {
        let Fact::Known(values) = &mut stored(broken).kubernetes else {
            panic!("no objects")
        };
        values.push(kube("NetworkPolicy", "default", "ingress", json!({"spec": {"podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "cleint"}}}]}]}})));
    });
}

#[test]
fn nodes_that_are_gone_or_have_no_range_are_told() {
    fires("node-object-stale", &with_kubernetes(), |broken| {
        let gone = resource(
            "Node",
            "node-gone",
            json!({"bgp": {"ipv4Address": "172.16.77.7/16"}}),
        );
        stored(broken).resources.push(gone);
    });
    fires("pod-cidr-missing", &with_kubernetes(), |broken| {
        let name = broken.nodes[0].name.clone();
        of(broken, "Node", &name)["spec"] = json!({});
        broken.nodes[0].flannel.net_conf = Fact::Known(netdiag::state::cni::FlannelNetConf {
            backend: "host-gw".into(),
            ..Default::default()
        });
    });
}

#[test]
fn endpoints_of_hosts_and_profiles_are_held_against_the_objects() {
    fires("host-endpoint-without-policy", &bgp(), |broken| {
        let name = broken.nodes[0].name.clone();
        stored(broken)
            .kinds
            .extend(["HostEndpoint", "GlobalNetworkPolicy", "Profile", "Tier"].map(String::from));
        let spec = json!({"node": name, "interfaceName": "eth0"});
        stored(broken)
            .resources
            .push(resource("HostEndpoint", "first", spec));
    });
    fires("profile-missing", &bgp(), |broken| {
        let name = broken.nodes[0].name.clone();
        let objects = stored(broken);
        objects
            .kinds
            .extend(["Profile", "WorkloadEndpoint"].map(String::from));
        objects.resources.push(resource(
            "Profile",
            "net1",
            json!({"ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}]}),
        ));
        let mut endpoint = resource(
            "WorkloadEndpoint",
            "n-libnetwork-libnetwork-x",
            json!({"node": name, "orchestrator": "libnetwork",
            "workload": "libnetwork", "endpoint": "x", "interfaceName": "cali0", "ipNetworks": ["10.99.0.1/32"], "profiles": ["net2"]}),
        );
        endpoint["metadata"]["namespace"] = json!("libnetwork");
        objects.resources.push(endpoint);
    });
}
