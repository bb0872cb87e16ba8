//! `netdiag snapshot`: the whole picture of this node in a file.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::source::{Depth, Source};
use super::{Context, Error, Outcome, files};
use crate::output::document;

/// Save what this node and its datastore show, to look at it elsewhere
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a snapshot of this node and of the objects in the datastore; it holds no secrets
    Save(Save),
}

#[derive(Debug, ClapArgs)]
struct Save {
    #[command(flatten)]
    source: Source,
    /// Where to write; `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let Command::Save(save) = &self.command;
        let snapshot = save.source.read(cx, Depth::Whole)?;
        let text = document::json(&snapshot);
        if files::is_stdout(&save.output) {
            cx.out.write_all(text.as_bytes())?;
        } else {
            files::write_whole(&save.output, &text)?;
            writeln!(cx.err, "{} written", save.output.display())?;
        }
        Ok(Outcome::Good)
    }
}
