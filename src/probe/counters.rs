//! The kernel's own counters of packets that it threw away, by namespace (`/proc/net/snmp`, `/proc/net/netstat`).

use std::collections::BTreeMap;
use std::fs;

/// Counters that tell of a loss, with what each one means.
const LOSSES: [(&str, &str); 22] = [
    ("Ip.InHdrErrors", "headers were wrong, or TTL ran out"),
    ("Ip.InAddrErrors", "it was for an address that isn't this host's"),
    ("Ip.InUnknownProtos", "nobody takes its protocol"),
    ("Ip.InDiscards", "taken in and thrown away"),
    (
        "Ip.OutDiscards",
        "to be sent and thrown away: a rule, or a queue that is full",
    ),
    ("Ip.OutNoRoutes", "there is no route"),
    ("Ip.ReasmFails", "fragments did not make a packet"),
    ("Ip.FragFails", "too large for the link, and not to be fragmented"),
    ("IpExt.InNoRoutes", "it came in, and there is no route on"),
    ("IpExt.InTruncatedPkts", "shorter than its header says"),
    ("IpExt.InCsumErrors", "a checksum of IP was wrong"),
    ("Icmp.OutDestUnreachs", "this host said that it can't be reached"),
    ("Icmp.OutTimeExcds", "this host said that TTL ran out"),
    ("Icmp.InCsumErrors", "a checksum of ICMP was wrong"),
    ("Tcp.InErrs", "segments of TCP that were wrong"),
    ("Tcp.InCsumErrors", "a checksum of TCP was wrong"),
    ("Tcp.OutRsts", "this host sent a reset"),
    ("TcpExt.ListenDrops", "a listening socket had no room"),
    (
        "TcpExt.IPReversePathFilter",
        "the way back to the sender is by another link (rp_filter)",
    ),
    ("Udp.NoPorts", "nobody listens on the port"),
    ("Udp.InErrors", "datagrams that were not taken"),
    ("Udp.InCsumErrors", "a checksum of UDP was wrong"),
];

/// Counters of a namespace at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

/// A counter that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// As nstat(8) calls it, with a dot.
    pub name: &'static str,
    pub by: u64,
    pub meaning: &'static str,
}

impl Counters {
    /// Those of the namespace that the thread is in; empty when they can't be read.
    pub fn read() -> Self {
        let text =
            |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
        let mut counters = Self::default();
        counters.add(&text("snmp"));
        counters.add(&text("netstat"));
        counters
    }

    /// Two lines a protocol: names, and numbers.
    fn add(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.chunks(2) {
            let [names, numbers] = pair else { continue };
            let Some((protocol, names)) = names.split_once(':') else {
                continue;
            };
            let numbers = numbers.split_once(':').map_or("", |(_, numbers)| numbers);
            for (name, number) in names.split_whitespace().zip(numbers.split_whitespace()) {
                if let Ok(number) = number.parse() {
                    self.0.insert(format!("{protocol}.{name}"), number);
                }
            }
        }
    }

    /// What was lost since an earlier moment, as far as the kernel counts it.
    pub fn since(&self, before: &Self) -> Vec<Moved> {
        LOSSES
            .into_iter()
            .filter_map(|(name, meaning)| {
                let by = self.0.get(name)?.checked_sub(*before.0.get(name)?)?;
                (by > 0).then_some(Moved { name, by, meaning })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_stand_below_each_other() {
        let mut before = Counters::default();
        before.add(
            "Ip: Forwarding InDiscards\nIp: 1 7\nTcpExt: ListenDrops IPReversePathFilter\nTcpExt: 0 4\n",
        );
        let mut after = Counters::default();
        after.add(
            "Ip: Forwarding InDiscards\nIp: 2 7\nTcpExt: ListenDrops IPReversePathFilter\nTcpExt: 0 9\n",
        );
        let moved: Vec<_> = after
            .since(&before)
            .into_iter()
            .map(|moved| (moved.name, moved.by))
            .collect();
        assert_eq!(moved, [("TcpExt.IPReversePathFilter", 5)]);
    }

    #[test]
    fn what_is_cut_off_is_no_counter() {
        let mut counters = Counters::default();
        counters.add("Ip: InDiscards\n");
        counters.add("Ip: InDiscards\nIp: many");
        counters.add("nothing");
        assert_eq!(counters, Counters::default());
    }
}
