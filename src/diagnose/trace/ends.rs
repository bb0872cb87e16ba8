//! The two ends of a tunnel, held against each other: which link is meant to take a packet, where the two don't fit, and
//! what makes them fit.

use std::net::IpAddr;

use super::Explained;
use super::case::typed_in;
use super::outer::Outer;
use super::remade::remade;
use crate::diagnose::finding::Sure;
use crate::forward::topology::{Place, Topology};
use crate::state::kind::{Geneve, LinkData, Tunnel};
use crate::state::link::Link;

/// The links that modules make for themselves (`ip_tunnel_init_net`): they have no other end.
const FALLBACKS: [&str; 7] = [
    "tunl0", "gre0", "gretap0", "sit0", "ip6tnl0", "ip6gre0", "erspan0",
];

/// A tunnel's link, and where it is.
#[derive(Clone, Copy)]
pub(super) struct End<'c, 'a> {
    pub(super) place: &'c Place<'a>,
    pub(super) link: &'a Link,
}

/// Whether a link carries frames, and can be a bridge's port.
pub(super) fn takes_frames(link: &Link) -> bool {
    let kind = link.kind.as_deref().unwrap_or_default();
    ["geneve", "gretap", "ip6gretap"].contains(&kind) && !FALLBACKS.contains(&link.name.as_str())
}

/// A tunnel's remote and local address.
pub(super) fn addresses(link: &Link) -> Option<(Option<IpAddr>, Option<IpAddr>)> {
    match &link.data {
        Some(LinkData::Tunnel(tunnel)) if !tunnel.external => Some((tunnel.remote, tunnel.local)),
        Some(LinkData::Geneve(geneve)) if !geneve.external => Some((geneve.remote, None)),
        _ => None,
    }
}

/// The link of `place` that is meant to take what the sender makes: of its kind, with one of its addresses, and not the
/// end of somebody else's tunnel; the only one that fits as well.
pub(super) fn meant<'c, 'a>(
    topology: &Topology<'a>,
    place: &'c Place<'a>,
    outer: &Outer,
) -> Option<End<'c, 'a>> {
    let elsewhere = |ip: IpAddr| ip != outer.src && topology.places().any(|(_, place)| place.has(ip));
    let fits = |link: &'a Link| {
        let (remote, local) = addresses(link)?;
        if link.kind.as_deref() != Some(outer.kind)
            || FALLBACKS.contains(&link.name.as_str())
            // To its sender's other address, it is still the sender's.
            || remote.is_some_and(|ip| elsewhere(ip) && !beside(topology, ip, outer.src))
        {
            return None;
        }
        let known = u8::from(remote == Some(outer.src)) + u8::from(local == Some(outer.dst));
        let (id, port) = match &link.data {
            Some(LinkData::Geneve(geneve)) => (geneve.vni, geneve.port),
            Some(LinkData::Tunnel(tunnel)) => (tunnel.ikey, 0),
            _ => return None,
        };
        let named = u8::from(id == outer.id) + u8::from(port == outer.port);
        let geneve = outer.kind == "geneve" && named == 2;
        (known > 0 || geneve).then_some((known, named, link))
    };
    let mut found: Vec<_> = place.net.links.items().iter().filter_map(fits).collect();
    found.sort_by_key(|(known, named, _)| std::cmp::Reverse((*known, *named)));
    let best = found.first()?;
    let alone = found
        .get(1)
        .is_none_or(|next| (next.0, next.1) < (best.0, best.1));
    alone.then_some(End { place, link: best.2 })
}

/// Whether two addresses are one namespace's.
fn beside(topology: &Topology, one: IpAddr, other: IpAddr) -> bool {
    topology
        .places()
        .any(|(_, place)| place.has(one) && place.has(other))
}

/// The end that is changed, the words of ip-link(8) that do it and those that take it back, and what they are about.
struct Change<'c, 'a> {
    end: End<'c, 'a>,
    set: String,
    back: String,
    what: &'static str,
}

