//! Snapshots that are missing, broken, too new or twice there, and fixes written to places of all kinds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::story::story;
use crate::{Netdiag, Output, is_root, netdiag, skip};

/// A directory that others may look into, with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn check(path: &Path) -> Output {
    netdiag(["check", "--snapshot"]).args([path]).run()
}

fn named(name: &str) -> String {
    let mut snapshot = story();
    snapshot["nodes"][0]["name"] = name.into();
    snapshot.to_string()
}

#[test]
fn a_snapshot_gives_the_same_picture_as_the_host_it_was_taken_on() {
    let files = directory(&[("node1.json", &story().to_string())]);
    let path = files.path().join("node1.json");
    let output = check(&path);
    output
        .exits(2)
        .fits(80)
        .says("10.244.1.1 is on cni0, a bridge that no peer is behind")
        .says("set spec.bgp.ipv4Address to 192.168.80.23/24");
    let status = netdiag(["node", "status", "--snapshot"]).args([&path]).run();
    status
        .exits(2)
        .fits(80)
        .says("Calico process is running.")
        .says("3 of 3 peers down");
    // What comes next names what was read.
    let next = |text: &str| text.find("Next: ").unwrap();
    let of_directory = check(files.path()).stdout;
    assert_eq!(
        of_directory[..next(&of_directory)],
        output.stdout[..next(&output.stdout)],
        "a directory is read too"
    );
}

#[test]
fn a_snapshot_that_is_missing_or_broken_is_named_with_the_place() {
    let files = directory(&[
        ("empty.json", ""),
        ("half.json", &story().to_string()[..400]),
        ("other.json", "{\"kind\": \"Pod\"}\n"),
        (
            "field.json",
            "{\"netdiagSnapshot\": 2,\n \"nodes\": [],\n \"nods\": []}\n",
        ),
        ("newer.json", "{\"netdiagSnapshot\": 3, \"nodes\": []}"),
    ]);
    for (name, why) in [
        ("missing.json", "No such file or directory"),
        (
            "empty.json",
            "not a netdiag snapshot: EOF while parsing a value at line 1",
        ),
        ("half.json", "not a netdiag snapshot: EOF while parsing"),
        ("other.json", "not a netdiag snapshot: unknown field `kind`"),
        (
            "field.json",
            "unknown field `nods`, expected one of `netdiagSnapshot`, `nodes`, `objects` at line 3",
        ),
        ("newer.json", "snapshot format 3 is newer than this netdiag reads"),
    ] {
        let path = files.path().join(name);
        let output = check(&path);
        output.exits(1).says(&path.display().to_string()).says(why);
        assert_eq!(output.stdout, "", "{output}");
    }
}

#[test]
fn a_newer_snapshot_is_recognised_by_its_version_whatever_else_is_new_in_it() {
    let files = directory(&[(
        "newer.json",
        "{\"netdiagSnapshot\": 3, \"nodes\": [], \"flows\": {\"known\": []}}",
    )]);
    check(&files.path().join("newer.json"))
        .exits(1)
        .says("snapshot format 3 is newer than this netdiag reads");
}

#[test]
fn a_snapshot_that_is_no_text_is_an_error() {
    let files = directory(&[]);
    let path = files.path().join("binary.json");
    fs::write(&path, b"\xff\xfe{\x00}").unwrap();
    check(&path)
        .exits(1)
        .says("neither zstd nor JSON")
        .says(&path.display().to_string());
    netdiag(["check", "--snapshot", "/dev/null"]).run().exits(1);
}

#[test]
fn a_snapshot_without_nodes_is_not_healthy() {
    let files = directory(&[("none.json", "{\"netdiagSnapshot\": 2, \"nodes\": []}")]);
    let path = files.path().join("none.json");
    check(&path).exits(3);
    netdiag(["node", "status", "--snapshot"])
        .args([&path])
        .run()
        .exits(1);
}

#[test]
fn an_empty_directory_is_an_error() {
    let files = directory(&[("notes.txt", "no snapshot")]);
    check(files.path())
        .exits(1)
        .says(&files.path().display().to_string())
        .says("no .zst or .json file in this directory");
}

#[test]
fn one_node_in_two_snapshots_is_an_error_that_names_both() {
    let files = directory(&[("a.json", &named("node1")), ("b.json", &named("node1"))]);
    check(files.path())
        .exits(1)
        .says("b.json: node node1 is in ")
        .says("a.json already")
        .says("give one snapshot a node");
}

