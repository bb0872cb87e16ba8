//! How routes go from session to session: what each node hears of another node's blocks, and which of it is the best
//! (RFC 4271, 9.1 and 9.2; RFC 4456; what BIRD makes of them: `proto/bgp/attrs.c`, `bgp_rte_better`, `bgp_rte_mergable`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use super::Cluster;
use super::cluster::stored_address;
use super::pool::is_same_subnet;
use super::routes::Silent;
use super::sessions::{Session, sessions};
use crate::calico::node::{Node, NodeAddress};

/// All nodes that speak BGP with each other.
#[derive(Debug)]
pub(super) struct Speakers<'c> {
    all: Vec<Speaker<'c>>,
    by_name: HashMap<&'c str, usize>,
}

#[derive(Debug)]
struct Speaker<'c> {
    node: &'c Node,
    own: NodeAddress,
    number: u32,
    links: Vec<Link>,
}

/// One side of a session that both sides have.
#[derive(Debug)]
struct Link {
    to: usize,
    /// Which one of the peer's links is its other side.
    back: usize,
    local: IpAddr,
    internal: bool,
    /// The peer is a client.
    client: bool,
}

/// Of a route that a node has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    /// By which link it came; none: it is the node's own.
    by: Option<usize>,
    /// None: the address of the node that has the block.
    hop: Option<IpAddr>,
    as_path: Vec<u32>,
    originator: Option<IpAddr>,
    clusters: Vec<Ipv4Addr>,
}

/// A node and the next hops of the equal paths by which it reaches another one; none: that node's own address.
pub(super) type Hops = Vec<Option<IpAddr>>;

impl<'c> Speakers<'c> {
    /// Those sessions that both sides have, and that aren't among the silent ones.
    pub(super) fn new(cluster: &'c Cluster, v6: bool, silent: &Silent) -> Self {
        let nodes: Vec<(&Node, NodeAddress)> = cluster
            .nodes
            .iter()
            .filter_map(|node| Some((node, stored_address(node, v6)?)))
            .collect();
        let by_name: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .map(|(place, (node, _))| (node.name.as_str(), place))
            .collect();
        let of_peers: Vec<Vec<(usize, Session)>> = nodes
            .iter()
            .map(|(node, _)| {
                let mut all = sessions(cluster, node, v6);
                // Of two with one peer, one is up.
                all.dedup_by_key(|session| session.remote);
                all.into_iter()
                    .filter_map(|session| {
                        let peer = session.peer.as_deref()?;
                        let quiet =
                            !silent.is_empty() && silent.contains(&(node.name.clone(), peer.to_owned()));
                        (!quiet).then_some((*by_name.get(peer)?, session))
                    })
                    .collect()
            })
            .collect();
        let places: Vec<HashMap<IpAddr, usize>> = of_peers
            .iter()
            .map(|sessions| {
                let places = sessions.iter().enumerate();
                places
                    .map(|(place, (_, session))| (session.remote, place))
                    .collect()
            })
            .collect();
        let nowhere = usize::MAX;
        let all = nodes
            .iter()
            .zip(&of_peers)
            .map(|((node, own), sessions)| Speaker {
                node,
                own: *own,
                number: cluster.as_of(node),
                links: sessions
                    .iter()
                    .map(|(to, session)| Link {
                        to: *to,
                        back: places
                            .get(*to)
                            .and_then(|places| places.get(&session.local).copied())
                            .unwrap_or(nowhere),
                        local: session.local,
                        internal: session.is_internal(),
                        client: session.client,
                    })
                    .collect(),
            })
            .collect();
        Self { all, by_name }
    }

