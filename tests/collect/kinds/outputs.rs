//! What the tools print in a node and in its pods, as a bundle that netdiag reads.

use std::time::Duration;

use netdiag::parse::bundle::{Content, Folder, snapshot};
use netdiag::parse::ip_json;
use netdiag::state::NodeState;
use netdiag::state::kind::BridgePort;
use netdiag::state::link::IfIndex;
use netdiag_lab::{Node, Result};

/// File and command; what a tool complains of goes to where its output does not.
const COMMANDS: [(&str, &str); 18] = [
    ("link.json", "ip -d -j link show"),
    ("addr.json", "ip -d -j addr show"),
    ("route.json", "ip -4 -d -j route show table all"),
    ("route6.json", "ip -6 -d -j route show table all"),
    ("rule.json", "ip -4 -d -j rule show"),
    ("rule6.json", "ip -6 -d -j rule show"),
    ("neigh.json", "ip -d -j neigh show nud all"),
    ("neigh-proxy.json", "ip -d -j neigh show proxy"),
    ("nexthop.json", "ip -d -j nexthop show"),
    ("fdb.json", "bridge -j fdb show"),
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
    /// read by netdiag's parsers
    pub(super) node: NodeState,
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

/// Runs all of them in the node and in these pods.
pub(super) fn printed(node: &Node, pods: &[&str]) -> Result<Printed> {
    let mut script = String::from("all() {\n");
    for (file, command) in COMMANDS {
        // Some parts of sysctl nobody may read.
        script += &format!("echo \"@@ $1{file}\"; {command} 2>/dev/null || test {file} = sysctl.txt; echo\n");
    }
    script += "}\nset -e\nif [ $# = 1 ]; then all \"$1\"; exit; fi\nall ''\n";
    for pod in pods {
        script += &format!("ip netns exec {pod} sh /run/lab/outputs {pod}/\n");
    }
    node.write("/run/lab/outputs", &script)?;
    let text = node
        .run(["sh", "/run/lab/outputs"])
        .within(Duration::from_secs(60))
        .ok()?;
    let mut files = Folder::default();
    for part in text.split("@@ ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap();
        files.insert(path, Content::Text(text.to_owned()));
    }
    let mut read = snapshot(&files, node.name()).unwrap();
    assert_eq!(read.nodes.len(), 1);
    Ok(Printed {
        node: read.nodes.remove(0),
        files,
    })
}
