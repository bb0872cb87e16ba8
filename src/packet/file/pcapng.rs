//! pcapng (draft-ietf-opsawg-pcapng): sections, interfaces, packets; other blocks are passed over by their length.

use super::buffer::Buffer;
use super::interface::{Clock, Interface};
use super::record::Record;
use super::{Error, LONGEST_PACKET, LinkType, Time, Told, names};
use crate::packet::bytes::{array, small};

/// The first bytes of a section, and of a file.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Types of blocks.
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    /// Obsolete.
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE: u32 = 3;
    pub(super) const STATISTICS: u32 = 5;
    pub(super) const ENHANCED: u32 = 6;
}

/// Codes of options.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const NAME: u16 = 2;
    pub(super) const FLAGS: u16 = 2;
    pub(super) const RESOLUTION: u16 = 9;
    pub(super) const OFFSET: u16 = 14;
    /// Of statistics: packets dropped by the interface, and by the system.
    pub(super) const INTERFACE_DROPS: u16 = 5;
    pub(super) const SYSTEM_DROPS: u16 = 7;
}

/// Block type, length, and the length again at the end.
const FRAME: usize = 12;
/// Links that a file may name: each costs memory.
const MOST_INTERFACES: usize = 65536;

/// Bytes of a link's name that are kept.
const LONGEST_NAME: usize = 255;

/// Where reading is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pcapng {
    pub(super) big_endian: bool,
    /// The first interface of this section.
    section: usize,
}

/// The parts of a packet block.
struct Head {
    interface: usize,
    time: Option<u64>,
    captured: usize,
    wire_len: u32,
    /// Bytes of the block before the packet.
    before: usize,
}

