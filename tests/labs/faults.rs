//! One thing is broken between node1 and node2 of a healthy story: is it told apart, by the right cause?

use std::thread;
use std::time::{Duration, Instant};

use netdiag_lab::{Bird, Fault, HOSTS, Story, StoryPlan, Verdict, or_skip};

use serde_json::Value;

use crate::netdiag::{check_all, findings, json, peer};

const NODE1: &str = "192.168.80.23";
const NODE2: &str = "192.168.80.24";

/// What netdiag must say.
struct Case {
    faults: Vec<Fault>,
    /// The row of node1's status that it is about.
    peer: &'static str,
    /// The cause that node1 can tell alone.
    alone: &'static str,
    /// The cause from the snapshots of all nodes.
    together: &'static str,
    /// The cause that node2 tells of its session with node1; none when nothing is wrong to see there.
    there: Option<&'static str>,
    /// Words that the joint finding must hold: the proof.
    proof: &'static str,
    /// Whether the snapshots of all nodes leave no other cause.
    certain: bool,
    /// Sessions as Calico 3 makes them: node1, with the lowest address, waits for all others.
    one_directional: bool,
}

impl Case {
    fn new(
        fault: Fault,
        alone: &'static str,
        together: &'static str,
        there: &'static str,
        proof: &'static str,
    ) -> Self {
        Self {
            faults: vec![fault],
            peer: NODE2,
            alone,
            together,
            there: Some(there),
            proof,
            certain: true,
            one_directional: false,
        }
    }

    fn likely(mut self) -> Self {
        self.certain = false;
        self
    }

    fn one_directional(mut self) -> Self {
        self.one_directional = true;
        self
    }

