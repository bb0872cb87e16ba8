//! Whether the next start of calico-node would undo a right address.

use super::world::World;
use crate::calico::autodetect::{Method, Sources, detect};
use crate::calico::release::Release;
use crate::intent::autodetect::{interfaces, internal_ips};
use crate::intent::cluster::stored_address;
use crate::state::NodeState;

/// A sentence for each IP version in which the address detected at the next start is another than the stored one,
/// which is right. None for `can-reach=`: only the live kernel can answer that.
pub(super) fn notes(world: &World, node: &NodeState) -> Vec<String> {
    [false, true]
        .into_iter()
        .filter_map(|v6| note(world, node, v6))
        .collect()
}

fn note(world: &World, node: &NodeState, v6: bool) -> Option<String> {
    let environment = &node.processes.known()?.environment;
    let (ip, variable) = if v6 {
        ("IP6", "IP6_AUTODETECTION_METHOD")
    } else {
        ("IP", "IP_AUTODETECTION_METHOD")
    };
    if environment.get(ip).map(String::as_str) != Some("autodetect")
        || world.wrong_address(&node.name, v6).is_some()
    {
        return None;
    }
    let object = world.object(&node.name)?;
    let stored = stored_address(object, v6)?;
    let setting = environment.get(variable).map_or("", String::as_str);
    let method = Method::parse(setting).ok()?;
    let release = world.cluster.ok()?.release.unwrap_or(Release::NEWEST);
    let sources = Sources {
        source_address: &|_, _| Err("not asked".to_owned()),
        internal_ips: internal_ips(Some(object)),
    };
    let detected = detect(&method, release, &interfaces(node, release).ok()?, v6, &sources);
    let winner = detected.winner()?;
    let address = detected.address()?;
    if address.addr() == stored.ip {
        return None;
    }
    Some(format!(
        "{} is right now, but the next restart of calico-node there would take {address} from {} ({method}): set \
         {variable} first, see netdiag node autodetect",
        stored, winner.interface
    ))
}
