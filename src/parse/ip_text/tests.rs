use proptest::prelude::*;

use super::link::NETNS_STAND_IN;
use super::*;
use crate::parse::ip_json;
use crate::parse::iproute::Names;
use crate::state::kind::LinkData;
use crate::state::link::{IfIndex, Link};
use crate::state::netns::NsId;
use crate::state::route::HopFlags;
use crate::state::rule::RuleAction;

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/iproute2/", $path))
    };
}

fn names() -> Names {
    Names::of(&ip_json::links(fixture!("everything/link.json")).unwrap())
}

#[test]
fn links_of_text_and_json_are_equal() {
    for (text, json) in [
        (fixture!("everything/link.txt"), fixture!("everything/link.json")),
        (fixture!("ipip/link.txt"), fixture!("ipip/link.json")),
    ] {
        let (text, mut json) = (links(text).unwrap(), ip_json::links(json).unwrap());
        for (text, json) in text.iter().zip(&mut json) {
            // The text names the namespace where it has a name, and then has no number.
            if let (Some(text), Some(json)) = (text.lower, &mut json.lower)
                && text.netns.is_some_and(|id| id.0 >= NETNS_STAND_IN)
            {
                json.netns = text.netns;
            }
            assert_eq!(text, json);
        }
        assert_eq!(text.len(), json.len());
    }
}

#[test]
fn addresses_of_text_and_json_are_equal() {
    let text = addresses(fixture!("everything/addr.txt")).unwrap();
    assert_eq!(
        text,
        ip_json::addresses(fixture!("everything/addr.json")).unwrap()
    );
    // Without -d, no kinds.
    let plain = |link: Link| Link {
        kind: None,
        data: None,
        port: None,
        ..link
    };
    let links_ = links(fixture!("everything/addr.txt")).unwrap();
    let json = ip_json::links(fixture!("everything/addr.json")).unwrap();
    assert_eq!(links_, json.into_iter().map(plain).collect::<Vec<_>>());
}

#[test]
fn routes_of_text_and_json_are_equal() {
    let mut json = ip_json::routes(fixture!("everything/route.json"), false, &mut names()).unwrap();
    // The JSON leaves out that the MTU is locked.
    for route in &mut json {
        if let Some((_, lock)) = &mut route.mtu {
            *lock = true;
        }
    }
    for text in [
        fixture!("everything/route.txt"),
        fixture!("everything/route-d.txt"),
    ] {
        let text = routes(text, false, &mut names()).unwrap();
        for (text, json) in text.iter().zip(&json) {
            assert_eq!(text, json);
        }
        assert_eq!(text.len(), json.len());
    }
}

#[test]
fn the_main_table_of_text_is_that_of_json() {
    for (text, json, links) in [
        (
            fixture!("ipip/route.txt"),
            fixture!("ipip/route.json"),
            fixture!("ipip/link.json"),
        ),
        (
            fixture!("vxlan/route.txt"),
            fixture!("vxlan/route.json"),
            fixture!("vxlan/link.json"),
        ),
        (
            fixture!("zebra/route.txt"),
            fixture!("zebra/route.json"),
            fixture!("zebra/link.json"),
        ),
    ] {
        let mut names = Names::of(&ip_json::links(links).unwrap());
        let text = routes(text, false, &mut names).unwrap();
        let mut json = ip_json::routes(json, false, &mut names).unwrap();
        json.retain(|route| route.table == crate::state::route::TableId::MAIN && route.dst.addr().is_ipv4());
        assert_eq!(text, json);
    }
}

#[test]
fn rules_of_text_and_json_are_equal() {
    let mut names = names();
    let text = rules(fixture!("everything/rule.txt"), false, &mut names).unwrap();
    assert_eq!(
        text,
        ip_json::rules(fixture!("everything/rule.json"), false, &mut names).unwrap()
    );
    let text = rules(fixture!("everything/rule6.txt"), true, &mut names).unwrap();
    assert_eq!(
        text,
        ip_json::rules(fixture!("everything/rule6.json"), true, &mut names).unwrap()
    );
}

#[test]
fn neighbors_of_text_and_json_are_equal() {
    let mut names = names();
    for (text, json) in [
        (
            fixture!("everything/neigh.txt"),
            fixture!("everything/neigh.json"),
        ),
        (
            fixture!("everything/neigh-s.txt"),
            fixture!("everything/neigh-s.json"),
        ),
        (
            fixture!("everything/neigh-proxy.txt"),
            fixture!("everything/neigh-proxy.json"),
        ),
    ] {
        assert_eq!(
            neighbors(text, &mut names).unwrap(),
            ip_json::neighbors(json, &mut names).unwrap()
        );
    }
}

#[test]
fn nexthop_objects_and_fdbs_of_text_and_json_are_equal() {
    let mut names = names();
    assert_eq!(
        nexthops(fixture!("everything/nexthop.txt"), &mut names).unwrap(),
        ip_json::nexthops(fixture!("everything/nexthop.json"), &mut names).unwrap()
    );
    assert_eq!(
        fdb(fixture!("everything/fdb.txt"), &mut names).unwrap(),
        ip_json::fdb(fixture!("everything/fdb.json"), &mut names).unwrap()
    );
}

