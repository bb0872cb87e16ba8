//! Faults of nodes, one at a time.

use std::collections::BTreeMap;

use netdiag::state::conntrack::{Conntrack, Flow, FlowStatus, Tuple};
use netdiag::state::kernel::{Kernel, KernelMessage, KernelTopic};
use netdiag::state::kind::{LinkData, Vxlan, Wireguard, WireguardPeer};
use netdiag::state::link::{Address, IfIndex, Link, LinkFlags};
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::Dialect;
use netdiag::state::process::CalicoProcesses;
use netdiag::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::rule::{PolicyRule, RuleAction};
use netdiag::state::socket::{SocketOwner, TcpSocket, TcpState};
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;
use serde_json::json;

use crate::made::{down, fires, found, known, link, made, pod_ip, resource, rules, stored, sysctl};

fn bgp() -> Snapshot {
    made(Flavour::CalicoBgp, 3, 3)
}

fn first_cali(node: &NodeState) -> String {
    let links = node.net.links.items();
    links
        .iter()
        .find(|link| link.name.starts_with("cali"))
        .unwrap()
        .name
        .clone()
}

#[test]
fn sysctls_that_stop_packets_are_told() {
    fires("forwarding-off", &bgp(), |broken| {
        sysctl(&mut broken.nodes[1], "net.ipv4.ip_forward", "0");
        for (key, value) in known(&mut broken.nodes[1].net.sysctls) {
            if key.ends_with(".forwarding") {
                *value = "0".into();
            }
        }
    });
    fires("link-forwarding-off", &bgp(), |broken| {
        let name = first_cali(&broken.nodes[0]);
        sysctl(
            &mut broken.nodes[0],
            &format!("net.ipv4.conf.{name}.forwarding"),
            "0",
        );
    });
    fires("proxy-arp-off", &bgp(), |broken| {
        let name = first_cali(&broken.nodes[0]);
        sysctl(
            &mut broken.nodes[0],
            &format!("net.ipv4.conf.{name}.proxy_arp"),
            "0",
        );
    });
    fires("arp-ignored", &bgp(), |broken| {
        sysctl(&mut broken.nodes[0], "net.ipv4.conf.all.arp_ignore", "8");
    });
    fires("ipv6-disabled", &bgp(), |broken| {
        sysctl(&mut broken.nodes[0], "net.ipv6.conf.all.disable_ipv6", "1");
        let node = &mut stored(broken).resources[0];
        node["spec"]["bgp"]["ipv6Address"] = json!("fd00::1/64");
        let link = link(&mut broken.nodes[0], "eth0").index;
        let address = Address::new(link, "fd00::1".parse().unwrap(), 64);
        known(&mut broken.nodes[0].net.addresses).push(address);
    });
    fires("felix-refuses-loose-rp-filter", &bgp(), |broken| {
        sysctl(&mut broken.nodes[0], "net.ipv4.conf.all.rp_filter", "2");
        broken.nodes[0].processes = Fact::Known(CalicoProcesses::default());
        let spec = json!({"calicoVersion": "v3.8.1"});
        stored(broken)
            .resources
            .push(resource("ClusterInformation", "default", spec));
    });
    fires(
        "bridge-nf-call-off",
        &made(Flavour::FlannelHostGw, 2, 3),
        |broken| {
            sysctl(&mut broken.nodes[0], "net.bridge.bridge-nf-call-iptables", "0");
        },
    );
}

#[test]
fn tables_that_are_full_are_told() {
    fires("conntrack-table-full", &bgp(), |broken| {
        broken.nodes[2].net.conntrack = Fact::Known(Conntrack {
            count: 65_000,
            max: Some(65_536),
            ..Conntrack::default()
        });
    });
    fires("neighbor-table-full", &bgp(), |broken| {
        sysctl(&mut broken.nodes[0], "net.ipv4.neigh.default.gc_thresh3", "4");
    });
    fires(
        "tunnel-checksum-offload",
        &made(Flavour::CalicoVxlan, 2, 2),
        |broken| {
            let node = &mut broken.nodes[0];
            link(node, "vxlan.calico").features = Some(vec!["tx-checksum-ip-generic".into()]);
            node.kernel_log = Fact::Known(vec![KernelMessage {
                at: 1,
                times: 3,
                level: 4,
                topic: KernelTopic::Checksum,
                text: "UDP: bad checksum".into(),
            }]);
        },
    );
}

