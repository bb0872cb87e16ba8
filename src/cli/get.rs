//! `netdiag get`.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{Context, Error, Outcome};
use crate::calico::as_number::AsNumber;
use crate::calico::nearest::nearest;
use crate::calico::resource::{API_VERSION, Kind, Resource};
use crate::datastore::{self, Datastore};
use crate::output::{Style, document, table};

/// Show resources of the datastore
#[derive(Debug, Args)]
pub(super) struct Get {
    /// Kind of resource, such as node, bgpconfig, bgppeer, clusterinfo or ippool
    kind: String,
    /// Names; all resources of the kind without
    name: Vec<String>,
    /// How to show them: ps and table have the names, wide more columns
    #[arg(short, long, value_enum, default_value_t = Format::Ps)]
    output: Format,
    /// Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp
    #[arg(long)]
    export: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Ps,
    Table,
    Wide,
    Yaml,
    Json,
}

impl Get {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let kind = Kind::from_argument(&self.kind).ok_or_else(|| unknown_kind(&self.kind))?;
        let store = super::datastore::open(cx)?;
        cx.runtime
            .block_on(self.show(kind, &*store, cx.out, cx.err, cx.style))
    }

    /// Prints what there is, then says what there isn't.
    async fn show(
        &self,
        kind: Kind,
        store: &dyn Datastore,
        out: &mut dyn Write,
        err: &mut dyn Write,
        style: Style,
    ) -> Result<Outcome, Error> {
        let Found {
            mut resources,
            missing,
        } = if self.name.is_empty() {
            let list = store.list(kind).await?;
            for unreadable in list.unreadable {
                let warning = style.warn("warning:");
                writeln!(err, "{warning} can't read {}: {}", unreadable.key, unreadable.why)?;
            }
            Found {
                resources: list.items,
                missing: None,
            }
        } else {
            find(kind, &self.name, store).await?
        };
        if self.export {
            resources.iter_mut().for_each(export);
        }
        if !resources.is_empty() || missing.is_none() {
            let text = match self.output {
                Format::Wide if kind == Kind::Node => nodes(&resources, &inherited_as(store).await),
                Format::Ps | Format::Table | Format::Wide => names(&resources),
                Format::Yaml => document::yaml(&self.object(kind, resources)),
                Format::Json => document::json(&self.object(kind, resources)),
            };
            out.write_all(text.as_bytes())?;
        }
        match missing {
            None => Ok(Outcome::Good),
            Some(error) => Err(error),
        }
    }

    /// One asked for by name is itself, several are a list, all are a list object: as calicoctl has it.
    fn object(&self, kind: Kind, resources: Vec<Resource>) -> Value {
        let mut bodies: Vec<Value> = resources
            .into_iter()
            .map(|resource| Value::Object(resource.body))
            .collect();
        if self.name.is_empty() {
            return json!({
                "kind": format!("{kind}List"), "apiVersion": API_VERSION, "metadata": {}, "items": bodies,
            });
        }
        match bodies.len() {
            1 => bodies.remove(0),
            _ => Value::Array(bodies),
        }
    }
}

/// What was asked for by name.
struct Found {
    resources: Vec<Resource>,
    /// Of those that are not there, or not readable.
    missing: Option<Error>,
}

async fn find(kind: Kind, names: &[String], store: &dyn Datastore) -> Result<Found, Error> {
    let mut resources = Vec::new();
    let mut missing: Option<Error> = None;
    for name in names {
        let error = match store.get(kind, name).await {
            Ok(resource) => {
                resources.push(resource);
                continue;
            }
            Err(error @ datastore::Error::NotFound { .. }) => match similar(kind, name, store).await {
                Some(similar) => Error::from(error).hint(format!("did you mean {similar}?")),
                None => error.into(),
            },
            Err(error @ datastore::Error::BadValue { .. }) => error.into(),
            Err(error) => return Err(error.into()),
        };
        match &mut missing {
            None => missing = Some(error),
            Some(first) => {
                first.message = format!("{}\n{}", first.message, error.message);
                first.hints.extend(error.hints);
            }
        }
    }
    Ok(Found { resources, missing })
}

/// An existing name that the one asked for resembles.
async fn similar(kind: Kind, name: &str, store: &dyn Datastore) -> Option<String> {
    let list = store.list(kind).await.ok()?;
    nearest(name, list.items.iter().map(Resource::name)).map(str::to_owned)
}

