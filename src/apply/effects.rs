//! What goes with a node or a pool when it is deleted (libcalico-go `lib/clientv3/node.go`, `ippool.go`, `lib/ipam`).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::{Error, TRIES};
use crate::calico::block::{Block, handle_without};
use crate::calico::checks;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore, Entry};

const BLOCKS: [&str; 2] = [
    "/calico/ipam/v2/assignment/ipv4/block/",
    "/calico/ipam/v2/assignment/ipv6/block/",
];
const HANDLES: &str = "/calico/ipam/v2/handle/";
const HOSTS: &str = "/calico/ipam/v2/host/";

/// How long those who give out addresses get to see that a pool is disabled (calicoctl: the same).
const SETTLE: Duration = Duration::from_millis(500);

/// Deletes what belongs to a resource that is about to be deleted; the resource as it is stored then.
pub(super) async fn before_delete(store: &dyn Datastore, resource: Resource) -> Result<Resource, Error> {
    match resource.kind {
        Kind::IpPool => pool(store, resource).await,
        Kind::Node => {
            node(store, &resource).await?;
            Ok(resource)
        }
        _ => Ok(resource),
    }
}

/// Disables a pool, and takes its blocks from the nodes.
async fn pool(store: &dyn Datastore, mut pool: Resource) -> Result<Resource, Error> {
    let path = ["spec", "disabled"];
    if pool.field(&path) != Some(&Value::Bool(true)) {
        pool.set(&path, Some(true.into()));
        pool = store.update(&pool).await?;
    }
    let Some(cidr) = pool.text(&["spec", "cidr"]).and_then(checks::net) else {
        return Ok(pool);
    };
    tokio::time::sleep(SETTLE).await;
    free_blocks(store, &|block| cidr.contains(&block.cidr)).await?;
    Ok(pool)
}

/// Everything a node has: addresses, endpoints, blocks, settings and peers of its own.
async fn node(store: &dyn Datastore, node: &Resource) -> Result<(), Error> {
    let name = node.name();
    let of_node = |resource: &Resource| resource.text(&["spec", "node"]) == Some(name);
    let endpoints: Vec<Resource> = list(store, Kind::WorkloadEndpoint)
        .await?
        .into_iter()
        .filter(of_node)
        .collect();
    let mut addresses: Vec<IpAddr> = tunnel_addresses(node).collect();
    for endpoint in &endpoints {
        let networks = endpoint.field(&["spec", "ipNetworks"]).and_then(Value::as_array);
        let networks = networks.into_iter().flatten().filter_map(Value::as_str);
        addresses.extend(networks.filter_map(checks::net_or_ip).map(|net| net.addr()));
    }
    release(store, &addresses).await?;
    delete_all(store, endpoints).await?;
    free_blocks(store, &|block| block.host() == Some(name)).await?;
    for entry in store.entries(&format!("{HOSTS}{name}")).await? {
        let below = entry.key.strip_prefix(HOSTS).unwrap_or_default();
        if below == name || below.starts_with(&format!("{name}/")) {
            store.swap_entry(&entry, None).await?;
        }
    }
    let own = format!("node.{name}");
    for kind in [
        Kind::BgpPeer,
        Kind::FelixConfiguration,
        Kind::BgpConfiguration,
        Kind::HostEndpoint,
    ] {
        let mut items = list(store, kind).await?;
        items.retain(|item| match kind {
            Kind::BgpPeer | Kind::HostEndpoint => of_node(item),
            _ => item.name() == own,
        });
        delete_all(store, items).await?;
    }
    Ok(())
}

/// Addresses of the node's own tunnels; calicoctl forgets those of IPv6.
fn tunnel_addresses(node: &Resource) -> impl Iterator<Item = IpAddr> {
    let fields: [&[&str]; 5] = [
        &["spec", "bgp", "ipv4IPIPTunnelAddr"],
        &["spec", "ipv4VXLANTunnelAddr"],
        &["spec", "ipv6VXLANTunnelAddr"],
        &["spec", "wireguard", "interfaceIPv4Address"],
        &["spec", "wireguard", "interfaceIPv6Address"],
    ];
    fields
        .into_iter()
        .filter_map(|path| node.text(path)?.parse().ok())
}

