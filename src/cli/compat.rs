//! What scripts of calicoctl see when netdiag is called by its name, or as kubectl's plugin: the words of v3.32.1, and
//! where they stand. Everywhere else, netdiag uses its own.

mod fields;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Context, Error};
use crate::calico::kind::Kind;
use crate::calico::manifest::Problem;
use crate::calico::release::Release;
use crate::calico::tree::Mark;
use crate::datastore::Datastore;

/// Whether this program was called by calicoctl's name, or as its plugin of kubectl: a drop-in for scripts.
pub(super) fn on() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    let name = name.as_deref().and_then(std::path::Path::file_name);
    name.is_some_and(|name| name == "calicoctl" || name == "kubectl-calico")
}

/// Says how a command failed: one message, most of them on standard error.
pub(super) fn fail(error: &Error, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    let message = typed(&error.message);
    if error.stdout {
        writeln!(out, "{message}")
    } else {
        writeln!(err, "{message}")
    }
}

/// Errors of a datastore's client, as Go prints them: what is no error is `<nil>`, and a conflict says nothing more than
/// that it is one.
fn typed(message: &str) -> String {
    let mut text = message.to_owned();
    for words in ["resource does not exist: ", "resource already exists: "] {
        let mut from = 0;
        while let Some(start) = text[from..].find(words).map(|at| at + from) {
            let Some(end) = text[start..].find(')').map(|at| at + start + 1) else {
                break;
            };
            text.insert_str(end, " with error: <nil>");
            from = end;
        }
    }
    if let Some(start) = text.find("update conflict: ")
        && let Some(end) = text[start..].find(')').map(|at| at + start + 1)
    {
        let rest = text[end..].find(']').map_or(text.len(), |at| at + end);
        text.replace_range(end..rest, "");
    }
    text
}

/// What is left to say when manifests are wrong: what calicoctl would say of their fields, or the first of it.
pub(super) fn invalid(problems: &[Problem], verb: Option<&str>) -> Error {
    let told: Vec<Option<(Kind, Mark, String)>> = problems
        .iter()
        .map(|problem| {
            let of = problem.of.as_ref()?;
            Some((of.kind, of.resource, fields::told(problem)?))
        })
        .collect();
    let (Some(verb), Some(told)) = (verb, told.into_iter().collect::<Option<Vec<_>>>()) else {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        return Error::new(format!("failed to execute command: {first}"));
    };
    let mut resources: Vec<(Kind, Mark, Vec<String>)> = Vec::new();
    for (kind, at, text) in told {
        match resources.last_mut().filter(|(_, place, _)| *place == at) {
            Some((.., texts)) => texts.push(text),
            None => resources.push((kind, at, vec![text])),
        }
    }
    let errors: Vec<String> = resources.iter().map(|(.., texts)| of_fields(texts)).collect();
    let kinds: BTreeSet<Kind> = resources.iter().map(|(kind, ..)| *kind).collect();
    let of_kind = match kinds.first() {
        Some(kind) if kinds.len() == 1 => format!("'{kind}' "),
        _ => String::new(),
    };
    let what = if errors.len() == 1 {
        format!("{of_kind}resource")
    } else {
        format!("any {of_kind}resources")
    };
    Error::new(format!("failed to {verb} {what}: [{}]", errors.join(" ")))
}

/// One field, or several of a resource.
fn of_fields(texts: &[String]) -> String {
    match texts {
        [one] => format!("error with field {one}"),
        several => {
            let lines = several.join("\n-  ");
            format!("error with the following fields:\n-  {lines}\n")
        }
    }
}

/// A file that can't be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Error {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    Error::new(format!(
        "failed to execute command: open {name}: {}",
        text.to_lowercase()
    ))
}

/// Warns where a cluster's release is newer than those that netdiag knows. All stored forms of policies' names are read
/// and written, so none is a reason to stop.
pub(super) fn warn_of_release(cx: &mut Context<'_>, store: &dyn Datastore) -> Result<(), Error> {
    if cx.global.allow_version_mismatch || store.reads_v1_manifests() {
        return Ok(());
    }
    let Ok(cluster) = cx.block_on(store.get(Kind::ClusterInformation, "default")) else {
        return Ok(());
    };
    let release: Option<Release> = cluster
        .text(&["spec", "calicoVersion"])
        .and_then(|text| text.parse().ok());
    let known = Release::NEWEST;
    if let Some(release) = release
        && (release.major, release.minor) > (known.major, known.minor)
    {
        let warning = cx.style.warn("warning:");
        writeln!(
            cx.err,
            "{warning} the cluster runs Calico {release}, and netdiag knows releases up to {known}: fields that came later \
             are refused (--allow-version-mismatch leaves this out)"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = include_str!("../../fixtures/validation/rows.txt");
    const WORDS: &str = include_str!("../../fixtures/validation/words.txt");

    #[test]
    fn wrong_fields_are_told_in_calicoctls_words() {
        let refused = ROWS
            .lines()
            .filter_map(|line| line.strip_prefix("- ")?.split_once(" ! "));
        let (mut same, mut wrong) = (0, Vec::new());
        for (document, recorded) in refused.map(|(document, _)| document).zip(WORDS.lines()) {
            let (sign, theirs) = recorded.split_at(2);
            // `<a*63>` is a text of 63 letters: too long to be looked at here.
            if document.contains('<') {
                continue;
            }
            let text = document.replacen('{', "{apiVersion: projectcalico.org/v3, ", 1);
            let problems = crate::calico::manifest::read("f", text.as_bytes()).unwrap_err();
            let ours = invalid(&problems, Some("apply")).message.replace('\n', "\\n");
            same += usize::from(ours == theirs);
            if (sign == "= ") != (ours == theirs) {
                wrong.push(format!("{document}\n{ours}\n{theirs}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        assert!(same > 60, "only {same} are the same");
    }

    #[test]
    fn errors_have_the_words_of_go() {
        for (own, theirs) in [
            (
                "failed to apply any 'Node' resources: [resource does not exist: Node(a) resource does not exist: Node(b)]",
                "failed to apply any 'Node' resources: [resource does not exist: Node(a) with error: <nil> resource does \
                 not exist: Node(b) with error: <nil>]",
            ),
            (
                "failed to apply 'Node' resource: [update conflict: Node(n) was changed by someone else]",
                "failed to apply 'Node' resource: [update conflict: Node(n)]",
            ),
            (
                "hit error: update conflict: Node(n): the file",
                "hit error: update conflict: Node(n)",
            ),
            (
                "resource type 'x' is not supported",
                "resource type 'x' is not supported",
            ),
        ] {
            assert_eq!(typed(own), theirs);
        }
    }
}
