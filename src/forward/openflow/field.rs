//! What OpenFlow rules look at and write: fields by their names, as bits of a packet's key (`ovs-fields(7)`).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::packet::Mac;

/// A part of the key. ARP's addresses and operation, and ICMP's type and code, are where IP has its own, as in the switch
/// (`struct flow`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(u8);

impl Word {
    pub const IN_PORT: Self = Self(0);
    pub const ETH_SRC: Self = Self(1);
    pub const ETH_DST: Self = Self(2);
    pub const ETH_TYPE: Self = Self(3);
    /// The tag control information: 0 without a tag, else with the bit 0x1000.
    pub const TCI: Self = Self(4);
    /// That of a second tag.
    pub const TCI2: Self = Self(5);
    pub const NW_SRC: Self = Self(6);
    pub const NW_DST: Self = Self(7);
    pub const V6_SRC: Self = Self(8);
    pub const V6_DST: Self = Self(9);
    pub const LABEL: Self = Self(10);
    pub const PROTO: Self = Self(11);
    pub const TOS: Self = Self(12);
    pub const TTL: Self = Self(13);
    pub const FRAG: Self = Self(14);
    pub const TP_SRC: Self = Self(15);
    pub const TP_DST: Self = Self(16);
    pub const TCP_FLAGS: Self = Self(17);
    pub const ARP_SHA: Self = Self(18);
    pub const ARP_THA: Self = Self(19);
    pub const ND_TARGET: Self = Self(20);
    pub const ND_SLL: Self = Self(21);
    pub const ND_TLL: Self = Self(22);
    pub const TUN_ID: Self = Self(23);
    pub const TUN_SRC: Self = Self(24);
    pub const TUN_DST: Self = Self(25);
    pub const METADATA: Self = Self(26);
    pub const MARK: Self = Self(27);
    pub const CT_STATE: Self = Self(28);
    pub const CT_ZONE: Self = Self(29);
    pub const CT_MARK: Self = Self(30);
    pub const CT_LABEL: Self = Self(31);
    pub const CONJ_ID: Self = Self(32);
    const COUNT: usize = 49;

    /// A register, 0 to 15.
    pub const fn reg(number: u8) -> Self {
        Self(33 + (number & 15))
    }
}

/// A tag is there.
pub const TAGGED: u128 = 0x1000;

/// A packet as the switch sees it, with the bits that can't be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    values: [u128; Word::COUNT],
    unknown: [u128; Word::COUNT],
}

impl Default for Key {
    fn default() -> Self {
        Self {
            values: [0; Word::COUNT],
            unknown: [0; Word::COUNT],
        }
    }
}

impl Key {
    pub fn get(&self, word: Word) -> u128 {
        self.values.get(usize::from(word.0)).copied().unwrap_or_default()
    }

    pub fn unknown(&self, word: Word) -> u128 {
        self.unknown.get(usize::from(word.0)).copied().unwrap_or_default()
    }

    pub fn set(&mut self, word: Word, value: u128) {
        self.write(word, u128::MAX, value, 0);
    }

    /// Makes bits unknown.
    pub fn forget(&mut self, word: Word, bits: u128) {
        self.write(word, bits, 0, bits);
    }

    fn write(&mut self, word: Word, mask: u128, value: u128, unknown: u128) {
        let at = usize::from(word.0);
        if let (Some(old), Some(open)) = (self.values.get_mut(at), self.unknown.get_mut(at)) {
            *old = (*old & !mask) | (value & mask & !unknown);
            *open = (*open & !mask) | (unknown & mask);
        }
    }

    /// The bits of a span: their value, and which of them are unknown.
    pub fn read(&self, span: &Span) -> (u128, u128) {
        let (mut value, mut unknown) = (0, 0);
        for part in span.parts() {
            let shift = |word: u128| (word >> part.from) & ones(part.width);
            value = shl(value, part.width) | shift(self.get(part.word));
            unknown = shl(unknown, part.width) | shift(self.unknown(part.word));
        }
        (value, unknown)
    }

    /// Writes those bits of a span that the mask has.
    pub fn put(&mut self, span: &Span, value: u128, mask: u128, unknown: u128) {
        let mut left = span.width();
        for part in span.parts() {
            left -= part.width;
            let of = |bits: u128| ((bits >> left) & ones(part.width)) << part.from;
            self.write(part.word, of(mask), of(value), of(unknown));
        }
    }
}

const fn shl(value: u128, by: u32) -> u128 {
    if by >= 128 { 0 } else { value << by }
}

/// So many ones.
pub const fn ones(width: u32) -> u128 {
    if width >= 128 { u128::MAX } else { (1 << width) - 1 }
}

