//! By the system's own `ssh`, so that its configuration, keys, agents and jump hosts count.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::remote::{NO_ROOM, NOT_EXECUTABLE, NOT_FOUND};
use super::{Answer, Failure, Program, Target, the_node};

/// Packed bytes that one node may send.
const MAX_ANSWER: u64 = 512 << 20;
/// Bytes of complaints that are kept.
const MAX_COMPLAINT: u64 = 64 << 10;
/// ssh's own failures.
const SSH_FAILED: i32 = 255;

/// How to get to nodes.
#[derive(Debug, Clone)]
pub struct Ssh {
    pub user: Option<String>,
    pub sudo: bool,
    pub program: Program,
    /// How long a connection may take.
    pub connect: Duration,
}

/// One try ended without a snapshot.
enum Miss {
    /// The host means nothing to ssh: another one may.
    UnknownHost(Failure),
    Other(Failure),
}

impl Ssh {
    /// Asks one node.
    pub async fn ask(&self, target: &Target) -> Answer {
        let mut first = None;
        for host in &target.hosts {
            match self.ask_host(host).await {
                Ok(bytes) => return the_node(&bytes, host),
                Err(Miss::Other(failure)) => return Err(failure),
                Err(Miss::UnknownHost(failure)) => {
                    first.get_or_insert(failure);
                }
            }
        }
        Err(first.unwrap_or_else(|| Failure::new("no address is known")))
    }

    /// The arguments of ssh.
    pub(super) fn arguments(&self, host: &str) -> Vec<String> {
        let seconds = self.connect.as_secs().max(1);
        let mut arguments: Vec<String> = ["-T", "-o", "BatchMode=yes", "-o"].map(str::to_owned).into();
        arguments.push(format!("ConnectTimeout={seconds}"));
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        arguments.extend(["--".to_owned(), host.to_owned(), self.program.command(self.sudo)]);
        arguments
    }

    async fn ask_host(&self, host: &str) -> Result<Vec<u8>, Miss> {
        let mut child = Command::new("ssh")
            .args(self.arguments(host))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Miss::Other(
                    Failure::new(format!("ssh: {error}")).hint("install OpenSSH's client on this machine"),
                )
            })?;
        // Kept open till the answer is there: its end tells the other side to stop.
        let mut stdin = child.stdin.take();
        let feed = async {
            if let Some(stdin) = &mut stdin {
                // A side that doesn't want it says why by its exit status.
                let _ = stdin.write_all(self.program.input()).await;
                let _ = stdin.flush().await;
            }
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ((), answer, complaint, status) = tokio::join!(
            feed,
            up_to(stdout, MAX_ANSWER),
            up_to(stderr, MAX_COMPLAINT),
            ended(&mut child)
        );
        drop(stdin);
        let code = status.map_err(|error| Miss::Other(Failure::new(format!("ssh: {error}"))))?;
        if code == Some(0) {
            return match answer.len() as u64 {
                MAX_ANSWER.. => Err(Miss::Other(Failure::new(format!(
                    "{host} answered with more than {MAX_ANSWER} bytes"
                )))),
                _ => Ok(answer),
            };
        }
        Err(miss(host, code, &String::from_utf8_lossy(&complaint)))
    }
}

async fn ended(child: &mut Child) -> std::io::Result<Option<i32>> {
    child.wait().await.map(|status| status.code())
}

/// All of a stream, of which a part is kept: who writes must not be held up.
async fn up_to(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream).take(limit).read_to_end(&mut bytes).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    bytes
}

/// Why there is no answer, from the exit status and what was said.
pub(super) fn explain(host: &str, code: Option<i32>, said: &str) -> Failure {
    let said = complaint(said);
    let with = |what: String| {
        if said.is_empty() {
            Failure::new(what)
        } else {
            Failure::new(format!("{what}: {said}"))
        }
    };
    match code {
        None => with(format!("ssh to {host} was killed")),
        Some(SSH_FAILED) => {
            let failure = with(format!("ssh to {host}"));
            if said.contains("Permission denied") {
                failure.hint("keys must be in ~/.ssh or an agent: netdiag never asks for passwords; --ssh-user names the user")
            } else if said.contains("Host key verification failed") {
                failure.hint("connect once by hand, and look at the key: ssh HOST")
            } else if is_unknown_host(&said) {
                failure.hint("name its address: --host NODE=ADDRESS")
            } else {
                failure
            }
        }
        Some(NOT_FOUND) => {
            Failure::new(format!("netdiag is not installed on {host}")).hint("--push brings this one along")
        }
        Some(NOT_EXECUTABLE) => with(format!("netdiag can't be run on {host}")).hint(
            "another kind of machine, or a directory for temporary files without the right to run programs",
        ),
        Some(NO_ROOM) => with(format!("netdiag could not be copied to {host}")),
        Some(code) => with(format!("netdiag on {host} ended with {code}")),
    }
}

fn miss(host: &str, code: Option<i32>, said: &str) -> Miss {
    let failure = explain(host, code, said);
    if code == Some(SSH_FAILED) && is_unknown_host(said) {
        Miss::UnknownHost(failure)
    } else {
        Miss::Other(failure)
    }
}

fn is_unknown_host(said: &str) -> bool {
    said.contains("Could not resolve hostname")
}

/// The lines that say most, as one: errors, else the last that is no banner.
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
