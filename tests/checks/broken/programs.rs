//! Agents that end, are told something else, or don't reach their datastore; other programs of the host, and files that
//! they and the container runtime read.

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_lab::kinds::{Backend, Calico, Draft, Flannel, Network, Probe, Way, Wire};
use netdiag_lab::{Daemon, Node, or_skip, ovs, wait_until};
use serde_json::json;

use super::rules::written;
use super::{By, Case, Done, SETTLED, Script, Typed, plain, without_objects, wrong};
use crate::made::{found, resource};
use crate::mended::{collected, each, traced, typed};

/// A program that does nothing, by the name of what it stands for.
fn runs(node: &Node, called: &str, environment: &[(&str, &str)]) -> netdiag_lab::Result<()> {
    let daemon = Daemon {
        program: "/usr/bin/perl".into(),
        called: called.into(),
        arguments: ["-e", "sleep 3600", "--", "-felix"].map(str::to_owned).into(),
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        log: format!("/var/log/{called}.log"),
    };
    node.start(called, &daemon)
}

/// Without systemd, what tells its programs of new files.
const SYSTEMD: &str = "for tool in systemctl networkctl; do
      printf '#!/bin/sh\n' >/run/lab/bin/$tool; chmod +x /run/lab/bin/$tool
    done";

/// Files of `mv FILE /root/` stay in the lab.
const ROOT: &str = "mkdir -p /run/root; mount --bind /run/root /root";

fn case(draft: Draft, node: &'static str, script: &'static str, id: &'static str, by: By) -> Case {
    Case {
        what: script.into(),
        draft,
        objects: if node == "m1" { of_old } else { without_objects },
        breaks: vec![(node, script)],
        loses: false,
        sees_processes: true,
        id,
        node,
        by,
    }
}

/// Calico's objects, of a release whose Felix is choosy.
fn of_old(nodes: &[NodeState]) -> Fact<Objects> {
    let mut objects = plain(nodes).known().unwrap().clone();
    let cluster = resource(
        "ClusterInformation",
        "default",
        json!({"calicoVersion": "v3.8.1"}),
    );
    let felix = resource("FelixConfiguration", "default", json!({"ipipMTU": 1480}));
    objects.resources.extend([cluster, felix]);
    Fact::Known(objects)
}

const CALICO: &str = r#"{"cniVersion": "0.3.1", "name": "k8s-pod-network", "plugins": [{"type": "calico", "mtu": 1400,
    "ipam": {"type": "calico-ipam"}}]}"#;
const FLANNEL: &str = r#"{"cniVersion": "0.3.1", "name": "cbr0", "plugins": [{"type": "flannel", "delegate": {"isDefaultGateway": true}}]}"#;

fn agents() -> Vec<Case> {
    let flannel = || Flannel::new(Backend::Vxlan).draft();
    let calico = || written(Wire::Plain).draft();
    let networks = "mkdir -p /etc/NetworkManager; printf '[main]\nplugins=keyfile\n' >/etc/NetworkManager/NetworkManager.conf";
    vec![
        case(
            flannel()
                .program("n1", "kubelet", "sleep 3600")
                .also("n1", "printf 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\n' >/run/flannel/subnet.env")
                .program("n1", "flanneld", "sleep 3600"),
            "n1",
            "for at in /proc/[0-9]*; do ! grep -q '^flanneld' $at/cmdline 2>/dev/null || kill -9 ${at#/proc/}; done",
            "agent-not-running",
            Done(|network| runs(network.lab().node("n1"), "flanneld", &[])),
        ),
        // Of an old network, which comes first by its name.
        case(
            flannel()
                .program("n1", "flanneld", "sleep 3600")
                .file("n1", "/etc/cni/net.d/10-flannel.conflist", FLANNEL.into())
                .file("n1", "/run/old.conflist", CALICO.into())
                .also("n1", ROOT),
            "n1",
            "cp /run/old.conflist /etc/cni/net.d/05-calico.conflist",
            "cni-configuration-shadowed",
            Typed,
        ),
        case(
            calico().file("m1", "/etc/cni/net.d/10-calico.conflist", CALICO.into()),
            "m1",
            r#"sed -i 's/"mtu": 1400,/"mtu": 1400/; s/"ipam": {"type": "calico-ipam"}//' /etc/cni/net.d/10-calico.conflist"#,
            "cni-configuration-incomplete",
            Script(
                r#"sed -i 's/"mtu": 1400/"mtu": 1400, "ipam": {"type": "calico-ipam"}/' /etc/cni/net.d/10-calico.conflist"#,
            ),
        ),
        case(
            calico(),
            "m1",
            "sysctl -qw net.ipv4.conf.all.rp_filter=2",
            "felix-refuses-loose-rp-filter",
            Typed,
        ),
        case(
            calico().also("m1", SYSTEMD).program("m1", "NetworkManager", "sleep 3600"),
            "m1",
            networks,
            "network-manager-claims-links",
            Typed,
        ),
        case(
            calico().also("m1", SYSTEMD).program("m1", "systemd-networkd", "sleep 3600"),
            "m1",
            "mkdir -p /etc/systemd/network; printf '[Match]\nName=*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/00-all.network",
            "networkd-claims-links",
            Typed,
        ),
        case(
            calico().also("m1", SYSTEMD).program("m1", "systemd-networkd", "sleep 3600"),
            "m1",
            "mkdir -p /run/systemd/network; printf '[Match]\nName=*\n[Network]\nDHCP=yes\n' >/run/systemd/network/80-all.network",
            "networkd-claims-links",
            Typed,
        ),
    ]
}