/// Bits of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    word: Word,
    from: u32,
    width: u32,
}

/// A field, or some bits of it: parts of the key, the most significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    all: [Part; 4],
    count: usize,
    /// What a packet must be to have it.
    pub needs: Needs,
}

/// What a packet must be to have a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Tag,
    Ip,
    Ipv4,
    Ipv6,
    Arp,
    Nd,
    /// One of these protocols.
    Proto(u8),
    Icmp,
    Icmp6,
}

impl Span {
    const fn of(word: Word, from: u32, width: u32, needs: Needs) -> Self {
        let part = Part { word, from, width };
        Self {
            all: [part; 4],
            count: 1,
            needs,
        }
    }

    fn parts(&self) -> &[Part] {
        self.all.get(..self.count).unwrap_or_default()
    }

    /// Bits.
    pub fn width(&self) -> u32 {
        self.parts().iter().map(|part| part.width).sum()
    }

    /// Several registers as one.
    fn registers(number: u8, each: u8) -> Self {
        let mut span = Self::of(Word::reg(number * each), 0, 32, Needs::Nothing);
        for (index, part) in (0..each).zip(&mut span.all) {
            part.word = Word::reg(number * each + index);
        }
        span.count = usize::from(each);
        span
    }

    /// The bits from one to another, counted from the least significant; none when it has not as many.
    pub fn bits(&self, from: u32, to: u32) -> Option<Self> {
        let width = (to + 1).checked_sub(from)?;
        if to >= self.width() {
            return None;
        }
        let mut picked = Vec::new();
        let mut low = self.width();
        for part in self.parts() {
            low -= part.width;
            let (first, last) = (from.max(low), (to + 1).min(low + part.width));
            if first < last {
                picked.push(Part {
                    word: part.word,
                    from: part.from + first - low,
                    width: last - first,
                });
            }
        }
        let mut span = *self;
        span.count = picked.len();
        for (to, part) in span.all.iter_mut().zip(picked) {
            *to = part;
        }
        (span.width() == width).then_some(span)
    }

    /// Whether the packet has the field; none when that can't be known.
    pub fn is_in(&self, key: &Key) -> bool {
        let kind = key.get(Word::ETH_TYPE);
        let ip = kind == 0x0800 || kind == 0x86dd;
        let proto = key.get(Word::PROTO);
        let whole = key.get(Word::FRAG) & 2 == 0;
        match self.needs {
            Needs::Nothing => true,
            Needs::Tag => key.get(Word::TCI) & TAGGED != 0,
            Needs::Ip => ip,
            Needs::Ipv4 => kind == 0x0800,
            Needs::Ipv6 => kind == 0x86dd,
            Needs::Arp => kind == 0x0806 || kind == 0x8035,
            Needs::Nd => kind == 0x86dd && proto == 58 && [135, 136].contains(&key.get(Word::TP_SRC)),
            Needs::Proto(number) => ip && whole && proto == u128::from(number),
            Needs::Icmp => kind == 0x0800 && whole && proto == 1,
            Needs::Icmp6 => kind == 0x86dd && whole && proto == 58,
        }
    }
}