#[test]
fn links_that_are_down_or_otherwise_are_told() {
    fires("link-down", &bgp(), |broken| {
        let pods = known(&mut broken.nodes[0].namespaces);
        let links = known(&mut pods[0].net.links);
        down(links.iter_mut().find(|link| link.name == "eth0").unwrap());
    });
    fires("link-down", &bgp(), |broken| {
        let name = first_cali(&broken.nodes[1]);
        down(link(&mut broken.nodes[1], &name));
    });
    fires("tunnel-link-down", &made(Flavour::CalicoIpip, 3, 2), |broken| {
        down(link(&mut broken.nodes[1], "tunl0"));
    });
    fires(
        "tunnel-mtu-too-large",
        &made(Flavour::CalicoVxlan, 3, 2),
        |broken| {
            link(&mut broken.nodes[1], "vxlan.calico").mtu = 1500;
        },
    );
    fires(
        "tunnel-link-differs",
        &made(Flavour::FlannelVxlan, 3, 2),
        |broken| {
            let Some(LinkData::Vxlan(data)) = &mut link(&mut broken.nodes[1], "flannel.1").data else {
                panic!("no VXLAN");
            };
            data.vni = Some(2);
        },
    );
    fires(
        "tunnel-link-differs",
        &made(Flavour::CalicoVxlan, 3, 2),
        |broken| {
            let spec = json!({"vxlanPort": 8472});
            stored(broken)
                .resources
                .push(resource("FelixConfiguration", "default", spec));
        },
    );
    fires(
        "vxlan-port-shared",
        &made(Flavour::FlannelVxlan, 2, 2),
        |broken| {
            let node = &mut broken.nodes[0];
            let other = Link {
                index: IfIndex(950),
                name: "cilium_vxlan".into(),
                data: Some(LinkData::Vxlan(Vxlan {
                    port: 8472,
                    external: true,
                    ..Vxlan::default()
                })),
                ..link(node, "flannel.1").clone()
            };
            link(node, "flannel.1").flags.0 &= !LinkFlags::UP.0;
            known(&mut node.net.links).push(other);
        },
    );
    fires("mac-shared", &bgp(), |broken| {
        let mac = link(&mut broken.nodes[0], "eth0").mac.clone();
        link(&mut broken.nodes[1], "eth0").mac = mac;
    });
    fires(
        "link-without-bridge",
        &made(Flavour::FlannelVxlan, 2, 3),
        |broken| {
            let node = &mut broken.nodes[0];
            let ends = known(&mut node.net.links);
            let end = ends
                .iter_mut()
                .find(|link| link.kind.as_deref() == Some("veth"))
                .unwrap();
            end.master = None;
            end.name = "veth0001".into();
        },
    );
    fires("bridge-loop", &bgp(), |broken| {
        let node = &mut broken.nodes[0];
        let template = link(node, "eth0").clone();
        let links = known(&mut node.net.links);
        for (index, name, kind, master, lower) in [
            (960, "br-a", "bridge", None, None),
            (961, "br-b", "bridge", None, None),
            (962, "v1a", "veth", Some(960), Some(963)),
            (963, "v1b", "veth", Some(961), Some(962)),
            (964, "v2a", "veth", Some(960), Some(965)),
            (965, "v2b", "veth", Some(961), Some(964)),
        ] {
            links.push(Link {
                index: IfIndex(index),
                name: name.into(),
                kind: Some(kind.into()),
                master: master.map(IfIndex),
                lower: lower.map(|index| netdiag::state::link::LowerLink {
                    index: IfIndex(index),
                    netns: None,
                }),
                mac: Some(format!("0e:ff:00:00:{:02x}:{:02x}", index / 256, index % 256)),
                ..template.clone()
            });
        }
    });
    fires("docker-range-overlaps", &bgp(), |broken| {
        let node = &mut broken.nodes[0];
        let bridge = Link {
            index: IfIndex(970),
            name: "docker0".into(),
            kind: Some("bridge".into()),
            ..link(node, "eth0").clone()
        };
        known(&mut node.net.links).push(bridge);
        let address = Address::new(IfIndex(970), "172.16.0.129".parse().unwrap(), 17);
        known(&mut node.net.addresses).push(address);
    });
    fires(
        "bridge-address-outside-subnet",
        &made(Flavour::FlannelVxlan, 2, 2),
        |broken| {
            broken.nodes[0].flannel.subnet = Fact::Known(netdiag::state::cni::FlannelSubnet {
                subnet: Some("10.244.7.1/24".parse().unwrap()),
                ..Default::default()
            });
        },
    );
    fires(
        "kernel-module-missing",
        &made(Flavour::CalicoVxlan, 2, 1),
        |broken| {
            let node = &mut broken.nodes[0];
            node.kernel = Fact::Known(Kernel {
                release: "6.1.0-minimal".into(),
                modules: Fact::Known(Vec::new()),
                builtin: Fact::Known(Vec::new()),
                ..Kernel::default()
            });
            let index = link(node, "vxlan.calico").index;
            known(&mut node.net.links).retain(|link| link.index != index);
            known(&mut node.net.addresses).retain(|address| address.link != index);
            // Without the link there are no routes by it, and what is lost by that is lost by this.
            known(&mut node.net.routes)
                .retain(|route| route.next_hops.first().is_none_or(|hop| hop.link != Some(index)));
        },
    );
    fires(
        "tunnel-link-missing",
        &made(Flavour::CalicoIpip, 2, 1),
        |broken| {
            let node = &mut broken.nodes[0];
            let index = link(node, "tunl0").index;
            known(&mut node.net.links).retain(|link| link.index != index);
            known(&mut node.net.addresses).retain(|address| address.link != index);
            known(&mut node.net.routes)
                .retain(|route| route.next_hops.first().is_none_or(|hop| hop.link != Some(index)));
        },
    );
    fires("wireguard-key-differs", &bgp(), |broken| {
        let outer = broken.nodes[1].net.addresses.items()[1].ip;
        for (at, key, peers) in [
            (
                0,
                "AAA=",
                vec![WireguardPeer {
                    public_key: "OLD=".into(),
                    endpoint: Some((outer, 51_820).into()),
                    ..WireguardPeer::default()
                }],
            ),
            (1, "BBB=", Vec::new()),
        ] {
            let node = &mut broken.nodes[at];
            let data = Wireguard {
                public_key: key.into(),
                peers,
                ..Wireguard::default()
            };
            let wireguard = Link {
                index: IfIndex(980),
                name: "wireguard.cali".into(),
                mtu: 1440,
                kind: Some("wireguard".into()),
                mac: None,
                data: Some(LinkData::Wireguard(data)),
                ..link(node, "eth0").clone()
            };
            known(&mut node.net.links).push(wireguard);
            let ip = format!("10.255.0.{}", at + 1).parse().unwrap();
            known(&mut node.net.addresses).push(Address::new(IfIndex(980), ip, 32));
        }
    });
}

