//! What a capture file says of a link.

use super::{LinkType, Time};

/// A link that packets were captured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub link: LinkType,
    /// Of pcapng; whoever shows it must escape it.
    pub name: Option<String>,
    /// Bytes kept of a packet at most; 0 is no limit.
    pub snap: u32,
    /// Packets that the capture lost.
    pub dropped: u64,
    pub(super) clock: Clock,
}

impl Interface {
    /// A link that is captured now.
    pub const fn live(link: LinkType, name: Option<String>) -> Self {
        Self {
            link,
            name,
            snap: 0,
            dropped: 0,
            clock: Clock::MICROSECONDS,
        }
    }
}

/// How times are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Seconds to add (if_tsoffset).
    offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many in a second, at most 10^9: multiplied to nanoseconds.
    Coarse { per_second: u64, nanos: u64 },
    /// More than 10^9 in a second.
    Fine { per_second: u128 },
}

impl Clock {
    pub(super) const MICROSECONDS: Self = Self {
        unit: Unit::Coarse {
            per_second: 1_000_000,
            nanos: 1_000,
        },
        offset: 0,
    };

    /// From if_tsresol, a negative power of 10, or of 2 with the highest bit; none when it can't be reckoned with.
    pub(super) fn new(resolution: u8) -> Option<Self> {
        let power = u32::from(resolution & 0x7f);
        let per_second: u128 = if resolution & 0x80 == 0 {
            10u128.checked_pow(power)?
        } else {
            2u128.checked_pow(power)?
        };
        let unit = match u64::try_from(per_second) {
            Ok(units) if units <= 1_000_000_000 && 1_000_000_000 % units == 0 => Unit::Coarse {
                per_second: units,
                nanos: 1_000_000_000 / units,
            },
            _ => Unit::Fine { per_second },
        };
        Some(Self { unit, offset: 0 })
    }

    pub(super) fn with_offset(self, offset: i64) -> Self {
        Self { offset, ..self }
    }

    /// From units since 1970.
    pub(super) fn time(self, units: u64) -> Time {
        let (seconds, nanoseconds) = match self.unit {
            Unit::Coarse { per_second, nanos } => (units / per_second, units % per_second * nanos),
            Unit::Fine { per_second } => {
                let units = u128::from(units);
                let rest = (units % per_second).saturating_mul(1_000_000_000) / per_second;
                let seconds = u64::try_from(units / per_second).unwrap_or(u64::MAX);
                (seconds, u64::try_from(rest).unwrap_or(0))
            }
        };
        Time {
            seconds: i64::try_from(seconds)
                .unwrap_or(i64::MAX)
                .saturating_add(self.offset),
            nanoseconds: u32::try_from(nanoseconds).unwrap_or(0).min(999_999_999),
        }
    }
}
