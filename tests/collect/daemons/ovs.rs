//! Open vSwitch 3.1 with the userspace datapath: netdiag's picture against its own tools.

use std::collections::BTreeMap;

use netdiag::parse::ovs_flows::flows;
use netdiag::parse::ovsdb::{Tables, listed, picture};
use netdiag::state::ovs::{Flow, Ovs};
use netdiag::state::{Absence, Fact};
use netdiag_lab::ovs::{start as start_ovs, tool as tool_of, vsctl};
use netdiag_lab::{Node, Result, or_skip};

use super::{collected, two_nodes};

/// Bridges, an access port, a trunk, tunnels that work and one that can't, a port whose link is not there.
fn configure(node: &Node) -> Result<()> {
    node.sh("ip link add veth1 type veth peer name c1; ip link add veth2 type veth peer name c2; ip link set veth1 up; ip link set veth2 up")
        .ok()?;
    let lines: [&[&str]; 8] = [
        &[
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=netdev",
            "fail_mode=secure",
        ],
        &[
            "set",
            "bridge",
            "br0",
            "protocols=OpenFlow10,OpenFlow13",
            "mcast_snooping_enable=true",
            "other_config:hwaddr=02:00:00:00:00:0b",
        ],
        &["set-controller", "br0", "tcp:127.0.0.1:6653"],
        &[
            "add-port",
            "br0",
            "veth1",
            "tag=10",
            "--",
            "set",
            "interface",
            "veth1",
            "external_ids:attached-mac=\"02:00:00:00:00:01\"",
            "external_ids:iface-id=pod1",
        ],
        &["add-port", "br0", "veth2", "trunks=10,20", "vlan_mode=trunk"],
        &[
            "add-port",
            "br0",
            "vx0",
            "--",
            "set",
            "interface",
            "vx0",
            "type=vxlan",
            "options:remote_ip=192.168.70.12",
            "options:local_ip=192.168.70.11",
            "options:key=42",
            "options:dst_port=4790",
            "options:df_default=false",
            "options:psk=hunter2",
        ],
        &[
            "add-port",
            "br0",
            "gre0",
            "--",
            "set",
            "interface",
            "gre0",
            "type=gre",
            "options:remote_ip=192.168.70.12",
            "options:key=7",
            "options:tos=inherit",
        ],
        &["--no-wait", "add-port", "br0", "gone0"],
    ];
    for line in lines {
        vsctl(node, line)?;
    }
    let rules = "table=0,priority=100,in_port=veth1,ip,nw_dst=10.1.0.0/16,actions=load:0x2a->NXM_NX_REG0[],resubmit(,1)\n\
        table=0,priority=0,actions=drop\n\
        cookie=0x5,table=1,tcp,tp_dst=80,actions=set_field:42->tun_id,output:vx0\n\
        table=1,priority=5,dl_vlan=10,arp,actions=strip_vlan,NORMAL\n";
    node.write("/run/rules", rules)?;
    tool_of(node, "ovs-ofctl", &["add-flows", "br0", "/run/rules"]).map(drop)
}

/// The picture that the tool's own listings give.
fn by_tool(node: &Node) -> Ovs {
    let mut tables = Tables::new();
    for table in [
        "Open_vSwitch",
        "Bridge",
        "Port",
        "Interface",
        "Controller",
        "Manager",
    ] {
        let text = vsctl(node, &["-f", "json", "list", table]).unwrap();
        tables.insert(table.to_owned(), listed(&text).unwrap());
    }
    picture(&tables)
}

/// What changes from moment to moment is left out.
fn still(mut ovs: Ovs) -> Ovs {
    ovs.socket.clear();
    for bridge in &mut ovs.bridges {
        bridge.flows = Fact::default();
        bridge.fdb = Fact::default();
        for controller in &mut bridge.controllers {
            controller.status.clear();
        }
        for interface in bridge.ports.iter_mut().flat_map(|port| &mut port.interfaces) {
            interface.statistics.clear();
        }
    }
    ovs
}

