//! A link that has to be made anew, with all that goes when it goes.

use crate::forward::topology::Place;
use crate::state::link::{Link, Scope};
use crate::state::route::{Route, RouteProtocol, RouteType, TableId};

/// Deletes a link and makes it again by these words of `ip link add`: with its master, its addresses, and the routes of
/// the main table that people have put in.
pub(super) fn remade(place: &Place, link: &Link, inside: &str, words: &str) -> String {
    let (net, name) = (place.net, &link.name);
    let master = link.master.and_then(|master| net.link(master));
    let master = master.map_or_else(String::new, |master| format!(" master {}", master.name));
    let mut lines = vec![
        format!("link del {name}"),
        format!("link add name {name} {words}"),
        format!("link set {name} mtu {}{master} up", link.mtu),
    ];
    let addresses = net.addresses.items().iter();
    let own = addresses.filter(|address| address.link == link.index && address.scope == Scope::GLOBAL);
    lines.extend(own.map(|own| format!("address add {}/{} dev {name}", own.ip, own.prefix_len)));
    let routes = net.routes.items().iter();
    lines.extend(routes.filter_map(|route| by_hand(route, link)));
    let lines: Vec<String> = lines.iter().map(|line| format!("{inside}ip {line}")).collect();
    lines.join("; ")
}

/// A route that was put in for the link, and has no other way.
fn by_hand(route: &Route, link: &Link) -> Option<String> {
    let [hop] = route.next_hops.as_slice() else {
        return None;
    };
    let wanted = route.kind == RouteType::Unicast
        && route.table == TableId::MAIN
        && route.proto != RouteProtocol::KERNEL
        && hop.link == Some(link.index)
        && hop.encap.is_none();
    let via = hop
        .gateway
        .map_or_else(String::new, |gateway| format!(" via {gateway}"));
    wanted.then(|| format!("route add {}{via} dev {}", route.dst, link.name))
}
