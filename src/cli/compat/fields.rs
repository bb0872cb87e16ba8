//! What calicoctl says of a field that isn't right: its name in Go's structures, what stands there, and the reason
//! (libcalico-go `lib/validator/v3`, `lib/errors`; recorded in `fixtures/validation`).

use crate::calico::manifest::{Problem, Subject};

/// A field by the end of its path, words of netdiag's reason, and calicoctl's field and reason. The first row counts.
type Row = (&'static str, &'static str, &'static str, &'static str);

const NAME: &str = "name must consist of lower case alphanumeric characters, '-' or '.' (regex: \
                    [a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)";
const PART: &str =
    "name must consist of lower case alphanumeric characters or '-' (regex: [a-z0-9]([-a-z0-9]*[a-z0-9])?)";
const NAME_OF_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                           alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                           '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
                     start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
                     for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NUMERIC: &str = "rules with numeric port or port range must set protocol to TCP or UDP or SCTP";
const ANY_PORT: &str = "rules that specify ports must set protocol to TCP or UDP or SCTP";
const CATCH_ALL: &str = "catch-all CIDR in negation creates logical contradiction (matches no traffic)";
const BOTH: &str = "rule contains both IPv4 and IPv6 CIDRs";
const PATH: &str = "(must start with `/` and not contain `?` or `#`";
const SMALL: &str =
    "IP pool size is too small for use with Calico IPAM. It must be equal to or greater than the block size.";
const ORDER: &str = "must be a range of route table indices within 1..250";

/// Fields with a reason of their own.
const REASONS: &[Row] = &[
    (
        "metadata.name",
        "the name of a tier has no dots",
        "Metadata.Name",
        PART,
    ),
    ("metadata.name", "has one dot at most", "Metadata.Name", PART),
    ("metadata.name", "expected name", "Name", "{why}"),
    (
        "metadata.name",
        "more than",
        "Metadata.Name",
        "name is too long by {over} bytes",
    ),
    ("metadata.name", "", "Metadata.Name", NAME),
    (
        "metadata.labels",
        "is not a valid label name",
        "Metadata.Labels (label)",
        "{why}",
    ),
    (
        "metadata.labels.*",
        "label value",
        "Metadata.Labels (value)",
        LABEL,
    ),
    ("metadata.labels.*", "", "Metadata.Labels (label)", NAME_OF_KEY),
    (
        "metadata.annotations.*",
        "",
        "Metadata.Annotations (key)",
        NAME_OF_KEY,
    ),
    ("protocol", "numbers are", "Protocol", "protocol number invalid"),
    (
        "rotocol",
        "is not a protocol",
        "Protocol",
        "protocol name invalid",
    ),
    ("protocol", "must set protocol to TCP", "Protocol", "{why}"),
    (
        "destination.ports",
        "needs protocol",
        "Destination.Ports",
        NUMERIC,
    ),
    (
        "destination.notPorts",
        "needs protocol",
        "Destination.NotPorts",
        NUMERIC,
    ),
    ("source.ports", "needs protocol", "Source.Ports", NUMERIC),
    ("source.notPorts", "needs protocol", "Source.NotPorts", NUMERIC),
    ("destination.ports", "has no ports", "Destination.Ports", ANY_PORT),
    (
        "destination.notPorts",
        "has no ports",
        "Destination.NotPorts",
        ANY_PORT,
    ),
    ("source.ports", "has no ports", "Source.Ports", ANY_PORT),
    ("source.notPorts", "has no ports", "Source.NotPorts", ANY_PORT),
    (
        "destination.ports",
        "together with services",
        "Destination.Ports",
        "cannot specify ports with a service selector",
    ),
    (
        "destination.notPorts",
        "together with services",
        "Destination.NotPorts",
        "cannot specify notports with a service selector",
    ),
    (
        "source.notNets[]",
        "would match no traffic",
        "Source.NotNets",
        CATCH_ALL,
    ),
    (
        "destination.notNets[]",
        "would match no traffic",
        "Destination.NotNets",
        CATCH_ALL,
    ),
    ("source.nets[]", "both IPv4 and IPv6", "Source.Nets", BOTH),
    (
        "destination.nets[]",
        "both IPv4 and IPv6",
        "Destination.Nets",
        BOTH,
    ),
    (
        "namespaceSelector",
        "cannot be combined",
        "NamespaceSelector field",
        "{why}",
    ),
    (
        ".selector",
        "global() can only",
        "Selector field",
        "global() can only be used in an EntityRule namespaceSelector",
    ),
    ("paths[].exact", "", "Paths", PATH),
    (
        "spec.blockSize",
        "block size must be",
        "IPPool.Spec.BlockSize",
        "{why}",
    ),
    (
        "spec.cidr",
        "bits set after",
        "IPPool.Spec.CIDR",
        "IPPool CIDR is not strictly masked",
    ),
    ("spec.cidr", "smaller than one block", "IPPool.Spec.CIDR", SMALL),
    (
        "spec.cidr",
        "link-local range 169",
        "IPPool.Spec.CIDR",
        "IPPool CIDR overlaps with IPv4 Link Local range 169.254.0.0/16",
    ),
    (
        "spec.cidr",
        "link-local range fe80",
        "IPPool.Spec.CIDR",
        "IPPool CIDR overlaps with IPv6 Link Local range fe80::/10",
    ),
    (
        "spec.cidr",
        "is not a network",
        "IPPool.Spec.CIDR",
        "IPPool CIDR must be a valid subnet",
    ),
    (
        "spec.vxlanMode",
        "Cannot enable both",
        "IPPool.Spec.VXLANMode",
        "{why}",
    ),
    (
        "spec.ipipMode",
        "not supported on an IPv6",
        "IPPool.Spec.IPIPMode",
        "{why}",
    ),
    (
        "spec.node",
        "must be empty when nodeSelector",
        "Node",
        "Node field must be empty when NodeSelector is specified",
    ),
    (
        "spec.peerIP",
        "must be empty when peerSelector",
        "PeerIP",
        "PeerIP field must be empty when PeerSelector is specified",
    ),
    (
        "spec.asNumber",
        "must be empty when peerSelector",
        "ASNumber",
        "ASNumber field must be empty when PeerSelector is specified",
    ),
    (
        "spec.reachableBy",
        "must be empty when peerIP",
        "ReachableBy",
        "ReachablyBy field must be empty when PeerIP is empty",
    ),
    (
        "spec.reachableBy",
        "same IP version",
        "ReachableBy",
        "ReachableBy and PeerIP address family mismatched",
    ),
    (
        "communities[].value",
        "16 bits",
        "Spec.Communities[].Value",
        "invalid community value, expected 16 bit value",
    ),
    (
        "communities[].value",
        "32 bits",
        "Spec.Communities[].Value",
        "invalid community value, expected 32 bit value",
    ),
    (
        "communities[].value",
        "is not a community",
        "Spec.Communities[].Value",
        "invalid community value or format used.",
    ),
    (
        "spec.kubeNodePortRanges",
        "more than 7",
        "KubeNodePortRanges",
        "node port ranges list is too long (max 7)",
    ),
    (
        "kubeNodePortRanges[]",
        "must be a number",
        "KubeNodePortRanges",
        "node port ranges should not contain named ports",
    ),
    (
        "externalNodesList[]",
        "IPv6",
        "ExternalNodesCIDRList",
        "has invalid IPv6 CIDR",
    ),
    ("openstackRegion", "more than", "OpenstackRegion", "is too long"),
    (
        "openstackRegion",
        "",
        "OpenstackRegion",
        "must be a valid DNS label",
    ),
    ("routeTableRange", "within 1 to 250", "RouteTableRange", ORDER),
];

