use super::*;

fn tree(pairs: &[(&str, &str)]) -> Tree {
    pairs
        .iter()
        .enumerate()
        .map(|(index, (key, value))| {
            let value = (*value).to_owned();
            (
                (*key).to_owned(),
                Leaf {
                    value,
                    index: index as u64 + 7,
                },
            )
        })
        .collect()
}

fn specs(list: &List) -> Vec<(&str, Value)> {
    list.items
        .iter()
        .map(|item| (item.name(), item.body["spec"].clone()))
        .collect()
}

#[test]
fn a_host_becomes_a_node_with_the_length_of_its_network() {
    let tree = tree(&[
        ("/calico/bgp/v1/host/node1/ip_addr_v4", "10.244.1.1"),
        ("/calico/bgp/v1/host/node1/network_v4", "10.244.1.0/24"),
        ("/calico/bgp/v1/host/node1/ip_addr_v6", "fd00::1"),
        ("/calico/bgp/v1/host/node1/as_num", "64512"),
        ("/calico/v1/host/node1/config/IpInIpTunnelAddr", "192.168.115.128"),
        (
            "/calico/v1/host/node1/orchestrator_refs",
            r#"[{"orchestrator":"k8s","nodeName":"n1"}]"#,
        ),
        ("/calico/v1/host/node1/workload/k8s/x/endpoint/eth0", "not for us"),
        ("/calico/v1/host/other/workload/k8s/x/endpoint/eth0", "{}"),
        ("/calico/v1/host/bare/metadata", "{}"),
    ]);
    let list = nodes(&tree);
    assert_eq!(list.unreadable, []);
    assert_eq!(
        specs(&list),
        [
            ("bare", json!({})),
            (
                "node1",
                json!({
                    "bgp": {
                        "ipv4Address": "10.244.1.1/24",
                        "ipv6Address": "fd00::1/128",
                        "asNumber": 64512,
                        "ipv4IPIPTunnelAddr": "192.168.115.128",
                    },
                    "orchRefs": [{"orchestrator": "k8s", "nodeName": "n1"}],
                })
            ),
        ]
    );
    assert_eq!(list.items[1].resource_version(), Some("12"));
}

#[test]
fn values_that_do_not_parse_are_reported_by_key() {
    let tree = tree(&[
        ("/calico/bgp/v1/host/n/ip_addr_v4", "10.0.0"),
        ("/calico/bgp/v1/host/n/as_num", "x"),
        ("/calico/bgp/v1/host/n/peer_v4/1.2.3.4", "nonsense"),
        ("/calico/v1/ipam/v4/pool/10.0.0.0-16", "{}"),
    ]);
    let keys = |list: List| {
        list.unreadable
            .into_iter()
            .map(|item| item.key)
            .collect::<Vec<_>>()
    };
    let found = nodes(&tree);
    assert_eq!(specs(&found), [("n", json!({}))]);
    assert_eq!(
        keys(found),
        ["/calico/bgp/v1/host/n/ip_addr_v4", "/calico/bgp/v1/host/n/as_num"]
    );
    assert_eq!(keys(bgp_peers(&tree)), ["/calico/bgp/v1/host/n/peer_v4/1.2.3.4"]);
    assert_eq!(keys(ip_pools(&tree)), ["/calico/v1/ipam/v4/pool/10.0.0.0-16"]);
}

#[test]
fn global_settings_become_the_default_bgp_configuration() {
    let tree = tree(&[
        ("/calico/bgp/v1/global/as_num", "64511"),
        ("/calico/bgp/v1/global/node_mesh", r#"{"enabled": false}"#),
        ("/calico/bgp/v1/global/loglevel", "info"),
    ]);
    let spec = json!({"asNumber": 64511, "nodeToNodeMeshEnabled": false, "logSeverityScreen": "Info"});
    assert_eq!(specs(&bgp_configuration(&tree)), [("default", spec)]);
    assert_eq!(bgp_configuration(&Tree::new()), List::default());
}

#[test]
fn peers_are_named_by_node_and_address() {
    let tree = tree(&[
        (
            "/calico/bgp/v1/global/peer_v4/192.168.80.1",
            r#"{"ip":"192.168.80.1","as_num":"64567"}"#,
        ),
        (
            "/calico/bgp/v1/global/peer_v6/fd00::1",
            r#"{"ip":"fd00::1","as_num":64567}"#,
        ),
        (
            "/calico/bgp/v1/host/Node1/peer_v4/10.0.0.9",
            r#"{"ip":"10.0.0.9","as_num":"1.1"}"#,
        ),
    ]);
    assert_eq!(
        specs(&bgp_peers(&tree)),
        [
            (
                "192-168-80-1",
                json!({"peerIP": "192.168.80.1", "asNumber": 64567})
            ),
            (
                "fd00-0000-0000-0000-0000-0000-0000-0001",
                json!({"peerIP": "fd00::1", "asNumber": 64567})
            ),
            (
                "node1.10-0-0-9",
                json!({"node": "Node1", "peerIP": "10.0.0.9", "asNumber": 65537})
            ),
        ]
    );
}

#[test]
fn pools_get_the_defaults_of_v3() {
    let tree = tree(&[(
        "/calico/v1/ipam/v4/pool/192.168.0.0-16",
        r#"{"cidr":"192.168.0.0/16","ipip":"tunl0","ipip_mode":"cross-subnet","masquerade":true,"ipam":true}"#,
    )]);
    let pools = ip_pools(&tree);
    assert_eq!(pools.items[0].name(), "192-168-0-0-16");
    let spec = &pools.items[0].body["spec"];
    assert_eq!(spec["ipipMode"], "CrossSubnet");
    assert_eq!(spec["natOutgoing"], true);
    assert_eq!(spec.get("disabled"), None);
    assert_eq!(spec["blockSize"], 26);
}
