//! Texts of ovs-vswitchd: flows as `bridge/dump-flows` (`ofproto/ofproto.c`) and `ovs-ofctl dump-flows` print them, and the
//! table of `fdb/show`.

use std::collections::BTreeMap;

use super::{ParseError, excerpt};
use crate::state::ovs::{Bucket, Flow, Group, Learned};

/// What a rule without `priority=` has (OFP_DEFAULT_PRIORITY).
const DEFAULT_PRIORITY: u32 = 32_768;

/// Reads a dump of flows. Lines without `actions=` (the head of a reply) are passed over.
///
/// # Errors
/// Names the line whose numbers are none.
pub fn flows(text: &str) -> Result<Vec<Flow>, ParseError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.contains("actions="))
        .map(|(index, line)| {
            flow(line.trim())
                .ok_or_else(|| ParseError::new(index + 1, format!("not a flow: {:?}", excerpt(line))))
        })
        .collect()
}

/// ` cookie=0x0, duration=1.0s, table=0, n_packets=5, n_bytes=4, priority=100,ip,nw_dst=10.0.0.1 actions=output:2`
fn flow(line: &str) -> Option<Flow> {
    let (head, actions) = line.split_once("actions=")?;
    let mut flow = Flow {
        text: line.to_owned(),
        priority: DEFAULT_PRIORITY,
        actions: parts(actions).into_iter().map(str::to_owned).collect(),
        ..Flow::default()
    };
    let mut matches = BTreeMap::new();
    for part in parts(head) {
        // The match stands behind a blank: ` priority=5,ip `.
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "cookie" => flow.cookie = Some(number(value)?),
            "table" | "table_id" => flow.table = value.parse().ok()?,
            "priority" => flow.priority = value.parse().ok()?,
            "n_packets" => flow.packets = value.parse().ok()?,
            "n_bytes" => flow.bytes = value.parse().ok()?,
            // Timers, and how the rule came to be.
            "duration" | "idle_age" | "hard_age" | "idle_timeout" | "hard_timeout" | "importance"
            | "send_flow_rem" | "check_overlap" | "reset_counts" | "no_packet_counts" | "no_byte_counts"
            | "offloaded" => {}
            _ => _ = matches.insert(name.to_owned(), value.to_owned()),
        }
    }
    flow.matches = matches;
    Some(flow)
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Splits at commas and blanks outside of brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (c == ',' || c.is_whitespace())
    })
    .filter(|part| !part.is_empty())
    .collect()
}

/// Reads a dump of groups (`ovs-ofctl dump-groups`). Lines without `group_id=` are passed over.
///
/// # Errors
/// Names the line whose numbers are none.
pub fn groups(text: &str) -> Result<Vec<Group>, ParseError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("group_id="))
        .map(|(index, line)| {
            group(line.trim())
                .ok_or_else(|| ParseError::new(index + 1, format!("not a group: {:?}", excerpt(line))))
        })
        .collect()
}

/// `group_id=1,type=select,bucket=bucket_id:0,weight:100,watch_port:2,actions=output:1,output:2,bucket=…`
fn group(line: &str) -> Option<Group> {
    let mut group = Group::default();
    let mut in_actions = false;
    for part in parts(line) {
        let bucket = group.buckets.last_mut();
        match part.split_once(['=', ':']) {
            Some(("bucket", first)) => {
                in_actions = false;
                group.buckets.push(Bucket {
                    weight: 1,
                    actions: first
                        .strip_prefix("actions=")
                        .map(str::to_owned)
                        .into_iter()
                        .collect(),
                    ..Bucket::default()
                });
                in_actions |= first.starts_with("actions=");
            }
            Some(("group_id", id)) => group.id = number(id)?.try_into().ok()?,
            Some(("type", kind)) => kind.clone_into(&mut group.kind),
            Some(("actions", first)) => {
                in_actions = true;
                bucket?.actions.push(first.to_owned());
            }
            Some(("weight", weight)) if !in_actions => bucket?.weight = weight.parse().ok()?,
            Some(("watch_port", port)) if !in_actions => bucket?.watch_port = Some(port.to_owned()),
            _ if in_actions => bucket?.actions.push(part.to_owned()),
            // Identifiers of buckets, methods of selection.
            _ => {}
        }
    }
    Some(group)
}

