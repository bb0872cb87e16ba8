//! iptables rules of every back end that is installed, by their own `-save` commands.
//!
//! `iptables-legacy-save` prints the tables that exist (`/proc/net/ip_tables_names`) and `iptables-nft-save` what is in
//! nftables: neither creates a table, as `iptables -L` would.

use std::io::{Error, ErrorKind};
use std::process::{Child, Command, Stdio};

use crate::parse::iptables::iptables_save;
use crate::state::Fact;
use crate::state::netfilter::{Dialect, Ruleset};

const DIALECTS: [Dialect; 4] = [
    Dialect::IptablesLegacy,
    Dialect::IptablesNft,
    Dialect::Ip6tablesLegacy,
    Dialect::Ip6tablesNft,
];

/// The rules of every back end, and what `meanwhile` gives: it runs while the tools do. Absent when one that is there
/// could not be read (not root): half of the rules decide nothing.
pub(super) fn rulesets_while<T>(meanwhile: impl FnOnce() -> T) -> (Fact<Vec<Ruleset>>, T) {
    let saves = DIALECTS.map(|dialect| {
        let command = format!("{}-save", dialect.command());
        let child = if has_tables(dialect) {
            start(&command)
        } else {
            None
        };
        (dialect, command, child)
    });
    let other = meanwhile();
    let rulesets: Result<Vec<Ruleset>, String> = saves
        .into_iter()
        .filter_map(|(dialect, command, child)| {
            let text = finish(&command, child?);
            Some(text.and_then(|text| {
                iptables_save(&text, dialect).map_err(|error| format!("{command}: {error}"))
            }))
        })
        .collect();
    let rulesets = match rulesets {
        Ok(rulesets) if rulesets.is_empty() => {
            Fact::absent("no iptables-save is installed, and rules of nft alone are not read yet")
        }
        other => other.into(),
    };
    (rulesets, other)
}

/// Whether the kernel has tables of this back end. Legacy ones are named in `/proc`; without their module there are
/// none, and no tool has to be asked.
fn has_tables(dialect: Dialect) -> bool {
    let names = match dialect {
        Dialect::IptablesLegacy => "/proc/net/ip_tables_names",
        Dialect::Ip6tablesLegacy => "/proc/net/ip6_tables_names",
        Dialect::IptablesNft | Dialect::Ip6tablesNft | Dialect::Nft => return true,
    };
    match std::fs::read_to_string(names) {
        Ok(text) => !text.trim().is_empty(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
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

fn finish(command: &str, child: Result<Child, Error>) -> Result<String, String> {
    let output = child
        .and_then(Child::wait_with_output)
        .map_err(|error| format!("{command}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().next().unwrap_or("failed").trim();
    Err(format!("{command}: {first}"))
}
