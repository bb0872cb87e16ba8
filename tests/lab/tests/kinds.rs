//! Networks of every kind carry packets, and only where they must.

use std::thread;

use netdiag_lab::{
    kinds::{
        Backend, Broken, Docker, Draft, Flannel, Iptables, ProxyArp, Rip, Router, StaticRoutes, bridge,
        broken, veth_pair,
    },
    or_skip,
};

fn works(draft: Draft) {
    or_skip(draft.up().and_then(|network| network.works()));
}

#[test]
fn veth_pairs() {
    works(veth_pair());
}

#[test]
fn proxy_arp() {
    works(ProxyArp::default().draft());
    works(
        ProxyArp {
            prefix_len: 24,
            ..ProxyArp::default()
        }
        .draft(),
    );
}

#[test]
fn bridges() {
    works(bridge());
}

#[test]
fn docker() {
    works(Docker::default().draft());
    works(
        Docker {
            iptables: Iptables::Legacy,
            ..Docker::default()
        }
        .draft(),
    );
}

#[test]
fn flannel() {
    for backend in [Backend::Vxlan, Backend::DirectRouting, Backend::HostGateway] {
        works(Flannel::new(backend).draft());
    }
}

#[test]
fn static_routes() {
    for (routed, returned) in [(false, true), (true, true), (true, false)] {
        works(StaticRoutes { routed, returned }.draft());
    }
}

#[test]
fn rip() {
    works(Rip::new(Router::Frr).draft());
    works(Rip::new(Router::Bird).draft());
}

#[test]
fn every_fault_breaks_its_network() {
    let all = broken(2);
    // Most of the time is spent on waiting for answers that don't come.
    let healthy = |some: &[Broken]| {
        some.iter()
            .filter(|one| or_skip(one.draft.clone().up()).is_some_and(|network| network.broken().is_empty()))
            .map(|one| one.what)
            .collect::<Vec<_>>()
    };
    let healthy: Vec<_> = thread::scope(|scope| {
        let work: Vec<_> = all.chunks(8).map(|some| scope.spawn(|| healthy(some))).collect();
        work.into_iter().flat_map(|work| work.join().unwrap()).collect()
    });
    assert!(healthy.is_empty(), "{healthy:?}");
}

#[test]
fn what_is_broken_is_told() {
    let draft = veth_pair().also("host", "ip -n test-ns2 link set veth1 down");
    let Some(network) = or_skip(draft.up()) else {
        return;
    };
    let error = network.works().unwrap_err().to_string();
    assert!(error.contains("10.1.1.2"), "{error}");
}
