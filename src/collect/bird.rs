//! BIRD over its control socket. Only `show` commands are ever sent.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use super::Options;
use crate::parse;
use crate::state::bird::{Bird, BirdConfig};
use crate::state::process::CalicoProcesses;
use crate::state::{Absence, Fact};

/// Where BIRD's sockets are: in calico-node, on the host with a distribution's BIRD, in snaps, and in rootless set-ups.
const DIRECTORIES: [&str; 6] = [
    "/var/run/calico",
    "/var/run/bird",
    "/run/calico",
    "/run/bird",
    "/run",
    "/var/snap/microk8s/current/var/run/calico",
];

/// A reply larger than this is no table of protocols.
const MAX_REPLY: usize = 256 << 20;

/// Asks the daemon for IPv4 and, if there is one of its own, the daemon for IPv6.
pub(super) async fn both(options: &Options, processes: Option<&CalicoProcesses>) -> (Fact<Bird>, Fact<Bird>) {
    let v4 = candidates("bird.ctl", options.bird_socket.as_deref(), processes, "bird");
    let bird = first_that_answers(&v4, options.timeout).await;
    if let Fact::Known(bird) = &bird
        && bird.speaks_both_families()
    {
        let why = "BIRD 2 and later speak IPv6 in the one daemon";
        return (Fact::Known(bird.clone()), Fact::absent(why));
    }
    let beside = options
        .bird_socket
        .as_ref()
        .map(|path| path.with_file_name("bird6.ctl"));
    let v6 = candidates("bird6.ctl", beside.as_deref(), processes, "bird6");
    (bird, first_that_answers(&v6, options.timeout).await)
}

/// The sockets to try: the one the user names, or what running daemons were started with and the known places.
fn candidates(
    file: &str,
    named: Option<&Path>,
    processes: Option<&CalicoProcesses>,
    daemon: &str,
) -> Vec<PathBuf> {
    if let Some(path) = named {
        return vec![path.to_owned()];
    }
    let mut paths: Vec<PathBuf> = processes
        .iter()
        .flat_map(|processes| &processes.bird)
        .filter(|process| process.program() == daemon)
        .filter_map(|process| process.argument("-s").map(PathBuf::from))
        .collect();
    paths.extend(DIRECTORIES.map(|directory| Path::new(directory).join(file)));
    let mut seen = Vec::new();
    // /var/run is often a link to /run: one socket, one try.
    paths.retain(|path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let new = !seen.contains(&real);
        seen.push(real);
        new
    });
    paths
}

async fn first_that_answers(paths: &[PathBuf], timeout: Duration) -> Fact<Bird> {
    let mut tried: Vec<String> = Vec::new();
    let mut failed: Option<(Absence, String)> = None;
    for path in paths {
        match ask(path, timeout).await {
            Ok(bird) => return Fact::Known(bird),
            Err(error) => {
                // A socket that is there but fails says more than ten that are not.
                if failed.is_none() && error.found {
                    failed = Some((error.absence, format!("{}: {}", path.display(), error.why)));
                }
                tried.push(path.display().to_string());
            }
        }
    }
    let none = || {
        (
            Absence::Missing,
            format!("no control socket; tried {}", tried.join(", ")),
        )
    };
    let (absence, why) = failed.unwrap_or_else(none);
    Fact::absent_as(absence, why)
}

struct Failure {
    /// There is a file of that name.
    found: bool,
    absence: Absence,
    why: String,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self {
            found: true,
            absence: Absence::Unreadable,
            why,
        }
    }
}

/// Asks one daemon for its router id and protocols.
async fn ask(path: &Path, timeout: Duration) -> Result<Bird, Failure> {
    let deadline = Instant::now() + timeout;
    let mut client = Client::connect(path, deadline, timeout).await?;
    // It runs, whatever it is: what reads this tells it from one that doesn't.
    let odd = |error: String| format!("BIRD did not answer as it should: {error}");
    let version = parse::bird::greeting(&client.reply().await?).map_err(|error| odd(error.to_string()))?;
    let status = client.query("show status").await?;
    let status = parse::bird::status(&status).map_err(|error| odd(format!("show status: {error}")))?;
    let protocols = client.query("show protocols all").await?;
    let protocols =
        parse::bird::protocols(&protocols).map_err(|error| odd(format!("show protocols all: {error}")))?;
    Ok(Bird {
        socket: path.display().to_string(),
        version,
        router_id: status.router_id,
        server_time: status.server_time,
        protocols,
        routes: None,
    })
}

struct Client {
    stream: BufReader<UnixStream>,
    deadline: Instant,
    timeout: Duration,
}

