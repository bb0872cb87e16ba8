//! Everything that IPAM and its users say, read once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::block::Block;
use crate::calico::checks;
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::datastore::{Datastore, Entry, Error, Listing, Unreadable};

pub(crate) const BLOCKS: [&str; 2] = [
    "/calico/ipam/v2/assignment/ipv4/block/",
    "/calico/ipam/v2/assignment/ipv6/block/",
];
pub(crate) const HANDLES: &str = "/calico/ipam/v2/handle/";
pub(crate) const HOSTS: &str = "/calico/ipam/v2/host/";
pub(crate) const CONFIG: &str = "/calico/ipam/v2/config";

/// A pool: which addresses it has, and whether new ones are given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    pub cidr: IpNet,
    pub disabled: bool,
}

/// Who uses an address, in calicoctl's words: `Node(node-1)`, `Workload(default/…)`, `Service(default/web)`.
pub type Owner = String;

/// All of it.
#[derive(Debug, Default)]
pub struct Stock {
    /// In order of their keys, as etcd has them.
    pub blocks: Vec<Block>,
    pub pools: Vec<Pool>,
    /// Nets that are never given out.
    pub reserved: Vec<IpNet>,
    /// Handles, and how many addresses of which blocks they have.
    pub handles: BTreeMap<String, BTreeMap<String, u64>>,
    pub handle_revisions: HashMap<String, i64>,
    /// Node and block of each affinity.
    pub affinities: Vec<(String, IpNet)>,
    pub nodes: HashSet<String>,
    pub tunnels: Vec<(IpAddr, Owner)>,
    pub workloads: Vec<(IpAddr, Owner)>,
    /// Nothing when nobody can say which services there are.
    pub services: Option<Vec<(IpAddr, Owner)>>,
    pub cluster: Option<Resource>,
    /// How long an address that was given back isn't given out again.
    pub cooldown_seconds: u64,
    pub unreadable: Vec<Unreadable>,
}

/// Fields of a node with the addresses of its tunnels; calicoctl looks at those of IPv4 only.
const TUNNELS: [&[&str]; 5] = [
    &["spec", "bgp", "ipv4IPIPTunnelAddr"],
    &["spec", "ipv4VXLANTunnelAddr"],
    &["spec", "ipv6VXLANTunnelAddr"],
    &["spec", "wireguard", "interfaceIPv4Address"],
    &["spec", "wireguard", "interfaceIPv6Address"],
];

/// The addresses of a node's own tunnels.
pub fn tunnel_addresses(node: &Resource) -> impl Iterator<Item = IpAddr> {
    TUNNELS
        .into_iter()
        .filter_map(|path| node.text(path)?.parse().ok())
}

/// The addresses of an endpoint.
pub fn endpoint_addresses(endpoint: &Resource) -> impl Iterator<Item = IpAddr> {
    let networks = endpoint.field(&["spec", "ipNetworks"]).and_then(Value::as_array);
    let networks = networks.into_iter().flatten().filter_map(Value::as_str);
    networks.filter_map(checks::net_or_ip).map(|net| net.addr())
}

impl Stock {
    /// Blocks, pools and what is reserved: enough to count addresses.
    ///
    /// # Errors
    /// What the datastore answers.
    pub async fn blocks_and_pools(store: &dyn Datastore) -> Result<Self, Error> {
        let mut stock = Self::default();
        for prefix in BLOCKS {
            for entry in store.entries(prefix).await? {
                match read(&entry) {
                    Ok(block) => stock.blocks.push(block),
                    Err(bad) => stock.unreadable.push(bad),
                }
            }
        }
        let Self {
            pools, unreadable, ..
        } = &mut stock;
        let read = |pool: &Resource| {
            Some(Pool {
                name: pool.name().to_owned(),
                cidr: pool.text(&["spec", "cidr"]).and_then(checks::net)?,
                disabled: pool.field(&["spec", "disabled"]) == Some(&Value::Bool(true)),
            })
        };
        each(store, Kind::IpPool, unreadable, read, |pool| pools.extend(pool)).await?;
        let Self {
            reserved, unreadable, ..
        } = &mut stock;
        let read = |reservation: &Resource| -> Vec<IpNet> {
            let nets = reservation
                .field(&["spec", "reservedCIDRs"])
                .and_then(Value::as_array);
            let nets = nets.into_iter().flatten().filter_map(Value::as_str);
            nets.filter_map(checks::net_or_ip).collect()
        };
        each(store, Kind::IpReservation, unreadable, read, |nets| {
            reserved.extend(nets);
        })
        .await?;
        Ok(stock)
    }

