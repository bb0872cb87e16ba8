//! Network managers of the host that take the network's links for their own.

use super::shared::{is_cali, pod_bridge};
use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::state::link::Link;
use crate::state::managers::NetworkFile;
use crate::state::process::DaemonKind;
use crate::state::{Absence, NodeState};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    for node in world.nodes {
        found.extend(network_manager(node));
        found.extend(networkd(node));
    }
}

fn runs(node: &NodeState, kind: DaemonKind) -> bool {
    let processes = node.processes.known();
    processes.is_some_and(|processes| processes.daemon_of(kind).is_some())
}

/// Calico asks for a file that keeps NetworkManager from its links.
fn network_manager(node: &NodeState) -> Option<Finding> {
    if !runs(node, DaemonKind::NetworkManager) {
        return None;
    }
    let files = &node.link_managers.network_manager;
    // Without its directory, NetworkManager has its files elsewhere.
    let files = files
        .known()
        .filter(|_| files.absence() != Some(Absence::Missing))?;
    let link = node.net.links.items().iter().find(|link| is_cali(link))?;
    let spared = files.iter().flat_map(|file| &file.devices).any(|device| {
        let name = device
            .strip_prefix("interface-name:")
            .map(|name| name.trim_start_matches('='));
        name.is_some_and(|pattern| glob(pattern, &link.name)) || device == "*" || device == "type:veth"
    });
    let name = &node.name;
    (!spared).then(|| {
        Finding::of(
            "network-manager-claims-links",
            name,
            format!("NetworkManager runs on {name}, and nothing keeps it from Calico's links"),
        )
        .about(&link.name)
        .sure(Sure::Likely)
        .shown(
            "/etc/NetworkManager",
            format!("no unmanaged-devices that is for {}", link.name),
        )
        .run(
            "mkdir -p /etc/NetworkManager/conf.d; printf '[keyfile]\\nunmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico;interface-name:wireguard.cali\\n' > /etc/NetworkManager/conf.d/calico.conf",
            "rm /etc/NetworkManager/conf.d/calico.conf",
        )
        .run("systemctl reload NetworkManager", "")
    })
}

/// systemd-networkd configures a link by the first file that is for it.
fn networkd(node: &NodeState) -> Option<Finding> {
    if !runs(node, DaemonKind::SystemdNetworkd) {
        return None;
    }
    let files = node.link_managers.networkd.known()?;
    let bridge = pod_bridge(node).map(|bridge| bridge.index);
    let ours = |link: &&Link| {
        is_cali(link)
            || ["tunl0", "vxlan.calico", "flannel.1", "cni0"].contains(&link.name.as_str())
            || (link.kind.as_deref() == Some("veth") && link.master.is_some() && link.master == bridge)
    };
    let (link, file) = node.net.links.items().iter().filter(ours).find_map(|link| {
        let file = files.iter().find(|file| is_for(file, link))?;
        (!file.unmanaged).then_some((link, file))
    })?;
    let name = &node.name;
    // The first by its name decides.
    let before = |kept: &&str| file.path.rsplit('/').next().is_some_and(|other| **kept < *other);
    let kept = ["05-pods.network", "0-pods.network"].into_iter().find(before);
    let finding = Finding::of(
        "networkd-claims-links",
        name,
        format!(
            "systemd-networkd of {name} takes {} for its own, and deletes routes by it",
            link.name
        ),
    )
    .about(&link.name)
    .sure(Sure::Likely)
    .shown(
        &file.path,
        if file.names.is_empty() {
            "[Match] is for every link".to_owned()
        } else {
            format!("[Match] Name={}", file.names.join(" "))
        },
    )
    .step(format!("make [Match] of {} narrower (Name=en* eth*)", file.path));
    let Some(kept) = kept else { return Some(finding) };
    let directory = "/etc/systemd/network";
    Some(
        finding
            .run(
                format!("mkdir -p {directory}; printf '[Match]\nName=cali* tunl* vxlan.calico flannel.* cni0 veth*\n[Link]\nUnmanaged=yes\n' > {directory}/{kept}"),
                format!("rm {directory}/{kept}"),
            )
            .run("networkctl reload", ""),
    )
}

/// Whether a file is for a link. One that asks for what isn't known is taken for one that isn't.
fn is_for(file: &NetworkFile, link: &Link) -> bool {
    let (not, names): (Vec<&String>, Vec<&String>) =
        file.names.iter().partition(|name| name.starts_with('!'));
    let named = names.is_empty() || names.iter().any(|name| glob(name, &link.name));
    let spared = not
        .iter()
        .any(|name| glob(name.trim_start_matches('!'), &link.name));
    let kind = link.kind.as_deref().unwrap_or_default();
    let of_kind = file.kinds.is_empty() || file.kinds.iter().any(|wanted| wanted == kind);
    let of_type =
        file.types.is_empty() || (file.types.iter().any(|wanted| wanted == "ether") && link.mac.is_some());
    named && !spared && of_kind && of_type && !file.narrower
}

/// `*` and `?` of glob(7). Brackets stand for themselves: no link has one in its name, so that they never fit.
fn glob(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = chars.as_str();
            (0..=name.len())
                .filter(|at| name.is_char_boundary(*at))
                .any(|at| name.get(at..).is_some_and(|tail| glob(rest, tail)))
        }
        Some(wanted) => {
            let mut name = name.chars();
            name.next().is_some_and(|c| wanted == '?' || wanted == c) && glob(chars.as_str(), name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_and_question_marks_for_one() {
        assert!(glob("cali*", "cali12ab") && glob("*", "") && glob("e?h*0", "eth10"));
        assert!(!glob("cali*", "tunl0") && !glob("eth?", "eth") && !glob("eth", "eth0"));
    }
}
