//! Random networks: clusters of nodes with pods on one segment, or a machine whose namespaces are joined in any way.

use std::collections::VecDeque;
use std::net::IpAddr;

use netdiag_lab::Random;

use super::draft::{Draft, End, Space};
use super::{grammar, mutate};

/// The network of a seed.
pub(crate) fn draft(random: &mut Random, seed: u64) -> Draft {
    let mut draft = Draft {
        v6: random.percent(35),
        wide: seed >= super::WIDE,
        deep: seed >= super::DEEP,
        lists: seed >= super::LISTS,
        ..Draft::default()
    };
    if random.percent(50) {
        cluster(random, &mut draft);
    } else {
        machine(random, &mut draft);
    }
    for space in 0..draft.spaces.len() {
        if draft.spaces[space].node.is_some() {
            ports(random, &mut draft.spaces[space]);
        }
    }
    mutate::all(random, &mut draft);
    grammar::all(random, &mut draft);
    draft
}

fn ports(random: &mut Random, space: &mut Space) {
    for port in [53, 80, 8080] {
        if random.percent(85) {
            space.ports.push(port);
        }
    }
}

fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap()
}

/// Switches forwarding on, as routers and nodes have it.
fn forwards(draft: &mut Draft, space: usize) {
    let key = if draft.v6 {
        "net.ipv6.conf.all.forwarding"
    } else {
        "net.ipv4.ip_forward"
    };
    draft.spaces[space].early.push((key.to_owned(), "1".to_owned()));
}

fn route(draft: &mut Draft, space: usize, to: &str, via: IpAddr) {
    draft.line(space, format!("route add {to} via {via}"));
}

fn net(draft: &Draft, a: u8, b: u8) -> String {
    format!("{}/{}", draft.ip(a, b, 0), draft.length())
}

const fn default(v6: bool) -> &'static str {
    if v6 { "::/0" } else { "default" }
}

/// How pods are joined to their node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pods {
    Bridge,
    /// As Calico: a veth each, the pod's gateway is no address of anybody.
    Routed,
    /// On top of the node's own link, in the nodes' segment.
    Macvlan(&'static str),
}

/// How a node knows the pods of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlay {
    HostGateway,
    /// As flannel and Calico: a route, a neighbor and an FDB entry for every other node.
    VxlanRouted,
    /// All pods in one segment, the VXLAN link is a port of the bridge.
    VxlanBridged,
    /// The first node is everybody's gateway.
    Star,
}

/// Nodes on one segment, whose switch is not seen.
fn cluster(random: &mut Random, draft: &mut Draft) {
    let count = usize::try_from(random.below(3)).unwrap() + 2;
    let overlay = *random.pick(&[
        Overlay::HostGateway,
        Overlay::HostGateway,
        Overlay::VxlanRouted,
        Overlay::VxlanRouted,
        Overlay::VxlanBridged,
        Overlay::Star,
    ]);
    let macvlan = *random.pick(&["bridge", "private", "vepa"]);
    let style = if overlay == Overlay::VxlanBridged {
        Pods::Bridge
    } else {
        *random.pick(&[
            Pods::Bridge,
            Pods::Bridge,
            Pods::Routed,
            Pods::Routed,
            Pods::Macvlan(macvlan),
        ])
    };
    let fabric = draft.space("fabric", None, true);
    draft.spaces[fabric].links.push("link add br0 type bridge".into());
    draft.line(fabric, "link set br0 up");
    let nodes: Vec<usize> = (0..count)
        .map(|node| {
            let space = draft.space(&format!("node{}", node + 1), Some(node), true);
            forwards(draft, space);
            let cable = format!("n{}", node + 1);
            draft.veth((space, "eth0"), (fabric, &cable));
            draft.line(fabric, format!("link set {cable} master br0"));
            let ip = draft.ip(9, 0, small(node) + 1);
            draft.address(space, "eth0", ip, draft.length());
            space
        })
        .collect();
    for (at, node) in nodes.iter().enumerate() {
        for (other_at, other) in nodes.iter().enumerate() {
            if at != other_at {
                let ip = draft.ip(9, 0, small(other_at) + 1);
                draft.beside(*node, "eth0", *other, ip);
            }
        }
    }
    for (at, node) in nodes.iter().enumerate() {
        pods(random, draft, *node, at, style, overlay);
    }
    if let Pods::Macvlan(_) = style {
        return;
    }
    reach(random, draft, &nodes, overlay, style);
}

