//! `netdiag convert`.

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::input::{Input, Namespace};
use super::write::refuse;
use super::{Context, Error, Outcome};
use crate::calico::kinds::{self, InOrder};
use crate::calico::manifest;
use crate::output::document;

/// Print manifests of Calico v1, and Kubernetes' NetworkPolicy, as Calico v3
#[derive(Debug, Args)]
pub(super) struct Convert {
    #[command(flatten)]
    input: Input<true>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Form::Yaml)]
    output: Form,
    /// Print results that v3 would refuse, too
    #[arg(long)]
    ignore_validation: bool,
    #[command(flatten)]
    namespace: Namespace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    #[value(alias = "yml")]
    Yaml,
    Json,
}

/// Several resources, in the form that all tools read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: &'a [InOrder<'a>],
}

impl Convert {
    pub(super) fn run(&self, cx: &mut Context<'_>) -> Result<Outcome, Error> {
        let reading = |name: &str, text: &[u8]| manifest::read_to_convert(name, text, self.ignore_validation);
        let read = self
            .input
            .read_with(&reading, &self.namespace, &mut io::stdin().lock());
        let mut documents = match read?.checked() {
            Ok(documents) => documents,
            Err(problems) => return Err(refuse(&problems, None, "nothing was converted", cx.err)?),
        };
        for document in &mut documents {
            // What v1 left out is what v3 fills in.
            kinds::prepare(&mut document.resource);
            for note in &document.notes {
                let place = document.place();
                writeln!(cx.err, "{} {place}: {note}", cx.style.warn("note:"))?;
            }
        }
        let items: Vec<InOrder<'_>> = documents
            .iter()
            .map(|document| InOrder(&document.resource))
            .collect();
        let text = match items.as_slice() {
            [] => return Ok(Outcome::Good),
            [one] => self.output.show(one),
            items => self.output.show(&List {
                api_version: "v1",
                kind: "List",
                items,
            }),
        };
        cx.out.write_all(text.as_bytes())?;
        Ok(Outcome::Good)
    }
}

impl Form {
    fn show(self, value: &impl Serialize) -> String {
        match self {
            Self::Yaml => document::yaml(value),
            Self::Json => document::json(value) + "\n",
        }
    }
}
