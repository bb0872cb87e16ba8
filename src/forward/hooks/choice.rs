//! Runs with every combination of what is open: each run follows a list of choices, and the list is counted up.

/// More combinations than this are not followed.
const MAX_RUNS: usize = 256;

/// A point where more than one way is open.
#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: u32,
    ways: u32,
    /// The share of the way taken.
    share: f64,
    unknown: bool,
}

/// The choices of the present run.
#[derive(Debug, Default)]
pub(super) struct Choices {
    made: Vec<Choice>,
    at: usize,
    runs: usize,
}

impl Choices {
    /// Which of `ways` this run takes; `share` says how likely each is.
    pub(super) fn among(&mut self, ways: u32, share: impl Fn(u32) -> f64) -> u32 {
        self.take(ways, share, false)
    }

    /// Whether something holds that isn't known.
    pub(super) fn unknown(&mut self) -> bool {
        self.take(2, |_| 0.5, true) == 1
    }

    fn take(&mut self, ways: u32, share: impl Fn(u32) -> f64, unknown: bool) -> u32 {
        let at = self.at;
        self.at += 1;
        if at == self.made.len() {
            self.made.push(Choice {
                taken: 0,
                ways,
                share: share(0),
                unknown,
            });
        }
        match self.made.get_mut(at) {
            Some(choice) => {
                choice.share = share(choice.taken);
                choice.taken
            }
            None => 0,
        }
    }

    /// The share of this run among all.
    pub(super) fn share(&self) -> f64 {
        self.made.iter().map(|choice| choice.share).product()
    }

    /// Whether this run hung on something unknown.
    pub(super) fn had_unknown(&self) -> bool {
        self.made.iter().any(|choice| choice.unknown)
    }

    pub(super) const fn gave_up(&self) -> bool {
        self.runs >= MAX_RUNS
    }

    /// Goes on to the next combination; false when all were run.
    pub(super) fn next(&mut self) -> bool {
        self.at = 0;
        self.runs += 1;
        while let Some(last) = self.made.last_mut() {
            if last.taken + 1 < last.ways {
                last.taken += 1;
                return !self.gave_up();
            }
            self.made.pop();
        }
        false
    }
}