/// Why `taker` doesn't take what `sender` makes (none: no link, but IPVS), and what makes it fit; nothing where it does.
pub(super) fn unlike<'c, 'a>(
    explained: &Explained,
    sender: Option<End<'c, 'a>>,
    taker: End<'c, 'a>,
    outer: &Outer,
) -> Option<Explained> {
    let (title, name) = (taker.place.title(), &taker.link.name);
    let shown = [sender, Some(taker)].into_iter().flatten();
    let explained = shown.fold(explained.clone(), |explained, end| {
        let source = format!("ip -d link show dev {} on {}", end.link.name, end.place.title());
        explained.shown(source, text(end.link))
    });
    let changes = match &taker.link.data {
        Some(LinkData::Tunnel(tunnel)) => tunnel_changes(sender, taker, tunnel, outer),
        Some(LinkData::Geneve(geneve)) if geneve.vni == outer.id && geneve.port == outer.port => {
            remote_changes(sender, taker, geneve.remote, outer)
        }
        Some(LinkData::Geneve(geneve)) => return Some(geneve_anew(explained, taker, geneve, outer)),
        _ => return None,
    };
    if !taker.link.is_up() {
        let sure = if changes.is_empty() {
            Sure::Proved
        } else {
            Sure::Likely
        };
        return Some(raised(explained, taker).sure(sure));
    }
    if changes.is_empty() {
        return None;
    }
    let mut what: Vec<&str> = changes.iter().map(|change| change.what).collect();
    what.dedup();
    let explained = explained.sure(Sure::Likely).because(format!(
        "{name} of {title} is the link that comes nearest, and does not fit: {}",
        what.join(", ")
    ));
    let explained = changes.iter().fold(explained, |explained, change| {
        let (inside, end) = (typed_in(change.end.place), change.end.link);
        let kind = end.kind.as_deref().unwrap_or_default();
        // Whoever changes a Geneve link has to say its VNI.
        let kind = match &end.data {
            Some(LinkData::Geneve(geneve)) => format!("{kind} id {}", geneve.vni.unwrap_or(0)),
            _ => kind.to_owned(),
        };
        let line = |words: &str| format!("{inside}ip link set {} type {kind} {words}", end.name);
        explained.run(&change.end.place.node.name, line(&change.set), line(&change.back))
    });
    Some(explained.step("each end's remote is the other's local address, keys and options are equal: see which end is as it should be"))
}

/// A tunnel that is down.
pub(super) fn raised(explained: Explained, end: End) -> Explained {
    let (title, inside, name) = (end.place.title(), typed_in(end.place), &end.link.name);
    explained
        .sure(Sure::Proved)
        .because(format!(
            "{name} of {title} is the other end of the tunnel, and is down"
        ))
        .shown(
            format!("ip link show dev {name} on {title}"),
            "without the flag UP",
        )
        .run(
            &end.place.node.name,
            format!("{inside}ip link set {name} up"),
            format!("{inside}ip link set {name} down"),
        )
        .step("routes over it went with it: see that they are back (ip route)")
}

fn ip(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "any".to_owned(), |ip| ip.to_string())
}

/// Where remotes differ: the sender has the address that the taker expects, or the taker expects somebody else.
fn remote_changes<'c, 'a>(
    sender: Option<End<'c, 'a>>,
    taker: End<'c, 'a>,
    remote: Option<IpAddr>,
    outer: &Outer,
) -> Vec<Change<'c, 'a>> {
    let Some(expected) = remote.filter(|remote| *remote != outer.src) else {
        return Vec::new();
    };
    let expects = sender.and_then(|sender| {
        let Some(LinkData::Tunnel(tunnel)) = &sender.link.data else {
            return None;
        };
        let mut own = sender.place.net.addresses.items().iter();
        // What a tunnel carries can't carry the tunnel.
        let outside = own.any(|own| own.ip == expected && own.link != sender.link.index);
        (outside && !tunnel.external).then_some((sender, tunnel.local))
    });
    let change = match expects {
        Some((end, local)) => Change {
            end,
            set: format!("local {expected}"),
            back: format!("local {}", ip(local)),
            what: "the sender's local address",
        },
        None => Change {
            end: taker,
            set: format!("remote {}", outer.src),
            back: format!("remote {expected}"),
            what: "its remote address",
        },
    };
    vec![change]
}

