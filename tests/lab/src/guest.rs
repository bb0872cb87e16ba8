//! A guest: another kernel, for links that this machine's kernel may not have (ipip, gre, geneve, vlan, vrf, IPVS …).
//!
//! It is User Mode Linux, from Debian's package `user-mode-linux`: a kernel that runs as a process and needs neither
//! /dev/kvm nor a disk. It sees this machine's files, keeps what is written in memory, runs one command as root and
//! ends. It has no link but `lo` and what labs make.
//!
//! A test of what needs it is marked `#[ignore]`, and one test of the same binary runs all of those by [`tests`].

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use nix::unistd::geteuid;

use crate::{Error, Result, unpacked};

/// Memory of the guest, in MiB; only what it uses is taken.
const MEMORY: u32 = 1536;

/// What the first process says of the command's end.
const EXIT: &str = "guest: exit ";

/// Makes namespaces in which nothing of the guest outlives it. The kernel keeps its memory in a file that must be
/// executable: /dev/shm may be too small for it, or not be so.
const START: &str = r#"
mount -t tmpfs -o size="$1m" tmpfs /dev/shm
shift
cd /dev/shm
TMPDIR=/dev/shm "$@"
exit $?
"#;

/// Set in the guest.
const INSIDE: &str = "NETDIAG_GUEST";

/// Whether this process runs in a guest.
pub fn inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs the tests of this binary that are ignored and have one of these `names` in theirs, in a guest, side by side.
///
/// # Errors
/// [`Error::Skip`] where there can be no guest. What the tests printed, when one failed, or none ran.
pub fn tests(names: &[&str], within: Duration) -> Result<()> {
    let binary = env::current_exe().map_err(Error::io("this program"))?;
    let mut words = vec![binary.to_string_lossy().into_owned()];
    words.extend(names.iter().map(|&name| name.to_owned()));
    words.extend(["--ignored", "--test-threads=4", "--color=never"].map(str::to_owned));
    let mut said = String::new();
    let code = run(&words, within, |line| {
        said += line;
        said.push('\n');
    })?;
    let ran = said.contains("test result: ok.") && !said.contains("running 0 tests");
    if code == 0 && ran {
        return Ok(());
    }
    Err(Error::failed(format!("in the guest (exit {code}):\n{said}")))
}

/// Boots a guest, runs the command, gives each line that it printed to `line`, and its exit status back.
///
/// # Errors
/// [`Error::Skip`] where there can be no guest; that it didn't end `within` that time, with its last lines.
pub fn run(words: &[String], within: Duration, mut line: impl FnMut(&str)) -> Result<i32> {
    let mut child = boot(words)?;
    let lines = lines(&mut child);
    let deadline = Instant::now() + within;
    let (mut code, mut last) = (None, Vec::new());
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(text) => {
                if let Some(number) = text.strip_prefix(EXIT) {
                    code = number.parse().ok();
                    continue;
                }
                line(&text);
                last.push(text);
                if last.len() > 60 {
                    last.remove(0);
                }
            }
            Err(ended) => {
                // Everything of it dies with this one.
                let _ = child.kill();
                let _ = child.wait();
                return match (code, ended) {
                    (Some(code), _) => Ok(code),
                    (None, mpsc::RecvTimeoutError::Timeout) => Err(Error::failed(format!(
                        "the guest did not end within {within:?}:\n{}",
                        last.join("\n")
                    ))),
                    (None, mpsc::RecvTimeoutError::Disconnected) => {
                        Err(Error::failed(format!("the guest died:\n{}", last.join("\n"))))
                    }
                };
            }
        }
    }
}

fn boot(words: &[String]) -> Result<Child> {
    if inside() {
        return Err(Error::failed("a guest in a guest"));
    }
    if !geteuid().is_root() {
        return Err(Error::Skip("a guest needs namespaces: that needs root".into()));
    }
    let kernel = unpacked("user-mode-linux", "usr/bin/linux.uml")?;
    let modules = unpacked("user-mode-linux", "usr/lib/uml/modules")?;
    let busybox = unpacked("busybox-static", "bin/busybox")?;
    let run = STANDARD.encode(command(words));
    Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--",
        ])
        .args(["sh", "-euc", START, "sh", &(MEMORY + 64).to_string(), &kernel])
        .arg(format!("mem={MEMORY}M"))
        .args([
            "rootfstype=hostfs",
            "hostfs=/",
            "root=98:0",
            "ro",
            "loglevel=2",
            "panic=-1",
        ])
        .args(["con=null", "con0=fd:0,fd:1", "uml_dir=/dev/shm"])
        .arg(concat!("init=", env!("CARGO_MANIFEST_DIR"), "/guest/init"))
        .args([
            format!("run={run}"),
            format!("modules={modules}"),
            format!("busybox={busybox}"),
        ])
        .env_clear()
        .env("PATH", crate::spawn::SEARCH_PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("setpriv"))
}

/// The command as a script for the shell; settings that tests know go with it.
fn command(words: &[String]) -> String {
    let settings = env::vars()
        .filter(|(name, _)| name.starts_with("NETDIAG_") || name == "CI")
        .map(|(name, value)| format!("{name}={}", quoted(&value)));
    let settings: Vec<_> = std::iter::once(format!("{INSIDE}=1")).chain(settings).collect();
    let directory =
        env::current_dir().map_or_else(|_| "/".into(), |path| path.to_string_lossy().into_owned());
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    format!(
        "export {}\ncd {}\nexec {}\n",
        settings.join(" "),
        quoted(&directory),
        words.join(" ")
    )
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Lines of its console, without what terminals need at their ends.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let Some(stdout) = stdout else { return };
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
