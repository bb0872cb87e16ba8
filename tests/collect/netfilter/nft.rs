//! Native nftables: random rulesets, read from the tool's JSON and rendered back to it.

use netdiag::collect;
use netdiag::parse::nft::ruleset;
use netdiag::state::netfilter::names::Domain;
use netdiag::state::netfilter::{
    BitOp, CtKey, Dialect, Dir, Expr, FibResult, Key, LinkBy, Match, MetaKey, NatKind, Op, Reject, Stateful,
    Statement, Tuple, Verdict, Way,
};
use netdiag_lab::{Random, in_netns, or_skip};
use serde_json::{Value, json};

use super::{run, seeds};

/// Seeds that failed once.
const REGRESSIONS: [u64; 0] = [];

/// A table, and rules to add to it.
fn table(random: &mut Random) -> (&'static str, Vec<String>) {
    let text = "table inet t {\n  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 172.16.0.1-172.16.0.9, 192.0.2.1 }; }\n\
         set three { type ipv4_addr . inet_proto . inet_service; elements = { 10.0.0.1 . tcp . 80, 10.0.0.2 . udp . 53 }; }\n\
         set seen { type ipv4_addr; size 999; flags dynamic,timeout; timeout 60s; }\n\
         map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.0.1 . tcp . 443 : goto other }; }\n\
         map ends { type inet_service : ipv4_addr . inet_service; elements = { 80 : 10.0.0.7 . 8080 }; }\n\
         map links { type ifname : verdict; elements = { \"cali1\" : jump other, \"eth0\" : drop }; }\n\
         counter named { }\n  chain other { }\n\
         chain nat { type nat hook prerouting priority dstnat; }\n\
         chain post { type nat hook postrouting priority srcnat; }\n\
         chain raw { type filter hook prerouting priority raw; }\n\
         chain in { type filter hook input priority filter; policy drop; }\n}\n";
    let mut rules = Vec::new();
    for _ in 0..5 + random.below(12) {
        let chain = *random.pick(&["in", "raw", "nat", "post", "other"]);
        let mut words = Vec::new();
        let mut protocols = 0;
        for _ in 0..random.below(4) {
            let word = matching(random);
            // Of two protocols no packet is.
            let is_one = ["tcp", "udp", "icmp", "l4proto", "ip6"]
                .iter()
                .any(|name| word.contains(name));
            protocols += u32::from(is_one);
            if !is_one || protocols == 1 {
                words.push(word);
            }
        }
        words.push(action(random, chain));
        rules.push(format!("add rule inet t {chain} {}\n", words.join(" ")));
    }
    (text, rules)
}

fn matching(random: &mut Random) -> String {
    let not = if random.percent(25) { "!= " } else { "" };
    let (a, b, mark) = (random.below(200), random.below(60000), random.below(1 << 32));
    match random.below(32) {
        0 => format!("ip saddr {not}10.{a}.0.0/16"),
        1 => format!("ip daddr {not}10.0.0.{a}"),
        2 => format!("ip6 daddr {not}fd00:{a:x}::/48"),
        3 => format!("ip saddr {not}@nets"),
        4 => format!("ip daddr . meta l4proto . th dport {not}@three"),
        5 => format!("tcp dport {not}{b}"),
        6 => format!("udp sport {not}{a}-{}", a + 100),
        7 => format!("tcp dport {not}{{ 22, 80-90, {} }}", 100 + b),
        8 => "meta l4proto { tcp, udp, icmp }".to_owned(),
        9 => format!("meta l4proto {not}sctp"),
        10 => format!("iifname {not}\"eth{a}\""),
        11 => format!("oifname {not}\"cali*\""),
        12 => format!("iifname {{ \"eth0\", \"lo\", \"x{a}\" }}"),
        13 => "ct state established,related".to_owned(),
        14 => format!("ct state {not}new"),
        15 => "ct state { new, invalid }".to_owned(),
        16 => "ct status dnat".to_owned(),
        17 => format!("meta mark & {mark:#x} == {:#x}", random.below(1 << 32) & mark),
        18 => format!("meta mark {not}{mark:#x}"),
        19 => format!("ct mark & 0xff00 != {:#x}", (a << 8) & 0xff00),
        20 => format!("icmp type {not}echo-request"),
        21 => "icmpv6 type { nd-neighbor-solicit, nd-router-advert, 200 }".to_owned(),
        22 => "icmp type destination-unreachable icmp code port-unreachable".to_owned(),
        23 => "tcp flags & (fin | syn | rst | ack) == syn".to_owned(),
        24 => format!("fib daddr type {not}local"),
        25 => format!("limit rate {}/minute burst {} packets", 1 + a, 1 + a),
        26 => format!("ip ttl {} {a}", random.pick(&["<", ">", "!=", "=="])),
        27 => format!("meta length {a}-{}", a + 500),
        28 => format!("ct original ip daddr {not}10.96.0.{a}"),
        29 => format!("ip dscp {not}{}", random.pick(&["cs1", "ef", "0x05"])),
        30 => format!("meta pkttype {not}broadcast"),
        _ => format!("meta skuid {not}{a}"),
    }
}

