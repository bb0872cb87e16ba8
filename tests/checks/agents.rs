//! What agents, managers and runtimes are told, and whether they run.

use netdiag::state::cni::{CniPlugin, FlannelSubnet, HostLocal, Lease};
use netdiag::state::link::IfIndex;
use netdiag::state::managers::{NetworkFile, Unmanaged};
use netdiag::state::process::DaemonKind;
use netdiag::state::{Fact, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::{Value, json};

use crate::made::{cni, fires, found, known, link, linked, made, resource, rules, runs, stored};
use crate::objects::{kube, of, with_kubernetes};
use netdiag::state::netfilter::Dialect;

fn bgp() -> Snapshot {
    made(Flavour::CalicoBgp, 3, 2)
}

/// Both managers run, and leave the network's links alone.
fn managed() -> Snapshot {
    let mut cluster = bgp();
    for node in &mut cluster.nodes {
        runs(
            node,
            &[
                (DaemonKind::NetworkManager, "NetworkManager"),
                (DaemonKind::SystemdNetworkd, "systemd-networkd"),
            ],
        );
        node.link_managers.network_manager = Fact::Known(vec![Unmanaged {
            path: "/etc/NetworkManager/conf.d/calico.conf".into(),
            devices: vec!["interface-name:cali*".into(), "interface-name:tunl*".into()],
        }]);
        node.link_managers.networkd = Fact::Known(vec![
            NetworkFile {
                path: "/run/systemd/network/10-netplan-all-en.network".into(),
                names: vec!["en*".into(), "eth*".into()],
                ..NetworkFile::default()
            },
            NetworkFile {
                path: "/usr/lib/systemd/network/80-container-ve.network".into(),
                names: vec!["ve-*".into()],
                kinds: vec!["veth".into()],
                ..NetworkFile::default()
            },
        ]);
    }
    cluster
}

#[test]
fn managers_that_claim_links_of_pods_are_told() {
    fires("network-manager-claims-links", &managed(), |broken| {
        known(&mut broken.nodes[0].link_managers.network_manager).clear();
    });
    fires("networkd-claims-links", &managed(), |broken| {
        known(&mut broken.nodes[1].link_managers.networkd)[0].names = vec!["*".into()];
    });
    fires("networkd-claims-links", &managed(), |broken| {
        known(&mut broken.nodes[1].link_managers.networkd)[1]
            .names
            .clear();
    });
}

#[test]
fn a_file_that_comes_first_or_asks_for_more_claims_nothing() {
    let mut cluster = managed();
    let files = known(&mut cluster.nodes[0].link_managers.networkd);
    files[1].names = vec!["*".into()];
    files[1].narrower = true;
    files.insert(
        0,
        NetworkFile {
            names: vec!["cali*".into()],
            unmanaged: true,
            ..NetworkFile::default()
        },
    );
    files.push(NetworkFile {
        names: vec!["cali*".into()],
        ..NetworkFile::default()
    });
    assert_eq!(found(&cluster), []);
}

#[test]
fn agents_that_are_gone_or_not_ready_are_told() {
    let mut calico = bgp();
    for node in &mut calico.nodes {
        runs(
            node,
            &[
                (DaemonKind::Felix, "calico-node -felix"),
                (DaemonKind::Kubelet, "kubelet"),
            ],
        );
        let environment = &mut known(&mut node.processes).environment;
        environment.insert("CALICO_NETWORKING_BACKEND".into(), "none".into());
    }
    fires("agent-not-running", &calico, |broken| {
        known(&mut broken.nodes[0].processes).daemons.remove(0);
    });
    let mut flannel = made(Flavour::FlannelHostGw, 2, 2);
    for node in &mut flannel.nodes {
        runs(
            node,
            &[
                (DaemonKind::Flanneld, "flanneld"),
                (DaemonKind::Kubelet, "kubelet"),
            ],
        );
        let address = node.net.addresses.items()[2].clone();
        node.flannel.subnet = Fact::Known(FlannelSubnet {
            subnet: Some(address.to_string().parse().unwrap()),
            ..FlannelSubnet::default()
        });
    }
    fires("agent-not-running", &flannel, |broken| {
        known(&mut broken.nodes[0].processes).daemons.remove(0);
    });
    fires("agent-not-ready", &with_kubernetes(), |broken| {
        let node = broken.nodes[0].name.clone();
        let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
        let pod = kube(
            "Pod",
            "kube-system",
            "calico-node-x",
            json!({"labels": {"k8s-app": "calico-node"}, "spec": {"nodeName": node, "hostNetwork": true,
                "containers": [{"name": "c"}]}, "status": status}),
        );
        known(&mut stored(broken).kubernetes).push(pod);
    });
}

#[test]
fn kube_proxy_in_another_mode_than_it_was_told_is_told() {
    let mut cluster = bgp();
    runs(
        &mut cluster.nodes[0],
        &[(DaemonKind::KubeProxy, "kube-proxy --proxy-mode=iptables")],
    );
    fires("kube-proxy-mode-differs", &cluster, |broken| {
        runs(
            &mut broken.nodes[0],
            &[(DaemonKind::KubeProxy, "kube-proxy --proxy-mode=ipvs")],
        );
        broken.nodes[0].net.ipvs = Fact::Known(Vec::new());
    });
}

#[test]
fn ebpf_that_is_not_what_it_should_be_is_told() {
    let wanted = |snapshot: &mut Snapshot, more: Value| {
        let mut spec = json!({"bpfEnabled": true});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        stored(snapshot)
            .resources
            .push(resource("FelixConfiguration", "default", spec));
    };
    let mut healthy = made(Flavour::CalicoBgp, 2, 1);
    for node in &mut healthy.nodes {
        // Felix writes no chains for endpoints.
        for ruleset in known(&mut node.net.netfilter) {
            ruleset.tables.retain(|table| &*table.name != "filter");
        }
    }
    wanted(&mut healthy, json!({}));
    fires("ebpf-not-running", &made(Flavour::CalicoBgp, 2, 1), |broken| {
        wanted(broken, json!({}));
        broken.nodes.remove(1);
    });
    fires("kube-proxy-beside-ebpf", &healthy, |broken| {
        runs(&mut broken.nodes[0], &[(DaemonKind::KubeProxy, "kube-proxy")]);
    });
    fires("ebpf-on-bridged-uplink", &healthy, |broken| {
        let node = &mut broken.nodes[0];
        linked(node, 940, "br0", "bridge");
        linked(node, 941, "eth1", "");
        linked(node, 942, "vnet0", "tun");
        link(node, "eth1").master = Some(IfIndex(940));
        link(node, "vnet0").master = Some(IfIndex(940));
    });
}

fn plugin(kind: &str, rest: Value) -> CniPlugin {
    let mut value = rest;
    value["type"] = kind.into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn configurations_of_cni_that_are_wrong_are_told() {
    let whole = || plugin("calico", json!({"mtu": 1440, "ipam": {"type": "calico-ipam"}}));
    let with = |plugins: &[CniPlugin]| {
        let mut cluster = made(Flavour::CalicoIpip, 2, 2);
        cluster.nodes[0].cni = cni(&[("10-calico.conflist", plugins)]);
        cluster
    };
    let portmap = plugin("portmap", json!({}));
    fires("cni-configuration-incomplete", &with(&[whole()]), |broken| {
        broken.nodes[0].cni = cni(&[("10-calico.conflist", &[plugin("calico", json!({"mtu": 1440}))])]);
    });
    fires("cni-configuration-incomplete", &with(&[whole()]), |broken| {
        let short = plugin("calico", json!({"ipam": {"type": "calico-ipam"}}));
        broken.nodes[0].cni = cni(&[("10-calico.conflist", &[short])]);
        for pod in known(&mut broken.nodes[0].namespaces) {
            for link in known(&mut pod.net.links) {
                link.mtu = 1500;
            }
        }
    });
    fires("pod-mtu-too-large", &with(&[whole()]), |broken| {
        let large = plugin("calico", json!({"mtu": 1500, "ipam": {"type": "calico-ipam"}}));
        broken.nodes[0].cni = cni(&[("10-calico.conflist", &[large])]);
    });
    let mut asked = with_kubernetes();
    asked.nodes[0].cni = cni(&[("10-calico.conflist", &[whole(), portmap])]);
    let ports = json!([{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080}]}]);
    of(&mut asked, "Pod", "web")["spec"]["containers"] = ports;
    fires("host-port-without-portmap", &asked, |broken| {
        broken.nodes[0].cni = cni(&[("10-calico.conflist", &[whole()])]);
    });
    let mut flannel = made(Flavour::FlannelHostGw, 2, 2);
    let delegate = plugin("flannel", json!({}));
    runs(&mut flannel.nodes[0], &[(DaemonKind::Flanneld, "flanneld")]);
    flannel.nodes[0].cni = cni(&[("10-flannel.conflist", std::slice::from_ref(&delegate))]);
    fires("cni-configuration-shadowed", &flannel, |broken| {
        broken.nodes[0].cni = cni(&[
            ("05-calico.conflist", &[whole()]),
            ("10-flannel.conflist", &[delegate]),
        ]);
    });
}

