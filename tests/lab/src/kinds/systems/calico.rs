//! Calico: BIRD's sessions, VXLAN, what leaves the cluster, and addresses that are borrowed.

use super::super::{
    PodSite, System,
    calico::{Calico, Peering, Wire, Wrong},
};

pub(super) fn systems() -> Vec<System> {
    vec![
        mesh(),
        reflector(),
        routed(),
        vxlan(),
        outgoing(),
        borrowed(),
        host_endpoint(),
    ]
}

/// Longer than a session is held without a sign of life.
const FORGOTTEN: &str = "sleep 9";

fn of(calico: &Calico, wrong: Wrong) -> super::super::Draft {
    Calico {
        wrong,
        ..calico.clone()
    }
    .draft()
}

fn mesh() -> System {
    let calico = Calico::default();
    let none = Wrong::default();
    System::new("calico mesh", calico.draft())
        .state(
            "BIRD is gone",
            "m2",
            "BIRD",
            calico
                .draft()
                .also_kill("m2", "bird")
                .also("m2", "ip route flush proto bird")
                .also("m1", FORGOTTEN),
        )
        .lost(
            "BGP is dropped",
            "m2",
            &format!(
                "iptables-nft -I INPUT -p tcp --dport 179 -j DROP; iptables-nft -I INPUT -p tcp --sport 179 -j DROP
                 {FORGOTTEN}"
            ),
            "drops BGP with",
        )
        .state(
            "a node has another AS number than its peers expect",
            "m2",
            "AS",
            of(
                &calico,
                Wrong {
                    number: Some(("m2", 64999)),
                    ..none
                },
            ),
        )
        .state(
            "two nodes have no session with each other",
            "m1",
            "m1 and m2 have no BGP session with each other",
            of(
                &calico,
                Wrong {
                    apart: Some(("m1", "m2")),
                    ..none
                },
            ),
        )
        .state(
            "one node has no session with another that has one",
            "m1",
            "m1 has no BGP session with m2, which has one with m1",
            of(
                &calico,
                Wrong {
                    missing: Some(("m1", "m2")),
                    ..none
                },
            ),
        )
        .state(
            "the sessions of a node have another password",
            "m2",
            "password",
            of(
                &calico,
                Wrong {
                    line: Some(("m2", "password \"other\";")),
                    ..none
                },
            ),
        )
        .state(
            "a node tells nobody of its block",
            "m2",
            "m2 does not announce it",
            of(
                &calico,
                Wrong {
                    silent: Some("m2"),
                    ..none
                },
            ),
        )
        .lost(
            "a route by hand leads to an old node",
            "m1",
            "ip route add 192.168.71.5/32 via 10.39.0.99",
            "nobody answers for 10.39.0.99",
        )
        .lost(
            "the node does not forward",
            "m2",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
            "forwarding = 0",
        )
}

fn reflector() -> System {
    let calico = Calico {
        peering: Peering::Reflector,
        ..Calico::default()
    };
    let none = Wrong::default();
    System::new("calico reflector", calico.draft())
        .state(
            "the reflector's BIRD is gone",
            "m3",
            "BIRD",
            calico
                .draft()
                .also_kill("m3", "bird")
                .also("m3", "ip route flush proto bird")
                .also("m1", FORGOTTEN),
        )
        .state(
            "a client has no session with the reflector",
            "m2",
            "m3, from which m1 learns, has none with m2",
            of(
                &calico,
                Wrong {
                    apart: Some(("m2", "m3")),
                    ..none
                },
            ),
        )
        .state(
            "the reflector does not know a client",
            "m3",
            "session",
            of(
                &calico,
                Wrong {
                    missing: Some(("m3", "m2")),
                    ..none
                },
            ),
        )
        .state(
            "the reflector takes its clients for peers",
            "m3",
            "does not reflect routes",
            of(
                &calico,
                Wrong {
                    no_clients: true,
                    ..none
                },
            ),
        )
        .state(
            "a client has another AS number",
            "m1",
            "AS",
            of(
                &calico,
                Wrong {
                    number: Some(("m1", 64999)),
                    ..none
                },
            ),
        )
        .lost(
            "BGP is dropped at the reflector",
            "m3",
            &format!(
                "iptables-nft -I INPUT -p tcp --dport 179 -j DROP; iptables-nft -I INPUT -p tcp --sport 179 -j DROP
                 {FORGOTTEN}"
            ),
            "drops BGP with",
        )
}

