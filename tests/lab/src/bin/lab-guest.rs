//! Runs a command in a guest (netdiag_lab::guest): `lab-guest ip link add type ipip`.

use std::{env, process::ExitCode, time::Duration};

use netdiag_lab::guest;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match guest::run(&words, Duration::from_secs(1800), |line| println!("{line}")) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