/// Table, priority, match and actions.
type Rule = (u8, u32, BTreeMap<String, String>, Vec<String>);

fn comparable(flows: &[Flow]) -> Vec<Rule> {
    let mut rows: Vec<_> = flows
        .iter()
        .filter(|flow| !flow.is_hidden())
        .map(|flow| {
            (
                flow.table,
                flow.priority,
                flow.matches.clone(),
                flow.actions.clone(),
            )
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn the_picture_is_the_one_of_its_own_tools() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    if or_skip(start_ovs(node)).is_none() {
        return;
    }
    configure(node).unwrap();
    let node_state = collected(node);
    let ovs = node_state
        .ovs
        .known()
        .unwrap_or_else(|| panic!("{:?}", node_state.ovs));
    assert_eq!(still(ovs.clone()), still(by_tool(node)));

    // Field by field, against what was asked for and what the tool prints of single columns.
    let column = |table: &str, record: &str, column: &str| {
        let text = vsctl(node, &["get", table, record, column]).unwrap();
        text.trim().trim_matches('"').to_owned()
    };
    let bridge = ovs.bridge("br0").unwrap();
    assert_eq!(
        (ovs.ovs_version.as_str(), ovs.external_ids["system-id"].as_str()),
        ("3.1.0", "lab")
    );
    assert_eq!(
        (bridge.datapath_type.as_str(), bridge.fail_mode.as_deref()),
        ("netdev", Some("secure"))
    );
    assert_eq!(bridge.protocols, ["OpenFlow10", "OpenFlow13"]);
    assert!(bridge.mcast_snooping_enable && !bridge.stp_enable && !bridge.rstp_enable);
    assert_eq!(bridge.controllers[0].target, "tcp:127.0.0.1:6653");
    assert!(!bridge.controllers[0].is_connected);
    let port = |name: &str| bridge.ports.iter().find(|port| port.name == name).unwrap();
    assert_eq!(port("veth1").tag, Some(10));
    assert_eq!(
        (
            port("veth2").trunks.as_slice(),
            port("veth2").vlan_mode.as_deref()
        ),
        (&[10, 20][..], Some("trunk"))
    );
    for name in ["br0", "veth1", "veth2", "vx0", "gre0"] {
        let interface = &port(name).interfaces[0];
        for (said, of_tool) in [
            (
                interface.ofport.map(|number| number.to_string()),
                column("interface", name, "ofport"),
            ),
            (
                interface.ifindex.map(|number| number.to_string()),
                column("interface", name, "ifindex"),
            ),
            (
                interface.mac_in_use.clone(),
                column("interface", name, "mac_in_use"),
            ),
            (
                interface.admin_state.clone(),
                column("interface", name, "admin_state"),
            ),
            (
                interface.link_state.clone(),
                column("interface", name, "link_state"),
            ),
        ] {
            assert_eq!(said.unwrap_or_else(|| "[]".to_owned()), of_tool, "{name}");
        }
    }
    let vxlan = &port("vx0").interfaces[0];
    assert_eq!(vxlan.kind, "vxlan");
    for (name, value) in [
        ("remote_ip", "192.168.70.12"),
        ("local_ip", "192.168.70.11"),
        ("key", "42"),
        ("dst_port", "4790"),
        ("df_default", "false"),
        ("psk", "(cut)"),
    ] {
        assert_eq!(vxlan.options[name], value);
    }
    assert_eq!(port("gre0").interfaces[0].options["tos"], "inherit");
    assert_eq!(
        port("veth1").interfaces[0].external_ids["attached-mac"],
        "02:00:00:00:00:01"
    );
    let gone = &port("gone0").interfaces[0];
    assert_eq!(gone.ofport, Some(-1));
    assert!(gone.error.as_ref().unwrap().contains("gone0"), "{gone:?}");
    // The kernel's link of that number is the same one.
    let link = node_state.net.link_named("veth1").unwrap();
    assert_eq!(port("veth1").interfaces[0].ifindex, Some(i64::from(link.index.0)));
    assert!(!serde_json::to_string(&node_state).unwrap().contains("hunter2"));

    let of_tool = flows(&tool_of(node, "ovs-ofctl", &["--no-names", "dump-flows", "br0"]).unwrap()).unwrap();
    assert_eq!(comparable(bridge.flows.known().unwrap()), comparable(&of_tool));
    assert_eq!(comparable(&of_tool).len(), 4);
}

#[test]
fn learned_addresses_and_counters_are_those_of_the_traffic() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    if or_skip(start_ovs(node)).is_none() {
        return;
    }
    vsctl(
        node,
        &[
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=netdev",
        ],
    )
    .unwrap();
    node.sh("ip link add veth1 type veth peer name c1; ip netns add c1; ip link set c1 netns c1; ip link set veth1 up; \
        ip -n c1 link set c1 up; ip -n c1 address add 10.1.0.1/24 dev c1; ip address add 10.1.0.254/24 dev br0; ip link set br0 up")
        .ok()
        .unwrap();
    vsctl(
        node,
        &[
            "add-port",
            "br0",
            "veth1",
            "tag=10",
            "--",
            "add-port",
            "br0",
            "vx0",
            "--",
            "set",
            "interface",
            "vx0",
            "type=vxlan",
            "options:remote_ip=192.168.70.12",
        ],
    )
    .unwrap();
    node.sh("ip netns exec c1 ping -c2 -W1 10.1.0.9 || true")
        .ok()
        .unwrap();
    let mac = node
        .sh("ip netns exec c1 cat /sys/class/net/c1/address")
        .ok()
        .unwrap();
    let ovs = collected(node).ovs;
    let bridge = ovs.known().unwrap().bridge("br0").unwrap();
    let learned = bridge.fdb.items().iter().find(|entry| entry.mac == mac.trim());
    let port = bridge.ports.iter().find(|port| port.name == "veth1").unwrap();
    let number = port.interfaces[0].ofport.unwrap().to_string();
    assert_eq!(
        learned.map(|entry| (entry.port.clone(), entry.vlan)),
        Some((number, 10)),
        "{:?}",
        bridge.fdb
    );
    let normal = &bridge
        .flows
        .items()
        .iter()
        .find(|flow| !flow.is_hidden())
        .unwrap();
    assert!(normal.packets > 0 && normal.actions == ["NORMAL"], "{normal:?}");
}

#[test]
fn a_stopped_daemon_is_told_from_one_that_hangs_and_from_none() {
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    let none = collected(node);
    assert_eq!(none.ovs.absence(), Some(Absence::Missing));
    if or_skip(start_ovs(node)).is_none() {
        return;
    }
    vsctl(
        node,
        &[
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=netdev",
        ],
    )
    .unwrap();
    node.freeze("ovs-vswitchd").unwrap();
    let ovs = collected(node).ovs;
    let bridge = ovs.known().unwrap().bridge("br0").unwrap();
    assert_eq!(
        bridge.flows.absence(),
        Some(Absence::Unreadable),
        "{:?}",
        bridge.flows
    );
    assert!(bridge.flows.why().unwrap().contains("hangs or is stopped"));
    node.thaw("ovs-vswitchd").unwrap();
    node.kill("ovs-vswitchd").unwrap();
    let ovs = collected(node).ovs;
    assert_eq!(
        ovs.known().unwrap().bridge("br0").unwrap().flows.absence(),
        Some(Absence::Missing)
    );
    node.freeze("ovsdb-server").unwrap();
    assert_eq!(collected(node).ovs.absence(), Some(Absence::Unreadable));
    node.thaw("ovsdb-server").unwrap();
    node.kill("ovsdb-server").unwrap();
    let ovs = collected(node).ovs;
    assert_eq!(ovs.absence(), Some(Absence::Missing), "{ovs:?}");
    assert!(ovs.why().unwrap().contains("nobody listens"), "{ovs:?}");
}
