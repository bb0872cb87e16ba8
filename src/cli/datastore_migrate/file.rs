//! The file of an export: lists of resources in YAML, the cluster's information and IPAM in JSON, `===` between them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::apply::migrate::{Contents, Ipam};
use crate::calico::kinds::InOrder;
use crate::calico::manifest::{self, Document, Problem};
use crate::calico::resource::{API_VERSION, Kind, Resource};
use crate::output::document;

/// What stands between the parts.
const BETWEEN: &str = "===\n";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'static str,
    items: Vec<InOrder<'a>>,
    kind: String,
    metadata: Value,
}

pub(super) fn write(contents: &Contents, out: &mut dyn Write) -> io::Result<()> {
    for (kind, list) in &contents.lists {
        let list = List {
            api_version: API_VERSION,
            items: list.items.iter().map(InOrder).collect(),
            kind: format!("{kind}List"),
            metadata: match &list.version {
                Some(version) => json!({ "resourceVersion": version }),
                None => json!({}),
            },
        };
        writeln!(out, "{}---", document::yaml(&list))?;
    }
    let cluster = contents.cluster.as_ref().map(InOrder);
    write!(out, "{BETWEEN}{}", document::json(&cluster))?;
    write!(out, "{BETWEEN}{}", document::json(&contents.ipam))
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) documents: Vec<Document>,
    pub(super) cluster: Option<Resource>,
    pub(super) ipam: Ipam,
}

/// Why a file can't be taken.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Its resources aren't valid.
    Resources(Vec<Problem>),
    Other(String),
}

/// Reads a file; its resources come in the order in which they can be created.
pub(super) fn read(name: &str, text: &str) -> Result<Read, Wrong> {
    let other = |why: String| Wrong::Other(format!("{name}: {why}"));
    let parts: Vec<&str> = text.split(BETWEEN).collect();
    let &[resources, cluster, ipam] = parts.as_slice() else {
        return Err(other(format!(
            "has {} parts with === between them, not 3: it is not a file of `datastore migrate export`",
            parts.len()
        )));
    };
    let mut documents = manifest::read(name, resources.as_bytes()).map_err(Wrong::Resources)?;
    let place = |document: &Document| Kind::ALL.iter().position(|kind| *kind == document.resource.kind);
    documents.sort_by_key(place);
    let cluster: Value = serde_json::from_str(cluster).map_err(|error| {
        other(format!(
            "the second part, ClusterInformation, is not JSON: {error}"
        ))
    })?;
    let cluster = match cluster {
        Value::Null => None,
        value => Some(Resource::from_value(value).map_err(other)?),
    };
    let bad_ipam = |why: String| other(format!("the third part, IPAM, is not as it should be: {why}"));
    // A list would do for a struct, field by field.
    if !ipam.trim_start().starts_with('{') {
        return Err(bad_ipam("it is no JSON object".to_owned()));
    }
    let ipam: Ipam = serde_json::from_str(ipam).map_err(|error| bad_ipam(error.to_string()))?;
    if let Some(pair) = ipam
        .pairs()
        .find(|pair| !pair.key.starts_with("/calico/ipam/v2/"))
    {
        return Err(other(format!("{} is no key of IPAM", pair.key)));
    }
    Ok(Read {
        documents,
        cluster,
        ipam,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_export_is_refused_by_its_part() {
        for (text, why) in [
            ("kind: Node", "has 1 parts"),
            ("===\nnull\n===\n{\"blocks\": 7}", "the third part"),
            ("===\nnull\n===\n[]", "the third part"),
            ("===\n{\n===\n{}", "the second part"),
            (
                "===\nnull\n===\n{\"blocks\": [{\"Key\": \"/other\", \"Value\": {}}]}",
                "/other is no key of IPAM",
            ),
        ] {
            match read("f", text) {
                Err(Wrong::Other(said)) => assert!(said.contains(why), "{said}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let wrong = "apiVersion: projectcalico.org/v3\nkind: Nod\n===\nnull\n===\n{}";
        assert!(matches!(read("f", wrong), Err(Wrong::Resources(problems)) if problems.len() == 1));
        let empty = read("f", "===\nnull\n===\n{}").unwrap();
        assert!(empty.documents.is_empty() && empty.cluster.is_none() && empty.ipam == Ipam::default());
    }
}
