//! The findings of a capture, all together.

use std::fmt;

use super::{End, Finding, Flow, Flows, Key, Via};
use crate::packet::file::Time;
use crate::packet::layer::Kind;

/// Segments sent again that are worth a word: so many, and one in so many.
const RETRANSMITTED: (u64, u64) = (3, 100);
/// Segments with a window of 0 that are worth a word: a receiver that is busy for a moment sends one or two.
const CLOSED: u16 = 3;
/// A question is unanswered when the capture goes on for so long, in nanoseconds.
const PATIENCE: i64 = 1_000_000_000;

impl Flows {
    /// What is wrong; empty for healthy traffic.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.questions.findings().collect();
        findings.extend(self.complaints.findings());
        let end = self.last.unwrap_or_default();
        // Few of many: only they are sorted, as flows are.
        let mut wrong: Vec<_> = self
            .table
            .rows()
            .filter_map(|number| {
                let row = self.table.get(number)?;
                let finding = judge(&self.table.key(row).key(), &row.1, end)?;
                Some((self.place(number)?, finding))
            })
            .collect();
        wrong.sort_by_key(|(place, _)| *place);
        findings.extend(wrong.into_iter().map(|(_, finding)| finding));
        findings
    }
}

/// An end of TCP, in words: only where something is said of it.
struct Socket(End);

impl fmt::Display for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} port {}", self.0.address, self.0.port)
    }
}

/// What a flow travels in, in words.
struct Inside(Option<Via>);

impl fmt::Display for Inside {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.0
            .map_or(Ok(()), |via| write!(formatter, " in {}", via.text()))
    }
}

fn judge(key: &Key, flow: &Flow, end: Time) -> Option<Finding> {
    let inside = Inside(key.via);
    let ends = if flow.opener() == 0 {
        [key.a, key.b]
    } else {
        [key.b, key.a]
    };
    let say = |code, packets, what: String| {
        Some(Finding {
            code,
            text: what,
            packets,
            number: flow.number,
        })
    };
    let long_ago = end.nanos().saturating_sub(flow.last().nanos()) >= PATIENCE;
    match key.kind {
        Kind::Tcp => {
            let [from, to] = ends.map(Socket);
            let [here, there] =
                [flow.opener(), 1 - flow.opener()].map(|way| flow.ways.get(way).copied().unwrap_or_default());
            if flow.refused {
                return say(
                    "connection-refused",
                    flow.packets(),
                    format!("TCP{inside}: {to} refuses {from}"),
                );
            }
            if here.syns > 0 && there.packets == 0 && (here.syns > 1 || long_ago) && here.segments == 0 {
                let text = format!("TCP{inside}: {from} got no answer from {to} to {} SYN", here.syns);
                return say("syn-unanswered", u64::from(here.packets), text);
            }
            let [sent, again] = [here, there].iter().fold([0u64, 0], |[sent, again], way| {
                [
                    sent + u64::from(way.segments),
                    again + u64::from(way.retransmitted),
                ]
            });
            if again > 0 && there.packets == 0 {
                let text = format!(
                    "TCP{inside}: {from} sends {again} of {sent} segments to {to} again, and nothing comes back here"
                );
                return say("sent-again-one-way", again, text);
            }
            if again >= RETRANSMITTED.0 && again.saturating_mul(RETRANSMITTED.1) >= sent {
                let text = format!(
                    "TCP{inside}: {again} of {sent} segments between {from} and {to} were sent again"
                );
                return say("segments-sent-again", again, text);
            }
            let closed = [(here.closed_windows, &from), (there.closed_windows, &to)];
            if let Some((count, who)) = closed.into_iter().find(|(count, _)| *count >= CLOSED) {
                let text = format!(
                    "TCP{inside}: {who} closes its window {count} times: what runs there does not read"
                );
                return say("window-closed", u64::from(count), text);
            }
            if here.resets + there.resets > 0 && here.fins + there.fins == 0 {
                let who = if here.resets > 0 { &from } else { &to };
                let text = format!("TCP{inside}: {who} resets the connection of {from} and {to}");
                return say("connection-reset", u64::from(here.resets + there.resets), text);
            }
            None
        }
        Kind::Icmp | Kind::Icmpv6 => {
            let missing = flow.requests.saturating_sub(flow.replies);
            // The last request may still be on its way.
            let missing = if long_ago {
                missing
            } else {
                missing.saturating_sub(1)
            };
            if missing == 0 {
                return None;
            }
            let [from, to] = ends.map(|end| end.address);
            let text = format!(
                "ping{inside}: {missing} of {} requests from {from} to {to} were not answered",
                flow.requests
            );
            say("ping-unanswered", u64::from(missing), text)
        }
        _ => None,
    }
}
