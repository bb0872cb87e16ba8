//! A real etcd on loopback, gone with the test: by its pid on drop, by the kernel when the test process dies.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

const ETCD: &str = "target/daemons/etcd-server/usr/bin/etcd";
const ETCDCTL: &str = "target/daemons/etcd-client/usr/bin/etcdctl";

pub(crate) struct Etcd {
    child: Child,
    /// `host:port` of the client interface.
    pub(crate) authority: String,
    scheme: &'static str,
    /// What it was started with.
    words: Vec<String>,
    data: tempfile::TempDir,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn daemon(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if path.exists() {
        return Some(path);
    }
    let reason = format!("{} is missing: run scripts/test-deps", path.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("skipped: {reason}");
    None
}

impl Etcd {
    /// Starts etcd with both APIs; `None`, after saying why, when the daemon isn't there.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("http", &["--enable-v2"])
    }

    pub(crate) fn start_with(scheme: &'static str, arguments: &[&str]) -> Option<Self> {
        Self::start_at("127.0.0.1", scheme, arguments)
    }

    /// At an address of this host; one of IPv6 in brackets.
    pub(crate) fn start_at(address: &str, scheme: &'static str, arguments: &[&str]) -> Option<Self> {
        let binary = daemon(ETCD)?;
        // A port found free may be taken before etcd binds it: then etcd ends, and the next try has other ports.
        (0..5)
            .find_map(|_| Self::try_start(&binary, address, scheme, arguments))
            .or_else(|| panic!("etcd doesn't start"))
    }

    fn try_start(binary: &Path, address: &str, scheme: &'static str, arguments: &[&str]) -> Option<Self> {
        let data = tempfile::tempdir().unwrap();
        let (client, peer) = (free_port(), free_port());
        let authority = format!("{address}:{client}");
        let (client, peer) = (
            format!("{scheme}://{authority}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let mut words: Vec<String> = ["--pdeathsig", "KILL"].map(str::to_owned).into();
        words.push(binary.display().to_string());
        words.extend(["--data-dir".to_owned(), data.path().display().to_string()]);
        for (option, value) in [
            ("--listen-client-urls", &client),
            ("--advertise-client-urls", &client),
            ("--listen-peer-urls", &peer),
            ("--initial-advertise-peer-urls", &peer),
            ("--initial-cluster", &format!("default={peer}")),
        ] {
            words.extend([option.to_owned(), value.clone()]);
        }
        let fast = [
            "--unsafe-no-fsync",
            "--heartbeat-interval=20",
            "--election-timeout=200",
        ];
        words.extend(fast.iter().chain(arguments).map(|word| (*word).to_owned()));
        let mut etcd = Self {
            child: run(&words, data.path()),
            authority,
            scheme,
            words,
            data,
        };
        etcd.serves().then_some(etcd)
    }

    /// Whether it comes to serve, before it ends.
    fn serves(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect(&self.authority).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Kills it, and after this time starts it again, with what it had written.
    pub(crate) fn restart(&mut self, after: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::thread::sleep(after);
        self.child = run(&self.words, self.data.path());
        assert!(self.serves(), "etcd doesn't start again");
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Runs etcdctl for one of the two APIs, with this on its standard input.
    pub(crate) fn ctl(&self, api: u8, input: &str, arguments: &[&str]) -> String {
        let mut child = Command::new(daemon(ETCDCTL).expect("unpacked together with etcd"))
            .env("ETCDCTL_API", api.to_string())
            .arg("--endpoints")
            .arg(self.url())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn put3(&self, key: &str, value: &str) {
        self.ctl(3, value, &["put", key]);
    }

    pub(crate) fn set2(&self, key: &str, value: &str) {
        self.ctl(2, "", &["set", "--", key, value]);
    }
}

fn run(words: &[String], data: &Path) -> Child {
    let log = std::fs::File::create(data.join("log")).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    spawn(command)
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

type Order = (Command, Sender<Child>);

/// Starts a process from a thread that lives as long as this process: `pdeathsig` fires when the thread that
/// started the process ends.
fn spawn(command: Command) -> Child {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                answer
                    .send(command.spawn().expect("setpriv is part of util-linux"))
                    .ok();
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = channel();
    starter.lock().unwrap().send((command, sender)).unwrap();
    answer.recv().unwrap()
}
