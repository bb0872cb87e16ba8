//! Tracked connections over nfnetlink (`include/uapi/linux/netfilter/nfnetlink_conntrack.h`).

use super::attr::{attributes, be16, be32, be64, ip, u8};
use super::socket::{Error, Socket};
use crate::state::conntrack::{Flow, FlowStatus, Icmp, Tuple};

const NETLINK_NETFILTER: isize = 12;
/// NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_GET.
const CT_GET: u16 = 1 << 8 | 1;
/// `struct nfgenmsg`: family, version, resource.
const GENERIC: [u8; 4] = [0; 4];

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_TIMEOUT: u16 = 7;
const CTA_MARK: u16 = 8;
const CTA_COUNTERS_ORIG: u16 = 9;
const CTA_COUNTERS_REPLY: u16 = 10;
const CTA_ZONE: u16 = 18;

/// The flows that are kept, and how many more there were.
pub(in crate::collect) struct Flows {
    pub(in crate::collect) kept: Vec<Flow>,
    pub(in crate::collect) omitted: u32,
}

/// Dumps the table of the thread's namespace. Beyond the bound, flows without an answer go before others.
pub(in crate::collect) fn flows(bound: usize) -> Result<Flows, Error> {
    let mut socket = Socket::open(NETLINK_NETFILTER)?;
    let (mut unreplied, mut total) = (Vec::new(), 0_u32);
    let mut kept = socket.dump(CT_GET, &GENERIC, |body, kept: &mut Vec<Flow>| {
        let Some(flow) = body.get(GENERIC.len()..).and_then(flow) else {
            return;
        };
        total = total.saturating_add(1);
        if kept.len() < bound {
            kept.push(flow);
        } else if flow.status.is_unreplied() && unreplied.len() < bound {
            unreplied.push(flow);
        }
    })?;
    if !unreplied.is_empty() {
        kept.sort_by_key(|flow| !flow.status.is_unreplied());
        let answered = kept.partition_point(|flow| flow.status.is_unreplied());
        unreplied.truncate(bound.saturating_sub(answered));
        kept.splice(answered..answered, unreplied);
        kept.truncate(bound);
    }
    let omitted = total.saturating_sub(u32::try_from(kept.len()).unwrap_or(u32::MAX));
    Ok(Flows { kept, omitted })
}

fn flow(body: &[u8]) -> Option<Flow> {
    let (mut original, mut reply) = (None, None);
    let mut counters = [(None, None); 2];
    let (mut status, mut timeout, mut mark, mut zone, mut state) = (0, None, 0, 0, None);
    for (kind, value) in attributes(body) {
        match kind {
            CTA_TUPLE_ORIG => original = tuple(value),
            CTA_TUPLE_REPLY => reply = tuple(value),
            CTA_STATUS => status = be32(value),
            CTA_PROTOINFO => state = protocol_state(value),
            CTA_TIMEOUT => timeout = Some(be32(value)),
            CTA_MARK => mark = be32(value),
            CTA_COUNTERS_ORIG => counters[0] = count(value),
            CTA_COUNTERS_REPLY => counters[1] = count(value),
            CTA_ZONE => zone = be16(value),
            _ => {}
        }
    }
    let ((proto, mut original), (_, mut reply)) = (original?, reply?);
    (original.packets, original.bytes) = counters[0];
    (reply.packets, reply.bytes) = counters[1];
    Some(Flow {
        proto,
        state: state.map(str::to_owned),
        original,
        reply,
        status: FlowStatus(status),
        timeout,
        mark,
        zone,
    })
}

/// CTA_COUNTERS_PACKETS and CTA_COUNTERS_BYTES.
fn count(value: &[u8]) -> (Option<u64>, Option<u64>) {
    let (mut packets, mut bytes) = (None, None);
    for (kind, value) in attributes(value) {
        match kind {
            1 => packets = Some(be64(value)),
            2 => bytes = Some(be64(value)),
            _ => {}
        }
    }
    (packets, bytes)
}

