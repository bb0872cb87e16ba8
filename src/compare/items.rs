//! What is special about some facts. One that isn't here is compared by what its values look like.

use serde_json::Value;

use super::{Show, lines};

/// Below this rank: whole nodes and the datastore.
pub(super) const NODE_ITEMS: u8 = 10;

/// One fact of a node.
#[derive(Debug)]
pub(super) struct Item {
    /// Its field in [`crate::state`].
    name: &'static str,
    /// What matters most has the lowest.
    pub(super) rank: u8,
    /// The fields that make an entry the same one in both snapshots.
    pub(super) key: &'static [&'static str],
    /// From when on it is told at all.
    pub(super) from: Show,
    /// An entry as it is compared; none when it moves by itself.
    pub(super) settled: fn(Value) -> Option<Value>,
    /// An entry in one line, which tells all of it.
    pub(super) line: Option<fn(&Value) -> String>,
}

const fn item(name: &'static str, rank: u8, key: &'static [&'static str]) -> Item {
    Item {
        name,
        rank,
        key,
        from: Show::Settled,
        settled: Some,
        line: None,
    }
}

impl Item {
    const fn line(mut self, line: fn(&Value) -> String) -> Self {
        self.line = Some(line);
        self
    }

    const fn settled(mut self, settled: fn(Value) -> Option<Value>) -> Self {
        self.settled = settled;
        self
    }

    const fn from(mut self, from: Show) -> Self {
        self.from = from;
        self
    }
}

static ITEMS: &[Item] = &[
    item("namespaces", 10, &["title"]),
    item("containers", 11, &[]),
    item("bird", 20, &[]),
    item("bird6", 20, &[]),
    item("birdConfig", 21, &[]),
    item("processes", 22, &[]),
    item("links", 30, &["name"]).settled(lines::named_flags),
    item("addresses", 31, &["link", "ip", "prefixLen"]).line(lines::address),
    item("routes", 32, &["table", "dst", "src", "tos", "metric"]).line(lines::route),
    item("nexthops", 33, &["id"]),
    item("rules", 34, &["v6", "priority"]).line(lines::rule),
    item("netfilter", 40, &["dialect"]),
    item("ipsets", 41, &["name"]),
    item("ipvs", 42, &["select"]),
    item("sysctls", 43, &[]),
    item("fdb", 50, &["mac", "link", "master", "vlan"])
        .settled(lasting)
        .line(lines::fdb),
    item("vlans", 51, &["link", "vid"]),
    item("neighbors", 52, &["link", "ip"]).settled(lines::neighbor_told),
    item("hosts", 53, &["ip"]),
    item("kernel", 54, &[]),
    item("tcp", 60, &["local", "remote"]).settled(listening),
    item("tcpCounters", 90, &[]).from(Show::Counters),
    item("conntrack", 91, &[]).from(Show::All),
    item("recent", 91, &["name"]).from(Show::All),
    item("kernelLog", 92, &["text"]),
    // Of the namespace's file; another one after each start.
    item("netId", 93, &[]).from(Show::All),
];

static OTHER: Item = item("", 70, &[]);

/// Counters of all kinds are known by their names, so that new ones move nobody.
static COUNTERS: Item = item("", 90, &[]).from(Show::Counters);

/// What is special about the fact of this name.
pub(super) fn item_named(name: &str) -> &'static Item {
    let special = ITEMS.iter().find(|item| item.name == name);
    special.unwrap_or(if name.ends_with("Counters") {
        &COUNTERS
    } else {
        &OTHER
    })
}

/// Fields that move by themselves, wherever they are.
const MOVING: [&str; 18] = [
    "taken",
    "confirmedSeconds",
    "line",
    "words",
    "since",
    "serverTime",
    "holdTimer",
    "keepaliveTimer",
    "errorWait",
    "connectDelay",
    "uptime",
    "timeout",
    "txQueue",
    "rxQueue",
    "at",
    "times",
    "started",
    "created",
];

const COUNTING: [&str; 6] = ["counters", "packets", "bytes", "active", "inactive", "imported"];

/// Whether a field is told, by its name alone.
pub(super) fn is_told(key: &str, show: Show) -> bool {
    (!COUNTING.contains(&key) || show >= Show::Counters) && (!MOVING.contains(&key) || show == Show::All)
}

/// Takes away what isn't told: what moves, and numbers of links, which [`super::links`] has named.
pub(super) fn strip(value: &mut Value, show: Show) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let counts = key == "routes" && value.get("imported").is_some();
                is_told(key, show) && (!counts || show >= Show::Counters)
            });
            // Of a link, which has a name.
            if fields.contains_key("name") && fields.contains_key("mtu") {
                fields.remove("index");
            }
            fields.values_mut().for_each(|value| strip(value, show));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, show)),
        _ => {}
    }
}

/// Entries that somebody put there; what a bridge learned is forgotten again.
fn lasting(entry: Value) -> Option<Value> {
    let learned = |state: &str| ["reachable", "stale", "delay", "probe"].contains(&state);
    let state = entry.get("state").and_then(Value::as_str);
    (!state.is_some_and(learned)).then_some(entry)
}

/// Of sockets, those that wait for somebody.
fn listening(socket: Value) -> Option<Value> {
    (socket.get("state").and_then(Value::as_str) == Some("listen")).then_some(socket)
}
