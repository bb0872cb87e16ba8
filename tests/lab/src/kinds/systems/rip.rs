//! Routes by RIP.

use super::super::{Rip, Router, System};

pub(super) fn systems() -> Vec<System> {
    vec![of("rip by frr", Router::Frr), of("rip by bird", Router::Bird)]
}

/// Longer than any of the daemons needs to tell what it knows.
const SETTLED: &str = "sleep 12";

/// Waits until the router has learned both bridges, and has told of them.
const LEARNED: &str = "for _ in $(seq 80); do
        [ \"$(ip route | grep -c ^172.30.)\" -ge 2 ] && break; sleep 0.5
    done; sleep 6";

fn of(name: &'static str, router: Router) -> System {
    let rip = Rip::new(router);
    System::new(name, rip.draft())
        .state(
            "the daemon is gone",
            "h2",
            "no route to 172.30.2.2",
            rip.without("h2").draft().also("r", SETTLED),
        )
        .state(
            "a host does not announce its bridge",
            "h2",
            "no route to 172.30.2.2",
            rip.silent_about_its_bridge("h2").draft().also("r", SETTLED),
        )
        .state(
            "the router's routes are infinitely far",
            "r",
            "no route to 172.30",
            rip.infinite("r").draft().also("r", SETTLED),
        )
        .lost(
            "the router does not forward",
            "r",
            &format!("{LEARNED}; echo 0 >/proc/sys/net/ipv4/ip_forward"),
            "forwarding = 0",
        )
        .lost(
            "a route by hand is stronger",
            "h1",
            "ip route add blackhole 172.30.2.0/25",
            "blackhole 172.30.2.0/25",
        )
        .lost(
            "a route by hand leads to nobody",
            "r",
            &format!("{LEARNED}; ip route add 172.30.2.0/25 via 10.0.2.99"),
            "nobody answers for 10.0.2.99",
        )
}
