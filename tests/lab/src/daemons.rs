//! Where the unpacked daemons are.

use std::{env, path::PathBuf};

use crate::{Error, Result};

/// The idle program that stands in for daemons that a lab does not have.
pub(crate) const IDLE: &str = env!("NETDIAG_LAB_IDLE");

/// A file of an unpacked package; without it, labs that need it are skipped.
pub fn path(package: &str, file: &str) -> Result<String> {
    let daemons = env::var_os("NETDIAG_LAB_DAEMONS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/daemons")),
        PathBuf::from,
    );
    let path = daemons.join(package).join(file);
    let path = path
        .canonicalize()
        .map_err(|_| Error::Skip(format!("no {} (scripts/test-deps unpacks it)", path.display())))?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Error::failed(format!("{} is not UTF-8", path.display())))
}
