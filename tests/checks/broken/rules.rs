//! Rules, sets and tracked connections that lose packets.

use netdiag::state::{Fact, NodeState, Objects};
use netdiag_lab::kinds::{Backend, Calico, Docker, Draft, Flannel, Peering, PodSite, Wire};
use serde_json::json;

use super::{By, Case, Script, Step, Typed, by_vxlan, of_calico, plain, without_objects, wrong};
use crate::mended::each;

type Meant = fn(&[NodeState]) -> Fact<Objects>;

/// A case with one script.
fn case(
    draft: Draft,
    objects: Meant,
    (node, script): (&'static str, &'static str),
    loses: bool,
    id: &'static str,
    by: By,
) -> Case {
    Case {
        what: script.into(),
        draft,
        objects,
        breaks: vec![(node, script)],
        loses,
        sees_processes: id == "rules-left-over",
        id,
        node,
        by,
    }
}

/// Routes as BIRD would have written them.
pub(crate) fn written(wire: Wire) -> Calico {
    Calico {
        peering: Peering::Written,
        wire,
        ..Calico::default()
    }
}

/// What Felix lets in by VXLAN.
const VXLAN_HOSTS: &str = "ipset create cali40all-vxlan-net hash:net
    for ip in 10.39.0.110 10.39.0.112; do ipset add cali40all-vxlan-net $ip; done
    iptables-nft-restore --noflush <<'END'
*filter
:cali-INPUT - [0:0]
-A INPUT -m comment --comment \"cali:Cz_u1IQiXIMmKD4c\" -j cali-INPUT
-A cali-INPUT -p udp -m comment --comment \"Allow IPv4 VXLAN packets from allowed hosts\" -m multiport --dports 4789 \
-m set --match-set cali40all-vxlan-net src -m addrtype --dst-type LOCAL -j ACCEPT
-A cali-INPUT -p udp -m comment --comment \"Drop IPv4 VXLAN packets from non-allowed hosts\" -m multiport --dports 4789 \
-m addrtype --dst-type LOCAL -j DROP
COMMIT
END";

/// Felix's sets of pools, and what masquerades.
pub(crate) const OUTGOING: &str = "ipset create cali40all-ipam-pools hash:net; ipset create cali40masq-ipam-pools hash:net
    ipset add cali40all-ipam-pools 192.168.0.0/16; ipset add cali40masq-ipam-pools 192.168.0.0/16
    iptables-nft-restore --noflush <<'END'
*nat
:cali-POSTROUTING - [0:0]
:cali-nat-outgoing - [0:0]
-A POSTROUTING -m comment --comment \"cali:O3lYWMrLQYEMJtB5\" -j cali-POSTROUTING
-A cali-POSTROUTING -m comment --comment \"cali:Z-c7XtVd2Bq7s_hA\" -j cali-nat-outgoing
-A cali-nat-outgoing -m comment --comment \"cali:flqWnvo8yq4ULQLa\" -m set --match-set cali40masq-ipam-pools src \
-m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully
COMMIT
END";

pub(crate) fn with_nat(nodes: &[NodeState]) -> Fact<Objects> {
    let pool =
        json!({"cidr": "192.168.0.0/16", "ipipMode": "Never", "vxlanMode": "Never", "natOutgoing": true});
    of_calico(nodes, &pool)
}

/// Felix's chain of what is forwarded.
const FORWARDED: &str = "iptables-nft-restore --noflush <<'END'
*filter
:cali-FORWARD - [0:0]
-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD
-A cali-FORWARD -i cali+ -j ACCEPT
-A cali-FORWARD -o cali+ -j ACCEPT
COMMIT
END";

/// kube-proxy's rules of a service with one endpoint, and br_netfilter as it should be.
const SERVICE: &str = "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    iptables-nft-restore --noflush <<'END'
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ERIFXISQEP7F7OF4 - [0:0]
:KUBE-SEP-IT2ZTR26TO4XFPTO - [0:0]
-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-ERIFXISQEP7F7OF4
-A KUBE-SVC-ERIFXISQEP7F7OF4 -j KUBE-SEP-IT2ZTR26TO4XFPTO
-A KUBE-SEP-IT2ZTR26TO4XFPTO -p tcp -m tcp -j DNAT --to-destination 10.244.1.3:8080
COMMIT
END";

