//! iptables rules of every back end that is installed, by their own `-save` commands.
//!
//! `iptables-legacy-save` prints the tables that exist (`/proc/net/ip_tables_names`) and `iptables-nft-save` what is in
//! nftables: neither creates a table, as `iptables -L` would.

use std::io::{Error, ErrorKind};
use std::process::{Child, Command, Stdio};

use crate::parse::iptables_save::iptables_save;
use crate::state::Fact;
use crate::state::netfilter::{Dialect, Ruleset};

const DIALECTS: [Dialect; 4] = [
    Dialect::IptablesLegacy,
    Dialect::IptablesNft,
    Dialect::Ip6tablesLegacy,
    Dialect::Ip6tablesNft,
];

/// The rules of every back end, and what `meanwhile` gives: it runs while the tools do. Absent when none could be read:
/// not root, or no tool.
pub(super) fn rulesets_while<T>(meanwhile: impl FnOnce() -> T) -> (Fact<Vec<Ruleset>>, T) {
    let mut rulesets = Vec::new();
    let mut failures = Vec::new();
    let saves = DIALECTS.map(|dialect| {
        let command = format!("{}-save", dialect.command());
        let child = start(&command);
        (dialect, command, child)
    });
    let other = meanwhile();
    for (dialect, command, child) in saves {
        match finish(&command, child) {
            Ok(text) => match iptables_save(&text, dialect) {
                Ok(ruleset) => rulesets.push(ruleset),
                Err(error) => failures.push(format!("{command}: {error}")),
            },
            Err(error) => failures.push(error),
        }
    }
    if rulesets.is_empty() {
        return (Fact::absent(failures.join("; ")), other);
    }
    (Fact::Known(rulesets), other)
}

/// Starts a command where it is installed, so that all of them run side by side.
fn start(command: &str) -> Option<Result<Child, Error>> {
    ["", "/usr/sbin/", "/sbin/"]
        .iter()
        .map(|directory| {
            Command::new(format!("{directory}{command}"))
                .arg("-c")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        })
        .find(|result| !matches!(result, Err(error) if error.kind() == ErrorKind::NotFound))
}

fn finish(command: &str, child: Option<Result<Child, Error>>) -> Result<String, String> {
    match child.map(|child| child.and_then(Child::wait_with_output)) {
        None => Err(format!("{command}: not installed")),
        Some(Err(error)) => Err(format!("{command}: {error}")),
        Some(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Some(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{command}: {}",
                text.lines().next().unwrap_or("failed").trim()
            ))
        }
    }
}
