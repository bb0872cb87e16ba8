//! Why a walk ends where it does, and what to type: pure functions of the walk and of what was seen.
//!
//! One file a family of causes. What an explanation rests on is in its evidence; how sure it is, in [`Sure`].

mod beyond;
mod case;
mod ends;
mod frames;
mod ipvs;
mod links;
mod macs;
mod nat;
mod neighbors;
mod outer;
mod pods;
mod ports;
mod published;
mod remade;
mod remotes;
mod routes;
mod routing;
mod rules;
mod segment;
mod services;
mod sessions;
mod switches;
mod tunnels;
mod vlans;
mod vrfs;

use super::finding::{Command, Finding, Sure};
use super::shell::Odd;
use crate::forward::topology::Topology;
use crate::forward::walk::{Cause, End, Outcome};
use crate::intent::Cluster;
use case::Case;

pub use services::service;

/// What explanations may look at beside the walk.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'s, 'a> {
    pub topology: &'s Topology<'a>,
    /// The datastore's objects, where they are known.
    pub cluster: Option<&'s Cluster>,
    /// What `netdiag check` finds in the same state.
    pub findings: &'s [Finding],
}

/// Why it doesn't arrive, how that is known, and what mends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// As `netdiag check` has them: code, title, evidence, and what to do in words.
    pub finding: Finding,
    /// Why it is so.
    pub cause: String,
    pub sure: Sure,
    /// What to type now, in this order.
    pub commands: Vec<Command>,
}

