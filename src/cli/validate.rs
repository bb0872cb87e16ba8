//! `netdiag validate`.

use std::collections::BTreeSet;
use std::io;

use clap::Args;

use super::input::{Input, Namespace};
use super::write::refuse;
use super::{Context, Error, Outcome};

/// Check manifests without a datastore: everything that is wrong, with file, line, column and field
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    input: Input<true>,
    #[command(flatten)]
    namespace: Namespace,
}

impl Validate {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let documents = match self.input.read(&self.namespace, &mut io::stdin().lock())? {
            Ok(documents) => documents,
            Err(problems) => return Err(refuse(&problems, Some("validate"), "the rest is valid", cx.err)?),
        };
        if documents.is_empty() {
            writeln!(cx.out, "No resources specified")?;
            return Ok(Outcome::Good);
        }
        let kinds: BTreeSet<_> = documents.iter().map(|document| document.resource.kind).collect();
        let of_kind = match kinds.first() {
            Some(kind) if kinds.len() == 1 => format!("'{kind}' "),
            _ => String::new(),
        };
        writeln!(
            cx.out,
            "Successfully validated {} {of_kind}resource(s)",
            documents.len()
        )?;
        Ok(Outcome::Good)
    }
}
