//! Tracked connections as text: `/proc/net/nf_conntrack` and `conntrack -L` (with or without `-o extended`).

use std::net::IpAddr;

use super::{ParseError, excerpt};
use crate::state::conntrack::{Flow, FlowStatus, Icmp, Tuple};

/// Reads all entries. What the text doesn't show of a flow's status is told from its tuples: translated addresses.
///
/// # Errors
/// Names the first line that is no entry; the summary line of conntrack(8) is passed over.
pub fn conntrack(text: &str) -> Result<Vec<Flow>, ParseError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with("conntrack v"))
        .map(|(index, line)| {
            flow(line).ok_or_else(|| {
                ParseError::new(
                    index + 1,
                    format!("not a tracked connection: {:?}", excerpt(line)),
                )
            })
        })
        .collect()
}

/// A tuple while it is read.
#[derive(Default)]
struct Half {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    icmp: Option<Icmp>,
    packets: Option<u64>,
    bytes: Option<u64>,
}

impl Half {
    fn tuple(self, zone: Option<u16>) -> Option<Tuple> {
        Some(Tuple {
            src: self.src?,
            dst: self.dst?,
            sport: self.sport,
            dport: self.dport,
            icmp: self.icmp,
            packets: self.packets,
            bytes: self.bytes,
            zone,
        })
    }
}

fn flow(line: &str) -> Option<Flow> {
    let mut words = line.split_whitespace().peekable();
    // Of which family: `ipv4 2`.
    if matches!(words.peek(), Some(&("ipv4" | "ipv6"))) {
        words.nth(1)?;
    }
    let _name = words.next()?;
    let proto = words.next()?.parse().ok()?;
    let timeout = words.peek().and_then(|word| word.parse().ok());
    if timeout.is_some() {
        words.next();
    }
    let state = words
        .next_if(|word| !word.contains(['=', '[']))
        .map(str::to_owned);
    let (mut halves, mut half) = ([Half::default(), Half::default()], 0);
    let mut status = FlowStatus::CONFIRMED | FlowStatus::SEEN_REPLY;
    let (mut mark, mut zone, mut zones) = (0, 0, [None, None]);
    for word in words {
        match word {
            "[UNREPLIED]" => status = FlowStatus(status.0 & !FlowStatus::SEEN_REPLY.0),
            "[ASSURED]" => status = status | FlowStatus::ASSURED,
            "[OFFLOAD]" => status = status | FlowStatus::OFFLOAD,
            "[HW_OFFLOAD]" => status = status | FlowStatus::OFFLOAD | FlowStatus::HW_OFFLOAD,
            _ => {}
        }
        let Some((key, value)) = word.split_once('=') else {
            continue;
        };
        if key == "src" && halves[half].src.is_some() {
            half = 1;
        }
        let now = &mut halves[half];
        match key {
            "src" => now.src = Some(value.parse().ok()?),
            "dst" => now.dst = Some(value.parse().ok()?),
            "sport" => now.sport = Some(value.parse().ok()?),
            "dport" => now.dport = Some(value.parse().ok()?),
            "type" => now.icmp.get_or_insert_default().kind = value.parse().ok()?,
            "code" => now.icmp.get_or_insert_default().code = value.parse().ok()?,
            "id" if now.icmp.is_some() => now.icmp.get_or_insert_default().id = value.parse().ok()?,
            "packets" => now.packets = Some(value.parse().ok()?),
            "bytes" => now.bytes = Some(value.parse().ok()?),
            "mark" => mark = value.parse().ok()?,
            "zone" => zone = value.parse().ok()?,
            "zone-orig" => zones[0] = Some(value.parse().ok()?),
            "zone-reply" => zones[1] = Some(value.parse().ok()?),
            _ => {}
        }
    }
    let [original, reply] = halves;
    let mut flow = Flow {
        proto,
        state,
        original: original.tuple(zones[0])?,
        reply: reply.tuple(zones[1])?,
        status,
        timeout,
        mark,
        zone,
    };
    if flow.is_dnat() {
        flow.status = flow.status | FlowStatus::DST_NAT;
    }
    if flow.is_snat() {
        flow.status = flow.status | FlowStatus::SRC_NAT;
    }
    Some(flow)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROC: &str = "\
ipv4     2 tcp      6 117 TIME_WAIT src=192.168.60.11 dst=192.168.60.11 sport=33906 dport=8080 src=172.17.0.2 dst=192.168.60.11 sport=80 dport=33906 [ASSURED] mark=0 use=1
ipv4     2 unknown  2 591 src=172.17.0.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=172.17.0.1 mark=0 use=1
ipv4     2 icmp     1 27 src=172.17.0.2 dst=192.168.60.100 type=8 code=0 id=70 src=192.168.60.100 dst=192.168.60.11 type=0 code=0 id=70 mark=16384 use=1
ipv6     10 udp      17 13 src=fd00::2 dst=fd00::53 sport=38947 dport=53 packets=1 bytes=60 [UNREPLIED] src=fd00::53 dst=fd00::2 sport=53 dport=38947 packets=0 bytes=0 mark=0 zone=7 use=2
";

    #[test]
    fn the_kernels_text_is_read() {
        let flows = conntrack(PROC).unwrap();
        assert_eq!(flows[0].state.as_deref(), Some("TIME_WAIT"));
        assert_eq!((flows[0].proto, flows[0].timeout), (6, Some(117)));
        assert!(flows[0].is_dnat() && !flows[0].is_snat());
        assert!(
            flows[0]
                .status
                .has(FlowStatus::ASSURED | FlowStatus::SEEN_REPLY | FlowStatus::DST_NAT)
        );
        assert_eq!((flows[1].proto, flows[1].status.is_unreplied()), (2, true));
        assert!(flows[2].is_snat() && !flows[2].is_dnat());
        assert_eq!(
            flows[2].original.icmp,
            Some(Icmp {
                kind: 8,
                code: 0,
                id: 70
            })
        );
        assert_eq!((flows[2].mark, flows[3].zone), (16384, 7));
        assert_eq!(flows[3].original.bytes, Some(60));
    }

    #[test]
    fn the_tools_text_is_read_with_zones_and_offload() {
        let text = "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 zone-orig=3 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED] mark=5 use=1\n\
            udp      17 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [OFFLOAD] mark=0 use=2\n\
            conntrack v1.4.8 (conntrack-tools): 2 flow entries have been shown.\n";
        let flows = conntrack(text).unwrap();
        assert_eq!((flows[0].original.zone, flows[0].reply.zone), (Some(3), None));
        assert_eq!((flows[1].timeout, &flows[1].state), (None, &None));
        assert!(flows[1].status.has(FlowStatus::OFFLOAD));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = conntrack(&format!("{PROC}nonsense\n")).unwrap_err();
        assert_eq!(error.line, 5);
        assert!(conntrack("tcp 6 1 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", line in "(tcp|ipv4 2|6|src=1.1.1.1|dst=::1|sport=[0-9]{1,6}|id=1|\\[ASSURED\\]| ){0,20}") {
            let _ = conntrack(&text);
            let _ = conntrack(&line);
        }
    }
}
