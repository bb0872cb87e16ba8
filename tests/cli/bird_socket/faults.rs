//! Daemons that answer wrongly, half, late or not at all.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};

use super::{HEALTHY_1, status};
use crate::fake_bird::{Script, closes_within, wait_for_close};
use crate::{FakeBird, Netdiag, Output, is_root, netdiag, skip};

/// The deadline given with `--timeout`, and what a busy machine may add.
const TIMEOUT: [&str; 2] = ["--timeout", "1"];
const IN_TIME: Duration = Duration::from_secs(2);

/// Both parts of the answer: BIRD could not be asked, and why.
#[track_caller]
fn not_decidable(output: &Output, why: &str) {
    output
        .exits(3)
        .fits(80)
        .says("BIRD for IPv4 does not answer")
        .says(why)
        .says_not("peers found")
        .says_not("Established");
}

fn protocols(reply: &str) -> Output {
    status(
        &FakeBird::start(Script::recorded(HEALTHY_1).answering(reply)),
        TIMEOUT,
    )
    .run()
}

#[test]
fn a_malformed_reply_is_named_with_its_line() {
    not_decidable(
        &protocols("2002-name proto table state since info\nHTTP/1.1 400 Bad Request\n0000 \n"),
        "show protocols all: line 2: not a reply of BIRD: \"HTTP/1.1 400 Bad Request\"",
    );
    not_decidable(
        &protocols("2002-name proto table state since info\n1002-Mesh_10_0_0_1 BGP\n0000 \n"),
        "show protocols all: line 2: not a row of a protocol: \"Mesh_10_0_0_1 BGP\"",
    );
    not_decidable(
        &protocols("2002-name proto state\n0000 \n"),
        "line 1: unknown columns: \"name proto state\"",
    );
}

#[test]
fn binary_rubbish_is_no_reply() {
    let bird = FakeBird::serving(|mut stream| {
        let _ = stream.write_all(b"\x00\xff\xfe\x1b[2Jrubbish\n\x80 \n0001 \n");
        wait_for_close(stream);
    });
    let output = status(&bird, TIMEOUT).run();
    not_decidable(&output, "not BIRD's greeting");
    assert!(
        !output.stdout.contains('\x1b'),
        "terminal codes are escaped:\n{output}"
    );
}

#[test]
fn another_daemons_greeting_is_shown() {
    let bird = FakeBird::serving(|mut stream| {
        let _ = stream.write_all(b"220 mail.example.org ESMTP\n0000 \n");
        wait_for_close(stream);
    });
    not_decidable(
        &status(&bird, TIMEOUT).run(),
        "not BIRD's greeting (0001 BIRD … ready.): \"220 mail.example.org ESMTP\"",
    );
}

#[test]
fn a_reply_that_ends_half_way_is_not_taken_for_a_short_list() {
    let whole = Script::recorded(HEALTHY_1);
    // After a whole line, and within one.
    let half = whole.protocols.len() / 2;
    let line = whole.protocols[..half].rfind('\n').unwrap() + 1;
    for end in [half, line] {
        let cut = Script {
            protocols: whole.protocols[..end].to_owned(),
            ..whole.clone()
        };
        let bird = FakeBird::serving(move |stream| play_and_close(&cut, stream));
        not_decidable(&status(&bird, TIMEOUT).run(), "show protocols all: line");
        not_decidable(
            &status(&bird, TIMEOUT).run(),
            "the reply ends before its closing 0000 line: BIRD closed the connection half-way",
        );
    }
}

/// Plays the script to its last reply, then closes.
fn play_and_close(script: &Script, stream: &UnixStream) {
    let mut out = stream;
    let mut lines = BufReader::new(stream).lines();
    for reply in [&script.greeting, &script.status, &script.protocols] {
        out.write_all(reply.as_bytes()).unwrap();
        if reply != &script.protocols {
            lines.next();
        }
    }
}

#[test]
fn an_error_of_bird_is_shown_in_its_own_words() {
    not_decidable(
        &protocols("9001 syntax error, unexpected CF_SYM_UNDEFINED\n"),
        "BIRD answers 9001: syntax error, unexpected CF_SYM_UNDEFINED",
    );
    not_decidable(
        &protocols("8007 Access denied\n"),
        "BIRD answers 8007: Access denied",
    );
}

#[test]
fn a_silent_daemon_is_given_up_at_the_deadline() {
    let bird = FakeBird::serving(wait_for_close);
    let output = status(&bird, TIMEOUT).run();
    not_decidable(
        &output,
        "BIRD did not answer within 1 s: the daemon hangs or is stopped",
    );
    output.within(IN_TIME);
}

