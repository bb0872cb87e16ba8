//! A rule for when clocks change, every year.

use std::ops::Range;

use crate::packet::show::time::{DAY, days_before, year};

const HOUR: i64 = 3600;

/// When clocks change: `std offset [dst [offset] [,start[/time],end[/time]]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// Seconds ahead of UTC.
    pub(super) standard: i64,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    /// Seconds ahead of UTC.
    ahead: i64,
    start: Moment,
    end: Moment,
}

/// A day of each year, and seconds from its beginning by the clocks before they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    day: Day,
    time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// From 1 to 365; the leap day is never counted.
    Julian(i64),
    /// From 0 to 365.
    Of(i64),
    /// Month from 1, week from 1 to 5, which is the last one, and day from 0, which is Sunday.
    Week(i64, i64, i64),
}

impl Rule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        rest.name()?;
        let standard = -rest.time(24)?;
        if rest.0.is_empty() {
            return Some(Self {
                standard,
                summer: None,
            });
        }
        rest.name()?;
        let ahead = if rest.0.is_empty() || rest.0.starts_with(',') {
            standard + HOUR
        } else {
            -rest.time(24)?
        };
        if rest.0.is_empty() {
            // What POSIX leaves open, glibc takes from the United States.
            rest = Rest(",M3.2.0,M11.1.0");
        }
        rest.mark(',')?;
        let start = rest.moment()?;
        rest.mark(',')?;
        let end = rest.moment()?;
        rest.0.is_empty().then_some(Self {
            standard,
            summer: Some(Summer { ahead, start, end }),
        })
    }

    /// As [`super::Zone::ahead`].
    pub(super) fn ahead(&self, time: i64) -> (i64, Range<i64>) {
        let Some(summer) = &self.summer else {
            return (self.standard, i64::MIN..i64::MAX);
        };
        let this = year(time.saturating_add(self.standard).div_euclid(DAY));
        let changes = (this - 1..=this + 1).flat_map(|year| {
            [
                (summer.end.of(year).saturating_sub(summer.ahead), self.standard),
                (summer.start.of(year).saturating_sub(self.standard), summer.ahead),
            ]
        });
        let mut changes: Vec<(i64, i64)> = changes.collect();
        // Stable: a summer that begins when the one before ends goes on.
        changes.sort_by_key(|(from, _)| *from);
        let next = changes.partition_point(|(from, _)| *from <= time);
        let last = next.checked_sub(1).and_then(|last| changes.get(last));
        let (from, ahead) = last.copied().unwrap_or((i64::MIN, self.standard));
        (
            ahead,
            from..changes.get(next).map_or(i64::MAX, |(until, _)| *until),
        )
    }
}

impl Moment {
    /// In a year: seconds since 1970 by the place's own clocks.
    fn of(self, year: i64) -> i64 {
        let first = days_before(year, 1);
        let day = match self.day {
            Day::Of(day) => first + day,
            Day::Julian(day) => {
                let after_february = day >= 60 && days_before(year + 1, 1) - first == 366;
                first + day - 1 + i64::from(after_february)
            }
            Day::Week(month, week, day) => {
                let first = days_before(year, month);
                let next = if month == 12 {
                    days_before(year + 1, 1)
                } else {
                    days_before(year, month + 1)
                };
                // 1970-01-01 was a Thursday.
                let day = first + (day - (first + 4)).rem_euclid(7) + (week - 1) * 7;
                if day < next { day } else { day - 7 }
            }
        };
        day.saturating_mul(DAY).saturating_add(self.time)
    }
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn mark(&mut self, mark: char) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }

    /// A name of letters, or of anything between `<` and `>`.
    fn name(&mut self) -> Option<()> {
        if let Some(quoted) = self.0.strip_prefix('<') {
            self.0 = quoted.split_once('>')?.1;
            return Some(());
        }
        let rest = self
            .0
            .trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let found = self.0.len() - rest.len() >= 3;
        self.0 = rest;
        found.then_some(())
    }

    fn number(&mut self, range: Range<i64>) -> Option<i64> {
        let rest = self.0.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let number = self.0.get(..self.0.len() - rest.len())?.parse().ok()?;
        self.0 = rest;
        range.contains(&number).then_some(number)
    }

    /// `[+-]hours[:minutes[:seconds]]`, in seconds.
    fn time(&mut self, most: i64) -> Option<i64> {
        let sign = if self.mark('-').is_some() { -1 } else { 1 };
        if sign == 1 {
            // It may be there.
            let _ = self.mark('+');
        }
        let mut time = self.number(0..most + 1)? * HOUR;
        for unit in [60, 1] {
            if self.mark(':').is_none() {
                break;
            }
            time += self.number(0..60)? * unit;
        }
        Some(sign * time)
    }

    fn moment(&mut self) -> Option<Moment> {
        let day = if self.mark('M').is_some() {
            let month = self.number(1..13)?;
            self.mark('.')?;
            let week = self.number(1..6)?;
            self.mark('.')?;
            Day::Week(month, week, self.number(0..7)?)
        } else if self.mark('J').is_some() {
            Day::Julian(self.number(1..366)?)
        } else {
            Day::Of(self.number(0..366)?)
        };
        let time = if self.mark('/').is_some() {
            // RFC 9636, 3.3.1: also on other days.
            self.time(167)?
        } else {
            2 * HOUR
        };
        Some(Moment { day, time })
    }
}
