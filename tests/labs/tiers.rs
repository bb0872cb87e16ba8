//! Tiers that keep the policies behind them from being asked, judged by packets: through tables that Felix' own code
//! rendered for each state (`fixtures/felix/tiers.zst`).

use netdiag::diagnose::manifests::manifests;
use netdiag::diagnose::{Finding, Report, World as Seen, check};
use netdiag::intent::Cluster;
use netdiag_lab::or_skip;
use serde::Deserialize;
use serde_json::Value;

use crate::policies::{Allowed, World, differences, objects, planned, recorded, up};

/// Kinds of packets that the policies tell apart, and one that they don't.
const TITLES: [&str; 4] = ["tcp/80", "other tcp", "other udp", "ping"];

/// Objects, and what Felix makes of them.
#[derive(Deserialize)]
struct State {
    name: String,
    /// What the policies are for: `Ingress` or `Egress`.
    direction: String,
    objects: Vec<Value>,
    tables: String,
    /// The host's end of each pod's link.
    links: std::collections::BTreeMap<String, String>,
}

fn states(direction: &str) -> Vec<State> {
    let states: Vec<State> = recorded(include_bytes!("../../fixtures/felix/tiers.zst"));
    states
        .into_iter()
        .filter(|state| state.direction == direction)
        .collect()
}

fn object<'s>(state: &'s State, name: &str) -> &'s Value {
    let mut objects = state.objects.iter();
    objects.find(|object| object["metadata"]["name"] == name).unwrap()
}

fn found(state: &State) -> Vec<Finding> {
    let objects = objects(&state.objects);
    let cluster = Cluster::new(&objects);
    let world = Seen::new(&[], Ok(&cluster)).with_objects(Some(&objects));
    check(&world).findings
}

fn ids(state: &State) -> Vec<&'static str> {
    found(state).iter().map(|finding| finding.id).collect()
}

/// What arrives through the tables of a state.
fn sent(world: &World, state: &State) -> Allowed {
    let node = world.lab.node("n1");
    node.write("/run/tables", &state.tables).unwrap();
    let load = "iptables-legacy-restore /run/tables; conntrack -F 2>/dev/null || true";
    node.sh(load).ok().unwrap();
    world.sent(&TITLES.map(str::to_owned))
}

/// What plan tells before and after, of the kinds of packets that are sent.
fn told(world: &World, before: &State, change: &Value) -> [Allowed; 2] {
    world
        .told(&planned(&before.objects, change, false))
        .map(|mut all| {
            all.retain(|(_, _, title)| TITLES.contains(&title.as_str()));
            all
        })
}

fn judged(direction: &str) {
    let states = states(direction);
    let of = |name: &str| states.iter().find(|state| state.name == name).unwrap();
    let (whole, broken, mended) = (of("whole"), of("broken"), of("mended"));
    let pods: Vec<_> = whole
        .links
        .iter()
        .zip(["10.65.0.3", "10.65.0.4", "10.65.0.2"])
        .map(|((pod, link), ip)| (pod.clone(), ip.parse().unwrap(), Some(link.clone())))
        .collect();
    let Some(world) = or_skip(up(&pods)) else { return };
    let [when_whole, when_broken, when_mended] = [whole, broken, mended].map(|state| sent(&world, state));

    // Without the rule Pass, what the policy of the next tier allows is lost.
    assert_eq!(ids(whole), [""; 0]);
    let lost: Vec<_> = when_whole.difference(&when_broken).collect();
    assert!(
        lost.len() == 2 && lost.iter().all(|(_, _, title)| title == "tcp/80"),
        "{direction}: {lost:?}"
    );
    let [before, after] = told(&world, whole, object(broken, "security.bad-ones"));
    assert_eq!(differences(&before, &when_whole), [""; 0], "{direction}: before");
    assert_eq!(differences(&after, &when_broken), [""; 0], "{direction}: broken");

    // It is told, and what is printed is the policy that the tables of the mended state are made by.
    let findings = found(broken);
    assert!(
        matches!(findings.as_slice(), [one] if one.id == "tier-passes-nothing"),
        "{direction}: {findings:#?}"
    );
    let report = Report {
        findings,
        ..Report::default()
    };
    let printed = manifests(&report, &objects(&broken.objects));
    let [manifest] = printed.as_slice() else {
        panic!("{direction}: {printed:#?}")
    };
    assert_eq!(manifest, object(mended, "security.zz-pass"), "{direction}");
    let [before, after] = told(&world, broken, manifest);
    assert_eq!(differences(&before, &when_broken), [""; 0], "{direction}: broken");
    assert_eq!(differences(&after, &when_mended), [""; 0], "{direction}: mended");
    assert_eq!(
        differences(&when_mended, &when_whole),
        [""; 0],
        "{direction}: not mended"
    );
    assert_eq!(ids(mended), [""; 0]);

    // Who denies in so many words, or passes by itself, is as it is meant to be.
    for (name, like) in [("on purpose", &when_broken), ("passes by itself", &when_whole)] {
        let state = of(name);
        assert_eq!(
            differences(&sent(&world, state), like),
            [""; 0],
            "{direction}, {name}"
        );
        assert_eq!(ids(state), [""; 0], "{direction}, {name}");
    }

    // A profile that allows nothing, and no policy: all is denied, and no rule says so.
    let silent = of("nothing speaks");
    assert_eq!(sent(&world, silent), Allowed::new(), "{direction}");
    assert_eq!(ids(silent), ["pod-denied-by-default"], "{direction}");
}

#[test]
fn what_tiers_end_is_lost_and_what_is_printed_brings_it_back() {
    judged("Ingress");
    judged("Egress");
}
