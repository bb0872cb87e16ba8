//! The state as JSON. All of its code is there once for each kind of writer and reader: this is the one that writes.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::Value;

use super::{NodeState, Snapshot};

/// Bytes that are written at once.
const BUFFER: usize = 128 << 10;

/// Writes a snapshot in one line, fields in their order.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    compact(snapshot, out)
}

/// A node as values, fields in the order of their names.
pub fn value(node: &NodeState) -> Value {
    let mut text = Vec::new();
    let written = compact(node, &mut text);
    // Structures of texts and numbers are always written, and read back.
    written
        .ok()
        .and_then(|()| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

fn compact(state: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    serde_json::to_writer(&mut out, state)?;
    out.flush()
}
