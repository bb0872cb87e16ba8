//! Targets and their options (iptables-extensions(8)).

use std::net::IpAddr;

use super::rule::unknown;
use super::values::{addresses, dirs, number, number32, range, unspecified, value_mask, xmark};
use super::words::Words;
use crate::state::netfilter::{
    BitOp, CtKey, Expr, IpSetUpdate, Key, Log, MetaKey, Nat, NatFlags, NatKind, Queue, Reject, SetOp,
    Statement, Tuple, Verdict,
};

const MARK: Key = Key::Meta(MetaKey::Mark);
const CT_MARK: Key = Key::Ct {
    key: CtKey::Mark,
    tuple: None,
};

/// The statements of `-j NAME …`; `whole` is that text, for what isn't understood.
pub(super) fn target(name: &str, words: Words<'_, '_>, whole: &str, v6: bool, out: &mut Vec<Statement>) {
    let before = out.len();
    if read(name, words, v6, out).is_none() {
        out.truncate(before);
        unknown(out, whole, true);
    }
}

fn read(name: &str, words: Words<'_, '_>, v6: bool, out: &mut Vec<Statement>) -> Option<()> {
    let statement = match name {
        "ACCEPT" => plain(words, Statement::Verdict(Verdict::Accept))?,
        "DROP" => plain(words, Statement::Verdict(Verdict::Drop))?,
        "RETURN" => plain(words, Statement::Verdict(Verdict::Return))?,
        "QUEUE" => plain(words, Statement::Verdict(Verdict::Queue(Box::default())))?,
        "NOTRACK" => plain(words, Statement::Notrack)?,
        "TRACE" => plain(words, Statement::Trace)?,
        "REJECT" => Statement::Reject(reject(words)?),
        "DNAT" => nat(NatKind::Dnat, words, v6)?,
        "SNAT" => nat(NatKind::Snat, words, v6)?,
        "MASQUERADE" => nat(NatKind::Masquerade, words, v6)?,
        "REDIRECT" => nat(NatKind::Redirect, words, v6)?,
        "LOG" | "NFLOG" => Statement::Log(Box::new(log(name, words)?)),
        "NFQUEUE" => Statement::Verdict(Verdict::Queue(Box::new(queue(words)?))),
        "TPROXY" => tproxy(words)?,
        "MARK" => mark(words)?,
        "CONNMARK" => connmark(words)?,
        "CT" => return ct(words, out),
        "SET" => return set(words, out),
        _ => single(name, words, v6)?,
    };
    out.push(statement);
    Some(())
}

fn plain(words: Words<'_, '_>, statement: Statement) -> Option<Statement> {
    words.words.is_empty().then_some(statement)
}

/// Targets with one option.
fn single(name: &str, mut words: Words<'_, '_>, v6: bool) -> Option<Statement> {
    let mut option = words.option()?;
    let to = |key, value| Statement::Set(Box::new((key, value)));
    let statement = match (name, option.name) {
        ("CHECKSUM", "--checksum-fill") => Statement::Checksum,
        ("TCPMSS", "--clamp-mss-to-pmtu") => Statement::TcpMss(None),
        ("TCPMSS", "--set-mss") => Statement::TcpMss(Some(words.value(&mut option)?.parse().ok()?)),
        ("DSCP", "--set-dscp") => to(Key::Dscp { v6 }, Expr::Number(number(words.value(&mut option)?)?)),
        ("TTL", "--ttl-set") | ("HL", "--hl-set") => {
            to(Key::Ttl { v6 }, Expr::Number(number(words.value(&mut option)?)?))
        }
        ("TOS", "--set-tos") => {
            let (value, mask) = value_mask(words.value(&mut option)?)?;
            to(Key::Tos, tos(value, mask & 0xff))
        }
        ("CLASSIFY", "--set-class") => {
            let (major, minor) = words.value(&mut option)?.split_once(':')?;
            let half = |text| u64::from_str_radix(text, 16).ok().filter(|half| *half <= 0xffff);
            to(
                Key::Meta(MetaKey::Priority),
                Expr::Number(half(major)? << 16 | half(minor)?),
            )
        }
        ("NETMAP", "--to") => Statement::Netmap(words.value(&mut option)?.parse().ok()?),
        ("TEE", "--gateway") => {
            let gateway = words.value(&mut option)?.parse().ok()?;
            let oif = match words.option() {
                Some(mut option) if option.name == "--oif" => Some(words.value(&mut option)?.into()),
                Some(_) => return None,
                None => None,
            };
            Statement::Tee { gateway, oif }
        }
        _ => return None,
    };
    (!option.negated && words.words.is_empty()).then_some(statement)
}