/// A store that doesn't have this kind has none of it.
async fn list(store: &dyn Datastore, kind: Kind) -> Result<Vec<Resource>, Error> {
    match store.list(kind).await {
        Ok(list) => Ok(list.items),
        Err(datastore::Error::Unsupported { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

async fn delete_all(store: &dyn Datastore, resources: Vec<Resource>) -> Result<(), Error> {
    for resource in resources {
        match store.delete(&resource).await {
            Ok(()) | Err(datastore::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Changes an entry until nobody else was faster; `None` of `change` deletes it, an error leaves it alone.
async fn swap(
    store: &dyn Datastore,
    mut entry: Entry,
    change: &mut dyn FnMut(&Entry) -> Result<Option<String>, ()>,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let Ok(value) = change(&entry) else { return Ok(()) };
        if store.swap_entry(&entry, value.as_deref()).await? {
            return Ok(());
        }
        match store.entry(&entry.key).await? {
            Some(again) => entry = again,
            None => return Ok(()),
        }
    }
    Err(Error::Refused(format!("update conflict: {}", entry.key)))
}

async fn blocks(store: &dyn Datastore) -> Result<Vec<(Entry, Block)>, Error> {
    let mut all = Vec::new();
    for prefix in BLOCKS {
        let entries = store.entries(prefix).await?.into_iter();
        all.extend(entries.filter_map(|entry| Block::read(&entry.value).map(|block| (entry, block))));
    }
    Ok(all)
}

/// Blocks that are there already must have the size that a new pool gives its blocks.
pub(super) async fn same_block_size(store: &dyn Datastore, pool: &Resource) -> Result<(), Error> {
    let size = pool.field(&["spec", "blockSize"]).and_then(Value::as_u64);
    let cidr = pool.text(&["spec", "cidr"]).and_then(checks::net);
    let (Some(size), Some(cidr)) = (size, cidr) else {
        return Ok(());
    };
    for (_, block) in blocks(store).await? {
        let overlaps = cidr.contains(&block.cidr) || block.cidr.contains(&cidr);
        if overlaps && u64::from(block.cidr.prefix_len()) != size {
            return Err(Error::Refused(format!(
                "spec.blockSize: IPPool blocksSize conflicts with existing allocations that use a different blockSize: \
                 block {}",
                block.cidr
            )));
        }
    }
    Ok(())
}

/// Gives addresses back, and what their handles say of them.
async fn release(store: &dyn Datastore, addresses: &[IpAddr]) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    for (entry, block) in blocks(store).await? {
        let here: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|ip| block.cidr.contains(ip))
            .collect();
        if here.is_empty() {
            continue;
        }
        let mut handles = Vec::new();
        swap(store, entry, &mut |entry| {
            let mut block = Block::read(&entry.value).ok_or(())?;
            handles = here.iter().filter_map(|ip| block.release(*ip)).collect();
            if handles.is_empty() {
                Err(())
            } else {
                Ok(Some(block.changed()))
            }
        })
        .await?;
        for handle in handles.into_iter().flatten() {
            forget(store, &handle, &block.cidr).await?;
        }
    }
    Ok(())
}

/// Takes one address of a block from a handle.
async fn forget(store: &dyn Datastore, handle: &str, block: &IpNet) -> Result<(), Error> {
    let key = format!("{HANDLES}{handle}");
    match store.entry(&key).await? {
        Some(entry) => swap(store, entry, &mut |entry| Ok(handle_without(&entry.value, block))).await,
        None => Ok(()),
    }
}

/// Takes these blocks from their nodes: empty ones go, others belong to nobody from then on.
async fn free_blocks(store: &dyn Datastore, which: &dyn Fn(&Block) -> bool) -> Result<(), Error> {
    for (entry, block) in blocks(store).await?.into_iter().filter(|(_, block)| which(block)) {
        let Some(host) = block.host().map(str::to_owned) else {
            continue;
        };
        let affinity = entry
            .key
            .replace("/calico/ipam/v2/assignment/", &format!("{HOSTS}{host}/"));
        swap(store, entry, &mut |entry| {
            let mut block = Block::read(&entry.value).ok_or(())?;
            if block.is_empty() {
                return Ok(None);
            }
            block.drop_affinity();
            Ok(Some(block.changed()))
        })
        .await?;
        if let Some(entry) = store.entry(&affinity).await? {
            store.swap_entry(&entry, None).await?;
        }
    }
    Ok(())
}