fn unknown_kind(kind: &str) -> Error {
    let names = Kind::ALL.map(|kind| kind.name().to_lowercase());
    let plurals = Kind::ALL.map(Kind::plural);
    let candidates = names.iter().map(String::as_str).chain(plurals);
    let mut error = Error::new(format!("resource type '{kind}' is not supported"));
    if let Some(near) = nearest(kind, candidates) {
        error = error.hint(format!("did you mean {near}?"));
    }
    error.hint(format!("supported: {}", names.join(", ")))
}

/// Drops what belongs to this datastore rather than to the resource.
fn export(resource: &mut Resource) {
    if let Some(Value::Object(metadata)) = resource.body.get_mut("metadata") {
        for key in ["namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(key);
        }
    }
}

/// The AS number of nodes that have none of their own.
async fn inherited_as(store: &dyn Datastore) -> String {
    match store.get(Kind::BgpConfiguration, "default").await {
        Ok(configuration) => match configuration.field(&["spec", "asNumber"]) {
            Some(value) => AsNumber::from_json(value).map_or("unknown".into(), |number| number.to_string()),
            None => AsNumber::DEFAULT.to_string(),
        },
        Err(datastore::Error::NotFound { .. }) => AsNumber::DEFAULT.to_string(),
        Err(_) => "unknown".into(),
    }
}

fn names(resources: &[Resource]) -> String {
    let rows: Vec<_> = resources
        .iter()
        .map(|resource| vec![resource.name().to_owned()])
        .collect();
    table::columns(&["NAME"], &rows)
}

