//! What goes with a node or a pool when it is deleted (libcalico-go `lib/clientv3/node.go`, `ippool.go`, `lib/ipam`).

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::Error;
use crate::calico::checks;
use crate::calico::resource::{Kind, Resource};
use crate::datastore::{self, Datastore};
use crate::ipam::stock;
use crate::ipam::store::{blocks, free_blocks, release};

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
    let own = stock::tunnel_addresses(node);
    let addresses: Vec<IpAddr> = own
        .chain(endpoints.iter().flat_map(stock::endpoint_addresses))
        .collect();
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

/// A store that doesn't have this kind has none of it.
pub(super) async fn list(store: &dyn Datastore, kind: Kind) -> Result<Vec<Resource>, Error> {
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
