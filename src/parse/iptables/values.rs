//! Values of iptables' options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::state::netfilter::{BitOp, Dir, Expr, Key, names::Domain};

/// `10.0.0.0/8`, `10.0.0.1`, `10.0.0.0/255.0.255.0`: the key to compare (under a mask that is no prefix), and with what.
pub(super) fn network(key: Expr, text: &str) -> Option<(Expr, Expr)> {
    let Some((address, mask)) = text.split_once('/') else {
        return Some((key, Expr::Addr(text.parse().ok()?)));
    };
    let address: IpAddr = address.parse().ok()?;
    if let Ok(length) = mask.parse::<u8>() {
        return Some((key, Expr::Net(IpNet::new(address, length).ok()?)));
    }
    let mask: IpAddr = mask.parse().ok()?;
    if let Ok(net) = IpNet::with_netmask(address, mask) {
        return Some((key, Expr::Net(net)));
    }
    Some((
        Expr::binary(key, BitOp::And, Expr::Addr(mask)),
        Expr::Addr(address),
    ))
}

/// `eth0`, or `cali+` for every name that begins so.
pub(super) fn link(text: &str) -> Expr {
    match text.strip_suffix('+') {
        Some(prefix) => Expr::Prefix(prefix.into()),
        None => Expr::Text(text.into()),
    }
}

/// `10`, `0x0a`, `012`: as strtoul reads it.
pub(super) fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}

/// As [`number`], of 32 bits.
pub(super) fn number32(text: &str) -> Option<u32> {
    number(text).and_then(|number| u32::try_from(number).ok())
}

/// `0x10/0xff`; without a mask, all bits.
pub(super) fn value_mask(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number32(value)?, number32(mask)?)),
        None => Some((number32(text)?, u32::MAX)),
    }
}

/// `5`, `5:9`, `5-9` (whose ends may be left out).
pub(super) fn range(text: &str, separator: char, last: u64) -> Option<Expr> {
    match text.split_once(separator) {
        Some((low, high)) => {
            let low = if low.is_empty() { 0 } else { number(low)? };
            let high = if high.is_empty() { last } else { number(high)? };
            Some(Expr::Range(Box::new((Expr::Number(low), Expr::Number(high)))))
        }
        None => Some(Expr::Number(number(text)?)),
    }
}

/// A port or a range of them; a few services have names in old saves.
pub(super) fn port(text: &str) -> Option<Expr> {
    let end = |word: &str, empty: u64| match word {
        "" => Some(empty),
        "ssh" => Some(22),
        "domain" => Some(53),
        "http" => Some(80),
        "bgp" => Some(179),
        "https" => Some(443),
        word => word.parse::<u16>().ok().map(u64::from),
    };
    match text.split_once(':') {
        Some((low, high)) => {
            let (low, high) = (end(low, 0)?, end(high, 65535)?);
            Some(Expr::Range(Box::new((Expr::Number(low), Expr::Number(high)))))
        }
        None if text.is_empty() => None,
        None => Some(Expr::Number(end(text, 0)?)),
    }
}

/// `10.0.0.1-10.0.0.9`, or one address.
pub(super) fn addresses(text: &str) -> Option<Expr> {
    match text.split_once('-') {
        Some((low, high)) => Some(Expr::Range(Box::new((
            Expr::Addr(low.parse().ok()?),
            Expr::Addr(high.parse().ok()?),
        )))),
        None => Some(Expr::Addr(text.parse().ok()?)),
    }
}

/// `NEW,ESTABLISHED` as bits.
pub(super) fn bits(text: &str, domain: Domain) -> Option<u64> {
    if text.eq_ignore_ascii_case("none") {
        return Some(0);
    }
    text.split(',')
        .try_fold(0, |bits, word| Some(bits | domain.number(word)?))
}

/// `SYN,ACK`, `ALL`, `NONE`.
pub(super) fn tcp_flags(text: &str) -> Option<u64> {
    match text {
        "ALL" => Some(0x3f),
        // iptables calls the bit by its name of RFC 3168.
        _ => text.split(',').try_fold(0, |bits, word| {
            let bit = match word {
                "ECE" => 64,
                "NONE" => 0,
                _ => Domain::TcpFlag.number(word)?,
            };
            Some(bits | bit)
        }),
    }
}

/// `src,dst`
pub(super) fn dirs(text: &str) -> Option<Vec<Dir>> {
    text.split(',')
        .map(|word| match word {
            "src" => Some(Dir::Src),
            "dst" => Some(Dir::Dst),
            _ => None,
        })
        .collect()
}

/// What becomes of a mark: `(old & !mask) ^ value`.
pub(super) fn xmark(key: Key, value: u32, mask: u32) -> Expr {
    let key = Expr::Key(key);
    let number = |number: u32| Expr::Number(number.into());
    match (value, mask) {
        (value, u32::MAX) => number(value),
        (value, 0) => Expr::binary(key, BitOp::Xor, number(value)),
        (0, mask) => Expr::binary(key, BitOp::And, number(!mask)),
        (value, mask) => Expr::binary(
            Expr::binary(key, BitOp::And, number(!mask)),
            BitOp::Xor,
            number(value),
        ),
    }
}

/// The address that stands for none of a family.
pub(super) const fn unspecified(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// `00:11:22:33:44:55`
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut mac {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}
