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
}

impl Rip {
    /// With this program on all nodes.
    pub fn new(router: Router) -> Self {
        Self { router }
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
            draft = match self.router {
                Router::Frr => draft.frr(node, frr(node, &nets)),
                Router::Bird => draft.bird(node, bird(id)),
            };
        }
        draft
    }
}

fn frr(node: &str, nets: &[&str]) -> String {
    let nets = nets.join("\n network ");
    format!(
        "hostname {node}\nrouter rip\n version 2\n network {nets}\n redistribute connected\n timers basic 5 15 10\n"
    )
}

fn bird(id: &str) -> String {
    format!(
        r#"router id {id};
protocol device {{ scan time 2; }}
protocol direct {{ ipv4; interface "eth*", "docker0"; }}
protocol kernel {{ scan time 2; ipv4 {{ import none; export where source = RTS_RIP; }}; }}
protocol rip rip1 {{
  ipv4 {{ import all; export all; }};
  interface "eth*" {{ version 2; update time 5; timeout time 15; garbage time 10; }};
}}
"#
    )
}
