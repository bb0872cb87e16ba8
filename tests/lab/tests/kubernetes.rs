//! The API server of tests: it serves, its users may what they may, and nothing of it stays.

use std::{fs, process::Command, time::Duration};

use netdiag_lab::{Kubernetes, or_skip, wait_until};
use serde_json::json;

#[test]
fn an_api_server_keeps_objects_for_those_who_may_write_them() {
    let Some(kubernetes) = or_skip(Kubernetes::shared()) else {
        return;
    };
    assert!(kubernetes.took < Duration::from_secs(60), "{:?}", kubernetes.took);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}});
    kubernetes.create("/api/v1/nodes", &node).unwrap();
    let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}});
    let (code, _) = kubernetes
        .request("PATCH", "/api/v1/nodes/n1/status", Some(&status))
        .unwrap();
    assert_eq!(code, 200);
    let found = kubernetes.get("/api/v1/nodes/n1").unwrap().unwrap();
    assert_eq!(found["status"]["addresses"][0]["address"], "192.0.2.1");
    assert_eq!(kubernetes.get("/api/v1/nodes/n2").unwrap(), None);
    kubernetes.delete("/api/v1/nodes/n1").unwrap();
    assert_eq!(kubernetes.get("/api/v1/nodes/n1").unwrap(), None);
}

#[test]
fn nothing_of_an_api_server_stays() {
    let Some(kubernetes) = or_skip(Kubernetes::start()) else {
        return;
    };
    let (file, port) = (kubernetes.file("ca.pem"), kubernetes.port());
    assert!(fs::exists(&file).unwrap());
    drop(kubernetes);
    assert!(!fs::exists(file.parent().unwrap()).unwrap());
    wait_until("the port is closed", Duration::from_secs(5), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    })
    .unwrap();
    let listed = Command::new("ps")
        .args(["-ww", "-o", "args", "-A"])
        .output()
        .unwrap();
    let port = format!("--secure-port={port}");
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(&port));
}
