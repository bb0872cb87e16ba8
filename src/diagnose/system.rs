//! What Calico needs of a kernel, by data plane. Pure.

use crate::state::kernel::Presence;

/// How packets are ruled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    Iptables,
    Nftables,
    Ebpf,
}

impl Plane {
    pub const ALL: [Self; 3] = [Self::Iptables, Self::Nftables, Self::Ebpf];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
            Self::Ebpf => "eBPF",
        }
    }

    /// The oldest kernel that will do: Calico's documented requirements.
    pub const fn oldest(self) -> (u32, u32, u32) {
        match self {
            Self::Iptables => (2, 6, 24),
            Self::Nftables => (5, 13, 0),
            Self::Ebpf => (5, 10, 0),
        }
    }
}

/// A part of the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// Modules with the symbols that configure them: any of them will do.
    pub any: &'static [(&'static str, &'static str)],
    /// Who can't do without; empty for what only some clusters use.
    pub planes: &'static [Plane],
    pub purpose: &'static str,
}

use Plane::{Ebpf, Iptables, Nftables};

const fn need(
    any: &'static [(&'static str, &'static str)],
    planes: &'static [Plane],
    purpose: &'static str,
) -> Need {
    Need { any, planes, purpose }
}

/// Felix's (its own check, calicoctl's `node checksystem`), and those of tunnels and kube-proxy.
pub const NEEDS: &[Need] = &[
    need(
        &[("nf_conntrack", "NF_CONNTRACK")],
        &[Iptables, Nftables],
        "connections",
    ),
    need(
        &[("nf_conntrack_netlink", "NF_CT_NETLINK")],
        &[Iptables, Nftables],
        "ends connections that policy forbids",
    ),
    need(
        &[("nf_nat", "NF_NAT")],
        &[Iptables, Nftables],
        "natOutgoing, services",
    ),
    need(
        &[("ip_tables", "IP_NF_IPTABLES"), ("nft_compat", "NFT_COMPAT")],
        &[Iptables],
        "iptables, legacy or by nft",
    ),
    need(&[("ip_set", "IP_SET")], &[Iptables], "sets of addresses"),
    need(
        &[("ip_set_hash_net", "IP_SET_HASH_NET")],
        &[Iptables],
        "sets of pools and nodes",
    ),
    need(
        &[("ip_set_hash_ip", "IP_SET_HASH_IP")],
        &[Iptables],
        "sets of endpoints",
    ),
    need(&[("xt_set", "NETFILTER_XT_SET")], &[Iptables], "rules with sets"),
    need(
        &[("xt_mark", "NETFILTER_XT_MARK")],
        &[Iptables],
        "marks between rules",
    ),
    need(
        &[("xt_conntrack", "NETFILTER_XT_MATCH_CONNTRACK")],
        &[Iptables],
        "answers pass",
    ),
    need(
        &[("xt_addrtype", "NETFILTER_XT_MATCH_ADDRTYPE")],
        &[Iptables],
        "local addresses",
    ),
    need(
        &[("xt_multiport", "NETFILTER_XT_MATCH_MULTIPORT")],
        &[Iptables],
        "rules with ports",
    ),
    need(
        &[("xt_comment", "NETFILTER_XT_MATCH_COMMENT")],
        &[Iptables],
        "rules are known again",
    ),
    need(
        &[("ipt_rpfilter", "IP_NF_MATCH_RPFILTER")],
        &[Iptables],
        "senders of pods are checked",
    ),
    need(
        &[("ipt_REJECT", "IP_NF_TARGET_REJECT")],
        &[Iptables],
        "rejected packets are answered",
    ),
    need(
        &[
            ("xt_MASQUERADE", "NETFILTER_XT_TARGET_MASQUERADE"),
            ("ipt_MASQUERADE", "IP_NF_TARGET_MASQUERADE"),
        ],
        &[Iptables],
        "natOutgoing",
    ),
    need(&[("nf_tables", "NF_TABLES")], &[Nftables], "nftables"),
    need(&[("nft_ct", "NFT_CT")], &[Nftables], "connections in rules"),
    need(&[("nft_nat", "NFT_NAT")], &[Nftables], "services"),
    need(&[("nft_masq", "NFT_MASQ")], &[Nftables], "natOutgoing"),
    need(
        &[("nft_reject", "NFT_REJECT")],
        &[Nftables],
        "rejected packets are answered",
    ),
    need(
        &[("nft_fib", "NFT_FIB")],
        &[Nftables],
        "senders of pods are checked",
    ),
    need(&[("", "BPF_SYSCALL")], &[Ebpf], "programs"),
    need(
        &[("", "CGROUP_BPF")],
        &[Ebpf],
        "services of the host's own packets",
    ),
    need(&[("cls_bpf", "NET_CLS_BPF")], &[Ebpf], "programs at links"),
    need(
        &[("sch_ingress", "NET_SCH_INGRESS")],
        &[Ebpf],
        "programs at links",
    ),
    need(&[("ipip", "NET_IPIP")], &[], "pools with ipipMode"),
    need(&[("vxlan", "VXLAN")], &[], "pools with vxlanMode, flannel"),
    need(&[("wireguard", "WIREGUARD")], &[], "encryption"),
    need(&[("ip6_tables", "IP6_NF_IPTABLES")], &[], "IPv6 with iptables"),
    need(
        &[("br_netfilter", "BRIDGE_NETFILTER")],
        &[],
        "services between pods of one bridge",
    ),
    need(&[("ip_vs", "IP_VS")], &[], "kube-proxy in mode ipvs"),
    need(
        &[("xt_bpf", "NETFILTER_XT_MATCH_BPF")],
        &[],
        "kube-proxy beside VXLAN, faster rules",
    ),
    need(
        &[("xt_u32", "NETFILTER_XT_MATCH_U32")],
        &[],
        "pods may not send VXLAN",
    ),
];

