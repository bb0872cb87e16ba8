//! Daemons that answer as they should.

use super::{BAD_AS_1, BIRD_DOWN_1, DROP_2, FIRST_FOUND_1, HEALTHY_1, HEALTHY_2, MIXED_1, MIXED_2};
use super::{recorded, status};
use crate::FakeBird;
use crate::fake_bird::Script;

/// A reply with these rows and no details.
fn reply(rows: &[&str]) -> String {
    let mut text = String::from("2002-name     proto    table    state  since       info\n");
    for row in rows {
        text.extend(["1002-", row, "\n"]);
    }
    text.push_str("0000 \n");
    text
}

fn played(rows: &[&str]) -> crate::Output {
    status(
        &FakeBird::start(Script::recorded(HEALTHY_1).answering(reply(rows))),
        [],
    )
    .run()
}

#[test]
fn a_healthy_bird_1_gives_its_three_peers_and_exit_status_0() {
    let output = recorded(HEALTHY_1);
    output
        .exits(0)
        .fits(80)
        .says("All 3 peers are Established.")
        .says("No IPv6 peers found.")
        .says("router id 10.0.0.1");
    assert_eq!(
        output.rows(),
        [
            [
                "192.168.80.24",
                "node-to-node mesh",
                "up",
                "11:14:36",
                "Established"
            ],
            [
                "192.168.80.25",
                "node-to-node mesh",
                "up",
                "11:14:38",
                "Established"
            ],
            [
                "192.168.80.26",
                "node-to-node mesh",
                "up",
                "11:14:37",
                "Established"
            ],
        ],
        "{output}"
    );
}

#[test]
fn a_healthy_bird_2_gives_its_three_peers_and_exit_status_0() {
    let output = recorded(HEALTHY_2);
    output.exits(0).fits(80).says("All 3 peers are Established.");
    let since: Vec<String> = output.rows().into_iter().map(|row| row[3].clone()).collect();
    assert_eq!(
        since,
        ["11:18:40.224", "11:18:40.683", "11:18:40.376"],
        "{output}"
    );
}

#[test]
fn a_peer_that_is_down_shows_birds_words_and_the_exit_status_is_2() {
    let output = recorded(BIRD_DOWN_1);
    output
        .exits(2)
        .fits(80)
        .says("1 of 3 peers down")
        .says("192.168.80.24");
    let row = &output.rows()[0];
    assert_eq!(
        row[2..],
        ["start", "10:58:07", "Active Socket: Connection refused"]
    );

    let output = recorded(BAD_AS_1);
    output.exits(2).fits(80).says("1 of 3 peers down");
    assert_eq!(output.rows()[0][4], "Idle BGP Error: Bad peer AS");

    let output = recorded(DROP_2);
    output.exits(2).fits(80).says("1 of 3 peers down");
    assert_eq!(output.rows()[0][4], "Connect BGP Error: Hold timer expired");
}

#[test]
fn the_founding_storys_three_peers_are_shown_in_state_connect() {
    let output = recorded(FIRST_FOUND_1);
    output.exits(2).fits(80).says("3 of 3 peers down");
    let rows = output.rows();
    let addresses: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(addresses, ["10.244.2.1", "10.244.3.1", "10.244.4.1"]);
    assert!(rows.iter().all(|row| row[4] == "Connect"), "{output}");
}

#[test]
fn peers_with_a_port_a_disabled_peer_and_other_protocols_are_told_apart() {
    let output = recorded(MIXED_1);
    output.exits(2).fits(80).says("3 of 3 peers down");
    assert_eq!(
        output.rows(),
        [
            [
                "127.0.0.1",
                "node-to-node mesh",
                "start",
                "13:38:26",
                "Idle BGP Error: Bad BGP identifier"
            ],
            ["10.0.0.9:1179", "global", "start", "13:37:24", "Passive"],
            ["10.0.0.8", "node specific", "down", "13:37:24", ""],
        ],
        "{output}"
    );
}

