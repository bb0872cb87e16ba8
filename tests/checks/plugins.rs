//! Pods that real plugins of CNI attach, as a runtime asks them to: a host's port that nobody maps, and addresses that
//! have run out, each found, mended as the steps say, and there for pods. And a node without a range for them.

use std::net::SocketAddr;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, Objects, Snapshot};
use netdiag_lab::kinds::{Backend, Flannel};
use netdiag_lab::{Kubernetes, Lab, Node, Plan, Result, or_skip, unpacked, wait_until};
use serde_json::{Value, json};

use crate::made::found;
use crate::mended::collected;
use crate::objects::kube;

const FILE: &str = "/etc/cni/net.d/10-pods.conflist";

/// A node that gives pods addresses of a small range, and a host beside it.
struct Host {
    lab: Lab,
}

impl Host {
    fn up() -> Result<Self> {
        let lab = Plan::new()
            .segment("lan", "")
            .node("n1", |node| {
                node.link("eth0", "lan", "192.168.70.11/24")
                    .route("default via 192.168.70.12")
                    .forward()
            })
            .node("ext", |node| node.link("eth0", "lan", "192.168.70.12/24"))
            .up()?;
        let host = Self { lab };
        let node = host.node();
        node.write(
            "/run/flannel/subnet.env",
            "FLANNEL_NETWORK=10.88.0.0/16\nFLANNEL_SUBNET=10.88.1.1/29\n",
        )?;
        host.configure(&[bridge()])?;
        Ok(host)
    }

    fn node(&self) -> &Node {
        self.lab.node("n1")
    }

    fn configure(&self, plugins: &[Value]) -> Result<()> {
        let network = json!({"cniVersion": "0.4.0", "name": "pods", "plugins": plugins});
        self.node().write(FILE, &network.to_string())
    }

    /// What the runtime does for a pod with port 80, and this port of the host.
    fn attach(&self, pod: &str, port: Option<u16>) -> Result<()> {
        let node = self.node();
        let network: Value = serde_json::from_str(&node.read(FILE)?).unwrap();
        node.sh(&format!("ip netns add {pod}; ip -n {pod} link set lo up"))
            .ok()?;
        let mut before = Value::Null;
        for plugin in network["plugins"].as_array().unwrap() {
            let kind = plugin["type"].as_str().unwrap();
            let program = unpacked("containernetworking-plugins", &format!("usr/lib/cni/{kind}"))?;
            let mut input = plugin.clone();
            for key in ["cniVersion", "name"] {
                input[key] = network[key].clone();
            }
            if !before.is_null() {
                input["prevResult"] = before.clone();
            }
            if let Some(port) = port.filter(|_| plugin["capabilities"]["portMappings"] == true) {
                let mapping = json!({"hostPort": port, "containerPort": 80, "protocol": "tcp"});
                input["runtimeConfig"] = json!({"portMappings": [mapping]});
            }
            let environment = [
                ("CNI_COMMAND", "ADD".to_owned()),
                ("CNI_CONTAINERID", pod.to_owned()),
                ("CNI_NETNS", format!("/run/netns/{pod}")),
                ("CNI_IFNAME", "eth0".to_owned()),
                (
                    "CNI_PATH",
                    program.trim_end_matches(&format!("/{kind}")).to_owned(),
                ),
            ];
            let run = node.run([&program]).input(input.to_string());
            let run = environment
                .into_iter()
                .fold(run, |run, (name, value)| run.env(name, value));
            let output = run.within(Duration::from_secs(20)).output()?;
            if output.code() != Some(0) {
                return Err(netdiag_lab::Error::Failed(output.stdout));
            }
            before = serde_json::from_str(&output.stdout).unwrap();
        }
        Ok(())
    }

    /// The sandbox dies, and nobody asks the plugins to clean up.
    fn dies(&self, pod: &str) {
        self.node().sh(&format!("ip netns del {pod}")).ok().unwrap();
    }

    fn found(&self, port: Option<u16>) -> Vec<Finding> {
        let mut container = json!({"name": "main", "ports": [{"containerPort": 80}]});
        if let Some(port) = port {
            container["ports"][0]["hostPort"] = port.into();
        }
        let pod = json!({
            "spec": {"nodeName": "n1", "containers": [container]},
            "status": {"phase": "Running", "podIP": "10.88.1.2", "podIPs": [{"ip": "10.88.1.2"}]},
        });
        let node = json!({"spec": {"podCIDR": "10.88.1.0/29"}, "status": {}});
        let objects = Objects {
            store: "a test".into(),
            kubernetes: Fact::Known(vec![
                kube("Node", "", "n1", node),
                kube("Namespace", "", "default", json!({})),
                kube("Pod", "default", "web", pod),
            ]),
            ..Objects::default()
        };
        found(&Snapshot {
            nodes: vec![collected(self.node())],
            objects: Fact::Known(objects),
            ..Snapshot::default()
        })
    }

