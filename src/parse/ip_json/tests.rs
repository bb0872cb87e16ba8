use proptest::prelude::*;

use super::*;
use crate::parse::iproute::Names;
use crate::state::kind::{LinkData, PortState};
use crate::state::link::{AddressFlags, IfIndex, Link, LinkFlags, Scope};
use crate::state::neighbor::{NeighborFlags, NeighborState};
use crate::state::netns::NsId;
use crate::state::route::{HopFlags, Route, RouteProtocol, RouteType, TableId};
use crate::state::rule::RuleAction;

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/iproute2/", $path))
    };
}

const LINKS: &str = fixture!("everything/link.json");

fn names() -> Names {
    Names::of(&links(LINKS).unwrap())
}

fn named<'a>(links: &'a [Link], name: &str) -> &'a Link {
    links.iter().find(|link| link.name == name).unwrap()
}

fn to<'a>(routes: &'a [Route], dst: &str) -> &'a Route {
    let dst = dst.parse().unwrap();
    routes.iter().find(|route| route.dst == dst).unwrap()
}

#[test]
fn links_are_read_with_what_their_kind_has() {
    let links = links(LINKS).unwrap();
    let dum0 = named(&links, "dum0");
    assert_eq!((dum0.index, dum0.kind.as_deref()), (IfIndex(3), Some("veth")));
    assert_eq!(dum0.lower.unwrap().index, named(&links, "dum1").index);
    assert_eq!(dum0.alt_names, ["dummyalt"]);
    assert_eq!((dum0.operstate.as_str(), dum0.carrier), ("up", Some(true)));
    let br0 = named(&links, "br0");
    assert!(br0.flags.has(LinkFlags::UP) && !br0.flags.has(LinkFlags::RUNNING));
    let Some(LinkData::Bridge(bridge)) = &br0.data else {
        panic!("{br0:?}")
    };
    assert_eq!(bridge.bridge_id, "8000.16b152d93ca1");
    assert_eq!((bridge.stp_state, bridge.forward_delay), (1, 1500));
    let v0 = named(&links, "v0");
    assert_eq!(v0.master, Some(br0.index));
    let port = v0.port.as_ref().unwrap();
    assert_eq!((port.state, port.number, port.cost), (PortState::Listening, 1, 2));
    let Some(LinkData::Vxlan(vx0)) = &named(&links, "vx0").data else {
        panic!()
    };
    assert_eq!((vx0.vni, vx0.port, vx0.learning), (Some(42), 4789, false));
    assert_eq!(
        (vx0.local, vx0.remote, vx0.link),
        (
            Some("10.1.0.1".parse().unwrap()),
            Some("10.1.0.77".parse().unwrap()),
            Some(dum0.index)
        )
    );
    let Some(LinkData::Vxlan(vx1)) = &named(&links, "vx1").data else {
        panic!()
    };
    assert!(vx1.external && vx1.gbp && vx1.vni.is_none());
    let Some(LinkData::Tun(tap)) = &named(&links, "tap0").data else {
        panic!()
    };
    assert!(tap.mode == "tap" && tap.vnet_hdr && tap.persist);
}

#[test]
fn a_link_into_another_namespace_keeps_that_namespace() {
    let links = links(fixture!("vxlan/link.json")).unwrap();
    let lower = named(&links, "eth0").lower.unwrap();
    assert_eq!((lower.index, lower.netns), (IfIndex(4), Some(NsId(0))));
}

#[test]
fn a_tunnel_to_anywhere_has_no_ends_and_no_ethernet_address() {
    let links = links(fixture!("ipip/link.json")).unwrap();
    let tunl0 = named(&links, "tunl0");
    assert_eq!((&tunl0.mac, tunl0.lower), (&None, None));
    let Some(LinkData::Tunnel(tunnel)) = &tunl0.data else {
        panic!("{tunl0:?}")
    };
    assert_eq!(
        (tunnel.local, tunnel.remote, tunnel.pmtudisc),
        (None, None, false)
    );
}

