//! Called by calicoctl's name: its messages, on the stream and with the exit status that scripts know (v3.32.1).

use crate::command::Netdiag;
use crate::server::Etcd;

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n"
    )
}

/// Whole output of a command: exit status, standard output, standard error.
type Said = (i32, &'static str, &'static str);

#[track_caller]
fn says(netdiag: &Netdiag, arguments: &[&str], stdin: &str, (status, out, err): Said) {
    let found = netdiag.calicoctl(arguments, stdin);
    assert_eq!(
        (found.0, found.1.trim_end(), found.2.trim_end()),
        (status, out, err),
        "{arguments:?}"
    );
}

#[test]
fn what_is_handled_is_counted_in_its_words() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = &Netdiag::etcd(&etcd);
    let set = |name: &str| document("GlobalNetworkSet", name, "{nets: [10.0.0.0/8]}");
    let two = set("a") + &set("b");
    let mixed = set("a") + &document("Tier", "t", "{order: 1}");
    says(
        netdiag,
        &["validate", "-f", "-"],
        &two,
        (0, "Successfully validated 2 'GlobalNetworkSet' resource(s)", ""),
    );
    says(
        netdiag,
        &["create", "-f", "-"],
        &two,
        (0, "Successfully created 2 'GlobalNetworkSet' resource(s)", ""),
    );
    says(
        netdiag,
        &["apply", "-f", "-"],
        &mixed,
        (0, "Successfully applied 2 resource(s)", ""),
    );
    says(
        netdiag,
        &["replace", "-f", "-"],
        &two,
        (0, "Successfully replaced 2 'GlobalNetworkSet' resource(s)", ""),
    );
    says(
        netdiag,
        &[
            "patch",
            "globalnetworkset",
            "a",
            "-p",
            r#"{"spec":{"nets":["10.1.0.0/16"]}}"#,
        ],
        "",
        (0, "Successfully patched 1 'GlobalNetworkSet' resource", ""),
    );
    let label = |words: &[&str], said: Said| {
        says(
            netdiag,
            &[&["label", "globalnetworksets", "a"], words].concat(),
            "",
            said,
        );
    };
    label(
        &["k=v"],
        (0, "Successfully set label k on globalnetworksets a", ""),
    );
    label(
        &["k=w", "--overwrite"],
        (0, "Successfully updated label k on globalnetworksets a", ""),
    );
    label(
        &["k=x"],
        (
            1,
            "",
            "failed to update label of globalnetworksets a, key k is already present. please use '--overwrite' to set a \
             new value",
        ),
    );
    label(
        &["k", "--remove"],
        (0, "Successfully removed label k from globalnetworksets a", ""),
    );
    label(
        &["k", "--remove"],
        (
            1,
            "",
            "cannot remove label of globalnetworksets a, key k does not exist",
        ),
    );
    label(&["k"], (1, "", "invalid label k"));
    says(
        netdiag,
        &["create", "-f", "-", "--skip-exists"],
        &two,
        (0, "Successfully created 2 'GlobalNetworkSet' resource(s)", ""),
    );
    says(
        netdiag,
        &["delete", "globalnetworkset", "a", "b"],
        "",
        (0, "Successfully deleted 2 'GlobalNetworkSet' resource(s)", ""),
    );
    says(
        netdiag,
        &["delete", "globalnetworkset", "a", "-s"],
        "",
        (0, "Successfully deleted 1 'GlobalNetworkSet' resource(s)", ""),
    );
}

