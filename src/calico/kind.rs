//! The kinds of Calico's objects, and what is fixed about each.

/// Every kind of `projectcalico.org/v3` that a datastore holds for users (libcalico-go `lib/apis/v3`,
/// `lib/backend/model`). One row of `row` a kind, and a file or a part of one below `kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Node,
    BgpConfiguration,
    BgpFilter,
    BgpPeer,
    CalicoNodeStatus,
    ClusterInformation,
    FelixConfiguration,
    GlobalNetworkPolicy,
    GlobalNetworkSet,
    HostEndpoint,
    IpamConfiguration,
    IpPool,
    IpReservation,
    KubeControllersConfiguration,
    NetworkPolicy,
    NetworkSet,
    Profile,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
    StagedNetworkPolicy,
    Tier,
    WorkloadEndpoint,
}

/// What is fixed about a kind.
struct Row {
    /// `kind:` in documents.
    name: &'static str,
    /// Plural, as in etcd keys (libcalico-go `lib/backend/model`).
    plural: &'static str,
    /// Whether its objects live in namespaces.
    namespaced: bool,
    /// Names accepted on the command line beside name and plural, lower case (`calicoctl/resourcemgr`).
    aliases: &'static [&'static str],
}

const fn global(name: &'static str, plural: &'static str, aliases: &'static [&'static str]) -> Row {
    Row {
        name,
        plural,
        namespaced: false,
        aliases,
    }
}

const fn namespaced(name: &'static str, plural: &'static str, aliases: &'static [&'static str]) -> Row {
    Row {
        namespaced: true,
        ..global(name, plural, aliases)
    }
}

impl Kind {
    /// Every kind, in the order in which they can be created: what others refer to comes first.
    pub const ALL: [Self; 22] = [
        Self::Node,
        Self::BgpConfiguration,
        Self::BgpFilter,
        Self::BgpPeer,
        Self::ClusterInformation,
        Self::IpPool,
        Self::IpReservation,
        Self::IpamConfiguration,
        Self::FelixConfiguration,
        Self::KubeControllersConfiguration,
        Self::CalicoNodeStatus,
        Self::Tier,
        Self::GlobalNetworkPolicy,
        Self::NetworkPolicy,
        Self::StagedGlobalNetworkPolicy,
        Self::StagedNetworkPolicy,
        Self::StagedKubernetesNetworkPolicy,
        Self::GlobalNetworkSet,
        Self::NetworkSet,
        Self::Profile,
        Self::HostEndpoint,
        Self::WorkloadEndpoint,
    ];

    /// The kinds that decide addresses and BGP sessions.
    pub const DIAGNOSED: [Self; 5] = [
        Self::Node,
        Self::BgpConfiguration,
        Self::BgpPeer,
        Self::ClusterInformation,
        Self::IpPool,
    ];

    /// The kinds that decide what policy does with a packet. A snapshot keeps these as well, where the store has them.
    pub const ENFORCED: [Self; 9] = [
        Self::Tier,
        Self::GlobalNetworkPolicy,
        Self::NetworkPolicy,
        Self::GlobalNetworkSet,
        Self::NetworkSet,
        Self::Profile,
        Self::HostEndpoint,
        Self::WorkloadEndpoint,
        Self::FelixConfiguration,
    ];

