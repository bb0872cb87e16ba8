//! Tunnels: packets in packets, and frames in packets.

use super::{Draft, System, joined};

/// A tunnel `t0` of this kind, and routes between the pods over it.
fn tunnel(kind: &str) -> Draft {
    joined(&[
        &format!("link add t0 type {kind}"),
        "link set t0 up",
        "address add 10.9.9.{l}/24 dev t0",
        "route add 10.9.{r}.0/24 dev t0",
    ])
    .pings("n1", "10.9.9.2")
}

/// A frame tunnel `t0` on a bridge that has the addresses.
fn bridged(kind: &str) -> Draft {
    joined(&[
        "link add br0 type bridge forward_delay 0 mcast_snooping 0",
        "link set br0 up",
        &format!("link add t0 type {kind}"),
        "link set t0 master br0 up",
        "address add 10.9.9.{l}/24 dev br0",
        "route add 10.9.{r}.0/24 via 10.9.9.{r}",
    ])
    .pings("n1", "10.9.9.2")
}

const ENDS: &str = "local 10.9.0.{l} remote 10.9.0.{r}";

pub(super) fn labs() -> Vec<System> {
    [ip(), gre(), six(), frames()].concat()
}

fn ip() -> Vec<System> {
    let closed = "iptables -A INPUT -p ipencap -j DROP";
    vec![
        System::new("ipip", tunnel(&format!("ipip {ENDS}")))
            .wrong(
                "the other end is somebody else",
                "n2",
                "ip tunnel change t0 mode ipip remote 10.9.0.77",
            )
            .wrong(
                "the other end is somebody else, and tunl0 takes what is left",
                "n2",
                "ip tunnel change t0 mode ipip remote 10.9.0.77; ip link set tunl0 up",
            )
            .wrong("the tunnel is down", "n2", "ip link set t0 down")
            .wrong("protocol 4 is dropped", "n2", closed)
            .wrong(
                "what comes out of the tunnel is dropped",
                "n1",
                "iptables -A FORWARD -i t0 -j DROP",
            )
            .wrong(
                "the way back is another one, and the filter is strict",
                "n2",
                "ip route replace 10.9.1.0/24 via 10.9.0.1
                 for link in all t0; do echo 1 >/proc/sys/net/ipv4/conf/$link/rp_filter; done",
            )
            .wrong(
                "the tunnel has another local address",
                "n1",
                "ip tunnel change t0 mode ipip local 10.9.9.1",
            ),
        System::new(
            "ipip without a remote",
            joined(&[
                "link add t0 type ipip local 10.9.0.{l}",
                "link set t0 up",
                "route add 10.9.{r}.0/24 via 10.9.0.{r} dev t0 onlink",
            ]),
        )
        .wrong(
            "the route names no gateway",
            "n1",
            "ip route replace 10.9.2.0/24 dev t0",
        )
        .wrong(
            "the route names the wrong gateway",
            "n1",
            "ip route replace 10.9.2.0/24 via 10.9.0.9 dev t0 onlink",
        ),
    ]
}

fn gre() -> Vec<System> {
    let external = [
        "link add t0 type gre external",
        "link set t0 up",
        "route add 10.9.{r}.0/24 encap ip id 7 key dst 10.9.0.{r} dev t0",
    ];
    vec![
        System::new("gre", tunnel(&format!("gre {ENDS}")))
            .wrong("one end has a key", "n2", "ip tunnel change t0 mode gre key 5")
            .wrong("protocol 47 is refused", "n1", "iptables -A INPUT -p gre -j REJECT"),
        System::new("gre with a key, checksums and numbers", tunnel(&format!("gre {ENDS} key 5 csum seq")))
            .wrong("another key", "n2", "ip tunnel change t0 mode gre key 6 csum seq")
            .wrong("no checksums at one end", "n2", "ip tunnel change t0 mode gre key 5 icsum seq"),
        System::new("gre by the route", joined(&external))
            .wrong(
                "the route says nothing of a tunnel",
                "n1",
                "ip route replace 10.9.2.0/24 dev t0",
            )
            .wrong(
                "the route leads to nobody",
                "n1",
                "ip route replace 10.9.2.0/24 encap ip id 7 key dst 10.9.0.9 dev t0",
            )
            .wrong(
                "the other end is no tunnel for all",
                "n2",
                "ip link del t0; ip link add t0 type gre local 10.9.0.2 remote 10.9.0.1 key 8; ip link set t0 up
                 ip route add 10.9.1.0/24 dev t0",
            ),
    ]
}

