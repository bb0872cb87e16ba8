//! Manifests and the commands that read them, where no datastore is needed or none is there.

use std::fs;

use crate::netdiag;

const WRONG: &str = "apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: Bad_Name}
spec:
  selecter: all()
  ingress:
  - action: Permit
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pool}
spec: {cidr: 10.0.0.1/16}
";

#[test]
fn validate_tells_every_mistake_of_every_file_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::create_dir(path("sub")).unwrap();
    fs::write(path("a.yaml"), WRONG).unwrap();
    fs::write(
        path("sub/b.json"),
        r#"{"apiVersion":"projectcalico.org/v3","kind":"Tiers"}"#,
    )
    .unwrap();
    let all = netdiag(["validate", "-R", "-f", &path("")]).run();
    all.exits(1)
        .says("a.yaml:3:18: metadata.name: \"Bad_Name\" must consist of")
        .says("a.yaml:5:3: spec.selecter: unknown field; did you mean selector?")
        .says("a.yaml:7:13: spec.ingress[0].action: \"Permit\" is not one of Allow, Deny, Log, Pass")
        .says("a.yaml:12:14: spec.cidr: 10.0.0.1/16 has bits set after its prefix: write 10.0.0.0/16")
        .says("b.json:1:45: unknown resource type (Tiers) and/or version (projectcalico.org/v3): did you mean Tier?")
        .says("5 problems in the manifests; the rest is valid");
    assert_eq!(all.stdout, "");
    netdiag(["validate", "-f", &path("")])
        .run()
        .exits(1)
        .says("4 problems");
    let right = WRONG
        .replace("Bad_Name", "name")
        .replace("selecter", "selector")
        .replace("Permit", "Allow")
        .replace("0.1/16", "0.0/16");
    fs::write(path("a.yaml"), right).unwrap();
    let valid = netdiag(["validate", "-f", &path("a.yaml")]).run();
    assert_eq!(valid.exits(0).stdout, "Successfully validated 2 resource(s)\n");
    fs::write(path("empty.yaml"), "# nothing\n").unwrap();
    netdiag(["validate", "-f", &path("empty.yaml")])
        .run()
        .exits(1)
        .says("no resources specified in file");
    netdiag(["validate", "--skip-empty", "-f", &path("empty.yaml")])
        .run()
        .exits(0)
        .says("No resources specified");
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_before_the_datastore_is_looked_for() {
    for (arguments, why) in [
        (
            vec!["get", "nodez"],
            "failed to get resources: resource type 'nodez' is not supported",
        ),
        (vec!["get", "node", ""], "resource name may not be empty"),
        (
            vec!["get", "node", "-o", "tree"],
            "unrecognized output format 'tree'",
        ),
        (
            vec!["get", "node", "-o", "custom-columns"],
            "need to specify at least one column",
        ),
        (
            vec!["get", "node", "-o", "go-template"],
            "need to specify a template",
        ),
        (
            vec!["get", "node", "-o", "go-template-file="],
            "need to specify a template file",
        ),
        (vec!["get", "node", "-A"], "Node is not namespaced"),
        (vec!["delete", "node"], "resource name may not be empty"),
        (
            vec!["delete", "nodez", "x"],
            "resource type 'nodez' is not supported",
        ),
        (
            vec!["patch", "node", "x", "-p", "bogus"],
            "hit error: the patch is not JSON",
        ),
        (
            vec!["patch", "node", "x", "-p", "{}", "-t", "bogus"],
            "invalid value 'bogus'",
        ),
        (vec!["label", "node", "x", "bad-label"], "invalid label bad-label"),
        (vec!["label", "node", "x", "a=b", "--remove"], "invalid label a=b"),
        (
            vec!["label", "node", "x", "a", "--remove", "-n", "ns"],
            "Node is not namespaced",
        ),
        (vec!["create"], "--filename"),
        (
            vec!["replace", "-f", "/nonexistent.yaml"],
            "can't read /nonexistent.yaml",
        ),
    ] {
        let run = crate::Netdiag::through(&[]).args(&arguments).run();
        let output = run.exits(1).says(why);
        assert_eq!(output.stdout, "", "{output}");
    }
}

#[test]
fn options_that_scripts_give_to_calicoctl_are_taken() {
    let output = netdiag([
        "--allow-version-mismatch",
        "--log-level",
        "info",
        "get",
        "bogus",
        "--context",
        "x",
    ])
    .run();
    output.exits(1).says("resource type 'bogus' is not supported");
}