/// An AS number in parentheses is inherited; a node without BGP has none.
fn nodes(resources: &[Resource], inherited: &str) -> String {
    let row = |resource: &Resource| {
        let empty = Map::new();
        let bgp = resource.field(&["spec", "bgp"]).and_then(Value::as_object);
        let text = |key: &str| match bgp.unwrap_or(&empty).get(key) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let as_number = match (bgp, text("asNumber")) {
            (Some(_), number) if number.is_empty() => format!("({inherited})"),
            (_, number) => number,
        };
        vec![
            resource.name().to_owned(),
            as_number,
            text("ipv4Address"),
            text("ipv6Address"),
        ]
    };
    let rows: Vec<_> = resources.iter().map(row).collect();
    table::columns(&["NAME", "ASN", "IPV4", "IPV6"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::memory::Memory;
    use crate::datastore::Unreadable;

    fn cluster() -> Memory {
        let node = |name: &str, spec: Value| {
            json!({
                "apiVersion": API_VERSION, "kind": "Node", "spec": spec,
                "metadata": {"name": name, "uid": "u", "creationTimestamp": "2026-11-21T11:16:16Z"},
            })
        };
        Memory::with([
            node(
                "node-1",
                json!({"bgp": {"asNumber": 65001, "ipv4Address": "192.168.80.21/24"}}),
            ),
            node(
                "node-2",
                json!({"bgp": {"ipv4Address": "192.168.80.22/24", "ipv6Address": "fd80:1::22/64"}}),
            ),
            node("node-6", json!({})),
        ])
    }

    fn get(store: &Memory, arguments: &[&str]) -> String {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            get: Get,
        }
        let cli = <Cli as clap::Parser>::try_parse_from([&["get"], arguments].concat()).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let kind = Kind::from_argument(&cli.get.kind).unwrap();
        let result = runtime.block_on(cli.get.show(kind, store, &mut out, &mut err, Style::PLAIN));
        if let Err(error) = result {
            writeln!(err, "error: {}", error.message).unwrap();
            for hint in error.hints {
                writeln!(err, "hint: {hint}").unwrap();
            }
        }
        String::from_utf8([out, err].concat()).unwrap()
    }

    #[test]
    fn tables_have_the_names_and_wide_the_bgp_side() {
        let store = cluster();
        insta::assert_snapshot!(get(&store, &["node"]), @r"
    NAME
    node-1
    node-2
    node-6
    ");
        insta::assert_snapshot!(get(&store, &["NODES", "-o", "wide"]), @r"
    NAME     ASN       IPV4               IPV6
    node-1   65001     192.168.80.21/24
    node-2   (64512)   192.168.80.22/24   fd80:1::22/64
    node-6
    ");
        store.put(
            &Resource::from_value(json!({
                "apiVersion": API_VERSION, "kind": "BGPConfiguration", "metadata": {"name": "default"},
                "spec": {"asNumber": 64567},
            }))
            .unwrap(),
        );
        insta::assert_snapshot!(get(&store, &["node", "node-2", "-o", "wide"]), @r"
    NAME     ASN       IPV4               IPV6
    node-2   (64567)   192.168.80.22/24   fd80:1::22/64
    ");
        insta::assert_snapshot!(get(&store, &["bgpconfig", "-o", "wide"]), @r"
    NAME
    default
    ");
    }

    #[test]
    fn one_name_is_the_object_several_are_a_list_and_none_is_a_list_object() {
        let store = cluster();
        insta::assert_snapshot!(get(&store, &["node", "node-1", "-o", "yaml"]), @r#"
    apiVersion: projectcalico.org/v3
    kind: Node
    metadata:
      creationTimestamp: "2026-11-21T11:16:16Z"
      name: node-1
      resourceVersion: "1"
      uid: u
    spec:
      bgp:
        asNumber: 65001
        ipv4Address: 192.168.80.21/24
    "#);
        insta::assert_snapshot!(get(&store, &["node", "node-1", "node-6", "-o", "yaml", "--export"]), @r"
    - apiVersion: projectcalico.org/v3
      kind: Node
      metadata:
        name: node-1
      spec:
        bgp:
          asNumber: 65001
          ipv4Address: 192.168.80.21/24
    - apiVersion: projectcalico.org/v3
      kind: Node
      metadata:
        name: node-6
      spec: {}
    ");
        insta::assert_snapshot!(get(&store, &["node", "-o", "json", "--export"]), @r#"
    {
      "apiVersion": "projectcalico.org/v3",
      "items": [
        {
          "apiVersion": "projectcalico.org/v3",
          "kind": "Node",
          "metadata": {
            "name": "node-1"
          },
          "spec": {
            "bgp": {
              "asNumber": 65001,
              "ipv4Address": "192.168.80.21/24"
            }
          }
        },
        {
          "apiVersion": "projectcalico.org/v3",
          "kind": "Node",
          "metadata": {
            "name": "node-2"
          },
          "spec": {
            "bgp": {
              "ipv4Address": "192.168.80.22/24",
              "ipv6Address": "fd80:1::22/64"
            }
          }
        },
        {
          "apiVersion": "projectcalico.org/v3",
          "kind": "Node",
          "metadata": {
            "name": "node-6"
          },
          "spec": {}
        }
      ],
      "kind": "NodeList",
      "metadata": {}
    }
    "#);
        insta::assert_snapshot!(get(&store, &["ippool", "-o", "yaml"]), @r"
    apiVersion: projectcalico.org/v3
    items: []
    kind: IPPoolList
    metadata: {}
    ");
    }

    #[test]
    fn what_exists_is_shown_and_what_is_missing_is_an_error() {
        let store = cluster();
        insta::assert_snapshot!(get(&store, &["node", "node-1", "nope", "node2"]), @r"
    NAME
    node-1
    error: resource does not exist: Node(nope)
    resource does not exist: Node(node2)
    hint: did you mean node-2?
    ");
        insta::assert_snapshot!(get(&store, &["node", "nope", "-o", "yaml"]), @r"
    error: resource does not exist: Node(nope)
    ");
    }

    #[test]
    fn keys_that_can_not_be_read_are_warned_of() {
        let store = Memory::default();
        store.unreadable.borrow_mut().push(Unreadable {
            key: "/calico/resources/v3/projectcalico.org/nodes/x".into(),
            why: "not JSON".into(),
        });
        insta::assert_snapshot!(get(&store, &["node"]), @r"
    NAME
    warning: can't read /calico/resources/v3/projectcalico.org/nodes/x: not JSON
    ");
    }

    #[test]
    fn an_unknown_kind_gets_the_known_ones() {
        let error = unknown_kind("bgpeer");
        insta::assert_snapshot!(format!("{}\n{}", error.message, error.hints.join("\n")), @r"
    resource type 'bgpeer' is not supported
    did you mean bgppeer?
    supported: node, bgpconfiguration, bgppeer, clusterinformation, ippool
    ");
    }
}
