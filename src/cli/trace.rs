//! `netdiag trace`: one packet from namespace to namespace, through the tables as they are.

use std::net::IpAddr;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::format::Format;
use super::source::{Depth, Source};
use super::{Context, Error, Outcome};
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{End, Outcome as Walked, Walker, What};
use crate::output::style::Style;
use crate::output::text;
use crate::state::link::{LinkFlags, Scope};

/// Follow a packet hop by hop, there and back, through routes, neighbors, bridges, tunnels and netfilter
///
/// Nothing is sent: the tables of all namespaces that were seen are walked as the kernel does it. SRC and DST are a
/// node, `NODE/POD`, a pod, a namespace or container by its name, or an address.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where the packet starts: a node, a pod, a namespace, or an address of one
    #[arg(value_name = "SRC")]
    from: String,
    /// Where it is to go: likewise, or any address
    #[arg(value_name = "DST")]
    to: String,
    /// What is sent: `icmp` (default), `tcp/PORT`, `udp/PORT`
    #[arg(value_name = "PROTO/PORT", default_value = "icmp")]
    what: String,
    /// Bytes of the packet with its IP header
    #[arg(long, value_name = "BYTES", default_value_t = 84)]
    size: u32,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let snapshot = self.source.read(cx, Depth::Whole)?;
        let topology = Topology::new(&snapshot.nodes);
        let (from, given) = place(&topology, &self.from)?;
        let Some(from) = from else {
            let message = format!(
                "{}: no node, pod or namespace of that name or address was seen",
                self.from
            );
            return Err(Error::new(message).hint(format!("seen: {}", seen(&topology))));
        };
        let target = self.target(&topology, from)?;
        let walker = Walker::new(&topology);
        let packet = self.packet(&walker, from, given, target)?;
        let ways = walker.there_and_back(packet, from);
        if !self.output.write(cx, &document(&topology, &ways))? {
            write(cx, &topology, &ways)?;
        }
        Ok(verdict(&ways))
    }

    fn target(&self, topology: &Topology, from: PlaceId) -> Result<IpAddr, Error> {
        if let Ok(ip) = self.to.parse() {
            return Ok(ip);
        }
        let (to, _) = place(topology, &self.to)?;
        let to = to.ok_or_else(|| {
            let message = format!("{}: no node, pod or namespace of that name was seen", self.to);
            Error::new(message).hint(format!("seen: {}", seen(topology)))
        })?;
        let v4_first = topology
            .place(from)
            .net
            .addresses
            .items()
            .iter()
            .any(|address| address.ip.is_ipv4() && !address.ip.is_loopback());
        address(topology, to, v4_first).ok_or_else(|| Error::new(format!("{} has no address", self.to)))
    }

    fn packet(
        &self,
        walker: &Walker,
        from: PlaceId,
        given: Option<IpAddr>,
        dst: IpAddr,
    ) -> Result<Packet, Error> {
        let wrong = || Error::new(format!("{}: not icmp, tcp/PORT or udp/PORT", self.what));
        let transport = match self.what.split_once('/') {
            None if self.what == "icmp" => Transport::echo(dst.is_ipv6(), 1),
            Some((proto, port)) => {
                let dport = port.parse().map_err(|_| wrong())?;
                let sport = 40_000;
                match proto {
                    "tcp" => Transport::Tcp { sport, dport },
                    "udp" => Transport::Udp { sport, dport },
                    _ => return Err(wrong()),
                }
            }
            None => return Err(wrong()),
        };
        let title = walker.topology.place(from).title();
        let mut packet = walker
            .packet(from, dst, transport)
            .ok_or_else(|| Error::new(format!("{title} has no address of the family of {dst}")))?;
        if let Some(src) = given.filter(|ip| ip.is_ipv4() == dst.is_ipv4()) {
            packet.src = src;
        }
        packet.size = self.size;
        Ok(packet)
    }
}

/// The namespace that a word means, and the address, if it is one.
fn place(topology: &Topology, word: &str) -> Result<(Option<PlaceId>, Option<IpAddr>), Error> {
    let ip: Option<IpAddr> = word.parse().ok();
    let found: Vec<PlaceId> = topology
        .places()
        .filter(|(_, place)| match ip {
            Some(ip) => place.has(ip),
            None => {
                place.title() == word
                    || place
                        .namespace
                        .as_deref()
                        .is_some_and(|name| name == word || name.rsplit('/').next() == Some(word))
            }
        })
        .map(|(id, _)| id)
        .collect();
    if let [_, _, ..] = found[..] {
        let titles: Vec<String> = found.iter().map(|id| topology.place(*id).title()).collect();
        let message = format!("{word} is several: {}", titles.join(", "));
        return Err(Error::new(message).hint("name one as NODE/POD"));
    }
    Ok((found.first().copied(), ip))
}

/// The names that can be used, the first dozen.
fn seen(topology: &Topology) -> String {
    let titles: Vec<String> = topology
        .places()
        .take(12)
        .map(|(_, place)| place.title())
        .collect();
    let more = topology.places().count().saturating_sub(titles.len());
    if more == 0 {
        titles.join(", ")
    } else {
        format!("{}, and {more} more", titles.join(", "))
    }
}

