//! Felix's dispatch chains: a real network with chains as Felix writes them, broken and mended.

use std::collections::BTreeSet;
use std::fmt::Write;

use netdiag::state::{Fact, Objects, Snapshot};
use netdiag_bench::cluster::Flavour;
use netdiag_lab::kinds::{Network, PodSite, systems};
use netdiag_lab::{or_skip, ovs};

use crate::made::{fires, found, known, made, resource, rules, stored};
use crate::mended::{collected, typed};

/// What Felix writes for the endpoints of a node, with policies that allow all.
fn felix(pods: &[&PodSite]) -> String {
    let links: Vec<&str> = pods.iter().filter_map(|pod| pod.host_link.as_deref()).collect();
    let mut chains = String::new();
    let mut rules = String::new();
    for link in links {
        for (way, option, root) in [("tw", "-o", "to"), ("fw", "-i", "from")] {
            writeln!(chains, ":cali-{way}-{link} - [0:0]").unwrap();
            writeln!(
                rules,
                "-A cali-{root}-wl-dispatch {option} {link} -g cali-{way}-{link}\n\
                 -A cali-{way}-{link} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                 -A cali-{way}-{link} -j MARK --set-xmark 0x10000/0x10000\n\
                 -A cali-{way}-{link} -m mark --mark 0x10000/0x10000 -j RETURN"
            )
            .unwrap();
        }
    }
    let last = "-m comment --comment \"Unknown interface\" -j DROP";
    format!(
        "*filter\n:FORWARD ACCEPT [0:0]\n:cali-FORWARD - [0:0]\n:cali-from-wl-dispatch - [0:0]\n\
         :cali-to-wl-dispatch - [0:0]\n{chains}-A FORWARD -j cali-FORWARD\n\
         -A cali-FORWARD -i cali+ -j cali-from-wl-dispatch\n-A cali-FORWARD -o cali+ -j cali-to-wl-dispatch\n\
         {rules}-A cali-from-wl-dispatch {last}\n-A cali-to-wl-dispatch {last}\nCOMMIT\n"
    )
}

fn ids(network: &Network) -> BTreeSet<&'static str> {
    let state = Snapshot {
        nodes: network.lab().nodes().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    };
    found(&state).iter().map(|finding| finding.id).collect()
}

#[test]
fn endpoints_that_nothing_leads_to_are_told_and_mended() {
    let system = systems()
        .into_iter()
        .find(|system| system.name == "calico mesh")
        .unwrap();
    let Some(network) = or_skip(system.whole.up()) else {
        return;
    };
    for node in network.lab().nodes() {
        let pods: Vec<&PodSite> = network
            .pods()
            .iter()
            .filter(|pod| pod.node == node.name())
            .collect();
        let has_links = pods.iter().any(|pod| {
            pod.host_link
                .as_ref()
                .is_some_and(|link| link.starts_with("cali"))
        });
        if has_links {
            ovs::sh(
                node,
                &format!("iptables-nft-restore --noflush <<'END'\n{}END", felix(&pods)),
            )
            .unwrap();
        }
    }
    network.works().unwrap();
    assert_eq!(ids(&network), BTreeSet::new());
    let asked: BTreeSet<&str> = network
        .ways()
        .iter()
        .filter_map(|way| way.pod.as_deref())
        .collect();
    let of_way = |pod: &&PodSite| asked.contains(pod.name.as_str());
    let pod = network.pods().iter().find(of_way).unwrap();
    let (node, link) = (network.lab().node(&pod.node), pod.host_link.clone().unwrap());
    for chains in ["from", "to", "from to"] {
        for way in chains.split(' ') {
            let (option, own) = if way == "from" { ("-i", "fw") } else { ("-o", "tw") };
            let rule = format!("cali-{way}-wl-dispatch {option} {link} -g cali-{own}-{link}");
            ovs::sh(node, &format!("iptables-nft -D {rule}")).unwrap();
        }
        assert!(
            !network.broken().is_empty(),
            "{chains}: it works, broken as it is"
        );
        let state = Snapshot {
            nodes: network.lab().nodes().map(collected).collect(),
            objects: Fact::absent("no datastore"),
            ..Snapshot::default()
        };
        let findings = found(&state);
        let [finding] = findings.as_slice() else {
            panic!("{chains}: {findings:#?}");
        };
        assert_eq!(
            (finding.id, finding.subject.as_str()),
            ("felix-lacks-interface", link.as_str())
        );
        assert_eq!(typed(&network, &finding.fix.commands), None);
        network.works().unwrap();
        assert_eq!(ids(&network), BTreeSet::new(), "{chains}");
    }
}

/// A workload of a node with this link.
fn workload(objects: &mut Objects, node: &str, link: &str) {
    let spec = serde_json::json!({"orchestrator": "k8s", "node": node, "pod": "web", "endpoint": "eth0",
        "interfaceName": link, "ipNetworks": ["10.0.0.9/32"], "profiles": ["kns.default"]});
    let name = format!("{node}-k8s-web-eth0");
    objects.resources.push(resource("WorkloadEndpoint", &name, spec));
    objects.kinds.push("WorkloadEndpoint".into());
}

#[test]
fn chains_of_links_that_are_gone_are_told() {
    let with = |link: &str| {
        let mut cluster = made(Flavour::CalicoBgp, 2, 2);
        let text = format!(
            "*filter\n:cali-tw-{link} - [0:0]\n-A cali-tw-{link} -j ACCEPT\n\
             -A cali-to-wl-dispatch -o {link} -g cali-tw-{link}\nCOMMIT\n"
        );
        let node = &mut cluster.nodes[0];
        let dialect = known(&mut node.net.netfilter)[0].dialect;
        rules(node, dialect, &text);
        let own = known(&mut node.net.netfilter).remove(0);
        let all = known(&mut node.net.netfilter);
        for table in own.tables {
            let filter = all.iter_mut().flat_map(|ruleset| &mut ruleset.tables);
            let filter = filter.into_iter().find(|known| known.name == table.name).unwrap();
            for chain in table.chains {
                match filter.chains.iter_mut().find(|known| known.name == chain.name) {
                    Some(known) => known.rules.splice(0..0, chain.rules).for_each(drop),
                    None => filter.chains.push(chain),
                }
            }
        }
        let name = cluster.nodes[0].name.clone();
        workload(stored(&mut cluster), &name, "cali0123456789a");
        cluster
    };
    // Felix is told of an endpoint before its link is there.
    fires("felix-chain-of-nobody", &with("cali0123456789a"), |broken| {
        *broken = with("cali0123456789b");
    });
}
