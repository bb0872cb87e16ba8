//! BIRD's configuration of one node, in the shape that Calico gives it.

use std::{collections::BTreeMap, fmt::Write};

use crate::{Bird, Fault};

/// What the datastore says, as far as BIRD needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// node → address without its length, AS number
    pub(crate) nodes: BTreeMap<String, (Option<String>, Option<u32>)>,
    /// whether all nodes peer with each other
    pub(crate) mesh: bool,
    /// the AS number of nodes that have none of their own
    pub(crate) number: u32,
}

/// What does not come from the datastore.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) bird: Bird,
    /// of two nodes, only the one with the lesser address (as text) connects
    pub(crate) one_directional: bool,
    /// seconds without a sign of life until a session ends
    pub(crate) hold_time: u32,
}

impl Cluster {
    pub(crate) fn address(&self, node: &str) -> Option<&str> {
        self.nodes.get(node)?.0.as_deref()
    }

    fn number(&self, node: &str) -> u32 {
        self.nodes
            .get(node)
            .and_then(|(_, number)| *number)
            .unwrap_or(self.number)
    }
}

/// The name of the mesh protocol for a peer's address.
pub(crate) fn mesh_name(address: &str) -> String {
    format!("Mesh_{}", address.replace(['.', ':'], "_"))
}

/// The configuration of `node`; none while it has no address.
pub(crate) fn render(
    node: &str,
    block: &str,
    cluster: &Cluster,
    settings: Settings,
    faults: &[Fault],
) -> Option<String> {
    let own = cluster.address(node)?;
    let faults: Vec<Fault> = faults
        .iter()
        .copied()
        .filter(|fault| fault.on() == node)
        .collect();
    let mut router_id = own;
    let mut number = cluster.number(node);
    for fault in &faults {
        match fault {
            Fault::SameRouterId { of, .. } => router_id = cluster.address(of).unwrap_or(router_id),
            Fault::WrongAs { number: wrong, .. } => number = *wrong,
            _ => {}
        }
    }
    let mut text = base(router_id, number, block, settings);
    if cluster.mesh {
        for peer in cluster.nodes.keys().filter(|peer| *peer != node) {
            let about: Vec<_> = faults.iter().filter(|fault| concerns(fault, peer)).collect();
            let Some(address) = cluster.address(peer).filter(|address| *address != own) else {
                continue;
            };
            if about.iter().any(|fault| matches!(fault, Fault::Missing { .. })) {
                continue;
            }
            let mut lines = Vec::new();
            if settings.one_directional && address > own {
                // The peer has the greater address (as texts): it connects.
                lines.push("passive on;".to_owned());
            }
            lines.extend(about.into_iter().filter_map(|fault| match fault {
                Fault::Password { password, .. } => Some(format!("password \"{password}\";")),
                Fault::Passive { .. } => Some("passive on;".into()),
                Fault::Disabled { .. } => Some("disabled;".into()),
                _ => None,
            }));
            session(&mut text, own, address, cluster.number(peer), &lines);
        }
    }
    for fault in &faults {
        if let Fault::Extra { address, .. } = fault {
            session(&mut text, own, address, cluster.number, &[]);
        }
    }
    Some(text)
}

fn concerns(fault: &Fault, node: &str) -> bool {
    match fault {
        Fault::Password { peer, .. }
        | Fault::Disabled { peer, .. }
        | Fault::Missing { peer, .. }
        | Fault::Passive { peer, .. } => *peer == node,
        _ => false,
    }
}

/// All but the sessions.
fn base(router_id: &str, number: u32, block: &str, settings: Settings) -> String {
    let hold = settings.hold_time;
    // What belongs to an address family is said in a channel since BIRD 2.
    let channel = |words: &str| match settings.bird {
        Bird::V1 => words.to_owned(),
        Bird::V2 => format!("ipv4 {{ {words} }};"),
    };
    let kernel = channel("import all; export filter calico_kernel_programming;");
    let merge = if settings.bird == Bird::V1 {
        "merge paths on; "
    } else {
        ""
    };
    let (direct, blackholes) = (channel(""), channel(""));
    let routes =
        channel("gateway recursive; add paths on; import all; export filter calico_export_to_bgp_peers;");
    format!(
        r#"# Rendered from the datastore; changes here do not last.
router id {router_id};
# A start is not held up for long by peers that never come.
graceful restart wait 2;

function calico_aggr() {{
  # Of this node's block, peers learn the whole and no part.
  if ( net = {block} ) then accept;
  if ( net ~ {block} ) then reject;
}}

filter calico_export_to_bgp_peers {{
  calico_aggr();
  if ( net ~ [ 192.168.0.0/16{{26,26}} ] ) then accept;
  reject;
}}

filter calico_kernel_programming {{
  # The kernel made routes to its own links itself.
  if ( source = RTS_DEVICE ) then reject;
  accept;
}}

protocol kernel kernel1 {{ learn; persist; scan time 2; graceful restart; {merge}{kernel} }}
protocol device device1 {{ debug {{ states }}; scan time 2; }}
protocol direct direct1 {{ debug {{ states }}; interface -"cali*", -"kube-ipvs*", "*"; {direct} }}
protocol static static1 {{ {blackholes} route {block} blackhole; }}

template bgp bgp_template {{
  debug {{ states }};
  description "Connection to BGP peer";
  local as {number};
  multihop;
  hold time {hold};
  connect delay time 1;
  connect retry time 2;
  error wait time 1,3;
  graceful restart;
  {routes}
}}
"#
    )
}

fn session(text: &mut String, own: &str, address: &str, number: u32, lines: &[String]) {
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "\nprotocol bgp {} from bgp_template {{\n  neighbor {address} as {number};\n  source address {own};\n",
        mesh_name(address)
    );
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        let node = |address: &str| (Some(address.to_owned()), None);
        Cluster {
            nodes: BTreeMap::from([
                ("node1".into(), node("10.0.0.9")),
                ("node2".into(), node("10.0.0.10")),
            ]),
            mesh: true,
            number: 64512,
        }
    }

    fn rendered(node: &str, one_directional: bool, faults: &[Fault]) -> String {
        let settings = Settings {
            bird: Bird::V1,
            one_directional,
            hold_time: 9,
        };
        render(node, "192.168.1.0/26", &cluster(), settings, faults).unwrap()
    }

    #[test]
    fn the_side_whose_peer_has_the_greater_address_as_text_waits() {
        assert!(rendered("node2", true, &[]).contains("passive on;"));
        assert!(!rendered("node1", true, &[]).contains("passive on;"));
        assert!(!rendered("node2", false, &[]).contains("passive on;"));
    }

    #[test]
    fn a_fault_is_in_the_configuration_of_its_node_only() {
        let fault = [Fault::Password {
            on: "node1",
            peer: "node2",
            password: "secret",
        }];
        assert!(rendered("node1", false, &fault).contains("password \"secret\";"));
        assert_eq!(rendered("node2", false, &fault), rendered("node2", false, &[]));
    }

    #[test]
    fn a_missing_session_is_left_out_and_an_extra_one_added() {
        let missing = rendered(
            "node1",
            false,
            &[Fault::Missing {
                on: "node1",
                peer: "node2",
            }],
        );
        assert!(!missing.contains("protocol bgp Mesh"));
        let extra = rendered(
            "node1",
            false,
            &[Fault::Extra {
                on: "node1",
                address: "10.0.0.77",
            }],
        );
        assert!(extra.contains("protocol bgp Mesh_10_0_0_77 from bgp_template"));
    }
}