    const fn row(self) -> Row {
        match self {
            Self::Node => global("Node", "nodes", &["no", "nos"]),
            Self::BgpConfiguration => global(
                "BGPConfiguration",
                "bgpconfigurations",
                &["bgpconfig", "bgpconfigs"],
            ),
            Self::BgpFilter => global("BGPFilter", "bgpfilters", &["bgpf", "bgpfs", "bf", "bfs"]),
            Self::BgpPeer => global("BGPPeer", "bgppeers", &["bgpp", "bgpps", "bp", "bps"]),
            Self::CalicoNodeStatus => global(
                "CalicoNodeStatus",
                "caliconodestatuses",
                &["nodestatus", "nodestatuses"],
            ),
            Self::ClusterInformation => global(
                "ClusterInformation",
                "clusterinformations",
                &["clusterinfo", "clusterinfos"],
            ),
            Self::FelixConfiguration => global(
                "FelixConfiguration",
                "felixconfigurations",
                &["felixconfig", "felixconfigs"],
            ),
            Self::GlobalNetworkPolicy => {
                global("GlobalNetworkPolicy", "globalnetworkpolicies", &["gnp", "gnps"])
            }
            Self::GlobalNetworkSet => global("GlobalNetworkSet", "globalnetworksets", &["gnetsets"]),
            Self::HostEndpoint => global("HostEndpoint", "hostendpoints", &["hep", "heps"]),
            Self::IpamConfiguration => global(
                "IPAMConfiguration",
                "ipamconfigurations",
                &["ipamconfig", "ipamconfigs"],
            ),
            Self::IpPool => global("IPPool", "ippools", &["ipp", "ipps", "pool", "pools"]),
            Self::IpReservation => global(
                "IPReservation",
                "ipreservations",
                &["reservation", "reservations"],
            ),
            Self::KubeControllersConfiguration => global(
                "KubeControllersConfiguration",
                "kubecontrollersconfigurations",
                &["kubecontrollersconfig", "kubecontrollersconfigs"],
            ),
            Self::NetworkPolicy => namespaced(
                "NetworkPolicy",
                "networkpolicies",
                &["policy", "np", "policies", "pol", "pols"],
            ),
            Self::NetworkSet => namespaced("NetworkSet", "networksets", &["netsets"]),
            Self::Profile => global("Profile", "profiles", &["pro", "pros"]),
            Self::StagedGlobalNetworkPolicy => global(
                "StagedGlobalNetworkPolicy",
                "stagedglobalnetworkpolicies",
                &["sgnp", "sgnps"],
            ),
            Self::StagedKubernetesNetworkPolicy => namespaced(
                "StagedKubernetesNetworkPolicy",
                "stagedkubernetesnetworkpolicies",
                &[
                    "stagedkubernetespolicy",
                    "stagedkubernetespolicies",
                    "sknp",
                    "skpol",
                    "skpols",
                ],
            ),
            Self::StagedNetworkPolicy => namespaced(
                "StagedNetworkPolicy",
                "stagednetworkpolicies",
                &["stagedpolicy", "stagedpolicies", "snp", "spol", "spols"],
            ),
            Self::Tier => global("Tier", "tiers", &[]),
            Self::WorkloadEndpoint => namespaced("WorkloadEndpoint", "workloadendpoints", &["wep", "weps"]),
        }
    }

    /// The kind as documents spell it, for example `BGPPeer`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The plural of etcd keys and of Kubernetes, for example `bgppeers`.
    pub const fn plural(self) -> &'static str {
        self.row().plural
    }

    /// Whether objects of this kind live in namespaces (libcalico-go `lib/namespace`).
    pub const fn is_namespaced(self) -> bool {
        self.row().namespaced
    }

    /// Whether it is a policy that belongs to a tier: these have stored forms of their own (`stored`).
    pub const fn is_tiered(self) -> bool {
        matches!(
            self,
            Self::GlobalNetworkPolicy
                | Self::NetworkPolicy
                | Self::StagedGlobalNetworkPolicy
                | Self::StagedNetworkPolicy
        )
    }

    /// Reads a kind as a document spells it: the case matters (calicoctl does the same).
    pub fn from_document(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Words of command lines that people misspell: plurals, and names of three letters. Longer short names would be
    /// taken for what they aren't: `pods` isn't meant to be `pols`.
    pub fn misspelt<'n>() -> impl Iterator<Item = &'n str> {
        Self::ALL.into_iter().flat_map(|kind| {
            let short = kind.row().aliases.iter().copied().filter(|name| name.len() == 3);
            std::iter::once(kind.plural()).chain(short)
        })
    }

    /// Reads a kind as typed on a command line: any case, singular, plural, or short.
    pub fn from_argument(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        Self::ALL.into_iter().find(|kind| {
            let row = kind.row();
            row.name.to_lowercase() == name || row.plural == name || row.aliases.contains(&name.as_str())
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_is_once_in_the_list_and_no_two_share_a_name() {
        let kinds: BTreeSet<_> = Kind::ALL.into_iter().collect();
        assert_eq!(kinds.len(), Kind::ALL.len());
        let mut names = BTreeSet::new();
        for kind in Kind::ALL {
            let row = kind.row();
            for name in [row.name, row.plural]
                .into_iter()
                .chain(row.aliases.iter().copied())
            {
                assert!(names.insert(name.to_lowercase()), "{name}");
                assert_eq!(Kind::from_argument(&name.to_uppercase()), Some(kind));
            }
        }
    }

    #[test]
    fn a_misspelt_kind_is_recognised_and_one_of_kubernetes_is_no_mistake() {
        let meant = |word: &str| crate::calico::nearest::nearest(word, Kind::misspelt());
        for (word, kind) in [
            ("gpn", "gnp"),
            ("hpe", "hep"),
            ("wpe", "wep"),
            ("ndoes", "nodes"),
            ("teirs", "tiers"),
        ] {
            assert_eq!(meant(word), Some(kind), "{word}");
        }
        for word in ["pod", "pods", "svc", "job", "pvc", "secrets", "services", "vm"] {
            assert_eq!(meant(word), None, "{word}");
        }
    }

    #[test]
    fn names_that_calicoctl_does_not_know_are_not_known() {
        for name in ["bgpc", "fc", "gns", "nps", "ns", "kcc", "ipresv", "bogus", ""] {
            assert_eq!(Kind::from_argument(name), None, "{name}");
        }
    }
}