/// A field by its name in matches and `set_field`, or by NXM's in `load` and `move`.
pub fn named(name: &str) -> Option<Span> {
    use Needs::{Arp, Icmp, Icmp6, Ip, Ipv4, Ipv6, Nd, Nothing, Proto, Tag};
    let span = Span::of;
    if let Some(span) = register(name) {
        return Some(span);
    }
    Some(match name {
        "in_port" | "NXM_OF_IN_PORT" => span(Word::IN_PORT, 0, 16, Nothing),
        "eth_src" | "dl_src" | "NXM_OF_ETH_SRC" | "OXM_OF_ETH_SRC" => span(Word::ETH_SRC, 0, 48, Nothing),
        "eth_dst" | "dl_dst" | "NXM_OF_ETH_DST" | "OXM_OF_ETH_DST" => span(Word::ETH_DST, 0, 48, Nothing),
        "eth_type" | "dl_type" | "NXM_OF_ETH_TYPE" | "OXM_OF_ETH_TYPE" => {
            span(Word::ETH_TYPE, 0, 16, Nothing)
        }
        "vlan_tci" | "NXM_OF_VLAN_TCI" => span(Word::TCI, 0, 16, Nothing),
        "vlan_vid" | "OXM_OF_VLAN_VID" => span(Word::TCI, 0, 13, Tag),
        "vlan_pcp" | "dl_vlan_pcp" | "OXM_OF_VLAN_PCP" => span(Word::TCI, 13, 3, Tag),
        "ip_src" | "nw_src" | "NXM_OF_IP_SRC" | "OXM_OF_IPV4_SRC" => span(Word::NW_SRC, 0, 32, Ipv4),
        "ip_dst" | "nw_dst" | "NXM_OF_IP_DST" | "OXM_OF_IPV4_DST" => span(Word::NW_DST, 0, 32, Ipv4),
        "ipv6_src" | "NXM_NX_IPV6_SRC" | "OXM_OF_IPV6_SRC" => span(Word::V6_SRC, 0, 128, Ipv6),
        "ipv6_dst" | "NXM_NX_IPV6_DST" | "OXM_OF_IPV6_DST" => span(Word::V6_DST, 0, 128, Ipv6),
        "ipv6_label" | "NXM_NX_IPV6_LABEL" | "OXM_OF_IPV6_FLABEL" => span(Word::LABEL, 0, 20, Ipv6),
        "nw_proto" | "ip_proto" | "NXM_OF_IP_PROTO" | "OXM_OF_IP_PROTO" => span(Word::PROTO, 0, 8, Ip),
        "nw_tos" | "NXM_OF_IP_TOS" => span(Word::TOS, 0, 8, Ip),
        "ip_dscp" | "OXM_OF_IP_DSCP" => span(Word::TOS, 2, 6, Ip),
        "nw_ecn" | "ip_ecn" | "NXM_NX_IP_ECN" | "OXM_OF_IP_ECN" => span(Word::TOS, 0, 2, Ip),
        "nw_ttl" | "NXM_NX_IP_TTL" | "OXM_OF_NW_TTL" => span(Word::TTL, 0, 8, Ip),
        "nw_frag" | "ip_frag" | "NXM_NX_IP_FRAG" => span(Word::FRAG, 0, 2, Ip),
        "tp_src" => span(Word::TP_SRC, 0, 16, Ip),
        "tp_dst" => span(Word::TP_DST, 0, 16, Ip),
        "tcp_src" | "NXM_OF_TCP_SRC" | "OXM_OF_TCP_SRC" => span(Word::TP_SRC, 0, 16, Proto(6)),
        "tcp_dst" | "NXM_OF_TCP_DST" | "OXM_OF_TCP_DST" => span(Word::TP_DST, 0, 16, Proto(6)),
        "udp_src" | "NXM_OF_UDP_SRC" | "OXM_OF_UDP_SRC" => span(Word::TP_SRC, 0, 16, Proto(17)),
        "udp_dst" | "NXM_OF_UDP_DST" | "OXM_OF_UDP_DST" => span(Word::TP_DST, 0, 16, Proto(17)),
        "sctp_src" | "OXM_OF_SCTP_SRC" => span(Word::TP_SRC, 0, 16, Proto(132)),
        "sctp_dst" | "OXM_OF_SCTP_DST" => span(Word::TP_DST, 0, 16, Proto(132)),
        "tcp_flags" | "NXM_NX_TCP_FLAGS" | "OXM_OF_TCP_FLAGS" => span(Word::TCP_FLAGS, 0, 12, Proto(6)),
        "icmp_type" | "NXM_OF_ICMP_TYPE" | "OXM_OF_ICMPV4_TYPE" => span(Word::TP_SRC, 0, 8, Icmp),
        "icmp_code" | "NXM_OF_ICMP_CODE" | "OXM_OF_ICMPV4_CODE" => span(Word::TP_DST, 0, 8, Icmp),
        "icmpv6_type" | "NXM_NX_ICMPV6_TYPE" | "OXM_OF_ICMPV6_TYPE" => span(Word::TP_SRC, 0, 8, Icmp6),
        "icmpv6_code" | "NXM_NX_ICMPV6_CODE" | "OXM_OF_ICMPV6_CODE" => span(Word::TP_DST, 0, 8, Icmp6),
        "arp_op" | "NXM_OF_ARP_OP" | "OXM_OF_ARP_OP" => span(Word::PROTO, 0, 8, Arp),
        "arp_spa" | "NXM_OF_ARP_SPA" | "OXM_OF_ARP_SPA" => span(Word::NW_SRC, 0, 32, Arp),
        "arp_tpa" | "NXM_OF_ARP_TPA" | "OXM_OF_ARP_TPA" => span(Word::NW_DST, 0, 32, Arp),
        "arp_sha" | "NXM_NX_ARP_SHA" | "OXM_OF_ARP_SHA" => span(Word::ARP_SHA, 0, 48, Arp),
        "arp_tha" | "NXM_NX_ARP_THA" | "OXM_OF_ARP_THA" => span(Word::ARP_THA, 0, 48, Arp),
        "nd_target" | "NXM_NX_ND_TARGET" | "OXM_OF_IPV6_ND_TARGET" => span(Word::ND_TARGET, 0, 128, Nd),
        "nd_sll" | "NXM_NX_ND_SLL" | "OXM_OF_IPV6_ND_SLL" => span(Word::ND_SLL, 0, 48, Nd),
        "nd_tll" | "NXM_NX_ND_TLL" | "OXM_OF_IPV6_ND_TLL" => span(Word::ND_TLL, 0, 48, Nd),
        "tun_id" | "tunnel_id" | "NXM_NX_TUN_ID" | "OXM_OF_TUNNEL_ID" => span(Word::TUN_ID, 0, 64, Nothing),
        "tun_src" | "NXM_NX_TUN_IPV4_SRC" => span(Word::TUN_SRC, 0, 32, Nothing),
        "tun_dst" | "NXM_NX_TUN_IPV4_DST" => span(Word::TUN_DST, 0, 32, Nothing),
        "metadata" | "OXM_OF_METADATA" => span(Word::METADATA, 0, 64, Nothing),
        "pkt_mark" | "NXM_NX_PKT_MARK" => span(Word::MARK, 0, 32, Nothing),
        "ct_state" | "NXM_NX_CT_STATE" => span(Word::CT_STATE, 0, 32, Nothing),
        "ct_zone" | "NXM_NX_CT_ZONE" => span(Word::CT_ZONE, 0, 16, Nothing),
        "ct_mark" | "NXM_NX_CT_MARK" => span(Word::CT_MARK, 0, 32, Nothing),
        "ct_label" | "NXM_NX_CT_LABEL" => span(Word::CT_LABEL, 0, 128, Nothing),
        "conj_id" | "NXM_NX_CONJ_ID" => span(Word::CONJ_ID, 0, 32, Nothing),
        _ => return None,
    })
}

