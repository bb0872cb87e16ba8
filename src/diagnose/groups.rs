//! Findings with one root are one finding: the others are what it brings about, and what mends each mends all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::finding::{Consequence, Evidence, Finding};
use super::session::{self, Cause};

/// How much evidence of those that are grouped is worth a line.
const EVIDENCE: usize = 3;

/// Findings that say what others come of.
const LEADS: [&str; 9] = [
    "bird-not-running",
    "agent-older-than-link",
    "node-name-shared",
    "bgp-port-taken",
    "bird-config-out-of-step",
    "bgp-peering-one-sided",
    "bgp-peer-from-other-address",
    "service-rules-missing",
    "block-claimed-twice",
];

/// Those that name the sessions that come of them.
const OF_SESSIONS: [&str; 3] = [
    "bird-config-out-of-step",
    "bgp-peering-one-sided",
    "bgp-peer-from-other-address",
];

/// A session that is down, and which nodes it is between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) node: String,
    /// A node, or an address that no node has.
    pub(super) peer: String,
    /// What it surely comes of (a rule, a daemon), where that is known: `rule on m2: …`.
    pub(super) root: Option<String>,
    /// The objects that it is configured by: `BGPPeer(tor)`.
    pub(super) objects: Vec<String>,
}

/// Groups findings by what they surely come of: sessions that one thing takes down, entries of one tunnel's end or of one
/// node. The first of each group stands for it.
pub(super) fn group(found: &mut Vec<Finding>) {
    let roots = roots(found);
    let mut leads: HashMap<String, usize> = HashMap::new();
    let mut grouped: Vec<Finding> = Vec::with_capacity(found.len());
    // A daemon that is gone is said where it is gone, a wrong object where it is told how it is right.
    let mut order: Vec<(Option<String>, Finding)> = roots.into_iter().zip(found.drain(..)).collect();
    order.sort_by_key(|(root, finding)| {
        root.is_none() || !(LEADS.contains(&finding.id) || is_of_object(finding))
    });
    for (root, finding) in order {
        let lead = root.as_ref().and_then(|root| leads.get(root));
        if let Some(lead) = lead.and_then(|lead| grouped.get_mut(*lead)) {
            absorb(lead, finding);
        } else {
            if let Some(root) = root {
                leads.insert(root, grouped.len());
            }
            grouped.push(finding);
        }
    }
    *found = grouped;
}

/// One more consequence.
fn absorb(lead: &mut Finding, other: Finding) {
    let Finding {
        id,
        node,
        title,
        evidence,
        fix,
        affected,
        consequences,
        sessions,
        ..
    } = other;
    lead.sessions.extend(sessions);
    lead.consequences.push(Consequence { id, node, title });
    lead.consequences.extend(consequences);
    if lead.consequences.len() <= EVIDENCE {
        let new: Vec<Evidence> = evidence
            .into_iter()
            .filter(|line| !lead.evidence.contains(line))
            .collect();
        lead.evidence.extend(new);
    }
    for command in fix.commands {
        if !lead.fix.commands.contains(&command) {
            lead.fix.commands.push(command);
        }
    }
    if lead.fix.change.is_none() && fix.change.is_some() {
        lead.fix.change = fix.change;
        lead.fix.steps.extend(fix.steps);
    }
    lead.affected = match (lead.affected.take(), affected) {
        (Some(mut known), Some(more)) => {
            known.pairs += more.pairs;
            Some(known)
        }
        (known, more) => known.or(more),
    };
}

/// Of each finding what it comes of, if others may come of it too.
fn roots(found: &[Finding]) -> Vec<Option<String>> {
    let mut roots: Vec<Option<String>> = found.iter().map(of_daemon).collect();
    names(found, &mut roots);
    entries(found, &mut roots);
    sessions(found, &mut roots);
    roots
}

/// The address of a Node that two machines write is wrong for one of them.
fn names(found: &[Finding], roots: &mut [Option<String>]) {
    let shared: BTreeSet<&str> = found
        .iter()
        .filter(|finding| finding.id == "node-name-shared")
        .map(|finding| finding.subject.as_str())
        .collect();
    for (finding, slot) in found.iter().zip(roots.iter_mut()) {
        let is_of_node = finding.id == "node-name-shared" || finding.cause == Some(Cause::NodeAddress);
        if is_of_node && shared.contains(finding.subject.as_str()) {
            *slot = Some(finding.subject.clone());
        }
    }
}

