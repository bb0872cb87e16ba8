//! Recorded networks: `netdiag trace` must say of each packet what it did when the network was recorded.

use std::path::Path;
use std::process::Command;

#[test]
fn recorded_packets_are_walked_as_they_went() {
    let walks = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/walks");
    let truth = std::fs::read_to_string(walks.join("truth.txt")).unwrap();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in truth.lines().filter(|line| !line.starts_with('#')) {
        let [status, snapshot, from, to, what, bytes] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a line of the truth: {line}");
        };
        let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
            .args(["trace", from, to, what, "--size", bytes, "--snapshot"])
            .arg(walks.join(format!("{snapshot}.zst")))
            .env_clear()
            .env("COLUMNS", "80")
            .output()
            .unwrap();
        asked += 1;
        if output.status.code() != status.parse().ok() {
            let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
            wrong.push(format!("{line}\n{:?}\n{out}{err}", output.status));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked >= 50, "only {asked} packets");
}
