//! Agents that are older than a link that they write to: what they wrote went with the link that was there before.

use std::collections::BTreeMap;

use crate::diagnose::finding::{Finding, Sure};
use crate::intent::kernel::{Differences, Item, Meant};
use crate::state::NodeState;
use crate::state::process::{DaemonKind, Process};

/// A link that is younger by less may be of the agent's own making. Hundredths of a second.
const OWN: u64 = 500;

/// A link that came after its agent had begun, of which nothing is there that the agent is meant to have written for other
/// nodes. One entry that is lost alone has another reason.
pub(super) fn find(node: &NodeState, meant: &Meant, differ: &Differences) -> Option<Finding> {
    let mut by_link: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let others = meant.items.iter().filter(|(_, by)| by.owner != node.name);
    for (item, _) in others {
        if let Some(link) = written(meant, item) {
            by_link.entry(link).or_default().0 += 1;
        }
    }
    for (item, _) in differ.missing.iter().filter(|(_, by)| by.owner != node.name) {
        if let Some(link) = written(meant, item) {
            by_link.entry(link).or_default().1 += 1;
        }
    }
    let mut bare = by_link.iter().filter(|(_, (all, missing))| all == missing);
    bare.find_map(|(link, (all, _))| older(node, link, *all))
}

/// The link of an entry that an agent writes for another node.
fn written<'i>(meant: &Meant, item: &'i Item) -> Option<&'i str> {
    match item {
        Item::Route { dst, link, .. } => {
            (meant.is_of_agent(link) || meant.is_of_flannel(dst)).then_some(link)
        }
        Item::Neighbor { link, .. } | Item::Fdb { link, .. } => Some(link),
        _ => None,
    }
}

fn older(node: &NodeState, link: &str, entries: usize) -> Option<Finding> {
    let index = node.net.link_named(link)?.index;
    let addresses = node.net.addresses.items().iter();
    let mut of_link = addresses.filter(|address| address.link == index && address.ip.is_ipv4());
    let address = of_link.next()?;
    let (agent, process) = agent(node, link)?;
    let (began, created) = (process.started?, address.created?);
    if created < began + OWN {
        return None;
    }
    let name = &node.name;
    let seconds = |hundredths: u64| format!("{}.{:02} s", hundredths / 100, hundredths % 100);
    Some(
        Finding::of(
            "agent-older-than-link",
            name,
            format!(
                "{agent} of {name} is older than {link}: what it wrote went with the link that was there before"
            ),
        )
        .about(link)
        .sure(Sure::Likely)
        .shown(
            format!("/proc/{}/stat on {name}", process.pid),
            format!("{agent} began {} after the kernel", seconds(began)),
        )
        .shown(
            format!("ip address show dev {link} on {name}"),
            format!(
                "{address} came {} after the kernel, {} after {agent}",
                seconds(created),
                seconds(created - began)
            ),
        )
        .shown(
            format!("ip route; ip neigh; bridge fdb on {name}"),
            format!("none of the {entries} entries by {link} that are meant for other nodes"),
        )
        .step(format!("restart {agent} on {name}: it writes them anew when it begins"))
        .step(format!(
            "find out who made {link} anew: a network manager, a driver that was loaded again, a script"
        )),
    )
}

/// Who writes entries by a link.
fn agent<'n>(node: &'n NodeState, link: &str) -> Option<(&'static str, &'n Process)> {
    let processes = node.processes.known()?;
    if matches!(link, "vxlan.calico" | "tunl0") {
        return Some(("Felix", processes.felix.as_ref()?));
    }
    let flanneld = processes
        .daemon_of(DaemonKind::Flanneld)
        .map(|process| ("flanneld", process));
    flanneld.or_else(|| Some(("k3s", processes.daemon_of(DaemonKind::K3s)?)))
}
