//! What is wrong in a capture.

/// A finding, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A word that programs can look for, such as `arp-unanswered`.
    pub code: &'static str,
    /// What is wrong, with addresses and numbers.
    pub text: String,
    /// Packets that show it.
    pub packets: u64,
    /// The first of them, counted from 1 in the file.
    pub number: u64,
}
