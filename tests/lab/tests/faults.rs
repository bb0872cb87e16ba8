//! Every fault has the effect that it is there for.

use std::time::Duration;

use netdiag_lab::{Bird, Fault, Session, Story, StoryPlan, Verdict, or_skip, wait_until};

fn session(story: &Story, on: &str, peer: &str) -> Option<Session> {
    let name = format!("Mesh_{}", peer.replace('.', "_"));
    story
        .sessions(on)
        .unwrap()
        .into_iter()
        .find(|session| session.name == name)
}

/// Waits until BIRD on a node says, at some moment, that of its session with an address.
fn says(story: &Story, on: &str, peer: &str, what: &str) {
    let mut last = None;
    wait_until("", Duration::from_secs(25), || {
        let now = session(story, on, peer);
        let said = now
            .as_ref()
            .is_some_and(|session| format!("{} {}", session.state, session.info).contains(what));
        last = now;
        said
    })
    .unwrap_or_else(|error| panic!("{on}, {peer}, {what}: {error}, {last:?}"));
}

const NODE1: &str = "192.168.80.23";
const NODE2: &str = "192.168.80.24";
const NODE3: &str = "192.168.80.25";
const NODE4: &str = "192.168.80.26";

#[test]
fn faults_of_single_sessions_hit_these_sessions_only() {
    let plan = StoryPlan::first_found()
        .healthy()
        .fault(Fault::Password {
            on: "node1",
            peer: "node2",
            password: "secret",
        })
        .fault(Fault::Missing {
            on: "node3",
            peer: "node1",
        })
        .fault(Fault::Disabled {
            on: "node2",
            peer: "node3",
        })
        .fault(Fault::TakenDown {
            on: "node2",
            peer: "node4",
        })
        .fault(Fault::Passive {
            on: "node3",
            peer: "node4",
        })
        .fault(Fault::Passive {
            on: "node4",
            peer: "node3",
        })
        .fault(Fault::Extra {
            on: "node4",
            address: "192.168.80.99",
        })
        .fault(Fault::Extra {
            on: "node4",
            address: NODE4,
        });
    let Some(story) = or_skip(plan.up()) else { return };
    says(&story, "node1", NODE4, "Established");
    says(&story, "node2", NODE3, "down");
    says(&story, "node2", NODE4, "down");
    says(&story, "node4", "192.168.80.99", "start");
    assert_eq!(session(&story, "node3", NODE1), None);
    for (on, peer) in [
        ("node1", NODE2),
        ("node2", NODE1),
        ("node1", NODE3),
        ("node3", NODE4),
        ("node4", NODE3),
    ] {
        assert_eq!(session(&story, on, peer).unwrap().state, "start", "{on} {peer}");
    }
    says(&story, "node4", NODE4, "start");
    story
        .clear(Fault::TakenDown {
            on: "node2",
            peer: "node4",
        })
        .unwrap();
    story
        .clear(Fault::Passive {
            on: "node3",
            peer: "node4",
        })
        .unwrap();
    says(&story, "node2", NODE4, "Established");
    says(&story, "node3", NODE4, "Established");
}

fn identity(bird: Bird) {
    let plan = StoryPlan::first_found()
        .healthy()
        .bird(bird)
        .fault(Fault::WrongAs {
            on: "node4",
            number: 64999,
        })
        .fault(Fault::SameRouterId {
            on: "node2",
            of: "node1",
        });
    let Some(story) = or_skip(plan.up()) else { return };
    says(&story, "node1", NODE3, "Established");
    says(&story, "node4", NODE1, "Bad peer AS");
    says(&story, "node1", NODE2, "Bad BGP identifier");
}

#[test]
fn wrong_identities_are_refused_by_bird_1() {
    identity(Bird::V1);
}

#[test]
fn wrong_identities_are_refused_by_bird_2() {
    identity(Bird::V2);
}

#[test]
fn a_killed_and_a_frozen_bird_and_a_pulled_cable_end_sessions() {
    let Some(story) = or_skip(StoryPlan::first_found().healthy().hold_time(3).up()) else {
        return;
    };
    story.wait_established(Duration::from_secs(60)).unwrap();
    story.inject(Fault::BirdFrozen { on: "node1" }).unwrap();
    story.inject(Fault::BirdKilled { on: "node2" }).unwrap();
    story.inject(Fault::LinkDown { on: "node3" }).unwrap();
    says(&story, "node4", NODE1, "Hold timer expired");
    says(&story, "node4", NODE2, "start");
    says(&story, "node4", NODE3, "start");
    assert!(story.node("node1").is_running("bird"));
    assert!(!story.node("node2").is_running("bird"));
    story.clear(Fault::BirdFrozen { on: "node1" }).unwrap();
    story.clear(Fault::BirdKilled { on: "node2" }).unwrap();
    story.clear(Fault::LinkDown { on: "node3" }).unwrap();
    story.wait_established(Duration::from_secs(60)).unwrap();
    story.inject(Fault::NodeDown { on: "node3" }).unwrap();
    says(&story, "node4", NODE3, "start");
}

#[test]
fn packet_filters_break_sessions_of_both_directions_and_one_direction_is_enough_for_a_session() {
    let [drop, reject, reset] = [
        Fault::Filter {
            on: "node1",
            verdict: Verdict::Drop,
        },
        Fault::Filter {
            on: "node2",
            verdict: Verdict::Reject,
        },
        Fault::Filter {
            on: "node4",
            verdict: Verdict::Reset,
        },
    ];
    let plan = StoryPlan::first_found().healthy().hold_time(3).one_directional();
    let Some(story) = or_skip(plan.up()) else { return };
    story.wait_established(Duration::from_secs(60)).unwrap();
    story.inject(drop).unwrap();
    says(&story, "node3", NODE1, "start");
    says(&story, "node1", NODE3, "start");
    story.clear(drop).unwrap();
    story.inject(reject).unwrap();
    story.inject(reset).unwrap();
    // The greater address dials: node3 the rejecting node2, and node4 nobody any more.
    says(&story, "node3", NODE2, "Connection refused");
    says(&story, "node3", NODE4, "start");
    says(&story, "node1", NODE3, "Established");
}
