//! Names in commands that are typed into a shell.
//!
//! The kernel lets links have any name without `/` and white space (`dev_valid_name`, net/core/dev.c): `a;reboot` is one.
//! Snapshots come from anywhere. So every command passes here before it is shown.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::finding::{Command, Finding};
use crate::state::{NodeState, Objects};

/// A word as a shell takes it literally.
pub fn word(text: &str) -> Cow<'_, str> {
    if !text.is_empty() && text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'_' | b'-' | b':' | b'@' | b'/' | b'+' | b',' | b'=' | b'%'
        )
}

/// Names that are there and that a shell would take for more than a word.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// Those that quotes keep together.
    names: BTreeSet<String>,
    /// Those that could end a quotation, a word or a line: no command is shown that holds one.
    hostile: BTreeSet<String>,
}

impl Odd {
    pub(super) fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut odd = Self::default();
        for name in names.filter(|name| !name.bytes().all(is_plain)) {
            let set = if name.chars().any(ends_quotes) {
                &mut odd.hostile
            } else {
                &mut odd.names
            };
            set.insert(name.to_owned());
        }
        odd
    }

    /// Of nodes, their links, namespaces, pods and daemons, and of objects.
    pub(super) fn of<'n>(nodes: impl Iterator<Item = &'n NodeState>, objects: Option<&'n Objects>) -> Self {
        let of_node = nodes.flat_map(|node| {
            let inside = node.namespaces.items().iter();
            let links = inside.clone().flat_map(|inside| inside.net.links.items());
            let links = node.net.links.items().iter().chain(links).map(|link| &*link.name);
            let sessions = [node.bird.known(), node.bird6.known()].into_iter().flatten();
            let sessions = sessions
                .flat_map(|bird| &bird.protocols)
                .map(|protocol| &*protocol.name);
            let pods = inside.clone().filter_map(|inside| inside.pod.as_ref());
            let pods = pods
                .flat_map(|pod| [pod.namespace.as_deref(), pod.name.as_deref()])
                .flatten();
            let sets = node.net.ipsets.items().iter().map(|set| &*set.name);
            std::iter::once(&*node.name)
                .chain(links)
                .chain(
                    inside
                        .flat_map(|inside| inside.names.iter().chain(&inside.paths))
                        .map(String::as_str),
                )
                .chain(pods)
                .chain(sessions)
                .chain(sets)
        });
        let objects = objects.into_iter().flat_map(|objects| {
            let all = objects.resources.iter().chain(objects.kubernetes.items());
            all.flat_map(|object| {
                let metadata = &object["metadata"];
                let labels = metadata["labels"].as_object().into_iter().flatten();
                let labels = labels.flat_map(|(key, value)| [Some(&**key), value.as_str()]);
                labels
                    .chain([metadata["name"].as_str(), metadata["namespace"].as_str()])
                    .flatten()
            })
        });
        Self::new(of_node.chain(objects))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.hostile.is_empty()
    }

    /// The text with such names in quotes; none where that can't be done for sure.
    fn quoted(&self, text: &str) -> Option<String> {
        if self.hostile.iter().any(|name| text.contains(name.as_str())) {
            return None;
        }
        let mut quoted = String::with_capacity(text.len());
        let mut words = Words { rest: text };
        while let Some((space, word, quote)) = words.next() {
            quoted.push_str(space);
            let is_odd = self.names.iter().any(|name| word.contains(name.as_str()));
            match quote {
                // Whole words: what is before and behind a name in one is no end of it.
                None if is_odd => quoted.push_str(&self::word(word)),
                Some('"') if is_odd && word.contains(['$', '`']) => return None,
                Some(_) if is_odd && !is_quotation(word) => return None,
                _ => quoted.push_str(word),
            }
        }
        Some(quoted)
    }

    /// Commands and steps of a finding, with names in quotes.
    pub(super) fn finding(&self, finding: &mut Finding) {
        let count = finding.fix.commands.len();
        self.commands(&mut finding.fix.commands);
        for step in &mut finding.fix.steps {
            *step = self.quoted(step).unwrap_or_else(|| NOT_SHOWN.to_owned());
        }
        if finding.fix.commands.len() < count {
            finding.fix.steps.push(NOT_SHOWN.to_owned());
        }
    }

    /// Those that are safe, with names in quotes.
    pub(super) fn commands(&self, commands: &mut Vec<Command>) {
        commands.retain_mut(|command| {
            let Some(run) = self.quoted(&command.run) else {
                return false;
            };
            command.run = run;
            command.undo = command.undo.take().and_then(|undo| self.quoted(&undo));
            true
        });
    }
}

