//! `ip -d -j link`, with `-s` or without (iproute2 `ip/ipaddress.c`: `print_linkinfo`).

use super::tree::{Item, each};
use super::{bridge, kind};
use crate::parse::ParseError;
use crate::parse::iproute::{self, Names};
use crate::state::link::{IfIndex, Link, LinkCounters, LowerLink};
use crate::state::netns::NsId;

/// Reads the links of `ip -j link`, or of `ip -j addr`, which holds the same, in the kernel's order.
///
/// # Errors
/// Names the first value that isn't understood.
pub fn links(text: &str) -> Result<Vec<Link>, ParseError> {
    // A link may name one that comes later.
    let mut names = Names::default();
    each(text, |item| {
        if let (Some(index), Some(name)) = (item.number("ifindex")?, item.text("ifname")?) {
            names.add(&name, IfIndex(index));
        }
        Ok(None::<()>)
    })?;
    each(text, |item| link(item, &mut names).map(Some))
}

/// One link, of either form.
pub(in crate::parse) fn link(item: &Item, names: &mut Names) -> Result<Link, String> {
    let flags = iproute::link_flags(item.words("flags"));
    let info = item.object("linkinfo")?;
    let mut link = Link {
        index: IfIndex(item.need("ifindex", item.number("ifindex")?)?),
        name: item.need("ifname", item.text("ifname")?)?,
        kind: None,
        flags,
        operstate: item
            .text("operstate")?
            .map_or_else(|| "unknown".to_owned(), |state| state.to_lowercase()),
        carrier: iproute::carrier(flags),
        mtu: item.number("mtu")?.unwrap_or_default(),
        mac: item.text("address")?.and_then(|address| iproute::mac(&address)),
        master: item.text("master")?.map(|name| names.link(&name)),
        lower: lower(item, names)?,
        alias: item.text("ifalias")?,
        alt_names: item.words("altnames").map(str::to_owned).collect(),
        qdisc: item.text("qdisc")?,
        counters: counters(item)?,
        data: None,
        port: None,
        features: None,
    };
    if let Some(info) = info {
        link.kind = info.text("info_kind")?;
        if let (Some(kind), Some(data)) = (&link.kind, info.object("info_data")?) {
            link.data = kind::data(kind, &data, names)?;
        }
        if info.text("info_slave_kind")?.as_deref() == Some("bridge") {
            link.port = info
                .object("info_slave_data")?
                .map(|port| bridge::port(&port))
                .transpose()?;
        }
    }
    Ok(link)
}

/// `link` is a name, `link_index` a number, perhaps in another namespace.
fn lower(item: &Item, names: &mut Names) -> Result<Option<LowerLink>, String> {
    let netns = item.read("link_netnsid", "a number of a namespace", |text| {
        text.parse().ok()
    })?;
    let index = match item.number("link_index")? {
        Some(index) => Some(IfIndex(index)),
        None => item.text("link")?.map(|name| names.link(&name)),
    };
    Ok(index.filter(|index| index.0 != 0).map(|index| LowerLink {
        index,
        netns: netns.map(NsId),
    }))
}

fn counters(item: &Item) -> Result<Option<LinkCounters>, String> {
    // Without 64-bit counters in the kernel it is `stats`.
    let stats = match item.object("stats64")? {
        Some(stats) => Some(stats),
        None => item.object("stats")?,
    };
    let Some(stats) = stats else {
        return Ok(None);
    };
    let (Some(rx), Some(tx)) = (stats.object("rx")?, stats.object("tx")?) else {
        return Ok(None);
    };
    let count = |side: &Item, key: &str| side.number::<u64>(key).map(Option::unwrap_or_default);
    Ok(Some(LinkCounters {
        rx_packets: count(&rx, "packets")?,
        rx_bytes: count(&rx, "bytes")?,
        rx_errors: count(&rx, "errors")?,
        rx_dropped: count(&rx, "dropped")?,
        tx_packets: count(&tx, "packets")?,
        tx_bytes: count(&tx, "bytes")?,
        tx_errors: count(&tx, "errors")?,
        tx_dropped: count(&tx, "dropped")?,
        tx_carrier_errors: count(&tx, "carrier_errors")?,
    }))
}
