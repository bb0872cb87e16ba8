//! `.tar` and `.tar.gz`, read as a stream. One that is cut off gives what came before.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::Store;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Where a tar header says that it is one.
const MAGIC_AT: usize = 257;
const MAGIC: &[u8] = b"ustar";
/// A name of a file may be this long.
const NAME: u64 = 64 << 10;

/// Whether a file is an archive, by its first bytes; a compressed one by its name too: a compressed snapshot is none.
pub(super) fn is_archive(path: &Path) -> bool {
    let mut start = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take((MAGIC_AT + MAGIC.len()) as u64).read_to_end(&mut start));
    if read.is_err() {
        return false;
    }
    let name = path.to_string_lossy();
    start.ends_with(MAGIC)
        || (start.starts_with(&GZIP) && [".tgz", ".tar.gz"].iter().any(|end| name.ends_with(end)))
}

pub(super) fn read(path: &Path, store: &mut Store) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    read_stream(file, store)
}

pub(super) fn read_stream(file: impl Read, store: &mut Store) -> Result<(), String> {
    let mut file = BufReader::new(file);
    let mut start = Vec::new();
    file.by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(|error| error.to_string())?;
    let packed = start == GZIP;
    let file = BufReader::new(Cursor::new(start).chain(file));
    let passed = Rc::new(Cell::new(0));
    let limit = store.limits.unpacked;
    if packed {
        entries(
            Meter::new(MultiGzDecoder::new(file), limit, &passed),
            &passed,
            store,
        )
    } else {
        entries(Meter::new(file, limit, &passed), &passed, store)
    }
}

/// How the reading of an archive ends early.
enum End {
    /// The archive itself: what came is kept.
    Cut(String),
    /// A limit: nothing is.
    Limit(String),
}

fn entries(stream: impl Read, passed: &Rc<Cell<u64>>, store: &mut Store) -> Result<(), String> {
    let unpacked = store.limits.unpacked;
    let end = |error: &io::Error| {
        if passed.get() > unpacked {
            End::Limit(format!("unpacks to more than {unpacked} bytes"))
        } else {
            End::Cut(format!(
                "the archive is cut short at byte {} unpacked: {error}",
                passed.get()
            ))
        }
    };
    match each(stream, store, end) {
        Ok(()) => Ok(()),
        Err(End::Limit(why)) => Err(why),
        Err(End::Cut(why)) if store.folder.files.is_empty() && store.folder.folders.is_empty() => Err(why),
        Err(End::Cut(why)) => {
            store.folder.cut = Some(why);
            Ok(())
        }
    }
}

fn each(stream: impl Read, store: &mut Store, end: impl Fn(&io::Error) -> End) -> Result<(), End> {
    let mut archive = Archive::new(stream);
    // Raw: headers that hold a long name are entries, and are read within bounds here.
    let entries = archive.entries().map_err(|error| end(&error))?.raw(true);
    let mut long_name: Option<String> = None;
    for entry in entries {
        let mut entry = entry.map_err(|error| end(&error))?;
        store.count().map_err(End::Limit)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            let mut bytes = Vec::new();
            entry
                .by_ref()
                .take(NAME)
                .read_to_end(&mut bytes)
                .map_err(|error| end(&error))?;
            if kind == EntryType::GNULongName {
                let text = String::from_utf8_lossy(&bytes);
                long_name = Some(text.trim_end_matches('\0').to_owned());
            } else {
                long_name = pax_path(&bytes).or(long_name);
            }
            continue;
        }
        let path = long_name
            .take()
            .unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        if !matches!(kind, EntryType::Regular | EntryType::Continuous) || !store.wants(&path) {
            continue;
        }
        let limit = store.limits.file;
        let size = entry.header().entry_size().map_err(|error| end(&error))?;
        if size > limit {
            store.too_large(&path);
            continue;
        }
        let mut bytes = Vec::new();
        match entry.read_to_end(&mut bytes) {
            Ok(_) if (bytes.len() as u64) < size => {
                let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(lost(store, &path, end(&error)));
            }
            Ok(_) => store.keep(&path, &bytes).map_err(End::Limit)?,
            Err(error) => return Err(lost(store, &path, end(&error))),
        }
    }
    Ok(())
}

/// Half a file is none: what it lacks would count as not there.
fn lost(store: &mut Store, path: &str, end: End) -> End {
    if let End::Cut(why) = &end {
        store.lose(path, why);
    }
    end
}

/// The record `path` of a PAX header: `LENGTH path=NAME`, each on a line (pax(1)).
fn pax_path(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| {
        let (_, record) = line.split_once(' ')?;
        record.strip_prefix("path=").map(str::to_owned)
    })
}

/// Counts what passes through; one byte beyond the limit is an error.
struct Meter<R> {
    inner: R,
    limit: u64,
    passed: Rc<Cell<u64>>,
}

impl<R> Meter<R> {
    fn new(inner: R, limit: u64, passed: &Rc<Cell<u64>>) -> Self {
        Self {
            inner,
            limit,
            passed: Rc::clone(passed),
        }
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.inner.read(buffer)?;
        self.passed.set(self.passed.get().saturating_add(number as u64));
        if self.passed.get() > self.limit {
            return Err(io::Error::other("larger than allowed"));
        }
        Ok(number)
    }
}
