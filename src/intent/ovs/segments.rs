//! VLANs: which ports of which nodes' bridges share a segment, over tunnels, patch ports and the wire.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::tunnels::{End, Tunnels};
use crate::state::NodeState;
use crate::state::ovs::{Bridge, Port};

/// Who has an address of a subnet on a port without VLAN headers.
#[derive(Debug, Clone)]
pub struct Member<'n> {
    pub node: &'n NodeState,
    pub bridge: &'n Bridge,
    pub port: &'n Port,
    pub title: String,
    pub ip: IpAddr,
    pub net: IpNet,
}

impl Member<'_> {
    /// The VLAN that its frames are in; 0: none.
    pub fn vlan(&self) -> u16 {
        self.port.tag.unwrap_or(0)
    }
}

/// Frames of one VLAN on one bridge; of the wire between nodes, without names.
type Spot<'n> = (&'n str, &'n str, u16);

/// A member whose frames don't get to the others of its subnet.
#[derive(Debug)]
pub struct Apart<'s, 'n> {
    pub member: &'s Member<'n>,
    /// How many others are together.
    pub together: usize,
    /// The VLAN of its bridge that leads to them; none where a tunnel keeps all of the bridge's apart.
    pub vlan: Option<u16>,
}

/// A tunnel whose VLANs keep the members of two nodes apart.
#[derive(Debug)]
pub struct Closed<'n> {
    pub end: End<'n>,
    pub other: End<'n>,
    pub net: IpNet,
}

/// Which spots are one segment.
#[derive(Debug)]
pub struct Segments<'s, 'n> {
    members: &'s [Member<'n>],
    places: HashMap<Spot<'n>, usize>,
    parents: Vec<usize>,
    vlans: BTreeSet<u16>,
}

/// Whether a port's frames have VLAN headers.
pub fn is_trunk(port: &Port) -> bool {
    match port.vlan_mode.as_deref() {
        Some(mode) => mode != "access",
        None => port.tag.is_none(),
    }
}

/// What a frame of a VLAN has on the wire behind a port; none: it doesn't leave there.
fn leaves(port: &Port, vlan: u16) -> Option<u16> {
    let allowed = port.trunks.is_empty() || port.trunks.contains(&vlan);
    if !is_trunk(port) {
        return (port.tag == Some(vlan)).then_some(0);
    }
    match (port.vlan_mode.as_deref(), port.tag) {
        (Some("native-untagged"), Some(native)) if native == vlan => Some(0),
        (Some(mode), Some(native)) if mode.starts_with("native") && native == vlan => Some(vlan),
        _ => allowed.then_some(vlan),
    }
}

/// The VLAN of what comes in by a port with this on the wire.
fn enters(port: &Port, wire: u16) -> Option<u16> {
    let allowed = port.trunks.is_empty() || port.trunks.contains(&wire);
    if !is_trunk(port) {
        return port.tag.filter(|_| wire == 0);
    }
    match (port.vlan_mode.as_deref(), port.tag) {
        (Some(mode), Some(native)) if mode.starts_with("native") && (wire == 0 || wire == native) => {
            Some(native)
        }
        _ => allowed.then_some(wire),
    }
}

/// Whether a bridge does nothing but learn: rules of its own may do anything with VLANs.
pub(super) fn learns(bridge: &Bridge) -> bool {
    let plain = |actions: &[String]| {
        actions
            .iter()
            .all(|action| matches!(&**action, "NORMAL" | "drop"))
    };
    bridge.flows.known().is_some_and(|flows| {
        let mut own = flows.iter().filter(|flow| !flow.is_hidden()).peekable();
        own.peek().is_some() && own.all(|flow| plain(&flow.actions))
    })
}

