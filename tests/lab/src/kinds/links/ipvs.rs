//! Services as kube-proxy makes them with IPVS: `kube-ipvs0` has their addresses, IPVS hands connections on.

use super::{Draft, System, joined};
use crate::unpacked;

/// The rules that masquerade what doesn't come from pods.
const RULES: &str = "ipset create KUBE-CLUSTER-IP hash:ip,port
ipset add KUBE-CLUSTER-IP 10.96.0.10,tcp:80
iptables-restore <<'END'
*nat
:KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-SERVICES ! -s 10.9.0.0/16 -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ
-A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
COMMIT
END
";

pub(super) fn labs() -> Vec<System> {
    // Without it the networks can't be; that is said when they come up.
    let tool = unpacked("ipvsadm", "sbin/ipvsadm").unwrap_or_else(|_| "ipvsadm".into());
    let sh = |script: &str| script.replace("ipvsadm", &tool);
    vec![translated(&sh), routed(&sh), tunneled(&sh)]
}

/// The pods of [`joined`] with routes over the segment; the services are on `n1`.
fn segment() -> Draft {
    joined(&["route add 10.9.{r}.0/24 via 10.9.0.{r}"])
        .also(
            "n1",
            "modprobe ip_vs; ip link add kube-ipvs0 type dummy; ip address add 10.96.0.10/32 dev kube-ipvs0",
        )
        .listens("n2", "b", 8080)
}

fn translated(sh: &impl Fn(&str) -> String) -> System {
    let up = [
        RULES,
        "echo 1 >/proc/sys/net/ipv4/vs/conntrack\n",
        "ipvsadm -A -t 10.96.0.10:80 -s rr; ipvsadm -a -t 10.96.0.10:80 -r 10.9.2.2:8080 -m",
    ]
    .concat();
    let whole = segment()
        .also("n1", &sh(&up))
        .connects("n1/a", "10.96.0.10", 80)
        .connects("n1", "10.96.0.10", 80)
        .pings("n1/a", "10.96.0.10");
    System::new("ipvs", whole)
        .wrong("no servers", "n1", &sh("ipvsadm -d -t 10.96.0.10:80 -r 10.9.2.2:8080"))
        .wrong(
            "the only server takes nothing new",
            "n1",
            &sh("ipvsadm -e -t 10.96.0.10:80 -r 10.9.2.2:8080 -m -w 0"),
        )
        .wrong("the address is nobody's", "n1", "ip address del 10.96.0.10/32 dev kube-ipvs0")
        .wrong("connections are not tracked", "n1", "echo 0 >/proc/sys/net/ipv4/vs/conntrack")
        .wrong("nothing is masqueraded", "n1", "iptables -t nat -F KUBE-POSTROUTING")
        .wrong(
            "nobody listens on the server's port",
            "n1",
            &sh("ipvsadm -d -t 10.96.0.10:80 -r 10.9.2.2:8080; ipvsadm -a -t 10.96.0.10:80 -r 10.9.2.2:8081 -m"),
        )
        .wrong("what is forwarded to pods is dropped", "n2", "iptables -A FORWARD -o to-b -j DROP")
        .wrong("the service's port is closed", "n1", "iptables -A INPUT -p tcp --dport 80 -j REJECT")
}

/// Answers don't come back to IPVS but pass `n1` with its own address as their source.
const ANSWERS_PASS: &str = "echo 1 >/proc/sys/net/ipv4/conf/eth0/accept_local";

fn routed(sh: &impl Fn(&str) -> String) -> System {
    let whole = segment()
        .also("n1", ANSWERS_PASS)
        .also(
            "n1",
            &sh("ipvsadm -A -t 10.96.0.10:8080 -s wrr; ipvsadm -a -t 10.96.0.10:8080 -r 10.9.2.2 -g -w 3"),
        )
        // The server has the service's address itself, and the way to it.
        .also("n2", "ip -n b address add 10.96.0.10/32 dev lo")
        .also("n2", "ip route add 10.96.0.10/32 via 10.9.2.2")
        .connects("n1/a", "10.96.0.10", 8080);
    System::new("ipvs, direct routing", whole).wrong(
        "the server doesn't know the address",
        "n2",
        "ip -n b address del 10.96.0.10/32 dev lo",
    )
}

fn tunneled(sh: &impl Fn(&str) -> String) -> System {
    let whole = segment()
        .also("n1", ANSWERS_PASS)
        .also(
            "n1",
            &sh("ipvsadm -A -t 10.96.0.10:8080 -s rr; ipvsadm -a -t 10.96.0.10:8080 -r 10.9.2.2 -i"),
        )
        .also(
            "n2",
            "modprobe ipip; ip -n b link set tunl0 up; ip -n b address add 10.96.0.10/32 dev tunl0",
        )
        .connects("n1/a", "10.96.0.10", 8080);
    System::new("ipvs, tunnel", whole)
        .wrong("the server has no tunnel", "n2", "ip -n b link set tunl0 down")
        .wrong(
            "the server doesn't know the address",
            "n2",
            "ip -n b address del 10.96.0.10/32 dev tunl0",
        )
}