fn pods(random: &mut Random, draft: &mut Draft, node: usize, at: usize, style: Pods, overlay: Overlay) {
    let count = random.below(3) + u64::from(at == 0);
    let v6 = draft.v6;
    let (length, whole) = (draft.length(), draft.whole());
    let block = if overlay == Overlay::VxlanBridged {
        0
    } else {
        small(at)
    };
    // In one segment, every node's bridge has an address of its own.
    let gateway = draft.ip(1, block, if block == 0 { 200 + small(at) } else { 1 });
    if style == Pods::Bridge {
        draft.spaces[node].links.push("link add cni0 type bridge".into());
        draft.line(node, "link set cni0 up");
        draft.spaces[node].ends.push(End {
            link: "cni0".into(),
            beside: Vec::new(),
        });
        draft.address(node, "cni0", gateway, length);
    }
    for number in 0..count {
        let host = u8::try_from(number).unwrap() + 10 + small(at) * 20;
        let name = format!(
            "pod{}{}",
            at + 1,
            char::from(b'a' + u8::try_from(number).unwrap())
        );
        let pod = draft.space(&name, Some(at), false);
        let cable = format!("v{name}");
        match style {
            Pods::Bridge => {
                draft.veth((node, &cable), (pod, "eth0"));
                draft.line(node, format!("link set {cable} master cni0"));
                let ip = draft.ip(1, block, host);
                draft.address(pod, "eth0", ip, length);
                route(draft, pod, default(v6), gateway);
                draft.beside(pod, "eth0", node, gateway);
                draft.beside(node, "cni0", pod, ip);
            }
            Pods::Routed => {
                draft.veth((node, &cable), (pod, "eth0"));
                let ip = draft.ip(1, block, host);
                draft.address(pod, "eth0", ip, whole);
                draft.line(node, format!("route add {ip}/{whole} dev {cable}"));
                let conf = |name: &str| {
                    (
                        format!("net.{}.conf.{cable}.{name}", if v6 { "ipv6" } else { "ipv4" }),
                        "1".to_owned(),
                    )
                };
                if v6 {
                    draft.spaces[node].sysctls.push(conf("proxy_ndp"));
                    draft.line(node, format!("neigh add proxy fd00:ee::1 dev {cable}"));
                    draft.line(pod, "route add fd00:ee::1 dev eth0");
                    draft.line(pod, "route add ::/0 via fd00:ee::1");
                } else {
                    draft.spaces[node].sysctls.push(conf("proxy_arp"));
                    draft.line(pod, "route add 169.254.1.1 dev eth0");
                    draft.line(pod, "route add default via 169.254.1.1");
                }
                draft.beside(node, &cable, pod, ip);
            }
            Pods::Macvlan(mode) => {
                draft.spaces[node].links.push(format!(
                    "link add link eth0 name m{name} type macvlan mode {mode}"
                ));
                draft.spaces[node]
                    .links
                    .push(format!("link set m{name} netns {{{name}}} name eth0"));
                draft.line(pod, "link set eth0 up");
                draft.spaces[pod].ends.push(End {
                    link: "eth0".into(),
                    beside: Vec::new(),
                });
                let ip = draft.ip(9, 0, host);
                draft.address(pod, "eth0", ip, length);
                let gateway = draft.ip(9, 0, small(at) + 1);
                route(draft, pod, default(v6), gateway);
                draft.beside(pod, "eth0", node, gateway);
            }
        }
        draft.line(pod, "link set lo up");
    }
    draft.line(node, "link set lo up");
}