#[test]
fn counters_are_read_where_they_were_asked_for() {
    let links = links(fixture!("everything/link-s.json")).unwrap();
    let counters = named(&links, "dum1").counters.unwrap();
    assert_eq!((counters.rx_packets, counters.rx_bytes), (4, 352));
    assert_eq!(named(&super::links(LINKS).unwrap(), "dum1").counters, None);
}

#[test]
fn addresses_are_read_with_peer_label_and_flags() {
    let addresses = addresses(fixture!("everything/addr.json")).unwrap();
    let address = |ip: &str| {
        let ip: std::net::IpAddr = ip.parse().unwrap();
        addresses.iter().find(|address| address.ip == ip).unwrap()
    };
    let first = address("10.1.0.1");
    assert_eq!(first.label.as_deref(), Some("dum0:1"));
    assert_eq!(first.broadcast, Some("10.1.0.255".parse().unwrap()));
    assert_eq!(first.flags, AddressFlags::PERMANENT);
    assert_eq!(address("10.2.0.1").peer, Some("10.2.0.2".parse().unwrap()));
    let dynamic = address("10.1.0.9");
    assert!(dynamic.flags.has(AddressFlags::SECONDARY) && !dynamic.flags.has(AddressFlags::PERMANENT));
    assert_eq!(address("127.0.0.1").scope, Scope::HOST);
    assert!(
        address("fe80::385e:6fff:fefa:61d7")
            .flags
            .has(AddressFlags::TENTATIVE)
    );
}

#[test]
fn routes_are_read_with_all_their_forms() {
    let mut names = names();
    let routes = routes(fixture!("everything/route.json"), false, &mut names).unwrap();
    let dum0 = names.link("dum0");
    let route = to(&routes, "10.10.0.0/16");
    assert_eq!((route.metric, route.proto), (100, RouteProtocol::BIRD));
    assert_eq!((route.mtu, route.advmss), (Some((1400, false)), Some(1360)));
    assert_eq!(route.prefsrc, Some("10.1.0.1".parse().unwrap()));
    let hops = &to(&routes, "10.11.0.0/16").next_hops;
    assert_eq!((hops[0].weight, hops[1].weight), (5, 1));
    assert_eq!((hops[1].flags, hops[1].link), (HopFlags::ONLINK, Some(dum0)));
    assert_eq!(
        to(&routes, "10.12.0.0/16").next_hops[0].gateway,
        Some("fd00::9".parse().unwrap())
    );
    assert_eq!(to(&routes, "10.13.0.0/26").kind, RouteType::Blackhole);
    assert_eq!(to(&routes, "fd03::/64").next_hops, []);
    assert_eq!(to(&routes, "10.17.0.0/16").table, TableId(100));
    assert_eq!(to(&routes, "10.18.0.0/16").tos, 16);
    let group = to(&routes, "10.21.0.0/16");
    assert_eq!((group.nexthop, group.next_hops.len()), (Some(3), 2));
    assert_eq!(to(&routes, "fd04::/64").src, Some("fd00::/64".parse().unwrap()));
}

#[test]
fn what_is_left_out_without_d_is_main_boot_and_global() {
    let mut names = Names::of(&links(fixture!("ipip/link.json")).unwrap());
    let routes = routes(fixture!("ipip/route.json"), false, &mut names).unwrap();
    let default = to(&routes, "0.0.0.0/0");
    assert_eq!(
        (default.table, default.proto, default.scope, default.kind),
        (
            TableId::MAIN,
            RouteProtocol::BOOT,
            Scope::GLOBAL,
            RouteType::Unicast
        )
    );
    assert_eq!(to(&routes, "10.244.2.0/26").next_hops[0].flags, HopFlags::ONLINK);
}

