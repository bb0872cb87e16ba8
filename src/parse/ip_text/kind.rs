//! The line of a link's kind in `ip -d link` (iproute2 `ip/iplink_*.c`, `ip/link_*.c`).

use super::{Pairs, Words};

/// Kinds that may start a line of details.
const KINDS: [&str; 46] = [
    "amt",
    "bareudp",
    "batadv",
    "bond",
    "bridge",
    "can",
    "dsa",
    "dummy",
    "erspan",
    "geneve",
    "gre",
    "gretap",
    "gtp",
    "hsr",
    "ifb",
    "ip6erspan",
    "ip6gre",
    "ip6gretap",
    "ip6tnl",
    "ipip",
    "ipoib",
    "ipvlan",
    "ipvtap",
    "macsec",
    "macvlan",
    "macvtap",
    "netdevsim",
    "netkit",
    "nlmon",
    "openvswitch",
    "ppp",
    "rmnet",
    "sit",
    "team",
    "tun",
    "vcan",
    "veth",
    "vlan",
    "vrf",
    "vti",
    "vti6",
    "vxcan",
    "vxlan",
    "wireguard",
    "wwan",
    "xfrm",
];

pub(super) fn is_kind(word: &str) -> bool {
    KINDS.binary_search(&word).is_ok()
}

/// The words after the kind, with the keys of `-j`.
pub(super) fn data(kind: &str, mut words: Words) -> Result<Pairs, String> {
    let mut pairs = Pairs::default();
    match kind {
        "vxlan" | "geneve" => vxlan(&mut words, &mut pairs)?,
        "bridge" => known(
            &mut words,
            &mut pairs,
            &[
                ("stp_state", "stp_state"),
                ("priority", "priority"),
                ("bridge_id", "bridge_id"),
                ("designated_root", "root_id"),
                ("root_port", "root_port"),
                ("ageing_time", "ageing_time"),
                ("forward_delay", "forward_delay"),
                ("vlan_filtering", "vlan_filtering"),
                ("vlan_protocol", "vlan_protocol"),
                ("vlan_default_pvid", "vlan_default_pvid"),
                ("mcast_snooping", "mcast_snooping"),
                ("group_fwd_mask", "group_fwd_mask"),
                ("nf_call_iptables", "nf_call_iptables"),
                ("nf_call_ip6tables", "nf_call_ip6tables"),
                ("nf_call_arptables", "nf_call_arptables"),
            ],
        ),
        "vlan" => known(&mut words, &mut pairs, &[("id", "id"), ("protocol", "protocol")]),
        "bond" => known(
            &mut words,
            &mut pairs,
            &[
                ("mode", "mode"),
                ("active_slave", "active_slave"),
                ("miimon", "miimon"),
            ],
        ),
        "vrf" => known(&mut words, &mut pairs, &[("table", "table")]),
        "macvlan" | "macvtap" => known(&mut words, &mut pairs, &[("mode", "mode")]),
        "ipvlan" | "ipvtap" => {
            known(&mut words, &mut pairs, &[("mode", "mode")]);
        }
        "tun" => tun(&mut words, &mut pairs)?,
        "ipip" | "sit" | "ip6tnl" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan"
        | "vti" | "vti6" => tunnel(kind, &mut words, &mut pairs)?,
        _ => {}
    }
    Ok(pairs)
}

/// The words after `bridge_slave`.
pub(super) fn port(mut words: Words) -> Pairs {
    let mut pairs = Pairs::default();
    known(
        &mut words,
        &mut pairs,
        &[
            ("state", "state"),
            ("port_no", "no"),
            ("priority", "priority"),
            ("cost", "cost"),
            ("hairpin", "hairpin"),
            ("guard", "guard"),
            ("root_block", "root_block"),
            ("fastleave", "fastleave"),
            ("learning", "learning"),
            ("flood", "flood"),
            ("mcast_flood", "mcast_flood"),
            ("bcast_flood", "bcast_flood"),
            ("proxy_arp", "proxy_arp"),
            ("proxy_arp_wifi", "proxy_arp_wifi"),
            ("neigh_suppress", "neigh_suppress"),
            ("vlan_tunnel", "vlan_tunnel"),
            ("isolated", "isolated"),
            ("locked", "locked"),
        ],
    );
    pairs
}