    /// Everything.
    ///
    /// # Errors
    /// What the datastore answers.
    pub async fn whole(store: &dyn Datastore) -> Result<Self, Error> {
        let mut stock = Self::blocks_and_pools(store).await?;
        // The long ones together: the datastore answers one while the other is read.
        let (handles, endpoints) =
            tokio::try_join!(store.entries(HANDLES), listing(store, Kind::WorkloadEndpoint))?;
        for entry in handles {
            let Some(handle) = entry.key.strip_prefix(HANDLES) else {
                continue;
            };
            let value: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
            let blocks = value.get("block").and_then(Value::as_object);
            let blocks = blocks.into_iter().flatten();
            let counts = blocks.filter_map(|(block, count)| Some((block.clone(), count.as_u64()?)));
            stock.handles.insert(handle.to_owned(), counts.collect());
            stock.handle_revisions.insert(handle.to_owned(), entry.revision);
        }
        for entry in store.entries(HOSTS).await? {
            stock.affinities.extend(affinity(&entry.key));
        }
        let Self {
            nodes,
            tunnels,
            unreadable,
            ..
        } = &mut stock;
        let read = |node: &Resource| {
            let addresses: Vec<IpAddr> = tunnel_addresses(node).collect();
            (node.name().to_owned(), addresses)
        };
        each(store, Kind::Node, unreadable, read, |(name, addresses)| {
            let owner = format!("Node({name})");
            tunnels.extend(addresses.into_iter().map(|ip| (ip, owner.clone())));
            nodes.insert(name);
        })
        .await?;
        let Self {
            workloads,
            unreadable,
            ..
        } = &mut stock;
        let read = |endpoint: &Resource| {
            let addresses: Vec<IpAddr> = endpoint_addresses(endpoint).collect();
            (format!("Workload({})", endpoint.id()), addresses)
        };
        taken(endpoints.as_ref(), unreadable, read, |(owner, addresses)| {
            workloads.extend(addresses.into_iter().map(|ip| (ip, owner.clone())));
        });
        let controllers = store
            .get(Kind::KubeControllersConfiguration, "default")
            .await
            .ok();
        let assigns = controllers.is_some_and(|controllers| {
            controllers
                .field(&["spec", "controllers", "loadBalancer"])
                .is_some()
        });
        if assigns && let Some(inventory) = store.kubernetes_objects(&["Service"]).await? {
            stock.services = Some(inventory.objects.iter().flat_map(service_addresses).collect());
        }
        stock.cluster = store.get(Kind::ClusterInformation, "default").await.ok();
        if let Some(entry) = store.entry(CONFIG).await? {
            let config: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
            stock.cooldown_seconds = config["ipCooldownSeconds"].as_u64().unwrap_or_default();
        }
        Ok(stock)
    }

    /// The pool that has this address; the smallest, should several.
    pub fn pool_of(&self, ip: IpAddr) -> Option<&Pool> {
        let pools = self.pools.iter().filter(|pool| pool.cidr.contains(&ip));
        pools.max_by_key(|pool| pool.cidr.prefix_len())
    }
}

fn read(entry: &Entry) -> Result<Block, Unreadable> {
    serde_json::from_slice(&entry.value).map_err(|error| Unreadable {
        key: entry.key.clone(),
        why: error.to_string(),
    })
}

/// All resources of a kind; none where the store doesn't have this kind.
async fn listing(store: &dyn Datastore, kind: Kind) -> Result<Option<Listing>, Error> {
    match store.listing(kind, None).await {
        Err(Error::Unsupported { .. }) => Ok(None),
        listing => listing.map(Some),
    }
}

/// Reads all resources of a list and takes what was read, in their order.
fn taken<T: Send>(
    listing: Option<&Listing>,
    unreadable: &mut Vec<Unreadable>,
    read: impl Fn(&Resource) -> T + Sync,
    mut take: impl FnMut(T),
) {
    let Some(listing) = listing else { return };
    let Ok(()) = listing.made(
        |resource| read(&resource),
        |made| {
            take(made);
            Ok::<(), Infallible>(())
        },
    );
    unreadable.extend_from_slice(listing.unreadable());
}

/// Both.
async fn each<T: Send>(
    store: &dyn Datastore,
    kind: Kind,
    unreadable: &mut Vec<Unreadable>,
    read: impl Fn(&Resource) -> T + Sync,
    take: impl FnMut(T),
) -> Result<(), Error> {
    taken(listing(store, kind).await?.as_ref(), unreadable, read, take);
    Ok(())
}

/// Node and block of a key such as `…/host/node-1/ipv4/block/10.0.0.0-26`.
fn affinity(key: &str) -> Option<(String, IpNet)> {
    let (host, path) = key.strip_prefix(HOSTS)?.split_once('/')?;
    let (_, block) = path.split_once("/block/")?;
    let (address, length) = block.rsplit_once('-')?;
    Some((host.to_owned(), format!("{address}/{length}").parse().ok()?))
}

fn service_addresses(object: &Value) -> Vec<(IpAddr, Owner)> {
    if object["kind"] != "Service" || object["spec"]["type"] != "LoadBalancer" {
        return Vec::new();
    }
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    let owner = format!("Service({}/{})", text("namespace"), text("name"));
    let ingress = object["status"]["loadBalancer"]["ingress"].as_array();
    let ips = ingress
        .into_iter()
        .flatten()
        .filter_map(|ingress| ingress["ip"].as_str()?.parse().ok());
    ips.map(|ip| (ip, owner.clone())).collect()
}
