use super::{accepts, refuses};

#[test]
fn a_pool_is_a_strict_network_of_at_least_one_block() {
    accepts(
        "IPPool",
        "p",
        &[
            "{cidr: 10.244.0.0/16}",
            "{cidr: 10.244.0.0/26}",
            "{cidr: 10.244.0.0/20, blockSize: 20}",
            "{cidr: 10.244.0.0/32, blockSize: 32}",
            "{cidr: 10.9.0.0/30, disabled: true}",
            "{cidr: 'fd00:10:244::/64', blockSize: 116}",
            "{cidr: 'fd00:10:244::/122'}",
        ],
    );
    refuses(
        "IPPool",
        "p",
        &[
            ("{}", "spec.cidr: is missing"),
            (
                "{cidr: 10.300.0.0/16}",
                "spec.cidr: \"10.300.0.0/16\" is not a network",
            ),
            ("{cidr: 10.244.0.0}", "is not a network with a prefix length"),
            ("{cidr: 10.244.0.1/16}", "write 10.244.0.0/16"),
            (
                "{cidr: 10.244.0.0/16, blockSize: 19}",
                "spec.blockSize: IPv4 block size must be between 20 and 32",
            ),
            ("{cidr: 10.244.0.0/16, blockSize: 33}", "between 20 and 32"),
            (
                "{cidr: 'fd00::/64', blockSize: 115}",
                "IPv6 block size must be between 116 and 128",
            ),
            ("{cidr: 'fd00::/64', blockSize: 129}", "must be from 0 to 128"),
            (
                "{cidr: 10.9.0.0/30}",
                "10.9.0.0/30 is smaller than one block of /26",
            ),
            ("{cidr: 'fd00::/123'}", "is smaller than one block of /122"),
            (
                "{cidr: 169.254.1.0/24}",
                "overlaps with the link-local range 169.254.0.0/16",
            ),
            (
                "{cidr: 'fe80::/64'}",
                "overlaps with the link-local range fe80::/10",
            ),
            (
                "{cidr: 10.0.0.0/16, natOutgoing: 'yes please'}",
                "must be true or false",
            ),
            ("{cidr: 10.0.0.0/16, nodeSelector: 'a ='}", "spec.nodeSelector"),
            (
                "{cidr: 10.0.0.0/16, nodeSelector: global()}",
                "global() can only be used",
            ),
            (
                "{cidr: 10.0.0.0/16, natOutgoin: true}",
                "did you mean natOutgoing?",
            ),
        ],
    );
}

#[test]
fn a_pool_has_one_encapsulation_that_its_version_allows() {
    accepts(
        "IPPool",
        "p",
        &[
            "{cidr: 10.0.0.0/16, ipipMode: Always, vxlanMode: Never}",
            "{cidr: 10.0.0.0/16, vxlanMode: CrossSubnet}",
            "{cidr: 'fd00::/64', vxlanMode: Always}",
        ],
    );
    refuses(
        "IPPool",
        "p",
        &[
            (
                "{cidr: 10.0.0.0/16, ipipMode: Always, vxlanMode: Always}",
                "Cannot enable both VXLAN and IPIP on the same IPPool",
            ),
            (
                "{cidr: 'fd00::/64', ipipMode: Always}",
                "IPIP is not supported on an IPv6 IP pool",
            ),
            ("{cidr: 10.0.0.0/16, ipipMode: always}", "did you mean Always?"),
        ],
    );
}

#[test]
fn uses_of_a_pool_go_together() {
    accepts(
        "IPPool",
        "p",
        &[
            "{cidr: 10.0.0.0/16, allowedUses: [Workload, Tunnel], assignmentMode: Manual}",
            "{cidr: 10.0.0.0/16, allowedUses: [LoadBalancer], nodeSelector: all()}",
            "{cidr: 10.0.0.0/16, allowedUses: [Workload], namespaceSelector: has(a)}",
        ],
    );
    refuses(
        "IPPool",
        "p",
        &[
            (
                "{cidr: 10.0.0.0/16, allowedUses: [Pods]}",
                "not one of Workload, Tunnel, LoadBalancer",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [Tunnel, Tunnel]}",
                "is here twice",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [LoadBalancer, Workload]}",
                "can't be combined with Workload or Tunnel",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [LoadBalancer], vxlanMode: Always}",
                "can't have IPIP or VXLAN enabled",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [LoadBalancer], disableBGPExport: true}",
                "spec.disableBGPExport",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [LoadBalancer], nodeSelector: has(a)}",
                "must be all()",
            ),
            (
                "{cidr: 10.0.0.0/16, allowedUses: [Tunnel], namespaceSelector: has(a)}",
                "tunnels have no namespace",
            ),
            (
                "{cidr: 10.0.0.0/16, assignmentMode: Auto}",
                "not one of Automatic, Manual",
            ),
        ],
    );
}

#[test]
fn reservations_and_ipam_settings() {
    accepts(
        "IPReservation",
        "r",
        &["{reservedCIDRs: [10.0.0.1, 10.0.0.0/30, 'fd00::/64']}", "{}"],
    );
    refuses(
        "IPReservation",
        "r",
        &[(
            "{reservedCIDRs: [x]}",
            "spec.reservedCIDRs[0]: \"x\" is not an IP address",
        )],
    );
    accepts(
        "IPAMConfiguration",
        "default",
        &["{maxBlocksPerHost: 1000000, ipCooldownSeconds: 1200, strictAffinity: true}"],
    );
    refuses(
        "IPAMConfiguration",
        "default",
        &[
            ("{maxBlocksPerHost: 1000001}", "must be from 0 to 1000000"),
            ("{maxBlocksPerHost: -1}", "must be from 0 to 1000000"),
            ("{ipCooldownSeconds: 1201}", "must be from 0 to 1200"),
        ],
    );
    refuses(
        "IPAMConfiguration",
        "other",
        &[("{}", "metadata.name: must be default")],
    );
}