    /// Who hears of a node's own routes, and by which next hops.
    pub(super) fn from(&self, origin: &str) -> HashMap<&'c str, Hops> {
        let Some(origin) = self.by_name.get(origin).copied() else {
            return HashMap::new();
        };
        let mut heard: Vec<BTreeMap<usize, Path>> = vec![BTreeMap::new(); self.all.len()];
        let mut told: Vec<Option<Path>> = vec![None; self.all.len()];
        let mut queue = VecDeque::from([origin]);
        // Policies of BGP may have no stable end; then what was heard last stands.
        let mut patience = 64 * self.all.len() + 64;
        while let Some(at) = queue.pop_front() {
            if patience == 0 {
                break;
            }
            patience -= 1;
            let Some(speaker) = self.all.get(at) else { continue };
            let best = if at == origin {
                Some(Path::own())
            } else {
                heard.get(at).and_then(|paths| self.best(speaker, paths, origin))
            };
            if told.get(at).is_some_and(|told| *told == best) {
                continue;
            }
            for link in &speaker.links {
                let to = best
                    .as_ref()
                    .and_then(|best| speaker.export(best, link, &self.all))
                    .and_then(|path| self.import(path, link));
                let Some(paths) = heard.get_mut(link.to) else {
                    continue;
                };
                let changed = match to {
                    Some(path) => paths.insert(link.back, path.clone()).as_ref() != Some(&path),
                    None => paths.remove(&link.back).is_some(),
                };
                if changed {
                    queue.push_back(link.to);
                }
            }
            if let Some(told) = told.get_mut(at) {
                *told = best;
            }
        }
        let others = self.all.iter().zip(&heard).enumerate();
        others
            .filter(|(at, _)| *at != origin)
            .filter_map(|(_, (speaker, paths))| {
                let best = self.best(speaker, paths, origin)?;
                let rank = self.rank(speaker, &best, origin);
                let mut hops: Hops = paths
                    .values()
                    .filter(|path| self.rank(speaker, path, origin) == rank)
                    .map(|path| path.hop)
                    .collect();
                hops.sort_unstable();
                hops.dedup();
                Some((speaker.node.name.as_str(), hops))
            })
            .collect()
    }

    fn best(&self, speaker: &Speaker, paths: &BTreeMap<usize, Path>, origin: usize) -> Option<Path> {
        let by_last = |path: &&Path| {
            let peer = path.by.and_then(|link| self.all.get(speaker.links.get(link)?.to));
            let id = peer.map(Speaker::router_id);
            let address = peer.map(|peer| peer.own.ip);
            (
                self.rank(speaker, path, origin),
                path.originator.or(id),
                path.clusters.len(),
                address,
            )
        };
        paths.values().min_by_key(by_last).cloned()
    }

    /// What makes paths equal: length of the AS path, internal, metric of the next hop.
    fn rank(&self, speaker: &Speaker, path: &Path, origin: usize) -> (usize, bool, bool) {
        let link = path.by.and_then(|link| speaker.links.get(link));
        let hop = path
            .hop
            .or_else(|| self.all.get(origin).map(|origin| origin.own.ip));
        let near = hop.is_some_and(|ip| is_same_subnet(speaker.own, NodeAddress { ip, ..speaker.own }));
        (path.as_path.len(), link.is_some_and(|link| link.internal), !near)
    }

    /// What the other side of a link makes of what comes by it.
    fn import(&self, path: Path, link: &Link) -> Option<Path> {
        let receiver = self.all.get(link.to)?;
        let own = receiver.links.get(link.back)?;
        let in_cluster = receiver
            .node
            .route_reflector_cluster_id
            .is_some_and(|id| own.client && path.clusters.contains(&id));
        let loops = path.as_path.contains(&receiver.number)
            || path.originator == Some(receiver.router_id())
            || in_cluster;
        (!loops).then_some(Path {
            by: Some(link.back),
            ..path
        })
    }
}

impl Speaker<'_> {
    fn router_id(&self) -> IpAddr {
        self.node.ipv4.map_or(self.own.ip, |own| own.ip)
    }

    /// What it tells a peer of its best path.
    fn export(&self, best: &Path, link: &Link, all: &[Speaker]) -> Option<Path> {
        let source = best.by.and_then(|by| self.links.get(by));
        if source.is_some_and(|source| source.to == link.to) {
            return None;
        }
        let reflected = link.internal && source.is_some_and(|source| source.internal);
        if reflected && !link.client && !source.is_some_and(|source| source.client) {
            return None;
        }
        // BIRD asks here already, since the client may have another cluster's id (`bgp_import_control`): a route that
        // came by another reflector of the cluster is not for its clients.
        let own_cluster = self.node.route_reflector_cluster_id;
        if link.client && own_cluster.is_some_and(|id| best.clusters.contains(&id)) {
            return None;
        }
        let mut path = best.clone();
        if reflected {
            let from = source.and_then(|source| all.get(source.to));
            path.originator = path.originator.or_else(|| from.map(Speaker::router_id));
            path.clusters.extend(own_cluster);
        }
        if !link.internal {
            path.as_path.insert(0, self.number);
            // Over several hops, to another AS, with its own address.
            path.hop = source.map(|_| link.local);
            path.originator = None;
            path.clusters.clear();
        }
        Some(path)
    }
}

impl Path {
    const fn own() -> Self {
        Self {
            by: None,
            hop: None,
            as_path: Vec::new(),
            originator: None,
            clusters: Vec::new(),
        }
    }
}
