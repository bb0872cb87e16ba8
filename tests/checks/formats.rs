//! `check -o sarif` and `-o junit`, held to what SARIF 2.1.0 (OASIS, section 3 and its schema) and JUnit's XSD ask for,
//! and to what code hosts read of them.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

fn netdiag(format: &str, snapshot: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["check", "-o", format, "--snapshot", snapshot])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

const BROKEN: &str = "fixtures/first_found/broken";

/// Fields that the schema knows: it allows no others, but below `properties`.
fn only(value: &Value, known: &[&str]) {
    for key in value.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "{key} is no field here: {value:#}");
    }
}

fn message(value: &Value) {
    only(value, &["text", "markdown"]);
    assert!(!value["text"].as_str().unwrap().is_empty());
}

#[test]
fn sarif_is_what_the_schema_and_code_hosts_ask_for() {
    let log: Value = serde_json::from_str(&netdiag("sarif", BROKEN)).unwrap();
    only(&log, &["$schema", "version", "runs"]);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    only(run, &["tool", "results", "invocations", "columnKind"]);
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    let driver = &run["tool"]["driver"];
    only(driver, &["name", "version", "semanticVersion", "rules"]);
    let rules = driver["rules"].as_array().unwrap();
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "an id is given twice");
    let levels = ["none", "note", "warning", "error"];
    for rule in rules {
        only(
            rule,
            &[
                "id",
                "shortDescription",
                "fullDescription",
                "help",
                "defaultConfiguration",
                "properties",
            ],
        );
        for field in ["shortDescription", "fullDescription", "help"] {
            message(&rule[field]);
        }
        assert!(rule["help"]["markdown"].is_string());
        only(&rule["defaultConfiguration"], &["level"]);
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    let mut prints = BTreeSet::new();
    for result in results {
        only(
            result,
            &[
                "ruleId",
                "ruleIndex",
                "level",
                "rank",
                "message",
                "locations",
                "partialFingerprints",
            ],
        );
        let place = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[place]["id"], result["ruleId"]);
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        assert!((0.0..=100.0).contains(&result["rank"].as_f64().unwrap()));
        message(&result["message"]);
        let location = &result["locations"][0];
        only(location, &["physicalLocation", "logicalLocations"]);
        let physical = &location["physicalLocation"];
        only(physical, &["artifactLocation", "region"]);
        let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
        assert!(physical["region"]["startLine"].as_u64() >= Some(1));
        only(
            &location["logicalLocations"][0],
            &["name", "fullyQualifiedName", "kind"],
        );
        for print in result["partialFingerprints"].as_object().unwrap().values() {
            assert!(
                prints.insert(print.as_str().unwrap().to_owned()),
                "{print} is given twice"
            );
        }
    }
}

#[test]
fn a_fault_has_the_same_fingerprint_in_every_run() {
    let prints = |snapshot: &str| -> BTreeSet<String> {
        let log: Value = serde_json::from_str(&netdiag("sarif", snapshot)).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let print = |result: &Value| {
            result["partialFingerprints"]["netdiag/v1"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        results.iter().map(print).collect()
    };
    assert_eq!(netdiag("sarif", BROKEN), netdiag("sarif", BROKEN));
    // Seen from one node, a fault has other evidence, and is the same.
    let of_all = prints(BROKEN);
    assert!(!prints("fixtures/first_found/broken/node1.json").is_disjoint(&of_all));
    assert!(prints("fixtures/first_found/healthy").is_empty());
}

#[test]
fn junit_is_well_formed_and_counts_what_it_has() {
    for snapshot in [BROKEN, "fixtures/first_found/healthy"] {
        let text = netdiag("junit", snapshot);
        let mut open: Vec<&str> = Vec::new();
        let (mut cases, mut failures) = (0, 0);
        for tag in text.split('<').skip(2).filter_map(|rest| rest.split('>').next()) {
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
                continue;
            }
            let name = tag.split([' ', '/']).next().unwrap();
            let inside = open.last().copied();
            match name {
                "testsuites" => assert_eq!(inside, None),
                "testsuite" => assert_eq!(inside, Some("testsuites")),
                "testcase" => {
                    assert_eq!(inside, Some("testsuite"));
                    assert!(tag.contains("classname=") && tag.contains(" name=") && tag.contains(" time="));
                    cases += 1;
                }
                "failure" => {
                    assert_eq!(inside, Some("testcase"));
                    assert!(tag.contains("message=") && tag.contains(" type="));
                    failures += 1;
                }
                other => panic!("no element of JUnit: {other}"),
            }
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        let counts = format!("tests=\"{cases}\" failures=\"{failures}\" errors=\"0\"");
        assert_eq!(text.matches(&counts).count(), 2, "{counts}");
        assert_eq!(failures > 0, snapshot == BROKEN);
        // One failure for each case at most, as the XSD has it.
        for case in text.split("<testcase").skip(1) {
            assert!(case.matches("<failure").count() <= 1);
        }
    }
}