/// IPIP and VXLAN are off, and a node is in another subnet: 10.39.0.1 knows no pods.
fn routed() -> System {
    let calico = Calico {
        routed: true,
        ..Calico::default()
    };
    let draft = calico.draft();
    System::new("calico without encapsulation over a router", calico.draft())
        .state(
            "the router knows no pods",
            "m1",
            "10.39.0.1",
            draft.clone().pings("m1/web", "192.168.169.196"),
        )
        .state(
            "the router knows one of the blocks only",
            "gw",
            "10.39.3.1",
            draft
                .clone()
                .also("gw", "ip route add 192.168.169.192/26 via 10.39.3.75")
                .pings("m1/web", "192.168.169.196"),
        )
        .state(
            "the router knows a block at the wrong node",
            "gw",
            "goes in circles",
            draft
                .clone()
                .also(
                    "gw",
                    "ip route add 192.168.169.192/26 via 10.39.0.110; ip route add 192.168.70.0/26 via 10.39.0.110",
                )
                .pings("m1/web", "192.168.169.196"),
        )
        .state(
            "the router does not forward",
            "gw",
            "forwarding = 0",
            draft
                .clone()
                .also(
                    "gw",
                    "ip route add 192.168.169.192/26 via 10.39.3.75; ip route add 192.168.70.0/26 via 10.39.0.110
                     echo 0 >/proc/sys/net/ipv4/ip_forward",
                )
                .pings("m1/web", "192.168.169.196"),
        )
        .state(
            "the router rejects pods",
            "gw",
            "-s 192.168.0.0/16 -j REJECT",
            draft
                .clone()
                .also(
                    "gw",
                    "ip route add 192.168.169.192/26 via 10.39.3.75; ip route add 192.168.70.0/26 via 10.39.0.110
                     iptables-nft -A FORWARD -s 192.168.0.0/16 -j REJECT",
                )
                .pings("m1/web", "192.168.169.196"),
        )
}

fn vxlan() -> System {
    let of = |wire, routed| {
        Calico {
            peering: Peering::Written,
            wire,
            routed,
            ..Calico::default()
        }
        .draft()
    };
    let whole = of(Wire::Vxlan, true).sized("m1/web", "192.168.71.5", 1450, true, true);
    System::new("calico vxlan", whole)
        .lost(
            "vxlan.calico is down",
            "m3",
            "ip link set vxlan.calico down",
            "vxlan.calico",
        )
        .lost(
            "the VTEP's neighbor entry is gone",
            "m1",
            "ip neighbor del 192.168.71.0 dev vxlan.calico",
            "192.168.71.0",
        )
        .lost(
            "the FDB has an old node",
            "m1",
            "bridge fdb del 66:00:00:00:00:02 dev vxlan.calico dst 10.39.0.111 self
             bridge fdb append 66:00:00:00:00:02 dev vxlan.calico dst 10.39.0.99 self permanent",
            "10.39.0.99",
        )
        .lost(
            "the router drops VXLAN",
            "gw",
            "iptables-nft -A FORWARD -p udp --dport 4789 -j DROP",
            "--dport 4789 -j DROP",
        )
        .lost(
            "a node has another VNI",
            "m2",
            "ip link del vxlan.calico
             ip link add vxlan.calico address 66:00:00:00:00:02 mtu 1450 type vxlan id 4097 dstport 4789 \
             local 10.39.0.111 dev eth0 nolearning
             ip link set vxlan.calico up; ip address add 192.168.71.0/32 dev vxlan.calico
             for n in 1 3; do bridge fdb append 66:00:00:00:00:0$n dev vxlan.calico \
             dst $([ $n = 1 ] && echo 10.39.0.110 || echo 10.39.3.75) self permanent; done
             ip neighbor replace 192.168.70.0 lladdr 66:00:00:00:00:01 dev vxlan.calico nud permanent
             ip neighbor replace 192.168.169.192 lladdr 66:00:00:00:00:03 dev vxlan.calico nud permanent
             ip route add 192.168.70.0/26 via 192.168.70.0 dev vxlan.calico onlink proto 80
             ip route add 192.168.169.192/26 via 192.168.169.192 dev vxlan.calico onlink proto 80",
            "VNI 4096",
        )
        .lost(
            "the wire takes less than the tunnel's packets",
            "m2",
            "ip link set eth0 mtu 1400",
            "MTU 1400",
        )
        .state(
            "with CrossSubnet, the node of another subnet takes no VXLAN",
            "m3",
            "--dport 4789 -j DROP",
            of(Wire::VxlanCrossSubnet, true).also("m3", "iptables-nft -A INPUT -p udp --dport 4789 -j DROP"),
        )
}

