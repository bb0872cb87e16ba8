//! Collecting changes nothing: no module is loaded, no table made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use netdiag::collect;
use netdiag::state::{Absence, Fact};
use netdiag_lab::{in_netns, or_skip};

use super::run;

/// Everything that could show a trace.
fn surroundings() -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut directories = vec!["/proc/sys/net".to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                directories.push(name);
            } else {
                // Values too, but for those that count on their own.
                let value = fs::read_to_string(&path).unwrap_or_default();
                let moving = name.contains("count") || name.contains("random") || name.contains("mem");
                seen.insert(name, if moving { String::new() } else { value });
            }
        }
    }
    for file in [
        "/proc/modules",
        "/proc/thread-self/net/ip_tables_names",
        "/proc/thread-self/net/ip6_tables_names",
    ] {
        seen.insert(file.to_owned(), fs::read_to_string(file).unwrap_or_default());
    }
    let mut modules: Vec<String> = fs::read_dir("/sys/module")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    modules.sort();
    seen.insert("/sys/module".to_owned(), modules.join(" "));
    seen
}

#[test]
fn a_namespace_is_left_as_it_was() {
    or_skip(in_netns(|| {
        let before = surroundings();
        let rulesets = collect::netfilter::rulesets();
        let sets = collect::ipset::ipsets();
        assert_eq!(surroundings(), before);
        assert!(run(&["nft", "list", "tables"], "").unwrap().is_empty());
        match rulesets {
            Fact::Known(rulesets) => assert_eq!(rulesets, []),
            Fact::Absent { absence, why } => assert_eq!(absence, Absence::Missing, "{why}"),
        }
        match sets {
            Fact::Known(sets) => assert_eq!(sets, []),
            Fact::Absent { absence, why } => assert_eq!(absence, Absence::Missing, "{why}"),
        }
    }));
}

#[test]
fn the_tables_are_those_of_the_threads_namespace() {
    or_skip(in_netns(|| {
        let table = |name: &str| format!("table inet {name} {{ chain c {{ tcp dport 179 drop; }}; }}");
        run(&["nft", "-f", "-"], &table("outer")).unwrap();
        run(
            &["iptables-legacy-restore"],
            "*filter\n-A INPUT -j DROP\nCOMMIT\n",
        )
        .unwrap();
        let inner = in_netns(move || {
            run(&["nft", "-f", "-"], &table("inner")).unwrap();
            run(&["iptables-nft-restore"], "*filter\n-A INPUT -j DROP\nCOMMIT\n").unwrap();
            collect::netfilter::rulesets()
        });
        let names = |fact: &Fact<Vec<netdiag::state::netfilter::Ruleset>>| {
            let rulesets = fact.known().unwrap().iter();
            rulesets
                .flat_map(|ruleset| {
                    let command = ruleset.dialect.command();
                    ruleset
                        .tables
                        .iter()
                        .map(move |table| format!("{command} {}", table.name))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&inner.unwrap()), ["iptables-nft filter", "nft inner"]);
        let outer = collect::netfilter::rulesets();
        assert_eq!(names(&outer), ["iptables-legacy filter", "nft outer"]);
    }));
}

#[test]
fn a_table_that_iptables_can_not_show_is_read_by_nft() {
    or_skip(in_netns(|| {
        let text = "table ip filter { chain INPUT { type filter hook input priority -5; tcp dport { 1, 179 } drop; }; }";
        run(&["nft", "-f", "-"], text).unwrap();
        run(
            &["iptables-nft-restore"],
            "*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n",
        )
        .unwrap();
        let rulesets = collect::netfilter::rulesets();
        let rulesets = rulesets.known().unwrap();
        let rules: Vec<String> = rulesets
            .iter()
            .flat_map(|ruleset| ruleset.tables.iter())
            .flat_map(|table| table.chains.iter().map(move |chain| (table, chain)))
            .flat_map(|(table, chain)| {
                chain
                    .rules
                    .iter()
                    .map(move |rule| format!("{}: {}", table.name, rule.text))
            })
            .collect();
        assert_eq!(
            rules,
            [
                "nat: -A PREROUTING -j ACCEPT",
                "filter: tcp dport { 1, 179 } drop"
            ]
        );
    }));
}

#[test]
fn a_namespace_without_tables_costs_no_process() {
    if !Path::new("/proc/thread-self").exists() {
        return;
    }
    or_skip(in_netns(|| {
        collect::netfilter::rulesets();
        let children = || fs::read_to_string("/proc/self/stat").unwrap();
        // cminflt: page faults of children that were waited for.
        let faults = |stat: String| {
            stat.rsplit(')')
                .next()
                .unwrap()
                .split_whitespace()
                .nth(8)
                .unwrap()
                .to_owned()
        };
        let before = faults(children());
        let start = std::time::Instant::now();
        for _ in 0..20 {
            collect::netfilter::rulesets();
        }
        let took = start.elapsed() / 20;
        // Other tests of this process have children, too: the time tells, where the faults can't.
        assert!(faults(children()) == before || took.as_millis() < 5, "{took:?}");
    }));
}
