//! The recorded commands of calicoctl, given to netdiag on a real etcd: the same answers, or a reason.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::Etcd;

const RECORDED: &str = include_str!("../../fixtures/calicoctl/v3.32.1.txt");

/// What may differ, and why: numbers of commands.
struct Difference {
    why: &'static str,
    commands: &'static [u32],
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The words on standard error.
    Words,
    /// Those, and standard output.
    Output,
    /// All, exit status too.
    All,
    /// Not run, since it would leave other objects behind.
    Skipped,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "usage errors are clap's",
        commands: &[8, 9, 10, 300, 370],
        what: What::Words,
    },
    Difference {
        why: "netdiag knows CalicoNodeStatus and IPAMConfiguration, as calicoctl does from 3.33 on",
        commands: &[
            28, 29, 86, 87, 96, 97, 154, 155, 156, 157, 158, 159, 160, 161, 260,
        ],
        what: What::All,
    },
    Difference {
        why: "netdiag reads the v1 form of old articles",
        commands: &[51, 52],
        what: What::Skipped,
    },
    Difference {
        why: "calicoctl panics",
        commands: &[146, 147, 183, 188, 199, 204, 252],
        what: What::All,
    },
    Difference {
        why: "netdiag shows several resources of a kind in one table",
        commands: &[209],
        what: What::Output,
    },
    Difference {
        why: "netdiag's --export works on lists as well",
        commands: &[220],
        what: What::Output,
    },
    Difference {
        why: "netdiag's get all",
        commands: &[261],
        what: What::All,
    },
    Difference {
        why: "the order of the headings is random in calicoctl",
        commands: &[263, 268],
        what: What::Words,
    },
    Difference {
        why: "errors of templates have a line, not Go's words",
        commands: &[271, 272, 275, 276],
        what: What::Words,
    },
    Difference {
        why: "-o=wide is -o wide to clap",
        commands: &[277],
        what: What::All,
    },
    Difference {
        why: "netdiag does JSON patches, and refuses unknown types",
        commands: &[284, 288],
        what: What::Skipped,
    },
    Difference {
        why: "what is invalid is told with file, line and field, and all at once",
        commands: &[
            286, 287, 290, 306, 342, 344, 345, 346, 348, 350, 351, 353, 354, 355, 361, 362, 363,
        ],
        what: What::Words,
    },
    Difference {
        why: "namespaces name the file",
        commands: &[326, 368],
        what: What::Words,
    },
];

#[derive(Default)]
struct Recorded {
    number: u32,
    command: String,
    stdin: String,
    stdout: String,
    stderr: String,
    status: i32,
}

fn recorded() -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    let mut part = "";
    for line in RECORDED.lines() {
        if let Some(number) = line.strip_prefix("==== ") {
            all.push(Recorded {
                number: number.parse().unwrap(),
                ..Recorded::default()
            });
            part = "";
            continue;
        }
        let current = all.last_mut().unwrap();
        match line {
            "--- stdin" | "--- stdout" | "--- stderr" => part = line,
            _ if line.starts_with("--- rc=") => current.status = line["--- rc=".len()..].parse().unwrap(),
            _ if part.is_empty() => line["$ calicoctl ".len()..].clone_into(&mut current.command),
            _ => {
                let text = match part {
                    "--- stdin" => &mut current.stdin,
                    "--- stdout" => &mut current.stdout,
                    _ => &mut current.stderr,
                };
                text.push_str(line.trim_end_matches("<no newline>"));
                text.push('\n');
            }
        }
    }
    all
}

/// Without what is new at each run, and blanks at ends.
fn normal(text: &str) -> String {
    let volatile = [
        (
            r#"("?(?:uid|creationTimestamp|resourceVersion|clusterGUID)"?: ).*"#,
            "${1}_",
        ),
        (r"\b[0-9a-f]{32}\b", "________________________________"),
    ];
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let text = lines.join("\n").trim_matches('\n').to_owned();
    volatile.iter().fold(text, |text, (pattern, with)| {
        regex::Regex::new(pattern)
            .unwrap()
            .replace_all(&text, *with)
            .into_owned()
    })
}

/// The words of a command: those in quotes are one.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in command.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

#[test]
fn the_commands_recorded_from_calicoctl_get_the_same_answers() {
    let Some(etcd) = Etcd::start() else { return };
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/calicoctl/files");
    let mut wrong = String::new();
    let mut same = 0;
    for recorded in recorded() {
        let accepted = DIFFERENCES
            .iter()
            .find(|difference| difference.commands.contains(&recorded.number));
        let what = accepted.map(|difference| difference.what);
        if what == Some(What::Skipped) {
            continue;
        }
        let (arguments, stdin) = match recorded.command.split_once(" < ") {
            Some((arguments, file)) => (arguments, std::fs::read_to_string(files.join(file)).unwrap()),
            None => (recorded.command.as_str(), recorded.stdin.clone()),
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_netdiag"))
            .arg0("calicoctl")
            .args(words(arguments))
            .current_dir(&files)
            .env_clear()
            .env("ETCD_ENDPOINTS", etcd.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Not every command reads it.
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).ok();
        let output = child.wait_with_output().unwrap();
        let (stdout, stderr) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        let told = &recorded.stderr;
        let same_status = output.status.code() == Some(recorded.status);
        let same_stdout = normal(&stdout) == normal(&recorded.stdout);
        let same_words = told.lines().all(|line| stderr.contains(line.trim()));
        let right = match what {
            None => same_status && same_stdout && same_words,
            Some(What::Words) => same_status && same_stdout,
            Some(What::Output) => same_status,
            Some(What::All | What::Skipped) => true,
        };
        if right {
            same += usize::from(what.is_none());
        } else {
            write!(
                wrong,
                "==== {} {}\nstatus {:?}, recorded {}\n--- stdout\n{}\n--- recorded\n{}\n--- stderr\n{stderr}\n--- recorded\n{}\n",
                recorded.number,
                recorded.command,
                output.status.code(),
                recorded.status,
                normal(&stdout),
                normal(&recorded.stdout),
                recorded.stderr,
            )
            .unwrap();
        }
        // A difference that is gone is to be taken off the list.
        if let Some(difference) = accepted
            && same_status
            && same_stdout
            && same_words
            && recorded.number != 268
        {
            writeln!(
                wrong,
                "==== {} is the same, and yet: {}",
                recorded.number, difference.why
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(same > 250, "only {same} commands were the same");
}
