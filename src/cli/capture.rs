//! `netdiag capture`: packets, with all that encapsulates them on one line.

mod cluster;
mod dump;
mod input;
mod join;
mod names;
mod output;
mod remote;
mod select;
mod summary;
mod threads;
mod tui;
mod vteps;
mod whole;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{ArgAction, Args as ClapArgs, ValueEnum};
use jiff::tz::TimeZone;

use super::snapshot::Ways;
use super::source::Source;
use super::{Context, Error, Outcome, seconds};
use crate::packet::show::Zone;
use crate::packet::{Decoder, Stack, Tunnel};
use cluster::Plan;
use input::Input;
use output::Sink;
use select::Select;
use whole::Hand;

/// Show packets of links or of a capture file, each on one line with all that encapsulates it
///
/// Captures on links of this host (-i), or reads a file (-r): pcap and pcapng, also compressed with gzip or zstd.
/// Decodes VXLAN, Geneve, GRE, IP in IP, flannel's UDP and more, to the packet inside. ` | ` stands between the headers
/// of an encapsulation and what it carries. Times are this host's, as TZ or /etc/localtime say; in JSON, UTC.
///
/// EXPR chooses packets as they were captured, in tcpdump's language (pcap-filter(7)); --inner does so by the packet
/// inside all encapsulations.
///
/// A capture on links ends with Ctrl-C, --duration or --count; what was lost is told then. It needs CAP_NET_RAW to begin,
/// and gives it up before the first packet.
///
/// Exit status: 0 read to the end, 2 --summary found something wrong or --join lost packets, 3 --join found no packet in
/// both files, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    file: ToFile,
    /// Show at most so many packets
    // Everybody's `-c` is `--config`, but here it is tcpdump's. An argument with the id of a global one takes its place,
    // and must have its type.
    #[arg(id = "config", short = 'c', long = "count", value_name = "N", value_parser = count)]
    count: Option<PathBuf>,
    /// How to show packets: wide has link addresses, TTL, windows and options, json one object a packet
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Whose words to use for lines
    #[arg(long, value_enum, default_value_t = Style::Netdiag)]
    style: Style,
    /// Also show the bytes of each layer
    #[arg(short = 'x', long)]
    hex: bool,
    /// Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time,
    /// -ttttt since the first packet
    #[arg(short = 't', action = ArgAction::Count)]
    time: u8,
    /// Nanoseconds instead of microseconds
    #[arg(long)]
    nano: bool,
    /// Times of day in UTC, whatever this host's time zone is
    #[arg(long)]
    utc: bool,
    /// Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated
    #[arg(long, value_name = "TUNNEL=PORT", value_parser = tunnel_port)]
    port: Vec<(Tunnel, u16)>,
    /// Show flows instead of packets, and what is wrong with them; -o wide shows all flows
    #[arg(long, conflicts_with_all = ["write", "hex", "style"])]
    summary: bool,
    /// Show flows instead of packets, and only count: faster than --summary; -o wide shows all flows
    #[arg(long, conflicts_with_all = ["write", "hex", "style", "summary", "tui"])]
    flows: bool,
    /// Show flows as they come in the terminal; pick one to see its packets, and one of those to see its layers
    #[arg(long, conflicts_with_all = ["write", "hex", "style", "summary", "nodes", "join"])]
    tui: bool,
    /// Show the names of pods, nodes and services beside their addresses, as this host and its datastore have them, or
    /// --snapshot and --objects; with --write, put them into the pcapng file. Names are never looked up in DNS
    #[arg(long, conflicts_with = "style")]
    names: bool,
    #[command(flatten)]
    source: Source,
    /// Only packets of this virtual network: VNI of VXLAN or Geneve, subnet of NVGRE
    #[arg(long, value_name = "N")]
    vni: Option<u32>,
    /// Only packets whose innermost packet passes this filter, as `--inner "host 10.244.1.5 and tcp port 80"`
    #[arg(long, value_name = "EXPR")]
    inner: Option<String>,
    /// Only packets between two of them, bare and in the tunnels that they take by `netdiag trace`; named as there
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    flow: Vec<String>,
    /// Write each line at once, for a pipe
    #[arg(short, long)]
    line_buffered: bool,
    /// With --read: decode with so many threads (default: one a processor, at most 4)
    #[arg(long, value_name = "N", requires = "read")]
    threads: Option<NonZeroUsize>,
    /// Only packets that pass this filter, as they were captured
    #[arg(value_name = "EXPR")]
    expression: Vec<String>,
}

/// Where packets come from.
#[derive(Debug, ClapArgs)]
struct From {
    /// Capture file to read; `-` is standard input
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["link", "pods", "join"])]
    read: Option<PathBuf>,
    /// Two captures of the same packets at two places: which left the one and never arrived at the other, and how long
    /// they took
    #[arg(long, num_args = 2, value_names = ["FILE", "FILE"], conflicts_with_all = ["read", "link", "pods", "nodes"])]
    join: Vec<PathBuf>,
    /// With --read: wait at the end of the file for what is still written to it
    #[arg(long, requires = "read")]
    follow: bool,
    /// Link to capture on, `any` for all; may be repeated
    #[arg(
        id = "link",
        short = 'i',
        long = "link",
        visible_alias = "interface",
        value_name = "LINK",
        value_delimiter = ',',
        conflicts_with = "read"
    )]
    links: Vec<String>,
    /// Pod to capture, in its namespace and on the host's side, by its name as `netdiag trace` takes it; may be repeated
    #[arg(
        id = "pods",
        long = "pod",
        value_name = "NAMESPACE/NAME",
        conflicts_with = "read"
    )]
    pods: Vec<String>,
    /// Capture on another node, whose output comes here
    #[arg(id = "nodes", long = "node", value_name = "NODE", conflicts_with = "read")]
    node: Option<String>,
    #[command(flatten)]
    ways: Ways,
    /// Bytes to keep of a packet, 0 for all (default: 512, and all for --write and --hex)
    #[arg(short, long, value_name = "BYTES", conflicts_with = "read")]
    snap: Option<u32>,
    /// KiB of memory in which the kernel keeps packets of a link until they are taken
    #[arg(short = 'B', long, value_name = "KIB", default_value_t = 32 << 10)]
    ring: u32,
    /// Also packets that are for other hosts
    #[arg(long, conflicts_with = "read")]
    promiscuous: bool,
    /// End the capture after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "read")]
    duration: Option<Duration>,
}