fn register(name: &str) -> Option<Span> {
    let of = |prefixes: &[&str], each: u8| {
        let number = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        let number: u8 = number.parse().ok()?;
        (u16::from(number) * u16::from(each) < 16).then(|| Span::registers(number, each))
    };
    of(&["xxreg", "NXM_NX_XXREG"], 4)
        .or_else(|| of(&["xreg", "OXM_OF_PKT_REG"], 2))
        .or_else(|| of(&["reg", "NXM_NX_REG"], 1))
}

/// `NXM_NX_REG0[0..15]`, `NXM_NX_REG0[3]`, `NXM_OF_ETH_SRC[]`, `reg0`.
pub fn part(text: &str) -> Option<Span> {
    let Some((name, bits)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) else {
        return named(text);
    };
    let field = named(name)?;
    if bits.is_empty() {
        return Some(field);
    }
    let (from, to) = bits.split_once("..").unwrap_or((bits, bits));
    field.bits(from.parse().ok()?, to.parse().ok()?)
}

/// A value as rules print it: a number, an address, a MAC, flags of a state.
pub fn value(text: &str) -> Option<u128> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u128::from_str_radix(hex, 16).ok();
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if text.len() == 17
        && let Some(mac) = Mac::parse(text)
    {
        return Some(of_mac(mac));
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(u128::from(ip.to_bits()));
    }
    text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
}

pub const fn of_mac(Mac(bytes): Mac) -> u128 {
    let mut value = 0;
    let mut index = 0;
    while index < 6 {
        value = value << 8 | bytes[index] as u128;
        index += 1;
    }
    value
}

#[expect(clippy::cast_possible_truncation, reason = "a MAC has 48 bits")]
pub const fn to_mac(value: u128) -> Mac {
    let mut bytes = [0; 6];
    let mut index = 0;
    while index < 6 {
        bytes[index] = (value >> (40 - 8 * index)) as u8;
        index += 1;
    }
    Mac(bytes)
}

/// Value and mask: `5`, `0x10/0xff`, `10.0.0.0/8`, `fe80::/10`.
pub fn masked(text: &str, width: u32) -> Option<(u128, u128)> {
    let Some((bits, mask)) = text.split_once('/') else {
        return Some((value(text)?, ones(width)));
    };
    let is_address = bits.contains('.') || (bits.contains(':') && bits.len() != 17) || bits.contains("::");
    let mask = match mask.parse::<u32>() {
        Ok(length) if is_address && length <= width => ones(width) & !ones(width - length),
        _ => value(mask)?,
    };
    Some((value(bits)? & mask, mask))
}
