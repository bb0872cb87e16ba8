//! Messages made by hand: of kinds of links that few kernels have all of, and of what comes cut or torn.

use super::attr::{push, push_nested};
use super::kinds::data;
use super::links::link;
use super::rules::rule;
use super::uapi::{
    AF_INET, FR_ACT_TO_TBL, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, IFLA_ADDRESS, IFLA_BOND_ACTIVE_SLAVE,
    IFLA_BOND_MIIMON, IFLA_BOND_MODE, IFLA_GENEVE_ID, IFLA_GENEVE_PORT, IFLA_GENEVE_REMOTE, IFLA_GENEVE_TTL,
    IFLA_GENEVE_UDP_CSUM, IFLA_GRE_IFLAGS, IFLA_GRE_IKEY, IFLA_GRE_LINK, IFLA_GRE_LOCAL, IFLA_GRE_OFLAGS,
    IFLA_GRE_OKEY, IFLA_GRE_PMTUDISC, IFLA_GRE_REMOTE, IFLA_GRE_TTL, IFLA_IFNAME, IFLA_INFO_DATA,
    IFLA_INFO_KIND, IFLA_IPTUN_COLLECT_METADATA, IFLA_IPTUN_LINK, IFLA_IPTUN_LOCAL, IFLA_IPTUN_PMTUDISC,
    IFLA_IPTUN_REMOTE, IFLA_IPTUN_TOS, IFLA_IPTUN_TTL, IFLA_IPVLAN_MODE, IFLA_LINK, IFLA_LINK_NETNSID,
    IFLA_LINKINFO, IFLA_STATS64, IFLA_VLAN_ID, IFLA_VLAN_PROTOCOL, IFLA_VRF_TABLE, IFLA_VTI_IKEY,
    IFLA_VTI_LOCAL, IFLA_VTI_OKEY,
};
use crate::state::kind::{Bond, Geneve, Ipvlan, LinkData, Tunnel, Vlan, Vrf};
use crate::state::link::{IfIndex, LowerLink};
use crate::state::netns::NsId;
use crate::state::route::TableId;
use crate::state::rule::RuleAction;

/// A list of attributes.
fn list(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, value) in attributes {
        push(&mut list, *kind, value);
    }
    list
}

/// A message of RTM_NEWLINK.
fn message(index: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = vec![0; 16];
    message[4..8].copy_from_slice(&index.to_ne_bytes());
    message.extend(list(attributes));
    message
}

const HERE: [u8; 4] = [192, 0, 2, 1];
const THERE: [u8; 4] = [192, 0, 2, 2];

fn tunnel() -> Tunnel {
    Tunnel {
        local: Some("192.0.2.1".parse().unwrap()),
        remote: Some("192.0.2.2".parse().unwrap()),
        link: Some(IfIndex(2)),
        ttl: 64,
        pmtudisc: true,
        ..Tunnel::default()
    }
}

#[test]
fn an_ipip_tunnel_has_its_ends_and_the_first_of_all_has_none() {
    let ends = list(&[
        (IFLA_IPTUN_LINK, &2_u32.to_ne_bytes()),
        (IFLA_IPTUN_LOCAL, &HERE),
        (IFLA_IPTUN_REMOTE, &THERE),
        (IFLA_IPTUN_TTL, &[64]),
        (IFLA_IPTUN_TOS, &[0]),
        (IFLA_IPTUN_PMTUDISC, &[1]),
    ]);
    for kind in ["ipip", "sit", "ip6tnl"] {
        assert_eq!(data(kind, &ends), Some(LinkData::Tunnel(tunnel())));
    }
    // tunl0, which the module makes: any end, bound to no link.
    let any = list(&[
        (IFLA_IPTUN_LINK, &[0; 4]),
        (IFLA_IPTUN_LOCAL, &[0; 4]),
        (IFLA_IPTUN_REMOTE, &[0; 4]),
        (IFLA_IPTUN_PMTUDISC, &[0]),
        (IFLA_IPTUN_COLLECT_METADATA, &[]),
    ]);
    let external = Tunnel {
        external: true,
        ..Tunnel::default()
    };
    assert_eq!(data("ipip", &any), Some(LinkData::Tunnel(external)));
    let mut info = list(&[(IFLA_INFO_KIND, b"ipip\0")]);
    push_nested(&mut info, IFLA_INFO_DATA, &any);
    let tunl0 = message(
        3,
        &[
            (IFLA_IFNAME, b"tunl0\0"),
            (IFLA_ADDRESS, &[0; 4]),
            (IFLA_LINK, &[0; 4]),
            (IFLA_LINKINFO, &info),
        ],
    );
    let tunl0 = link(&tunl0).unwrap();
    assert_eq!((tunl0.index, tunl0.mac, tunl0.lower), (IfIndex(3), None, None));
    assert_eq!(
        (tunl0.name.as_str(), tunl0.kind.as_deref()),
        ("tunl0", Some("ipip"))
    );
}

