//! How `get` shows resources.

use std::collections::BTreeSet;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::format::Format;
use super::select::Group;
use crate::calico::as_number::AsNumber;
use crate::calico::kind::Kind;
use crate::calico::kinds::{self, Column, InOrder, Inherited};
use crate::calico::resource::{API_VERSION, Resource};
use crate::calico::schema::{Field, Shape};
use crate::cli::Error;
use crate::datastore::{self, Datastore};
use crate::output::{document, table};

/// Blanks between columns.
pub(super) const GAP: usize = 3;

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
        Format::Table { .. } | Format::Columns(_) => {
            let headings = |kind: Kind| headings(format, kind).unwrap_or_default();
            tables(groups, &headings, layout, store).await?
        }
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
        let columns = Columns::new(group.kind, headings(group.kind), layout, store).await?;
        let rows: Vec<Vec<String>> = group.items.iter().map(|item| columns.row(item)).collect();
        let headings = columns.headings();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let title = if groups.len() > 1 {
            format!("{}:\n", group.kind.plural())
        } else {
            String::new()
        };
        texts.push(title + &table::columns(&headings, &rows, GAP, None));
    }
    Ok(texts.join("\n"))
}

/// The headings of a table of a kind in a format; none for what isn't a table.
pub(super) fn headings(format: &Format, kind: Kind) -> Option<Vec<String>> {
    match format {
        Format::Table { wide } => {
            let headings = kind.headings(*wide).iter();
            Some(headings.map(|heading| (*heading).to_owned()).collect())
        }
        Format::Columns(columns) => Some(columns.clone()),
        _ => None,
    }
}

/// The columns of a table of one kind.
pub(super) struct Columns<'a> {
    headings: Vec<String>,
    columns: Vec<&'static Column>,
    inherited: Inherited,
    labels: &'a [String],
}

impl<'a> Columns<'a> {
    pub(super) async fn new(
        kind: Kind,
        mut headings: Vec<String>,
        layout: &Layout<'a>,
        store: &dyn Datastore,
    ) -> Result<Self, Error> {
        let has_namespace = headings.iter().any(|heading| heading == "NAMESPACE");
        if layout.with_namespace && kind.is_namespaced() && !has_namespace {
            headings.insert(0, "NAMESPACE".into());
        }
        let names: Vec<&str> = headings.iter().map(String::as_str).collect();
        let columns = kind
            .columns(&names)
            .map_err(|error| Error::new(error.to_string()))?;
        let inherited = if names.contains(&"ASN") && kind == Kind::Node {
            inherited(store).await
        } else {
            Inherited::default()
        };
        Ok(Self {
            headings,
            columns,
            inherited,
            labels: layout.labels,
        })
    }

    /// Those of labels without the part before the slash.
    pub(super) fn headings(&self) -> Vec<String> {
        let label = |label: &String| label.rsplit('/').next().unwrap_or_default().to_uppercase();
        self.headings
            .iter()
            .cloned()
            .chain(self.labels.iter().map(label))
            .collect()
    }

    pub(super) fn row(&self, item: &Resource) -> Vec<String> {
        let label = |key: &String| {
            item.text(&["metadata", "labels", key])
                .unwrap_or_default()
                .to_owned()
        };
        let cells = self
            .columns
            .iter()
            .map(|column| column.cell(item, &self.inherited));
        cells.chain(self.labels.iter().map(label)).collect()
    }
}

/// `node/node-1`, to be given to `netdiag delete` and its like.
fn names(groups: &[Group]) -> String {
    let items = groups.iter().flat_map(|group| &group.items);
    items.map(|item| name(item) + "\n").collect()
}

pub(super) fn name(item: &Resource) -> String {
    format!("{}/{}", item.kind.name().to_lowercase(), item.name())
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