fn tunnel_changes<'c, 'a>(
    sender: Option<End<'c, 'a>>,
    taker: End<'c, 'a>,
    tunnel: &Tunnel,
    outer: &Outer,
) -> Vec<Change<'c, 'a>> {
    let mut changes = remote_changes(sender, taker, tunnel.remote, outer);
    let mut change = |end, set: String, back: String, what| {
        changes.push(Change { end, set, back, what });
    };
    if let Some(local) = tunnel.local.filter(|local| *local != outer.dst) {
        let set = format!("local {}", outer.dst);
        change(taker, set, format!("local {local}"), "its local address");
    }
    // A route says what the others send.
    let own = sender.and_then(|sender| match &sender.link.data {
        Some(LinkData::Tunnel(tunnel)) if !tunnel.external => Some((sender, tunnel)),
        _ => None,
    });
    match (outer.id, tunnel.ikey, own) {
        (sent, wanted, _) if sent == wanted => {}
        // Whoever has none was forgotten.
        (None, Some(key), Some((end, sends))) => {
            let both = if sends.ikey.is_none() { "" } else { "o" };
            change(end, format!("{both}key {key}"), format!("no{both}key"), "its key");
        }
        (sent, wanted, _) => {
            let both = if tunnel.okey == wanted { "" } else { "i" };
            let words = |key: Option<u32>| match key {
                Some(key) => format!("{both}key {key}"),
                None => format!("no{both}key"),
            };
            change(taker, words(sent), words(wanted), "its key");
        }
    }
    match (outer.csum, tunnel.icsum, own) {
        (false, true, Some((end, _))) => {
            change(end, "ocsum".into(), "noocsum".into(), "checksums, which it wants");
        }
        (true, false, _) => change(taker, "icsum".into(), "noicsum".into(), "checksums"),
        _ => {}
    }
    if let (false, true, Some((end, _))) = (outer.seq, tunnel.iseq, own) {
        change(
            end,
            "oseq".into(),
            "nooseq".into(),
            "sequence numbers, which it wants",
        );
    }
    changes
}

/// VNI and port of a Geneve link can't be changed (`geneve_changelink`).
fn geneve_anew(explained: Explained, taker: End, geneve: &Geneve, outer: &Outer) -> Explained {
    let (title, inside, name) = (taker.place.title(), typed_in(taker.place), &taker.link.name);
    let what = if geneve.vni == outer.id { "UDP port" } else { "VNI" };
    let add = |vni: Option<u32>, remote: Option<IpAddr>, port: u16| {
        let ttl = if geneve.ttl > 0 {
            format!(" ttl {}", geneve.ttl)
        } else {
            String::new()
        };
        let words = format!(
            "type geneve id {} remote {} dstport {port}{ttl}",
            vni.unwrap_or(0),
            ip(remote)
        );
        remade(taker.place, taker.link, &inside, &words)
    };
    explained
        .sure(Sure::Likely)
        .because(format!(
            "{name} of {title} is the link that comes nearest, and has another {what}: one of the two ends was made wrong"
        ))
        .run(
            &taker.place.node.name,
            add(outer.id, Some(outer.src), outer.port),
            add(geneve.vni, geneve.remote, geneve.port),
        )
        .step(format!("the kernel can't change the {what} of a link, so it is made anew; or the other end, if this one is right"))
}