/// Reads the table of `fdb/show`.
///
/// # Errors
/// Names the first row that is none.
pub fn fdb(text: &str) -> Result<Vec<Learned>, ParseError> {
    text.lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            learned(line)
                .ok_or_else(|| ParseError::new(index + 1, format!("not an entry: {:?}", excerpt(line))))
        })
        .collect()
}

/// `    1     0  be:77:e6:56:df:7f    1`; the age of a static entry is `static`.
fn learned(line: &str) -> Option<Learned> {
    let mut words = line.split_whitespace();
    Some(Learned {
        port: words.next()?.to_owned(),
        vlan: words.next()?.parse().ok()?,
        mac: words.next().filter(|mac| mac.len() == 17)?.to_owned(),
        age: words.next()?.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_dumps_of_a_flow_give_the_same() {
        let ofctl = "NXST_FLOW reply (xid=0x4):\n cookie=0x2a, duration=1.079s, table=3, n_packets=53, n_bytes=4578, \
            idle_age=0, priority=100,ip,nw_dst=10.1.0.0/16,tun_id=0x7 \
            actions=load:0x1->NXM_NX_REG0[],ct(commit,zone=1,exec(load:0x1->NXM_NX_CT_MARK[])),resubmit(,4),output:2\n";
        let appctl = "table_id=3, duration=1s, n_packets=53, n_bytes=4578, priority=100,ip,tun_id=0x7,nw_dst=10.1.0.0/16,\
            actions=load:0x1->NXM_NX_REG0[],ct(commit,zone=1,exec(load:0x1->NXM_NX_CT_MARK[])),resubmit(,4),output:2\n";
        let (one, other) = (flows(ofctl).unwrap().remove(0), flows(appctl).unwrap().remove(0));
        assert_eq!((one.cookie, other.cookie), (Some(42), None));
        for flow in [&one, &other] {
            assert_eq!(
                (flow.table, flow.priority, flow.packets, flow.bytes),
                (3, 100, 53, 4578)
            );
            assert_eq!(flow.matches["nw_dst"], "10.1.0.0/16");
            assert_eq!(flow.matches["ip"], "");
            assert_eq!(flow.matches.len(), 3);
            assert_eq!(flow.actions.len(), 4);
            assert_eq!(flow.actions[3], "output:2");
        }
    }

    #[test]
    fn a_flow_that_matches_all_has_no_match_and_the_default_priority() {
        let flow = flows("duration=1s, n_packets=0, n_bytes=0, actions=drop")
            .unwrap()
            .remove(0);
        assert_eq!((flow.priority, flow.matches.len()), (32_768, 0));
        assert_eq!(flow.actions, ["drop"]);
        assert!(!flow.is_hidden());
        assert!(flows("n_packets=x actions=drop").is_err());
    }

    #[test]
    fn learned_addresses_are_read_with_port_vlan_and_age() {
        let text = " port  VLAN  MAC                Age\nLOCAL     0  e2:0a:04:e9:38:40    1\n    2    10  be:77:e6:56:df:7f  static\n";
        let fdb = fdb(text).unwrap();
        assert_eq!((fdb[0].port.as_str(), fdb[0].age), ("LOCAL", Some(1)));
        assert_eq!((fdb[1].vlan, fdb[1].age), (10, None));
        assert!(super::fdb("head\nnonsense").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(actions=|priority=|table=|,| |\\(|\\)|0x|[a-z0-9])*\\PC{0,5}") {
            for text in [&text, &like] {
                let _ = flows(&format!("{text} actions={text}"));
                let _ = flows(text);
                let _ = fdb(&format!("head\n{text}"));
            }
        }
    }
}
