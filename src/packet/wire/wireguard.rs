//! WireGuard, as far as it can be seen: what a message is, for whom, and which one.

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be32, le32, le64, u8_at};

/// Bytes of a data message's header.
const DATA_LEN: usize = 16;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct WireGuard<'a>(pub &'a [u8]);

impl WireGuard<'_> {
    pub fn kind(&self) -> u8 {
        u8_at(self.0, 0)
    }

    /// What the message is.
    pub fn name(&self) -> &'static str {
        match self.kind() {
            1 => "initiation",
            2 => "response",
            3 => "cookie",
            _ => "data",
        }
    }

    /// Index of who sent it; of the first two.
    pub fn sender(&self) -> Option<u32> {
        matches!(self.kind(), 1 | 2).then(|| le32(self.0, 4))
    }

    /// Index of whom it is for; not of an initiation.
    pub fn receiver(&self) -> Option<u32> {
        match self.kind() {
            1 => None,
            2 => Some(le32(self.0, 8)),
            _ => Some(le32(self.0, 4)),
        }
    }

    /// Of data.
    pub fn counter(&self) -> Option<u64> {
        (self.kind() == 4).then(|| le64(self.0, 8))
    }
}

/// Whether a UDP payload is a message: each kind has its own length. `length` is that on the wire.
pub(crate) fn has_shape(bytes: &[u8], length: usize) -> bool {
    if be32(bytes, 0) & 0x00ff_ffff != 0 || bytes.len() < 4 {
        return false;
    }
    match u8_at(bytes, 0) {
        1 => length == 148,
        2 => length == 92,
        3 => length == 64,
        4 => length >= 32 && length.is_multiple_of(16),
        _ => false,
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, DATA_LEN)?;
    Ok(Step::new(DATA_LEN, Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_by_their_length() {
        let mut data = [0; 32];
        data[0] = 4;
        data[4] = 9;
        data[8] = 3;
        assert!(has_shape(&data, 32));
        assert!(!has_shape(&data, 33));
        assert_eq!(
            (WireGuard(&data).receiver(), WireGuard(&data).counter()),
            (Some(9), Some(3))
        );
        assert!(!has_shape(&[], 32));
    }
}
