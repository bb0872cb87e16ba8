//! Kubernetes' NetworkPolicy without Calico, rule kind by rule kind.

use super::*;
use crate::calico::kind::Kind;
use crate::calico::{kinds, manifest};

/// Two namespaces, a web pod that a policy is for, and others that ask it.
fn cluster(spec: &str) -> Policies {
    with_policy(&kubernetes_policy(spec))
}

fn kubernetes_policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}\n"
    )
}

/// The same cluster, with the policy that `netdiag convert` makes of the other.
fn converted(spec: &str) -> Policies {
    let documents = manifest::read_to_convert("f", kubernetes_policy(spec).as_bytes(), false)
        .checked()
        .unwrap();
    let mut resource = documents.into_iter().next().unwrap().resource;
    kinds::prepare(&mut resource);
    let value = Value::Object(resource.body);
    manifest::check(Kind::NetworkPolicy, &value).unwrap();
    with_policy(&value.to_string())
}

fn with_policy(policy: &str) -> Policies {
    let pods = [
        pod("shop", "web", "10.1.0.2", "{app: web}"),
        pod("shop", "front", "10.1.0.3", "{app: front}"),
        pod("tools", "probe", "10.1.0.4", "{app: front}"),
    ]
    .concat();
    policies(&format!(
        "apiVersion: v1\nkind: List\nitems:\n\
         - {{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{team: shop}}}}}}\n\
         - {{apiVersion: v1, kind: Namespace, metadata: {{name: tools, labels: {{team: ops}}}}}}\n\
         {pods}---\n{policy}\n"
    ))
}

#[test]
fn each_part_of_a_rule_decides() {
    const FRONT: &str = "10.1.0.3";
    const PROBE: &str = "10.1.0.4";
    for (spec, src, port, allowed) in [
        ("{podSelector: {}}", FRONT, 80, false),
        ("{podSelector: {}, ingress: [{}]}", FRONT, 80, true),
        ("{podSelector: {matchLabels: {app: other}}}", FRONT, 80, true),
        ("{podSelector: {}, policyTypes: [Egress]}", FRONT, 80, true),
        ("{podSelector: {}, egress: [{}]}", FRONT, 80, false),
        (
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]}",
            FRONT,
            80,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]}",
            PROBE,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}",
            PROBE,
            80,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}]}",
            PROBE,
            80,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}]}",
            FRONT,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]}",
            PROBE,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24, except: [10.1.0.4/32]}}]}]}",
            PROBE,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24, except: [10.1.0.4/32]}}]}]}",
            FRONT,
            80,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}",
            FRONT,
            80,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80, protocol: UDP}]}]}",
            FRONT,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}",
            FRONT,
            90,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}",
            FRONT,
            91,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: http}]}]}",
            FRONT,
            8080,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: http}]}]}",
            FRONT,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{protocol: TCP}]}]}",
            FRONT,
            9,
            true,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [front]}]}}]}]}",
            FRONT,
            80,
            false,
        ),
        (
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]}]}",
            FRONT,
            80,
            true,
        ),
    ] {
        for policies in [cluster(spec), converted(spec)] {
            let decision = at_pod(&policies, Direction::Ingress, &tcp(src, "10.1.0.2", port));
            assert_eq!(
                decision.allowed,
                Some(allowed),
                "{spec} from {src} to {port}: {decision}"
            );
        }
    }
}

#[test]
fn a_verdict_names_the_policy_and_the_rule() {
    let flow = tcp("10.1.0.4", "10.1.0.2", 80);
    let said = |spec: &str, direction| at_pod(&cluster(spec), direction, &flow).to_string();
    assert_eq!(
        said("{podSelector: {}}", Direction::Ingress),
        "denied by NetworkPolicy shop/p ingress (no rule matches)"
    );
    let second = "{podSelector: {}, ingress: [{ports: [{port: 1}]}, {ports: [{port: 2}, {port: 80}]}]}";
    assert_eq!(
        said(second, Direction::Ingress),
        "allowed by NetworkPolicy shop/p ingress (rule 2)"
    );
    assert_eq!(
        said(second, Direction::Egress),
        "allowed: no policy is for its egress"
    );
}

#[test]
fn labels_of_a_namespace_that_is_not_known_are_not_guessed() {
    let rule = |selector: &str| {
        let text = pod("shop", "web", "10.1.0.2", "{}") + &pod("gone", "x", "10.1.0.9", "{}");
        policies(&format!(
            "{text}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
             metadata: {{name: p, namespace: shop}}\n\
             spec: {{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {selector}}}]}}]}}\n"
        ))
    };
    let flow = tcp("10.1.0.9", "10.1.0.2", 80);
    let allowed = |selector: &str| at_pod(&rule(selector), Direction::Ingress, &flow).allowed;
    assert_eq!(allowed("{matchLabels: {team: ops}}"), None);
    assert_eq!(
        allowed("{matchLabels: {kubernetes.io/metadata.name: gone}}"),
        Some(true)
    );
    assert_eq!(
        allowed("{matchLabels: {kubernetes.io/metadata.name: shop}}"),
        Some(false)
    );
    assert_eq!(allowed("{}"), Some(true));
}

#[test]
fn a_rule_that_selects_nobody_is_named_with_what_was_meant() {
    for (rule, said) in [
        (
            "{podSelector: {matchLabels: {app: frot}}}",
            "rule 1 of NetworkPolicy shop/p ingress selects nobody: nobody has app=frot; did you mean app=front?",
        ),
        (
            "{podSelector: {matchLabels: {appp: front}}}",
            "rule 1 of NetworkPolicy shop/p ingress selects nobody: nobody has appp=front; did you mean app=front?",
        ),
        (
            "{namespaceSelector: {matchLabels: {team: shp}}}",
            "rule 1 of NetworkPolicy shop/p ingress selects nobody: nobody has namespace label team=shp; did you mean \
             namespace label team=shop?",
        ),
    ] {
        let policies = cluster(&format!("{{podSelector: {{}}, ingress: [{{from: [{rule}]}}]}}"));
        let decision = at_pod(&policies, Direction::Ingress, &tcp("10.1.0.3", "10.1.0.2", 80));
        assert!(decision.is_denied());
        let name = decision.policy().unwrap();
        assert_eq!(policies.selects_nobody(name, Direction::Ingress), [said]);
    }
    let policies =
        cluster("{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: front}}}]}]}");
    let name = policies.all().next().unwrap().name.clone();
    assert_eq!(policies.selects_nobody(&name, Direction::Ingress), [""; 0]);
}
