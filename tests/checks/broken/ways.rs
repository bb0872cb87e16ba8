//! Links, addresses and routes that lead packets astray, and switches that take none.

use netdiag::state::{Fact, NodeState, Objects};
use netdiag_lab::kinds::{Draft, Network, OpenVswitch, PodSite, Wire};
use netdiag_lab::{Plan, Result, ovs};
use serde_json::json;

use super::rules::written;
use super::{Case, Done, Script, Typed, by_vxlan, of_calico, plain, without_objects, wrong};
use crate::mended::each;

/// The nodes' own segment is a part of the pool, and no pod has an address there.
fn wide_pool(nodes: &[NodeState]) -> Fact<Objects> {
    let pool =
        json!({"cidr": "10.39.0.0/16", "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": false});
    let mut objects = of_calico(nodes, &pool);
    let Fact::Known(known) = &mut objects else {
        return objects;
    };
    let pods = json!({"cidr": "192.168.0.0/16", "ipipMode": "Never", "vxlanMode": "Never"});
    known
        .resources
        .push(crate::made::resource("IPPool", "pods", pods));
    objects
}

fn calico() -> Draft {
    written(Wire::Plain).draft()
}

/// A pod of m2 with an address of the block of m1, as BIRD tells the others of it.
const LENT: &str = "ip netns add lent; ip link add calilent type veth peer name eth0 netns lent
    ip link set calilent address ee:ee:ee:ee:ee:ee up
    ip -n lent link set lo up; ip -n lent link set eth0 up; ip -n lent address add 192.168.70.50/32 dev eth0
    ip -n lent route add 169.254.1.1 dev eth0 scope link; ip -n lent route add default via 169.254.1.1 dev eth0
    echo 1 >/proc/sys/net/ipv4/conf/calilent/proxy_arp; echo 0 >/proc/sys/net/ipv4/neigh/calilent/proxy_delay
    ip route add 192.168.70.50/32 dev calilent scope link";
const LENT_WAY: &str = "ip route add 192.168.70.50/32 via 10.39.0.111 dev eth0 proto bird";

fn borrowed() -> Draft {
    calico()
        .pods([PodSite {
            node: "m2".into(),
            name: "lent".into(),
            address: "192.168.70.50".into(),
            own_link: Some("eth0".into()),
            host_link: Some("calilent".into()),
        }])
        .also("m2", LENT)
        .also("m1", LENT_WAY)
        .also("m3", LENT_WAY)
        .pings("m1/web", "192.168.70.50")
        .pings("m3/far", "192.168.70.50")
}

/// IPv6 beside IPv4 on the nodes m1 and m2.
fn dual() -> Draft {
    let own = |last: u8| format!("ip address add fd39::{last}/64 dev eth0 nodad");
    calico()
        .also("m1", &own(1))
        .also("m2", &own(2))
        .pings("m1", "fd39::2")
}

/// And in their pods.
fn dual_pods() -> Draft {
    let of = |own: u8, other: u8, pod: &str| {
        format!(
            "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
             link=$(ip -o link | sed -n 's/^[0-9]*: \\(cali[^@]*\\)@.*/\\1/p')
             ip -n {pod} address add fd70::{own}/128 dev eth0 nodad
             ip -n {pod} route add default via fe80::ecee:eeff:feee:eeee dev eth0
             ip route add fd70::{own}/128 dev $link; ip route add fd70::{other}/128 via fd39::{other} dev eth0"
        )
    };
    dual()
        .also("m1", &of(1, 2, "web"))
        .also("m2", &of(2, 1, "db"))
        .pings("m1/web", "fd70::2")
}

fn case(
    draft: Draft,
    objects: fn(&[NodeState]) -> Fact<Objects>,
    breaks: Vec<(&'static str, &'static str)>,
    loses: bool,
    (id, node): (&'static str, &'static str),
    by: super::By,
) -> Case {
    Case {
        what: format!("{breaks:?}"),
        draft,
        objects,
        breaks,
        loses,
        sees_processes: id == "ovs-daemon-down",
        id,
        node,
        by,
    }
}

