//! Meshes of Open vSwitch with a gap: two hosts reach a third one, and not each other. A tunnel that lacks proves nothing
//! alone: where switches pass on what comes by tunnels, a tree is all there has to be. What containers of one subnet do
//! decides.

use std::fmt::Write as _;

use super::checks::segments::members;
use super::finding::{Affected, Command, Finding, Sure};
use super::world::World;
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::PlaceId;
use crate::forward::walk::{End as Ending, State, Walker};
use crate::intent::ovs::meshes::{Gap, gaps};
use crate::intent::ovs::segments::Member;
use crate::intent::ovs::tunnels::{End, Tunnels};

/// Hosts that are held against each other pair by pair.
const NODES: usize = 64;
/// Gaps that are walked.
const GAPS: usize = 16;

pub(super) fn find(world: &World, walker: &Walker, found: &mut Vec<Finding>) {
    let mut switches = world.nodes.iter().filter(|node| node.ovs.known().is_some());
    if world.nodes.len() > NODES || switches.next().is_none() {
        return;
    }
    let tunnels = Tunnels::new(world.nodes);
    for gap in gaps(&tunnels).iter().take(GAPS) {
        if let Some(cut) = cut(walker, gap) {
            found.push(finding(gap, &cut));
        }
    }
}

/// Members of one subnet behind the two and the third.
struct Cut<'n> {
    members: [Member<'n>; 2],
    third: Member<'n>,
}

fn behind<'n>(end: &End<'n>) -> impl Iterator<Item = Member<'n>> {
    let all = members(end.node).into_iter();
    let bridge = &end.bridge.name;
    all.filter(move |member| member.bridge.name == *bridge)
}

/// Two that reach a third one of their subnet, and not each other.
fn cut<'n>(walker: &Walker, gap: &Gap<'n>) -> Option<Cut<'n>> {
    let [one, other] = &gap.ends;
    behind(one).find_map(|from| {
        let like = |member: &Member| member.net == from.net && member.vlan() == from.vlan();
        let to = behind(other).find(like)?;
        let third = behind(gap.third.first()?).find(like)?;
        let is_cut = from.ip != to.ip
            && arrives(walker, &from, &third)?
            && arrives(walker, &third, &to)?
            && !arrives(walker, &from, &to)?;
        is_cut.then_some(Cut {
            members: [from, to],
            third,
        })
    })
}

/// Whether a ping arrives; none where that can't be said.
fn arrives(walker: &Walker, from: &Member, to: &Member) -> Option<bool> {
    let packet = Packet::new(from.ip, to.ip, Transport::echo(false, 1));
    let outcomes = walker.send(State::new(packet).quiet(), place(walker, from)?);
    let any = |is: fn(&Ending) -> bool| outcomes.iter().any(|outcome| is(&outcome.end));
    if any(|end| *end == Ending::Delivered) {
        return Some(true);
    }
    let is_open = any(|end| matches!(end, Ending::NotDecidable(_) | Ending::Heard { .. }));
    (!is_open).then_some(false)
}

fn place(walker: &Walker, member: &Member) -> Option<PlaceId> {
    let mut places = walker.topology.places_of(member.node);
    let has = |own: &crate::state::link::Address| own.ip == member.ip;
    let (id, _) = places.find(|(_, place)| place.net.addresses.items().iter().any(has))?;
    Some(id)
}

fn finding(gap: &Gap, cut: &Cut) -> Finding {
    let [one, other] = &gap.ends;
    let [from, to] = &cut.members;
    let (name, beyond) = (&one.node.name, &other.node.name);
    let leads = |end: &End| format!("{} leads to {}", end.interface.name, end.remote);
    let mut finding = Finding::of(
        "ovs-mesh-incomplete",
        name,
        format!("{name} and {beyond} have no tunnel to each other, as the others of their mesh have"),
    )
    .about(beyond)
    .sure(Sure::Likely)
    .shown(
        format!("ovs-vsctl show on {name}"),
        format!("{}, and no tunnel to {beyond}", leads(one)),
    )
    .shown(
        format!("ovs-vsctl show on {beyond}"),
        format!("{}, and no tunnel to {name}", leads(other)),
    )
    .shown(
        format!("addresses of {}", from.net),
        format!(
            "{} {} reaches {} {}, and that one {} {}; the first does not reach the last",
            from.title, from.ip, cut.third.title, cut.third.ip, to.title, to.ip
        ),
    );
    let [to_one, to_other] = gap.third.map(|end| end.remote);
    for (end, peer, remote) in [(one, beyond, to_other), (other, name, to_one)] {
        let (run, undo) = added(end, peer, &remote.to_string());
        finding.fix.commands.push(Command::on(&end.node.name, run, undo));
    }
    finding.affected = Some(Affected {
        pairs: 1,
        example: format!("{} of {name} → {} of {beyond}", from.title, to.title),
    });
    finding.step(
        "rules that name ports by their numbers have to know the new ones, too: ovs-ofctl dump-flows BRIDGE",
    )
}

/// What adds a port like another one, with another remote address.
fn added(like: &End, peer: &str, remote: &str) -> (String, String) {
    let settings = like.settings();
    let name = settings.port_to(peer);
    let bridge = &like.bridge.name;
    let mut run = format!(
        "ovs-vsctl add-port {bridge} {name} -- set interface {name} type={} options:remote_ip={remote}",
        settings.kind
    );
    for key in ["key", "dst_port"] {
        if let Some(value) = like.option(key) {
            let _ = write!(run, " options:{key}={value}");
        }
    }
    (run, format!("ovs-vsctl del-port {bridge} {name}"))
}
