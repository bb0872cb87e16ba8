//! Rules and sets by index against the same rules and sets in turn.

use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::forward::packet::Transport;
use crate::forward::topology::{PlaceId, Topology};
use crate::parse::iptables::iptables_save;
use crate::state::ipset::{Element as Member, IpSet, Part};
use crate::state::link::Link;
use crate::state::netfilter::{
    ChainKind, Dir, Element, Expr, Family, Key, Match, Op, Policy, Rule, Ruleset, Set, Statement,
    Verdict as RuleVerdict,
};
use crate::state::{Fact, NodeState};

const LINKS: [&str; 4] = ["eth0", "cali1", "cali12", "tun0"];

/// Few addresses, so that rules meet packets.
fn ip() -> impl Strategy<Value = IpAddr> {
    (0_u8..2, 0_u8..6).prop_map(|(net, host)| IpAddr::from([10, 0, net, host]))
}

fn net() -> impl Strategy<Value = IpNet> {
    (
        ip(),
        prop_oneof![Just(0_u8), Just(8), Just(24), Just(30), Just(31), Just(32)],
    )
        .prop_map(|(ip, length)| IpNet::new(ip, length).unwrap().trunc())
}

/// The matches of one rule, in the words of iptables.
fn matches() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        4 => net().prop_map(|net| format!("-d {net}")),
        3 => net().prop_map(|net| format!("-s {net}")),
        1 => net().prop_map(|net| format!("! -d {net}")),
        3 => prop::sample::select(&LINKS[..]).prop_map(|link| format!("-i {link}")),
        2 => prop::sample::select(&LINKS[..]).prop_map(|link| format!("-o {link}")),
        1 => Just("-i cali+".to_owned()),
        2 => (79_u16..82).prop_map(|port| format!("-p tcp -m tcp --dport {port}")),
        1 => (79_u16..82).prop_map(|port| format!("-p udp -m udp --dport {port}")),
        1 => Just("-p tcp -m multiport --dports 80,443".to_owned()),
        1 => Just("-m conntrack --ctstate NEW".to_owned()),
        1 => Just("-m mark --mark 0x1/0x1".to_owned()),
        1 => Just("-m set --match-set nets src".to_owned()),
        1 => Just("-m set ! --match-set pairs dst,src".to_owned()),
        1 => Just("-m statistic --mode random --probability 0.50000000000".to_owned()),
        1 => Just("-m nosuchmatch --option 1".to_owned()),
        1 => Just("-m comment --comment \"some words\"".to_owned()),
    ];
    proptest::collection::vec(one, 0..3).prop_map(|all| all.join(" "))
}

fn rule() -> impl Strategy<Value = String> {
    let target = prop_oneof![
        2 => Just("-j ACCEPT"),
        2 => Just("-j DROP"),
        2 => Just("-j RETURN"),
        3 => Just("-j MARK --set-xmark 0x1/0x1"),
        3 => Just("-j one"),
        2 => Just("-g two"),
        1 => Just("-j REJECT --reject-with icmp-port-unreachable"),
    ];
    (matches(), target).prop_map(|(matches, target)| format!("{matches} {target}"))
}

fn iptables() -> impl Strategy<Value = Ruleset> {
    let chain = || proptest::collection::vec(rule(), 0..40);
    (chain(), chain(), chain()).prop_map(|(forward, one, two)| {
        let mut text =
            String::from("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:one - [0:0]\n:two - [0:0]\n");
        // No circles: what `two` jumps to is nothing.
        for (name, rules) in [("FORWARD", forward), ("one", one), ("two", two)] {
            for rule in rules {
                let rule = match name {
                    "one" => rule.replace("-j one", "-j two"),
                    "two" => rule.replace("-j one", "-j ACCEPT").replace("-g two", "-j RETURN"),
                    _ => rule,
                };
                text.extend(["-A ", name, " ", &rule, "\n"]);
            }
        }
        iptables_save(&(text + "COMMIT\n"), Dialect::IptablesNft).unwrap()
    })
}

/// A key of a set of addresses.
fn key() -> impl Strategy<Value = Expr> {
    prop_oneof![
        4 => ip().prop_map(Expr::Addr),
        3 => net().prop_map(Expr::Net),
        1 => (ip(), ip()).prop_map(|(a, b)| Expr::Range(Box::new((Expr::Addr(a.min(b)), Expr::Addr(a.max(b)))))),
        1 => Just(Expr::Any),
    ]
}

/// … with a port, and what only looks like one now and then.
fn pair() -> impl Strategy<Value = Expr> {
    let port = prop_oneof![
        4 => (79_u64..82).prop_map(Expr::Number),
        1 => Just(Expr::Range(Box::new((Expr::Number(79), Expr::Number(80))))),
        1 => Just(Expr::Text("http".into())),
    ];
    (key(), port).prop_map(|(key, port)| Expr::Concat(vec![key, port]))
}

fn set(name: &'static str, key: BoxedStrategy<Expr>, map: bool) -> impl Strategy<Value = Set> {
    let verdict = prop_oneof![
        Just(RuleVerdict::Accept),
        Just(RuleVerdict::Drop),
        Just(RuleVerdict::Return)
    ];
    let element = (key, verdict).prop_map(move |(key, verdict)| Element {
        key,
        value: map.then(|| Expr::Verdict(Box::new(verdict))),
        timeout: None,
        expires: None,
        comment: None,
        counters: None,
    });
    proptest::collection::vec(element, 0..30).prop_map(move |elements| Set {
        name: name.into(),
        elements,
        ..Set::default()
    })
}