#[test]
fn the_family_of_a_default_is_told_by_what_is_beside_it() {
    let dst = |text: &str, v6| {
        let routes = routes(text, v6, &mut Names::default()).unwrap();
        routes.last().unwrap().dst.to_string()
    };
    assert_eq!(dst("[{\"dst\":\"default\",\"dev\":\"a\"}]", false), "0.0.0.0/0");
    assert_eq!(dst("[{\"dst\":\"default\",\"dev\":\"a\"}]", true), "::/0");
    assert_eq!(
        dst("[{\"dst\":\"default\",\"dev\":\"a\",\"pref\":\"medium\"}]", false),
        "::/0"
    );
    assert_eq!(
        dst("[{\"dst\":\"default\",\"gateway\":\"10.0.0.1\"}]", true),
        "0.0.0.0/0"
    );
    assert_eq!(
        dst(
            "[{\"dst\":\"fd00::/8\"},{\"dst\":\"default\",\"dev\":\"a\"}]",
            false
        ),
        "::/0"
    );
    let other = "[{\"dst\":\"default\",\"via\":{\"family\":\"inet6\",\"host\":\"fe80::1\"},\"dev\":\"a\"}]";
    assert_eq!(dst(other, false), "0.0.0.0/0");
}

#[test]
fn the_destination_of_an_encapsulation_is_not_the_routes() {
    let text = "[{\"dst\":\"10.19.0.0/16\",\"encap\":\"ip\",\"id\":30,\"src\":\"0.0.0.0\",\"dst\":\"10.1.0.8\",\
        \"ttl\":0,\"tos\":0,\"dev\":\"vx1\",\"flags\":[]},\
        {\"dst\":\"10.20.0.0/16\",\"encap\":\"mpls\",\"dst\":\"100/200\",\"gateway\":\"10.1.0.2\",\"dev\":\"eth0\"}]";
    let routes = routes(text, false, &mut Names::default()).unwrap();
    let encap = |dst: &str| to(&routes, dst).next_hops[0].encap.clone().unwrap();
    assert_eq!(
        encap("10.19.0.0/16"),
        "ip id 30 src 0.0.0.0 dst 10.1.0.8 ttl 0 tos 0"
    );
    assert_eq!(encap("10.20.0.0/16"), "mpls 100/200");
    // iproute2 6.1.
    let text = "[{\"dst\":\"10.9.0.0/16\",\"encap\":\"ip\",\"id\":5,\"src\":\"1.1.1.1\",\"dst\":\"2.2.2.2\",\"ttl\":3,\
        \"tos\":4,\"key\":true,\"tos\":\"0x08\",\"dev\":\"v0\"},{\"dst\":\"2001:db8::/64\",\"encap\":\"seg6\",\
        \"mode\":\"encap\",\"segs\":[\"::1\",\"::2\"],\"hmac\":255,\"dev\":\"v0\",\"pref\":\"medium\"}]";
    let routes = super::routes(text, false, &mut Names::default()).unwrap();
    let encap = |place: usize| routes[place].next_hops[0].encap.clone().unwrap();
    assert_eq!(encap(0), "ip id 5 src 1.1.1.1 dst 2.2.2.2 ttl 3 tos 4 key");
    assert_eq!(
        (routes[0].tos, routes[0].dst.to_string()),
        (8, "10.9.0.0/16".to_owned())
    );
    assert_eq!(encap(1), "seg6 mode encap segs 2 [ ::1 ::2 ] hmac FF");
}

