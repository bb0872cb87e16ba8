//! Names of any kind, and names that are nobody's.

use std::path::Path;
use std::process::Command;

use super::trace;

#[test]
fn a_misspelt_name_gets_those_that_are_like_it() {
    let (text, status) = trace("flannel_healthy-vxlan", &["n1/pd1", "n2/pod1"], &[]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("n1/pd1: no node, pod, container or namespace"),
        "{text}"
    );
    assert!(text.contains("did you mean n1/pod1"), "{text}");
    let (text, status) = trace("flannel_healthy-vxlan", &["n1", "nothing-like-it"], &[]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("seen: ") && text.contains(", n1, n1/pod1, "),
        "{text}"
    );
}

#[test]
fn an_ambiguous_name_is_listed() {
    let (text, status) = trace("flannel_healthy-vxlan", &["pod1", "n2/pod1"], &[]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("pod1 is several: n1/pod1, n2/pod1, n3/pod1"),
        "{text}"
    );
    assert!(text.contains("name one as NODE/POD"), "{text}");
}

#[test]
fn names_and_addresses_of_one_namespace_mean_the_same() {
    let (by_name, _) = trace("flannel_healthy-vxlan", &["n1/pod1", "n2/pod1"], &[]);
    let (by_address, _) = trace("flannel_healthy-vxlan", &["10.244.1.2", "10.244.2.2"], &[]);
    assert_eq!(by_name, by_address);
}

#[test]
fn a_service_goes_by_its_name_where_objects_are_there() {
    let (text, status) = trace("kube_healthy-iptables", &["n1/pod2", "svc/web", "tcp/80"], &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("no service web among the objects"), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("services.yaml");
    std::fs::write(
        &file,
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\n\
         spec: {clusterIP: 10.96.0.10, ports: [{port: 80, protocol: TCP}]}\n",
    )
    .unwrap();
    let objects = file.to_str().unwrap();
    for name in ["svc/web", "svc/default/web", "default/web"] {
        let ask = ["n1/pod2", name, "tcp/80", "--objects", objects];
        let (text, status) = trace("kube_healthy-iptables", &ask, &[]);
        // The objects name no endpoints: that rules have some is a finding of its own.
        assert_ne!(status, 1, "{text}");
        assert!(
            text.starts_with("n1/pod2 → service default/web (10.96.0.10), tcp/80: arrives"),
            "{text}"
        );
    }
}

/// The recorded network with two nodes, without all but one of them, and its objects.
fn alone(directory: &std::path::Path) -> String {
    let whole = directory.join("whole.json");
    let merged = std::process::Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["snapshot", "merge", "-o"])
        .arg(&whole)
        .arg(super::walks().join("bgp_healthy.zst"))
        .output()
        .unwrap();
    assert!(
        merged.status.success(),
        "{}",
        String::from_utf8_lossy(&merged.stderr)
    );
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(&whole).unwrap()).unwrap();
    let nodes = snapshot["nodes"].as_array_mut().unwrap();
    nodes.retain(|node| node["name"] == "n1");
    std::fs::write(&whole, snapshot.to_string()).unwrap();
    let objects = directory.join("objects.yaml");
    let node = |name: &str, ip: &str| {
        format!(
            "---\napiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: {name}}}\n\
             spec: {{bgp: {{ipv4Address: {ip}/24}}}}\n"
        )
    };
    std::fs::write(
        &objects,
        node("n1", "192.168.80.23") + &node("n2", "192.168.80.24"),
    )
    .unwrap();
    objects.to_str().unwrap().to_owned()
}

#[test]
fn a_node_that_was_not_seen_is_named_by_the_objects_and_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let objects = alone(directory.path());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args([
            "trace",
            "n1/pod1",
            "10.233.64.129",
            "--objects",
            &objects,
            "--snapshot",
        ])
        .arg(directory.path().join("whole.json"))
        .env_clear()
        .env("COLUMNS", "80")
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("which is n2: no state of that node"), "{text}");
    assert!(flat.contains("netdiag snapshot save --nodes n2"), "{text}");
    assert!(flat.contains("assumed from here on"), "{text}");
}

/// Snapshots of the first form say nothing of flags and scopes.
#[test]
fn a_node_is_not_reached_by_its_loopback_address() {
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/first_found/broken");
    let output = Command::new(env!("CARGO_BIN_EXE_netdiag"))
        .args(["trace", "node1", "node2", "--snapshot"])
        .arg(snapshot)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("node2 (192.168.80.24)"), "{text}");
}