/// kubelet's rule for packets that are marked.
const KUBELET: &str = "iptables-nft-restore --noflush <<'END'
*filter
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A OUTPUT -j KUBE-FIREWALL
-A KUBE-FIREWALL -m comment --comment \"kubernetes firewall for dropping marked packets\" -m mark --mark 0x8000/0x8000 -j DROP
COMMIT
END";

/// Two endpoints of a service of UDP, of which kube-proxy's rules know the first.
const ENDPOINTS: &str = "for pod in old:43 new:44; do
      name=${pod%:*} ip=192.168.70.${pod#*:}
      ip netns add $name; ip link add cali$name type veth peer name eth0 netns $name
      ip link set cali$name address ee:ee:ee:ee:ee:ee up
      ip -n $name link set lo up; ip -n $name link set eth0 up; ip -n $name address add $ip/32 dev eth0
      ip -n $name route add 169.254.1.1 dev eth0 scope link; ip -n $name route add default via 169.254.1.1 dev eth0
      echo 1 >/proc/sys/net/ipv4/conf/cali$name/proxy_arp; echo 0 >/proc/sys/net/ipv4/neigh/cali$name/proxy_delay
      ip route add $ip/32 dev cali$name scope link
    done
    iptables-nft -t nat -A PREROUTING -d 10.96.0.10/32 -p udp --dport 53 -j DNAT --to-destination 192.168.70.43:53";

fn endpoint(name: &str, address: &str) -> PodSite {
    PodSite {
        node: "m1".into(),
        name: name.into(),
        address: address.into(),
        own_link: Some("eth0".into()),
        host_link: Some(format!("cali{name}")),
    }
}

fn of_docker() -> Vec<Case> {
    let docker = || Docker::default().draft();
    vec![
        case(
            docker(),
            without_objects,
            (
                "h1",
                "iptables-nft -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
            ),
            true,
            "masquerade-missing",
            Typed,
        ),
        // Those of a dockerd that used the other back end, before anything was published.
        case(
            docker(),
            without_objects,
            (
                "h1",
                "iptables-nft-save | grep -v -e 8080 -e 'dport 80 ' | iptables-legacy-restore",
            ),
            true,
            "iptables-in-both-backends",
            Step("where they use nf_tables: "),
        ),
    ]
}

fn of_flannel() -> Vec<Case> {
    let flannel = || Flannel::new(Backend::Vxlan).draft();
    vec![
        case(
            flannel()
                .also("n1", SERVICE)
                .listens("n1", "pod2", 8080)
                .connects("n1/pod1", "10.96.0.10", 80),
            without_objects,
            ("n1", "sysctl -w net.bridge.bridge-nf-call-iptables=0"),
            true,
            "bridge-nf-call-off",
            Typed,
        ),
        case(
            flannel().also("n1", KUBELET),
            without_objects,
            (
                "n1",
                "iptables-nft -F KUBE-FIREWALL
                 iptables-nft -A KUBE-FIREWALL -m comment --comment 'kubernetes firewall for dropping marked packets' -j DROP",
            ),
            true,
            "rules-of-other-iptables",
            Typed,
        ),
        // Calico was here before.
        case(
            flannel().program("n1", "flanneld", "sleep 3600"),
            without_objects,
            (
                "n1",
                "iptables-nft -N cali-FORWARD; iptables-nft -I FORWARD -j cali-FORWARD
                 iptables-nft -N cali-to-wl-dispatch; iptables-nft -A cali-FORWARD -j cali-to-wl-dispatch
                 iptables-nft -A cali-to-wl-dispatch -m comment --comment 'Unknown interface' -j DROP",
            ),
            true,
            "rules-left-over",
            Step("take them out: "),
        ),
        // firewalld, as it writes its own table for a host whose links are in the zone public.
        case(
            flannel(),
            without_objects,
            (
                "n1",
                "nft 'add table inet firewalld
                      add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }
                      add chain inet firewalld filter_FORWARD_POLICIES
                      add chain inet firewalld filter_FWD_public
                      add rule inet firewalld filter_FORWARD ct state { established, related } accept
                      add rule inet firewalld filter_FORWARD ct status dnat accept
                      add rule inet firewalld filter_FORWARD iifname \"lo\" accept
                      add rule inet firewalld filter_FORWARD ct state invalid drop
                      add rule inet firewalld filter_FORWARD jump filter_FORWARD_POLICIES
                      add rule inet firewalld filter_FORWARD reject with icmpx type admin-prohibited
                      add rule inet firewalld filter_FORWARD_POLICIES iifname eth0 jump filter_FWD_public
                      add rule inet firewalld filter_FORWARD_POLICIES jump filter_FWD_public
                      add rule inet firewalld filter_FWD_public reject with icmpx type admin-prohibited'",
            ),
            true,
            "firewall-rejects-pods",
            Script("nft insert rule inet firewalld filter_FORWARD ip saddr 10.244.0.0/16 accept"),
        ),
        // ufw, with its policy deny (routed).
        case(
            flannel(),
            without_objects,
            (
                "n1",
                "for chain in before after reject; do iptables-nft -N ufw-$chain-forward; iptables-nft -A FORWARD -j ufw-$chain-forward; done
                 iptables-nft -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
                 iptables-nft -A ufw-reject-forward -j REJECT --reject-with icmp-port-unreachable
                 iptables-nft -D FORWARD -m comment --comment 'flanneld forward' -j FLANNEL-FWD
                 iptables-nft -A FORWARD -m comment --comment 'flanneld forward' -j FLANNEL-FWD",
            ),
            true,
            "firewall-rejects-pods",
            // `ufw route allow` needs ufw.
            Script("iptables-nft -F ufw-reject-forward"),
        ),
    ]
}

