//! Open vSwitch, with tunnels between hosts.

use super::super::{OpenVswitch, System, Tunnel};
use crate::ovs::{SERVER, SWITCH};

/// The port of the container `c1`.
const PORT: &str = "port=$(ovs-vsctl --bare --columns=name find interface external_ids:iface-id=c1)";

pub(super) fn systems() -> Vec<System> {
    let draft = |tunnel, hosts| OpenVswitch { tunnel, hosts }.draft();
    vec![
        gre(System::new("ovs gre", draft(Tunnel::Gre, 2))),
        vxlan(System::new("ovs vxlan", draft(Tunnel::Vxlan, 2))),
        System::new("ovs vxlan of three", draft(Tunnel::Vxlan, 3)).lost_by_switch(
            "one side has no tunnel",
            "h2",
            "ovs-vsctl del-port br0 tun3",
            "no vxlan port",
        ),
        System::new("ovs geneve", draft(Tunnel::Geneve, 2)).lost_by_switch(
            "a tunnel expects another sender",
            "h2",
            "ovs-vsctl set interface tun1 options:remote_ip=192.168.70.99",
            "192.168.70.99",
        ),
    ]
}

fn gre(system: System) -> System {
    system
        .lost_by_switch(
            "the keys of a GRE tunnel differ",
            "h2",
            "ovs-vsctl set interface tun1 options:key=8",
            "no gre port takes key 7 from 192.168.70.11",
        )
        .lost_by_switch(
            "a tunnel has another host's address",
            "h1",
            "ovs-vsctl set interface tun2 options:remote_ip=192.168.70.99",
            "192.168.70.99",
        )
        .lost_by_switch(
            "a container's port is in a VLAN",
            "h2",
            &format!("{PORT}; ovs-vsctl set port $port tag=100"),
            "VLAN 100",
        )
        .lost_by_switch(
            "rules drop a container's ARP",
            "h2",
            "ovs-ofctl add-flow br0 'priority=50,arp,arp_tpa=172.17.2.1,actions=drop'
             ovs-ofctl add-flow br0 'priority=50,arp,arp_spa=172.17.2.1,actions=drop'",
            "172.17.2.1",
        )
        .lost(
            "the bridge of the tunnel has lost its address",
            "h2",
            "ip address flush dev br-ex",
            "192.168.70",
        )
        .kill("the switch daemon is gone", "h2", SWITCH, "ovs-vswitchd")
}

fn vxlan(system: System) -> System {
    system
        .lost_by_switch(
            "one side has no tunnel",
            "h2",
            "ovs-vsctl del-port br0 tun1",
            "no VXLAN link for VNI 7",
        )
        .lost_by_switch(
            "one side takes VXLAN on another port",
            "h2",
            "ovs-vsctl set interface tun1 options:dst_port=8472",
            "4789",
        )
        .lost_by_switch(
            "a container's link is no port",
            "h1",
            &format!("{PORT}; ovs-vsctl del-port br0 $port"),
            "is not on the segment",
        )
        .lost_by_switch(
            "a rule drops what goes to a container",
            "h2",
            "ovs-ofctl add-flow br0 'priority=50,ip,nw_dst=172.17.2.1,actions=drop'",
            "nw_dst=172.17.2.1",
        )
        .lost_by_switch(
            "a secure bridge has no rules",
            "h2",
            "ovs-ofctl del-flows br0",
            "br0",
        )
        .lost_by_switch(
            "the host's link is no port any more",
            "h2",
            // It is the kernel's alone again.
            "ovs-vsctl del-port br-ex eth0; echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore",
            "end at br-ex, and no link to other hosts is a port of it",
        )
        .lost(
            "a container is in another network",
            "h2",
            "ip -n c1 address flush dev eth0; ip -n c1 address add 172.18.2.1/16 dev eth0",
            "nobody answers for 172.17.2.1",
        )
        .kill("the database is gone", "h1", SERVER, "ovsdb-server")
}
