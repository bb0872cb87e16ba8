//! Answers that come from elsewhere, go to somebody else, or don't come, and a tunnel that doesn't know where its end is.

use netdiag::diagnose::trace::{Scene, explain};
use netdiag::forward::packet::Transport;
use netdiag::forward::topology::Topology;
use netdiag::forward::walk::Walker;
use netdiag_lab::kinds::{Broken, Docker, Draft, Wire, systems};
use netdiag_lab::{Plan, or_skip, ovs, wait_until};

use super::rules::written;
use super::{Case, SETTLED, plain, wrong};
use crate::mended::{broken, chosen, collected, each, typed};

/// A host `gw` that gives what comes for its port 80 to `server`, beside it and `client`.
fn forwarded() -> Draft {
    let plan = Plan::new()
        .segment("lan", "")
        .node("gw", |node| {
            node.link("eth0", "lan", "192.168.77.1/24").forward().sh(
                "iptables-nft -t nat -A PREROUTING -d 192.168.77.1 -p tcp --dport 80 -j DNAT --to-destination 192.168.77.12:8080
                 iptables-nft -t nat -A POSTROUTING -s 192.168.77.0/24 -d 192.168.77.12 -p tcp --dport 8080 -j MASQUERADE",
            )
        })
        .node("client", |node| node.link("eth0", "lan", "192.168.77.11/24"))
        .node("server", |node| node.link("eth0", "lan", "192.168.77.12/24").ip("netns add none"));
    Draft::new(plan)
        .connects("client", "192.168.77.1", 80)
        .connects("client", "192.168.77.12", 8080)
        .program("server", "web", "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 8080, ReuseAddr => 1) or die; while (my $c = $s->accept) { close $c }")
}

#[test]
fn ways_whose_ends_are_not_known_are_mended() {
    let rows = [(
        "overlay of Docker",
        "an address is told, and its host is not",
        &["vxlan-fdb-missing"][..],
    )];
    let mut wrong = each(chosen(systems(), &rows), |(of, state, ids)| {
        broken(of, state, ids)
    });
    let unmasked = Broken {
        what: "what is forwarded keeps its sender",
        node: "gw",
        says: "",
        draft: forwarded().also("gw", "iptables-nft -t nat -F POSTROUTING"),
    };
    wrong.extend(broken("a forwarded port", unmasked, &["answer-from-elsewhere"]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pods_of_one_address_are_named_and_parted() {
    let twin = "ip netns add twin; ip link add calitwin type veth peer name eth0 netns twin
        ip link set calitwin address ee:ee:ee:ee:ee:ee up
        ip -n twin link set lo up; ip -n twin link set eth0 up; ip -n twin address add 192.168.71.5/32 dev eth0
        ip -n twin route add 169.254.1.1 dev eth0 scope link; ip -n twin route add default via 169.254.1.1 dev eth0
        echo 1 >/proc/sys/net/ipv4/conf/calitwin/proxy_arp; echo 0 >/proc/sys/net/ipv4/neigh/calitwin/proxy_delay
        ip route add 192.168.71.5/32 dev calitwin scope link";
    let case = Case {
        what: "two pods of one address".into(),
        draft: written(Wire::Plain).draft(),
        objects: plain,
        breaks: vec![("m1", twin)],
        loses: true,
        sees_processes: false,
        id: "pod-address-shared",
        node: "m1",
        by: super::Script("ip link del calitwin; ip netns del twin"),
    };
    assert_eq!(wrong(case), None);
}

/// Of a host outside nothing is seen but that it doesn't answer: it knows no way back to a container, or takes nothing.
#[test]
fn hosts_outside_that_do_not_answer_are_told_and_answer_again() {
    let Some(network) = or_skip(Docker::default().draft().up()) else {
        return;
    };
    network.works().unwrap();
    let (host, ext) = (network.lab().node("h1"), network.lab().node("ext"));
    let told = || {
        let nodes = [collected(host)];
        let topology = Topology::new(&nodes);
        let walker = Walker::new(&topology);
        let mut places = topology.places();
        let (from, _) = places.find(|(_, place)| place.title() == "h1/c1").unwrap();
        let ping = walker.packet(from, "192.168.60.100".parse().unwrap(), Transport::echo(false, 1));
        let mut ways = walker.there_and_back(ping.unwrap(), from).into_iter();
        let (mut there, _) = ways.next().unwrap();
        walker.remembered(&mut there);
        let scene = Scene {
            topology: &topology,
            cluster: None,
            findings: &[],
        };
        explain(scene, &there, None)
    };
    assert_eq!(told().map(|one| one.finding.id), None);
    for (at, breaks, mends) in [
        (host, "iptables-nft -t nat -F POSTROUTING", None),
        (
            ext,
            "iptables-nft -A INPUT -s 192.168.60.11 -p icmp -j DROP",
            Some("iptables-nft -F INPUT"),
        ),
    ] {
        ovs::sh(host, "conntrack -F").unwrap();
        ovs::sh(at, breaks).unwrap();
        wait_until("packets lost", SETTLED, || !network.broken().is_empty()).unwrap();
        let one = told().unwrap_or_else(|| panic!("{breaks}: nothing"));
        assert_eq!(one.finding.id, "beyond-silent", "{breaks}: {one:#?}");
        match mends {
            None => assert_eq!(typed(&network, &one.commands), None, "{breaks}"),
            // What has to be looked at is there.
            Some(mends) => {
                assert!(one.finding.fix.steps[0].starts_with("look there"), "{one:#?}");
                ovs::sh(ext, mends).map(drop).unwrap();
            }
        }
        ovs::sh(host, "conntrack -F").unwrap();
        network.works().unwrap();
        assert_eq!(told().map(|one| one.finding.id), None, "{breaks}");
    }
}
