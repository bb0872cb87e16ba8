//! The founding story as a snapshot: Calico took the address of a bridge, so that no session comes up.

use netdiag::state::Snapshot;
use serde_json::{Value, json};

/// Four Nodes in the datastore, of which the first one's host was looked at.
pub(crate) fn story() -> Value {
    let nodes: Vec<Value> = (1..=4)
        .map(|number| {
            json!({"kind": "Node", "apiVersion": "projectcalico.org/v3", "metadata": {"name": format!("node{number}")},
                "spec": {"bgp": {"ipv4Address": format!("10.244.{number}.1/24")}}})
        })
        .collect();
    let hosts: Vec<Value> = (1..=4)
        .map(
            |number| json!({"ip": format!("192.168.80.{}", 22 + number), "names": [format!("node{number}")]}),
        )
        .collect();
    let peers: Vec<Value> = (2..=4)
        .map(|number| {
            json!({"name": format!("Mesh_10_244_{number}_1"), "proto": "BGP", "table": "master", "state": "start",
                "since": "10:56:59", "info": "Connect", "bgp": {"state": "Connect",
                "neighborAddress": format!("10.244.{number}.1"), "neighborAs": 64512}})
        })
        .collect();
    json!({
        "netdiagSnapshot": 1,
        "nodes": [{
            "name": "node1",
            "taken": "2026-11-20T10:57:00Z",
            "links": {"known": [
                {"index": 1, "name": "lo", "up": true, "operstate": "unknown", "mtu": 65536},
                {"index": 2, "name": "eth0", "up": true, "operstate": "up", "mtu": 1500},
                {"index": 3, "name": "cni0", "kind": "bridge", "up": true, "operstate": "up", "mtu": 1500},
            ]},
            "addresses": {"known": [
                {"link": 1, "ip": "127.0.0.1", "prefixLen": 8},
                {"link": 2, "ip": "192.168.80.23", "prefixLen": 24},
                {"link": 3, "ip": "10.244.1.1", "prefixLen": 24},
            ]},
            "routes": {"known": [
                route("0.0.0.0/0", 3, Some("192.168.80.254"), 2),
                route("192.168.80.0/24", 2, None, 2),
                route("10.244.1.0/24", 2, None, 3),
            ]},
            "neighbors": {"known": [{"link": 2, "ip": "192.168.80.254", "state": "failed"}]},
            "tcp": {"known": [{"local": "192.168.80.23:40000", "remote": "10.244.2.1:179", "state": "synSent",
                "txQueue": 1, "rxQueue": 0}]},
            "tcpCounters": {"known": {"TCPMD5NotFound": 0}},
            "netfilter": {"known": [{"dialect": "iptables-nft", "tables": [{"name": "filter", "chains": [
                {"name": "INPUT", "policy": "ACCEPT", "rules": [rule("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT")]},
                {"name": "OUTPUT", "policy": "ACCEPT", "rules": []},
            ]}]}]},
            "hosts": {"known": hosts},
            "processes": {"known": {"felix": {"pid": 7, "command": "calico-node -felix"}, "bird":
                [{"pid": 8, "command": "bird -R -s /var/run/calico/bird.ctl -d"}], "hostVisible": true,
                "environment": {"IP": "autodetect"}}},
            "bird": {"known": {"socket": "/var/run/calico/bird.ctl", "version": "1.6.8", "routerId": "10.244.1.1",
                "protocols": peers}},
            "bird6": {"absent": {"why": "no control socket"}},
            "birdConfig": {"known": {"routerId": "10.244.1.1", "peers": [{"name": "Mesh_10_244_2_1",
                "neighbor": "10.244.2.1", "neighborAs": 64512, "localAs": 64512, "sourceAddress": "10.244.1.1"}]}},
        }],
        "objects": {"known": {"store": "etcd v3 at http://192.168.80.254:2379", "resources": nodes}},
    })
}

fn route(dst: &str, proto: u8, gateway: Option<&str>, link: u32) -> Value {
    let mut hop = json!({"link": link});
    if let Some(gateway) = gateway {
        hop["gateway"] = gateway.into();
    }
    json!({"dst": dst, "table": 254, "type": "unicast", "proto": proto, "nextHops": [hop]})
}

fn rule(text: &str) -> Value {
    let words: Vec<&str> = text.split(' ').skip(2).collect();
    json!({"words": words, "text": text, "packets": 3, "line": 5})
}

#[test]
fn the_story_is_a_snapshot() {
    serde_json::from_value::<Snapshot>(story()).unwrap();
}