/// As ip-link(8) writes it.
fn text(link: &Link) -> String {
    let mut words = vec![link.kind.clone().unwrap_or_default()];
    match &link.data {
        Some(LinkData::Geneve(geneve)) => {
            words.extend(geneve.vni.map(|vni| format!("id {vni}")));
            words.push(format!("remote {}", ip(geneve.remote)));
            words.push(format!("dstport {}", geneve.port));
        }
        Some(LinkData::Tunnel(tunnel)) if tunnel.external => words.push("external".to_owned()),
        Some(LinkData::Tunnel(tunnel)) => {
            words.push(format!("remote {}", ip(tunnel.remote)));
            words.push(format!("local {}", ip(tunnel.local)));
            words.extend(tunnel.ikey.map(|key| format!("ikey {key}")));
            words.extend(tunnel.okey.map(|key| format!("okey {key}")));
            let options = [
                (tunnel.icsum, "icsum"),
                (tunnel.ocsum, "ocsum"),
                (tunnel.iseq, "iseq"),
                (tunnel.oseq, "oseq"),
            ];
            words.extend(
                options
                    .into_iter()
                    .filter(|(on, _)| *on)
                    .map(|(_, word)| word.to_owned()),
            );
        }
        _ => {}
    }
    if !link.is_up() {
        words.push("(down)".to_owned());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{End, meant, unlike};
    use crate::diagnose::finding::{Finding, Sure};
    use crate::diagnose::trace::Explained;
    use crate::diagnose::trace::outer::Outer;
    use crate::forward::topology::Topology;
    use crate::state::kind::{LinkData, Tunnel};
    use crate::state::link::{Address, IfIndex, Link, LinkFlags};
    use crate::state::{Fact, NodeState};

    /// A node 10.9.0.NUMBER with GRE tunnels to others, all keyed alike.
    fn node(number: u8, remotes: &[&str], csum: [bool; 2]) -> NodeState {
        let own = format!("10.9.0.{number}").parse().unwrap();
        let tunnel = |(at, remote): (u32, &&str)| Link {
            index: IfIndex(10 + at),
            name: format!("t{at}"),
            kind: Some("gre".into()),
            flags: LinkFlags::UP,
            data: Some(LinkData::Tunnel(Tunnel {
                local: Some(own),
                remote: Some(remote.parse().unwrap()),
                icsum: csum[0],
                ocsum: csum[1],
                ..Tunnel::default()
            })),
            ..Link::default()
        };
        let mut node = NodeState {
            name: format!("n{number}"),
            ..NodeState::default()
        };
        node.net.links = Fact::Known((0..).zip(remotes).map(tunnel).collect());
        node.net.addresses = Fact::Known(vec![
            serde_json::from_value::<Address>(serde_json::json!({"link": 2, "ip": own, "prefixLen": 24}))
                .unwrap(),
        ]);
        node
    }

    fn outer(csum: bool) -> Outer {
        Outer {
            kind: "gre",
            src: "10.9.0.1".parse().unwrap(),
            dst: "10.9.0.2".parse().unwrap(),
            id: None,
            port: 0,
            csum,
            seq: false,
        }
    }

    fn name(nodes: &[NodeState]) -> Option<String> {
        let topology = Topology::new(nodes);
        let (_, place) = topology.places().nth(1).unwrap();
        Some(meant(&topology, place, &outer(false))?.link.name.clone())
    }

    #[test]
    fn the_end_that_is_meant_leads_to_nobody_else() {
        let to = |remotes: &[&str]| {
            [
                node(1, &[], [false; 2]),
                node(2, remotes, [false; 2]),
                node(3, &[], [false; 2]),
            ]
        };
        assert_eq!(name(&to(&["10.9.0.77", "10.9.0.3"])).as_deref(), Some("t0"));
        assert_eq!(name(&to(&["10.9.0.77", "10.9.0.1"])).as_deref(), Some("t1"));
        // Two that nobody has are one too many.
        assert_eq!(name(&to(&["10.9.0.77", "10.9.0.78"])), None);
        assert_eq!(name(&to(&["10.9.0.3"])), None);
    }

    #[test]
    fn the_end_without_checksums_gets_them() {
        let commands = |sends: bool, wants: bool| {
            let nodes = [
                node(1, &["10.9.0.2"], [sends; 2]),
                node(2, &["10.9.0.1"], [wants; 2]),
            ];
            let topology = Topology::new(&nodes);
            let mut ends = topology.places().map(|(_, place)| End {
                place,
                link: &place.net.links.items()[0],
            });
            let explained = Explained {
                finding: Finding::of("tunnel-link-missing", "n2", ""),
                cause: String::new(),
                sure: Sure::Likely,
                commands: Vec::new(),
            };
            let (sender, taker) = (ends.next(), ends.next().unwrap());
            let found = unlike(&explained, sender, taker, &outer(sends))?;
            let command = found.commands.first()?;
            Some((command.node.clone()?, command.run.clone(), command.undo.clone()?))
        };
        let line = |node: &str, run: &str, undo: &str| {
            let of = |words: &str| format!("ip link set t0 type gre {words}");
            Some((node.to_owned(), of(run), of(undo)))
        };
        assert_eq!(commands(true, true), None);
        assert_eq!(commands(false, true), line("n1", "ocsum", "noocsum"));
        assert_eq!(commands(true, false), line("n2", "icsum", "noicsum"));
    }
}
