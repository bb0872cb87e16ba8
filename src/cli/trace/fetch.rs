//! `--nodes auto`: the nodes of both ends first, then each node at which the walk leaves what was seen, until it decides.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Args;
use crate::cli::source::Depth;
use crate::cli::{Context, Error};
use crate::forward::topology::Topology;
use crate::forward::walk::{End, Missing, Walker, with_room};
use crate::intent::Cluster;
use crate::policy::Policies;
use crate::state::{Fact, NodeState, Objects, Snapshot, snapshot};

/// A snapshot of the nodes on the way, as far as they answer.
pub(super) fn on_the_way(args: &Args, cx: &mut Context) -> Result<Snapshot, Error> {
    let objects = args.source.objects(cx, Depth::Whole)?;
    let known = match &objects {
        Fact::Known(objects) => Homes::new(objects),
        Fact::Absent { why, .. } => {
            return Err(Error::new(format!("--nodes auto: objects are not known: {why}"))
                .hint("name the nodes: --nodes node1,node2"));
        }
    };
    let mut wanted = known.nodes_of(args.from());
    if wanted.is_empty() {
        let message = format!("--nodes auto: no node or pod of the datastore is {}", args.from());
        return Err(Error::new(message).hint("name the nodes: --nodes node1,node2"));
    }
    wanted.extend(known.nodes_of(args.to()));
    let mut asked = BTreeSet::new();
    let mut nodes: Vec<NodeState> = Vec::new();
    loop {
        let next: Vec<String> = wanted.difference(&asked).cloned().collect();
        if next.is_empty() {
            break;
        }
        nodes.extend(args.fleet.ask(cx, &args.source, &objects, &next)?.0);
        asked.extend(next);
        wanted.extend(unseen(args, &nodes, &objects, &known));
    }
    if nodes.is_empty() {
        return Err(Error::new("no node answered: there is nothing to walk"));
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Snapshot {
        netdiag_snapshot: snapshot::VERSION,
        nodes,
        objects,
    })
}

/// The nodes that the walk needs next.
fn unseen(args: &Args, nodes: &[NodeState], objects: &Fact<Objects>, known: &Homes) -> BTreeSet<String> {
    let topology = Topology::new(nodes);
    let walker = Walker::new(&topology);
    // Where names mean nothing yet, the whole question says so later.
    let Ok((question, packet)) = args.question(&walker, objects) else {
        return BTreeSet::new();
    };
    let ways = with_room(|| walker.there_and_back(packet.clone(), question.from));
    ways.iter()
        .flat_map(|(there, back)| std::iter::once(there).chain(back))
        .filter_map(|outcome| match &outcome.end {
            End::NotDecidable(Missing::Beyond { next, dst, .. }) => Some(next.unwrap_or(*dst)),
            _ => None,
        })
        .flat_map(|ip| known.nodes_at(ip))
        .collect()
}

/// Where nodes and pods are, by the objects.
struct Homes {
    cluster: Cluster,
    policies: Policies,
}

impl Homes {
    fn new(objects: &Objects) -> Self {
        Self {
            cluster: Cluster::new(objects),
            policies: Policies::new(objects),
        }
    }

    /// Of a node, `NODE/POD`, a pod by its name or `NAMESPACE/NAME`, or an address of one.
    fn nodes_of(&self, word: &str) -> BTreeSet<String> {
        if let Ok(ip) = word.parse() {
            return self.nodes_at(ip);
        }
        let first = word.split_once('/').map_or(word, |(first, _)| first);
        if let Some(node) = self.cluster.node(word).or_else(|| self.cluster.node(first)) {
            return BTreeSet::from([node.name.clone()]);
        }
        let pods = self.policies.pods.iter();
        pods.filter(|pod| pod.name == word || pod.name.rsplit('/').next() == Some(word))
            .map(|pod| pod.node.clone())
            .filter(|node| !node.is_empty())
            .collect()
    }

    fn nodes_at(&self, ip: IpAddr) -> BTreeSet<String> {
        let nodes = self.cluster.nodes_at(ip).map(|node| node.name.clone());
        let pods = self.policies.pods.iter().filter(|pod| pod.ips.contains(&ip));
        nodes
            .chain(pods.map(|pod| pod.node.clone()).filter(|node| !node.is_empty()))
            .collect()
    }
}
