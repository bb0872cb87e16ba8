//! Faults that can be planted in a node of a made cluster, whatever else is wrong with it.

use netdiag::state::conntrack::Conntrack;
use netdiag::state::kind::LinkData;
use netdiag::state::netfilter::Dialect;
use netdiag::state::route::{RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState};
use netdiag_bench::cluster::Flavour;

use crate::made::{down, known, link, pod_ip, rules, sysctl};

/// What is wrong with a node, in which systems it can be, and how it is made so.
pub(crate) struct Planted {
    pub(crate) id: &'static str,
    pub(crate) of: &'static [Flavour],
    pub(crate) harm: fn(&mut NodeState),
}

const CALICO: &[Flavour] = &[Flavour::CalicoBgp, Flavour::CalicoIpip, Flavour::CalicoVxlan];
const BIRD: &[Flavour] = &[Flavour::CalicoBgp, Flavour::CalicoIpip];
const FLANNEL: &[Flavour] = &[Flavour::FlannelVxlan, Flavour::FlannelHostGw];
const VXLAN: &[Flavour] = &[Flavour::CalicoVxlan, Flavour::FlannelVxlan];
const TUNNEL: &[Flavour] = &[Flavour::CalicoIpip, Flavour::CalicoVxlan, Flavour::FlannelVxlan];

fn tunnel(node: &NodeState) -> String {
    let names = ["tunl0", "vxlan.calico", "flannel.1"];
    let name = names.into_iter().find(|name| node.net.link_named(name).is_some());
    name.unwrap().to_owned()
}

fn first_veth(node: &NodeState) -> String {
    let links = node.net.links.items();
    let veth = links.iter().find(|link| link.kind.as_deref() == Some("veth"));
    veth.unwrap().name.clone()
}

pub(crate) const FAULTS: [Planted; 17] = [
    Planted {
        id: "forwarding-off",
        of: &Flavour::ALL,
        harm: |node| {
            for (key, value) in known(&mut node.net.sysctls) {
                if key.ends_with("forward") || key.ends_with(".forwarding") {
                    *value = "0".into();
                }
            }
        },
    },
    Planted {
        id: "link-down",
        of: &Flavour::ALL,
        harm: |node| {
            let pods = known(&mut node.namespaces);
            let links = known(&mut pods[0].net.links);
            down(links.iter_mut().find(|link| link.name == "eth0").unwrap());
        },
    },
    Planted {
        id: "tunnel-link-down",
        of: TUNNEL,
        harm: |node| {
            let name = tunnel(node);
            down(link(node, &name));
        },
    },
    Planted {
        id: "tunnel-mtu-too-large",
        of: TUNNEL,
        harm: |node| {
            let name = tunnel(node);
            link(node, &name).mtu = 1500;
        },
    },
    Planted {
        id: "tunnel-link-differs",
        of: VXLAN,
        harm: |node| {
            let name = tunnel(node);
            if let Some(LinkData::Vxlan(data)) = &mut link(node, &name).data {
                data.vni = Some(4097);
            }
        },
    },
    Planted {
        id: "pod-route-missing",
        of: CALICO,
        harm: |node| {
            let ip = pod_ip(node, 0);
            known(&mut node.net.routes)
                .retain(|route| route.table != TableId::MAIN || route.dst != ipnet::IpNet::from(ip));
        },
    },
    Planted {
        id: "bgp-routes-missing",
        of: CALICO,
        harm: |node| {
            known(&mut node.net.routes)
                .retain(|route| route.proto != RouteProtocol::BIRD || route.kind == RouteType::Blackhole);
        },
    },
    Planted {
        id: "proxy-arp-off",
        of: CALICO,
        harm: |node| {
            let name = first_veth(node);
            sysctl(node, &format!("net.ipv4.conf.{name}.proxy_arp"), "0");
        },
    },
    Planted {
        id: "conntrack-table-full",
        of: &Flavour::ALL,
        harm: |node| {
            node.net.conntrack = Fact::Known(Conntrack {
                count: 262_144,
                max: Some(262_144),
                ..Conntrack::default()
            });
        },
    },
    Planted {
        id: "neighbor-table-full",
        of: CALICO,
        harm: |node| sysctl(node, "net.ipv4.neigh.default.gc_thresh3", "4"),
    },
    Planted {
        id: "vxlan-entry-missing",
        of: VXLAN,
        harm: |node| {
            let entries = known(&mut node.net.fdb);
            let at = entries.iter().position(|entry| entry.dst.is_some()).unwrap();
            entries.remove(at);
        },
    },
    Planted {
        id: "link-forwarding-off",
        of: CALICO,
        harm: |node| {
            let name = first_veth(node);
            sysctl(node, &format!("net.ipv4.conf.{name}.forwarding"), "0");
        },
    },
    Planted {
        id: "link-without-bridge",
        of: FLANNEL,
        harm: |node| {
            let name = first_veth(node);
            link(node, &name).master = None;
            link(node, &name).name = "veth0001".into();
        },
    },
    Planted {
        id: "bridge-without-address",
        of: FLANNEL,
        harm: |node| {
            let bridge = link(node, "cni0").index;
            known(&mut node.net.addresses).retain(|address| address.link != bridge);
        },
    },
    Planted {
        id: "iptables-in-both-backends",
        of: &Flavour::ALL,
        harm: |node| {
            let text = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
                :KUBE-MARK-MASQ - [0:0]\n-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n";
            rules(node, Dialect::IptablesLegacy, text);
        },
    },
    Planted {
        id: "arp-ignored",
        of: &Flavour::ALL,
        harm: |node| sysctl(node, "net.ipv4.conf.all.arp_ignore", "8"),
    },
    Planted {
        id: "route-to-wrong-node",
        of: BIRD,
        harm: |node| {
            // The next block goes where the first of the others does.
            let mut gateway = None;
            for route in known(&mut node.net.routes) {
                let bird = route.proto == RouteProtocol::BIRD && route.kind == RouteType::Unicast;
                let Some(hop) = route.next_hops.first_mut().filter(|_| bird) else {
                    continue;
                };
                match gateway {
                    None => gateway = hop.gateway,
                    Some(first) => {
                        hop.gateway = Some(first);
                        break;
                    }
                }
            }
        },
    },
];
