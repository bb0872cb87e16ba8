//! One node with a link of every kind that a guest has, for those who read links.

use super::Draft;
use crate::{Plan, unpacked};

const LINKS: [&str; 32] = [
    "link add d0 type dummy",
    "link add d1 type dummy",
    "link add d2 type dummy",
    "link add name eth0.5 link eth0 type vlan id 5",
    "link add name eth0.6 link eth0 type vlan proto 802.1ad id 6",
    "link add name t-ipip type ipip local 10.9.0.1 remote 10.9.0.2 nopmtudisc",
    "link add name t-any type ipip local 10.9.0.9 mode any",
    "link add name t-gre type gre local 10.9.0.1 remote 10.9.0.2 ikey 5 okey 0.0.0.6 csum seq",
    "link add name t-gre2 type gre external",
    "link add name t-tap type gretap local 10.9.0.1 remote 10.9.0.3 key 7 dev eth0",
    "link add name t-sit type sit local 10.9.0.1 remote 10.9.0.2 ttl 255",
    "link add name t-six type ip6tnl mode any local fd09::1 remote fd09::2 encaplimit none",
    "link add name t-gre6 type ip6gre local fd09::1 remote fd09::2 key 9",
    "link add name t-tap6 type ip6gretap local fd09::1 remote fd09::3",
    "link add name t-vti type vti local 10.9.0.1 remote 10.9.0.2 key 11",
    "link add name g1 type geneve id 10 remote 10.9.0.2 ttl 3",
    "link add name g2 type geneve id 11 remote fd09::2 dstport 6082",
    "link add name g3 type geneve external dstport 6083",
    "link add name x1 type vxlan id 12 group 239.1.1.1 dev eth0 dstport 4789",
    "link add name x2 type vxlan external dstport 4790",
    "link add red type vrf table 10",
    "link set d0 master red",
    "link add br0 type bridge vlan_filtering 1 vlan_default_pvid 3 forward_delay 0",
    "link add name v1 type veth peer name v2",
    "link set v1 master br0",
    "link add bond0 type bond mode active-backup miimon 100",
    "link set d1 master bond0",
    "link add bond1 type bond mode 802.3ad",
    "link add name iv1 link d2 type ipvlan mode l3s",
    "link add name mv1 link v2 type macvlan mode vepa",
    "link set br0 up",
    "link set v1 up",
];

const TABLES: [&str; 6] = [
    "address add 10.9.0.1/24 dev eth0",
    "address add fd09::1/64 dev eth0 nodad",
    "link set t-gre2 up",
    "route add 10.9.5.0/24 encap ip id 7 key dst 10.9.0.2 dev t-gre2",
    "link set red up",
    "route add table 10 unreachable default metric 4278198272",
];

/// The node `museum`, alone on its segment.
pub fn museum() -> Draft {
    let ipvsadm = unpacked("ipvsadm", "sbin/ipvsadm").unwrap_or_else(|_| "ipvsadm".into());
    let service = [
        &ipvsadm,
        " -A -t 10.96.0.10:80 -s wrr -p 300; ",
        &ipvsadm,
        " -a -t 10.96.0.10:80 -r 10.9.0.2:8080 -m -w 3",
    ];
    let plan = Plan::new().segment("wire", "").node("museum", |node| {
        let node = node.link("eth0", "wire", "");
        let node = LINKS.iter().chain(&TABLES).fold(node, |node, line| node.ip(line));
        node.sh("bridge vlan add dev v1 vid 20-22; bridge vlan add dev v1 vid 30 pvid untagged")
            .sh("bridge vlan add dev br0 vid 20 self")
            .sh(&service.concat())
    });
    Draft::new(plan)
}
