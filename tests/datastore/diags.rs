//! `cluster diags` through a real API server: what it collects, and what must not be in it.

mod kubelet;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use netdiag::calico::crd::Group;
use netdiag_lab::{Kubernetes, or_skip};
use serde_json::{Value, json};

use crate::command::Netdiag;
use crate::kubernetes::{as_user, create, define};

/// Files of an archive, by their path below its one directory.
fn unpacked(archive: &Path) -> BTreeMap<String, String> {
    let file = std::fs::File::open(archive).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let (root, path) = path.split_once('/').unwrap();
        assert!(root.starts_with("calico-diagnostics-20"), "{root}");
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(path.to_owned(), text);
    }
    files
}

/// What stands for every secret, and its base64.
const SECRET: [&str; 2] = ["hunter2-secret", "aHVudGVyMi1zZWNyZXQ="];

fn cluster(kubernetes: &Kubernetes) {
    for namespace in ["calico-system", "shop"] {
        create(
            kubernetes,
            "/api/v1/namespaces",
            "Namespace",
            namespace,
            &json!({}),
        );
    }
    create(kubernetes, "/api/v1/nodes", "Node", "dn1", &json!({}));
    let pod = |namespace: &str, name: &str, owner: &str| {
        let pod = json!({
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET[0]},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": owner, "uid": "1"}]},
            "spec": {"nodeName": "dn1", "containers": [{"name": "calico-node", "image": "x",
                "args": ["--token", SECRET[0]],
                "env": [{"name": "ETCD_PASSWORD", "value": SECRET[0]}, {"name": "IP", "value": "autodetect"}]}]},
        });
        create(
            kubernetes,
            &format!("/api/v1/namespaces/{namespace}/pods"),
            "Pod",
            name,
            &pod,
        );
    };
    pod("calico-system", "calico-node-abc", "calico-node");
    pod("shop", "web-0", "web");
    create(
        kubernetes,
        "/api/v1/namespaces/calico-system/configmaps",
        "ConfigMap",
        "calico-config",
        &json!({"data": {"veth_mtu": "1440", "cni_network_config": format!("{{\"k8s_auth_token\": \"{}\"}}", SECRET[0])}}),
    );
    let secret = |name: &str, kind: &str, data: Value| {
        let secret = json!({"type": kind, "data": data});
        create(
            kubernetes,
            "/api/v1/namespaces/calico-system/secrets",
            "Secret",
            name,
            &secret,
        );
    };
    secret(
        "typha-tls",
        "kubernetes.io/tls",
        json!({"tls.crt": "Y2VydGlmaWNhdGU=", "tls.key": SECRET[1]}),
    );
    secret(
        "node-certs",
        "Opaque",
        json!({"cert": "Y2VydGlmaWNhdGU=", "key": SECRET[1]}),
    );
    secret("bgp-passwords", "Opaque", json!({"rr": SECRET[1]}));
}