/// Packets to a file, instead of lines.
#[derive(Debug, ClapArgs)]
struct ToFile {
    /// Write packets to a file instead: .pcapng, or else pcap; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame
    /// get a made-up one
    #[arg(long, requires = "write")]
    decap: bool,
    /// With --write: begin the next file after so many million bytes; files are numbered
    #[arg(short = 'C', long, value_name = "MB", requires = "write")]
    rotate_size: Option<NonZeroU64>,
    /// With --write: begin the next file after so many seconds; files are numbered
    #[arg(short = 'G', long, value_name = "SECONDS", requires = "write")]
    rotate_time: Option<NonZeroU64>,
    /// With --rotate-size or --rotate-time: keep so many files, and delete the oldest
    #[arg(short = 'W', long, value_name = "N", requires = "write")]
    files: Option<NonZeroUsize>,
}

impl ToFile {
    const fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_time.is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Wide,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Style {
    Netdiag,
    /// tcpdump's words, as of `tcpdump -nS`
    Tcpdump,
}

/// A number, in the type of a path.
fn count(text: &str) -> Result<PathBuf, String> {
    text.parse::<u64>()
        .map(|number| PathBuf::from(number.to_string()))
        .map_err(|_| "give a number of packets".to_owned())
}

fn tunnel_port(text: &str) -> Result<(Tunnel, u16), String> {
    let names = || Tunnel::names().collect::<Vec<_>>().join(", ");
    let (name, port) = text
        .split_once('=')
        .ok_or_else(|| "give TUNNEL=PORT, such as vxlan=4800".to_owned())?;
    let tunnel = Tunnel::from_name(name).ok_or_else(|| format!("tunnels are {}", names()))?;
    let port = port
        .parse()
        .map_err(|_| "a port is a number up to 65535".to_owned())?;
    Ok((tunnel, port))
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        if let Some(node) = &self.from.node {
            return remote::run(self, node, cx, std::env::args());
        }
        let mut plan = Plan::new(self, cx)?;
        let mut decoder = Decoder::default();
        for (tunnel, port) in &self.port {
            decoder.ports.set(*port, *tunnel);
        }
        let mut hand = Hand {
            decoder: &decoder,
            select: Select::new(self, &plan)?,
            stack: Stack::default(),
        };
        if !self.from.join.is_empty() {
            return join::run(cx, &self.from.join, self.output, plan.names.as_deref(), &mut hand);
        }
        // A file that can't be read costs no other one; of links, rights are given up when they are open.
        let recorded = Input::recorded(self, &mut plan)?;
        let mut sink = Sink::new(self, &mut plan, cx)?;
        let mut input = match recorded {
            Some(input) => input,
            None => Input::live(self, &mut plan, cx)?,
        };
        match &mut input {
            Input::Recorded(file) if self.is_whole() => {
                let several = match self.threads() {
                    1 => None,
                    threads => whole::run(threads, cx, &mut sink, file, &hand),
                };
                several.unwrap_or_else(|| whole::alone(cx, &mut sink, file, &mut hand))?;
            }
            _ => self.one_by_one(cx, &mut sink, &mut input, &mut hand)?,
        }
        input.end();
        let outcome = sink.finish(cx, input.interfaces())?;
        input.warn(cx)?;
        Ok(outcome)
    }

    /// Whose clocks times are shown by.
    fn zone(&self) -> Arc<Zone> {
        Arc::new(if self.utc {
            Zone::default()
        } else {
            // By TZ or /etc/localtime; UTC where neither says anything that is understood.
            TimeZone::system().into()
        })
    }

    fn threads(&self) -> usize {
        const MOST: usize = 4;
        self.threads.map_or_else(
            || thread::available_parallelism().map_or(1, |count| count.get().min(MOST)),
            NonZeroUsize::get,
        )
    }

    /// Whether a file is read to its end, which is there already.
    const fn is_whole(&self) -> bool {
        self.count.is_none() && !self.from.follow
    }

    fn one_by_one(
        &self,
        cx: &mut Context,
        sink: &mut Sink,
        input: &mut Input,
        hand: &mut Hand,
    ) -> Result<(), Error> {
        let most: Option<u64> = self
            .count
            .as_ref()
            .and_then(|count| count.to_str())
            .and_then(|count| count.parse().ok());
        let (mut number, mut taken) = (0, 0);
        while most.is_none_or(|most| taken < most) && !sink.has_ended() {
            let Some((packet, interface)) = input.next(cx, sink)? else {
                break;
            };
            number += 1;
            hand.look(number, packet, interface, |shown| {
                taken += 1;
                sink.take(cx, shown)
            })?;
        }
        Ok(())
    }
}
