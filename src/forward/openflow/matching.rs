//! What a rule asks of a packet (`ovs-fields(7)`; `match_format` of `lib/match.c` prints it).

use std::collections::BTreeMap;

use super::field::{self, Key, Span, TAGGED, Word};
use super::port_number;

/// Whether a rule is for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// It depends on what can't be known.
    Maybe,
}

/// One condition: these bits of a field have this value.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    span: Span,
    value: u128,
    mask: u128,
}

/// All conditions of a rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Match {
    conditions: Vec<Condition>,
    /// Conditions that aren't understood.
    pub(super) unknown: Vec<String>,
}

const STATES: [&str; 8] = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
const FLAGS: [&str; 9] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"];

impl Match {
    /// Reads a rule's match; `port` finds a port's number by its name.
    pub(super) fn new(texts: &BTreeMap<String, String>, port: &impl Fn(&str) -> Option<u32>) -> Self {
        let mut found = Self::default();
        for (name, text) in texts {
            if !found.add(name, text, port) {
                let text = if text.is_empty() {
                    name.clone()
                } else {
                    format!("{name}={text}")
                };
                found.unknown.push(text);
            }
        }
        found
    }

    /// Whether the packet has what is asked for. Conditions that aren't understood make it a maybe at best.
    pub(super) fn fits(&self, key: &Key) -> Fit {
        let mut fit = if self.unknown.is_empty() {
            Fit::Yes
        } else {
            Fit::Maybe
        };
        for condition in &self.conditions {
            let (value, unknown) = key.read(&condition.span);
            if (value ^ condition.value) & condition.mask & !unknown != 0 {
                return Fit::No;
            }
            if unknown & condition.mask != 0 {
                fit = Fit::Maybe;
            }
        }
        fit
    }

    /// Takes for true what the match asks for.
    pub(super) fn assume(&self, key: &mut Key) {
        for condition in &self.conditions {
            let (_, unknown) = key.read(&condition.span);
            key.put(&condition.span, condition.value, unknown & condition.mask, 0);
        }
    }

    /// The identifier of the conjunction that it is the last part of.
    pub(super) fn conjunction(&self) -> Option<u128> {
        let span = field::named("conj_id")?;
        let of_id = |condition: &&Condition| condition.span == span;
        Some(self.conditions.iter().find(of_id)?.value)
    }

    fn word(&mut self, word: Word, value: u128) -> bool {
        let name = match word {
            Word::PROTO => "nw_proto",
            _ => "eth_type",
        };
        field::named(name).is_some_and(|span| {
            self.conditions.push(Condition {
                span,
                value,
                mask: field::ones(span.width()),
            });
            true
        })
    }

    fn is(&mut self, kind: u128, proto: Option<u128>) -> bool {
        self.word(Word::ETH_TYPE, kind) && proto.is_none_or(|proto| self.word(Word::PROTO, proto))
    }

    fn add(&mut self, name: &str, text: &str, port: &impl Fn(&str) -> Option<u32>) -> bool {
        if text.is_empty() {
            return self.protocol(name);
        }
        let Some((span, value, mask)) = condition(name, text, port) else {
            return false;
        };
        self.conditions.push(Condition { span, value, mask });
        true
    }

    /// `tcp`, `arp`, …
    fn protocol(&mut self, name: &str) -> bool {
        let (v4, v6) = (0x0800, 0x86dd);
        match name {
            "ip" => self.is(v4, None),
            "ipv6" => self.is(v6, None),
            "icmp" => self.is(v4, Some(1)),
            "icmp6" => self.is(v6, Some(58)),
            "tcp" => self.is(v4, Some(6)),
            "tcp6" => self.is(v6, Some(6)),
            "udp" => self.is(v4, Some(17)),
            "udp6" => self.is(v6, Some(17)),
            "sctp" => self.is(v4, Some(132)),
            "sctp6" => self.is(v6, Some(132)),
            "arp" => self.is(0x0806, None),
            "rarp" => self.is(0x8035, None),
            "mpls" => self.is(0x8847, None),
            "mplsm" => self.is(0x8848, None),
            // Ethernet frames, which all are.
            "eth" => true,
            _ => false,
        }
    }
}

fn condition(name: &str, text: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<(Span, u128, u128)> {
    let exact = |span: Span, value: u128| Some((span, value, field::ones(span.width())));
    match name {
        "in_port" => exact(field::named(name)?, port_number(text, port)?.into()),
        "dl_vlan" => {
            let span = field::named("vlan_tci")?;
            match field::value(text)? {
                0xffff => Some((span, 0, TAGGED)),
                vid => Some((span, TAGGED | vid, TAGGED | 0xfff)),
            }
        }
        "dl_vlan_pcp" => {
            let span = field::named("vlan_tci")?;
            Some((span, TAGGED | field::value(text)? << 13, TAGGED | 0xe000))
        }
        // Of the second byte only these bits are the class of service.
        "nw_tos" => Some((field::named(name)?, field::value(text)?, 0xfc)),
        "nw_frag" | "ip_frag" => {
            let span = field::named(name)?;
            let (value, mask) = match text {
                "no" => (0, 3),
                "yes" => (1, 1),
                "first" => (1, 3),
                "later" => (3, 3),
                "not_later" => (0, 2),
                _ => return None,
            };
            Some((span, value, mask))
        }
        "ct_state" => flags(name, text, &STATES),
        "tcp_flags" => flags(name, text, &FLAGS),
        // Also those of IPv6 and of SCTP print so.
        "icmp_type" | "icmp_code" => {
            let span = field::named(if name == "icmp_type" { "tp_src" } else { "tp_dst" })?;
            let (value, mask) = field::masked(text, 8)?;
            Some((span, value, mask | 0xff00))
        }
        "vlan_tci1" | "tun_gbp_id" | "tun_flags" | "tun_ttl" | "tun_tos" | "skb_priority"
        | "actset_output" | "recirc_id" => None,
        _ => {
            let span = field::named(name)?;
            let (value, mask) = field::masked(text, span.width())?;
            Some((span, value, mask))
        }
    }
}

/// `+trk+est-new`, or numbers.
fn flags(name: &str, text: &str, names: &[&str]) -> Option<(Span, u128, u128)> {
    let span = field::named(name)?;
    if !text.starts_with(['+', '-']) {
        let (value, mask) = field::masked(text, span.width())?;
        return Some((span, value, mask));
    }
    let (mut value, mut mask) = (0, 0);
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let end = rest[1..].find(['+', '-']).map_or(rest.len(), |end| end + 1);
        let bit = names.iter().position(|name| *name == &rest[1..end])?;
        mask |= 1 << bit;
        if sign == '+' {
            value |= 1 << bit;
        }
        rest = &rest[end..];
    }
    Some((span, value, mask))
}
