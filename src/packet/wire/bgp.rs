//! BGP-4 messages (RFC 4271, 4). The body of an UPDATE is in `bgp_update`.

use super::{Next, Read, Step};
use crate::packet::bytes::{array, be16, be32, u8_at};

mod field {
    pub(super) const LENGTH: usize = 16;
    pub(super) const TYPE: usize = 18;
    pub(super) const BODY: usize = 19;
}

/// Its port.
pub const PORT: u16 = 179;
/// Bytes of a message's header, which starts with 16 bytes of ones.
pub const LEN: usize = 19;
/// The longest message (RFC 8654).
const LONGEST: usize = 65535;

/// A message, whole or as far as the segment has it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a>(pub &'a [u8]);

impl<'a> Message<'a> {
    /// 1 OPEN, 2 UPDATE, 3 NOTIFICATION, 4 KEEPALIVE, 5 ROUTE-REFRESH.
    pub fn kind(&self) -> u8 {
        u8_at(self.0, field::TYPE)
    }

    pub fn name(&self) -> &'static str {
        match self.kind() {
            1 => "OPEN",
            2 => "UPDATE",
            3 => "NOTIFICATION",
            4 => "KEEPALIVE",
            5 => "ROUTE-REFRESH",
            _ => "message",
        }
    }

    /// Bytes of the message, header included.
    pub fn length(&self) -> usize {
        usize::from(be16(self.0, field::LENGTH))
    }

    pub fn body(&self) -> &'a [u8] {
        self.0.get(field::BODY..).unwrap_or(&[])
    }

    /// Of an OPEN.
    pub fn open(&self) -> Option<Open<'a>> {
        (self.kind() == 1 && self.body().len() >= 10).then(|| Open(self.body()))
    }

    /// Of a NOTIFICATION: code and subcode.
    pub fn error(&self) -> Option<(u8, u8)> {
        match (self.kind(), self.body()) {
            (3, [code, subcode, ..]) => Some((*code, *subcode)),
            _ => None,
        }
    }

    /// Of a NOTIFICATION "cease": what the administrator said (RFC 9003).
    pub fn communication(&self) -> Option<&'a [u8]> {
        let (6, 2 | 4) = self.error()? else { return None };
        let length = usize::from(u8_at(self.body(), 2));
        self.body().get(3..3 + length).filter(|text| !text.is_empty())
    }
}

/// The body of an OPEN (RFC 4271, 4.2).
#[derive(Debug, Clone, Copy)]
pub struct Open<'a>(&'a [u8]);

impl Open<'_> {
    /// The AS number: that of the capability of 4 bytes (RFC 6793) if there is one.
    pub fn as_number(&self) -> u32 {
        self.four_byte_as().unwrap_or_else(|| u32::from(be16(self.0, 1)))
    }

    /// In seconds.
    pub fn hold_time(&self) -> u16 {
        be16(self.0, 3)
    }

    pub fn id(&self) -> [u8; 4] {
        array(self.0, 5)
    }

    fn four_byte_as(&self) -> Option<u32> {
        let mut parameters = self.0.get(10..)?;
        while let [kind, length, rest @ ..] = parameters {
            let mut capabilities = rest.get(..usize::from(*length))?;
            parameters = rest.get(usize::from(*length)..)?;
            if *kind != 2 {
                continue;
            }
            while let [code, length, rest @ ..] = capabilities {
                let value = rest.get(..usize::from(*length))?;
                if *code == 65 && value.len() == 4 {
                    return Some(be32(value, 0));
                }
                capabilities = rest.get(usize::from(*length)..)?;
            }
        }
        None
    }
}

/// The messages of a segment, up to the first that doesn't start with a header.
#[derive(Debug, Clone)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if !is_start(self.0) {
            return None;
        }
        let length = Message(self.0).length();
        let (message, rest) = self.0.split_at(length.clamp(LEN, LONGEST).min(self.0.len()));
        self.0 = rest;
        Some(Message(message))
    }
}

/// Whether bytes start with the header of a message.
fn is_start(bytes: &[u8]) -> bool {
    bytes.len() >= LEN
        && array::<16>(bytes, 0) == [0xff; 16]
        && Message(bytes).length() >= LEN
        && (1..=5).contains(&Message(bytes).kind())
}

/// What an error's code and subcode mean (RFC 4271, 4.5; RFC 4486; RFC 5492).
pub const fn error_text(code: u8, subcode: u8) -> &'static str {
    match (code, subcode) {
        (1, 1) => "connection not synchronized",
        (1, 2) => "bad message length",
        (1, 3) => "bad message type",
        (1, _) => "message header error",
        (2, 1) => "unsupported version number",
        (2, 2) => "bad peer AS",
        (2, 3) => "bad BGP identifier",
        (2, 4) => "unsupported optional parameter",
        (2, 6) => "unacceptable hold time",
        (2, 7) => "unsupported capability",
        (2, 11) => "role mismatch",
        (2, _) => "open message error",
        (3, 1) => "malformed attribute list",
        (3, 2) => "unrecognized well-known attribute",
        (3, 3) => "missing well-known attribute",
        (3, 4) => "attribute flags error",
        (3, 5) => "attribute length error",
        (3, 6) => "invalid ORIGIN",
        (3, 8) => "invalid NEXT_HOP",
        (3, 9) => "optional attribute error",
        (3, 10) => "invalid network field",
        (3, 11) => "malformed AS_PATH",
        (3, _) => "update message error",
        (4, _) => "hold timer expired",
        (5, _) => "finite state machine error",
        (6, 1) => "maximum number of prefixes reached",
        (6, 2) => "administrative shutdown",
        (6, 3) => "peer de-configured",
        (6, 4) => "administrative reset",
        (6, 5) => "connection rejected",
        (6, 6) => "other configuration change",
        (6, 7) => "connection collision resolution",
        (6, 8) => "out of resources",
        (6, 9) => "hard reset",
        (6, 10) => "BFD down",
        (6, _) => "cease",
        (7, _) => "ROUTE-REFRESH message error",
        _ => "unknown error",
    }
}

/// Bytes that don't start a message are the rest of one: no layer, and no error.
pub(crate) fn step(bytes: &[u8]) -> Option<Read> {
    is_start(bytes).then(|| Ok(Step::new(bytes.len(), Next::Data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; 16];
        let length = u16::try_from(LEN + body.len()).unwrap();
        bytes.extend(length.to_be_bytes());
        bytes.push(kind);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn an_open_with_an_as_of_four_bytes() {
        let bytes = message(
            1,
            &[
                4, 0x5b, 0xa0, 0, 90, 10, 0, 0, 1, 8, 2, 6, 65, 4, 0xfd, 0xe9, 0, 1,
            ],
        );
        let open = Message(&bytes).open().unwrap();
        assert_eq!(
            (open.as_number(), open.hold_time(), open.id()),
            (0xfde9_0001, 90, [10, 0, 0, 1])
        );
    }

    #[test]
    fn several_messages_in_a_segment() {
        let mut bytes = message(4, &[]);
        bytes.extend(message(3, &[2, 2]));
        let messages: Vec<_> = Messages(&bytes).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[1].error(), Some((2, 2)));
        assert_eq!(error_text(2, 2), "bad peer AS");
        assert!(step(&bytes[1..]).is_none());
    }

    #[test]
    fn what_the_administrator_said() {
        let bytes = message(3, &[6, 2, 3, b'b', b'y', b'e']);
        assert_eq!(Message(&bytes).communication(), Some(&b"bye"[..]));
    }
}
