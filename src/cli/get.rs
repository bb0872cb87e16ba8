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
        // Such as of a script's variable that isn't set.
        if self.name.iter().any(String::is_empty) {
            return Err(Error::new("resource name may not be empty"));
        }
        let Found {
            mut resources,
            version,
            missing,
        } = if self.name.is_empty() {
            let list = store.list(kind).await?;
            for unreadable in list.unreadable {
                let warning = style.warn("warning:");
                writeln!(err, "{warning} can't read {}: {}", unreadable.key, unreadable.why)?;
            }
            Found {
                resources: list.items,
                version: list.version.filter(|_| !self.export),
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
                Format::Yaml => document::yaml(&self.object(kind, resources, version)),
                Format::Json => document::json(&self.object(kind, resources, version)),
            };
            out.write_all(text.as_bytes())?;
        }
        match missing {
            None => Ok(Outcome::Good),
            Some(error) => Err(error),
        }
    }

    /// One asked for by name is itself, several are a list, all are a list object: as calicoctl has it.
    fn object(&self, kind: Kind, resources: Vec<Resource>, version: Option<String>) -> Value {
        let mut bodies: Vec<Value> = resources
            .into_iter()
            .map(|resource| Value::Object(resource.body))
            .collect();
        if self.name.is_empty() {
            let metadata = version.map_or(json!({}), |version| json!({ "resourceVersion": version }));
            return json!({
                "kind": format!("{kind}List"), "apiVersion": API_VERSION, "metadata": metadata, "items": bodies,
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
    /// Of a whole list: its `resourceVersion`.
    version: Option<String>,
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
    Ok(Found {
        resources,
        version: None,
        missing,
    })
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
    table::columns(&["NAME"], &rows, 3, None)
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
    table::columns(&["NAME", "ASN", "IPV4", "IPV6"], &rows, 3, None)
}

#[cfg(test)]
mod tests;
