//! What is wrong in a capture.

/// A finding, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// An id of the catalogue of checks, such as `syn-unanswered`: `netdiag explain` has its page.
    pub code: &'static str,
    /// What is wrong, with addresses and numbers.
    pub text: String,
    /// Packets that show it.
    pub packets: u64,
    /// The first of them, counted from 1 in the file.
    pub number: u64,
}
