//! `netdiag get`.

mod format;
mod select;
mod show;
mod watch;

use std::io::{self, Write};
use std::thread;

use clap::Args;
use tokio::runtime::Runtime;

use super::input::{Input, Namespace};
use super::write::refuse;
use super::{Context, Error, Outcome, compat, kinds};
use crate::calico::kind::Kind;
use crate::datastore::{Datastore, Unreadable};
use crate::output::Style;
use format::Format;
use select::{Group, Query, Scope};

/// Show resources of the datastore
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Get {
    /// Kind of resource, such as node, bgppeer or networkpolicy; several with commas between them, or all
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    kind: Option<String>,
    /// Names, also with * and ? in them; all resources of the kind without
    #[arg(requires = "kind")]
    name: Vec<String>,
    #[command(flatten)]
    input: Input<false>,
    #[command(flatten)]
    namespace: Namespace,
    /// Look in all namespaces
    #[arg(short = 'A', long, short_alias = 'a')]
    all_namespaces: bool,
    /// How to show them: ps, wide, yaml, json, name, custom-columns=NAME,…, jsonpath=TEMPLATE, go-template=TEMPLATE or
    /// go-template-file=FILE
    #[arg(short, long, default_value = "ps", value_name = "FORMAT")]
    output: String,
    /// Only those whose labels this selects: in Calico's words (has(rack) && zone in {"a"}), or rack=r1,zone!=a
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Sort by this field, such as .spec.order
    #[arg(long, value_name = "FIELD")]
    sort_by: Option<String>,
    /// Columns with the values of these labels
    #[arg(short = 'L', long, value_name = "LABEL,…", value_delimiter = ',')]
    label_columns: Vec<String>,
    /// Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp
    #[arg(long)]
    export: bool,
    /// Then go on and show each change, until Ctrl-C; in json and yaml as events: {"type": "MODIFIED", "object": …}
    #[arg(short, long, conflicts_with_all = ["filename", "sort_by", "export"])]
    pub(super) watch: bool,
}

const EXAMPLES: &str = "Examples:
  netdiag get node -o wide
  netdiag get networkpolicy -A -o custom-columns=NAMESPACE,NAME,SELECTOR
  netdiag get tier,gnp,np -A -o yaml --export > policies.yaml
  netdiag get node -l 'rack == \"r1\"' --sort-by .spec.bgp.ipv4Address
  netdiag get workloadendpoint -A --watch";

