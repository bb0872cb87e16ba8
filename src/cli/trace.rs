//! `netdiag trace`: one packet from namespace to namespace, through the tables as they are.

mod document;
#[cfg_attr(not(feature = "capture"), path = "trace/no_live.rs")]
mod live;
mod names;
mod objects;
mod show;

use std::net::IpAddr;

use clap::Args as ClapArgs;

use super::format::Format;
use super::source::{Depth, Source};
use super::{Context, Error, Outcome};
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{End, Outcome as Walked, Walker, What};
use crate::policy::Policies;

/// Follow a packet hop by hop, there and back, through routes, neighbors, bridges, tunnels and netfilter
///
/// Without --live, nothing is sent: the tables of all namespaces that were seen are walked as the kernel does it. SRC and DST are a
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
    /// Also send three probes from SRC, which must be on this host, and watch the links that they should pass
    #[arg(long, conflicts_with = "snapshot")]
    live: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let snapshot = self.source.read(cx, Depth::Whole)?;
        let topology = Topology::new(&snapshot.nodes);
        let (from, given) = names::place(&topology, &self.from)?;
        let Some(from) = from else {
            let message = format!(
                "{}: no node, pod or namespace of that name or address was seen",
                self.from
            );
            return Err(Error::new(message).hint(format!("seen: {}", names::seen(&topology))));
        };
        let policies = objects::policies(&snapshot);
        let target = self.target(&topology, policies.as_ref(), from)?;
        let walker = Walker::new(&topology);
        let packet = self.packet(&walker, from, given, target)?;
        let ways = walker.there_and_back(packet.clone(), from);
        let verdicts = policies.map(|policies| objects::compare(&policies, &topology, &ways));
        let live = self.probes(&topology, &packet, from, &ways)?;
        let mut document = document::document(&topology, &ways);
        if let Some(verdicts) = &verdicts {
            document["objects"] = objects::document(verdicts);
        }
        if let Some(live) = &live {
            document["live"] = live.document();
        }
        if !self.output.write(cx, &document)? {
            show::write(cx, &topology, &ways)?;
            if let Some(verdicts) = &verdicts {
                objects::write(cx, verdicts)?;
            }
            if let Some(live) = &live {
                live.write(cx)?;
            }
        }
        let differs = verdicts.is_some_and(|verdicts| !verdicts.differences().is_empty());
        Ok(match live {
            _ if differs => Outcome::Findings,
            // What really happened is above what should.
            Some(live) if live.is_open() => Outcome::Good,
            Some(_) => Outcome::Findings,
            None => verdict(&ways),
        })
    }

    fn probes(
        &self,
        topology: &Topology,
        packet: &Packet,
        from: PlaceId,
        ways: &Ways,
    ) -> Result<Option<live::Live>, Error> {
        if !self.live {
            return Ok(None);
        }
        live::Live::run(topology, packet, from, ways).map(Some)
    }

    fn target(
        &self,
        topology: &Topology,
        policies: Option<&Policies>,
        from: PlaceId,
    ) -> Result<IpAddr, Error> {
        if let Ok(ip) = self.to.parse() {
            return Ok(ip);
        }
        let v4_first = topology
            .place(from)
            .net
            .addresses
            .items()
            .iter()
            .any(|address| address.ip.is_ipv4() && !address.ip.is_loopback());
        let by_objects = policies.and_then(|policies| objects::address(policies, &self.to, v4_first));
        if let Some(ip) = by_objects {
            return Ok(ip);
        }
        let (to, _) = names::place(topology, &self.to)?;
        let to = to.ok_or_else(|| {
            let message = format!("{}: no node, pod or namespace of that name was seen", self.to);
            Error::new(message).hint(format!("seen: {}", names::seen(topology)))
        })?;
        names::address(topology, to, v4_first)
            .ok_or_else(|| Error::new(format!("{} has no address", self.to)))
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

fn end_text(end: &End) -> (&'static str, String) {
    match end {
        End::Delivered | End::Answered(_) => ("delivered", String::new()),
        End::Dropped(why) => ("dropped", why.to_string()),
        End::Rejected(why) => ("rejected", why.to_string()),
        End::NotDecidable(why) => ("not decidable", why.to_string()),
        End::NotForMe => ("dropped", "no one has its link-layer address".to_owned()),
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
        What::Passes => "passes",
        What::Nat => "nat",
        What::Encap => "encap",
        What::Decap => "decap",
        What::Setting => "sysctl",
        What::Wire => "wire",
        What::Assumption => "assumed",
        What::Arrived => "takes in",
    }
}
