//! Snapshots as bytes: one file for a node or for a whole cluster. Reads and writes streams, opens none.
//!
//! What is written depends on the snapshot alone: fields in the order of `state`, one level, one thread, no clock.

mod contents;
mod merge;
mod meter;
mod pretty;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{self, BufReader, Read, Write};

use crate::parse;
use crate::state::{Snapshot, json};
use meter::Meter;
use pretty::Pretty;

pub use contents::{Contents, NodeContents, StoreContents, contents};
pub use merge::{Merge, Merged, Twice};

/// How a snapshot stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON in one zstd frame with a checksum.
    Zstd,
    /// Indented JSON.
    Json,
}

/// Bytes that one file may have unpacked: a cluster of some thousand busy nodes fits.
const MAX_UNPACKED: u64 = 4 << 30;

/// Text of a snapshot that is held whole while it is read, bytes: that is faster than a stream.
const IN_MEMORY: u64 = 2 << 30;

/// Levels above make files little smaller and take many times as long.
const LEVEL: i32 = 6;
const BUFFER: usize = 128 << 10;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Writes a snapshot.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, form: Form, mut out: impl Write) -> io::Result<()> {
    let out: &mut dyn Write = &mut out;
    match form {
        Form::Json => {
            let mut text = Pretty::new(&mut *out);
            json::write(snapshot, &mut text)?;
            text.flush()?;
            drop(text);
            out.write_all(b"\n")?;
            out.flush()
        }
        Form::Zstd => {
            let mut encoder = zstd::Encoder::new(out, LEVEL)?;
            encoder.include_checksum(true)?;
            json::write(snapshot, &mut encoder)?;
            encoder.write_all(b"\n")?;
            encoder.finish()?.flush()
        }
    }
}

/// Reads a snapshot; its first bytes tell its form.
///
/// # Errors
/// Says what is wrong, and at which byte of the file or which line of the text.
pub fn read(mut file: impl Read) -> Result<Snapshot, String> {
    read_within(&mut file, MAX_UNPACKED)
}

fn read_within(file: &mut dyn Read, limit: u64) -> Result<Snapshot, String> {
    let (packed, unpacked) = (Cell::new(0), Cell::new(0));
    let mut file = BufReader::with_capacity(BUFFER, Meter::new(file, &packed, u64::MAX));
    let start = peek(&mut file).map_err(|error| error.to_string())?;
    let zstd = start.starts_with(&ZSTD_MAGIC);
    if start.starts_with(&GZIP_MAGIC) {
        return Err("compressed by gzip; unpack it first (gunzip)".to_owned());
    }
    let text_begins = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'{';
    if !zstd && start.first().is_some_and(|byte| !text_begins(byte)) {
        return Err("not a netdiag snapshot: neither zstd nor JSON".to_owned());
    }
    // What was looked at comes first again.
    let file = io::Cursor::new(start).chain(file);
    let parsed = if zstd {
        let text = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER, file))
            .map_err(|error| error.to_string())?;
        parse_text(&mut Meter::new(text, &unpacked, limit), IN_MEMORY)
    } else {
        parse_text(&mut Meter::new(file, &unpacked, limit), IN_MEMORY)
    };
    parsed.map_err(|error| explain(&error, zstd, packed.get(), unpacked.get(), limit))
}

/// Reads text of up to so many bytes whole, a longer one as it comes.
fn parse_text(mut text: &mut dyn Read, in_memory: u64) -> Result<Snapshot, serde_json::Error> {
    let mut start = Vec::new();
    match (&mut text).take(in_memory).read_to_end(&mut start) {
        Ok(_) if (start.len() as u64) < in_memory => parse::snapshot::snapshot_in_memory(&start),
        Ok(_) => parse::snapshot::snapshot(&mut start.chain(text)),
        // What is wrong with the text before that place matters more.
        Err(error) => parse::snapshot::snapshot(&mut start.chain(Failed(Some(error)))),
    }
}

/// A stream that ended with an error.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The first bytes, fewer only where the file ends.
fn peek(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(ZSTD_MAGIC.len());
    file.take(ZSTD_MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start)
}

fn explain(error: &serde_json::Error, zstd: bool, packed: u64, unpacked: u64, limit: u64) -> String {
    if unpacked > limit {
        return format!("unpacks to more than {limit} bytes: too large for a snapshot");
    }
    if error.is_io() {
        let place = format!("at byte {packed}, after {unpacked} bytes unpacked");
        return match error.io_error_kind() {
            Some(io::ErrorKind::UnexpectedEof) => format!("cut short {place}"),
            _ if zstd => format!("damaged {place}: {error}"),
            _ => error.to_string(),
        };
    }
    let text = error.to_string();
    if text.starts_with("snapshot format ") {
        text
    } else {
        format!("not a netdiag snapshot: {text}")
    }
}
