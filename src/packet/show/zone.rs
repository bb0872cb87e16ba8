//! The time of a place.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How far a place's clocks are ahead of UTC, and when that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self(zone)
    }
}

impl Zone {
    /// The seconds that clocks are ahead of UTC at a time, in seconds since 1970, and around it the times of which that is
    /// true. Beyond the year 9999 it is UTC.
    pub fn ahead(&self, time: i64) -> (i64, Range<i64>) {
        let Ok(at) = Timestamp::from_second(time) else {
            return (0, time..time.saturating_add(1));
        };
        // Those before, not those at that time.
        let next = Timestamp::from_second(time.saturating_add(1)).unwrap_or(at);
        let from = self.0.preceding(next).next();
        let until = self.0.following(at).next();
        let from = from.map_or(i64::MIN, |change| change.timestamp().as_second());
        let until = until.map_or(i64::MAX, |change| change.timestamp().as_second());
        (self.0.to_offset(at).seconds().into(), from..until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(text: &str) -> Zone {
        TimeZone::posix(text).unwrap().into()
    }

    #[test]
    fn clocks_change_at_the_second() {
        let zone = rule("CET-1CEST,M3.5.0,M10.5.0/3");
        // 2024-03-31 01:00 and 2024-10-27 01:00 UTC.
        let (start, end) = (1_711_846_800, 1_729_990_800);
        assert_eq!(zone.ahead(start - 1).0, 3600);
        assert_eq!(zone.ahead(start), (7200, start..end));
        assert_eq!(zone.ahead(end - 1), (7200, start..end));
        assert_eq!(zone.ahead(end).0, 3600);
        assert_eq!(Zone::default().ahead(start), (0, i64::MIN..i64::MAX));
    }

    proptest! {
        #[test]
        fn every_time_is_within_the_times_told_of_it(time: i64, year in 0..9000i64) {
            for zone in [rule("EST5EDT,M3.2.0,M11.1.0"), rule("<+1030>-10:30"), Zone::default()] {
                for time in [time, year * 31_556_952] {
                    let (ahead, during) = zone.ahead(time);
                    prop_assert!(during.contains(&time) || time == i64::MAX, "{time}: {during:?}");
                    prop_assert!(ahead.abs() < 86_400);
                }
            }
        }
    }
}
