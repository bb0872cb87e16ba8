//! What runs on the other side: a line for its shell, in which netdiag's own input is the way to say "enough".

use std::sync::Arc;

/// The program that makes the snapshot on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The node's own.
    Installed,
    /// This one, brought along: it comes in by the standard input, and is gone afterwards.
    Pushed(Arc<[u8]>),
}

/// What netdiag is asked on a node.
const ARGUMENTS: &str = "snapshot save --only-node -o -";

impl Program {
    /// The command line for a shell. It has no single quotes and no line breaks, and so passes every login shell.
    ///
    /// While netdiag runs, another process reads the connection's input: when that ends, whoever asked is gone, and
    /// netdiag is stopped. A trap takes what was brought along away again, however it ends.
    pub(super) fn command(&self, sudo: bool) -> String {
        let sudo = if sudo { "sudo -n " } else { "" };
        let run = |program: &str| {
            format!(
                "exec 3<&0; {sudo}{program} {ARGUMENTS} </dev/null 3<&- & p=$!; \
                 {{ cat <&3; kill $p; }} >/dev/null 2>&1 & w=$!; exec 3<&-; \
                 wait $p; s=$?; kill $w 2>/dev/null; exit $s"
            )
        };
        let script = match self {
            Self::Installed => run("netdiag"),
            Self::Pushed(program) => {
                let size = program.len();
                format!(
                    "umask 077; d=$(mktemp -d \"${{TMPDIR:-/tmp}}/netdiag.XXXXXX\") || exit {NO_ROOM}; \
                     trap \"rm -rf \\\"\\$d\\\"\" EXIT; trap \"exit 129\" HUP INT TERM PIPE; \
                     head -c {size} >\"$d/netdiag\"; \
                     [ $(wc -c <\"$d/netdiag\") -eq {size} ] || exit {NO_ROOM}; chmod 700 \"$d/netdiag\"; {}",
                    run("\"$d/netdiag\"")
                )
            }
        };
        format!("exec sh -c '{script}'")
    }

    /// What goes in before anything else.
    pub(super) fn input(&self) -> &[u8] {
        match self {
            Self::Installed => &[],
            Self::Pushed(program) => program,
        }
    }
}

/// Exit status when the program could not be put down there (EX_CANTCREAT of sysexits(3)).
pub(super) const NO_ROOM: i32 = 73;
/// As shells have it.
pub(super) const NOT_EXECUTABLE: i32 = 126;
pub(super) const NOT_FOUND: i32 = 127;
