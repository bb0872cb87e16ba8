//! The same table on real daemons: each row as `birdc` shows it.

use std::time::Duration;

use netdiag_lab::{Bird, Lab, Plan, bird, or_skip, wait_for};
use serde_json::Value;

/// The peers of `node1`: one that runs, one that nobody is, one on no segment, one to wait for, one switched off.
const PEERS: [(&str, &str, &str); 5] = [
    ("Mesh_10_0_0_2", "10.0.0.2", ""),
    ("Node_10_0_0_3", "10.0.0.3", ""),
    ("Global_10_9_9_9_port_1790", "10.9.9.9", " port 1790"),
    ("Mesh_10_0_0_4", "10.0.0.4", "passive on;"),
    ("uplink", "10.0.0.5", "disabled;"),
];

const FILTERS: &str = "  import all;\n  export all;\n";

fn config(release: Bird, id: &str, peers: &[(&str, &str, &str)]) -> String {
    let device = "protocol device { scan time 2; }\n";
    let mut text = format!("router id {id};\n{device}protocol direct {{ }}\n");
    for (name, neighbor, more) in peers {
        let port = more.strip_prefix(" port").map_or("", |_| more);
        let option = if port.is_empty() { more } else { "" };
        let channel = match release {
            Bird::V1 => FILTERS.to_owned(),
            Bird::V2 => format!("  ipv4 {{\n{FILTERS}  }};\n"),
        };
        let block = format!(
            "protocol bgp {name} {{\n  local as 64512;\n  neighbor {neighbor}{port} as 64512;\n  \
             connect delay time 1;\n  connect retry time 1;\n  {option}\n{channel}}}\n"
        );
        text.push_str(&block);
    }
    if release == Bird::V2 {
        text.push_str(
            "protocol bgp Mesh_fd00__2 {\n  local as 64512;\n  neighbor fd00::2 as 64512;\n  \
             ipv6 {\n  import all;\n  export all;\n  };\n}\n",
        );
    }
    text
}

/// Two nodes, each with a daemon; the session between them is up.
fn lab(release: Bird) -> Option<Lab> {
    let lab = or_skip(
        Plan::new()
            .segment("lan", "")
            .node("node1", |node| node.link("eth0", "lan", "10.0.0.1/24"))
            .node("node2", |node| node.link("eth0", "lan", "10.0.0.2/24"))
            .up(),
    )?;
    let start = |name: &str, id: &str, peers: &[(&str, &str, &str)]| {
        let node = lab.node(name);
        node.write(bird::CONFIG, &config(release, id, peers))?;
        release.start(node)
    };
    or_skip(start("node1", "10.0.0.1", &PEERS))?;
    or_skip(start("node2", "10.0.0.2", &[("Mesh_10_0_0_1", "10.0.0.1", "")]))?;
    wait_for("the session is up", Duration::from_secs(20), || {
        let sessions = bird::sessions(lab.node("node1")).ok()?;
        let settled = |name: &str, info: &str| {
            sessions
                .iter()
                .any(|session| session.name == name && session.info.contains(info))
        };
        (settled("Mesh_10_0_0_2", "Established") && settled("Global_10_9_9_9_port_1790", "unreachable"))
            .then_some(())
    })
    .unwrap();
    Some(lab)
}

/// What `birdc show protocols` says, once `netdiag` was asked between two equal answers: sessions move meanwhile.
fn side_by_side(lab: &Lab, question: &str, args: &[&str], still: fn(&str) -> bool) -> (Vec<String>, String) {
    let node = lab.node("node1");
    let binary = env!("CARGO_BIN_EXE_netdiag");
    let words: Vec<&str> = [binary, "node", "status"].iter().chain(args).copied().collect();
    wait_for("two equal answers", Duration::from_secs(20), || {
        let ask = || bird::ask(node, question).unwrap();
        let facts =
            |lines: &[String]| -> Vec<String> { lines.iter().filter(|line| still(line)).cloned().collect() };
        let before = ask();
        let output = node.run(&words).output().unwrap();
        assert_eq!(output.code(), Some(2), "{}{}", output.stdout, output.stderr);
        (facts(&before) == facts(&ask())).then_some((before, output.stdout))
    })
    .unwrap()
}

/// Name, state, since and info of the BGP rows of `show protocols`.
fn birds_rows(lines: &[String]) -> Vec<[String; 4]> {
    lines
        .iter()
        .filter_map(|line| {
            let row = line.strip_prefix("1002-").or_else(|| line.strip_prefix(' '))?;
            let words: Vec<&str> = row.split_whitespace().collect();
            (words.get(1) == Some(&"BGP")).then(|| {
                [
                    words[0].to_owned(),
                    words[3].to_owned(),
                    words[4].to_owned(),
                    words[5..].join(" "),
                ]
            })
        })
        .collect()
}

/// Address and type that a name stands for.
fn meant(name: &str) -> (&str, &str) {
    match name {
        "Mesh_10_0_0_2" => ("10.0.0.2", "node-to-node mesh"),
        "Node_10_0_0_3" => ("10.0.0.3", "node specific"),
        "Global_10_9_9_9_port_1790" => ("10.9.9.9:1790", "global"),
        "Mesh_10_0_0_4" => ("10.0.0.4", "node-to-node mesh"),
        "uplink" => ("10.0.0.5", "other (uplink)"),
        "Mesh_fd00__2" => ("fd00::2", "node-to-node mesh"),
        other => panic!("{other}"),
    }
}

