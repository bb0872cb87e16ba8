//! Which clocks times are shown by: this host's, as `TZ` or /etc/localtime say.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::packet::show::Zone;

/// Bytes of a file of the time zone database that are read; those that there are have less than 4,000.
const MOST: u64 = 1 << 20;

/// The zone of this host, found as the C library finds it: where nothing is said, or nothing that is understood, UTC.
pub(super) fn local() -> Zone {
    let Some(named) = env::var_os("TZ") else {
        return file(Path::new("/etc/localtime")).unwrap_or_default();
    };
    let named = named.to_string_lossy();
    let name = named.strip_prefix(':').unwrap_or(&named);
    if name.is_empty() {
        return Zone::default();
    }
    let directory = env::var_os("TZDIR").map_or_else(|| PathBuf::from("/usr/share/zoneinfo"), PathBuf::from);
    // A name that begins with a slash is a path of its own.
    file(&directory.join(name))
        .or_else(|| Zone::from_rule(name))
        .unwrap_or_default()
}

fn file(path: &Path) -> Option<Zone> {
    // Not a pipe, which might never end.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Zone::from_file(&bytes)
}
