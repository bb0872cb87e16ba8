//! Fields by nft's names.

use serde_json::Value;

use super::words;
use crate::state::netfilter::{
    CtKey, Dir, FibFlags, FibResult, Key, LinkBy, MetaKey, SocketKey, Tuple, Way, names::Domain,
};

/// The field that an expression names; none when it is not one.
pub(super) fn key(json: &Value) -> Option<Key> {
    let (kind, inner) = json
        .as_object()
        .filter(|object| object.len() == 1)?
        .iter()
        .next()?;
    let key = match kind.as_str() {
        "payload" => payload(inner),
        "meta" => meta(inner),
        "ct" => ct(inner),
        "fib" => fib(inner),
        "socket" => match inner.get("key")?.as_str()? {
            "transparent" => Some(Key::Socket(SocketKey::Transparent)),
            "mark" => Some(Key::Socket(SocketKey::Mark)),
            "wildcard" => Some(Key::Socket(SocketKey::Wildcard)),
            _ => None,
        },
        "exthdr" | "tcp option" | "ip option" | "sctp chunk" | "dccp option" | "rt" | "osf" | "ipsec"
        | "xfrm" | "tunnel" => None,
        _ => return None,
    };
    Some(key.unwrap_or_else(|| Key::Other(json.to_string().into())))
}

fn payload(inner: &Value) -> Option<Key> {
    if let Some(base) = inner.get("base").and_then(Value::as_str) {
        let number = |name| {
            inner
                .get(name)?
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
        };
        return Some(Key::Raw {
            base: base.into(),
            offset: number("offset")?,
            len: number("len")?,
        });
    }
    let protocol = inner.get("protocol").or_else(|| inner.get("name"))?.as_str()?;
    let field = inner.get("field")?.as_str()?;
    let v6 = matches!(protocol, "ip6" | "icmpv6");
    let ports = match protocol {
        "th" => Some(None),
        "tcp" | "udp" | "udplite" | "dccp" | "sctp" => Some(
            Domain::Protocol
                .number(protocol)
                .and_then(|number| u8::try_from(number).ok()),
        ),
        _ => None,
    };
    let dir = match field {
        "saddr" | "sport" => Some(Dir::Src),
        "daddr" | "dport" => Some(Dir::Dst),
        _ => None,
    };
    Some(match (protocol, field, dir, ports) {
        (_, "sport" | "dport", Some(dir), Some(proto)) => Key::Port { dir, proto },
        ("ip" | "ip6", "saddr" | "daddr", Some(dir), _) => Key::Addr { dir, v6 },
        ("ether", "saddr" | "daddr", Some(dir), _) => Key::Mac(dir),
        ("ether", "type", ..) => Key::EtherType,
        ("ip", "protocol", ..) | ("ip6", "nexthdr", ..) => Key::IpProto { v6 },
        ("ip", "ttl", ..) | ("ip6", "hoplimit", ..) => Key::Ttl { v6 },
        ("ip" | "ip6", "dscp", ..) => Key::Dscp { v6 },
        ("tcp", "flags", ..) => Key::TcpFlags,
        ("icmp" | "icmpv6", "type", ..) => Key::IcmpType { v6 },
        ("icmp" | "icmpv6", "code", ..) => Key::IcmpCode { v6 },
        _ => Key::Payload(Box::new((protocol.into(), field.into()))),
    })
}

fn meta(inner: &Value) -> Option<Key> {
    // Of nft 0.9.0: the word alone.
    let word = inner.as_str().or_else(|| inner.get("key")?.as_str())?;
    let link = |way, by| Key::Link { way, by };
    Some(match word {
        "iifname" => link(Way::In, LinkBy::Name),
        "oifname" => link(Way::Out, LinkBy::Name),
        "iif" => link(Way::In, LinkBy::Index),
        "oif" => link(Way::Out, LinkBy::Index),
        "iifkind" => link(Way::In, LinkBy::Kind),
        "oifkind" => link(Way::Out, LinkBy::Kind),
        "iifgroup" => link(Way::In, LinkBy::Group),
        "oifgroup" => link(Way::Out, LinkBy::Group),
        "iiftype" => link(Way::In, LinkBy::Type),
        "oiftype" => link(Way::Out, LinkBy::Type),
        "ibrname" | "ibriport" => link(Way::In, LinkBy::Bridge),
        "obrname" | "obriport" => link(Way::Out, LinkBy::Bridge),
        "sdifname" => link(Way::In, LinkBy::Slave),
        "l4proto" => Key::L4Proto,
        "nfproto" => Key::NfProto,
        "protocol" => Key::EtherType,
        "mark" => Key::Meta(MetaKey::Mark),
        "length" => Key::Meta(MetaKey::Length),
        "priority" => Key::Meta(MetaKey::Priority),
        "pkttype" => Key::Meta(MetaKey::PktType),
        "skuid" => Key::Meta(MetaKey::SkUid),
        "skgid" => Key::Meta(MetaKey::SkGid),
        "rtclassid" => Key::Meta(MetaKey::Rtclassid),
        "cpu" => Key::Meta(MetaKey::Cpu),
        "cgroup" => Key::Meta(MetaKey::Cgroup),
        "nftrace" => Key::Meta(MetaKey::Nftrace),
        "random" => Key::Meta(MetaKey::Random),
        "ipsec" | "secpath" => Key::Meta(MetaKey::Secpath),
        "time" => Key::Meta(MetaKey::Time),
        "day" => Key::Meta(MetaKey::Day),
        "hour" => Key::Meta(MetaKey::Hour),
        _ => return None,
    })
}

fn ct(inner: &Value) -> Option<Key> {
    let word = inner.get("key")?.as_str()?;
    let key = match word {
        "state" => CtKey::State,
        "status" => CtKey::Status,
        "direction" => CtKey::Direction,
        "mark" => CtKey::Mark,
        "zone" => CtKey::Zone,
        "helper" => CtKey::Helper,
        "expiration" => CtKey::Expiration,
        "label" => CtKey::Label,
        "id" => CtKey::Id,
        "l3proto" => CtKey::L3Proto,
        "protocol" => CtKey::L4Proto,
        "saddr" | "ip saddr" | "ip6 saddr" => CtKey::SrcAddr,
        "daddr" | "ip daddr" | "ip6 daddr" => CtKey::DstAddr,
        "proto-src" => CtKey::SrcPort,
        "proto-dst" => CtKey::DstPort,
        "packets" => CtKey::Packets,
        "bytes" => CtKey::Bytes,
        "avgpkt" => CtKey::AvgPkt,
        "count" => CtKey::Count,
        _ => return None,
    };
    let tuple = match inner.get("dir").and_then(Value::as_str) {
        Some("original") => Some(Tuple::Original),
        Some("reply") => Some(Tuple::Reply),
        _ => None,
    };
    Some(Key::Ct { key, tuple })
}

fn fib(inner: &Value) -> Option<Key> {
    let result = match inner.get("result")?.as_str()? {
        "oif" => FibResult::Oif,
        "oifname" => FibResult::OifName,
        "type" => FibResult::Type,
        _ => return None,
    };
    let words = words(inner.get("flags"));
    let has = |word: &str| words.contains(&word);
    let flags = FibFlags {
        saddr: has("saddr"),
        daddr: has("daddr"),
        mark: has("mark"),
        iif: has("iif"),
        oif: has("oif"),
    };
    Some(Key::Fib { flags, result })
}
