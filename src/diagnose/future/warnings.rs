//! What happens while a change makes its way to all nodes.

use serde_json::Value;

use super::Changed;
use crate::calico::resource::Kind;

/// A line for each field that is known to break something on the way, or that Calico doesn't let anybody change.
pub(super) fn warnings(changed: &[Changed]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changed {
        if change.after.is_null() {
            lines.extend(goes(change));
            continue;
        }
        let kind = change.kind.name();
        for (of, field, line) in WATCHED {
            let pointer = format!("/spec/{field}");
            let [old, new] = [change.before.as_ref(), Some(&change.after)].map(|value| {
                value
                    .and_then(|value| value.pointer(&pointer))
                    .filter(|value| !is_default(field, value))
            });
            // What has a meaning without an object changes when one comes.
            let was = change.before.is_some()
                || matches!(change.kind, Kind::BgpConfiguration | Kind::FelixConfiguration);
            if kind == of && was && old != new {
                lines.push(format!(
                    "{}: spec.{}: {line}",
                    change.title,
                    field.replace('/', ".")
                ));
            }
        }
    }
    lines
}

/// What the end of an object does meanwhile.
fn goes(change: &Changed) -> Option<String> {
    let line = match change.kind {
        Kind::IpPool => {
            "its blocks are given up: pods that have its addresses keep them, and are not reached from other nodes any more"
        }
        Kind::Node => "its sessions end, and IPAM takes its blocks back: pods that run there are cut off",
        Kind::WorkloadEndpoint => "Felix takes away the pod's route and chains: the pod is cut off",
        Kind::BgpPeer => "routes that came by its sessions go at once",
        _ => return None,
    };
    Some(format!("{}: {line}", change.title))
}

/// What Calico takes where the field is missing.
fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "nodeToNodeMeshEnabled" => *value == true,
        "asNumber" => *value == 64_512,
        "blockSize" => *value == 26 || *value == 122,
        "nodeSelector" => *value == "all()" || *value == "",
        _ => value.is_null() || *value == "Never" || *value == false || *value == 0,
    }
}

/// Kind, field, and what its change does meanwhile.
const WATCHED: [(&str, &str, &str); 22] = [
    (
        "IPPool",
        "ipipMode",
        "nodes change one after another; between one that has changed and one that hasn't, one way is tunnelled and the other is not, and packets may be dropped for some seconds",
    ),
    (
        "IPPool",
        "vxlanMode",
        "nodes change one after another; until all have, packets between old and new ones are lost, and connections break if that takes long",
    ),
    (
        "IPPool",
        "natOutgoing",
        "connections that are open keep what they have; new ones leave with the other address",
    ),
    (
        "IPPool",
        "blockSize",
        "can't be changed while the pool has blocks: make another pool",
    ),
    (
        "IPPool",
        "cidr",
        "can't be changed: make another pool, and disable this one",
    ),
    (
        "IPPool",
        "disabled",
        "pods that run keep their addresses; new ones get theirs from other pools",
    ),
    (
        "IPPool",
        "disableBGPExport",
        "routes to the pool's blocks are withdrawn: packets between nodes are lost until it is undone",
    ),
    (
        "BGPConfiguration",
        "nodeToNodeMeshEnabled",
        "all sessions of the mesh end or begin at once: routes go before others come, and connections between nodes break meanwhile",
    ),
    (
        "BGPConfiguration",
        "asNumber",
        "all sessions begin anew: routes are gone for some seconds",
    ),
    (
        "Node",
        "bgp/ipv4Address",
        "BIRD of that node begins anew, and so do all sessions with it: routes to its pods are gone for some seconds",
    ),
    (
        "Node",
        "bgp/asNumber",
        "the sessions of that node begin anew: routes to its pods are gone for some seconds",
    ),
    (
        "Node",
        "bgp/routeReflectorClusterID",
        "the node leaves or joins the mesh: its sessions begin anew",
    ),
    (
        "IPPool",
        "nodeSelector",
        "blocks stay where they are; nodes that it doesn't select any more take new pods' addresses from other pools",
    ),
    (
        "BGPPeer",
        "password",
        "TCP MD5 is asked of both sides at once: the session is down until both have the password",
    ),
    (
        "BGPPeer",
        "asNumber",
        "its sessions begin anew: routes that came by them are gone for some seconds, or for good where the peer is of another AS",
    ),
    (
        "BGPPeer",
        "peerIP",
        "the old session ends before the new one is up: routes that came by it are gone meanwhile",
    ),
    (
        "BGPConfiguration",
        "listenPort",
        "BIRD begins anew: all sessions end until both sides use the new port",
    ),
    (
        "FelixConfiguration",
        "vxlanMTU",
        "nodes change one after another; pods keep their MTU until they are made anew",
    ),
    (
        "FelixConfiguration",
        "ipipMTU",
        "nodes change one after another; pods keep their MTU until they are made anew",
    ),
    (
        "FelixConfiguration",
        "vxlanVNI",
        "nodes change one after another; until all have, packets between old and new ones are lost",
    ),
    (
        "HostEndpoint",
        "interfaceName",
        "the old link is open, and the new one closed but for what policies allow",
    ),
    (
        "FelixConfiguration",
        "vxlanPort",
        "nodes change one after another; until all have, packets between old and new ones are lost",
    ),
];