/// As a mark, of eight bits.
fn tos(value: u32, mask: u32) -> Expr {
    if mask == 0xff {
        return Expr::Number(value.into());
    }
    Expr::binary(
        Expr::binary(
            Expr::Key(Key::Tos),
            BitOp::And,
            Expr::Number((!mask & 0xff).into()),
        ),
        BitOp::Xor,
        Expr::Number(value.into()),
    )
}

fn reject(mut words: Words<'_, '_>) -> Option<Reject> {
    let Some(mut option) = words.option() else {
        return Some(Reject::Default);
    };
    let with = words.value(&mut option)?;
    if option.name != "--reject-with" || !words.words.is_empty() {
        return None;
    }
    Some(match with {
        "tcp-reset" | "tcp-rst" => Reject::TcpReset,
        "icmp-proto-unreachable" => Reject::Icmp("prot-unreachable".into()),
        "icmp6-adm-prohibited" => Reject::Icmp6("admin-prohibited".into()),
        _ => match (with.strip_prefix("icmp-"), with.strip_prefix("icmp6-")) {
            (Some(name), _) => Reject::Icmp(name.into()),
            (_, Some(name)) => Reject::Icmp6(name.into()),
            _ => return None,
        },
    })
}

fn nat(kind: NatKind, mut words: Words<'_, '_>, v6: bool) -> Option<Statement> {
    let mut nat = Nat {
        kind,
        family: None,
        addr: None,
        port: None,
        port_base: None,
        flags: NatFlags::default(),
    };
    while let Some(mut option) = words.option() {
        match option.name {
            "--random" => nat.flags.random = true,
            "--random-fully" => nat.flags.fully_random = true,
            "--persistent" => nat.flags.persistent = true,
            "--to-destination" | "--to-source" => to(words.value(&mut option)?, v6, &mut nat)?,
            "--to-ports" => nat.port = Some(range(words.value(&mut option)?, '-', 65535)?),
            _ => return None,
        }
    }
    Some(Statement::Nat(Box::new(nat)))
}

/// `10.0.0.1-10.0.0.5:80-90/8000`, `[fd00::1]:80`, `:81`
fn to(text: &str, v6: bool, nat: &mut Nat) -> Option<()> {
    let (address, ports) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, ports) = rest.split_once(']')?;
            (address, ports.strip_prefix(':'))
        }
        None if v6 => match text.strip_prefix(':').filter(|ports| !ports.contains(':')) {
            Some(ports) => ("", Some(ports)),
            None => (text, None),
        },
        None => match text.split_once(':') {
            Some((address, ports)) => (address, Some(ports)),
            None => (text, None),
        },
    };
    if !address.is_empty() {
        nat.addr = Some(addresses(address)?);
    }
    if let Some(ports) = ports {
        let (ports, base) = match ports.split_once('/') {
            Some((ports, base)) => (ports, Some(base.parse().ok()?)),
            None => (ports, None),
        };
        nat.port = Some(range(ports, '-', 65535)?);
        nat.port_base = base;
    }
    Some(())
}

fn log(name: &str, mut words: Words<'_, '_>) -> Option<Log> {
    let mut log = Log {
        group: (name == "NFLOG").then_some(0),
        ..Log::default()
    };
    while let Some(mut option) = words.option() {
        match option.name {
            "--log-prefix" | "--nflog-prefix" => log.prefix = Some(words.value(&mut option)?.into()),
            "--log-level" => log.level = Some(words.value(&mut option)?.into()),
            "--nflog-group" => log.group = Some(words.value(&mut option)?.parse().ok()?),
            "--nflog-size" => log.snaplen = Some(words.value(&mut option)?.parse().ok()?),
            "--nflog-threshold" => log.queue_threshold = Some(words.value(&mut option)?.parse().ok()?),
            "--log-tcp-sequence" | "--log-tcp-options" | "--log-ip-options" | "--log-uid"
            | "--log-macdecode" => {
                log.flags.push(option.name.trim_start_matches("--log-").into());
            }
            _ => return None,
        }
    }
    Some(log)
}

fn queue(mut words: Words<'_, '_>) -> Option<Queue> {
    let mut queue = Queue {
        range: Some((0, 0)),
        ..Queue::default()
    };
    while let Some(mut option) = words.option() {
        match option.name {
            "--queue-num" => {
                let number = words.value(&mut option)?.parse().ok()?;
                queue.range = Some((number, number));
            }
            "--queue-balance" => {
                let (first, last) = words.value(&mut option)?.split_once(':')?;
                queue.range = Some((first.parse().ok()?, last.parse().ok()?));
            }
            "--queue-bypass" => queue.bypass = true,
            "--queue-cpu-fanout" => queue.fanout = true,
            _ => return None,
        }
    }
    Some(queue)
}

