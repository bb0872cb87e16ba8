//! Why a walked packet is lost (`netdiag trace`, and the pairs that `netdiag check` walks).

use super::Check;
use crate::diagnose::finding::Severity::Error;

/// A page of a cause of `trace`.
const fn cause(
    id: &'static str,
    title: &'static str,
    [what, how, verify, mend, disproof]: [&'static str; 5],
) -> Check {
    Check {
        id,
        severity: Error,
        title,
        what,
        how,
        verify,
        mend,
        prevent: "Walk what must work after each change: netdiag trace SRC DST, or netdiag trace --all.",
        disproof,
    }
}

pub(super) const CHECKS: &[Check] = &[
    cause(
        "packet-lost",
        "A packet is lost for a reason without a name of its own",
        [
            "The walk ends; its last step says where and why.",
            "Something rare.",
            "netdiag trace SRC DST -o wide",
            "As the last step suggests.",
            "A packet that arrives: netdiag trace --live.",
        ],
    ),
    cause(
        "packet-for-another-address",
        "A host gets a packet for an address that it doesn't have, and does not forward",
        [
            "A pod or host gets a packet that is for somebody else.",
            "A route or a neighbor entry leads to the wrong host; an address moved.",
            "ip route get DST\nip neigh",
            "Correct the route or the entry that sends it there.",
            "The address on the host that gets the packet.",
        ],
    ),
    cause(
        "no-route",
        "No route leads to the destination",
        [
            "No route matches, or only the default route does, which leads out of the cluster.",
            "A BGP session is down, flanneld has no lease of that node, or a route by hand was forgotten.",
            "ip route get DST\nip route show proto bird",
            "Mend what should have put the route in; netdiag names it where it can be told.",
            "A route that ip route get prints.",
        ],
    ),
    cause(
        "route-refuses",
        "A rule or a route refuses packets for the destination",
        [
            "A blackhole, unreachable or prohibit route is the best match, or a policy rule says so.",
            "Calico's blackhole of an own block takes packets for addresses that no pod has; on other nodes it is a leftover.",
            "ip route get DST\nip rule",
            "Remove the route, or put in the more specific one that is missing.",
            "A more specific route.",
        ],
    ),
    cause(
        "route-without-link",
        "The route's links are all down",
        [
            "The route is there, its way out can't be used.",
            "The link was set down, or lost its carrier.",
            "ip route get DST\nip -br link",
            "Bring the link up.",
            "A next hop without the word dead or linkdown.",
        ],
    ),
    cause(
        "reverse-path-filter",
        "The reverse path filter drops packets that come by another way than answers would take",
        [
            "rp_filter is 1, and the route to the packet's source leaves by another link than it came in by.",
            "Ways there and back differ: one node tunnels, the other doesn't; several uplinks.",
            "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.LINK.rp_filter\nip route get SRC",
            "Make both ways the same; or set rp_filter to 2 on that link.",
            "nstat -az TcpExtIPReversePathFilter that stands still.",
        ],
    ),
    cause(
        "routing-loop",
        "A packet goes in circles",
        [
            "Two routes lead to each other until the packet's lifetime is over.",
            "A route to the own pods leaves the node; two nodes claim one block.",
            "traceroute -n DST\nip route get DST",
            "Delete the route that leads back.",
            "A traceroute that ends.",
        ],
    ),
    cause(
        "martian-packet",
        "The kernel drops a packet whose addresses can't be",
        [
            "The source is an address of the host itself, loopback or broadcast.",
            "A pod has an address of its host; masquerading picked a wrong one.",
            "sysctl -w net.ipv4.conf.all.log_martians=1\ndmesg | grep martian",
            "Give each host its own addresses.",
            "No line about martians while the packet is sent.",
        ],
    ),
    cause(
        "neighbor-unanswered",
        "Nobody answers ARP or ND for the next hop",
        [
            "The next hop is on the link by the routes, but no host there has the address.",
            "The host is down or in another segment; proxy_arp is off on the pod's link; the host has no route to the address asked for.",
            "ip neigh show dev LINK\narping -I LINK ADDRESS\nsysctl net.ipv4.conf.LINK.proxy_arp",
            "As the finding says: bring the host up, or set proxy_arp.",
            "An answer to arping.",
        ],
    ),
    cause(
        "frame-for-nobody",
        "A frame is for a MAC that nobody has any more",
        [
            "The neighbor entry holds a MAC that its host doesn't have.",
            "The link was made anew with another MAC; entries put in by an agent are permanent.",
            "ip neigh show ADDRESS\nip link show dev LINK",
            "Delete or replace the entry.",
            "The same MAC at the link and in the entry.",
        ],
    ),
    cause(
        "mtu-too-small",
        "A packet doesn't fit a link, and may not be cut",
        [
            "Small packets pass, big ones vanish: connections open and then hang.",
            "The pods' MTU plus what the tunnel adds is more than a link on the way carries.",
            "ping -M do -s 1472 DST\nip link show dev LINK",
            "Set the pods' MTU to the link's less 20 (IPIP), 50 (VXLAN) or 60 (WireGuard).",
            "A ping of full size that passes.",
        ],
    ),
    cause(
        "port-not-listening",
        "Nobody listens on the port",
        [
            "The packet arrives; the host answers with a reset or port unreachable.",
            "The program is down, listens on 127.0.0.1 only or on another port.",
            "ss -ltnup",
            "Start the program, or ask for the port that it listens on.",
            "A socket that listens on the port.",
        ],
    ),
    cause(
        "bridge-port-not-forwarding",
        "A bridge's port does not forward",
        [
            "The port is disabled, listening, learning or blocking.",
            "Its link is down, or spanning tree blocks it.",
            "bridge link show dev PORT",
            "Bring the link up, or look at the spanning tree.",
            "The state forwarding.",
        ],
    ),
    cause(
        "bridge-ports-isolated",
        "Two ports of a bridge are isolated from each other",
        [
            "A bridge sends nothing between isolated ports.",
            "bridge link set dev PORT isolated on, by hand or by a runtime.",
            "bridge -d link show",
            "bridge link set dev PORT isolated off",
            "One of both without the word isolated.",
        ],
    ),
    cause(
        "vlan-not-on-port",
        "A bridge's port is no member of the frame's VLAN",
        [
            "The bridge filters VLANs; the port doesn't have this one.",
            "The port was added without its VLANs.",
            "bridge vlan show dev PORT",
            "bridge vlan add vid VID dev PORT",
            "The VLAN in the port's list.",
        ],
    ),
    cause(
        "bridge-without-ports",
        "A bridge has no port that is up",
        [
            "The bridge has no way out: its address answers nobody.",
            "All its containers are gone, or their links are down.",
            "bridge link show\nip -br link show master BRIDGE",
            "Bring a port up, or delete the bridge that is left over.",
            "A port that is up.",
        ],
    ),
    cause(
        "frame-without-port",
        "No port of a bridge leads to the MAC",
        [
            "The bridge would flood the frame, and its ports don't take it.",
            "Flooding and learning are off on the ports.",
            "bridge fdb show br BRIDGE\nbridge -d link show",
            "bridge link set dev PORT flood on learning on",
            "An FDB entry of the MAC.",
        ],
    ),
    cause(
        "rule-drops-packet",
        "A netfilter rule drops or rejects the packet",
        [
            "The finding names table, chain and rule.",
            "A policy that means it, or a rule of somebody who doesn't know of pods.",
            "iptables-save -c\nnft list ruleset",
            "Change the policy, or delete the rule.",
            "The rule's counter that stands still while the packet is sent.",
        ],
    ),
    cause(
        "service-not-translated",
        "A service's address is not translated",
        [
            "The packet for the service's address leaves the node as it is.",
            "kube-proxy doesn't run or lacks the service; the packet comes by a way that meets none of its rules.",
            "iptables-save -t nat | grep ADDRESS\nipvsadm -Ln",
            "Start kube-proxy; look at its log.",
            "A rule or virtual server with the address.",
        ],
    ),
    cause(
        "vxlan-link-mismatch",
        "No VXLAN link takes the packet's network and port",
        [
            "VNI or UDP port of the two ends differ.",
            "One node was configured anew; another program's link has the port.",
            "ip -d link show type vxlan",
            "Give both ends one VNI and port; delete the link so that its agent makes it anew.",
            "Equal VNI and dstport.",
        ],
    ),
    cause(
        "tunnel-without-remote",
        "A tunnel doesn't know where the destination is",
        [
            "The link has no remote, and the route names none.",
            "A hand-made tunnel without remote.",
            "ip -d link show dev LINK\nip route get DST",
            "Put the gateway into the route (via NODE dev tunl0 onlink).",
            "A route with a gateway.",
        ],
    ),
    cause(
        "state-not-seen",
        "What decides was not read",
        [
            "A table that decides is not in the snapshot.",
            "Too few rights, or a tool that is missing.",
            "netdiag snapshot show FILE",
            "Take the snapshot as root.",
            "The state in the snapshot.",
        ],
    ),
    cause(
        "rule-not-understood",
        "A rule that decides is not understood",
        [
            "What the rule asks depends on something that can't be known from tables.",
            "BPF, random, time, a helper.",
            "iptables-save -c",
            "Watch its counter while the packet is sent.",
            "A counter that stands still.",
        ],
    ),
    cause(
        "node-not-seen",
        "The way leads to a node whose state was not given",
        [
            "What the other node does can't be told.",
            "Only some nodes' snapshots were given.",
            "netdiag snapshot save --nodes NODE -o FILE",
            "Save it and ask again.",
            "Its snapshot.",
        ],
    ),
    cause(
        "plain-packet-through-router",
        "A pod's packet goes bare to a router that knows no pods",
        [
            "The node of the destination is in another subnet, the pool does not encapsulate, and the router drops the packet.",
            "A node in another subnet was added to a cluster with ipipMode Never.",
            "ip route get POD\ntraceroute -n POD",
            "Set ipipMode or vxlanMode of the pool to CrossSubnet, or let the router learn the blocks by BGP.",
            "A route to the block on the router.",
        ],
    ),
    cause(
        "next-hop-not-seen",
        "The way leads to a host that was not seen",
        [
            "What it does with the packet can't be told.",
            "It is a router or a host outside.",
            "ip route get DST\ntraceroute -n DST",
            "Ask there, or save its snapshot.",
            "Its snapshot.",
        ],
    ),
    cause(
        "ovs-flow-drops",
        "Open vSwitch's flows do not send the packet on",
        [
            "A flow drops it, or none matches.",
            "A controller is gone, or a flow was forgotten (dl_dst of a new container).",
            "ovs-appctl ofproto/trace BRIDGE FLOW\novs-ofctl dump-flows BRIDGE",
            "Add the flow; or set fail-mode standalone.",
            "ofproto/trace that outputs to the port.",
        ],
    ),
    cause(
        "ovs-daemon-down",
        "Open vSwitch does not run",
        [
            "Without its daemons, bridges in user space stand still.",
            "The service was stopped or crashed.",
            "ovs-appctl version\nsystemctl status openvswitch-switch",
            "Start openvswitch-switch.",
            "An answer of ovs-vswitchd.",
        ],
    ),
    Check {
        id: "wrong-fdb-entry",
        severity: Error,
        title: "A bridge sends frames to a port where nobody has their address",
        what: "Who is at another port gets nothing that is for it.",
        how: "An entry of the forwarding database was made by hand, or its owner moved and the entry is static.",
        verify: "bridge fdb show br BRIDGE\nip link",
        mend: "bridge fdb del MAC dev PORT master.",
        prevent: "No static entries by hand.",
        disproof: "The entry's port is the one that the owner is at.",
    },
    Check {
        id: "answer-from-elsewhere",
        severity: Error,
        title: "The answer comes from another address than was asked",
        what: "Who asked takes no such answer: connections don't come about.",
        how: "A node translated the destination and not the source, and the answer goes past it.",
        verify: "iptables-save -c -t nat",
        mend: "Restore the MASQUERADE rule; restart kube-proxy or docker.",
        prevent: "Nobody but its program flushes table nat.",
        disproof: "A MASQUERADE rule whose counter moves.",
    },
    Check {
        id: "beyond-silent",
        severity: Error,
        title: "Somebody outside gets packets and does not answer",
        what: "Questions leave the node, and conntrack sees nothing come back.",
        how: "It is off, drops what comes, or has no way back to the source: a container's own address, as a rule.",
        verify: "conntrack -L",
        mend: "Masquerade what leaves, or give it a route back.",
        prevent: "natOutgoing, ipMasq, Docker's ip-masq.",
        disproof: "An entry without [UNREPLIED].",
    },
];