fn five_columns_agree(release: Bird) {
    let Some(lab) = lab(release) else { return };
    let (lines, stdout) = side_by_side(&lab, "show protocols", &[], |_| true);
    let expected: Vec<Vec<String>> = birds_rows(&lines)
        .into_iter()
        .map(|[name, state, since, info]| {
            let (address, kind) = meant(&name);
            vec![address.to_owned(), kind.to_owned(), state, since, info]
        })
        .collect();
    assert_eq!(
        expected.len(),
        if release == Bird::V1 { 5 } else { 6 },
        "{lines:#?}"
    );
    let mut rows = crate::netdiag::rows(&stdout);
    for (row, expected) in rows.iter_mut().zip(&expected) {
        if is_one_moment(&row[3], &expected[3]) {
            row[3].clone_from(&expected[3]);
        }
    }
    assert_eq!(rows, expected, "{stdout}\n{lines:#?}");
}

/// Times that BIRD 2 may print for one moment: it counts back from now, each time anew, and rounds.
fn is_one_moment(one: &str, other: &str) -> bool {
    let milliseconds = |text: &str| {
        let (clock, fraction) = text.split_once('.')?;
        let seconds = clock
            .split(':')
            .try_fold(0, |sum, part| Some(sum * 60 + part.parse::<i64>().ok()?))?;
        Some(seconds * 1000 + fraction.parse::<i64>().ok()?)
    };
    match (milliseconds(one), milliseconds(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= 2,
        _ => false,
    }
}

#[test]
fn the_five_columns_agree_with_a_real_bird_1() {
    five_columns_agree(Bird::V1);
}

#[test]
fn the_five_columns_agree_with_a_real_bird_2() {
    five_columns_agree(Bird::V2);
}

/// The details of `show protocols all` that don't count time: field, JSON path below a peer.
const DETAILS: [(&str, &str); 9] = [
    ("BGP state", "/session/state"),
    ("Neighbor address", "/session/neighborAddress"),
    ("Neighbor port", "/session/neighborPort"),
    ("Neighbor AS", "/session/neighborAs"),
    ("Local AS", "/session/localAs"),
    ("Neighbor ID", "/session/neighborId"),
    ("Session", "/session/session"),
    ("Source address", "/session/sourceAddress"),
    ("Last error", "/session/lastError"),
];

fn json_agrees(release: Bird) {
    let Some(lab) = lab(release) else { return };
    // Timers run between two questions.
    let still = |line: &str| {
        !["timer", "wait", "delay", "changes", "updates", "withdraws"]
            .iter()
            .any(|word| line.contains(word))
    };
    let (lines, stdout) = side_by_side(&lab, "show protocols all", &["-o", "json"], still);
    let status: Value = serde_json::from_str(&stdout).unwrap();
    let peers = status["peers"].as_array().unwrap();
    let rows = birds_rows(&lines);
    assert_eq!(peers.len(), rows.len(), "{stdout}");
    for (peer, [name, state, since, info]) in peers.iter().zip(&rows) {
        for (field, value) in [("name", name), ("state", state), ("since", since), ("info", info)] {
            assert_eq!(peer[field], **value, "{field}\n{stdout}");
        }
        assert_eq!(peer["peerAddress"], meant(name).0);
        for (key, path) in DETAILS {
            let found = peer.pointer(path).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            assert_eq!(
                found,
                detail(&lines, name, key),
                "{name}: {key}\n{lines:#?}\n{stdout}"
            );
        }
    }
    let version = status["bird"][0]["version"].as_str().unwrap();
    assert!(
        version.starts_with(if release == Bird::V1 { "1.6" } else { "2." }),
        "{stdout}"
    );
    assert_eq!(status["node"]["routerId"], "10.0.0.1");
    assert_eq!(status["established"], 1);
}

/// `KEY:  value` below the row of a protocol.
fn detail(lines: &[String], name: &str, key: &str) -> Option<String> {
    let row = lines
        .iter()
        .position(|line| line.starts_with(&format!("1002-{name} ")))
        .unwrap();
    lines[row + 1..]
        .iter()
        .take_while(|line| !line.starts_with("1002-"))
        .find_map(|line| {
            let text = line.strip_prefix("1006-").unwrap_or(line).trim();
            let value = text.strip_prefix(key)?.strip_prefix(':')?;
            Some(value.trim().to_owned())
        })
}

#[test]
fn json_agrees_with_show_protocols_all_of_a_real_bird_1() {
    json_agrees(Bird::V1);
}

#[test]
fn json_agrees_with_show_protocols_all_of_a_real_bird_2() {
    json_agrees(Bird::V2);
}

/// Where the host has no BIRD at all, every place that was looked at is named. An empty node is such a host.
#[test]
fn without_any_socket_every_place_that_was_tried_is_named() {
    let Some(lab) = or_skip(
        Plan::new()
            .segment("lan", "")
            .node("node1", |node| node.link("eth0", "lan", "10.0.0.1/24"))
            .up(),
    ) else {
        return;
    };
    let output = lab
        .node("node1")
        .run([env!("CARGO_BIN_EXE_netdiag"), "node", "status"])
        .env("COLUMNS", "80")
        .output()
        .unwrap();
    let folded: Vec<&str> = output.stdout.split_whitespace().collect();
    let folded = folded.join(" ");
    // The node has processes of its own only: whether calico-node runs on the host can't be seen.
    assert_eq!(output.code(), Some(3), "{}{}", output.stdout, output.stderr);
    for text in [
        "no control socket; tried",
        "/var/run/calico/bird.ctl",
        "/var/run/bird/bird.ctl",
        "/run/bird.ctl",
        "/var/run/calico/bird6.ctl",
    ] {
        assert!(folded.contains(text), "{text}\n{}", output.stdout);
    }
    assert!(
        output.stdout.lines().all(|line| line.chars().count() <= 80),
        "{}",
        output.stdout
    );
}
