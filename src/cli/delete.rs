//! `netdiag delete`.

use std::io::{self, Write};

use clap::Args;

use super::compat::Refused;
use super::harm::{self, Ask, Consent};
use super::input::{Input, Namespace};
use super::write::refuse;
use super::{Context, Error, Outcome, compat, kinds};
use crate::apply;
use crate::calico::kind::Kind;
use crate::calico::manifest::{Document, Reading};
use crate::datastore::{self, Datastore};
use crate::diagnose::harm::Changed;

/// Delete resources, by kind and name or those of manifests
///
/// A manifest that carries a resourceVersion deletes that version only.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Kind of resource, such as node, bgppeer or networkpolicy
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    kind: Option<String>,
    /// Names
    #[arg(requires = "kind")]
    name: Vec<String>,
    #[command(flatten)]
    input: Input<false>,
    #[command(flatten)]
    namespace: Namespace,
    /// Count resources that don't exist as done
    #[arg(short, long)]
    skip_not_exists: bool,
    #[command(flatten)]
    consent: Consent,
}

/// One resource to delete.
struct Target {
    kind: Kind,
    id: String,
    version: Option<String>,
}

impl Target {
    fn of(document: &Document) -> Self {
        Self {
            kind: document.resource.kind,
            id: document.resource.id(),
            version: document.resource.resource_version().map(str::to_owned),
        }
    }
}

impl Delete {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let targets = match &self.kind {
            Some(kind) => self.named(kinds::one(kind)?)?,
            None => self.of_files(cx)?,
        };
        if targets.is_empty() {
            writeln!(cx.out, "No resources specified")?;
            return Ok(Outcome::Good);
        }
        let store = super::datastore::open(cx)?;
        let changed = |target: &Target| Changed {
            kind: target.kind,
            id: target.id.clone(),
            after: None,
        };
        let changed: Vec<Changed<'_>> = targets.iter().map(changed).collect();
        compat::warn_of_release(cx, &*store)?;
        harm::before(cx, &*store, &changed, Ask::Unless(self.consent.yes))?;
        cx.runtime.block_on(self.all(&targets, &*store, cx.out, cx.err))
    }

    fn of_files(&self, cx: &mut Context<'_>) -> Result<Vec<Target>, Error> {
        let Reading { documents, problems } =
            self.input.read_parts(&self.namespace, &mut io::stdin().lock())?;
        let mut targets: Vec<Target> = documents.iter().map(Target::of).collect();
        if problems.is_empty() {
            return Ok(targets);
        }
        // calicoctl deletes by name, whatever else stands there.
        let Some(refused) = compat::refused(&problems).filter(|_| compat::on()) else {
            return Err(refuse(&problems, None, "nothing was deleted", cx.err)?);
        };
        for one in refused.iter().rev() {
            targets.insert(one.before, self.refused(one)?);
        }
        Ok(targets)
    }

    fn refused(&self, one: &Refused) -> Result<Target, Error> {
        let namespace = self.namespace.of(one.kind, one.namespace.as_deref())?;
        Ok(Target {
            kind: one.kind,
            id: kinds::id(namespace.as_deref(), &one.name),
            version: None,
        })
    }

    fn named(&self, kind: Kind) -> Result<Vec<Target>, Error> {
        if self.name.is_empty() || self.name.iter().any(String::is_empty) {
            return Err(Error::new("resource name may not be empty"));
        }
        let namespace = self.namespace.of(kind, None)?;
        let target = |name: &String| Target {
            kind,
            id: kinds::id(namespace.as_deref(), name),
            version: None,
        };
        Ok(self.name.iter().map(target).collect())
    }

    async fn all(
        &self,
        targets: &[Target],
        store: &dyn Datastore,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Outcome, Error> {
        let (mut deleted, mut failures, mut hints) = (0, Vec::new(), Vec::new());
        for Target { kind, id, version } in targets {
            match apply::delete(store, *kind, id, version.as_deref()).await {
                Ok(()) => deleted += 1,
                Err(apply::Error::Datastore(datastore::Error::NotFound { .. })) if self.skip_not_exists => {
                    if !compat::on() {
                        writeln!(err, "{kind} {id}: does not exist")?;
                    }
                    deleted += 1;
                }
                Err(error) => {
                    let unreachable = matches!(
                        error,
                        apply::Error::Datastore(datastore::Error::Unreachable { .. })
                    );
                    failures.push(format!("Failed to delete '{kind}' resource: {error}"));
                    if let apply::Error::Datastore(error) = error {
                        hints.extend(Error::from(error).hints);
                    }
                    if unreachable {
                        break;
                    }
                }
            }
        }
        if deleted > 0 {
            let of_kind = kinds::in_words(targets.iter().map(|target| target.kind));
            writeln!(out, "Successfully deleted {deleted} {of_kind}resource(s)")?;
        }
        if failures.is_empty() {
            return Ok(Outcome::Good);
        }
        hints.dedup();
        Err(hints
            .into_iter()
            .fold(Error::new(failures.join("\n")), Error::hint))
    }
}
