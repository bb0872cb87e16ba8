//! Every network namespace of this node, each read from within by a thread that enters it.
//!
//! # Which namespaces belong to the node
//!
//! A machine may have several nodes (labs, kind), each with pods of its own, and its `/proc` shows the processes of all.
//! So it isn't enough that a namespace can be found. The host's is that of netdiag itself, and another one belongs to it
//!
//! 1. when a link leads from the one to the other (either has a number for the other: veth, macvlan, ipvlan, moved
//!    tunnels), or
//! 2. when it has a name in the directories of ip-netns(8) and of the runtimes, as netdiag's own mounts show them, or
//! 3. when processes are in it and all of them that can be seen are in netdiag's own PID namespace: those of a container or
//!    of another node have one of their own, even where its first process is started from outside.
//!
//! Where netdiag itself isn't in the namespace of process 1, names and processes are those of the machine, not of the node:
//! then only the first rule holds, and the namespace of process 1 is never the node's.

mod find;
mod name;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns};

use self::find::{Found, Search};
use super::netlink::nsid;
use super::netlink::socket::Socket;
use super::sockets::{self, Owners};
use super::{Depth, conntrack, recent, sysctl};
use crate::state::netns::{NsId, NsIdentity, Peer};
use crate::state::{Absence, Fact, Namespace, Netns};

/// What a look at all namespaces gave.
pub(super) struct Seen {
    /// The one netdiag is in.
    pub(super) own: Option<NsIdentity>,
    /// Of that one, what [`read_netns`] reads.
    pub(super) host: Netns,
    pub(super) namespaces: Fact<Vec<Namespace>>,
    /// Why there may be others.
    pub(super) incomplete: Option<String>,
}

/// Reads the host's namespace and all others that belong to the node.
pub(super) fn read() -> Seen {
    let search = Search::everywhere();
    let mut host = Netns::default();
    let mut namespaces = Fact::absent("the threads that read it failed");
    let owners = thread::scope(|scope| {
        let owners = scope.spawn(Owners::look);
        let own = scope.spawn(|| {
            let mut net = Netns::default();
            read_netns(&mut net, Depth::Host);
            net
        });
        namespaces = others(&search);
        if let Ok(net) = own.join() {
            host = net;
        }
        owners.join().unwrap_or_default()
    });
    owners.fill(&mut host);
    if let Fact::Known(namespaces) = &mut namespaces {
        for namespace in &mut *namespaces {
            owners.fill(&mut namespace.net);
        }
        name::all(namespaces);
        namespaces.sort_by_cached_key(|namespace| (namespace.title(), namespace.id));
        host.peers = Fact::Known(peers_of_host(&host, namespaces));
    }
    Seen {
        own: search.own.as_ref().map(|own| own.id),
        host,
        namespaces,
        incomplete: search.problem,
    }
}

/// Reads the host's namespace alone, as far as sessions depend on it.
pub(super) fn own() -> Seen {
    let mut host = Netns::default();
    read_netns(&mut host, Depth::Sessions);
    Owners::look().fill(&mut host);
    Seen {
        own: find::own().ok().map(|own| own.id),
        host,
        namespaces: Fact::default(),
        incomplete: None,
    }
}

/// Reads what the calling thread's namespace holds: the one place where all sources of a namespace are called.
pub(super) fn read_netns(net: &mut Netns, depth: Depth) {
    if depth == Depth::Pod {
        super::netlink::netns_tables(net);
        net.netfilter = super::netfilter::rulesets();
    }
    net.ipsets = super::ipset::ipsets();
    net.tcp_counters = super::procfs::tcp_counters();
    sockets::read_into(net);
    net.sysctls = sysctl::sysctls(depth);
    if depth == Depth::Sessions {
        return;
    }
    net.conntrack = conntrack::conntrack();
    net.ipvs = conntrack::ipvs();
    net.recent = recent::recent();
    net.peers = Socket::route()
        .and_then(|mut socket| nsid::all(&mut socket))
        .map(|ids| ids.into_iter().map(|id| Peer { id, namespace: None }).collect())
        .map_err(|error| format!("netlink: {error}"))
        .into();
}

/// Reads the namespace of the calling thread, as deep as that of a node or of a pod, whose processes are not looked for:
/// one that no process is in, but only a thread. `others` are the namespaces that links may lead to.
pub fn of_thread(pod: bool, others: &[(NsIdentity, BorrowedFd)]) -> Netns {
    let mut net = Netns::default();
    if pod {
        read_netns(&mut net, Depth::Pod);
    } else {
        super::netlink::netns_tables(&mut net);
        net.netfilter = super::netfilter::rulesets();
        read_netns(&mut net, Depth::Host);
    }
    if let (Fact::Known(peers), Ok(mut socket)) = (&mut net.peers, Socket::route()) {
        for (identity, file) in others {
            let Ok(Some(id)) = nsid::of(&mut socket, *file) else {
                continue;
            };
            for peer in peers.iter_mut().filter(|peer| peer.id == id) {
                peer.namespace = Some(*identity);
            }
        }
    }
    net
}

/// Enters the namespaces, a few at a time.
fn others(search: &Search) -> Fact<Vec<Namespace>> {
    let Some(own) = &search.own else {
        return Fact::absent(search.problem.clone().unwrap_or_default());
    };
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(search.found.len());
    let mut read: Vec<Namespace> = thread::scope(|scope| {
        let work: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut worker = Worker::new(own.file.as_ref());
                    let mut read = Vec::new();
                    while let Some(found) = search.found.get(next.fetch_add(1, Ordering::Relaxed)) {
                        read.extend(worker.visit(found, search));
                    }
                    read
                })
            })
            .collect();
        work.into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    });
    if read.is_empty()
        && let Some(problem) = &search.problem
    {
        return Fact::absent_as(Absence::Unknown, problem);
    }
    tell_peers(own.id, &mut read, search);
    Fact::Known(read)
}

