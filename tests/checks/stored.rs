//! Objects that are wrong in a real etcd, of a network that is up: `netdiag check` finds each and nothing else, what is
//! printed is applied or typed, and it finds nothing any more.

use std::fmt::Write;
use std::fs;
use std::thread;
use std::time::Duration;

use netdiag_lab::kinds::{Network, Wire};
use netdiag_lab::{Etcd, Node, Output, Store, or_skip, wait_until};
use serde_json::{Value, json};

use crate::broken::rules::{OUTGOING, with_nat, written};
use crate::mended::collected;
use crate::objects::kube;

/// Where etcd listens, on `m1`.
const ETCD: &str = "10.39.0.110:2379";

/// How long what is tracked, or a ping, may take.
const SETTLED: Duration = Duration::from_secs(20);

/// What Felix does where `nftablesMode` is Enabled.
const IN_NFTABLES: &str = "iptables-nft -t nat -F; iptables-nft -t nat -X
    for set in all masq; do ipset destroy cali40$set-ipam-pools 2>/dev/null || true; done
    nft 'add table ip calico; flush table ip calico
         add chain ip calico nat-postrouting { type nat hook postrouting priority 100; }
         add rule ip calico nat-postrouting ip saddr 192.168.0.0/16 ip daddr != 192.168.0.0/16 masquerade'";

/// A cluster whose objects are in etcd, and those that Kubernetes has.
struct Stored {
    network: Network,
    etcd: Etcd,
    kubernetes: Vec<Value>,
    files: tempfile::TempDir,
}

/// How a fault is mended.
enum By {
    /// by the manifest that is written
    Manifest,
    /// by what these steps say after these words
    Steps(&'static [&'static str]),
    /// as a step asks people to
    Hand(fn(&mut Stored, &Value)),
}

use By::{Hand, Manifest, Steps};

fn object(kind: &str, name: &str, spec: Value) -> Value {
    crate::made::resource(kind, name, spec)
}

fn pool(name: &str, spec: Value) -> Value {
    let mut whole =
        json!({"ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": true, "nodeSelector": "all()"});
    let fields = whole.as_object_mut().unwrap();
    fields.extend(spec.as_object().unwrap().clone());
    object("IPPool", name, whole)
}

/// The pods that Kubernetes knows: namespace, name, node, address, label.
const PODS: [(&str, &str, &str, &str, &str); 3] = [
    ("default", "web", "m1", "192.168.70.42", "web"),
    ("kube-system", "coredns", "m2", "192.168.71.5", "kube-dns"),
    ("default", "client", "m3", "192.168.169.196", "client"),
];

/// Nodes, namespaces, pods, and the service of DNS.
fn kubernetes() -> Vec<Value> {
    let mut objects: Vec<Value> = ["m1", "m2", "m3"]
        .map(|name| {
            kube(
                "Node",
                "",
                name,
                json!({"spec": {"podCIDR": "10.1.0.0/24"}, "status": {}}),
            )
        })
        .into();
    for namespace in ["default", "kube-system"] {
        let labels = json!({"kubernetes.io/metadata.name": namespace});
        objects.push(kube("Namespace", "", namespace, json!({"labels": labels})));
    }
    for (namespace, name, node, ip, label) in PODS {
        let key = if label == "kube-dns" { "k8s-app" } else { "app" };
        let parts = json!({
            "labels": {key: label},
            "spec": {"nodeName": node, "containers": [{"name": "c"}]},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}]},
        });
        objects.push(kube("Pod", namespace, name, parts));
    }
    let ports = json!([{"name": "dns", "port": 53, "protocol": "UDP"}]);
    let spec = json!({"clusterIP": "10.96.0.10", "selector": {"k8s-app": "kube-dns"}, "ports": ports});
    objects.push(kube("Service", "kube-system", "kube-dns", json!({"spec": spec})));
    let end = json!([{"addresses": ["192.168.71.5"], "conditions": {"ready": true}, "nodeName": "m2"}]);
    let slice = json!({"labels": {"kubernetes.io/service-name": "kube-dns"}, "addressType": "IPv4", "endpoints": end, "ports": ports});
    objects.push(kube("EndpointSlice", "kube-system", "kube-dns-1", slice));
    objects
}

