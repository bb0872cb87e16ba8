//! Routes by RIP.

use super::super::{Rip, Router, System};

pub(super) fn systems() -> Vec<System> {
    vec![of("rip by frr", Router::Frr), of("rip by bird", Router::Bird)]
}

fn of(name: &'static str, router: Router) -> System {
    let rip = Rip::new(router);
    System::new(name, rip.draft())
        .state(
            "the daemon is gone",
            "h2",
            "no route to 172.30.2.2",
            rip.without("h2").draft(),
        )
        .state(
            "a host does not announce its bridge",
            "h2",
            "no route to 172.30.2.2",
            rip.silent_about_its_bridge("h2").draft(),
        )
        .state(
            "the router's routes are infinitely far",
            "r",
            "no route to 172.30",
            rip.infinite("r").draft(),
        )
        .lost(
            "the router takes no RIP",
            "r",
            "iptables-nft -A INPUT -p udp --dport 520 -j DROP",
            "no route to 172.30",
        )
        .lost(
            "the router does not forward",
            "r",
            "echo 0 >/proc/sys/net/ipv4/ip_forward",
            "forwarding = 0",
        )
        .lost(
            "a route by hand is stronger",
            "h1",
            "ip route add blackhole 172.30.2.0/25",
            "blackhole 172.30.2.0/25",
        )
}
