//! Everything that IPAM and its users say, read once.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::block::Block;
use super::light;
use crate::calico::checks;
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::datastore::{Datastore, Entry, Error, Unreadable};

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
    /// Handles and their revisions, in the order of their keys.
    pub handles: Vec<(String, i64)>,
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
        let (blocks, pools, reserved) = tokio::try_join!(blocks(store), pools(store), reservations(store))?;
        let mut stock = Self::default();
        stock.blocks = stock.keep(blocks);
        stock.pools = stock.keep(pools).into_iter().flatten().collect();
        stock.reserved = stock.keep(reserved).into_iter().flatten().collect();
        Ok(stock)
    }

    /// Everything, of which the long lists are read at the same time: while one arrives, others are looked at.
    ///
    /// # Errors
    /// What the datastore answers.
    pub async fn whole(store: &dyn Datastore) -> Result<Self, Error> {
        let (mut stock, handles, affinities, nodes, endpoints) = tokio::try_join!(
            Self::blocks_and_pools(store),
            store.keys(HANDLES),
            store.keys(HOSTS),
            nodes(store),
            endpoints(store)
        )?;
        let name = |(key, revision): (String, i64)| Some((key.strip_prefix(HANDLES)?.to_owned(), revision));
        stock.handles = handles.into_iter().filter_map(name).collect();
        stock.affinities = affinities.iter().filter_map(|(key, _)| affinity(key)).collect();
        for (name, addresses) in stock.keep(nodes) {
            let owner = format!("Node({name})");
            stock
                .tunnels
                .extend(addresses.into_iter().map(|ip| (ip, owner.clone())));
            stock.nodes.insert(name);
        }
        for (owner, addresses) in stock.keep(endpoints) {
            stock
                .workloads
                .extend(addresses.into_iter().map(|ip| (ip, owner.clone())));
        }
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

    fn keep<T>(&mut self, (read, unreadable): Read<T>) -> Vec<T> {
        self.unreadable.extend(unreadable);
        read
    }

    /// The pool that has this address; the smallest, should several.
    pub fn pool_of(&self, ip: IpAddr) -> Option<&Pool> {
        let pools = self.pools.iter().filter(|pool| pool.cidr.contains(&ip));
        pools.max_by_key(|pool| pool.cidr.prefix_len())
    }
}

/// What was read, and the keys that couldn't be.
type Read<T> = (Vec<T>, Vec<Unreadable>);

/// In order of their keys, as etcd has them.
async fn blocks(store: &dyn Datastore) -> Result<Read<Block>, Error> {
    let [v4, v6] = BLOCKS.map(|prefix| store.entries(prefix));
    let (v4, v6) = tokio::try_join!(v4, v6)?;
    Ok(aside(move || {
        let (mut blocks, mut unreadable) = (Vec::with_capacity(v4.len() + v6.len()), Vec::new());
        // A text is let go as soon as it is read.
        for entry in v4.into_iter().chain(v6) {
            match serde_json::from_slice(&entry.value) {
                Ok(block) => blocks.push(block),
                Err(error) => unreadable.push(Unreadable {
                    key: entry.key,
                    why: error.to_string(),
                }),
            }
        }
        (blocks, unreadable)
    })
    .await)
}

async fn pools(store: &dyn Datastore) -> Result<Read<Option<Pool>>, Error> {
    let read = |pool: &Resource| {
        Some(Pool {
            name: pool.name().to_owned(),
            cidr: pool.text(&["spec", "cidr"]).and_then(checks::net)?,
            disabled: pool.field(&["spec", "disabled"]) == Some(&Value::Bool(true)),
        })
    };
    each(store, Kind::IpPool, |_| None, read).await
}

async fn reservations(store: &dyn Datastore) -> Result<Read<Vec<IpNet>>, Error> {
    let read = |reservation: &Resource| -> Vec<IpNet> {
        let nets = reservation
            .field(&["spec", "reservedCIDRs"])
            .and_then(Value::as_array);
        let nets = nets.into_iter().flatten().filter_map(Value::as_str);
        nets.filter_map(checks::net_or_ip).collect()
    };
    each(store, Kind::IpReservation, |_| None, read).await
}

/// Names, and addresses of tunnels.
async fn nodes(store: &dyn Datastore) -> Result<Read<(String, Vec<IpAddr>)>, Error> {
    let read = |node: &Resource| (node.name().to_owned(), tunnel_addresses(node).collect());
    each(store, Kind::Node, light::node, read).await
}

/// Owners, and their addresses.
async fn endpoints(store: &dyn Datastore) -> Result<Read<(Owner, Vec<IpAddr>)>, Error> {
    let read = |endpoint: &Resource| {
        let owner = format!("Workload({})", endpoint.id());
        (owner, endpoint_addresses(endpoint).collect())
    };
    each(store, Kind::WorkloadEndpoint, light::endpoint, read).await
}

/// Reads all resources of a kind; none where the store doesn't have this kind.
async fn each<T: Send + 'static>(
    store: &dyn Datastore,
    kind: Kind,
    light: impl Fn(&Entry) -> Option<T> + Send + Sync + 'static,
    read: impl Fn(&Resource) -> T + Send + Sync + 'static,
) -> Result<Read<T>, Error> {
    let listing = match store.listing(kind, None).await {
        Err(Error::Unsupported { .. }) => return Ok((Vec::new(), Vec::new())),
        listing => listing?,
    };
    Ok(aside(move || {
        let mut all = Vec::new();
        let Ok(()) = listing.made_of(
            light,
            |resource| read(&resource),
            |made| {
                all.push(made);
                Ok::<(), Infallible>(())
            },
        );
        (all, listing.unreadable().to_vec())
    })
    .await)
}

/// Works on a thread of its own, so that others of this runtime go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Read<T> + Send + 'static) -> Read<T> {
    // A thread that fails fails this one, too.
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
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
