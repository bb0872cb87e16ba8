//! What scripts of calicoctl see when netdiag is called by its name, or as kubectl's plugin: the words of v3.32.1, and
//! where they stand. Everywhere else, netdiag uses its own.

mod fields;

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Context, Error, kinds};
use crate::calico::kind::Kind;
use crate::calico::manifest::{Problem, Subject};
use crate::calico::release::Release;
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
    // An API server's 403 and 401: calicoctl names no endpoint.
    for (words, theirs) in [(NOT_ALLOWED, ""), (UNKNOWN_USER, "Unauthorized")] {
        if let Some(at) = text.find(words) {
            let endpoint = text[..at].rfind("http").unwrap_or(at);
            let theirs = format!("connection is unauthorized: {theirs}");
            text.replace_range(endpoint..at + words.len(), &theirs);
            text = text.replace(ASK_KUBECTL, "");
        }
    }
    text
}

/// What netdiag says of a user whom the API server doesn't know.
const UNKNOWN_USER: &str =
    ": log in: the API server doesn't know this user: token or certificate is missing, wrong or expired";
/// What netdiag says of a request that a user may not make, before and after the API server's words.
const NOT_ALLOWED: &str = ": request: not allowed: ";
const ASK_KUBECTL: &str = "; see kubectl auth can-i --list for what this user may do";

/// A resource whose fields are wrong: calicoctl refuses it, and goes on with the others of its file.
pub(super) struct Refused {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// How many valid resources stand before it.
    pub(super) before: usize,
    pub(super) why: String,
}

/// Those whose fields are wrong; nothing, where calicoctl could not read the file at all.
pub(super) fn refused(problems: &[Problem]) -> Option<Vec<Refused>> {
    let mut resources: Vec<(&Subject, &str, Vec<String>)> = Vec::new();
    for problem in problems {
        let (of, text) = (problem.of.as_ref()?, fields::told(problem)?);
        let same = |(last, file, _): &&mut (&Subject, &str, _)| {
            (last.resource, *file) == (of.resource, problem.file.as_str())
        };
        match resources.last_mut().filter(same) {
            Some((.., texts)) => texts.push(text),
            None => resources.push((of, &problem.file, vec![text])),
        }
    }
    let refused = resources.into_iter().map(|(of, _, texts)| Refused {
        kind: of.kind,
        namespace: of.namespace.clone(),
        name: of.name.clone(),
        before: of.before,
        why: of_fields(&texts),
    });
    Some(refused.collect())
}

/// What is left to say when no manifest is right: what calicoctl would say of their fields, or the first of it.
pub(super) fn invalid(problems: &[Problem], verb: Option<&str>) -> Error {
    let (Some(verb), Some(refused)) = (verb, refused(problems)) else {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        return Error::new(format!("failed to execute command: {first}"));
    };
    let of_kind = kinds::in_words(refused.iter().map(|one| one.kind));
    let what = if refused.len() == 1 {
        format!("{of_kind}resource")
    } else {
        format!("any {of_kind}resources")
    };
    Error::new(format!("failed to {verb} {what}: [{}]", reasons(&refused)))
}

/// Whether calicoctl's `apply` and `validate` tell how many were right: not where as many were wrong.
pub(super) const fn is_partial(right: usize, wrong: usize) -> bool {
    right > wrong
}

/// Why each is refused, as calicoctl lists it.
pub(super) fn reasons(refused: &[Refused]) -> String {
    let reasons: Vec<&str> = refused.iter().map(|one| one.why.as_str()).collect();
    reasons.join(" ")
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
                "failed to apply 'Tier' resource: [https://[::1]:6443: request: not allowed: tiers is forbidden; see kubectl \
                 auth can-i --list for what this user may do]",
                "failed to apply 'Tier' resource: [connection is unauthorized: tiers is forbidden]",
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