/// Takes the words of this list with the value behind each, and passes over the others. The first of a kind holds:
/// what follows the kind's own (`priority` of something else) is not its.
fn known(words: &mut Words, pairs: &mut Pairs, keys: &[(&str, &str)]) {
    while let Some(word) = words.next() {
        let Some((_, key)) = keys.iter().find(|(text, _)| *text == word) else {
            continue;
        };
        if let Some(value) = words.next() {
            pairs.text(key, value);
        }
    }
}

/// `id 42 remote 10.1.0.77 local 10.1.0.1 dev eth0 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300 udpcsum`
fn vxlan(words: &mut Words, pairs: &mut Pairs) -> Result<(), String> {
    while let Some(word) = words.next() {
        match word {
            "id" | "remote" | "group" | "local" | "ttl" | "tos" => pairs.text(word, words.after(word)?),
            "dev" => pairs.text("link", words.after(word)?),
            "dstport" => pairs.text("port", words.after(word)?),
            "srcport" => {
                let mut range = Pairs::default();
                range.text("low", words.after(word)?);
                range.text("high", words.after(word)?);
                pairs.object("port_range", range);
            }
            "ageing" => match words.after(word)? {
                "none" => pairs.text("ageing", "0"),
                seconds => pairs.text("ageing", seconds),
            },
            "external" | "learning" | "proxy" | "rsc" | "l2miss" | "l3miss" | "gbp" => pairs.bool(word, true),
            "nolearning" => pairs.bool("learning", false),
            "nolocalbypass" => pairs.bool("localbypass", false),
            "udpcsum" => pairs.bool("udp_csum", true),
            "noudpcsum" => pairs.bool("udp_csum", false),
            "udp6zerocsumtx" => pairs.bool("udp_zero_csum6_tx", true),
            "udp6zerocsumrx" => pairs.bool("udp_zero_csum6_rx", true),
            _ => {}
        }
    }
    Ok(())
}

/// `type tap pi off vnet_hdr on persist on user nobody group nogroup`
fn tun(words: &mut Words, pairs: &mut Pairs) -> Result<(), String> {
    while let Some(word) = words.next() {
        match word {
            "type" | "pi" | "vnet_hdr" | "persist" | "user" | "group" => {
                pairs.text(word, words.after(word)?);
            }
            // Alone it is on; `off` may follow.
            "multi_queue" => {
                let off = words.take("off");
                pairs.bool(word, !off);
            }
            _ => {}
        }
    }
    Ok(())
}

/// `ipip remote 10.1.0.3 local any dev eth0 ttl inherit nopmtudisc ikey 0.0.0.7 icsum`
fn tunnel(kind: &str, words: &mut Words, pairs: &mut Pairs) -> Result<(), String> {
    // Of these, only `nopmtudisc` is printed.
    let mut pmtudisc = matches!(kind, "gre" | "gretap" | "erspan").then_some(true);
    while let Some(word) = words.next() {
        match word {
            "remote" | "local" | "ttl" | "ikey" | "okey" => pairs.text(word, words.after(word)?),
            "hoplimit" => pairs.text("ttl", words.after(word)?),
            "key" => {
                let key = words.after(word)?;
                pairs.text("ikey", key);
                pairs.text("okey", key);
            }
            // 1 is how the kernel has `inherit`; `-j` leaves it out.
            "tos" => match words.after(word)? {
                "inherit" => {}
                tos => pairs.text("tos", tos),
            },
            "dev" => pairs.text("link", words.after(word)?),
            "pmtudisc" => pmtudisc = Some(true),
            "nopmtudisc" => pmtudisc = Some(false),
            "external" | "icsum" | "ocsum" | "iseq" | "oseq" => pairs.bool(word, true),
            _ => {}
        }
    }
    if let Some(pmtudisc) = pmtudisc {
        pairs.bool("pmtudisc", pmtudisc);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted() {
        assert!(KINDS.is_sorted());
        assert!(is_kind("vxlan") && !is_kind("promiscuity"));
    }
}
