//! Daemons that hang, talk nonsense, stop in the middle or never end: each becomes an absent fact with its reason.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::state::{Absence, Fact};

use super::{cri, docker, ovsdb};

const TIMEOUT: Duration = Duration::from_millis(400);

/// How a fake daemon treats a connection.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Accepts, and says nothing.
    Hangs,
    /// Never accepts.
    Asleep,
    /// Says this when asked, and closes.
    Says(&'static [u8]),
    /// Begins with this, and never stops to say the rest.
    Floods(&'static [u8], &'static [u8]),
}

/// A socket in a directory of its own.
struct Fake {
    directory: tempfile::TempDir,
}

impl Fake {
    fn new(manner: Manner) -> Self {
        let fake = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let listener = UnixListener::bind(fake.path()).unwrap();
        std::thread::spawn(move || {
            if matches!(manner, Manner::Asleep) {
                std::thread::sleep(TIMEOUT * 20);
            }
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                std::thread::spawn(move || {
                    // Until the client has gone.
                    let mut part = [0; 4096];
                    match manner {
                        Manner::Hangs | Manner::Asleep => {
                            while stream.read(&mut part).is_ok_and(|length| length > 0) {}
                        }
                        Manner::Says(text) => {
                            let _ = stream.read(&mut part);
                            let _ = stream.write_all(text);
                        }
                        Manner::Floods(head, rest) => {
                            let _ = stream.read(&mut part);
                            let _ = stream.write_all(head);
                            let rest = rest.repeat(1 << 12);
                            while stream.write_all(&rest).is_ok() {}
                        }
                    }
                });
            }
        });
        fake
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("db.sock")
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// What each collector makes of a socket: absence, reason.
fn asked(path: PathBuf) -> Vec<(&'static str, Absence, String)> {
    let paths = [path];
    let said = |name: &'static str, absence: Option<Absence>, why: Option<&str>| {
        (name, absence.unwrap(), why.unwrap().to_owned())
    };
    run(async {
        let ovs = ovsdb::from(&paths, TIMEOUT).await;
        let docker = docker::from(&paths, TIMEOUT).await;
        let cri = cri::from(&paths, TIMEOUT).await;
        vec![
            said("ovs", ovs.absence(), ovs.why()),
            said("docker", docker.absence(), docker.why()),
            said("cri", cri.absence(), cri.why()),
        ]
    })
}

#[test]
fn a_daemon_that_hangs_costs_the_timeout_and_is_unreadable() {
    for manner in [Manner::Hangs, Manner::Asleep] {
        let fake = Fake::new(manner);
        let start = Instant::now();
        for (name, absence, why) in asked(fake.path()) {
            assert_eq!(absence, Absence::Unreadable, "{name}: {why}");
            assert!(why.contains("no answer within 0.4 s"), "{name}: {why}");
        }
        assert!(start.elapsed() < TIMEOUT * 8, "{:?}", start.elapsed());
    }
}

#[test]
fn nonsense_and_cut_answers_are_unreadable() {
    for text in [
        &b""[..],
        b"\x00\xff\xfe\x01 nonsense",
        b"{\"id\": 1, \"result\": [{\"rows\"",
        b"{\"id\": 1, \"result\": [], \"error\": null}",
        b"{\"id\": 1, \"result\": null, \"error\": {\"error\": \"unknown database\"}}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Version\": \"2",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00",
    ] {
        let fake = Fake::new(Manner::Says(text));
        for (name, absence, why) in asked(fake.path()) {
            let text = String::from_utf8_lossy(text);
            assert_eq!(absence, Absence::Unreadable, "{name} {text:?}: {why}");
            assert!(
                !why.contains('\n') && why.contains("db.sock: "),
                "{name} {text:?}: {why}"
            );
        }
    }
}

#[test]
fn answers_without_end_are_given_up() {
    for (head, rest) in [
        (&b"{\"id\": 1, \"result\": \""[..], &b"aaaaaaaaaaaaaaaa"[..]),
        (
            b"{\"id\": 0}",
            b"{\"id\": 0, \"method\": \"echo\", \"params\": []}",
        ),
        (b"", b"[[[[[[[[[[[[[[[["),
        (b"HTTP/1.1 200 OK\r\n\r\n\"", b"aaaaaaaaaaaaaaaa"),
        (b"HTTP/1.1 200 OK\r\n", b"x: aaaaaaaaaaaaaaaa\r\n"),
    ] {
        let fake = Fake::new(Manner::Floods(head, rest));
        let start = Instant::now();
        for (name, absence, why) in asked(fake.path()) {
            assert_eq!(absence, Absence::Unreadable, "{name}: {why}");
        }
        assert!(start.elapsed() < TIMEOUT * 20, "{:?}", start.elapsed());
    }
}

#[test]
fn no_socket_and_a_left_one_are_missing_and_a_file_is_unreadable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db.sock");
    for (name, absence, why) in asked(path.clone()) {
        assert_eq!(absence, Absence::Missing, "{name}: {why}");
        assert!(why.contains("tried "), "{name}: {why}");
    }
    drop(UnixListener::bind(&path).unwrap());
    for (name, absence, why) in asked(path.clone()) {
        assert_eq!(absence, Absence::Missing, "{name}: {why}");
        assert!(why.contains("nobody listens"), "{name}: {why}");
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "text").unwrap();
    for (name, absence, why) in asked(path) {
        assert_eq!(absence, Absence::Unreadable, "{name}: {why}");
        assert!(why.contains("not a socket"), "{name}: {why}");
    }
}

#[test]
fn the_servers_echo_is_answered_before_the_answer_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let length = stream.read(&mut asked).unwrap();
        let request: serde_json::Value = serde_json::from_slice(&asked[..length]).unwrap();
        stream
            .write_all(b"{\"id\": \"echo\", \"method\": \"echo\", \"params\": [\"x\"]}")
            .unwrap();
        let length = stream.read(&mut asked).unwrap();
        let echoed: serde_json::Value = serde_json::from_slice(&asked[..length]).unwrap();
        let rows = "{\"rows\": []},".repeat(6);
        let answer = format!(
            "{{\"id\": 1, \"error\": null, \"result\": [{}]}}",
            rows.trim_end_matches(',')
        );
        stream.write_all(answer.as_bytes()).unwrap();
        (request, echoed)
    });
    let ovs = run(ovsdb::from(&[path], Duration::from_secs(5)));
    let (request, echoed) = server.join().unwrap();
    assert_eq!(echoed["id"], "echo");
    assert_eq!(echoed["result"][0], "x");
    assert_eq!(request["method"], "transact");
    let operations = request["params"].as_array().unwrap();
    assert!(
        operations[1..]
            .iter()
            .all(|operation| operation["op"] == "select"),
        "{request}"
    );
    assert!(matches!(ovs, Fact::Known(_)), "{ovs:?}");
}