/// The ways from node to node.
fn reach(random: &mut Random, draft: &mut Draft, nodes: &[usize], overlay: Overlay, style: Pods) {
    let vni = 1 + random.below(3);
    let port = *random.pick(&[4789, 8472]);
    let mac = |node: usize| format!("02:00:00:00:00:{:02x}", node + 1);
    let blackholes = style == Pods::Routed && random.percent(50);
    let learning = if random.percent(30) { "" } else { "nolearning" };
    let flood = random.percent(50);
    let proxy = draft.lists && random.percent(35);
    let group = draft.lists && random.percent(35);
    let learning = if proxy {
        format!("{learning} proxy")
    } else {
        learning.to_owned()
    };
    for (at, node) in nodes.iter().enumerate() {
        let local = draft.ip(9, 0, small(at) + 1);
        if blackholes && overlay != Overlay::VxlanBridged {
            let own = net(draft, 1, small(at));
            draft.line(*node, format!("route add blackhole {own}"));
        }
        match overlay {
            Overlay::VxlanRouted => {
                draft.spaces[*node].links.push(format!(
                    "link add vx0 address {} type vxlan id {vni} local {local} dev eth0 dstport {port} {learning}",
                    mac(at)
                ));
                let own = draft.ip(1, small(at), 0);
                draft.line(*node, "link set vx0 up");
                draft.spaces[*node].ends.push(End {
                    link: "vx0".into(),
                    beside: Vec::new(),
                });
                draft.address(*node, "vx0", own, draft.whole());
            }
            Overlay::VxlanBridged => {
                let group = match (group, draft.v6) {
                    (false, _) => "",
                    (true, false) => "group 239.1.1.7 dev eth0",
                    (true, true) => "group ff05::107 dev eth0",
                };
                draft.spaces[*node].links.push(format!(
                    "link add vx0 type vxlan id {vni} local {local} {group} dstport {port} {learning}"
                ));
                draft.line(*node, "link set vx0 master cni0");
                draft.line(*node, "link set vx0 up");
            }
            Overlay::HostGateway | Overlay::Star => {}
        }
        for (other, _) in nodes.iter().enumerate().filter(|(other, _)| *other != at) {
            let remote = draft.ip(9, 0, small(other) + 1);
            let far = draft.ip(1, small(other), 0);
            let block = net(draft, 1, small(other));
            match overlay {
                Overlay::HostGateway => route(draft, *node, &block, remote),
                Overlay::Star if at == 0 => route(draft, *node, &block, remote),
                Overlay::Star => {
                    if other == 0 {
                        let all = if draft.v6 { "fd00:1::/32" } else { "10.1.0.0/16" };
                        route(draft, *node, all, remote);
                    }
                }
                Overlay::VxlanRouted => {
                    draft.line(*node, format!("neigh add {far} lladdr {} dev vx0", mac(other)));
                    draft.spaces[*node]
                        .bridge
                        .push(format!("fdb add {} dev vx0 dst {remote}", mac(other)));
                    draft.line(*node, format!("route add {block} via {far} dev vx0 onlink"));
                    draft.beside(*node, "vx0", nodes[other], far);
                }
                Overlay::VxlanBridged => {
                    if !group && (flood || other == (at + 1) % nodes.len()) {
                        draft.spaces[*node]
                            .bridge
                            .push(format!("fdb append 00:00:00:00:00:00 dev vx0 dst {remote}"));
                    }
                }
            }
        }
    }
    if proxy && overlay == Overlay::VxlanBridged {
        known_pods(random, draft, nodes);
    }
}

/// What a VXLAN in a bridge answers for: most of the pods of other nodes.
fn known_pods(random: &mut Random, draft: &mut Draft, nodes: &[usize]) {
    for pod in 0..draft.spaces.len() {
        let (Some(home), false) = (draft.spaces[pod].node, draft.spaces[pod].host) else {
            continue;
        };
        let Some(ip) = draft.spaces[pod].own.first().copied() else {
            continue;
        };
        let mac = format!("02:00:00:00:01:{pod:02x}");
        draft.line(pod, format!("link set eth0 address {mac}"));
        for (_, node) in nodes.iter().enumerate().filter(|(at, _)| *at != home) {
            if random.percent(80) {
                draft.line(*node, format!("neigh add {ip} lladdr {mac} dev vx0"));
            }
        }
    }
}

/// One node, with namespaces joined by cables and bridges in any way, and routes along the shortest of them.
fn machine(random: &mut Random, draft: &mut Draft) {
    let count = usize::try_from(random.below(5)).unwrap() + 2;
    for number in 0..count {
        let space = draft.space(&format!("r{number}"), Some(0), number == 0);
        draft.line(space, "link set lo up");
        if number == 0 || random.percent(70) {
            forwards(draft, space);
        }
        if random.percent(30) {
            let ip = draft.ip(7, small(number), 1);
            draft.address(space, "lo", ip, draft.whole());
        }
    }
    let mut segments: Vec<Vec<(usize, IpAddr, String)>> = Vec::new();
    for space in 1..count {
        let other = usize::try_from(random.below(u64::try_from(space).unwrap())).unwrap();
        segment(random, draft, other, space, &mut segments);
    }
    for _ in 0..random.below(3) {
        let a = usize::try_from(random.below(u64::try_from(count).unwrap())).unwrap();
        let b = usize::try_from(random.below(u64::try_from(count).unwrap())).unwrap();
        if a != b {
            segment(random, draft, a, b, &mut segments);
        }
    }
    for space in 0..count {
        ways(random, draft, space, &segments);
    }
}

