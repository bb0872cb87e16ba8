//! What runs on the other side: a line for its shell, in which netdiag's own input is the way to say "enough".

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Failure;
use crate::archive;
use crate::state::Snapshot;

/// The program that makes the snapshot on a node.
#[derive(Debug, Clone)]
pub enum Program {
    /// The node's own.
    Installed,
    /// This one, brought along: it comes in by the standard input, and is gone afterwards.
    Pushed(Arc<[u8]>),
    /// A shell script that comes in the same way, prints in its own form, and needs no netdiag there.
    Script {
        text: &'static str,
        read: fn(&[u8]) -> Result<Snapshot, String>,
    },
}

/// What tells the other side to stop. Closing its input would do, too, but kubelets before Kubernetes 1.30 can close
/// nothing but the whole connection, and what is on its way would be lost.
pub(super) const ENOUGH: &[u8] = b"\n";

/// What netdiag is asked on a node for its snapshot.
pub(super) const SNAPSHOT: [&str; 5] = ["snapshot", "save", "--only-node", "-o", "-"];

impl Program {
    /// The command line for a login shell, that runs netdiag with these words. In single quotes and without line breaks of
    /// its own, the script passes them all.
    pub(super) fn command(&self, sudo: bool, words: &[&str]) -> String {
        format!("exec sh -c '{}'", self.script(sudo, words).replace('\'', r"'\''"))
    }

    /// The same as words.
    pub(super) fn words(&self, words: &[&str]) -> Vec<String> {
        vec!["sh".to_owned(), "-c".to_owned(), self.script(false, words)]
    }

    /// While netdiag runs, another process reads the connection's input: a line is the word to stop ([`ENOUGH`]), and when
    /// it ends, whoever asked is gone. A trap takes what was brought along away again, however it ends.
    fn script(&self, sudo: bool, words: &[&str]) -> String {
        let words = words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" ");
        let sudo = if sudo { "sudo -n " } else { "" };
        let run = |program: &str| {
            format!(
                "exec 3<&0; {sudo}{program} </dev/null 3<&- & p=$!; \
                 {{ read -r x <&3; kill $p; }} >/dev/null 2>&1 & w=$!; exec 3<&-; \
                 wait $p; s=$?; kill $w 2>/dev/null; exit $s"
            )
        };
        match self {
            Self::Installed => run(&format!("netdiag {words}")),
            Self::Pushed(_) | Self::Script { .. } => {
                let size = self.input().len();
                let run = match self {
                    Self::Script { .. } => run("sh \"$d/netdiag\""),
                    _ => run(&format!("\"$d/netdiag\" {words}")),
                };
                format!(
                    "umask 077; d=$(mktemp -d \"${{TMPDIR:-/tmp}}/netdiag.XXXXXX\") || exit {NO_ROOM}; \
                     trap \"rm -rf \\\"\\$d\\\"\" EXIT; trap \"exit 129\" HUP INT TERM PIPE; \
                     head -c {size} >\"$d/netdiag\"; \
                     [ $(wc -c <\"$d/netdiag\") -eq {size} ] || exit {NO_ROOM}; chmod 700 \"$d/netdiag\"; {run}"
                )
            }
        }
    }

    /// What goes in before anything else.
    pub(super) fn input(&self) -> &[u8] {
        match self {
            Self::Installed => &[],
            Self::Pushed(program) => program,
            Self::Script { text, .. } => text.as_bytes(),
        }
    }

    /// What comes out, as a snapshot.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Snapshot, String> {
        match self {
            Self::Installed | Self::Pushed(_) => archive::read(bytes),
            Self::Script { read, .. } => read(bytes),
        }
    }
}

/// A word for a shell, as it is.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from('"');
    for character in word.chars() {
        if ['\\', '"', '$', '`'].contains(&character) {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

/// Exit status when the program could not be put down there (EX_CANTCREAT of sysexits(3)).
pub(super) const NO_ROOM: i32 = 73;
/// As shells have it.
pub(super) const NOT_EXECUTABLE: i32 = 126;
pub(super) const NOT_FOUND: i32 = 127;

/// Packed bytes that one node may send.
pub(super) const MAX_ANSWER: u64 = 512 << 20;
/// Bytes of complaints that are kept.
pub(super) const MAX_COMPLAINT: u64 = 64 << 10;

/// All of a stream, of which a part is kept: who writes must not be held up.
pub(super) async fn up_to(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream).take(limit).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    bytes
}

/// Why there is no answer, from the exit status of the script and what was said.
pub(super) fn explain(host: &str, code: i32, said: &str) -> Failure {
    match code {
        NOT_FOUND => {
            Failure::new(format!("netdiag is not installed on {host}")).hint("--push brings this one along")
        }
        NOT_EXECUTABLE => with(format!("netdiag can't be run on {host}"), said).hint(
            "another kind of machine, or a directory for temporary files without the right to run programs",
        ),
        NO_ROOM => with(format!("netdiag could not be copied to {host}"), said),
        code => with(format!("netdiag on {host} ended with {code}"), said),
    }
}

/// What failed, with what was said.
pub(super) fn with(what: String, said: &str) -> Failure {
    let said = complaint(said);
    Failure::new(if said.is_empty() {
        what
    } else {
        format!("{what}: {said}")
    })
}

/// The line that says most: an error, else the last that is no banner.
fn complaint(said: &str) -> String {
    const LONGEST: usize = 300;
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Warning: Permanently added"))
        .collect();
    let error = lines.iter().find(|line| line.starts_with("error:"));
    let line = error.or(lines.last()).copied().unwrap_or_default();
    let line = line
        .trim_start_matches("error:")
        .trim_start_matches("ssh:")
        .trim();
    line.chars()
        .filter(|character| !character.is_control())
        .take(LONGEST)
        .collect()
}
