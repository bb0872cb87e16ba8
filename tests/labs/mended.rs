//! Clusters of BGP that are really broken: each is named by its check and nothing else, mended by what is printed, all
//! pods reach all, and nothing is found any more.

use netdiag_lab::kinds::bgpd;
use netdiag_lab::{bird, or_skip};
use serde_json::{Value, json};

use crate::manifests::{Change, Stored, to};
use crate::plan::{NODES, mesh, node, peer, pool};

/// How a row is broken.
#[derive(Default)]
struct Break {
    objects: Change,
    /// What is done first.
    act: Option<fn(&mut Stored)>,
    /// Nodes whose confd writes nothing any more.
    stuck: &'static [&'static str],
    /// In BIRD's configuration of a node.
    beside: Option<(&'static str, &'static str)>,
}

/// How it is mended.
enum By {
    /// by the manifests that are written
    Manifest,
    /// by the commands that are printed
    Typed,
    /// by what a step asks for: other objects, or that confd goes on
    Step(Change),
    /// by what a step asks for on a node
    Act(fn(&mut Stored)),
}

struct Row {
    what: &'static str,
    ids: &'static [&'static str],
    broken: Break,
    by: By,
}

impl Stored {
    fn sh(&self, on: &str, script: &str) {
        let environment = self.world.environment.iter();
        let run = self.world.lab.node(on).sh(script);
        environment
            .fold(run, |run, (name, value)| run.env(name, value))
            .ok()
            .unwrap_or_else(|error| panic!("{script} on {on}: {error}"));
    }

    /// Types commands as they stand there; those of no node on the first one.
    fn typed(&self, findings: &[Value]) {
        for finding in findings {
            let commands = finding["commands"].as_array();
            let commands = commands.unwrap_or_else(|| panic!("nothing to type: {finding:#}"));
            for command in commands.iter().filter(|command| command["looks"] != true) {
                let on = command["node"].as_str().unwrap_or("n1");
                self.sh(on, command["run"].as_str().unwrap());
            }
        }
    }

    /// Breaks, finds, mends, and sees that all is well.
    fn row(&mut self, row: Row) {
        let Row {
            what,
            ids,
            broken,
            by,
        } = row;
        if let Some(act) = broken.act {
            act(self);
        }
        self.world.stuck = broken.stuck.iter().copied().collect();
        self.world.beside = broken.beside.into_iter().collect();
        self.change(&broken.objects);
        let (findings, fix) = self.named(what, ids);
        match by {
            By::Manifest => {
                let fix = fix.unwrap_or_else(|| panic!("{what}: no manifest: {findings:#?}"));
                self.write("apply", &fix);
            }
            By::Typed => self.typed(&findings),
            By::Step(objects) => self.change(&objects),
            By::Act(act) => act(self),
        }
        self.world.stuck.clear();
        self.world.beside.clear();
        self.look();
        self.healthy(&format!("{what}, mended: {findings:#?}"));
    }
}

#[test]
fn addresses_of_nodes_are_mended() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    let at = |number: u8, address: &str| (vec![node(number, json!({"ipv4Address": address}))], vec![]);
    let rows = vec![
        Row {
            what: "a node's address is on a link that no peer is behind",
            ids: &["node-address-unreachable"],
            broken: Break {
                objects: at(1, "192.168.77.1/24"),
                act: Some(|stored| {
                    let script =
                        "ip link add eth1 type veth peer name nat; ip address add 192.168.77.1/24 dev eth1
                        ip link set eth1 up; ip link set nat up";
                    stored.sh("n1", script);
                }),
                ..Break::default()
            },
            by: By::Manifest,
        },
        Row {
            what: "two nodes have one address",
            ids: &["node-address-shared"],
            broken: Break {
                objects: at(1, "10.40.1.2/24"),
                ..Break::default()
            },
            by: By::Manifest,
        },
        Row {
            what: "all nodes have the address that their machines' NAT gave each",
            ids: &["node-address-shared"; 4],
            broken: Break {
                objects: (
                    (1..=4)
                        .map(|number| node(number, json!({"ipv4Address": "10.0.2.15/24"})))
                        .collect(),
                    vec![],
                ),
                act: Some(|stored| {
                    let script =
                        "ip link add nat0 type veth peer name nat1; ip address add 10.0.2.15/24 dev nat0
                        ip link set nat0 up; ip link set nat1 up";
                    for (name, ..) in NODES {
                        stored.sh(name, script);
                    }
                }),
                ..Break::default()
            },
            by: By::Manifest,
        },
        Row {
            what: "a node peers with itself",
            ids: &["bgp-peer-is-self"],
            broken: Break {
                objects: (vec![to("self", "n1", "10.40.1.101")], vec![]),
                act: Some(|stored| stored.sh("n1", "ip address add 10.40.1.101/24 dev eth0")),
                ..Break::default()
            },
            by: By::Step((vec![], vec![to("self", "n1", "10.40.1.101")])),
        },
    ];
    for row in rows {
        stored.row(row);
    }
}

