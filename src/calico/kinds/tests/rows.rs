//! Every rule of Calico's validation by name, with documents that keep it and documents that break it. calicoctl
//! v3.32.1 was asked about each (`fixtures/validation`).

use crate::calico::manifest;

const ROWS: &str = include_str!("../../../../fixtures/validation/rows.txt");

/// All of Calico's rules (libcalico-go `lib/validator/v3`, and those of the CustomResourceDefinitions), in the order of the
/// file: none may go unnoticed.
const RULES: [&str; 76] = [
    "names of resources: DNS-1123 subdomains of 253 characters at most",
    "names of tiers: one DNS label of 63 characters at most",
    "names of NetworkPolicies: label[.label], or beginning with knp.default. or ossg.default.",
    "names of GlobalNetworkPolicies: [label.]label",
    "labels: the rules of Kubernetes",
    "annotations: qualified keys, 256 KiB in all",
    "network sets may not carry the label projectcalico.org/namespace",
    "AS numbers: 32 bits, or a.b of 16 bits each, as a text or a number",
    "actions of rules: Allow, Deny, Log, Pass",
    "protocols: TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite, or 1 to 255",
    "ports: 1 to 65535, a:b with a not above b, or a name",
    "ports need TCP, UDP or SCTP",
    "ICMP: types 0 to 254, codes 0 to 255, and no code without a type",
    "ICMP and ipVersion agree with the protocol",
    "a rule has networks of one IP version",
    "ipVersion agrees with the networks of a rule",
    "not everything: neither 0.0.0.0/0 nor ::/0 in notNets",
    "networks of rules have no bits after their length",
    "types of policies are unique",
    "services only where traffic goes to on egress, and where it comes from on ingress",
    "services stand alone: no ports, selectors or networks beside them",
    "services in a policy without namespace have one themselves",
    "http only where ingress allows TCP",
    "methods of http are unique",
    "paths of http are exact or a prefix, begin with / and have no ?, # or blank",
    "selectors have 1024 characters at most",
    "global() stands alone in a namespaceSelector of a rule",
    "limits of lists: 1024 rules a direction, 256 networks, 50 ports, 20 entries of http",
    "doNotTrack and preDNAT exclude each other",
    "doNotTrack and preDNAT need applyOnForward",
    "preDNAT forbids egress",
    "a staged policy that deletes says nothing else",
    "a pool has a CIDR without bits after its length",
    "sizes of blocks: IPv4 20 to 32, IPv6 116 to 128",
    "a pool has room for one block, unless it is disabled",
    "no pool is within link-local addresses",
    "a pool has one encapsulation at most, Never, Always or CrossSubnet",
    "IPIP is for IPv4",
    "uses of a pool: Workload, Tunnel, LoadBalancer, each once",
    "LoadBalancer stands alone, without encapsulation, disableBGPExport or a nodeSelector",
    "a pool for tunnels has no namespaceSelector",
    "assignmentMode: Automatic or Manual",
    "spec.bgp of a node isn't empty",
    "addresses of a node are of their family, with or without a length",
    "routeReflectorClusterID has the form of an IPv4 address",
    "names of links: 1 to 15 letters, digits and _.-, or *",
    "ignoredInterfaces may have * in them, but not be it",
    "the name of a WorkloadEndpoint follows from its spec",
    "networks of a WorkloadEndpoint are single addresses",
    "internal addresses of NAT are within the networks",
    "a HostEndpoint has a node, and interfaceName or expectedIPs",
    "a peer is for a node or for a nodeSelector",
    "a peer has an address or a selector",
    "asNumber is empty with peerSelector, and needed with localWorkloadSelector",
    "peerIP: an address, v4:port or [v6]:port",
    "sourceAddress: UseNodeIP or None",
    "keepOriginalNextHop conflicts with nextHopMode",
    "reachableBy needs a peerIP of its family",
    "named BGPFilters are names; that they exist is asked of the datastore (src/apply/rules.rs)",
    "communities: aa:nn of 16 bits, or aa:nn:mm of 32 bits",
    "each defined community is used",
    "listenPort: 1 to 65535",
    "priorities: 1 to 2147483646",
    "the mesh's password and restart time need the mesh",
    "what there is one of in a cluster is only on the BGPConfiguration default",
    "kubeNodePortRanges: 7 at most, numbers and ranges",
    "externalNodesList has IPv4 networks",
    "openstackRegion is a short DNS label",
    "routeTableRange is within 1 to 250",
    "routeTableRanges have 65535 tables in all",
    "routeTableRange and routeTableRanges exclude each other",
    "the three built-in tiers have their order and their action",
    "templates of host endpoints have names of their own, and CIDRs or a pattern",
    "of later releases: nodeSelector of a FelixConfiguration is neither on default nor on a node's",
    "of later releases: a CalicoNodeStatus has a node, classes and a period of a day at most",
    "of later releases: an IPAMConfiguration has 0 to 1000000 blocks a host, and 0 to 1200 seconds to cool down",
];

/// `<a*3>` is aaa, `<a%*,3>` is a0, a1, a2.
fn expanded(text: &str) -> String {
    let Some((before, rest)) = text.split_once('<') else {
        return text.to_owned();
    };
    let (inside, after) = rest.split_once('>').unwrap();
    let (item, count) = inside.rsplit_once('*').unwrap();
    let made = match count.strip_prefix(',') {
        Some(count) => (0..count.parse::<usize>().unwrap())
            .map(|at| item.replace('%', &at.to_string()))
            .collect::<Vec<_>>()
            .join(", "),
        None => item.repeat(count.parse().unwrap()),
    };
    format!("{before}{made}{}", expanded(after))
}

/// What is wrong with a document.
fn problems(document: &str) -> Vec<String> {
    let text = expanded(document).replacen('{', "{apiVersion: projectcalico.org/v3, ", 1);
    let problems = manifest::read("f", text.as_bytes()).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_rule_has_documents_that_keep_it_and_documents_that_break_it() {
    let mut wrong = Vec::new();
    let mut rules = Vec::new();
    for row in ROWS.split("\n\n") {
        let mut lines = row.lines();
        let rule = lines.next().unwrap();
        assert!(rule.starts_with("# "), "{rule}");
        let (mut kept, mut broken) = (0, 0);
        for line in lines {
            if let Some(document) = line.strip_prefix("+ ") {
                kept += 1;
                let found = problems(document);
                if !found.is_empty() {
                    wrong.push(format!("{rule}\n{line}\n{found:?}"));
                }
            } else if let Some((document, words)) =
                line.strip_prefix("- ").and_then(|line| line.split_once(" ! "))
            {
                broken += 1;
                let found = problems(document);
                if found.len() != 1 || !found[0].contains(words) {
                    wrong.push(format!("{rule}\n{line}\n{found:?}"));
                }
            } else {
                wrong.push(format!("{rule}\n{line}\nneither + nor - with its words"));
            }
        }
        if kept == 0 || broken == 0 {
            wrong.push(format!("{rule}\nlacks a case"));
        }
        rules.push(&rule[2..]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(rules, RULES);
}
