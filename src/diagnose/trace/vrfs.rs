//! VRFs: what comes in by their links is looked up in their tables, and links are in one, or in none.

use super::Explained;
use super::case::{Case, typed_in};
use crate::diagnose::connected::{Connected, vrf_of};
use crate::diagnose::finding::Sure;
use crate::forward::topology::At;
use crate::forward::walk::What;
use crate::state::link::{Address, Link};
use crate::state::route::TableId;

/// The link that the packet came in by where it ended.
fn came_by<'a>(case: &Case<'_, 'a>) -> Option<&'a Link> {
    case.place.net.link(case.last(What::In)?.link?)
}

/// The VRF in whose table the packet was looked up where it ended; none: the main table.
fn looked_up<'a>(case: &Case<'_, 'a>) -> Option<(&'a Link, TableId)> {
    let link = came_by(case)?;
    let of = |link: &Link| vrf_of(case.place.net, link);
    of(link)
}

/// The route that comes with an address is missing in the table that was asked: the address's own, or another one.
pub(super) fn of_address(case: &Case, explained: Explained, address: &Address) -> Explained {
    let net = case.place.net;
    let (Some(link), Some(connected)) = (net.link(address.link), Connected::of(net, address)) else {
        return explained;
    };
    let (who, inside, name) = (case.who(), typed_in(case.place), &link.name);
    let (asked, own) = (looked_up(case), vrf_of(net, link));
    let run = |explained: Explained, add: &str, del: &str| {
        let (add, del) = (
            format!("{inside}ip route {add}"),
            format!("{inside}ip route {del}"),
        );
        explained.sure(Sure::Proved).run(&case.place.node.name, add, del)
    };
    let (dst, ip) = (connected.net, address.ip);
    let explained = explained.shown(
        format!("ip address on {who}"),
        format!("{ip} of {dst} on {name}, which is up"),
    );
    let table = |vrf: Option<(&Link, TableId)>| match vrf {
        Some((vrf, table)) => format!("table {table}, that of {}", vrf.name),
        None => "the main table".to_owned(),
    };
    if asked.map(|(_, table)| table) == own.map(|(_, table)| table) {
        let why = if connected.taken {
            "another one is in its place"
        } else {
            "deleted, or the address was set with noprefixroute"
        };
        let explained = explained.because(format!(
            "{name} has {ip}, and the route to {dst} that comes with it is gone: {why}"
        ));
        return run(explained, &connected.add, &connected.del);
    }
    let explained = explained.because(format!(
        "{name}, which leads to {dst}, has its routes in {}, and what was asked is {}: it needs a route to there",
        table(own),
        table(asked)
    ));
    let line = match (own, asked) {
        (_, Some((_, table))) => format!("{dst} dev {name} table {table}"),
        (Some((vrf, _)), None) => format!("{dst} dev {}", vrf.name),
        (None, None) => return explained,
    };
    run(explained, &format!("add {line}"), &format!("del {line}"))
}

/// The host's end of a pod's link is in another VRF than the one whose table was asked, or in none.
pub(super) fn apart(case: &Case, explained: &Explained, at: At) -> Option<Explained> {
    let (vrf, table) = looked_up(case)?;
    let link = case.scene.topology.link(at)?;
    let own = vrf_of(case.place.net, link);
    if own.is_some_and(|(_, own)| own == table) {
        return None;
    }
    let (who, inside, node) = (case.who(), typed_in(case.place), &case.place.node.name);
    let (name, of, asks) = (
        &link.name,
        &vrf.name,
        came_by(case).map_or("?", |link| link.name.as_str()),
    );
    let (is, back) = match own {
        Some((own, _)) => (format!("in the VRF {}", own.name), format!("master {}", own.name)),
        None => ("in no VRF".to_owned(), "nomaster".to_owned()),
    };
    let explained = explained
        .clone()
        .sure(Sure::Possible)
        .because(format!(
            "{name} is {is}, and what comes in by {asks} is looked up in {of}: VRFs are there to keep the two apart, unless {name} belongs to {of}"
        ))
        .shown(format!("ip link show dev {name} on {who}"), is)
        .shown(format!("ip link show dev {asks} on {who}"), format!("master {of}"));
    Some(
        explained
            .run(
                node,
                format!("{inside}ip link set {name} master {of}"),
                format!("{inside}ip link set {name} {back}"),
            )
            .step(format!(
                "only if {name} belongs to {of}; its IPv6 addresses go when it moves, unless keep_addr_on_down is set"
            )),
    )
}
