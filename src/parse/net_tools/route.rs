//! `route -n`, `netstat -rn`, and their `-6` form (net-tools `lib/inet_gr.c`, `lib/inet6_gr.c`).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::parse::iproute::Names;
use crate::parse::{ParseError, excerpt};
use crate::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};

/// The main table of IPv4. Who installed a route isn't told: protocol 0.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn route(text: &str, names: &mut Names) -> Result<Vec<Route>, ParseError> {
    let mut routes = Vec::new();
    let mut metric_column = None;
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || line.starts_with("Kernel IP") {
            continue;
        }
        if words[0] == "Destination" {
            // `netstat -rn` has MSS and window in place of metric.
            metric_column = words.iter().position(|word| *word == "Metric");
            continue;
        }
        let route = one(&words, metric_column, names)
            .ok_or_else(|| ParseError::new(index + 1, format!("not a route: {:?}", excerpt(line))))?;
        routes.push(route);
    }
    Ok(routes)
}

/// `10.244.2.0 192.168.80.24 255.255.255.192 UG 0 0 0 eth0`
fn one(words: &[&str], metric_column: Option<usize>, names: &mut Names) -> Option<Route> {
    let [dst, gateway, mask, flags, .., link] = words else {
        return None;
    };
    let dst: Ipv4Addr = match *dst {
        "default" => Ipv4Addr::UNSPECIFIED,
        dst => dst.parse().ok()?,
    };
    let dst = Ipv4Net::with_netmask(dst, mask.parse().ok()?).ok()?;
    let kind = match (*link, flags.starts_with('!')) {
        ("*", false) => RouteType::Blackhole,
        // Or one that prohibits: both are printed so.
        (_, true) => RouteType::Unreachable,
        _ => RouteType::Unicast,
    };
    let mut route = Route::new(IpNet::V4(dst), TableId::MAIN, kind, RouteProtocol::default());
    if let Some(column) = metric_column {
        route.metric = words.get(column)?.parse().ok()?;
    }
    if kind == RouteType::Unicast {
        let gateway: Ipv4Addr = match *gateway {
            "*" => Ipv4Addr::UNSPECIFIED,
            gateway => gateway.parse().ok()?,
        };
        // Gateways of IPv6 can't be shown, and are zeros with the flag all the same.
        let gateway = (!gateway.is_unspecified()).then_some(IpAddr::V4(gateway));
        route.next_hops.push(NextHop::by(names.link(link), gateway));
    }
    Some(route)
}

/// The main table of IPv6, from `route -6 -n`. Entries of the table `local` are among them, and passed over.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn route6(text: &str, names: &mut Names) -> Result<Vec<Route>, ParseError> {
    let mut routes: Vec<Route> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || line.starts_with("Kernel IPv6") || words[0] == "Destination" {
            continue;
        }
        let bad = || ParseError::new(index + 1, format!("not a route of IPv6: {:?}", excerpt(line)));
        let [dst, gateway, flags, metric, .., link] = words.as_slice() else {
            return Err(bad());
        };
        let dst: IpNet = dst.trim_start_matches("[::]").parse().map_err(|_| bad())?;
        let multicast = matches!(dst, IpNet::V6(net) if net.addr().is_multicast());
        // `n`: of the kernel's own, not of the routing table.
        if multicast || (flags.contains('n') && (flags.contains('U') || *metric == "-1")) {
            continue;
        }
        let kind = if flags.starts_with('!') {
            RouteType::Unreachable
        } else {
            RouteType::Unicast
        };
        let gateway: IpAddr = gateway.parse().map_err(|_| bad())?;
        let gateway = (!gateway.is_unspecified()).then_some(gateway);
        let mut route = Route::new(dst, TableId::MAIN, kind, RouteProtocol::default());
        route.metric = metric.parse().map_err(|_| bad())?;
        if kind == RouteType::Unicast {
            let hop = NextHop::by(names.link(link), gateway);
            // Ways out of one route stand on lines of their own.
            let same = routes.last_mut().filter(|last| {
                hop.gateway.is_some()
                    && last.dst == dst
                    && last.metric == route.metric
                    && last.next_hops.iter().all(|hop| hop.gateway.is_some())
            });
            if let Some(last) = same {
                last.next_hops.push(hop);
                continue;
            }
            route.next_hops.push(hop);
        }
        routes.push(route);
    }
    Ok(routes)
}
