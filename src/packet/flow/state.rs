//! What is remembered of a flow.

use crate::packet::file::Time;
use crate::packet::layer::{Kind, Layer};
use crate::packet::wire::icmp::{Icmp, kind as icmp_kind};
use crate::packet::wire::icmpv6::{Icmpv6, kind as icmpv6_kind};
use crate::packet::wire::tcp::{Tcp, flag};

/// One direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    pub packets: u64,
    /// On the wire, all headers included.
    pub bytes: u64,
    /// TCP: segments with data.
    pub segments: u64,
    /// TCP: segments whose data had been sent before.
    pub retransmitted: u64,
    /// TCP.
    pub syns: u32,
    pub resets: u32,
    pub fins: u32,
    /// TCP: the first byte that was not sent yet.
    next: Option<u32>,
    /// TCP: sequence, length and IP id of the segment before, which other links may have shown again.
    last: Option<(u32, u32, u16)>,
}

/// A flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// From `a` to `b`, and back.
    pub ways: [Way; 2],
    pub first: Time,
    pub last: Time,
    /// Number of its first packet.
    pub number: u64,
    /// Who spoke first: 0 is `a`.
    pub opener: usize,
    /// Time of the question that waits for its answer: a SYN, or an echo request with its number.
    asked: Option<(Time, usize, u32)>,
    /// The shortest time from a question to its answer, in nanoseconds.
    pub rtt: Option<i64>,
    /// ICMP: echo requests, and their replies.
    pub requests: u64,
    pub replies: u64,
    /// TCP: a SYN was answered by a reset.
    pub refused: bool,
}

impl Flow {
    pub(super) fn new(first: Time, number: u64, way: usize) -> Self {
        Self {
            ways: [Way::default(); 2],
            first,
            last: first,
            number,
            opener: way,
            asked: None,
            rtt: None,
            requests: 0,
            replies: 0,
            refused: false,
        }
    }

    /// Packets went only one way.
    pub fn is_one_way(&self) -> bool {
        self.ways.iter().any(|way| way.packets == 0)
    }

    /// Both ways.
    pub fn packets(&self) -> u64 {
        self.ways.iter().map(|way| way.packets).sum()
    }

    /// Both ways.
    pub fn bytes(&self) -> u64 {
        self.ways.iter().map(|way| way.bytes).sum()
    }

    /// Both ways.
    pub fn retransmitted(&self) -> u64 {
        self.ways.iter().map(|way| way.retransmitted).sum()
    }

    /// Adds a packet; `way` is 1 for one from `b` to `a`.
    pub(super) fn add(
        &mut self,
        time: Time,
        way: usize,
        bytes: u32,
        frame: &[u8],
        layer: Option<&Layer>,
        id: u16,
    ) {
        self.last = self.last.max(time);
        if let Some(way) = self.ways.get_mut(way) {
            way.packets += 1;
            way.bytes += u64::from(bytes);
        }
        let Some(layer) = layer.filter(|layer| !layer.cut) else {
            return;
        };
        let header = layer.header(frame);
        match layer.kind {
            Kind::Tcp => self.tcp(time, way, Tcp(header), layer.payload_len(), id),
            Kind::Icmp => match Icmp(header).kind() {
                icmp_kind::ECHO => self.ask(time, way, u32::from(Icmp(header).sequence())),
                icmp_kind::ECHO_REPLY => self.answer(time, way, u32::from(Icmp(header).sequence())),
                _ => {}
            },
            Kind::Icmpv6 => match Icmpv6(header).kind() {
                icmpv6_kind::ECHO => self.ask(time, way, u32::from(Icmpv6(header).sequence())),
                icmpv6_kind::ECHO_REPLY => self.answer(time, way, u32::from(Icmpv6(header).sequence())),
                _ => {}
            },
            _ => {}
        }
    }

    fn ask(&mut self, time: Time, way: usize, number: u32) {
        // The same request again, as another link shows it.
        if self
            .asked
            .is_some_and(|(_, asker, asked)| (asker, asked) == (way, number))
        {
            return;
        }
        self.requests += 1;
        self.asked = Some((time, way, number));
    }

    fn answer(&mut self, time: Time, way: usize, number: u32) {
        let Some((asked, asker, wanted)) = self.asked else {
            // Of a request before the one that waits: slow, but an answer.
            self.replies = (self.replies + 1).min(self.requests);
            return;
        };
        self.replies = (self.replies + 1).min(self.requests);
        if asker != way && wanted == number {
            self.measure(asked, time);
        }
    }

    fn measure(&mut self, asked: Time, time: Time) {
        let took = time.nanos().saturating_sub(asked.nanos());
        if took >= 0 {
            self.rtt = Some(self.rtt.map_or(took, |least| least.min(took)));
        }
    }

    fn tcp(&mut self, time: Time, way: usize, tcp: Tcp, length: u32, id: u16) {
        let flags = tcp.flags();
        let (syn, ack) = (flags & flag::SYN != 0, flags & flag::ACK != 0);
        if syn && !ack {
            self.asked = Some((time, way, tcp.sequence().wrapping_add(1)));
        } else if let Some((asked, asker, wanted)) = self.asked
            && asker != way
            && ack
            && tcp.ack() == wanted
        {
            if flags & flag::RST != 0 {
                self.refused = true;
            } else if syn {
                self.measure(asked, time);
            }
            self.asked = None;
        }
        let Some(way) = self.ways.get_mut(way) else {
            return;
        };
        let again = way.last == Some((tcp.sequence(), length, id));
        way.last = Some((tcp.sequence(), length, id));
        if again {
            return;
        }
        way.syns += u32::from(syn && !ack);
        way.resets += u32::from(flags & flag::RST != 0);
        way.fins += u32::from(flags & flag::FIN != 0);
        if length == 0 {
            return;
        }
        way.segments += 1;
        let end = tcp.sequence().wrapping_add(length);
        match way.next {
            // A byte sent again is a keepalive, not a loss.
            Some(next) if next.wrapping_sub(end).cast_signed() >= 0 => {
                way.retransmitted += u64::from(length > 1);
            }
            _ => way.next = Some(end),
        }
    }
}
