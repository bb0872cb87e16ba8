//! Builds the idle program: it takes any arguments and sleeps, so a lab can start it under the name and arguments
//! of a daemon it does not have (`calico-node -felix`).

use std::{env, path::PathBuf, process::Command};

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=idle/main.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").map_err(|error| format!("RUSTC: {error}"))?;
    let target =
        PathBuf::from(env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?).join("idle");
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "-C",
            "opt-level=s",
            "-C",
            "strip=symbols",
            "idle/main.rs",
            "-o",
        ])
        .arg(&target)
        .status()
        .map_err(|error| format!("rustc: {error}"))?;
    if !status.success() {
        return Err(format!("rustc idle/main.rs: {status}"));
    }
    println!("cargo::rustc-env=NETDIAG_LAB_IDLE={}", target.display());
    Ok(())
}
