//! Capture files: pcap and pcapng, compressed or not, from a file or from a pipe.
//!
//! Memory is constant: one buffer is filled again and again, and packets are lent from it.

mod block;
mod buffer;
mod compress;
mod interface;
mod names;
mod pcap;
mod pcapng;
mod record;
mod shared;
#[cfg(test)]
mod tests;
pub mod write;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;

use super::link_type::LinkType;
pub use block::Block;
use buffer::Buffer;
pub use interface::Interface;
use record::Record;
pub use shared::Shared;

/// Bytes of the longest packet that is believed: more than any link has, less than hurts.
const LONGEST_PACKET: usize = 16 << 20;

/// A moment, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time {
    pub seconds: i64,
    /// Below a billion.
    pub nanoseconds: u32,
}

impl Time {
    /// Later than any.
    pub const END: Self = Self {
        seconds: i64::MAX,
        nanoseconds: 999_999_999,
    };

    /// From nanoseconds since 1970.
    pub fn from_nanos(nanos: i64) -> Self {
        Self {
            seconds: nanos.div_euclid(1_000_000_000),
            nanoseconds: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    }

    /// In nanoseconds since 1970.
    pub fn nanos(self) -> i64 {
        self.seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(self.nanoseconds))
    }
}

/// A captured packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub time: Time,
    pub link: LinkType,
    /// Index into the reader's interfaces.
    pub interface: usize,
    /// Bytes that the packet had on the wire.
    pub wire_len: u32,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// A comment, which pcapng can have.
    pub comment: Option<&'a [u8]>,
    /// Which way it went (pcapng's flags): 1 in, 2 out, 0 not known.
    pub direction: u8,
}

/// Why a file can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not a capture file: neither pcap nor pcapng{0}")]
    Format(&'static str),
    #[error("at byte {offset}: {what}")]
    Broken { offset: u64, what: String },
    #[error("at byte {0}: it ends in the middle of its header")]
    Header(u64),
}

/// A capture file that is being read.
pub struct Reader {
    buffer: Buffer,
    /// Where the buffer's bytes are from, if that is a file as it lies on disk; both have one position.
    file: Option<File>,
    /// The file is compressed.
    unpacked: bool,
    format: Format,
    interfaces: Vec<Interface>,
    told: Told,
    /// A packet that was met already.
    ahead: Option<Record>,
    /// Packets so far.
    taken: u64,
}

/// What a file says, or reading it, beside packets and links.
#[derive(Debug, Default)]
struct Told {
    warnings: Vec<String>,
    names: Vec<(IpAddr, String)>,
    /// Somebody asks for names.
    wants_names: bool,
}

enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl Reader {
    /// Starts to read a file on disk, from its beginning: threads can read parts of it side by side.
    pub fn of_file(file: File) -> Result<Self, Error> {
        let other = file.try_clone()?;
        let mut reader = Self::new(Box::new(file))?;
        if !reader.unpacked {
            reader.file = Some(other);
        }
        Ok(reader)
    }

    /// Starts to read; the format is told by the first bytes.
    pub fn new(input: Box<dyn Read + Send>) -> Result<Self, Error> {
        let mut buffer = Buffer::new(input);
        let packing = compress::Packing::of(buffer.peek(4)?);
        if let Some(packing) = packing {
            buffer = Buffer::new(packing.unpacked(buffer.into_source())?);
        }
        let mut interfaces = Vec::new();
        let start: [u8; 4] = match buffer.peek(4)?.first_chunk() {
            Some(start) => *start,
            None => {
                return Err(Error::Format(if buffer.is_empty() {
                    ": it is empty"
                } else {
                    ""
                }));
            }
        };
        let format = if start == pcapng::SECTION {
            Format::Pcapng(pcapng::Pcapng::default())
        } else if let Some(pcap) = pcap::Pcap::open(&mut buffer, start, &mut interfaces)? {
            Format::Pcap(pcap)
        } else {
            return Err(Error::Format(""));
        };
        Ok(Self {
            buffer,
            file: None,
            unpacked: packing.is_some(),
            format,
            interfaces,
            told: Told::default(),
            ahead: None,
            taken: 0,
        })
    }

    /// The next packet, with what the file says of its link; none at the end.
    pub fn next_packet(&mut self) -> Result<Option<(Packet<'_>, Option<&Interface>)>, Error> {
        let record = self.next_record()?;
        Ok(record.map(|record| {
            let packet = record.packet(self.buffer.bytes());
            (packet, self.interfaces.get(packet.interface))
        }))
    }

    /// Lends all packets that are left, with their numbers in the file from 1, until `take` breaks off: faster than asking
    /// for each of them, since none is handed over.
    #[inline]
    pub fn each<B>(
        &mut self,
        mut take: impl FnMut(u64, Packet<'_>, Option<&Interface>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        loop {
            if let (Format::Pcap(pcap), None) = (&self.format, &self.ahead) {
                let mut rest = self.buffer.rest();
                let all = rest.len();
                let interface = self.interfaces.first();
                let mut taken = ControlFlow::Continue(());
                while let Some((packet, behind)) = pcap.whole(rest) {
                    rest = behind;
                    self.taken += 1;
                    taken = take(self.taken, packet, interface);
                    if taken.is_break() {
                        break;
                    }
                }
                let passed = all - rest.len();
                self.buffer.skip(passed);
                if taken.is_break() {
                    return Ok(taken);
                }
            }
            // One that has to be read, or is told by more than pcap has.
            let Some(record) = self.next_record()? else {
                return Ok(ControlFlow::Continue(()));
            };
            let packet = record.packet(self.buffer.bytes());
            let taken = take(self.taken, packet, self.interfaces.get(packet.interface));
            if taken.is_break() {
                return Ok(taken);
            }
        }
    }

    #[inline]
    fn next_record(&mut self) -> Result<Option<Record>, Error> {
        let record = match self.ahead.take() {
            Some(record) => Some(record),
            None => self.read_record()?,
        };
        self.taken += u64::from(record.is_some());
        Ok(record)
    }

    #[inline]
    fn read_record(&mut self) -> Result<Option<Record>, Error> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.buffer, &mut self.told.warnings),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.buffer, &mut self.interfaces, &mut self.told),
        }
    }

    /// Names of addresses that the file has before its first packet, which is waited for. Of one without names in front,
    /// or damaged there, none.
    pub fn names(&mut self) -> &[(IpAddr, String)] {
        if self.ahead.is_none() && self.taken == 0 && matches!(self.format, Format::Pcapng(_)) {
            self.told.wants_names = true;
            // An error is met again.
            self.ahead = self.read_record().unwrap_or_default();
            self.told.wants_names = false;
        }
        &self.told.names
    }

    /// What the file says of the links it was captured on, as far as it was read.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// What was wrong with the file, and did not stop reading.
    pub fn warnings(&self) -> &[String] {
        &self.told.warnings
    }
}
