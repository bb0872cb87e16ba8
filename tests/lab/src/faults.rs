//! What can be broken in a story, one thing at a time.

use crate::{Lab, Node, Result};

/// Something wrong, with the nodes it is about.
///
/// Those about BIRD's configuration hold until [`crate::Story::clear`]; they name sessions by the peer's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `on` wants a password from `peer` (who has none, or another one by a second fault)
    Password {
        /// the node whose configuration has it
        on: &'static str,
        /// the other end
        peer: &'static str,
        /// the password
        password: &'static str,
    },
    /// `on` believes that its AS number is another one
    WrongAs {
        /// the node
        on: &'static str,
        /// what it says its number is
        number: u32,
    },
    /// `on` has the router id of the node `of`
    SameRouterId {
        /// the node
        on: &'static str,
        /// whose router id it has
        of: &'static str,
    },
    /// the session is configured as `disabled`
    Disabled {
        /// the node whose configuration has it
        on: &'static str,
        /// the other end
        peer: &'static str,
    },
    /// the session was taken down by `birdc disable`
    TakenDown {
        /// the node it was typed on
        on: &'static str,
        /// the other end
        peer: &'static str,
    },
    /// `on` has no session with `peer`
    Missing {
        /// the node whose configuration lacks it
        on: &'static str,
        /// the other end
        peer: &'static str,
    },
    /// `on` waits for `peer` to connect
    Passive {
        /// the node whose configuration has it
        on: &'static str,
        /// the other end
        peer: &'static str,
    },
    /// `on` has one more session, with an address that may be nobody's, or its own
    Extra {
        /// the node whose configuration has it
        on: &'static str,
        /// the neighbour's address
        address: &'static str,
    },
    /// the packet filter of `on` is against BGP
    Filter {
        /// the node
        on: &'static str,
        /// what it does with BGP's packets
        verdict: Verdict,
    },
    /// BIRD was killed; its socket stays behind
    BirdKilled {
        /// the node
        on: &'static str,
    },
    /// BIRD stands still (SIGSTOP), so that hold timers expire
    BirdFrozen {
        /// the node
        on: &'static str,
    },
    /// the cable of eth0 is out
    LinkDown {
        /// the node
        on: &'static str,
    },
    /// the power is off
    NodeDown {
        /// the node
        on: &'static str,
    },
}

/// What a packet filter does with BGP's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// nothing comes back
    Drop,
    /// ICMP: port unreachable
    Reject,
    /// TCP: reset
    Reset,
}

impl Verdict {
    fn target(self) -> &'static str {
        match self {
            Self::Drop => "DROP",
            Self::Reject => "REJECT",
            Self::Reset => "REJECT --reject-with tcp-reset",
        }
    }
}

impl Fault {
    /// The node that is broken.
    pub fn on(&self) -> &'static str {
        match self {
            Self::Password { on, .. }
            | Self::WrongAs { on, .. }
            | Self::SameRouterId { on, .. }
            | Self::Disabled { on, .. }
            | Self::TakenDown { on, .. }
            | Self::Missing { on, .. }
            | Self::Passive { on, .. }
            | Self::Extra { on, .. }
            | Self::Filter { on, .. }
            | Self::BirdKilled { on }
            | Self::BirdFrozen { on }
            | Self::LinkDown { on }
            | Self::NodeDown { on } => on,
        }
    }

    /// Whether BIRD's configuration has it.
    pub(crate) fn is_configured(&self) -> bool {
        matches!(
            self,
            Self::Password { .. }
                | Self::WrongAs { .. }
                | Self::SameRouterId { .. }
                | Self::Disabled { .. }
                | Self::Missing { .. }
                | Self::Passive { .. }
                | Self::Extra { .. }
        )
    }

    /// Brings about what is not a matter of configuration; `session` names a peer's protocol.
    pub(crate) fn inflict(&self, lab: &Lab, session: impl Fn(&str) -> Result<String>) -> Result<()> {
        let node = lab.node(self.on());
        match self {
            Self::TakenDown { peer, .. } => {
                crate::bird::ask(node, &format!("disable {}", session(peer)?)).map(drop)
            }
            Self::Filter { verdict, .. } => iptables(node, "-I", *verdict),
            Self::BirdKilled { .. } => node.kill("bird"),
            Self::BirdFrozen { .. } => node.freeze("bird"),
            Self::LinkDown { on } => cable(lab, on, "down"),
            Self::NodeDown { .. } => {
                node.power_off();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes back what [`Fault::inflict`] did, where that can be taken back.
    pub(crate) fn relieve(
        &self,
        lab: &Lab,
        bird: crate::Bird,
        session: impl Fn(&str) -> Result<String>,
    ) -> Result<()> {
        let node = lab.node(self.on());
        match self {
            Self::TakenDown { peer, .. } => {
                crate::bird::ask(node, &format!("enable {}", session(peer)?)).map(drop)
            }
            Self::Filter { verdict, .. } => iptables(node, "-D", *verdict),
            Self::BirdKilled { .. } => bird.start(node),
            Self::BirdFrozen { .. } => node.thaw("bird"),
            Self::LinkDown { on } => cable(lab, on, "up"),
            Self::NodeDown { .. } => Err(crate::Error::failed("a node that is down stays down")),
            _ => Ok(()),
        }
    }
}

/// Pulls or plugs in the cable of eth0, at the switch: the node keeps its addresses and routes.
fn cable(lab: &Lab, node: &str, state: &str) -> Result<()> {
    lab.fabric()
        .run(["ip", "link", "set", &Lab::port(node, "eth0"), state])
        .ok()
        .map(drop)
}

/// Puts in or takes out what breaks sessions of either direction.
fn iptables(node: &Node, action: &str, verdict: Verdict) -> Result<()> {
    let target = verdict.target();
    let rules =
        ["INPUT", "OUTPUT"].map(|chain| format!("iptables {action} {chain} -p tcp --dport 179 -j {target}"));
    node.sh(&rules.join("\n")).ok().map(drop)
}
