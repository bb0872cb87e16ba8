//! Runs with every combination of what is open: each run follows a list of choices, and the list is counted up.

/// More combinations than this are not followed.
const MAX_RUNS: usize = 256;

/// Why a point has more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Where it `repeats`, a count that other packets share decides, or a hash: the next packet alike may go the same way.
    Chance { repeats: bool },
    /// Whether something holds that isn't known.
    Unknown,
    /// Which chain was there first. Only what mattered is tried in other ways.
    Order { mattered: bool },
}

/// A point where more than one way is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) taken: u32,
    ways: u32,
    /// The share of the way taken.
    pub(super) share: f64,
    pub(super) open: Open,
}

/// The choices of the present run.
#[derive(Debug, Default)]
pub(super) struct Choices {
    made: Vec<Choice>,
    at: usize,
    runs: usize,
}

impl Choices {
    /// Which of `ways` this run takes; `share` says how likely each is. Of what `repeats`, the next packet may have the
    /// same.
    pub(super) fn among(&mut self, ways: u32, share: impl Fn(u32) -> f64, repeats: bool) -> u32 {
        self.take(ways, share, Open::Chance { repeats })
    }

    /// Whether something holds that isn't known.
    pub(super) fn unknown(&mut self) -> bool {
        self.take(2, |_| 1.0, Open::Unknown) == 1
    }

    /// In which of several orders something runs, and the number of this question.
    pub(super) fn order(&mut self, ways: u32) -> (u32, usize) {
        let at = self.at;
        (self.take(ways, |_| 1.0, Open::Order { mattered: false }), at)
    }

    /// What ran in that order did something.
    pub(super) fn mattered(&mut self, at: usize) {
        if let Some(choice) = self.made.get_mut(at) {
            choice.open = Open::Order { mattered: true };
        }
    }

    fn take(&mut self, ways: u32, share: impl Fn(u32) -> f64, open: Open) -> u32 {
        let at = self.at;
        self.at += 1;
        if at == self.made.len() {
            self.made.push(Choice {
                taken: 0,
                ways,
                share: share(0),
                open,
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

    /// Whether the next packet alike may go this way again.
    pub(super) fn repeats(&self) -> bool {
        let repeats = |choice: &Choice| choice.open == Open::Chance { repeats: true };
        self.made.iter().any(repeats)
    }

    /// What this run took.
    pub(super) fn made(&self) -> Vec<Choice> {
        self.made.clone()
    }

    pub(super) const fn gave_up(&self) -> bool {
        self.runs >= MAX_RUNS
    }

    /// Goes on to the next combination; false when all were run.
    pub(super) fn next(&mut self) -> bool {
        self.at = 0;
        self.runs += 1;
        while let Some(last) = self.made.last_mut() {
            if last.taken + 1 < last.ways && last.open != (Open::Order { mattered: false }) {
                last.taken += 1;
                return !self.gave_up();
            }
            self.made.pop();
        }
        false
    }
}

/// So many orders of things are there.
pub(super) fn orders(count: usize) -> u32 {
    (1..=u32::try_from(count).unwrap_or(u32::MAX)).fold(1, u32::saturating_mul)
}

/// The things in the order with this number; 0 leaves them as they are.
pub(super) fn nth_order(mut things: Vec<usize>, mut number: u32) -> Vec<usize> {
    let mut ordered = Vec::new();
    while !things.is_empty() {
        let left = u32::try_from(things.len()).unwrap_or(u32::MAX);
        ordered.push(things.remove((number % left) as usize));
        number /= left;
    }
    ordered
}
