//! Documents of YAML or JSON, one after the other: what kubectl prints, and what people write.

use serde_json::Value;

use super::ParseError;

/// Levels of maps and lists in each other.
const MAX_DEPTH: usize = 64;
/// Values of one text; a list of 10,000 pods has a tenth of it.
const MAX_VALUES: usize = 20_000_000;
/// Bytes of all texts and numbers of one text.
const MAX_BYTES: usize = 1 << 30;

/// The documents of a text, empty ones left out.
///
/// # Errors
/// The line that is neither, or that has more than is read.
pub fn documents(text: &str) -> Result<Vec<Value>, ParseError> {
    let documents = if text.trim_start().starts_with('{') {
        // YAML may begin so, too.
        json(text).or_else(|error| yaml(text).map_err(|_| error))?
    } else {
        yaml(text)?
    };
    Ok(documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect())
}

fn json(text: &str) -> Result<Vec<Value>, ParseError> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .map(|document| document.map_err(|error| ParseError::new(error.line(), error.to_string())))
        .collect()
}

fn yaml(text: &str) -> Result<Vec<Value>, ParseError> {
    // Without a snippet: it might show a secret.
    let options = serde_saphyr::options! {
        with_snippet: false,
        // YAML 1.2, as kubectl reads `y`: a text.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_VALUES,
            max_events: 2 * MAX_VALUES,
            max_total_scalar_bytes: MAX_BYTES,
            max_documents: MAX_VALUES,
        },
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        let text = error.without_snippet().to_string();
        let why = text.lines().next().unwrap_or_default();
        ParseError::new(usize::try_from(line).unwrap_or(1), why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_both_kinds_are_read_and_empty_ones_are_not() {
        let yaml = "# a comment\n---\nkind: Pod\n---\n---\nkind: List\nitems: []\n";
        assert_eq!(documents(yaml).unwrap().len(), 2);
        let json = " {\"kind\": \"Pod\"}\n{\"kind\": \"Node\"}\n";
        assert_eq!(documents(json).unwrap()[1]["kind"], "Node");
        assert_eq!(documents("").unwrap(), Vec::<Value>::new());
    }

    #[test]
    fn what_is_neither_is_told_with_its_line() {
        assert_eq!(documents("kind: Pod\nmetadata: [\n").unwrap_err().line, 2);
        assert_eq!(documents("{\n\"kind\": ]").unwrap_err().line, 2);
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        assert!(documents(&deep).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = documents(&text);
        }
    }
}
