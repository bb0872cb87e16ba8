//! What the tables leave open: both ways are walked, and it only matters where they end differently.

use std::net::IpAddr;

use super::super::topology::At;
use super::{End, Outcome, State, Walker};

impl Walker<'_, '_> {
    /// A gateway that is an address of the namespace itself was judged when its route came (`fib_check_nh`): it counts
    /// as none where it was its own by then, but not where the address came later. Which came first is in no dump.
    pub(super) fn by_own_gateway(&self, state: State, at: At, gateway: IpAddr) -> Vec<Outcome> {
        let dst = state.packet.dst;
        let direct = self.xmit_ip(state.clone(), at, dst);
        let routed = self.xmit_ip(state.clone(), at, gateway);
        if alike(&direct, &routed) {
            return direct;
        }
        let why = format!(
            "the gateway {gateway} is an address of its own: whether the route or the address was there first decides"
        );
        state.undecided(at.place, why)
    }
}

fn alike(some: &[Outcome], others: &[Outcome]) -> bool {
    let same = |a: &Outcome, b: &Outcome| {
        let ends = match (&a.end, &b.end) {
            (End::Dropped(_) | End::Rejected(_), End::Dropped(_) | End::Rejected(_)) => true,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        ends && a.place == b.place && a.state.packet == b.state.packet
    };
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| same(a, b))
}