fn action(random: &mut Random, chain: &str) -> String {
    let (a, mark) = (random.below(200), random.below(1 << 32));
    let own = match (chain, random.below(8)) {
        ("nat", 0) => format!("meta l4proto tcp dnat ip to 10.0.0.{a}:80"),
        ("nat", 1) => "dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 81 }"
            .replace("dnat", "meta l4proto tcp dnat"),
        ("nat", 2) => "ip daddr . meta l4proto . th dport vmap @services".to_owned(),
        ("nat", 3) => format!("tcp dport 80 redirect to :{}", 8000 + a),
        ("nat", 4) => "dnat ip to tcp dport map @ends".to_owned(),
        ("post", 0) => "masquerade".to_owned(),
        ("post", 1) => "masquerade fully-random".to_owned(),
        ("post", 2) => format!("snat ip to 10.0.0.{a} random,persistent"),
        ("post", 3) => format!("meta l4proto udp snat ip to 10.0.0.1-10.0.0.{}:1000-2000", 2 + a),
        ("raw", 0) => "notrack".to_owned(),
        ("in", 0) => "reject".to_owned(),
        ("in", 1) => "reject with icmpx admin-prohibited".to_owned(),
        ("in", 2) => "meta l4proto tcp reject with tcp reset".to_owned(),
        ("in", 3) => "reject with icmpv6 no-route".to_owned(),
        _ => String::new(),
    };
    if !own.is_empty() {
        return own;
    }
    match random.below(14) {
        0 => "accept".to_owned(),
        1 => "counter packets 5 bytes 300 drop".to_owned(),
        2 if chain != "other" => "jump other".to_owned(),
        3 if chain != "other" => "goto other".to_owned(),
        4 => "return".to_owned(),
        5 => format!("meta mark set meta mark | {mark:#x}"),
        6 => format!("meta mark set meta mark & {mark:#x} ^ 0x10"),
        7 => "ct mark set meta mark".to_owned(),
        8 => format!("log prefix \"calico-packet: {a}\" group {a} snaplen 80"),
        9 => "queue flags bypass to 1-3".to_owned(),
        10 => "add @seen { ip saddr timeout 30s }".to_owned(),
        11 if chain != "other" => "iifname vmap @links".to_owned(),
        12 if chain != "other" => format!("tcp dport vmap {{ 22 : accept, {} : jump other }}", 100 + a),
        13 => format!("comment \"number {a}\""),
        _ => "counter".to_owned(),
    }
}

/// Flags as one sorted list, wherever they stand.
fn plain(json: &Value) -> Value {
    match json {
        Value::Object(object) => {
            if let Some(Value::Array(list)) = object.get("|")
                && list.iter().all(Value::is_string)
            {
                return plain(&Value::Array(list.clone()));
            }
            object
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)))
                .collect()
        }
        Value::Array(list) if list.len() == 1 && list.iter().all(Value::is_string) => list[0].clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let mut words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            words.sort_unstable();
            json!(words)
        }
        Value::Array(list) => list.iter().map(plain).collect(),
        other => other.clone(),
    }
}

