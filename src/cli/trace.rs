//! `netdiag trace`: one packet from namespace to namespace, through the tables as they are.

mod answer;
mod drawing;
mod fetch;
#[cfg_attr(not(feature = "capture"), path = "trace/no_live.rs")]
mod live;
mod matrix;
pub(in crate::cli) mod names;
mod objects;
mod schema;
mod show;
mod wide;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::Args as ClapArgs;

use answer::{Answer, Question};
use names::Names;

use super::format::Format;
use super::snapshot::Fleet;
use super::source::{Depth, Picture, Source, what_if};
use super::{Context, Error, Outcome};
use crate::diagnose::check;
use crate::diagnose::trace::Scene;
use crate::diagnose::verdicts::Verdicts;
use crate::forward::outside;
use crate::forward::packet::{Owner, Packet, Transport};
use crate::forward::topology::{PlaceId, Topology};
use crate::forward::walk::{End, Outcome as Walked, Walker, What, with_room};
use crate::output::{document, picture, text};
use crate::state::{Fact, NodeState, Objects};

/// Follow a packet hop by hop, there and back, through routes, neighbors, bridges, tunnels and netfilter
///
/// Without --live, nothing is sent: the tables of all namespaces that were seen are walked as the kernel does it. SRC and DST are a
/// node, `NODE/POD`, a pod (`NAMESPACE/NAME`), a container by its name or ID, a network namespace by its name or path, an
/// address, or (DST) a service (`svc/NAME`).
///
/// With --nodes, the state of these nodes is fetched first, as `netdiag snapshot save --nodes` does: name both ends and
/// what is between, or say `auto`: then objects tell where both ends are, and the walk which nodes it needs next.
///
/// Exit status: 0 delivered and answered, 2 lost, 3 not decidable, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Walk every pair of nodes or pods, and say who can't reach whom, and why; what is sent is then the only word
    #[arg(long)]
    all: bool,
    /// With --all: whose pairs
    #[arg(long, value_enum, requires = "all", default_value_t = matrix::Between::Nodes)]
    between: matrix::Between,
    /// Where the packet starts: a node, a pod, a namespace, or an address of one
    #[arg(value_name = "SRC", required_unless_present = "all")]
    from: Option<String>,
    /// Where it is to go: likewise, or any address
    #[arg(value_name = "DST", required_unless_present = "all", conflicts_with = "all")]
    to: Option<String>,
    /// What is sent: `icmp` (default), `tcp/PORT`, `udp/PORT`
    #[arg(value_name = "PROTO/PORT", default_value = "icmp")]
    what: String,
    /// Bytes of the packet with its IP header
    #[arg(long, value_name = "BYTES", default_value_t = 84)]
    size: u32,
    /// Whose program sends it, for rules that ask that (-m owner, uidrange): numbers; the group is the user's own if none is
    /// given
    #[arg(long, value_name = "UID[:GID]", default_value = "0", value_parser = user, conflicts_with_all = ["live", "all"])]
    user: Owner,
    /// Also send three probes from SRC, which must be on this host, and watch the links that they should pass
    #[arg(long, conflicts_with_all = ["snapshot", "all"])]
    live: bool,
    /// As it will be when these manifests are applied
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    what_if: Vec<std::path::PathBuf>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Look::Table)]
    output: Look,
    /// Draw with ASCII only (default where the locale is not UTF-8)
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    fleet: Fleet,
}

/// How the answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Look {
    /// One screen: the answer, why, what to type, and the way
    Table,
    /// Every table, rule and link on the way
    Wide,
    Json,
    Yaml,
    /// A picture
    Svg,
    /// A graph for Graphviz
    Dot,
}

/// What stands beside the walk.
struct Beside {
    /// By the objects, where policies are among them.
    verdicts: Option<Verdicts>,
    live: Option<live::Live>,
}

