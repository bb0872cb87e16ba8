//! VXLAN over a group, and as a proxy.

use super::super::{System, overlay, vxlan_group};

pub(super) fn systems() -> Vec<System> {
    vec![group(), proxy()]
}

fn group() -> System {
    let anew = |kind: &str| {
        format!(
            "ip link del vx0; ip link add vx0 type vxlan {kind}; ip link set vx0 up
             ip address add 10.42.0.2/24 dev vx0"
        )
    };
    System::new("vxlan over a group", vxlan_group())
        .lost(
            "one is in another group",
            "n2",
            &anew("id 42 group 239.1.1.2 dev eth1 dstport 4789"),
            "nobody answers for 10.42.0.2",
        )
        .lost(
            "one has another VNI",
            "n2",
            &anew("id 43 group 239.1.1.1 dev eth1 dstport 4789"),
            "43",
        )
        .lost(
            "one has another port",
            "n2",
            &anew("id 42 group 239.1.1.1 dev eth1 dstport 8472"),
            "8472",
        )
        .lost(
            "one is down",
            "n2",
            "ip link set vx0 down",
            "vx0 of n2, which has 10.42.0.2, is down",
        )
        .lost(
            "one lets no VXLAN in",
            "n2",
            "iptables-nft -A INPUT -p udp --dport 4789 -j DROP",
            "--dport 4789 -j DROP",
        )
        .lost(
            "one sends nothing to the group",
            "n1",
            "iptables-nft -A OUTPUT -d 239.0.0.0/8 -j DROP",
            "-d 239.0.0.0/8 -j DROP",
        )
        .lost(
            "the address is known behind another end",
            "n1",
            "ip neighbor replace 10.42.0.2 lladdr 02:00:00:00:00:42 dev vx0 nud permanent
             bridge fdb add 02:00:00:00:00:42 dev vx0 dst 192.168.90.3 self permanent",
            "02:00:00:00:00:42",
        )
}

fn proxy() -> System {
    System::new("overlay of Docker", overlay())
        .lost(
            "an address is not told",
            "h1",
            "ip neighbor del 10.0.9.12 dev vx0",
            "nobody answers for 10.0.9.12",
        )
        .lost(
            "an address is told, and its host is not",
            "h1",
            "bridge fdb del 02:42:0a:00:09:0c dev vx0 dst 192.168.91.2 self",
            "02:42:0a:00:09:0c",
        )
        .lost(
            "a container came back with another MAC",
            "h2",
            "ip -n c2 link set eth0 address 02:42:0a:00:09:99",
            "02:42:0a:00:09:0c",
        )
        .lost(
            "a container moved, and the other host was not told",
            "h1",
            "bridge fdb replace 02:42:0a:00:09:0c dev vx0 dst 192.168.91.7 self permanent",
            "192.168.91.7",
        )
        .lost(
            "the VXLAN is no port",
            "h1",
            "ip link set vx0 nomaster",
            "nobody answers for 10.0.9.12",
        )
        .lost(
            "one host has another VNI",
            "h2",
            "ip link del vx0
             ip link add vx0 type vxlan id 4098 local 192.168.91.2 dstport 4789 nolearning proxy l2miss l3miss
             ip link set vx0 master br0; ip link set vx0 up
             ip neighbor add 10.0.9.11 lladdr 02:42:0a:00:09:0b dev vx0 nud permanent
             bridge fdb add 02:42:0a:00:09:0b dev vx0 dst 192.168.91.1 self permanent",
            "4098",
        )
}
