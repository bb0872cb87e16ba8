//! Who is who in the founding story.

use crate::{Bird, Node, Result};

/// A node of the story.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// `node1`
    pub name: &'static str,
    /// the address on eth0
    pub address: &'static str,
    /// the address of the leftover bridge cni0
    pub leftover: &'static str,
    /// the pods' block
    pub block: &'static str,
    /// the pods' addresses; they are called pod1 and pod2
    pub pods: [&'static str; 2],
}

/// The four of them.
pub const HOSTS: [Host; 4] = [
    Host {
        name: "node1",
        address: "192.168.80.23",
        leftover: "10.244.1.1",
        block: "192.168.115.128/26",
        pods: ["192.168.115.135", "192.168.115.136"],
    },
    Host {
        name: "node2",
        address: "192.168.80.24",
        leftover: "10.244.2.1",
        block: "192.168.250.64/26",
        pods: ["192.168.250.83", "192.168.250.84"],
    },
    Host {
        name: "node3",
        address: "192.168.80.25",
        leftover: "10.244.3.1",
        block: "192.168.131.0/26",
        pods: ["192.168.131.5", "192.168.131.6"],
    },
    Host {
        name: "node4",
        address: "192.168.80.26",
        leftover: "10.244.4.1",
        block: "192.168.178.192/26",
        pods: ["192.168.178.200", "192.168.178.201"],
    },
];

/// What becomes of packets to the leftover bridges' addresses, which all go to the gateway; BIRD says it in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    /// nothing comes back: sessions stay in Connect
    Silent,
    /// ICMP, host unreachable: `Socket: No route to host`
    Unreachable,
    /// something accepts the connection and closes it, as a peer does that was reached under another source address:
    /// `Socket: Connection closed`
    Closes,
}

impl Gateway {
    pub(crate) fn set_up(self, fabric: &Node) -> Result<()> {
        if self == Self::Silent {
            return Ok(());
        }
        // Answers find back to the bridges; what comes for them is caught before it is forwarded.
        let mut script = String::from("echo 1 >/proc/sys/net/ipv4/ip_forward\n");
        script.extend(HOSTS.map(|host| format!("ip route add {} via {}\n", host.leftover, host.address)));
        script += match self {
            Self::Closes => "iptables -t nat -A PREROUTING -d 10.244.0.0/16 -p tcp --dport 179 -j REDIRECT\n",
            _ => {
                "iptables -A FORWARD -d 10.244.0.0/16 -p tcp --dport 179 -j REJECT --reject-with icmp-host-unreachable\n"
            }
        };
        fabric.sh(&script).ok()?;
        if self == Self::Unreachable {
            return Ok(());
        }
        // A BIRD that knows none of those who connect, and never connects itself.
        let config = "router id 192.168.80.254;\nprotocol device { }\nprotocol bgp nobody \
            { local as 64512; neighbor 192.0.2.1 as 64512; multihop; passive; }\n";
        fabric.write(crate::bird::CONFIG, config)?;
        Bird::V1.start(fabric)
    }
}
