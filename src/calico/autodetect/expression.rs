//! Expressions of `interface=` and `skip-interface=`: Calico compiles a list as one, `(a)|(b)`, by the syntax of Go's
//! regexp. Written anew for the regex crate where that reads them in another way; classes like `\w` know Unicode then.

use regex::Regex;

/// An expression with the text it came from.
#[derive(Debug)]
pub(super) struct Expression {
    pub text: String,
    pub regex: Regex,
}

/// Compiles a list as Calico does.
///
/// # Errors
/// Says that Go refuses the list, or that netdiag can't evaluate it.
pub(super) fn compile_list<S: AsRef<str>>(list: &[S]) -> Result<Vec<Expression>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let joined = |separator| list.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(separator);
    let (text, whole) = (joined(","), format!("({})", joined(")|(")));
    let go = translate(&whole).map_err(|why| {
        format!("invalid regular expression {text:?}, {why}: calico-node finds no address with it")
    })?;
    let regex = Regex::new(&go)
        .map_err(|_| format!("regular expression {text:?}: netdiag can't evaluate it as calico-node does"))?;
    // Which of them matches can be told when each stands on its own.
    let each = list.iter().map(|item| {
        let text = item.as_ref();
        let regex = Regex::new(&translate(text).ok()?).ok()?;
        Some(Expression {
            text: text.to_owned(),
            regex,
        })
    });
    Ok(each
        .collect::<Option<_>>()
        .unwrap_or_else(|| vec![Expression { text, regex }]))
}

/// What stands before a repetition operator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
    Repetition,
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
    depth: usize,
    before: Before,
}

type Read<T> = Result<T, &'static str>;

