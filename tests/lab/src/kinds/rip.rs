//! Routes by RIP, version 2.

use std::time::Duration;

use super::{
    Draft,
    attach::{PodBridge, on_bridge},
};
use crate::Plan;

/// Which program speaks RIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Router {
    /// zebra and ripd of FRR 8.4
    Frr,
    /// BIRD 2
    Bird,
}

/// `h1` with the container `c1` (172.30.1.2) and `h2` with `c2` (172.30.2.2) on docker0, and the router `r` between;
/// the routes to containers are RIP's alone.
#[derive(Debug, Clone)]
pub struct Rip {
    pub router: Router,
    /// The node that runs no daemon.
    absent: &'static str,
    /// The host that announces its segment only.
    silent: &'static str,
    /// The node that announces what it learned as unreachable.
    infinite: &'static str,
}

impl Rip {
    /// With this program on all nodes.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            absent: "",
            silent: "",
            infinite: "",
        }
    }

    /// A node that runs no daemon.
    pub(super) fn without(&self, node: &'static str) -> Self {
        let mut other = self.clone();
        other.absent = node;
        other
    }

    /// A host that announces its segment only.
    pub(super) fn silent_about_its_bridge(&self, node: &'static str) -> Self {
        let mut other = self.clone();
        other.silent = node;
        other
    }

    /// A node that announces what it learned as unreachable: with metric 16.
    pub(super) fn infinite(&self, node: &'static str) -> Self {
        let mut other = self.clone();
        other.infinite = node;
        other
    }

    /// The network.
    pub fn draft(&self) -> Draft {
        let hosts = [1, 2].map(|number| {
            let bridge = PodBridge::new("docker0", format!("172.30.{number}.1/24"));
            let (node, pod) = (format!("h{number}"), format!("c{number}"));
            let site = on_bridge(&node, &pod, &format!("172.30.{number}.2"));
            (number, bridge, site)
        });
        let mut plan = Plan::new()
            .segment("lan1", "")
            .segment("lan2", "")
            .node("r", |node| {
                node.link("eth1", "lan1", "10.0.1.1/24")
                    .link("eth2", "lan2", "10.0.2.1/24")
                    .forward()
            });
        for (number, bridge, site) in &hosts {
            plan = plan.node(&site.node, |node| {
                let node = node
                    .link("eth0", &format!("lan{number}"), &format!("10.0.{number}.2/24"))
                    .forward();
                bridge.connect(bridge.on(node), site, "")
            });
        }
        let mut draft = Draft::new(plan)
            .settles_within(Duration::from_secs(30))
            .pods(hosts.map(|(_, _, site)| site))
            .pings("h1/c1", "172.30.2.2")
            .pings("h2/c2", "172.30.1.2")
            .pings("r", "172.30.1.2");
        for (node, id, nets) in [
            ("r", "10.0.1.1", vec!["10.0.1.0/24", "10.0.2.0/24"]),
            ("h1", "10.0.1.2", vec!["10.0.1.0/24"]),
            ("h2", "10.0.2.2", vec!["10.0.2.0/24"]),
        ] {
            if node == self.absent {
                continue;
            }
            draft = match self.router {
                Router::Frr => draft.frr(node, self.frr(node, &nets)),
                Router::Bird => draft.bird(node, self.bird(node, id)),
            };
        }
        draft
    }

    fn frr(&self, node: &str, nets: &[&str]) -> String {
        let nets = nets.join("\n network ");
        let connected = if node == self.silent {
            ""
        } else {
            " redistribute connected\n"
        };
        let (far, list) = if node == self.infinite {
            (" offset-list all out 16\n", "access-list all seq 5 permit any\n")
        } else {
            ("", "")
        };
        format!(
            "hostname {node}\n{list}router rip\n version 2\n network {nets}\n{connected}{far} timers basic 5 15 10\n"
        )
    }

    fn bird(&self, node: &str, id: &str) -> String {
        let direct = if node == self.silent { "" } else { r#", "docker0""# };
        let far = if node == self.infinite { " metric 16;" } else { "" };
        format!(
            r#"router id {id};
protocol device {{ scan time 2; }}
protocol direct {{ ipv4; interface "eth*"{direct}; }}
protocol kernel {{ scan time 2; ipv4 {{ import none; export where source = RTS_RIP; }}; }}
protocol rip rip1 {{
  ipv4 {{ import all; export all; }};
  interface "eth*" {{ version 2; update time 5; timeout time 15; garbage time 10;{far} }};
}}
"#
        )
    }
}
