//! What becomes of BGP sessions when objects change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::NodeFuture;
use crate::forward::matrix::{self, Endpoint, Reach};
use crate::forward::packet::Transport;
use crate::forward::topology::Topology;
use crate::forward::walk::{Cause, End, Walker};
use crate::intent::Cluster;
use crate::intent::routes::Silent;
use crate::intent::sessions::{By, Session, is_second, sessions};
use crate::state::bird::{BgpSession, Bird, ConfiguredPeer, Protocol};
use crate::state::{Fact, NodeState, Snapshot};

/// So many new sessions are walked; of more, only the ends are looked at.
const WALKED: usize = 400;

/// How a session is afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    Up,
    /// As it is now: not up.
    StaysDown,
    /// And why.
    Down(String),
    /// Its peer has another session, which is up: Idle.
    Second,
    /// Who is there can't be told.
    Unknown,
}

/// What becomes of a session that is there afterwards.
struct Told {
    then: Then,
    /// Established now; none where the daemon is not known.
    up_now: Option<bool>,
    /// It begins anew though it stays.
    anew: bool,
}

/// Of all nodes, by their names.
type Sessions = BTreeMap<String, Sides>;

/// The sessions of a node.
struct Sides {
    all: Vec<Session>,
    by_remote: HashMap<IpAddr, usize>,
}

impl Sides {
    fn new(all: Vec<Session>) -> Self {
        let mut by_remote = HashMap::new();
        for (at, session) in all.iter().enumerate() {
            by_remote.entry(session.remote).or_insert(at);
        }
        Self { all, by_remote }
    }

    /// The first one with that peer.
    fn with(&self, remote: IpAddr) -> Option<&Session> {
        self.all.get(*self.by_remote.get(&remote)?)
    }
}

/// All sessions of all nodes, before and after.
pub(super) struct Ends {
    old: Sessions,
    new: Sessions,
    /// Of each of the new ones, in their order.
    told: BTreeMap<String, Vec<Told>>,
    /// No session is other than before: what most changes leave alone needs no looking through.
    are_same: bool,
}

/// Nodes that were seen, by their names.
type Seen<'s> = HashMap<&'s str, &'s NodeState>;

impl Ends {
    /// Of one family.
    pub(super) fn new([before, after]: [&Cluster; 2], snapshot: &Snapshot, v6: bool) -> Self {
        let of = |cluster: &Cluster| -> Sessions {
            let nodes = cluster.nodes.iter();
            nodes
                .map(|node| (node.name.clone(), Sides::new(sessions(cluster, node, v6))))
                .collect()
        };
        let mut ends = Self {
            old: of(before),
            new: of(after),
            told: BTreeMap::new(),
            are_same: false,
        };
        ends.are_same = ends.old.len() == ends.new.len()
            && ends
                .old
                .iter()
                .zip(&ends.new)
                .all(|(old, new)| old.0 == new.0 && old.1.all == new.1.all);
        let topology = Topology::new(&snapshot.nodes);
        let walker = Walker::new(&topology);
        let nodes = snapshot.nodes.iter();
        let seen: Seen = nodes.map(|node| (node.name.as_str(), node)).collect();
        let mut walks = 0;
        let mut told = BTreeMap::new();
        for (name, sides) in &ends.new {
            let up = seen.get(name.as_str()).and_then(|state| established(state, v6));
            let list = sides.all.iter().enumerate().map(|(at, session)| {
                if is_second(&sides.all, at) {
                    return Told {
                        then: Then::Second,
                        up_now: up.is_some().then_some(false),
                        anew: false,
                    };
                }
                let now = up.as_ref().map(|up| up.contains(&session.remote));
                let unchanged = ends.is_unchanged(name, session);
                let then = if unchanged {
                    match now {
                        Some(false) => Then::StaysDown,
                        _ => Then::Up,
                    }
                } else {
                    ends.judge(name, session, &seen, (&topology, &walker), &mut walks)
                };
                Told {
                    then,
                    up_now: now,
                    anew: !unchanged,
                }
            });
            told.insert(name.clone(), list.collect());
        }
        ends.told = told;
        ends
    }