fn six() -> Vec<System> {
    let six_in_four = |kind: &str| {
        joined(&[
            &format!("link add t0 type {kind}"),
            "link set t0 up",
            "address add fd09:9::{l}/64 dev t0 nodad",
            "route add fd09:{r}::/64 dev t0",
            // so that IPv4 between the pods is open, too
            "route add 10.9.{r}.0/24 via 10.9.0.{r}",
        ])
        .pings("n1/a", "fd09:2::2")
        .pings("n2/b", "fd09:1::2")
    };
    let over_six = |kind: &str| {
        joined(&[
            &format!("link add t0 type {kind} local fd09::{{l}} remote fd09::{{r}}"),
            "link set t0 up",
            "address add 10.9.9.{l}/24 dev t0",
            "route add 10.9.{r}.0/24 dev t0",
            "route add fd09:{r}::/64 dev t0",
        ])
        .pings("n1/a", "fd09:2::2")
    };
    let compatible = joined(&[
        "link add t0 type sit local 10.9.0.{l}",
        "link set t0 up",
        "route add fd09:{r}::/64 via ::10.9.0.{r} dev t0 onlink",
        "route add 10.9.{r}.0/24 via 10.9.0.{r}",
    ])
    .pings("n1/a", "fd09:2::2");
    vec![
        System::new("sit", six_in_four(&format!("sit {ENDS}")))
            .wrong(
                "the other end is somebody else",
                "n2",
                "ip tunnel change t0 mode sit remote 10.9.0.77",
            )
            .wrong(
                "protocol 41 is dropped",
                "n1",
                "iptables -A INPUT -p ipv6 -j DROP",
            ),
        System::new("sit without a remote", compatible),
        System::new("ip6tnl", over_six("ip6tnl mode any"))
            .wrong(
                "the other end is somebody else",
                "n2",
                "ip -6 tunnel change t0 mode any remote fd09::77",
            )
            .wrong(
                "the tunnel's own address is gone",
                "n1",
                "ip address del fd09::1/64 dev eth0",
            )
            .wrong("protocol 4 is dropped", "n2", "ip6tables -A INPUT -p 4 -j DROP"),
        System::new("ip6gre", over_six("ip6gre key 3")).wrong(
            "protocol 47 is dropped",
            "n2",
            "ip6tables -A INPUT -p gre -j DROP",
        ),
    ]
}

fn frames() -> Vec<System> {
    let geneve = |bridged: fn(&str) -> Draft| bridged("geneve id 10 remote 10.9.0.{r}");
    let vni =
        "ip link del t0; ip link add t0 type geneve id 11 remote 10.9.0.1; ip link set t0 up master br0";
    let port = "ip link del t0; ip link add t0 type geneve id 10 remote 10.9.0.1 dstport 6082
                ip link set t0 up master br0";
    let remote =
        "ip link del t0; ip link add t0 type geneve id 10 remote 10.9.0.9; ip link set t0 up master br0";
    vec![
        System::new("gretap", bridged(&format!("gretap {ENDS} key 4")))
            .wrong("no port of the bridge", "n2", "ip link set t0 nomaster")
            .wrong(
                "another key",
                "n2",
                "ip link del t0; ip link add t0 type gretap local 10.9.0.2 remote 10.9.0.1 key 9
                 ip link set t0 up master br0",
            ),
        System::new("geneve on a bridge", geneve(bridged))
            .wrong("another VNI", "n2", vni)
            .wrong("another port", "n2", port)
            .wrong("another remote", "n2", remote)
            .wrong("the tunnel is down", "n2", "ip link set t0 down")
            .wrong(
                "its port is closed",
                "n2",
                "iptables -A INPUT -p udp --dport 6081 -j DROP",
            ),
        System::new("geneve with an address", geneve(tunnel_with_gateway)),
        System::new("geneve over IPv6", bridged("geneve id 10 remote fd09::{r}")).wrong(
            "its port is closed",
            "n2",
            "ip6tables -A INPUT -p udp --dport 6081 -j DROP",
        ),
    ]
}

/// As [`tunnel`], for links with Ethernet addresses.
fn tunnel_with_gateway(kind: &str) -> Draft {
    joined(&[
        &format!("link add t0 type {kind}"),
        "link set t0 up",
        "address add 10.9.9.{l}/24 dev t0",
        "route add 10.9.{r}.0/24 via 10.9.9.{r}",
    ])
}