impl Explained {
    fn new(id: &'static str, case: &Case, sure: Sure, title: impl Into<String>) -> Self {
        Self {
            finding: Finding::of(id, case.place.node.name.clone(), title).sure(sure),
            cause: String::new(),
            sure,
            commands: Vec::new(),
        }
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    fn sure(mut self, sure: Sure) -> Self {
        self.sure = sure;
        self.finding.sure = sure;
        self
    }

    fn shown(mut self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.finding.add_evidence(source.into(), text.into());
        self
    }

    /// To do, in words.
    fn step(mut self, step: impl Into<String>) -> Self {
        self.finding.add_step(step.into());
        self
    }

    /// To type on a node, and what takes it back.
    fn run(mut self, node: &str, run: impl Into<String>, undo: impl Into<String>) -> Self {
        self.add(node, run.into(), Some(undo.into()));
        self
    }

    /// To type on a node, to see more.
    fn look(mut self, node: &str, run: impl Into<String>) -> Self {
        self.add(node, run.into(), None);
        self
    }

    // Out of line: hundreds of explanations are made.
    #[inline(never)]
    fn add(&mut self, node: &str, run: String, undo: Option<String>) {
        self.commands.push(match undo {
            Some(undo) => Command::on(node, run, undo),
            None => Command::look(node, run),
        });
    }

    /// To type wherever netdiag reaches the cluster, to see more.
    fn netdiag(mut self, run: impl Into<String>) -> Self {
        self.commands.push(Command {
            node: None,
            ..Command::look("", run)
        });
        self
    }
}

/// Explains the end of a walk; nothing when it was delivered. `there`: the way of the packet that this one answers.
pub fn explain(scene: Scene, outcome: &Outcome, there: Option<&Outcome>) -> Option<Explained> {
    let case = Case::new(scene, outcome, there);
    let mut explained = explained(&case)?;
    let odd = Odd::of(scene.topology.hosts().map(|(_, place)| place.node), None);
    if !odd.is_empty() {
        odd.commands(&mut explained.commands);
        odd.finding(&mut explained.finding);
    }
    Some(explained)
}

fn explained(case: &Case) -> Option<Explained> {
    let early = macs::by_noarp(case)
        .or_else(|| ipvs::address_of_nobody(case))
        .or_else(|| routing::by_default_route(case));
    if early.is_some() {
        return early;
    }
    let elsewhere = matches!(
        &case.outcome.end,
        End::NotForMe
            | End::Dropped(Cause::HairpinOff { .. } | Cause::WrongMac { .. } | Cause::NobodyHas { .. })
    );
    if elsewhere && let Some(explained) = segment::wrong_entry(case) {
        return Some(explained);
    }
    match &case.outcome.end {
        End::Delivered | End::Answered(_) | End::Heard { .. } => None,
        End::Dropped(cause) | End::Rejected(cause) => Some(by_cause(case, cause)),
        End::NotForMe => Some(macs::nobody_has(case)),
        End::NotDecidable(missing) => Some(beyond::missing(case, missing)),
    }
}

fn by_cause(case: &Case, cause: &Cause) -> Explained {
    match cause {
        Cause::ForwardingOff { key, .. } => routing::forwarding_off(case, key),
        Cause::NotForUs { dst, link } => routing::not_for_us(case, *dst, link),
        Cause::NoRoute { dst, tunnel, .. } => routing::no_route(case, *dst, tunnel.as_deref()),
        Cause::RouteRefuses { how, dst, by } => routing::refused(case, *how, *dst, by),
        Cause::NoWayOut { route } => routing::no_way_out(case, route),
        Cause::ReversePath { link, mode, src, way } => {
            routing::reverse_path(case, link, *mode, *src, way.as_deref())
        }
        Cause::TtlOver | Cause::Loop { .. } | Cause::TooDeep { .. } => routing::circle(case, cause),
        Cause::TooBig { link, mtu, size } => links::too_big(case, link, *mtu, *size),
        Cause::PortClosed { proto, port } => links::port_closed(case, proto, *port),
        Cause::NoAnswer {
            target,
            link,
            entry,
            heard,
            lost,
        } => {
            let lost = lost.as_ref().map(|(place, cause)| (*place, &**cause));
            neighbors::no_answer(case, *target, link, entry.as_deref(), heard, lost)
        }
        Cause::NobodyHas { .. } | Cause::WrongMac { .. } | Cause::Elsewhere { .. } => macs::nobody_has(case),
        Cause::LinkDown { link } => links::down(case, link),
        Cause::PortState { port, bridge, .. } => ports::port_state(case, port, bridge, cause),
        Cause::NotAPort { port, bridge } => ports::not_a_port(case, port, bridge),
        Cause::HairpinOff { port } => ports::hairpin(case, port),
        Cause::Isolated { from, to } => ports::isolated(case, from, to),
        Cause::NotInVlan { port, vlan } => ports::vlan(case, port, *vlan),
        Cause::NoFdb { link, mac } => tunnels::no_fdb(case, link, *mac),
        Cause::NoVxlan { vni, port, other } => tunnels::no_vxlan(case, *vni, *port, other.as_ref()),
        Cause::NoRemote { link, dst } => tunnels::no_remote(case, link, *dst),
        Cause::NoTunnel { outer } => tunnels::no_tunnel(case, outer),
        Cause::Rule { rule, answer } => rules::rule(case, rule, answer.as_deref()),
        Cause::Switch { bridge, why } => switches::switch(case, bridge, why),
        Cause::SwitchDown { daemon, why } => switches::down(case, daemon, why),
        Cause::NoTunnelPort {
            kind,
            key,
            from,
            other,
        } => switches::no_tunnel_port(case, kind, *key, *from, other.as_deref()),
        Cause::NoPort { link } => ports::no_port(case, link),
        Cause::NoPortFor { bridge, mac } => ports::no_port_for(case, bridge, *mac),
        Cause::Martian { ip, link, why } => routing::martian(case, *ip, link, *why),
        Cause::Astray { .. } => Explained::new("no-route", case, Sure::Possible, cause.to_string()),
        Cause::Untranslated { dst, gateway, rule } => rules::untranslated(case, *dst, *gateway, rule),
        Cause::Unanswered { src, dst, entry } => beyond::unanswered(case, *src, *dst, entry),
        Cause::AddressShared { ip, asker } => links::address_shared(case, *ip, asker),
        Cause::Other(why) => other(case, why),
    }
}

/// What the walk has only a sentence for.
fn other(case: &Case, why: &str) -> Explained {
    let lost = Explained::new("packet-lost", case, Sure::Possible, why);
    tunnels::unfit(case, &lost)
        .or_else(|| remotes::without_local(case))
        .or_else(|| ipvs::without_server(case))
        .unwrap_or(lost)
}