#[test]
fn forms_of_other_options_and_releases_are_read() {
    let mut names = Names::default();
    let one_line = "2: eth0    inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever\n\
        2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever preferred_lft forever\n";
    let found = addresses(one_line).unwrap();
    assert_eq!((found.len(), found[0].link), (2, IfIndex(2)));
    let hops = "10.11.0.0/16 \\\tnexthop via 10.1.0.2 dev eth0 weight 5\\\tnexthop dev eth1 weight 1 dead linkdown\n";
    let route = &routes(hops, false, &mut names).unwrap()[0];
    assert_eq!(
        route.next_hops[1].flags,
        HopFlags(HopFlags::DEAD.0 | HopFlags::LINKDOWN.0)
    );
    let old = "unreachable default dev lo  table unspec  proto kernel  metric -1  error -101 hoplimit 255\n";
    assert!(routes(old, true, &mut names).is_err());
    let old = "default via fe80::1 dev eth0  proto ra  metric 1024  expires 1787sec hoplimit 64\n\
        local default dev lo table 100 \n10.0.0.0/8 encap mpls  100 via 10.0.0.1 dev eth0\n";
    let found = routes(old, false, &mut names).unwrap();
    assert_eq!(found[2].next_hops[0].encap.as_deref(), Some("mpls 100"));
    let rule = &rules(
        "32765:\tfrom all to 10.9.0.0/16 iif eth9 [detached] lookup 9 realms 5 \n",
        false,
        &mut names,
    )
    .unwrap()[0];
    assert!(matches!(rule.action, RuleAction::Lookup(_)));
    let counted = "2: eth0@if7: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\n    \
        link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netns blue\n    \
        RX: bytes  packets  errors  dropped overrun mcast   \n    352        4        1       2       0       0       \n    \
        TX: bytes  packets  errors  dropped carrier collsns \n    90         1        0       0       3       0       \n";
    let link = &links(counted).unwrap()[0];
    let counters = link.counters.unwrap();
    assert_eq!((counters.rx_dropped, counters.tx_carrier_errors), (2, 3));
    let lower = link.lower.unwrap();
    assert_eq!(
        (lower.index, lower.netns),
        (IfIndex(7), Some(NsId(NETNS_STAND_IN)))
    );
    let gre = "5: gre1@eth0: <POINTOPOINT,NOARP> mtu 1472 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n    \
        link/gre 10.1.0.1 peer 10.1.0.3 promiscuity 0 \n    gre remote 10.1.0.3 local 10.1.0.1 dev eth0 ttl 64 ikey 0.0.0.7 okey 0.0.0.7 addrgenmode eui64\n";
    let Some(LinkData::Tunnel(tunnel)) = &links(gre).unwrap()[0].data else {
        panic!()
    };
    assert_eq!((tunnel.ttl, tunnel.ikey, tunnel.okey), (64, Some(7), Some(7)));
}

#[test]
fn errors_name_the_line_and_the_word() {
    let mut names = Names::default();
    let error = |result: Result<usize, ParseError>| result.unwrap_err().to_string();
    assert_eq!(
        error(
            routes(
                "default via 10.0.0.1 dev a\n10.0.0.0/8 by 10.0.0.1\n",
                false,
                &mut names
            )
            .map(|v| v.len())
        ),
        "line 2: not understood: \"by\""
    );
    assert_eq!(
        error(routes("10.0.0.0/8\n\tnexthop via x dev a\n", false, &mut names).map(|v| v.len())),
        "line 1: nexthops[0].gateway: not an address: \"x\""
    );
    assert_eq!(
        error(neighbors("\nhello\n", &mut names).map(|v| v.len())),
        "line 2: not a neighbor: \"hello\""
    );
    assert_eq!(
        error(rules("0:\tfrom all lookup\n", false, &mut names).map(|v| v.len())),
        "line 1: nothing after \"lookup\""
    );
    assert_eq!(
        error(links("hello\n").map(|v| v.len())),
        "line 1: not a link: \"hello\""
    );
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
}

const REAL: [&str; 8] = [
    fixture!("ipip/link.txt"),
    fixture!("everything/link.txt"),
    fixture!("everything/addr.txt"),
    fixture!("everything/route-d.txt"),
    fixture!("everything/rule.txt"),
    fixture!("everything/neigh-s.txt"),
    fixture!("everything/fdb.txt"),
    fixture!("everything/nexthop.txt"),
];

#[test]
fn cut_anywhere_or_shuffled_nothing_panics() {
    for text in REAL {
        for end in (0..text.len())
            .step_by(13)
            .filter(|end| text.is_char_boundary(*end))
        {
            read_all(&text[..end]);
        }
        let mut lines: Vec<&str> = text.lines().collect();
        lines.reverse();
        read_all(&lines.join("\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", words in "((via|dev|nexthop|from|encap|peer|inet|inet6|link/ether|vxlan|RX:|master|used|[0-9]{1,10}:|[a-z0-9:./@<>]{0,9})[ \n]){0,40}") {
        read_all(&text);
        read_all(&words);
    }

    #[test]
    fn no_change_of_a_real_text_makes_it_panic(which in 0..REAL.len(), at in any::<prop::sample::Index>(), with in "[0-9a-z:/@<> \n-]{0,3}") {
        let text = REAL[which];
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest: String = text[at..].chars().skip(with.len()).collect();
        read_all(&format!("{}{with}{rest}", &text[..at]));
    }
}

#[test]
fn a_namespace_that_is_named_has_one_number() {
    let text: String = [(1, "blue"), (2, "red"), (3, "blue")]
        .map(|(index, name)| {
            format!(
                "{index}: v{index}@if2: <UP> mtu 1500\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netns {name}\n"
            )
        })
        .concat();
    let numbers: Vec<_> = links(&text)
        .unwrap()
        .iter()
        .filter_map(|link| link.lower?.netns)
        .collect();
    assert_eq!(numbers, [0, 1, 0].map(|more| NsId(NETNS_STAND_IN + more)));
    let unknown = text.replace("link-netns blue", "link-netnsid unknown");
    assert_eq!(links(&unknown).unwrap()[0].lower.unwrap().netns, Some(NsId(-1)));
}