/// Joins two spaces: by a cable, or by a bridge of the first one, which may be there already.
fn segment(
    random: &mut Random,
    draft: &mut Draft,
    a: usize,
    b: usize,
    segments: &mut Vec<Vec<(usize, IpAddr, String)>>,
) {
    let length = draft.length();
    let bridge = segments
        .iter()
        .position(|members| members[0].0 == a && members[0].2.starts_with("br"));
    if let Some(number) = bridge.filter(|_| random.percent(60)) {
        plug(draft, number, b, &mut segments[number]);
        return;
    }
    let number = segments.len();
    let first = draft.ip(8, small(number), 1);
    if random.percent(50) {
        let name = format!("br{number}");
        draft.spaces[a].links.push(format!("link add {name} type bridge"));
        draft.line(a, format!("link set {name} up"));
        draft.spaces[a].ends.push(End {
            link: name.clone(),
            beside: Vec::new(),
        });
        draft.address(a, &name, first, length);
        segments.push(vec![(a, first, name)]);
        plug(draft, number, b, &mut segments[number]);
        return;
    }
    let (here, there) = (format!("l{number}a"), format!("l{number}b"));
    draft.veth((a, &here), (b, &there));
    let second = draft.ip(8, small(number), 2);
    draft.address(a, &here, first, length);
    draft.address(b, &there, second, length);
    draft.beside(a, &here, b, second);
    draft.beside(b, &there, a, first);
    segments.push(vec![(a, first, here), (b, second, there)]);
}

/// One more namespace on a bridge.
fn plug(draft: &mut Draft, number: usize, space: usize, members: &mut Vec<(usize, IpAddr, String)>) {
    let (holder, _, bridge) = members[0].clone();
    let place = small(members.len()) + 1;
    let (port, link) = (format!("p{number}x{place}"), format!("s{number}x{place}"));
    draft.veth((holder, &port), (space, &link));
    draft.line(holder, format!("link set {port} master {bridge}"));
    let ip = draft.ip(8, small(number), place);
    draft.address(space, &link, ip, draft.length());
    for (other, other_ip, other_link) in members.clone() {
        draft.beside(space, &link, other, other_ip);
        draft.beside(other, &other_link, space, ip);
    }
    members.push((space, ip, link));
}

/// Routes of a space to every segment and loopback address, by the nearest neighbor that leads there.
fn ways(random: &mut Random, draft: &mut Draft, space: usize, segments: &[Vec<(usize, IpAddr, String)>]) {
    // Whom each space is reached by, nearest first.
    let mut via: Vec<Vec<IpAddr>> = vec![Vec::new(); draft.spaces.len()];
    let mut distance = vec![usize::MAX; draft.spaces.len()];
    distance[space] = 0;
    let mut queue = VecDeque::from([space]);
    while let Some(at) = queue.pop_front() {
        for members in segments
            .iter()
            .filter(|members| members.iter().any(|member| member.0 == at))
        {
            for (next, ip, _) in members {
                if distance[*next] > distance[at] + 1 {
                    if distance[*next] == usize::MAX {
                        queue.push_back(*next);
                    }
                    distance[*next] = distance[at] + 1;
                    via[*next] = if at == space { vec![*ip] } else { via[at].clone() };
                } else if distance[*next] == distance[at] + 1 && at == space {
                    via[*next].push(*ip);
                } else if distance[*next] == distance[at] + 1 {
                    let more = via[at].clone();
                    via[*next].extend(more);
                }
            }
        }
    }
    if random.percent(25) {
        // A host: one gateway for all.
        if let Some(gateway) = via.iter().flatten().next().copied() {
            let to = default(draft.v6);
            route(draft, space, to, gateway);
        }
        return;
    }
    let mut targets: Vec<(String, usize)> = Vec::new();
    for (number, members) in segments.iter().enumerate() {
        if members.iter().all(|member| member.0 != space) {
            let nearest = members
                .iter()
                .map(|member| member.0)
                .min_by_key(|other| distance[*other]);
            targets.push((net(draft, 8, small(number)), nearest.unwrap_or(space)));
        }
    }
    for other in 0..draft.spaces.len() {
        if other != space {
            let ip = draft.ip(7, small(other), 1);
            targets.push((format!("{ip}/{}", draft.whole()), other));
        }
    }
    for (to, other) in targets {
        let mut gateways = via[other].clone();
        gateways.dedup();
        match gateways.as_slice() {
            [] => {}
            [one] => route(draft, space, &to, *one),
            [first, second, ..] if random.percent(50) => draft.line(
                space,
                format!("route add {to} nexthop via {first} weight 1 nexthop via {second} weight 2"),
            ),
            [first, ..] => route(draft, space, &to, *first),
        }
    }
}
