//! An API server that lets clients exec into pods: their commands are really run, over a WebSocket as kubelets have it
//! (RFC 6455; subprotocols `v4.channel.k8s.io` and `v5.channel.k8s.io`, kubernetes `pkg/kubelet/server`).

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket, handshake};

use crate::{Error, Result};

/// Channels of a message, its first byte.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// Of `v5`: the channel that follows is closed.
const CLOSE: u8 = 255;
/// Between two looks for a client.
const PAUSE: Duration = Duration::from_millis(10);

/// Which subprotocol a server speaks.
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    /// Input ends only with the connection (before Kubernetes 1.30).
    V4,
    /// Channels are closed one by one.
    V5,
}

impl Protocol {
    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }
}

/// What is asked to run in a container.
#[derive(Debug, Clone)]
pub struct Exec {
    /// `NAMESPACE/POD/CONTAINER`
    pub place: String,
    pub words: Vec<String>,
}

/// What a server answers with.
pub trait Pods: Send + Sync + 'static {
    /// The object or list at a path; none is "404 Not Found".
    fn document(&self, path: &str) -> Option<Value>;

    /// What is run for a client.
    ///
    /// # Errors
    /// What a container's runtime says that can't start it.
    fn command(&self, exec: &Exec) -> std::result::Result<Command, String>;
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Kubelet {
    /// Answers whoever connects to the listener.
    ///
    /// # Errors
    /// The listener can't be asked.
    pub fn start(listener: TcpListener, protocol: Protocol, pods: impl Pods) -> Result<Self> {
        let address = listener.local_addr().map_err(Error::io("listener"))?;
        listener.set_nonblocking(true).map_err(Error::io("listener"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, pods) = (stop.clone(), Arc::new(pods));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(PAUSE);
                    continue;
                };
                let pods = pods.clone();
                thread::spawn(move || {
                    let blocks = stream.set_nonblocking(false).is_ok();
                    while blocks && serve(&stream, protocol, &*pods).is_some() {}
                });
            }
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It doesn't panic.
            let _ = thread.join();
        }
    }
}

/// Answers one request; none when the connection is over.
fn serve(stream: &TcpStream, protocol: Protocol, pods: &dyn Pods) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    let headers: HashMap<String, String> = lines
        .map_while(io::Result::ok)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.to_owned()))
        })
        .collect();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let Some(exec) = exec_of(path, query) else {
        let missing = || json!({"kind": "Status", "message": "not here", "code": 404});
        let document = pods.document(path);
        let status = if document.is_some() {
            "200 OK"
        } else {
            "404 Not Found"
        };
        return respond(stream, status, &document.unwrap_or_else(missing));
    };
    match pods.command(&exec).and_then(|mut command| {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn();
        child.map_err(|error| error.to_string())
    }) {
        Ok(child) => run(stream, &headers, protocol, child)?,
        Err(why) => {
            let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500,
                "reason": "InternalError", "message": why});
            respond(stream, "500 Internal Server Error", &body)?;
        }
    }
    None
}

fn respond(mut stream: &TcpStream, status: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()
}

/// `/api/v1/namespaces/NAMESPACE/pods/POD/exec?container=C&command=WORD&command=WORD…`
fn exec_of(path: &str, query: &str) -> Option<Exec> {
    let place = path
        .strip_prefix("/api/v1/namespaces/")?
        .strip_suffix("/exec")?
        .replace("/pods/", "/");
    let all = |name: &'static str| {
        query.split('&').filter_map(move |pair| {
            let (key, value) = pair.split_once('=')?;
            let value = value.replace('+', " ");
            (key == name).then(|| percent_decode_str(&value).decode_utf8_lossy().into_owned())
        })
    };
    let container = all("container").next().unwrap_or_default();
    Some(Exec {
        place: format!("{place}/{container}"),
        words: all("command").collect(),
    })
}

/// Carries what a client and a process tell each other; like a kubelet, it leaves the process alone when the client goes,
/// but for the end of its input.
fn run(
    mut stream: &TcpStream,
    headers: &HashMap<String, String>,
    protocol: Protocol,
    mut child: std::process::Child,
) -> Option<()> {
    let key = handshake::derive_accept_key(headers.get("sec-websocket-key")?.as_bytes());
    let wanted = headers.get("sec-websocket-protocol")?;
    let mut wanted = wanted.split(',').map(str::trim);
    let protocol = wanted.find(|wanted| *wanted == protocol.name())?;
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {key}\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let socket = || {
        Some(WebSocket::from_raw_socket(
            stream.try_clone().ok()?,
            Role::Server,
            None,
        ))
    };
    let (reader, writer) = (socket()?, Mutex::new(socket()?));
    let (input, output, complaints) = (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
    thread::scope(|scope| {
        scope.spawn(move || feed(reader, input));
        let pumps = [
            scope.spawn(|| pump(&writer, STDOUT, output)),
            scope.spawn(|| pump(&writer, STDERR, complaints)),
        ];
        let ended = child.wait();
        for pump in pumps {
            // They don't panic.
            let _ = pump.join();
        }
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let status = status(ended).to_string();
        // Who asked may be gone.
        let _ = writer.send(message(STATUS, status.as_bytes()));
        let _ = writer.close(None);
        let _ = writer.flush();
    });
    Some(())
}

fn message(channel: u8, bytes: &[u8]) -> Message {
    Message::binary([&[channel], bytes].concat())
}

fn pump(writer: &Mutex<WebSocket<TcpStream>>, channel: u8, mut from: impl Read) {
    let mut bytes = vec![0; 32 << 10];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let part = bytes.get(..length).unwrap_or_default();
        if writer.send(message(channel, part)).is_err() {
            return;
        }
    }
}

/// Gives the process its input until the client closes that, or goes: what is on its way to it then is lost.
fn feed(mut reader: WebSocket<TcpStream>, input: ChildStdin) {
    let mut input = Some(input);
    while let Ok(message) = reader.read() {
        match (message, &mut input) {
            (Message::Close(_), _) => {
                // It may be gone.
                let _ = reader.get_ref().shutdown(Shutdown::Both);
                return;
            }
            (Message::Binary(bytes), open) => match (bytes.split_first(), open) {
                (Some((&STDIN, bytes)), Some(open)) => {
                    // One that wants no more has its reasons.
                    let _ = open.write_all(bytes);
                }
                (Some((&CLOSE, [STDIN])), open) => *open = None,
                _ => {}
            },
            _ => {}
        }
    }
}

fn status(ended: io::Result<ExitStatus>) -> Value {
    match ended.map(|status| status.code()) {
        Ok(Some(0)) => json!({"status": "Success"}),
        Ok(Some(code)) => json!({"status": "Failure", "message": "exit", "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
        Ok(None) => json!({"status": "Failure", "message": "killed", "reason": "InternalError"}),
        Err(error) => json!({"status": "Failure", "message": error.to_string(), "reason": "InternalError"}),
    }
}
