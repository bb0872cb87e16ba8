//! IGMP (RFC 2236, RFC 9776).

use super::{Next, Read, Step, need};
use crate::packet::bytes::{array, u8_at};

/// Bytes that every message has.
pub const LEN: usize = 8;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Igmp<'a>(pub &'a [u8]);

impl Igmp<'_> {
    pub fn kind(&self) -> u8 {
        u8_at(self.0, 0)
    }

    /// What the message is.
    pub fn name(&self) -> &'static str {
        match self.kind() {
            0x11 => "query",
            0x12 => "v1 report",
            0x16 => "v2 report",
            0x17 => "leave",
            0x22 => "v3 report",
            _ => "message",
        }
    }

    /// The group; not of a report of version 3.
    pub fn group(&self) -> [u8; 4] {
        array(self.0, 4)
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, LEN)?;
    Ok(Step::new(LEN, Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_its_group() {
        let bytes = [0x16, 0, 0, 0, 224, 0, 0, 251];
        assert_eq!(step(&bytes).unwrap().len, 8);
        assert_eq!(
            (Igmp(&bytes).name(), Igmp(&bytes).group()),
            ("v2 report", [224, 0, 0, 251])
        );
    }
}
