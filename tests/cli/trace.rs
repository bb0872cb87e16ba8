//! `netdiag trace`: what people and programs see of it, pinned in `fixtures/walks/screens` (UPDATE=1 writes them anew).

mod names;
mod xml;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn walks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/walks")
}

/// What trace prints of a recorded network, and its exit status.
fn trace(snapshot: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .arg("trace")
        .args(arguments)
        .arg("--snapshot")
        .arg(walks().join(format!("{snapshot}.zst")))
        .env_clear()
        .env("COLUMNS", "80")
        .env("LANG", "C.UTF-8")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code().unwrap())
}

/// Compares with the file, or writes it.
fn pinned(name: &str, text: &str) {
    let path = walks().join("screens").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        old == text,
        "{name} was\n{old}\nis now\n{text}\n(UPDATE=1 cargo test --test cli trace)"
    );
}

/// Every recorded network once as it breaks, and some that work.
const SCREENS: &[(&str, &[&str])] = &[
    ("bgp_drop", &["n1/pod1", "n2/pod1"]),
    ("bgp_healthy", &["n1/pod1", "n2/pod1"]),
    ("bgp_mtu", &["n1/pod1", "n2/pod1", "--size", "1500"]),
    ("bgp_no-forward", &["n1/pod1", "n2/pod1"]),
    ("bgp_no-proxy-arp", &["n1/pod1", "n2/pod1"]),
    ("bgp_node-down", &["n1/pod1", "n2/pod1"]),
    ("docker_docker0-down", &["h1/c1", "h1/c2"]),
    ("docker_healthy", &["h1/c3", "h1/c1"]),
    ("docker_no-masq", &["h1/c1", "h1/c2"]),
    ("flannel_cni0-wrong-addr", &["n1/pod1", "n2/pod1"]),
    ("flannel_forward-drop", &["n1/pod1", "n2/pod1"]),
    ("flannel_healthy-vxlan", &["n1/pod1", "n2/pod1"]),
    ("flannel_no-fdb", &["n1/pod1", "n2/pod1"]),
    ("flannel_pod-detached", &["n1/pod1", "n2/pod1"]),
    ("flannel_stale-mac", &["n1/pod1", "n2/pod1"]),
    ("flannel_wrong-vni", &["n1/pod1", "n2/pod1"]),
    ("kube_healthy-iptables", &["n1/pod2", "10.96.0.10", "tcp/80"]),
    ("kube_healthy-nft", &["n1/pod2", "10.96.0.30", "tcp/80"]),
    ("kube_no-masq", &["n1/pod1", "10.96.0.10", "tcp/80"]),
    ("kube_stale-endpoint", &["n1/pod2", "10.96.0.10", "tcp/80"]),
    ("rip_ripd-down", &["h1/c1", "h2/c1"]),
];

#[test]
fn each_recorded_fault_is_told_on_one_screen() {
    for (snapshot, arguments) in SCREENS {
        let (text, _) = trace(snapshot, arguments, &[]);
        pinned(&format!("{snapshot}.txt"), &text);
        for line in text.lines() {
            assert!(
                line.chars().count() <= 80,
                "{snapshot}: wider than 80 columns: {line}"
            );
            assert!(!line.contains('\u{1b}'), "{snapshot}: colour in a pipe: {line}");
        }
        let rows = text.lines().count();
        assert!(rows <= 60, "{snapshot}: {rows} lines are no screen");
    }
}

#[test]
fn every_lost_packet_is_explained_with_a_code_a_cause_and_something_to_do() {
    for (snapshot, arguments) in SCREENS {
        let arguments = [arguments, &["-o", "json"][..]].concat();
        let (text, status) = trace(snapshot, &arguments, &[]);
        let document: Value = serde_json::from_str(&text).unwrap();
        let findings = document["findings"].as_array().unwrap();
        assert_eq!(findings.is_empty(), status == 0, "{snapshot}: {text}");
        for finding in findings {
            let all = |key: &str| finding[key].as_array().unwrap().len();
            assert_ne!(
                finding["code"], "packet-lost",
                "{snapshot}: not explained: {finding:#}"
            );
            assert_ne!(finding["cause"], "", "{snapshot}: {finding:#}");
            assert!(all("evidence") > 0, "{snapshot}: no evidence: {finding:#}");
            assert!(
                all("steps") + all("commands") > 0,
                "{snapshot}: nothing to do: {finding:#}"
            );
        }
    }
}

#[test]
fn terminals_without_utf_8_get_ascii() {
    let ask = ["n1/pod1", "n2/pod1"];
    for environment in [&[("LANG", "C")][..], &[("LC_ALL", "POSIX")], &[("LANG", "")]] {
        let (text, _) = trace("flannel_wrong-vni", &ask, environment);
        assert!(text.is_ascii(), "{environment:?}:\n{text}");
    }
    let (flag, _) = trace("flannel_wrong-vni", &[ask[0], ask[1], "--ascii"], &[]);
    let (drawn, _) = trace("flannel_wrong-vni", &ask, &[]);
    assert!(flag.is_ascii() && !drawn.is_ascii());
    assert_eq!(flag.lines().count(), drawn.lines().count());
}

