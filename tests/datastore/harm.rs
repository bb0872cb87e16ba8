//! Changes that would do harm are refused where nobody can be asked, unless they are wanted.

use crate::command::Netdiag;
use crate::server::Etcd;

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n"
    )
}

#[test]
fn a_change_that_does_harm_needs_a_yes_and_is_told() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let node = document("Node", "n1", "{bgp: {ipv4Address: 10.0.0.1/24}}");
    let pool = |name: &str, cidr: &str| document("IPPool", name, &format!("{{cidr: {cidr}}}"));
    netdiag.done(&["apply", "-f", "-"], &(node + &pool("good", "10.244.0.0/16")));
    let closed = document(
        "FelixConfiguration",
        "default",
        "{failsafeInboundHostPorts: [], failsafeOutboundHostPorts: []}",
    );
    netdiag.done(&["apply", "-f", "-"], &closed);
    let cuts = document("HostEndpoint", "n1-all", "{node: n1, interfaceName: '*'}");
    let overlaps = pool("bad", "10.0.0.0/16");
    for (text, told) in [
        (
            &overlaps,
            "danger: IPPool bad: 10.0.0.0/16 has the address 10.0.0.1 of node n1",
        ),
        (
            &cuts,
            "danger: HostEndpoint n1-all: node n1 would be cut off from ssh (TCP 22",
        ),
    ] {
        for verb in ["apply", "create"] {
            netdiag.refused(&[verb, "-f", "-"], text, told);
            netdiag.refused(
                &[verb, "-f", "-"],
                text,
                "nothing was written: the change would do harm",
            );
        }
        let output = netdiag.output(&["diff", "-f", "-"], text);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(told));
    }
    netdiag.refused(&["get", "hostendpoint", "n1-all"], "", "resource does not exist");
    netdiag.done(&["apply", "--yes", "-f", "-"], &cuts);
    netdiag.refused(
        &["delete", "ippool", "good"],
        "",
        "danger: IPPool good: then no pool is enabled any more",
    );
    assert_eq!(
        netdiag.done(&["get", "ippool", "-o", "name"], ""),
        "ippool/good\n"
    );
    // calicoctl asks nobody.
    let (status, said, told) = netdiag.calicoctl(&["delete", "ippool", "good"], "");
    assert_eq!(
        (status, said.as_str(), told.as_str()),
        (0, "Successfully deleted 1 'IPPool' resource(s)\n", "")
    );
}

#[test]
fn the_address_of_this_node_must_be_on_a_link_and_selectors_are_looked_at() {
    let Some(etcd) = Etcd::start() else { return };
    let mut netdiag = Netdiag::etcd(&etcd);
    netdiag.0.push(("NODENAME", "here".to_owned()));
    let node =
        |name: &str, address: &str| document("Node", name, &format!("{{bgp: {{ipv4Address: {address}}}}}"));
    netdiag.refused(
        &["apply", "-f", "-"],
        &node("here", "192.0.2.77/24"),
        "spec.bgp.ipv4Address 192.0.2.77 is on no link of this node",
    );
    netdiag.done(&["apply", "-f", "-"], &node("elsewhere", "192.0.2.77/24"));
    let peer = document(
        "BGPPeer",
        "p",
        "{nodeSelector: has(rack), peerIP: 192.0.2.9, asNumber: 1}",
    );
    let output = netdiag.output(&["apply", "-f", "-"], &peer);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("warning: BGPPeer p: spec.nodeSelector selects no node: has(rack)"),
        "{told}"
    );
}

#[test]
fn patches_and_labels_that_do_harm_need_a_yes_too() {
    let Some(etcd) = Etcd::start() else { return };
    let netdiag = Netdiag::etcd(&etcd);
    let closed = document(
        "FelixConfiguration",
        "default",
        "{failsafeInboundHostPorts: [], failsafeOutboundHostPorts: []}",
    );
    let open = document(
        "GlobalNetworkPolicy",
        "open",
        "{selector: has(host), types: [Ingress, Egress], ingress: [{action: Allow}], egress: [{action: Allow}]}",
    );
    let node = document("Node", "n1", "{bgp: {ipv4Address: 10.0.0.1/24}}");
    let endpoint = "---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: n1-all, labels: {host:                     'yes'}}, spec: {node: n1, interfaceName: '*'}}\n";
    let all = node + &document("IPPool", "good", "{cidr: 10.244.0.0/16}") + &closed + &open + endpoint;
    netdiag.done(&["apply", "-f", "-"], &all);
    let off = "GlobalNetworkPolicy open: node n1 would be cut off from ssh (TCP 22";
    for (arguments, told) in [
        (
            &["label", "hep", "n1-all", "host", "--remove"][..],
            "danger: HostEndpoint n1-all: node n1 would be cut off",
        ),
        (
            &[
                "patch",
                "gnp",
                "open",
                "-p",
                r#"{"spec":{"selector":"has(nobody)"}}"#,
            ],
            off,
        ),
        (
            &[
                "patch",
                "gnp",
                "open",
                "-t",
                "json",
                "-p",
                r#"[{"op":"remove","path":"/spec/ingress"}]"#,
            ],
            off,
        ),
        (&["delete", "gnp", "open"], off),
        (
            &["patch", "ippool", "good", "-p", r#"{"spec":{"disabled":true}}"#],
            "danger: IPPool good: then no pool is enabled any more",
        ),
    ] {
        netdiag.refused(arguments, "", told);
        netdiag.refused(arguments, "", "nothing was written: the change would do harm");
    }
    // Nothing was written, and what does no harm goes through.
    assert_eq!(
        netdiag.done(&["get", "hep", "-l", "host=yes", "-o", "name"], ""),
        "hostendpoint/n1-all\n"
    );
    netdiag.done(&["label", "hep", "n1-all", "rack=r1"], "");
    netdiag.done(
        &[
            "patch",
            "ippool",
            "good",
            "-p",
            r#"{"spec":{"natOutgoing":true}}"#,
        ],
        "",
    );
    // What is wrong with a patch is told before what it would break.
    netdiag.refused(
        &["patch", "gnp", "open", "-p", r#"{"spec":{"selector":"role ="}}"#],
        "",
        "is not a selector",
    );
    netdiag.done(&["label", "hep", "n1-all", "host", "--remove", "--yes"], "");
    // calicoctl asks nobody.
    let (status, _, told) = netdiag.calicoctl(
        &["patch", "ippool", "good", "-p", r#"{"spec":{"disabled":true}}"#],
        "",
    );
    assert_eq!((status, told.as_str()), (0, ""));
}
