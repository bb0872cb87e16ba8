//! JSON of one line, indented as it passes by: the form of `serde_json::to_writer_pretty`.

use std::io::{self, BufWriter, Write};

const INDENT: &[u8] = b"  ";

/// Takes JSON without blanks between its parts.
pub(super) struct Pretty<W: Write> {
    out: BufWriter<W>,
    depth: usize,
    /// An opening bracket was the last thing: nothing is in it yet.
    opened: bool,
    /// Inside a text; the next character is not its end.
    text: bool,
    escaped: bool,
}

impl<W: Write> Pretty<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out: BufWriter::with_capacity(super::BUFFER, out),
            depth: 0,
            opened: false,
            text: false,
            escaped: false,
        }
    }

    fn line(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| self.out.write_all(INDENT))
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        if self.text {
            self.text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return self.out.write_all(&[byte]);
        }
        let was_opened = std::mem::take(&mut self.opened);
        match byte {
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if !was_opened {
                    self.line()?;
                }
            }
            _ if was_opened => self.line()?,
            _ => {}
        }
        self.out.write_all(&[byte])?;
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.line()?,
            b':' => self.out.write_all(b" ")?,
            b'"' => self.text = true,
            _ => {}
        }
        Ok(())
    }
}

impl<W: Write> Write for Pretty<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().try_for_each(|byte| self.byte(*byte))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[\\\\\"{}\\[\\],: \n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[\\\\\"{,:a-c]{0,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_serde_json_writes(value in values(), piece in 1..7_usize) {
            let mut found = Vec::new();
            let mut pretty = Pretty::new(&mut found);
            for piece in value.to_string().as_bytes().chunks(piece) {
                pretty.write_all(piece).unwrap();
            }
            pretty.flush().unwrap();
            drop(pretty);
            prop_assert_eq!(String::from_utf8(found).unwrap(), serde_json::to_string_pretty(&value).unwrap());
        }
    }
}