    /// The same on both sides as before.
    fn is_unchanged(&self, node: &str, session: &Session) -> bool {
        let had = |all: &Sessions| {
            let own = all.get(node)?.with(session.remote)?;
            let peer = session.peer.as_ref();
            let back = peer.and_then(|peer| all.get(peer)?.with(session.local).map(bare));
            Some((bare(own), back))
        };
        self.are_same || had(&self.old) == had(&self.new)
    }

    /// Whether a session that is new or has changed comes up.
    fn judge(
        &self,
        node: &str,
        session: &Session,
        seen: &Seen,
        (topology, walker): (&Topology, &Walker),
        walks: &mut usize,
    ) -> Then {
        let state = |name: &str| seen.get(name).copied();
        let has = |name: &str, ip: IpAddr| {
            state(name).is_none_or(|state| {
                let addresses = state.net.addresses.known();
                addresses.is_none_or(|all| all.iter().any(|address| address.ip == ip))
            })
        };
        let Session { local, remote, .. } = session;
        let down = |why: String| Then::Down(why);
        if !has(node, *local) {
            return down(format!("{local} is on no link of {node}"));
        }
        let Some(peer) = &session.peer else {
            return Then::Unknown;
        };
        if !has(peer, *remote) {
            return down(format!("{remote} is on no link of {peer}"));
        }
        let Some(back) = self.new.get(peer).and_then(|sides| sides.with(*local)) else {
            return down(format!("{peer} has no session with {node}"));
        };
        for (one, other, name, its) in [(session, back, peer.as_str(), node), (back, session, node, peer)] {
            if one.remote_as.is_some_and(|number| number != other.local_as) {
                let number = one.remote_as.unwrap_or_default();
                return down(format!(
                    "{its} takes {name} to be of AS {number}, and it is of {}",
                    other.local_as
                ));
            }
        }
        if session.password != back.password {
            return down(format!(
                "only {} has a password for it",
                if session.password { node } else { peer }
            ));
        }
        let end = |name: &str, ip: IpAddr| {
            let place = topology.place_of(&state(name)?.net)?;
            Some(Endpoint { place, ip })
        };
        if let (Some(from), Some(to), true) = (end(node, *local), end(peer, *remote), *walks < WALKED) {
            *walks += 1;
            let transport = Transport::Tcp {
                sport: 40_000,
                dport: session.port,
            };
            let (reach, at, back, end) = matrix::reach(walker, from, to, transport);
            // That nobody listens yet says nothing: BIRD is told what to do only then.
            let by_rule = matches!(
                end,
                End::Dropped(Cause::Rule { .. }) | End::Rejected(Cause::Rule { .. })
            );
            let on_the_way = at != from.place && at != to.place;
            if reach == Reach::Lost && (by_rule || on_the_way) {
                let what = if back { "answers" } else { "packets" };
                let place = topology.place(at).title();
                return down(format!("its {what} to TCP port {} end at {place}", session.port));
            }
        }
        Then::Up
    }

    /// The sessions of a node afterwards, and what becomes of them.
    fn of(&self, node: &str) -> impl Iterator<Item = (&Session, &Told)> {
        let sessions = self.new.get(node).into_iter().flat_map(|sides| &sides.all);
        sessions.zip(self.told.get(node).into_iter().flatten())
    }

    /// Pairs of nodes that don't hear of each other now.
    pub(super) fn silent_now(&self, nodes: &[NodeState], v6: bool) -> Silent {
        let mut silent = Silent::new();
        for state in nodes {
            let (Some(sides), Some(up)) = (self.old.get(&state.name), established(state, v6)) else {
                continue;
            };
            for (at, session) in sides.all.iter().enumerate() {
                let quiet = !up.contains(&session.remote) && !is_second(&sides.all, at);
                if let Some(peer) = session.peer.as_ref().filter(|_| quiet) {
                    silent.insert((state.name.clone(), peer.clone()));
                    silent.insert((peer.clone(), state.name.clone()));
                }
            }
        }
        silent
    }