/// A thread that goes from namespace to namespace, with a socket that stays in the host's.
struct Worker<'a> {
    host: Option<Socket>,
    host_file: Option<&'a File>,
}

impl<'a> Worker<'a> {
    fn new(host_file: Option<&'a File>) -> Self {
        Self {
            host: Socket::route().ok(),
            host_file,
        }
    }

    /// Reads one namespace; none when it is gone, or belongs to somebody else.
    fn visit(&mut self, found: &Found, search: &Search) -> Option<Namespace> {
        let mut namespace = found.namespace();
        let file = match found.open() {
            Ok(Some(file)) => file,
            Ok(None) => return None,
            Err(why) => return found.belongs(search, false).then(|| unreadable(namespace, &why)),
        };
        if let Some(host) = &mut self.host {
            namespace.host_id = nsid::of(host, file.as_fd()).ok().flatten();
        }
        if let Err(error) = setns(&file, CloneFlags::CLONE_NEWNET) {
            let why = match error {
                nix::errno::Errno::EPERM => "it can't be entered: run as root (CAP_SYS_ADMIN)".to_owned(),
                other => format!("setns: {other}"),
            };
            let linked = namespace.host_id.is_some();
            return found.belongs(search, linked).then(|| unreadable(namespace, &why));
        }
        if let (Ok(mut inside), Some(host)) = (Socket::route(), self.host_file) {
            namespace.id_of_host = nsid::of(&mut inside, host.as_fd()).ok().flatten();
        }
        let linked = namespace.host_id.is_some() || namespace.id_of_host.is_some();
        if !found.belongs(search, linked) {
            return None;
        }
        read_netns(&mut namespace.net, Depth::Pod);
        Some(namespace)
    }
}

/// A namespace of which only the name is known.
fn unreadable(mut namespace: Namespace, why: &str) -> Namespace {
    fn absent<T>(why: &str) -> Fact<T> {
        Fact::absent_as(Absence::Unreadable, why)
    }
    namespace.net = Netns {
        taken: std::collections::BTreeMap::new(),
        links: absent(why),
        addresses: absent(why),
        routes: absent(why),
        nexthops: absent(why),
        rules: absent(why),
        neighbors: absent(why),
        fdb: absent(why),
        vlans: absent(why),
        netfilter: absent(why),
        ipsets: absent(why),
        tcp: absent(why),
        udp: absent(why),
        raw: absent(why),
        packet: absent(why),
        tcp_counters: absent(why),
        sysctls: absent(why),
        conntrack: absent(why),
        ipvs: absent(why),
        recent: absent(why),
        peers: absent(why),
    };
    namespace
}

/// Says of the numbers that namespaces have for others whom they stand for.
fn tell_peers(own: NsIdentity, read: &mut [Namespace], search: &Search) {
    for namespace in &mut *read {
        let host = namespace.id_of_host;
        if let Fact::Known(peers) = &mut namespace.net.peers {
            for peer in peers.iter_mut().filter(|peer| Some(peer.id) == host) {
                peer.namespace = Some(own);
            }
        }
    }
    // Links from one pod to another are rare: only those that have some ask about all the others.
    let unknown: Vec<usize> = (0..read.len())
        .filter(|index| {
            read[*index]
                .net
                .peers
                .items()
                .iter()
                .any(|peer| peer.namespace.is_none())
        })
        .collect();
    if unknown.is_empty() {
        return;
    }
    let answers = thread::scope(|scope| {
        let of = |index: &usize| search.found.iter().find(|found| found.id == read[*index].id);
        let asked: Vec<(usize, &Found)> = unknown
            .iter()
            .filter_map(|index| Some((*index, of(index)?)))
            .collect();
        scope
            .spawn(move || {
                asked
                    .into_iter()
                    .map(|(index, found)| (index, numbers(found, search)))
                    .collect::<Vec<_>>()
            })
            .join()
            .unwrap_or_default()
    });
    for (index, numbers) in answers {
        if let Fact::Known(peers) = &mut read[index].net.peers {
            for peer in peers.iter_mut().filter(|peer| peer.namespace.is_none()) {
                peer.namespace = numbers
                    .iter()
                    .find(|(id, _)| *id == peer.id)
                    .map(|(_, identity)| *identity);
            }
        }
    }
}

/// The numbers that one namespace has for the others that were found.
fn numbers(found: &Found, search: &Search) -> Vec<(NsId, NsIdentity)> {
    let entered = found
        .open()
        .ok()
        .flatten()
        .is_some_and(|file| setns(file, CloneFlags::CLONE_NEWNET).is_ok());
    let Some(mut socket) = entered.then(|| Socket::route().ok()).flatten() else {
        return Vec::new();
    };
    search
        .found
        .iter()
        .filter_map(|other| {
            let file = other.open().ok()??;
            Some((nsid::of(&mut socket, file.as_fd()).ok()??, other.id))
        })
        .collect()
}

/// The host's own numbers: each namespace said which one it has there.
fn peers_of_host(host: &Netns, namespaces: &[Namespace]) -> Vec<Peer> {
    let of = |id: NsId| {
        namespaces
            .iter()
            .find(|namespace| namespace.host_id == Some(id))
            .map(|namespace| namespace.id)
    };
    host.peers
        .items()
        .iter()
        .map(|peer| Peer {
            id: peer.id,
            namespace: of(peer.id),
        })
        .collect()
}
