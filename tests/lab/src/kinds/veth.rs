//! Two namespaces and a cable.

use super::{Draft, PodSite};
use crate::Plan;

/// `veth0` with 10.1.1.2 in `test-ns`, `veth1` with 10.1.1.1 in `test-ns2`, both in the node `host`, which has no end
/// of that cable itself.
pub fn veth_pair() -> Draft {
    let plan = Plan::new().node("host", |node| {
        node.ip("netns add test-ns")
            .ip("netns add test-ns2")
            .sh("ip -n test-ns link add veth0 type veth peer name veth1 netns test-ns2")
            .in_pod("test-ns", &lines("veth0", "10.1.1.2/24"))
            .in_pod("test-ns2", &lines("veth1", "10.1.1.1/24"))
    });
    let site = |name: &str, address: &str, link: &str| PodSite {
        node: "host".into(),
        name: name.into(),
        address: address.into(),
        own_link: Some(link.into()),
        host_link: None,
    };
    Draft::new(plan)
        .pods([
            site("test-ns", "10.1.1.2", "veth0"),
            site("test-ns2", "10.1.1.1", "veth1"),
        ])
        .pings("host/test-ns", "10.1.1.1")
        .pings("host/test-ns2", "10.1.1.2")
        .never_pings("host", "10.1.1.1")
}

fn lines(link: &str, address: &str) -> Vec<String> {
    vec![
        "link set lo up".into(),
        format!("link set {link} up"),
        format!("address add {address} dev {link}"),
    ]
}
