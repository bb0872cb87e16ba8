//! The time of a place: from a file of the time zone database (TZif, RFC 9636), or from a rule as POSIX has it for `TZ`
//! (Base Definitions, 8.3). Leap seconds are not counted.

mod rule;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::packet::bytes::{array, be32, u8_at};
use rule::Rule;

/// Times that a file may have; those that there are have less than 300.
const MOST: usize = 1 << 16;

/// How far a place's clocks are ahead of UTC, and when that changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// Before the first change.
    before: i64,
    /// Seconds since 1970 at which clocks change, in order, and the seconds that they are ahead from then on.
    changes: Vec<(i64, i64)>,
    /// After the last of them.
    rule: Option<Rule>,
}

impl Zone {
    /// From a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; none if it isn't one.
    pub fn from_rule(text: &str) -> Option<Self> {
        let rule = Rule::parse(text)?;
        Some(Self {
            before: rule.standard,
            changes: Vec::new(),
            rule: Some(rule),
        })
    }

    /// From the bytes of a file; none if they aren't one's.
    pub fn from_file(bytes: &[u8]) -> Option<Self> {
        let first = Header::of(bytes)?;
        if first.version == 0 {
            return first.zone(bytes, 4);
        }
        // Since version 2, the same follows with times of 64 bits.
        let second = bytes.get(first.len(4)..)?;
        let header = Header::of(second)?;
        let mut zone = header.zone(second, 8)?;
        let text = second
            .get(header.len(8)..)
            .and_then(|rest| rest.strip_prefix(b"\n"));
        let text = text.and_then(|rest| rest.split(|byte| *byte == b'\n').next());
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        zone.rule = text.and_then(Rule::parse);
        Some(zone)
    }

    /// The seconds that clocks are ahead of UTC at a time, in seconds since 1970, and around it the times of which that is
    /// true.
    pub fn ahead(&self, time: i64) -> (i64, Range<i64>) {
        let next = self.changes.partition_point(|(from, _)| *from <= time);
        let last = next.checked_sub(1).and_then(|last| self.changes.get(last));
        let from = last.map_or(i64::MIN, |(from, _)| *from);
        match (&self.rule, self.changes.get(next)) {
            (Some(rule), None) => {
                let (ahead, during) = rule.ahead(time);
                (ahead, during.start.max(from)..during.end)
            }
            (_, until) => {
                let ahead = last.map_or(self.before, |(_, ahead)| *ahead);
                (ahead, from..until.map_or(i64::MAX, |(until, _)| *until))
            }
        }
    }
}

/// The header of a file, or of the second part of one.
struct Header {
    version: u8,
    /// Numbers of: UT/local indicators, standard/wall indicators, leap seconds, changes, kinds of time, bytes of names.
    counts: [usize; 6],
}

impl Header {
    /// Its bytes.
    const LEN: usize = 44;

    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::LEN || !bytes.starts_with(b"TZif") {
            return None;
        }
        let mut counts = [0; 6];
        for (count, at) in counts.iter_mut().zip((20..).step_by(4)) {
            *count = usize::try_from(be32(bytes, at))
                .ok()
                .filter(|count| *count <= MOST)?;
        }
        Some(Self {
            version: u8_at(bytes, 4),
            counts,
        })
    }

    /// Bytes of header and data, with so many bytes a time.
    const fn len(&self, time: usize) -> usize {
        let [universal, standard, leaps, changes, kinds, names] = self.counts;
        Self::LEN + changes * (time + 1) + kinds * 6 + names + leaps * (time + 4) + standard + universal
    }

    fn zone(&self, bytes: &[u8], time: usize) -> Option<Zone> {
        let [_, _, _, changes, kinds, _] = self.counts;
        let body = bytes.get(Self::LEN..self.len(time))?;
        let (times, rest) = body.split_at_checked(changes * time)?;
        let (indices, rest) = rest.split_at_checked(changes)?;
        let kinds = rest.get(..kinds * 6)?;
        let ahead = |index: usize| {
            let kind = kinds.get(index * 6..index * 6 + 6)?;
            Some(i64::from(i32::from_be_bytes(array(kind, 0))))
        };
        let times = times.chunks_exact(time).map(|bytes| match time {
            4 => i64::from(i32::from_be_bytes(array(bytes, 0))),
            _ => i64::from_be_bytes(array(bytes, 0)),
        });
        let changes = times
            .zip(indices)
            .map(|(at, index)| Some((at, ahead(usize::from(*index))?)));
        let changes: Vec<_> = changes.collect::<Option<_>>()?;
        changes.is_sorted_by_key(|(at, _)| *at).then_some(Zone {
            before: ahead(0)?,
            changes,
            rule: None,
        })
    }
}