#[test]
fn the_key_0_of_gre_is_a_key() {
    let gre = |iflags: u16, oflags: u16| {
        list(&[
            (IFLA_GRE_LINK, &2_u32.to_ne_bytes()),
            (IFLA_GRE_IFLAGS, &iflags.to_be_bytes()),
            (IFLA_GRE_OFLAGS, &oflags.to_be_bytes()),
            (IFLA_GRE_IKEY, &[0; 4]),
            (IFLA_GRE_OKEY, &7_u32.to_be_bytes()),
            (IFLA_GRE_LOCAL, &HERE),
            (IFLA_GRE_REMOTE, &THERE),
            (IFLA_GRE_TTL, &[64]),
            (IFLA_GRE_PMTUDISC, &[1]),
        ])
    };
    let keys = Tunnel {
        ikey: Some(0),
        okey: Some(7),
        ocsum: true,
        iseq: true,
        ..tunnel()
    };
    for kind in ["gre", "gretap", "ip6gre", "ip6gretap"] {
        assert_eq!(
            data(kind, &gre(0x3000, 0xa000)),
            Some(LinkData::Tunnel(keys.clone()))
        );
        assert_eq!(data(kind, &gre(0, 0)), Some(LinkData::Tunnel(tunnel())));
    }
    let vti = list(&[
        (IFLA_VTI_LOCAL, &HERE),
        (IFLA_VTI_IKEY, &9_u32.to_be_bytes()),
        (IFLA_VTI_OKEY, &[0; 4]),
    ]);
    let vti6 = Tunnel {
        local: tunnel().local,
        ikey: Some(9),
        ..Tunnel::default()
    };
    assert_eq!(data("vti", &vti), Some(LinkData::Tunnel(vti6)));
}

#[test]
fn geneve_vlan_bond_vrf_and_ipvlan_are_read() {
    let geneve = list(&[
        (IFLA_GENEVE_ID, &100_u32.to_ne_bytes()),
        (IFLA_GENEVE_REMOTE, &THERE),
        (IFLA_GENEVE_TTL, &[3]),
        (IFLA_GENEVE_PORT, &6081_u16.to_be_bytes()),
        (IFLA_GENEVE_UDP_CSUM, &[1]),
    ]);
    let read = Geneve {
        vni: Some(100),
        remote: Some("192.0.2.2".parse().unwrap()),
        port: 6081,
        ttl: 3,
        udp_csum: true,
        ..Geneve::default()
    };
    assert_eq!(data("geneve", &geneve), Some(LinkData::Geneve(read)));
    let vlan = list(&[
        (IFLA_VLAN_ID, &5_u16.to_ne_bytes()),
        (IFLA_VLAN_PROTOCOL, &[0x88, 0xa8]),
    ]);
    let read = Vlan {
        id: 5,
        protocol: "802.1ad".to_owned(),
    };
    assert_eq!(data("vlan", &vlan), Some(LinkData::Vlan(read)));
    let bond = list(&[
        (IFLA_BOND_MODE, &[4]),
        (IFLA_BOND_ACTIVE_SLAVE, &7_u32.to_ne_bytes()),
        (IFLA_BOND_MIIMON, &100_u32.to_ne_bytes()),
    ]);
    let read = Bond {
        mode: "802.3ad".to_owned(),
        active: Some(IfIndex(7)),
        miimon: 100,
    };
    assert_eq!(data("bond", &bond), Some(LinkData::Bond(read)));
    let vrf = list(&[(IFLA_VRF_TABLE, &1001_u32.to_ne_bytes())]);
    let table = TableId(1001);
    assert_eq!(data("vrf", &vrf), Some(LinkData::Vrf(Vrf { table })));
    let ipvlan = list(&[(IFLA_IPVLAN_MODE, &2_u16.to_ne_bytes())]);
    let mode = "l3s".to_owned();
    assert_eq!(data("ipvlan", &ipvlan), Some(LinkData::Ipvlan(Ipvlan { mode })));
    assert_eq!(data("dummy", &[]), None);
}

#[test]
fn the_other_end_in_another_namespace_has_that_namespaces_number() {
    let end = message(
        5,
        &[
            (IFLA_LINK, &2_u32.to_ne_bytes()),
            (IFLA_LINK_NETNSID, &3_i32.to_ne_bytes()),
        ],
    );
    let lower = LowerLink {
        index: IfIndex(2),
        netns: Some(NsId(3)),
    };
    assert_eq!(link(&end).unwrap().lower, Some(lower));
}

#[test]
fn a_rule_that_suppresses_nothing_says_so() {
    let mut message = vec![AF_INET, 0, 0, 0, 254, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0];
    push(&mut message, FRA_TABLE, &254_u32.to_ne_bytes());
    push(&mut message, FRA_SUPPRESS_PREFIXLEN, &u32::MAX.to_ne_bytes());
    let read = rule(&message).unwrap();
    assert_eq!(read.action, RuleAction::Lookup(TableId::MAIN));
    assert_eq!((read.suppress_prefix_len, read.fwmark), (None, None));
    message[7] = 77;
    assert_eq!(rule(&message).unwrap().action, RuleAction::Other(77));
}

#[test]
fn messages_that_are_cut_anywhere_are_read_without_panic() {
    let info = list(&[
        (IFLA_INFO_KIND, b"vxlan\0"),
        (IFLA_INFO_DATA, &[8, 0, 1, 0, 5, 0, 0, 0]),
    ]);
    let whole = message(
        5,
        &[
            (IFLA_IFNAME, b"eth0\0"),
            (IFLA_LINKINFO, &info),
            (IFLA_STATS64, &[1; 24]),
        ],
    );
    for length in 0..whole.len() {
        let cut = &whole[..length];
        assert_eq!(link(cut).is_some(), length >= 16);
        _ = rule(cut);
        _ = super::routes::route(cut);
        _ = super::neighbors::neighbor(cut);
        _ = super::neighbors::entry(cut);
        _ = super::nexthops::nexthop(cut);
        _ = super::addresses::address(cut);
    }
}
