//! What can be told of nodes and objects as they are, without walking a packet: one file a family. Each check is a pure
//! function of the world; what it needs and doesn't know makes it silent.

mod addresses;
mod agents;
mod astray;
mod blocks;
mod bridges;
mod circles;
mod clouds;
mod cni;
mod datapath;
mod dispatch;
mod docker;
pub(super) mod docker_ports;
mod docker_rules;
mod ebpf;
mod entries;
mod exposure;
mod kernel;
mod limits;
mod loops;
mod machines;
mod managers;
pub(super) mod netfilter;
mod network;
mod objects;
mod order;
mod peerings;
mod peers;
mod pods;
mod policies;
mod proxy;
mod rules;
pub(super) mod segments;
mod services;
mod shadows;
pub(super) mod shared;
mod speakers;
mod switches;
mod tiers;
mod tunnels;
mod underlay;
mod vteps;
mod ways;

use super::finding::Finding;
use super::world::World;

/// Every family's findings.
pub(super) fn all(world: &World) -> Vec<Finding> {
    let families: [fn(&World, &mut Vec<Finding>); 38] = [
        addresses::find,
        machines::find,
        speakers::find,
        peers::find,
        blocks::find,
        underlay::find,
        kernel::find,
        limits::find,
        network::find,
        pods::find,
        bridges::find,
        tunnels::find,
        vteps::find,
        netfilter::find,
        dispatch::find,
        rules::find,
        services::find,
        proxy::find,
        policies::find,
        objects::find,
        switches::find,
        segments::find,
        circles::find,
        loops::find,
        agents::find,
        managers::find,
        cni::find,
        ebpf::find,
        docker::find,
        docker_ports::find,
        docker_rules::find,
        exposure::find,
        shadows::find,
        tiers::find,
        datapath::find,
        ways::find,
        // These say what nothing above explains.
        entries::find,
        clouds::find,
    ];
    let mut found = Vec::new();
    for family in families {
        family(world, &mut found);
    }
    found
}
