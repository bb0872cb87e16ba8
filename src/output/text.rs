//! Lines of prose.

/// Wraps text at blanks so that no line is longer than `width` columns, with `indent` before every line but the first.
/// Words longer than a line stay whole: an address or a command must be copied as it is.
pub fn wrap(text: &str, width: usize, first: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = first.to_owned();
    let mut length = line.chars().count();
    let mut empty = true;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        if !empty && length + 1 + word_length > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            length = indent.chars().count();
            empty = true;
        }
        if !empty {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
        empty = false;
    }
    lines.push(line);
    lines.join("\n")
}

/// The same in ASCII, for terminals that show nothing else: one character for one, so that columns stay.
pub fn ascii(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '─' | '━' => '-',
            '│' | '┃' => '|',
            '┊' => ':',
            '✓' | '┌' | '┐' | '└' | '┘' | '╭' | '╮' | '╰' | '╯' | '┏' | '┓' | '┗' | '┛' | '┬' | '┴' | '┯'
            | '┷' => '+',
            '→' | '›' => '>',
            '✗' => 'x',
            '…' => '~',
            other => other,
        })
        .collect()
}

/// `1 peer`, `2 peers`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 9, "- ", "  "), "- one two\n  three");
        assert_eq!(
            wrap("one fd00:10:244:1234::1", 8, "", "  "),
            "one\n  fd00:10:244:1234::1"
        );
        assert_eq!(wrap("", 8, "", ""), "");
    }
}
