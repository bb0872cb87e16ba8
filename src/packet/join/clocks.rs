//! Two clocks, from packets that both have seen: those that go one way make the second clock look fast, those that come
//! back make it look slow.

/// Differences of time of packets from one address to another: the second clock's less the first one's, nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deltas {
    pub(super) count: u64,
    /// Packets whose TTL was larger at the first place, less those where it was larger at the second.
    pub(super) earlier: i64,
    /// Those that were told, in order.
    told: u64,
    least: i64,
    median: i64,
    most: i64,
}

/// What is known of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clocks {
    /// Nanoseconds that the second one is ahead.
    pub(super) ahead: i64,
    /// None where packets went only one way.
    pub(super) give_or_take: Option<i64>,
}

impl Deltas {
    /// Counts one, with the TTL at both places.
    pub(super) fn count(&mut self, first_ttl: u8, second_ttl: u8) {
        self.count += 1;
        self.earlier += i64::from(first_ttl.cmp(&second_ttl) as i8);
    }

    /// Tells the next one, once all are counted: the least first.
    pub(super) fn tell(&mut self, delta: i64) {
        if self.told == 0 {
            self.least = delta;
        }
        if self.told == self.count / 2 {
            self.median = delta;
        }
        self.most = delta;
        self.told += 1;
    }

    /// The place that these packets passed first: by their TTL, else by the clocks.
    pub(super) fn first(&self, clocks: Option<&Clocks>) -> Option<usize> {
        if self.earlier != 0 {
            return Some(usize::from(self.earlier < 0));
        }
        let clocks = clocks.filter(|clocks| clocks.give_or_take.is_some())?;
        let median = self.median.saturating_sub(clocks.ahead);
        (self.count > 0 && median != 0).then_some(usize::from(median < 0))
    }

    /// From the first place to the second: least, median, most.
    pub(super) fn delay(&self, first: usize, ahead: i64) -> Option<[i64; 3]> {
        let sign = if first == 0 { 1 } else { -1 };
        let [one, median, other] =
            [self.least, self.median, self.most].map(|delta| delta.saturating_sub(ahead) * sign);
        (self.count > 0).then(|| [one.min(other), median, one.max(other)])
    }
}

impl Clocks {
    /// From all pairs of addresses; `back` is the pair of the answers. Of those that are answered, the one that tells
    /// most closely counts.
    pub(super) fn new(deltas: &[Deltas], back: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let of = |at: usize| deltas.get(at).filter(|deltas| deltas.count > 0);
        let both_ways = (0..deltas.len()).filter_map(|at| {
            let (there, here) = (of(at)?, of(back(at)?)?);
            // Each pair of pairs once, that which goes from the first place to the second.
            if there.median < here.median {
                return None;
            }
            let (least, most) = if there.least >= here.most {
                (there.least, here.most)
            } else {
                // A clock moved meanwhile.
                (there.median, here.median)
            };
            let ahead = i64::try_from(i128::midpoint(i128::from(least), i128::from(most))).ok()?;
            Some((least.saturating_sub(most) / 2, ahead))
        });
        if let Some((give_or_take, ahead)) = both_ways.min() {
            return Some(Self {
                ahead,
                give_or_take: Some(give_or_take),
            });
        }
        let least = (0..deltas.len()).filter_map(of).map(|deltas| {
            if deltas.earlier < 0 {
                deltas.most
            } else {
                deltas.least
            }
        });
        Some(Self {
            ahead: least.min()?,
            give_or_take: None,
        })
    }
}
