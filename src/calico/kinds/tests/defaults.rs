use serde_json::{Value, json};

use crate::calico::kind::Kind;
use crate::calico::kinds::{Inherited, prepare};
use crate::calico::manifest;
use crate::calico::resource::Resource;

fn prepared(kind: &str, name: &str, spec: &str) -> Resource {
    let text = format!(
        "{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}"
    );
    let mut resource = manifest::read("f", text.as_bytes()).unwrap().remove(0).resource;
    prepare(&mut resource);
    resource
}

#[test]
fn what_calico_fills_in_is_filled_in() {
    for (kind, spec, expected) in [
        (
            "IPPool",
            "{cidr: 10.0.0.0/16, natOutgoing: false}",
            json!({"cidr": "10.0.0.0/16", "blockSize": 26, "nodeSelector": "all()", "ipipMode": "Never", "vxlanMode": "Never",
                "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"}),
        ),
        (
            "IPPool",
            "{cidr: 'fd00:0::/64', vxlanMode: Always}",
            json!({"cidr": "fd00::/64", "blockSize": 122, "nodeSelector": "all()", "ipipMode": "Never", "vxlanMode": "Always",
                "allowedUses": ["Workload", "Tunnel"], "assignmentMode": "Automatic"}),
        ),
        ("Tier", "{}", json!({"order": 1_000_000, "defaultAction": "Deny"})),
        (
            "NetworkPolicy",
            "{}",
            json!({"tier": "default", "types": ["Ingress"]}),
        ),
        (
            "NetworkPolicy",
            "{egress: [{action: Allow}]}",
            json!({"tier": "default", "types": ["Egress"], "egress": [{"action": "Allow"}]}),
        ),
        (
            "GlobalNetworkPolicy",
            "{ingress: [{action: Deny}], egress: [{action: Allow}], order: 5.0}",
            json!({"tier": "default", "types": ["Ingress", "Egress"], "order": 5,
                "ingress": [{"action": "Deny"}], "egress": [{"action": "Allow"}]}),
        ),
        (
            "StagedNetworkPolicy",
            "{}",
            json!({"stagedAction": "Set", "tier": "default", "types": ["Ingress"]}),
        ),
        (
            "StagedKubernetesNetworkPolicy",
            "{}",
            json!({"stagedAction": "Set", "podSelector": {}}),
        ),
        (
            "BGPConfiguration",
            "{}",
            json!({"logSeverityScreen": "Info", "serviceLoadBalancerAggregation": "Enabled"}),
        ),
        (
            "FelixConfiguration",
            "{bpfConnectTimeLoadBalancingEnabled: false}",
            json!({"bpfConnectTimeLoadBalancingEnabled": false, "bpfConnectTimeLoadBalancing": "Disabled",
                "bpfHostNetworkedNATWithoutCTLB": "Disabled", "floatingIPs": "Disabled", "nftablesMode": "Auto", "bpfLogLevel": ""}),
        ),
        (
            "KubeControllersConfiguration",
            "{controllers: {node: {}, loadBalancer: {}}}",
            json!({"healthChecks": "Enabled", "prometheusMetricsPort": 9094, "controllers": {
                "node": {"leakGracePeriod": "15m0s"}, "loadBalancer": {"assignIPs": "AllServices"}}}),
        ),
        (
            "IPAMConfiguration",
            "{}",
            json!({"autoAllocateBlocks": true, "strictAffinity": false}),
        ),
        ("Node", "{}", json!({})),
    ] {
        let resource = prepared(kind, "default", spec);
        // The tier default has an order of its own.
        assert_eq!(resource.body["spec"], expected, "{kind} {spec}");
    }
}