    /// The only finding.
    fn named(&self, port: Option<u16>, id: &str) -> Finding {
        let mut findings = self.found(port);
        assert!(
            matches!(findings.as_slice(), [one] if (one.id, one.node.as_str()) == (id, "n1")),
            "{findings:#?}"
        );
        findings.remove(0)
    }

    /// Whether somebody outside gets to a port of the node.
    fn opens(&self, port: u16) -> bool {
        let to: SocketAddr = format!("192.168.70.11:{port}").parse().unwrap();
        let connect = format!("timeout 2 bash -c '</dev/tcp/{}/{}'", to.ip(), to.port());
        self.lab.node("ext").sh(&connect).output().unwrap().code() == Some(0)
    }
}

fn bridge() -> Value {
    json!({"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.1.0/29"}]], "routes": [{"dst": "0.0.0.0/0"}]}})
}

#[test]
fn ports_of_hosts_and_addresses_of_pods_come_back() {
    let Some(host) = or_skip(Host::up()) else { return };
    if or_skip(host.attach("web", Some(8080))).is_none() {
        return;
    }
    let serve = |pod: &str| host.node().pod(pod).listen(80).unwrap();
    let serving = serve("web");
    assert_eq!(host.found(None), []);
    assert!(!host.opens(8080));
    let finding = host.named(Some(8080), "host-port-without-portmap");
    let (plugin, rest) = finding.fix.steps[0]
        .strip_prefix("add ")
        .unwrap()
        .split_once(" to the plugins of ")
        .unwrap();
    assert_eq!(rest, format!("{FILE}, and make the pod anew"));
    host.configure(&[bridge(), serde_json::from_str(plugin).unwrap()])
        .unwrap();
    drop(serving);
    host.dies("web");
    host.attach("anew", Some(8080)).unwrap();
    let _serving = serve("anew");
    wait_until("the host's port", Duration::from_secs(10), || host.opens(8080)).unwrap();
    assert_eq!(host.found(Some(8080)), []);

    // The first `web` has an address still, and so have these.
    for pod in ["one", "two", "three"] {
        host.attach(pod, None).unwrap();
        host.dies(pod);
    }
    let full = host.attach("four", None).unwrap_err().to_string();
    assert!(full.contains("no IP addresses available in range set"), "{full}");
    host.dies("four");
    let finding = host.named(Some(8080), "address-range-exhausted");
    let step = &finding.fix.steps[0];
    let directory = "/var/lib/cni/networks/pods";
    assert!(
        step.starts_with("delete the files of sandboxes that are gone"),
        "{step}"
    );
    assert!(step.contains(directory), "{step}");
    let gone = format!(
        "cd {directory}; for file in 10.*; do read -r id <$file; [ -e /run/netns/${{id%\r}} ] || rm $file; done"
    );
    host.node().sh(&gone).ok().unwrap();
    host.attach("four", None).unwrap();
    assert_eq!(host.found(Some(8080)), []);
}

#[test]
fn a_node_without_a_range_for_pods_gets_one() {
    let draft = Flannel::new(Backend::HostGateway).draft();
    let configured = r#"{"Network": "10.244.0.0/16", "Backend": {"Type": "host-gw"}}"#;
    let draft = draft.file("n3", "/etc/kube-flannel/net-conf.json", configured.into());
    let Some(network) = or_skip(draft.up()) else {
        return;
    };
    let Some(server) = or_skip(Kubernetes::shared()) else {
        return;
    };
    network.works().unwrap();
    for (name, spec) in [
        ("n1", json!({"podCIDR": "10.244.1.0/24"})),
        ("n2", json!({"podCIDR": "10.244.2.0/24"})),
        ("n3", json!({})),
    ] {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec});
        server.create("/api/v1/nodes", &node).unwrap();
    }
    let found = || {
        let nodes = ["n1", "n2", "n3"].map(|name| {
            let mut node = server.get(&format!("/api/v1/nodes/{name}")).unwrap().unwrap();
            node["kind"] = "Node".into();
            node["apiVersion"] = "v1".into();
            node
        });
        let objects = Objects {
            store: "a test".into(),
            kubernetes: Fact::Known(nodes.into()),
            ..Objects::default()
        };
        found(&Snapshot {
            nodes: network.lab().nodes().map(collected).collect(),
            objects: Fact::Known(objects),
            ..Snapshot::default()
        })
    };
    let findings = found();
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (finding.id, finding.node.as_str()),
        ("pod-cidr-missing", "n3"),
        "{finding:#?}"
    );
    let command = finding.fix.steps[1]
        .split_once("kubectl patch node n3 -p '")
        .unwrap()
        .1;
    // The one that its bridge has already.
    let patch: Value = serde_json::from_str(command.strip_suffix('\'').unwrap()).unwrap();
    assert_eq!(patch["spec"]["podCIDR"], "10.244.3.0/24");
    let (code, answer) = server.request("PATCH", "/api/v1/nodes/n3", Some(&patch)).unwrap();
    assert_eq!(code, 200, "{answer}");
    assert_eq!(found(), []);
}
