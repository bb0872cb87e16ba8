use proptest::prelude::*;

use super::*;
use crate::parse::ip_json;
use crate::parse::iproute::Names;
use crate::state::link::{IfIndex, LinkFlags, Scope};
use crate::state::neighbor::{NeighborFlags, NeighborState};
use crate::state::route::{RouteType, TableId};

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/iproute2/", $path))
    };
}

const ROUTE: &str = fixture!("everything/route-n.txt");
const ROUTE6: &str = fixture!("everything/route-n6.txt");
const ARP: &str = fixture!("everything/arp-n.txt");
const ARP_BSD: &str = fixture!("everything/arp-an.txt");
const IFCONFIG: &str = fixture!("everything/ifconfig.txt");
const IFCONFIG_OLD: &str = fixture!("old/ifconfig.txt");
const BRCTL: &str = fixture!("old/brctl-show.txt");

fn names() -> Names {
    Names::of(&ip_json::links(fixture!("everything/link.json")).unwrap())
}

#[test]
fn routes_are_those_of_the_main_table_as_far_as_they_are_told() {
    let mut names = names();
    let mut json = ip_json::routes(fixture!("everything/route.json"), false, &mut names).unwrap();
    json.retain(|route| route.table == TableId::MAIN);
    for (shown, v6) in [
        (route(ROUTE, &mut names).unwrap(), false),
        (route6(ROUTE6, &mut names).unwrap(), true),
    ] {
        let json: Vec<_> = json
            .iter()
            .filter(|route| route.dst.addr().is_ipv6() == v6)
            .collect();
        assert_eq!(shown.len(), json.len());
        for (shown, json) in shown.iter().zip(json) {
            assert_eq!((shown.dst, shown.metric), (json.dst, json.metric));
            assert_eq!(shown.kind == RouteType::Unicast, json.kind == RouteType::Unicast);
            // Of the ways out of IPv4 only the first is shown, and no gateway of the other family.
            if let (Some(shown), Some(json)) = (shown.next_hops.first(), json.next_hops.first()) {
                assert_eq!(shown.link, json.link);
                if json.gateway.is_none_or(|gateway| gateway.is_ipv6() == v6) {
                    assert_eq!(shown.gateway, json.gateway);
                }
            }
        }
    }
}

#[test]
fn arp_entries_are_read_in_all_forms() {
    let mut names = names();
    let linux = arp(ARP, &mut names).unwrap();
    assert_eq!(linux, arp(ARP_BSD, &mut names).unwrap());
    assert_eq!(linux[0].mac.as_deref(), Some("02:00:00:00:00:05"));
    assert_eq!(linux[0].link, names.link("dum0"));
    let states: Vec<_> = linux.iter().map(|neighbor| neighbor.state).collect();
    assert_eq!(
        states[..4],
        [
            NeighborState::Stale,
            NeighborState::Permanent,
            NeighborState::Stale,
            NeighborState::Incomplete
        ]
    );
    assert_eq!(linux[5].flags, NeighborFlags::PROXY);
    let proc = "IP address       HW type     Flags       HW address            Mask     Device\n\
        10.1.0.4         0x1         0x0         00:00:00:00:00:00     *        dum0\n\
        10.1.0.2         0x1         0x6         02:00:00:00:00:02     *        dum0\n";
    let proc = arp(proc, &mut names).unwrap();
    assert_eq!(proc, [linux[3].clone(), linux[1].clone()]);
}

#[test]
fn ifconfig_2_shows_links_and_addresses_of_ip() {
    let mut names = names();
    let (links, addresses) = ifconfig(IFCONFIG, &mut names).unwrap();
    let json = ip_json::links(fixture!("everything/link.json")).unwrap();
    assert_eq!(links.len(), json.len());
    for link in &links {
        let same = json.iter().find(|other| other.name == link.name).unwrap();
        assert_eq!((link.index, link.mtu), (same.index, same.mtu));
        assert_eq!(link.flags.0, same.flags.0 & 0xffff, "{}", link.name);
        assert_eq!(link.carrier, same.carrier, "{}", link.name);
    }
    let shown = ip_json::addresses(fixture!("everything/addr.json")).unwrap();
    for address in &addresses {
        let same = shown.iter().find(|other| other.ip == address.ip).unwrap();
        assert_eq!(
            (address.link, address.prefix_len, address.scope, &address.label),
            (same.link, same.prefix_len, same.scope, &same.label)
        );
    }
}

#[test]
fn ifconfig_1_is_read_and_links_without_numbers_get_some() {
    let mut names = Names::default();
    let (links, addresses) = ifconfig(IFCONFIG_OLD, &mut names).unwrap();
    let shown: Vec<_> = links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(shown, ["eth0", "lo", "tun0"]);
    assert_eq!(links[0].mac.as_deref(), Some("02:42:c0:a8:50:17"));
    assert!(links[0].flags.has(LinkFlags::RUNNING) && !links[2].flags.has(LinkFlags::UP));
    assert_ne!(links[0].index, links[1].index);
    assert_ne!(links[0].index, IfIndex(0));
    assert_eq!(addresses[2].label.as_deref(), Some("eth0:1"));
    assert_eq!(addresses[2].link, links[0].index);
    assert_eq!(addresses[3].scope, Scope::HOST);
    assert_eq!(addresses[5].peer, Some("10.8.0.2".parse().unwrap()));
}

#[test]
fn brctl_says_which_links_are_ports_of_what() {
    let bridges = brctl(BRCTL).unwrap();
    assert_eq!(bridges[0].ports, ["v0", "dum0"]);
    assert!(bridges[1].ports.is_empty() && !bridges[1].stp);
    let (mut links, _) = ifconfig(IFCONFIG, &mut names()).unwrap();
    mark_ports(&mut links, &bridges);
    let link = |name: &str| links.iter().find(|link| link.name == name).unwrap();
    assert!(link("br0").is_bridge());
    assert_eq!(link("v0").master, Some(link("br0").index));
    assert_eq!(link("v1").master, None);
}

#[test]
fn errors_name_the_line() {
    let mut names = Names::default();
    assert_eq!(route("Destination\n1.2.3.4 x\n", &mut names).unwrap_err().line, 2);
    assert_eq!(arp("\nhello world\n", &mut names).unwrap_err().line, 2);
    assert_eq!(brctl("\tv0\n").unwrap_err().line, 1);
    assert_eq!(ifconfig("what\n", &mut names).unwrap_err().line, 1);
}

/// All readers, on a text that may be none of theirs.
fn read_all(text: &str) {
    let mut names = Names::default();
    let _ = route(text, &mut names);
    let _ = route6(text, &mut names);
    let _ = arp(text, &mut names);
    let _ = brctl(text);
    let _ = ifconfig(text, &mut names);
}

#[test]
fn cut_anywhere_nothing_panics() {
    for text in [ROUTE, ROUTE6, ARP, ARP_BSD, IFCONFIG, IFCONFIG_OLD, BRCTL] {
        for end in (0..text.len()).step_by(11) {
            read_all(&text[..end]);
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", words in "((flags=|Link encap:|inet6?|addr:|at|on|U|!|yes|é|[0-9a-f:./]{0,9})[ \n\t]){0,40}") {
        read_all(&text);
        read_all(&words);
    }
}
