//! Pods on bridges, and routes between their hosts that somebody wrote.

use super::{
    Draft,
    attach::{PodBridge, on_bridge},
};
use crate::{NodePlan, Plan};

/// `node1` (192.168.80.24) with the pod `pod1` (10.244.1.6), `node2` with `pod2` (10.244.2.3).
#[derive(Debug, Clone)]
pub struct StaticRoutes {
    /// Whether the nodes are on two segments, with the router `gw` between.
    pub routed: bool,
    /// Whether `node2` has its route back.
    pub returned: bool,
}

impl Default for StaticRoutes {
    fn default() -> Self {
        Self {
            routed: false,
            returned: true,
        }
    }
}

impl StaticRoutes {
    /// The network.
    pub fn draft(&self) -> Draft {
        let bridges = ["10.244.1.1/24", "10.244.2.1/24"].map(|address| PodBridge::new("cni0", address));
        let pods = [
            on_bridge("node1", "pod1", "10.244.1.6"),
            on_bridge("node2", "pod2", "10.244.2.3"),
        ];
        let (to_node1, to_node2, address2) = if self.routed {
            ("192.168.81.254", "192.168.80.254", "192.168.81.25/24")
        } else {
            ("192.168.80.24", "192.168.80.25", "192.168.80.25/24")
        };
        let segment2 = if self.routed { "lan2" } else { "lan1" };
        let mut plan = Plan::new().segment("lan1", "").segment("lan2", "");
        plan = plan.node("node1", |node| {
            let node = node
                .link("eth0", "lan1", "192.168.80.24/24")
                .forward()
                .route(&format!("10.244.2.0/24 via {to_node2}"));
            let node = self.across(node, "192.168.81.0/24", to_node2);
            bridges[0].connect(bridges[0].on(node), &pods[0], "")
        });
        plan = plan.node("node2", |node| {
            let node = node.link("eth0", segment2, address2).forward();
            let node = self.across(node, "192.168.80.0/24", to_node1);
            let node = if self.returned {
                node.route(&format!("10.244.1.0/24 via {to_node1}"))
            } else {
                node
            };
            bridges[1].connect(bridges[1].on(node), &pods[1], "")
        });
        if self.routed {
            plan = plan.node("gw", |node| {
                node.link("eth1", "lan1", "192.168.80.254/24")
                    .link("eth2", "lan2", "192.168.81.254/24")
                    .forward()
                    .route("10.244.1.0/24 via 192.168.80.24")
                    .route("10.244.2.0/24 via 192.168.81.25")
            });
        }
        let draft = Draft::new(plan).pods(pods).pings("node1/pod1", "192.168.80.24");
        if self.returned {
            draft
                .pings("node1/pod1", "10.244.2.3")
                .pings("node2/pod2", "10.244.1.6")
                .sized("node1/pod1", "10.244.2.3", 1500, true, true)
                .pings("node1", "10.244.2.3")
        } else {
            draft.never_pings("node1/pod1", "10.244.2.3")
        }
    }

    /// The way to the other segment.
    fn across(&self, node: NodePlan, net: &str, router: &str) -> NodePlan {
        if self.routed {
            node.route(&format!("{net} via {router}"))
        } else {
            node
        }
    }
}
