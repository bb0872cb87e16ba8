//! Sets that rules of iptables ask.

use netdiag_lab::Random;

use super::{feed, port, prefix_or};
use crate::whole::draft::Draft;
use crate::whole::mutate::{prefix, someone};

pub(super) const SETS: [(&str, &str); 3] = [
    ("hosts", "hash:ip"),
    ("nets", "hash:net"),
    ("ports", "hash:ip,port"),
];

pub(super) fn sets(random: &mut Random, draft: &mut Draft, space: usize) {
    let family = if draft.v6 { "inet6" } else { "inet" };
    let mut lines = String::new();
    for (name, kind) in SETS {
        lines += &format!("create {name} {kind} family {family}\n");
        for _ in 0..random.below(5) {
            let ip = someone(random, draft);
            lines += &match kind {
                "hash:ip" => format!("add -exist {name} {ip}\n"),
                "hash:net" => {
                    let net = prefix(random, draft);
                    let nomatch = if random.percent(20) { " nomatch" } else { "" };
                    if net.ends_with("/0") {
                        continue;
                    }
                    format!("add -exist {name} {net}{nomatch}\n")
                }
                _ => format!(
                    "add -exist {name} {ip},{}:{}\n",
                    random.pick(&["tcp", "udp"]),
                    port(random)
                ),
            };
        }
    }
    if draft.wide {
        lines += &wide_sets(random, draft);
    }
    feed(draft, space, &["ipset", "restore"], lines);
}

pub(super) const WIDE_SETS: [(&str, &str, &str); 5] = [
    ("netports", "hash:net,port", "dst,dst"),
    ("triples", "hash:ip,port,ip", "src,dst,dst"),
    ("wide", "hash:ip,port,net", "src,dst,dst"),
    ("links", "hash:net,iface", "src,src"),
    ("numbers", "bitmap:port", "dst"),
];

fn wide_sets(random: &mut Random, draft: &Draft) -> String {
    let family = if draft.v6 { " family inet6" } else { " family inet" };
    let mut lines = String::new();
    for (name, kind, _) in WIDE_SETS {
        let options = if kind == "bitmap:port" {
            " range 0-9000"
        } else {
            family
        };
        lines += &format!("create {name} {kind}{options}\n");
        for _ in 0..random.below(4) {
            let (ip, other) = (someone(random, draft), someone(random, draft));
            let net = prefix_or(random, draft);
            let port = format!("{}:{}", random.pick(&["tcp", "udp"]), port(random));
            let nomatch = if random.percent(15) { " nomatch" } else { "" };
            lines += &match kind {
                "hash:net,port" => format!("add -exist {name} {net},{port}{nomatch}\n"),
                "hash:ip,port,ip" => format!("add -exist {name} {ip},{port},{other}\n"),
                "hash:net,iface" => format!(
                    "add -exist {name} {net},{}\n",
                    random.pick(&["eth0", "cni0", "lo"])
                ),
                "bitmap:port" => format!("add -exist {name} {}\n", self::port(random)),
                _ => format!("add -exist {name} {ip},{port},{net}{nomatch}\n"),
            };
        }
    }
    lines
}