/// An expression of Go's regexp in the syntax of the regex crate; an error when Go refuses it (`regexp/syntax`).
fn translate(text: &str) -> Read<String> {
    let mut reader = Reader {
        rest: text,
        out: String::new(),
        depth: 0,
        before: Before::Nothing,
    };
    while let Some(c) = reader.next() {
        match c {
            '*' | '+' | '?' => reader.repetition(c, "")?,
            '{' => match repetition_size(reader.rest)? {
                Some(size) => {
                    let (size, rest) = reader.rest.split_at(size);
                    reader.rest = rest;
                    reader.repetition(c, size)?;
                }
                None => reader.literal(c),
            },
            '(' => reader.group()?,
            ')' => {
                reader.depth = reader.depth.checked_sub(1).ok_or("unexpected )")?;
                reader.push(c, Before::Atom);
            }
            '|' => reader.push(c, Before::Nothing),
            '[' => reader.class()?,
            '\\' => reader.escape()?,
            '.' | '^' | '$' => reader.push(c, Before::Atom),
            _ => reader.literal(c),
        }
    }
    if reader.depth > 0 {
        return Err("missing )");
    }
    Ok(reader.out)
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn push(&mut self, c: char, before: Before) {
        self.out.push(c);
        self.before = before;
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        self.before = Before::Atom;
    }

    /// Copies what is between here and the end of `text`, which follows.
    fn copy_through(&mut self, end: char, missing: &'static str) -> Read<()> {
        let (copied, rest) = self.rest.split_once(end).ok_or(missing)?;
        self.out.push_str(copied);
        self.out.push(end);
        self.rest = rest;
        Ok(())
    }

    /// Go refuses a repetition of nothing, and one of a repetition.
    fn repetition(&mut self, operator: char, size: &str) -> Read<()> {
        match self.before {
            Before::Nothing => return Err("nothing to repeat"),
            Before::Repetition => return Err("invalid nested repetition"),
            Before::Atom => {}
        }
        self.push(operator, Before::Repetition);
        self.out.push_str(size);
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            self.out.push('?');
        }
        Ok(())
    }

    /// Behind a `(`.
    fn group(&mut self) -> Read<()> {
        const UNKNOWN: &str = "unknown flags in (?";
        if let Some(flags) = self.rest.strip_prefix('?') {
            if let Some(named) = flags.strip_prefix("P<").or_else(|| flags.strip_prefix('<')) {
                // The name is left out: Go lets two groups have the same.
                let (name, rest) = named.split_once('>').ok_or("group name without >")?;
                if name.is_empty() || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
                    return Err("invalid group name");
                }
                self.rest = rest;
                self.depth += 1;
                self.push('(', Before::Nothing);
                return Ok(());
            }
            let end = flags.find([':', ')']).ok_or("missing )")?;
            let (names, rest) = flags.split_at(end);
            let (set, cleared) = names.split_once('-').unwrap_or((names, "i"));
            if cleared.is_empty()
                || !set
                    .chars()
                    .chain(cleared.chars())
                    .all(|flag| "imsU".contains(flag))
            {
                return Err(UNKNOWN);
            }
            if let Some(rest) = rest.strip_prefix(')') {
                self.rest = rest;
                if !names.is_empty() {
                    self.out.extend(["(?", names, ")"]);
                }
                self.separated();
                return Ok(());
            }
            self.rest = rest.strip_prefix(':').unwrap_or(rest);
            self.out.extend(["(?", names, ":"]);
        } else {
            self.out.push('(');
        }
        self.depth += 1;
        self.before = Before::Nothing;
        Ok(())
    }

    /// Something that is no atom stands behind a repetition: the next one isn't nested.
    fn separated(&mut self) {
        if self.before == Before::Repetition {
            self.before = Before::Atom;
        }
    }

    /// Behind a `[`. In Go's classes `[`, `&&`, `--` and `~~` mean nothing.
    fn class(&mut self) -> Read<()> {
        const UNCLOSED: &str = "missing ]";
        self.push('[', Before::Atom);
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.starts_with("[:") && self.rest[2..].contains(":]") {
                let name = self.rest[2..].split(":]").next().unwrap_or_default();
                if !CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return Err("unknown class in [:");
                }
                self.copy_through(']', UNCLOSED)?;
            } else if let Some(rest) = self.rest.strip_prefix('\\')
                && rest.starts_with(KINDS)
            {
                self.rest = rest;
                self.escape()?;
            } else {
                let low = self.class_char()?.ok_or(UNCLOSED)?;
                self.out.push_str(&numbered(low));
                if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                    self.rest = &self.rest[1..];
                    let high = self.class_char()?.ok_or(UNCLOSED)?;
                    if high < low {
                        return Err("range of a class out of order");
                    }
                    self.out.push('-');
                    self.out.push_str(&numbered(high));
                }
            }
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        Ok(())
    }

    fn class_char(&mut self) -> Read<Option<char>> {
        match self.next() {
            Some('\\') => self.escaped_char().map(Some),
            other => Ok(other),
        }
    }

    /// Behind a `\`.
    fn escape(&mut self) -> Read<()> {
        if let Some(rest) = self.rest.strip_prefix('Q') {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            self.rest = rest;
            self.separated();
            quoted.chars().for_each(|c| self.literal(c));
            return Ok(());
        }
        let Some(c) = self.rest.chars().next() else {
            return Err("trailing backslash");
        };
        if "AzBb".contains(c) || KINDS.contains(&c) {
            self.rest = &self.rest[1..];
            self.out.push('\\');
            self.push(c, Before::Atom);
            if "pP".contains(c) {
                let Some(name) = self.next() else {
                    return Err("class without a name");
                };
                self.out.push(name);
                if name == '{' {
                    self.copy_through('}', "class name without }")?;
                }
            }
            return Ok(());
        }
        let c = self.escaped_char()?;
        self.out.push_str(&numbered(c));
        self.before = Before::Atom;
        Ok(())
    }

    /// Behind a `\` that makes a single character.
    fn escaped_char(&mut self) -> Read<char> {
        const UNKNOWN: &str = "unknown escape sequence";
        const OCTAL: [char; 8] = ['0', '1', '2', '3', '4', '5', '6', '7'];
        let c = self.next().ok_or("trailing backslash")?;
        let (digits, radix) = match c {
            '0'..='7' => {
                let more = self
                    .rest
                    .chars()
                    .take(2)
                    .take_while(|c| OCTAL.contains(c))
                    .count();
                if c != '0' && more == 0 {
                    return Err("Go knows no backreferences");
                }
                let (digits, rest) = self.rest.split_at(more);
                self.rest = rest;
                (format!("{c}{digits}"), 8)
            }
            'x' => {
                let (digits, rest) = match self.rest.strip_prefix('{') {
                    Some(braced) => braced.split_once('}').ok_or(UNKNOWN)?,
                    None => self.rest.split_at_checked(2).ok_or(UNKNOWN)?,
                };
                self.rest = rest;
                (digits.to_owned(), 16)
            }
            'a' => return Ok('\x07'),
            'f' => return Ok('\x0c'),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            't' => return Ok('\t'),
            'v' => return Ok('\x0b'),
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok(c),
            _ => return Err(UNKNOWN),
        };
        if digits.starts_with('+') {
            return Err(UNKNOWN);
        }
        let number = u32::from_str_radix(&digits, radix).map_err(|_| UNKNOWN)?;
        char::from_u32(number).ok_or(UNKNOWN)
    }
}