#[test]
fn two_nodes_are_shown_one_after_the_other_or_by_name() {
    let files = directory(&[("a.json", &named("node1")), ("b.json", &named("node2"))]);
    let all = netdiag(["node", "status", "--snapshot"])
        .args([files.path()])
        .run();
    all.exits(2).says("== node1").says("== node2");
    let status = || netdiag(["node", "status", "--snapshot"]).args([files.path()]);
    let one = status().args(["--node", "node2"]).run();
    one.exits(2).says("This node: node2").says_not("node1 ");
    status()
        .args(["--node", "node9"])
        .run()
        .exits(1)
        .says("no such node; there are: node1, node2");
    let json = status().args(["-o", "json"]).run().json();
    assert_eq!(json.as_array().map(Vec::len), Some(2));
}

#[test]
fn the_json_of_a_check_has_the_documented_fields() {
    let files = directory(&[("node1.json", &story().to_string())]);
    let with = |format: &str| {
        netdiag(["check", "-o", format, "--snapshot"])
            .args([files.path()])
            .run()
    };
    let output = with("json");
    let report = output.exits(2).json();
    assert_eq!(report["netdiagCheck"], 1);
    for list in ["findings", "notes", "seen", "unseen"] {
        assert!(report[list].is_array(), "{list}\n{output}");
    }
    let finding = &report["findings"][0];
    for (field, value) in [
        ("code", "node-address-on-bridge"),
        ("severity", "error"),
        ("node", "node1"),
        ("cause", "node-address"),
    ] {
        assert_eq!(finding[field], value, "{output}");
    }
    assert_eq!(finding["change"]["value"], "192.168.80.23/24", "{output}");
    let yaml = with("yaml");
    let read: Value = serde_saphyr::from_str(&yaml.exits(2).stdout).unwrap();
    assert_eq!(read, report);
}

fn fix_to(snapshot: &Path, target: &Path) -> Netdiag {
    netdiag(["check", "--snapshot"])
        .args([snapshot])
        .args(["--fix-to".as_ref(), target.as_os_str()])
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

#[test]
fn a_fix_is_written_whole_and_takes_the_place_of_an_older_one() {
    let files = directory(&[("node1.json", &story().to_string()), ("fix.yaml", "old")]);
    let target = files.path().join("fix.yaml");
    fix_to(&files.path().join("node1.json"), &target)
        .run()
        .exits(2)
        .says("netdiag apply -f");
    let text = fs::read_to_string(&target).unwrap();
    assert!(text.contains("ipv4Address: 192.168.80.23/24"), "{text}");
    assert_eq!(names(files.path()).len(), 2, "no file is left beside it");
    let output = fix_to(&files.path().join("node1.json"), Path::new("-")).run();
    assert_eq!(output.exits(2).stdout, text);
}

#[test]
fn a_fix_that_can_not_be_written_is_an_error_and_leaves_nothing_behind() {
    let files = directory(&[("node1.json", &story().to_string()), ("file", "")]);
    let snapshot = files.path().join("node1.json");
    for (target, why) in [
        ("missing/fix.yaml", "No such file or directory"),
        ("file/fix.yaml", "Not a directory"),
        ("", "Is a directory"),
        ("..", "Is a directory"),
    ] {
        let target = files.path().join(target);
        fix_to(&snapshot, &target)
            .run()
            .exits(1)
            .says(&format!("error: {}", target.display()))
            .says(why);
    }
    fix_to(&snapshot, Path::new("/dev/full"))
        .run()
        .exits(1)
        .says("No space left on device");
    assert_eq!(names(files.path()), [Path::new("file"), Path::new("node1.json")]);
}

#[test]
fn a_fix_in_a_place_without_the_right_to_write_keeps_the_old_one() {
    if !is_root() {
        return skip("needs root, to become somebody else");
    }
    let files = directory(&[("node1.json", &story().to_string()), ("fix.yaml", "old")]);
    let target = files.path().join("fix.yaml");
    Netdiag::as_nobody()
        .args(["check", "--snapshot"])
        .args([&files.path().join("node1.json")])
        .args(["--fix-to".as_ref(), target.as_os_str()])
        .run()
        .exits(1)
        .says("Permission denied")
        .says(&target.display().to_string());
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    assert_eq!(names(files.path()).len(), 2);
}

#[test]
fn a_fix_can_go_through_a_link_to_the_file_it_means() {
    let files = directory(&[("node1.json", &story().to_string()), ("real.yaml", "old")]);
    let link = files.path().join("fix.yaml");
    std::os::unix::fs::symlink("real.yaml", &link).unwrap();
    fix_to(&files.path().join("node1.json"), &link).run().exits(2);
    assert!(
        fs::symlink_metadata(&link).unwrap().is_symlink(),
        "the link stays"
    );
    let text = fs::read_to_string(files.path().join("real.yaml")).unwrap();
    assert!(text.contains("192.168.80.23/24"), "{text}");
}
