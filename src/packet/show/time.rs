//! Times of packets, by the clocks of a place.

use std::ops::Range;
use std::sync::Arc;

use super::text::Text;
use super::zone::Zone;
use crate::packet::file::Time;

/// How a packet's time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stamp {
    /// `HH:MM:SS.uuuuuu`
    #[default]
    Clock,
    /// Not at all.
    None,
    /// Seconds since 1970.
    Epoch,
    /// Since the packet before.
    Delta,
    /// `YYYY-MM-DD HH:MM:SS.uuuuuu`
    Date,
    /// Since the first packet.
    First,
}

impl Stamp {
    /// Whether a packet's time is written without looking at other packets.
    pub const fn is_own(self) -> bool {
        !matches!(self, Self::Delta | Self::First)
    }
}

/// Writes times; remembers the second that was written last.
#[derive(Debug, Clone)]
pub struct Clock {
    pub stamp: Stamp,
    /// Nine digits after the second instead of six.
    pub nanoseconds: bool,
    /// Whose clocks are read: those of UTC at first.
    zone: Arc<Zone>,
    /// Seconds that they are ahead of UTC, and the times of which that is true.
    ahead: i64,
    during: Range<i64>,
    second: i64,
    text: [u8; 8],
    last: Option<Time>,
    first: Option<Time>,
}

const DAY: i64 = 86_400;

impl Clock {
    pub fn new(stamp: Stamp, nanoseconds: bool) -> Self {
        Self {
            stamp,
            nanoseconds,
            zone: Arc::default(),
            ahead: 0,
            during: 0..0,
            second: i64::MIN,
            text: *b"00:00:00",
            last: None,
            first: None,
        }
    }

    /// The same, by the clocks of a place.
    #[must_use]
    pub fn in_zone(self, zone: Arc<Zone>) -> Self {
        Self { zone, ..self }
    }

    /// Seconds since 1970, as the place's clocks count them.
    fn local(&mut self, seconds: i64) -> i64 {
        if !self.during.contains(&seconds) {
            (self.ahead, self.during) = self.zone.ahead(seconds);
        }
        seconds.saturating_add(self.ahead)
    }

    /// Writes a time, and the blank after it.
    pub fn write(&mut self, time: Time, out: &mut Text) {
        match self.stamp {
            Stamp::None => return,
            Stamp::Clock => self.clock(time, out),
            Stamp::Epoch => {
                if time.seconds < 0 {
                    out.byte(b'-');
                }
                out.number(time.seconds.unsigned_abs());
                self.fraction(time.nanoseconds, out);
            }
            Stamp::Date => {
                date(self.local(time.seconds), out);
                out.byte(b' ');
                self.clock(time, out);
            }
            Stamp::Delta => {
                let since = self.last.replace(time).unwrap_or(time);
                self.difference(since, time, out);
            }
            Stamp::First => {
                let since = *self.first.get_or_insert(time);
                self.difference(since, time, out);
            }
        }
        out.byte(b' ');
    }

    fn difference(&self, from: Time, to: Time, out: &mut Text) {
        let difference = to.nanos().saturating_sub(from.nanos());
        out.byte(if difference < 0 { b'-' } else { b' ' });
        let difference = difference.unsigned_abs();
        let second = u32::try_from(difference / 1_000_000_000 % 86_400).unwrap_or(0);
        for (at, part) in [second / 3600, second / 60 % 60, second % 60]
            .into_iter()
            .enumerate()
        {
            if at > 0 {
                out.byte(b':');
            }
            out.zeros::<2>(part);
        }
        self.fraction(u32::try_from(difference % 1_000_000_000).unwrap_or(0), out);
    }

    fn clock(&mut self, time: Time, out: &mut Text) {
        if time.seconds != self.second {
            self.second = time.seconds;
            let mut text = Text::new(false);
            day_time(self.local(time.seconds), &mut text);
            if let Some(text) = text.bytes().first_chunk() {
                self.text = *text;
            }
        }
        out.raw(&self.text);
        self.fraction(time.nanoseconds, out);
    }

    fn fraction(&self, nanoseconds: u32, out: &mut Text) {
        out.byte(b'.');
        if self.nanoseconds {
            out.zeros::<9>(nanoseconds);
        } else {
            out.zeros::<6>(nanoseconds / 1000);
        }
    }
}

/// `YYYY-MM-DD`, of the days since 1970 (the calendar of ISO 8601).
pub fn date(seconds: i64, out: &mut Text) {
    // Days from 0000-03-01, so that the leap day is the last of its year.
    let days = seconds.div_euclid(DAY) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = year + era * 400 + i64::from(month <= 2);
    out.zeros::<4>(u32::try_from(year).unwrap_or(0));
    out.byte(b'-');
    out.zeros::<2>(u32::try_from(month).unwrap_or(0));
    out.byte(b'-');
    out.zeros::<2>(u32::try_from(day).unwrap_or(0));
}

/// Writes times for programs: `YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ` (RFC 3339). Remembers the second that was written last.
#[derive(Debug, Clone)]
pub struct Rfc3339 {
    second: i64,
    text: [u8; 20],
}

impl Default for Rfc3339 {
    fn default() -> Self {
        Self {
            second: 0,
            text: *b"1970-01-01T00:00:00.",
        }
    }
}

impl Rfc3339 {
    pub fn write(&mut self, time: Time, out: &mut Text) {
        if time.seconds != self.second {
            let mut text = Text::new(false);
            date(time.seconds, &mut text);
            text.byte(b'T');
            day_time(time.seconds, &mut text);
            text.byte(b'.');
            if let Some(text) = text.bytes().first_chunk() {
                self.text = *text;
            }
            self.second = time.seconds;
        }
        out.raw(&self.text);
        out.zeros::<9>(time.nanoseconds);
        out.byte(b'Z');
    }
}

/// `HH:MM:SS`
fn day_time(seconds: i64, out: &mut Text) {
    let of_day = u32::try_from(seconds.rem_euclid(DAY)).unwrap_or(0);
    out.zeros::<2>(of_day / 3600);
    out.byte(b':');
    out.zeros::<2>(of_day / 60 % 60);
    out.byte(b':');
    out.zeros::<2>(of_day % 60);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(stamp: Stamp, times: &[(i64, u32)]) -> String {
        let mut clock = Clock::new(stamp, false);
        let mut text = Text::new(false);
        for (seconds, nanoseconds) in times {
            let time = Time {
                seconds: *seconds,
                nanoseconds: *nanoseconds,
            };
            clock.write(time, &mut text);
        }
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    #[test]
    fn all_forms() {
        let times = [(1_709_210_096, 789_000), (1_709_210_098, 0)];
        assert_eq!(written(Stamp::Clock, &times), "12:34:56.000789 12:34:58.000000 ");
        assert_eq!(written(Stamp::Date, &times[..1]), "2024-02-29 12:34:56.000789 ");
        assert_eq!(written(Stamp::Epoch, &times[..1]), "1709210096.000789 ");
        assert_eq!(
            written(Stamp::Delta, &times),
            " 00:00:00.000000  00:00:01.999211 "
        );
        assert_eq!(written(Stamp::None, &times), "");
    }

    #[test]
    fn dates_before_and_after() {
        let show = |seconds| {
            let mut text = Text::new(false);
            date(seconds, &mut text);
            String::from_utf8(text.bytes().to_vec()).unwrap()
        };
        assert_eq!(show(0), "1970-01-01");
        assert_eq!(show(-1), "1969-12-31");
        assert_eq!(show(951_782_400), "2000-02-29");
        assert_eq!(show(4_107_542_400), "2100-03-01");
    }
}
