//! Writing capture files: classic pcap of one link type, or pcapng with a link type a packet.

use std::io::{self, Write};
use std::net::IpAddr;

use super::Time;
use crate::packet::bytes::small;
use crate::packet::link_type::LinkType;

/// Bytes after which the buffer is written.
const ENOUGH: usize = 256 << 10;
/// Bytes of a packet at most, as the headers say.
const SNAP: u32 = 262_144;

/// The format of a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nanoseconds; all packets of one link type.
    Pcap,
    Pcapng,
}

/// A file that is being written.
pub struct Writer<W: Write> {
    target: W,
    form: Form,
    buffer: Vec<u8>,
    /// The links so far: interfaces of pcapng.
    links: Vec<Known>,
    flushed: u64,
}

/// A link that a file has packets of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    link: LinkType,
    name: Option<String>,
}

impl Known {
    fn is(&self, link: LinkType, name: Option<&str>) -> bool {
        self.link == link && self.name.as_deref() == name
    }
}

impl<W: Write> Writer<W> {
    pub fn new(target: W, form: Form) -> Self {
        let mut buffer = Vec::with_capacity(ENOUGH + (64 << 10));
        if form == Form::Pcapng {
            block(&mut buffer, 0x0a0d_0d0a, |buffer| {
                buffer.extend(0x1a2b_3c4d_u32.to_le_bytes());
                buffer.extend([1, 0, 0, 0]);
                buffer.extend([0xff; 8]);
            });
        }
        Self {
            target,
            form,
            buffer,
            links: Vec::new(),
            flushed: 0,
        }
    }

    /// Adds a packet, with its link's name if that is to be kept (in pcapng). A classic file takes only packets of the
    /// first one's link type: false for another.
    pub fn packet(
        &mut self,
        time: Time,
        link: LinkType,
        name: Option<&str>,
        data: &[&[u8]],
        wire_len: u32,
    ) -> io::Result<bool> {
        if !record(
            &mut self.buffer,
            self.form,
            &self.links,
            time,
            (link, name),
            data,
            wire_len,
        ) {
            if self.form == Form::Pcap && !self.links.is_empty() {
                return Ok(false);
            }
            let name = name.filter(|_| self.form == Form::Pcapng);
            self.describe(link, name);
            let name = name.map(str::to_owned);
            self.links.push(Known { link, name });
            let name = self.links.last().and_then(|known| known.name.as_deref());
            record(
                &mut self.buffer,
                self.form,
                &self.links,
                time,
                (link, name),
                data,
                wire_len,
            );
        }
        if self.buffer.len() > ENOUGH {
            self.flush_buffer()?;
        }
        Ok(true)
    }

    /// The links that packets were written of: what [`record`] needs.
    pub fn links(&self) -> &[Known] {
        &self.links
    }

    /// Adds packets that [`record`] made with the links of this writer.
    pub fn records(&mut self, records: &[u8]) -> io::Result<()> {
        self.flush_buffer()?;
        self.target.write_all(records)?;
        self.flushed += records.len() as u64;
        Ok(())
    }