/// All with all, by an object each.
fn by_hand() -> Vec<Value> {
    let mut peers = Vec::new();
    for (at, from) in NODES.iter().enumerate() {
        for other in NODES.iter().skip(at + 1) {
            peers.push(to(&format!("{}-{}", from.0, other.0), from.0, other.2));
        }
    }
    peers
}

/// One side of a session, which the other doesn't get by it.
fn one_side(name: &str, from: &str, ip: &str, source: &str) -> Value {
    let spec = json!({"node": from, "peerIP": ip, "asNumber": 64_512, "sourceAddress": source, "reversePeering": "Manual"});
    peer(name, spec)
}

#[test]
fn sessions_are_mended() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    let rows = vec![
        Row {
            what: "another daemon has BGP's port",
            ids: &["bgp-port-taken"],
            broken: Break {
                act: Some(|stored| {
                    let node = stored.world.lab.node("n1");
                    node.stop("bird").unwrap();
                    bgpd(node, "router bgp 65000\n bgp router-id 10.40.1.1\n").unwrap();
                    stored.world.bird.start(node).unwrap();
                }),
                ..Break::default()
            },
            by: By::Act(|stored| {
                let node = stored.world.lab.node("n1");
                node.stop("bgpd").unwrap();
                node.stop("bird").unwrap();
                stored.world.bird.start(node).unwrap();
            }),
        },
        Row {
            what: "a node comes while confd of another one is stuck",
            ids: &["bird-config-out-of-step"],
            broken: Break {
                objects: (vec![node(4, json!({}))], vec![]),
                stuck: &["n1"],
                act: Some(|stored| stored.change(&(vec![], vec![node(4, json!({}))]))),
                ..Break::default()
            },
            by: By::Step((vec![], vec![])),
        },
        Row {
            what: "a node's BIRD is gone",
            ids: &["bird-not-running"],
            broken: Break {
                act: Some(|stored| stored.world.lab.node("n2").stop("bird").unwrap()),
                ..Break::default()
            },
            by: By::Act(|stored| stored.world.bird.start(stored.world.lab.node("n2")).unwrap()),
        },
        Row {
            what: "BIRD writes nothing into a kernel that has lost a route",
            ids: &["bgp-routes-missing"],
            broken: Break {
                act: Some(|stored| {
                    bird::ask(stored.world.lab.node("n3"), "disable kernel4").unwrap();
                    stored.sh("n3", "ip route del 10.48.1.0/26");
                }),
                stuck: &["n3"],
                ..Break::default()
            },
            by: By::Typed,
        },
        Row {
            what: "the mesh goes while confd of a node is stuck",
            ids: &["bird-config-out-of-step"],
            broken: Break {
                objects: ([vec![mesh(false)], by_hand()].concat(), vec![]),
                stuck: &["n1"],
                act: None,
                ..Break::default()
            },
            by: By::Step((vec![], vec![])),
        },
    ];
    for row in rows {
        stored.row(row);
    }
}

