//! Every check that there is: what `netdiag explain` says of it, and what the pages below `docs/checks` are made of.
//!
//! An id is stable: it is never given to another fault, and not changed.

mod bgp;
mod capture;
mod host;
mod links;
mod objects;
mod packets;
mod rules;
mod tunnels;

use super::finding::Severity;

/// How a packet can be lost, as far as checks tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// No route, a wrong one, or one that refuses.
    Route,
    /// A tunnel's other end is not known, or doesn't take it.
    Tunnel,
    /// A link or a bridge's port.
    Link,
    Forwarding,
    Rule,
    Size,
    /// A neighbor that doesn't answer, a way back that differs, a switch, …
    Other,
}

/// Without its agent, or under another's name or address, a node loses packets in any way.
const ANY: &[Loss] = &[
    Loss::Route,
    Loss::Tunnel,
    Loss::Link,
    Loss::Forwarding,
    Loss::Rule,
    Loss::Size,
    Loss::Other,
];

/// A check, and its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Words with dashes: `forwarding-off`.
    pub id: &'static str,
    /// Of its findings.
    pub severity: Severity,
    /// What it does to packets from pod to pod.
    pub brings: &'static [Loss],
    /// What is found, in one line.
    pub title: &'static str,
    /// What it is, and what it does to traffic.
    pub what: &'static str,
    /// How it comes about.
    pub how: &'static str,
    /// How to see it by hand: commands, one a line.
    pub verify: &'static str,
    pub mend: &'static str,
    pub prevent: &'static str,
    /// What would show that it is not so.
    pub disproof: &'static str,
}

/// The families, each with its checks.
pub const FAMILIES: [(&str, &[Check]); 8] = [
    ("Addresses and BGP", bgp::CHECKS),
    ("Hosts and kernels", host::CHECKS),
    ("Links and bridges", links::CHECKS),
    ("Tunnels and routes", tunnels::CHECKS),
    ("Rules and services", rules::CHECKS),
    ("Objects", objects::CHECKS),
    ("What a packet meets", packets::CHECKS),
    ("What packets show", capture::CHECKS),
];

/// All checks, family by family.
pub fn all() -> impl Iterator<Item = &'static Check> {
    FAMILIES.iter().flat_map(|(_, checks)| *checks)
}

/// The check with this id.
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

impl Check {
    /// The sections of its page: heading and text. The commands of "Verify by hand" are a line each.
    pub const fn sections(&self) -> [(&'static str, &'static str); 6] {
        [
            ("What it is", self.what),
            ("How it happens", self.how),
            ("Verify by hand", self.verify),
            ("Mend", self.mend),
            ("Prevent", self.prevent),
            ("What would disprove it", self.disproof),
        ]
    }
}

#[cfg(test)]
mod tests;