/// Fields whose check is a tag of Go's structure.
const TAGS: &[(&str, &str)] = &[
    ("action", "action"),
    ("icmp.type", "lte"),
    ("icmp.code", "lte"),
    ("ipVersion", "ipVersion"),
    ("nets[]", "net"),
    ("notNets[]", "net"),
    ("types[]", "policyType"),
    ("elector", "selector"),
    ("stagedAction", "stagedAction"),
    ("ipipMode", "ipIpMode"),
    ("vxlanMode", "vxlanMode"),
    ("assignmentMode", "assignmentMode"),
    ("bgp.ipv4Address", "cidrv4"),
    ("bgp.ipv6Address", "cidrv6"),
    ("ipv4IPIPTunnelAddr", "ipv4"),
    ("ipv4VXLANTunnelAddr", "ipv4"),
    ("ipv6VXLANTunnelAddr", "ipv6"),
    ("routeReflectorClusterID", "ipv4"),
    ("interfaceName", "interface"),
    ("ignoredInterfaces[]", "ignoredInterface"),
    ("expectedIPs[]", "ip"),
    ("peerIP", "IP:port"),
    ("sourceAddress", "sourceAddress"),
    ("ipv4NormalRoutePriority", "lte"),
    ("containerID", "containerID"),
];

/// Parts of names that Go writes in capitals.
const CAPITALS: [(&str, &str); 6] = [
    ("ipip", "IPIP"),
    ("vxlan", "VXLAN"),
    ("ipv4", "IPv4"),
    ("ipv6", "IPv6"),
    ("ip", "IP"),
    ("bgp", "BGP"),
];

/// `error with field X = 'V' (reason)`, if calicoctl has words for it.
pub(super) fn told(problem: &Problem) -> Option<String> {
    let Subject { value, .. } = problem.of.as_ref()?;
    // What has another type fails before it is looked at.
    if problem.why.contains("must be a text") || problem.why.contains("unknown field") {
        return None;
    }
    let path = without_numbers(&problem.path);
    let found = REASONS
        .iter()
        .find(|(end, words, ..)| ends(&path, end) && problem.why.contains(words));
    if let Some((_, _, field, reason)) = found {
        let most = if path == "metadata.name" && problem.why.contains("63") {
            63
        } else {
            253
        };
        let over = value.chars().count().saturating_sub(most);
        let reason = reason
            .replace("{why}", &problem.why)
            .replace("{over}", &over.to_string());
        return Some(format!("{field} = '{value}' ({reason})"));
    }
    let (_, tag) = TAGS.iter().find(|(end, _)| ends(&path, end))?;
    let field = of_go(problem.path.rsplit('.').next().unwrap_or_default());
    Some(format!(
        "{field} = '{value}' (Reason: failed to validate Field: {field} because of Tag: {tag} )"
    ))
}

fn ends(path: &str, end: &str) -> bool {
    match end.strip_suffix(".*") {
        Some(start) => path
            .strip_prefix(start)
            .is_some_and(|rest| rest.starts_with(['.', '['])),
        None => path.ends_with(end),
    }
}

/// `spec.ingress[0].action` becomes `spec.ingress[].action`.
fn without_numbers(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = (inside || *c == '[') && *c != ']';
            !(inside && c.is_ascii_digit())
        })
        .collect()
}

/// A field's name in Go: `ipv4Address` is `IPv4Address`, `nets[0]` is `Nets[0]`.
fn of_go(name: &str) -> String {
    for (start, capitals) in CAPITALS {
        if let Some(rest) = name.strip_prefix(start) {
            return format!("{capitals}{rest}");
        }
    }
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_ascii_uppercase(), chars.as_str())
    })
}
