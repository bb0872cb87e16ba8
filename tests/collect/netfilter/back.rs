//! A rule's statements, back in the words of iptables-save 1.8.

use std::fmt::Write as _;

use netdiag::state::netfilter::names::Domain;
use netdiag::state::netfilter::{
    BitOp, CtKey, Dir, Expr, FibResult, IpSetMatch, Key, LinkBy, Match, MetaKey, Nat, NatKind, Op, Reject,
    Rule, SetOp, Stateful, Statement, Tuple, Verdict, Way,
};

/// What stands after `-A CHAIN`.
pub(super) fn words(rule: &Rule) -> String {
    let mut text = String::new();
    let mut module = "";
    for statement in &rule.statements {
        let _ = write!(text, " {}", self::statement(statement, module));
        if let Statement::Extension(name) = statement {
            module = name;
        }
    }
    // An extension may have nothing after it.
    text.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn statement(statement: &Statement, module: &str) -> String {
    match statement {
        Statement::Extension(name) if &**name == "CT" => "-j CT".to_owned(),
        Statement::Extension(name) => format!("-m {name}"),
        Statement::Comment(text) => format!("--comment {}", quoted(text)),
        Statement::Match(matched) => self::matched(matched, module),
        Statement::IpSet(set) => ipset(set),
        Statement::Stateful(stateful) => self::stateful(stateful),
        Statement::RpFilter {
            loose,
            valid_mark,
            accept_local,
            invert,
        } => flags(&[
            (*loose, "--loose"),
            (*valid_mark, "--validmark"),
            (*accept_local, "--accept-local"),
            (*invert, "--invert"),
        ]),
        Statement::Socket {
            transparent,
            no_wildcard,
            restore_mark,
        } => flags(&[
            (*transparent, "--transparent"),
            (*no_wildcard, "--nowildcard"),
            (*restore_mark, "--restore-skmark"),
        ]),
        Statement::Verdict(verdict) => self::verdict(verdict),
        Statement::Reject(reject) => self::reject(reject),
        Statement::Nat(nat) => self::nat(nat),
        Statement::Netmap(net) => format!("-j NETMAP --to {net}"),
        Statement::Set(parts) => set(&parts.0, &parts.1),
        Statement::Notrack if module == "CT" => "--notrack".to_owned(),
        Statement::Notrack => "-j NOTRACK".to_owned(),
        Statement::Helper(name) => format!("--helper {name}"),
        Statement::Tproxy { addr, port, mark, .. } => {
            let addr = match addr.as_deref() {
                Some(Expr::Addr(addr)) => addr.to_string(),
                _ if module == "v6" => "::".to_owned(),
                _ => "0.0.0.0".to_owned(),
            };
            let (value, mask) = mark.unwrap();
            format!(
                "-j TPROXY --on-port {} --on-ip {addr} --tproxy-mark {value:#x}/{mask:#x}",
                port.unwrap()
            )
        }
        Statement::TcpMss(None) => "-j TCPMSS --clamp-mss-to-pmtu".to_owned(),
        Statement::TcpMss(Some(size)) => format!("-j TCPMSS --set-mss {size}"),
        Statement::Log(log) => {
            let mut text = match log.group {
                Some(_) => "-j NFLOG".to_owned(),
                None => "-j LOG".to_owned(),
            };
            let which = if log.group.is_some() { "nflog" } else { "log" };
            if let Some(prefix) = &log.prefix {
                let _ = write!(text, " --{which}-prefix {}", quoted(prefix));
            }
            if let Some(group) = log.group.filter(|group| *group != 0) {
                let _ = write!(text, " --nflog-group {group}");
            }
            if let Some(level) = &log.level {
                let _ = write!(text, " --log-level {level}");
            }
            if let Some(size) = log.snaplen {
                let _ = write!(text, " --nflog-size {size}");
            }
            if let Some(threshold) = log.queue_threshold {
                let _ = write!(text, " --nflog-threshold {threshold}");
            }
            for flag in &log.flags {
                let _ = write!(text, " --log-{flag}");
            }
            text
        }
        Statement::Trace => "-j TRACE".to_owned(),
        Statement::Checksum => "-j CHECKSUM --checksum-fill".to_owned(),
        Statement::IpSetUpdate(update) => {
            let op = match update.op {
                SetOp::Delete => "del",
                SetOp::Map => "map",
                SetOp::Add | SetOp::Update => "add",
            };
            format!(
                "-j SET --{op}-set {} {} {}",
                update.name,
                dirs(&update.dirs),
                update.options
            )
        }
        Statement::Tee { gateway, oif } => {
            let oif = oif.as_ref().map_or(String::new(), |oif| format!(" --oif {oif}"));
            format!("-j TEE --gateway {gateway}{oif}")
        }
        Statement::Unknown { text, .. } => text.to_string(),
        other => panic!("not of iptables: {other:?}"),
    }
}

fn flags(flags: &[(bool, &str)]) -> String {
    let set = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word);
    set.collect::<Vec<_>>().join(" ")
}

