//! Writing files so that an interrupted run leaves the old one or the new one, never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Error;

/// Whether a path given for output means standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a text beside the file, then takes the file's place; a link stays, and leads to the new file.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, 0o666, |file| file.write_all(text.as_bytes()))
}

/// As [`write_whole`], for what is too large to be one text, or not for everybody's eyes. The file is on the disk
/// before it has its name.
pub(super) fn replace(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let fail = |error: io::Error| Error::new(format!("{}: {error}", path.display()));
    let real = fs::canonicalize(path);
    let path = real.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        // A pipe or a device can't be replaced.
        return File::options()
            .write(true)
            .open(path)
            .and_then(|mut file| write(&mut file))
            .map_err(fail);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    // Of a run with the same number that was killed: in a container, numbers come round soon.
    let _ = fs::remove_file(&beside);
    let create = || {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?;
        let written = write(&mut file)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    };
    create().map_err(fail)
}
