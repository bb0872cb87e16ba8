//! `netdiag validate`.

use std::io;

use clap::Args;

use super::input::{Input, Namespace};
use super::write::refuse;
use super::{Context, Error, Outcome, compat, kinds};
use crate::calico::manifest::{Document, Problem, Reading};

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
        let Reading { documents, problems } =
            self.input.read_parts(&self.namespace, &mut io::stdin().lock())?;
        if !problems.is_empty() {
            return Err(wrong(&documents, &problems, cx)?);
        }
        if documents.is_empty() {
            writeln!(cx.out, "No resources specified")?;
            return Ok(Outcome::Good);
        }
        let of_kind = kinds::in_words(documents.iter().map(|document| document.resource.kind));
        writeln!(
            cx.out,
            "Successfully validated {} {of_kind}resource(s)",
            documents.len()
        )?;
        Ok(Outcome::Good)
    }
}

/// Tells what is wrong; called by calicoctl's name also how many are right.
fn wrong(documents: &[Document], problems: &[Problem], cx: &mut Context<'_>) -> io::Result<Error> {
    let refused = compat::refused(problems).filter(|_| compat::on() && !documents.is_empty());
    let Some(refused) = refused else {
        return refuse(problems, Some("validate"), "the rest is valid", cx.err);
    };
    let valid = documents.iter().map(|document| document.resource.kind);
    let of_kind = kinds::in_words(valid.chain(refused.iter().map(|one| one.kind)));
    let (count, total) = (documents.len(), documents.len() + refused.len());
    if compat::is_partial(count, refused.len()) {
        writeln!(
            cx.out,
            "Partial success: validated the first {count} out of {total} {of_kind}resources:"
        )?;
    }
    let reasons = compat::reasons(&refused);
    Ok(Error::new(format!("hit error(s): [{reasons}]")))
}
