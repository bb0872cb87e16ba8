//! A cable between namespaces; Calico's way to pods.

use super::super::{ProxyArp, System, veth_pair};

pub(super) fn systems() -> Vec<System> {
    vec![pair(), hosts()]
}

fn pair() -> System {
    System::new("veth pair", veth_pair())
        .lost(
            "the other end of the cable is down",
            "host",
            "ip -n test-ns2 link set veth1 down",
            "veth1",
        )
        .lost(
            "an address is alone in its segment",
            "host",
            "ip -n test-ns address del 10.1.1.2/24 dev veth0; ip -n test-ns address add 10.1.1.2/32 dev veth0",
            "no route to 10.1.1.1",
        )
        .lost(
            "the route that comes with an address is gone",
            "host",
            "ip -n test-ns route del 10.1.1.0/24",
            "the route to 10.1.1.0/24 that comes with it is gone",
        )
        .lost(
            "the cable is gone",
            "host",
            "ip -n test-ns2 link del veth1",
            "no route to 10.1.1.1",
        )
        .lost(
            "the other end takes no ARP",
            "host",
            "ip -n test-ns2 link set veth1 arp off",
            "nobody answers for 10.1.1.1",
        )
        .lost(
            "the other end has lost its address",
            "host",
            "ip -n test-ns2 address flush dev veth1",
            "nobody answers for 10.1.1.1",
        )
        .lost(
            "the neighbor is known by a MAC of nobody",
            "host",
            "ip -n test-ns neighbor replace 10.1.1.1 lladdr 02:00:00:00:00:99 dev veth0 nud permanent",
            "02:00:00:00:00:99",
        )
        .lost(
            "a route to the neighbor leads into nothing",
            "host",
            "ip -n test-ns route add blackhole 10.1.1.1/32",
            "blackhole 10.1.1.1",
        )
}

fn hosts() -> System {
    System::new("proxy_arp", ProxyArp::default().draft())
        .lost(
            "the host does not answer for 169.254.1.1",
            "host0",
            "echo 0 >/proc/sys/net/ipv4/conf/veth0/proxy_arp",
            "nobody answers for 169.254.1.1",
        )
        .lost(
            "the host has no route to 169.254.1.1",
            "host0",
            "ip route del default",
            "nobody answers for 169.254.1.1",
        )
        .lost(
            "the other host has no route back",
            "host1",
            "ip route del 10.20.1.2/32",
            "10.20.1.2",
        )
        .lost(
            "the other host does not forward",
            "host1",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
            "forwarding = 0",
        )
        .lost(
            "the way back has a next hop that is nobody",
            "host1",
            "ip route replace 10.20.1.2/32 via 192.168.1.77 dev ens192",
            "nobody answers for 192.168.1.77",
        )
        .lost(
            "packets come in by another link than their answers would leave by",
            "host1",
            "echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter; ip route replace 10.20.1.2/32 dev veth0",
            "rp_filter",
        )
        .lost(
            "a rule sends answers to a table of its own",
            "host1",
            "ip rule add from 10.20.1.3 lookup 100; ip route add unreachable default table 100",
            "table 100",
        )
        .lost(
            "a rule prohibits",
            "host0",
            "ip rule add from 10.20.1.2 prohibit",
            "ip rule",
        )
        .lost(
            "the pod has no route to its gateway",
            "host0",
            "ip -n ns0 route del default",
            "no route to 10.20.1.3",
        )
        .lost(
            "the pod knows its gateway by a MAC of nobody",
            "host0",
            "ip -n ns0 neighbor replace 169.254.1.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
            "02:00:00:00:00:99",
        )
        .lost(
            "the pod sends from an address that is not its own",
            "host0",
            "ip -n ns0 address add 10.99.0.1/32 dev eth0
             ip -n ns0 route replace default via 169.254.1.1 dev eth0 src 10.99.0.1",
            "10.99.0.1",
        )
        .lost(
            "the pod's route on its host leads into nothing",
            "host1",
            "ip route replace unreachable 10.20.1.3/32",
            "unreachable 10.20.1.3",
        )
        .lost(
            "nftables drops what is forwarded",
            "host1",
            "nft add table inet guard
             nft add chain inet guard forward '{ type filter hook forward priority 0; policy drop; }'",
            "policy drop",
        )
        .lost(
            "the wire takes less than the pods send",
            "host1",
            "ip link set ens192 mtu 1400",
            "MTU 1400",
        )
        .lost(
            "the host's link is down",
            "host1",
            "ip link set ens192 down",
            "ens192",
        )
}