#[test]
fn a_daemon_that_falls_silent_after_its_greeting_is_given_up_too() {
    let bird = FakeBird::serving(|mut stream| {
        stream.write_all(b"0001 BIRD 1.6.8 ready.\n").unwrap();
        wait_for_close(stream);
    });
    let output = status(&bird, TIMEOUT).run();
    not_decidable(&output, "show status: BIRD did not answer within 1 s");
    output.within(IN_TIME);
}

#[test]
fn a_daemon_that_dribbles_does_not_stretch_the_deadline() {
    let text = HEALTHY_1.to_owned();
    let bird = FakeBird::serving(move |mut stream| {
        for byte in text.bytes() {
            if stream.write_all(&[byte]).is_err() || closes_within(stream, Duration::from_millis(40)) {
                return;
            }
        }
    });
    let output = status(&bird, TIMEOUT).run();
    not_decidable(&output, "BIRD did not answer within 1 s");
    output.within(IN_TIME);
}

#[test]
fn a_reply_without_an_end_does_not_stretch_the_deadline() {
    let bird = FakeBird::serving(|mut stream| {
        let line = "1002-Mesh_10_0_0_1 BGP master up 10:00:00 Established\n";
        let many = line.repeat(1000);
        while stream.write_all(many.as_bytes()).is_ok() {}
    });
    let output = status(&bird, TIMEOUT).run();
    output.exits(3).within(IN_TIME);
}

#[test]
fn a_daemon_that_never_accepts_is_given_up_at_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bird.ctl");
    let _listener = UnixListener::bind(&path).unwrap();
    let output = netdiag(["node", "status"]).bird(&path).args(TIMEOUT).run();
    not_decidable(&output, "BIRD did not answer within 1 s");
    output.within(IN_TIME);
}

#[test]
fn a_daemon_whose_queue_of_connections_is_full_hangs_or_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bird.ctl");
    // A queue of one, which this connection and another one fill.
    let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let _first = UnixStream::connect(&path).unwrap();
    let output = netdiag(["node", "status"]).bird(&path).args(TIMEOUT).run();
    not_decidable(
        &output,
        "BIRD did not accept the connection, and others wait for it: the daemon hangs or is stopped",
    );
    output.within(IN_TIME);
}

#[test]
fn a_socket_that_closes_at_once_is_told_from_a_silent_one() {
    let bird = FakeBird::serving(|_| {});
    not_decidable(
        &status(&bird, TIMEOUT).run(),
        "BIRD did not answer, but closed the connection",
    );
}

#[test]
fn a_socket_file_that_nobody_listens_on_means_that_bird_does_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bird.ctl");
    drop(UnixListener::bind(&path).unwrap());
    let output = netdiag(["node", "status"]).bird(&path).run();
    output
        .exits_without_bird()
        .fits(80)
        .says("BIRD for IPv4 is not running")
        .says(&path.display().to_string())
        .says("nobody listens on this socket");
}

#[test]
fn a_path_that_is_no_socket_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bird.ctl");
    fs::write(&file, "not a socket").unwrap();
    for path in [file.as_path(), directory.path()] {
        let output = netdiag(["node", "status"]).bird(path).run();
        output
            .fits(80)
            .says(&path.display().to_string())
            .says("this is not a socket")
            .says_not("nobody listens");
        output.exits(3);
    }
}

#[test]
fn a_socket_that_others_may_not_use_says_who_may() {
    if !is_root() {
        return skip("needs root, to become somebody else");
    }
    let bird = FakeBird::recorded(HEALTHY_1);
    fs::set_permissions(bird.directory(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(bird.socket(), fs::Permissions::from_mode(0o660)).unwrap();
    let output = Netdiag::as_nobody()
        .args(["node", "status"])
        .bird(bird.socket())
        .run();
    not_decidable(
        &output,
        "permission denied: run as root, or as a user who may write to the socket",
    );

    fs::set_permissions(bird.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let output = Netdiag::as_nobody()
        .args(["node", "status"])
        .bird(bird.socket())
        .run();
    output.exits(0).says("All 3 peers are Established.");
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bird.ctl");
    let output = netdiag(["node", "status"]).bird(&path).run();
    output
        .exits_without_bird()
        .fits(80)
        .says("BIRD for IPv4 is not running")
        .says(&format!("no control socket; tried {}", path.display()));
}

#[test]
fn a_name_that_is_too_long_for_a_socket_is_an_answer_not_a_panic() {
    let path = format!("/tmp/{}/bird.ctl", "long".repeat(60));
    let output = netdiag(["node", "status", "--bird-socket", &path]).run();
    assert!(matches!(output.status, Some(2 | 3)), "{output}");
    output.says(&path);
}
