//! One rule: base options, match extensions and the target, each in its place.

use std::cell::RefCell;

use super::words::{Opt, Word, Words, split};
use super::{matches, targets, values};
use crate::state::netfilter::{Dir, names::Domain};
use crate::state::netfilter::{Expr, Key, LinkBy, Match, Op, Statement, Verdict, Way};

/// The statements of what stands after `-A CHAIN`; none when a quote stays open.
pub(super) fn statements(text: &str, v6: bool, is_chain: impl Fn(&str) -> bool) -> Option<Vec<Statement>> {
    let mut words = Vec::with_capacity(24);
    split(text, &mut words)?;
    let out = RefCell::new(Vec::with_capacity(8));
    let mut rest = Words { text, words: &words };
    let mut module: Option<&str> = None;
    while !rest.words.is_empty() {
        let before = rest;
        let Some(mut option) = rest.option() else {
            unknown(&mut out.borrow_mut(), before.rest(), false);
            break;
        };
        match option.name {
            "-m" | "--match" if !option.negated => {
                let name = rest.value(&mut option).unwrap_or_default();
                out.borrow_mut().push(Statement::Extension(name.into()));
                module = Some(name);
                segment(&mut rest, name, v6, &mut out.borrow_mut());
            }
            "-j" | "--jump" | "-g" | "--goto" if !option.negated => {
                let name = rest.value(&mut option).unwrap_or_default();
                let goto = matches!(option.name, "-g" | "--goto");
                if goto || is_chain(name) {
                    let verdict = if goto { Verdict::Goto } else { Verdict::Jump };
                    out.borrow_mut().push(Statement::Verdict(verdict(name.into())));
                    if !rest.words.is_empty() {
                        unknown(&mut out.borrow_mut(), rest.rest(), true);
                    }
                } else {
                    targets::target(name, rest, before.rest(), v6, &mut out.borrow_mut());
                }
                break;
            }
            _ => {
                let mut tried = rest;
                if let Some(statement) = base(&mut option, &mut tried, v6) {
                    rest = tried;
                    out.borrow_mut().push(statement);
                } else if let Some(name) = module {
                    // Options of the last extension may follow others.
                    rest = before;
                    segment(&mut rest, name, v6, &mut out.borrow_mut());
                } else if let Some(name) = implied(&out.borrow()) {
                    // `-p tcp --dport 80` without `-m tcp`.
                    module = Some(name);
                    rest = before;
                    continue;
                } else {
                    unknown(&mut out.borrow_mut(), rest.skip(&option), false);
                }
            }
        }
        if rest.words.len() == before.words.len() {
            unknown(&mut out.borrow_mut(), before.rest(), false);
            break;
        }
    }
    Some(out.into_inner())
}

/// The extension that a protocol brings with it.
fn implied(statements: &[Statement]) -> Option<&'static str> {
    statements.iter().find_map(|statement| match statement {
        Statement::Match(Match {
            key: Expr::Key(Key::L4Proto),
            value: Expr::Number(number),
            ..
        }) => match number {
            6 => Some("tcp"),
            17 => Some("udp"),
            132 => Some("sctp"),
            33 => Some("dccp"),
            136 => Some("udplite"),
            1 => Some("icmp"),
            58 => Some("icmp6"),
            _ => None,
        },
        _ => None,
    })
}

/// Takes the options of one extension: up to the next `-m`, target or base option.
fn segment(rest: &mut Words<'_, '_>, module: &str, v6: bool, out: &mut Vec<Statement>) {
    let is_base = |word: &Word<'_>| {
        word.is_option()
            && (!word.value.starts_with("--")
                || matches!(
                    &*word.value,
                    "--jump"
                        | "--goto"
                        | "--match"
                        | "--in-interface"
                        | "--out-interface"
                        | "--source"
                        | "--destination"
                        | "--src"
                        | "--dst"
                ))
    };
    let mut length = rest.words.iter().position(is_base).unwrap_or(rest.words.len());
    // A `!` before a base option belongs to it.
    if length < rest.words.len() && length > 0 && rest.words.get(length - 1).is_some_and(Word::is_not) {
        length -= 1;
    }
    let (words, after) = rest.words.split_at(length);
    rest.words = after;
    matches::extension(
        module,
        Words {
            text: rest.text,
            words,
        },
        v6,
        out,
    );
}

/// An option that needs no extension.
fn base(option: &mut Opt<'_>, rest: &mut Words<'_, '_>, v6: bool) -> Option<Statement> {
    let (key, value) = match option.name {
        "-s" | "--source" | "--src" | "-d" | "--destination" | "--dst" => {
            let dir = if matches!(option.name, "-s" | "--source" | "--src") {
                Dir::Src
            } else {
                Dir::Dst
            };
            values::network(Expr::Key(Key::Addr { dir, v6 }), rest.value(option)?)?
        }
        "-i" | "--in-interface" | "-o" | "--out-interface" => {
            let way = if matches!(option.name, "-i" | "--in-interface") {
                Way::In
            } else {
                Way::Out
            };
            let key = Key::Link {
                way,
                by: LinkBy::Name,
            };
            (Expr::Key(key), values::link(rest.value(option)?))
        }
        "-p" | "--protocol" | "--proto" => {
            let word = rest.value(option)?;
            let value = match word.parse().ok().or_else(|| Domain::Protocol.number(word)) {
                Some(0) => Expr::Any,
                Some(number) => Expr::Number(number),
                None => return None,
            };
            (Expr::Key(Key::L4Proto), value)
        }
        "-f" | "--fragment" => (Expr::Key(Key::Fragment), Expr::Number(1)),
        _ => return None,
    };
    let op = if option.negated { Op::Ne } else { Op::Eq };
    Some(Statement::Match(Match { key, op, value }))
}

/// Keeps what isn't understood, in its place.
pub(super) fn unknown(out: &mut Vec<Statement>, text: &str, acts: bool) {
    out.push(Statement::Unknown {
        text: text.into(),
        acts,
    });
}
