//! Pools, blocks and the addresses in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::shared::{addresses, destinations, host_end, is_cali, overlap, pods};
use crate::calico::node::NodeAddress;
use crate::diagnose::finding::{Command, Finding};
use crate::diagnose::world::World;
use crate::intent::Cluster;
use crate::state::route::TableId;
use crate::state::{Namespace, NodeState};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    twice(world, found);
    let Ok(cluster) = world.cluster else { return };
    pools(cluster, found);
    full(cluster, found);
    claimed_twice(cluster, found);
    dead_owners(cluster, found);
    borrowed(world, found);
    overlapping(world, cluster, found);
}

/// Whether the runtime says so, or Felix made its link.
fn is_pod(node: &NodeState, namespace: &Namespace) -> bool {
    let mut ends = namespace.net.links.items().iter();
    namespace.pod.is_some() || ends.any(|link| host_end(node, namespace, link).is_some_and(is_cali))
}

/// Two pods with one address.
fn twice(world: &World, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<IpAddr, Vec<(String, String)>> = BTreeMap::new();
    for node in world.nodes {
        for pod in pods(node).filter(|pod| is_pod(node, pod)) {
            for ip in addresses(pod) {
                by.entry(ip).or_default().push((node.name.clone(), pod.title()));
            }
        }
    }
    if by.is_empty()
        && let Some(inventory) = world.cluster.ok().and_then(|cluster| cluster.kubernetes.as_ref())
    {
        for pod in inventory
            .pods
            .iter()
            .filter(|pod| !pod.spec.host_network && !pod.is_finished())
        {
            for ip in pod.ips() {
                let title = format!("{}/{}", pod.metadata.namespace(), pod.metadata.name);
                by.entry(ip)
                    .or_default()
                    .push((pod.spec.node_name.clone(), title));
            }
        }
    }
    // Only addresses that Calico or a cluster gives out are the cluster's: Docker's are each host's own.
    let in_pool = |ip: &IpAddr| world.cluster.is_ok_and(|cluster| cluster.pool_of(*ip).is_some());
    for (ip, holders) in by
        .into_iter()
        .filter(|(ip, holders)| holders.len() > 1 && in_pool(ip))
    {
        let Some((node, _)) = holders.first() else {
            continue;
        };
        let titles: Vec<String> = holders
            .iter()
            .map(|(node, title)| format!("{title} ({node})"))
            .collect();
        found.push(
            Finding::of(
                "pod-address-shared",
                node,
                format!("{ip} is the address of {}", titles.join(" and of ")),
            )
            .about(ip.to_string())
            .shown("pods", titles.join(", "))
            .step(
                "delete one of the pods; then look for what gave the address out twice: netdiag ipam check",
            ),
        );
    }
}

