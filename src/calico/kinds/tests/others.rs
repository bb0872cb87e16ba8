use super::{accepts, refuses};

#[test]
fn felix_settings() {
    accepts(
        "FelixConfiguration",
        "default",
        &[
            "{}",
            "{ipipEnabled: false, iptablesRefreshInterval: 1m30s, reportingInterval: 0s, bpfLogLevel: Debug}",
            "{failsafeInboundHostPorts: [{protocol: tcp, port: 22, net: 10.0.0.0/8}], failsafeOutboundHostPorts: []}",
            "{kubeNodePortRanges: ['30000:32767', 8080], natPortRange: '32768:65535'}",
            "{externalNodesList: [10.0.0.1, 10.1.0.0/16], openstackRegion: north}",
            "{routeTableRange: {min: 1, max: 250}}",
            "{routeTableRanges: [{min: 1, max: 65535}]}",
            "{healthTimeoutOverrides: [{name: CalculationGraph, timeout: 90s}], bpfConntrackTimeouts: {tcpSynSent: 20s, udpTimeout: Auto}}",
            "{chainInsertMode: append, iptablesBackend: NFT, logActionRateLimit: 10/second, istioDSCPMark: EF}",
        ],
    );
    refuses(
        "FelixConfiguration",
        "default",
        &[
            (
                "{kubeNodePortRanges: [1, 2, 3, 4, 5, 6, 7, 8]}",
                "has 8 ranges, more than 7",
            ),
            ("{kubeNodePortRanges: [http]}", "must be a number or a range"),
            (
                "{externalNodesList: ['fd00::1']}",
                "an IPv6 address, must be IPv4",
            ),
            ("{openstackRegion: North}", "lower case"),
            ("{openstackRegion: a.b}", "has no dots"),
            (
                &format!("{{openstackRegion: {}}}", "a".repeat(47)),
                "has 47 characters, more than 46",
            ),
            ("{routeTableRange: {min: 0, max: 250}}", "within 1 to 250"),
            ("{routeTableRange: {min: 1, max: 251}}", "within 1 to 250"),
            (
                "{routeTableRanges: [{min: 1, max: 65536}]}",
                "target 65536 tables, more than 65535",
            ),
            (
                "{routeTableRanges: [{min: 5, max: 4}]}",
                "must not be greater than max",
            ),
            (
                "{routeTableRange: {min: 1, max: 2}, routeTableRanges: [{min: 1, max: 2}]}",
                "can't be set together with routeTableRanges",
            ),
            (
                "{nodeSelector: has(a)}",
                "can't be set on default or on node.NAME",
            ),
            (
                "{iptablesRefreshInterval: 90}",
                "is the number 90, must be a text",
            ),
            ("{iptablesRefreshInterval: 90x}", "is not a duration"),
            ("{iptablesRefreshInterval: -5s}", "is not a duration"),
            (
                "{logSeverityScreen: Warn}",
                "not one of Trace, Debug, Info, Warning",
            ),
            ("{wireguardListeningPort: 0}", "must be from 1 to 65535"),
            ("{interfacePrefixx: cali}", "did you mean interfacePrefix?"),
            ("{logActionRateLimit: 10/week}", "is not a rate"),
            (
                "{failsafeInboundHostPorts: [{protocol: icmp, port: 22}]}",
                "not one of TCP, UDP, SCTP",
            ),
            ("{goGCThreshold: -2}", "must be at least -1"),
            ("{mtuIfacePattern: '('}", "is not a regular expression"),
        ],
    );
    accepts("FelixConfiguration", "pool-a", &["{nodeSelector: has(a)}"]);
    refuses(
        "FelixConfiguration",
        "node.n1",
        &[("{nodeSelector: has(a)}", "spec.nodeSelector")],
    );
}

#[test]
fn tiers_and_the_three_built_in_ones() {
    accepts("Tier", "t", &["{}", "{order: 100.5, defaultAction: Pass}"]);
    refuses(
        "Tier",
        "t",
        &[
            ("{defaultAction: Allow}", "not one of Deny, Pass"),
            ("{order: x}", "must be a number"),
        ],
    );
    for (name, right, wrong) in [
        ("default", "{order: 1000000, defaultAction: Deny}", "{order: 5}"),
        (
            "kube-admin",
            "{order: 1000, defaultAction: Pass}",
            "{order: 1000}",
        ),
        (
            "kube-baseline",
            "{order: 10000000, defaultAction: Pass}",
            "{order: 1, defaultAction: Pass}",
        ),
    ] {
        accepts("Tier", name, &[right]);
        refuses("Tier", name, &[(wrong, &format!("of tier {name} must be"))]);
    }
}