impl Look {
    /// Of tables, which can't be drawn.
    fn format(self) -> Result<Format, Error> {
        match self {
            Self::Table | Self::Wide => Ok(Format::Table),
            Self::Json => Ok(Format::Json),
            Self::Yaml => Ok(Format::Yaml),
            Self::Svg | Self::Dot => Err(Error::new("all pairs are not one picture")
                .hint("draw one of them: netdiag trace SRC DST -o svg")),
        }
    }
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let snapshot = if self.fleet.is_auto() && !self.all {
            fetch::on_the_way(self, cx)?
        } else if self.fleet.is_asked_for() {
            self.fleet.read(cx, &self.source)?.0
        } else {
            self.source.read(cx, Depth::Whole)?
        };
        let mut snapshot = what_if(cx, snapshot, &self.what_if)?;
        let made = self.outside(&snapshot.nodes);
        snapshot.nodes.extend(made);
        let picture = Picture::new(snapshot);
        let topology = Topology::new(&picture.snapshot.nodes);
        if self.all {
            let what = self.from.as_deref().unwrap_or("icmp");
            return matrix::run(cx, &topology, self.between, what, self.output.format()?);
        }
        let walker = Walker::new(&topology);
        let (question, packet) = self.question(&walker, &picture.snapshot.objects)?;
        let mut ways = with_room(|| walker.there_and_back(packet.clone(), question.from));
        let verdicts = objects::policies(&picture.snapshot)
            .map(|policies| objects::compare(&policies, &topology, &ways));
        let live = self.probes(&topology, &packet, question.from, &ways)?;
        for (there, back) in &mut ways {
            back.extend(with_room(|| walker.answer_from_beyond(there)));
            walker.remembered(there);
        }
        // What check finds explains routes that are missing; where all is well, nobody asks.
        let found = match verdict(&ways) {
            Outcome::Good => Vec::new(),
            _ => check(&picture.world()).findings,
        };
        let scene = Scene {
            topology: &topology,
            cluster: picture.cluster(),
            findings: &found,
        };
        let mut answer = Answer::new(scene, question, &ways);
        let of_service = verdicts.as_ref().and_then(|verdicts| verdicts.service.as_ref());
        if let Some(verdict) = of_service {
            answer.of_service(verdict);
        }
        let beside = Beside { verdicts, live };
        self.show(cx, &answer, &beside)?;
        let Beside { verdicts, live } = beside;
        let differs = verdicts.is_some_and(|verdicts| !verdicts.differences().is_empty());
        Ok(match live {
            _ if differs => Outcome::Findings,
            // What really happened is above what should.
            Some(live) if live.is_open() => Outcome::Good,
            Some(_) => Outcome::Findings,
            None => answer.outcome,
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

    /// Whoever asks may be outside: a host that was not seen, on a segment that was.
    fn outside(&self, nodes: &[NodeState]) -> Option<NodeState> {
        outside::host(nodes, self.from().parse().ok()?)
    }

    /// Required, unless all pairs are walked.
    fn from(&self) -> &str {
        self.from.as_deref().unwrap_or_default()
    }

    fn to(&self) -> &str {
        self.to.as_deref().unwrap_or_default()
    }

    /// Who sends what to whom.
    fn question(&self, walker: &Walker, objects: &Fact<Objects>) -> Result<(Question, Packet), Error> {
        let topology = walker.topology;
        let names = Names { topology, objects };
        let from = names.meant(self.from())?;
        let Some(place) = from.place else {
            return Err(Error::new(format!("{}: a packet can't start there", self.from()))
                .hint("SRC is a node, a pod or a container whose state was seen"));
        };
        let to = names.target(self.to())?;
        let mut own = topology.place(place).net.addresses.items().iter();
        let v4_first = own.any(|address| address.ip.is_ipv4() && !address.ip.is_loopback());
        let dst = match (to.ip, to.place) {
            (Some(ip), _) => Some(ip),
            (None, Some(place)) => topology.place(place).address(v4_first),
            (None, None) => None,
        };
        let dst = dst.ok_or_else(|| Error::new(format!("{} has no address", self.to())))?;
        let packet = self.packet(walker, place, from.ip, dst)?;
        let question = Question {
            from: place,
            src: packet.src,
            dst,
            what: self.what.clone(),
            to,
        };
        Ok((question, packet))
    }

    fn show(&self, cx: &mut Context, answer: &Answer, beside: &Beside) -> Result<(), Error> {
        let mut style = cx.style;
        style.ascii |= self.ascii;
        let programs = || {
            let verdicts = beside.verdicts.as_ref().map(objects::document);
            schema::document(answer, verdicts, beside.live.as_ref().map(live::Live::document))
        };
        let text = match self.output {
            Look::Json => document::json(&programs()),
            Look::Yaml => document::yaml(&programs()),
            Look::Svg => picture::svg(&drawing::picture(answer)),
            Look::Dot => picture::dot(&drawing::picture(answer)),
            Look::Table | Look::Wide => {
                let mut bytes = Vec::new();
                if self.output == Look::Wide {
                    wide::write(&mut bytes, style, answer)?;
                } else {
                    show::write(&mut bytes, style, answer)?;
                }
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if style.ascii { text::ascii(&text) } else { text }
            }
        };
        cx.out.write_all(text.as_bytes())?;
        if !matches!(self.output, Look::Table | Look::Wide) {
            return Ok(());
        }
        if let Some(verdicts) = &beside.verdicts {
            objects::write(cx, verdicts)?;
        }
        match &beside.live {
            Some(live) => live.write(cx),
            None => Ok(()),
        }
    }

    fn packet(
        &self,
        walker: &Walker,
        from: PlaceId,
        given: Option<IpAddr>,
        dst: IpAddr,
    ) -> Result<Packet, Error> {
        let transport = transport(&self.what, dst.is_ipv6())?;
        // Without an address of its own the walk says what is missing first: a route, as a rule.
        let none = if dst.is_ipv4() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        };
        let mut packet = walker
            .packet_of(self.user, from, dst, transport)
            .unwrap_or_else(|| Packet {
                owner: self.user,
                ..Packet::new(none, dst, transport)
            });
        if let Some(src) = given.filter(|ip| ip.is_ipv4() == dst.is_ipv4()) {
            packet.unbound &= packet.src == src;
            packet.src = src;
        }
        packet.size = self.size;
        Ok(packet)
    }
}

/// `1337`, `1337:0`.
fn user(text: &str) -> Result<Owner, String> {
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|_| format!("{text:?} is no number of a user or group"))
    };
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    Ok(Owner::User {
        uid: Some(number(uid)?),
        gid: Some(number(gid)?),
    })
}

