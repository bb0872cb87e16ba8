//! Manifests: the text of a file as checked resources, or everything that is wrong with it.
//!
//! Accepted, as calicoctl does: several `---` documents, JSON, a list of resources as one document, `NodeList` and its
//! like; and
//! what calicoctl v3 refuses, the v1 form of old articles (`apiVersion: v1`, `kind: node` and all others), converted to v3.

use std::collections::BTreeMap;

use super::kinds;
use super::nearest::nearest;
use super::network_policy;
use super::resource::{API_VERSION, Kind, Resource};
use super::schema::{self, Fault, Scalars};
use super::tree::{self, Data, Mark, Tree};
use super::v1;

/// The form a document is written in, which decides how it is merged with what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `projectcalico.org/v3`: replaces labels, annotations and spec whole.
    V3,
    /// `v1`: sets the fields it names. `assumed` are the fields under `spec.bgp` whose address came without a
    /// prefix length and were given the longest.
    V1 { assumed: Vec<&'static str> },
}

/// One resource of a manifest: valid, in v3 form, and nothing in it that only a server sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// As given to [`read`].
    pub file: String,
    /// Where the resource starts.
    pub at: Mark,
    pub form: Form,
    pub resource: Resource,
    /// What the conversion changed that the author should know of.
    pub notes: Vec<String>,
}

impl Document {
    /// `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.at.line)
    }
}

/// Something wrong in a manifest, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}:{}: {}{}{why}", at.line, at.column, path, if path.is_empty() { "" } else { ": " })]
pub struct Problem {
    pub file: String,
    pub at: Mark,
    /// The field, such as `spec.bgp.ipv4Address`; empty for a whole document.
    pub path: String,
    pub why: String,
    /// Nothing for what is no resource of v3.
    pub of: Option<Subject>,
}

/// What a text holds, each in its order.
#[derive(Debug, Default)]
pub struct Reading {
    /// Those that are valid.
    pub documents: Vec<Document>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

impl Reading {
    /// The documents, if all are valid.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn checked(self) -> Result<Vec<Document>, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(self.documents)
        } else {
            Err(self.problems)
        }
    }
}

/// What a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    /// `metadata.namespace` and `metadata.name` as they are, where they are texts.
    pub namespace: Option<String>,
    pub name: String,
    /// Where the resource starts.
    pub resource: Mark,
    /// How many valid documents stand before it.
    pub before: usize,
    /// What stands in the field, as Go prints it: `[a b]` is a list.
    pub value: String,
}

/// Reads a manifest. `file` is only its name, for messages. A text without resources gives none.
///
/// # Errors
/// Everything that is wrong in the whole text, in its order.
pub fn read(file: &str, text: &[u8]) -> Result<Vec<Document>, Vec<Problem>> {
    read_parts(file, text).checked()
}

/// As [`read`]: what is valid, and what is wrong beside it.
pub fn read_parts(file: &str, text: &[u8]) -> Reading {
    read_with(Reader::of(file), text)
}

/// As [`read_parts`], for scripts of calicoctl: what isn't quoted becomes the text that calicoctl makes of it.
pub fn read_as_calicoctl(file: &str, text: &[u8]) -> Reading {
    let reader = Reader {
        scalars: Scalars::AsCalicoctl,
        ..Reader::of(file)
    };
    read_with(reader, text)
}

/// As [`read_parts`], for documents that are to be converted: Kubernetes' own NetworkPolicy and lists are read as well. With
/// `lenient`, what v3 doesn't allow of a conversion's result is no problem.
pub fn read_to_convert(file: &str, text: &[u8], lenient: bool) -> Reading {
    let reader = Reader {
        converts: true,
        lenient,
        ..Reader::of(file)
    };
    read_with(reader, text)
}

fn read_with(mut reader: Reader, text: &[u8]) -> Reading {
    match std::str::from_utf8(text) {
        Ok(text) => reader.text(text),
        Err(error) => reader.fault(position(&text[..error.valid_up_to()]), "is not UTF-8 text"),
    }
    reader.faults.sort_by_key(|fault| fault.at);
    let problem = |fault: Fault| Problem {
        of: reader.subjects.get(&(fault.at, fault.path.clone())).cloned(),
        file: reader.file.to_owned(),
        at: fault.at,
        path: fault.path,
        why: fault.why,
    };
    Reading {
        problems: reader.faults.into_iter().map(problem).collect(),
        documents: reader.documents,
    }
}

/// Where the byte after this text is.
fn position(before: &[u8]) -> Mark {
    let mut lines = before.split(|byte| *byte == b'\n');
    let last = lines.next_back().unwrap_or_default();
    Mark {
        line: 1 + lines.count(),
        column: 1 + String::from_utf8_lossy(last).chars().count(),
    }
}

struct Reader<'f> {
    file: &'f str,
    /// Whether Kubernetes' own objects are read, too.
    converts: bool,
    lenient: bool,
    scalars: Scalars,
    documents: Vec<Document>,
    faults: Vec<Fault>,
    /// Of the faults at these places, in these fields.
    subjects: BTreeMap<(Mark, String), Subject>,
}