fn flag(words: &[(&str, bool)]) -> Value {
    let words: Vec<&str> = words
        .iter()
        .filter(|(_, set)| *set)
        .map(|(word, _)| *word)
        .collect();
    match words[..] {
        [one] => json!(one),
        _ => json!(words),
    }
}

fn key(key: &Key) -> Value {
    let meta = |word: &str| json!({"meta": {"key": word}});
    let payload = |protocol: &str, field: &str| json!({"payload": {"protocol": protocol, "field": field}});
    let end = |dir: &Dir, source: &'static str, destination: &'static str| match dir {
        Dir::Src => source,
        Dir::Dst => destination,
    };
    match key {
        Key::Link {
            way,
            by: LinkBy::Name,
        } => meta(if *way == Way::In { "iifname" } else { "oifname" }),
        Key::Addr { dir, v6 } => payload(if *v6 { "ip6" } else { "ip" }, end(dir, "saddr", "daddr")),
        Key::L4Proto => meta("l4proto"),
        Key::NfProto => meta("nfproto"),
        Key::Port { dir, proto } => {
            let protocol = proto.map_or("th", |proto| Domain::Protocol.word(proto.into()).unwrap());
            payload(protocol, end(dir, "sport", "dport"))
        }
        Key::TcpFlags => payload("tcp", "flags"),
        Key::IcmpType { v6 } => payload(if *v6 { "icmpv6" } else { "icmp" }, "type"),
        Key::IcmpCode { v6 } => payload(if *v6 { "icmpv6" } else { "icmp" }, "code"),
        Key::Ttl { v6: false } => payload("ip", "ttl"),
        Key::Dscp { v6: false } => payload("ip", "dscp"),
        Key::Meta(MetaKey::Mark) => meta("mark"),
        Key::Meta(MetaKey::Length) => meta("length"),
        Key::Meta(MetaKey::PktType) => meta("pkttype"),
        Key::Meta(MetaKey::SkUid) => meta("skuid"),
        Key::Ct { key, tuple } => {
            let word = match key {
                CtKey::State => "state",
                CtKey::Status => "status",
                CtKey::Mark => "mark",
                CtKey::DstAddr => "ip daddr",
                _ => panic!("{key:?}"),
            };
            match tuple {
                Some(Tuple::Original) => json!({"ct": {"key": word, "dir": "original"}}),
                Some(Tuple::Reply) => json!({"ct": {"key": word, "dir": "reply"}}),
                None => json!({"ct": {"key": word}}),
            }
        }
        Key::Fib { flags, result } => {
            assert_eq!(*result, FibResult::Type);
            let flags = flag(&[("saddr", flags.saddr), ("daddr", flags.daddr), ("iif", flags.iif)]);
            json!({"fib": {"result": "type", "flags": flags}})
        }
        Key::Payload(names) => payload(&names.0, &names.1),
        other => panic!("{other:?}"),
    }
}

