//! What birdc prints, without the codes of the control socket (BIRD `client/client.c`, `nest/rt-show.c`).

use std::net::IpAddr;

use super::bird::{self, Line, PROTOCOL, PROTOCOL_DETAILS, PROTOCOL_HEADING};
use super::{ParseError, excerpt};
use crate::state::bird::{BirdHop, BirdRoute, Protocol};

/// The version in birdc's first line, `BIRD 1.6.8 ready.`
pub fn version(text: &str) -> Option<String> {
    text.lines().find_map(greeting).map(str::to_owned)
}

fn greeting(line: &str) -> Option<&str> {
    line.trim().strip_prefix("BIRD ")?.strip_suffix(" ready.")
}

/// Lines of birdc itself.
fn is_chatter(line: &str) -> bool {
    line.trim().is_empty()
        || greeting(line).is_some()
        || line.starts_with("Access restricted")
        || line.starts_with("bird>")
}

/// The protocols of `birdc show protocols`, with `all` or without.
///
/// # Errors
/// Names the first line that no known release writes.
pub fn protocols(text: &str) -> Result<Vec<Protocol>, ParseError> {
    let text = bird::printable(text);
    let mut heading = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if is_chatter(line) {
            continue;
        }
        let code = if line.starts_with(' ') && heading {
            PROTOCOL_DETAILS
        } else if std::mem::replace(&mut heading, true) {
            PROTOCOL
        } else {
            PROTOCOL_HEADING
        };
        lines.push(Line {
            number: index + 1,
            code,
            text: line,
        });
    }
    bird::list(lines)
}

/// The routes of `birdc show route`, with `all` or without, of BIRD 1.6 and 2.
///
/// # Errors
/// Names the first line that no known release writes.
pub fn routes(text: &str) -> Result<Vec<BirdRoute>, ParseError> {
    let text = bird::printable(text);
    let mut routes: Vec<BirdRoute> = Vec::new();
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let bad = || ParseError::new(index + 1, format!("not a route of BIRD: {:?}", excerpt(line)));
        if is_chatter(line) || matches!(line.trim(), "Network not found" | "Network not in table") {
            continue;
        }
        if let Some(name) = line.strip_prefix("Table ") {
            name.trim().trim_end_matches(':').clone_into(&mut table);
        } else if line.starts_with('\t') || (line.starts_with(' ') && !line.contains('[')) {
            detail(routes.last_mut().ok_or_else(bad)?, line.trim());
        } else {
            let net = line.split_whitespace().next().unwrap_or_default();
            let (net, rest) = if line.starts_with(' ') {
                // A further route of the same network.
                (routes.last().ok_or_else(bad)?.net, line)
            } else {
                (net.parse().map_err(|_| bad())?, &line[net.len()..])
            };
            let mut route = first(rest).ok_or_else(bad)?;
            route.net = net;
            route.table.clone_from(&table);
            routes.push(route);
        }
    }
    Ok(routes)
}

/// `via 10.0.0.1 on eth0 [Mesh_1 11:01:31 from 10.0.0.9] * (100/0) [AS65001i]`, or `unicast [kernel1 11:18:39.679] * (10)`.
fn first(rest: &str) -> Option<BirdRoute> {
    let (way, rest) = rest.split_once('[')?;
    let (inside, after) = rest.split_once(']')?;
    let way: Vec<&str> = way.split_whitespace().collect();
    let (kind, hops) = match way.as_slice() {
        ["via" | "dev", ..] => ("unicast", vec![hop(&way)?]),
        // The ways out follow.
        ["multipath" | "unicast"] | [] => ("unicast", Vec::new()),
        [kind] => (*kind, Vec::new()),
        _ => return None,
    };
    let mut words = inside.split_whitespace();
    let protocol = words.next()?.to_owned();
    let words: Vec<&str> = words.collect();
    let from = words.iter().position(|word| *word == "from");
    let since = words.get(..from.unwrap_or(words.len()))?.join(" ");
    Some(BirdRoute {
        net: super::any(false).into(),
        table: String::new(),
        kind: kind.to_owned(),
        protocol,
        since,
        primary: after.split('(').next()?.contains('*'),
        preference: preference(after),
        from: from.and_then(|at| address(words.get(at + 1)?)),
        hops,
        attributes: std::collections::BTreeMap::new(),
    })
}

/// The first number between parentheses: `(100/0)`, `(10)`.
fn preference(text: &str) -> Option<u32> {
    let (inside, _) = text.split_once('(')?.1.split_once(')')?;
    inside.split('/').next()?.parse().ok()
}

/// `via 10.0.0.1 on eth0 onlink`, `dev eth0`, `via fe80::1%eth0 on eth0 weight 1`
fn hop(words: &[&str]) -> Option<BirdHop> {
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).copied()
    };
    Some(BirdHop {
        gateway: match words.first()? {
            &"via" => Some(address(words.get(1)?)?),
            _ => None,
        },
        link: after("on").or_else(|| after("dev")).map(str::to_owned),
        onlink: words.contains(&"onlink"),
    })
}

