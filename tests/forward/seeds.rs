//! Random cases, each of a seed and in a namespace of its own.

use netdiag_lab::{in_netns, or_skip};

/// A number of the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a case found: how many questions it asked, how many of them were refused, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) asked: usize,
    pub(crate) refused: usize,
    pub(crate) wrong: Vec<String>,
}

/// Runs the case of `NETDIAG_SEED`, or those that once failed and `NETDIAG_CASES` more; fails when something was wrong.
/// None where labs can't run.
pub(crate) fn run(known: &[u64], usual: u64, case: fn(u64) -> Found) -> Option<Found> {
    let cases = number("NETDIAG_CASES").unwrap_or(usual);
    let seeds: Vec<u64> = number("NETDIAG_SEED").map_or_else(
        || known.iter().copied().chain(0..cases).collect(),
        |seed| vec![seed],
    );
    let mut sum = Found::default();
    for seed in seeds {
        let found = or_skip(in_netns(move || case(seed)))?;
        sum.asked += found.asked;
        sum.refused += found.refused;
        sum.wrong.extend(found.wrong);
        if sum.wrong.len() > 20 {
            break;
        }
    }
    let (asked, count) = (sum.asked, sum.wrong.len());
    assert_eq!(count, 0, "{count} of {asked} wrong:\n{}", sum.wrong.join("\n"));
    Some(sum)
}
