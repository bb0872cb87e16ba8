//! Datastores that can't be reached, and configurations that can't be read.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::bird_socket::{BAD_AS_1, HEALTHY_1, status};
use crate::{FakeBird, netdiag};

/// What `--timeout 1` may come to: the datastore and BIRD have a second each.
const IN_TIME: Duration = Duration::from_millis(2900);

/// Endpoints that refuse, that accept and are silent, and one whose name nobody knows.
fn endpoints() -> (TcpListener, Vec<(String, &'static str)>) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
    let endpoints = vec![
        (at(&refusing), "refused"),
        (at(&silent), "1 s"),
        ("http://etcd.invalid:2379".to_owned(), "etcd.invalid"),
    ];
    (silent, endpoints)
}

#[test]
fn without_a_datastore_the_table_is_shown_all_the_same() {
    let (_silent, endpoints) = endpoints();
    for (endpoint, why) in endpoints {
        for (recorded, code) in [(HEALTHY_1, 0), (BAD_AS_1, 2)] {
            let bird = FakeBird::recorded(recorded);
            let output = status(&bird, ["--timeout", "1"])
                .env("ETCD_ENDPOINTS", &endpoint)
                .run();
            output
                .exits(code)
                .within(IN_TIME)
                .says("objects not known")
                .says(why);
            output.fits(80).says(&endpoint);
            assert_eq!(output.rows().len(), 3, "{output}");
        }
    }
}

#[test]
fn get_needs_the_datastore_and_says_which_endpoint_and_step_failed() {
    let (_silent, endpoints) = endpoints();
    for (endpoint, why) in endpoints {
        let output = netdiag(["get", "node", "--timeout", "1"])
            .env("ETCD_ENDPOINTS", &endpoint)
            .run();
        output
            .exits(1)
            .within(IN_TIME)
            .says(&endpoint)
            .says(why)
            .says("hint: ");
        assert_eq!(output.stdout, "", "{output}");
    }
}

#[test]
fn check_tells_what_it_can_see_without_the_datastore() {
    let (_silent, endpoints) = endpoints();
    for (endpoint, why) in endpoints {
        let bird = FakeBird::recorded(BAD_AS_1);
        let output = netdiag(["check", "--timeout", "1"])
            .bird(bird.socket())
            .env("ETCD_ENDPOINTS", &endpoint)
            .run();
        output.exits(2).within(IN_TIME).fits(80);
        output
            .says("not seen: the objects:")
            .says(&endpoint)
            .says(why)
            .says("bgp-as-mismatch");
    }
}

#[test]
fn a_healthy_bird_without_a_datastore_is_no_finding() {
    let bird = FakeBird::recorded(HEALTHY_1);
    let output = netdiag(["check"]).bird(bird.socket()).run();
    output
        .exits(0)
        .fits(80)
        .says("No findings.")
        .says("not seen: the objects:");
}

#[test]
fn neither_a_datastore_nor_a_bird_is_not_decidable() {
    let directory = tempfile::tempdir().unwrap();
    let output = netdiag(["check"]).bird(&directory.path().join("bird.ctl")).run();
    output
        .exits(3)
        .fits(80)
        .says("Not decidable: neither the datastore nor a BIRD could be read.");
}

#[test]
fn without_any_setting_get_says_what_to_set() {
    netdiag(["get", "node"])
        .run()
        .exits(1)
        .says("ETCD_ENDPOINTS=http://HOST:2379");
}

#[test]
fn a_configuration_that_can_not_be_read_is_named_with_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let broken = write(
        "broken.cfg",
        "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec: {etcdEndpoints: [\n",
    );
    let other = write("other.cfg", "apiVersion: v1\nkind: Pod\n");
    let empty = write("empty.cfg", "");
    let missing = directory.path().join("missing.cfg");
    for (path, why) in [
        (&missing, "No such file or directory"),
        (&other, "Pod"),
        (&empty, "empty.cfg"),
        (&directory.path().to_owned(), "Is a directory"),
    ] {
        for command in [["get", "node"], ["get", "nodes"]] {
            let output = netdiag(command)
                .args(["--config".as_ref(), path.as_os_str()])
                .run();
            output.exits(1).says(&path.display().to_string()).says(why);
        }
    }
    let output = netdiag(["get", "node", "--config"]).args([&broken]).run();
    let place = format!("{}:", broken.display());
    assert!(
        output.stderr.contains(&place) || output.stderr.contains("line "),
        "{output}"
    );
    output.exits(1).says("broken.cfg");
}

#[test]
fn a_broken_configuration_does_not_hide_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("calicoctl.cfg");
    fs::write(&path, "kind: [\n").unwrap();
    let bird = FakeBird::recorded(HEALTHY_1);
    let output = status(&bird, ["--config"]).args([&path]).run();
    output
        .exits(0)
        .fits(80)
        .says("objects not known")
        .says("calicoctl.cfg")
        .says("All 3 peers are Established.");
}

#[test]
fn apply_writes_nothing_when_the_datastore_is_not_there() {
    let (_silent, endpoints) = endpoints();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/manifests/node1.yaml");
    for (endpoint, why) in endpoints {
        netdiag(["apply", "-f", manifest, "--timeout", "1"])
            .env("ETCD_ENDPOINTS", &endpoint)
            .run()
            .exits(1)
            .within(IN_TIME)
            .says(why);
    }
}