#[test]
fn what_fails_is_told_in_its_words_and_on_its_stream() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = &Netdiag::etcd(&etcd);
    let set = |name: &str| document("GlobalNetworkSet", name, "{nets: [10.0.0.0/8]}");
    netdiag.done(&["create", "-f", "-"], &set("a"));
    says(
        netdiag,
        &["create", "-f", "-"],
        &set("a"),
        (
            1,
            "",
            "failed to create 'GlobalNetworkSet' resource: [resource already exists: GlobalNetworkSet(a) with error: <nil>]",
        ),
    );
    netdiag.done(&["create", "-f", "-"], &set("b"));
    says(
        netdiag,
        &["create", "-f", "-"],
        &(set("a") + &set("b")),
        (
            1,
            "",
            "failed to create any 'GlobalNetworkSet' resources: [resource already exists: GlobalNetworkSet(a) with error: \
             <nil> resource already exists: GlobalNetworkSet(b) with error: <nil>]",
        ),
    );
    says(
        netdiag,
        &["create", "-f", "-"],
        &(set("a") + &set("c")),
        (
            1,
            "Partial success: created the first 1 out of 2 'GlobalNetworkSet' resources:",
            "hit error: [resource already exists: GlobalNetworkSet(a) with error: <nil>]",
        ),
    );
    let lost = document("GlobalNetworkPolicy", "p", "{tier: gone}");
    says(
        netdiag,
        &["apply", "-f", "-"],
        &(set("a") + &set("b") + &lost),
        (
            1,
            "Partial success: applied the first 2 out of 3 resources:",
            "hit error(s): [resource does not exist: Tier(gone) with error: <nil>]",
        ),
    );
    // As recorded: where as many are wrong as are right, apply and validate count none.
    says(
        netdiag,
        &["apply", "-f", "-"],
        &(set("a") + &lost),
        (
            1,
            "",
            "hit error(s): [resource does not exist: Tier(gone) with error: <nil>]",
        ),
    );
    says(
        netdiag,
        &["apply", "-f", "-"],
        &(lost.clone() + &document("NetworkPolicy", "q", "{tier: gone}")),
        (
            1,
            "",
            "failed to apply any resources: [resource does not exist: Tier(gone) with error: <nil> resource does not exist: \
             Tier(gone) with error: <nil>]",
        ),
    );
    says(
        netdiag,
        &["replace", "-f", "-"],
        &set("none"),
        (
            1,
            "Partial success: replaced the first 1 out of 1 'GlobalNetworkSet' resources:",
            "hit error: resource does not exist: GlobalNetworkSet(none) with error: <nil>",
        ),
    );
    says(
        netdiag,
        &["delete", "globalnetworkset", "none"],
        "",
        (
            1,
            "",
            "Failed to delete 'GlobalNetworkSet' resource: resource does not exist: GlobalNetworkSet(none) with error: <nil>",
        ),
    );
    says(
        netdiag,
        &["get", "node", "nope", "-o", "yaml"],
        "",
        (1, "null", "resource does not exist: Node(nope) with error: <nil>"),
    );
    let mut outdated: serde_json::Value =
        serde_json::from_str(&netdiag.done(&["get", "globalnetworkset", "a", "-o", "json"], "")).unwrap();
    outdated["metadata"]["resourceVersion"] = "1".into();
    outdated["spec"]["nets"] = serde_json::json!(["10.2.0.0/16"]);
    says(
        netdiag,
        &["apply", "-f", "-"],
        &outdated.to_string(),
        (
            1,
            "",
            "failed to apply 'GlobalNetworkSet' resource: [update conflict: GlobalNetworkSet(a)]",
        ),
    );
    for (arguments, said) in [
        (
            vec!["get", "bogus"],
            "failed to get resources: resource type 'bogus' is not supported",
        ),
        (vec!["get", "node", ""], "resource name may not be empty"),
        (vec!["get", "node", "-o", "x"], "unrecognized output format 'x'"),
        (
            vec!["get", "node", "-o", "go-template="],
            "need to specify a template",
        ),
        (
            vec!["get", "node", "-o", "go-template-file="],
            "need to specify a template file",
        ),
        (
            vec!["get", "node", "-o", "custom-columns="],
            "need to specify at least one column",
        ),
        (vec!["get", "node", "-n", "x"], "Node is not namespaced"),
        (
            vec!["get", "np", "-n", "x", "-A"],
            "cannot use both --namespace and --all-namespaces flags at the same time",
        ),
        (
            vec!["get", "np", "p", "-A"],
            "cannot use --all-namespace flag for getting a single resource",
        ),
        (
            vec!["apply", "-f", "/nonexistent.yaml"],
            "failed to execute command: open /nonexistent.yaml: no such file or directory",
        ),
        (
            vec!["apply", "-f", "/dev/null"],
            "no resources specified in file /dev/null",
        ),
    ] {
        says(netdiag, &arguments, "", (1, "", said));
    }
    says(
        netdiag,
        &["apply", "--skip-empty", "-f", "-"],
        "",
        (0, "No resources specified", ""),
    );
    let elsewhere =
        "{apiVersion: projectcalico.org/v3, kind: NetworkSet, metadata: {name: a, namespace: one}}";
    let (status, _, told) = netdiag.calicoctl(&["apply", "-n", "two", "-f", "-"], elsewhere);
    assert_eq!(status, 1);
    assert!(
        told.contains("resource namespace does not match client namespace. one != two"),
        "{told}"
    );
    let wrong = "{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: a, namespace: x}}";
    let (_, _, told) = netdiag.calicoctl(&["apply", "-f", "-"], wrong);
    let words =
        "namespace should not be specified for a non-namespaced resource. Node is not a namespaced resource";
    assert!(
        told.starts_with("failed to execute command: ") && told.contains(words),
        "{told}"
    );
    // These are on standard output.
    says(
        netdiag,
        &["ipam", "release", "--ip=x"],
        "",
        (1, "Error executing command: invalid IP address specified: x", ""),
    );
    says(
        netdiag,
        &["get", "nodes", "-c", "/nonexistent"],
        "",
        (1, "Error reading config file: /nonexistent", ""),
    );
    for nowhere in [
        vec![("ETCD_ENDPOINTS", "http://127.0.0.1:1".to_owned())],
        vec![("DATASTORE_TYPE", "bogus".to_owned())],
        vec![
            ("DATASTORE_TYPE", "kubernetes".to_owned()),
            ("KUBECONFIG", "/nonexistent".to_owned()),
        ],
    ] {
        let (status, out, err) = Netdiag(nowhere).calicoctl(&["get", "nodes"], "");
        assert_eq!((status, err.as_str()), (1, ""));
        assert!(out.starts_with("Failed to create Calico API client: "), "{out}");
    }
    for (text, said) in [
        (
            document("ClusterInformation", "default", "{}"),
            "operation apply is not supported on ClusterInformation",
        ),
        (
            document("NetworkPolicy", "knp.default.x", "{}"),
            "kubernetes network policies must be managed through the kubernetes API",
        ),
        (
            document("BGPConfiguration", "other", "{asNumber: 1}"),
            "Cannot set",
        ),
    ] {
        let (status, _, told) = netdiag.calicoctl(&["apply", "-f", "-"], &text);
        assert_eq!(status, 1);
        assert!(told.contains(said), "{told}");
    }
}

