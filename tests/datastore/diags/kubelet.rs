//! A cluster with one of Calico's pods, in which commands are run; those of ip(8) are those of this machine.

use std::net::TcpListener;
use std::process::Command;

use netdiag_lab::kubelet::{Exec, Kubelet, Pods, Protocol};
use serde_json::{Value, json};

/// There until it is dropped.
pub(super) fn start() -> Kubelet {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    Kubelet::start(listener, Protocol::V5, OnePod).unwrap()
}

struct OnePod;

impl Pods for OnePod {
    fn document(&self, path: &str) -> Option<Value> {
        let felix = "/apis/crd.projectcalico.org/v1";
        Some(match path {
            "/version" => json!({"major": "1"}),
            "/apis" => json!({"groups": [{"name": "crd.projectcalico.org",
                "preferredVersion": {"groupVersion": "crd.projectcalico.org/v1"}}]}),
            path if path == felix => {
                json!({"resources": [{"name": "felixconfigurations", "verbs": ["list"]}]})
            }
            path if path.starts_with(felix) => json!({"kind": "FelixConfigurationList", "apiVersion": "v1",
                "items": [{"metadata": {"name": "default"}, "spec": {"bpfEnabled": true}}]}),
            "/api/v1/pods" => json!({"kind": "PodList", "apiVersion": "v1", "items": [{
                "metadata": {"namespace": "calico-system", "name": "calico-node-x1",
                    "ownerReferences": [{"name": "calico-node"}]},
                "spec": {"nodeName": "kn1", "containers": [{"name": "calico-node"}]}}]}),
            _ => return None,
        })
    }

    fn command(&self, exec: &Exec) -> Result<Command, String> {
        assert_eq!(exec.place, "calico-system/calico-node-x1/calico-node");
        let line = exec.words.join(" ");
        let script = match exec.words[0].as_str() {
            // As where a container's runtime doesn't find the program.
            "tc" => return Err("executable file not found: tc".to_owned()),
            "ip" => r#"exec "$@""#,
            // Longer than anybody waits.
            "ipset" => "exec sleep 10",
            "nft" => "echo nft: no kernel support >&2; exit 3",
            _ if line == "calico component node bpf nat dump --json" => "echo {}",
            "calico" => "echo unknown command >&2; exit 1",
            _ if line == "bpftool map list" => "echo '35: hash  name cali_v4_ct  flags 0x0'",
            _ => r#"echo "$*"; echo "ExtAuth password=hunter2-secret""#,
        };
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).args(&exec.words);
        Ok(command)
    }
}

pub(super) fn ip<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> String {
    let output = Command::new("ip").args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