/// The `apiVersion` and `kind` that the items of a list may leave out.
type Inherited<'a> = Option<(&'a str, &'a str)>;

impl<'f> Reader<'f> {
    /// Of a file of this name, as netdiag itself reads it.
    const fn of(file: &'f str) -> Self {
        Self {
            file,
            converts: false,
            lenient: false,
            scalars: Scalars::Quoted,
            documents: Vec::new(),
            faults: Vec::new(),
            subjects: BTreeMap::new(),
        }
    }

    fn fault(&mut self, at: Mark, why: impl Into<String>) {
        self.faults.push(Fault {
            at,
            path: String::new(),
            why: why.into(),
        });
    }

    fn text(&mut self, text: &str) {
        for document in tree::read(text) {
            match document {
                Ok(Tree {
                    data: Data::Sequence(items),
                    ..
                }) => {
                    for item in &items {
                        self.resource(item, None);
                    }
                }
                Ok(tree) => self.resource(&tree, None),
                Err(error) => self.fault(error.at, error.why),
            }
        }
    }

    /// One resource or list kind.
    fn resource(&mut self, tree: &Tree, inherited: Inherited<'_>) {
        if tree.entries().is_none() {
            let why = format!(
                "is {}, not a resource (a map with apiVersion, kind, metadata and spec)",
                tree.describe()
            );
            return self.fault(tree.at, why);
        }
        let (version, kind) = match (
            self.header(tree, "apiVersion"),
            self.header(tree, "kind"),
            inherited,
        ) {
            (Ok(None), Ok(None), Some(inherited)) => inherited,
            (Ok(Some(version)), Ok(Some(kind)), _) => (version, kind),
            (Err(()), ..) | (_, Err(()), _) => return,
            (version, ..) => {
                let missing = if matches!(version, Ok(None)) {
                    "apiVersion"
                } else {
                    "kind"
                };
                let why = format!(
                    "{missing} is missing; a Calico node, for example, has apiVersion: {API_VERSION} and kind: Node"
                );
                return self.fault(tree.at, why);
            }
        };
        let list = || kind.strip_suffix("List").and_then(Kind::from_document);
        match (version, Kind::from_document(kind), kind) {
            (API_VERSION, Some(kind), _) => self.v3(kind, tree),
            (v1::API_VERSION, _, kind) if v1::kinds().any(|name| name == kind) => self.v1(kind, tree),
            (v1::API_VERSION, _, kind)
                if inherited.is_none()
                    && let Some(kind) = v1::of_list(kind) =>
            {
                self.list(tree, (version, kind));
            }
            (v1::API_VERSION, _, "List") if self.converts && inherited.is_none() => self.any_list(tree),
            (version, _, "NetworkPolicy")
                if self.converts && network_policy::API_VERSIONS.contains(&version) =>
            {
                self.of_kubernetes(tree);
            }
            (API_VERSION, ..)
                if inherited.is_none()
                    && let Some(kind) = list() =>
            {
                self.list(tree, (version, kind.name()));
            }
            _ => {
                let at = tree.get("kind").map_or(tree.at, |kind| kind.at);
                self.fault(at, refusal(version, kind));
            }
        }
    }

    /// `apiVersion` or `kind`, if it is there.
    fn header<'t>(&mut self, tree: &'t Tree, key: &str) -> Result<Option<&'t str>, ()> {
        let Some(value) = tree.get(key) else {
            return Ok(None);
        };
        if let Some(text) = value.text() {
            return Ok(Some(text));
        }
        self.faults.push(Fault {
            at: value.at,
            path: key.to_owned(),
            why: format!("is {}, must be a text", value.describe()),
        });
        Err(())
    }

    fn list(&mut self, tree: &Tree, item_kind: (&str, &str)) {
        schema::read(&kinds::LIST, tree, &mut self.faults);
        match tree.get("items").map(|items| (items.at, &items.data)) {
            Some((_, Data::Sequence(items))) => {
                for item in items {
                    self.resource(item, Some(item_kind));
                }
            }
            // Missing: said by the schema.
            None | Some((_, Data::Null)) => {}
            Some((at, _)) => self.fault(at, "items must be a list of resources"),
        }
    }

    fn v3(&mut self, kind: Kind, tree: &Tree) {
        let before = self.faults.len();
        let resource = v3(kind, tree, self.scalars, &mut self.faults);
        let metadata = |field| tree.get("metadata")?.get(field)?.text().map(str::to_owned);
        for fault in &self.faults[before..] {
            let subject = Subject {
                kind,
                namespace: metadata("namespace"),
                name: metadata("name").unwrap_or_default(),
                resource: tree.at,
                before: self.documents.len(),
                value: tree.go_text(&fault.path),
            };
            self.subjects.insert((fault.at, fault.path.clone()), subject);
        }
        let Some(resource) = resource else {
            return;
        };
        self.documents.push(Document {
            file: self.file.to_owned(),
            at: tree.at,
            form: Form::V3,
            resource,
            notes: Vec::new(),
        });
    }

    fn v1(&mut self, kind: &str, tree: &Tree) {
        if let Some(found) = v1::read(kind, tree, self.lenient, &mut self.faults) {
            self.documents.push(Document {
                file: self.file.to_owned(),
                at: tree.at,
                form: found.form,
                resource: found.resource,
                notes: found.notes,
            });
        }
    }

    /// A `v1 List` of Kubernetes: each item says what it is.
    fn any_list(&mut self, tree: &Tree) {
        schema::read(&kinds::LIST, tree, &mut self.faults);
        if let Some(Data::Sequence(items)) = tree.get("items").map(|items| &items.data) {
            for item in items {
                self.resource(item, None);
            }
        }
    }

    fn of_kubernetes(&mut self, tree: &Tree) {
        if let Some(resource) = network_policy::read(tree, &mut self.faults) {
            self.documents.push(Document {
                file: self.file.to_owned(),
                at: tree.at,
                form: Form::V3,
                resource,
                notes: Vec::new(),
            });
        }
    }
}

