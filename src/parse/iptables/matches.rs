//! Options of match extensions (iptables-extensions(8)).

use super::rule::unknown;
use super::values::{
    addresses, bits, dirs, link, mac, network, number, number32, port, range, tcp_flags, value_mask,
};
use super::words::{Opt, Words};
use crate::state::netfilter::{
    BitOp, CtKey, Dir, Expr, FibFlags, FibResult, IpSetMatch, Key, Limit, LinkBy, Match, MetaKey, Op,
    Stateful, Statement, Tuple, Way, names::Domain,
};

/// What an option says: key, operator and value, before its negation.
type Said = (Expr, Op, Expr);

/// The statements of one extension's options.
pub(super) fn extension(module: &str, mut words: Words<'_, '_>, v6: bool, out: &mut Vec<Statement>) {
    if whole(module, words, out) {
        return;
    }
    while !words.words.is_empty() {
        let before = words;
        let Some(mut option) = words.option() else {
            unknown(out, before.rest(), false);
            return;
        };
        let mut tried = words;
        match said(module, &mut option, &mut tried, v6) {
            Some((key, op, value)) => {
                words = tried;
                out.push(Statement::Match(Match {
                    key,
                    op: if option.negated { inverse(op) } else { op },
                    value,
                }));
            }
            None => unknown(out, words.skip(&option), false),
        }
        if words.words.len() == before.words.len() {
            unknown(out, before.rest(), false);
            return;
        }
    }
}

const fn inverse(op: Op) -> Op {
    match op {
        Op::Eq => Op::Ne,
        Op::Ne => Op::Eq,
        Op::Lt => Op::Ge,
        Op::Ge => Op::Lt,
        Op::Gt => Op::Le,
        Op::Le => Op::Gt,
        Op::AnyBit => Op::NoBit,
        Op::NoBit => Op::AnyBit,
    }
}

fn said(module: &str, option: &mut Opt<'_>, words: &mut Words<'_, '_>, v6: bool) -> Option<Said> {
    let name = option.name;
    let eq = |key: Key, value: Expr| Some((Expr::Key(key), Op::Eq, value));
    if matches!(name, "--ipvs" | "--socket-exists") || name.starts_with("--physdev-is-") {
        return flag(module, name);
    }
    if name == "--syn" {
        let key = Expr::binary(Expr::Key(Key::TcpFlags), BitOp::And, Expr::Number(0x17));
        return Some((key, Op::Eq, Expr::Number(2)));
    }
    let value = words.value(option)?;
    match (module, name) {
        ("tcp" | "udp" | "sctp" | "dccp" | "udplite", "--sport" | "--source-port") => {
            eq(any_port(Dir::Src), port(value)?)
        }
        ("tcp" | "udp" | "sctp" | "dccp" | "udplite", "--dport" | "--destination-port") => {
            eq(any_port(Dir::Dst), port(value)?)
        }
        ("tcp", "--tcp-flags") => {
            let (mask, set) = (tcp_flags(value)?, tcp_flags(words.value(option)?)?);
            let key = Expr::binary(Expr::Key(Key::TcpFlags), BitOp::And, Expr::Number(mask));
            Some((key, Op::Eq, Expr::Number(set)))
        }
        ("tcp", "--tcp-option") => eq(Key::TcpOption(value.parse().ok()?), Expr::Number(1)),
        ("multiport", _) => {
            let ports = value.split(',').map(port).collect::<Option<Vec<Expr>>>()?;
            let key = match name {
                "--sports" | "--source-ports" => any_port(Dir::Src),
                "--dports" | "--destination-ports" => any_port(Dir::Dst),
                "--ports" => Key::EitherPort,
                _ => return None,
            };
            eq(key, Expr::Set(ports))
        }
        ("icmp", "--icmp-type") => icmp(value, false),
        ("icmp6" | "icmpv6", "--icmpv6-type") => icmp(value, true),
        ("conntrack" | "state", _) => conntrack(name, value),
        ("mark", "--mark") => marked(Key::Meta(MetaKey::Mark), value),
        ("connmark", "--mark") => marked(ct(CtKey::Mark, None), value),
        ("realm", "--realm") => marked(Key::Meta(MetaKey::Rtclassid), value),
        ("devgroup", "--src-group" | "--dst-group") => {
            let way = if name == "--src-group" { Way::In } else { Way::Out };
            let by = LinkBy::Group;
            marked(Key::Link { way, by }, value)
        }
        ("iprange", "--src-range") => eq(Key::Addr { dir: Dir::Src, v6 }, addresses(value)?),
        ("iprange", "--dst-range") => eq(Key::Addr { dir: Dir::Dst, v6 }, addresses(value)?),
        ("physdev", "--physdev-in" | "--physdev-out") => {
            let way = if name == "--physdev-in" { Way::In } else { Way::Out };
            let by = LinkBy::Port;
            eq(Key::Link { way, by }, link(value))
        }
        ("mac", "--mac-source") => eq(Key::Mac(Dir::Src), Expr::Mac(mac(value)?)),
        ("owner", "--uid-owner") => eq(Key::Meta(MetaKey::SkUid), range(value, '-', u32::MAX.into())?),
        ("owner", "--gid-owner") => eq(Key::Meta(MetaKey::SkGid), range(value, '-', u32::MAX.into())?),
        ("cgroup", "--cgroup") => eq(Key::Meta(MetaKey::Cgroup), Expr::Number(number(value)?)),
        ("cpu", "--cpu") => eq(Key::Meta(MetaKey::Cpu), Expr::Number(number(value)?)),
        ("pkttype", "--pkt-type") => eq(
            Key::Meta(MetaKey::PktType),
            Expr::Number(Domain::PktType.number(value).or_else(|| number(value))?),
        ),
        ("dscp", "--dscp") => eq(Key::Dscp { v6 }, Expr::Number(number(value)?)),
        ("dscp", "--dscp-class") => eq(Key::Dscp { v6 }, Expr::Number(Domain::Dscp.number(value)?)),
        ("tos", "--tos") => {
            let (value, mask) = value_mask(value)?;
            let mask = Expr::Number((mask & 0xff).into());
            let key = Expr::binary(Expr::Key(Key::Tos), BitOp::And, mask);
            Some((key, Op::Eq, Expr::Number(value.into())))
        }
        ("length", "--length") => eq(Key::Meta(MetaKey::Length), range(value, ':', 65535)?),
        ("ttl", _) if name.starts_with("--ttl-") => compared(Key::Ttl { v6 }, name.get(6..)?, value),
        ("hl", _) if name.starts_with("--hl-") => compared(Key::Ttl { v6 }, name.get(5..)?, value),
        ("helper", "--helper") => eq(ct(CtKey::Helper, None), Expr::Text(value.into())),
        _ => None,
    }
}

