use super::*;
use crate::state::{Fact, kernel::Kernel};
use std::io::Write;
use std::process::{Command, Stdio};

fn target(node: &str) -> Target {
    Target {
        node: node.into(),
        hosts: vec![node.into()],
    }
}

fn node(name: &str) -> NodeState {
    NodeState {
        name: name.into(),
        ..NodeState::default()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

fn ssh(user: Option<&str>, program: Program) -> ssh::Ssh {
    ssh::Ssh {
        user: user.map(str::to_owned),
        sudo: false,
        program,
        connect: Duration::from_secs(7),
    }
}

#[test]
fn one_that_hangs_costs_its_own_time_and_the_order_stays() {
    let targets: Vec<Target> = ["a", "slow", "b", "never"].map(target).into();
    let mut told = Vec::new();
    let answers = block_on(gather(
        &targets,
        2,
        Duration::from_millis(800),
        async |target: Target| {
            match target.node.as_str() {
                "slow" => tokio::time::sleep(Duration::from_millis(200)).await,
                "never" => std::future::pending().await,
                _ => {}
            }
            Ok(node(&target.node))
        },
        std::future::pending(),
        |event| {
            if let Event::Done { node, answer } = event {
                told.push(format!("{node} {}", answer.is_ok()));
            }
        },
    ));
    assert_eq!(told, ["a true", "b true", "slow true", "never false"]);
    assert_eq!(answers[1], Ok(node("slow")));
    assert_eq!(answers[3], Err(Failure::new("no answer within 0.8 s")));
}

#[test]
fn what_came_before_an_interruption_is_kept() {
    let targets: Vec<Target> = ["a", "never"].map(target).into();
    let answers = block_on(gather(
        &targets,
        9,
        Duration::from_secs(100),
        async |target: Target| {
            if target.node == "never" {
                std::future::pending::<()>().await;
            }
            Ok(node(&target.node))
        },
        async { tokio::time::sleep(Duration::from_millis(200)).await },
        |_| {},
    ));
    assert_eq!(answers[0], Ok(node("a")));
    assert_eq!(answers[1], Err(Failure::new("interrupted before it answered")));
}

#[test]
fn two_names_of_one_host_are_one_node() {
    let targets: Vec<Target> = ["a", "b", "c"].map(target).into();
    let mut answers = vec![Ok(node("a")), Ok(node("a")), Err(Failure::new("x"))];
    once_each(&targets, &mut answers);
    assert_eq!(answers[0], Ok(node("a")));
    assert_eq!(
        answers[1],
        Err(Failure::new("b leads to a, which answered already"))
    );
}

#[test]
fn two_hosts_of_one_name_are_two_nodes() {
    let machine = |id: &str| {
        let mut node = node("a");
        node.kernel = Fact::Known(Kernel {
            machine_id: Fact::Known(id.into()),
            ..Kernel::default()
        });
        node
    };
    let mut answers = vec![Ok(machine("1")), Ok(machine("2")), Ok(machine("2"))];
    once_each(&["a", "b", "c"].map(target), &mut answers);
    let names: Vec<_> = answers
        .iter()
        .flatten()
        .map(|node| (node.name.as_str(), node.own_name()))
        .collect();
    assert_eq!(names, [("a", "a"), ("a#2", "a")]);
    assert_eq!(
        answers[2],
        Err(Failure::new("c leads to a, which answered already"))
    );
}

#[test]
fn ssh_is_asked_without_questions_and_hosts_are_no_options() {
    let arguments = ssh(Some("core"), Program::Installed).arguments("-oProxyCommand=x", &remote::SNAPSHOT);
    assert_eq!(
        arguments[..9],
        [
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=7",
            "-l",
            "core",
            "--",
            "-oProxyCommand=x"
        ]
    );
    let command = &arguments[9];
    assert!(
        command.contains("netdiag snapshot save --only-node -o -"),
        "{command}"
    );
    assert_eq!(command.matches('\'').count(), 2, "{command}");
    assert!(!command.contains('\n'), "{command}");
}

#[test]
fn failures_say_what_failed_and_what_helps() {
    for (code, said, why, hint) in [
        (
            Some(255),
            "ssh: Could not resolve hostname node9: Name or service not known\r\n",
            "ssh to h: Could not resolve hostname node9: Name or service not known",
            "--host NODE=ADDRESS",
        ),
        (
            Some(255),
            "Warning: Permanently added 'h'\nroot@h: Permission denied (publickey).\n",
            "ssh to h: root@h: Permission denied (publickey).",
            "--ssh-user",
        ),
        (
            Some(127),
            "sh: 1: netdiag: not found",
            "netdiag is not installed on h",
            "--push",
        ),
        (
            Some(126),
            "x",
            "netdiag can't be run on h: x",
            "another kind of machine",
        ),
        (
            Some(1),
            "error: unexpected argument '--only-node' found\n\nUsage: netdiag\n",
            "netdiag on h ended with 1: unexpected argument '--only-node' found",
            "",
        ),
        (Some(73), "", "netdiag could not be copied to h", ""),
        (None, "", "ssh to h was killed", ""),
    ] {
        let failure = ssh::explain("h", code, said);
        assert_eq!(failure.why, why);
        assert!(failure.hint.unwrap_or_default().contains(hint), "{failure:?}");
    }
}

#[test]
fn an_answer_that_is_no_snapshot_of_one_node_is_none() {
    for (answer, why) in [
        (&b""[..], "h answered with nothing"),
        (b"Welcome!", "neither zstd nor JSON"),
        (b"{\"netdiagSnapshot\": 2, \"nodes\": []}", "holds 0 nodes"),
        (
            b"{\"netdiagSnapshot\": 2, \"nodes\": [{\"name\": \"a\"}, {\"name\": \"b\"}]}",
            "holds 2 nodes",
        ),
    ] {
        let failure = the_node(&Program::Installed, answer, "h").unwrap_err();
        assert!(failure.why.contains(why), "{failure}");
    }
}

/// Runs the remote side's line here, with a script in netdiag's place.
fn run_pushed(script: &str, keep_open: bool) -> (Option<i32>, String, usize) {
    run_program(&Program::Pushed(script.as_bytes().into()), keep_open)
}

fn run_program(program: &Program, keep_open: bool) -> (Option<i32>, String, usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", &program.command(false, &remote::SNAPSHOT)])
        .env("TMPDIR", directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(program.input()).unwrap();
    let kept = if keep_open {
        Some(stdin)
    } else {
        std::thread::sleep(Duration::from_millis(300));
        drop(stdin);
        None
    };
    let output = child.wait_with_output().unwrap();
    drop(kept);
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        left,
    )
}

#[test]
fn what_is_pushed_runs_with_its_arguments_and_leaves_nothing() {
    let (code, said, left) = run_pushed("#!/bin/sh\necho \"$@\"\nexit 7\n", true);
    assert_eq!(
        (code, said.as_str(), left),
        (Some(7), "snapshot save --only-node -o -\n", 0)
    );
}

#[test]
fn a_script_is_run_by_a_shell_and_read_in_its_own_form() {
    let program = Program::Script {
        text: "echo \"${0##*/} $#\"\n",
        read: |bytes| {
            Ok(crate::state::Snapshot {
                nodes: vec![node(&String::from_utf8_lossy(bytes))],
                ..Default::default()
            })
        },
    };
    assert_eq!(
        run_program(&program, true),
        (Some(0), "netdiag 0\n".to_owned(), 0)
    );
    assert_eq!(the_node(&program, b"a", "h"), Ok(node("a")));
}

#[test]
fn when_the_asker_is_gone_what_was_pushed_stops_and_leaves_nothing() {
    let start = std::time::Instant::now();
    let (code, _, left) = run_pushed("#!/bin/sh\nexec sleep 60\n", false);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_ne!(code, Some(0));
    assert_eq!(left, 0);
}

/// Runs a program as a node would, without a connection.
#[test]
fn words_come_through_both_shells_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("netdiag");
    std::fs::write(
        &program,
        "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words = [
        "capture",
        "",
        "it's",
        "a b",
        "$HOME `id` \\ \"x\"",
        "tcp[13] & 2 != 0",
        "*",
        "(a)|b;c>d",
    ];
    let mut child = Command::new("sh")
        .args(["-c", &Program::Installed.command(false, &words)])
        .env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its end would end the program.
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(lines, words);
}