#[test]
fn rules_are_read_with_all_their_selectors() {
    let mut names = names();
    let rules = rules(fixture!("everything/rule.json"), false, &mut names).unwrap();
    let rule = |priority| rules.iter().find(|rule| rule.priority == priority).unwrap();
    assert_eq!(rule(0).action, RuleAction::Lookup(TableId::LOCAL));
    assert_eq!(rule(100).src, Some("10.1.0.0/24".parse().unwrap()));
    assert_eq!(rule(100).dst, Some("10.3.0.0/16".parse().unwrap()));
    let marked = rule(101);
    assert_eq!((marked.invert, marked.fwmark), (true, Some((1, 0xff))));
    assert_eq!(
        (marked.iif.as_deref(), marked.oif.as_deref(), marked.proto),
        (Some("dum0"), Some("nothere"), Some(RouteProtocol::STATIC))
    );
    let ports = rule(102);
    assert_eq!(
        (ports.ipproto, ports.sport, ports.dport),
        (Some(6), Some((100, 200)), Some((80, 80)))
    );
    assert_eq!(ports.action, RuleAction::Blackhole);
    assert_eq!(
        (rule(103).uid, rule(103).action),
        (Some((0, 1000)), RuleAction::Prohibit)
    );
    assert_eq!(rule(104).action, RuleAction::L3mdev);
    assert_eq!(rule(105).action, RuleAction::Goto(32766));
    assert_eq!(rule(106).action, RuleAction::Nop);
    assert_eq!((rule(107).tos, rule(107).action), (16, RuleAction::Unreachable));
    assert_eq!(rule(108).suppress_prefix_len, Some(0));
    assert_eq!(rule(109).suppress_group, Some(5));
    assert_eq!(rule(110).tun_id, Some(7));
    let six = super::rules(fixture!("everything/rule6.json"), true, &mut names).unwrap();
    assert!(six.iter().all(|rule| rule.v6));
}

#[test]
fn neighbors_and_proxy_entries_are_read() {
    let mut names = names();
    let neighbors_ = neighbors(fixture!("everything/neigh-s.json"), &mut names).unwrap();
    let at = |ip: &str| {
        let ip: std::net::IpAddr = ip.parse().unwrap();
        neighbors_.iter().find(|neighbor| neighbor.ip == ip).unwrap()
    };
    assert_eq!(at("10.1.0.5").flags, NeighborFlags::EXT_LEARNED);
    assert_eq!(at("10.1.0.3").confirmed_seconds, Some(60));
    assert_eq!(
        (at("10.1.0.4").state, &at("10.1.0.4").mac),
        (NeighborState::Failed, &None)
    );
    assert_eq!(at("fd00::2").flags, NeighborFlags::ROUTER);
    let proxies = neighbors(fixture!("everything/neigh-proxy.json"), &mut names).unwrap();
    assert!(proxies.iter().all(|proxy| proxy.flags == NeighborFlags::PROXY));
    // Releases before 4.19 print one state as a text.
    let old = neighbors(
        "[{\"dst\":\"10.0.0.1\",\"dev\":\"a\",\"state\":\"STALE\"}]",
        &mut names,
    );
    assert_eq!(old.unwrap()[0].state, NeighborState::Stale);
}

#[test]
fn nexthop_objects_are_read() {
    let mut names = names();
    let objects = nexthops(fixture!("everything/nexthop.json"), &mut names).unwrap();
    let object = |id| objects.iter().find(|object| object.id == id).unwrap();
    assert_eq!(object(2).proto, RouteProtocol(11));
    assert_eq!(object(3).group, [(1, 2), (2, 5)]);
    assert!(object(4).blackhole && object(5).fdb && object(20).fdb);
    assert_eq!(
        (object(20).group.as_slice(), object(6).flags),
        (&[(5, 1)][..], HopFlags::ONLINK)
    );
}

#[test]
fn the_fdb_is_read_with_remote_ends() {
    let mut names = names();
    let entries = fdb(fixture!("everything/fdb.json"), &mut names).unwrap();
    let entry = |mac: &str| entries.iter().rfind(|entry| entry.mac == mac).unwrap();
    let flood = entry("00:00:00:00:00:00");
    assert_eq!(
        (flood.dst, flood.port, flood.vni, flood.via),
        (
            Some("10.1.0.70".parse().unwrap()),
            Some(8472),
            Some(9),
            Some(names.link("dum0"))
        )
    );
    assert_eq!(entry("02:00:00:00:00:0d").nexthop, Some(20));
    let sticky = entry("02:00:00:00:00:0c");
    assert_eq!(
        (sticky.state, sticky.flags, sticky.master),
        (
            NeighborState::Noarp,
            NeighborFlags::STICKY,
            Some(names.link("br0"))
        )
    );
}

