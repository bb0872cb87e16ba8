//! What the tools say, and whether netdiag says the same.

use std::collections::BTreeMap;

use netdiag::parse;
use netdiag::state::Netns;
use netdiag::state::conntrack::{Conntrack, Flow, FlowStatus};
use netdiag::state::socket::TcpState;
use netdiag_lab::Lab;
use serde_json::Value;

/// Links and addresses of a pod of node1.
pub(crate) fn links(lab: &Lab, pod: &str, net: &Netns) {
    let text = lab
        .node("node1")
        .run(["ip", "-n", pod, "-d", "-j", "address"])
        .ok()
        .unwrap();
    let tool: Vec<Value> = serde_json::from_str(&text).unwrap();
    let links = net.links.known().unwrap();
    assert_eq!(links.len(), tool.len());
    for (link, tool) in links.iter().zip(&tool) {
        assert_eq!(link.name, tool["ifname"]);
        assert_eq!(link.index.0, tool["ifindex"]);
        assert_eq!(link.mtu, tool["mtu"]);
        assert_eq!(link.kind.as_deref(), tool["linkinfo"]["info_kind"].as_str());
        let lower = link
            .lower
            .map(|lower| (u64::from(lower.index.0), lower.netns.map(|id| i64::from(id.0))));
        let expected = tool["link_index"]
            .as_u64()
            .map(|index| (index, tool["link_netnsid"].as_i64()));
        assert_eq!(lower, expected, "{}", link.name);
        let addresses: Vec<String> = net
            .addresses
            .items()
            .iter()
            .filter(|address| address.link == link.index)
            .map(|address| address.ip.to_string())
            .collect();
        for address in tool["addr_info"].as_array().unwrap() {
            assert!(
                addresses.iter().any(|ip| *ip == address["local"]),
                "{address} of {addresses:?}"
            );
        }
    }
}

/// The other end of a veth, by the driver's own words.
pub(crate) fn peer_ifindex(lab: &Lab, link: &str) -> u32 {
    let text = lab.node("node1").run(["ethtool", "-S", link]).ok().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("peer_ifindex: "));
    line.unwrap().parse().unwrap()
}

/// The numbers that node1's namespace has for others.
pub(crate) fn numbers(lab: &Lab) -> Vec<i32> {
    let text = lab.node("node1").run(["ip", "netns", "list-id"]).ok().unwrap();
    let mut numbers: Vec<i32> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Every value that was read is the one that `sysctl -a` prints.
pub(crate) fn sysctls(tool: &str, read: &BTreeMap<String, String>) {
    let tool: BTreeMap<&str, &str> = tool
        .lines()
        .filter_map(|line| line.split_once(" ="))
        .map(|(key, value)| (key, value.trim()))
        .collect();
    for (key, value) in read {
        if counts_sockets(key) || value.contains('\n') {
            continue;
        }
        let expected = tool
            .get(key.as_str())
            .unwrap_or_else(|| panic!("sysctl has no {key}"));
        assert_eq!(value, expected, "{key}");
    }
}

/// Values that change by themselves.
pub(crate) fn counts_sockets(line: &str) -> bool {
    ["nf_conntrack_count", "tcp_mem", "udp_mem", "fib_sync_mem"]
        .iter()
        .any(|part| line.contains(part))
}

/// All sockets by their ends, with inode and user.
pub(crate) fn sockets(tool: &str, net: &Netns) {
    let tool = parse::ss::ss(tool).unwrap();
    let mut expected: Vec<_> = tool
        .tcp
        .into_iter()
        .filter(|socket| socket.state != TcpState::TimeWait)
        .map(|socket| {
            (
                port(socket.local),
                port(socket.remote),
                socket.state.to_string(),
                socket.inode,
                socket.owner,
            )
        })
        .collect();
    let mut read: Vec<_> = net
        .tcp
        .known()
        .unwrap()
        .iter()
        .map(|socket| {
            let owner = socket.owner.clone();
            (
                port(socket.local),
                port(socket.remote),
                socket.state.to_string(),
                socket.inode,
                owner,
            )
        })
        .collect();
    expected.sort_by_key(|socket| socket.3);
    read.sort_by_key(|socket| socket.3);
    assert_eq!(read, expected);

    let mut expected: Vec<_> = tool
        .udp
        .into_iter()
        .map(|socket| (socket.local, socket.inode, socket.owner))
        .collect();
    let of = |socket: &netdiag::state::socket::UdpSocket| (socket.local, socket.inode, socket.owner.clone());
    let mut read: Vec<_> = net.udp.known().unwrap().iter().map(of).collect();
    expected.sort_by_key(|socket| socket.1);
    read.sort_by_key(|socket| socket.1);
    assert_eq!(read, expected);
    assert_eq!(net.raw.known().unwrap().len(), tool.raw.len());
}

/// ss prints the same text for the unspecified address of both families.
fn port(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("*:{}", address.port())
    } else {
        address.to_string()
    }
}

/// The same entries, whatever their order; timeouts run, and the text shows a part of the status only.
pub(crate) fn flows(tool: &str, read: &Conntrack) {
    let shown = FlowStatus::SEEN_REPLY | FlowStatus::ASSURED | FlowStatus::SRC_NAT | FlowStatus::DST_NAT;
    let plain = |flow: &Flow| Flow {
        timeout: None,
        status: FlowStatus(flow.status.0 & shown.0),
        ..flow.clone()
    };
    let sorted = |flows: &[Flow]| {
        let mut flows: Vec<Flow> = flows.iter().map(plain).collect();
        flows.sort_by_key(|flow| format!("{flow:?}"));
        flows
    };
    let expected = parse::conntrack::conntrack(tool).unwrap();
    assert!(!expected.is_empty());
    assert_eq!(sorted(read.entries.known().unwrap()), sorted(&expected));
    assert_eq!((read.count as usize, read.omitted), (expected.len(), 0));
}
