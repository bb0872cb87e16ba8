//! MPLS label stacks (RFC 3032) and the control word of pseudowires (RFC 4385).

use super::{Next, Read, Step, Trouble, need};
use crate::packet::bytes::{be32, u8_at};
use crate::packet::layer::Why;

/// Bytes of a label.
pub const LABEL_LEN: usize = 4;
/// Labels that are read; a longer stack ends decoding.
pub const MOST_LABELS: usize = 16;

/// One entry of a label stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// 20 bits.
    pub label: u32,
    /// Traffic class, 3 bits (RFC 5462).
    pub class: u8,
    /// Bottom of stack.
    pub bottom: bool,
    pub ttl: u8,
}

/// A label stack.
#[derive(Debug, Clone, Copy)]
pub struct Mpls<'a>(pub &'a [u8]);

impl Mpls<'_> {
    /// Outermost first.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.0.chunks_exact(LABEL_LEN).map(|entry| {
            let [a, b, c, d] = be32(entry, 0).to_be_bytes();
            Label {
                label: u32::from_be_bytes([0, a, b, c]) >> 4,
                class: (c >> 1) & 7,
                bottom: c & 1 != 0,
                ttl: d,
            }
        })
    }
}

/// The whole stack is one layer.
pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LABEL_LEN)?;
    let mut len = 0;
    for _ in 0..MOST_LABELS {
        if bytes.len() < len + LABEL_LEN {
            return Err(Trouble::Short(len + LABEL_LEN));
        }
        let bottom = u8_at(bytes, len + 2) & 1 != 0;
        len += LABEL_LEN;
        if bottom {
            return Ok(Step::new(len, Next::Labelled));
        }
    }
    Ok(Step::new(len, Next::Stop(Why::Depth)))
}

/// What a label stack carries, by its first four bits (RFC 4928, 3). A frame in a pseudowire starts with a control word,
/// whose first 16 bits are zero, or without.
pub(crate) fn payload(bytes: &[u8]) -> Next {
    match bytes {
        [0x40..=0x4f | 0x60..=0x6f, ..] => Next::Ip,
        [0, 0, ..] => Next::ControlWord,
        [0x10..=0x1f, ..] | [] => Next::Data,
        _ => Next::Ethernet,
    }
}

/// The control word: four zero bits, flags, and a sequence number. Ethernet follows.
pub(crate) fn control_word(bytes: &[u8]) -> Read {
    need(bytes, 4)?;
    Ok(Step::new(4, Next::Ethernet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_up_to_the_bottom() {
        let bytes = [0x00, 0x06, 0x40, 0x3f, 0x00, 0x0c, 0x81, 0x3e, 0x45];
        assert_eq!(step(&bytes), Ok(Step::new(8, Next::Labelled)));
        let labels: Vec<Label> = Mpls(&bytes[..8]).labels().collect();
        assert_eq!(labels.iter().map(|l| l.label).collect::<Vec<_>>(), [100, 200]);
        assert_eq!((labels[1].bottom, labels[1].ttl), (true, 62));
        assert_eq!(payload(&bytes[8..]), Next::Ip);
    }

    #[test]
    fn an_endless_stack_ends() {
        assert_eq!(
            step(&[0; 4000]),
            Ok(Step::new(LABEL_LEN * MOST_LABELS, Next::Stop(Why::Depth)))
        );
    }
}
