//! Terminals, pipes, files and environments of all kinds.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::bird_socket::{BAD_AS_1, HEALTHY_1, status};
use crate::{FakeBird, netdiag};

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bird = FakeBird::recorded(HEALTHY_1);
    // More than a pipe holds, so that the writer meets the closed end.
    let many = FakeBird::start(crate::fake_bird::Script::recorded(HEALTHY_1).answering({
        let mut reply = String::new();
        for number in 0..20_000 {
            let row = format!("1002-Mesh_10_0_0_1 BGP master up 10:00:00 Established{number}\n");
            reply.push_str(&row);
        }
        reply + "0000 \n"
    }));
    for (socket, args) in [
        (bird.socket(), &["node", "status"][..]),
        (many.socket(), &["node", "status"]),
        (many.socket(), &["node", "status", "-o", "json"]),
        (many.socket(), &["snapshot", "save", "--json"]),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_netdiag"))
            .args(args)
            .arg("--bird-socket")
            .arg(socket)
            .env_clear()
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(
            !line.is_empty() && !stderr.contains("error"),
            "{args:?}: {stderr}"
        );
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["node", "status", "--bird-socket"])
        .arg(bird.socket())
        .env_clear()
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn an_empty_environment_is_enough() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let mut run = status(&bird, []);
    for name in ["HOME", "PATH", "COLUMNS", "NODENAME"] {
        run = run.without_env(name);
    }
    run.run().exits(0).fits(80).says("All 3 peers are Established.");
}

#[test]
fn the_name_of_the_node_comes_from_nodename_in_lower_case() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let output = status(&bird, []).env("NODENAME", "Rack1-Node7").run();
    output.exits(0).says("This node: rack1-node7");
}

#[test]
fn narrow_and_wide_terminals_show_the_same_facts() {
    let bird = FakeBird::recorded(BAD_AS_1);
    let usual = status(&bird, []).run();
    for columns in ["0", "1", "20", "40"] {
        let output = status(&bird, []).env("COLUMNS", columns).run();
        output.exits(2).says("PEER").says("1 of 3 peers down");
    }
    for columns in ["80", "200", "65535"] {
        let output = status(&bird, []).env("COLUMNS", columns).run();
        assert_eq!(output.rows(), usual.rows(), "COLUMNS={columns}: {output}");
    }
    for columns in ["", "-5", "65536", "eighty"] {
        let output = status(&bird, []).env("COLUMNS", columns).run();
        assert_eq!(output.stdout, usual.stdout, "COLUMNS={columns:?} counts for none");
    }
    let wide = status(&bird, []).env("COLUMNS", "200").run();
    wide.fits(200);
    assert!(wide.stdout.contains("Idle BGP Error: Bad peer AS"), "{wide}");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let bird = FakeBird::recorded(BAD_AS_1);
    let colored = |args: &[&str], environment: &[(&str, &str)]| {
        let mut run = status(&bird, []).args(args);
        for (name, value) in environment {
            run = run.env(name, value);
        }
        let output = run.run();
        output.exits(2);
        output.stdout.contains('\x1b')
    };
    assert!(!colored(&[], &[]), "a pipe is no terminal");
    assert!(colored(&["--color", "always"], &[]));
    assert!(
        colored(&["--color", "always"], &[("NO_COLOR", "1")]),
        "the flag wins"
    );
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn colour_changes_no_letter_and_documents_have_none() {
    let bird = FakeBird::recorded(BAD_AS_1);
    let plain = status(&bird, []).run();
    let colored = status(&bird, ["--color", "always"]).run();
    let mut stripped = String::new();
    let mut rest = colored.stdout.as_str();
    while let Some((text, code)) = rest.split_once("\x1b[") {
        stripped.push_str(text);
        rest = code.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain.stdout);
    let json = status(&bird, ["-o", "json", "--color", "always"]).run();
    assert!(!json.stdout.contains('\x1b'), "{json}");
}

#[test]
fn a_file_gets_what_a_pipe_gets() {
    let bird = FakeBird::recorded(BAD_AS_1);
    let piped = status(&bird, []).run();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("status.txt");
    let status = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["node", "status", "--bird-socket"])
        .arg(bird.socket())
        .env_clear()
        .env("HOME", directory.path())
        .env("NODENAME", "node1")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(File::create(&path).unwrap())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(path).unwrap(), piped.stdout);
}

#[test]
fn a_home_that_is_no_directory_does_no_harm() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let run = status(&bird, []).env("HOME", "/dev/null");
    run.run().exits(0);
    netdiag(["--version"]).env("HOME", "").run().exits(0);
}

#[test]
fn the_kernel_is_held_against_what_calico_needs() {
    let output = netdiag(["node", "checksystem", "-o", "json"]).run();
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let planes = report["dataPlanes"].as_array().unwrap();
    let works = |name: &str| planes.iter().find(|plane| plane["name"] == name).unwrap()["works"].as_bool();
    let presence = |name: &str| {
        let parts = report["parts"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == name).unwrap()["presence"].clone()
    };
    // Where an interface of the kernel shows that it has a part, the part is not missing.
    for (path, name) in [
        ("/proc/net/nf_conntrack", "nf_conntrack"),
        ("/sys/module/vxlan", "vxlan"),
        ("/proc/sys/net/bridge", "br_netfilter"),
    ] {
        if std::path::Path::new(path).exists() {
            assert_ne!(presence(name), "missing", "{name}");
        }
    }
    let any = ["iptables", "nftables", "eBPF"].map(works);
    output.exits(if any.contains(&Some(true)) {
        0
    } else if any.iter().all(|works| *works == Some(false)) {
        2
    } else {
        3
    });
    netdiag(["node", "checksystem", "-f", "/no/such/config"])
        .run()
        .exits(1)
        .says("/no/such/config: No such file or directory");
}
