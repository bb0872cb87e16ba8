//! Secrets of all kinds are on a node: none of them gets into its snapshot.

use std::fs::File;

use netdiag_lab::{Daemon, Fault, StoryPlan, or_skip};

use crate::netdiag::{PROGRAM, netdiag};

/// In every secret; what follows says which one got through.
const MARK: &str = "hunter2";

/// A process with a secret in its environment, and one in its arguments.
fn process(called: &str) -> Daemon {
    Daemon {
        program: "/bin/sh".into(),
        called: called.into(),
        arguments: [
            "-c",
            "sleep 600; :",
            "sh",
            &format!("--token={MARK}-argument-of-{called}"),
        ]
        .map(str::to_owned)
        .into(),
        environment: [
            "ETCD_PASSWORD",
            "CALICO_API_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "ETCD_KEY",
        ]
        .map(|name| (name.to_owned(), format!("{MARK}-{name}-of-{called}")))
        .into(),
        log: format!("/var/log/{called}.log"),
    }
}

/// Configuration of the kinds that hold tokens, where the programs look for it.
const FILES: [(&str, &str); 7] = [
    (
        "/etc/cni/net.d/10-calico.conflist",
        r#"{"cniVersion": "0.3.1", "name": "k8s-pod-network",
        "plugins": [{"type": "calico", "etcd_endpoints": "https://root:hunter2-cni-url@10.0.0.1:2379",
        "etcd_password": "hunter2-cni-etcd", "policy": {"type": "k8s", "k8s_auth_token": "hunter2-cni-token"}}]}"#,
    ),
    (
        "/etc/cni/net.d/calico-kubeconfig",
        "users:\n- name: calico\n  user:\n    token: hunter2-cni-kubeconfig\n",
    ),
    (
        "/etc/calico/felix.cfg",
        "[global]\nEtcdPassword = hunter2-felix-cfg\n",
    ),
    (
        "/etc/docker/daemon.json",
        r#"{"labels": ["token=hunter2-docker-label"], "cluster-store": "etcd://u:hunter2-docker@h"}"#,
    ),
    (
        "/root-lab/.kube/config",
        "users:\n- user: {password: hunter2-kubeconfig}\n",
    ),
    ("/var/lib/kubelet/config.yaml", "token: hunter2-kubelet\n"),
    (
        "/etc/wireguard/wg0.conf",
        "[Interface]\nPrivateKey = hunter2-wireguard\n",
    ),
];

#[test]
fn no_secret_of_a_node_is_in_its_snapshot() {
    let Some(story) = or_skip(StoryPlan::first_found().healthy().up()) else {
        return;
    };
    story
        .inject(Fault::Password {
            on: "node1",
            peer: "node2",
            password: "hunter2-bird-cfg",
        })
        .unwrap();
    let node = story.node("node1");
    for (path, text) in FILES {
        let path = path.replace("/root-lab", "/run/lab/home");
        node.write(&path, text).unwrap();
    }
    for called in [
        "kubelet",
        "dockerd",
        "containerd",
        "kube-proxy",
        "flanneld",
        "etcd",
    ] {
        node.start(&format!("secret-{called}"), &process(called)).unwrap();
    }
    // Felix, as calico-node starts it, with the datastore's password in its environment.
    node.kill("felix").unwrap();
    let felix = Daemon {
        arguments: ["-c", "sleep 600; :"].map(str::to_owned).into(),
        ..process("calico-felix")
    };
    node.start("felix", &felix).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let packed = directory.path().join("node1.zst");
    let saved = netdiag(
        &story,
        "node1",
        &["snapshot", "save", "-o", packed.to_str().unwrap()],
    );
    assert_eq!(saved.code(), Some(0), "{}", saved.stderr);
    let plain = directory.path().join("node1.json");
    let unpacked = std::process::Command::new(PROGRAM)
        .args(["snapshot", "merge"])
        .arg(&packed)
        .arg("-o")
        .arg(&plain)
        .status()
        .unwrap();
    assert!(unpacked.success());
    let text = std::fs::read_to_string(&plain).unwrap();
    assert!(
        text.contains("calico-felix") && text.contains("Mesh_192_168_80_24"),
        "what is looked for was looked at"
    );
    let leaks: Vec<&str> = text.lines().filter(|line| line.contains(MARK)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &File::open(&packed).unwrap().metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn credentials_of_the_datastore_are_not_in_a_snapshot() {
    let Some(story) = or_skip(StoryPlan::first_found().up()) else {
        return;
    };
    for endpoint in [
        "http://root:hunter2-url@192.168.80.23:6666",
        "http://192.168.80.23:6666",
    ] {
        let saved = story
            .netdiag(PROGRAM, "node1", &["snapshot", "save", "--json"])
            .env("ETCD_ENDPOINTS", endpoint)
            .env("ETCD_USERNAME", "root")
            .env("ETCD_PASSWORD", "hunter2-password")
            .output()
            .unwrap();
        assert!(!saved.stdout.contains(MARK), "{}", saved.stdout);
    }
}
