//! `-o` of the commands whose answer is text for people, or a document for programs.

use serde::Serialize;

use super::{Context, Error};
use crate::output::document;

/// How an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
    Yaml,
}

impl Format {
    /// Writes the document that programs read; false when people are to read, and nothing was written.
    pub(super) fn write<T: Serialize>(self, cx: &mut Context, answer: &T) -> Result<bool, Error> {
        let text = match self {
            Self::Table => return Ok(false),
            Self::Json => document::json(answer),
            Self::Yaml => document::yaml(answer),
        };
        cx.out.write_all(text.as_bytes())?;
        Ok(true)
    }
}