impl<'s, 'n> Segments<'s, 'n> {
    /// By the tunnels of all nodes, and the ports that lead out of them.
    pub fn new(nodes: &'n [NodeState], tunnels: &Tunnels<'n>, members: &'s [Member<'n>]) -> Self {
        let mut segments = Self {
            members,
            places: HashMap::new(),
            parents: Vec::new(),
            vlans: BTreeSet::from([0]),
        };
        for node in nodes {
            let ports = node
                .ovs
                .known()
                .into_iter()
                .flat_map(|ovs| ovs.bridges.iter().flat_map(|bridge| &bridge.ports));
            let vlans = ports.flat_map(|port| port.trunks.iter().copied().chain(port.tag));
            segments.vlans.extend(vlans);
        }
        for end in &tunnels.ends {
            for back in tunnels.back(end) {
                segments.join(
                    (&end.node.name, end.bridge, end.port),
                    (&back.node.name, back.bridge, back.port),
                );
            }
        }
        for node in nodes {
            segments.leads_out(node, members);
        }
        segments
    }

    /// Patch ports, and ports that are neither a member's nor a tunnel's: they lead to one wire, for all that is known.
    fn leads_out(&mut self, node: &'n NodeState, members: &[Member]) {
        let Some(ovs) = node.ovs.known() else { return };
        for (bridge, port, interface) in ovs.interfaces() {
            let peer = interface
                .options
                .get("peer")
                .filter(|_| interface.kind == "patch");
            if let Some(peer) = peer {
                let other = ovs.interfaces().find(|(_, _, other)| other.name == *peer);
                if let Some((there, to, _)) = other {
                    self.join((&node.name, bridge, port), (&node.name, there, to));
                }
                continue;
            }
            let is_member = members
                .iter()
                .any(|member| member.node.name == node.name && member.port.name == port.name);
            let is_plain = matches!(interface.kind.as_str(), "" | "system" | "dpdk");
            if !is_plain || is_member {
                continue;
            }
            for vlan in self.vlans.clone() {
                if let Some(wire) = leaves(port, vlan) {
                    self.unite((&node.name, &bridge.name, vlan), ("", "", wire));
                }
            }
        }
    }

    fn join(
        &mut self,
        (node, bridge, port): (&'n str, &'n Bridge, &Port),
        (to, there, other): (&'n str, &'n Bridge, &Port),
    ) {
        for vlan in self.vlans.clone() {
            if let Some(over) = leaves(port, vlan).and_then(|wire| enters(other, wire)) {
                self.unite((node, &bridge.name, vlan), (to, &there.name, over));
            }
        }
    }

    fn place(&mut self, spot: Spot<'n>) -> usize {
        let next = self.parents.len();
        let place = *self.places.entry(spot).or_insert(next);
        if place == next {
            self.parents.push(next);
        }
        place
    }

    fn unite(&mut self, one: Spot<'n>, other: Spot<'n>) {
        let (one, other) = (self.place(one), self.place(other));
        let (one, other) = (self.root(one), self.root(other));
        if let Some(parent) = self.parents.get_mut(other) {
            *parent = one;
        }
    }

    fn root(&self, mut place: usize) -> usize {
        while let Some(parent) = self.parents.get(place).filter(|parent| **parent != place) {
            place = *parent;
        }
        place
    }

    /// The segment of a bridge's VLAN; one that nothing leads out of is a segment of its own.
    fn segment(&self, spot: Spot<'n>) -> Result<usize, Spot<'n>> {
        self.places.get(&spot).map(|place| self.root(*place)).ok_or(spot)
    }

    fn of(&self, member: &Member<'n>) -> Result<usize, Spot<'n>> {
        self.segment((&member.node.name, &member.bridge.name, member.vlan()))
    }

    fn by_net(&self) -> BTreeMap<IpNet, Vec<&'s Member<'n>>> {
        let mut by_net: BTreeMap<IpNet, Vec<&Member>> = BTreeMap::new();
        for member in self.members.iter().filter(|member| learns(member.bridge)) {
            by_net.entry(member.net).or_default().push(member);
        }
        by_net
    }

    /// Members that are apart from most of their subnet. Two against two are two networks of one range.
    pub fn apart(&self) -> Vec<Apart<'s, 'n>> {
        let mut apart = Vec::new();
        for members in self.by_net().values() {
            let mut sizes: BTreeMap<Result<usize, Spot>, usize> = BTreeMap::new();
            for member in members {
                *sizes.entry(self.of(member)).or_default() += 1;
            }
            let Some((usual, together)) = sizes.iter().max_by_key(|(_, size)| **size) else {
                continue;
            };
            if together * 2 <= members.len() {
                continue;
            }
            let odd = members.iter().filter(|member| self.of(member) != *usual);
            // Several that are together are a network, too.
            let odd = odd.filter(|member| sizes.get(&self.of(member)) == Some(&1));
            apart.extend(odd.map(|member| {
                let mut vlans = self.vlans.iter().copied();
                let spot = |vlan| (member.node.name.as_str(), member.bridge.name.as_str(), vlan);
                Apart {
                    member,
                    together: *together,
                    vlan: vlans.find(|vlan| self.segment(spot(*vlan)) == *usual),
                }
            }));
        }
        apart
    }

    /// Tunnels between bridges with members of one subnet in one VLAN, that let none of them through: their ports' own
    /// VLANs differ. Told at the end that keeps its own members in.
    pub fn closed(&self, tunnels: &Tunnels<'n>) -> Vec<Closed<'n>> {
        let mut closed = Vec::new();
        let by_net = self.by_net();
        for end in &tunnels.ends {
            for other in tunnels.back(end) {
                let of = |end: &End, members: &[&'s Member<'n>]| -> BTreeSet<u16> {
                    let on = members.iter().filter(|member| {
                        member.node.name == end.node.name && member.bridge.name == end.bridge.name
                    });
                    on.map(|member| member.vlan()).collect()
                };
                let net = by_net.iter().find(|(_, members)| {
                    let (here, there) = (of(end, members), of(other, members));
                    let mut shared = here.intersection(&there).peekable();
                    let opens = |from: &Port, to: &Port, vlan: u16| {
                        leaves(from, vlan).and_then(|wire| enters(to, wire)) == Some(vlan)
                    };
                    shared.peek().is_some()
                        && shared.all(|vlan| {
                            !opens(end.port, other.port, *vlan) && leaves(end.port, *vlan).is_none()
                        })
                });
                if let Some((net, _)) = net {
                    closed.push(Closed {
                        end: *end,
                        other: *other,
                        net: *net,
                    });
                }
            }
        }
        closed
    }
}