#[test]
fn host_endpoints_have_a_node_and_a_link_or_addresses() {
    accepts(
        "HostEndpoint",
        "h",
        &[
            "{node: n1, interfaceName: '*'}",
            "{node: n1, interfaceName: eth0.100, profiles: [p], ports: [{name: web, port: 8080, protocol: TCP}]}",
            "{node: n1, expectedIPs: [192.0.2.1, 'fd00::1']}",
        ],
    );
    refuses(
        "HostEndpoint",
        "h",
        &[
            ("{interfaceName: eth0}", "spec.node: is missing"),
            ("{node: n1}", "spec: needs interfaceName or expectedIPs"),
            (
                "{node: n1, interfaceName: a-very-long-name0}",
                "is not the name of a link",
            ),
            ("{node: n1, expectedIPs: [192.0.2.1/24]}", "is not an IP address"),
            (
                "{node: n1, interfaceName: e, ports: [{name: web, port: 0, protocol: TCP}]}",
                "must be from 1 to 65535",
            ),
            (
                "{node: n1, interfaceName: e, ports: [{name: web, port: 1, protocol: ICMP}]}",
                "has no ports",
            ),
            (
                "{node: n1, interfaceName: e, ports: [{name: Web_1, port: 1, protocol: TCP}]}",
                "is not the name of a port",
            ),
        ],
    );
}

#[test]
fn the_name_and_the_addresses_of_a_workload_follow_from_its_spec() {
    let name = "n--1-k8s-p--1-eth0";
    let spec = |more: &str| {
        format!("{{node: n-1, orchestrator: k8s, pod: p-1, endpoint: eth0, interfaceName: cali1{more}}}")
    };
    for more in [
        "",
        ", ipNetworks: [10.0.0.1/32, 10.0.0.2, 'fd00::1/128']",
        ", ipNetworks: [10.0.0.1/32], ipNATs: [{internalIP: 10.0.0.1, externalIP: 192.0.2.1}]",
        ", ports: [{name: http, port: 80, protocol: TCP}, {port: 81, protocol: UDP, hostPort: 81}], mac: 'ca:fe:1d:52:bb:e9'",
        ", containerID: 13374abc, allowSpoofedSourcePrefixes: [10.0.0.0/8], qosControls: {ingressBandwidth: 1000, dscp: 63}",
    ] {
        accepts("WorkloadEndpoint", name, &[&spec(more)]);
    }
    accepts(
        "WorkloadEndpoint",
        "n1-cni-c1-eth0",
        &["{node: n1, orchestrator: cni, containerID: c1, endpoint: eth0, interfaceName: c}"],
    );
    accepts(
        "WorkloadEndpoint",
        "n1-libnetwork-libnetwork-e",
        &["{node: n1, orchestrator: libnetwork, endpoint: e, interfaceName: c}"],
    );
    accepts(
        "WorkloadEndpoint",
        "n1-openstack-w-e",
        &["{node: n1, orchestrator: openstack, workload: w, endpoint: e, interfaceName: c}"],
    );
    for (more, why) in [
        (
            ", ipNetworks: [10.0.0.0/24]",
            "spec.ipNetworks[0]: must be one address",
        ),
        (
            ", ipNetworks: [10.0.0.1/32], ipNATs: [{internalIP: 10.0.0.2, externalIP: 192.0.2.1}]",
            "is not in the endpoint's ipNetworks",
        ),
        (
            ", ports: [{port: 80, protocol: TCP}]",
            "spec.ports[0].name: is needed if there is no hostPort",
        ),
        (", ports: [{name: a, port: 80, protocol: ICMP}]", "has no ports"),
        (", containerID: a/b", "is not the id of a container"),
        (", mac: '66'", "is not a MAC address"),
        (", qosControls: {dscp: 64}", "64 is not a DSCP value"),
    ] {
        refuses("WorkloadEndpoint", name, &[(&spec(more), why)]);
    }
    refuses(
        "WorkloadEndpoint",
        "wrong",
        &[(
            &spec(""),
            "metadata.name: the WorkloadEndpoint name does not match the primary identifiers assigned in the Spec: expected name n--1-k8s-p--1-eth0",
        )],
    );
    refuses(
        "WorkloadEndpoint",
        name,
        &[(
            "{node: n-1, orchestrator: k8s, endpoint: eth0, interfaceName: c}",
            "spec.pod: field should be assigned",
        )],
    );
}

