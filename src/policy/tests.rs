mod calico;
mod kubernetes;

use serde_json::Value;

use super::decide::Stage;
use super::{Decision, Direction, Flow, Policies};
use crate::intent::documents;
use crate::parse;
use crate::state::Objects;

/// The policies of a text with documents of YAML.
fn policies(text: &str) -> Policies {
    let mut objects = Objects::default();
    for document in parse::documents::documents(text).unwrap() {
        documents::add(&mut objects, document);
    }
    assert_eq!(objects.unreadable, []);
    Policies::new(&objects)
}

/// A packet to a port of TCP.
fn tcp(src: &str, dst: &str, dport: u16) -> Flow {
    Flow {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        protocol: 6,
        ports: Some((40_000, dport)),
        icmp: None,
    }
}

/// What the pod with the flow's destination (or source, for egress) decides.
fn at_pod(policies: &Policies, direction: Direction, flow: &Flow) -> Decision {
    let ip = match direction {
        Direction::Ingress => flow.dst,
        Direction::Egress => flow.src,
    };
    policies.decide(policies.pod_at(ip).unwrap(), direction, Stage::Normal, flow)
}

/// A pod's document.
fn pod(namespace: &str, name: &str, ip: &str, labels: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}\n\
         spec: {{nodeName: n1, containers: [{{name: c, ports: [{{name: http, containerPort: 8080}}]}}]}}\n\
         status: {{phase: Running, podIP: {ip}}}\n"
    )
}

#[test]
fn no_object_makes_it_panic() {
    let shapes = [
        "{}",
        "[]",
        "null",
        "7",
        "x",
        "{spec: 7, metadata: 7}",
        "{spec: {}, metadata: {name: x}}",
    ];
    for kind in [
        "GlobalNetworkPolicy",
        "NetworkPolicy",
        "HostEndpoint",
        "NetworkSet",
        "Profile",
        "Tier",
    ] {
        for shape in shapes {
            let mut value: Value = parse::documents::documents(shape)
                .unwrap()
                .pop()
                .unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("apiVersion".into(), "projectcalico.org/v3".into());
                fields.insert("kind".into(), kind.into());
            }
            let mut objects = Objects::default();
            documents::add(&mut objects, value);
            let _ = Policies::new(&objects);
        }
    }
}
