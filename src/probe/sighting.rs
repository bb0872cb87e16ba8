//! Telling the probes among all packets of a link.

use super::send::{Sent, Transport};
use crate::packet::file::{Packet, Time};
use crate::packet::show::{Clock, Lines, Shown, Stamp, Text};
use crate::packet::wire::icmp::Icmp;
use crate::packet::wire::icmpv6::Icmpv6;
use crate::packet::wire::tcp::Tcp;
use crate::packet::{Decoder, Kind, Layer, Stack};

/// TCP's flags.
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// To the destination.
    There,
    /// The answer.
    Back,
    /// An ICMP error about it.
    Error,
}

/// A probe, or an answer, on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    pub time: Time,
    pub course: Course,
    /// The packet, as `netdiag capture` shows it.
    pub line: String,
}

/// A packet that may be a probe: kept until it is known what the probes were.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    time: Time,
    frame: Vec<u8>,
    link: crate::packet::LinkType,
    wire_len: u32,
}

/// Decodes packets, with what it needs for that.
#[derive(Default)]
pub(super) struct Eye {
    decoder: Decoder,
    stack: Stack,
}

impl Eye {
    /// Keeps packets that may be probes of this kind.
    pub(super) fn candidate(
        &mut self,
        packet: &Packet,
        transport: Transport,
        cookie: &[u8],
    ) -> Option<Candidate> {
        let likely = match transport {
            Transport::Echo => has(packet.data, cookie),
            Transport::Udp(_) => {
                self.see(packet);
                has(packet.data, cookie) || self.innermost(Kind::Udp).is_some()
            }
            Transport::Tcp(_) => {
                self.see(packet);
                let tcp = self.innermost(Kind::Tcp);
                tcp.is_some_and(|layer| Tcp(layer.header(packet.data)).flags() & (SYN | RST) != 0)
                    || self.error(packet.data)
            }
        };
        likely.then(|| Candidate {
            time: packet.time,
            frame: packet.data.to_vec(),
            link: packet.link,
            wire_len: packet.wire_len,
        })
    }

    fn see(&mut self, packet: &Packet) {
        self.decoder
            .decode(packet.data, packet.link, packet.wire_len, &mut self.stack);
    }

    fn innermost(&self, kind: Kind) -> Option<&Layer> {
        self.stack.innermost().iter().find(|layer| layer.kind == kind)
    }

    fn error(&self, frame: &[u8]) -> bool {
        self.stack.innermost().iter().any(|layer| match layer.kind {
            Kind::Icmp => Icmp(layer.header(frame)).is_error(),
            Kind::Icmpv6 => Icmpv6(layer.header(frame)).is_error(),
            _ => false,
        })
    }

    /// The number that a connection began with: address translation leaves it as it is.
    pub(super) fn first_sequence(&mut self, candidate: &Candidate, sent: &Sent) -> Option<u32> {
        self.look_again(candidate);
        let tcp = Tcp(self.innermost(Kind::Tcp)?.header(&candidate.frame));
        let ours = tcp.flags() & (SYN | ACK) == SYN && sent.ports.contains(&tcp.source());
        ours.then(|| tcp.sequence())
    }

    fn look_again(&mut self, candidate: &Candidate) {
        self.decoder.decode(
            &candidate.frame,
            candidate.link,
            candidate.wire_len,
            &mut self.stack,
        );
    }

    /// What a candidate is, once all is known.
    pub(super) fn recognise(
        &mut self,
        candidate: &Candidate,
        transport: Transport,
        sent: &Sent,
        sequences: &[u32],
    ) -> Option<Sighting> {
        self.look_again(candidate);
        let frame = &candidate.frame;
        let course = if self.error(frame) {
            let quoted = has(frame, &sent.cookie) || self.quotes(frame, sent, sequences);
            quoted.then_some(Course::Error)
        } else {
            match transport {
                Transport::Echo => self.echo(frame),
                Transport::Tcp(_) => {
                    let tcp = Tcp(self.innermost(Kind::Tcp)?.header(frame));
                    let answers = |ack: u32| sequences.contains(&ack.wrapping_sub(1));
                    if tcp.flags() & ACK != 0 && answers(tcp.ack()) {
                        Some(Course::Back)
                    } else {
                        (tcp.flags() & SYN != 0 && sequences.contains(&tcp.sequence()))
                            .then_some(Course::There)
                    }
                }
                Transport::Udp(port) => {
                    let udp = Tcp(self.innermost(Kind::Udp)?.header(frame));
                    if sent.ports.contains(&udp.destination()) && udp.source() == port {
                        Some(Course::Back)
                    } else {
                        has(frame, &sent.cookie).then_some(Course::There)
                    }
                }
            }
        }?;
        Some(Sighting {
            time: candidate.time,
            course,
            line: self.line(candidate),
        })
    }

    fn echo(&self, frame: &[u8]) -> Option<Course> {
        let layer = self
            .stack
            .innermost()
            .iter()
            .find(|layer| matches!(layer.kind, Kind::Icmp | Kind::Icmpv6))?;
        match Icmp(layer.header(frame)).kind() {
            8 | 128 => Some(Course::There),
            0 | 129 => Some(Course::Back),
            _ => None,
        }
    }

    /// Whether an ICMP error quotes a probe of TCP or UDP: by its ports and first number.
    fn quotes(&self, frame: &[u8], sent: &Sent, sequences: &[u32]) -> bool {
        self.stack
            .layers()
            .iter()
            .filter(|layer| layer.quoted)
            .any(|layer| match layer.kind {
                Kind::Tcp => sequences.contains(&Tcp(layer.header(frame)).sequence()),
                Kind::Udp => sent.ports.contains(&Tcp(layer.header(frame)).source()),
                _ => false,
            })
    }

    fn line(&self, candidate: &Candidate) -> String {
        let mut text = Text::new(false);
        let shown = Shown {
            number: 1,
            packet: Packet {
                time: candidate.time,
                link: candidate.link,
                interface: 0,
                wire_len: candidate.wire_len,
                data: &candidate.frame,
                comment: None,
                direction: 0,
            },
            stack: &self.stack,
            interface: None,
        };
        Lines::new(Clock::new(Stamp::None, false), false).write(&shown, &mut text);
        String::from_utf8_lossy(text.bytes()).trim_end().to_owned()
    }
}

/// Whether the bytes are somewhere in a packet.
fn has(frame: &[u8], bytes: &[u8]) -> bool {
    frame.windows(bytes.len()).any(|window| window == bytes)
}