#[test]
fn sets_have_networks_and_not_calicos_own_label() {
    for kind in ["NetworkSet", "GlobalNetworkSet"] {
        accepts(kind, "s", &["{nets: [10.0.0.0/8, 10.1.2.3, 10.0.0.5/8]}", "{}"]);
        refuses(
            kind,
            "s",
            &[("{nets: [here]}", "spec.nets[0]: \"here\" is not an IP address")],
        );
        refuses(
            kind,
            "s, labels: {projectcalico.org/namespace: x}",
            &[("{}", "projectcalico.org/namespace is not a valid label name")],
        );
    }
    accepts(
        "Profile",
        "p",
        &["{ingress: [{action: Allow}], labelsToApply: {a: b}}"],
    );
    refuses(
        "Profile",
        "p",
        &[
            ("{labelsToApply: {a: 'b c'}}", "label value"),
            ("{egress: [{action: X}]}", "spec.egress[0].action"),
        ],
    );
}

#[test]
fn status_objects_controllers_and_cluster_information() {
    accepts(
        "CalicoNodeStatus",
        "s",
        &["{node: n1, classes: [Agent, BGP, Routes], updatePeriodSeconds: 86400}"],
    );
    refuses(
        "CalicoNodeStatus",
        "s",
        &[
            (
                "{classes: [Agent], updatePeriodSeconds: 1}",
                "spec.node: is missing",
            ),
            ("{node: n1, updatePeriodSeconds: 1}", "spec.classes: is missing"),
            (
                "{node: n1, classes: [Agent]}",
                "spec.updatePeriodSeconds: is missing",
            ),
            (
                "{node: n1, classes: [Agent, Agent], updatePeriodSeconds: 1}",
                "is here twice",
            ),
            (
                "{node: n1, classes: [Felix], updatePeriodSeconds: 1}",
                "not one of Agent, BGP, Routes",
            ),
            (
                "{node: n1, classes: [BGP], updatePeriodSeconds: 86401}",
                "must be from 0 to 86400",
            ),
        ],
    );
    accepts(
        "KubeControllersConfiguration",
        "default",
        &[
            "{controllers: {node: {hostEndpoint: {autoCreate: Enabled, templates: [{generateName: a, interfaceCIDRs: [10.0.0.0/8]}, {generateName: b, interfacePattern: 'eth.*'}]}}}}",
            "{prometheusMetricsPort: 0, etcdV3CompactionPeriod: 10m, logSeverityScreen: None}",
        ],
    );
    refuses(
        "KubeControllersConfiguration",
        "default",
        &[
            (
                "{controllers: {node: {hostEndpoint: {templates: [{generateName: a, interfacePattern: x}, {generateName: a, interfacePattern: z}]}}}}",
                "templates[1].generateName: \"a\" is here twice",
            ),
            (
                "{controllers: {node: {hostEndpoint: {templates: [{generateName: a}]}}}}",
                "needs interfaceCIDRs or interfacePattern",
            ),
            (
                "{controllers: {node: {hostEndpoint: {templates: [{interfacePattern: x}]}}}}",
                "generateName: is missing",
            ),
            ("{controllers: {pod: {}}}", "spec.controllers.pod: unknown field"),
            ("{healthChecks: 'yes'}", "not one of Enabled, Disabled"),
        ],
    );
    refuses(
        "KubeControllersConfiguration",
        "other",
        &[("{}", "metadata.name: must be default")],
    );
    accepts(
        "ClusterInformation",
        "default",
        &["{clusterGUID: a, datastoreReady: false}"],
    );
    refuses(
        "ClusterInformation",
        "default",
        &[("{datastoreReady: maybe}", "must be true or false")],
    );
}
