use super::{accepts, problems, refuses};

/// A rule as the only one of a policy without namespace.
fn ingress(rule: &str) -> String {
    format!("{{ingress: [{{action: Allow, {rule}}}]}}")
}

fn rules_accepted(rules: &[&str]) {
    for rule in rules {
        accepts("GlobalNetworkPolicy", "p", &[&ingress(rule)]);
    }
}

fn rules_refused(rules: &[(&str, &str)]) {
    for (rule, why) in rules {
        refuses("GlobalNetworkPolicy", "p", &[(&ingress(rule), why)]);
    }
}

#[test]
fn actions_are_four_words() {
    for action in ["Allow", "Deny", "Log", "Pass"] {
        accepts(
            "GlobalNetworkPolicy",
            "p",
            &[&format!("{{ingress: [{{action: {action}}}]}}")],
        );
    }
    refuses(
        "GlobalNetworkPolicy",
        "p",
        &[
            (
                "{ingress: [{action: Permit}]}",
                "spec.ingress[0].action: \"Permit\" is not one of Allow, Deny, Log, Pass",
            ),
            ("{ingress: [{action: allow}]}", "did you mean Allow?"),
            (
                "{ingress: [{protocol: TCP}]}",
                "spec.ingress[0].action: is missing",
            ),
            (
                "{egress: {action: Allow}}",
                "spec.egress: is a map, must be a list",
            ),
        ],
    );
}

#[test]
fn protocols_are_names_or_numbers() {
    rules_accepted(&[
        "protocol: TCP",
        "protocol: UDP",
        "protocol: ICMP",
        "protocol: ICMPv6",
        "protocol: SCTP",
        "protocol: UDPLite",
        "protocol: 1",
        "protocol: 255",
        "protocol: '17'",
        "notProtocol: 47",
    ]);
    rules_refused(&[
        ("protocol: tcp", "it is spelled TCP"),
        (
            "protocol: GRE",
            "spec.ingress[0].protocol: \"GRE\" is not a protocol",
        ),
        ("protocol: 0", "0 is not a protocol"),
        ("protocol: 256", "256 is not a protocol"),
        ("protocol: 6.5", "must be a whole number"),
    ]);
}

#[test]
fn ports_are_numbers_ranges_and_names_of_protocols_that_have_ports() {
    rules_accepted(&[
        "protocol: TCP, destination: {ports: [1, 65535, '80', '8000:8010', http]}",
        "protocol: 132, source: {notPorts: [22]}",
        "destination: {ports: [http, dns-tcp]}",
    ]);
    rules_refused(&[
        (
            "protocol: TCP, destination: {ports: [0]}",
            "spec.ingress[0].destination.ports[0]: 0 is not a port",
        ),
        (
            "protocol: TCP, destination: {ports: [65536]}",
            "65536 is not a port",
        ),
        (
            "protocol: TCP, destination: {ports: ['10:5']}",
            "a range begins with its lower port",
        ),
        (
            "protocol: TCP, destination: {ports: ['0:5']}",
            "ports are 1 to 65535",
        ),
        (
            "protocol: TCP, destination: {ports: ['a b']}",
            "neither a port, a range such as 8000:8010, nor the name",
        ),
        (
            "destination: {ports: [80]}",
            "spec.ingress[0].destination.ports: needs protocol TCP, UDP or SCTP in the rule",
        ),
        ("source: {notPorts: ['1:2']}", "source.notPorts: needs protocol"),
        (
            "protocol: ICMP, destination: {ports: [http]}",
            "has no ports; only TCP, UDP and SCTP have",
        ),
    ]);
}