fn routes() -> Vec<Case> {
    vec![
        case(
            written(Wire::Vxlan).draft(),
            by_vxlan,
            vec![
                (
                    "m1",
                    "ip route replace 192.168.71.0/26 via 192.168.169.192 dev vxlan.calico onlink proto 80",
                ),
                (
                    "m3",
                    "iptables-nft -A FORWARD -i vxlan.calico -o vxlan.calico -j ACCEPT",
                ),
            ],
            false,
            ("route-to-wrong-node", "m1"),
            Typed,
        ),
        case(
            calico(),
            plain,
            vec![
                ("m3", "ip route replace blackhole 192.168.71.0/26 proto 80"),
                (
                    "m1",
                    "ip route replace 192.168.71.0/26 proto bird nexthop via 10.39.0.111 dev eth0 \
                     nexthop via 10.39.0.112 dev eth0 weight 255",
                ),
            ],
            true,
            ("block-with-two-ways", "m1"),
            Typed,
        ),
        case(
            borrowed(),
            plain,
            vec![("m1", "ip route del 192.168.70.50/32")],
            true,
            ("borrowed-address-without-route", "m2"),
            Typed,
        ),
        case(
            calico(),
            plain,
            vec![("m1", "ip route del 192.168.71.0/26")],
            true,
            // Its default route leads to a router that knows no pods.
            ("no-route", "m1"),
            Typed,
        ),
        case(
            calico().pings("m1", "10.39.0.200"),
            wide_pool,
            vec![("m1", "ip route add blackhole 10.39.0.192/26 proto 80")],
            true,
            ("pool-overlaps-node-network", "m1"),
            Script("ip route del blackhole 10.39.0.192/26 proto 80"),
        ),
    ]
}

fn addresses() -> Vec<Case> {
    vec![
        // What the pod asks is lost where no node shows it. It goes on asking: the kernel soon forgets who gave no answer.
        case(
            calico(),
            plain,
            vec![(
                "m1",
                "ip netns exec web sh -c \"nft add table netdev lost; \
                 nft 'add chain netdev lost asked { type filter hook ingress device eth0 priority 0; }'; \
                 nft add rule netdev lost asked ether type arp drop\"
                 ip -n web neighbor flush all
                 ip netns exec web sysctl -w net.ipv4.neigh.eth0.retrans_time_ms=100
                 ip netns exec web ping -q -i 2 192.168.71.5 >/dev/null 2>&1 &",
            )],
            true,
            ("gateway-unanswered", "m1"),
            Script("ip netns exec web nft delete table netdev lost"),
        ),
        case(
            calico().pings("m1", "10.39.0.200"),
            plain,
            vec![(
                "m1",
                "ip link add docker0 type bridge; ip address add 10.39.0.193/26 dev docker0; ip link set docker0 up",
            )],
            true,
            ("docker-range-overlaps", "m1"),
            Script("ip address add 172.17.0.1/16 dev docker0; ip address del 10.39.0.193/26 dev docker0"),
        ),
        case(
            announced(),
            plain,
            vec![
                ("m1", "sysctl -w net.ipv4.conf.all.arp_ignore=0"),
                ("m3", "sysctl -w net.ipv4.conf.all.arp_ignore=0"),
                ("ext", "ip neigh flush all"),
            ],
            true,
            ("virtual-address-answered-by-all", "m1"),
            Typed,
        ),
        case(
            dual(),
            plain,
            vec![("m1", "sysctl -w net.ipv6.conf.all.disable_ipv6=1")],
            true,
            ("ipv6-disabled", "m1"),
            Typed,
        ),
        case(
            dual(),
            plain,
            vec![("m1", "sysctl -w net.ipv6.conf.eth0.disable_ipv6=1")],
            true,
            ("ipv6-disabled", "m1"),
            Typed,
        ),
        case(
            dual_pods(),
            plain,
            vec![(
                "m1",
                "sysctl -w net.ipv6.conf.$(ip -o link | sed -n 's/^[0-9]*: \\(cali[^@]*\\)@.*/\\1/p').disable_ipv6=1",
            )],
            true,
            ("ipv6-disabled", "m1"),
            Typed,
        ),
    ]
}

/// Hosts whose bridges are on one wire, `ext` beside them; they have a network of their own, too. The wire is slow: what goes
/// round would take all of the machine.
fn bridged() -> Draft {
    let host = |plan: Plan, number: u8| {
        plan.node(&format!("n{number}"), |node| {
            node.link("eth0", "own", &format!("10.50.0.{number}/24"))
                .link("eth1", "wire", "")
                .ip("link add br0 type bridge forward_delay 0")
                .ip("link set eth1 master br0")
                .sh("tc qdisc add dev eth1 root tbf rate 2mbit burst 10kb latency 50ms")
                .ip("link set br0 up")
                .ip(&format!("address add 10.60.0.{number}/24 dev br0"))
        })
    };
    let plan = Plan::new().segment("own", "").segment("wire", "");
    let plan = [1, 2].into_iter().fold(plan, host);
    Draft::new(plan.node("ext", |node| node.link("eth0", "wire", "10.60.0.9/24")))
        // Who is heard of again and again is soon known to be where he is.
        .also(
            "ext",
            "for host in 1 2; do ping -q -i 0.3 10.60.0.$host >/dev/null 2>&1 & done",
        )
        .pings("n1", "10.50.0.2")
        .pings("n1", "10.60.0.2")
        .pings("n1", "10.60.0.9")
        .pings("n2", "10.60.0.9")
}