const fn any_port(dir: Dir) -> Key {
    Key::Port { dir, proto: None }
}

const fn ct(key: CtKey, tuple: Option<Tuple>) -> Key {
    Key::Ct { key, tuple }
}

/// Options without a value.
fn flag(module: &str, name: &str) -> Option<Said> {
    let yes = Expr::Number(1);
    let (key, value) = match (module, name) {
        ("ipvs", "--ipvs") => (Key::Ipvs, yes),
        ("owner", "--socket-exists") => (Key::Meta(MetaKey::SkUid), Expr::Exists(true)),
        ("physdev", "--physdev-is-in") => (Key::Bridged(Some(Way::In)), yes),
        ("physdev", "--physdev-is-out") => (Key::Bridged(Some(Way::Out)), yes),
        ("physdev", "--physdev-is-bridged") => (Key::Bridged(None), yes),
        _ => return None,
    };
    Some((Expr::Key(key), Op::Eq, value))
}

/// `0x1/0xff`
fn marked(key: Key, value: &str) -> Option<Said> {
    let (value, mask) = value_mask(value)?;
    Some((
        Expr::masked(Expr::Key(key), mask),
        Op::Eq,
        Expr::Number(value.into()),
    ))
}

/// `eq`, `lt`, `gt`
fn compared(key: Key, op: &str, value: &str) -> Option<Said> {
    let op = match op {
        "eq" => Op::Eq,
        "lt" => Op::Lt,
        "gt" => Op::Gt,
        _ => return None,
    };
    Some((Expr::Key(key), op, Expr::Number(number(value)?)))
}

/// `8`, `3/1`, `echo-request`, `any`
fn icmp(value: &str, v6: bool) -> Option<Said> {
    let key = Expr::Key(Key::IcmpType { v6 });
    if value == "any" || value == "255" {
        return Some((key, Op::Eq, Expr::Any));
    }
    let (domain, codes) = if v6 {
        (Domain::Icmp6Type, Domain::Icmp6Code)
    } else {
        (Domain::IcmpType, Domain::IcmpCode)
    };
    if let Some((kind, code)) = value.split_once('/') {
        let key = Expr::Concat(vec![key, Expr::Key(Key::IcmpCode { v6 })]);
        let value = vec![Expr::Number(number(kind)?), Expr::Number(number(code)?)];
        return Some((key, Op::Eq, Expr::Concat(value)));
    }
    if let Some(number) = number(value).or_else(|| domain.number(value)) {
        return Some((key, Op::Eq, Expr::Number(number)));
    }
    // A code by its own name: of "destination unreachable".
    let code = codes.number(value)?;
    let kind = if v6 { 1 } else { 3 };
    let key = Expr::Concat(vec![key, Expr::Key(Key::IcmpCode { v6 })]);
    Some((
        key,
        Op::Eq,
        Expr::Concat(vec![Expr::Number(kind), Expr::Number(code)]),
    ))
}