#[test]
fn agents_and_other_programs_are_told_and_mended() {
    let wrong = each(agents(), wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn told(network: &Network) -> Vec<Finding> {
    let nodes: Vec<NodeState> = network.lab().nodes().map(collected).collect();
    found(&Snapshot {
        objects: of_old(&nodes),
        nodes,
        ..Snapshot::default()
    })
}

/// Felix is told by its environment what the objects say otherwise, and then its datastore is cut off.
#[test]
fn what_felix_is_told_and_asks_for_is_told_and_mended() {
    let draft = Calico::default().draft().program(
        "ext",
        "etcd",
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 2379, ReuseAddr => 1) or die;
         while (my $c = $s->accept) { close $c }",
    );
    let Some(network) = or_skip(draft.up()) else {
        return;
    };
    network.works().unwrap();
    let (node, ext) = (network.lab().node("m1"), network.lab().node("ext"));
    runs(node, "calico-node", &[("FELIX_LOGSEVERITYSCREEN", "info")]).unwrap();
    assert_eq!(told(&network), []);
    node.stop("calico-node").unwrap();
    runs(node, "calico-node", &[("FELIX_IPINIPMTU", "1400")]).unwrap();
    let findings = told(&network);
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (finding.id, finding.node.as_str()),
        ("environment-hides-setting", "m1")
    );
    // As `kubectl set env daemonset/calico-node FELIX_IPINIPMTU-` does.
    assert!(
        finding.fix.steps[0].ends_with(" FELIX_IPINIPMTU-"),
        "{finding:#?}"
    );
    node.stop("calico-node").unwrap();
    runs(node, "calico-node", &[("FELIX_LOGSEVERITYSCREEN", "info")]).unwrap();
    assert_eq!(told(&network), []);

    let asks = Daemon {
        program: "/usr/bin/perl".into(),
        called: "calico-felix".into(),
        arguments: ["-MIO::Socket::INET", "-e", "$0 = 'felix'; while (1) { IO::Socket::INET->new('10.39.0.200:2379'); select undef, undef, undef, 0.1 }"]
            .map(str::to_owned)
            .into(),
        environment: Vec::new(),
        log: "/var/log/felix.log".into(),
    };
    node.start("felix", &asks).unwrap();
    // Until somebody answers for the address, it waits as well.
    wait_until("nothing", SETTLED, || told(&network).is_empty()).unwrap();
    ovs::sh(ext, "iptables-nft -A INPUT -p tcp --dport 2379 -j DROP").unwrap();
    let mut findings = Vec::new();
    wait_until("a finding", SETTLED, || {
        findings = told(&network);
        !findings.is_empty()
    })
    .unwrap();
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (finding.id, finding.node.as_str()),
        ("datastore-unreachable", "m1")
    );
    assert!(
        finding.fix.steps[0].ends_with("netdiag trace m1 10.39.0.200 tcp/2379"),
        "{finding:#?}"
    );
    let way = Way {
        node: "m1".into(),
        pod: None,
        probe: Probe::Tcp("10.39.0.200".into(), 2379),
        answered: true,
    };
    let nodes: Vec<NodeState> = network.lab().nodes().map(collected).collect();
    let ways = traced(&[way], &nodes);
    let [why] = ways.as_slice() else {
        panic!("{ways:#?}");
    };
    assert_eq!(
        (why.finding.id, why.finding.node.as_str()),
        ("rule-drops-packet", "ext")
    );
    assert_eq!(typed(&network, &why.commands), None);
    wait_until("nothing", SETTLED, || told(&network).is_empty()).unwrap();
}
