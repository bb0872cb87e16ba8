//! Networks other than the story.

use std::time::{Duration, Instant};

use netdiag_lab::{Daemon, Lab, Plan, PodPlan, Result, or_skip};

fn two_segments() -> Result<Lab> {
    Plan::new()
        .segment("left", "")
        .segment("right", "")
        .node("a", |node| {
            node.link("eth0", "left", "10.39.0.2/24")
                .route("default via 10.39.0.1")
        })
        .node("router", |node| {
            node.link("eth0", "left", "10.39.0.1/24")
                .link("eth1", "right", "10.39.1.1/24")
                .forward()
        })
        .node("b", |node| {
            node.link("eth0", "right", "10.39.1.2/24")
                .route("default via 10.39.1.1")
                .forward()
                .pod(PodPlan::calico("web", "10.39.1.130").link("cali5f8b38bf007"))
        })
        .up()
}

#[test]
fn a_router_connects_two_segments_and_a_pod_is_behind_its_node() {
    let Some(lab) = or_skip(two_segments()) else {
        return;
    };
    let ping = |from: &str, to: &str| {
        lab.node(from)
            .run(["ping", "-c1", "-W1", to])
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(ping("a", "10.39.1.2"));
    assert!(!ping("a", "10.39.1.130"), "the router has no route to the pod");
    lab.node("router")
        .run(["ip", "route", "add", "10.39.1.130", "via", "10.39.1.2"])
        .ok()
        .unwrap();
    assert!(ping("a", "10.39.1.130"));
    assert!(lab.node("b").pod("web").pings("10.39.0.2").unwrap());
}

#[test]
fn a_command_that_takes_too_long_is_stopped_and_its_words_are_in_the_error() {
    let Some(lab) = or_skip(Plan::new().node("a", |node| node).up()) else {
        return;
    };
    let begin = Instant::now();
    let run = lab
        .node("a")
        .sh("echo so far; sleep 100 & sleep 100")
        .within(Duration::from_millis(300));
    let error = run.output().unwrap_err().to_string();
    assert!(error.contains("a: sh") && error.contains("so far"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let output = lab
        .node("a")
        .sh("cat; echo oops >&2; exit 3")
        .input("in")
        .output()
        .unwrap();
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str(), output.code()),
        ("in", "oops\n", Some(3))
    );
}

#[test]
fn files_of_a_node_are_its_own() {
    let Some(lab) = or_skip(Plan::new().node("a", |node| node).node("b", |node| node).up()) else {
        return;
    };
    let path = "/var/run/calico/note";
    lab.node("a").write(path, "for a").unwrap();
    lab.node("a").write("/etc/calico/calicoctl.cfg", "of a").unwrap();
    assert_eq!(lab.node("a").read("/run/calico/note").unwrap(), "for a");
    assert!(lab.node("b").read(path).is_err());
    assert!(
        !std::path::Path::new(path).exists() && !std::path::Path::new("/etc/calico/calicoctl.cfg").exists()
    );
    lab.node("a").sh("echo words >note").ok().unwrap();
    assert_eq!(lab.node("a").read("/run/lab/home/note").unwrap(), "words\n");
    assert_eq!(lab.node("b").run(["hostname"]).ok().unwrap(), "b\n");
}

#[test]
fn a_daemon_runs_under_its_name_and_with_its_environment_until_it_is_stopped() {
    let Some(lab) = or_skip(Plan::new().node("a", |node| node).up()) else {
        return;
    };
    let node = lab.node("a");
    let daemon = Daemon {
        program: "/bin/sleep".into(),
        called: "sleeper".into(),
        arguments: vec!["1000".into()],
        environment: vec![("NODENAME".into(), "a".into())],
        log: "/var/log/sleeper.log".into(),
    };
    node.start("sleeper", &daemon).unwrap();
    let pid = node.daemon("sleeper").unwrap();
    assert_eq!(
        node.read(&format!("/proc/{pid}/cmdline")).unwrap(),
        "sleeper\u{0}1000\u{0}"
    );
    assert!(
        node.read(&format!("/proc/{pid}/environ"))
            .unwrap()
            .contains("NODENAME=a")
    );
    node.stop("sleeper").unwrap();
    assert!(!node.is_running("sleeper"));
}