/// `xtables_save_string`
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '\'') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

fn dirs(dirs: &[Dir]) -> String {
    let words: Vec<&str> = dirs
        .iter()
        .map(|dir| match dir {
            Dir::Src => "src",
            Dir::Dst => "dst",
        })
        .collect();
    words.join(",")
}

fn ipset(set: &IpSetMatch) -> String {
    let not = if set.negated { "! " } else { "" };
    let nomatch = if set.return_nomatch {
        " --return-nomatch"
    } else {
        ""
    };
    format!(
        "{not}--match-set {} {}{nomatch} {}",
        set.name,
        dirs(&set.dirs),
        set.options
    )
}

fn stateful(stateful: &Stateful) -> String {
    match stateful {
        Stateful::Limit(limit) => {
            let per = match &*limit.per {
                "second" => "sec",
                "minute" => "min",
                other => other,
            };
            let burst = limit
                .burst
                .map_or(String::new(), |burst| format!(" --limit-burst {burst}"));
            format!("--limit {}/{per}{burst}", limit.rate)
        }
        Stateful::Random { negated, probability } => {
            let not = if *negated { "! " } else { "" };
            let share = f64::from(*probability) / 2_147_483_648.0;
            format!("--mode random {not}--probability {share:.11}")
        }
        Stateful::Nth {
            negated,
            every,
            packet,
        } => {
            let not = if *negated { "! " } else { "" };
            format!("--mode nth {not}--every {every} --packet {packet}")
        }
        Stateful::HashLimit { options }
        | Stateful::Recent { options }
        | Stateful::ConnLimit { options }
        | Stateful::Quota { options }
        | Stateful::ConnBytes { options }
        | Stateful::Time { options } => options.to_string(),
        other => panic!("not of iptables: {other:?}"),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "-j ACCEPT".to_owned(),
        Verdict::Drop => "-j DROP".to_owned(),
        Verdict::Return => "-j RETURN".to_owned(),
        Verdict::Jump(name) => format!("-j {name}"),
        Verdict::Goto(name) => format!("-g {name}"),
        Verdict::Queue(queue) => {
            let mut text = match queue.range {
                None => return "-j QUEUE".to_owned(),
                Some((first, last)) if first == last => format!("-j NFQUEUE --queue-num {first}"),
                Some((first, last)) => format!("-j NFQUEUE --queue-balance {first}:{last}"),
            };
            text += if queue.bypass { " --queue-bypass" } else { "" };
            text += if queue.fanout { " --queue-cpu-fanout" } else { "" };
            text
        }
        Verdict::Continue => panic!("not of iptables"),
    }
}

fn reject(reject: &Reject) -> String {
    match reject {
        Reject::Default => "-j REJECT".to_owned(),
        Reject::TcpReset => "-j REJECT --reject-with tcp-reset".to_owned(),
        Reject::Icmp(name) if &**name == "prot-unreachable" => {
            "-j REJECT --reject-with icmp-proto-unreachable".to_owned()
        }
        Reject::Icmp(name) => format!("-j REJECT --reject-with icmp-{name}"),
        Reject::Icmp6(name) if &**name == "admin-prohibited" => {
            "-j REJECT --reject-with icmp6-adm-prohibited".to_owned()
        }
        Reject::Icmp6(name) => format!("-j REJECT --reject-with icmp6-{name}"),
        Reject::Icmpx(_) => panic!("not of iptables"),
    }
}

fn nat(nat: &Nat) -> String {
    let ports = nat.port.as_ref().map(|port| value(port, "-"));
    let mut text = match nat.kind {
        NatKind::Masquerade => "-j MASQUERADE".to_owned(),
        NatKind::Redirect => "-j REDIRECT".to_owned(),
        NatKind::Dnat => "-j DNAT --to-destination ".to_owned(),
        NatKind::Snat => "-j SNAT --to-source ".to_owned(),
    };
    match (nat.kind, ports) {
        (NatKind::Masquerade | NatKind::Redirect, None) => {}
        (NatKind::Masquerade | NatKind::Redirect, Some(ports)) => {
            let _ = write!(text, " --to-ports {ports}");
        }
        (_, ports) => {
            let addr = nat.addr.as_ref().map_or(String::new(), |addr| value(addr, "-"));
            match &ports {
                Some(_) if addr.contains(':') => {
                    let _ = write!(text, "[{addr}]");
                }
                _ => text += &addr,
            }
            if let Some(ports) = ports {
                let _ = write!(text, ":{ports}");
            }
            if let Some(base) = nat.port_base {
                let _ = write!(text, "/{base}");
            }
        }
    }
    text += if nat.flags.random { " --random" } else { "" };
    text += if nat.flags.fully_random {
        " --random-fully"
    } else {
        ""
    };
    text += if nat.flags.persistent { " --persistent" } else { "" };
    text
}

