//! The situations that netdiag was made for, and what shows each of them answered.

use std::path::Path;

use netdiag_lab::kinds::{System, link_labs, systems};

/// What answers a scene.
enum By {
    /// A network, whole and in all its broken states.
    Network(&'static str),
    /// One broken state of a network.
    State(&'static str, &'static str),
    /// A network that comes up in a guest.
    Guest(&'static str),
    /// A test: its file, its name.
    Test(&'static str, &'static str),
    /// Something recorded.
    Recorded(&'static str),
}

use By::{Guest, Network, Recorded, State, Test};

const SCENES: [(u8, &str, &[By]); 25] = [
    (1, "two namespaces and a cable", &[Network("veth pair")]),
    (
        2,
        "a Linux bridge with the ports of containers",
        &[Network("bridge")],
    ),
    (
        3,
        "Docker on one host, its rules and published ports",
        &[Network("docker")],
    ),
    (
        4,
        "network modes of containers",
        &[
            State("docker", "a container without a network is to reach others"),
            Network("macvlan"),
        ],
    ),
    (
        5,
        "which link of a flannel node leads to a pod",
        &[Network("flannel vxlan")],
    ),
    (
        6,
        "flannel by UDP and VXLAN",
        &[
            Network("flannel udp"),
            Network("flannel vxlan"),
            Test(
                "tests/labs/scenes.rs",
                "one_ping_at_the_pod_in_the_overlay_and_on_the_underlay",
            ),
        ],
    ),
    (
        7,
        "flannel's host-gw and DirectRouting",
        &[Network("flannel host-gw"), Network("flannel DirectRouting")],
    ),
    (
        8,
        "Open vSwitch with a tunnel to every host",
        &[
            Network("ovs gre"),
            State("ovs vxlan of three", "one side has no tunnel"),
        ],
    ),
    (
        9,
        "static routes, one side forgotten",
        &[State("static routes", "one side is forgotten")],
    ),
    (
        10,
        "routes by RIP",
        &[Network("rip by frr"), Network("rip by bird")],
    ),
    (11, "the founding story", &[Recorded("first_found")]),
    (12, "Calico's gateway 169.254.1.1", &[Network("proxy_arp")]),
    (
        13,
        "a pod that asks for its gateway",
        &[Test("tests/labs/scenes.rs", "a_pod_that_asks_for_its_gateway")],
    ),
    (14, "Calico's namespaces by hand", &[Network("proxy_arp")]),
    (
        15,
        "no IPIP, and the router knows no pods",
        &[State(
            "calico without encapsulation over a router",
            "the router knows no pods",
        )],
    ),
    (
        16,
        "IPIP off, always, across subnets",
        &[
            Guest("calico ipip always"),
            Guest("calico ipip cross subnet"),
            Guest("calico ipip never"),
        ],
    ),
    (
        17,
        "IPIP on the wire",
        &[Test(
            "tests/labs/scenes.rs",
            "in_a_guest_ipip_gre_and_vxlan_are_seen_inside",
        )],
    ),
    (18, "natOutgoing on and off", &[Network("calico natOutgoing")]),
    (
        19,
        "fixed and borrowed addresses",
        &[Network("calico with a borrowed address")],
    ),
    (
        20,
        "several links, and which is the node's",
        &[Recorded("autodetect")],
    ),
    (
        21,
        "two machines with one name",
        &[Test(
            "tests/labs/twins.rs",
            "two_machines_that_write_one_node_are_told_and_named_apart",
        )],
    ),
    (
        22,
        "mesh, reflectors, peers",
        &[Network("calico mesh"), Network("calico reflector")],
    ),
    (
        23,
        "policies, and a HostEndpoint that locks out",
        &[
            Network("calico host endpoint"),
            Test(
                "tests/forward/verdicts.rs",
                "rules_of_a_policy_engine_are_held_against_the_objects",
            ),
        ],
    ),
    (
        24,
        "Calico on Docker hosts, with etcd v2",
        &[
            Test(
                "tests/datastore/v2.rs",
                "a_node_of_the_old_tree_is_read_mended_and_read_back",
            ),
            Test(
                "tests/datastore/v2_objects.rs",
                "containers_of_libnetwork_are_known_and_a_profile_they_miss_is_named_and_made",
            ),
            Test(
                "tests/labs/story.rs",
                "three_commands_mend_the_cluster_with_bird_1_and_etcd_v2",
            ),
        ],
    ),
    (
        25,
        "what is left over",
        &[
            Test("src/diagnose/checks/netfilter.rs", "rules-left-over"),
            Test(
                "tests/checks/entries.rs",
                "a_tunnel_that_no_pool_needs_any_more_keeps_its_address",
            ),
            Test(
                "tests/checks/guest.rs",
                "an_address_that_is_left_on_tunl0_is_named_and_taken_away",
            ),
        ],
    ),
];

fn system<'s>(all: &'s [System], name: &str) -> &'s System {
    all.iter()
        .find(|system| system.name == name)
        .unwrap_or_else(|| panic!("no network {name}"))
}

#[test]
fn every_documented_scene_is_answered() {
    let (here, inside) = (systems(), link_labs());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (at, (number, what, answers)) in SCENES.iter().enumerate() {
        assert_eq!(usize::from(*number), at + 1, "{what}");
        assert!(!answers.is_empty(), "{number}: {what}");
        for by in *answers {
            match by {
                Network(name) => assert!(system(&here, name).broken.len() >= 5, "{name}"),
                Guest(name) => drop(system(&inside, name).whole.clone()),
                State(name, state) => {
                    let system = system(&here, name);
                    let found = system.broken.iter().find(|broken| broken.what == *state);
                    // Named by its cause, not only found.
                    assert!(
                        found.is_some_and(|broken| !broken.says.is_empty()),
                        "{name}: {state}"
                    );
                }
                Test(file, name) => {
                    let text = std::fs::read_to_string(root.join(file)).unwrap();
                    assert!(text.contains(name), "{file}: {name}");
                }
                Recorded(folder) => assert!(root.join("fixtures").join(folder).is_dir(), "{folder}"),
            }
        }
    }
}