    /// Pairs of nodes that don't hear of each other then.
    pub(super) fn silent(&self) -> Silent {
        let mut silent = Silent::new();
        for node in self.told.keys() {
            for (session, told) in self.of(node) {
                let quiet = matches!(told.then, Then::StaysDown | Then::Down(_));
                if let Some(peer) = session.peer.as_ref().filter(|_| quiet) {
                    silent.insert((node.clone(), peer.clone()));
                    silent.insert((peer.clone(), node.clone()));
                }
            }
        }
        silent
    }

    /// What is to be said of a node.
    pub(super) fn tell(&self, node: &str, future: &mut NodeFuture) {
        for (session, told) in self.of(node) {
            let Some(up_now) = told.up_now else { continue };
            let peer = label(session);
            match &told.then {
                Then::Up if !up_now && told.anew => future.sessions_up.push(peer),
                Then::Up if up_now && told.anew => future.sessions_anew.push(peer),
                Then::Down(why) => {
                    if up_now {
                        future.sessions_gone.push(peer.clone());
                    }
                    future.sessions_down.push((peer, why.clone()));
                }
                Then::Unknown => future.sessions_unknown.push(peer),
                Then::Second => {
                    let why = "the mesh has a session with it, and of two BIRD keeps the one that is up";
                    future.sessions_down.push((peer, why.to_owned()));
                }
                Then::Up | Then::StaysDown => {}
            }
        }
    }

    /// Sessions that a node has now and won't have.
    pub(super) fn gone(&self, state: &NodeState, v6: bool) -> Vec<String> {
        let Some(up) = established(state, v6) else {
            return Vec::new();
        };
        let new = self.new.get(&state.name);
        let old = self.old.get(&state.name).into_iter().flat_map(|sides| &sides.all);
        old.filter(|old| new.is_none_or(|new| new.with(old.remote).is_none()))
            .filter(|old| up.contains(&old.remote))
            .map(label)
            .collect()
    }

    /// Puts the sessions that are meant in the place of those of BIRD and of its configuration.
    pub(super) fn write(&self, state: &mut NodeState, v6: bool) {
        let all: Vec<(&Session, &Told)> = self.of(&state.name).collect();
        let both = state.bird.known().is_some_and(Bird::speaks_both_families);
        let daemon = if v6 && !both {
            &mut state.bird6
        } else {
            &mut state.bird
        };
        let of_family = |ip: Option<IpAddr>| ip.is_some_and(|ip| ip.is_ipv6() == v6);
        let meant: HashSet<IpAddr> = all.iter().map(|(session, _)| session.remote).collect();
        let is_meant = |ip: Option<IpAddr>| ip.is_some_and(|ip| meant.contains(&ip));
        if let Fact::Known(bird) = daemon {
            bird.protocols.retain(|protocol| {
                let neighbor = protocol.bgp.as_ref().map(|bgp| bgp.neighbor_address);
                neighbor.is_none_or(|ip| !of_family(ip) || is_meant(ip))
            });
            protocols(bird, &all);
        }
        if let Fact::Known(config) = &mut state.bird_config {
            config
                .peers
                .retain(|peer| !of_family(peer.neighbor) || is_meant(peer.neighbor));
            let mut places: HashMap<IpAddr, usize> = HashMap::new();
            for (at, peer) in config.peers.iter().enumerate() {
                if let Some(ip) = peer.neighbor {
                    places.entry(ip).or_insert(at);
                }
            }
            for (session, _) in all {
                let name = name_of(session);
                let place = places.get(&session.remote).copied();
                let place = place.and_then(|at| config.peers.get_mut(at));
                let peer = ConfiguredPeer {
                    name: place.as_ref().map_or(name, |peer| peer.name.clone()),
                    neighbor: Some(session.remote),
                    neighbor_as: session.remote_as,
                    port: place.as_ref().and_then(|peer| peer.port),
                    local_as: Some(session.local_as),
                    source_address: Some(session.local),
                    password: session.password,
                    passive: place.as_ref().map_or(session.passive, |peer| peer.passive),
                    disabled: false,
                };
                if let Some(place) = place {
                    *place = peer;
                } else {
                    places.insert(session.remote, config.peers.len());
                    config.peers.push(peer);
                }
            }
        }
    }
}