/// Felix's rules of natOutgoing: what is for no pool leaves with the node's address.
fn nat(pools: &str, masqueraded: &str) -> String {
    format!(
        "ipset create cali40all-ipam-pools hash:net; ipset create cali40masq-ipam-pools hash:net
         for net in {pools}; do ipset add cali40all-ipam-pools $net; done
         for net in {masqueraded}; do ipset add cali40masq-ipam-pools $net; done
         iptables-nft-restore --noflush <<'END'
*nat
:cali-POSTROUTING - [0:0]
:cali-nat-outgoing - [0:0]
-A POSTROUTING -m comment --comment \"cali:O3lYWMrLQYEMJtB5\" -j cali-POSTROUTING
-A cali-POSTROUTING -m comment --comment \"cali:Z-c7XtVd2Bq7s_hA\" -j cali-nat-outgoing
-A cali-nat-outgoing -m comment --comment \"cali:flqWnvo8yq4ULQLa\" -m set --match-set cali40masq-ipam-pools src \
-m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully
COMMIT
END
"
    )
}

fn outgoing() -> System {
    let draft = || {
        Calico {
            peering: Peering::Written,
            ..Calico::default()
        }
        .draft()
        .pings("m1/web", "10.39.0.200")
    };
    let pool = "192.168.0.0/16";
    let mut system = System::new(
        "calico natOutgoing",
        draft().also("m1", &nat(pool, pool)).also("m2", &nat(pool, pool)),
    );
    system = system
        .state(
            "natOutgoing is off, and outside nobody knows the pods",
            "m1",
            "natOutgoing is off for the pool of 192.168.70.42",
            draft().also("m1", &nat(pool, "")),
        )
        .lost(
            "the rule is gone",
            "m1",
            "iptables-nft -t nat -F cali-nat-outgoing",
            "Felix's rule is not asked",
        )
        .lost(
            "the chain is not asked",
            "m1",
            "iptables-nft -t nat -F POSTROUTING",
            "Felix's rule is not asked",
        )
        .lost(
            "a pool is as wide as to hold the outside",
            "m1",
            "ipset add cali40all-ipam-pools 10.39.0.0/16",
            "10.39.0.200 counts as an address of a pool",
        )
        .lost(
            "outside, pods' node is not let in",
            "ext",
            "iptables-nft -A INPUT -s 10.39.0.110 -j DROP",
            "-s 10.39.0.110/32 -j DROP",
        );
    system
}

/// A pod of m2 has an address of the block of m1.
fn borrowed() -> System {
    let lent = "ip netns add lent; ip link add calilent type veth peer name eth0 netns lent
        ip link set calilent address ee:ee:ee:ee:ee:ee up
        ip -n lent link set lo up; ip -n lent link set eth0 up; ip -n lent address add 192.168.70.50/32 dev eth0
        ip -n lent route add 169.254.1.1 dev eth0 scope link; ip -n lent route add default via 169.254.1.1 dev eth0
        echo 1 >/proc/sys/net/ipv4/conf/calilent/proxy_arp; echo 0 >/proc/sys/net/ipv4/neigh/calilent/proxy_delay
        ip route add 192.168.70.50/32 dev calilent scope link";
    let followed = "for _ in $(seq 60); do ip route | grep -q '^192.168.70.50 via' && break; sleep 0.2; done";
    let draft = Calico::default()
        .draft()
        .pods([PodSite {
            node: "m2".into(),
            name: "lent".into(),
            address: "192.168.70.50".into(),
            own_link: Some("eth0".into()),
            host_link: Some("calilent".into()),
        }])
        .also("m2", lent)
        .also("m1", followed)
        .also("m3", followed)
        .pings("m1/web", "192.168.70.50")
        .pings("m3/far", "192.168.70.50");
    System::new("calico with a borrowed address", draft)
        .lost(
            "the borrower's route is gone",
            "m2",
            "ip route del 192.168.70.50/32; sleep 4",
            "blackhole 192.168.70.0/26",
        )
        .lost(
            "the lender has a route of a pod that it had",
            "m1",
            "ip route add 192.168.70.50/32 dev \"$(link_of web)\" scope link",
            "nobody answers for 192.168.70.50",
        )
        .lost(
            "the borrowing pod's link is down",
            "m2",
            "ip link set calilent down; sleep 4",
            "blackhole 192.168.70.0/26",
        )
        .lost(
            "the borrower does not answer for 169.254.1.1",
            "m2",
            "echo 0 >/proc/sys/net/ipv4/conf/calilent/proxy_arp; ip -n lent neighbor flush all",
            "nobody answers for 169.254.1.1",
        )
        .lost(
            "two pods have the address",
            "m1",
            "ip netns add twin; ip link add calitwin type veth peer name eth0 netns twin; ip link set calitwin up
             ip -n twin link set eth0 up; ip -n twin address add 192.168.70.50/32 dev eth0
             ip route add 192.168.70.50/32 dev calitwin scope link",
            "192.168.70.50",
        )
}

