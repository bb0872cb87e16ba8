use super::{accepts, refuses};

#[test]
fn a_peer_is_an_address_or_a_selector_on_a_node_or_a_selector() {
    accepts(
        "BGPPeer",
        "p",
        &[
            "{peerIP: 192.0.2.1, asNumber: 64512}",
            "{peerIP: '192.0.2.1:1790', asNumber: '1.10', node: n1}",
            "{peerIP: '[fd00::1]:179', sourceAddress: None}",
            "{nodeSelector: \"rack == 'r1'\", peerSelector: has(rr)}",
            "{localWorkloadSelector: has(a), asNumber: 64512, reversePeering: Manual}",
            "{peerIP: 192.0.2.1, reachableBy: 192.0.2.254, nextHopMode: Keep, ttlSecurity: 255}",
            "{peerIP: 192.0.2.1, maxRestartTime: 2m, keepaliveTime: 30s, numAllowedLocalASNumbers: 1, localASNumber: 64513}",
            "{peerIP: 192.0.2.1, password: {secretKeyRef: {name: secrets, key: rr}}}",
        ],
    );
    refuses(
        "BGPPeer",
        "p",
        &[
            (
                "{node: a, nodeSelector: all()}",
                "spec.node: must be empty when nodeSelector is set",
            ),
            (
                "{peerIP: 192.0.2.1, peerSelector: all()}",
                "spec.peerIP: must be empty when peerSelector is set",
            ),
            (
                "{peerSelector: all(), asNumber: 1}",
                "spec.asNumber: must be empty when peerSelector is set",
            ),
            (
                "{localWorkloadSelector: all()}",
                "spec.asNumber: is needed when localWorkloadSelector is set",
            ),
            (
                "{peerIP: 192.0.2.1, localWorkloadSelector: all(), asNumber: 1}",
                "spec.peerIP: must be empty when localWorkloadSelector",
            ),
            ("{peerIP: '192.0.2.1:0'}", "ports are 1 to 65535"),
            (
                "{peerIP: '192.0.2.1:65536'}",
                "is not an IP address, v4:port, or [v6]:port",
            ),
            ("{peerIP: 'fd00::1:x'}", "is not an IP address"),
            ("{sourceAddress: NodeIP}", "did you mean UseNodeIP?"),
            (
                "{peerIP: 192.0.2.1, keepOriginalNextHop: true, nextHopMode: Self}",
                "must not be true when nextHopMode is set",
            ),
            ("{reachableBy: 192.0.2.1}", "must be empty when peerIP is empty"),
            (
                "{peerIP: 192.0.2.1, reachableBy: 'fd00::1'}",
                "must be of the same IP version",
            ),
            ("{asNumber: 4294967296}", "is not an AS number"),
            ("{asNumber: '1.65536'}", "is not an AS number"),
            ("{maxRestartTime: soon}", "\"soon\" is not a duration"),
            ("{filters: [Up]}", "spec.filters[0]"),
            (
                "{password: {secretKeyRef: {name: x}}}",
                "secretKeyRef.key: is missing",
            ),
        ],
    );
}

