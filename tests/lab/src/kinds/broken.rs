//! The same networks, each with one thing wrong.

use super::{
    Backend, Docker, Draft, Flannel, OpenVswitch, ProxyArp, StaticRoutes, Tunnel, bridge, veth_pair,
};
use crate::ovs::{SERVER, SWITCH};

/// A network with a fault: at least one of its ways is not as it must be.
#[derive(Debug, Clone)]
#[must_use = "nothing exists before `up`"]
pub struct Broken {
    /// what is wrong, in words
    pub what: &'static str,
    /// the node that it is wrong on
    pub node: &'static str,
    pub draft: Draft,
}

/// The link of the node that a pod's link is the other end of.
const LINK_OF: &str = r#"link_of() {
    index=$(ip netns exec "$1" cat /sys/class/net/eth0/iflink)
    ip -o link | sed -n "s/^$index: \([^@:]*\).*/\1/p"
}
"#;

/// All of them.
pub fn broken() -> Vec<Broken> {
    [cables(), bridges(), docker(), flannel(), routes(), switches()].concat()
}

fn row(what: &'static str, draft: Draft, node: &'static str, script: &str) -> Broken {
    Broken {
        what,
        node,
        draft: draft.also(node, &format!("{LINK_OF}{script}")),
    }
}

fn cables() -> Vec<Broken> {
    let calico = || ProxyArp::default().draft();
    vec![
        row(
            "the other end of the cable is down",
            veth_pair(),
            "host",
            "ip -n test-ns2 link set veth1 down",
        ),
        row(
            "an address is alone in its segment",
            veth_pair(),
            "host",
            "ip -n test-ns address del 10.1.1.2/24 dev veth0; ip -n test-ns address add 10.1.1.2/32 dev veth0",
        ),
        row(
            "the host does not answer for 169.254.1.1",
            calico(),
            "host0",
            "echo 0 >/proc/sys/net/ipv4/conf/veth0/proxy_arp",
        ),
        row(
            "the host has no route to 169.254.1.1",
            calico(),
            "host0",
            "ip route del default",
        ),
        row(
            "the other host has no route back",
            calico(),
            "host1",
            "ip route del 10.20.1.2/32",
        ),
        row(
            "the other host does not forward",
            calico(),
            "host1",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
        ),
    ]
}

fn bridges() -> Vec<Broken> {
    let on_n1 = |what, script| row(what, bridge(), "n1", script);
    vec![
        on_n1("a pod's link is no port", "ip link set \"$(link_of b)\" nomaster"),
        on_n1(
            "two ports are isolated",
            "for pod in a b; do ip link set \"$(link_of $pod)\" type bridge_slave isolated on; done",
        ),
        on_n1(
            "a port gets no frames but for those it asked for, and does not learn",
            "ip link set \"$(link_of a)\" type bridge_slave learning off flood off bcast_flood off
             ip link set br0 type bridge ageing_time 0; ip link set \"$(link_of a)\" type bridge_slave fdb_flush",
        ),
        on_n1("the bridge is down", "ip link set br0 down"),
        on_n1(
            // Without `sticky`, the first frame from the pod would put it right.
            "a wrong entry of the forwarding database leads away",
            "mac=$(ip netns exec b cat /sys/class/net/eth0/address)
             bridge fdb replace \"$mac\" dev eth1 master static sticky",
        ),
    ]
}

fn docker() -> Vec<Broken> {
    let on_h1 = |what, script| row(what, Docker::default().draft(), "h1", script);
    vec![
        on_h1(
            "the published port is not translated",
            "iptables-nft -t nat -F DOCKER",
        ),
        on_h1("docker0 is down", "ip link set docker0 down"),
        on_h1(
            "networks are not isolated",
            "iptables-nft -F DOCKER-ISOLATION-STAGE-1",
        ),
        on_h1("nothing is masqueraded", "iptables-nft -t nat -F POSTROUTING"),
        on_h1("nothing is forwarded", "iptables-nft -F FORWARD"),
    ]
}

