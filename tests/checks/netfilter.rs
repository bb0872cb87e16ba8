//! Rules that refuse, translate, or are no more what they were.

use netdiag::state::NodeState;
use netdiag::state::conntrack::FlowStatus;
use netdiag::state::ipset::{Element, IpSet, Part};
use netdiag::state::netfilter::{Dialect, Ruleset, Table};
use netdiag_bench::cluster::Flavour;

use crate::made::{connection, fires, flannel, known, made, resource, rules, stored, tracked};

fn filter(text: &str) -> String {
    format!("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{text}COMMIT\n")
}

#[test]
fn firewalls_that_refuse_pods_are_told() {
    fires(
        "firewall-rejects-pods",
        &flannel(Flavour::FlannelVxlan),
        |broken| {
            let text = filter(
                ":ufw-reject-forward - [0:0]\n-A FORWARD -j ufw-reject-forward\n\
             -A ufw-reject-forward -j REJECT --reject-with icmp-port-unreachable\n",
            );
            rules(&mut broken.nodes[0], Dialect::IptablesLegacy, &text);
        },
    );
    fires(
        "refused-before-calico",
        &made(Flavour::CalicoBgp, 3, 2),
        |broken| {
            let text = filter("-A FORWARD -j REJECT --reject-with icmp-host-prohibited\n");
            let refusal = netdiag::parse::iptables::iptables_save(&text, Dialect::IptablesNft).unwrap();
            let refusal = refusal.tables[0].chain("FORWARD").unwrap().rules[0].clone();
            for ruleset in known(&mut broken.nodes[0].net.netfilter) {
                for table in ruleset.tables.iter_mut().filter(|table| &*table.name == "filter") {
                    for chain in table.chains.iter_mut().filter(|chain| &*chain.name == "FORWARD") {
                        chain.rules.insert(0, refusal.clone());
                    }
                }
            }
        },
    );
}

#[test]
fn rules_that_were_flushed_or_lost_a_part_are_told() {
    fires(
        "flannel-rules-missing",
        &flannel(Flavour::FlannelVxlan),
        |broken| {
            let text = filter(":FLANNEL-FWD - [0:0]\n-A FORWARD -j FLANNEL-FWD\n");
            rules(&mut broken.nodes[0], Dialect::IptablesLegacy, &text);
        },
    );
    let kubelet = |rule: &str| {
        let mut cluster = flannel(Flavour::FlannelVxlan);
        let text = filter(&format!(
            ":KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\n{rule}\n"
        ));
        rules(&mut cluster.nodes[0], Dialect::IptablesNft, &text);
        cluster
    };
    let comment = "-m comment --comment \"kubernetes firewall for dropping marked packets\"";
    let whole = kubelet(&format!(
        "-A KUBE-FIREWALL {comment} -m mark --mark 0x8000/0x8000 -j DROP"
    ));
    fires("rules-of-other-iptables", &whole, |broken| {
        *broken = kubelet(&format!("-A KUBE-FIREWALL {comment} -j DROP"));
    });
    fires("rules-of-other-iptables", &whole, |broken| {
        *broken = kubelet("-A KUBE-FIREWALL -s 192.0.2.1/32 -m conntrack [unsupported revision] -j RETURN");
    });
}

#[test]
fn two_data_planes_in_two_modes_are_told() {
    fires("dataplanes-mixed", &made(Flavour::CalicoBgp, 2, 2), |broken| {
        let table = Table {
            name: "kube-proxy".into(),
            ..Table::default()
        };
        known(&mut broken.nodes[0].net.netfilter).push(Ruleset {
            dialect: Dialect::Nft,
            tables: vec![table],
        });
    });
}

fn set<'n>(node: &'n mut NodeState, name: &str) -> &'n mut IpSet {
    let sets = known(&mut node.net.ipsets);
    sets.iter_mut().find(|set| &*set.name == name).unwrap()
}

#[test]
fn sets_of_felix_that_are_out_of_step_are_told() {
    let mut healthy = made(Flavour::CalicoIpip, 3, 2);
    let hosts: Vec<Element> = healthy
        .nodes
        .iter()
        .map(|node| Element {
            parts: vec![Part::Addr(node.net.addresses.items()[1].ip)],
            ..Element::default()
        })
        .collect();
    for node in &mut healthy.nodes {
        known(&mut node.net.ipsets).push(IpSet {
            name: "cali40all-hosts-net".into(),
            kind: "hash:net".into(),
            elements: hosts.clone(),
            ..IpSet::default()
        });
    }
    fires("host-not-in-felix-set", &healthy, |broken| {
        set(&mut broken.nodes[0], "cali40all-hosts-net").elements.pop();
    });
    fires("pool-not-masqueraded", &healthy, |broken| {
        set(&mut broken.nodes[0], "cali40masq-ipam-pools")
            .elements
            .clear();
    });
}

#[test]
fn what_is_translated_and_should_not_be_is_told() {
    let rule = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
        -A POSTROUTING -s 10.0.0.0/8 -o eth0 -j MASQUERADE\nCOMMIT\n";
    fires(
        "pod-source-translated",
        &made(Flavour::CalicoBgp, 3, 2),
        |broken| {
            rules(&mut broken.nodes[0], Dialect::IptablesLegacy, rule);
        },
    );
    fires(
        "pod-source-translated",
        &flannel(Flavour::FlannelHostGw),
        |broken| {
            rules(&mut broken.nodes[0], Dialect::IptablesLegacy, rule);
        },
    );
}

#[test]
fn what_is_not_translated_and_should_be_is_told() {
    fires(
        "outside-address-in-pool",
        &made(Flavour::CalicoBgp, 3, 2),
        |broken| {
            let spec = serde_json::json!({"cidr": "192.168.0.0/16", "disabled": true});
            stored(broken).resources.push(resource("IPPool", "old", spec));
            let flow = connection(
                6,
                ("10.0.0.1", "192.168.9.9", 443),
                ("192.168.9.9", "10.0.0.1"),
                FlowStatus::default(),
            );
            tracked(&mut broken.nodes[0], vec![flow; 3]);
        },
    );
}
