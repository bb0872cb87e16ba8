//! Without root.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bird_socket::HEALTHY_1;
use crate::{FakeBird, Netdiag, is_root, netdiag, skip};

#[test]
fn without_root_every_reading_command_works_and_says_what_it_could_not_see() {
    if !is_root() {
        return skip("needs root, to become somebody else");
    }
    let bird = FakeBird::recorded(HEALTHY_1);
    fs::set_permissions(bird.directory(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(bird.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let run = |args: &[&str]| Netdiag::as_nobody().args(args).bird(bird.socket()).run();
    run(&["node", "status"])
        .exits(0)
        .fits(80)
        .says("All 3 peers are Established.")
        .says_not("super user");
    run(&["check"]).exits(0).says("not seen: netfilter of node1:");
    let autodetect = Netdiag::as_nobody().args(["node", "autodetect"]).run();
    assert!(matches!(autodetect.status, Some(0 | 2 | 3)), "{autodetect}");
    let saved = run(&["snapshot", "save", "--json"]);
    let bird = &saved.exits(0).json()["nodes"][0]["bird"];
    assert_eq!(bird["known"]["version"], "1.6.8", "{saved}");
}

#[test]
fn a_saved_snapshot_reads_back_to_the_same_answer() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let live = netdiag(["node", "status"]).bird(bird.socket()).run();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node1.json");
    netdiag(["snapshot", "save", "-o"])
        .args([&path])
        .bird(bird.socket())
        .run()
        .exits(0)
        .says("written");
    let read = netdiag(["node", "status", "--snapshot"]).args([&path]).run();
    assert_eq!(read.stdout, live.stdout);
    assert_eq!(read.status, live.status);
}
