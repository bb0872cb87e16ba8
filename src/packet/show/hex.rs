//! The bytes of a packet, each layer on lines of its own.

use super::Shown;
use super::text::Text;

/// Bytes a line.
const ROW: usize = 16;
/// Columns of the layer's name.
const NAME: usize = 14;

/// Writes all captured bytes, the name of each layer in front of its own.
pub fn write(shown: &Shown, out: &mut Text) {
    let frame = shown.packet.data;
    let mut at = 0;
    for layer in shown.stack.layers() {
        // What is skipped between two layers belongs to neither.
        let start = (layer.offset as usize).min(frame.len());
        rows("", frame, at, start, out);
        rows(layer.kind.name(), frame, start, layer.end(), out);
        at = layer.end().max(at);
    }
    let last = shown.stack.travelling().last();
    let end = last.map_or(frame.len(), |layer| {
        (layer.offset as usize)
            .saturating_add(layer.total as usize)
            .clamp(at.min(frame.len()), frame.len())
    });
    rows("payload", frame, at, end, out);
    rows("trailer", frame, end, frame.len(), out);
}

fn rows(name: &str, frame: &[u8], start: usize, end: usize, out: &mut Text) {
    let Some(bytes) = frame.get(start..end) else {
        return;
    };
    for (nth, row) in bytes.chunks(ROW).enumerate() {
        let name = if nth == 0 { name } else { "" };
        out.str("  ");
        out.str(name);
        out.pad(NAME.saturating_sub(name.len()).max(1));
        let offset = u16::try_from(start.saturating_add(nth * ROW)).unwrap_or(u16::MAX);
        for byte in offset.to_be_bytes() {
            out.hex_byte(byte);
        }
        out.byte(b' ');
        for (at, byte) in row.iter().enumerate() {
            if at % 2 == 0 {
                out.byte(b' ');
            }
            out.hex_byte(*byte);
        }
        let missing = ROW - row.len();
        out.pad(2 + missing * 2 + missing / 2);
        for byte in row {
            out.byte(if matches!(byte, b' '..=b'~') { *byte } else { b'.' });
        }
        out.byte(b'\n');
    }
}
