//! What the recorded cases of Felix can't show: tiers, names of all releases, and how verdicts read.

use super::*;
use crate::policy::passage::{Passage, Side};

fn calico(documents: &str) -> Policies {
    let pods =
        pod("shop", "web", "10.1.0.2", "{app: web}") + &pod("shop", "front", "10.1.0.3", "{app: front}");
    policies(&format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{team: shop}}}}}}\n{pods}{documents}"
    ))
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn ingress(policies: &Policies) -> Decision {
    at_pod(policies, Direction::Ingress, &tcp("10.1.0.3", "10.1.0.2", 80))
}

#[test]
fn tiers_are_asked_in_their_order_and_end_as_they_say() {
    let tier = |name: &str, order: u32, action: &str| {
        document(
            "Tier",
            name,
            &format!("{{order: {order}, defaultAction: {action}}}"),
        )
    };
    let policy = |name: &str, tier: &str, rules: &str| {
        document(
            "GlobalNetworkPolicy",
            name,
            &format!("{{tier: {tier}, selector: app == 'web', types: [Ingress], ingress: {rules}}}"),
        )
    };
    let allow = policy("d", "default", "[{action: Allow}]");
    for (documents, said) in [
        (
            tier("first", 1, "Deny") + &policy("first.p", "first", "[]") + &allow,
            "denied by GlobalNetworkPolicy first.p ingress (no rule matches)",
        ),
        (
            tier("first", 1, "Pass") + &policy("first.p", "first", "[]") + &allow,
            "allowed by GlobalNetworkPolicy d ingress (rule 1)",
        ),
        (
            tier("first", 1, "Deny")
                + &policy("first.p", "first", "[{action: Log}, {action: Pass}]")
                + &allow,
            "allowed by GlobalNetworkPolicy d ingress (rule 1)",
        ),
        (
            tier("last", 2_000_000, "Deny") + &policy("last.p", "last", "[{action: Deny}]") + &allow,
            "allowed by GlobalNetworkPolicy d ingress (rule 1)",
        ),
        (
            tier("first", 1, "Deny") + &policy("first.p", "first", "[{action: Pass}]"),
            "allowed by Profile kns.shop ingress (rule 1)",
        ),
        (
            tier("first", 1, "Deny")
                + &policy("d", "default", "[{action: Deny, protocol: UDP}, {action: Deny}]"),
            "denied by GlobalNetworkPolicy d ingress (rule 2)",
        ),
        (
            document(
                "StagedGlobalNetworkPolicy",
                "s",
                "{selector: all(), ingress: [{action: Deny}]}",
            ) + &tier("first", 1, "Deny"),
            "allowed: no policy is for its ingress",
        ),
    ] {
        let policies = calico(&documents);
        assert_eq!(policies.unreadable, [""; 0]);
        assert_eq!(ingress(&policies).to_string(), said, "{documents}");
    }
}

#[test]
fn a_policy_of_a_tier_that_is_not_there_is_told() {
    let policies = calico(&document(
        "GlobalNetworkPolicy",
        "gone.p",
        "{tier: gone, ingress: [{action: Deny}]}",
    ));
    assert_eq!(
        policies.unreadable,
        ["GlobalNetworkPolicy gone.p: there is no tier gone"]
    );
}

#[test]
fn order_and_then_the_name_decide_whatever_release_stored_it() {
    let both = |first: &str, second: &str| {
        calico(
            &(document(
                "GlobalNetworkPolicy",
                first,
                "{order: 10, ingress: [{action: Allow}]}",
            ) + &document(
                "GlobalNetworkPolicy",
                second,
                "{order: 10, ingress: [{action: Deny}]}",
            )),
        )
    };
    for (first, second, allowed) in [
        ("a", "b", true),
        ("b", "a", false),
        ("default.a", "b", true),
        ("b", "default.a", false),
    ] {
        assert_eq!(
            ingress(&both(first, second)).allowed,
            Some(allowed),
            "{first} {second}"
        );
    }
    let stored = "---\napiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy\n\
                  metadata: {name: default.deny}\nspec: {tier: default, ingress: [{action: Deny}]}\n";
    assert_eq!(
        ingress(&calico(stored)).to_string(),
        "denied by GlobalNetworkPolicy deny ingress (rule 1)"
    );
}

#[test]
fn policies_of_kubernetes_that_calico_shows_count_once() {
    let own = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n\
               spec: {podSelector: {}, ingress: [{}]}\n";
    let shown = "---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\n\
                 metadata: {name: knp.default.p, namespace: shop}\nspec: {order: 1000, ingress: [{action: Allow}]}\n";
    assert_eq!(calico(&format!("{own}{shown}")).all().count(), 1);
    assert_eq!(calico(shown).all().count(), 1);
}

#[test]
fn a_selector_that_is_none_makes_the_verdict_undecidable() {
    let policies = calico(&document(
        "GlobalNetworkPolicy",
        "p",
        "{selector: \"app ==\", ingress: [{action: Allow}]}",
    ));
    assert_eq!(ingress(&policies).allowed, None);
}

#[test]
fn a_host_without_allow_is_cut_off_but_for_failsafe_ports() {
    let host = document("HostEndpoint", "n1-eth0", "{node: n1, interfaceName: eth0}");
    let policies = calico(&host);
    let judge = |port| {
        let flow = tcp("192.0.2.9", "192.0.2.1", port);
        let from = Side::Link {
            name: "eth0",
            addresses: &[],
        };
        let passage = Passage {
            node: "n1",
            from,
            to: Side::Local,
            before: flow,
            flow,
        };
        policies.judge(&passage).pop().unwrap()
    };
    assert_eq!(
        judge(22).to_string(),
        "allowed: ingress port 22 is one that Felix keeps open"
    );
    assert_eq!(
        judge(80).to_string(),
        "denied: no policy is for its ingress, and it has no profile"
    );
    let own = document("FelixConfiguration", "node.n1", "{failsafeInboundHostPorts: []}");
    let policies = calico(&(host.clone() + &own));
    assert_eq!(policies.felix.failsafes("n1", Direction::Ingress), []);
    assert_eq!(policies.felix.failsafes("n2", Direction::Ingress).len(), 9);
}

#[test]
fn what_pods_may_send_to_their_node_is_felixs_to_say() {
    let judge = |documents: &str| {
        let policies = calico(&(document("Tier", "t", "{}") + documents));
        let flow = tcp("10.1.0.3", "192.0.2.1", 80);
        let passage = Passage {
            node: "n1",
            from: Side::Pod(policies.pod_at(flow.src).unwrap()),
            to: Side::Local,
            before: flow,
            flow,
        };
        policies.judge(&passage).pop().map(|decision| decision.allowed)
    };
    let felix = |action: &str| {
        document(
            "FelixConfiguration",
            "default",
            &format!("{{defaultEndpointToHostAction: {action}}}"),
        )
    };
    assert_eq!(judge(""), Some(None));
    assert_eq!(judge(&felix("Drop")), Some(Some(false)));
    assert_eq!(judge(&felix("Accept")), Some(Some(true)));
}
