//! What is typed wrongly, and the help.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;

use crate::{Netdiag, netdiag};

#[test]
fn an_unknown_flag_or_command_is_an_error_of_status_1_with_the_usage() {
    for args in [
        &["--frobnicate"][..],
        &["nod"],
        &["node", "stats"],
        &["node", "status", "--frobnicate"],
        &["node", "status", "-o", "xml"],
        &["node", "status", "superfluous"],
        &["node", "status", "--timeout", "soon"],
        &["check", "--color", "sometimes"],
        &["check", "--fix-to"],
        &["node", "status", "--watch=often"],
        &["get"],
        &["apply"],
        &[],
    ] {
        let output = Netdiag::through(&[]).args(args).run();
        output.exits(1);
        assert_eq!(output.stdout, "", "{output}");
        assert!(
            output.stderr.contains("Usage: netdiag") || output.stderr.contains("try '--help'"),
            "{output}"
        );
    }
}

#[test]
fn a_mistyped_command_is_told_the_nearest_one() {
    netdiag(["nod"]).run().exits(1).says("'node'");
    netdiag(["node", "stats"]).run().exits(1).says("'status'");
}

#[test]
fn help_and_version_go_to_standard_output_with_status_0() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["node", "--help"],
        &["node", "status", "--help"],
        &["node", "autodetect", "-h"],
        &["check", "--help"],
        &["get", "--help"],
        &["apply", "--help"],
        &["snapshot", "save", "--help"],
        &["--version"],
    ] {
        let output = Netdiag::through(&[]).args(args).run();
        output.exits(0).fits(80);
        assert_eq!(output.stderr, "", "{output}");
        assert!(output.stdout.lines().count() > 0, "{output}");
    }
    let output = netdiag(["--version"]).run();
    assert_eq!(
        output.stdout,
        concat!("netdiag ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn every_commands_help_names_its_exit_statuses() {
    netdiag(["node", "status", "--help"])
        .run()
        .exits(0)
        .says("Exit status: 0 all peers are Established, 2 a peer is down");
    netdiag(["check", "--help"])
        .run()
        .exits(0)
        .says("Exit status: 0 no findings, 2 findings");
}

#[test]
fn a_watch_that_never_comes_round_is_refused() {
    for seconds in ["-1", "NaN", "1e300"] {
        let watch = format!("--watch={seconds}");
        netdiag(["node", "status", &watch])
            .run()
            .exits(1)
            .says("error: --watch takes a number of seconds");
    }
}

#[test]
fn arguments_that_are_not_utf_8_are_paths_or_errors_but_no_panic() {
    let odd = OsStr::from_bytes(b"/nowhere/\xff\xfe.json");
    let with = |args: &[&str]| Netdiag::through(&[]).args(args).args([odd]).run();
    with(&["check", "--snapshot"])
        .exits(1)
        .says("No such file or directory");
    with(&["apply", "-f"]).exits(1).says("No such file or directory");
    with(&["check", "--config"]).says("/nowhere/");
    with(&["node", "status", "--bird-socket"])
        .exits_without_bird()
        .says("no control socket; tried /nowhere/");
    for args in [
        &["get"][..],
        &["node"],
        &["get", "node"],
        &["node", "status", "--node"],
    ] {
        let output = with(args);
        output.exits(1);
        assert!(output.stderr.starts_with("error: "), "{output}");
    }
}

#[test]
fn an_empty_argument_is_named_as_what_it_stands_for() {
    for args in [["check", "--snapshot", ""], ["apply", "-f", ""]] {
        let output = netdiag(args).run();
        output.exits(1);
        assert!(output.stderr.starts_with("error: "), "{output}");
    }
}

#[test]
fn a_watch_shows_it_again_and_again() {
    let mut watch = std::process::Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["node", "status", "--watch=0.1", "--snapshot"])
        .arg("fixtures/first_found/healthy/node1.json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let shown = lines
        .map_while(Result::ok)
        .filter(|line| line.contains("All 3 peers are Established."))
        .take(3)
        .count();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(shown, 3);
}
