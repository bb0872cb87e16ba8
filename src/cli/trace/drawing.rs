//! A walk as a picture: a box a namespace, with what it decided.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::answer::{Answer, Leg};
use super::end_text;
use crate::forward::packet::{Header, Inner, Packet};
use crate::forward::topology::{At, PlaceId, Topology};
use crate::forward::walk::{End, Hop, Missing, Step, What, hops};
use crate::output::picture::{Arrow, Line, Mark, Picture, Stop, Way};
use crate::state::link::{IfIndex, Scope};

/// All ways of an answer.
pub(super) fn picture(answer: &Answer) -> Picture {
    Picture {
        title: format!("{}: {}", answer.asked(), answer.verdict()),
        ways: answer.legs.iter().map(|leg| way(answer, leg)).collect(),
    }
}

/// One way.
pub(super) fn way(answer: &Answer, leg: &Leg) -> Way {
    let topology = answer.topology;
    let trail = hops(&leg.walked.state.trail);
    let mut stops: Vec<Stop> = Vec::with_capacity(trail.len());
    for (at, hop) in trail.iter().enumerate() {
        let mut stop = stop(topology, hop);
        stop.arrow = trail.get(at + 1).map(|next| arrow(topology, hop, next));
        stops.push(stop);
    }
    shorten(&mut stops);
    if let Some(last) = stops.last_mut() {
        finish(answer, leg, &trail, last);
    }
    if let End::NotDecidable(Missing::Beyond { next, dst, .. }) = &leg.walked.end {
        beyond(answer, &mut stops, next.unwrap_or(*dst));
    }
    let share = leg
        .percent()
        .map_or_else(String::new, |percent| format!(" ({percent})"));
    Way {
        title: format!("{}{share}: {}", leg.direction(), leg.ended(topology)),
        mark: mark(&leg.walked.end),
        stops,
    }
}

/// A way with more boxes than this goes in circles: the first rounds tell it.
const LONGEST: usize = 12;
const ROUNDS: usize = 6;

fn shorten(stops: &mut Vec<Stop>) {
    if stops.len() <= LONGEST {
        return;
    }
    let left_out = stops.drain(ROUNDS..stops.len() - 1).count();
    if let Some(stop) = stops.get_mut(ROUNDS - 1) {
        stop.arrow = Some(Arrow {
            text: format!("and so on, {left_out} times more"),
            assumed: true,
        });
    }
}

pub(super) const fn mark(end: &End) -> Mark {
    match end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => Mark::Good,
        End::NotDecidable(_) => Mark::Unsure,
        End::Dropped(_) | End::Rejected(_) | End::NotForMe => Mark::Bad,
    }
}

/// How it ends, in the last box; and who is not reached.
fn finish(answer: &Answer, leg: &Leg, trail: &[Hop], last: &mut Stop) {
    let (word, why) = end_text(&leg.walked.end);
    last.mark = mark(&leg.walked.end);
    let sign = match last.mark {
        Mark::Good => "✓",
        Mark::Bad => "✗",
        Mark::Plain | Mark::Unsure => "?",
    };
    let text = if why.is_empty() {
        word.to_owned()
    } else {
        format!("{word}: {why}")
    };
    // What the end says already.
    last.lines
        .retain(|line| line.mark != Mark::Bad || !why.contains(&line.text));
    last.lines.push(Line {
        label: sign.to_owned(),
        text,
        mark: last.mark,
    });
    let target = if leg.back {
        Some(answer.question.from)
    } else {
        answer.question.to.place
    };
    if let Some(target) = target
        && last.mark != Mark::Good
        && trail.iter().all(|hop| hop.place != target)
    {
        last.arrow = Some(Arrow {
            text: format!("not reached: {}", answer.topology.place(target).title()),
            assumed: true,
        });
    }
}

/// Who comes next by the objects, though nothing of it was seen.
fn beyond(answer: &Answer, stops: &mut Vec<Stop>, next: IpAddr) {
    let Some(name) = answer.node_at(next) else { return };
    if let Some(last) = stops.last_mut() {
        last.arrow = Some(Arrow {
            text: format!("to {next}, assumed from here on"),
            assumed: true,
        });
    }
    let dst = answer.question.dst;
    stops.push(Stop {
        name: name.to_owned(),
        aside: next.to_string(),
        mark: Mark::Unsure,
        lines: vec![Line {
            label: "assumed".to_owned(),
            text: format!("takes it on to {dst}, if it is as the objects say; no state of this node"),
            mark: Mark::Unsure,
        }],
        ..Stop::default()
    });
}

fn stop(topology: &Topology, hop: &Hop) -> Stop {
    let place = topology.place(hop.place);
    Stop {
        name: place.title(),
        aside: aside(topology, hop).unwrap_or_default(),
        mark: Mark::Plain,
        inner: place.namespace.is_some(),
        lines: lines(topology, hop),
        arrow: None,
    }
}

/// The address that the namespace has on the link by which the packet leaves, or comes in.
fn aside(topology: &Topology, hop: &Hop) -> Option<String> {
    let place = topology.place(hop.place);
    let v4 = hop.before.as_ref().or(hop.after.as_ref())?.src.is_ipv4();
    let of = |link: IfIndex| {
        let mut addresses = place.net.addresses.items().iter();
        addresses.find(|address| {
            address.link == link && address.ip.is_ipv4() == v4 && address.scope == Scope::GLOBAL
        })
    };
    let links = [hop.output, hop.input];
    let found = links.into_iter().flatten().find_map(of);
    let started = || {
        hop.before
            .as_ref()
            .filter(|_| hop.input.is_none())
            .map(|packet| packet.src)
    };
    let ip = found.map(|address| address.ip).or_else(started)?;
    Some(ip.to_string())
}