fn conntrack(name: &str, value: &str) -> Option<Said> {
    let (original, reply) = (Some(Tuple::Original), Some(Tuple::Reply));
    let any = |key, number| Some((Expr::Key(ct(key, None)), Op::AnyBit, Expr::Number(number)));
    let ports = |key, tuple| Some((Expr::Key(ct(key, tuple)), Op::Eq, port(value)?));
    let net = |key, tuple| {
        let (key, value) = network(Expr::Key(ct(key, tuple)), value)?;
        Some((key, Op::Eq, value))
    };
    match name {
        "--ctstate" | "--state" => any(CtKey::State, bits(value, Domain::CtState)?),
        "--ctstatus" => any(CtKey::Status, bits(value, Domain::CtStatus)?),
        "--ctproto" => {
            let number = number(value).or_else(|| Domain::Protocol.number(value))?;
            Some((Expr::Key(ct(CtKey::L4Proto, None)), Op::Eq, Expr::Number(number)))
        }
        "--ctorigsrc" => net(CtKey::SrcAddr, original),
        "--ctorigdst" => net(CtKey::DstAddr, original),
        "--ctreplsrc" => net(CtKey::SrcAddr, reply),
        "--ctrepldst" => net(CtKey::DstAddr, reply),
        "--ctorigsrcport" => ports(CtKey::SrcPort, original),
        "--ctorigdstport" => ports(CtKey::DstPort, original),
        "--ctreplsrcport" => ports(CtKey::SrcPort, reply),
        "--ctrepldstport" => ports(CtKey::DstPort, reply),
        "--ctexpire" => Some((
            Expr::Key(ct(CtKey::Expiration, None)),
            Op::Eq,
            range(value, ':', u32::MAX.into())?,
        )),
        "--ctdir" => {
            let direction = Domain::CtDirection.number(value)?;
            let key = Expr::Key(ct(CtKey::Direction, None));
            Some((key, Op::Eq, Expr::Number(direction)))
        }
        _ => None,
    }
}

/// Extensions whose options are one statement together. False: read them one by one.
fn whole(module: &str, words: Words<'_, '_>, out: &mut Vec<Statement>) -> bool {
    let options = || words.rest().into();
    let statement = match module {
        "comment" => comment(words),
        "set" => ipset(words),
        "addrtype" => return addrtype(words, out),
        "rpfilter" => rpfilter(words),
        "socket" => socket(words),
        "limit" => limit(words),
        "statistic" => statistic(words),
        "hashlimit" => Some(Statement::Stateful(Box::new(Stateful::HashLimit {
            options: options(),
        }))),
        "recent" => Some(Statement::Stateful(Box::new(Stateful::Recent {
            options: options(),
        }))),
        "connlimit" => Some(Statement::Stateful(Box::new(Stateful::ConnLimit {
            options: options(),
        }))),
        "quota" => Some(Statement::Stateful(Box::new(Stateful::Quota {
            options: options(),
        }))),
        "connbytes" => Some(Statement::Stateful(Box::new(Stateful::ConnBytes {
            options: options(),
        }))),
        "time" => Some(Statement::Stateful(Box::new(Stateful::Time {
            options: options(),
        }))),
        _ => None,
    };
    let Some(statement) = statement else { return false };
    out.push(statement);
    true
}

fn comment(mut words: Words<'_, '_>) -> Option<Statement> {
    let mut option = words.option()?;
    // Comments of old releases may begin with a dash, unquoted.
    let text = match words.value(&mut option) {
        Some(text) => text,
        None => &words.words.first()?.value,
    };
    (option.name == "--comment" && words.words.len() <= 1).then(|| Statement::Comment(text.into()))
}

/// `! --match-set NAME src,dst --return-nomatch …`
fn ipset(mut words: Words<'_, '_>) -> Option<Statement> {
    let mut option = words.option()?;
    if !matches!(option.name, "--match-set" | "--set") {
        return None;
    }
    let name = words.value(&mut option)?;
    let dirs = dirs(words.value(&mut option)?)?;
    let mut return_nomatch = false;
    if words
        .words
        .first()
        .is_some_and(|word| word.value == "--return-nomatch")
    {
        return_nomatch = true;
        words.option();
    }
    Some(Statement::IpSet(Box::new(IpSetMatch {
        name: name.into(),
        negated: option.negated,
        dirs,
        return_nomatch,
        options: words.rest().into(),
    })))
}