    /// Bytes of the file so far.
    pub const fn written(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Says how many packets of a link were lost (ISB of pcapng); nothing in other files, and of links without packets.
    pub fn lost(&mut self, link: LinkType, name: Option<&str>, packets: u64) {
        let known = self.links.iter().position(|known| known.is(link, name));
        let (Form::Pcapng, Some(known)) = (self.form, known) else {
            return;
        };
        block(&mut self.buffer, 5, |buffer| {
            buffer.extend(small(known).to_le_bytes());
            // No time of the statistics' own; isb_ifdrop; end of options.
            buffer.extend([0; 8]);
            buffer.extend([5, 0, 8, 0]);
            buffer.extend(packets.to_le_bytes());
            buffer.extend([0; 4]);
        });
    }

    /// Adds names of addresses (NRB of pcapng); nothing in other files.
    pub fn names<'n>(&mut self, names: impl Iterator<Item = (IpAddr, &'n str)>) {
        if self.form == Form::Pcapng {
            super::names::write(&mut self.buffer, names);
        }
    }

    fn describe(&mut self, link: LinkType, name: Option<&str>) {
        match self.form {
            Form::Pcap => {
                self.buffer.extend(0xa1b2_3c4d_u32.to_le_bytes());
                self.buffer.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.buffer.extend(SNAP.to_le_bytes());
                self.buffer.extend(u32::from(link.0).to_le_bytes());
            }
            Form::Pcapng => block(&mut self.buffer, 1, |buffer| {
                buffer.extend(link.0.to_le_bytes());
                buffer.extend([0, 0]);
                buffer.extend(SNAP.to_le_bytes());
                if let Some(name) = name {
                    // if_name
                    let length = u16::try_from(name.len()).unwrap_or(0);
                    buffer.extend(2u16.to_le_bytes());
                    buffer.extend(length.to_le_bytes());
                    buffer.extend(name.bytes().take(usize::from(length)));
                    let padded = usize::from(length).next_multiple_of(4) - usize::from(length);
                    buffer.extend(std::iter::repeat_n(0, padded));
                }
                // if_tsresol: nanoseconds; end of options.
                buffer.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
            }),
        }
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        self.target.write_all(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is there, for whoever reads the file while it grows.
    pub fn flush(&mut self) -> io::Result<()> {
        self.flush_buffer()?;
        self.target.flush()
    }

    /// Writes what is left. A classic file without packets is one of Ethernet.
    pub fn finish(mut self) -> io::Result<()> {
        if self.links.is_empty() && self.form == Form::Pcap {
            self.describe(LinkType::ETHERNET, None);
        }
        self.flush_buffer()?;
        self.target.flush()
    }
}

/// Adds a packet of a link (with its name, which a classic file doesn't keep) to bytes of a file; false if the link is not
/// among those that the file has.
pub fn record(
    buffer: &mut Vec<u8>,
    form: Form,
    links: &[Known],
    time: Time,
    (link, name): (LinkType, Option<&str>),
    data: &[&[u8]],
    wire_len: u32,
) -> bool {
    let name = name.filter(|_| form == Form::Pcapng);
    let Some(known) = links.iter().position(|known| known.is(link, name)) else {
        return false;
    };
    let captured = small(data.iter().map(|part| part.len()).sum());
    match form {
        Form::Pcap => {
            let seconds = u32::try_from(time.seconds.clamp(0, i64::from(u32::MAX))).unwrap_or(0);
            let mut head = [0; 16];
            for (place, number) in
                head.chunks_exact_mut(4)
                    .zip([seconds, time.nanoseconds, captured, wire_len])
            {
                place.copy_from_slice(&number.to_le_bytes());
            }
            buffer.extend_from_slice(&head);
            for part in data {
                buffer.extend_from_slice(part);
            }
        }
        Form::Pcapng => {
            let units = u64::try_from(time.nanos()).unwrap_or(0);
            let [high, low] = [units >> 32, units & 0xffff_ffff].map(|half| u32::try_from(half).unwrap_or(0));
            block(buffer, 6, |buffer| {
                for number in [small(known), high, low, captured, wire_len] {
                    buffer.extend(number.to_le_bytes());
                }
                for part in data {
                    buffer.extend_from_slice(part);
                }
            });
        }
    }
    true
}

/// A block of pcapng: its length is in front of it and behind it.
pub(super) fn block(buffer: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    buffer.extend(kind.to_le_bytes());
    buffer.extend([0; 4]);
    body(buffer);
    let padded = (buffer.len() - start).next_multiple_of(4);
    buffer.resize(start + padded, 0);
    let length = small(padded + 4).to_le_bytes();
    if let Some(place) = buffer.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length);
    }
    buffer.extend(length);
}
