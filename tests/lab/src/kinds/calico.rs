//! Calico's networks with real BIRD: a mesh, a route reflector, and what is between nodes.

use std::{fmt::Write, time::Duration};

use super::{Draft, PodSite};
use crate::{Plan, PodPlan, plan::cali_name};

/// Nodes `m1` (10.39.0.110, pods 192.168.70.0/26), `m2` (10.39.0.111, 192.168.71.0/26) and `m3` (192.168.169.192/26),
/// each with a pod, and `ext`, a host that knows no pods. Their gateway 10.39.0.1 knows none either.
#[derive(Debug, Clone, Default)]
pub struct Calico {
    /// Who peers with whom.
    pub peering: Peering,
    /// How packets go from node to node.
    pub wire: Wire,
    /// `m3` is 10.39.3.75, behind the gateway; else it is 10.39.0.112, beside the others.
    pub routed: bool,
    /// Who may not have a session with whom, AS numbers, and lines of one node's sessions.
    pub wrong: Wrong,
}

/// Who peers with whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Peering {
    #[default]
    Mesh,
    /// The mesh is off; `m3` reflects.
    Reflector,
    /// No BIRD: the routes are there, as it would have written them.
    Written,
}

/// How packets go from node to node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wire {
    #[default]
    Plain,
    /// By `vxlan.calico` to all
    Vxlan,
    /// By `vxlan.calico` to other segments only
    VxlanCrossSubnet,
}

/// What is wrong with the configuration of BIRD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    /// These two have no session with each other: neither has it.
    pub apart: Option<(&'static str, &'static str)>,
    /// The first has no session with the second, which has one.
    pub missing: Option<(&'static str, &'static str)>,
    /// Another AS number of a node, which its peers don't know of.
    pub number: Option<(&'static str, u32)>,
    /// A line in all sessions of a node.
    pub line: Option<(&'static str, &'static str)>,
    /// The reflector takes its clients for peers.
    pub no_clients: bool,
    /// A node tells nobody of its block.
    pub silent: Option<&'static str>,
}

struct Host {
    name: &'static str,
    pod: &'static str,
    inside: &'static str,
    block: &'static str,
    number: u8,
}

const HOSTS: [Host; 3] = [
    Host {
        name: "m1",
        pod: "web",
        inside: "192.168.70.42",
        block: "192.168.70.0/26",
        number: 1,
    },
    Host {
        name: "m2",
        pod: "db",
        inside: "192.168.71.5",
        block: "192.168.71.0/26",
        number: 2,
    },
    Host {
        name: "m3",
        pod: "far",
        inside: "192.168.169.196",
        block: "192.168.169.192/26",
        number: 3,
    },
];

/// The reflector.
const REFLECTOR: &str = "m3";

impl Host {
    /// The address of `vxlan.calico`: the first of its block.
    fn tunnel(&self) -> &'static str {
        self.block.split('/').next().unwrap_or_default()
    }

    fn mac(&self) -> String {
        format!("66:00:00:00:00:0{}", self.number)
    }
}

impl Calico {
    /// The network.
    pub fn draft(&self) -> Draft {
        let plan = Plan::new()
            .segment("lan1", "")
            .segment("lan2", "")
            .node("gw", |node| {
                node.link("eth1", "lan1", "10.39.0.1/24")
                    .link("eth2", "lan2", "10.39.3.1/24")
                    .forward()
            });
        let plan = HOSTS
            .iter()
            .fold(plan, |plan, host| {
                plan.node(host.name, |node| self.node(node, host))
            })
            .node("ext", |node| {
                node.link("eth0", "lan1", "10.39.0.200/24")
                    .route("default via 10.39.0.1")
            });
        let sites = HOSTS.iter().map(|host| PodSite {
            node: host.name.into(),
            name: host.pod.into(),
            address: host.inside.into(),
            own_link: Some("eth0".into()),
            host_link: Some(cali_name(host.name, host.pod)),
        });
        let mut draft = Draft::new(plan)
            .pods(sites)
            .settles_within(Duration::from_secs(30));
        if self.peering != Peering::Written {
            for host in &HOSTS {
                draft = draft.bird(host.name, self.configuration(host));
            }
            for host in &HOSTS {
                draft = draft.also(host.name, LEARNED);
            }
        }
        draft = draft
            .pings("m1/web", "192.168.71.5")
            .pings("m2/db", "192.168.70.42")
            .pings("m1", "192.168.71.5");
        if self.routed && self.wire == Wire::Plain {
            // The gateway does not know the pods.
            draft.never_pings("m1/web", "192.168.169.196")
        } else {
            draft
                .pings("m1/web", "192.168.169.196")
                .pings("m3/far", "192.168.71.5")
        }
    }

    fn address(&self, host: &Host) -> String {
        match (host.number, self.routed) {
            (3, true) => "10.39.3.75".into(),
            (3, false) => "10.39.0.112".into(),
            (number, _) => format!("10.39.0.{}", 109 + u16::from(number)),
        }
    }

