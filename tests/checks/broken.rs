//! Networks that are really broken in ways that `mended` doesn't have: each is named by its check and nothing else, what
//! is printed mends it, packets pass, and nothing is found any more.

mod answers;
mod programs;
pub(crate) mod rules;
pub(crate) mod tunnels;
mod vxlan;
mod ways;

use std::thread;
use std::time::Duration;

use netdiag::state::link::{Address, is_link_local};
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_lab::kinds::{Draft, Network, systems};
use netdiag_lab::{Result, or_skip, ovs, wait_until};

use serde_json::{Value, json};

use crate::made::{found, resource};
use crate::mended::{collected, each, typed};

/// How it is mended.
#[derive(Debug, Clone, Copy)]
enum By {
    /// by the commands that are printed
    Typed,
    /// a daemon that these networks don't have writes it again, or a tool they don't have: by what it would do
    Script(&'static str),
    /// the same, by a daemon of the lab
    Done(fn(&Network) -> Result<()>),
    /// by the commands in the step that begins so
    Step(&'static str),
}

use By::{Done, Script, Step, Typed};

/// How long it may take until a network is as it was made.
const SETTLED: Duration = Duration::from_secs(30);

/// The network, the node, what breaks it, whether packets are lost by it, the check, how it is mended.
type Row = (&'static str, &'static str, &'static str, bool, &'static str, By);

const ROWS: [Row; 25] = [
    (
        "flannel vxlan",
        "n1",
        "ip netns exec pod1 ip link set eth0 mtu 1500; ip link set cni0 mtu 1500",
        false,
        "pod-mtu-too-large",
        Typed,
    ),
    (
        "calico vxlan",
        "m1",
        "ip netns exec web ip link set eth0 mtu 1500",
        false,
        "pod-mtu-too-large",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "ip rule add pref 100 from 10.244.1.0/24 table 100; ip route add default via 192.168.100.254 table 100",
        true,
        "policy-rule-hides-routes",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "ip route replace 10.244.2.0/24 via 192.168.200.13 dev eth0 onlink",
        true,
        "kernel-unlike-objects",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "ip route add 10.244.1.0/25 via 192.168.100.12 dev eth0",
        true,
        "own-subnet-leaves-node",
        Typed,
    ),
    ("flannel vxlan", "n1", "ip route del default", true, "no-route", Typed),
    (
        "flannel vxlan",
        "n1",
        "ip link add br9 type bridge; ip link add va type veth peer name vb; ip link add vc type veth peer name vd
         for link in va vc; do ip link set $link master cni0; done; for link in vb vd; do ip link set $link master br9; done
         for link in br9 va vb vc vd; do ip link set $link up; done",
        true,
        "bridge-loop",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "nft 'add table inet firewalld
              add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }
              add rule inet firewalld filter_FORWARD ct state established,related accept
              add rule inet firewalld filter_FORWARD reject with icmpx type admin-prohibited'",
        true,
        "firewall-rejects-pods",
        Script("nft insert rule inet firewalld filter_FORWARD ip saddr 10.244.0.0/16 accept"),
    ),
    (
        "flannel vxlan",
        "n1",
        "iptables-nft-save | iptables-legacy-restore",
        false,
        "iptables-in-both-backends",
        Script("iptables-legacy -F; iptables-legacy -X; iptables-legacy -t nat -F; iptables-legacy -t nat -X"),
    ),
    (
        "flannel vxlan",
        "n1",
        "iptables-nft-save >/run/rules; iptables-nft -t nat -F FLANNEL-POSTRTG",
        false,
        "flannel-rules-missing",
        Script("iptables-nft-restore </run/rules"),
    ),
    (
        "flannel vxlan",
        "n1",
        "iptables-nft-save >/run/rules; iptables-nft -F FLANNEL-FWD",
        false,
        "flannel-rules-missing",
        Script("iptables-nft-restore </run/rules"),
    ),
    (
        "flannel vxlan",
        "n1",
        "sysctl -w net.ipv4.conf.cni0.forwarding=0",
        true,
        "link-forwarding-off",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "sysctl -w net.ipv4.conf.all.arp_ignore=8",
        false,
        "arp-ignored",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "ip address flush dev cni0",
        true,
        "bridge-without-address",
        Typed,
    ),
    (
        "flannel vxlan",
        "n1",
        "ip address add 10.244.9.1/24 dev cni0; ip address del 10.244.1.1/24 dev cni0",
        true,
        "bridge-address-outside-subnet",
        // Pods have to be made anew; theirs can be kept.
        Script("ip address add 10.244.1.1/24 dev cni0; ip address del 10.244.9.1/24 dev cni0"),
    ),
    (
        "flannel vxlan",
        "n1",
        "ip link del flannel.1
         ip link add flannel.1 mtu 1450 address 2e:10:f4:00:01:00 type vxlan id 2 dev eth0 local 192.168.100.11 dstport 8472 nolearning
         ip link set flannel.1 up; ip address add 10.244.1.0/32 dev flannel.1
         for o in 2 3; do
           ip route add 10.244.$o.0/24 via 10.244.$o.0 dev flannel.1 onlink
           ip neighbor replace 10.244.$o.0 lladdr 2e:10:f4:00:0$o:00 dev flannel.1 nud permanent
         done
         bridge fdb append 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self permanent
         bridge fdb append 2e:10:f4:00:03:00 dev flannel.1 dst 192.168.200.13 self permanent",
        true,
        "tunnel-link-differs",
        Script(
            "ip link del flannel.1
             ip link add flannel.1 mtu 1450 address 2e:10:f4:00:01:00 type vxlan id 1 dev eth0 local 192.168.100.11 dstport 8472 nolearning
             ip link set flannel.1 up; ip address add 10.244.1.0/32 dev flannel.1
             for o in 2 3; do
               ip route add 10.244.$o.0/24 via 10.244.$o.0 dev flannel.1 onlink
               ip neighbor replace 10.244.$o.0 lladdr 2e:10:f4:00:0$o:00 dev flannel.1 nud permanent
             done
             bridge fdb append 2e:10:f4:00:02:00 dev flannel.1 dst 192.168.100.12 self permanent
             bridge fdb append 2e:10:f4:00:03:00 dev flannel.1 dst 192.168.200.13 self permanent",
        ),
    ),
    (
        "flannel host-gw",
        "n1",
        "ip netns exec pod1 ip link set eth0 address $(ip netns exec pod2 cat /sys/class/net/eth0/address)",
        true,
        "mac-shared",
        Typed,
    ),
    (
        "calico mesh",
        "m1",
        "iptables-nft -A FORWARD -j REJECT",
        true,
        "forward-drops-pods",
        Typed,
    ),
    (
        "calico mesh",
        "m1",
        "iptables-nft -P FORWARD DROP",
        true,
        "forward-drops-pods",
        Typed,
    ),
    (
        "calico mesh",
        "m1",
        "iptables-nft -t nat -A POSTROUTING -s 192.168.70.0/26 -j MASQUERADE",
        false,
        "pod-source-translated",
        Typed,
    ),
    (
        "calico mesh",
        "m1",
        "ip route del default",
        false,
        "default-route-missing",
        Typed,
    ),
    (
        "calico mesh",
        "m1",
        "sysctl -w net.ipv4.ip_forward=0",
        true,
        "forwarding-off",
        Typed,
    ),
    (
        "ovs vxlan",
        "h1",
        "ovs-ofctl del-flows br0",
        true,
        "ovs-without-rules",
        Typed,
    ),
    (
        "ovs vxlan",
        "h1",
        "ovs-vsctl set-fail-mode br0 secure",
        true,
        "ovs-without-rules",
        Typed,
    ),
    (
        "static routes",
        "node1",
        "sysctl -w net.ipv4.conf.all.arp_ignore=8",
        false,
        "arp-ignored",
        Typed,
    ),
];

/// A network, and how it is broken and mended.
struct Case {
    what: String,
    /// as it is when it is whole
    draft: Draft,
    objects: fn(&[NodeState]) -> Fact<Objects>,
    /// nodes, and what breaks them
    breaks: Vec<(&'static str, &'static str)>,
    /// whether packets are lost by it
    loses: bool,
    /// whether it is said what runs
    sees_processes: bool,
    /// the check, and the node that it is found on
    id: &'static str,
    node: &'static str,
    by: By,
}

pub(crate) fn without_objects(_: &[NodeState]) -> Fact<Objects> {
    Fact::absent("no datastore")
}

/// Calico's Nodes, as they are, and a pool.
fn of_calico(nodes: &[NodeState], pool: &Value) -> Fact<Objects> {
    let of_node = |node: &NodeState| {
        // Its others, routers and hosts outside, run no pods.
        let has_pods = !node.namespaces.items().is_empty();
        let eth0 = node.net.link_named("eth0")?.index;
        let held = |is_v4: bool| {
            let mut all = node.net.addresses.items().iter();
            let usable = |own: &&Address| own.link == eth0 && !is_link_local(own.ip);
            all.find(|own| usable(own) && own.ip.is_ipv4() == is_v4)
        };
        let mut bgp = json!({"ipv4Address": held(true)?.to_string()});
        if let Some(own) = held(false) {
            bgp["ipv6Address"] = own.to_string().into();
        }
        let mut spec = json!({"bgp": bgp});
        if let Some(link) = node.net.link_named("vxlan.calico") {
            spec["ipv4VXLANTunnelAddr"] = node.net.ipv4_on(link).next()?.ip.to_string().into();
            spec["vxlanTunnelMACAddr"] = link.mac.clone().into();
        }
        has_pods.then(|| resource("Node", &node.name, spec))
    };
    let mut resources: Vec<_> = nodes.iter().filter_map(of_node).collect();
    resources.push(resource("IPPool", "default-ipv4-ippool", pool.clone()));
    Fact::Known(Objects {
        store: "a test".into(),
        resources,
        ..Objects::default()
    })
}

pub(crate) fn plain(nodes: &[NodeState]) -> Fact<Objects> {
    let pool =
        json!({"cidr": "192.168.0.0/16", "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": false});
    of_calico(nodes, &pool)
}

pub(crate) fn by_vxlan(nodes: &[NodeState]) -> Fact<Objects> {
    let pool =
        json!({"cidr": "192.168.0.0/16", "ipipMode": "Never", "vxlanMode": "Always", "natOutgoing": false});
    of_calico(nodes, &pool)
}

fn case((name, node, script, loses, id, by): Row) -> Case {
    let system = systems().into_iter().find(|system| system.name == name).unwrap();
    Case {
        what: format!("{name}: {script}"),
        draft: system.whole,
        objects: match name {
            "calico vxlan" => by_vxlan,
            _ if name.starts_with("calico") => plain,
            _ => without_objects,
        },
        breaks: vec![(node, script)],
        loses,
        sees_processes: false,
        id,
        node,
        by,
    }
}

/// Breaks, finds, mends, and sees that packets pass; what went wrong.
fn wrong(case: Case) -> Option<String> {
    let Case { what, draft, id, .. } = case;
    let network = or_skip(draft.up())?;
    network.works().unwrap();
    let nodes = || -> Vec<NodeState> {
        let mut nodes: Vec<NodeState> = network.lab().nodes().map(collected).collect();
        // Each has process numbers of its own; all that it has are seen.
        let processes = nodes.iter_mut().filter_map(|node| match &mut node.processes {
            Fact::Known(processes) => Some(processes),
            Fact::Absent { .. } => None,
        });
        processes.for_each(|processes| processes.host_visible |= case.sees_processes);
        nodes
    };
    let whole = nodes();
    let objects = (case.objects)(&whole);
    let state = |nodes| Snapshot {
        nodes,
        objects: objects.clone(),
        ..Snapshot::default()
    };
    let healthy = found(&state(whole));
    if !healthy.is_empty() {
        return Some(format!("{what}, healthy: {healthy:#?}"));
    }
    for (node, script) in &case.breaks {
        or_skip(ovs::sh(network.lab().node(node), script))?;
    }
    thread::sleep(Duration::from_millis(500));
    // Of a storm's frames some arrive: it takes a while until one doesn't.
    let lost = || !network.broken().is_empty();
    if case.loses && wait_until("packets lost", SETTLED, lost).is_err() || !case.loses && lost() {
        return Some(format!("{what}: packets are lost: {}", !case.loses));
    }
    // What goes round in a circle is heard now from here, now from there.
    let mut told = Vec::new();
    let _ = wait_until("a finding", SETTLED, || {
        told = found(&state(nodes()));
        !told.is_empty()
    });
    if told.is_empty()
        || told
            .iter()
            .any(|finding| finding.id != id || finding.node != case.node)
    {
        return Some(format!("{what}: {told:#?}"));
    }
    let error = match case.by {
        Typed => told.iter().find_map(|finding| {
            let commands = &finding.fix.commands;
            let nothing = || format!("nothing to type: {finding:#?}");
            commands
                .is_empty()
                .then(nothing)
                .or_else(|| typed(&network, commands))
        }),
        Script(script) => case.breaks.iter().find_map(|(node, _)| {
            let error = ovs::sh(network.lab().node(node), script).err()?;
            Some(error.to_string())
        }),
        Done(mend) => mend(&network).err().map(|error| error.to_string()),
        Step(start) => told.iter().find_map(|finding| {
            let mut steps = finding.fix.steps.iter();
            let Some(script) = steps.find_map(|step| step.strip_prefix(start)) else {
                return Some(format!("no such step: {finding:#?}"));
            };
            let error = ovs::sh(network.lab().node(&finding.node), script).err()?;
            Some(error.to_string())
        }),
    };
    if let Some(error) = error {
        return Some(format!("{what}: {error}"));
    }
    // A switch takes a while until it goes by what it was told, and until it forgets what a storm taught it.
    let works = || network.works().is_ok();
    if wait_until("packets through", SETTLED, works).is_err() {
        return Some(format!("{what}: {:?}: {told:#?}", network.broken()));
    }
    let mut left = Vec::new();
    let silent = || {
        left = found(&state(nodes()));
        left.is_empty() && network.works().is_ok()
    };
    let silent = wait_until("silence", SETTLED, silent).is_ok();
    (!silent).then(|| format!("{what}: mended, and yet {left:#?}"))
}

#[test]
fn what_is_broken_is_named_and_mended() {
    let wrong = each(ROWS.to_vec(), |row| wrong(case(row)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