/// `--src-type LOCAL ! --dst-type BROADCAST --limit-iface-in`
fn addrtype(mut words: Words<'_, '_>, out: &mut Vec<Statement>) -> bool {
    let has = |name: &str| words.words.iter().any(|word| word.value == name);
    let (iif, oif) = (has("--limit-iface-in"), has("--limit-iface-out"));
    let mut matches = Vec::new();
    while let Some(mut option) = words.option() {
        let saddr = match option.name {
            "--src-type" => true,
            "--dst-type" => false,
            "--limit-iface-in" | "--limit-iface-out" if !option.negated => continue,
            _ => return false,
        };
        let Some(value) = words.value(&mut option) else {
            return false;
        };
        let types: Option<Vec<Expr>> = value
            .split(',')
            .map(|word| Domain::AddrType.number(word).map(Expr::Number))
            .collect();
        let Some(mut types) = types else { return false };
        let flags = FibFlags {
            saddr,
            daddr: !saddr,
            iif,
            oif,
            ..FibFlags::default()
        };
        let result = FibResult::Type;
        matches.push(Statement::Match(Match {
            key: Expr::Key(Key::Fib { flags, result }),
            op: if option.negated { Op::Ne } else { Op::Eq },
            value: if types.len() == 1 {
                types.remove(0)
            } else {
                Expr::Set(types)
            },
        }));
    }
    out.extend(matches);
    true
}

fn rpfilter(mut words: Words<'_, '_>) -> Option<Statement> {
    let [mut loose, mut valid_mark, mut accept_local, mut invert] = [false; 4];
    while let Some(option) = words.option() {
        match option.name {
            "--loose" => loose = true,
            "--validmark" => valid_mark = true,
            "--accept-local" => accept_local = true,
            "--invert" => invert = true,
            _ => return None,
        }
    }
    Some(Statement::RpFilter {
        loose,
        valid_mark,
        accept_local,
        invert,
    })
}

fn socket(mut words: Words<'_, '_>) -> Option<Statement> {
    let [mut transparent, mut no_wildcard, mut restore_mark] = [false; 3];
    while let Some(option) = words.option() {
        match option.name {
            "--transparent" => transparent = true,
            "--nowildcard" => no_wildcard = true,
            "--restore-skmark" => restore_mark = true,
            _ => return None,
        }
    }
    Some(Statement::Socket {
        transparent,
        no_wildcard,
        restore_mark,
    })
}

/// `--limit 10/min --limit-burst 3`
fn limit(mut words: Words<'_, '_>) -> Option<Statement> {
    // Without options: 3 an hour, five at once.
    let mut limit = Limit {
        rate: 3,
        per: "hour".into(),
        ..Limit::default()
    };
    while let Some(mut option) = words.option() {
        let value = words.value(&mut option)?;
        match option.name {
            _ if option.negated => return None,
            "--limit" => {
                let (rate, per) = value.split_once('/').unwrap_or((value, "second"));
                limit.rate = rate.parse().ok()?;
                limit.per = ["second", "minute", "hour", "day"]
                    .into_iter()
                    .find(|unit| !per.is_empty() && unit.starts_with(per))?
                    .into();
            }
            "--limit-burst" => limit.burst = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(Statement::Stateful(Box::new(Stateful::Limit(limit))))
}

/// `--mode random --probability 0.5`, `--mode nth --every 3 --packet 0`
fn statistic(mut words: Words<'_, '_>) -> Option<Statement> {
    let (mut share, mut every, mut packet, mut negated) = (None, None, 0, false);
    while let Some(mut option) = words.option() {
        let value = words.value(&mut option)?;
        negated |= option.negated;
        match option.name {
            "--mode" => {}
            "--probability" => share = Some(probability(value)?),
            "--every" => every = Some(number32(value)?),
            "--packet" => packet = number32(value)?,
            _ => return None,
        }
    }
    let stateful = match (share, every) {
        (Some(probability), None) => Stateful::Random { negated, probability },
        (None, Some(every)) => Stateful::Nth {
            negated,
            every,
            packet,
        },
        _ => return None,
    };
    Some(Statement::Stateful(Box::new(stateful)))
}

/// The share as the kernel keeps it: of 2³¹.
fn probability(text: &str) -> Option<u32> {
    let share: f64 = text.parse().ok()?;
    let scaled = (share * 2_147_483_648.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^31"
    )]
    (0.0..=2_147_483_648.0).contains(&scaled).then_some(scaled as u32)
}
