//! What is remembered of a flow.

use super::count::{Count, Opening};
use super::key::Short;
use super::seen::{Says, Seen, Segment};
use super::table::Row;
use crate::packet::file::Time;
use crate::packet::wire::tcp::flag;

/// One direction. Its fields are as small as they may be: there are many flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    /// On the wire, all headers included.
    pub bytes: u64,
    pub packets: u32,
    /// TCP: segments with data.
    pub segments: u32,
    /// TCP: segments whose data had been sent before.
    pub retransmitted: u32,
    /// TCP: the first byte that was not sent yet.
    next: u32,
    /// TCP: sequence and length of the segment before, which other links may have shown again, and its IP id.
    last: u32,
    last_id: u16,
    /// TCP.
    pub syns: u16,
    pub resets: u16,
    pub fins: u16,
    /// TCP: segments that forbid the other side to send.
    pub closed_windows: u16,
    has_sent: bool,
}

/// A flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// From `a` to `b`, and back.
    pub ways: [Way; 2],
    /// Nanoseconds since 1970.
    first: i64,
    last: i64,
    /// Number of its first packet.
    pub number: u64,
    /// When the question was asked that waits for its answer: a SYN, or an echo request.
    asked: i64,
    /// The shortest time from a question to its answer, in nanoseconds; none is [`i64::MAX`].
    rtt: i64,
    /// What answers the question.
    wanted: u32,
    /// ICMP: echo requests, and their replies.
    pub requests: u32,
    pub replies: u32,
    /// Who asked; [`NOBODY`] if nothing is asked.
    asker: u8,
    opener: u8,
    /// TCP: a SYN was answered by a reset.
    pub refused: bool,
}

const NOBODY: u8 = 2;

impl Row for (Short, Flow) {
    #[inline]
    fn key(&self) -> &Short {
        &self.0
    }
}

impl Flow {
    pub(super) fn new(seen: &Seen, back: bool) -> Self {
        let time = seen.time.nanos();
        Self::begun(seen.number, back, time, time)
    }

    /// Of which nothing but the packets was counted.
    pub(super) fn counted(count: &Count, opening: Opening) -> Self {
        let mut flow = Self::begun(opening.number, opening.back, count.first, count.last);
        for (way, (packets, bytes)) in flow.ways.iter_mut().zip(count.packets.iter().zip(count.bytes)) {
            (way.packets, way.bytes) = (*packets, bytes);
        }
        flow
    }

    fn begun(number: u64, back: bool, first: i64, last: i64) -> Self {
        Self {
            ways: [Way::default(); 2],
            first,
            last,
            number,
            asked: 0,
            rtt: i64::MAX,
            wanted: 0,
            requests: 0,
            replies: 0,
            asker: NOBODY,
            opener: u8::from(back),
            refused: false,
        }
    }

    pub fn first(&self) -> Time {
        Time::from_nanos(self.first)
    }

    pub fn last(&self) -> Time {
        Time::from_nanos(self.last)
    }

    /// Who spoke first: 0 is `a`.
    pub fn opener(&self) -> usize {
        usize::from(self.opener)
    }

    /// The shortest time from a question to its answer, in nanoseconds.
    pub fn rtt(&self) -> Option<i64> {
        (self.rtt != i64::MAX).then_some(self.rtt)
    }

    /// Packets went only one way.
    pub fn is_one_way(&self) -> bool {
        self.ways.iter().any(|way| way.packets == 0)
    }

    /// Both ways.
    pub fn packets(&self) -> u64 {
        self.ways.iter().map(|way| u64::from(way.packets)).sum()
    }

    /// Both ways.
    pub fn bytes(&self) -> u64 {
        self.ways.iter().map(|way| way.bytes).sum()
    }

    /// Both ways.
    pub fn retransmitted(&self) -> u64 {
        self.ways.iter().map(|way| u64::from(way.retransmitted)).sum()
    }

    /// Adds a packet.
    pub(super) fn add(&mut self, seen: &Seen, back: bool) {
        let time = seen.time.nanos();
        self.last = self.last.max(time);
        let way = u8::from(back);
        if let Some(way) = self.ways.get_mut(usize::from(way)) {
            way.packets = way.packets.saturating_add(1);
            way.bytes = way.bytes.saturating_add(u64::from(seen.wire_len));
        }
        match seen.says {
            Says::Nothing => {}
            Says::Tcp(segment) => self.tcp(time, way, &segment),
            Says::Ask(number) => self.ask(time, way, u32::from(number)),
            Says::Answer(number) => self.answer(time, way, u32::from(number)),
        }
    }

    fn ask(&mut self, time: i64, way: u8, number: u32) {
        // The same request again, as another link shows it.
        if (self.asker, self.wanted) == (way, number) {
            return;
        }
        self.requests = self.requests.saturating_add(1);
        (self.asked, self.asker, self.wanted) = (time, way, number);
    }

    fn answer(&mut self, time: i64, way: u8, number: u32) {
        // Also of a request before the one that waits: slow, but an answer.
        self.replies = self.replies.saturating_add(1).min(self.requests);
        if self.asker == 1 - way && self.wanted == number {
            self.measure(time);
        }
    }

    fn measure(&mut self, time: i64) {
        let took = time.saturating_sub(self.asked);
        if took >= 0 {
            self.rtt = self.rtt.min(took);
        }
    }

    fn tcp(&mut self, time: i64, way: u8, tcp: &Segment) {
        let has = |bit: u8| tcp.flags & bit != 0;
        let (syn, ack, reset) = (has(flag::SYN), has(flag::ACK), has(flag::RST));
        if syn && !ack {
            (self.asked, self.asker, self.wanted) = (time, way, tcp.sequence.wrapping_add(1));
        } else if self.asker == 1 - way && ack && tcp.ack == self.wanted {
            if reset {
                self.refused = true;
            } else if syn {
                self.measure(time);
            }
            self.asker = NOBODY;
        }
        let Some(way) = self.ways.get_mut(usize::from(way)) else {
            return;
        };
        let mark = (tcp.sequence ^ tcp.length.rotate_left(16), tcp.id);
        let again = way.has_sent && mark == (way.last, way.last_id);
        let first = !std::mem::replace(&mut way.has_sent, true);
        (way.last, way.last_id) = mark;
        if again {
            return;
        }
        let count = |counter: &mut u16, one: bool| *counter = counter.saturating_add(u16::from(one));
        count(&mut way.syns, syn && !ack);
        count(&mut way.resets, reset);
        count(&mut way.fins, has(flag::FIN));
        count(&mut way.closed_windows, tcp.window == 0 && !syn && !reset);
        if tcp.length == 0 {
            return;
        }
        let end = tcp.sequence.wrapping_add(tcp.length);
        let sent_before = way.segments > 0 && way.next.wrapping_sub(end).cast_signed() >= 0;
        way.segments = way.segments.saturating_add(1);
        if sent_before && !first {
            // A byte sent again is a keepalive, not a loss.
            way.retransmitted = way.retransmitted.saturating_add(u32::from(tcp.length > 1));
        } else {
            way.next = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_costs_little() {
        // Beside it, its place in the index: at most 16 bytes.
        assert!(
            size_of::<(Short, Flow)>() <= 160,
            "{}",
            size_of::<(Short, Flow)>()
        );
    }
}