#[test]
fn the_one_bird_2_shows_peers_of_both_ip_versions_in_two_tables() {
    let output = recorded(MIXED_2);
    output.exits(2).fits(80).says_not("No IPv6 peers found.");
    let (v4, v6) = output.stdout.split_once("IPv6 BGP status").unwrap();
    assert!(
        v4.contains("10.0.0.9:1179") && !v4.contains("| fd00::2"),
        "{output}"
    );
    assert!(
        v6.contains("| fd00::2") && !v6.contains("| 10.0.0.9:1179"),
        "{output}"
    );
}

#[test]
fn bird6_of_bird_1_is_asked_on_the_socket_beside_the_other() {
    let v4 = FakeBird::recorded(HEALTHY_1);
    let reply = reply(&[
        "Mesh_fd00_10__2 BGP      master   up     2026-11-20  Established",
        "Global_fd00_10__9_port_1790 BGP      master   start  11:14:37    Active        Socket: Network is unreachable",
    ]);
    let _v6 = FakeBird::start_beside(&v4, Script::recorded(HEALTHY_1).answering(reply));
    let output = status(&v4, []).run();
    output.exits(2).fits(80).says("1 of 5 peers down");
    let rows = output.rows();
    assert_eq!(rows.len(), 5, "{output}");
    assert_eq!(
        rows[3..],
        [
            [
                "fd00:10::2",
                "node-to-node mesh",
                "up",
                "2026-11-20",
                "Established"
            ],
            [
                "[fd00:10::9]:1790",
                "global",
                "start",
                "11:14:37",
                "Active Socket: Network is unreachable"
            ]
        ],
        "{output}"
    );
}

#[test]
fn bird6_alone_is_shown_and_the_missing_bird_is_named() {
    let gone = FakeBird::serving(|_| {});
    let beside = gone.directory().to_owned();
    let _v6 = FakeBird::start_beside(
        &gone,
        Script::recorded(HEALTHY_1).answering(reply(&[
            "Mesh_fd00__2 BGP      master   up     10:00:00  Established",
        ])),
    );
    std::fs::remove_file(gone.socket()).unwrap();
    let output = status(&gone, []).run();
    output
        .says("no control socket")
        .says(&beside.join("bird.ctl").display().to_string());
    assert_eq!(output.rows()[0][0], "fd00::2", "{output}");
}

#[test]
fn sessions_with_pods_and_of_other_hands_are_shown_with_their_kind() {
    let output = played(&[
        "kernel1  Kernel   master   up     10:00:00",
        "Local_Workload_192_168_115_130 BGP      master   up     10:00:00  Established",
        "Node_10_1_1_1_port_179 BGP      master   up     10:00:00  Established",
        "uplink   BGP      master   up     10:00:00  Established",
        "ospf1    OSPF     master   up     10:00:00  Running",
    ]);
    output.exits(0).fits(80);
    let rows = output.rows();
    assert_eq!(rows.len(), 3, "{output}");
    assert_eq!(rows[0][..2], ["192.168.115.130", "local workload"]);
    assert_eq!(rows[1][..2], ["10.1.1.1", "node specific"]);
    assert_eq!(rows[2][1], "other (uplink)", "{output}");
}

#[test]
fn a_date_a_time_or_both_are_taken_as_since() {
    let output = played(&[
        "Mesh_10_0_0_1 BGP master up 2026-11-20 Established",
        "Mesh_10_0_0_2 BGP master up 2026-11-20 10:56:59 Established",
        "Mesh_10_0_0_3 BGP master up 10:56:59.123 Established",
    ]);
    output.exits(0).fits(80);
    let since: Vec<String> = output.rows().into_iter().map(|row| row[3].clone()).collect();
    assert_eq!(
        since,
        ["2026-11-20", "2026-11-20 10:56:59", "10:56:59.123"],
        "{output}"
    );
    assert!(
        output.rows().iter().all(|row| row[4] == "Established"),
        "{output}"
    );
}

#[test]
fn a_daemon_without_bgp_has_no_peers_and_that_is_no_fault() {
    let output = played(&["kernel1  Kernel   master   up     10:00:00"]);
    output
        .exits(0)
        .says("No IPv4 peers found.")
        .says("No IPv6 peers found.");
}
