//! How `get` shows resources.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::format::Format;
use super::select::Group;
use crate::calico::as_number::AsNumber;
use crate::calico::kind::Kind;
use crate::calico::kinds::{self, Column, InOrder, Inherited};
use crate::calico::resource::{API_VERSION, Resource};
use crate::calico::schema::{Field, Shape};
use crate::cli::Error;
use crate::datastore::{self, Datastore};
use crate::output::document;
use crate::output::jsonpath::OfItem;
use crate::output::table::Widths;
use crate::output::template::{Data, Items, List};

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

/// Writes resources as they are read: none is kept longer than its line or its document takes. `inherited` is asked once
/// at most.
pub(super) fn write(
    groups: &[Group],
    format: &Format,
    layout: &Layout<'_>,
    inherited: &dyn Fn() -> Inherited,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match format {
        Format::Table { .. } | Format::Columns(_) => tables(groups, format, layout, inherited, out)?,
        Format::Name => {
            for group in groups {
                group.made(name, |name| writeln!(out, "{name}"))?;
            }
        }
        Format::Yaml => Answer::of(groups, layout).yaml(out)?,
        Format::Json => Answer::of(groups, layout).json(out)?,
        Format::JsonPath(path) => match (Answer::of(groups, layout), path.of_items()) {
            (Answer::List(group), Some(parts)) => {
                for part in parts {
                    of_items(group, part, out)?;
                }
            }
            (answer, _) => {
                let value = serde_json::to_value(answer).unwrap_or_default();
                out.write_all(path.render(&value).as_bytes())?;
            }
        },
        Format::Template(template) => {
            let (lists, resources) = if layout.whole {
                (lists(groups), Value::Null)
            } else {
                (
                    Vec::new(),
                    groups.iter().flat_map(Group::each).map(body).collect(),
                )
            };
            let data = if layout.whole {
                Data::Lists(&lists)
            } else {
                Data::Value(&resources)
            };
            let known = known_fields(groups);
            let as_number = inherited().as_number;
            let config = |name: &str| name.eq_ignore_ascii_case("asnumber").then(|| as_number.clone());
            let text = template
                .render(&data, &|name| known.contains(&name.to_lowercase()), &config)
                .map_err(|error| Error::new(format!("template: {error}")))?;
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(())
}

/// What a part of a template makes of each item of a list, without holding all of them.
fn of_items(group: &Group, part: OfItem<'_>, out: &mut dyn Write) -> io::Result<()> {
    if let OfItem::Text(text) = part {
        return out.write_all(text.as_bytes());
    }
    let mut between = "";
    group.made(
        |item| part.render(&Value::Object(item.body.clone())),
        |text| {
            let Some(text) = text else { return Ok(()) };
            write!(out, "{between}{text}")?;
            between = part.between();
            Ok(())
        },
    )
}

/// A table a kind; of several kinds, those that have none are left out.
fn tables(
    groups: &[Group],
    format: &Format,
    layout: &Layout<'_>,
    inherited: &dyn Fn() -> Inherited,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let several = groups.len() > 1;
    for (at, group) in groups
        .iter()
        .filter(|group| !several || !group.is_empty())
        .enumerate()
    {
        let headings = headings(format, group.kind).unwrap_or_default();
        let columns = Columns::new(group.kind, headings, layout, inherited)?;
        let mut rows = vec![columns.headings()];
        group.made(
            |item| columns.row(item),
            |row| {
                rows.push(row);
                Ok(())
            },
        )?;
        if at > 0 {
            writeln!(out)?;
        }
        if several {
            writeln!(out, "{}:", group.kind.plural())?;
        }
        let widths = Widths::of(&rows, GAP);
        for row in &rows {
            out.write_all(widths.line(row, None).as_bytes())?;
        }
    }
    Ok(())
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
    pub(super) fn new(
        kind: Kind,
        mut headings: Vec<String>,
        layout: &Layout<'a>,
        inherited: &dyn Fn() -> Inherited,
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
            inherited()
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
pub(super) fn name(item: &Resource) -> String {
    format!("{}/{}", item.kind.name().to_lowercase(), item.name())
}

/// The AS number of nodes that have none of their own.
pub(super) async fn inherited(store: &dyn Datastore) -> Inherited {
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
    One(Cow<'a, Resource>),
    Several(&'a [Group]),
    List(&'a Group),
}

impl<'a> Answer<'a> {
    fn of(groups: &'a [Group], layout: &Layout<'_>) -> Self {
        match groups {
            [group] if layout.whole => Self::List(group),
            [group] => {
                let mut items = group.each();
                match (items.next(), items.next()) {
                    (Some(one), None) => Self::One(one),
                    _ => Self::Several(groups),
                }
            }
            groups => Self::Several(groups),
        }
    }

    /// As [`document::yaml`] has it, without holding all of it.
    fn yaml(&self, out: &mut dyn Write) -> io::Result<()> {
        let (groups, list) = match self {
            Self::One(resource) => return out.write_all(document::yaml(&resource.body).as_bytes()),
            Self::Several(groups) => (*groups, None),
            Self::List(group) => (std::slice::from_ref(*group), Some(*group)),
        };
        // Asked for once the list is here.
        let around = || {
            let fields = list.into_iter().flat_map(list_fields);
            let (first, last): (Map<String, Value>, _) = fields.partition(|(key, _)| key.as_str() < "items");
            (first, last)
        };
        let head = || match list {
            Some(_) => document::yaml(&around().0),
            None => String::new(),
        };
        let mut none = true;
        for group in groups {
            let text = |item: &Resource| document::yaml_item(&item.body);
            group.made(text, |text| {
                if std::mem::take(&mut none) && list.is_some() {
                    writeln!(out, "{}items:", head())?;
                }
                out.write_all(text.as_bytes())
            })?;
        }
        if none {
            let items = if list.is_some() { "items: " } else { "" };
            writeln!(out, "{}{items}[]", head())?;
        }
        let last: Map<String, Value> = around().1;
        if !last.is_empty() {
            out.write_all(document::yaml(&last).as_bytes())?;
        }
        Ok(())
    }

    /// As [`document::json`] has it, without holding all of it.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::One(_) => out.write_all(document::json(self).as_bytes()),
            Self::Several(groups) => {
                json_items(groups, 1, &String::new, out)?;
                out.write_all(b"\n")
            }
            Self::List(group) => {
                let head = || {
                    let mut fields = document::json(&Fields(group));
                    // Without the brace that ends it.
                    fields.truncate(fields.trim_end().len() - 2);
                    fields + ",\n  \"items\": "
                };
                json_items(std::slice::from_ref(*group), 2, &head, out)?;
                out.write_all(b"\n}\n")
            }
        }
    }
}

/// A list as it stands at some depth of a document, after what is before it: that is asked for once the list is here.
fn json_items(
    groups: &[Group],
    depth: usize,
    head: &dyn Fn() -> String,
    out: &mut dyn Write,
) -> io::Result<()> {
    let indent = "  ".repeat(depth);
    let mut none = true;
    for group in groups {
        let text = |item: &Resource| document::json_at(&InOrder(item), depth);
        group.made(text, |text| {
            if std::mem::take(&mut none) {
                write!(out, "{}[\n{indent}{text}", head())
            } else {
                write!(out, ",\n{indent}{text}")
            }
        })?;
    }
    if none {
        return write!(out, "{}[]", head());
    }
    write!(out, "\n{}]", "  ".repeat(depth - 1))
}

/// A list object without its items.
struct Fields<'a>(&'a Group);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        list_head(self.0, &mut map)?;
        map.end()
    }
}

/// The fields of a list object beside its items, in calicoctl's order.
fn list_head<M: SerializeMap>(group: &Group, map: &mut M) -> Result<(), M::Error> {
    let fields = list_fields(group);
    let mut keys = ["kind", "apiVersion", "metadata"].into_iter();
    keys.try_for_each(|key| map.serialize_entry(key, &fields[key]))
}

/// The fields of a list object beside its items.
fn list_fields(group: &Group) -> Map<String, Value> {
    let metadata = group
        .version()
        .map_or(json!({}), |version| json!({ "resourceVersion": version }));
    let fields = [
        ("kind", format!("{}List", group.kind).into()),
        ("apiVersion", API_VERSION.into()),
        ("metadata", metadata),
    ];
    fields
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Resources one after the other, each written before the next is read.
struct Each<'a>(&'a [Group]);

impl Serialize for Each<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in self.0.iter().flat_map(Group::each) {
            list.serialize_element(&InOrder(&item))?;
        }
        list.end()
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(resource) => InOrder(resource).serialize(serializer),
            Self::Several(groups) => Each(groups).serialize(serializer),
            Self::List(group) => {
                let mut map = serializer.serialize_map(Some(4))?;
                list_head(group, &mut map)?;
                map.serialize_entry("items", &Each(std::slice::from_ref(*group)))?;
                map.end()
            }
        }
    }
}

/// A list object a kind, for templates.
fn lists(groups: &[Group]) -> Vec<List<'_>> {
    let list = |group| List {
        fields: list_fields(group),
        items: group,
    };
    groups.iter().map(list).collect()
}

fn body(item: Cow<'_, Resource>) -> Value {
    Value::Object(item.into_owned().body)
}

impl Items for Group {
    fn each(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        Box::new(Self::each(self).map(body))
    }
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
