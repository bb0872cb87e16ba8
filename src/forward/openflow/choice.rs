//! What can't be known is tried in all ways.

/// One way that things may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative<T> {
    pub result: T,
    /// From 0 to 1, of what the switch picks by itself.
    pub share: f64,
    /// What it depends on, of what was not seen.
    pub open: Vec<String>,
}

/// More ways than these are not tried.
const MOST: usize = 128;

/// Answers questions: as given, then always with the first option.
#[derive(Debug, Default)]
pub(super) struct Chooser {
    given: Vec<usize>,
    /// How many options each question had.
    asked: Vec<usize>,
    share: f64,
    open: Vec<String>,
}

impl Chooser {
    /// One of so many options that are told apart by something that was not seen.
    pub(super) fn unknown(&mut self, what: impl Into<String>, options: usize) -> usize {
        let what = what.into();
        if !self.open.contains(&what) {
            self.open.push(what);
        }
        self.ask(options)
    }

    /// One of those with these weights.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let all: u32 = weights.iter().sum();
        let share = |weight: u32| f64::from(weight) / f64::from(all.max(1));
        let picked = self.ask(weights.len());
        self.share *= weights.get(picked).map_or(0.0, |weight| share(*weight));
        picked
    }

    fn ask(&mut self, options: usize) -> usize {
        let picked = self.given.get(self.asked.len()).copied().unwrap_or(0);
        self.asked.push(options);
        picked.min(options.saturating_sub(1))
    }
}

/// Runs with every combination of answers; none when there are too many.
pub(super) fn explore<T>(mut run: impl FnMut(&mut Chooser) -> T) -> Option<Vec<Alternative<T>>> {
    let mut pending = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(given) = pending.pop() {
        if found.len() == MOST {
            return None;
        }
        let mut chooser = Chooser {
            given,
            share: 1.0,
            ..Chooser::default()
        };
        let result = run(&mut chooser);
        for (index, options) in chooser.asked.iter().enumerate().skip(chooser.given.len()) {
            for option in 1..*options {
                let mut next = chooser.given.clone();
                next.resize(index, 0);
                next.push(option);
                pending.push(next);
            }
        }
        found.push(Alternative {
            result,
            share: chooser.share,
            open: chooser.open,
        });
    }
    Some(found)
}
