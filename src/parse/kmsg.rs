//! Records of `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`), and which of them say something about networks.

use crate::state::kernel::{KernelMessage, KernelTopic};

/// How much of a line is kept.
const LENGTH: usize = 300;

/// Programs whose death for lack of memory matters to networks.
const DAEMONS: [&str; 18] = [
    "bird",
    "bird6",
    "calico-",
    "confd",
    "felix",
    "flanneld",
    "dockerd",
    "containerd",
    "kubelet",
    "kube-proxy",
    "cilium-agent",
    "ovs-vswitchd",
    "ovsdb-server",
    "zebra",
    "bgpd",
    "ripd",
    "coredns",
    "k3s",
];

/// Reads one record, `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT`; none when it is about something else.
pub fn record(record: &str) -> Option<KernelMessage> {
    let (prefix, text) = record.split_once(';')?;
    let text = text.lines().next()?.trim();
    let topic = topic(text)?;
    let mut fields = prefix.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let microseconds: u64 = fields.nth(1)?.parse().ok()?;
    Some(KernelMessage {
        at: microseconds / 1_000_000,
        times: 1,
        // The lower three bits; the others are the facility.
        level: u8::try_from(priority & 7).ok()?,
        topic,
        text: text.chars().take(LENGTH).collect(),
    })
}

/// What a line is about, if it is about networks.
pub fn topic(text: &str) -> Option<KernelTopic> {
    // ASCII only: the kernel's own words are.
    let lower = text.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    Some(if has("nf_conntrack") && has("table full") {
        KernelTopic::ConntrackFull
    } else if has("neighbor table overflow") || has("neighbour table overflow") {
        KernelTopic::NeighborOverflow
    } else if has("martian ") {
        KernelTopic::Martian
    } else if has("bad checksum") || has("bad cksum") || has("hw csum failure") {
        KernelTopic::Checksum
    } else if has("own address as source address") {
        KernelTopic::OwnAddress
    } else if has("unregister_netdevice: waiting for") {
        KernelTopic::Stuck
    } else if has("syn flooding")
        || has("md5 hash")
        || has("tcp: out of memory")
        || has("tcp: too many orphaned")
    {
        KernelTopic::Tcp
    } else if has("out of memory: killed process") || has("oom_reaper") || has("killed process") {
        let killed = lower.split(['(', ')', ' ', ',']).any(|word| {
            DAEMONS
                .iter()
                .any(|daemon| word == *daemon || daemon.ends_with('-') && word.starts_with(daemon))
        });
        return killed.then_some(KernelTopic::OutOfMemory);
    } else if has("vxlan") {
        KernelTopic::Vxlan
    } else if has("link is down")
        || has("link is up")
        || has("link becomes ready")
        || has("link is not ready")
    {
        KernelTopic::Link
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_about_networks_are_kept_and_others_are_not() {
        let line =
            "4,1234,5678901234,-;nf_conntrack: nf_conntrack: table full, dropping packet\n SUBSYSTEM=net\n";
        let message = record(line).unwrap();
        assert_eq!(
            (message.at, message.level, message.topic),
            (5678, 4, KernelTopic::ConntrackFull)
        );
        assert_eq!(
            message.text,
            "nf_conntrack: nf_conntrack: table full, dropping packet"
        );
        for (text, expected) in [
            (
                "neighbour: arp_cache: neighbor table overflow!",
                Some(KernelTopic::NeighborOverflow),
            ),
            (
                "IPv4: martian source 10.0.0.1 from 10.0.0.2, on dev eth0",
                Some(KernelTopic::Martian),
            ),
            (
                "UDP: bad checksum. From 10.0.0.1:4789 to 10.0.0.2:4789 ulen 100",
                Some(KernelTopic::Checksum),
            ),
            ("e1000e: eth0 NIC Link is Down", Some(KernelTopic::Link)),
            (
                "Out of memory: Killed process 77 (calico-node) total-vm:1kB",
                Some(KernelTopic::OutOfMemory),
            ),
            ("Out of memory: Killed process 78 (java) total-vm:1kB", None),
            ("EXT4-fs (vda1): mounted filesystem", None),
        ] {
            assert_eq!(topic(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", head in "[0-9,]{0,40}") {
            let _ = record(&text);
            let _ = record(&format!("{head};link is down {text}"));
        }
    }
}
