//! DNS messages (RFC 1035, 4): header, first question, and the addresses of the answers.

use super::{Next, Read, Step, need};
use crate::packet::bytes::{be16, u8_at};

mod field {
    pub(super) const ID: usize = 0;
    pub(super) const FLAGS: usize = 2;
    pub(super) const QUESTIONS: usize = 4;
    pub(super) const ANSWERS: usize = 6;
    pub(super) const BODY: usize = 12;
}

/// Its ports: DNS, and multicast DNS (RFC 6762).
pub const PORTS: [u16; 2] = [53, 5353];
/// Labels and pointers of a name that are followed.
const MOST_LABELS: usize = 128;
/// Answers that are looked at.
const MOST_ANSWERS: usize = 8;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Dns<'a>(pub &'a [u8]);

/// A resource record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub kind: u16,
    pub data: &'a [u8],
    /// Where the data is in the message: names in it may point back.
    pub at: usize,
}

impl<'a> Dns<'a> {
    pub fn id(&self) -> u16 {
        be16(self.0, field::ID)
    }

    pub fn is_response(&self) -> bool {
        be16(self.0, field::FLAGS) & 0x8000 != 0
    }

    /// 4 bits.
    pub fn operation(&self) -> u16 {
        (be16(self.0, field::FLAGS) >> 11) & 0x0f
    }

    pub fn truncated(&self) -> bool {
        be16(self.0, field::FLAGS) & 0x0200 != 0
    }

    /// Response code, 4 bits.
    pub fn code(&self) -> u16 {
        be16(self.0, field::FLAGS) & 0x0f
    }

    pub fn questions(&self) -> u16 {
        be16(self.0, field::QUESTIONS)
    }

    pub fn answers(&self) -> u16 {
        be16(self.0, field::ANSWERS)
    }

    /// Type of the first question.
    pub fn question_type(&self) -> Option<u16> {
        if self.questions() == 0 {
            return None;
        }
        let end = self.name_end(field::BODY)?;
        self.0.get(end..end + 2).map(|bytes| be16(bytes, 0))
    }

    /// Writes a name with dots; what isn't printable is left for whoever shows it to escape.
    pub fn name(&self, mut at: usize, name: &mut Vec<u8>) {
        for _ in 0..MOST_LABELS {
            let length = usize::from(u8_at(self.0, at));
            match length {
                0 => break,
                1..=63 => {
                    let Some(label) = self.0.get(at + 1..at + 1 + length) else {
                        break;
                    };
                    name.extend_from_slice(label);
                    name.push(b'.');
                    at += 1 + length;
                }
                _ => {
                    let target = usize::from(be16(self.0, at) & 0x3fff);
                    // A pointer only leads back (RFC 1035, 4.1.4): no circles.
                    if length < 0xc0 || target >= at {
                        break;
                    }
                    at = target;
                }
            }
            if name.len() > 255 {
                break;
            }
        }
    }

    /// The name of the first question.
    pub fn question(&self, name: &mut Vec<u8>) {
        if self.questions() != 0 {
            self.name(field::BODY, name);
        }
    }

    /// The first byte after a name.
    fn name_end(&self, mut at: usize) -> Option<usize> {
        for _ in 0..MOST_LABELS {
            match usize::from(*self.0.get(at)?) {
                0 => return Some(at + 1),
                length @ 1..=63 => at += 1 + length,
                0xc0.. => return Some(at + 2),
                _ => return None,
            }
        }
        None
    }

    /// The first answers.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let message = *self;
        let mut at = Some(field::BODY);
        for _ in 0..message.questions().min(4) {
            at = at.and_then(|at| message.name_end(at)).map(|end| end + 4);
        }
        let count = usize::from(message.answers()).min(MOST_ANSWERS);
        (0..count).map_while(move |_| {
            let end = message.name_end(at?)?;
            let head = message.0.get(end..end + 10)?;
            let length = usize::from(be16(head, 8));
            let data = message.0.get(end + 10..end + 10 + length)?;
            at = Some(end + 10 + length);
            Some(Record {
                kind: be16(head, 0),
                data,
                at: end + 10,
            })
        })
    }
}

/// The name of a record's type.
pub const fn type_name(kind: u16) -> &'static str {
    match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        41 => "OPT",
        65 => "HTTPS",
        255 => "ANY",
        _ => "TYPE",
    }
}

/// The name of a response code.
pub const fn code_name(code: u16) -> &'static str {
    match code {
        0 => "NoError",
        1 => "FormErr",
        2 => "ServFail",
        3 => "NXDomain",
        4 => "NotImp",
        5 => "Refused",
        _ => "error",
    }
}

pub(crate) fn step(bytes: &[u8]) -> Read {
    need(bytes, field::BODY)?;
    Ok(Step::new(bytes.len(), Next::Data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_and_its_addresses() {
        let mut bytes = vec![0x12, 0x34, 0x81, 0x83, 0, 1, 0, 1, 0, 0, 0, 0];
        bytes.extend(b"\x03web\x03svc\x00\x00\x01\x00\x01");
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 10]);
        let dns = Dns(&bytes);
        let mut name = Vec::new();
        dns.question(&mut name);
        assert_eq!(name, b"web.svc.");
        assert_eq!(
            (dns.question_type(), dns.code(), dns.is_response()),
            (Some(1), 3, true)
        );
        let record = dns.records().next().unwrap();
        assert_eq!((record.kind, record.data), (1, &[10, 96, 0, 10][..]));
    }

    #[test]
    fn a_pointer_in_a_circle_ends() {
        let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend([0xc0, 12, 0, 1, 0, 1]);
        let mut name = Vec::new();
        Dns(&bytes).question(&mut name);
        assert!(name.is_empty());
    }
}
