//! What programs read: `-o json` and `-o yaml`.

use serde_json::{Value, json};

use super::{Ways, end_text, label};
use crate::forward::topology::Topology;
use crate::forward::walk::Outcome as Walked;

pub(super) fn document(topology: &Topology, ways: &Ways) -> Value {
    let way = |walked: &Walked| {
        let (word, why) = end_text(&walked.end);
        let steps: Vec<Value> = walked
            .state
            .trail
            .iter()
            .map(|step| {
                let place = topology.place(step.place);
                json!({
                    "node": place.node.name,
                    "namespace": place.namespace,
                    "link": step.link.and_then(|link| Some(place.net.link(link)?.name.clone())),
                    "kind": label(step.what),
                    "text": step.text,
                })
            })
            .collect();
        json!({
            "verdict": word,
            "at": topology.place(walked.place).title(),
            "why": why,
            "share": f64::from(walked.state.share.0) / 1_000_000.0,
            "packet": walked.state.packet.to_string(),
            "steps": steps,
        })
    };
    let ways: Vec<Value> = ways
        .iter()
        .map(|(there, back)| json!({"there": way(there), "back": back.iter().map(way).collect::<Vec<_>>()}))
        .collect();
    json!({"ways": ways})
}
