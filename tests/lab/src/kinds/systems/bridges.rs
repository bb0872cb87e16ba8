//! One bridge over two hosts.

use super::super::{System, bridge};

pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("bridge", bridge())
            .lost(
                "a pod's link is no port",
                "n1",
                "ip link set \"$(link_of b)\" nomaster",
                "is in no bridge",
            )
            .lost(
                "two ports are isolated",
                "n1",
                "for pod in a b; do ip link set \"$(link_of $pod)\" type bridge_slave isolated on; done",
                "isolated",
            )
            .lost(
                "a port gets no frames but for those it asked for, and does not learn",
                "n1",
                "ip link set \"$(link_of a)\" type bridge_slave learning off flood off bcast_flood off
                 ip link set br0 type bridge ageing_time 0; ip link set \"$(link_of a)\" type bridge_slave fdb_flush",
                "flood",
            )
            .lost("the bridge is down", "n1", "ip link set br0 down", "br0 is down")
            .lost(
                // Without `sticky`, the first frame from the pod would put it right.
                "a wrong entry of the forwarding database leads away",
                "n1",
                "mac=$(ip netns exec b cat /sys/class/net/eth0/address)
                 bridge fdb replace \"$mac\" dev eth1 master static sticky",
                "FDB",
            )
            .lost(
                "the port to the other host is disabled",
                "n1",
                "bridge link set dev eth1 state 0",
                "disabled",
            )
            .lost(
                "the port to the other host only listens",
                "n2",
                "bridge link set dev eth1 state 1",
                "listening",
            )
            .lost(
                "the other host's link is no port",
                "n2",
                "ip link set eth1 nomaster",
                "eth1",
            )
            .lost(
                "a pod has the wrong netmask",
                "n1",
                "ip -n a route del default; ip -n a address del 10.22.0.11/24 dev eth0
                 ip -n a address add 10.22.0.11/30 dev eth0",
                "no route to 10.22.0.12",
            )
            .lost(
                "bridged packets go through FORWARD, which drops",
                "n1",
                "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; iptables-nft -P FORWARD DROP",
                "policy DROP of FORWARD",
            )
            .lost(
                "nftables drops in the bridge",
                "n1",
                "nft add table bridge guard
                 nft add chain bridge guard forward '{ type filter hook forward priority 0; policy drop; }'",
                "policy drop",
            )
            .lost(
                "the wire takes less than the pods send",
                "n1",
                "ip link set eth1 mtu 1400",
                "MTU 1400",
            )
            .lost(
                "a pod knows the other by a MAC of nobody",
                "n1",
                "ip -n a neighbor replace 10.22.0.12 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
                "02:00:00:00:00:99",
            )
            .lost("a pod's link is down", "n1", "ip link set \"$(link_of b)\" down", "down"),
    ]
}