/// What the namespace decided; what is the same everywhere is left to `-o wide`.
fn lines(topology: &Topology, hop: &Hop) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut push = |label: &str, text: String, mark: Mark| {
        lines.push(Line {
            label: label.to_owned(),
            text,
            mark,
        });
    };
    let mut before = hop.before.clone();
    for (at, step) in hop.steps.iter().enumerate() {
        match step.what {
            What::Start if at == 0 => push("sends", step.text.clone(), Mark::Plain),
            What::Route if !step.text.starts_with("local ") => push("route", step.text.clone(), Mark::Plain),
            What::Nat => {
                let change = before.as_deref().zip(step.packet.as_deref());
                if let Some((old, new)) = change {
                    push("nat", changed(old, new), Mark::Plain);
                }
                push("", format!("by {}", step.text), Mark::Plain);
            }
            What::Encap => push("encap", encap(topology, step), Mark::Plain),
            What::Decap => push("decap", step.text.clone(), Mark::Plain),
            What::Netfilter | What::Setting => push(super::label(step.what), step.text.clone(), Mark::Bad),
            What::Assumption if !is_usual(&step.text) => push("assumed", step.text.clone(), Mark::Unsure),
            _ => {}
        }
        before = step.packet.clone().or(before);
    }
    let inner = links_inside(topology, hop);
    let only_bridged = lines.is_empty() && hop.output.is_some();
    if only_bridged && let Some(step) = hop.of(What::Fdb).next() {
        lines.push(Line {
            label: super::label(step.what).to_owned(),
            text: step.text.clone(),
            mark: Mark::Plain,
        });
    }
    if inner.len() > 2 || only_bridged {
        lines.insert(
            usize::from(lines.first().is_some_and(|line| line.label == "sends")),
            Line {
                label: "links".to_owned(),
                text: inner.join(" › "),
                mark: Mark::Plain,
            },
        );
    }
    lines
}

/// What is assumed of nearly every pod.
fn is_usual(text: &str) -> bool {
    text.starts_with("no netfilter rules in here") || text.starts_with("somebody listens")
}

/// `10.96.0.10:80 becomes 10.244.1.2:80`: what differs only.
fn changed(old: &Packet, new: &Packet) -> String {
    let port = |packet: &Packet, source: bool| {
        let (ip, ports) = if source {
            (packet.src, packet.transport.ports().map(|(sport, _)| sport))
        } else {
            (packet.dst, packet.transport.ports().map(|(_, dport)| dport))
        };
        match ports {
            Some(port) => std::net::SocketAddr::new(ip, port).to_string(),
            None => ip.to_string(),
        }
    };
    let mut parts = Vec::new();
    for (source, name) in [(true, "source"), (false, "destination")] {
        let (was, is) = (port(old, source), port(new, source));
        if was != is {
            parts.push(format!("{name} {was} becomes {is}"));
        }
    }
    if parts.is_empty() {
        "nothing changes".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `flannel.1, VXLAN 1: 192.168.100.11 → 192.168.100.12 port 8472`
fn encap(topology: &Topology, step: &Step) -> String {
    let link = step.link.and_then(|link| {
        topology.link(At {
            place: step.place,
            link,
        })
    });
    let name = link.map_or("", |link| link.name.as_str());
    match step.packet.as_deref() {
        Some(outer) => format!("{name}: {}", carried(outer)),
        None => format!("{name}: {}", step.text),
    }
}

/// RFC 8926, 10.
const GENEVE: u16 = 6081;

/// The outer packet, as people say it.
fn carried(outer: &Packet) -> String {
    let what = match outer.inner.as_deref() {
        Some(Inner::Frame { header, .. }) => {
            let name = match outer.transport.ports() {
                Some((_, GENEVE)) => "Geneve",
                Some(_) => "VXLAN",
                None => "key",
            };
            header.id.map(|id| format!("{name} {id} in ")).unwrap_or_default()
        }
        Some(Inner::Packet {
            header: Header { id: Some(key), .. },
            ..
        }) => format!("key {key} in "),
        _ => String::new(),
    };
    format!("{what}{outer}")
}

/// The links that it goes over in a namespace, in turn.
fn links_inside<'a>(topology: &Topology<'a>, hop: &Hop) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for step in hop.steps {
        let Some(link) = step.link.filter(|_| matches!(step.what, What::In | What::Out)) else {
            continue;
        };
        let at = At {
            place: step.place,
            link,
        };
        let name = topology.link(at).map_or("?", |link| link.name.as_str());
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

/// `eth0 to veth1a, MTU 1450`
fn arrow(topology: &Topology, hop: &Hop, next: &Hop) -> Arrow {
    let link = |place: PlaceId, link: Option<IfIndex>| topology.link(At { place, link: link? });
    let (out, input) = (link(hop.place, hop.output), link(next.place, next.input));
    let name =
        |link: Option<&crate::state::link::Link>| link.map_or("?", |link| link.name.as_str()).to_owned();
    let mut text = format!("{} to {}", name(out), name(input));
    if hop.of(What::Wire).next().is_some() {
        text.push_str(" over the wire");
    }
    if let Some(out) = out {
        let _ = write!(text, ", MTU {}", out.mtu);
    }
    if let Some(outer) = hop.after.as_deref().filter(|packet| packet.inner.is_some()) {
        let _ = write!(text, ", {}", carried(outer));
    }
    Arrow { text, assumed: false }
}