impl Pcapng {
    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
        interfaces: &mut Vec<Interface>,
        told: &mut Told,
    ) -> Result<Option<Record>, Error> {
        let Told {
            warnings,
            names,
            wants_names,
        } = told;
        loop {
            let offset = buffer.offset();
            let head = buffer.peek(FRAME)?;
            if head.len() < 8 {
                if !head.is_empty() {
                    let had = head.len();
                    buffer.skip(had);
                    warnings.push(format!("at byte {offset}: it ends in the middle of a block"));
                }
                return Ok(None);
            }
            if head.starts_with(&SECTION) {
                self.begin_section(head, offset, interfaces.len())?;
            }
            let kind = self.u32(head, 0);
            let length = self.u32(head, 4) as usize;
            if length < FRAME || !length.is_multiple_of(4) {
                return Err(Error::Broken {
                    offset,
                    what: format!("a block of {length} bytes can't be: the file is damaged here"),
                });
            }
            let wanted = match kind {
                // Too many to be read at once: nobody writes such a block.
                names::BLOCK => *wants_names && length <= LONGEST_PACKET,
                block::INTERFACE | block::PACKET | block::SIMPLE | block::STATISTICS | block::ENHANCED => {
                    true
                }
                _ => false,
            };
            if !wanted {
                if kind == block::SECTION {
                    self.check_version(buffer, offset)?;
                }
                if !buffer.skip_far(length as u64)? {
                    warnings.push(format!("at byte {offset}: it ends in the middle of a block"));
                    return Ok(None);
                }
                continue;
            }
            if length > LONGEST_PACKET {
                return Err(Error::Broken {
                    offset,
                    what: format!("a packet of {length} bytes can't be: the file is damaged here"),
                });
            }
            let whole = buffer.peek(length)?;
            if whole.len() < length {
                let had = whole.len();
                buffer.skip(had);
                warnings.push(format!("at byte {offset}: it ends in the middle of a block"));
                return Ok(None);
            }
            if self.u32(whole, length - 4) as usize != length {
                return Err(Error::Broken {
                    offset,
                    what: format!("a block says {length} bytes at its start and another number at its end"),
                });
            }
            let body = whole.get(8..length - 4).unwrap_or(&[]);
            match kind {
                block::INTERFACE => {
                    if interfaces.len() >= MOST_INTERFACES {
                        let what = "more interfaces than can be".to_owned();
                        return Err(Error::Broken { offset, what });
                    }
                    interfaces.push(self.interface(body, warnings));
                }
                names::BLOCK => names::read(self.options(body), names),
                block::STATISTICS => {
                    let number = self.section.saturating_add(self.u32(body, 0) as usize);
                    if let Some(interface) = interfaces.get_mut(number) {
                        interface.dropped = self.drops(body.get(12..).unwrap_or(&[]));
                    }
                }
                _ => {
                    let head = self
                        .packet(kind, body, interfaces)
                        .map_err(|what| Error::Broken {
                            offset,
                            what: what.to_owned(),
                        })?;
                    return Ok(Some(self.take(buffer, length, &head, interfaces)));
                }
            }
            buffer.skip(length);
        }
    }

    /// The byte order of a section is that of its magic number.
    fn begin_section(&mut self, head: &[u8], offset: u64, interfaces: usize) -> Result<(), Error> {
        self.big_endian = match array(head, 8) {
            [0x1a, 0x2b, 0x3c, 0x4d] => true,
            [0x4d, 0x3c, 0x2b, 0x1a] => false,
            _ => {
                let what = "a section without its magic number".to_owned();
                return Err(Error::Broken { offset, what });
            }
        };
        self.section = interfaces;
        Ok(())
    }

    fn check_version(self, buffer: &mut Buffer, offset: u64) -> Result<(), Error> {
        let head = buffer.peek(16)?;
        let major = self.u16(head, 12);
        if head.len() == 16 && major != 1 {
            let what = format!("version {major} of pcapng is not known, only 1");
            return Err(Error::Broken { offset, what });
        }
        Ok(())
    }

    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let bytes = array(bytes, at);
        if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        }
    }

    /// The first option: code, value, and what comes after it; none at the end, and when its length lies.
    fn option(self, bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
        if bytes.len() < 4 {
            return None;
        }
        let (code, length) = (self.u16(bytes, 0), usize::from(self.u16(bytes, 2)));
        let value = bytes.get(4..4 + length)?;
        let after = bytes.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
        (code != option::END).then_some((code, value, after))
    }

    /// The options of a block; the records of one with names have the same shape.
    pub(super) fn options(self, bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
        let mut rest = bytes;
        std::iter::from_fn(move || {
            let (code, value, after) = self.option(rest)?;
            rest = after;
            Some((code, value))
        })
    }

    fn interface(self, body: &[u8], warnings: &mut Vec<String>) -> Interface {
        let mut clock = Clock::MICROSECONDS;
        let mut offset = 0;
        let mut name = None;
        for (code, value) in self.options(body.get(8..).unwrap_or(&[])) {
            match code {
                option::NAME => {
                    let value = value.get(..LONGEST_NAME).unwrap_or(value);
                    name = Some(String::from_utf8_lossy(value).into_owned());
                }
                option::RESOLUTION => {
                    let resolution = value.first().copied().unwrap_or(6);
                    match Clock::new(resolution) {
                        Some(known) => clock = known,
                        None => warnings.push(format!("times in units of {resolution:#04x} can't be read")),
                    }
                }
                option::OFFSET => offset = i64::from_ne_bytes(self.u64(value, 0).to_ne_bytes()),
                _ => {}
            }
        }
        Interface {
            link: LinkType(self.u16(body, 0)),
            name,
            snap: self.u32(body, 4),
            dropped: 0,
            clock: clock.with_offset(offset),
        }
    }

    fn drops(self, options: &[u8]) -> u64 {
        self.options(options)
            .filter(|(code, value)| {
                matches!(*code, option::INTERFACE_DROPS | option::SYSTEM_DROPS) && value.len() == 8
            })
            .fold(0, |sum: u64, (_, value)| sum.saturating_add(self.u64(value, 0)))
    }

    /// Where the packet of a block is.
    fn packet(self, kind: u32, body: &[u8], interfaces: &[Interface]) -> Result<Head, &'static str> {
        let head = match kind {
            block::SIMPLE => {
                let wire_len = self.u32(body, 0);
                let snap = interfaces.get(self.section).map_or(0, |interface| interface.snap);
                let most = if snap == 0 { wire_len } else { wire_len.min(snap) };
                Head {
                    interface: self.section,
                    time: None,
                    captured: (most as usize).min(body.len().saturating_sub(4)),
                    wire_len,
                    before: 4,
                }
            }
            _ => Head {
                interface: self.section.saturating_add(if kind == block::PACKET {
                    usize::from(self.u16(body, 0))
                } else {
                    self.u32(body, 0) as usize
                }),
                time: Some(u64::from(self.u32(body, 4)) << 32 | u64::from(self.u32(body, 8))),
                captured: self.u32(body, 12) as usize,
                wire_len: self.u32(body, 16),
                before: 20,
            },
        };
        if interfaces.len() <= head.interface {
            return Err("a packet of an interface that was not described");
        }
        if body.len() < head.before || body.len() - head.before < head.captured {
            return Err("a packet is longer than the block around it");
        }
        Ok(head)
    }

    /// Takes a packet out of the buffer.
    fn take(self, buffer: &mut Buffer, length: usize, head: &Head, interfaces: &[Interface]) -> Record {
        let start = buffer.take(length) + 8;
        let body = buffer.bytes().get(start..start + length - FRAME).unwrap_or(&[]);
        let after = head.before + head.captured.next_multiple_of(4);
        let mut comment = None;
        let mut direction = 0;
        // Only blocks with a time have options.
        let mut rest = body.get(after..).filter(|_| head.time.is_some()).unwrap_or(&[]);
        while let Some((code, value, after)) = self.option(rest) {
            match code {
                option::COMMENT => {
                    let at = small(start + body.len() - rest.len() + 4);
                    comment = Some(at..at + small(value.len()));
                }
                option::FLAGS => direction = self.u32(value, 0).to_le_bytes()[0] & 3,
                _ => {}
            }
            rest = after;
        }
        let interface = interfaces.get(head.interface);
        let data = small(start + head.before);
        Record {
            time: match (head.time, interface) {
                (Some(units), Some(interface)) => interface.clock.time(units),
                _ => Time::default(),
            },
            link: interface.map_or(LinkType(u16::MAX), |interface| interface.link),
            interface: head.interface,
            wire_len: head.wire_len,
            data: data..data + small(head.captured),
            comment,
            direction,
        }
    }
}