fn loops() -> Vec<Case> {
    vec![case(
        bridged(),
        without_objects,
        vec![
            (
                "n1",
                "ip link add vx0 mtu 1500 type vxlan id 9 dstport 4789 local 10.50.0.1 remote 10.50.0.2 dev eth0
                 ip link set vx0 master br0 up",
            ),
            (
                "n2",
                "ip link add vx0 mtu 1500 type vxlan id 9 dstport 4789 local 10.50.0.2 remote 10.50.0.1 dev eth0
                 ip link set vx0 master br0 up",
            ),
        ],
        true,
        ("bridge-loop", "n1"),
        // STP's frames are taken in the first network namespace alone (net/llc/llc_input.c): what else is printed.
        Script("ip link set vx0 nomaster; ip link set br0 type bridge fdb_flush"),
    )]
}

/// m2 announces an address of a service, as MetalLB does; m1 and m3 have it for IPVS, and no endpoint there: what comes for
/// it is dropped. Only who is asked first or last answers first: the second one never does.
fn announced() -> Draft {
    // There is no dummy here; nothing is behind a bridge either.
    let virtual_link = "ip link add kube-ipvs0 type bridge; ip address add 10.39.0.77/32 dev kube-ipvs0
        sysctl -w net.ipv4.conf.all.arp_ignore=1; sysctl -w net.ipv4.conf.all.arp_announce=2
        iptables-nft -A INPUT -d 10.39.0.77/32 -j DROP";
    calico()
        .also("m1", virtual_link)
        .also("m2", "ip address add 10.39.0.77/32 dev eth0")
        // It soon asks again.
        .also(
            "ext",
            "sysctl -w net.ipv4.neigh.eth0.base_reachable_time_ms=1000 net.ipv4.neigh.eth0.delay_first_probe_time=1",
        )
        .also("m3", virtual_link)
        .pings("ext", "10.39.0.77")
}

/// Its unit starts it again.
fn restarted(network: &Network) -> Result<()> {
    ovs::start_switch(network.lab().node("h1"))
}

fn switches() -> Vec<Case> {
    let two = || OpenVswitch::default().draft();
    vec![
        case(
            two(),
            without_objects,
            vec![(
                "h1",
                "kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid || cat /var/run/openvswitch/ovs-vswitchd.pid)",
            )],
            true,
            ("ovs-daemon-down", "h1"),
            Done(restarted),
        ),
        // The kernel's data path, whose module is not there.
        case(
            two(),
            without_objects,
            vec![(
                "h1",
                "ports=$(ovs-vsctl list-ports br0 | grep veth)
                 v() { ovs-vsctl --timeout=5 --no-wait \"$@\"; }
                 v del-br br0; v add-br br0 -- set bridge br0 datapath_type=system
                 for port in $ports; do v add-port br0 $port; done
                 v add-port br0 tun2 -- set interface tun2 type=vxlan options:remote_ip=192.168.70.12 options:key=7",
            )],
            true,
            ("ovs-port-refused", "h1"),
            // The bridge's own link is made anew.
            Script(
                "ovs-vsctl --timeout=10 set bridge br0 datapath_type=netdev
                 ip address add 172.17.1.254/16 dev br0; ip link set br0 mtu 1450 up",
            ),
        ),
        // A tunnel that there is already.
        case(
            two(),
            without_objects,
            vec![(
                "h1",
                "ovs-vsctl --timeout=3 add-port br0 more -- \
                 set interface more type=vxlan options:remote_ip=192.168.70.12 options:key=7 || true",
            )],
            false,
            ("ovs-port-refused", "h1"),
            Typed,
        ),
    ]
}

#[test]
fn links_and_routes_that_lose_packets_are_named_and_mended() {
    let mut cases = routes();
    cases.extend(addresses());
    cases.extend(switches());
    cases.extend(loops());
    let wrong = each(cases, wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