    fn node(&self, node: crate::NodePlan, host: &Host) -> crate::NodePlan {
        let far = host.number == 3 && self.routed;
        let (segment, gateway) = if far {
            ("lan2", "10.39.3.1")
        } else {
            ("lan1", "10.39.0.1")
        };
        let mut node = node
            .link("eth0", segment, &format!("{}/24", self.address(host)))
            .route(&format!("default via {gateway}"))
            .forward()
            .pod(PodPlan::calico(host.pod, host.inside));
        if self.wire != Wire::Plain {
            node = node
                .ip(&format!(
                    "link add vxlan.calico address {} mtu 1450 type vxlan id 4096 dstport 4789 local {} dev eth0 nolearning",
                    host.mac(),
                    self.address(host)
                ))
                .ip("link set vxlan.calico up")
                // As Calico's plugin sets it where there is a tunnel.
                .ip(&format!("link set {} mtu 1450", cali_name(host.name, host.pod)))
                .in_pod(host.pod, &["link set eth0 mtu 1450".to_owned()])
                .ip(&format!("address add {}/32 dev vxlan.calico", host.tunnel()));
        }
        if self.peering != Peering::Written {
            return node;
        }
        node = node.route(&format!("blackhole {} proto 80", host.block));
        for other in HOSTS.iter().filter(|other| other.number != host.number) {
            node = self.route(node, host, other);
        }
        node
    }

    /// A route as Felix writes it, to another node's block.
    fn route(&self, node: crate::NodePlan, host: &Host, other: &Host) -> crate::NodePlan {
        let (block, address) = (other.block, self.address(other));
        let beside = !self.routed || (host.number == 3) == (other.number == 3);
        let (tunnel, mac) = (other.tunnel(), other.mac());
        // Of all nodes, also of those that are routed to.
        let node = if self.wire == Wire::Plain {
            node
        } else {
            node.ip(&format!(
                "neighbor replace {tunnel} lladdr {mac} dev vxlan.calico nud permanent"
            ))
            .sh(&format!(
                "bridge fdb append {mac} dev vxlan.calico dst {address} self permanent"
            ))
        };
        if self.wire == Wire::Vxlan || (self.wire == Wire::VxlanCrossSubnet && !beside) {
            return node.route(&format!("{block} via {tunnel} dev vxlan.calico onlink proto 80"));
        }
        let gateway = match (beside, host.number) {
            (true, _) => address,
            (false, 3) => "10.39.3.1".into(),
            (false, _) => "10.39.0.1".into(),
        };
        node.route(&format!("{block} via {gateway} dev eth0 proto bird"))
    }

    /// BIRD's configuration, in the shape that Calico gives it.
    fn configuration(&self, host: &Host) -> String {
        let (own, name) = (self.address(host), host.name);
        let number = match self.wrong.number {
            Some((whose, number)) if whose == name => number,
            _ => 64512,
        };
        let told = match self.wrong.silent {
            Some(silent) if silent == name => "reject",
            _ => "accept",
        };
        let block = host.block;
        let mut text = format!(
            r#"router id {own};
filter calico_export_to_bgp_peers {{
  if ( net = {block} ) then {told};
  if ( net ~ {block} ) then reject;
  if ( net ~ 192.168.0.0/16 ) then accept;
  reject;
}}
filter calico_kernel_programming {{
  if ( source = RTS_DEVICE ) then reject;
  accept;
}}
protocol kernel {{ learn; scan time 1; ipv4 {{ import all; export filter calico_kernel_programming; }}; }}
protocol device {{ scan time 1; }}
protocol direct {{ interface -"cali*", "*"; ipv4; }}
protocol static {{ ipv4; route {block} blackhole; }}
template bgp bgp_template {{
  local as {number};
  multihop;
  hold time 6;
  connect delay time 1;
  connect retry time 2;
  error wait time 1,3;
  ipv4 {{ gateway recursive; import all; export filter calico_export_to_bgp_peers; }};
}}
"#
        );
        for peer in self.peers(host) {
            let address = self.address(peer);
            let kind = match self.peering {
                Peering::Reflector => "Node",
                _ => "Mesh",
            };
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "protocol bgp {kind}_{} from bgp_template {{\n  neighbor {address} as 64512;\n  source address {own};\n",
                address.replace('.', "_")
            );
            if self.peering == Peering::Reflector && name == REFLECTOR && !self.wrong.no_clients {
                text += "  rr client;\n  rr cluster id 224.0.0.1;\n";
            }
            if let Some((_, line)) = self.wrong.line.filter(|(on, _)| *on == name) {
                let _ = writeln!(text, "  {line}");
            }
            text += "}\n";
        }
        text
    }

    fn peers(&self, host: &Host) -> impl Iterator<Item = &'static Host> {
        let (name, wrong, peering) = (host.name, self.wrong, self.peering);
        HOSTS.iter().filter(move |peer| {
            let pair = (name, peer.name);
            let reflected = name == REFLECTOR || peer.name == REFLECTOR;
            peer.name != name
                && (peering != Peering::Reflector || reflected)
                && wrong.apart != Some(pair)
                && wrong.apart != Some((pair.1, pair.0))
                && wrong.missing != Some(pair)
        })
    }
}

/// Waits until BIRD has written what it learned, or for as long as that may take.
const LEARNED: &str = "for _ in $(seq 35); do
        [ \"$(ip route show proto bird | grep -vc blackhole)\" -ge 2 ] && break; sleep 0.2
    done";
