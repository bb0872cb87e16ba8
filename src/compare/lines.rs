//! Entries in one line, as iproute2 prints them, and what of them is told.

use serde_json::{Value, json};

use crate::state::link::{LinkFlags, Scope};
use crate::state::route::{HopFlags, RouteProtocol, TableId};

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn number<T: TryFrom<u64>>(value: &Value, key: &str) -> Option<T> {
    value.get(key)?.as_u64()?.try_into().ok()
}

/// A line that grows word by word.
struct Line(String);

impl Line {
    fn add(&mut self, words: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(words);
    }

    fn add_if(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(&format!("{name} {}", value.to_string()));
        }
    }
}

/// `10.0.0.0/8 via 192.168.80.254 dev eth0 proto bird metric 20`.
pub(super) fn route(route: &Value) -> String {
    let mut line = Line(String::new());
    if let Some(kind) = text(route, "type").filter(|kind| *kind != "unicast") {
        line.add(kind);
    }
    line.add(match text(route, "dst").unwrap_or_default() {
        "0.0.0.0/0" => "default",
        "::/0" => "default (IPv6)",
        dst => dst.strip_suffix("/32").unwrap_or(dst),
    });
    line.add_if("from", text(route, "src"));
    line.add_if("nhid", number::<u32>(route, "nexthop"));
    let hops = route.get("nextHops").and_then(Value::as_array);
    let hops = hops.map_or(&[][..], Vec::as_slice);
    if let [only] = hops {
        hop(&mut line, only);
    }
    let table = number(route, "table")
        .map(TableId)
        .filter(|table| *table != TableId::MAIN);
    line.add_if("table", table);
    line.add_if("proto", number(route, "proto").map(RouteProtocol));
    line.add_if("scope", number(route, "scope").map(Scope));
    line.add_if("src", text(route, "prefsrc"));
    line.add_if("tos", number::<u8>(route, "tos"));
    line.add_if("metric", number::<u32>(route, "metric"));
    let mtu = route.get("mtu").and_then(Value::as_array);
    if let Some([bytes, locked]) = mtu.map(Vec::as_slice) {
        let lock = if *locked == json!(true) { "lock " } else { "" };
        line.add(&format!("mtu {lock}{bytes}"));
    }
    line.add_if("advmss", number::<u32>(route, "advmss"));
    if hops.len() > 1 {
        for one in hops {
            line.add("nexthop");
            hop(&mut line, one);
            line.add_if("weight", Some(number::<u16>(one, "weight").unwrap_or(1)));
        }
    }
    line.0
}

fn hop(line: &mut Line, hop: &Value) {
    line.add_if("encap", text(hop, "encap"));
    line.add_if("via", text(hop, "gateway"));
    line.add_if("dev", text(hop, "link"));
    let flags = HopFlags(number(hop, "flags").unwrap_or(0));
    for (flag, name) in [
        (HopFlags::ONLINK, "onlink"),
        (HopFlags::DEAD, "dead"),
        (HopFlags::LINKDOWN, "linkdown"),
    ] {
        if flags.has(flag) {
            line.add(name);
        }
    }
}

/// `192.168.80.23/24 dev eth0`.
pub(super) fn address(address: &Value) -> String {
    let mut line = Line(format!(
        "{}/{}",
        text(address, "ip").unwrap_or_default(),
        number::<u8>(address, "prefixLen").unwrap_or_default()
    ));
    line.add_if("peer", text(address, "peer"));
    line.add_if("brd", text(address, "broadcast"));
    line.add_if("scope", number(address, "scope").map(Scope));
    line.add_if("dev", text(address, "link"));
    line.add_if("label", text(address, "label"));
    line.add_if(
        "flags",
        number::<u32>(address, "flags")
            .filter(|flags| *flags != 0x80)
            .map(|flags| format!("{flags:#x}")),
    );
    line.0
}

/// `100: from 10.0.0.0/8 fwmark 0x1/0xf lookup 7`; what isn't common is shown as its field.
pub(super) fn rule(rule: &Value) -> String {
    let mut line = Line(format!(
        "{}:",
        number::<u32>(rule, "priority").unwrap_or_default()
    ));
    if rule.get("v6") == Some(&json!(true)) {
        line.add("IPv6");
    }
    let mut rest = rule.clone();
    let mut take = |key: &str| rest.as_object_mut().and_then(|fields| fields.remove(key));
    take("priority");
    take("v6");
    if take("invert") == Some(json!(true)) {
        line.add("not");
    }
    line.add(&format!(
        "from {}",
        take("src").as_ref().and_then(Value::as_str).unwrap_or("all")
    ));
    for (key, name) in [("dst", "to"), ("iif", "iif"), ("oif", "oif")] {
        line.add_if(name, take(key).as_ref().and_then(Value::as_str));
    }
    if let Some(Some([mark, mask])) = take("fwmark").map(|mark| pair(&mark)) {
        line.add(&format!("fwmark {mark:#x}/{mask:#x}"));
    }
    let action = take("action").unwrap_or_default();
    take("proto");
    for (key, value) in rest.as_object().into_iter().flatten() {
        line.add(&format!("{key} {value}"));
    }
    match (action.get("lookup").and_then(Value::as_u64), action.as_str()) {
        (Some(table), _) => {
            let table = u32::try_from(table).map(TableId).unwrap_or_default();
            line.add(&format!("lookup {table}"));
        }
        (None, Some(action)) => line.add(action),
        (None, None) => line.add(&action.to_string()),
    }
    line.0
}

fn pair(value: &Value) -> Option<[u64; 2]> {
    let [first, second] = value.as_array()?.as_slice() else {
        return None;
    };
    Some([first.as_u64()?, second.as_u64()?])
}

/// `aa:bb:cc:dd:ee:ff dev vxlan0 dst 192.168.80.24`.
pub(super) fn fdb(entry: &Value) -> String {
    let mut line = Line(text(entry, "mac").unwrap_or_default().to_owned());
    line.add_if("dev", text(entry, "link"));
    line.add_if("dst", text(entry, "dst"));
    line.add_if("vlan", number::<u16>(entry, "vlan"));
    line.add_if("vni", number::<u32>(entry, "vni"));
    line.add_if("via", text(entry, "via"));
    line.add_if("nhid", number::<u32>(entry, "nexthop"));
    line.add_if("master", text(entry, "master"));
    if let Some(state) = text(entry, "state") {
        line.add(state);
    }
    line.add_if(
        "flags",
        number::<u8>(entry, "flags").map(|flags| format!("{flags:#x}")),
    );
    line.0
}

/// Flags by name; `RUNNING` and `LOWER_UP` repeat what the state says.
#[expect(clippy::unnecessary_wraps, reason = "as all functions of its kind")]
pub(super) fn named_flags(mut link: Value) -> Option<Value> {
    if let Some(flags) = number(&link, "flags").map(LinkFlags) {
        let names = LinkFlags::NAMES.iter().filter(|(_, flag)| flags.has(*flag));
        link["flags"] = names.map(|(name, _)| *name).collect();
    }
    Some(link)
}

/// A neighbor answers, or it doesn't; how lately moves by itself.
#[expect(clippy::unnecessary_wraps, reason = "as all functions of its kind")]
pub(super) fn neighbor_told(mut neighbor: Value) -> Option<Value> {
    let told = match text(&neighbor, "state") {
        Some("reachable" | "stale" | "delay" | "probe") => "answered",
        Some("incomplete" | "failed") => "failed",
        _ => return Some(neighbor),
    };
    neighbor["state"] = told.into();
    Some(neighbor)
}