/// Letters of the escapes that stand for many characters.
const KINDS: [char; 8] = ['d', 'D', 's', 'S', 'w', 'W', 'p', 'P'];

const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// A character that means nothing else, wherever it stands.
fn numbered(c: char) -> String {
    format!("\\x{{{:x}}}", u32::from(c))
}

/// The length of what makes a `{` a repetition, `N}`, `N,}` or `N,M}`; none when it is just a character.
fn repetition_size(rest: &str) -> Read<Option<usize>> {
    const MOST: u32 = 1000;
    let number = |text: &str| {
        let plain =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        (plain && !text.is_empty()).then(|| text.parse().unwrap_or(u32::MAX))
    };
    let Some((size, _)) = rest.split_once('}') else {
        return Ok(None);
    };
    let (least, most) = size.split_once(',').unwrap_or((size, size));
    let Some(least) = number(least) else {
        return Ok(None);
    };
    let most = match most {
        "" => least,
        _ => match number(most) {
            Some(most) => most,
            None => return Ok(None),
        },
    };
    if least.max(most) > MOST || most < least {
        return Err("invalid repeat count");
    }
    Ok(Some(size.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, name: &str) -> bool {
        let expressions = compile_list(&[text]).unwrap();
        expressions
            .iter()
            .any(|expression| expression.regex.is_match(name))
    }

    #[test]
    fn what_go_reads_in_another_way_matches_what_it_matches_there() {
        for (text, name) in [
            ("eth{", "eth{"),
            ("e{,3}", "e{,3}"),
            ("\\Qbr-.\\E0", "br-.0"),
            ("\\145th", "eth0"),
            ("[a&&b]th", "bth"),
            ("[[a]e]", "ae]"),
            ("[+--]", "-"),
            ("[]a]", "]"),
            ("[^]a]", "b"),
            ("[\\d_-]$", "eth-"),
            ("[[:alpha:]]{3}\\d", "eth0"),
            ("\\<", "<"),
            ("\\\\d", "\\d"),
            ("(?i)ETH", "eth0"),
            ("(?i:E)th", "eth0"),
            ("(?P<n>e)(?P<n>t)", "eth0"),
            ("eth0)|(ens", "ens3"),
            ("e*?t", "eth0"),
        ] {
            assert!(matches(text, name), "{text}");
        }
        assert!(!matches("[a&&b]", "eth0"));
        assert!(!matches("e{,3}", "eth0"));
        assert!(!matches("\\<e", "eth0"));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "e**",
            "e++",
            "e*?*",
            "e{2}{3}",
            "*",
            "a|*",
            "(?x)e th",
            "(?u)e",
            "(?R)e",
            "(?-u)e",
            "\\u0065th",
            "\\E",
            "\\1",
            "e{1001}",
            "e{3,2}",
            "(",
            ")",
            "[a",
            "[b-a]",
            "[[:foo:]]",
            "e\\",
            "\\h",
        ] {
            let why = compile_list(&[text]).unwrap_err();
            assert!(why.contains("calico-node finds no address"), "{text}: {why}");
        }
    }

    #[test]
    fn what_only_go_can_read_is_said_to_be_beyond_netdiag() {
        let why = compile_list(&["\\p{^Lu}"]).unwrap_err();
        assert!(why.contains("netdiag can't evaluate"), "{why}");
    }

    #[test]
    fn a_list_is_valid_as_a_whole_and_tells_its_items_apart_where_it_can() {
        let texts = |list: &[&str]| -> Vec<String> {
            let expressions = compile_list(list).unwrap();
            expressions
                .into_iter()
                .map(|expression| expression.text)
                .collect()
        };
        assert_eq!(texts(&["eth.*", "ens"]), ["eth.*", "ens"]);
        assert_eq!(texts(&["eth0)|(ens", "x"]), ["eth0)|(ens,x"]);
        assert!(texts(&[]).is_empty());
    }
}
