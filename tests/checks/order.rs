//! Agents that are older than the links that they write to.

use std::thread;
use std::time::Duration;

use netdiag::state::link::Address;
use netdiag::state::process::DaemonKind;
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;
use netdiag_lab::kinds::systems;
use netdiag_lab::{Daemon, or_skip, ovs};

use crate::entries::flannel;
use crate::made::{fires, found, known, link, runs};
use crate::mended::{collected, typed};

const LINK: &str = "flannel.1";

/// When the agent began, and when its link's address came: seconds after the kernel.
fn began(node: &mut NodeState, agent: u64, address: u64) {
    runs(node, &[(DaemonKind::Flanneld, "flanneld --ip-masq")]);
    known(&mut node.processes).daemons[0].process.started = Some(agent * 100);
    let index = link(node, LINK).index;
    let own = known(&mut node.net.addresses).iter_mut();
    own.filter(|own| own.link == index)
        .for_each(|own: &mut Address| own.created = Some(address * 100));
}

/// What goes with a link that is deleted.
fn bare(node: &mut NodeState) {
    let index = link(node, LINK).index;
    known(&mut node.net.routes).retain(|route| route.next_hops.iter().all(|hop| hop.link != Some(index)));
    known(&mut node.net.neighbors).retain(|entry| entry.link != index);
    known(&mut node.net.fdb).retain(|entry| entry.link != index);
}

fn healthy() -> Snapshot {
    let mut cluster = flannel(Flavour::FlannelVxlan);
    // Whoever writes entries again when it must has a younger link and lacks nothing.
    cluster.nodes.iter_mut().for_each(|node| began(node, 20, 500));
    cluster
}

#[test]
fn a_link_that_is_younger_than_its_agent_and_bare_is_told() {
    fires("agent-older-than-link", &healthy(), |broken| {
        bare(&mut broken.nodes[0])
    });
    // An agent that began later has another fault.
    let mut young = healthy();
    bare(&mut young.nodes[0]);
    began(&mut young.nodes[0], 500, 20);
    let ids: Vec<&str> = found(&young).iter().map(|finding| finding.id).collect();
    assert!(
        !ids.is_empty() && !ids.contains(&"agent-older-than-link"),
        "{ids:?}"
    );
}

/// A process that is called flanneld: what it wrote, the lab wrote.
fn agent() -> Daemon {
    Daemon {
        program: "/bin/sleep".into(),
        called: "flanneld".into(),
        arguments: vec!["3600".into()],
        environment: Vec::new(),
        log: "/var/log/flanneld.log".into(),
    }
}

#[test]
fn a_link_that_was_made_anew_behind_its_agents_back_is_told_and_what_is_printed_mends_it() {
    let mut systems = systems().into_iter();
    let system = systems.find(|system| system.name == "flannel vxlan").unwrap();
    let Some(network) = or_skip(system.whole.up()) else {
        return;
    };
    network.works().unwrap();
    let nodes: Vec<_> = network.lab().nodes().collect();
    let state = || Snapshot {
        nodes: nodes.iter().copied().map(collected).collect(),
        objects: Fact::absent("no datastore"),
        ..Snapshot::default()
    };
    let has_link = |node: &&&_| ovs::sh(node, "ip link show flannel.1").is_ok();
    let node = *nodes.iter().find(has_link).unwrap();
    node.start("flanneld", &agent()).unwrap();
    assert_eq!(found(&state()), []);
    thread::sleep(Duration::from_secs(6));
    let anew = "mac=$(cat /sys/class/net/flannel.1/address)
        own=$(ip -4 -o address show dev flannel.1 | awk '{print $4}')
        mtu=$(cat /sys/class/net/flannel.1/mtu)
        set -- $(ip -d -o link show flannel.1 | grep -o 'vxlan id .*' | awk '{print $3}') \\
            $(ip -d -o link show flannel.1 | grep -o 'local [0-9.]*' | awk '{print $2}') \\
            $(ip -d -o link show flannel.1 | grep -o 'dstport [0-9]*' | awk '{print $2}')
        ip link del flannel.1
        ip link add flannel.1 address $mac mtu $mtu type vxlan id $1 local $2 dstport $3 nolearning
        ip address add $own dev flannel.1
        ip link set flannel.1 up";
    ovs::sh(node, anew).unwrap();
    assert!(
        network.works().is_err(),
        "pods answer, though nothing leads there"
    );
    let findings = found(&state());
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["agent-older-than-link"], "{findings:#?}");
    assert_eq!(typed(&network, &findings[0].fix.commands), None);
    network.works().unwrap();
    assert_eq!(found(&state()), []);
}
