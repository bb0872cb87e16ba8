//! Random rulesets, put into the kernel by their own tools, read by netdiag, and rendered back: what is understood must
//! say exactly what the tool says.
//!
//! `NETFILTER_SEED=7` runs one case again, `NETFILTER_CASES=5000` more of them.

mod back;
mod ipset;
mod iptables;
mod nft;
mod quiet;
mod recent;
mod rules;

use std::io::Write as _;
use std::process::{Command, Stdio};

/// The seeds to run: those that failed once, then as many as asked for.
fn seeds(regressions: &[u64], cases: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("NETFILTER_SEED") {
        return vec![seed];
    }
    let cases = number("NETFILTER_CASES").unwrap_or(cases);
    regressions.iter().copied().chain(0..cases).collect()
}

/// Runs a command with an input; its output, or its complaint.
fn run(command: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command[0]))?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