/// An address, perhaps with its link behind `%`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// A way out, or an attribute. What netdiag has no use for is passed over.
fn detail(route: &mut BirdRoute, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    if matches!(words.first(), Some(&("via" | "dev"))) {
        route.hops.extend(hop(&words));
    } else if let Some((key, value)) = line.split_once(':') {
        route
            .attributes
            .insert(key.trim().to_owned(), value.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROUTES_1: &str = include_str!("../../fixtures/bird/1.6.8-birdc-route-all.txt");
    const ROUTES_2: &str = include_str!("../../fixtures/bird/2.0.12-birdc-route-all.txt");
    const PROTOCOLS_1: &str = include_str!("../../fixtures/bird/1.6.8-birdc-protocols-all.txt");
    const PROTOCOLS_2: &str = include_str!("../../fixtures/bird/2.0.12-birdc-protocols-all.txt");

    fn to<'a>(routes: &'a [BirdRoute], net: &str) -> &'a BirdRoute {
        let net = net.parse().unwrap();
        routes.iter().find(|route| route.net == net).unwrap()
    }

    #[test]
    fn routes_of_both_releases_are_read() {
        for (text, table) in [(ROUTES_1, ""), (ROUTES_2, "master4")] {
            let routes = routes(text).unwrap();
            let mesh = to(&routes, "10.233.65.0/26");
            assert_eq!((mesh.kind.as_str(), mesh.table.as_str()), ("unicast", table));
            assert_eq!(mesh.protocol, "Mesh_192_168_80_26");
            assert!(mesh.since.starts_with("11:"), "{mesh:?}");
            assert!(mesh.primary);
            assert_eq!(mesh.preference, Some(100));
            let hop = BirdHop {
                gateway: Some("192.168.80.26".parse().unwrap()),
                link: Some("eth0".into()),
                onlink: false,
            };
            assert_eq!(mesh.hops, [hop]);
            assert_eq!(mesh.attributes["BGP.next_hop"], "192.168.80.26");
            assert_eq!(to(&routes, "10.233.64.64/26").kind, "blackhole");
            assert_eq!(
                to(&routes, "192.168.80.0/24").hops[0].link.as_deref(),
                Some("eth0")
            );
        }
    }

    #[test]
    fn further_routes_of_a_network_and_their_source_are_read() {
        let text = "BIRD 1.6.8 ready.\n10.0.0.0/8         via 10.9.0.1 on eth0 [A 2026-11-20 11:00:00 from 10.9.0.9] * (100/20) [AS65001i]\n\
            \x20                  via 10.9.0.2 on eth0 [B 11:00:01] (100/-) [i]\n\
            10.1.0.0/16        multipath [C 11:00:02] (150)\n\tvia 10.9.0.3 on eth0 weight 1\n\tvia 10.9.0.4 on eth1 weight 2\n";
        let routes = routes(text).unwrap();
        assert_eq!(routes[0].since, "2026-11-20 11:00:00");
        assert_eq!(routes[0].from, Some("10.9.0.9".parse().unwrap()));
        assert_eq!((routes[1].net, routes[1].primary), (routes[0].net, false));
        assert_eq!(routes[2].hops.len(), 2);
    }

    #[test]
    fn protocols_are_those_of_the_control_socket() {
        // The same moment, over the socket.
        let raw = include_str!("../../fixtures/bird/1.6.8-raw-protocols.txt");
        let short = |protocols: Vec<Protocol>| {
            protocols
                .into_iter()
                .map(|protocol| (protocol.name, protocol.state, protocol.info))
                .collect::<Vec<_>>()
        };
        let all = protocols(PROTOCOLS_1).unwrap();
        assert_eq!(short(all.clone()), short(bird::protocols(raw).unwrap()));
        let session = all.iter().find_map(|protocol| protocol.bgp.as_ref()).unwrap();
        assert!(session.neighbor_address.is_some());
        assert_eq!(version(PROTOCOLS_1).as_deref(), Some("1.6.8"));
        let of_2 = protocols(PROTOCOLS_2).unwrap();
        assert!(of_2.iter().any(|protocol| protocol.bgp.is_some()));
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(routes("BIRD 2.0 ready.\nhello\n").unwrap_err().line, 2);
        assert_eq!(routes("\tvia 10.0.0.1 on eth0\n").unwrap_err().line, 1);
        assert_eq!(protocols("BIRD 2.0 ready.\nhello\n").unwrap_err().line, 2);
    }

    #[test]
    fn cut_anywhere_nothing_panics() {
        for text in [ROUTES_1, ROUTES_2, PROTOCOLS_1, PROTOCOLS_2] {
            for end in (0..text.len())
                .step_by(31)
                .filter(|end| text.is_char_boundary(*end))
            {
                let _ = routes(&text[..end]);
                let _ = protocols(&text[..end]);
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", words in "(Table|via|dev|on|from|\\[|\\]|\\*|\\(|\\)|[a-z0-9.:/é]{1,9}|[ \t\n]){0,60}") {
            for text in [text, words] {
                let _ = routes(&text);
                let _ = protocols(&text);
                let _ = version(&text);
            }
        }
    }
}
