//! `--node`: the same capture on another host, by the system's `ssh`.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Args, Error, Outcome};
use crate::cli::{files, signals};

/// Between two looks whether to stop.
const PAUSE: Duration = Duration::from_millis(50);
/// What ssh itself ends with.
const SSH_FAILED: i32 = 255;

/// Runs this command line on a node, without `--node`; what is written comes here. When this end goes, the capture there
/// ends as with Ctrl-C.
pub(super) fn run(args: &Args, node: &str, words: impl Iterator<Item = String>) -> Result<Outcome, Error> {
    if args.file.rotates() {
        return Err(Error::new("files of another node are not rotated here")
            .hint("rotate them there: ssh NODE netdiag capture -C …"));
    }
    let mut words = without_node(words);
    let stdout = match args.file.write.as_deref() {
        Some(path) if !files::is_stdout(path) => {
            to_stdout(&mut words, path);
            let file = File::create(path);
            Stdio::from(file.map_err(|error| Error::new(format!("{}: {error}", path.display())))?)
        }
        _ => Stdio::inherit(),
    };
    signals::watch()?;
    let mut child = Command::new("ssh")
        .args(["-T", "-o", "BatchMode=yes", "--", node])
        .arg(script(&words))
        .stdin(Stdio::piped())
        .stdout(stdout)
        .spawn()
        .map_err(|error| {
            Error::new(format!("ssh: {error}")).hint("install OpenSSH's client on this machine")
        })?;
    let mut stdin = child.stdin.take();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if signals::stopped() {
            stdin = None;
        }
        thread::sleep(PAUSE);
    };
    drop(stdin);
    match status.code() {
        Some(0) => Ok(Outcome::Good),
        Some(2) => Ok(Outcome::Findings),
        Some(SSH_FAILED) => Err(Error::new(format!("{node} was not reached by ssh"))),
        Some(127) => Err(Error::new(format!("{node} has no netdiag")).hint("install it there, or capture with tcpdump and read the file: ssh NODE tcpdump -w - | netdiag capture -r -")),
        _ => Err(Error::new(format!("the capture on {node} failed"))),
    }
}

/// What the node's shell runs: a capture that is ended when its input ends. What a shell runs in the background ignores
/// SIGINT, and reads nothing unless told.
fn script(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!(
        "exec 3<&0; netdiag capture {} </dev/null 3<&- & pid=$!; \
         (cat <&3 >/dev/null; kill -TERM $pid) 2>/dev/null >/dev/null & \
         wait $pid; status=$?; kill $! 2>/dev/null; exit $status",
        words.join(" ")
    )
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The words behind `capture`, without the node.
fn without_node(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words = words.skip_while(|word| word != "capture").skip(1);
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "--node" {
            words.next();
        } else if !word.starts_with("--node=") {
            kept.push(word);
        }
    }
    kept
}

/// Puts standard output in the place of the file that is written.
fn to_stdout(words: &mut [String], path: &Path) {
    let path = path.to_string_lossy();
    for word in words {
        if let Some(before) = word.strip_suffix(path.as_ref())
            && ["", "-w", "--write="].contains(&before)
        {
            *word = format!("{before}-");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_same_words_run_there() {
        let own = words("netdiag --color never capture --node n2 -i eth0 -w /tmp/x.pcap tcp");
        let mut there = without_node(own.into_iter());
        to_stdout(&mut there, Path::new("/tmp/x.pcap"));
        assert_eq!(there, words("-i eth0 -w - tcp"));
        assert_eq!(
            without_node(words("netdiag capture --node=n2 -i any").into_iter()),
            words("-i any")
        );
    }

    #[test]
    fn no_word_is_read_by_the_shell() {
        assert_eq!(quoted("it's $(x)"), "'it'\\''s $(x)'");
    }
}
