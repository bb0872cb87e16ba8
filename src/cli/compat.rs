//! What scripts of calicoctl see when netdiag is called by its name, or as kubectl's plugin: the words of v3.32.1, and
//! where they stand. Everywhere else, netdiag uses its own.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Context, Error};
use crate::calico::kind::Kind;
use crate::calico::manifest::Problem;
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
    text
}

/// What is left to say when manifests are wrong: the first of it.
pub(super) fn invalid(problems: &[Problem]) -> Error {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    Error::new(format!("failed to execute command: {first}"))
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