#[test]
fn labels_that_calico_sets_are_set() {
    let policy = prepared("GlobalNetworkPolicy", "t.p", "{tier: t}");
    assert_eq!(
        policy.body["metadata"]["labels"],
        json!({"projectcalico.org/tier": "t"})
    );
    let mut endpoint = prepared(
        "WorkloadEndpoint",
        "n1-k8s-p-e",
        "{node: n1, orchestrator: k8s, pod: p, endpoint: e, interfaceName: c, ports: [{name: a, port: 1, protocol: TCP}]}",
    );
    endpoint.set_namespace("ns");
    prepare(&mut endpoint);
    assert_eq!(
        endpoint.body["metadata"]["labels"],
        json!({"projectcalico.org/namespace": "ns", "projectcalico.org/orchestrator": "k8s"})
    );
    assert_eq!(
        endpoint.body["spec"]["ports"],
        json!([{"name": "a", "port": 1, "protocol": "TCP", "hostPort": 0, "hostIP": ""}])
    );
    let text = "{apiVersion: projectcalico.org/v3, kind: WorkloadEndpoint, metadata: {}, spec: {node: n-1, orchestrator: k8s, pod: p, endpoint: e, interfaceName: c}}";
    let mut unnamed = manifest::read("f", text.as_bytes()).unwrap().remove(0).resource;
    prepare(&mut unnamed);
    assert_eq!(unnamed.name(), "n--1-k8s-p-e");
}

#[test]
fn durations_are_written_as_go_writes_them() {
    for (text, written) in [
        ("90s", "1m30s"),
        ("2m", "2m0s"),
        ("1h", "1h0m0s"),
        ("0", "0s"),
        ("1.5h", "1h30m0s"),
        ("500ms", "500ms"),
        ("1500ms", "1.5s"),
        ("1m0.5s", "1m0.5s"),
        ("100us", "100µs"),
        ("7ns", "7ns"),
        (".5s", "500ms"),
        ("1h1ms", "1h0m0.001s"),
    ] {
        let peer = prepared("BGPPeer", "p", &format!("{{maxRestartTime: '{text}'}}"));
        assert_eq!(peer.text(&["spec", "maxRestartTime"]), Some(written), "{text}");
    }
    for text in ["", "5", "s", "1x", "-1s", "1..5s", ".s", "1s 2s", "99999999999h"] {
        assert!(!crate::calico::schema::is_duration(text), "{text}");
    }
}

#[test]
fn columns_show_what_calicoctl_shows() {
    let cells = |kind: Kind, spec: Value, headings: &[&str]| {
        let mut resource = Resource::new(kind, "x");
        resource.set(&["spec"], Some(spec));
        let columns = kind.columns(headings).unwrap();
        columns
            .iter()
            .map(|column| column.cell(&resource, &Inherited::default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        cells(Kind::Tier, json!({"order": 1_000_000}), &["ORDER"]),
        ["1e+06"]
    );
    assert_eq!(
        cells(Kind::Tier, json!({"order": 999_999}), &["ORDER"]),
        ["999999"]
    );
    assert_eq!(
        cells(Kind::Tier, json!({"order": 0.000_01}), &["ORDER"]),
        ["1e-05"]
    );
    assert_eq!(
        cells(Kind::Tier, json!({"order": 1_234_567.5}), &["ORDER"]),
        ["1.2345675e+06"]
    );
    assert_eq!(
        cells(Kind::GlobalNetworkPolicy, json!({}), &["ORDER", "SELECTOR"]),
        ["<nil>", ""]
    );
    assert_eq!(
        cells(Kind::BgpPeer, json!({"nodeSelector": "all()"}), &["NODE", "ASN"]),
        ["all()", "0"]
    );
    assert_eq!(cells(Kind::BgpPeer, json!({}), &["NODE"]), ["(global)"]);
    assert_eq!(
        cells(Kind::BgpConfiguration, json!({}), &["MESHENABLED", "ASNUMBER"]),
        ["-", "-"]
    );
    let nets: Vec<String> = (0..20).map(|at| format!("10.{at}.0.0/16")).collect();
    let joined = cells(Kind::GlobalNetworkSet, json!({ "nets": nets }), &["NETS"]).remove(0);
    assert_eq!((joined.len(), joined.ends_with("...")), (80, true));
    assert_eq!(
        cells(
            Kind::Profile,
            json!({"labelsToApply": {"b": "2", "a": "1"}}),
            &["LABELS"]
        ),
        ["a=1,b=2"]
    );
    assert_eq!(
        Kind::Node.columns(&["name"]).unwrap_err().to_string(),
        "unknown heading name, valid values are: NAME, ASN, IPV4, IPV6"
    );
}