fn flannel() -> Vec<Broken> {
    let on_n1 = |what, script| row(what, Flannel::new(Backend::Vxlan).draft(), "n1", script);
    vec![
        on_n1(
            "the forwarding database has no VTEP",
            "bridge fdb del 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self",
        ),
        on_n1(
            "a VTEP has another address now",
            "ip neighbor replace 10.244.2.0 lladdr 2e:10:f4:00:99:00 dev flannel.1 nud permanent",
        ),
        on_n1(
            "the VTEP's neighbor entry is gone",
            "ip neighbor del 10.244.2.0 dev flannel.1",
        ),
        on_n1(
            "another VNI",
            "routes=$(ip route show dev flannel.1 | sed 's/^/route add /; s/onlink/dev flannel.1 onlink/')
             neighbors=$(ip neighbor show dev flannel.1 | sed 's/^/neighbor add /; s/PERMANENT/dev flannel.1 nud permanent/')
             ip link del flannel.1
             ip link add flannel.1 mtu 1450 address 2e:10:f4:00:01:00 type vxlan id 2 dev eth0 local 192.168.100.11 \
                 dstport 8472 nolearning
             ip link set flannel.1 up
             ip address add 10.244.1.0/32 dev flannel.1
             printf '%s\\n' \"$routes\" \"$neighbors\" | ip -batch -
             bridge fdb append 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self permanent",
        ),
        on_n1(
            "the rules let nothing through",
            "iptables-nft -F FORWARD; iptables-nft -P FORWARD DROP",
        ),
        on_n1(
            "the bridge is not the pods' gateway",
            "ip address del 10.244.1.1/24 dev cni0; ip address add 10.244.9.1/24 dev cni0",
        ),
        on_n1("a pod's link is no port", "ip link set \"$(link_of pod1)\" nomaster"),
        row(
            "a lease without a route",
            Flannel::new(Backend::HostGateway).draft(),
            "n1",
            "ip route del 10.244.2.0/24",
        ),
        row(
            "the router drops what is in UDP",
            Flannel::new(Backend::DirectRouting).draft(),
            "r",
            "iptables-nft -A FORWARD -p udp --dport 8472 -j DROP",
        ),
    ]
}

fn routes() -> Vec<Broken> {
    let draft = |routed| {
        StaticRoutes {
            routed,
            ..StaticRoutes::default()
        }
        .draft()
    };
    vec![
        row(
            "one side is forgotten",
            draft(false),
            "node2",
            "ip route del 10.244.1.0/24",
        ),
        row(
            "the router does not know the pods",
            draft(true),
            "gw",
            "ip route del 10.244.2.0/24",
        ),
        row(
            "a route leads into nothing",
            draft(false),
            "node1",
            "ip route replace blackhole 10.244.2.0/24",
        ),
    ]
}

fn switches() -> Vec<Broken> {
    let draft = |tunnel| OpenVswitch { tunnel, hosts: 2 }.draft();
    let by_tool = |what, tunnel, node: &'static str, script: &str| Broken {
        what,
        node,
        draft: draft(tunnel).also_ovs(node, script),
    };
    let port = "port=$(ovs-vsctl --bare --columns=name find interface external_ids:iface-id=c1)";
    vec![
        by_tool(
            "the keys of a GRE tunnel differ",
            Tunnel::Gre,
            "h2",
            "ovs-vsctl set interface tun1 options:key=8",
        ),
        by_tool(
            "a tunnel has another host's address",
            Tunnel::Vxlan,
            "h1",
            "ovs-vsctl set interface tun2 options:remote_ip=192.168.70.99",
        ),
        by_tool(
            "a tunnel expects another sender",
            Tunnel::Geneve,
            "h2",
            "ovs-vsctl set interface tun1 options:remote_ip=192.168.70.99",
        ),
        by_tool(
            "one side has no tunnel",
            Tunnel::Vxlan,
            "h2",
            "ovs-vsctl del-port br0 tun1",
        ),
        by_tool(
            "one side takes VXLAN on another port",
            Tunnel::Vxlan,
            "h2",
            "ovs-vsctl set interface tun1 options:dst_port=8472",
        ),
        by_tool(
            "a container's port is in a VLAN",
            Tunnel::Gre,
            "h2",
            &format!("{port}; ovs-vsctl set port $port tag=100"),
        ),
        by_tool(
            "a container's link is no port",
            Tunnel::Vxlan,
            "h1",
            &format!("{port}; ovs-vsctl del-port br0 $port"),
        ),
        by_tool(
            "a rule drops what goes to a container",
            Tunnel::Vxlan,
            "h2",
            "ovs-ofctl add-flow br0 'priority=50,ip,nw_dst=172.17.2.1,actions=drop'",
        ),
        by_tool(
            "a rule drops answers of ARP",
            Tunnel::Gre,
            "h2",
            "ovs-ofctl add-flow br0 'priority=50,arp,arp_op=1,arp_tpa=172.17.2.1,actions=drop'",
        ),
        by_tool(
            "a secure bridge has no rules",
            Tunnel::Vxlan,
            "h2",
            "ovs-ofctl del-flows br0",
        ),
        by_tool(
            "the host's link is no port any more",
            Tunnel::Vxlan,
            "h2",
            "ovs-vsctl del-port br-ex eth0",
        ),
        Broken {
            what: "the database is gone",
            node: "h1",
            draft: draft(Tunnel::Vxlan).also_kill("h1", SERVER),
        },
        Broken {
            what: "the switch daemon is gone",
            node: "h2",
            draft: draft(Tunnel::Gre).also_kill("h2", SWITCH),
        },
    ]
}