fn expr(of: &Expr, domains: &[Domain]) -> Value {
    let domain = domains.first().copied().unwrap_or(Domain::Other);
    match of {
        Expr::Key(of) => key(of),
        Expr::Number(number) if domain.is_bits() => {
            let bits = (0..32).map(|bit| 1 << bit).filter(|bit| number & bit != 0);
            let words: Vec<(&str, bool)> = bits.map(|bit| (domain.word(bit).unwrap(), true)).collect();
            plain(&flag(&words))
        }
        Expr::Number(number) => domain
            .word(*number)
            .map_or_else(|| json!(number), |word| json!(word)),
        Expr::Addr(address) => json!(address),
        Expr::Net(net) => json!({"prefix": {"addr": net.addr(), "len": net.prefix_len()}}),
        Expr::Range(ends) => json!({"range": [expr(&ends.0, domains), expr(&ends.1, domains)]}),
        Expr::Text(text) => json!(text),
        Expr::Prefix(text) => json!(format!("{text}*")),
        Expr::Named(name) => json!(format!("@{name}")),
        Expr::Set(items) => json!({"set": items.iter().map(|item| expr(item, domains)).collect::<Vec<_>>()}),
        Expr::Pair(parts) => json!([expr(&parts.0, domains), expr(&parts.1, &[])]),
        Expr::Concat(parts) => {
            let parts = parts.iter().enumerate();
            json!({"concat": parts.map(|(at, part)| expr(part, domains.get(at..).unwrap_or_default())).collect::<Vec<_>>()})
        }
        Expr::Binary(parts) => {
            let op = match parts.1 {
                BitOp::And => "&",
                BitOp::Or => "|",
                BitOp::Xor => "^",
                BitOp::ShiftLeft => "<<",
                BitOp::ShiftRight => ">>",
            };
            let domains = Domain::of_expr(&parts.0);
            json!({op: [expr(&parts.0, &[]), expr(&parts.2, &domains)]})
        }
        Expr::Map(parts) => {
            json!({"map": {"key": expr(&parts.0, &[]), "data": expr(&parts.1, &Domain::of_expr(&parts.0))}})
        }
        Expr::Numgen {
            random,
            modulo,
            offset,
        } => {
            json!({"numgen": {"mode": if *random { "random" } else { "inc" }, "mod": modulo, "offset": offset}})
        }
        Expr::Verdict(of) => verdict(of),
        other => panic!("{other:?}"),
    }
}

fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accept => json!({"accept": null}),
        Verdict::Drop => json!({"drop": null}),
        Verdict::Return => json!({"return": null}),
        Verdict::Continue => json!({"continue": null}),
        Verdict::Jump(name) => json!({"jump": {"target": name}}),
        Verdict::Goto(name) => json!({"goto": {"target": name}}),
        Verdict::Queue(queue) => {
            let (first, last) = queue.range.unwrap();
            json!({"queue": {"num": {"range": [first, last]}, "flags": flag(&[("bypass", queue.bypass)])}})
        }
    }
}