/// Felix's rules of a HostEndpoint on eth0: ports that stay open whatever happens, then its policies, then the end.
fn guarded(failsafe: &[u16], ingress: &str, egress: &str) -> String {
    let open = |chain: &str, port: &str| -> String {
        let lines = failsafe
            .iter()
            .map(|number| format!("-A {chain} -p tcp -m multiport --{port} {number} -j ACCEPT\n"));
        lines.collect()
    };
    format!(
        "iptables-nft-restore --noflush <<'END'
*filter
:cali-INPUT - [0:0]
:cali-OUTPUT - [0:0]
:cali-th-eth0 - [0:0]
:cali-fh-eth0 - [0:0]
:cali-failsafe-in - [0:0]
:cali-failsafe-out - [0:0]
-A INPUT -j cali-INPUT
-A OUTPUT -j cali-OUTPUT
-A cali-INPUT -i eth0 -j cali-fh-eth0
-A cali-OUTPUT -o eth0 -j cali-th-eth0
-A cali-fh-eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A cali-fh-eth0 -j cali-failsafe-in
{ingress}-A cali-fh-eth0 -m comment --comment \"Drop if no profiles matched\" -j DROP
-A cali-th-eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A cali-th-eth0 -j cali-failsafe-out
{egress}-A cali-th-eth0 -m comment --comment \"Drop if no profiles matched\" -j DROP
{}{}COMMIT
END
",
        open("cali-failsafe-in", "dports"),
        open("cali-failsafe-out", "dports")
    )
}

fn host_endpoint() -> System {
    let draft = || {
        Calico {
            peering: Peering::Written,
            ..Calico::default()
        }
        .draft()
        .listens_on("m2", 22)
        .listens_on("m2", 8080)
        .connects("m1", "10.39.0.111", 22)
        .connects("m1", "10.39.0.111", 8080)
        .pings("ext", "10.39.0.111")
    };
    let (from, to) = ("-A cali-fh-eth0 -j ACCEPT\n", "-A cali-th-eth0 -j ACCEPT\n");
    System::new(
        "calico host endpoint",
        draft().also("m2", &guarded(&[22, 179], from, to)),
    )
    .state(
        "a HostEndpoint has neither policy nor profile: all but what stays open is cut off",
        "m2",
        "a HostEndpoint without policy or profile drops all but Felix's failsafe ports",
        draft().also("m2", &guarded(&[22, 179], "", "")),
    )
    .state(
        "nothing stays open: the node is locked out",
        "m2",
        "a HostEndpoint without policy or profile drops all but Felix's failsafe ports",
        draft().also("m2", &guarded(&[], "", "")),
    )
    .state(
        "its policy lets in web traffic only",
        "m2",
        "the ingress rules of the host endpoint end in drop",
        draft().also(
            "m2",
            &guarded(
                &[22],
                "-A cali-fh-eth0 -p tcp -m multiport --dports 8080 -j ACCEPT\n",
                to,
            ),
        ),
    )
    .state(
        "its policy has no egress rule, and the node asks others",
        "m2",
        "the egress rules of the host endpoint end in drop",
        draft()
            .also("m2", &guarded(&[22], from, ""))
            .pings("m2", "10.39.0.110"),
    )
    .state(
        "its policy admits the wrong network",
        "m2",
        "cali-fh-eth0",
        draft().also(
            "m2",
            &guarded(&[22], "-A cali-fh-eth0 -s 10.93.0.0/16 -j ACCEPT\n", to),
        ),
    )
}