/// As recorded of calicoctl v3.32.1 (`mixed-ok-bad.yaml`): what is right is written, each of the others is told.
#[test]
fn of_a_file_that_is_partly_wrong_the_rest_is_written() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = &Netdiag::etcd(&etcd);
    let set = |name: &str| document("GlobalNetworkSet", name, "{nets: [10.0.0.0/8]}");
    let mixed = set("mix-1") + &set("Mix_2") + &set("mix-3");
    let names = || netdiag.done(&["get", "globalnetworksets", "-o", "name"], "");
    let reason = |name: &str| {
        format!(
            "error with field Metadata.Name = '{name}' (name must consist of lower case alphanumeric characters, '-' or '.' \
             (regex: [a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*))"
        )
    };
    for (verb, done, error) in [
        ("validate", "validated", "hit error(s)"),
        ("create", "created", "hit error"),
        ("apply", "applied", "hit error(s)"),
    ] {
        let (status, out, err) = netdiag.calicoctl(&[verb, "-f", "-"], &mixed);
        let counted = format!("Partial success: {done} the first 2 out of 3 'GlobalNetworkSet' resources:\n");
        assert_eq!((status, out), (1, counted));
        assert_eq!(err, format!("{error}: [{}]\n", reason("Mix_2")));
        let there = if verb == "validate" {
            ""
        } else {
            "globalnetworkset/mix-1\nglobalnetworkset/mix-3\n"
        };
        assert_eq!(names(), there);
    }
    // It counts all, and tells of the last.
    let text = set("A_") + &set("mix-1") + &set("none") + &set("mix-3");
    let (_, out, err) = netdiag.calicoctl(&["replace", "-f", "-"], &text);
    assert_eq!(
        out,
        "Partial success: replaced the first 4 out of 4 'GlobalNetworkSet' resources:\n"
    );
    assert_eq!(
        err,
        "hit error: resource does not exist: GlobalNetworkSet(none) with error: <nil>\n"
    );
    let (_, out, err) = netdiag.calicoctl(&["replace", "-f", "-"], &set("A_"));
    assert_eq!(
        out,
        "Partial success: replaced the first 1 out of 1 'GlobalNetworkSet' resources:\n"
    );
    let missing = |name: &str| format!("hit error: resource does not exist: {name} with error: <nil>\n");
    assert_eq!(err, missing("GlobalNetworkSet(A_)"));
    // In the order of the file: what is refused, what the datastore doesn't take, what is refused.
    let text = set("A_") + &set("mix-1") + &set("mix-4") + &set("B_");
    let (_, out, err) = netdiag.calicoctl(&["create", "-f", "-"], &text);
    assert_eq!(
        out,
        "Partial success: created the first 1 out of 4 'GlobalNetworkSet' resources:\n"
    );
    let exists = "resource already exists: GlobalNetworkSet(mix-1) with error: <nil>";
    assert_eq!(
        err,
        format!("hit error: [{} {exists} {}]\n", reason("A_"), reason("B_"))
    );
    // Several files, several kinds, nothing right.
    let (_, out, err) = netdiag.calicoctl(
        &["apply", "-f", "-"],
        &(set("A_") + &document("Tier", "B_", "{}")),
    );
    assert_eq!(out, "");
    assert!(
        err.starts_with("failed to apply any resources: [error with field Metadata.Name = 'A_' ("),
        "{err}"
    );
    // What calicoctl can't read at all, it doesn't begin with.
    let unread = set("mix-5") + &document("GlobalNetworkSet", "mix-6", "{nets: 7}");
    let (status, out, err) = netdiag.calicoctl(&["apply", "-f", "-"], &unread);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.starts_with("failed to execute command: "), "{err}");
    assert!(!names().contains("mix-5"));
    // By its own name, netdiag writes nothing of a file that isn't right.
    netdiag.refused(
        &["apply", "-f", "-"],
        &(set("mix-7") + &set("Mix_8")),
        "nothing was written",
    );
    assert!(!names().contains("mix-7"));
}

