//! `netdiag explain`: the page of a check.

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;

use super::{Context, Error, Outcome};
use crate::diagnose::catalogue::{self, Check, FAMILIES};
use crate::output::text;

/// Explain a check: what it finds, how that comes about, how to verify it by hand, mend and prevent it
///
/// Without ID, lists all checks.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The check's id, as findings show it
    #[arg(value_name = "ID", value_parser = PossibleValuesParser::new(catalogue::all().map(|check| check.id)), hide_possible_values = true)]
    id: Option<String>,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        match self.id.as_deref().and_then(catalogue::find) {
            Some(check) => page(cx, check)?,
            None => list(cx)?,
        }
        Ok(Outcome::Good)
    }
}

fn list(cx: &mut Context) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    for (at, (family, checks)) in FAMILIES.iter().enumerate() {
        if at > 0 {
            writeln!(cx.out)?;
        }
        writeln!(cx.out, "{}", style.strong(family))?;
        for check in *checks {
            let first = format!("  {}  ", check.id);
            writeln!(cx.out, "{}", text::wrap(check.title, width, &first, "      "))?;
        }
    }
    Ok(())
}

fn page(cx: &mut Context, check: &Check) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let head = format!("{} ({})", check.id, check.severity.name());
    writeln!(cx.out, "{}", style.strong(&head))?;
    writeln!(cx.out, "{}", text::wrap(check.title, width, "", ""))?;
    for (heading, words) in check.sections() {
        writeln!(cx.out, "\n{}", style.strong(heading))?;
        for line in words.lines() {
            writeln!(cx.out, "{}", text::wrap(line, width, "  ", "    "))?;
        }
    }
    Ok(())
}