/// A need, and what of it there is.
#[derive(Debug, Clone, Copy)]
pub struct Met {
    pub need: &'static Need,
    /// The first of the need's parts that is there, or else the first.
    pub module: &'static str,
    pub presence: Presence,
}

/// What there is of each need.
pub fn met(presence: impl Fn(&str, &str) -> Presence) -> Vec<Met> {
    let one = |need: &'static Need| {
        let mut all = need.any.iter().map(|(module, symbol)| Met {
            need,
            module: if module.is_empty() { symbol } else { module },
            presence: presence(module, symbol),
        });
        let first = all.next()?;
        // In the order of Presence, what is there comes first.
        Some(all.fold(first, |best, other| {
            if other.presence < best.presence {
                other
            } else {
                best
            }
        }))
    };
    NEEDS.iter().filter_map(one).collect()
}

/// Whether a data plane works on a kernel of this release: false when something is missing, none when it can't be told.
pub fn works(plane: Plane, release: &str, met: &[Met]) -> Option<bool> {
    let needed = met.iter().filter(|met| met.need.planes.contains(&plane));
    let is_new = version(release).map(|version| version >= plane.oldest());
    let parts = needed.map(|met| match met.presence {
        Presence::Loaded | Presence::BuiltIn | Presence::OnDemand => Some(true),
        Presence::Missing => Some(false),
        Presence::Unknown => None,
    });
    let all: Vec<Option<bool>> = parts.chain([is_new]).collect();
    if all.contains(&Some(false)) {
        return Some(false);
    }
    all.iter().all(Option::is_some).then_some(true)
}

/// `6.1.0-49-amd64` → 6, 1, 0.
fn version(release: &str) -> Option<(u32, u32, u32)> {
    let end = release
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(release.len());
    let mut numbers = release
        .get(..end)?
        .split('.')
        .filter_map(|number| number.parse().ok());
    let major = numbers.next()?;
    Some((major, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_but(missing: &'static str, as_it_is: Presence) -> Vec<Met> {
        met(move |module, symbol| {
            if [module, symbol].contains(&missing) {
                as_it_is
            } else {
                Presence::BuiltIn
            }
        })
    }

    #[test]
    fn one_missing_part_ends_its_data_plane_only() {
        let whole = all_but("-", Presence::Missing);
        for plane in Plane::ALL {
            assert_eq!(works(plane, "6.1.0-49-amd64", &whole), Some(true));
        }
        let lacking = all_but("xt_set", Presence::Missing);
        assert_eq!(works(Plane::Iptables, "6.1", &lacking), Some(false));
        assert_eq!(works(Plane::Nftables, "6.1", &lacking), Some(true));
        let unknown = all_but("nft_fib", Presence::Unknown);
        assert_eq!(works(Plane::Nftables, "6.1", &unknown), None);
        assert_eq!(works(Plane::Ebpf, "5.4.0", &whole), Some(false));
        assert_eq!(works(Plane::Iptables, "?", &whole), None);
    }

    #[test]
    fn either_kind_of_iptables_will_do() {
        for missing in ["ip_tables", "nft_compat"] {
            assert_eq!(
                works(Plane::Iptables, "6.1", &all_but(missing, Presence::Missing)),
                Some(true)
            );
        }
        let neither = met(|module, _| match module {
            "ip_tables" | "nft_compat" => Presence::Missing,
            _ => Presence::Loaded,
        });
        assert_eq!(works(Plane::Iptables, "6.1", &neither), Some(false));
    }
}