#[test]
fn the_broken_hop_is_red_where_colours_are_wanted() {
    let (text, _) = trace(
        "flannel_wrong-vni",
        &["n1/pod1", "n2/pod1", "--color", "always"],
        &[],
    );
    let red = text.lines().filter(|line| line.contains("\u{1b}[1;31m")).count();
    assert!(red >= 4, "{text}");
    let (plain, _) = trace("flannel_wrong-vni", &["n1/pod1", "n2/pod1"], &[]);
    let mut without = String::new();
    for part in text.split('\u{1b}') {
        without.push_str(
            part.strip_prefix('[')
                .and_then(|part| part.split_once('m'))
                .map_or(part, |(_, rest)| rest),
        );
    }
    assert_eq!(without, plain, "colour moves nothing");
}

#[test]
fn the_wide_form_names_every_table_and_rule() {
    let (text, status) = trace(
        "kube_healthy-iptables",
        &["n1/pod2", "10.96.0.10", "tcp/80", "-o", "wide"],
        &[],
    );
    assert_eq!(status, 0);
    for wanted in [
        "KUBE-SEP-",
        "conntrack: ",
        "neighbor ",
        "fdb ",
        "passes ",
        "(MTU 1500)",
        "50 %",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    pinned("kube_healthy-iptables.wide.txt", &text);
}

#[test]
fn the_document_for_programs_keeps_its_schema() {
    let (text, status) = trace("flannel_wrong-vni", &["n1/pod1", "n2/pod1", "-o", "json"], &[]);
    assert_eq!(status, 2);
    pinned("flannel_wrong-vni.json", &text);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "netdiag.trace/v1");
    assert_eq!(document["ways"][0]["cause"]["kind"], "noVxlan");
    let hops = document["ways"][0]["hops"].as_array().unwrap();
    let titles: Vec<&str> = hops.iter().map(|hop| hop["node"].as_str().unwrap()).collect();
    assert_eq!(titles, ["n1", "n1", "n2"]);
    // What a tunnel adds is seen in the packet of the hop that adds it.
    assert_eq!(hops[1]["before"]["size"], 84);
    assert_eq!(hops[1]["after"]["size"], 134);
    assert_eq!(hops[1]["after"]["tunnelId"], 1);
    assert_eq!(hops[1]["after"]["carries"]["dst"], "10.244.2.2");
    let (yaml, _) = trace("flannel_wrong-vni", &["n1/pod1", "n2/pod1", "-o", "yaml"], &[]);
    assert!(
        yaml.lines().any(|line| line == "schema: netdiag.trace/v1"),
        "{yaml}"
    );
}

#[test]
fn pictures_are_well_formed() {
    for (snapshot, arguments) in SCREENS {
        let (svg, _) = trace(snapshot, &[arguments, &["-o", "svg"][..]].concat(), &[]);
        let words = xml::texts(&svg).unwrap_or_else(|why| panic!("{snapshot}: {why}\n{svg}"));
        assert!(
            words.iter().any(|word| word == arguments[0]),
            "{snapshot}: {words:?}"
        );
        let (dot, _) = trace(snapshot, &[arguments, &["-o", "dot"][..]].concat(), &[]);
        let bare: String = dot.replace("\\\\", "").replace("\\\"", "");
        let outside: String = bare.split('"').step_by(2).collect();
        assert_eq!(bare.matches('"').count() % 2, 0, "{dot}");
        assert_eq!(
            outside.matches('{').count(),
            outside.matches('}').count(),
            "{dot}"
        );
        assert!(dot.starts_with("digraph "), "{dot}");
    }
}

/// What is printed where flannel's link has another name.
fn commands_for(name: &str) -> (Value, Vec<String>) {
    let saved = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["snapshot", "save", "--json", "--snapshot"])
        .arg(walks().join("flannel_no-fdb.zst"))
        .output()
        .unwrap();
    let text = String::from_utf8(saved.stdout).unwrap();
    assert!(text.contains("\"flannel.1\""));
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join("odd.json");
    std::fs::write(&odd, text.replace("flannel.1", name)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["trace", "n1/pod1", "n2/pod1", "-o", "json", "--snapshot"])
        .arg(odd)
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let commands = document["findings"][0]["commands"].as_array().unwrap();
    let runs = commands.iter().filter_map(|command| command["run"].as_str());
    let runs = runs.map(str::to_owned).collect();
    (document, runs)
}

/// The kernel takes `;` and `` ` `` in names of links; whoever pastes a command must not run what stands behind them.
#[test]
fn names_of_links_stay_words_in_a_shell() {
    let (document, runs) = commands_for("fl;`id`$x");
    let about: Vec<&String> = runs.iter().filter(|run| run.contains("id")).collect();
    assert!(!about.is_empty(), "{document:#}");
    for run in about {
        let script = format!("printf '%s\\n' {run}");
        let words = Command::new("sh").args(["-c", &script]).output().unwrap();
        let words = String::from_utf8(words.stdout).unwrap();
        assert!(words.lines().any(|word| word == "fl;`id`$x"), "{run}: {words}");
    }
    // One that could end a quotation is in no command.
    let (document, runs) = commands_for("fl;`id`'$x");
    assert!(runs.iter().all(|run| !run.contains("id")), "{document:#}");
}
