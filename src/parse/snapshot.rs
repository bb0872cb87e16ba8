//! Snapshots, of this version and of older ones.

mod version_1;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::state::snapshot::{Snapshot, VERSION};

/// Reads a snapshot's JSON; one of an older version is brought up to [`VERSION`].
///
/// # Errors
/// Says that the format is newer than this program, or where the text stops being a snapshot.
pub fn snapshot(text: &str) -> Result<Snapshot, String> {
    match version(text) {
        Some(number) if number > VERSION => Err(format!(
            "snapshot format {number} is newer than this netdiag reads"
        )),
        Some(1) => {
            let mut value: Value = serde_json::from_str(text).map_err(refused)?;
            from_version_1(&mut value);
            serde_json::from_value(value).map_err(refused)
        }
        _ => serde_json::from_str(text).map_err(refused),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: serde_json::Error) -> String {
    format!("not a netdiag snapshot: {error}")
}

/// What snapshots of all versions have. What a newer format holds beside it may be unknown here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    netdiag_snapshot: u32,
}

fn version(text: &str) -> Option<u32> {
    Some(serde_json::from_str::<Header>(text).ok()?.netdiag_snapshot)
}

/// Version 1 kept the tables of the host's namespace in the node itself, and `up` and `dead` in place of flags.
fn from_version_1(snapshot: &mut Value) {
    snapshot["netdiagSnapshot"] = json!(VERSION);
    let nodes = snapshot.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten().filter_map(Value::as_object_mut) {
        let mut net = Map::new();
        for item in [
            "links",
            "addresses",
            "routes",
            "neighbors",
            "tcp",
            "tcpCounters",
            "netfilter",
        ] {
            if let Some(fact) = node.remove(item) {
                net.insert(item.to_owned(), fact);
            }
        }
        for link in known(&mut net, "links") {
            let up = link.remove("up") == Some(Value::Bool(true));
            link.insert("flags".to_owned(), json!(u32::from(up)));
        }
        for route in known(&mut net, "routes") {
            let hops = route.get_mut("nextHops").and_then(Value::as_array_mut);
            for hop in hops.into_iter().flatten().filter_map(Value::as_object_mut) {
                let dead = hop.remove("dead") == Some(Value::Bool(true));
                hop.insert("flags".to_owned(), json!(u8::from(dead)));
            }
        }
        for ruleset in known(&mut net, "netfilter") {
            version_1::ruleset(ruleset);
        }
        node.insert("net".to_owned(), Value::Object(net));
    }
}

/// The items of a list that is known.
fn known<'a>(
    net: &'a mut Map<String, Value>,
    item: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    net.get_mut(item)
        .and_then(|fact| fact.get_mut("known")?.as_array_mut())
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}