#[test]
fn routes_that_are_missing_or_wrong_are_told() {
    fires("pod-route-missing", &bgp(), |broken| {
        let ip = pod_ip(&broken.nodes[0], 0);
        known(&mut broken.nodes[0].net.routes)
            .retain(|route| route.table != TableId::MAIN || route.dst != ipnet::IpNet::from(ip));
    });
    fires("bgp-routes-missing", &bgp(), |broken| {
        known(&mut broken.nodes[0].net.routes)
            .retain(|route| route.proto != RouteProtocol::BIRD || route.kind == RouteType::Blackhole);
    });
    fires("route-to-wrong-node", &bgp(), |broken| {
        let wrong = broken.nodes[2].net.addresses.items()[1].ip;
        let right = broken.nodes[1].net.addresses.items()[1].ip;
        for route in known(&mut broken.nodes[0].net.routes) {
            for hop in route
                .next_hops
                .iter_mut()
                .filter(|hop| hop.gateway == Some(right))
            {
                hop.gateway = Some(wrong);
            }
        }
    });
    fires("block-with-two-ways", &bgp(), |broken| {
        let other = broken.nodes[2].net.addresses.items()[1].ip;
        let right = broken.nodes[1].net.addresses.items()[1].ip;
        for route in known(&mut broken.nodes[0].net.routes) {
            if route
                .next_hops
                .first()
                .is_some_and(|hop| hop.gateway == Some(right))
            {
                let link = route.next_hops[0].link.unwrap();
                route.next_hops.push(NextHop::by(link, Some(other)));
            }
        }
    });
    fires("default-route-missing", &bgp(), |broken| {
        known(&mut broken.nodes[0].net.routes).retain(|route| route.dst.prefix_len() > 0);
    });
    fires("policy-rule-hides-routes", &bgp(), |broken| {
        let node = &mut broken.nodes[0];
        let table = TableId(52);
        let link = link(node, "eth0").index;
        known(&mut node.net.routes).push(Route {
            next_hops: vec![NextHop::by(link, Some("172.16.255.254".parse().unwrap()))],
            ..Route::new(
                "0.0.0.0/0".parse().unwrap(),
                table,
                RouteType::Unicast,
                RouteProtocol::STATIC,
            )
        });
        let rules = known(&mut node.net.rules);
        let rule = PolicyRule {
            priority: 5270,
            action: RuleAction::Lookup(table),
            ..rules[1].clone()
        };
        rules.insert(1, rule);
    });
    fires(
        "routes-differ-in-device",
        &made(Flavour::CalicoIpip, 2, 2),
        |broken| {
            let node = &mut broken.nodes[0];
            let (tunnel, uplink) = (link(node, "tunl0").index, link(node, "eth0").index);
            for route in known(&mut node.net.routes) {
                for hop in route
                    .next_hops
                    .iter_mut()
                    .filter(|hop| hop.link == Some(tunnel) && hop.gateway.is_some())
                {
                    hop.link = Some(uplink);
                }
            }
        },
    );
}