fn of_calico_nodes() -> Vec<Case> {
    let calico = || written(Wire::Plain).draft();
    vec![
        case(
            written(Wire::Vxlan).draft().also("m2", VXLAN_HOSTS),
            by_vxlan,
            ("m2", "ipset del cali40all-vxlan-net 10.39.0.110"),
            true,
            "host-not-in-felix-set",
            Typed,
        ),
        case(
            calico().also("m1", OUTGOING).pings("m1/web", "10.39.0.200"),
            with_nat,
            ("m1", "ipset del cali40masq-ipam-pools 192.168.0.0/16; conntrack -F"),
            true,
            "pool-not-masqueraded",
            Typed,
        ),
        case(
            calico().also("m1", FORWARDED),
            plain,
            ("m1", "iptables-nft -I FORWARD -j REJECT --reject-with icmp-host-prohibited"),
            true,
            "refused-before-calico",
            Typed,
        ),
        // Somebody says why.
        case(
            calico().also("m1", FORWARDED),
            plain,
            ("m1", "iptables-nft -I FORWARD -m comment --comment 'the end of all' -j DROP"),
            true,
            "refused-before-calico",
            Typed,
        ),
        case(
            calico()
                .also("m1", ENDPOINTS)
                .pods([endpoint("old", "192.168.70.43"), endpoint("new", "192.168.70.44")])
                .serves("m1", "old", 53)
                .serves("m1", "new", 53)
                .asks("m1/web", "10.96.0.10", 53),
            plain,
            (
                "m1",
                "iptables-nft -t nat -F PREROUTING
                 iptables-nft -t nat -A PREROUTING -d 10.96.0.10/32 -p udp --dport 53 -j DNAT --to-destination 192.168.70.44:53
                 ip link del caliold; ip netns del old",
            ),
            true,
            "udp-to-dead-endpoint",
            Typed,
        ),
    ]
}

#[test]
fn rules_that_lose_packets_are_named_and_mended() {
    let mut cases = of_docker();
    cases.extend(of_flannel());
    cases.extend(of_calico_nodes());
    let wrong = each(cases, wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
