//! `netdiag capture`: packets, with all that encapsulates them on one line.

mod input;

use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, ValueEnum};

use super::{Context, Error, Outcome};
use crate::packet::file::{Packet, Reader};
use crate::packet::show::{self, Clock, Json, Lines, Shown, Stamp, Tcpdump, Text};
use crate::packet::{Decoder, Stack, Tunnel};
use input::Input;

/// Show packets of a capture file, each on one line with all that encapsulates it
///
/// Reads pcap and pcapng, also compressed with gzip or zstd, and decodes VXLAN, Geneve, GRE, IP in IP, flannel's UDP and
/// more, to the packet inside. ` | ` stands between the headers of an encapsulation and what it carries. Times are UTC.
///
/// Exit status: 0 read to the end, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Capture file to read; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    read: PathBuf,
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
    /// Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated
    #[arg(long, value_name = "TUNNEL=PORT", value_parser = tunnel_port)]
    port: Vec<(Tunnel, u16)>,
    /// Write each line at once, for a pipe
    #[arg(short, long)]
    line_buffered: bool,
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

/// Bytes of text after which it is written.
const ENOUGH: usize = 60 << 10;

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let mut input = Input::open(&self.read)?;
        let mut decoder = Decoder::default();
        for (tunnel, port) in &self.port {
            decoder.ports.set(*port, *tunnel);
        }
        let mut stack = Stack::default();
        let mut shower = Shower::new(self, cx.style.color);
        let at_once = cx.style.terminal || self.line_buffered;
        let most: Option<u64> = self
            .count
            .as_ref()
            .and_then(|count| count.to_str())
            .and_then(|count| count.parse().ok());
        let mut number = 0;
        let mut shown = 0;
        while most.is_none_or(|most| shown < most) {
            let Some((packet, interface)) = input.next(cx, &mut shower)? else {
                break;
            };
            number += 1;
            decoder.decode(packet.data, packet.link, packet.wire_len, &mut stack);
            shown += 1;
            shower.write(&Shown {
                number,
                packet,
                stack: &stack,
                interface,
            });
            if at_once || shower.text.len() > ENOUGH {
                shower.flush(cx)?;
            }
            if at_once {
                cx.out.flush()?;
            }
        }
        shower.flush(cx)?;
        input.warn(cx)?;
        Ok(Outcome::Good)
    }
}

/// Writes packets in the form that was asked for.
struct Shower {
    text: Text,
    form: Form,
    hex: bool,
}

enum Form {
    Lines(Lines),
    Tcpdump(Tcpdump),
    Json,
}

impl Shower {
    fn new(args: &Args, color: bool) -> Self {
        let stamp = match args.time {
            0 => Stamp::Clock,
            1 => Stamp::None,
            2 => Stamp::Epoch,
            3 => Stamp::Delta,
            4 => Stamp::Date,
            _ => Stamp::First,
        };
        let clock = Clock::new(stamp, args.nano);
        let form = match (args.output, args.style) {
            (Output::Json, _) => Form::Json,
            (_, Style::Tcpdump) => Form::Tcpdump(Tcpdump { clock }),
            (output, Style::Netdiag) => Form::Lines(Lines::new(clock, output == Output::Wide)),
        };
        Self {
            text: Text::new(color),
            form,
            hex: args.hex && args.output != Output::Json,
        }
    }

    fn write(&mut self, shown: &Shown) {
        match &mut self.form {
            Form::Lines(lines) => lines.write(shown, &mut self.text),
            Form::Tcpdump(lines) => lines.write(shown, &mut self.text),
            Form::Json => Json.write(shown, &mut self.text),
        }
        if self.hex {
            show::hex::write(shown, &mut self.text);
        }
    }

    fn flush(&mut self, cx: &mut Context) -> Result<(), Error> {
        cx.out.write_all(self.text.bytes())?;
        self.text.clear();
        Ok(())
    }
}