#[test]
fn icmp_types_codes_and_versions_agree_with_the_protocol() {
    rules_accepted(&[
        "protocol: ICMP, icmp: {type: 8, code: 0}",
        "protocol: ICMPv6, ipVersion: 6, icmp: {type: 254}",
        "protocol: ICMP, ipVersion: 4, notICMP: {type: 0, code: 255}",
        "notProtocol: ICMP, ipVersion: 4",
    ]);
    rules_refused(&[
        (
            "protocol: ICMP, icmp: {type: 255}",
            "spec.ingress[0].icmp.type: is 255, must be from 0 to 254",
        ),
        (
            "protocol: ICMP, icmp: {type: 1, code: 256}",
            "must be from 0 to 255",
        ),
        (
            "protocol: ICMP, icmp: {code: 1}",
            "ICMP code specified without an ICMP type",
        ),
        ("icmp: {type: 8}", "needs protocol ICMP or ICMPv6"),
        (
            "protocol: ICMP, ipVersion: 6",
            "spec.ingress[0].ipVersion: must be 4 with protocol ICMP",
        ),
        (
            "notProtocol: ICMPv6, ipVersion: 4",
            "must be 6 with protocol ICMPv6",
        ),
        ("ipVersion: 5", "is 5, must be 4 or 6"),
        ("ipVersion: 7", "is 7, must be from 4 to 6"),
    ]);
}

#[test]
fn networks_are_strict_of_one_version_and_never_all_that_is_not_meant() {
    rules_accepted(&[
        "source: {nets: [10.0.0.0/8, 192.0.2.1/32]}, destination: {notNets: [10.1.0.0/16]}",
        "ipVersion: 6, source: {nets: ['fd00::/8', '::/0']}",
        "source: {nets: [0.0.0.0/0]}",
    ]);
    rules_refused(&[
        (
            "source: {nets: [10.0.0.1/8]}",
            "spec.ingress[0].source.nets[0]: 10.0.0.1/8 has bits set after its prefix: write 10.0.0.0/8",
        ),
        (
            "source: {nets: [10.0.0.1]}",
            "is not a network with a prefix length",
        ),
        (
            "source: {nets: [10.0.0.0/8, 'fd00::/8']}",
            "spec.ingress[0].source.nets[1]: rule contains both IPv4 and IPv6 CIDRs",
        ),
        (
            "source: {nets: [10.0.0.0/8]}, destination: {nets: ['fd00::/8']}",
            "both IPv4 and IPv6",
        ),
        (
            "ipVersion: 4, source: {nets: ['fd00::/8']}",
            "fd00::/8 is not of IP version 4",
        ),
        ("source: {notNets: [0.0.0.0/0]}", "would match no traffic"),
        ("source: {notNets: ['::/0']}", "would match no traffic"),
        (
            "source: {nets: [10.0.0.0/8, 10.0.0.0/8]}",
            "source.nets[1]: \"10.0.0.0/8\" is here twice, first at [0]",
        ),
    ]);
}

#[test]
fn services_stand_alone_on_the_other_side() {
    accepts(
        "NetworkPolicy",
        "p",
        &[
            "{egress: [{action: Allow, destination: {services: {name: dns}}}]}",
            "{ingress: [{action: Allow, source: {services: {name: dns, namespace: kube-system}}}]}",
        ],
    );
    refuses(
        "NetworkPolicy",
        "p",
        &[
            (
                "{egress: [{action: Allow, source: {services: {name: dns}}}]}",
                "spec.egress[0].source.services: not allowed in egress rule source",
            ),
            (
                "{ingress: [{action: Allow, destination: {services: {name: dns}}}]}",
                "not allowed in ingress rule destination",
            ),
            (
                "{egress: [{action: Allow, destination: {services: {namespace: x}}}]}",
                "services.name: is missing",
            ),
            (
                "{egress: [{action: Allow, destination: {services: {name: dns}, selector: has(a)}}]}",
                "destination.selector: can't be given together with services",
            ),
            (
                "{egress: [{action: Allow, destination: {services: {name: dns}, nets: [10.0.0.0/8]}}]}",
                "destination.nets: can't be given together",
            ),
            (
                "{egress: [{action: Allow, protocol: TCP, destination: {services: {name: dns}, ports: [53]}}]}",
                "destination.ports: can't be given together",
            ),
        ],
    );
    accepts(
        "GlobalNetworkPolicy",
        "p",
        &["{egress: [{action: Allow, destination: {services: {name: dns, namespace: kube-system}}}]}"],
    );
    refuses(
        "GlobalNetworkPolicy",
        "p",
        &[(
            "{egress: [{action: Allow, destination: {services: {name: dns}}}]}",
            "must specify a namespace",
        )],
    );
}

