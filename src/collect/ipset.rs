//! The sets of ipset(8), of the calling thread's network namespace: over netlink, without its tool.

use super::netlink;
use crate::state::Fact;
use crate::state::ipset::IpSet;

/// All sets with their elements, by name. Missing in a kernel that has no sets, which is not asked: that would load
/// them. CAP_NET_ADMIN is needed.
pub fn ipsets() -> Fact<Vec<IpSet>> {
    let mut sets = netlink::ipsets();
    if let Fact::Known(sets) = &mut sets {
        sets.sort_by(|one, other| one.name.cmp(&other.name));
    }
    sets
}
