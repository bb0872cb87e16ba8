//! Sizes: what fits, with and without a tunnel's header.

use super::{Draft, System, joined};

pub(super) fn labs() -> Vec<System> {
    vec![plain(), ipip(), unpinned(), geneve(), narrow_wire()]
}

/// Both ways of each pair: with DF and without.
fn asks(draft: Draft, size: u32, uncut: bool, cut: bool) -> Draft {
    draft
        .sized("n1/a", "10.9.2.2", size, true, uncut)
        .sized("n1/a", "10.9.2.2", size, false, cut)
}

/// Without a tunnel, over a segment of 1400 bytes.
fn plain() -> System {
    let draft = joined(&["link set eth0 mtu 1400", "route add 10.9.{r}.0/24 via 10.9.0.{r}"]);
    let whole = asks(asks(draft, 1400, true, true), 1401, false, true);
    System::new("sizes", whole)
        .wrong(
            "a pod's link takes less than its other end sends",
            "n2",
            "ip -n b link set eth0 mtu 1300",
        )
        .wrong(
            "the route has an MTU",
            "n1",
            "ip route replace 10.9.2.0/24 via 10.9.0.2 mtu 1200",
        )
}

/// By a tunnel with the MTU that fits.
fn ipip() -> System {
    let draft = joined(&[
        "link add t0 type ipip local 10.9.0.{l} remote 10.9.0.{r}",
        "link set t0 mtu 1480 up",
        "route add 10.9.{r}.0/24 dev t0",
    ]);
    let whole = asks(asks(draft, 1480, true, true), 1481, false, true);
    System::new("sizes in ipip", whole).wrong(
        "the wire takes less than the tunnel thinks",
        "n1",
        "ip link set eth0 mtu 1400",
    )
}

/// By a tunnel that takes more than the wire: its outer packets may be cut, or not.
fn unpinned() -> System {
    let draft = joined(&[
        "link add t0 type gre local 10.9.0.{l} remote 10.9.0.{r} nopmtudisc",
        "link set t0 mtu 1500 up",
        "route add 10.9.{r}.0/24 dev t0",
    ]);
    System::new(
        "sizes in gre without PMTU discovery",
        asks(draft, 1500, false, true),
    )
}

fn geneve() -> System {
    let draft = joined(&[
        "link add t0 type geneve id 3 remote 10.9.0.{r}",
        "link set t0 mtu 1450 up",
        "address add 10.9.9.{l}/24 dev t0",
        "route add 10.9.{r}.0/24 via 10.9.9.{r}",
    ]);
    let whole = asks(asks(draft, 1450, true, true), 1451, false, true);
    System::new("sizes in geneve", whole)
}

/// The tunnel's MTU is right on one side only.
fn narrow_wire() -> System {
    let draft = joined(&[
        "link set eth0 mtu 1300",
        "link add t0 type sit local 10.9.0.{l} remote 10.9.0.{r}",
        "link set t0 mtu 1280 up",
        "address add fd09:9::{l}/64 dev t0 nodad",
        "route add fd09:{r}::/64 dev t0",
        "route add 10.9.{r}.0/24 via 10.9.0.{r}",
    ])
    .sized("n1/a", "fd09:2::2", 1280, true, true)
    .sized("n1/a", "fd09:2::2", 1281, true, false);
    System::new("sizes in sit", draft)
}