fn pools(cluster: &Cluster, found: &mut Vec<Finding>) {
    if !cluster.pools.is_empty() && cluster.pools.iter().all(|pool| pool.disabled) {
        let pool = &cluster.pools[0];
        found.push(
            Finding::of(
                "no-pool-enabled",
                "",
                "every IPPool is disabled: new pods get no address",
            )
            .about(format!("IPPool({})", pool.name))
            .shown(
                "IPPool",
                format!("{} pools, all with spec.disabled true", cluster.pools.len()),
            )
            .set("IPPool", &pool.name, "disabled", false),
        );
    }
    for pool in &cluster.pools {
        let whole = if pool.cidr.addr().is_ipv4() { 32 } else { 128 };
        let left = pool.disabled && cluster.ipam.known && blocks_of(cluster, &pool.cidr) == 0;
        if pool.block_size == whole && !pool.is_of_felix() && !left {
            let usual = if pool.cidr.addr().is_ipv4() { 26 } else { 122 };
            found.push(
                Finding::of("block-of-one-address", "", format!("blocks of IPPool({}) hold one address: the blackhole of the block takes the pod's packets", pool.name))
                    .about(format!("IPPool({})", pool.name))
                    .shown(format!("IPPool({})", pool.name), format!("spec.blockSize is {whole}, and routes come by BGP"))
                    .step(format!("blockSize can't be changed: make a pool of another range, with blockSize {usual}"))
                    .step(format!("then no pod gets an address of this one any more: {}", disable(&pool.name)))
                    .step(format!("and when its pods were made anew: netdiag delete ippool {}", pool.name)),
            );
        }
    }
    for (at, pool) in cluster.pools.iter().enumerate() {
        let other = cluster
            .pools
            .iter()
            .skip(at + 1)
            .find(|other| overlap(&pool.cidr, &other.cidr));
        if let Some(other) = other {
            // Deleting a pool takes the blocks in its range from their nodes, whichever pool they came from.
            let (mine, theirs) = (blocks_of(cluster, &pool.cidr), blocks_of(cluster, &other.cidr));
            let (goes, blocks) = if mine < theirs {
                (pool, mine)
            } else {
                (other, theirs)
            };
            let finding = Finding::of(
                "pools-overlap",
                "",
                format!("IPPool({}) and IPPool({}) overlap", pool.name, other.name),
            )
            .about(format!("IPPool({})", pool.name))
            .shown(
                "IPPool",
                format!("{} is {}, {} is {}", pool.name, pool.cidr, other.name, other.cidr),
            );
            found.push(if cluster.ipam.known && blocks == 0 {
                finding.step(format!(
                    "no pod has an address of {}: netdiag delete ippool {}",
                    goes.name, goes.name
                ))
            } else {
                finding
                    .step(format!(
                        "no pod gets an address of {} any more: {}",
                        goes.name,
                        disable(&goes.name)
                    ))
                    .step(format!(
                        "when pods with addresses of {} were made anew: netdiag delete ippool {}",
                        goes.cidr, goes.name
                    ))
            });
        }
    }
}

/// Blocks that lie in a range.
fn blocks_of(cluster: &Cluster, range: &ipnet::IpNet) -> usize {
    let blocks = cluster.ipam.blocks.iter();
    blocks.filter(|block| range.contains(&block.cidr)).count()
}

fn disable(pool: &str) -> String {
    format!("netdiag patch ippool {pool} -p '{{\"spec\":{{\"disabled\":true}}}}'")
}

/// What gives leaked addresses back: while nothing is given out.
const GIVE_BACK: &str = "give back what nobody uses: netdiag datastore migrate lock; netdiag ipam check -o leaked.json; \
     netdiag ipam release --from-report leaked.json; netdiag datastore migrate unlock";

/// A pool whose blocks have all been made, and have no address left.
fn full(cluster: &Cluster, found: &mut Vec<Finding>) {
    for pool in cluster.pools.iter().filter(|pool| !pool.disabled) {
        let blocks: Vec<_> = cluster
            .ipam
            .blocks
            .iter()
            .filter(|block| pool.cidr.contains(&block.cidr))
            .collect();
        let made = blocks.len() as u64;
        let room = pool.block_size.saturating_sub(pool.cidr.prefix_len());
        let possible = 1_u64.checked_shl(room.into()).unwrap_or(u64::MAX);
        if made < possible || made == 0 || blocks.iter().any(|block| block.free > 0) {
            continue;
        }
        found.push(
            Finding::of(
                "pool-exhausted",
                "",
                format!("IPPool({}) has no address left: new pods can't start", pool.name),
            )
            .about(format!("IPPool({})", pool.name))
            .shown(
                "IPAM",
                format!(
                    "{made} of {possible} blocks of {}, all addresses given out",
                    pool.cidr
                ),
            )
            .step(GIVE_BACK)
            .step("if all of them are used: add a pool"),
        );
    }
}