/// A ping.
const ECHO: Transport = Transport::echo(false, 1);

/// `icmp`, `tcp/PORT`, `udp/PORT`.
fn transport(what: &str, v6: bool) -> Result<Transport, Error> {
    let wrong = || Error::new(format!("{what}: not icmp, tcp/PORT or udp/PORT"));
    let sport = 40_000;
    match what.split_once('/') {
        None if what == "icmp" => Ok(Transport::echo(v6, 1)),
        None => Err(wrong()),
        Some((proto, port)) => {
            let dport = port.parse().map_err(|_| wrong())?;
            match proto {
                "tcp" => Ok(Transport::Tcp { sport, dport }),
                "udp" => Ok(Transport::Udp { sport, dport }),
                _ => Err(wrong()),
            }
        }
    }
}

/// A packet and what came back for it.
type Ways = [(Walked, Vec<Walked>)];

/// The worst end decides: lost, then not decidable, then delivered.
fn verdict(ways: &Ways) -> Outcome {
    let mut outcome = Outcome::Good;
    for (there, back) in ways {
        let left = matches!(there.end, End::NotDecidable(_));
        for walked in std::iter::once(there).chain(back) {
            match &walked.end {
                End::Delivered | End::Answered(_) | End::Heard { .. } => {}
                End::NotDecidable(_) => outcome = Outcome::NotDecidable,
                // Of an answer that somebody unseen sends: only what stops it whatever way it comes.
                End::Dropped(cause) | End::Rejected(cause) if left && !cause.stops_all() => {}
                End::Dropped(_) | End::Rejected(_) | End::NotForMe => return Outcome::Findings,
            }
        }
    }
    outcome
}

fn end_text(end: &End) -> (&'static str, String) {
    match end {
        End::Delivered | End::Answered(_) => ("delivered", String::new()),
        End::Heard { entry, .. } => (
            "answered",
            format!("by somebody of whom no state was seen ({entry})"),
        ),
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