#[test]
fn a_newer_cluster_is_warned_of_and_worked_with() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let tier = document("Tier", "t", "{order: 1}");
    let told = |version: &str, more: &[&str]| {
        etcd.put3(
            "/calico/resources/v3/projectcalico.org/clusterinformations/default",
            &format!(
                r#"{{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{{"name":"default"}},"spec":{{"calicoVersion":"{version}"}}}}"#
            ),
        );
        let output = netdiag.output(&[&["apply", "-f", "-"], more].concat(), &tier);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!told("v3.32.0", &[]).contains("warning"));
    assert!(!told("v3.20.4", &[]).contains("warning"));
    let newer = told("v3.40.1", &[]);
    assert!(
        newer.contains("the cluster runs Calico v3.40.1, and netdiag knows releases up to v3.32.1"),
        "{newer}"
    );
    assert!(!told("v3.40.1", &["--allow-version-mismatch"]).contains("warning"));
}

#[test]
fn the_kernel_is_told_in_its_lines() {
    let (status, out, err) = Netdiag(Vec::new()).calicoctl(&["node", "checksystem"], "");
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let head = format!(
        "Checking kernel version...\n\t\t{:<20}\t\t\t\t\tOK\nChecking kernel modules...\n",
        release.trim()
    );
    let rest = out.strip_prefix(&head).unwrap_or_else(|| panic!("{out}"));
    let mut modules = 0;
    for line in rest.lines().filter(|line| !line.starts_with("System meets")) {
        let ends = |words: &[&str]| {
            words
                .iter()
                .any(|word| line.ends_with(&format!("\t\t\t\t\t{word}")))
        };
        let detected = line.starts_with("\t\t") && ends(&["OK", "FAIL", "SKIP"]);
        let unknown = line.starts_with("WARNING: Unable to detect the ")
            && line.ends_with(" module as Loaded/Builtin module or lsmod");
        assert!(detected || unknown, "{line:?}");
        modules += 1;
    }
    assert!(modules > 10, "{out}");
    match status {
        0 => assert!(
            rest.ends_with("System meets minimum system requirements to run Calico!\n") && err.is_empty()
        ),
        1 => assert_eq!(
            err,
            "system doesn't meet one or more minimum systems requirements to run Calico\n"
        ),
        other => panic!("{other}: {out}{err}"),
    }
}

