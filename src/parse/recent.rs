//! `/proc/net/xt_recent/NAME` (`net/netfilter/xt_recent.c`, `recent_seq_show`), and the kernel's clock that it is
//! written in.

use super::{ParseError, excerpt};
use crate::state::recent::RecentEntry;

/// The kernel's ticks: 64 bit, and how many make a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    pub now: u64,
    pub per_second: u64,
}

impl Ticks {
    /// Milliseconds since a tick.
    const fn since(self, tick: u64) -> u64 {
        self.now.saturating_sub(tick).saturating_mul(1000) / self.per_second
    }
}

/// Ticks, of `/proc/timer_list` (`kernel/time/timer_list.c`): none when it has neither them nor the time. They begin
/// 300 seconds before 32 bits are full (`INITIAL_JIFFIES`), which gives away how many make a second.
pub fn ticks(timer_list: &str) -> Option<Ticks> {
    let number = |before: &str| {
        let line = timer_list.lines().find_map(|line| line.strip_prefix(before))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (now, nanoseconds) = (number("jiffies:")?, number("now at ")?);
    let since_wrap = i128::from(now) - (1 << 32);
    let seconds_since = i128::from(nanoseconds) - 300_000_000_000;
    // CONFIG_HZ has few values.
    let off = |hz: &i128| (since_wrap * 1_000_000_000 - hz * seconds_since).abs();
    let rates = [
        24, 32, 48, 64, 100, 128, 200, 250, 256, 300, 500, 1000, 1024, 1200,
    ];
    let per_second = rates.into_iter().min_by_key(off)?;
    Some(Ticks {
        now,
        per_second: u64::try_from(per_second).ok()?,
    })
}

/// Reads the entries of one list.
///
/// # Errors
/// Names the first line that is none.
pub fn recent(text: &str, ticks: Ticks) -> Result<Vec<RecentEntry>, ParseError> {
    let entry = |(index, line): (usize, &str)| {
        entry(line, ticks).ok_or_else(|| {
            ParseError::new(
                index + 1,
                format!("no entry of a list of xt_recent: {:?}", excerpt(line)),
            )
        })
    };
    text.lines().enumerate().map(entry).collect()
}

/// `src=10.9.0.1 ttl: 64 last_seen: 4315344348 oldest_pkt: 2 4315344297, 4315344348`.
fn entry(line: &str, ticks: Ticks) -> Option<RecentEntry> {
    let line = line.strip_prefix("src=")?;
    let (ip, line) = line.split_once(" ttl: ")?;
    let (ttl, line) = line.split_once(" last_seen: ")?;
    let (_, stamps) = line.split_once(" oldest_pkt: ")?.1.split_once(' ')?;
    let stamp = |word: &str| word.trim().parse().ok().map(|tick| ticks.since(tick));
    Some(RecentEntry {
        ip: ip.parse().ok()?,
        ttl: ttl.parse().ok()?,
        ages: stamps.split(',').map(stamp).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICKS: Ticks = Ticks {
        now: 4_315_347_059,
        per_second: 250,
    };

    #[test]
    fn entries_have_ages() {
        let text = "src=127.0.0.1 ttl: 64 last_seen: 4315347059 oldest_pkt: 2 4315346809, 4315347059\n\
                    src=fd00:0000:0000:0000:0000:0000:0000:0007 ttl: 255 last_seen: 4315347058 oldest_pkt: 1 4315347058\n";
        let entries = recent(text, TICKS).unwrap();
        assert_eq!(entries[0].ages, [1000, 0]);
        assert_eq!(
            (entries[1].ip.to_string().as_str(), entries[1].ttl),
            ("fd00::7", 255)
        );
        assert_eq!(entries[1].ages, [4]);
        assert_eq!(recent(&format!("{text}src=x\n"), TICKS).unwrap_err().line, 3);
    }

    #[test]
    fn the_kernels_ticks_are_told_by_its_clock() {
        let list = "Timer List Version: v0.10\nnow at 81819052236000 nsecs\n\ncpu: 0\n  .idle_jiffies   : 4\n\
                    jiffies: 4315347059\n";
        assert_eq!(ticks(list), Some(TICKS));
        // Within the first five minutes, 32 bits aren't full yet.
        let early = format!(
            "now at 100000000000 nsecs\njiffies: {}\n",
            (1_u64 << 32) - 200_000
        );
        assert_eq!(ticks(&early).unwrap().per_second, 1000);
        assert_eq!(ticks("now at 5 nsecs\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(src=|[0-9.:]{1,9}| ttl: | last_seen: | oldest_pkt: |[0-9]{1,20}|, |\n){0,12}") {
            let _ = recent(&text, TICKS);
            let _ = ticks(&format!("now at {text}\njiffies: {text}\n"));
        }
    }
}
