//! What is known of the cluster, for `--names`, `--pod` and `--flow`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Args, Context, Error, names, vteps};
use crate::cli::source::{Depth, Picture};
use crate::cli::trace::names::{Meant, Names as Known};
use crate::forward::packet::{Inner, Packet, Payload, Transport};
use crate::forward::topology::Topology;
use crate::forward::walk::Walker;
use crate::packet::flow::Vteps;
use crate::packet::show::Names;

/// What the cluster adds to a capture.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) names: Option<Arc<Names>>,
    /// Who has which tunnels, for `--summary`.
    pub(super) vteps: Option<Arc<Vteps>>,
    /// Which packets of the underlay and of the overlay are a flow's; empty for all.
    pub(super) outer: String,
    pub(super) inner: String,
    /// Where pods are captured.
    #[cfg(feature = "capture")]
    pub(super) spots: Vec<super::input::Spot>,
}

impl Plan {
    pub(super) fn new(args: &Args, cx: &mut Context) -> Result<Self, Error> {
        let mut plan = Self::default();
        let tunnels = args.summary && args.source.is_snapshot();
        if !args.names && !tunnels && args.flow.is_empty() && args.from.pods.is_empty() {
            return Ok(plan);
        }
        let picture = Picture::new(args.source.read(cx, Depth::Whole)?);
        if args.names {
            let names = names::names(&picture.snapshot, picture.cluster());
            if names.is_empty() {
                writeln!(cx.err, "{} no address has a name", cx.style.warn("warning:"))?;
            }
            plan.names = Some(Arc::new(names));
        }
        let topology = Topology::new(&picture.snapshot.nodes);
        if args.summary {
            plan.vteps = Some(vteps::vteps(&topology))
                .filter(|vteps| !vteps.is_empty())
                .map(Arc::new);
        }
        let known = Known {
            topology: &topology,
            objects: &picture.snapshot.objects,
        };
        if let [from, to] = &args.flow[..] {
            let ways = Ways::new(&known, from, to)?;
            (plan.outer, plan.inner) = (ways.outer(), ways.inner());
            writeln!(cx.err, "flow: {} | {}", plan.outer, plan.inner)?;
        }
        #[cfg(feature = "capture")]
        for word in &args.from.pods {
            plan.spots.extend(super::input::spots(&known, word)?);
        }
        Ok(plan)
    }
}

/// What packets of a flow look like on their ways, there and back: what they are themselves, and what carries them.
#[derive(Debug, Default)]
struct Ways {
    /// Each with the lower address first.
    bare: BTreeSet<(IpAddr, IpAddr)>,
    /// With the tunnel, in tcpdump's language.
    carried: BTreeSet<(IpAddr, IpAddr, String)>,
}

impl Ways {
    fn new(known: &Known, from: &str, to: &str) -> Result<Self, Error> {
        let (from_word, to_word) = (from, to);
        let topology = known.topology;
        let (from, to) = (known.meant(from)?, known.meant(to)?);
        let no_address = |word: &str| Error::new(format!("{word} has no address"));
        let address = |meant: &Meant, v4: bool| {
            let own = meant.place.and_then(|place| topology.place(place).address(v4));
            meant.ip.or(own)
        };
        let dst = address(&to, true).ok_or_else(|| no_address(to_word))?;
        let src = address(&from, dst.is_ipv4()).ok_or_else(|| no_address(from_word))?;
        let mut ways = Self::default();
        ways.bare.insert(sorted(src, dst));
        // Where its start wasn't seen, only the flow itself is known.
        let Some(place) = from.place else {
            return Ok(ways);
        };
        let walker = Walker::new(topology);
        let mut packet = Packet::new(src, dst, Transport::echo(dst.is_ipv6(), 1));
        if let Some(chosen) = walker.packet(place, dst, packet.transport) {
            packet = chosen;
        }
        for (there, back) in walker.there_and_back(packet, place) {
            for walked in std::iter::once(&there).chain(&back) {
                for step in &walked.state.trail {
                    if let Some(packet) = &step.packet {
                        ways.add(packet);
                    }
                }
            }
        }
        Ok(ways)
    }

    fn add(&mut self, packet: &Packet) {
        let (a, b) = sorted(packet.src, packet.dst);
        match packet.inner.as_deref() {
            None => {
                self.bare.insert((a, b));
            }
            Some(inner) => {
                self.carried.insert((a, b, tunnel(packet.transport)));
                match inner {
                    Inner::Packet { packet, .. } => self.add(packet),
                    Inner::Frame { frame, .. } => {
                        if let Payload::Ip(packet) = &frame.payload {
                            self.add(packet);
                        }
                    }
                }
            }
        }
    }

    /// Of packets as they were captured, on whatever link.
    fn outer(&self) -> String {
        let mut text = self.inner();
        for (a, b, tunnel) in &self.carried {
            // Writing to a text doesn't fail.
            let _ = write!(text, " or (host {a} and host {b} and {tunnel})");
        }
        text
    }

    /// Of packets without what carries them.
    fn inner(&self) -> String {
        let pairs = self.bare.iter().map(|(a, b)| format!("(host {a} and host {b})"));
        pairs.collect::<Vec<_>>().join(" or ")
    }
}

fn sorted(a: IpAddr, b: IpAddr) -> (IpAddr, IpAddr) {
    (a.min(b), a.max(b))
}

fn tunnel(transport: Transport) -> String {
    match transport {
        Transport::Udp { dport, .. } => format!("udp port {dport}"),
        Transport::Tcp { dport, .. } => format!("tcp port {dport}"),
        Transport::Sctp { dport, .. } => format!("sctp port {dport}"),
        Transport::Icmp { .. } => "icmp".to_owned(),
        Transport::Other(protocol) => format!("proto {protocol}"),
    }
}