/// The peer's name, or its address.
fn label(session: &Session) -> String {
    match (&session.peer, session.remote.is_ipv6()) {
        (Some(peer), false) => peer.clone(),
        (Some(peer), true) => format!("{peer} (IPv6)"),
        (None, _) => session.remote.to_string(),
    }
}

/// What of a session its daemon is configured with.
fn bare(session: &Session) -> (IpAddr, u32, IpAddr, u16, Option<u32>, bool, bool) {
    (
        session.local,
        session.local_as,
        session.remote,
        session.port,
        session.remote_as,
        session.password,
        session.client,
    )
}

/// The peers with whom a node's sessions are Established; none where its BIRD is not known.
fn established(state: &NodeState, v6: bool) -> Option<HashSet<IpAddr>> {
    let both = state.bird.known().is_some_and(Bird::speaks_both_families);
    let daemon = if v6 && !both { &state.bird6 } else { &state.bird };
    let up = daemon
        .known()?
        .sessions()
        .filter(|(_, now)| now.state == "Established");
    Some(up.filter_map(|(_, now)| now.neighbor_address).collect())
}

/// As confd calls it. Whether an object is for all nodes or for some, its name does not tell here.
fn name_of(session: &Session) -> String {
    let kind = match session.by {
        By::Mesh => "Mesh",
        By::Peer(_) => "Node",
    };
    format!("{kind}_{}", session.remote.to_string().replace(['.', ':'], "_"))
}

/// Puts the sessions into what BIRD says of itself.
fn protocols(bird: &mut Bird, all: &[(&Session, &Told)]) {
    let mut places: HashMap<IpAddr, Vec<usize>> = HashMap::new();
    for (at, protocol) in bird.protocols.iter().enumerate() {
        if let Some(ip) = protocol.bgp.as_ref().and_then(|bgp| bgp.neighbor_address) {
            places.entry(ip).or_default().push(at);
        }
    }
    for (session, told) in all {
        let places = places.entry(session.remote).or_default();
        let first = places.first().and_then(|at| bird.protocols.get_mut(*at));
        let new = match (&told.then, first) {
            // Beside that of the mesh: it is there, and stays Idle.
            (Then::Second, _) if places.len() < 2 => protocol(session, "start", "Idle"),
            (Then::Second, _) | (Then::StaysDown, Some(_)) => continue,
            (then, first) => {
                let is_up = matches!(then, Then::Up | Then::Unknown);
                let (state, info) = if is_up {
                    ("up", "Established")
                } else {
                    ("start", "Connect")
                };
                let new = protocol(session, state, info);
                if let Some(known) = first {
                    known.state = new.state;
                    known.info = new.info;
                    known.bgp = new.bgp;
                    continue;
                }
                new
            }
        };
        places.push(bird.protocols.len());
        bird.protocols.push(new);
    }
}

/// A session as BIRD shows it.
fn protocol(session: &Session, state: &str, info: &str) -> Protocol {
    Protocol {
        name: name_of(session),
        proto: "BGP".to_owned(),
        state: state.to_owned(),
        info: info.to_owned(),
        bgp: Some(BgpSession {
            state: info.to_owned(),
            neighbor_address: Some(session.remote),
            neighbor_as: session.remote_as,
            source_address: Some(session.local),
            ..BgpSession::default()
        }),
        ..Protocol::default()
    }
}