/// A table of nftables whose chain asks named sets and maps, and then accepts.
fn nft() -> impl Strategy<Value = Ruleset> {
    let sets = (
        set("addresses", key().boxed(), false),
        set("pairs", pair().boxed(), false),
        set("verdicts", key().boxed(), true),
        set("services", pair().boxed(), true),
    );
    (sets, proptest::collection::vec(0_usize..5, 1..5)).prop_map(|((a, b, c, d), order)| {
        let addr = |dir| Expr::Key(Key::Addr { dir, v6: false });
        let port = Expr::Key(Key::Port {
            dir: Dir::Dst,
            proto: None,
        });
        let both = Expr::Concat(vec![addr(Dir::Dst), port]);
        let named = |name: &str| Expr::Named(name.into());
        let drop_if = |key: Expr, value: Expr| {
            let matched = Match {
                key,
                op: Op::Eq,
                value,
            };
            vec![Statement::Match(matched), Statement::Verdict(RuleVerdict::Drop)]
        };
        let anonymous: Vec<Expr> = a.elements.iter().map(|element| element.key.clone()).collect();
        let kinds = [
            drop_if(addr(Dir::Src), named("addresses")),
            drop_if(both.clone(), named("pairs")),
            vec![Statement::Vmap(Box::new((addr(Dir::Dst), named("verdicts"))))],
            vec![Statement::Vmap(Box::new((both, named("services"))))],
            drop_if(addr(Dir::Dst), Expr::Set(anonymous)),
        ];
        let rules = order.into_iter().map(|number| Rule {
            text: format!("rule of kind {number}").into(),
            statements: kinds[number].clone(),
            ..Rule::default()
        });
        let base = Base {
            kind: ChainKind::Filter,
            hook: Hook::Forward,
            priority: 10,
            policy: Policy::Accept,
            devices: Vec::new(),
            counters: None,
        };
        let chain = Chain {
            name: "forward".into(),
            base: Some(base),
            rules: rules.collect(),
        };
        let table = Table {
            family: Family::Inet,
            name: "sets".into(),
            chains: vec![chain],
            sets: vec![a, b, c, d],
            ..Table::default()
        };
        Ruleset {
            dialect: Dialect::Nft,
            tables: vec![table],
        }
    })
}

/// `nets` with exceptions, and `pairs`.
fn ipsets() -> impl Strategy<Value = Vec<IpSet>> {
    let net = (net(), any::<bool>()).prop_map(|(net, nomatch)| Member {
        parts: vec![Part::Net(net)],
        nomatch,
        ..Member::default()
    });
    let pair = (ip(), ip()).prop_map(|(a, b)| Member {
        parts: vec![Part::Addr(a), Part::Addr(b)],
        ..Member::default()
    });
    let of = |name: &'static str, kind: &'static str| {
        move |elements| IpSet {
            name: name.into(),
            kind: kind.into(),
            elements,
            ..IpSet::default()
        }
    };
    (
        proptest::collection::vec(net, 0..20).prop_map(of("nets", "hash:net")),
        proptest::collection::vec(pair, 0..20).prop_map(of("pairs", "hash:ip,ip")),
    )
        .prop_map(|(nets, pairs)| vec![nets, pairs])
}

fn packet() -> impl Strategy<Value = Packet> {
    let transport = prop_oneof![
        (79_u16..82).prop_map(|dport| Transport::Tcp { sport: 40_000, dport }),
        (79_u16..82).prop_map(|dport| Transport::Udp { sport: 40_000, dport }),
        Just(Transport::echo(false, 1)),
    ];
    (ip(), ip(), transport).prop_map(|(src, dst, transport)| Packet::new(src, dst, transport))
}

fn node(rulesets: Vec<Ruleset>, ipsets: Vec<IpSet>) -> NodeState {
    let links = (1..).zip(LINKS).map(|(index, name)| Link {
        index: IfIndex(index),
        name: name.to_owned(),
        ..Link::default()
    });
    let mut node = NodeState::default();
    node.net.links = Fact::Known(links.collect());
    node.net.netfilter = Fact::Known(rulesets);
    node.net.ipsets = Fact::Known(ipsets);
    node
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_decides_as_all_rules_in_turn(
        iptables in iptables(),
        nft in nft(),
        ipsets in ipsets(),
        packets in proptest::collection::vec((packet(), 1_u32..5, 1_u32..6), 1..12),
    ) {
        let nodes = [node(vec![iptables, nft], ipsets)];
        let topology = Topology::new(&nodes);
        let place = topology.place(PlaceId(0));
        let indexed = Hooks::new(place.net);
        let plain = Hooks::new(place.net).plain();
        for (packet, input, output) in packets {
            let call = Call {
                frame: None,
                place,
                hook: Hook::Forward,
                in_link: Some(IfIndex(input)),
                // 5 is no link.
                out_link: Some(IfIndex(output)),
                physdev: (None, None),
                conn: Some(Conn::begun_by(&packet)),
                packet,
                known: Vec::new(),
                others: Vec::new(),
                recent: Vec::new(),
                quiet: false,
                counts: true,
            };
            let [indexed, plain] = [&indexed, &plain].map(|hooks| format!("{:?}", hooks.call(&call)));
            prop_assert_eq!(indexed, plain);
        }
    }
}