#[test]
fn http_is_for_ingress_that_allows_tcp() {
    rules_accepted(&[
        "http: {methods: [GET, PUT], paths: [{exact: /a}, {prefix: /b}]}",
        "protocol: TCP, http: {methods: [GET]}",
        "protocol: 6, http: {methods: [GET]}",
    ]);
    rules_refused(&[
        (
            "protocol: UDP, http: {methods: [GET]}",
            "must set protocol to TCP or empty",
        ),
        ("http: {methods: [GET, GET]}", "is here twice"),
        ("http: {paths: [{exact: a}]}", "must start with /"),
        (
            "http: {paths: [{prefix: '/a?b'}]}",
            "must start with / and not contain",
        ),
        (
            "http: {paths: [{exact: /a, prefix: /b}]}",
            "must have one of exact and prefix",
        ),
        ("http: {paths: [{}]}", "must have one of exact and prefix"),
    ]);
    refuses(
        "GlobalNetworkPolicy",
        "p",
        &[
            (
                "{ingress: [{action: Deny, http: {methods: [GET]}}]}",
                "spec.ingress[0].http: only valid for Allow rules",
            ),
            (
                "{egress: [{action: Allow, http: {methods: [GET]}}]}",
                "spec.egress[0].http: not allowed in egress rules",
            ),
        ],
    );
    let many = format!(
        "http: {{methods: [{}]}}",
        (0..21).map(|at| format!("M{at}")).collect::<Vec<_>>().join(", ")
    );
    rules_refused(&[(&many, "has 21 entries, more than 20")]);
}

#[test]
fn selectors_are_selectors_and_global_is_for_namespaces_of_rules() {
    rules_accepted(&[
        "source: {selector: \"role == 'x'\", namespaceSelector: global()}",
        "source: {namespaceSelector: all(), notSelector: has(a)}",
        "source: {serviceAccounts: {names: [a, b], selector: has(c)}}",
    ]);
    rules_refused(&[
        (
            "source: {selector: \"role = 'x'\"}",
            "is not a selector: expected == at character 6",
        ),
        (
            "source: {selector: global()}",
            "global() can only be used in the namespaceSelector of a rule",
        ),
        (
            "source: {namespaceSelector: 'global() || has(a)'}",
            "global() cannot be combined with other selectors",
        ),
        (
            "source: {serviceAccounts: {selector: 'has('}}",
            "is not a selector",
        ),
    ]);
    refuses(
        "GlobalNetworkPolicy",
        "p",
        &[
            ("{selector: 'role = x'}", "spec.selector"),
            ("{selector: global()}", "spec.selector: global()"),
            (
                "{namespaceSelector: global()}",
                "spec.namespaceSelector: global()",
            ),
            ("{serviceAccountSelector: '!'}", "spec.serviceAccountSelector"),
            (
                &format!("{{selector: \"a == '{}'\"}}", "x".repeat(1024)),
                "has more than 1024 characters",
            ),
        ],
    );
}

