//! IPIP, which this machine's kernel may lack: in a guest.

use netdiag::state::{Fact, NodeState, Objects};
use netdiag_lab::kinds::{Draft, link_labs};
use serde_json::json;

use super::{Case, Typed, of_calico, wrong};

fn by_ipip(nodes: &[NodeState]) -> Fact<Objects> {
    let pool =
        json!({"cidr": "10.244.0.0/16", "ipipMode": "Always", "vxlanMode": "Never", "natOutgoing": false});
    of_calico(nodes, &pool)
}

/// Felix lets in what comes by IPIP from Nodes.
const HOSTS: &str = "ipset create cali40all-hosts-net hash:net
    for ip in 192.168.80.23 192.168.80.24 192.168.81.25; do ipset add cali40all-hosts-net $ip; done
    iptables-legacy -N cali-INPUT; iptables-legacy -A INPUT -j cali-INPUT
    iptables-legacy -A cali-INPUT -p 4 -m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT
    iptables-legacy -A cali-INPUT -p 4 -j DROP";

fn draft() -> Draft {
    let mut systems = link_labs().into_iter();
    let system = systems
        .find(|system| system.name == "calico ipip always")
        .unwrap();
    system.whole.also("m2", HOSTS)
}

/// Breaks, finds and mends.
pub(crate) fn what_ipip_loses_is_named_and_mended() {
    let case = Case {
        what: "another source".into(),
        draft: draft(),
        objects: by_ipip,
        breaks: vec![(
            "m1",
            "ip address add 192.168.80.99/24 dev eth0
             ip route change 192.168.80.0/24 dev eth0 proto kernel scope link src 192.168.80.99",
        )],
        loses: true,
        sees_processes: false,
        id: "tunnel-source-differs",
        node: "m1",
        by: Typed,
    };
    assert_eq!(wrong(case), None);
}