impl Client {
    async fn connect(path: &Path, deadline: Instant, timeout: Duration) -> Result<Self, Failure> {
        match timeout_at(deadline, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Ok(Self {
                stream: BufReader::with_capacity(64 << 10, stream),
                deadline,
                timeout,
            }),
            Ok(Err(error)) => Err(Failure {
                found: error.kind() != ErrorKind::NotFound,
                absence: if nobody_listens(path, &error) {
                    Absence::Missing
                } else {
                    Absence::Unreadable
                },
                why: connect_error(path, &error),
            }),
            Err(_) => Err(silent("accept the connection", timeout).into()),
        }
    }

    async fn query(&mut self, command: &str) -> Result<String, String> {
        let line = format!("{command}\n");
        match timeout_at(self.deadline, self.stream.get_mut().write_all(line.as_bytes())).await {
            Ok(Ok(())) => self.reply().await,
            Ok(Err(error)) => Err(format!("{command}: {error}")),
            Err(_) => Err(silent(command, self.timeout)),
        }
        .map_err(|why| {
            if why.contains(command) {
                why
            } else {
                format!("{command}: {why}")
            }
        })
    }

    /// Reads to the line that ends a reply. A connection closed before that gives what came, cut: the parser says so.
    async fn reply(&mut self) -> Result<String, String> {
        // One deadline around the whole, not one a line: a reply may have a hundred thousand.
        timeout_at(self.deadline, self.read_reply())
            .await
            .unwrap_or_else(|_| Err(silent("answer", self.timeout)))
    }

    async fn read_reply(&mut self) -> Result<String, String> {
        let mut reply = Vec::new();
        let mut line = 0;
        loop {
            let part = self.stream.fill_buf().await.map_err(|error| error.to_string())?;
            if part.is_empty() && reply.is_empty() {
                return Err("BIRD did not answer, but closed the connection".into());
            }
            let (part, before) = (part.len(), reply.len());
            reply.extend_from_slice(self.stream.buffer());
            let mut seen = before;
            let mut ended = part == 0;
            while let Some(length) = reply[seen..].iter().position(|byte| *byte == b'\n') {
                seen += length + 1;
                let start = std::mem::replace(&mut line, seen);
                if parse::bird::ends_reply(&reply[start..seen]) {
                    // What follows belongs to the next reply.
                    reply.truncate(seen);
                    ended = true;
                    break;
                }
            }
            self.stream.consume(reply.len() - before);
            if ended {
                return Ok(String::from_utf8(reply)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()));
            }
            if reply.len() > MAX_REPLY {
                return Err(format!(
                    "BIRD did not end its reply: it is longer than {MAX_REPLY} bytes"
                ));
            }
        }
    }
}

fn silent(what: &str, timeout: Duration) -> String {
    format!(
        "BIRD did not {what} within {} s: the daemon hangs or is stopped",
        timeout.as_secs_f32()
    )
}

fn connect_error(path: &Path, error: &Error) -> String {
    match error.kind() {
        // The kernel refuses those as it refuses a socket that nobody listens on.
        ErrorKind::ConnectionRefused if !is_socket(path) => "this is not a socket".into(),
        ErrorKind::ConnectionRefused => "nobody listens on this socket: BIRD is not running".into(),
        ErrorKind::PermissionDenied => {
            "permission denied: run as root, or as a user who may write to the socket".into()
        }
        ErrorKind::WouldBlock => {
            "BIRD did not accept the connection, and others wait for it: the daemon hangs or is stopped"
                .into()
        }
        _ => error.to_string(),
    }
}

/// Whether the error means that no daemon is there, rather than one that can't be asked.
fn nobody_listens(path: &Path, error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound => true,
        ErrorKind::ConnectionRefused => is_socket(path),
        _ => false,
    }
}

fn is_socket(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Reads the configuration that the running `bird` was started with, or the one confd writes for Calico.
pub(super) fn config(processes: Option<&CalicoProcesses>) -> Fact<BirdConfig> {
    let running = processes
        .into_iter()
        .flat_map(|processes| &processes.bird)
        .filter(|process| process.program() == "bird")
        .filter_map(|process| {
            let path = process.argument("-c")?;
            // In a container the path is below its own root.
            Some([format!("/proc/{}/root{path}", process.pid), path.to_owned()])
        })
        .flatten();
    let known = [
        "/etc/calico/confd/config/bird.cfg",
        "/etc/bird/bird.conf",
        "/etc/bird.conf",
    ];
    let mut failed = None;
    for path in running.chain(known.map(str::to_owned)) {
        match super::read(Path::new(&path)) {
            Ok(text) => return Fact::Known(parse::bird_config::bird_config(&text)),
            Err(error) => _ = failed.get_or_insert(error),
        }
    }
    Fact::absent(failed.unwrap_or_default())
}