const NOT_SHOWN: &str = "a name here holds quotes or spaces: no command with it is shown";

/// What can end a quotation, a word, or a line.
fn ends_quotes(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, '\'' | '"' | '\\')
}

/// Whether a word is one quotation from its first character to its last.
fn is_quotation(word: &str) -> bool {
    let mut inside = word.chars();
    let (first, last) = (inside.next(), inside.next_back());
    matches!(first, Some('\'' | '"'))
        && first == last
        && first.is_some_and(|mark| !inside.as_str().contains(mark))
}

/// A text as words with what is before each, and the quotation mark that a word has, if it has one. Quotations are part of
/// words, with all that is in them.
struct Words<'t> {
    rest: &'t str,
}

impl<'t> Words<'t> {
    fn next(&mut self) -> Option<(&'t str, &'t str, Option<char>)> {
        let start = self.rest.find(|character: char| !character.is_whitespace());
        let (space, rest) = self.rest.split_at(start.unwrap_or(self.rest.len()));
        let (mut open, mut mark, mut end) = (None, None, rest.len());
        for (at, character) in rest.char_indices() {
            if let Some(quote) = open {
                open = Some(quote).filter(|quote| *quote != character);
            } else if matches!(character, '\'' | '"') {
                open = Some(character);
                mark = mark.or(open);
            } else if character.is_whitespace() {
                end = at;
                break;
            }
        }
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        (!space.is_empty() || !word.is_empty()).then_some((space, word, mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(names: &[&str], text: &str) -> Option<String> {
        Odd::new(names.iter().copied()).quoted(text)
    }

    #[test]
    fn names_that_are_more_than_a_word_are_quoted_and_all_else_stays() {
        let plain = "for o in 1 2; do ip link set eth0 up; done >/dev/null";
        assert_eq!(quoted(&["a;reboot"], plain).unwrap(), plain);
        let run = "ip link set dev a;reboot up";
        assert_eq!(
            quoted(&["a;reboot"], run).unwrap(),
            "ip link set dev 'a;reboot' up"
        );
        assert_eq!(
            quoted(&["$(x)"], "sysctl -w net.ipv4.conf.$(x).forwarding=1").unwrap(),
            "sysctl -w 'net.ipv4.conf.$(x).forwarding=1'"
        );
        // In a quotation of ours it is quoted already.
        let run = "nft 'delete rule ip a b;c handle 3'";
        assert_eq!(quoted(&["b;c"], run).unwrap(), run);
    }

    #[test]
    fn a_name_can_not_end_a_quotation_or_hide_behind_another() {
        for hostile in ["a'b", "a\"b", "a b;reboot", "a\nreboot", "a\\"] {
            assert_eq!(quoted(&[hostile], &format!("ip link del {hostile}")), None);
        }
        assert_eq!(quoted(&["a$(x)"], "echo \"of a$(x)\""), None);
        // One that overlaps with the beginning of another.
        let names = ["dev=a;b", "a;b;reboot"];
        assert_eq!(
            quoted(&names, "ip link set dev=a;b;reboot").unwrap(),
            "ip link set 'dev=a;b;reboot'"
        );
    }
}