#[test]
fn a_wrong_field_is_named_as_in_gos_structures() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = &Netdiag::etcd(&etcd);
    let node = document("Node", "node-9", "{bgp: {ipv4Address: 192.168.80.299/24}}");
    let tag = "error with field IPv4Address = '192.168.80.299/24' (Reason: failed to validate Field: IPv4Address because of \
               Tag: cidrv4 )";
    for verb in ["validate", "apply", "create"] {
        let (status, out, err) = netdiag.calicoctl(&[verb, "-f", "-"], &node);
        assert_eq!((status, out.as_str()), (1, ""));
        assert_eq!(err, format!("failed to {verb} 'Node' resource: [{tag}]\n"));
    }
    // What is replaced is looked for before its fields are looked at, and what failed counts.
    let there = "Partial success: replaced the first 1 out of 1 'Node' resources:\n";
    let replace = || netdiag.calicoctl(&["replace", "-f", "-"], &node);
    let missing = "hit error: resource does not exist: Node(node-9) with error: <nil>\n";
    assert_eq!(replace(), (1, there.to_owned(), missing.to_owned()));
    netdiag.done(&["create", "-f", "-"], &document("Node", "node-9", "{}"));
    assert_eq!(replace(), (1, there.to_owned(), format!("hit error: {tag}\n")));
    let two =
        document("IPPool", "a", "{cidr: 10.9.0.0/30}") + &document("IPPool", "b", "{cidr: 10.300.0.0/16}");
    let (_, _, err) = netdiag.calicoctl(&["apply", "-f", "-"], &two);
    assert_eq!(
        err,
        "failed to apply any 'IPPool' resources: [error with field IPPool.Spec.CIDR = '10.9.0.0/30' (IP pool size is too \
         small for use with Calico IPAM. It must be equal to or greater than the block size.) error with field \
         IPPool.Spec.CIDR = '10.300.0.0/16' (IPPool CIDR must be a valid subnet)]\n"
    );
    let several = document(
        "Node",
        "n9",
        "{bgp: {ipv4Address: fd00::1, ipv6Address: 10.0.0.1}}",
    );
    let (_, _, err) = netdiag.calicoctl(&["apply", "-f", "-"], &several);
    assert!(
        err.starts_with("failed to apply 'Node' resource: [error with the following fields:\n-  IPv4Address = 'fd00::1' (Reason: ")
            && err.contains("\n-  IPv6Address = '10.0.0.1' (Reason: ")
            && err.ends_with(" )\n]\n"),
        "{err}"
    );
    // What calicoctl can't even read is told by its place.
    let unread = document("Node", "n9", "{bgp: {ipv4Adress: 10.0.0.1}}");
    let (_, _, err) = netdiag.calicoctl(&["apply", "-f", "-"], &unread);
    assert!(err.starts_with("failed to execute command: "), "{err}");
}

/// What calicoctl v3.32.1 stored of the same document.
#[test]
fn what_is_not_quoted_becomes_calicoctl_s_text() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = &Netdiag::etcd(&etcd);
    let set = "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: 5,
        labels: {a: 1, b: true, c: 1.50, d: 0x10, e: yes, f: 1e3, h: 017, on: off, w: }}, spec: {nets: [10.0.0.0/8]}}";
    netdiag.refused(
        &["apply", "-f", "-"],
        set,
        "is the number 5, must be a text: quote it, \"5\"",
    );
    let applied = "Successfully applied 1 'GlobalNetworkSet' resource(s)";
    says(netdiag, &["apply", "-f", "-"], set, (0, applied, ""));
    let labels = netdiag.done(
        &[
            "get",
            "globalnetworkset",
            "5",
            "-o",
            "jsonpath={.metadata.labels}",
        ],
        "",
    );
    let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
    let stored = serde_json::json!({"a": "1", "b": "true", "c": "1.5", "d": "16", "e": "true", "f": "1000", "h": "15",
        "true": "false", "w": ""});
    assert_eq!(labels, stored);
    let endpoint = "{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: h},
        spec: {node: 12, interfaceName: 5, profiles: [1, true], expectedIPs: [10.0.0.1]}}";
    let validated = "Successfully validated 1 'HostEndpoint' resource(s)";
    says(netdiag, &["validate", "-f", "-"], endpoint, (0, validated, ""));
    // A text where something else is wanted stays one.
    let pool = document("IPPool", "p", "{cidr: 10.0.0.0/16, natOutgoing: \"true\"}");
    let (status, _, error) = netdiag.calicoctl(&["validate", "-f", "-"], &pool);
    assert_eq!(status, 1, "{error}");
}