#[test]
fn a_range_without_a_free_address_is_told() {
    let mut flannel = made(Flavour::FlannelHostGw, 2, 2);
    flannel.nodes[0].flannel.subnet = Fact::Known(FlannelSubnet {
        subnet: Some("10.0.0.1/24".parse().unwrap()),
        ..FlannelSubnet::default()
    });
    let leases = |count: u8| {
        let lease = |number: u8| Lease {
            address: [10, 0, 0, number].into(),
            container: format!("sandbox{number}"),
            link: None,
        };
        Fact::Known(vec![HostLocal {
            network: "cbr0".into(),
            directory: "/var/lib/cni/networks/cbr0".into(),
            leases: Fact::Known((2..2 + count).map(lease).collect()),
            ..HostLocal::default()
        }])
    };
    flannel.nodes[0].host_local = leases(200);
    fires("address-range-exhausted", &flannel, |broken| {
        broken.nodes[0].host_local = leases(253);
    });
}

#[test]
fn chains_of_a_network_that_does_not_run_are_told() {
    let mut flannel = made(Flavour::FlannelHostGw, 2, 2);
    runs(&mut flannel.nodes[0], &[(DaemonKind::Flanneld, "flanneld")]);
    fires("rules-left-over", &flannel, |broken| {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:CILIUM_FORWARD - [0:0]\n\
            -A FORWARD -j CILIUM_FORWARD\n-A CILIUM_FORWARD -i cilium_host -j ACCEPT\nCOMMIT\n";
        rules(&mut broken.nodes[0], Dialect::IptablesLegacy, text);
    });
}