/// Two nodes claim one block.
fn claimed_twice(cluster: &Cluster, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<ipnet::IpNet, Vec<(&str, &str)>> = BTreeMap::new();
    for (block, node, state) in &cluster.ipam.affinities {
        by.entry(*block).or_default().push((node, state));
    }
    for (block, claims) in by.into_iter().filter(|(_, claims)| claims.len() > 1) {
        let owner = cluster
            .ipam
            .blocks
            .iter()
            .find(|stored| stored.cidr == block)
            .and_then(|stored| stored.node.as_deref());
        let Some((extra, state)) = claims.iter().find(|(node, _)| Some(*node) != owner) else {
            continue;
        };
        found.push(
            Finding::of(
                "block-claimed-twice",
                *extra,
                format!(
                    "{} claim block {block}: routes to it lead to either",
                    claims
                        .iter()
                        .map(|(node, _)| *node)
                        .collect::<Vec<_>>()
                        .join(" and ")
                ),
            )
            .about(block.to_string())
            .shown(
                "IPAM",
                format!(
                    "the affinity of {extra} is {state}; the block says {}",
                    owner.unwrap_or("nobody")
                ),
            )
            .step(format!(
                "delete the affinity of {extra}: etcdctl del {}; where Kubernetes is the datastore, its BlockAffinity",
                affinity_key(extra, block)
            ))
            .step(format!("then restart calico-node on {extra}")),
        );
    }
}

/// Where etcd has it (libcalico-go `lib/backend/model/block_affinity.go`).
fn affinity_key(node: &str, block: ipnet::IpNet) -> String {
    let version = if block.addr().is_ipv4() { 4 } else { 6 };
    let text = block.to_string().replace('/', "-");
    format!("/calico/ipam/v2/host/{node}/ipv{version}/block/{text}")
}

/// Blocks of nodes that are gone.
fn dead_owners(cluster: &Cluster, found: &mut Vec<Finding>) {
    let mut by: BTreeMap<&str, Vec<ipnet::IpNet>> = BTreeMap::new();
    for block in &cluster.ipam.blocks {
        if let Some(node) = block.node.as_deref().filter(|node| cluster.node(node).is_none()) {
            by.entry(node).or_default().push(block.cidr);
        }
    }
    for (node, blocks) in by {
        let list: Vec<String> = blocks.iter().map(ToString::to_string).collect();
        found.push(
            Finding::of(
                "block-of-dead-node",
                node,
                if list.len() == 1 {
                    format!("a block belongs to {node}, which is no Node any more")
                } else {
                    format!("blocks belong to {node}, which is no Node any more")
                },
            )
            .about(list.join(" "))
            .shown("IPAM", format!("{}: affinity host:{node}", list.join(", ")))
            .shown("Nodes", format!("none is called {node}"))
            // What a node has goes with its Node.
            .step(format!(
                "take them from it, in etcd: echo '{{\"apiVersion\":\"projectcalico.org/v3\",\"kind\":\"Node\",\"metadata\":{{\"name\":\"{node}\"}}}}' | netdiag create -f -; netdiag delete node {node}"
            ))
            .step("where Kubernetes is the datastore: start calico-kube-controllers, which does it")
            .step(GIVE_BACK),
        );
    }
}

/// How a node's routes lead to another one's pods, which has the address: a block of its own is on the same way.
fn main_way(state: &NodeState, stored: Option<NodeAddress>) -> Option<String> {
    let stored = stored?.ip;
    let mut hops = state
        .net
        .routes
        .items()
        .iter()
        .filter_map(|route| match route.next_hops.as_slice() {
            [hop] if route.table == TableId::MAIN && hop.gateway == Some(stored) => Some(hop),
            _ => None,
        });
    let link = hops.next()?.link.and_then(|link| state.net.link(link))?;
    let onlink = if link.name == "tunl0" { " onlink" } else { "" };
    Some(format!("via {stored} dev {}{onlink}", link.name))
}

