//! Hashes that Calico makes parts of names of, in hexadecimal.

use std::fmt::Write as _;

use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The first digits of a text's SHA-1.
pub(crate) fn sha1(text: &str, digits: usize) -> String {
    hex(&SHA1_FOR_LEGACY_USE_ONLY, text, digits)
}

/// The first digits of a text's SHA-256.
pub(crate) fn sha256(text: &str, digits: usize) -> String {
    hex(&SHA256, text, digits)
}

fn hex(algorithm: &'static Algorithm, text: &str, digits: usize) -> String {
    let hash = digest(algorithm, text.as_bytes());
    let mut hex = hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    hex.truncate(digits);
    hex
}
