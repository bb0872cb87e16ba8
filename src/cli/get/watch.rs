//! `get --watch`: what there is, then each change.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use super::format::Format;
use super::select::{self, Filter, Query, Scope};
use super::show::{self, Columns, GAP, Layout};
use super::{Error, Outcome};
use crate::calico::kinds::InOrder;
use crate::calico::resource::Resource;
use crate::datastore::{self, Datastore, List};
use crate::output::table::Widths;
use crate::output::{Style, document};

/// Between two attempts to reach a store that is gone.
const PAUSE: Duration = Duration::from_secs(1);

/// What happened to a resource, in the words of Kubernetes' watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Event {
    /// Since, or there from the beginning.
    Added,
    Modified,
    Deleted,
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Added => "new",
            Self::Modified => "changed",
            Self::Deleted => "deleted",
        }
    }
}

/// Resources by id, to tell what changed.
type Known = BTreeMap<String, Resource>;

/// Goes on until it is stopped, or nobody reads any more.
pub(super) async fn run(
    query: &Query,
    format: &Format,
    filter: &Filter,
    layout: &Layout<'_>,
    store: &dyn Datastore,
    cx: &mut Output<'_>,
) -> Result<Outcome, Error> {
    let mut list = read(query, filter, store).await?;
    let mut told = cx.unreadable(&list, 0)?;
    let printer = Printer::new(query, format, layout, store, &list.items).await?;
    cx.out.write_all(printer.start(&list.items).as_bytes())?;
    cx.out.flush()?;
    let mut known = by_id(std::mem::take(&mut list.items));
    loop {
        let next = match store.changed(query.kind, list.version.as_deref()).await {
            Ok(()) => read(query, filter, store).await,
            Err(error) => Err(error),
        };
        list = match next {
            Ok(list) => list,
            Err(error) => {
                writeln!(cx.err, "{} {error}; trying again", cx.style.warn("warning:"))?;
                again(query, filter, store).await
            }
        };
        told = cx.unreadable(&list, told)?;
        let now = by_id(std::mem::take(&mut list.items));
        for (event, resource) in changes(&known, &now) {
            cx.out
                .write_all(printer.event(event, resource, cx.style).as_bytes())?;
        }
        cx.out.flush()?;
        known = now;
    }
}

/// Where it is written.
pub(super) struct Output<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) err: &'a mut dyn Write,
    pub(super) style: Style,
}

impl Output<'_> {
    /// Warns of what can't be read, if it isn't the same number of keys as before.
    fn unreadable(&mut self, list: &List, told: usize) -> Result<usize, Error> {
        if list.unreadable.len() != told {
            super::warn_unreadable(&list.unreadable, self.err, self.style)?;
        }
        Ok(list.unreadable.len())
    }
}

async fn read(query: &Query, filter: &Filter, store: &dyn Datastore) -> Result<List, datastore::Error> {
    let namespace = match &query.scope {
        Scope::Everywhere => None,
        Scope::One(namespace) => Some(namespace.as_str()),
    };
    let mut list = filter
        .apply(store.listing(query.kind, namespace).await?)
        .into_list();
    let wanted = |name: &str| query.names.iter().any(|pattern| select::matches(pattern, name));
    if !query.names.is_empty() {
        list.items.retain(|item| wanted(item.name()));
    }
    Ok(list)
}

/// Until the store answers.
async fn again(query: &Query, filter: &Filter, store: &dyn Datastore) -> List {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Ok(list) = read(query, filter, store).await {
            return list;
        }
    }
}

fn by_id(items: Vec<Resource>) -> Known {
    items.into_iter().map(|item| (item.id(), item)).collect()
}

/// What makes `now` of `before`. Kubernetes' objects get new versions for what is none of Calico's: that is no change.
fn changes<'a>(before: &'a Known, now: &'a Known) -> Vec<(Event, &'a Resource)> {
    let deleted = before.iter().filter(|(id, _)| !now.contains_key(*id));
    let others = now.iter().filter_map(|(id, resource)| match before.get(id) {
        None => Some((Event::Added, resource)),
        Some(old) if !old.says_the_same(resource) => Some((Event::Modified, resource)),
        Some(_) => None,
    });
    deleted
        .map(|(_, resource)| (Event::Deleted, resource))
        .chain(others)
        .collect()
}

/// How changes are written.
enum Printer<'a> {
    /// Rows as wide as those of the beginning.
    Table(Columns<'a>, Widths),
    Name,
    Yaml,
    /// An object a line.
    Json,
}

/// A change as an event of a watch of Kubernetes.
#[derive(Serialize)]
struct Change<'a> {
    #[serde(rename = "type")]
    event: Event,
    object: InOrder<'a>,
}

impl<'a> Printer<'a> {
    async fn new(
        query: &Query,
        format: &Format,
        layout: &Layout<'a>,
        store: &dyn Datastore,
        items: &[Resource],
    ) -> Result<Self, Error> {
        if let Some(headings) = show::headings(format, query.kind) {
            let inherited = show::inherited(store).await;
            let columns = Columns::new(query.kind, headings, layout, &|| inherited.clone())?;
            let rows: Vec<Vec<String>> = items.iter().map(|item| columns.row(item)).collect();
            let headings = columns.headings();
            let widths = Widths::of(std::iter::once(&headings).chain(&rows), GAP);
            return Ok(Self::Table(columns, widths));
        }
        match format {
            Format::Name => Ok(Self::Name),
            Format::Yaml => Ok(Self::Yaml),
            Format::Json => Ok(Self::Json),
            _ => Err(Error::new("--watch shows tables, names, yaml or json")
                .hint("choose one of them with -o, such as -o json")),
        }
    }

    /// What there is at first.
    fn start(&self, items: &[Resource]) -> String {
        let all = items.iter().map(|item| match self {
            Self::Table(columns, widths) => widths.line(&columns.row(item), None),
            Self::Name => format!("{}\n", show::name(item)),
            Self::Yaml | Self::Json => self.event(Event::Added, item, Style::PLAIN),
        });
        let headings = match self {
            Self::Table(columns, widths) => widths.line(&columns.headings(), None),
            _ => String::new(),
        };
        std::iter::once(headings).chain(all).collect()
    }

    fn event(&self, event: Event, resource: &Resource, style: Style) -> String {
        let marked = |line: &str| {
            let word = format!("({})", event.word());
            let word = match event {
                Event::Added => style.good(&word),
                Event::Modified => style.warn(&word),
                Event::Deleted => style.bad(&word),
            };
            format!("{}{:GAP$}{word}\n", line.trim_end(), "")
        };
        let change = Change {
            event,
            object: InOrder(resource),
        };
        match self {
            Self::Table(columns, widths) => marked(&widths.line(&columns.row(resource), None)),
            Self::Name => marked(&show::name(resource)),
            Self::Yaml => format!("---\n{}", document::yaml(&change)),
            Self::Json => document::json_line(&change),
        }
    }
}
