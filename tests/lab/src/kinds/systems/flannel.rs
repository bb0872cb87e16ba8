//! Flannel with each of its backends.

use super::super::{Backend, Flannel, System};

pub(super) fn systems() -> Vec<System> {
    vec![vxlan(), udp(), host_gateway(), direct_routing()]
}

/// flannel.1 anew, with these words in place of `id 1`, `local …` and `dstport 8472`.
fn anew(id: u32, local: &str, port: u16) -> String {
    format!(
        "routes=$(ip route show dev flannel.1 | sed 's/^/route add /; s/onlink/dev flannel.1 onlink/')
         neighbors=$(ip neighbor show dev flannel.1 | sed 's/^/neighbor add /; s/PERMANENT/dev flannel.1 nud permanent/')
         ip link del flannel.1
         ip link add flannel.1 mtu 1450 address 2e:10:f4:00:01:00 type vxlan id {id} dev eth0 local {local} \
             dstport {port} nolearning
         ip link set flannel.1 up
         ip address add 10.244.1.0/32 dev flannel.1
         printf '%s\\n' \"$routes\" \"$neighbors\" | ip -batch -
         bridge fdb append 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self permanent
         bridge fdb append 2e:10:f4:00:03:00 dev flannel.1 dst 192.168.200.13 self permanent"
    )
}

fn vxlan() -> System {
    System::new("flannel vxlan", Flannel::new(Backend::Vxlan).draft())
        .lost(
            "the forwarding database has no VTEP",
            "n1",
            "bridge fdb del 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self",
            "no FDB entry for 2e:10:f4:00:02:00",
        )
        .lost(
            "a VTEP has another address now",
            "n1",
            "ip neighbor replace 10.244.2.0 lladdr 2e:10:f4:00:99:00 dev flannel.1 nud permanent",
            "2e:10:f4:00:99:00",
        )
        .lost(
            "the VTEP's neighbor entry is gone",
            "n1",
            "ip neighbor del 10.244.2.0 dev flannel.1",
            "10.244.2.0",
        )
        .lost("another VNI", "n1", &anew(2, "192.168.100.11", 8472), "VNI")
        .lost("another port", "n1", &anew(1, "192.168.100.11", 4789), "4789")
        .lost(
            "the forwarding database leads to another host",
            "n1",
            "bridge fdb del 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self
             bridge fdb append 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.200.13 self permanent",
            "192.168.200.13",
        )
        .lost(
            "the rules let nothing through",
            "n1",
            "iptables-nft -F FORWARD; iptables-nft -P FORWARD DROP",
            "policy DROP of FORWARD",
        )
        .lost(
            "what is in UDP is not taken",
            "n2",
            "iptables-nft -A INPUT -p udp --dport 8472 -j DROP",
            "--dport 8472 -j DROP",
        )
        .lost(
            "the bridge is not the pods' gateway",
            "n1",
            "ip address del 10.244.1.1/24 dev cni0; ip address add 10.244.9.1/24 dev cni0",
            "10.244.1.1",
        )
        .lost(
            "a pod's link is no port",
            "n1",
            "ip link set \"$(link_of pod1)\" nomaster",
            "is in no bridge",
        )
        .lost(
            "flannel.1 is down",
            "n2",
            "ip link set flannel.1 down",
            "flannel.1",
        )
        .lost(
            "the route to a lease is gone",
            "n2",
            "ip route del 10.244.1.0/24",
            "10.244.1",
        )
        .lost(
            "a rule sends pods to a table without routes to pods",
            "n1",
            "ip rule add from 10.244.1.0/24 lookup 100
             ip route add default via 192.168.100.254 table 100",
            "table 100",
        )
        .lost(
            "the wire takes less than the tunnel's packets",
            "n2",
            "ip link set eth0 mtu 1450",
            "1450",
        )
        .lost("the other node is off", "n2", "ip link set eth0 down", "eth0")
}

fn udp() -> System {
    let host = Flannel::new(Backend::Udp);
    System::new("flannel udp", host.draft())
        .kill("flanneld is gone", "n2", "flanneld", "udp/8285")
        .lost(
            "what is in UDP is not taken",
            "n2",
            "iptables-nft -A INPUT -p udp --dport 8285 -j DROP",
            "--dport 8285 -j DROP",
        )
        .lost("flannel0 is down", "n1", "ip link set flannel0 down", "flannel0")
        .lost(
            "the other node does not forward",
            "n2",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
            "forwarding = 0",
        )
        .lost(
            "the route to the network is gone",
            "n2",
            "ip route del 10.244.0.0/16",
            "10.244.1",
        )
        .lost(
            "the rules let nothing through",
            "n1",
            "iptables-nft -F FORWARD; iptables-nft -P FORWARD DROP",
            "policy DROP of FORWARD",
        )
}

fn host_gateway() -> System {
    System::new("flannel host-gw", Flannel::new(Backend::HostGateway).draft())
        .lost(
            "a lease without a route",
            "n1",
            "ip route del 10.244.2.0/24",
            "10.244.2",
        )
        .lost(
            "a route leads to nobody",
            "n2",
            "ip route replace 10.244.1.0/24 via 192.168.100.99 dev eth0",
            "nobody answers for 192.168.100.99",
        )
        .lost(
            "the other node does not forward",
            "n2",
            "echo 0 >/proc/sys/net/ipv4/conf/eth0/forwarding",
            "forwarding = 0",
        )
        .lost(
            "a subnet is blackholed",
            "n2",
            "ip route replace blackhole 10.244.1.0/24",
            "blackhole 10.244.1.0/24",
        )
        .lost(
            "the rules let nothing through",
            "n2",
            "iptables-nft -F FORWARD; iptables-nft -P FORWARD DROP",
            "policy DROP of FORWARD",
        )
        .lost(
            "the own subnet has a route to the wire",
            "n2",
            "ip route add 10.244.2.2/32 via 192.168.100.11",
            "10.244.2.2",
        )
        .lost(
            "what pods send is given an address of nobody",
            "n1",
            "iptables-nft -t nat -I POSTROUTING -s 10.244.1.0/24 -o eth0 -j SNAT --to-source 192.168.100.77",
            "192.168.100.77",
        )
}

fn direct_routing() -> System {
    System::new(
        "flannel DirectRouting",
        Flannel::new(Backend::DirectRouting).draft(),
    )
    .lost(
        "the router drops what is in UDP",
        "r",
        "iptables-nft -A FORWARD -p udp --dport 8472 -j DROP",
        "--dport 8472 -j DROP",
    )
    .lost(
        "a lease of the same segment has no route",
        "n1",
        "ip route del 10.244.2.0/24",
        "10.244.2",
    )
    .lost(
        "a lease beyond the router has no VTEP",
        "n1",
        "bridge fdb del 2e:10:f4:00:03:00 dev flannel.1 dst 192.168.200.13 self",
        "no FDB entry for 2e:10:f4:00:03:00",
    )
    .lost(
        "a lease beyond the router is routed by hand",
        "n1",
        "ip route replace 10.244.3.0/24 via 192.168.100.254 dev eth0",
        "10.244.3",
    )
    .lost(
        "the router has lost a segment",
        "r",
        "ip link set eth2 down",
        "eth2",
    )
    .lost(
        "packets that come in unwrapped are filtered by their way back",
        "n2",
        "echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
             ip route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink",
        "rp_filter",
    )
}
