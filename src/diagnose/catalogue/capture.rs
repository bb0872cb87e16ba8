//! What packets show (`netdiag capture --summary` and `--join`). The room `packet` finds it, and knows it by these ids.

use super::Check;
use crate::diagnose::finding::Severity::{self, Error, Warning};

/// A page of a finding of `capture`.
const fn shown(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    [what, how, verify, mend, disproof]: [&'static str; 5],
) -> Check {
    Check {
        id,
        severity,
        brings: &[],
        title,
        what,
        how,
        verify,
        mend,
        prevent: "Look at the same flow where it leaves and where it should arrive: netdiag capture --join A B.",
        disproof,
    }
}

pub(super) const CHECKS: &[Check] = &[
    shown(
        "syn-unanswered",
        Error,
        "A TCP connection is asked for, and nobody answers",
        [
            "The SYN passes here, again and again; no SYN-ACK and no reset comes back this way.",
            "A rule drops it without a word, its way ends behind this link, or the answer takes another way and is dropped there.",
            "netdiag trace SRC DST tcp/PORT\nnetdiag capture -i any --inner 'host DST and tcp port PORT'",
            "What trace names.",
            "A SYN-ACK on another link of this host.",
        ],
    ),
    shown(
        "connection-refused",
        Error,
        "A TCP connection is refused",
        [
            "A reset answers the SYN: the packet arrived, and nobody takes it.",
            "Nothing listens on the port, it listens on another address, or a rule rejects with a reset.",
            "ss -lnt 'sport = :PORT'\niptables-save -c | grep tcp-reset\nnetdiag trace SRC DST tcp/PORT",
            "Start what should listen, on 0.0.0.0; or correct the rule.",
            "A socket that listens on that address and port.",
        ],
    ),
    shown(
        "connection-reset",
        Warning,
        "A TCP connection is reset while it is in use",
        [
            "One end ends the connection without the usual farewell.",
            "What ran there ended, a proxy gave up, or conntrack lost the connection and the host answers for nobody.",
            "netdiag capture -i any --inner 'host DST and tcp[tcpflags] & tcp-rst != 0'\nconntrack -S",
            "Look at the log of the end that resets.",
            "A FIN of the other end before it.",
        ],
    ),
    shown(
        "segments-sent-again",
        Warning,
        "Many segments are sent again",
        [
            "Packets are lost on the way, or their acknowledgments are.",
            "A full queue, a link with errors, an MTU that only large packets miss, or a way back that drops.",
            "ip -s link show dev LINK\nnetdiag capture --join A B",
            "Where packets leave and don't arrive.",
            "Links without errors, and captures of both ends that agree.",
        ],
    ),
    shown(
        "sent-again-one-way",
        Warning,
        "Data is sent again, and nothing of the other end passes here",
        [
            "Only one end of the connection is seen, and it repeats itself: its acknowledgments are lost, or go another way.",
            "Routes there and back differ, and what is on the way back drops it: reverse path filters, conntrack, a cloud's filter.",
            "netdiag trace SRC DST\nsysctl net.ipv4.conf.LINK.rp_filter",
            "Let both ways go by the same link, or let the filter be loose.",
            "The other end's packets on another link of this host.",
        ],
    ),
    shown(
        "window-closed",
        Warning,
        "A receiver closes its window again and again",
        [
            "The network carries what it gets; the program at the end does not read.",
            "A busy or stuck program, or one that waits for another.",
            "ss -ntm 'dport = :PORT'",
            "The program; no setting of the network helps.",
            "An empty receive queue in ss.",
        ],
    ),
    shown(
        "ping-unanswered",
        Error,
        "Echo requests are not answered",
        [
            "The request passes here, and no reply comes back this way.",
            "The way there or the way back ends, or a rule drops ICMP.",
            "netdiag trace SRC DST",
            "What trace names.",
            "A reply on another link of this host.",
        ],
    ),
    shown(
        "destination-unreachable",
        Error,
        "A host on the way says that it can't deliver",
        [
            "An ICMP error names who could not go on, and with which packets.",
            "No route, no neighbor, no listener on the port, or a rule with REJECT, at the host that answers.",
            "ip route get DST (on the host that answers)\nnetdiag trace SRC DST",
            "At the host that answers: its route, its neighbor, or its rule.",
            "The packets arrive all the same.",
        ],
    ),
    shown(
        "fragmentation-needed",
        Warning,
        "A link on the way carries smaller packets than are sent",
        [
            "The sender is told the size that fits. Good, if it listens; then its next packets are smaller.",
            "A tunnel's or a cloud's MTU is below that of the pods' links.",
            "ip link show dev LINK\nping -M do -s SIZE DST",
            "Set the pods' MTU to the link's less 20 (IPIP), 50 (VXLAN) or 60 (WireGuard).",
            "Packets of full size that arrive.",
        ],
    ),
    shown(
        "tunnel-fragmented",
        Warning,
        "The packets of a tunnel are cut to pieces",
        [
            "Each inner packet of full size travels as two outer ones: slow, and lost where fragments are dropped.",
            "The tunnel's MTU is more than the link below it carries with the outer headers.",
            "ip -d link show dev TUNNEL\nip link show dev LINK",
            "Set the tunnel's MTU to the link's less 20 (IPIP), 50 (VXLAN) or 60 (WireGuard).",
            "No outer packet with the flag MF.",
        ],
    ),
    shown(
        "tunnel-inner-too-large",
        Warning,
        "A packet in a tunnel is larger than the tunnel's own MTU",
        [
            "Somebody sends into the tunnel what its link would not take: the other node drops or cuts it.",
            "The MTU of the pods' links or of the tunnel differs between the nodes.",
            "ip -d link show dev TUNNEL (on both nodes)",
            "One MTU for all nodes: spec.vxlanMTU or spec.ipipMTU of FelixConfiguration, or flannel's link.",
            "The same MTU on both nodes.",
        ],
    ),
    shown(
        "tunnel-number-differs",
        Error,
        "Packets of a tunnel carry a VNI that the other node has no link for",
        [
            "The node they are for drops them: it knows no such virtual network.",
            "Two networks, or two versions of a configuration, use different VNIs.",
            "ip -d link show type vxlan (on both nodes)",
            "One VNI for all nodes: spec.vxlanVNI of FelixConfiguration, VNI in flannel's net-conf.json.",
            "A link with this VNI on the node they are for.",
        ],
    ),
    shown(
        "tunnel-port-differs",
        Error,
        "Packets of a tunnel go to a UDP port that the other node has no tunnel on",
        [
            "The node they are for answers port unreachable, or drops them.",
            "Calico uses 4789, flannel 8472, Docker's overlay 4789: nodes of two kinds or configurations meet.",
            "ip -d link show type vxlan (on both nodes)\nss -lnu",
            "One port for all nodes: spec.vxlanPort of FelixConfiguration, Port in flannel's net-conf.json.",
            "A link with this port on the node they are for.",
        ],
    ),
    shown(
        "checksum-wrong",
        Warning,
        "Packets have wrong checksums",
        [
            "The receiver drops them without a word.",
            "A damaged link, or a device that changes packets and does not correct them. Checksums that a sender leaves to its card are not counted.",
            "nstat -az IpInHdrErrors TcpInCsumErrors UdpInCsumErrors",
            "Replace the link, or turn the device's offload off: ethtool -K LINK tx off.",
            "Counters that stay.",
        ],
    ),
    shown(
        "ttl-expired",
        Error,
        "A packet's time to live ended on its way",
        [
            "A router dropped it after too many hops; the ICMP error names the router.",
            "A loop of routes; or traceroute, which asks for it.",
            "netdiag trace SRC DST\ntraceroute -n DST",
            "The routes of the hosts that it goes round by.",
            "Somebody runs traceroute.",
        ],
    ),
    shown(
        "fragments-missing",
        Warning,
        "Not all fragments of a packet arrived",
        [
            "The receiver waited for the rest and gave up.",
            "A rule or a device drops fragments, often those without ports.",
            "nstat -az IpReasmFails IpReasmTimeout",
            "Send smaller packets, or let fragments pass.",
            "All fragments in a capture at the receiver.",
        ],
    ),
    shown(
        "bgp-error",
        Error,
        "A BGP speaker ends a session, and says why",
        [
            "A NOTIFICATION names the reason: wrong AS, the same router id, a hold timer, an end by hand.",
            "As the reason says.",
            "birdc show protocols all NAME\nnetdiag node status",
            "As the reason says; netdiag check names the object.",
            "The session is Established.",
        ],
    ),
    shown(
        "duplicate-address",
        Error,
        "Two hosts say to have one address, in turn",
        [
            "Packets for the address go now to the one, now to the other.",
            "A static address in a range that somebody hands out, a cloned machine, or two that fight for a virtual address.",
            "arping -D -I LINK ADDRESS\nip neigh show ADDRESS",
            "Give one of them another address.",
            "One MAC for the address while both are up (a bond or a failover moves it once, not to and fro).",
        ],
    ),
];