#[test]
fn settings_of_bgp() {
    accepts(
        "BGPConfiguration",
        "default",
        &[
            "{logSeverityScreen: Debug, nodeToNodeMeshEnabled: false, asNumber: 64512, listenPort: 1}",
            "{communities: [{name: c, value: '64512:1'}], prefixAdvertisements: [{cidr: 10.0.0.0/8, communities: [c, '1:2:4294967295']}]}",
            "{serviceClusterIPs: [{cidr: 10.96.0.0/12}], ipv4NormalRoutePriority: 2147483646, ignoredInterfaces: ['kube*']}",
            "{nodeMeshPassword: {secretKeyRef: {name: a, key: b}}, nodeMeshMaxRestartTime: 2m}",
        ],
    );
    refuses(
        "BGPConfiguration",
        "default",
        &[
            ("{logSeverityScreen: info}", "did you mean Info?"),
            ("{listenPort: 65536}", "must be from 1 to 65535"),
            ("{listenPort: -1}", "must be from 1 to 65535"),
            (
                "{communities: [{name: c, value: '65536:1'}], prefixAdvertisements: [{cidr: 10.0.0.0/8, communities: [c]}]}",
                "16 bits each",
            ),
            (
                "{communities: [{name: c, value: '1:1'}]}",
                "spec.communities: are defined but not used",
            ),
            ("{communities: [{name: c, value: x}]}", "\"x\" is not a community"),
            (
                "{prefixAdvertisements: [{cidr: 10.0.0.0/8, communities: [d]}]}",
                "spec.prefixAdvertisements[0].communities[0]: \"d\" is neither a community nor",
            ),
            (
                "{prefixAdvertisements: [{cidr: 10.0.0.1/8, communities: ['1:1']}]}",
                "has bits set after its prefix",
            ),
            ("{ipv6NormalRoutePriority: 0}", "must be from 1 to 2147483646"),
            ("{ignoredInterfaces: ['*']}", "* would ignore every link"),
            (
                "{nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: 2m}",
                "can't be set when nodeToNodeMeshEnabled is false",
            ),
        ],
    );
    accepts(
        "BGPConfiguration",
        "node.a",
        &["{logSeverityScreen: Debug, listenPort: 1}"],
    );
    for field in [
        "nodeToNodeMeshEnabled: false",
        "asNumber: 1",
        "serviceLoadBalancerIPs: [{cidr: 10.0.0.0/8}]",
        "serviceExternalIPs: [{cidr: 10.0.0.0/8}]",
        "serviceClusterIPs: [{cidr: 10.0.0.0/8}]",
        "nodeMeshPassword: {secretKeyRef: {name: a, key: b}}",
        "nodeMeshMaxRestartTime: 2m",
    ] {
        refuses(
            "BGPConfiguration",
            "node.a",
            &[(&format!("{{{field}}}"), "on a non default BGP Configuration.")],
        );
    }
}

#[test]
fn filters_match_networks_by_an_operator() {
    accepts(
        "BGPFilter",
        "f",
        &[
            "{exportV4: [{action: Accept, matchOperator: In, cidr: 10.0.0.0/8, prefixLength: {min: 0, max: 32}}, {action: Reject}]}",
            "{importV6: [{action: Reject, source: RemotePeers, interface: '*.calico', peerType: eBGP}]}",
            "{importV4: [{action: Accept, operations: [{setPriority: {value: 1}}, {addCommunity: {value: '1:2'}}, {prependASPath: {prefix: [1, 2]}}]}]}",
            "{exportV4: [{action: Accept, communities: {values: ['1:2']}, asPathPrefix: [64512], priority: 5}]}",
        ],
    );
    refuses(
        "BGPFilter",
        "f",
        &[
            (
                "{exportV4: [{cidr: 10.0.0.0/8, matchOperator: In}]}",
                "spec.exportV4[0].action: is missing",
            ),
            ("{exportV4: [{action: Drop}]}", "not one of Accept, Reject"),
            (
                "{exportV4: [{action: Accept, cidr: 10.0.0.0/8}]}",
                "spec.exportV4[0].cidr: needs matchOperator",
            ),
            ("{exportV4: [{action: Accept, matchOperator: In}]}", "needs cidr"),
            (
                "{exportV4: [{action: Accept, prefixLength: {min: 8}}]}",
                "spec.exportV4[0].prefixLength: needs cidr",
            ),
            (
                "{exportV4: [{action: Accept, matchOperator: In, cidr: 'fd00::/8'}]}",
                "an IPv6 address, must be IPv4",
            ),
            (
                "{exportV6: [{action: Accept, matchOperator: In, cidr: 10.0.0.0/8}]}",
                "an IPv4 address, must be IPv6",
            ),
            (
                "{exportV4: [{action: Accept, matchOperator: In, cidr: 10.0.0.0/8, prefixLength: {max: 33}}]}",
                "must be from 0 to 32",
            ),
            (
                "{exportV4: [{action: Reject, operations: [{setPriority: {value: 1}}]}]}",
                "may only be used with action Accept",
            ),
            (
                "{exportV4: [{action: Accept, operations: [{}]}]}",
                "must be exactly one operation",
            ),
            (
                "{exportV4: [{action: Accept, communities: {values: ['1:2', '1:3']}}]}",
                "must have one value",
            ),
        ],
    );
}