#[test]
fn types_are_unique_and_untracked_policies_are_for_forwarded_traffic() {
    accepts(
        "GlobalNetworkPolicy",
        "p",
        &[
            "{types: [Ingress, Egress], order: 100.5, tier: default}",
            "{preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}",
            "{doNotTrack: true, applyOnForward: true, egress: [{action: Deny}]}",
            "{performanceHints: [AssumeNeededOnEveryNode]}",
        ],
    );
    refuses(
        "GlobalNetworkPolicy",
        "p",
        &[
            (
                "{types: [Ingress, Ingress]}",
                "spec.types[1]: \"Ingress\" is here twice",
            ),
            ("{types: [ingress]}", "did you mean Ingress?"),
            (
                "{preDNAT: true, doNotTrack: true, applyOnForward: true}",
                "can't both be true",
            ),
            ("{preDNAT: true}", "spec.applyOnForward: must be true"),
            ("{doNotTrack: true}", "spec.applyOnForward: must be true"),
            (
                "{preDNAT: true, applyOnForward: true, egress: [{action: Deny}]}",
                "can't have egress rules",
            ),
            (
                "{preDNAT: true, applyOnForward: true, types: [Egress]}",
                "can't have type Egress",
            ),
            (
                "{order: first}",
                "spec.order: is the text \"first\", must be a number",
            ),
        ],
    );
    refuses(
        "NetworkPolicy",
        "p",
        &[("{preDNAT: true}", "spec.preDNAT: unknown field")],
    );
}

#[test]
fn a_staged_policy_that_deletes_says_nothing_else() {
    for kind in ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy"] {
        accepts(
            kind,
            "p",
            &[
                "{stagedAction: Delete}",
                "{stagedAction: Delete, tier: default}",
                "{stagedAction: Learn, selector: all()}",
            ],
        );
        refuses(
            kind,
            "p",
            &[
                (
                    "{stagedAction: Delete, selector: all()}",
                    "spec.selector: must be left out if stagedAction is Delete",
                ),
                ("{stagedAction: Remove}", "not one of Set, Delete, Learn, Ignore"),
            ],
        );
    }
    refuses(
        "StagedGlobalNetworkPolicy",
        "p",
        &[("{preDNAT: true}", "spec.applyOnForward")],
    );
    accepts(
        "StagedKubernetesNetworkPolicy",
        "p",
        &[
            "{stagedAction: Delete}",
            "{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}, ingress: [{ports: [{protocol: TCP, port: http}], from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}",
        ],
    );
    refuses(
        "StagedKubernetesNetworkPolicy",
        "p",
        &[
            (
                "{stagedAction: Delete, policyTypes: [Ingress]}",
                "spec.policyTypes: must be left out",
            ),
            (
                "{podSelector: {matchExpressions: [{key: a, operator: Is}]}}",
                "not one of In, NotIn, Exists, DoesNotExist",
            ),
            (
                "{egress: [{to: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}",
                "has bits set after its prefix",
            ),
        ],
    );
}

#[test]
fn lists_have_limits() {
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    let nets: Vec<String> = (0..257)
        .map(|at| format!("10.{}.{}.0/24", at / 256, at % 256))
        .collect();
    for (spec, why) in [
        (
            format!("{{ingress: [{}]}}", list("{action: Allow}", 1025)),
            "has 1025 rules, more than 1024",
        ),
        (
            ingress(&format!("source: {{nets: [{}]}}", nets.join(", "))),
            "has 257 networks, more than 256",
        ),
        (
            ingress(&format!("protocol: TCP, source: {{ports: [{}]}}", list("80", 51))),
            "has 51 ports, more than 50",
        ),
    ] {
        refuses("GlobalNetworkPolicy", "p", &[(&spec, why)]);
    }
    accepts(
        "GlobalNetworkPolicy",
        "p",
        &[&format!("{{ingress: [{}]}}", list("{action: Allow}", 1024))],
    );
}

#[test]
fn a_misspelt_or_misplaced_field_gets_the_right_one() {
    assert_eq!(
        problems(
            "GlobalNetworkPolicy",
            "p",
            "{ingres: [], source: {}, ingress: [{action: Allow, destination: {port: [1]}}]}"
        ),
        [
            "spec.ingres: unknown field; did you mean ingress?",
            "spec.source: unknown field here; it belongs at spec.ingress[].source",
            "spec.ingress[0].destination.port: unknown field; did you mean ports?",
        ]
    );
}
