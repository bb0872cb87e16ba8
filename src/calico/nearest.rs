//! "Did you mean …?"

/// The candidate that most resembles a word, if one is near enough that it was likely meant; case doesn't count.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let (distance, best) = candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= (best.chars().count() / 3).clamp(1, 4)).then_some(best)
}

/// Characters to insert, remove or replace to make one word of the other.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    // A longer word is nobody's spelling mistake, and would cost its square.
    if from.len() > 100 || to.len() > 100 {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, character) in from.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, other) in row[1..].iter_mut().zip(&to) {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        row[0] = above + 1;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_letters_that_differ() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(from, to), expected);
            assert_eq!(distance(to, from), expected);
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let fields = ["asNumber", "ipv4Address", "ipv6Address", "ipv4IPIPTunnelAddr"];
        assert_eq!(nearest("ipv4Adress", fields), Some("ipv4Address"));
        assert_eq!(nearest("ASNUMBER", fields), Some("asNumber"));
        assert_eq!(nearest("gateway", fields), None);
        assert_eq!(nearest("x", []), None);
    }
}
