//! Netfilter's rules of the calling thread's network namespace, by the tools of each back end.
//!
//! Nothing is changed: which tables there are is asked first, of `/proc` (legacy) and of the kernel (nftables, where
//! that loads no module), and a tool is started only for tables that exist. A namespace without tables costs no process.

mod tool;

use crate::parse::iptables::iptables_save;
use crate::parse::nft;
use crate::state::netfilter::{Base, Chain, Dialect, Family, Hook, Ruleset, Table};
use crate::state::{Absence, Fact};

use super::netlink;
use tool::Tool;

/// Tables that iptables-nft may own; others of its families are nft's alone.
const IPTABLES_TABLES: [&str; 5] = ["raw", "mangle", "nat", "filter", "security"];

/// The rules of every back end. Absent when one that is there could not be read (not root, no tool): half of the rules
/// decide nothing. Missing in a kernel without netfilter's tables.
pub fn rulesets() -> Fact<Vec<Ruleset>> {
    let legacy = [Dialect::IptablesLegacy, Dialect::Ip6tablesLegacy]
        .into_iter()
        .filter_map(|dialect| Some((dialect, legacy_tables(dialect)?)))
        .collect::<Vec<_>>();
    let tables = netlink::nf_tables();
    if let Fact::Absent { why, absence } = &tables {
        let missing = *absence == Absence::Missing;
        if !missing {
            return Fact::absent_as(*absence, format!("nftables: {why}"));
        }
        if legacy.is_empty() && !std::path::Path::new("/proc/thread-self/net/ip_tables_names").exists() {
            return Fact::absent_as(*absence, format!("{why}, nor ip_tables"));
        }
    }
    // All are started before the first is waited for.
    let started: Vec<Started> = legacy
        .iter()
        .map(|(dialect, tables)| Started::legacy(*dialect, tables))
        .chain(Started::nft(tables.known().map_or(&[], Vec::as_slice)))
        .collect();
    match finish(started) {
        Ok(rulesets) => Fact::Known(rulesets),
        Err(why) => Fact::absent_as(Absence::Unreadable, why),
    }
}

/// What `/proc` names of this back end's tables; none when there are none. Not `/proc/net`: that is the namespace of the
/// process's first thread.
fn legacy_tables(dialect: Dialect) -> Option<String> {
    let file = match dialect.family() {
        Family::Ip6 => "/proc/thread-self/net/ip6_tables_names",
        _ => "/proc/thread-self/net/ip_tables_names",
    };
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => None,
        Ok(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(", ")),
        // Only root may read it, where the module is there.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Some("?".to_owned()),
        Err(_) => None,
    }
}

/// A tool that was started, and for which tables.
enum Started {
    Legacy {
        dialect: Dialect,
        tables: String,
        tool: Option<Tool>,
    },
    /// iptables-nft: the tables of its family, which may be its own.
    Translated {
        dialect: Dialect,
        tables: Vec<(Family, String)>,
        tool: Option<Tool>,
    },
    /// Tables that no iptables prints.
    Native(Vec<Native>),
}

/// A table that nft lists.
struct Native {
    family: Family,
    name: String,
    tool: Option<Tool>,
    /// iptables-nft has shown its own chains of it already.
    rest_only: bool,
}

impl Native {
    fn start(family: Family, name: String, rest_only: bool) -> Self {
        let arguments = ["-j", "list", "table", family.word(), &name];
        Self {
            family,
            tool: Tool::start("nft", &arguments),
            name,
            rest_only,
        }
    }

    fn finish(self) -> Result<Vec<Table>, String> {
        let table = format!("table {} {}", self.family.word(), self.name);
        let tool = self
            .tool
            .ok_or_else(|| format!("nftables has {table}, and nft is not installed"))?;
        let listed = tool.finish().and_then(|text| nft::ruleset(&text));
        let mut tables = listed.map_err(|error| format!("nft: {table}: {error}"))?.tables;
        for table in &mut tables {
            links(table)?;
        }
        if self.rest_only {
            for table in &mut tables {
                let name = table.name.clone();
                // Chains that rules jump to stay: those of the rest may need them, and nothing else reaches them here.
                table.chains.retain(|chain| !is_of_iptables(&name, chain));
            }
        }
        Ok(tables)
    }
}

/// Gives chains at `ingress` and `egress` their links, where JSON lacks them. A chain that has none (they are gone) is
/// called by nobody.
fn links(table: &mut Table) -> Result<(), String> {
    let lacks = |chain: &Chain| {
        let of_links = |base: &Base| matches!(base.hook, Hook::Ingress | Hook::Egress);
        let base = chain.base.as_ref().filter(|base| of_links(base));
        base.is_some_and(|base| base.devices.is_empty())
    };
    if !table.chains.iter().any(lacks) {
        return Ok(());
    }
    let tool = Tool::start("nft", &["list", "table", table.family.word(), &table.name]);
    let text = tool.ok_or("nft is not installed")?.finish()?;
    let devices = nft::devices(&text);
    for chain in table.chains.iter_mut().filter(|chain| lacks(chain)) {
        let named = devices.iter().find(|(name, _)| **name == *chain.name);
        let links = named.map_or(&[][..], |(_, links)| links.as_slice());
        match &mut chain.base {
            Some(base) if !links.is_empty() => {
                base.devices = links.iter().map(|link| link.as_str().into()).collect();
            }
            base => *base = None,
        }
    }
    Ok(())
}

