//! Writing files so that an interrupted run leaves the old one or the new one, never half of one.

use std::fs;
use std::path::Path;

use super::Error;

/// Whether a path given for output means standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a text beside the file, then takes the file's place; a link stays, and leads to the new file.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Error> {
    let fail = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let real = fs::canonicalize(path);
    let path = real.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        // A pipe or a device can't be replaced.
        return fs::write(path, text).map_err(fail);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| {
            let _ = fs::remove_file(&beside);
            fail(error)
        })
}
