//! The founding story, with its parts real.

use std::time::Duration;

use netdiag_lab::{Bird, Gateway, HOSTS, Store, Story, StoryPlan, or_skip};

fn assert_connected(story: &Story) {
    story.wait_established(Duration::from_secs(60)).unwrap();
    for host in HOSTS {
        let mut others: Vec<_> = HOSTS
            .iter()
            .map(|other| other.block)
            .filter(|block| *block != host.block)
            .collect();
        others.sort_unstable();
        netdiag_lab::wait_until("routes to the other blocks", Duration::from_secs(10), || {
            let mut learned = story.learned_blocks(host.name).unwrap();
            learned.sort_unstable();
            learned == others
        })
        .unwrap();
    }
    for (from, to) in [(0, 1), (1, 0), (2, 3), (3, 0)] {
        let pod = story.node(HOSTS[from].name).pod("pod1");
        assert!(pod.pings(HOSTS[to].pods[1]).unwrap(), "{from} to {to}");
    }
}

fn healthy(plan: StoryPlan) {
    let Some(story) = or_skip(plan.healthy().up()) else {
        return;
    };
    assert_connected(&story);
}

#[test]
fn a_healthy_story_with_bird_1_and_etcd_v3_connects_all_pods() {
    healthy(StoryPlan::first_found());
}

#[test]
fn a_healthy_story_with_bird_2_and_etcd_v2_connects_all_pods() {
    healthy(StoryPlan::first_found().bird(Bird::V2).store(Store::V2));
}

fn broken_then_mended(plan: StoryPlan) {
    let Some(story) = or_skip(plan.up()) else { return };
    for host in HOSTS {
        let sessions = story.sessions(host.name).unwrap();
        assert_eq!(sessions.len(), 3);
        assert!(
            sessions.iter().all(|session| session.state == "start"),
            "{sessions:?}"
        );
        assert_eq!(story.learned_blocks(host.name).unwrap(), Vec::<String>::new());
    }
    let pod = story.node("node1").pod("pod1");
    assert!(pod.pings(HOSTS[0].pods[1]).unwrap(), "pods of one node");
    assert!(!pod.pings(HOSTS[1].pods[0]).unwrap(), "pods of two nodes");
    story.mend().unwrap();
    assert_connected(&story);
}

#[test]
fn the_broken_story_with_bird_1_and_etcd_v3_is_mended_by_the_right_node_addresses() {
    broken_then_mended(StoryPlan::first_found());
}

#[test]
fn the_broken_story_with_bird_2_and_etcd_v2_is_mended_by_the_right_node_addresses() {
    broken_then_mended(StoryPlan::first_found().bird(Bird::V2).store(Store::V2));
}

fn bird_says(gateway: Gateway, what: &str) {
    let Some(story) = or_skip(StoryPlan::first_found().gateway(gateway).up()) else {
        return;
    };
    netdiag_lab::wait_until(what, Duration::from_secs(15), || {
        let sessions = story.sessions("node1").unwrap();
        sessions.iter().all(|session| session.info.contains(what))
    })
    .unwrap();
}

#[test]
fn a_gateway_can_close_the_connections_of_the_broken_story() {
    bird_says(Gateway::Closes, "Socket: Connection closed");
}

#[test]
fn a_gateway_can_refuse_the_packets_of_the_broken_story() {
    bird_says(Gateway::Unreachable, "Socket: No route to host");
}
