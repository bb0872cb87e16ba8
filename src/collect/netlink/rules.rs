//! Policy rules (ip-rule(8), RTM_GETRULE; `include/uapi/linux/fib_rules.h`).

use std::net::IpAddr;

use ipnet::IpNet;

use super::attr::{attributes, be64, flag, ip, text, u8, u16, u32};
use super::socket::{Error, Socket};
use super::uapi::{
    AF_INET6, FIB_RULE_INVERT, FR_ACT_BLACKHOLE, FR_ACT_GOTO, FR_ACT_NOP, FR_ACT_PROHIBIT, FR_ACT_TO_TBL,
    FR_ACT_UNREACHABLE, FRA_DPORT_RANGE, FRA_DST, FRA_FWMARK, FRA_FWMASK, FRA_GOTO, FRA_IIFNAME,
    FRA_IP_PROTO, FRA_L3MDEV, FRA_OIFNAME, FRA_PRIORITY, FRA_PROTOCOL, FRA_SPORT_RANGE, FRA_SRC,
    FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_TUN_ID, FRA_UID_RANGE, RTM_GETRULE,
};
use super::{both_families, is_family};
use crate::state::route::{RouteProtocol, TableId};
use crate::state::rule::{PolicyRule, RuleAction};

/// `struct fib_rule_hdr`: family, lengths of destination and source, TOS, table, two reserved, action, flags.
const HEADER: usize = 12;

/// The rules in the order in which they are tried: IPv4, then IPv6.
pub(super) fn read(socket: &mut Socket) -> Result<Vec<PolicyRule>, Error> {
    both_families(|family| {
        let mut request = [0; HEADER];
        request[0] = family;
        socket.dump(RTM_GETRULE, &request, |message, rules| {
            rules.extend(is_family(message, family).then(|| rule(message)).flatten());
        })
    })
}

fn rule(message: &[u8]) -> Option<PolicyRule> {
    let (header, list) = message.split_at_checked(HEADER)?;
    let mut rule = PolicyRule {
        v6: header[0] == AF_INET6,
        priority: 0,
        invert: u32(&header[8..]) & FIB_RULE_INVERT != 0,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        fwmark: None,
        tos: header[3],
        ipproto: None,
        sport: None,
        dport: None,
        uid: None,
        tun_id: None,
        action: RuleAction::Nop,
        suppress_prefix_len: None,
        suppress_group: None,
        proto: None,
    };
    let (mut table, mut goto, mut l3mdev) = (u32::from(header[4]), 0, false);
    let (mut mark, mut mask) = (None, None);
    for (kind, value) in attributes(list) {
        match kind {
            FRA_PRIORITY => rule.priority = u32(value),
            FRA_DST => rule.dst = prefix(ip(value), header[1]),
            FRA_SRC => rule.src = prefix(ip(value), header[2]),
            FRA_IIFNAME => rule.iif = Some(text(value)),
            FRA_OIFNAME => rule.oif = Some(text(value)),
            FRA_FWMARK => mark = Some(u32(value)),
            FRA_FWMASK => mask = Some(u32(value)),
            FRA_IP_PROTO => rule.ipproto = Some(u8(value)),
            FRA_SPORT_RANGE => rule.sport = Some((u16(value), u16(upper(value, 2)))),
            FRA_DPORT_RANGE => rule.dport = Some((u16(value), u16(upper(value, 2)))),
            FRA_UID_RANGE => rule.uid = Some((u32(value), u32(upper(value, 4)))),
            FRA_TUN_ID => rule.tun_id = Some(be64(value)),
            FRA_SUPPRESS_PREFIXLEN => rule.suppress_prefix_len = unless_none(u32(value)),
            FRA_SUPPRESS_IFGROUP => rule.suppress_group = unless_none(u32(value)),
            FRA_PROTOCOL => rule.proto = Some(RouteProtocol(u8(value))),
            FRA_TABLE => table = u32(value),
            FRA_GOTO => goto = u32(value),
            FRA_L3MDEV => l3mdev = flag(value),
            _ => {}
        }
    }
    // Either is left out where it is 0; a mask of 0 never goes with a mark.
    rule.fwmark = (mark.is_some() || mask.is_some()).then(|| (mark.unwrap_or(0), mask.unwrap_or(u32::MAX)));
    rule.action = match header[7] {
        FR_ACT_TO_TBL if l3mdev => RuleAction::L3mdev,
        FR_ACT_TO_TBL => RuleAction::Lookup(TableId(table)),
        FR_ACT_GOTO => RuleAction::Goto(goto),
        FR_ACT_NOP => RuleAction::Nop,
        FR_ACT_BLACKHOLE => RuleAction::Blackhole,
        FR_ACT_UNREACHABLE => RuleAction::Unreachable,
        FR_ACT_PROHIBIT => RuleAction::Prohibit,
        other => RuleAction::Other(other),
    };
    Some(rule)
}

/// A selector; none where it selects all.
fn prefix(ip: Option<IpAddr>, length: u8) -> Option<IpNet> {
    IpNet::new(ip?, length).ok().filter(|net| net.prefix_len() > 0)
}

/// The second of two numbers.
fn upper(value: &[u8], at: usize) -> &[u8] {
    value.get(at..).unwrap_or_default()
}

/// -1 is the kernel's none.
fn unless_none(value: u32) -> Option<u32> {
    Some(value).filter(|value| *value != u32::MAX)
}