fn statement(statement: &Statement) -> Value {
    match statement {
        Statement::Match(Match { key, op, value }) => {
            let op = match op {
                Op::Eq => "==",
                Op::Ne => "!=",
                Op::Lt => "<",
                Op::Le => "<=",
                Op::Gt => ">",
                Op::Ge => ">=",
                Op::AnyBit => "in",
                Op::NoBit => "!",
            };
            json!({"match": {"op": op, "left": expr(key, &[]), "right": expr(value, &Domain::of_expr(key))}})
        }
        Statement::Verdict(of) => verdict(of),
        Statement::Vmap(parts) => {
            json!({"vmap": {"key": expr(&parts.0, &[]), "data": expr(&parts.1, &Domain::of_expr(&parts.0))}})
        }
        Statement::Counter(counters) => json!({"counter": counters}),
        Statement::Reject(reject) => match reject {
            Reject::Default => json!({"reject": null}),
            Reject::TcpReset => json!({"reject": {"type": "tcp reset"}}),
            Reject::Icmp(with) => json!({"reject": {"type": "icmp", "expr": with}}),
            Reject::Icmp6(with) => json!({"reject": {"type": "icmpv6", "expr": with}}),
            Reject::Icmpx(with) => json!({"reject": {"type": "icmpx", "expr": with}}),
        },
        Statement::Nat(nat) => {
            let kind = match nat.kind {
                NatKind::Dnat => "dnat",
                NatKind::Snat => "snat",
                NatKind::Masquerade => "masquerade",
                NatKind::Redirect => "redirect",
            };
            let mut body = serde_json::Map::new();
            if let Some(family) = nat.family {
                body.insert("family".to_owned(), json!(family.word()));
            }
            if let Some(addr) = &nat.addr {
                body.insert("addr".to_owned(), expr(addr, &[]));
            }
            if let Some(port) = &nat.port {
                body.insert("port".to_owned(), expr(port, &[]));
            }
            let flags = flag(&[
                ("random", nat.flags.random),
                ("fully-random", nat.flags.fully_random),
                ("persistent", nat.flags.persistent),
            ]);
            if flags != json!([]) {
                body.insert("flags".to_owned(), plain(&flags));
            }
            json!({kind: if body.is_empty() { Value::Null } else { body.into() }})
        }
        Statement::Set(parts) => {
            json!({"mangle": {"key": key(&parts.0), "value": expr(&parts.1, &[Domain::of(&parts.0)])}})
        }
        Statement::Notrack => json!({"notrack": null}),
        Statement::Stateful(stateful) => match &**stateful {
            Stateful::Limit(limit) => {
                json!({"limit": {"rate": limit.rate, "burst": limit.burst, "per": limit.per}})
            }
            other => panic!("{other:?}"),
        },
        Statement::Log(log) => {
            json!({"log": {"prefix": log.prefix, "group": log.group, "snaplen": log.snaplen}})
        }
        Statement::SetUpdate(update) => {
            let elem = json!({"elem": {"val": expr(&update.key, &[]), "timeout": update.timeout}});
            json!({"set": {"op": "add", "elem": elem, "set": format!("@{}", update.set)}})
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn native_rules_come_back_as_the_tools_json() {
    or_skip(in_netns(|| {
        for seed in seeds(&REGRESSIONS, 250) {
            let (head, added) = table(&mut Random::new(seed));
            let head = format!("flush ruleset\n{head}");
            if run(&["nft", "-f", "-"], &format!("{head}{}", added.concat())).is_err() {
                // What the tool takes one by one.
                run(&["nft", "-f", "-"], &head).unwrap();
                let taken = added
                    .iter()
                    .filter(|rule| run(&["nft", "-f", "-"], rule).is_ok())
                    .count();
                assert!(taken * 2 > added.len(), "{added:?}");
            }
            let text = run(&["nft", "-j", "list", "ruleset"], "").unwrap();
            let read = ruleset(&text).unwrap();
            let original: Value = serde_json::from_str(&text).unwrap();
            let chains = &read.tables[0].chains;
            let mut rules = chains.iter().flat_map(|chain| &chain.rules).collect::<Vec<_>>();
            rules.sort_by_key(|rule| rule.handle);
            let mut expected: Vec<&Value> = original["nftables"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|object| object.get("rule"))
                .collect();
            expected.sort_by_key(|rule| rule["handle"].as_u64());
            assert_eq!(rules.len(), expected.len());
            for (rule, expected) in rules.iter().zip(expected) {
                let statements = rule
                    .statements
                    .iter()
                    .filter(|one| !matches!(one, Statement::Comment(_)));
                let rendered: Vec<Value> = statements.map(statement).collect();
                let why = format!("NETFILTER_SEED={seed} {}", rule.text);
                let tools = expected["expr"].as_array().unwrap();
                assert_eq!(rendered.len(), tools.len(), "{why}");
                for (rendered, tools) in rendered.iter().zip(tools) {
                    assert_eq!(plain(rendered), plain(tools), "{why}");
                }
                assert_eq!(rule.comment(), expected["comment"].as_str(), "{why}");
            }
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(
                serde_json::from_str::<netdiag::state::netfilter::Ruleset>(&json).unwrap(),
                read
            );
        }
        let collected = collect::netfilter::rulesets();
        let [only] = collected.known().unwrap().as_slice() else {
            panic!("{collected:?}")
        };
        let text = run(&["nft", "-j", "list", "ruleset"], "").unwrap();
        assert_eq!((only.dialect, only), (Dialect::Nft, &ruleset(&text).unwrap()));
        assert_eq!(only.tables[0].sets.len(), 6);
        assert!(
            only.tables[0]
                .sets
                .iter()
                .flat_map(|set| &set.elements)
                .all(|element| element.key.is_understood())
        );
    }));
}
