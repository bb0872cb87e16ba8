//! How `get` shows resources.

use std::collections::BTreeSet;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::format::Format;
use super::select::Group;
use crate::calico::as_number::AsNumber;
use crate::calico::kind::Kind;
use crate::calico::kinds::{self, InOrder, Inherited};
use crate::calico::resource::{API_VERSION, Resource};
use crate::calico::schema::{Field, Shape};
use crate::cli::Error;
use crate::datastore::{self, Datastore};
use crate::output::{document, table};

/// What decides the shape of the answer, beside the format.
pub(super) struct Layout<'a> {
    /// All resources of the kind, not some by name.
    pub(super) whole: bool,
    pub(super) with_namespace: bool,
    /// Labels that have a column.
    pub(super) labels: &'a [String],
}

pub(super) async fn render(
    groups: &[Group],
    format: &Format,
    layout: &Layout<'_>,
    store: &dyn Datastore,
) -> Result<String, Error> {
    Ok(match format {
        Format::Table { wide } => {
            let headings = |kind: Kind| {
                kind.headings(*wide)
                    .iter()
                    .map(|heading| (*heading).to_owned())
                    .collect()
            };
            tables(groups, &headings, layout, store).await?
        }
        Format::Columns(columns) => tables(groups, &|_| columns.clone(), layout, store).await?,
        Format::Name => names(groups),
        Format::Yaml => document::yaml(&Answer::of(groups, layout)),
        Format::Json => document::json(&Answer::of(groups, layout)),
        Format::JsonPath(path) => {
            let value = serde_json::to_value(Answer::of(groups, layout)).unwrap_or_default();
            path.render(&value)
        }
        Format::Template(template) => {
            let data = Value::Array(results(groups, layout));
            let known = known_fields(groups);
            let as_number = inherited(store).await.as_number;
            let config = |name: &str| name.eq_ignore_ascii_case("asnumber").then(|| as_number.clone());
            template
                .render(&data, &|name| known.contains(&name.to_lowercase()), &config)
                .map_err(|error| Error::new(format!("template: {error}")))?
        }
    })
}

/// A table a kind; of several kinds, those that have none are left out.
async fn tables(
    groups: &[Group],
    headings: &dyn Fn(Kind) -> Vec<String>,
    layout: &Layout<'_>,
    store: &dyn Datastore,
) -> Result<String, Error> {
    let mut texts = Vec::new();
    for group in groups
        .iter()
        .filter(|group| groups.len() == 1 || !group.items.is_empty())
    {
        let kind = group.kind;
        let mut headings = headings(kind);
        if layout.with_namespace
            && kind.is_namespaced()
            && !headings.iter().any(|heading| heading == "NAMESPACE")
        {
            headings.insert(0, "NAMESPACE".into());
        }
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let columns = kind
            .columns(&headings)
            .map_err(|error| Error::new(error.to_string()))?;
        let own_as = headings.contains(&"ASN") && kind == Kind::Node;
        let inherited = if own_as {
            inherited(store).await
        } else {
            Inherited::default()
        };
        let row = |item: &Resource| {
            let label = |key: &String| {
                item.text(&["metadata", "labels", key])
                    .unwrap_or_default()
                    .to_owned()
            };
            let cells = columns.iter().map(|column| column.cell(item, &inherited));
            cells.chain(layout.labels.iter().map(label)).collect()
        };
        let rows: Vec<Vec<String>> = group.items.iter().map(row).collect();
        let label_headings: Vec<String> = layout
            .labels
            .iter()
            .map(|label| label.rsplit('/').next().unwrap_or_default().to_uppercase())
            .collect();
        let all: Vec<&str> = headings
            .into_iter()
            .chain(label_headings.iter().map(String::as_str))
            .collect();
        let title = if groups.len() > 1 {
            format!("{}:\n", kind.plural())
        } else {
            String::new()
        };
        texts.push(title + &table::columns(&all, &rows, 3, None));
    }
    Ok(texts.join("\n"))
}

/// `node/node-1`, to be given to `netdiag delete` and its like.
fn names(groups: &[Group]) -> String {
    let line = |item: &Resource| format!("{}/{}\n", item.kind.name().to_lowercase(), item.name());
    groups.iter().flat_map(|group| &group.items).map(line).collect()
}

/// The AS number of nodes that have none of their own.
async fn inherited(store: &dyn Datastore) -> Inherited {
    let as_number = match store.get(Kind::BgpConfiguration, "default").await {
        Ok(configuration) => match configuration.field(&["spec", "asNumber"]) {
            Some(value) => AsNumber::from_json(value).map_or("unknown".into(), |number| number.to_string()),
            None => AsNumber::DEFAULT.to_string(),
        },
        Err(datastore::Error::NotFound { .. }) => AsNumber::DEFAULT.to_string(),
        Err(_) => "unknown".into(),
    };
    Inherited { as_number }
}

/// One asked for by name is itself, several are a list, all of one kind are a list object: as calicoctl has it.
enum Answer<'a> {
    One(&'a Resource),
    Several(Vec<&'a Resource>),
    List(&'a Group),
}

impl<'a> Answer<'a> {
    fn of(groups: &'a [Group], layout: &Layout<'_>) -> Self {
        match groups {
            [group] if layout.whole => Self::List(group),
            [group] if group.items.len() == 1 => match group.items.first() {
                Some(one) => Self::One(one),
                None => Self::List(group),
            },
            groups => Self::Several(groups.iter().flat_map(|group| &group.items).collect()),
        }
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |items: &[&Resource], serializer: S| {
            let mut list = serializer.serialize_seq(Some(items.len()))?;
            items
                .iter()
                .try_for_each(|item| list.serialize_element(&InOrder(item)))?;
            list.end()
        };
        match self {
            Self::One(resource) => InOrder(resource).serialize(serializer),
            Self::Several(items) => list(items, serializer),
            Self::List(Group { kind, items, version }) => {
                let metadata = version
                    .as_ref()
                    .map_or(json!({}), |version| json!({ "resourceVersion": version }));
                let items: Vec<InOrder<'_>> = items.iter().map(InOrder).collect();
                let mut map = serializer.serialize_map(Some(4))?;
                map.serialize_entry("kind", &format!("{kind}List"))?;
                map.serialize_entry("apiVersion", API_VERSION)?;
                map.serialize_entry("metadata", &metadata)?;
                map.serialize_entry("items", &items)?;
                map.end()
            }
        }
    }
}

/// What a template works on: a list object a kind, or the resources.
fn results(groups: &[Group], layout: &Layout<'_>) -> Vec<Value> {
    if layout.whole {
        let list = |group: &Group| serde_json::to_value(Answer::List(group)).unwrap_or_default();
        return groups.iter().map(list).collect();
    }
    let items = groups.iter().flat_map(|group| &group.items);
    items.map(|item| Value::Object(item.body.clone())).collect()
}

/// The names of all fields of these kinds, in lower case: Calico's structures differ from their JSON in case.
fn known_fields(groups: &[Group]) -> BTreeSet<String> {
    fn collect(shape: &Shape, depth: usize, names: &mut BTreeSet<String>) {
        if let Shape::List(item) | Shape::Set(item) = shape {
            collect(item, depth, names);
        }
        for Field { name, shape, .. } in shape.fields() {
            names.insert(name.to_lowercase());
            if depth > 0 {
                collect(shape, depth - 1, names);
            }
        }
    }
    let mut names: BTreeSet<String> = ["items", "objectmeta", "listmeta", "typemeta"]
        .map(str::to_owned)
        .into();
    for group in groups {
        collect(kinds::shape(group.kind), 12, &mut names);
    }
    names
}