/// CTA_TUPLE_IP, CTA_TUPLE_PROTO and CTA_TUPLE_ZONE: the protocol's number, and the rest.
fn tuple(value: &[u8]) -> Option<(u8, Tuple)> {
    let (mut src, mut dst, mut zone) = (None, None, None);
    let (mut proto, mut sport, mut dport, mut icmp) = (0, None, None, None);
    for (kind, value) in attributes(value) {
        match kind {
            1 => {
                for (kind, value) in attributes(value) {
                    match kind {
                        // CTA_IP_V4_SRC, _DST, CTA_IP_V6_SRC, _DST.
                        1 | 3 => src = ip(value),
                        2 | 4 => dst = ip(value),
                        _ => {}
                    }
                }
            }
            2 => {
                for (kind, value) in attributes(value) {
                    match kind {
                        1 => proto = u8(value),
                        2 => sport = Some(be16(value)),
                        3 => dport = Some(be16(value)),
                        // CTA_PROTO_ICMP_ID, _TYPE, _CODE, and the same of ICMPv6.
                        4 | 7 => icmp.get_or_insert_with(Icmp::default).id = be16(value),
                        5 | 8 => icmp.get_or_insert_with(Icmp::default).kind = u8(value),
                        6 | 9 => icmp.get_or_insert_with(Icmp::default).code = u8(value),
                        _ => {}
                    }
                }
            }
            3 => zone = Some(be16(value)),
            _ => {}
        }
    }
    let tuple = Tuple {
        src: src?,
        dst: dst?,
        sport,
        dport,
        icmp,
        packets: None,
        bytes: None,
        zone,
    };
    Some((proto, tuple))
}

/// CTA_PROTOINFO_TCP, _DCCP and _SCTP, each with its state as the first attribute; the names are conntrack(8)'s.
fn protocol_state(value: &[u8]) -> Option<&'static str> {
    const TCP: [&str; 10] = [
        "NONE",
        "SYN_SENT",
        "SYN_RECV",
        "ESTABLISHED",
        "FIN_WAIT",
        "CLOSE_WAIT",
        "LAST_ACK",
        "TIME_WAIT",
        "CLOSE",
        "SYN_SENT2",
    ];
    const DCCP: [&str; 10] = [
        "NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE",
        "INVALID",
    ];
    const SCTP: [&str; 9] = [
        "NONE",
        "CLOSED",
        "COOKIE_WAIT",
        "COOKIE_ECHOED",
        "ESTABLISHED",
        "SHUTDOWN_SENT",
        "SHUTDOWN_RECD",
        "SHUTDOWN_ACK_SENT",
        "HEARTBEAT_SENT",
    ];
    attributes(value).find_map(|(proto, value)| {
        let names: &[&'static str] = match proto {
            1 => &TCP,
            2 => &DCCP,
            3 => &SCTP,
            _ => return None,
        };
        let number = attributes(value).find_map(|(kind, value)| (kind == 1).then(|| u8(value)))?;
        names.get(usize::from(number)).copied()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::attr::{push, push_nested};
    use super::*;

    fn list(entries: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in entries {
            push(&mut bytes, *kind, value);
        }
        bytes
    }

    fn half(src: [u8; 4], dst: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
        let [sport, dport] = ports.map(u16::to_be_bytes);
        let mut bytes = Vec::new();
        push_nested(&mut bytes, 1, &list(&[(1, &src), (2, &dst)]));
        push_nested(&mut bytes, 2, &list(&[(1, &[6]), (2, &sport), (3, &dport)]));
        bytes
    }

    fn whole() -> Vec<u8> {
        let mut body = Vec::new();
        push_nested(
            &mut body,
            CTA_TUPLE_ORIG,
            &half([10, 0, 0, 1], [10, 96, 0, 1], [4711, 443]),
        );
        push_nested(
            &mut body,
            CTA_TUPLE_REPLY,
            &half([10, 0, 1, 1], [10, 0, 0, 1], [6443, 4711]),
        );
        push(&mut body, CTA_STATUS, &0x1ae_u32.to_be_bytes());
        push(&mut body, CTA_TIMEOUT, &431_999_u32.to_be_bytes());
        push(&mut body, CTA_MARK, &0x4000_u32.to_be_bytes());
        push(&mut body, CTA_ZONE, &7_u16.to_be_bytes());
        push_nested(&mut body, CTA_PROTOINFO, &list(&[(1, &list(&[(1, &[3])]))]));
        push_nested(
            &mut body,
            CTA_COUNTERS_ORIG,
            &list(&[(1, &9_u64.to_be_bytes()), (2, &900_u64.to_be_bytes())]),
        );
        body
    }

    #[test]
    fn a_flow_is_decoded() {
        let flow = flow(&whole()).unwrap();
        assert_eq!((flow.proto, flow.state.as_deref()), (6, Some("ESTABLISHED")));
        assert_eq!((flow.original.dport, flow.reply.sport), (Some(443), Some(6443)));
        assert!(flow.is_dnat() && !flow.is_snat() && flow.status.has(FlowStatus::DST_NAT));
        assert_eq!((flow.timeout, flow.mark, flow.zone), (Some(431_999), 0x4000, 7));
        assert_eq!((flow.original.packets, flow.reply.bytes), (Some(9), None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let _ = flow(&bytes);
            let whole = whole();
            let _ = flow(&whole[..cut.min(whole.len())]);
        }
    }
}
