//! "Did you mean …?"

/// Words that are shorter have no spelling mistakes: every other one is near.
const SHORTEST: usize = 3;

/// The candidate that most resembles a word, if one is near enough that it was likely meant; case doesn't count.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let length = other.chars().count();
            // One letter for another is a slip in a long word; of three letters, it makes another word.
            let replaced = if length > SHORTEST { 1 } else { 2 };
            let slips = slips(&word, &other, replaced);
            let short = word.chars().count().min(length) < SHORTEST;
            let likely = slips == 0 || (!short && slips <= (length / 3).clamp(1, 4));
            likely.then_some((slips, candidate))
        })
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Characters to insert, remove, replace or swap with their neighbour to make one word of the other.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    slips(from, to, 1)
}

/// The same, where a replaced character counts for so much (optimal string alignment).
fn slips(from: &str, to: &str, replaced: usize) -> usize {
    // A longer word is nobody's spelling mistake, and would cost its square.
    if from.len() > 100 || to.len() > 100 {
        return usize::MAX;
    }
    let [from, to] = [from, to].map(|word| word.chars().collect::<Vec<char>>());
    let mut last: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, character) in from.iter().enumerate() {
        let mut next = vec![above + 1];
        for (left, other) in to.iter().enumerate() {
            let other_way = row[left] + if character == other { 0 } else { replaced };
            let mut least = other_way.min(row[left + 1] + 1).min(next[left] + 1);
            let swapped = above > 0 && left > 0 && from[above - 1] == *other && to[left - 1] == *character;
            if swapped {
                least = least.min(last[left - 1] + 1);
            }
            next.push(least);
        }
        last = std::mem::replace(&mut row, next);
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
            ("gpn", "gnp", 1),
            ("ab", "ba", 1),
            ("abcd", "badc", 2),
        ] {
            assert_eq!(distance(from, to), expected);
            assert_eq!(distance(to, from), expected);
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let fields = ["asNumber", "ipv4Address", "ipv6Address", "ipv4IPIPTunnelAddr"];
        assert_eq!(nearest("ipv4Adress", fields), Some("ipv4Address"));
        assert_eq!(nearest("ipv4Addrses", fields), Some("ipv4Address"));
        assert_eq!(nearest("ASNUMBER", fields), Some("asNumber"));
        assert_eq!(nearest("gateway", fields), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn words_of_three_letters_are_swapped_or_lack_one_and_shorter_ones_say_nothing() {
        let words = ["gnp", "hep", "ipp", "tier", "min", "max"];
        for (word, meant) in [
            ("gpn", "gnp"),
            ("hpe", "hep"),
            ("heep", "hep"),
            ("tie", "tier"),
            ("teir", "tier"),
            ("mx", "max"),
            ("MAX", "max"),
        ] {
            let found = nearest(word, words);
            // Two letters are too few to guess from.
            assert_eq!(found, (word.len() > 2).then_some(meant), "{word}");
        }
        for word in ["web", "pod", "mix", "map", "svc", "n1", "a"] {
            assert_eq!(nearest(word, words), None, "{word}");
        }
        assert_eq!(nearest("n1", ["n2"]), None);
    }
}
