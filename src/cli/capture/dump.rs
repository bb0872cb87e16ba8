//! `--write`: packets into a capture file, or into one after another.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, ToFile};
use crate::cli::files;
use crate::packet::file::write::{self, Form, Known, Writer};
use crate::packet::file::{Interface, Time};
use crate::packet::show::{Names, Shown};
use crate::packet::{LinkType, decap};

/// Writes packets to a capture file.
pub(super) struct Dump {
    path: PathBuf,
    form: Form,
    writer: Option<Writer<Box<dyn Write>>>,
    decap: bool,
    rotation: Option<Rotation>,
    /// What addresses are called, for whoever reads the file.
    names: Option<Arc<Names>>,
}

/// When the next file begins, and which stay.
struct Rotation {
    bytes: Option<u64>,
    seconds: Option<i64>,
    keep: Option<usize>,
    /// Of the file that is written now.
    number: u32,
    /// The time of its first packet.
    since: Option<Time>,
    written: VecDeque<PathBuf>,
}

impl Dump {
    pub(super) fn new(
        path: &Path,
        args: &ToFile,
        names: Option<Arc<Names>>,
        must_name: bool,
    ) -> Result<Self, Error> {
        let rotates = args.rotates();
        if rotates && files::is_stdout(path) {
            return Err(Error::new("standard output can't be rotated").hint("name a file with --write"));
        }
        if args.files.is_some() && !rotates {
            return Err(Error::new("--files counts files that are rotated")
                .hint("say when the next one begins: --rotate-size or --rotate-time"));
        }
        let rotation = rotates.then(|| Rotation {
            bytes: args.rotate_size.map(|size| size.get().saturating_mul(1_000_000)),
            seconds: args
                .rotate_time
                .map(|time| i64::try_from(time.get()).unwrap_or(i64::MAX)),
            keep: args.files.map(std::num::NonZeroUsize::get),
            number: 0,
            since: None,
            written: VecDeque::new(),
        });
        let form = if path.extension().is_some_and(|extension| extension == "pcapng") {
            Form::Pcapng
        } else {
            Form::Pcap
        };
        if must_name && form == Form::Pcap {
            let message = format!(
                "{}: a classic capture file has no place for names",
                path.display()
            );
            return Err(Error::new(message).hint("name it *.pcapng, or leave out --names"));
        }
        let mut dump = Self {
            path: path.to_owned(),
            form,
            writer: None,
            decap: args.decap,
            rotation,
            names,
        };
        dump.open()?;
        Ok(dump)
    }

    /// Begins a file, and deletes the one that is too many.
    fn open(&mut self) -> Result<(), Error> {
        let path = match &mut self.rotation {
            None => self.path.clone(),
            Some(rotation) => rotation.next(&self.path),
        };
        let target: Box<dyn Write> = if files::is_stdout(&path) {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(&path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?)
        };
        let mut writer = Writer::new(target, self.form);
        if let Some(names) = &self.names {
            writer.names(names.all());
        }
        self.writer = Some(writer);
        let Some(rotation) = &mut self.rotation else {
            return Ok(());
        };
        rotation.written.push_back(path);
        if rotation.keep.is_some_and(|keep| rotation.written.len() > keep)
            && let Some(old) = rotation.written.pop_front()
        {
            fs::remove_file(&old).map_err(|error| Error::new(format!("{}: {error}", old.display())))?;
        }
        Ok(())
    }

    pub(super) fn take(&mut self, shown: &Shown) -> Result<(), Error> {
        let packet = &shown.packet;
        let length = self.writer.as_ref().map_or(0, Writer::written);
        if self
            .rotation
            .as_mut()
            .is_some_and(|rotation| rotation.is_due(packet.time, length))
        {
            self.finish(&[])?;
            self.open()?;
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let name = shown.interface.and_then(|interface| interface.name.as_deref());
        let (link, data, wire_len) = content(shown, self.decap);
        let written = writer.packet(packet.time, link, name, &data, wire_len);
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::new(format!(
                "{}: packet {} is of link type {}, and a pcap file can have only one",
                self.path.display(),
                shown.number,
                packet.link.name()
            ))
            .hint("give the file a name that ends in .pcapng")),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Whether packets may be made ready apart from one another.
    pub(super) const fn may_be_made_apart(&self) -> bool {
        self.rotation.is_none()
    }

    /// What a packet is made ready with, by [`Recipe::write`].
    pub(super) fn recipe(&self) -> Recipe {
        Recipe {
            form: self.form,
            decap: self.decap,
            links: self
                .writer
                .as_ref()
                .map_or_else(Vec::new, |writer| writer.links().to_vec()),
        }
    }

    /// Takes packets that were made ready by the recipe of now.
    pub(super) fn records(&mut self, records: &[u8]) -> Result<(), Error> {
        match self.writer.as_mut().map(|writer| writer.records(records)) {
            Some(Err(error)) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Writes what is there.
    #[cfg(feature = "capture")]
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        match self.writer.as_mut().map(Writer::flush) {
            Some(Err(error)) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Ends the file, with what the links had lost.
    pub(super) fn finish(&mut self, interfaces: &[Interface]) -> Result<(), Error> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        for interface in interfaces.iter().filter(|interface| interface.dropped > 0) {
            writer.lost(interface.link, interface.name.as_deref(), interface.dropped);
        }
        writer.finish().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        let mut failed = Error::from(error);
        failed.message = format!("{}: {}", self.path.display(), failed.message);
        failed
    }
}

/// What is written of a packet: link type, bytes in two parts, bytes on the wire.
fn content<'a>(shown: &Shown<'a>, decap: bool) -> (LinkType, [&'a [u8]; 2], u32) {
    let packet = &shown.packet;
    let inner = if decap {
        decap::inner(packet.data, shown.stack, false)
    } else {
        None
    };
    match inner {
        Some(inner) => (inner.link, [inner.header, inner.data], inner.wire_len),
        None => (packet.link, [packet.data, &[]], packet.wire_len),
    }
}

/// How packets are made ready for a file, apart from writing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    form: Form,
    decap: bool,
    links: Vec<Known>,
}

impl Recipe {
    /// Adds a packet; false if its link is new to the file.
    pub(super) fn write(&self, shown: &Shown, records: &mut Vec<u8>) -> bool {
        let name = shown.interface.and_then(|interface| interface.name.as_deref());
        let (link, data, wire_len) = content(shown, self.decap);
        let time = shown.packet.time;
        write::record(
            records,
            self.form,
            &self.links,
            time,
            (link, name),
            &data,
            wire_len,
        )
    }
}

impl Rotation {
    /// `dir/name.pcap` → `dir/name-00001.pcap`.
    fn next(&mut self, path: &Path) -> PathBuf {
        self.number += 1;
        self.since = None;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut name = format!("{stem}-{:05}", self.number);
        if let Some(extension) = path.extension() {
            name.push('.');
            name.push_str(&extension.to_string_lossy());
        }
        path.with_file_name(name)
    }

    /// Whether a packet of that time belongs into the next file.
    fn is_due(&mut self, time: Time, length: u64) -> bool {
        let since = *self.since.get_or_insert(time);
        let old = |seconds| time.seconds.saturating_sub(since.seconds) >= seconds;
        self.bytes.is_some_and(|bytes| length >= bytes) || self.seconds.is_some_and(old)
    }
}
