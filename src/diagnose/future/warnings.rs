//! What happens while a change makes its way to all nodes.

use serde_json::Value;

use super::Changed;

/// A line for each field that is known to break something on the way, or that Calico doesn't let anybody change.
pub(super) fn warnings(changed: &[Changed]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changed {
        let Some((kind, _)) = change.title.split_once(' ') else {
            continue;
        };
        for (of, field, line) in WATCHED {
            let pointer = format!("/spec/{field}");
            let [old, new] = [change.before.as_ref(), Some(&change.after)].map(|value| {
                value
                    .and_then(|value| value.pointer(&pointer))
                    .filter(|value| !is_default(value))
            });
            if kind == of && change.before.is_some() && old != new {
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

fn is_default(value: &Value) -> bool {
    value.is_null() || *value == "Never" || *value == false
}

/// Kind, field, and what its change does meanwhile.
const WATCHED: [(&str, &str, &str); 13] = [
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
        "FelixConfiguration",
        "vxlanPort",
        "nodes change one after another; until all have, packets between old and new ones are lost",
    ),
];