impl Stored {
    fn up() -> netdiag_lab::Result<Self> {
        let outside = "ip address add 198.51.100.7/32 dev lo";
        let network = written(Wire::Plain)
            .draft()
            .also("m1", OUTGOING)
            .also("ext", outside)
            .also("gw", "ip route add 198.51.100.0/24 via 10.39.0.200")
            .up()?;
        let etcd = Etcd::start(network.lab().node("m1"), ETCD, Store::V3)?;
        network.works()?;
        etcd.wait_ready()?;
        let stored = Self {
            network,
            etcd,
            kubernetes: kubernetes(),
            files: tempfile::tempdir().unwrap(),
        };
        let nodes: Vec<_> = stored.network.lab().nodes().map(collected).collect();
        let objects = with_nat(&nodes).known().unwrap().clone().resources;
        stored.apply(&objects);
        Ok(stored)
    }

    fn node(&self, name: &str) -> &Node {
        self.network.lab().node(name)
    }

    /// Runs a line of the shell on `m1`, where `netdiag` is at hand and knows etcd.
    fn sh(&self, script: &str, input: &str) -> Output {
        let program = env!("CARGO_BIN_EXE_netdiag");
        let script = format!(
            "netdiag() {{ {program} \"$@\"; }}; set +e; cd {}; {script}",
            self.files.path().display()
        );
        let run = self.node("m1").sh(&script).within(Duration::from_secs(60));
        let run = run.env("ETCD_ENDPOINTS", format!("http://{ETCD}"));
        run.input(input.to_owned()).output().unwrap()
    }

    fn netdiag(&self, line: &str, input: &str) -> String {
        let output = self.sh(&format!("netdiag {line}"), input);
        assert_eq!(output.code(), Some(0), "{line}: {} {input}", output.stderr);
        output.stdout
    }

    fn apply(&self, objects: &[Value]) {
        let texts: Vec<String> = objects.iter().map(ToString::to_string).collect();
        self.netdiag("apply -f - --yes", &texts.join("\n---\n"));
        self.felix();
    }

    fn delete(&self, what: &str) {
        self.netdiag(&format!("delete {what} --yes"), "");
        self.felix();
    }

    /// Felix's sets of pools, as they are stored; or, once it is told to, its rules in nftables, for the first pool alone.
    fn felix(&self) {
        let settings = self
            .sh("netdiag get felixconfiguration default -o json", "")
            .stdout;
        if settings.contains("\"nftablesMode\": \"Enabled\"") {
            self.node("m1").sh(IN_NFTABLES).ok().unwrap();
            return;
        }
        let pools: Value = serde_json::from_str(&self.netdiag("get ippool -o json", "")).unwrap();
        let mut script = "for set in all masq; do ipset flush cali40$set-ipam-pools; done\n".to_owned();
        for pool in pools["items"].as_array().unwrap() {
            let (spec, cidr) = (&pool["spec"], pool["spec"]["cidr"].as_str().unwrap());
            let masqueraded = spec["natOutgoing"] == true && spec["disabled"] != true;
            for set in ["all", "masq"].iter().take(1 + usize::from(masqueraded)) {
                writeln!(script, "ipset add cali40{set}-ipam-pools {cidr}").unwrap();
            }
        }
        self.node("m1").sh(&script).ok().unwrap();
    }

    /// Calico's IPAM with a block of a node, and addresses in it that handles of that node have.
    fn block(&self, cidr: &str, node: &str, given: usize) {
        let (first, bits) = cidr.split_once('/').unwrap();
        let size = 1 << (32 - bits.parse::<u32>().unwrap());
        let allocations: Vec<Value> = (0..size)
            .map(|ordinal| {
                if ordinal < given {
                    json!(ordinal)
                } else {
                    Value::Null
                }
            })
            .collect();
        let free: Vec<usize> = (given..size).collect();
        let handle = |ordinal: usize| format!("k8s-pod-network.{first}-{ordinal}");
        let attribute = |ordinal: usize| {
            let secondary = json!({"node": node, "namespace": "default", "pod": format!("gone-{ordinal}")});
            json!({"handle_id": handle(ordinal), "secondary": secondary})
        };
        let attributes: Vec<Value> = (0..given).map(attribute).collect();
        let block = json!({
            "cidr": cidr, "affinity": format!("host:{node}"), "strictAffinity": false, "allocations": allocations,
            "unallocated": free, "deleted": false, "attributes": attributes,
        });
        let key = cidr.replace('/', "-");
        let put = |key: &str, value: &Value| self.etcd.put(key, &value.to_string()).unwrap();
        put(&format!("/calico/ipam/v2/assignment/ipv4/block/{key}"), &block);
        let confirmed = json!({"state": "confirmed", "deleted": false});
        put(
            &format!("/calico/ipam/v2/host/{node}/ipv4/block/{key}"),
            &confirmed,
        );
        for ordinal in 0..given {
            let id = handle(ordinal);
            put(
                &format!("/calico/ipam/v2/handle/{id}"),
                &json!({"handleID": id, "block": {cidr: 1}, "deleted": false}),
            );
        }
    }

