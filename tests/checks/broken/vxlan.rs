//! `vxlan.calico` that is otherwise than it was, is gone, can't come up, or isn't let through.

use netdiag_lab::kinds::{Draft, Wire};
use netdiag_lab::{or_skip, ovs};

use super::rules::written;
use super::{By, Case, Script, Step, Typed, by_vxlan, wrong};
use crate::made::found;
use crate::mended::{collected, each};
use netdiag::state::Snapshot;

/// What Felix writes again where m2 lacks it: it looks at it every second here.
const FELIX: &str = "(set +e; while sleep 1; do
    ip address replace 192.168.71.0/32 dev vxlan.calico
    bridge fdb replace 66:00:00:00:00:01 dev vxlan.calico dst 10.39.0.110 self permanent
    bridge fdb replace 66:00:00:00:00:03 dev vxlan.calico dst 10.39.0.112 self permanent
    ip neighbor replace 192.168.70.0 lladdr 66:00:00:00:00:01 dev vxlan.calico nud permanent
    ip neighbor replace 192.168.169.192 lladdr 66:00:00:00:00:03 dev vxlan.calico nud permanent
    ip route replace 192.168.70.0/26 via 192.168.70.0 dev vxlan.calico onlink proto 80
    ip route replace 192.168.169.192/26 via 192.168.169.192 dev vxlan.calico onlink proto 80
    done) >/dev/null 2>&1 &";

const MADE: &str = "ip link del vxlan.calico || true
    ip link add vxlan.calico address 66:00:00:00:00:02 mtu 1450 type vxlan id 4096 dstport 4789 local 10.39.0.111 \
    dev eth0 nolearning; ip link set vxlan.calico up";

fn draft() -> Draft {
    written(Wire::Vxlan).draft().also("m2", FELIX)
}

fn case(script: &'static str, loses: bool, id: &'static str, by: By) -> Case {
    Case {
        what: script.into(),
        draft: draft(),
        objects: by_vxlan,
        breaks: vec![("m2", script)],
        loses,
        sees_processes: false,
        id,
        node: "m2",
        by,
    }
}

#[test]
fn what_is_wrong_with_a_link_of_vxlan_is_named_and_mended() {
    let cases = vec![
        case(
            "ip link del vxlan.calico
             ip link add vxlan.calico address 66:00:00:00:00:02 mtu 1450 type vxlan id 4097 dstport 4789 \
             local 10.39.0.111 dev eth0 nolearning; ip link set vxlan.calico up",
            true,
            "tunnel-link-differs",
            Script(MADE),
        ),
        case(
            "ip link del vxlan.calico",
            true,
            "tunnel-link-missing",
            Script(MADE),
        ),
        case(
            "ip link set vxlan.calico down
             ip link add cilium_vxlan type vxlan external dstport 4789; ip link set cilium_vxlan up
             ! ip link set vxlan.calico up",
            true,
            "vxlan-port-shared",
            Step("if cilium_vxlan is left over: "),
        ),
        Case {
            draft: draft().also("m2", "ip -n db link set eth0 mtu 1400"),
            ..case("ip link set eth0 mtu 1450", false, "tunnel-mtu-too-large", Typed)
        },
    ];
    let wrong = each(cases, wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The wire drops it; nothing that a node tells of itself shows it.
#[test]
fn a_tunnel_that_the_wire_drops_is_told() {
    let Some(network) = or_skip(draft().up()) else {
        return;
    };
    let state = || {
        let nodes: Vec<_> = network.lab().nodes().map(collected).collect();
        let objects = by_vxlan(&nodes);
        Snapshot {
            nodes,
            objects,
            ..Snapshot::default()
        }
    };
    let ids = |of: &Snapshot| -> Vec<&str> { found(of).iter().map(|finding| finding.id).collect() };
    let wire = network.lab().fabric();
    let drops =
        "nft add table bridge lost; nft 'add chain bridge lost wire { type filter hook forward priority 0; }'
        nft add rule bridge lost wire udp dport 4789 drop";
    ovs::sh(wire, drops).unwrap();
    assert_eq!(ids(&state()), Vec::<&str>::new());
    let one = network.lab().node("m1");
    ovs::sh(one, "! ip netns exec web ping -c12 -i 0.1 -W1 192.168.71.5").unwrap();
    let told = found(&state());
    let [finding] = told.as_slice() else {
        panic!("{told:#?}");
    };
    assert_eq!(
        (finding.id, finding.node.as_str()),
        ("tunnel-hears-nothing", "m1")
    );
    // What is printed shows that they leave.
    let [look] = finding.fix.commands.as_slice() else {
        panic!("{finding:#?}");
    };
    assert!(look.looks, "{look:?}");
    ovs::sh(wire, "nft delete table bridge lost").unwrap();
    ovs::sh(one, "ip netns exec web ping -c1 -W5 192.168.71.5").unwrap();
    assert_eq!(ids(&state()), Vec::<&str>::new());
}