/// Whether a base chain hangs where iptables hangs the one of this name.
fn is_of_iptables(table: &str, chain: &Chain) -> bool {
    let Some(base) = &chain.base else { return false };
    Base::of_iptables(table, &chain.name, base.policy)
        .is_some_and(|own| (own.kind, own.hook, own.priority) == (base.kind, base.hook, base.priority))
}

impl Started {
    fn legacy(dialect: Dialect, tables: &str) -> Self {
        let own = format!("{}-save", dialect.command());
        // Releases before 1.8 have one back end only.
        let old = match dialect.family() {
            Family::Ip6 => "ip6tables-save",
            _ => "iptables-save",
        };
        Self::Legacy {
            dialect,
            tables: tables.to_owned(),
            tool: save(&own).or_else(|| save(old)),
        }
    }

    fn nft(tables: &[(Family, String)]) -> Vec<Self> {
        let mut native = Vec::new();
        let mut started = Vec::new();
        for (dialect, family) in [
            (Dialect::IptablesNft, Family::Ip),
            (Dialect::Ip6tablesNft, Family::Ip6),
        ] {
            let tables: Vec<_> = tables
                .iter()
                .filter(|(of, name)| *of == family && IPTABLES_TABLES.contains(&name.as_str()))
                .cloned()
                .collect();
            if !tables.is_empty() {
                let tool = save(&format!("{}-save", dialect.command()));
                started.push(Self::Translated {
                    dialect,
                    tables,
                    tool,
                });
            }
        }
        for (family, name) in tables {
            let translated =
                matches!(family, Family::Ip | Family::Ip6) && IPTABLES_TABLES.contains(&name.as_str());
            if !translated {
                native.push(Native::start(*family, name.clone(), false));
            }
        }
        if !native.is_empty() {
            started.push(Self::Native(native));
        }
        started
    }
}

/// Starts an iptables-save that loads no module; none when it isn't installed.
fn save(command: &str) -> Option<Tool> {
    Tool::start(command, &["-c", "-M", "/bin/false"])
}

fn finish(started: Vec<Started>) -> Result<Vec<Ruleset>, String> {
    let mut rulesets = Vec::new();
    let mut native = Vec::new();
    for one in started {
        match one {
            Started::Legacy {
                dialect,
                tables,
                tool,
            } => {
                let command = dialect.command();
                let none =
                    || format!("{command} has tables ({tables}), and its {command}-save is not installed");
                let text = tool.ok_or_else(none)?.finish()?;
                if text
                    .lines()
                    .next()
                    .is_some_and(|line| line.contains("(nf_tables)"))
                {
                    return Err(none());
                }
                rulesets
                    .push(iptables_save(&text, dialect).map_err(|error| format!("{command}-save: {error}"))?);
            }
            Started::Translated {
                dialect,
                tables,
                tool: Some(tool),
            } => {
                let command = dialect.command();
                let text = tool.finish()?;
                let ruleset =
                    iptables_save(&text, dialect).map_err(|error| format!("{command}-save: {error}"))?;
                for (family, name) in tables {
                    let rest_only = has(&ruleset, &name);
                    if !rest_only || says(&text, &name, "contains incompatible base-chains") {
                        native.push(Native::start(family, name, rest_only));
                    }
                }
                if !ruleset.tables.is_empty() {
                    rulesets.push(ruleset);
                }
            }
            Started::Translated {
                tables, tool: None, ..
            } => {
                let tables = tables.into_iter();
                native.extend(tables.map(|(family, name)| Native::start(family, name, false)));
            }
            Started::Native(tables) => native.extend(tables),
        }
    }
    let mut tables = Vec::new();
    for table in native {
        tables.extend(table.finish()?);
    }
    if !tables.is_empty() {
        let dialect = Dialect::Nft;
        rulesets.push(Ruleset { dialect, tables });
    }
    Ok(rulesets)
}

fn has(ruleset: &Ruleset, name: &str) -> bool {
    ruleset.tables.iter().any(|table| &*table.name == name)
}

/// ``# Table `filter' is incompatible, use 'nft' tool.``, or that it contains base chains that are: it has what iptables
/// has no words for.
fn says(text: &str, table: &str, what: &str) -> bool {
    let line = format!("# Table `{table}' {what}");
    text.lines().any(|other| other.starts_with(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_iptables_can_not_show_is_known() {
        let text = "# Generated\n# Table `nat' contains incompatible base-chains, use 'nft' tool to list them.\n*filter\nCOMMIT\n";
        assert!(says(text, "nat", "contains"));
        assert!(!says(text, "filter", "contains") && !says(text, "nat", "is incompatible"));
        let ruleset = iptables_save(text, Dialect::IptablesNft).unwrap();
        assert!(has(&ruleset, "filter") && !has(&ruleset, "nat"));
    }

    #[test]
    fn tables_without_a_tool_are_named() {
        let native = vec![Native {
            family: Family::Inet,
            name: "calico".to_owned(),
            tool: None,
            rest_only: false,
        }];
        let why = finish(vec![Started::Native(native)]).unwrap_err();
        assert_eq!(why, "nftables has table inet calico, and nft is not installed");
        let legacy = Started::Legacy {
            dialect: Dialect::IptablesLegacy,
            tables: "filter, nat".to_owned(),
            tool: None,
        };
        let why = finish(vec![legacy]).unwrap_err();
        assert_eq!(
            why,
            "iptables-legacy has tables (filter, nat), and its iptables-legacy-save is not installed"
        );
    }
}
