//! What several runs of a hook come to.
//!
//! Runs are the leaves of a tree of choices. Where chance chooses, all ways stay, each with its share; where something
//! unknown does, all ways must come to the same, or it isn't known what happens.

use super::choice::{Choice, Open};
use super::{Call, Doubt, Note, Passed, Verdict, undecided};

/// One run, and the choices on the way there.
pub(super) type Leaf<'a> = (Passed<'a>, Vec<Choice>);

/// The results below the choice with this number, which all these runs have in common.
pub(super) fn settle<'a>(call: &Call<'_, 'a>, leaves: &[Leaf<'a>], depth: usize) -> Vec<Passed<'a>> {
    let taken = |leaf: &Leaf| leaf.1.get(depth).map(|choice| choice.taken);
    let (first, choice) = match leaves {
        [] => return Vec::new(),
        [(passed, _)] => return vec![passed.clone()],
        [(passed, choices), ..] => match choices.get(depth) {
            Some(choice) => (passed, choice),
            None => return vec![passed.clone()],
        },
    };
    let ways = leaves.chunk_by(|a, b| taken(a) == taken(b));
    if matches!(choice.open, Open::Chance { .. }) {
        let of_ways = ways.flat_map(|way| {
            let share = way
                .first()
                .and_then(|leaf| leaf.1.get(depth))
                .map_or(0.0, |it| it.share);
            settle(call, way, depth + 1).into_iter().map(move |mut passed| {
                passed.share *= share;
                passed
            })
        });
        return merged(of_ways.collect());
    }
    let mut ways = ways.map(|way| settle(call, way, depth + 1));
    let Some(mut one) = ways.next() else {
        return Vec::new();
    };
    let alike = ways.all(|other| {
        let same = come_to_the_same(&one, &other);
        for (passed, other) in one.iter_mut().zip(other) {
            passed.count_with(other);
        }
        same
    });
    if alike {
        return one;
    }
    let rule = first.notes.iter().find_map(|note| match (note, choice.open) {
        (Note::Unclear(rule), Open::Unknown) => Some(Doubt::Rule(*rule)),
        (Note::Tied(chain), Open::Order { .. }) => Some(Doubt::Order(*chain)),
        _ => None,
    });
    vec![undecided(call, rule.unwrap_or(Doubt::TooManyWays))]
}

fn come_to_the_same(some: &[Passed], others: &[Passed]) -> bool {
    let same = |a: &Passed, b: &Passed| {
        let ends = match (&a.verdict, &b.verdict) {
            (Verdict::Reject(_, how), Verdict::Reject(_, other)) => how == other,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        ends && a.packet == b.packet
            && a.conn == b.conn
            && a.recent == b.recent
            && a.reroute == b.reroute
            && (a.share - b.share).abs() < 1e-9
    };
    some.len() == others.len() && some.iter().all(|a| others.iter().any(|b| same(a, b)))
}

/// Results that are the same become one.
fn merged(results: Vec<Passed<'_>>) -> Vec<Passed<'_>> {
    let mut kept: Vec<Passed<'_>> = Vec::new();
    for passed in results {
        let same = kept.iter_mut().find(|other| {
            other.verdict == passed.verdict
                && other.packet == passed.packet
                && other.conn == passed.conn
                && other.recent == passed.recent
        });
        match same {
            Some(other) => {
                other.share += passed.share;
                other.count_with(passed);
            }
            None => kept.push(passed),
        }
    }
    kept
}