/// Checks a document of this kind; `None` when a fault was added.
fn v3(kind: Kind, tree: &Tree, scalars: Scalars, faults: &mut Vec<Fault>) -> Option<Resource> {
    let before = faults.len();
    let value = schema::read_with(kinds::shape(kind), tree, scalars, faults);
    let metadata = tree.get("metadata");
    if let Some(namespace) = metadata.and_then(|metadata| metadata.get("namespace"))
        && !kind.is_namespaced()
        && !matches!(namespace.text(), None | Some(""))
    {
        faults.push(Fault {
            at: namespace.at,
            path: "metadata.namespace".into(),
            why: format!(
                "namespace should not be specified for a non-namespaced resource. {kind} is not a namespaced resource"
            ),
        });
    }
    if faults.len() > before {
        return None;
    }
    let mut resource = Resource::new(kind, "");
    if let serde_json::Value::Object(fields) = value {
        resource.body.extend(fields);
    }
    Some(resource)
}

/// Checks a resource that is no text, such as a patched one. The places of its faults mean nothing.
///
/// # Errors
/// Everything that is wrong.
pub fn check(kind: Kind, value: &serde_json::Value) -> Result<Resource, Vec<Fault>> {
    let mut faults = Vec::new();
    for document in tree::read(&value.to_string()) {
        match document {
            Ok(tree) => {
                if let Some(resource) = v3(kind, &tree, Scalars::Quoted, &mut faults) {
                    return Ok(resource);
                }
            }
            Err(error) => faults.push(Fault {
                at: error.at,
                path: String::new(),
                why: error.why,
            }),
        }
    }
    Err(faults)
}

/// Why this kind and version is not read, and what to write instead.
fn refusal(version: &str, kind: &str) -> String {
    let what = format!("unknown resource type ({kind}) and/or version ({version})");
    let hint = match (version, kind) {
        ("v1", "List") => {
            "this is a Kubernetes List; write its items as documents separated by ---, as a YAML list, or as a list \
             of Calico's own, such as a NodeList"
        }
        ("v1", "Node") => {
            "this is Kubernetes' own Node; Calico's is apiVersion: projectcalico.org/v3 with kind: Node, or the old \
             apiVersion: v1 with kind: node"
        }
        ("networking.k8s.io/v1", "NetworkPolicy") => {
            "this is Kubernetes' own NetworkPolicy: kubernetes network policies must be managed through the \
             kubernetes API"
        }
        ("crd.projectcalico.org/v1", _) => {
            "this is the form Calico stores in Kubernetes; write apiVersion: projectcalico.org/v3"
        }
        _ => return format!("{what}{}", refusal_of_kind(version, kind)),
    };
    format!("{what}: {hint}")
}

fn refusal_of_kind(version: &str, kind: &str) -> String {
    let (single, list) = match kind.to_lowercase().strip_suffix("list") {
        Some(single) => (single.to_owned(), "List"),
        None => (kind.to_lowercase(), ""),
    };
    let meant = Kind::ALL
        .into_iter()
        .find(|kind| kind.name().to_lowercase() == single);
    let Some(meant) = meant else {
        let near = nearest(kind, Kind::ALL.map(Kind::name));
        return near.map_or_else(String::new, |name| format!(": did you mean {name}?"));
    };
    match (version, meant) {
        (API_VERSION, meant) => format!(": the kind is spelled {meant}{list}"),
        (v1::API_VERSION, meant) if let Some(name) = v1_name(meant) => {
            format!(": the kind is spelled {name}{list}")
        }
        (_, Kind::Node) => {
            format!(": the version of a Calico node is {API_VERSION}, or v1 for old manifests")
        }
        (_, meant) => format!(": the version of a {meant} is {API_VERSION}"),
    }
}

/// How v1 spells a kind that it has, in first letters' case alone another.
fn v1_name(kind: Kind) -> Option<&'static str> {
    v1::kinds().find(|name| name.eq_ignore_ascii_case(kind.name()))
}

#[cfg(test)]
mod tests;