#[test]
fn what_nodes_know_of_each_others_tunnels_is_held_against_these() {
    fires("vtep-mac-stale", &made(Flavour::FlannelVxlan, 3, 2), |broken| {
        link(&mut broken.nodes[1], "flannel.1").mac = Some("66:00:00:00:00:99".into());
    });
    fires(
        "vxlan-entry-missing",
        &made(Flavour::CalicoVxlan, 3, 2),
        |broken| {
            known(&mut broken.nodes[0].net.fdb).retain(|entry| entry.dst.is_none());
        },
    );
    fires(
        "vxlan-entry-missing",
        &made(Flavour::FlannelVxlan, 3, 2),
        |broken| {
            known(&mut broken.nodes[0].net.neighbors).retain(|entry| entry.state != NeighborState::Permanent);
        },
    );
    fires(
        "vtep-at-wrong-node",
        &made(Flavour::FlannelVxlan, 3, 2),
        |broken| {
            let wrong = broken.nodes[2].net.addresses.items()[1].ip;
            let right = broken.nodes[1].net.addresses.items()[1].ip;
            for entry in known(&mut broken.nodes[0].net.fdb) {
                if entry.dst == Some(right) {
                    entry.dst = Some(wrong);
                }
            }
        },
    );
}

#[test]
fn rules_that_drop_or_are_missing_are_told() {
    fires(
        "forward-drops-pods",
        &made(Flavour::FlannelVxlan, 2, 2),
        |broken| {
            let forward =
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [7:588]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
            for node in &mut broken.nodes {
                rules(node, Dialect::IptablesLegacy, forward);
                node.flannel.subnet = Fact::Known(netdiag::state::cni::FlannelSubnet {
                    networks: vec!["10.0.0.0/8".parse().unwrap()],
                    ..Default::default()
                });
            }
        },
    );
    fires("iptables-in-both-backends", &bgp(), |broken| {
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-FORWARD - [0:0]\n:cali-FORWARD - [0:0]\n-A KUBE-FORWARD -j ACCEPT\n-A cali-FORWARD -j RETURN\nCOMMIT\n";
        let node = &mut broken.nodes[0];
        rules(node, Dialect::IptablesLegacy, text);
        rules(node, Dialect::IptablesNft, text);
    });
    fires("felix-lacks-interface", &bgp(), |broken| {
        let node = &mut broken.nodes[0];
        let name = first_cali(node);
        for ruleset in known(&mut node.net.netfilter) {
            for chain in ruleset.tables.iter_mut().flat_map(|table| &mut table.chains) {
                if chain.name.contains("dispatch") {
                    chain.rules.retain(|rule| !rule.text.contains(&name));
                }
            }
        }
    });
    fires(
        "masquerade-missing",
        &made(Flavour::FlannelHostGw, 2, 2),
        |broken| {
            let node = &mut broken.nodes[0];
            let template = link(node, "eth0").clone();
            let links = known(&mut node.net.links);
            links.push(Link {
                index: IfIndex(970),
                name: "docker0".into(),
                kind: Some("bridge".into()),
                ..template.clone()
            });
            links.push(Link {
                index: IfIndex(971),
                name: "veth1234".into(),
                kind: Some("veth".into()),
                master: Some(IfIndex(970)),
                mac: Some("0e:ff:00:00:00:01".into()),
                ..template
            });
            let address = Address::new(IfIndex(970), "192.168.200.1".parse().unwrap(), 24);
            known(&mut node.net.addresses).push(address);
            rules(
                node,
                Dialect::IptablesLegacy,
                "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n",
            );
        },
    );
}

