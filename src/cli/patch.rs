//! `netdiag patch`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::harm::{self, Consent};
use super::input::Namespace;
use super::{Context, Error, Outcome, compat, kinds};
use crate::apply::{self, Mode};
use crate::calico::patch::PatchType;

/// Change fields of one resource
#[derive(Debug, Args)]
pub(super) struct Patch {
    /// Kind of resource, such as node, bgppeer or networkpolicy
    kind: String,
    /// Name
    name: String,
    /// The patch, in JSON
    #[arg(short, long, value_name = "JSON")]
    patch: String,
    /// What the patch is: strategic and merge set the fields it names, null removes one; json is a list of operations
    #[arg(short, long, value_enum, default_value_t = Type::Strategic)]
    r#type: Type,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Strategic,
    Merge,
    Json,
}

impl Patch {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let kind = kinds::one(&self.kind)?;
        if self.name.is_empty() {
            return Err(Error::new("resource name may not be empty"));
        }
        let namespace = self.namespace.of(kind, None)?;
        let patch: Value = serde_json::from_str(&self.patch)
            .map_err(|error| Error::new(format!("hit error: the patch is not JSON: {error}")))?;
        let how = match self.r#type {
            Type::Strategic => PatchType::Strategic,
            Type::Merge => PatchType::Merge,
            Type::Json => PatchType::Json,
        };
        let store = super::datastore::open(cx)?;
        compat::warn_of_release(cx, &*store)?;
        let id = kinds::id(namespace.as_deref(), &self.name);
        let run = |cx: &Context<'_>, mode: Mode| {
            let patched = apply::patch(&*store, (kind, &id), &patch, how, mode);
            cx.runtime.block_on(patched).map_err(told)
        };
        harm::of_one(cx, &*store, (kind, &id), self.consent, |cx| run(cx, Mode::DryRun))?;
        run(cx, Mode::Write)?;
        writeln!(cx.out, "Successfully patched 1 '{kind}' resource")?;
        Ok(Outcome::Good)
    }
}

fn told(error: apply::Error) -> Error {
    let message = format!("hit error: {error}");
    let hints = match error {
        apply::Error::Datastore(error) => Error::from(error).hints,
        _ => Vec::new(),
    };
    hints.into_iter().fold(Error::new(message), Error::hint)
}