#[test]
fn sessions_by_objects_are_mended() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    let base = [vec![mesh(false)], by_hand()].concat();
    stored.change(&(base, vec![]));
    stored.healthy("all with all, by an object each");
    let both = ["None"].map(|source| {
        vec![
            one_side("n1-n2", "n1", "10.40.1.2", source),
            one_side("n2-n1", "n2", "10.40.1.1", source),
        ]
    });
    let rows = vec![
        Row {
            what: "a peer is to have its session by an object of its own, and has none",
            ids: &["bgp-peering-one-sided"],
            broken: Break {
                objects: (vec![one_side("n1-n2", "n1", "10.40.1.2", "UseNodeIP")], vec![]),
                ..Break::default()
            },
            by: By::Manifest,
        },
        Row {
            what: "two nodes speak from other addresses than those they are known by",
            ids: &["bgp-peer-from-other-address"; 2],
            broken: Break {
                objects: (both.concat(), vec![]),
                act: Some(|stored| {
                    for number in [1, 2] {
                        let script = format!(
                            "ip address add 10.40.1.10{number}/24 dev eth0; ip route change 10.40.1.0/24 dev eth0 src 10.40.1.10{number}"
                        );
                        stored.sh(&format!("n{number}"), &script);
                    }
                }),
                ..Break::default()
            },
            by: By::Typed,
        },
    ];
    for row in rows {
        stored.row(row);
    }
}

fn affinity(node: &str, number: u8) -> String {
    format!("/calico/ipam/v2/host/{node}/ipv4/block/10.48.{number}.0-26")
}

/// Calico's IPAM with a block of a node, and one address in it.
fn claim(stored: &Stored, node: &str, number: u8) {
    let mut allocations = vec![Value::Null; 64];
    allocations[10] = json!(0);
    let free: Vec<u8> = (0..64).filter(|ordinal| *ordinal != 10).collect();
    let secondary = json!({"node": node, "namespace": "default", "pod": "pod"});
    let block = json!({
        "cidr": format!("10.48.{number}.0/26"), "affinity": format!("host:{node}"), "strictAffinity": false,
        "allocations": allocations, "unallocated": free, "deleted": false,
        "attributes": [{"handle_id": format!("k8s-pod-network.{node}"), "secondary": secondary}],
    });
    let key = format!("/calico/ipam/v2/assignment/ipv4/block/10.48.{number}.0-26");
    stored.etcd.put(&key, &block.to_string()).unwrap();
    let confirmed = json!({"state": "confirmed", "deleted": false});
    stored
        .etcd
        .put(&affinity(node, number), &confirmed.to_string())
        .unwrap();
}

#[test]
fn blocks_are_mended() {
    let Some(mut stored) = or_skip(Stored::up(true)) else {
        return;
    };
    for (name, .., number) in NODES {
        claim(&stored, name, number);
    }
    stored.healthy("blocks");
    let rows = vec![Row {
        what: "a node claims another one's block",
        ids: &["block-claimed-twice"],
        broken: Break {
            act: Some(|stored| {
                let confirmed = json!({"state": "confirmed", "deleted": false});
                stored
                    .etcd
                    .put(&affinity("n1", 2), &confirmed.to_string())
                    .unwrap();
            }),
            beside: Some((
                "n1",
                "protocol static claimed { ipv4; route 10.48.2.0/26 blackhole; }\n",
            )),
            ..Break::default()
        },
        by: By::Act(|stored| stored.etcd.delete(&affinity("n1", 2)).unwrap()),
    }];
    for row in rows {
        stored.row(row);
    }
}

#[test]
fn routes_of_two_modes_are_mended() {
    let Some(mut stored) = or_skip(Stored::up(false)) else {
        return;
    };
    stored.healthy("tunnels over the router");
    let rows = vec![Row {
        what: "a node goes on routing while the others tunnel",
        ids: &["routes-differ-in-device"],
        broken: Break {
            objects: (vec![pool(json!({"vxlanMode": "Always"}))], vec![]),
            stuck: &["n1"],
            ..Break::default()
        },
        by: By::Step((vec![], vec![])),
    }];
    for row in rows {
        stored.row(row);
    }
}
