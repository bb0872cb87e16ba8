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
        let mut words = line.splitn(7, ' ');
        let [
            Some(status),
            Some(snapshot),
            Some(from),
            Some(to),
            Some(what),
            Some(bytes),
        ] = [(); 6].map(|()| words.next())
        else {
            panic!("not a line of the truth: {line}");
        };
        let cause = words.next().unwrap_or_default();
        let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
            .args(["trace", from, to, what, "--size", bytes, "--snapshot"])
            .arg(walks.join(format!("{snapshot}.zst")))
            .env_clear()
            .env("COLUMNS", "400")
            .output()
            .unwrap();
        asked += 1;
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        // The answer stands first.
        let answer = out.split("\n\n").next().unwrap_or_default();
        if output.status.code() != status.parse().ok() || !answer.contains(cause) {
            wrong.push(format!("{line}\n{:?}\n{out}{err}", output.status));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked >= 90, "only {asked} packets");
}