fn tuple(src: &str, dst: &str) -> Tuple {
    Tuple {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        sport: Some(40_000),
        dport: Some(53),
        icmp: None,
        packets: None,
        bytes: None,
        zone: None,
    }
}

#[test]
fn connections_that_lead_nowhere_are_told() {
    fires("udp-to-dead-endpoint", &bgp(), |broken| {
        let flow = Flow {
            proto: 17,
            state: None,
            original: tuple("10.0.0.1", "10.96.0.10"),
            reply: tuple("10.0.0.60", "10.0.0.1"),
            status: FlowStatus::DST_NAT,
            timeout: None,
            mark: 0,
            zone: 0,
        };
        broken.nodes[0].net.conntrack = Fact::Known(Conntrack {
            count: 1,
            max: Some(1_000),
            entries: Fact::Known(vec![flow]),
            omitted: 0,
        });
    });
    fires("pool-without-nat-outgoing", &bgp(), |broken| {
        let flow = Flow {
            proto: 17,
            state: None,
            original: tuple("10.0.0.1", "198.51.100.7"),
            reply: Tuple {
                sport: Some(53),
                dport: Some(40_000),
                ..tuple("198.51.100.7", "10.0.0.1")
            },
            status: FlowStatus::default(),
            timeout: None,
            mark: 0,
            zone: 0,
        };
        broken.nodes[0].net.conntrack = Fact::Known(Conntrack {
            count: 3,
            max: Some(1_000),
            entries: Fact::Known(vec![flow.clone(), flow.clone(), flow]),
            omitted: 0,
        });
        for object in &mut stored(broken).resources {
            if object["kind"] == "IPPool" {
                object["spec"]["natOutgoing"] = json!(false);
            }
        }
    });
    fires("datastore-unreachable", &bgp(), |broken| {
        broken.nodes[0].net.tcp = Fact::Known(vec![TcpSocket {
            local: "172.16.0.1:40000".parse().unwrap(),
            remote: "172.16.250.1:2379".parse().unwrap(),
            state: TcpState::SynSent,
            tx_queue: 1,
            rx_queue: 0,
            inode: 0,
            uid: 0,
            owner: Some(SocketOwner {
                pid: 7,
                program: "calico-node".into(),
            }),
        }]);
    });
}

#[test]
fn what_agents_are_told_is_held_against_the_objects() {
    fires("environment-hides-setting", &bgp(), |broken| {
        broken.nodes[0].processes = Fact::Known(CalicoProcesses {
            environment: BTreeMap::from([("FELIX_IPINIPMTU".to_owned(), "1400".to_owned())]),
            ..CalicoProcesses::default()
        });
        let spec = json!({"ipipMTU": 1480});
        stored(broken)
            .resources
            .push(resource("FelixConfiguration", "default", spec));
    });
    // Before Calico 3, Felix' names said the unit.
    let named = |stored: &str| {
        let mut cluster = bgp();
        cluster.nodes[0].processes = Fact::Known(CalicoProcesses {
            environment: BTreeMap::from([("FELIX_REPORTINGINTERVALSECS".to_owned(), "60".to_owned())]),
            ..CalicoProcesses::default()
        });
        let spec = json!({"reportingInterval": stored});
        let objects = &mut crate::made::stored(&mut cluster).resources;
        objects.push(resource("FelixConfiguration", "default", spec));
        let findings = found(&cluster).into_iter();
        findings.map(|finding| finding.id).collect::<Vec<_>>()
    };
    assert_eq!(named("60s"), [""; 0]);
    assert_eq!(named("1m0s"), [""; 0]);
    assert_eq!(named("30s"), ["environment-hides-setting"]);
    fires("machine-id-shared", &bgp(), |broken| {
        for (at, node) in broken.nodes.iter_mut().take(2).enumerate() {
            node.kernel = Fact::Known(Kernel {
                machine_id: Fact::Known("5f0c".into()),
                boot_id: Fact::Known(format!("boot {at}")),
                ..Kernel::default()
            });
        }
    });
    fires("node-address-mask-differs", &bgp(), |broken| {
        let node = &mut stored(broken).resources[0];
        let text = node["spec"]["bgp"]["ipv4Address"]
            .as_str()
            .unwrap()
            .replace("/16", "/24");
        node["spec"]["bgp"]["ipv4Address"] = json!(text);
    });
}
