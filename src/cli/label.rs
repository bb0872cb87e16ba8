//! `netdiag label`.

use clap::Args;

use super::harm::{self, Consent};
use super::input::Namespace;
use super::{Context, Error, Outcome, compat, kinds};
use crate::apply::{self, Label as Change, Mode};
use crate::datastore;

/// Set, update or remove a label of one resource
#[derive(Debug, Args)]
pub(super) struct Label {
    /// Kind of resource, such as node, bgppeer or networkpolicy
    kind: String,
    /// Name
    name: String,
    /// KEY=VALUE, or with --remove KEY
    #[arg(value_name = "LABEL")]
    label: String,
    /// Give a label that is there a new value
    #[arg(long, conflicts_with = "remove")]
    overwrite: bool,
    /// Remove the label
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    consent: Consent,
}

impl Label {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let Self {
            kind: typed, name, ..
        } = self;
        let kind = kinds::one(typed)?;
        if name.is_empty() {
            return Err(Error::new("resource name may not be empty"));
        }
        let namespace = self.namespace.of(kind, None)?;
        let (key, change) = match (self.label.split_once('='), self.remove) {
            (None, true) => (self.label.as_str(), Change::Remove),
            (Some((key, value)), false) => {
                let overwrite = self.overwrite;
                (key, Change::Set { value, overwrite })
            }
            _ => return Err(Error::new(format!("invalid label {}", self.label))),
        };
        let store = super::datastore::open(cx)?;
        compat::warn_of_release(cx, &*store)?;
        let id = kinds::id(namespace.as_deref(), name);
        let run = |cx: &Context<'_>, mode: Mode| {
            let changed = apply::change_label(&*store, (kind, &id, typed), key, change, mode);
            cx.runtime.block_on(changed).map_err(|error| match error {
                apply::Error::Datastore(datastore::Error::NotFound { .. }) => {
                    Error::new(format!("{typed} {name} not found"))
                }
                apply::Error::Datastore(error) => error.into(),
                error => Error::new(error.to_string()),
            })
        };
        harm::of_one(cx, &*store, (kind, &id), self.consent, |cx| {
            Ok(run(cx, Mode::DryRun)?.0)
        })?;
        let (_, had) = run(cx, Mode::Write)?;
        let done = match (change, had) {
            (Change::Remove, _) => "removed label",
            (Change::Set { .. }, true) => "updated label",
            (Change::Set { .. }, false) => "set label",
        };
        let link = if change == Change::Remove { "from" } else { "on" };
        writeln!(cx.out, "Successfully {done} {key} {link} {typed} {name}")?;
        Ok(Outcome::Good)
    }
}