/// Value and mask of `(key & !mask) ^ value`.
fn xmark(key: &Key, value: &Expr) -> Option<(u64, u64)> {
    let all = u64::from(u32::MAX);
    let is_key = |expr: &Expr| matches!(expr, Expr::Key(other) if other == key);
    match value {
        Expr::Number(value) => Some((*value, all)),
        Expr::Binary(parts) => match &**parts {
            (left, BitOp::Xor, Expr::Number(value)) if is_key(left) => Some((*value, 0)),
            (left, BitOp::And, Expr::Number(kept)) if is_key(left) => Some((0, !kept & all)),
            (Expr::Binary(inner), BitOp::Xor, Expr::Number(value)) => match &**inner {
                (left, BitOp::And, Expr::Number(kept)) if is_key(left) => Some((*value, !kept & all)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The key under its mask.
fn mask(expr: &Expr) -> (&Key, u64) {
    match expr {
        Expr::Key(key) => (key, u32::MAX.into()),
        Expr::Binary(parts) => match &**parts {
            (Expr::Key(key), BitOp::And, Expr::Number(mask)) => (key, *mask),
            _ => panic!("no mask: {expr:?}"),
        },
        _ => panic!("no mask: {expr:?}"),
    }
}

fn set(key: &Key, value: &Expr) -> String {
    let number = || match value {
        Expr::Number(number) => *number,
        _ => panic!("no number: {value:?}"),
    };
    match key {
        Key::Meta(MetaKey::Mark) | Key::Ct { key: CtKey::Mark, .. } => {
            let packet = matches!(key, Key::Meta(_));
            if let Some((value, mask)) = xmark(key, value) {
                let target = if packet { "MARK" } else { "CONNMARK" };
                return format!("-j {target} --set-xmark {value:#x}/{mask:#x}");
            }
            // (to & !to_mask) ^ (from & from_mask)
            let (to_mask, taken) = match value {
                Expr::Binary(parts) if parts.1 == BitOp::Xor => {
                    let (_, kept) = mask(&parts.0);
                    (!kept & u64::from(u32::MAX), &parts.2)
                }
                taken => (u32::MAX.into(), taken),
            };
            let (_, from_mask) = mask(taken);
            if packet {
                format!("-j CONNMARK --restore-mark --nfmask {to_mask:#x} --ctmask {from_mask:#x}")
            } else {
                format!("-j CONNMARK --save-mark --nfmask {from_mask:#x} --ctmask {to_mask:#x}")
            }
        }
        Key::Ct {
            key: CtKey::Zone,
            tuple,
        } => {
            let option = match tuple {
                None => "--zone",
                Some(Tuple::Original) => "--zone-orig",
                Some(Tuple::Reply) => "--zone-reply",
            };
            format!("{option} {}", number())
        }
        Key::Dscp { .. } => format!("-j DSCP --set-dscp {:#04x}", number()),
        Key::Ttl { v6: false } => format!("-j TTL --ttl-set {}", number()),
        Key::Ttl { v6: true } => format!("-j HL --hl-set {}", number()),
        Key::Tos => {
            let (value, mask) = match value {
                Expr::Number(value) => (*value, 0xff),
                _ => xmark(key, value)
                    .map(|(value, mask)| (value, mask & 0xff))
                    .unwrap(),
            };
            format!("-j TOS --set-tos {value:#04x}/{mask:#04x}")
        }
        Key::Meta(MetaKey::Priority) => {
            let class = number();
            format!(
                "-j CLASSIFY --set-class {:04x}:{:04x}",
                class >> 16,
                class & 0xffff
            )
        }
        _ => panic!("not of iptables: {key:?}"),
    }
}

/// A number, address, network, or range of them.
fn value(expr: &Expr, to: &str) -> String {
    match expr {
        Expr::Number(number) => number.to_string(),
        Expr::Addr(address) => address.to_string(),
        Expr::Net(net) => net.to_string(),
        Expr::Text(text) => text.to_string(),
        Expr::Prefix(text) => format!("{text}+"),
        Expr::Any => "any".to_owned(),
        Expr::Range(ends) => format!("{}{to}{}", value(&ends.0, to), value(&ends.1, to)),
        Expr::Set(items) => {
            let items: Vec<String> = items.iter().map(|item| value(item, to)).collect();
            items.join(",")
        }
        Expr::Concat(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| value(part, to)).collect();
            parts.join("/")
        }
        Expr::Mac(mac) => {
            let octets: Vec<String> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
            octets.join(":")
        }
        _ => panic!("no value: {expr:?}"),
    }
}

fn bits(number: u64, domain: Domain, order: &[u64]) -> String {
    let words: Vec<String> = order
        .iter()
        .filter(|bit| number & **bit != 0)
        .map(|bit| domain.word(*bit).unwrap().to_uppercase().replace('-', "_"))
        .collect();
    if words.is_empty() {
        "NONE".to_owned()
    } else {
        words.join(",")
    }
}

fn matched(Match { key, op, value: to }: &Match, module: &str) -> String {
    let compares = matches!(op, Op::Lt | Op::Gt);
    let not = if matches!(op, Op::Ne | Op::NoBit) {
        "! "
    } else {
        ""
    };
    let plain = |option: &str| format!("{not}{option} {}", value(to, ":"));
    let dashed = |option: &str| format!("{not}{option} {}", value(to, "-"));
    let dir = |dir: &Dir, source: &'static str, destination: &'static str| match dir {
        Dir::Src => source,
        Dir::Dst => destination,
    };
    let number = || match to {
        Expr::Number(number) => *number,
        _ => panic!("no number: {to:?}"),
    };
    let marked = |option: &str, mask: u64| {
        let value = number();
        match mask {
            0xffff_ffff => format!("{not}{option} {value:#x}"),
            mask => format!("{not}{option} {value:#x}/{mask:#x}"),
        }
    };
    if let Expr::Concat(parts) = key {
        let v6 = matches!(parts[0], Expr::Key(Key::IcmpType { v6: true }));
        return plain(if v6 { "--icmpv6-type" } else { "--icmp-type" });
    }
    if let Expr::Binary(parts) = key {
        return match (&parts.0, &parts.2) {
            (Expr::Key(Key::Addr { dir: at, .. }), Expr::Addr(mask)) => {
                format!("{not}{} {}/{mask}", dir(at, "-s", "-d"), value(to, ""))
            }
            (Expr::Key(Key::TcpFlags), Expr::Number(mask)) => {
                let words = |number: u64| bits(number, Domain::TcpFlag, &[1, 2, 4, 8, 16, 32]);
                format!("{not}--tcp-flags {} {}", words(*mask), words(number()))
            }
            (Expr::Key(Key::Tos), Expr::Number(mask)) => format!("{not}--tos {:#04x}/{mask:#04x}", number()),
            (Expr::Key(Key::Meta(MetaKey::Mark) | Key::Ct { .. }), Expr::Number(mask)) => {
                marked("--mark", *mask)
            }
            (Expr::Key(Key::Meta(MetaKey::Rtclassid)), Expr::Number(mask)) => marked("--realm", *mask),
            (Expr::Key(Key::Link { way, .. }), Expr::Number(mask)) => match way {
                Way::In => marked("--src-group", *mask),
                Way::Out => marked("--dst-group", *mask),
            },
            _ => panic!("not of iptables: {key:?}"),
        };
    }
    let Expr::Key(key) = key else {
        panic!("not of iptables: {key:?}")
    };
    let all = u32::MAX.into();
    match key {
        Key::Link { way, by } => {
            let option = match (way, by) {
                (Way::In, LinkBy::Name) => "-i",
                (Way::Out, LinkBy::Name) => "-o",
                (Way::In, LinkBy::Port) => "--physdev-in",
                (Way::Out, LinkBy::Port) => "--physdev-out",
                (Way::In, _) => return marked("--src-group", all),
                (Way::Out, _) => return marked("--dst-group", all),
            };
            plain(option)
        }
        Key::Bridged(None) => format!("{not}--physdev-is-bridged"),
        Key::Bridged(Some(Way::In)) => format!("{not}--physdev-is-in"),
        Key::Bridged(Some(Way::Out)) => format!("{not}--physdev-is-out"),
        Key::Addr { dir: at, .. } if module == "iprange" => dashed(dir(at, "--src-range", "--dst-range")),
        Key::Addr { dir: at, .. } => plain(dir(at, "-s", "-d")),
        Key::L4Proto => {
            let number = number();
            let word = Domain::Protocol
                .word(number)
                .map_or(number.to_string(), ToOwned::to_owned);
            format!("{not}-p {word}")
        }
        Key::Port { dir: at, .. } if module == "multiport" => plain(dir(at, "--sports", "--dports")),
        Key::Port { dir: at, .. } => plain(dir(at, "--sport", "--dport")),
        Key::EitherPort => plain("--ports"),
        Key::TcpOption(option) => format!("{not}--tcp-option {option}"),
        Key::IcmpType { v6: false } => plain("--icmp-type"),
        Key::IcmpType { v6: true } => plain("--icmpv6-type"),
        Key::Mac(_) => plain("--mac-source"),
        Key::Ttl { v6 } => {
            let word = if *v6 { "--hl" } else { "--ttl" };
            match op {
                Op::Lt => plain(&format!("{word}-lt")),
                Op::Gt => plain(&format!("{word}-gt")),
                _ => plain(&format!("{word}-eq")),
            }
        }
        _ if compares => panic!("not of iptables: {key:?}"),
        Key::Dscp { .. } => format!("{not}--dscp {:#04x}", number()),
        Key::Fragment => format!("{not}-f"),
        Key::Meta(MetaKey::Mark) => marked("--mark", all),
        Key::Meta(MetaKey::Length) => plain("--length"),
        Key::Meta(MetaKey::PktType) => {
            let word = Domain::PktType.word(number()).unwrap();
            format!(
                "{not}--pkt-type {}",
                if word == "host" { "unicast" } else { word }
            )
        }
        Key::Meta(MetaKey::SkUid) if matches!(to, Expr::Exists(_)) => format!("{not}--socket-exists"),
        Key::Meta(MetaKey::SkUid) => dashed("--uid-owner"),
        Key::Meta(MetaKey::SkGid) => dashed("--gid-owner"),
        Key::Meta(MetaKey::Cgroup) => plain("--cgroup"),
        Key::Meta(MetaKey::Cpu) => plain("--cpu"),
        Key::Meta(MetaKey::Rtclassid) => marked("--realm", all),
        Key::Ct { key, tuple } => ct(*key, *tuple, &plain, number, not, module),
        Key::Fib { flags, result } => {
            assert_eq!(*result, FibResult::Type);
            let types = match to {
                Expr::Set(types) => types.clone(),
                one => vec![one.clone()],
            };
            let words: Vec<String> = types
                .iter()
                .map(|number| match number {
                    Expr::Number(number) => Domain::AddrType.word(*number).unwrap().to_uppercase(),
                    _ => panic!("no number: {number:?}"),
                })
                .collect();
            let option = if flags.saddr { "--src-type" } else { "--dst-type" };
            let limit = match (flags.iif, flags.oif) {
                (true, _) => " --limit-iface-in",
                (_, true) => " --limit-iface-out",
                _ => "",
            };
            format!("{not}{option} {}{limit}", words.join(","))
        }
        Key::Ipvs => format!("{not}--ipvs"),
        _ => panic!("not of iptables: {key:?}"),
    }
}

fn ct(
    key: CtKey,
    tuple: Option<Tuple>,
    plain: &dyn Fn(&str) -> String,
    number: impl Fn() -> u64,
    not: &str,
    module: &str,
) -> String {
    let original = tuple == Some(Tuple::Original);
    match key {
        CtKey::State => {
            let option = if module == "state" { "--state" } else { "--ctstate" };
            let order = [1, 8, 4, 2, 64, 1 << 16, 1 << 17];
            format!("{not}{option} {}", bits(number(), Domain::CtState, &order))
        }
        CtKey::Status => format!(
            "{not}--ctstatus {}",
            bits(number(), Domain::CtStatus, &[1, 2, 4, 8])
        ),
        CtKey::Mark => format!("{not}--mark {:#x}", number()),
        CtKey::L4Proto => plain("--ctproto"),
        CtKey::SrcAddr => plain(if original { "--ctorigsrc" } else { "--ctreplsrc" }),
        CtKey::DstAddr => plain(if original { "--ctorigdst" } else { "--ctrepldst" }),
        CtKey::SrcPort => plain(if original {
            "--ctorigsrcport"
        } else {
            "--ctreplsrcport"
        }),
        CtKey::DstPort => plain(if original {
            "--ctorigdstport"
        } else {
            "--ctrepldstport"
        }),
        CtKey::Expiration => plain("--ctexpire"),
        CtKey::Direction => {
            let word = Domain::CtDirection.word(number()).unwrap();
            format!("{not}--ctdir {}", word.to_uppercase())
        }
        CtKey::Helper => plain("--helper"),
        _ => panic!("not of iptables: {key:?}"),
    }
}