    fn and(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    fn silent_there(mut self) -> Self {
        self.there = None;
        self
    }

    fn at(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    fn run(self, bird: Bird) {
        let mut plan = StoryPlan::first_found().healthy().bird(bird).hold_time(6);
        if self.one_directional {
            plan = plan.one_directional();
        }
        let Some(story) = or_skip(plan.up()) else { return };
        // A minute of the kernel's patience with a silent neighbour, in a second or two.
        for host in HOSTS {
            let timers = "cd /proc/sys/net/ipv4/neigh/eth0; echo 1000 >base_reachable_time_ms; echo 1 >delay_first_probe_time";
            story.node(host.name).sh(timers).ok().unwrap();
        }
        story.wait_established(Duration::from_secs(30)).unwrap();
        for fault in &self.faults {
            story.inject(*fault).unwrap();
        }
        self.alone(&story);
        self.together(&story);
        self.there(&story);
    }

    /// Waits until node1 says it, and goes on saying it while BIRD walks through its states.
    fn alone(&self, story: &Story) {
        const STEADY: Duration = Duration::from_secs(5);
        const DEADLINE: Duration = Duration::from_secs(60);
        let start = Instant::now();
        let mut since = None;
        let mut others = Vec::new();
        while since.is_none_or(|since: Instant| since.elapsed() < STEADY) {
            assert!(start.elapsed() < DEADLINE, "{:?} alone: {others:#?}", self.faults);
            let (code, status) = json(story, "node1", &["node", "status"]);
            let row = peer(&status, self.peer);
            if row["cause"] == self.alone {
                assert_eq!(code, 2);
                since.get_or_insert_with(Instant::now);
            } else {
                since = None;
                others.push(format!("{} {}", row["cause"], row["evidence"]));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn together(&self, story: &Story) {
        let down: Vec<&str> = self
            .faults
            .iter()
            .filter_map(|fault| match fault {
                Fault::NodeDown { on } => Some(*on),
                _ => None,
            })
            .collect();
        let (code, check) = check_all(story, |name| !down.contains(&name));
        assert_eq!(code, 2);
        let session = |told: &Value| {
            let title = told["title"].as_str().unwrap();
            told["node"] == "node1" && title.contains(&self.peer.replace('.', "_"))
        };
        // Sessions that one thing takes down are one finding.
        let about = |finding: &&Value| {
            session(finding)
                || finding["consequences"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(session))
        };
        let finding = findings(&check)
            .iter()
            .find(about)
            .unwrap_or_else(|| panic!("{:?}: no finding of node1: {check:#}", self.faults));
        assert_eq!(finding["cause"], self.together, "{:?}: {finding:#}", self.faults);
        assert_eq!(finding["certain"], self.certain, "{finding:#}");
        assert!(
            finding.to_string().contains(self.proof),
            "{:?}: {finding:#}",
            self.faults
        );
    }

    fn there(&self, story: &Story) {
        let Some(there) = self.there else { return };
        let (_, check) = json(story, "node2", &["check"]);
        let told = findings(&check).iter().any(|finding| finding["cause"] == there);
        assert!(told, "{:?}: node2 does not say {there}: {check:#}", self.faults);
    }
}

fn filter(verdict: Verdict) -> Fault {
    Fault::Filter { on: "node2", verdict }
}

#[test]
fn a_dropped_port_is_told_by_its_rule() {
    let case = |bird| {
        Case::new(
            filter(Verdict::Drop),
            "port-dropped",
            "port-dropped",
            "port-dropped",
            "--dport 179 -j DROP",
        )
        .run(bird);
    };
    case(Bird::V1);
    case(Bird::V2);
}

#[test]
fn a_rejected_port_is_told_by_its_rule() {
    Case::new(
        filter(Verdict::Reject),
        "peer-refuses",
        "port-rejected",
        "port-rejected",
        "-j REJECT",
    )
    .run(Bird::V1);
    Case::new(
        filter(Verdict::Reset),
        "peer-refuses",
        "port-rejected",
        "port-rejected",
        "tcp-reset",
    )
    .run(Bird::V2);
}

#[test]
fn a_bird_that_does_not_run_is_told_from_a_rejected_port() {
    let case = || {
        Case::new(
            Fault::BirdKilled { on: "node2" },
            "peer-refuses",
            "bird-down",
            "bird-down",
            "BIRD",
        )
    };
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_wrong_as_number_is_told_with_both_numbers() {
    let fault = Fault::WrongAs {
        on: "node2",
        number: 64999,
    };
    Case::new(fault, "wrong-as", "wrong-as", "wrong-as", "64999").run(Bird::V1);
    Case::new(fault, "wrong-as", "wrong-as", "wrong-as", "64999").run(Bird::V2);
}

#[test]
fn a_password_of_one_side_is_told_by_the_kernels_counters() {
    let fault = Fault::Password {
        on: "node2",
        peer: "node1",
        password: "secret-of-node2",
    };
    Case::new(
        fault,
        "password-mismatch",
        "password-mismatch",
        "password-mismatch",
        "TCPMD5",
    )
    .run(Bird::V1);
}

#[test]
fn two_different_passwords_are_told_by_the_kernels_counters() {
    let fault = Fault::Password {
        on: "node2",
        peer: "node1",
        password: "secret-of-node2",
    };
    Case::new(
        fault,
        "password-mismatch",
        "password-mismatch",
        "password-mismatch",
        "TCPMD5Failure",
    )
    .likely()
    .and(Fault::Password {
        on: "node1",
        peer: "node2",
        password: "secret-of-node1",
    })
    .run(Bird::V2);
}

#[test]
fn a_session_that_only_one_side_has_is_told() {
    let fault = Fault::Missing {
        on: "node2",
        peer: "node1",
    };
    let case = || {
        Case::new(
            fault,
            "peer-closes",
            "not-configured",
            "not-configured",
            "no session with",
        )
    };
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_side_that_waits_for_a_peer_without_the_session_is_told() {
    let fault = Fault::Missing {
        on: "node2",
        peer: "node1",
    };
    Case::new(
        fault,
        "nobody-connects",
        "not-configured",
        "not-configured",
        "no session with",
    )
    .and(Fault::Passive {
        on: "node1",
        peer: "node2",
    })
    .run(Bird::V1);
}

#[test]
fn two_sides_that_wait_for_each_other_are_told() {
    let fault = Fault::Passive {
        on: "node2",
        peer: "node1",
    };
    Case::new(
        fault,
        "nobody-connects",
        "nobody-connects",
        "nobody-connects",
        "passive too",
    )
    .and(Fault::Passive {
        on: "node1",
        peer: "node2",
    })
    .run(Bird::V2);
}

#[test]
fn one_router_id_on_two_nodes_is_told() {
    let fault = Fault::SameRouterId {
        on: "node2",
        of: "node1",
    };
    Case::new(fault, "same-router-id", "same-router-id", "same-router-id", NODE1).run(Bird::V1);
    Case::new(fault, "same-router-id", "same-router-id", "same-router-id", NODE1).run(Bird::V2);
}

#[test]
fn a_peer_address_that_nobody_has_is_told() {
    let fault = Fault::Extra {
        on: "node1",
        address: "192.168.80.99",
    };
    let case = || {
        Case::new(
            fault,
            "nobody-has-address",
            "nobody-has-address",
            "",
            "192.168.80.99",
        )
        .silent_there()
        .at("192.168.80.99")
    };
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_node_that_peers_with_itself_is_told() {
    let fault = Fault::Extra {
        on: "node1",
        address: NODE1,
    };
    let case = || {
        Case::new(fault, "peer-is-self", "peer-is-self", "", "is on eth0")
            .silent_there()
            .at(NODE1)
    };
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_session_disabled_by_hand_is_told_on_both_sides() {
    let fault = Fault::TakenDown {
        on: "node2",
        peer: "node1",
    };
    Case::new(
        fault,
        "peer-closes",
        "disabled-on-peer",
        "disabled",
        "birdc enable",
    )
    .run(Bird::V1);
}

#[test]
fn a_session_disabled_in_the_configuration_is_told_on_both_sides() {
    let fault = Fault::Disabled {
        on: "node2",
        peer: "node1",
    };
    Case::new(fault, "peer-closes", "disabled-on-peer", "disabled", "disabled").run(Bird::V2);
}

#[test]
fn an_expired_hold_timer_of_a_daemon_that_stands_still_is_told() {
    let fault = Fault::BirdFrozen { on: "node2" };
    let case = || {
        Case::new(
            fault,
            "hold-timer-expired",
            "hold-timer-expired",
            "hold-timer-expired",
            "Hold timer expired",
        )
    };
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_node_without_power_is_told() {
    let fault = Fault::NodeDown { on: "node2" };
    let case = || Case::new(fault, "node-down", "node-down", "", "ARP").silent_there();
    case().run(Bird::V1);
    case().run(Bird::V2);
}

#[test]
fn a_node_without_its_cable_is_told() {
    let fault = Fault::LinkDown { on: "node2" };
    Case::new(fault, "node-down", "node-down", "no-route", "eth0 is down").run(Bird::V1);
}

#[test]
fn a_waiting_side_tells_a_rule_and_a_password_of_the_other_side() {
    Case::new(
        filter(Verdict::Drop),
        "nobody-connects",
        "port-dropped",
        "port-dropped",
        "--dport 179 -j DROP",
    )
    .one_directional()
    .run(Bird::V2);
    let password = Fault::Password {
        on: "node2",
        peer: "node1",
        password: "secret-of-node2",
    };
    Case::new(
        password,
        "password-mismatch",
        "password-mismatch",
        // Its attempts vanish; the kernel that drops them counts them on the other node.
        "unanswered",
        "TCPMD5",
    )
    .one_directional()
    .run(Bird::V1);
}

#[test]
fn a_waiting_side_tells_a_missing_session_and_a_stopped_daemon_of_the_other_side() {
    let missing = Fault::Missing {
        on: "node2",
        peer: "node1",
    };
    Case::new(
        missing,
        "not-configured-on-peer",
        "not-configured",
        "not-configured",
        "no session with",
    )
    .one_directional()
    .run(Bird::V2);
    Case::new(
        Fault::BirdKilled { on: "node2" },
        "nobody-connects",
        "bird-down",
        "bird-down",
        "BIRD",
    )
    .one_directional()
    .run(Bird::V1);
}