#[test]
fn ports_of_bridge_link_are_those_of_ip_link() {
    let ports = ports(fixture!("everything/bridge-link.json")).unwrap();
    let links = links(LINKS).unwrap();
    let (index, port) = &ports[0];
    let mut same = links
        .iter()
        .find(|link| link.index == *index)
        .and_then(|link| link.port.clone())
        .unwrap();
    // The number is in `ip link` only.
    same.number = 0;
    assert_eq!(*port, same);
}

#[test]
fn vlans_are_read_in_the_form_of_old_and_new_releases() {
    let new = "[{\"ifname\":\"v0\",\"vlans\":[{\"vlan\":1,\"flags\":[\"PVID\",\"Egress Untagged\"]},\
        {\"vlan\":20,\"vlanEnd\":22}]}]";
    let old = "{\"v0\":[{\"vlan\":1,\"flags\":[\"PVID\",\"Egress Untagged\"]},{\"vlan\":20,\"vlanEnd\":22}]}";
    let new = vlans(new, &mut names()).unwrap();
    assert_eq!(
        new.iter().map(|vlan| vlan.vid).collect::<Vec<_>>(),
        [1, 20, 21, 22]
    );
    assert!(new[0].pvid && new[0].untagged && !new[1].untagged);
    assert_eq!(vlans(old, &mut names()).unwrap(), new);
    assert!(vlans("[{\"ifname\":\"v0\",\"vlans\":[{\"vlan\":4096}]}]", &mut names()).is_err());
}

#[test]
fn errors_name_the_key() {
    let error = links("[{\"ifindex\":1,\"ifname\":\"lo\",\"mtu\":\"big\"}]").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1: [0].mtu: not a number that fits here: \"big\""
    );
    let error = routes("[{},\n{\"gateway\":\"10.0.0.1\"}]", false, &mut names()).unwrap_err();
    assert_eq!(error.to_string(), "line 2: [1].dst: missing");
}

/// All readers, on a text that may be none of theirs.
fn read_all(text: &str) {
    let mut names = Names::default();
    let _ = links(text);
    let _ = addresses(text);
    let _ = routes(text, false, &mut names);
    let _ = rules(text, true, &mut names);
    let _ = neighbors(text, &mut names);
    let _ = nexthops(text, &mut names);
    let _ = fdb(text, &mut names);
    let _ = ports(text);
    let _ = vlans(text, &mut names);
}

const REAL: [&str; 8] = [
    fixture!("ipip/link.json"),
    fixture!("everything/link.json"),
    fixture!("everything/addr.json"),
    fixture!("everything/route.json"),
    fixture!("everything/rule.json"),
    fixture!("everything/neigh-s.json"),
    fixture!("everything/fdb.json"),
    fixture!("everything/nexthop.json"),
];

#[test]
fn cut_anywhere_it_is_an_error_with_a_line_or_shorter() {
    for text in REAL {
        for end in (0..text.len())
            .step_by(97)
            .filter(|end| text.is_char_boundary(*end))
        {
            read_all(&text[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", json in "([\\[\\]{},:]|null|true|-?[0-9]{1,20}|\"(dst|ifname|vlan|vlanEnd|list|[a-z0-9:./]{0,9})\"){0,60}") {
        read_all(&text);
        read_all(&json);
    }

    #[test]
    fn no_change_of_a_real_text_makes_it_panic(which in 0..REAL.len(), at in any::<prop::sample::Index>(), with in "[0-9a-f\",:{}\\[\\]\n-]{0,3}") {
        let text = REAL[which];
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest: String = text[at..].chars().skip(with.len()).collect();
        read_all(&format!("{}{with}{rest}", &text[..at]));
    }
}
