//! By the system's own `ssh`, so that its configuration, keys, agents and jump hosts count.

use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::relay::{Ends, Relay};
use super::remote::{
    self, MAX_ANSWER, MAX_COMPLAINT, NO_ROOM, NOT_EXECUTABLE, NOT_FOUND, SNAPSHOT, up_to, with,
};
use super::{Answer, Failure, Program, Target, the_node};

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
                Ok(bytes) => return the_node(&self.program, &bytes, host),
                Err(Miss::Other(failure)) => return Err(failure),
                Err(Miss::UnknownHost(failure)) => {
                    first.get_or_insert(failure);
                }
            }
        }
        Err(first.unwrap_or_else(|| Failure::new("no address is known")))
    }

    /// The arguments of ssh.
    pub(super) fn arguments(&self, host: &str, words: &[&str]) -> Vec<String> {
        let seconds = self.connect.as_secs().max(1);
        let mut arguments: Vec<String> = ["-T", "-o", "BatchMode=yes", "-o"].map(str::to_owned).into();
        arguments.push(format!("ConnectTimeout={seconds}"));
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        arguments.extend([
            "--".to_owned(),
            host.to_owned(),
            self.program.command(self.sudo, words),
        ]);
        arguments
    }

    fn start(&self, host: &str, words: &[&str]) -> Result<Child, Failure> {
        Command::new("ssh")
            .args(self.arguments(host, words))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Failure::new(format!("ssh: {error}")).hint("install OpenSSH's client on this machine")
            })
    }

    /// Runs netdiag with these words on a node; see [`super::Way::run`].
    pub(super) async fn run(
        &self,
        target: &Target,
        words: &[&str],
        relay: &mut Relay<'_>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<i32, Failure> {
        let mut first = None;
        for host in &target.hosts {
            let mut child = self.start(host, words)?;
            let ends = Ends {
                input: child.stdin.take(),
                output: child.stdout.take(),
                complaints: child.stderr.take(),
            };
            let (status, said) = relay
                .until(ends, self.program.input(), stop.as_mut(), ended(&mut child))
                .await?;
            let code = status.map_err(|error| Failure::new(format!("ssh: {error}")))?;
            match code {
                Some(code) if ![SSH_FAILED, NO_ROOM, NOT_EXECUTABLE, NOT_FOUND].contains(&code) => {
                    return Ok(code);
                }
                _ => match miss(host, code, &said) {
                    Miss::Other(failure) => return Err(failure),
                    Miss::UnknownHost(failure) => {
                        first.get_or_insert(failure);
                    }
                },
            }
        }
        Err(first.unwrap_or_else(|| Failure::new("no address is known")))
    }

    async fn ask_host(&self, host: &str) -> Result<Vec<u8>, Miss> {
        let mut child = self.start(host, &SNAPSHOT).map_err(Miss::Other)?;
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

/// Why there is no answer, from the exit status and what was said.
pub(super) fn explain(host: &str, code: Option<i32>, said: &str) -> Failure {
    match code {
        None => with(format!("ssh to {host} was killed"), said),
        Some(SSH_FAILED) => {
            let failure = with(format!("ssh to {host}"), said);
            if said.contains("Permission denied") {
                failure.hint("netdiag never asks for passwords: keys must be in ~/.ssh or an agent; --ssh-user names the user")
            } else if said.contains("Host key verification failed") {
                failure.hint("connect once by hand, and look at the key: ssh HOST")
            } else if is_unknown_host(said) {
                failure.hint("name its address: --host NODE=ADDRESS")
            } else {
                failure
            }
        }
        Some(code) => remote::explain(host, code, said),
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
