//! What can be told of nodes and objects as they are, without walking a packet: one file a family. Each check is a pure
//! function of the world; what it needs and doesn't know makes it silent.

mod addresses;
mod blocks;
mod bridges;
mod kernel;
mod limits;
mod netfilter;
mod network;
mod objects;
mod peers;
mod pods;
mod policies;
mod rules;
mod services;
pub(super) mod shared;
mod switches;
mod tunnels;
mod vteps;

use super::finding::Finding;
use super::world::World;

/// Every family's findings.
pub(super) fn all(world: &World) -> Vec<Finding> {
    let families: [fn(&World, &mut Vec<Finding>); 16] = [
        addresses::find,
        peers::find,
        blocks::find,
        kernel::find,
        limits::find,
        network::find,
        pods::find,
        bridges::find,
        tunnels::find,
        vteps::find,
        netfilter::find,
        rules::find,
        services::find,
        policies::find,
        objects::find,
        switches::find,
    ];
    let mut found = Vec::new();
    for family in families {
        family(world, &mut found);
    }
    found
}