    /// `check` over snapshots of two nodes: its findings, and what `--fix-to` writes.
    fn checked(&self) -> (Vec<Value>, Option<String>) {
        let path = |name: &str| self.files.path().join(name);
        let whole = json!({"apiVersion": "v1", "kind": "List", "items": self.kubernetes});
        fs::write(path("kubernetes.json"), whole.to_string()).unwrap();
        fs::remove_file(path("fix.yaml")).ok();
        thread::scope(|scope| {
            scope.spawn(|| self.netdiag("snapshot save -o m1.zst", ""));
            let two = self.node("m2");
            let words = [env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"];
            let text = two.run(words).within(Duration::from_secs(60)).ok().unwrap();
            fs::write(path("m2.json"), text).unwrap();
        });
        let line = "netdiag check --snapshot m1.zst --snapshot m2.json --objects kubernetes.json -o json --fix-to fix.yaml";
        let output = self.sh(line, "");
        let document: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stderr));
        let findings = document["findings"].as_array().unwrap().clone();
        (findings, fs::read_to_string(path("fix.yaml")).ok())
    }

    fn silent(&self, what: &str) {
        let (findings, _) = self.checked();
        assert!(findings.is_empty(), "{what}: {findings:#?}");
    }

    /// Finds what was broken, alone, mends it, and finds nothing any more.
    fn mends(&mut self, what: &str, id: &str, by: By) {
        let (findings, fix) = self.checked();
        let [finding] = findings.as_slice() else {
            panic!("{what}: {findings:#?}")
        };
        assert_eq!(finding["code"], id, "{what}: {finding:#}");
        match by {
            Manifest => {
                let fix = fix.unwrap_or_else(|| panic!("{what}: no manifest: {finding:#}"));
                self.netdiag("apply -f - --yes", &fix);
            }
            Steps(starts) => {
                for start in starts {
                    let mut steps = finding["steps"].as_array().unwrap().iter();
                    let script = steps.find_map(|step| step.as_str().unwrap().strip_prefix(start));
                    let script = script.unwrap_or_else(|| panic!("{what}: no step {start}: {finding:#}"));
                    let output = self.sh(script, "");
                    assert_eq!(output.code(), Some(0), "{what}: {script}: {}", output.stderr);
                }
            }
            Hand(hand) => hand(self, finding),
        }
        self.felix();
        self.silent(&format!("{what}: mended, and yet"));
    }

    /// A pod of `m1` asks somebody outside, so that it is tracked.
    fn asks(&self, ip: &str) -> bool {
        let ping = format!("ip netns exec web ping -c1 -W1 {ip}");
        self.node("m1").sh(&ping).output().unwrap().code() == Some(0)
    }

    fn pools_are_mended(&mut self) {
        self.apply(&[pool("second", json!({"cidr": "198.51.100.0/24"}))]);
        assert!(!(0..3).any(|_| self.asks("198.51.100.7")));
        self.mends(
            "a pool has the addresses of hosts outside",
            "outside-address-in-pool",
            Hand(|stored, finding| {
                let step = finding["steps"][0].as_str().unwrap();
                let command = step.split_once(": ").unwrap().1;
                assert_eq!(stored.sh(command, "").code(), Some(0), "{command}");
                stored.reached("198.51.100.7");
            }),
        );

        let default = |nat: bool| {
            pool(
                "default-ipv4-ippool",
                json!({"cidr": "192.168.0.0/16", "natOutgoing": nat}),
            )
        };
        self.apply(&[default(false)]);
        self.node("m1").sh("conntrack -F").ok().unwrap();
        assert!(!(0..3).any(|_| self.asks("10.39.0.200")));
        self.mends("nothing is masqueraded", "pool-without-nat-outgoing", Manifest);
        self.reached("10.39.0.200");

        let second = pool("second", json!({"cidr": "192.168.64.0/20"}));
        let text = json!({"kind": "IPPool", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "second", "uid": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": second["spec"]});
        let key = "/calico/resources/v3/projectcalico.org/ippools/second";
        self.etcd.put(key, &text.to_string()).unwrap();
        self.felix();
        self.mends(
            "two pools overlap",
            "pools-overlap",
            Steps(&["no pod has an address of second: "]),
        );

        self.apply(&[pool("small", json!({"cidr": "192.0.2.0/26"}))]);
        self.block("192.0.2.0/26", "m1", 64);
        self.mends(
            "no address is left",
            "pool-exhausted",
            Steps(&["give back what nobody uses: "]),
        );
        self.delete("ippool small");

        self.apply(&[pool("single", json!({"cidr": "192.0.2.0/24", "blockSize": 32}))]);
        self.block("192.0.2.9/32", "m1", 0);
        self.mends(
            "blocks of one address",
            "block-of-one-address",
            Hand(|stored, finding| {
                stored.apply(&[pool("wide", json!({"cidr": "203.0.113.0/24", "blockSize": 26}))]);
                for step in finding["steps"].as_array().unwrap().iter().skip(1) {
                    let command = step.as_str().unwrap().split_once(": ").unwrap().1;
                    let output = stored.sh(command, "");
                    assert_eq!(output.code(), Some(0), "{command}: {}", output.stderr);
                }
            }),
        );
        self.delete("ippool wide");
    }

    /// The outside answers a pod, once what was tracked is forgotten.
    fn reached(&self, ip: &str) {
        self.felix();
        self.node("m1").sh("conntrack -F").ok().unwrap();
        wait_until(ip, SETTLED, || self.asks(ip)).unwrap();
    }

    fn nodes_are_mended(&mut self) {
        self.block("192.168.72.0/26", "gone", 3);
        self.mends(
            "a node is gone, and its block is not",
            "block-of-dead-node",
            Steps(&["take them from it, in etcd: ", "give back what nobody uses: "]),
        );

        let gone = object("Node", "old", json!({"bgp": {"ipv4Address": "10.39.0.99/24"}}));
        self.apply(&[gone]);
        self.block("192.168.73.0/26", "old", 0);
        self.mends(
            "a machine is gone, and its Node is not",
            "node-object-stale",
            Steps(&["if the machine is gone for good: "]),
        );

        let clone = "cp /proc/sys/kernel/random/uuid /run/boot_id; mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
            echo 5f0c5f0c5f0c5f0c5f0c5f0c5f0c5f0c >/etc/machine-id";
        for name in ["m1", "m2"] {
            self.node(name).sh(clone).ok().unwrap();
        }
        self.mends(
            "a machine is another's clone",
            "machine-id-shared",
            Hand(|stored, finding| {
                let step = finding["steps"][0].as_str().unwrap();
                let script = step.strip_prefix("on the clones: ").unwrap();
                let script = script.strip_suffix("; reboot").unwrap();
                stored.node("m2").sh(script).ok().unwrap();
            }),
        );
    }

    fn policies_are_mended(&mut self) {
        let global = |name: &str, spec: Value| object("GlobalNetworkPolicy", name, spec);
        let in_default = |name: &str, spec: Value| {
            let mut policy = object("NetworkPolicy", name, spec);
            policy["metadata"]["namespace"] = "default".into();
            policy
        };
        let web = json!({"action": "Allow", "destination": {"selector": "app == 'web'"}});
        self.apply(&[in_default(
            "egress",
            json!({"selector": "app == 'client'", "types": ["Egress"], "egress": [web]}),
        )]);
        self.mends(
            "a pod may not ask for names",
            "policy-denies-dns",
            Hand(|stored, _| {
                let dns = json!({"action": "Allow", "protocol": "UDP", "destination": {"ports": [53],
                    "selector": "k8s-app == 'kube-dns'", "namespaceSelector": "kubernetes.io/metadata.name == 'kube-system'"}});
                let web = json!({"action": "Allow", "destination": {"selector": "app == 'web'"}});
                let mut policy = object(
                    "NetworkPolicy",
                    "egress",
                    json!({"selector": "app == 'client'", "types": ["Egress"], "egress": [dns, web]}),
                );
                policy["metadata"]["namespace"] = "default".into();
                stored.apply(&[policy]);
            }),
        );

        self.apply(&[global("deny", json!({"selector": "all()", "types": ["Ingress"]}))]);
        self.mends(
            "nobody may ask for names",
            "policy-shuts-dns",
            Hand(|stored, finding| {
                let step = finding["steps"][0].as_str().unwrap();
                let selector = step.split_once("(namespaceSelector: ").unwrap().1;
                let selector = selector.split_once("), or").unwrap().0;
                let spec = json!({"selector": "all()", "namespaceSelector": selector, "types": ["Ingress"]});
                stored.apply(&[object("GlobalNetworkPolicy", "deny", spec)]);
            }),
        );
        self.delete("globalnetworkpolicy deny");

        self.apply(&[in_default(
            "from",
            json!({"selector": "app == 'web'", "types": ["Ingress"],
                "ingress": [{"action": "Allow", "source": {"selector": "app == 'cleint'"}}]}),
        )]);
        self.mends(
            "a selector selects nobody",
            "policy-selects-nobody",
            Hand(|stored, _| {
                let spec = json!({"selector": "app == 'web'", "types": ["Ingress"],
                    "ingress": [{"action": "Allow", "source": {"selector": "app == 'client'"}}]});
                let mut policy = object("NetworkPolicy", "from", spec);
                policy["metadata"]["namespace"] = "default".into();
                stored.apply(&[policy]);
            }),
        );

        let ssh = json!({"action": "Deny", "protocol": "TCP", "destination": {"ports": [22]}});
        let all = json!({"action": "Allow"});
        let ordered = |rules: [&Value; 2]| {
            global(
                "ssh",
                json!({"selector": "app == 'web'", "types": ["Ingress"], "ingress": rules}),
            )
        };
        self.apply(&[ordered([&all, &ssh])]);
        self.mends(
            "a rule behind one for all",
            "policy-rule-unreached",
            Hand(|stored, finding| {
                let step = finding["steps"][0].as_str().unwrap();
                assert_eq!(step, "put rule 2 in front of rule 1");
                let ssh = json!({"action": "Deny", "protocol": "TCP", "destination": {"ports": [22]}});
                let spec = json!({"selector": "app == 'web'", "types": ["Ingress"], "ingress": [ssh, {"action": "Allow"}]});
                stored.apply(&[object("GlobalNetworkPolicy", "ssh", spec)]);
            }),
        );
    }

    fn endpoints_are_mended(&mut self) {
        let host = |profiles: Value| {
            let spec = json!({"node": "m1", "interfaceName": "eth0", "expectedIPs": ["10.39.0.110"], "profiles": profiles});
            let mut host = object("HostEndpoint", "uplink", spec);
            host["metadata"]["labels"] = json!({"host": "yes"});
            host
        };
        self.apply(&[host(json!([]))]);
        self.mends(
            "a host's endpoint alone",
            "host-endpoint-without-policy",
            Steps(&["or take the endpoint away: "]),
        );

        let open = json!({"ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}]});
        let closed = json!({"selector": "has(host)", "types": ["Ingress"],
            "ingress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [30080]}}, {"action": "Allow"}]});
        self.apply(&[
            object("Profile", "open", open),
            host(json!(["open"])),
            object("GlobalNetworkPolicy", "ports", closed),
        ]);
        let ports = json!([{"name": "main", "port": 80, "protocol": "TCP", "nodePort": 30080}]);
        let spec = json!({"type": "NodePort", "clusterIP": "10.96.0.80", "selector": {"app": "web"}, "ports": ports});
        self.kubernetes
            .push(kube("Service", "default", "web", json!({"spec": spec})));
        let end = json!([{"addresses": ["192.168.70.42"], "conditions": {"ready": true}, "nodeName": "m1"}]);
        self.kubernetes.push(kube(
            "EndpointSlice",
            "default",
            "web-1",
            json!({"labels": {"kubernetes.io/service-name": "web"}, "addressType": "IPv4", "endpoints": end,
                "ports": [{"name": "main", "port": 80, "protocol": "TCP"}]}),
        ));
        self.mends(
            "a policy sees a NodePort too late",
            "policy-after-translation",
            Manifest,
        );

        let mut endpoint = object(
            "WorkloadEndpoint",
            "m1-libnetwork-libnetwork-x",
            json!({"node": "m1", "orchestrator": "libnetwork", "workload": "libnetwork", "endpoint": "x",
                "interfaceName": "cali0", "ipNetworks": ["192.168.70.99/32"], "profiles": ["net1"]}),
        );
        endpoint["metadata"]["namespace"] = "libnetwork".into();
        self.apply(&[endpoint]);
        self.mends("a profile is gone", "profile-missing", Manifest);
    }
}

impl Stored {
    /// The last one: Felix writes otherwise from then on.
    fn data_planes_are_mended(&mut self) {
        // Of services, that table would have to say more.
        self.kubernetes
            .retain(|object| object["kind"] != "Service" && object["kind"] != "EndpointSlice");
        self.node("m1").sh("nft add table ip kube-proxy").ok().unwrap();
        self.mends(
            "kube-proxy uses nftables, and Felix iptables",
            "dataplanes-mixed",
            Manifest,
        );
        self.reached("10.39.0.200");
    }
}

#[test]
fn objects_in_etcd_are_mended() {
    let Some(mut stored) = or_skip(Stored::up()) else {
        return;
    };
    stored.silent("healthy");
    stored.pools_are_mended();
    stored.nodes_are_mended();
    stored.policies_are_mended();
    stored.endpoints_are_mended();
    stored.data_planes_are_mended();
}
