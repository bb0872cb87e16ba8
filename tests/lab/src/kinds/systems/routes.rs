//! Routes that somebody wrote.

use super::super::{StaticRoutes, System};

pub(super) fn systems() -> Vec<System> {
    let draft = |routed| {
        StaticRoutes {
            routed,
            ..StaticRoutes::default()
        }
        .draft()
    };
    vec![
        System::new("static routes", draft(false))
            .lost(
                "one side is forgotten",
                "node2",
                "ip route del 10.244.1.0/24",
                "no route to 10.244.1.6",
            )
            .lost(
                "a route leads into nothing",
                "node1",
                "ip route replace blackhole 10.244.2.0/24",
                "blackhole 10.244.2.0/24",
            )
            .lost(
                "the next hop is mistyped",
                "node1",
                "ip route replace 10.244.2.0/24 via 192.168.80.52",
                "nobody answers for 192.168.80.52",
            )
            .lost(
                "a narrower route leads to nobody",
                "node2",
                "ip route add 10.244.1.6/32 via 192.168.80.99",
                "nobody answers for 192.168.80.99",
            )
            .lost(
                "a route prohibits",
                "node2",
                "ip route add prohibit 10.244.1.6/32",
                "prohibit 10.244.1.6",
            )
            .lost(
                "the source becomes an address of nobody",
                "node1",
                "iptables-nft -t nat -A POSTROUTING -s 10.244.1.0/24 -j SNAT --to-source 192.168.80.99",
                "nobody answers for 192.168.80.99",
            )
            .lost(
                "the neighbor's MAC is an old one",
                "node1",
                "ip neighbor replace 192.168.80.25 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
                "02:00:00:00:00:99",
            )
            .lost(
                "the link has the wrong netmask",
                "node2",
                "ip address del 192.168.80.25/24 dev eth0; ip address add 192.168.80.25/32 dev eth0",
                "192.168.80.24",
            )
            .lost(
                "the older tables drop",
                "node2",
                "iptables-legacy -A FORWARD -d 10.244.2.3 -j DROP",
                "-A FORWARD -d 10.244.2.3/32 -j DROP",
            ),
        System::new("static routes over a router", draft(true))
            .lost(
                "the router does not know the pods",
                "gw",
                "ip route del 10.244.2.0/24",
                "no route to 10.244.2.3",
            )
            .lost(
                "the router sends them back",
                "gw",
                "ip route replace 10.244.2.0/24 via 192.168.80.24",
                "goes in circles",
            )
            .lost(
                "the router does not forward",
                "gw",
                "echo 0 >/proc/sys/net/ipv4/ip_forward",
                "forwarding = 0",
            )
            .lost(
                "the router rejects",
                "gw",
                "iptables-nft -A FORWARD -s 10.244.1.0/24 -j REJECT --reject-with icmp-admin-prohibited",
                "-j REJECT",
            )
            .lost(
                "the far side of the router takes less",
                "gw",
                "ip link set eth2 mtu 1300",
                "MTU 1300",
            )
            .lost(
                "the router has lost its address",
                "gw",
                "ip address flush dev eth1",
                "192.168.80.254",
            ),
    ]
}
