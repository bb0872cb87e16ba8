//! Networks with links that this machine's kernel may lack, in guests.

use std::time::Duration;

use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_lab::kinds::{Network, link_labs, systems};
use netdiag_lab::{guest, or_skip};
use serde_json::json;

use crate::made::{found, resource};
use crate::mended::{broken, chosen, collected, each, typed, whole};

const WITHIN: Duration = Duration::from_secs(900);

#[test]
fn in_a_guest_rare_links_are_mended() {
    or_skip(guest::tests(&["guest::"], WITHIN));
}

#[test]
#[ignore = "runs in a guest"]
fn whole_networks_of_rare_links_give_no_finding() {
    // Those that are mended below give none then.
    let mut all = link_labs();
    all.retain(|system| MENDED.iter().all(|(of, ..)| *of != system.name));
    let wrong = each(all, whole);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The network, what is wrong there, and the ids whose commands are typed, one after the other.
#[rustfmt::skip]
const MENDED: [(&str, &str, &[&str]); 14] = [
    ("vlan", "the link below is down", &["no-route"]),
    ("vrf with leaks", "nothing leads into the VRF", &["no-route"]),
    ("vrf", "a link is in the other VRF", &["route-refuses"]),
    ("ipip", "the tunnel is down", &["tunnel-link-missing"]),
    ("ipip", "the other end is somebody else, and tunl0 takes what is left", &["neighbor-unanswered"]),
    ("gre", "one end has a key", &["tunnel-link-missing"]),
    ("gre by the route", "the route leads to nobody", &["neighbor-unanswered"]),
    ("geneve on a bridge", "another VNI", &["neighbor-unanswered"]),
    ("ipvs", "the address is nobody's", &["service-not-translated"]),
    ("ipvs", "the only server takes nothing new", &["service-without-endpoints"]),
    ("ipvs, direct routing", "the server doesn't know the address", &["packet-for-another-address"]),
    ("ipvs, tunnel", "the server has no tunnel", &["tunnel-link-missing"]),
    ("vlan", "another VLAN", &["neighbor-unanswered"]),
    ("bridge with VLANs", "the trunk lacks a VLAN", &["neighbor-unanswered"]),
];

#[test]
#[ignore = "runs in a guest"]
fn what_is_printed_mends_broken_links() {
    let wrong = each(chosen(link_labs(), &MENDED), |(of, state, ids)| {
        broken(of, state, ids)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What m1 and m2 of the network are, and objects of a pool of that mode.
fn calico(network: &Network, mode: &str) -> Snapshot {
    let lab = network.lab();
    let nodes: Vec<NodeState> = ["m1", "m2"].map(|name| collected(lab.node(name))).into();
    let pool = json!({"cidr": "10.244.0.0/16", "ipipMode": mode, "vxlanMode": "Never", "natOutgoing": false});
    let mut resources = vec![resource("IPPool", "default-ipv4-ippool", pool)];
    for (node, address) in nodes.iter().zip(["192.168.80.23/24", "192.168.80.24/24"]) {
        let spec = json!({"bgp": {"ipv4Address": address}});
        resources.push(resource("Node", &node.name, spec));
    }
    let objects = Objects {
        store: "a test".into(),
        resources,
        ..Objects::default()
    };
    Snapshot {
        nodes,
        objects: Fact::Known(objects),
        ..Snapshot::default()
    }
}

/// The kernel got packets whose sums are wrong, and says so (`netdev_rx_csum_fault`, net/core/dev.c).
#[test]
#[ignore = "runs in a guest"]
fn sums_that_a_tunnel_leaves_to_hardware_are_made_by_the_kernel() {
    let mut all = systems().into_iter();
    let system = all.find(|system| system.name == "vxlan over a group").unwrap();
    let Some(network) = or_skip(system.whole.up()) else {
        return;
    };
    network.works().unwrap();
    let node = network.lab().node("n1");
    let found = || {
        found(&Snapshot {
            nodes: vec![collected(node)],
            objects: Fact::absent("no datastore"),
            ..Snapshot::default()
        })
    };
    assert_eq!(found(), []);
    node.sh("echo '<3>vx0: hw csum failure' >/dev/kmsg").ok().unwrap();
    let told = found();
    let [finding] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!(
        (finding.id, finding.subject.as_str()),
        ("tunnel-checksum-offload", "vx0")
    );
    let feature = || {
        node.sh("ethtool -k vx0 | grep tx-checksum-ip-generic")
            .ok()
            .unwrap()
    };
    assert!(feature().ends_with(": on\n"), "{}", feature());
    assert_eq!(typed(&network, &finding.fix.commands), None);
    assert!(feature().ends_with(": off\n"), "{}", feature());
    network.works().unwrap();
    assert_eq!(found(), []);
}

/// The pool needs no tunnel any more, and an agent that was stopped left its address there. The link itself stays until
/// its module goes, and is no fault.
#[test]
#[ignore = "runs in a guest"]
fn an_address_that_is_left_on_tunl0_is_named_and_taken_away() {
    let mut labs = link_labs().into_iter();
    let system = labs.find(|system| system.name == "calico ipip always").unwrap();
    let Some(network) = or_skip(system.whole.up()) else {
        return;
    };
    network.works().unwrap();
    let healthy = found(&calico(&network, "Always"));
    assert!(healthy.is_empty(), "{healthy:#?}");
    let [one, other] = ["m1", "m2"].map(|name| network.lab().node(name));
    let direct = |block: u8, host: u8| {
        format!("ip route replace 10.244.{block}.0/26 via 192.168.80.{host} dev eth0 proto bird")
    };
    one.sh(&direct(2, 24)).ok().unwrap();
    other
        .sh(&format!("{}; ip address flush dev tunl0", direct(1, 23)))
        .ok()
        .unwrap();
    assert!(one.pod("web").pings("10.244.2.2").unwrap());
    let told = found(&calico(&network, "Never"));
    let [finding] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!((finding.id, finding.node.as_str()), ("entry-of-nobody", "m1"));
    assert_eq!(typed(&network, &finding.fix.commands), None);
    let mended = calico(&network, "Never");
    assert!(
        mended
            .nodes
            .iter()
            .all(|node| node.net.link_named("tunl0").is_some())
    );
    let left = found(&mended);
    assert!(left.is_empty(), "{left:#?}");
    assert!(one.pod("web").pings("10.244.2.2").unwrap());
}