/// A pod has an address of another node's block, and peers lack the route to it alone.
fn borrowed(world: &World, found: &mut Vec<Finding>) {
    let mut owners: Vec<(ipnet::IpNet, String)> = world
        .blocks()
        .iter()
        .map(|block| (block.cidr, block.node.clone()))
        .collect();
    owners.sort_by_key(|(net, _)| (net.network(), net.prefix_len()));
    let owner_of = |ip: IpAddr| {
        let end = owners.partition_point(|(net, _)| net.network() <= ip);
        let (net, owner) = owners.get(end.checked_sub(1)?)?;
        net.contains(&ip).then_some((*net, owner.as_str()))
    };
    let mut routes: HashMap<&str, HashSet<ipnet::IpNet>> = HashMap::new();
    for node in world.nodes {
        for pod in pods(node).filter(|pod| is_pod(node, pod)) {
            for ip in addresses(pod) {
                let Some((block, owner)) = owner_of(ip).filter(|(_, owner)| *owner != node.name) else {
                    continue;
                };
                let Some(state) = world.state(owner) else { continue };
                let of = routes.entry(owner).or_insert_with(|| destinations(state));
                if of.contains(&ipnet::IpNet::from(ip)) {
                    continue;
                }
                let mut finding =
                    Finding::of("borrowed-address-without-route", &node.name, format!("{} on {} has {ip} of {owner}'s block, and {owner} has no route to it", pod.title(), node.name))
                        .about(ip.to_string())
                        .shown("blocks", format!("{block} belongs to {owner}"))
                        .shown(format!("ip route on {owner}"), format!("no route to {ip}: the block's blackhole takes its packets"))
                        .step(format!("delete the pod {} so that it gets an address of {}'s own blocks; set strictAffinity (netdiag ipam configure) or make the pool larger", pod.title(), node.name));
                let way = main_way(state, world.object(&node.name).and_then(|object| object.ipv4));
                if let Some(way) = way.filter(|_| ip.is_ipv4()) {
                    finding.fix.commands.push(Command::on(
                        owner,
                        format!("ip route add {ip} {way}"),
                        format!("ip route del {ip} {way}"),
                    ));
                }
                found.push(finding);
            }
        }
    }
}

/// Blocks lie in the nodes' own network, or the whole pool does. A large pool around it does no harm as long as no block
/// comes near: Calico's own default pool is 192.168.0.0/16.
fn overlapping(world: &World, cluster: &Cluster, found: &mut Vec<Finding>) {
    let blocks = world.blocks();
    for pool in cluster.pools.iter().filter(|pool| !pool.disabled) {
        let hit = cluster.nodes.iter().find_map(|node| {
            // An address of cni0 that was taken for the node's is another fault, which is found on its own.
            let stored = node
                .ipv4
                .filter(|_| world.wrong_address(&node.name, false).is_none())?;
            let segment = stored.net()?.trunc();
            let range = if segment.contains(&pool.cidr) {
                Some(pool.cidr)
            } else {
                let of_pool = blocks.iter().filter(|block| pool.cidr.contains(&block.cidr));
                of_pool
                    .map(|block| block.cidr)
                    .find(|block| overlap(block, &segment))
            };
            Some((node, stored, range?))
        });
        let Some((node, stored, range)) = hit else {
            continue;
        };
        found.push(
            Finding::of(
                "pool-overlaps-node-network",
                &node.name,
                format!(
                    "{range} of IPPool({}) lies in the network of {}, {}",
                    pool.name, node.name, stored
                ),
            )
            .about(format!("IPPool({})", pool.name))
            .shown(
                format!("IPPool({})", pool.name),
                format!("spec.cidr is {}; {range} is given to pods", pool.cidr),
            )
            .shown(
                format!("Node({})", node.name),
                format!("spec.bgp.ipv4Address is {stored}"),
            )
            .step("make a pool of a range that nobody uses, disable this one, and let the pods be made anew"),
        );
    }
}
