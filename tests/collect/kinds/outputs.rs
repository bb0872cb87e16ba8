//! What the tools print in a node and in its pods, as a bundle that netdiag reads.

use std::fmt::Write;
use std::time::Duration;

use netdiag::parse::bundle::{Content, Folder, snapshot};
use netdiag::parse::ip_json;
use netdiag::state::NodeState;
use netdiag::state::kind::BridgePort;
use netdiag::state::link::IfIndex;
use netdiag_lab::{Node, Result};

/// What iproute2 prints with `-j`, and as text without it: the tool, the file's name, what is asked.
const BOTH_FORMS: [[&str; 3]; 10] = [
    ["ip", "link", "link show"],
    ["ip", "addr", "addr show"],
    ["ip -4", "route", "route show table all"],
    ["ip -6", "route6", "route show table all"],
    ["ip -4", "rule", "rule show"],
    ["ip -6", "rule6", "rule show"],
    ["ip", "neigh", "neigh show nud all"],
    ["ip", "neigh-proxy", "neigh show proxy"],
    ["ip", "nexthop", "nexthop show"],
    ["bridge", "fdb", "fdb show"],
];

/// File and command.
const COMMANDS: [(&str, &str); 8] = [
    ("vlan.json", "bridge -j vlan show"),
    ("bridge-link.json", "bridge -d -j link show"),
    ("iptables-nft-save.txt", "iptables-nft-save -c"),
    ("ip6tables-nft-save.txt", "ip6tables-nft-save -c"),
    ("iptables-legacy-save.txt", "iptables-legacy-save -c"),
    ("ip6tables-legacy-save.txt", "ip6tables-legacy-save -c"),
    ("nft.json", "nft -j list ruleset"),
    ("sysctl.txt", "sysctl net"),
];

/// What the tools printed.
pub(super) struct Printed {
    /// read by netdiag's parsers: JSON where there is any, and text
    pub(super) forms: [NodeState; 2],
    files: Folder,
}

impl Printed {
    /// The ports of bridges, as bridge(8) prints them in the node itself, or in a pod.
    pub(super) fn ports(&self, pod: Option<&str>) -> Vec<(IfIndex, BridgePort)> {
        let folder = match pod {
            Some(pod) => &self.files.folders[pod],
            None => &self.files,
        };
        match &folder.files["bridge-link.json"] {
            Content::Text(text) => ip_json::ports(text).unwrap(),
            Content::Unreadable(why) => panic!("{why}"),
        }
    }
}

/// Lines for the shell that print all files of a namespace; `$1` goes before their names.
fn all() -> String {
    let mut lines = String::new();
    let mut line = |file: &str, command: &str| {
        // Some parts of sysctl nobody may read.
        _ = writeln!(
            lines,
            "echo \"@@ $1{file}\"; {command} 2>/dev/null || test {file} = sysctl.txt; echo"
        );
    };
    for [tool, file, command] in BOTH_FORMS {
        line(&format!("{file}.json"), &format!("{tool} -d -j {command}"));
        line(&format!("{file}.txt"), &format!("{tool} -d {command}"));
    }
    for (file, command) in COMMANDS {
        line(file, command);
    }
    lines
}

/// Runs all of them in the node and in these pods.
pub(super) fn printed(node: &Node, pods: &[&str]) -> Result<Printed> {
    let mut script = format!(
        "set -e\nall() {{\n{}}}\nif [ $# = 1 ]; then all \"$1\"; exit; fi\nall ''\n",
        all()
    );
    for pod in pods {
        _ = writeln!(script, "ip netns exec {pod} sh /run/lab/outputs {pod}/");
    }
    node.write("/run/lab/outputs", &script)?;
    let text = node
        .run(["sh", "/run/lab/outputs"])
        .within(Duration::from_secs(60))
        .ok()?;
    let (mut files, mut as_text) = (Folder::default(), Folder::default());
    for part in text.split("@@ ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap();
        let content = || Content::Text(text.to_owned());
        let name = path.rsplit('/').next().unwrap();
        let (stem, extension) = name.rsplit_once('.').unwrap();
        let both = BOTH_FORMS.iter().any(|[_, file, _]| *file == stem);
        if !both || extension == "json" {
            files.insert(path, content());
        }
        if !both || extension == "txt" {
            as_text.insert(path, content());
        }
    }
    let forms = [&files, &as_text].map(|files| {
        let mut read = snapshot(files, node.name()).unwrap();
        assert_eq!(read.nodes.len(), 1);
        read.nodes.remove(0)
    });
    Ok(Printed { forms, files })
}