fn of_daemon(finding: &Finding) -> Option<String> {
    if is_of_object(finding) {
        return Some(finding.subject.clone());
    }
    match finding.id {
        "bird-not-running" => Some(format!("BIRD of {}", finding.node)),
        "service-rules-missing" | "affinity-to-dead-endpoint" => {
            Some(format!("services of {}", finding.node))
        }
        "block-claimed-twice" | "block-with-two-ways" => Some(format!("block {}", finding.subject)),
        "routes-differ-in-device" => Some(format!("routes of {}", finding.node)),
        "bgp-port-taken" => Some(session::port_of(&finding.node)),
        id if OF_SESSIONS.contains(&id) => Some(format!("{id} {} {}", finding.node, finding.subject)),
        _ => None,
    }
}

/// What of those that name its sessions a session comes of: of the ends of both.
fn of_sessions(found: &[Finding], between: &Between) -> Option<String> {
    let ends = [&between.node, &between.peer];
    let is_named = |pair: &[String; 2]| ends.iter().all(|end| pair.contains(end));
    let lead = found
        .iter()
        .find(|lead| OF_SESSIONS.contains(&lead.id) && lead.sessions.iter().any(is_named))?;
    of_daemon(lead)
}

/// Whether it is about a BGPPeer that is wrong: its sessions come of it.
fn is_of_object(finding: &Finding) -> bool {
    finding.between.is_none() && finding.fix.manifest.is_some() && finding.subject.starts_with("BGPPeer(")
}

/// Entries that a node's agent didn't write; those of one tunnel's end that several nodes have wrong, or of one node that
/// has several wrong.
fn entries(found: &[Finding], roots: &mut [Option<String>]) {
    let older = found
        .iter()
        .filter(|finding| finding.id == "agent-older-than-link");
    let older: BTreeSet<&str> = older.map(|finding| finding.node.as_str()).collect();
    for (finding, slot) in found.iter().zip(roots.iter_mut()) {
        let is_of_link = finding.id == "agent-older-than-link"
            || (finding.id == "kernel-unlike-objects" && older.contains(finding.node.as_str()));
        if finding.id == "vxlan-entry-missing" || is_of_link {
            *slot = Some(format!("entries of {}", finding.node));
        }
    }
    for id in ["vtep-mac-stale", "vtep-at-wrong-node"] {
        let edges = found.iter().enumerate().filter(|(_, finding)| finding.id == id);
        let edges = edges.map(|(at, finding)| (at, [finding.node.clone(), finding.subject.clone()]));
        for (root, members) in stars(edges.collect()) {
            for at in members {
                if let Some(slot) = roots.get_mut(at) {
                    *slot = Some(format!("{id} {root}"));
                }
            }
        }
    }
}

/// Sessions: by what takes them down where that is known; else by the node that all of one cause have in common, and both
/// sides of one.
fn sessions(found: &[Finding], roots: &mut [Option<String>]) {
    let mut open: BTreeMap<(Option<Cause>, &str), Vec<Edge>> = BTreeMap::new();
    for (at, finding) in found.iter().enumerate() {
        let Some(between) = &finding.between else { continue };
        let object = between.objects.iter().find(|object| {
            found
                .iter()
                .any(|other| is_of_object(other) && other.subject == **object)
        });
        let root = object.or(between.root.as_ref()).cloned();
        match (root.or_else(|| of_sessions(found, between)), roots.get_mut(at)) {
            (Some(root), Some(slot)) => *slot = Some(root),
            _ => open
                .entry((finding.cause, finding.id))
                .or_default()
                .push((at, [between.node.clone(), between.peer.clone()])),
        }
    }
    for ((cause, _), edges) in open {
        for (root, members) in stars(edges) {
            for at in members {
                if let Some(slot) = roots.get_mut(at) {
                    *slot = Some(format!("sessions {cause:?} of {root}"));
                }
            }
        }
    }
}

/// A finding, and the two that it is between.
type Edge = (usize, [String; 2]);

/// Edges by the end that most have in common; each is in one group.
fn stars(mut edges: Vec<Edge>) -> Vec<(String, Vec<usize>)> {
    let mut groups = Vec::new();
    while !edges.is_empty() {
        // Both sides of one session are one other end.
        let mut others: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, [one, two]) in &edges {
            others.entry(one).or_default().insert(two);
            others.entry(two).or_default().insert(one);
        }
        let most = others.values().map(BTreeSet::len).max().unwrap_or_default();
        let Some(hub) = others.iter().find(|(_, others)| others.len() == most) else {
            break;
        };
        let hub = (*hub.0).to_owned();
        let members;
        (members, edges) = edges
            .into_iter()
            .partition(|(_, ends): &Edge| ends.contains(&hub));
        groups.push((hub, members.into_iter().map(|(at, _)| at).collect()));
    }
    groups
}