impl Get {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let format = Format::read(&self.output)?;
        let queries = match self.queries()? {
            Ok(queries) => queries,
            Err(problems) => return Err(refuse(&problems, None, "nothing was looked up", cx.err)?),
        };
        let store = super::datastore::open(cx)?;
        if self.watch {
            return self.follow(&queries, &format, &*store, cx);
        }
        self.show(
            &queries,
            &format,
            Source {
                store: &*store,
                runtime: &cx.runtime,
            },
            cx.out,
            cx.err,
            cx.style,
        )
    }

    /// What is asked for: kinds with or without names, or the resources of manifests.
    fn queries(&self) -> Result<Result<Vec<Query>, Vec<crate::calico::manifest::Problem>>, Error> {
        let Some(typed) = &self.kind else {
            let documents = match self.input.read(&self.namespace, &mut io::stdin().lock())? {
                Ok(documents) => documents,
                Err(problems) => return Ok(Err(problems)),
            };
            let query = |document: &crate::calico::manifest::Document| Query {
                kind: document.resource.kind,
                names: vec![document.resource.name().to_owned()],
                scope: match document.resource.namespace() {
                    Some(namespace) => Scope::One(namespace.to_owned()),
                    None => Scope::Everywhere,
                },
            };
            return Ok(Ok(documents.iter().map(query).collect()));
        };
        let kinds = kinds::several(typed).map_err(|error| Error {
            message: format!("failed to get resources: {}", error.message),
            ..error
        })?;
        // Such as of a script's variable that isn't set.
        if self.name.iter().any(String::is_empty) {
            return Err(Error::new("resource name may not be empty"));
        }
        if kinds.len() > 1 && !self.name.is_empty() {
            return Err(Error::new("names are of one kind: give one kind, or no names"));
        }
        let one = kinds.len() == 1;
        let queries = kinds.into_iter().map(|kind| {
            Ok(Query {
                kind,
                names: self.name.clone(),
                scope: self.scope(kind, one)?,
            })
        });
        queries.collect::<Result<_, Error>>().map(Ok)
    }

    /// Where to look for this kind; calicoctl's words for what doesn't go together.
    fn scope(&self, kind: Kind, alone: bool) -> Result<Scope, Error> {
        let given = self
            .namespace
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty());
        if self.all_namespaces && given.is_some() {
            return Err(Error::new(
                "cannot use both --namespace and --all-namespaces flags at the same time",
            ));
        }
        match (kind.is_namespaced(), self.all_namespaces, given) {
            (false, false, None) => Ok(Scope::Everywhere),
            (false, ..) if alone => Err(Error::new(format!("{kind} is not namespaced"))),
            (false, ..) | (true, true, _) => {
                if self.all_namespaces && self.name.iter().any(|name| !select::is_pattern(name)) {
                    return Err(Error::new(
                        "cannot use --all-namespace flag for getting a single resource",
                    ));
                }
                Ok(Scope::Everywhere)
            }
            (true, false, namespace) => Ok(Scope::One(namespace.unwrap_or("default").to_owned())),
        }
    }

    /// Prints what there is, then what changes.
    fn follow(
        &self,
        queries: &[Query],
        format: &Format,
        store: &dyn Datastore,
        cx: &mut Context,
    ) -> Result<Outcome, Error> {
        let [query] = queries else {
            return Err(
                Error::new("--watch is of one kind").hint("run one netdiag get --watch for each kind")
            );
        };
        let filter = select::Filter::read(self.selector.as_deref(), None)?;
        let mut output = watch::Output {
            out: &mut *cx.out,
            err: &mut *cx.err,
            style: cx.style,
        };
        cx.runtime.block_on(watch::run(
            query,
            format,
            &filter,
            &self.layout(queries),
            store,
            &mut output,
        ))
    }

    fn layout(&self, queries: &[Query]) -> show::Layout<'_> {
        show::Layout {
            whole: queries.iter().all(|query| query.names.is_empty()),
            with_namespace: self.all_namespaces || self.namespace.namespace.is_some(),
            labels: &self.label_columns,
        }
    }

    /// Prints what there is, then says what there isn't.
    fn show(
        &self,
        queries: &[Query],
        format: &Format,
        source: Source<'_>,
        out: &mut dyn Write,
        err: &mut dyn Write,
        style: Style,
    ) -> Result<Outcome, Error> {
        let Source { store, runtime } = source;
        let (groups, missing) = runtime.block_on(self.found(queries, store, err, style))?;
        let empty = groups.iter().all(Group::is_empty);
        if !empty || missing.is_none() {
            let inherited = || runtime.block_on(show::inherited(store));
            let shown = meanwhile(runtime, &groups, || {
                show::write(&groups, format, &self.layout(queries), &inherited, out)
            });
            if let Some(error) = groups.iter().find_map(Group::failure) {
                return Err(error.into());
            }
            shown?;
        } else if compat::on() && matches!(format, Format::Yaml) {
            writeln!(out, "null")?;
        }
        for group in &groups {
            warn_unreadable(group.unreadable(), err, style)?;
        }
        match missing {
            None => Ok(Outcome::Good),
            Some(error) => Err(error),
        }
    }

    /// What there is, and what isn't there. Of one kind, as soon as a part of it is.
    async fn found(
        &self,
        queries: &[Query],
        store: &dyn Datastore,
        err: &mut dyn Write,
        style: Style,
    ) -> Result<(Vec<Group>, Option<Error>), Error> {
        let filter = select::Filter::read(self.selector.as_deref(), self.sort_by.as_deref())?;
        // An error of the second kind comes before the first one is shown.
        let partly = filter.is_none() && queries.len() == 1;
        let mut groups: Vec<Group> = Vec::new();
        let mut missing: Option<Error> = None;
        for query in queries {
            let found = match select::find(query, store, partly).await {
                Ok(found) => found,
                // Of many kinds, a store may not have all.
                Err(error) if queries.len() > 1 && select::is_unsupported(&error) => {
                    writeln!(err, "{} {error}", style.warn("warning:"))?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(error) = found.missing {
                missing = Some(select::joined(missing, error));
            }
            let found_items = filter.apply(found.items);
            match groups.last_mut() {
                // Several names of one kind are shown together.
                Some(last) if last.kind == query.kind => last.add(found_items),
                _ => groups.push(Group::new(query.kind, found_items, self.export)),
            }
        }
        Ok((groups, missing))
    }
}

/// What is asked, and what runs the asking.
#[derive(Clone, Copy)]
struct Source<'a> {
    store: &'a dyn Datastore,
    runtime: &'a Runtime,
}

/// Does this while the rest arrives, which another thread sees to.
fn meanwhile<T>(runtime: &Runtime, groups: &[Group], work: impl FnOnce() -> T) -> T {
    let arrived = || {
        let all: Vec<_> = groups.iter().map(Group::arrived).collect();
        async {
            for one in all {
                one.await;
            }
        }
    };
    thread::scope(|scope| {
        let rest = arrived();
        let driver = thread::Builder::new().spawn_scoped(scope, move || runtime.block_on(rest));
        if driver.is_err() {
            runtime.block_on(arrived());
        }
        work()
    })
}

fn warn_unreadable<'u>(
    keys: impl IntoIterator<Item = &'u Unreadable>,
    err: &mut dyn Write,
    style: Style,
) -> Result<(), Error> {
    for Unreadable { key, why } in keys {
        writeln!(err, "{} can't read {key}: {why}", style.warn("warning:"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
