//! Text → state, one grammar a file. Pure and total: any input gives a value or an error with its line, never a panic.

pub mod bird;
pub mod bird_config;
pub mod cni;
pub mod cri;
pub mod docker;
pub mod flannel;
pub mod host_local;
pub mod hosts;
pub mod iptables_save;
pub mod ovs_flows;
pub mod ovsdb;
pub mod procfs;
pub mod secrets;
pub mod snapshot;

/// What could not be read, and on which line of the input (from 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ParseError {
    pub line: usize,
    pub why: String,
}

impl ParseError {
    pub(crate) fn new(line: usize, why: impl Into<String>) -> Self {
        Self {
            line,
            why: why.into(),
        }
    }
}

/// The start of a text, for error messages: one line of at most 60 characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
