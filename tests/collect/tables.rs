//! The kernel's tables, as netdiag reads them from netlink and as iproute2 prints them, in random networks.
//!
//! `NETDIAG_TABLES_SEED=N` runs the network of one seed, `NETDIAG_TABLES_CASES=N` so many of new seeds.

mod compare;
mod network;
mod rng;
mod space;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netdiag::state::Netns;
use netdiag_lab::{Error, Result, or_skip};

use compare::{differences, live, locked, locked_as_printed, printed};
use network::Network;
use rng::Rng;
use space::{Space, batch, enter_new};

/// Seeds of networks that were once read wrongly.
const ONCE_WRONG: [u64; 1] = [1];
const CASES: u64 = 1000;
/// How many namespaces a thread leaves before they go.
const BATCH: usize = 8;

/// What was seen, by name, to know that the networks are not all alike.
type Seen = BTreeMap<String, u64>;

#[test]
fn random_networks_are_read_as_iproute2_prints_them() {
    or_skip(run());
}

fn run() -> Result<()> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse::<u64>().unwrap())
    };
    let seeds = match number("NETDIAG_TABLES_SEED") {
        Some(seed) => vec![seed],
        None => seeds(number("NETDIAG_TABLES_CASES").unwrap_or(CASES)),
    };
    let next = AtomicU64::new(0);
    let seen = Mutex::new(Seen::new());
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get().min(8));
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let work = || {
            let other = enter_new()?;
            // The kernel takes namespaces down one batch after the other, while all who change links anywhere wait.
            let mut used = Vec::new();
            loop {
                let case = next.fetch_add(1, Ordering::Relaxed);
                let Some(seed) = usize::try_from(case).ok().and_then(|case| seeds.get(case)) else {
                    return Ok(());
                };
                if used.len() == BATCH {
                    used.clear();
                }
                used.push(enter_new()?);
                let failed = one(*seed, case, &other, &seen)?;
                if !failed.is_empty() {
                    // Nobody has to wait for the others' cases.
                    next.store(u64::MAX / 2, Ordering::Relaxed);
                    return Err(Error::Failed(failed));
                }
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    results.into_iter().collect::<Result<Vec<()>>>()?;
    if seeds.len() as u64 >= CASES {
        rich_enough(&seen.into_inner().unwrap());
    }
    Ok(())
}

/// Those of old faults, and new ones from the clock.
fn seeds(count: u64) -> Vec<u64> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut rng = Rng::new(clock.as_nanos() as u64);
    let fresh = (0..count).map(|_| u64::from(rng.from(0, u32::MAX)));
    ONCE_WRONG.into_iter().chain(fresh).collect()
}

/// Makes the network of a seed in the namespace of this thread, and reads it both ways; what differs.
fn one(seed: u64, case: u64, other: &Space, seen: &Mutex<Seen>) -> Result<String> {
    let network = Network::random(seed, case, &other.path());
    let (_, mut refused) = batch("ip", &[], &network.ip)?;
    if !network.rules6.is_empty() {
        refused += &batch("ip", &["-6"], &network.rules6)?.1;
    }
    if !network.bridge.is_empty() {
        refused += &batch("bridge", &[], &network.bridge)?.1;
    }
    // The kernel goes on by itself: duplicate addresses are looked for, bridges learn. Only what held still counts.
    let mut difference = String::new();
    for attempt in 0..30 {
        let (before, there, after) = (at_rest(), printed()?, live());
        if before == after {
            difference = differences(&after, &there);
            let locks = locked(&after);
            if !locks.is_empty() && locks != locked_as_printed()? {
                difference += &format!("locked: {locks:?}, not as printed");
            }
            count(&after, &mut seen.lock().unwrap());
            if difference.is_empty() {
                return Ok(difference);
            }
        }
        std::thread::sleep(Duration::from_millis(2 * attempt));
    }
    if difference.is_empty() {
        difference = "it never held still".to_owned();
    }
    let lines = [network.ip, network.rules6, network.bridge].concat().join("\n");
    Ok(format!(
        "NETDIAG_TABLES_SEED={seed}\n{difference}\nthe network:\n{lines}\nrefused:\n{refused}"
    ))
}

