//! What single fields may hold.

use super::*;

/// Reads a v3 Node with this spec, flow style.
fn spec(spec: &str) -> Result<Value, String> {
    let text =
        format!("{{apiVersion: projectcalico.org/v3, kind: Node, metadata: {{name: a}}, spec: {{{spec}}}}}");
    match read("f.yaml", text.as_bytes()) {
        Ok(documents) => Ok(documents[0].resource.body["spec"].clone()),
        Err(problems) => Err(shown(&problems)),
    }
}

#[test]
fn addresses_that_calico_does_not_take_for_a_node_are_refused() {
    let specs = [
        "bgp: {ipv4Address: 010.0.0.1/24}",
        "bgp: {ipv4Address: 10.0.0.1/024}",
        "bgp: {ipv4Address: 0.0.0.0}",
        "bgp: {ipv4Address: 224.0.0.5/24}",
        "bgp: {ipv6Address: '::'}",
        "bgp: {ipv6Address: 'ff02::1/64'}",
        "bgp: {ipv6Address: '::ffff:10.0.0.1/64'}",
        "ipv6VXLANTunnelAddr: '::ffff:10.0.0.1'",
        "wireguard: {interfaceIPv6Address: '::ffff:10.0.0.1'}",
        "addresses: [{address: 010.0.0.1}]",
    ];
    insta::assert_snapshot!(specs.map(|text| spec(text).unwrap_err()).concat(), @r#"
    f.yaml:1:95: spec.bgp.ipv4Address: "010.0.0.1/24" is not an IPv4 address with or without a prefix length
    f.yaml:1:95: spec.bgp.ipv4Address: "10.0.0.1/024" is not an IPv4 address with or without a prefix length
    f.yaml:1:95: spec.bgp.ipv4Address: 0.0.0.0 is the unspecified address, which no node can have
    f.yaml:1:95: spec.bgp.ipv4Address: 224.0.0.5/24 is a multicast address, which no node can have
    f.yaml:1:95: spec.bgp.ipv6Address: :: is the unspecified address, which no node can have
    f.yaml:1:95: spec.bgp.ipv6Address: ff02::1/64 is a multicast address, which no node can have
    f.yaml:1:95: spec.bgp.ipv6Address: ::ffff:10.0.0.1/64 is an IPv4 address written as IPv6, must be IPv6
    f.yaml:1:97: spec.ipv6VXLANTunnelAddr: ::ffff:10.0.0.1 is an IPv4 address written as IPv6, must be IPv6
    f.yaml:1:110: spec.wireguard.interfaceIPv6Address: ::ffff:10.0.0.1 is an IPv4 address written as IPv6, must be IPv6
    f.yaml:1:98: spec.addresses[0].address: "010.0.0.1" is not an IP address with or without a prefix length
    "#);
}

#[test]
fn an_empty_text_is_the_same_as_none() {
    let text = "bgp: {ipv4Address: 10.0.0.1/24, ipv6Address: '', ipv4IPIPTunnelAddr: '', routeReflectorClusterID: ''},
        ipv4VXLANTunnelAddr: '', vxlanTunnelMACAddr: '', ipv6VXLANTunnelAddr: '', vxlanTunnelMACAddrV6: '',
        orchRefs: [{orchestrator: k8s, nodeName: ''}], wireguard: {interfaceIPv4Address: ''},
        addresses: [{address: 10.0.0.1, type: ''}]";
    assert_eq!(
        spec(text),
        Ok(json!({
            "bgp": {"ipv4Address": "10.0.0.1/24"}, "orchRefs": [{"orchestrator": "k8s"}], "wireguard": {},
            "addresses": [{"address": "10.0.0.1"}],
        }))
    );
    let text = "{apiVersion: projectcalico.org/v3, kind: Node,
        metadata: {name: a, namespace: '', resourceVersion: '', labels: {kept: ''}}, status: {wireguardPublicKey: ''}}";
    let document = accepted(("f.yaml", text.as_bytes())).remove(0);
    assert_eq!(
        document.resource.body["metadata"],
        json!({"name": "a", "labels": {"kept": ""}})
    );
    assert_eq!(document.resource.body["status"], json!({}));
    for needed in [
        "bgp: {ipv4Address: ''}",
        "addresses: [{address: ''}]",
        "orchRefs: [{orchestrator: ''}]",
    ] {
        assert!(
            spec(needed).is_err_and(|why| why.contains("is empty")),
            "{needed}"
        );
    }
}

#[test]
fn a_host_name_is_the_address_of_the_types_that_mean_one() {
    for kind in ["InternalDNS", "ExternalDNS", "Hostname"] {
        for address in ["Node1.example.com", "192.0.2.1"] {
            let text = format!("addresses: [{{address: {address}, type: {kind}}}]");
            assert_eq!(
                spec(&text),
                Ok(json!({"addresses": [{"address": address, "type": kind}]}))
            );
        }
    }
    for wrong in [
        "addresses: [{address: node1, type: InternalIP}]",
        "addresses: [{address: node1}]",
        "addresses: [{address: 'a b', type: Hostname}]",
    ] {
        assert!(
            spec(wrong).is_err_and(|why| why.contains("spec.addresses[0].address")),
            "{wrong}"
        );
    }
}

#[test]
fn mac_addresses_are_those_of_go() {
    let with = |mac: &str| spec(&format!("vxlanTunnelMACAddr: '{mac}'"));
    for mac in [
        "66:cf:23:df:22:07",
        "66-CF-23-DF-22-07",
        "66cf.23df.2207",
        "02:00:5e:10:00:00:00:01",
        "0200.5e10.0000.0001",
    ] {
        assert!(with(mac).is_ok(), "{mac}");
    }
    for mac in [
        "66:cf:23:df:22",
        "66:cf:23:df:22-07",
        "66cf23df2207",
        "66cf:23df:2207",
        "6:cf:23:df:22:07",
        "66.cf.23.df.22.07",
        "66:cf:23:df:22:0g",
    ] {
        assert!(with(mac).is_err(), "{mac}");
    }
}

#[test]
fn an_as_number_may_be_any_whole_number() {
    for text in ["64512", "64512.0", "6.4512e4", "'64512'"] {
        assert_eq!(
            spec(&format!("bgp: {{asNumber: {text}}}")),
            Ok(json!({"bgp": {"asNumber": 64512}})),
            "{text}"
        );
    }
    for text in ["1.10", "1e30", "-1.0", "4294967296.0"] {
        assert!(spec(&format!("bgp: {{asNumber: {text}}}")).is_err(), "{text}");
    }
}