/// An address by which a namespace is reached: global, not on `lo`.
fn address(topology: &Topology, id: PlaceId, v4: bool) -> Option<IpAddr> {
    let place = topology.place(id);
    let outside = |index| {
        let link = place.net.link(index);
        link.is_none_or(|link| !link.flags.has(LinkFlags::LOOPBACK) && !link.is_bridge())
    };
    let addresses = place.net.addresses.items();
    let fits = |wanted: bool| {
        addresses
            .iter()
            .filter(move |address| address.ip.is_ipv4() == wanted && address.scope == Scope::GLOBAL)
            .find(|address| outside(address.link))
            .map(|address| address.ip)
    };
    fits(v4).or_else(|| fits(!v4))
}

/// A packet and what came back for it.
type Ways = [(Walked, Vec<Walked>)];

/// The worst end decides: lost, then not decidable, then delivered.
fn verdict(ways: &Ways) -> Outcome {
    let mut outcome = Outcome::Good;
    for walked in ways
        .iter()
        .flat_map(|(there, back)| std::iter::once(there).chain(back))
    {
        match walked.end {
            End::Delivered | End::Answered(_) => {}
            End::NotDecidable(_) => {
                if matches!(outcome, Outcome::Good) {
                    outcome = Outcome::NotDecidable;
                }
            }
            End::Dropped(_) | End::Rejected(_) | End::NotForMe => return Outcome::Findings,
        }
    }
    outcome
}

fn end_text(end: &End) -> (&'static str, &str) {
    match end {
        End::Delivered | End::Answered(_) => ("delivered", ""),
        End::Dropped(why) => ("dropped", why),
        End::Rejected(why) => ("rejected", why),
        End::NotDecidable(why) => ("not decidable", why),
        End::NotForMe => ("dropped", "no one has its link-layer address"),
    }
}

const fn label(what: What) -> &'static str {
    match what {
        What::Start => "sends",
        What::In => "in",
        What::Out => "out",
        What::Rule => "rule",
        What::Route => "route",
        What::Neighbor => "neighbor",
        What::Fdb => "fdb",
        What::Netfilter => "filter",
        What::Nat => "nat",
        What::Encap => "encap",
        What::Decap => "decap",
        What::Setting => "sysctl",
        What::Wire => "wire",
        What::Assumption => "assumed",
        What::Arrived => "takes in",
    }
}

/// The answer first, then every way hop by hop.
fn write(cx: &mut Context, topology: &Topology, ways: &Ways) -> Result<(), Error> {
    let style = cx.style;
    for (there, back) in ways {
        for (direction, walked) in
            std::iter::once(("there", there)).chain(back.iter().map(|walked| ("back", walked)))
        {
            let first = format!("{direction:<6}");
            let line = text::wrap(
                &ended(topology, walked),
                usize::from(style.width),
                &first,
                "      ",
            );
            writeln!(cx.out, "{}", painted(style, &walked.end, &line))?;
        }
    }
    for (there, back) in ways {
        writeln!(cx.out)?;
        one(cx, style, topology, "there", there)?;
        for walked in back {
            one(cx, style, topology, "back", walked)?;
        }
    }
    Ok(())
}

/// One way: the namespaces in turn, what each does, and how it ends.
fn one(
    cx: &mut Context,
    style: Style,
    topology: &Topology,
    title: &str,
    walked: &Walked,
) -> Result<(), Error> {
    let width = usize::from(style.width);
    let share = f64::from(walked.state.share.0) / 10_000.0;
    let share = if share < 99.99 {
        format!(" ({share:.0} %)")
    } else {
        String::new()
    };
    writeln!(cx.out, "{}", style.strong(&format!("{title}{share}")))?;
    let mut place = None;
    for step in &walked.state.trail {
        if place != Some(step.place) {
            place = Some(step.place);
            writeln!(cx.out, "  {}", topology.place(step.place).title())?;
        }
        let first = format!("    {:<9} ", label(step.what));
        writeln!(
            cx.out,
            "{}",
            text::wrap(&step.text, width, &first, &" ".repeat(14))
        )?;
    }
    let line = text::wrap(&ended(topology, walked), width, "  ", "    ");
    writeln!(cx.out, "{}", painted(style, &walked.end, &line))?;
    Ok(())
}

/// `dropped at node2: node2 does not forward …`
fn ended(topology: &Topology, walked: &Walked) -> String {
    let (word, why) = end_text(&walked.end);
    let at = topology.place(walked.place).title();
    if why.is_empty() {
        format!("{word} at {at}")
    } else {
        format!("{word} at {at}: {why}")
    }
}

fn painted(style: Style, end: &End, line: &str) -> String {
    match end {
        End::Delivered | End::Answered(_) => style.good(line),
        End::NotDecidable(_) => style.warn(line),
        End::Dropped(_) | End::Rejected(_) | End::NotForMe => style.bad(line),
    }
}

fn document(topology: &Topology, ways: &Ways) -> Value {
    let way = |walked: &Walked| {
        let (word, why) = end_text(&walked.end);
        let steps: Vec<Value> = walked
            .state
            .trail
            .iter()
            .map(|step| {
                let place = topology.place(step.place);
                json!({
                    "node": place.node.name,
                    "namespace": place.namespace,
                    "link": step.link.and_then(|link| Some(place.net.link(link)?.name.clone())),
                    "kind": label(step.what),
                    "text": step.text,
                })
            })
            .collect();
        json!({
            "verdict": word,
            "at": topology.place(walked.place).title(),
            "why": why,
            "share": f64::from(walked.state.share.0) / 1_000_000.0,
            "packet": walked.state.packet.to_string(),
            "steps": steps,
        })
    };
    let ways: Vec<Value> = ways
        .iter()
        .map(|(there, back)| json!({"there": way(there), "back": back.iter().map(way).collect::<Vec<_>>()}))
        .collect();
    json!({"ways": ways})
}
