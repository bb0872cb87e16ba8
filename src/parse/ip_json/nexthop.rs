//! `ip -j nexthop` (iproute2 `ip/ipnexthop.c`).

use super::route::{encap, gateway, hop_flags};
use super::tree::{Item, each};
use crate::parse::ParseError;
use crate::parse::iproute::{self, Names};
use crate::state::route::NexthopObject;

/// Reads the nexthop objects, in the kernel's order.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn nexthops(text: &str, names: &mut Names) -> Result<Vec<NexthopObject>, ParseError> {
    each(text, |item| nexthop(item, names).map(Some))
}

/// One object, of either form.
pub(in crate::parse) fn nexthop(item: &Item, names: &mut Names) -> Result<NexthopObject, String> {
    let mut group = Vec::new();
    for member in item.list("group")? {
        let id = member.need("id", member.number("id")?)?;
        group.push((id, member.number("weight")?.unwrap_or(1)));
    }
    Ok(NexthopObject {
        id: item.need("id", item.number("id")?)?,
        gateway: gateway(item)?,
        link: item.text("dev")?.map(|name| names.link(&name)),
        blackhole: item.flag("blackhole"),
        fdb: item.flag("fdb"),
        group,
        scope: item.read("scope", "a scope", iproute::scope)?.unwrap_or_default(),
        proto: item
            .read("protocol", "a protocol", iproute::protocol)?
            .unwrap_or_default(),
        flags: hop_flags(item),
        encap: encap(item),
    })
}