fn tproxy(mut words: Words<'_, '_>) -> Option<Statement> {
    let (mut addr, mut port, mut mark) = (None, None, None);
    while let Some(mut option) = words.option() {
        let value = words.value(&mut option)?;
        match option.name {
            "--on-port" => port = Some(value.parse().ok()?),
            "--on-ip" => addr = Some(Box::new(Expr::Addr(value.parse().ok()?))),
            "--tproxy-mark" => mark = Some(value_mask(value)?),
            _ => return None,
        }
    }
    Some(Statement::Tproxy {
        // An address of zeros is none: the packet's own link decides.
        addr: addr.filter(|addr| {
            !matches!(**addr, Expr::Addr(IpAddr::V4(ip)) if unspecified(false) == IpAddr::V4(ip))
                && !matches!(**addr, Expr::Addr(IpAddr::V6(ip)) if unspecified(true) == IpAddr::V6(ip))
        }),
        port,
        mark,
        family: None,
    })
}

fn mark(mut words: Words<'_, '_>) -> Option<Statement> {
    let mut option = words.option()?;
    let value = words.value(&mut option)?;
    let (value, mask) = changed(option.name, value)?;
    let statement = Statement::Set(Box::new((MARK, xmark(MARK, value, mask))));
    plain(words, statement)
}

/// What an option makes of a mark: `(old & !mask) ^ value`.
fn changed(option: &str, text: &str) -> Option<(u32, u32)> {
    let (value, mask) = value_mask(text)?;
    Some(match option {
        "--set-xmark" => (value, mask),
        "--set-mark" => (value, mask | value),
        "--and-mark" => (0, !value),
        "--or-mark" => (value, value),
        "--xor-mark" => (value, 0),
        _ => return None,
    })
}

/// `--save-mark --nfmask 0xff --ctmask 0xff`: the connection's becomes `(ctmark & !ctmask) ^ (mark & nfmask)`.
fn connmark(mut words: Words<'_, '_>) -> Option<Statement> {
    let mut option = words.option()?;
    let save = match option.name {
        "--save-mark" => true,
        "--restore-mark" => false,
        _ => {
            let value = words.value(&mut option)?;
            let (value, mask) = changed(option.name, value)?;
            let statement = Statement::Set(Box::new((CT_MARK, xmark(CT_MARK, value, mask))));
            return plain(words, statement);
        }
    };
    let (mut nfmask, mut ctmask) = (u32::MAX, u32::MAX);
    while let Some(mut option) = words.option() {
        let mask = number32(words.value(&mut option)?)?;
        match option.name {
            "--nfmask" => nfmask = mask,
            "--ctmask" => ctmask = mask,
            "--mask" => (nfmask, ctmask) = (mask, mask),
            _ => return None,
        }
    }
    let (to, to_mask, from, from_mask) = if save {
        (CT_MARK, ctmask, MARK, nfmask)
    } else {
        (MARK, nfmask, CT_MARK, ctmask)
    };
    let taken = Expr::masked(Expr::Key(from), from_mask);
    let value = if to_mask == u32::MAX {
        taken
    } else {
        let kept = Expr::masked(Expr::Key(to.clone()), !to_mask);
        Expr::binary(kept, BitOp::Xor, taken)
    };
    Some(Statement::Set(Box::new((to, value))))
}

fn ct(mut words: Words<'_, '_>, out: &mut Vec<Statement>) -> Option<()> {
    out.push(Statement::Extension("CT".into()));
    while !words.words.is_empty() {
        let mut option = words.option()?;
        let tuple = match option.name {
            "--notrack" => {
                out.push(Statement::Notrack);
                continue;
            }
            "--helper" => {
                out.push(Statement::Helper(words.value(&mut option)?.into()));
                continue;
            }
            "--zone" => None,
            "--zone-orig" => Some(Tuple::Original),
            "--zone-reply" => Some(Tuple::Reply),
            _ => return None,
        };
        let value = match words.value(&mut option)? {
            "mark" => Expr::Key(MARK),
            number => Expr::Number(self::number(number)?),
        };
        let key = CtKey::Zone;
        out.push(Statement::Set(Box::new((Key::Ct { key, tuple }, value))));
    }
    Some(())
}

fn set(mut words: Words<'_, '_>, out: &mut Vec<Statement>) -> Option<()> {
    let mut option = words.option()?;
    let op = match option.name {
        "--add-set" => SetOp::Add,
        "--del-set" => SetOp::Delete,
        "--map-set" => SetOp::Map,
        _ => return None,
    };
    let name = words.value(&mut option)?;
    let dirs = dirs(words.value(&mut option)?)?;
    out.push(Statement::IpSetUpdate(Box::new(IpSetUpdate {
        op,
        name: name.into(),
        dirs,
        options: words.rest().into(),
    })));
    Some(())
}
