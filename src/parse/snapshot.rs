//! Snapshots, of this version and of older ones.

mod side_by_side;
mod version_1;

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::state::snapshot::{Snapshot, VERSION};
use crate::state::{Fact, NodeState, Objects};

pub use side_by_side::snapshot_in_memory;

/// Bytes read at a time.
const BUFFER: usize = 64 << 10;

/// Reads a snapshot's JSON, one node after the other; one of an older version is brought up to [`VERSION`].
///
/// # Errors
/// Says that the format is newer than this program, or where the text stops being a snapshot.
pub fn snapshot(text: &mut dyn Read) -> Result<Snapshot, serde_json::Error> {
    let text = BufReader::with_capacity(BUFFER, text);
    let mut reader = serde_json::Deserializer::from_reader(text);
    let snapshot = reader.deserialize_map(Whole)?;
    reader.end()?;
    Ok(snapshot)
}

/// Reads the fields as they come. All writers put the version first; where it isn't, nodes wait for it.
struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Snapshot;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with netdiagSnapshot, nodes and objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Snapshot, A::Error> {
        let mut version: Option<u32> = None;
        let mut nodes: Option<Vec<NodeState>> = None;
        let mut waiting: Option<Vec<Box<RawValue>>> = None;
        let mut objects: Option<Fact<Objects>> = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "netdiagSnapshot" => {
                    let number = map.next_value()?;
                    known_version(number)?;
                    version = Some(number);
                }
                "nodes" if nodes.is_some() || waiting.is_some() => {
                    return Err(A::Error::duplicate_field("nodes"));
                }
                "nodes" => match version {
                    Some(version) => nodes = Some(map.next_value_seed(Nodes(version))?),
                    None => waiting = Some(map.next_value()?),
                },
                "objects" if objects.is_some() => return Err(A::Error::duplicate_field("objects")),
                "objects" => objects = Some(map.next_value()?),
                other => {
                    let unknown = A::Error::unknown_field(other, &["netdiagSnapshot", "nodes", "objects"]);
                    return Err(if version.is_none() {
                        newer_after_all(&mut map).unwrap_or(unknown)
                    } else {
                        unknown
                    });
                }
            }
        }
        let version = version.ok_or_else(|| A::Error::missing_field("netdiagSnapshot"))?;
        if let Some(waiting) = waiting {
            let read: Result<_, _> = waiting
                .iter()
                .enumerate()
                .map(|(at, text)| numbered(at, text, version))
                .collect();
            nodes = Some(read?);
        }
        Ok(Snapshot {
            netdiag_snapshot: VERSION,
            nodes: nodes.ok_or_else(|| A::Error::missing_field("nodes"))?,
            objects: objects.unwrap_or_default(),
        })
    }
}

fn known_version<E: Error>(number: u32) -> Result<(), E> {
    match number {
        1..=VERSION => Ok(()),
        0 => Err(E::custom("there is no snapshot format 0")),
        _ => Err(E::custom(format_args!(
            "snapshot format {number} is newer than this netdiag reads"
        ))),
    }
}

/// Of a file whose first fields are unknown: whether its version, further down, explains them.
fn newer_after_all<'de, A: MapAccess<'de>>(map: &mut A) -> Option<A::Error> {
    map.next_value::<IgnoredAny>().ok()?;
    while let Some(key) = map.next_key::<String>().ok()? {
        if key == "netdiagSnapshot" {
            return known_version(map.next_value().ok()?).err();
        }
        map.next_value::<IgnoredAny>().ok()?;
    }
    None
}

/// The nodes of a snapshot of this version.
struct Nodes(u32);

impl<'de> DeserializeSeed<'de> for Nodes {
    type Value = Vec<NodeState>;

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<Self::Value, D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Nodes {
    type Value = Vec<NodeState>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(text) = list.next_element::<Box<RawValue>>()? {
            nodes.push(numbered(nodes.len(), &text, self.0)?);
        }
        Ok(nodes)
    }
}

/// A node, with its number in what is said against it: from there, lines are counted anew.
fn numbered<E: Error>(at: usize, text: &RawValue, version: u32) -> Result<NodeState, E> {
    node(text.get().as_bytes(), version)
        .map_err(|error| E::custom(format_args!("nodes[{at}], counted from its start: {error};")))
}

/// The one place where a node is read: all of the state's code is there once for each kind of reader.
fn node(text: &[u8], version: u32) -> Result<NodeState, serde_json::Error> {
    if version == VERSION {
        return serde_json::from_slice(text);
    }
    let mut node = serde_json::from_slice(text)?;
    if version == 1 {
        from_version_1(&mut node);
    }
    serde_json::from_slice(&serde_json::to_vec(&node)?)
}

/// Version 1 kept the tables of the host's namespace in the node itself, and `up` and `dead` in place of flags.
fn from_version_1(node: &mut Value) {
    if let Some(node) = node.as_object_mut() {
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
