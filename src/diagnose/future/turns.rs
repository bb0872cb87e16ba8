//! What changes among the routes that a node is meant to have.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::intent::Cluster;
use crate::intent::pool::Pool;
use crate::intent::routes::{MeantRoute, Way};

/// Routes that the change of objects changes. All others stay as the node has them: one that lacks, or leads astray, does
/// so for a reason that the change leaves alone.
#[derive(Debug, Default)]
pub(super) struct Turns<'c> {
    /// Those that are new, or other than before.
    pub(super) new: Vec<MeantRoute<'c>>,
    /// Where these lead, and what was meant before and is no more.
    changed: HashSet<IpNet>,
}

impl<'c> Turns<'c> {
    pub(super) fn new(
        [old, new]: [&Cluster; 2],
        before: Vec<MeantRoute<'c>>,
        after: Vec<MeantRoute<'c>>,
    ) -> Self {
        let mut turns = Self::default();
        let mut left: HashMap<IpNet, MeantRoute> =
            before.into_iter().map(|route| (route.dst, route)).collect();
        for route in after {
            let had = left.remove(&route.dst);
            if had.as_ref().map(|had| Shape::of(old, had)) != Some(Shape::of(new, &route)) {
                turns.changed.insert(route.dst);
                turns.new.push(route);
            }
        }
        turns.changed.extend(left.into_keys());
        turns
    }

    /// Whether what BIRD and Felix made of a route gives way.
    pub(super) fn take(&self, dst: &IpNet) -> bool {
        self.changed.contains(dst)
    }
}

/// All that a route is made from.
#[derive(PartialEq)]
struct Shape<'r> {
    way: &'r Way,
    others: &'r [IpAddr],
    of_felix: bool,
    vtep: Option<(IpAddr, Option<&'r str>)>,
}

impl<'r> Shape<'r> {
    fn of(cluster: &'r Cluster, route: &'r MeantRoute) -> Self {
        Self {
            way: &route.way,
            others: &route.others,
            of_felix: cluster.pool_of(route.dst.addr()).is_some_and(Pool::is_of_felix),
            vtep: match route.way {
                Way::Vxlan(ip) => vtep(cluster, ip),
                _ => None,
            },
        }
    }
}

/// Address and MAC of the VXLAN link of the node that has `ip`.
fn vtep(cluster: &Cluster, ip: IpAddr) -> Option<(IpAddr, Option<&str>)> {
    let node = cluster.nodes_at(ip).next()?;
    Some((node.vxlan_tunnel_addr?.into(), node.vxlan_mac.as_deref()))
}
