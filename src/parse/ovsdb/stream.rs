//! JSON values one behind the other, as JSON-RPC sends them over a stream (RFC 7047, section 4).

/// Finds where values end in bytes that come in parts.
#[derive(Debug, Clone, Default)]
pub struct Values {
    buffer: Vec<u8>,
    /// How much of the buffer has been looked at.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Values {
    /// Takes what came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes wait for their value's end.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole object, if it has come; none until then.
    ///
    /// # Errors
    /// When bytes between objects are neither blank nor the start of one, or what looked like an object is none.
    pub fn next_object(&mut self) -> Result<Option<serde_json::Value>, String> {
        while let Some(byte) = self.buffer.get(self.seen).copied() {
            self.seen += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' if self.depth == 1 => {
                    let rest = self.buffer.split_off(self.seen);
                    let text = std::mem::replace(&mut self.buffer, rest);
                    (self.seen, self.depth) = (0, 0);
                    return serde_json::from_slice(&text)
                        .map(Some)
                        .map_err(|error| format!("not JSON: {error}"));
                }
                b'"' if self.depth > 0 => self.in_string = true,
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth > 0 && byte != b']' => {}
                _ => {
                    let text = String::from_utf8_lossy(&self.buffer);
                    return Err(format!(
                        "not JSON: {:?}",
                        crate::parse::excerpt(text.trim_start())
                    ));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_told_apart_wherever_they_are_cut() {
        let text = br#"{"a":"}\"{"} {"b":[{"c":[]}]}{"d":1"#;
        for size in 1..text.len() {
            let mut values = Values::default();
            let mut found = Vec::new();
            for part in text.chunks(size) {
                values.push(part);
                while let Some(value) = values.next_object().unwrap() {
                    found.push(value);
                }
            }
            assert_eq!(found, [json!({"a": "}\"{"}), json!({"b": [{"c": []}]})], "{size}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["HTTP/1.1 400 Bad Request", "]", "{]}", "{{}}"] {
            let mut values = Values::default();
            values.push(text.as_bytes());
            assert!(values.next_object().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), like in "[\\[\\]{}\",:\\\\ a]{0,60}") {
            for bytes in [&bytes[..], like.as_bytes()] {
                let mut values = Values::default();
                values.push(bytes);
                while let Ok(Some(_)) = values.next_object() {}
            }
        }
    }
}