fn diags(netdiag: &Netdiag, more: &[&str]) -> (BTreeMap<String, String>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("d.tar.gz");
    let words = [&["cluster", "diags", "-o", file.to_str().unwrap()], more].concat();
    let output = netdiag.output(&words, "");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (unpacked(&file), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_cluster_is_collected_without_its_secrets() {
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    define(&kubernetes, Group::Classic);
    cluster(&kubernetes);
    let netdiag = as_user(&kubernetes, "admin");
    netdiag.done(
        &["apply", "-f", "-"],
        "{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: dp}, spec: {cidr: 10.244.0.0/16}}",
    );
    let (files, said, told) = diags(&netdiag, &["--since=1h", "--focus-nodes=dn1"]);
    assert!(
        said.starts_with("==== Begin collecting diagnostics. ====\n"),
        "{said}"
    );
    assert!(said.contains("Diagnostic bundle created at "), "{said}");
    for (file, words) in [
        ("cluster/version.yaml", "major: \"1\""),
        (
            "cluster/crd/ippools.crd.projectcalico.org.yaml",
            "cidr: 10.244.0.0/16",
        ),
        ("cluster/crd/ippools.crd.projectcalico.org.txt", "NAME"),
        ("cluster/crd/tiers.crd.projectcalico.org.yaml", "name: kube-admin"),
        ("cluster/kubernetes/nodes.yaml", "name: dn1"),
        ("cluster/kubernetes/pods.yaml", "name: web-0"),
        ("cluster/kubernetes/pods.yaml", "value: autodetect"),
        ("cluster/kubernetes/pods.txt", "calico-system   calico-node-abc"),
        ("cluster/kubernetes/configmaps.yaml", "veth_mtu: \"1440\""),
        ("cluster/kubernetes/apiservices.yaml", "v1.crd.projectcalico.org"),
        (
            "cluster/kubernetes/customresourcedefinitions.txt",
            "ippools.crd.projectcalico.org",
        ),
        (
            "cluster/calico-system/calico-system.yaml",
            "name: calico-node-abc",
        ),
        ("cluster/tigera-operator/tigera-operator.yaml", "items: []"),
        ("tls/calico-system_typha-tls.yaml", "tls.crt: Y2VydGlmaWNhdGU="),
        ("tls/calico-system_node-certs.yaml", "cert: Y2VydGlmaWNhdGU="),
        ("nodes/dn1/calico-system/calico-node-abc.yaml", "kind: Pod"),
        // There is no kubelet here: that is told, not left out.
        (
            "missing.txt",
            "nodes/dn1/calico-system/calico-node-abc.log: container calico-node: ",
        ),
        ("missing.txt", "nodes/dn1/ip-route.txt: ip: "),
    ] {
        let text = files
            .get(file)
            .unwrap_or_else(|| panic!("{file} is not among {:?}", files.keys()));
        assert!(text.contains(words), "{file}: {text}");
    }
    assert!(told.contains("13 files could not be collected"), "{told}");
    assert!(
        !files
            .keys()
            .any(|file| file.contains("web-0") || file.contains("bgp-passwords"))
    );
    for (file, text) in &files {
        for secret in SECRET {
            assert!(!text.contains(secret.trim_end_matches('=')), "{file}: {text}");
        }
    }
    // Every kind of Calico that the server has is there, and what netdiag shows of it.
    let pools: Vec<_> = files
        .keys()
        .filter(|file| file.starts_with("cluster/crd/"))
        .collect();
    assert!(pools.len() >= 2 * 20, "{pools:?}");

    // Who may read nothing gets an archive that says so; nobody to ask is an error, and writes nothing.
    let (files, _, told) = diags(&as_user(&kubernetes, "nobody"), &[]);
    assert!(files["missing.txt"].contains("not allowed: "), "{files:?}");
    assert!(told.contains("missing.txt in the archive says why"), "{told}");
    let directory = tempfile::tempdir().unwrap();
    let file = kubernetes.kubeconfig("admin", "https://127.0.0.1:1").unwrap();
    let nowhere = Netdiag(vec![("KUBECONFIG", file.to_str().unwrap().to_owned())]);
    let archive = directory.path().join("none");
    nowhere.refused(
        &["cluster", "diags", "-o", archive.to_str().unwrap()],
        "",
        "https://127.0.0.1:1",
    );
    assert!(!archive.exists());
    nowhere.refused(&["cluster", "diags", "--since", "soon"], "", "such as 30m");
}

#[test]
fn tables_of_nodes_come_by_exec_and_what_fails_is_told() {
    let kubelet = kubelet::start();
    let netdiag = Netdiag(vec![
        ("DATASTORE_TYPE", "kubernetes".to_owned()),
        ("K8S_API_ENDPOINT", kubelet.url()),
    ]);
    let (files, _, told) = diags(&netdiag, &["--timeout", "0.5"]);
    for (file, command) in [("ip-link.txt", "link"), ("ip-rule.txt", "rule")] {
        // Others' links come and go beside this test.
        let numbers = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with(' '));
            lines
                .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
                .collect()
        };
        let there = numbers(&kubelet::ip(&[command]));
        let known = there
            .iter()
            .any(|number| numbers(&files[&format!("nodes/kn1/{file}")]).contains(number));
        assert!(known, "{file}: {files:?}");
    }
    assert!(files.contains_key("nodes/kn1/ip-route-v6.txt"));
    for (file, words) in [
        ("conntrack-list.txt", "conntrack -LSC\n"),
        ("iptables-nft-save.txt", "iptables-nft-save -c\n"),
        ("bpf-nat.json", "{}\n"),
        ("bpf-nat-aff.txt", "calico-node -bpf nat aff\n"),
        ("bpf-maps/cali_v4_ct-id_35.txt", "bpftool map dump id 35\n"),
    ] {
        let text = files.get(&format!("nodes/kn1/{file}"));
        let text = text.unwrap_or_else(|| panic!("{file} is not among {:?}", files.keys()));
        assert!(text.starts_with(words), "{file}: {text}");
        assert!(!text.contains(SECRET[0]), "{file}: {text}");
    }
    let missing = &files["missing.txt"];
    for line in [
        "nodes/kn1/nft-ruleset.txt: nft ended with 3: nft: no kernel support",
        "nodes/kn1/tc-qdisc.txt: tc: ",
        "nodes/kn1/ipset-list.txt: ipset: no answer within 6 s",
    ] {
        assert!(missing.contains(line), "{line}: {missing}");
    }
    assert!(told.contains("could not be collected"), "{told}");
}