/// What netdiag reads as soon as it reads the same twice: that costs less than to run the tools in vain.
fn at_rest() -> Netns {
    let mut before = live();
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(2));
        let after = live();
        if before == after {
            break;
        }
        before = after;
    }
    before
}

fn count(net: &Netns, seen: &mut Seen) {
    let mut count = |name: String| *seen.entry(name).or_default() += 1;
    for link in net.links.items() {
        count(format!("link {}", link.kind_name()));
        for (what, is) in [
            ("port", link.port.is_some()),
            ("alias", link.alias.is_some()),
            ("alt name", !link.alt_names.is_empty()),
            (
                "lower elsewhere",
                link.lower.is_some_and(|lower| lower.netns.is_some()),
            ),
        ] {
            if is {
                count(what.to_owned());
            }
        }
    }
    for address in net.addresses.items() {
        for (what, is) in [
            ("address peer", address.peer.is_some()),
            ("address broadcast", address.broadcast.is_some()),
            ("address", true),
        ] {
            if is {
                count(format!("{what} v6 {}", address.ip.is_ipv6()));
            }
        }
    }
    for route in net.routes.items() {
        count(format!(
            "route {:?} v6 {}",
            route.kind,
            route.dst.addr().is_ipv6()
        ));
        for (what, is) in [
            ("multipath", route.next_hops.len() > 1),
            ("route by object", route.nexthop.is_some()),
            ("route mtu", route.mtu.is_some()),
            ("route mtu locked", route.mtu.is_some_and(|(_, locked)| locked)),
            ("route advmss", route.advmss.is_some()),
            ("route from", route.src.is_some()),
            ("route tos", route.tos != 0),
            (
                "route encap",
                route.next_hops.iter().any(|hop| hop.encap.is_some()),
            ),
            (
                "route via inet6",
                route.next_hops.iter().any(|hop| {
                    hop.gateway
                        .is_some_and(|gateway| gateway.is_ipv6() != route.dst.addr().is_ipv6())
                }),
            ),
        ] {
            if is {
                count(what.to_owned());
            }
        }
    }
    for nexthop in net.nexthops.items() {
        count(format!("nexthop group {}", !nexthop.group.is_empty()));
    }
    for rule in net.rules.items() {
        let action = format!("{:?}", rule.action);
        count(format!(
            "rule {} v6 {}",
            action.split('(').next().unwrap(),
            rule.v6
        ));
    }
    for neighbor in net.neighbors.items() {
        count(format!("neighbor {}", neighbor.state));
    }
    for entry in net.fdb.items() {
        count(format!("fdb {} remote {}", entry.state, entry.dst.is_some()));
    }
}

/// Fails when what was tried is too much alike.
fn rich_enough(seen: &Seen) {
    for name in [
        "link veth",
        "link bridge",
        "link vxlan",
        "port",
        "alias",
        "alt name",
        "lower elsewhere",
        "address peer v6 false",
        "address peer v6 true",
        "address broadcast v6 false",
        "route Unicast v6 false",
        "route Unicast v6 true",
        "route Blackhole v6 false",
        "route Throw v6 true",
        "route Prohibit v6 true",
        "route Multicast v6 false",
        "multipath",
        "route by object",
        "route mtu locked",
        "route advmss",
        "route tos",
        "route via inet6",
        "nexthop group true",
        "rule Lookup v6 false",
        "rule Goto v6 true",
        "rule Blackhole v6 false",
        "neighbor PERMANENT",
        "neighbor NOARP",
        "neighbor STALE",
        "fdb PERMANENT remote true",
        "fdb NOARP remote false",
    ] {
        let count = seen.get(name).copied().unwrap_or_default();
        assert!(count >= 20, "{name}: only {count} times of {seen:#?}");
    }
}
