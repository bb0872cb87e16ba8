//! `-o` of `get`.

use std::path::Path;

use crate::cli::Error;
use crate::output::jsonpath::JsonPath;
use crate::output::template::Template;

/// How resources are shown.
#[derive(Debug)]
pub(super) enum Format {
    Table { wide: bool },
    Yaml,
    Json,
    Name,
    Columns(Vec<String>),
    Template(Template),
    JsonPath(JsonPath),
}

impl Format {
    /// Reads a format; calicoctl's words for what is none.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let fail = |why: String| Err(Error::new(why));
        match (name, rest) {
            ("ps" | "table", None) => Ok(Self::Table { wide: false }),
            ("wide", None) => Ok(Self::Table { wide: true }),
            ("yaml" | "yml", None) => Ok(Self::Yaml),
            ("json", None) => Ok(Self::Json),
            ("name", None) => Ok(Self::Name),
            ("custom-columns", rest) => {
                let headings: Vec<String> = rest
                    .unwrap_or_default()
                    .split(',')
                    .filter(|heading| !heading.is_empty())
                    .map(str::to_owned)
                    .collect();
                if headings.is_empty() {
                    return fail("need to specify at least one column".into());
                }
                Ok(Self::Columns(headings))
            }
            ("go-template", Some(template)) if !template.is_empty() => template_of(template),
            ("go-template-file", Some(file)) if !file.is_empty() => {
                let text = std::fs::read_to_string(Path::new(file));
                template_of(&text.map_err(|error| Error::new(format!("can't read {file}: {error}")))?)
            }
            ("go-template-file", _) => fail("need to specify a template file".into()),
            ("jsonpath", Some(path)) if !path.is_empty() => {
                let path = path
                    .parse()
                    .map_err(|error| Error::new(format!("jsonpath: {error}")))?;
                Ok(Self::JsonPath(path))
            }
            ("go-template" | "jsonpath", _) => fail("need to specify a template".into()),
            _ => fail(format!("unrecognized output format '{text}'")),
        }
    }
}

fn template_of(text: &str) -> Result<Format, Error> {
    let template = text
        .parse()
        .map_err(|error| Error::new(format!("template: {error}")))?;
    Ok(Format::Template(template))
}
