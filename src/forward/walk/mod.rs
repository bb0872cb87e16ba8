//! One packet from namespace to namespace, through the tables as they are: what every hop does with it, and where it
//! ends.
//!
//! A walk has several outcomes where the kernel decides by chance (multipath routes, load balancing) or sends copies
//! (floods). Each carries its own trail.

mod answers;
mod arp;
mod astray;
mod beyond;
mod br_netfilter;
mod bridge;
mod cause;
mod counted;
mod discovery;
mod either;
mod filter;
mod frames;
mod heard;
mod hops;
mod ipvlan;
mod ipvs;
mod l2;
mod l3;
mod learned;
mod listeners;
mod missing;
mod ovs;
mod room;
mod rule_text;
mod size;
mod tunnel;
mod validate;
mod vrf;
mod wired;
mod work;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use super::fib::{Flow, Way, source_address};
use super::hooks::{Conn, Hooks, Seen};
use super::packet::{Mac, Owner, Packet, Transport};
use super::topology::{At, PlaceId, Topology};
use crate::state::link::{IfIndex, Scope};

use answers::may_send;
use learned::Learned;

pub use cause::{Cause, Martian, RefusedBy, Refuses, VxlanEnd};
pub use counted::{Counted, RuleNumber};
pub use hops::{Hop, hops};
use ipvs::Balanced;
pub use missing::{Missing, Unclear};
pub use room::{side_by_side, with_room};
pub use rule_text::RuleText;
use tunnel::Metadata;
use wired::Wired;
use work::Work;

/// What one table, setting or link did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub place: PlaceId,
    /// The link it is about.
    pub link: Option<IfIndex>,
    pub what: What,
    /// What decided, as the tools print it: a route, a rule, an FDB entry, a sysctl.
    pub text: String,
    /// The packet from here on, where this step made or changed it.
    pub packet: Option<Arc<Packet>>,
}

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// The packet starts here.
    Start,
    /// A frame or packet comes in by a link.
    In,
    /// It leaves by a link.
    Out,
    Rule,
    Route,
    Neighbor,
    Fdb,
    /// A netfilter rule that lost or refused the packet.
    Netfilter,
    /// A netfilter rule that let it pass.
    Passes,
    Nat,
    Encap,
    Decap,
    Setting,
    /// It crosses a cable that was not seen.
    Wire,
    /// Something taken for granted, since it can't be seen.
    Assumption,
    Arrived,
}

impl What {
    /// Whether the packet is another one afterwards.
    const fn changes(self) -> bool {
        matches!(
            self,
            Self::Start | Self::Nat | Self::Encap | Self::Decap | Self::Arrived
        )
    }
}

/// How a packet ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Taken in by the host or pod that it was for.
    Delivered,
    /// Lost without a word.
    Dropped(Cause),
    /// Refused with an ICMP error or a reset.
    Rejected(Cause),
    /// What decides was not seen.
    NotDecidable(Missing),
    /// It left what was seen, and its like were answered a moment ago: by this entry of a namespace's conntrack or
    /// table of neighbors.
    Heard { place: PlaceId, entry: String },
    /// A link that it reached has another address: a copy of a flood that nobody takes.
    NotForMe,
    /// Of a question for an address: who answered.
    Answered(Mac),
}

/// One way that a packet may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: State,
    /// Where it ended.
    pub place: PlaceId,
    pub end: End,
}

/// A packet on its way, with what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub packet: Packet,
    pub trail: Vec<Step>,
    /// How many steps it took, whether they are kept or not.
    steps: usize,
    quiet: bool,
    work: Work,
    /// Which rules' counters it moves, where somebody asks for that.
    pub counted: Option<Counted>,
    /// A question goes to all that a cable may lead to, not only to those that may answer.
    widely: bool,
    /// The link that a question for an address reached.
    heard: Option<At>,
    /// How likely this way is among those that start alike: 1 without choices.
    pub share: Share,
    /// The next packet alike may go the same way: rules chose it by a count or a hash.
    repeats: bool,
    /// The packet's connection in the namespace that it is in.
    conn: Option<Conn>,
    /// What rules wrote into lists of addresses, by namespace.
    recent: Vec<(PlaceId, Vec<Seen>)>,
    /// PREROUTING was called already, by the bridge that it came through.
    prerouted: bool,
    /// The link that a packet on its way out came in by, or was made by: POSTROUTING sees it (`ip_output`).
    came_by: Option<IfIndex>,
    /// `br_netfilter` has looked up its way: to IPv6 it comes in by the link that it leaves by (`ip6_rcv_core`).
    routed: bool,
    /// Which of several ways it chose there.
    way: Option<usize>,
    wired: Wired,
    /// How many links it leaves by within each other, without having come in by one (`softnet_data.xmit.recursion`).
    nested: u8,
    /// The link that it has to leave by, whatever routes lead elsewhere (`flowi4_oif`).
    output: Option<IfIndex>,
    /// What its route says of a tunnel.
    metadata: Option<Metadata>,
    /// IPVS has had it.
    balanced: bool,
    /// Connections of virtual services, by namespace.
    services: Vec<(PlaceId, Balanced)>,
    learned: Learned,
    /// It was for an anycast address of the namespace that took it.
    anycast: bool,
    /// Whose socket took it.
    listener: Owner,
    /// OUTPUT changed what routes depend on.
    reroute: bool,
    /// Connections that it began or belongs to, by namespace.
    pub conns: Vec<(PlaceId, Conn)>,
    /// Where a frame was that nobody took, and its address.
    missed: Option<(At, Mac)>,
    /// What Open vSwitch's bridges know of it and of the packet that it answers.
    bridged: ovs::Passed,
}

/// A share in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

impl Share {
    pub const WHOLE: Self = Self(1_000_000);

    /// A part of it, from 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is between nothing and a million"
    )]
    pub fn times(self, part: f64) -> Self {
        Self((f64::from(self.0) * part.clamp(0.0, 1.0)).round() as u32)
    }

    /// So many of so many parts.
    #[must_use]
    pub fn of(self, part: u32, whole: u32) -> Self {
        let share = u64::from(self.0) * u64::from(part) / u64::from(whole.max(1));
        Self(u32::try_from(share).unwrap_or(u32::MAX))
    }
}

impl State {
    pub fn new(packet: Packet) -> Self {
        Self {
            packet,
            trail: Vec::new(),
            steps: 0,
            quiet: false,
            work: Work::default(),
            counted: None,
            widely: false,
            heard: None,
            share: Share::WHOLE,
            repeats: false,
            conn: None,
            recent: Vec::new(),
            prerouted: false,
            came_by: None,
            routed: false,
            way: None,
            wired: Wired::default(),
            nested: 0,
            output: None,
            metadata: None,
            balanced: false,
            services: Vec::new(),
            learned: Learned::default(),
            anycast: false,
            listener: Owner::UNKNOWN,
            reroute: false,
            conns: Vec::new(),
            missed: None,
            bridged: ovs::Passed::default(),
        }
    }

    /// The same packet at its start once more, with what is known of loops.
    fn again(&self) -> Self {
        Self {
            work: self.work.again(),
            counted: self.counted.as_ref().map(|_| Counted::default()),
            ..self.clone()
        }
    }

    /// The answer to a packet that arrived: it belongs to the connections that the packet began.
    #[must_use]
    pub fn answer(&self) -> Self {
        let packet = &self.packet;
        let echo = matches!(packet.transport, Transport::Icmp { .. });
        let mut answer = Self::new(Packet {
            size: packet.size,
            // Hosts cut what they answer themselves; an echo reply has the request's TOS (`icmp_reply`).
            df: packet.df && !echo && !packet.is_v6(),
            tos: if echo { packet.tos } else { 0 },
            // The kernel itself answers pings.
            owner: if echo { Owner::Nobody } else { self.listener },
            answers: true,
            ..Packet::new(packet.dst, packet.src, packet.transport.reply())
        });
        answer.conns.clone_from(&self.conns);
        answer.recent.clone_from(&self.recent);
        answer.services.clone_from(&self.services);
        answer.output = self.output;
        answer.learned = self.learned.clone();
        answer.bridged = self.bridged.answer();
        answer.quiet = self.quiet;
        answer.work = self.work.again();
        answer.counted = self.counted.as_ref().map(Counted::answer);
        answer
    }

    /// Whether the walk goes round in circles.
    fn loops(&self) -> bool {
        self.steps > MAX_STEPS || self.work.is_storm()
    }

    /// Without a trail: where only the end counts.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// With the rules whose counters it moves.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.counted = Some(Counted::default());
        self
    }

    /// What the kernel forgets when a packet goes through a tunnel or a cable (`skb_scrub_packet`); the mark stays
    /// within a namespace.
    fn scrub(&mut self) {
        self.conn = None;
        self.prerouted = false;
        self.routed = false;
        self.way = None;
        self.packet.physdev_in = None;
    }

    /// The same, where it goes to another namespace.
    fn moves(&mut self) {
        self.scrub();
        self.balanced = false;
        self.packet.mark = 0;
        self.packet.owner = Owner::Nobody;
    }

    fn note(&mut self, place: PlaceId, link: Option<IfIndex>, what: What, text: impl Into<String>) {
        self.steps += 1;
        if !self.quiet {
            self.trail.push(Step {
                place,
                link,
                what,
                text: text.into(),
                packet: what.changes().then(|| Arc::new(self.packet.clone())),
            });
        }
    }

    /// The same, for what takes words to write down.
    fn note_with(
        &mut self,
        place: PlaceId,
        link: Option<IfIndex>,
        what: What,
        text: impl FnOnce() -> String,
    ) {
        if self.quiet {
            self.steps += 1;
        } else {
            self.note(place, link, what, text());
        }
    }

    /// The packet as it is now.
    fn note_packet(&mut self, place: PlaceId, link: Option<IfIndex>, what: What) {
        if self.quiet {
            self.steps += 1;
        } else {
            self.note(place, link, what, self.packet.to_string());
        }
    }

    fn ends(self, place: PlaceId, end: End) -> Vec<Outcome> {
        vec![Outcome {
            state: self,
            place,
            end,
        }]
    }

    fn dropped(self, place: PlaceId, why: impl Into<Cause>) -> Vec<Outcome> {
        self.ends(place, End::Dropped(why.into()))
    }

    fn undecided(self, place: PlaceId, why: impl Into<Missing>) -> Vec<Outcome> {
        self.ends(place, End::NotDecidable(why.into()))
    }
}

/// Walks packets over a topology.
#[derive(Debug)]
pub struct Walker<'t, 'a> {
    pub topology: &'t Topology<'a>,
    /// By the number of the place; made when a packet comes there.
    hooks: Vec<OnceLock<Hooks<'a>>>,
}

/// Longer trails are loops.
const MAX_STEPS: usize = 400;

impl<'t, 'a> Walker<'t, 'a> {
    pub fn new(topology: &'t Topology<'a>) -> Self {
        let hooks = topology.places().map(|_| OnceLock::new()).collect();
        Self { topology, hooks }
    }

    fn hooks(&self, place: PlaceId) -> &Hooks<'a> {
        self.hooks[place.0].get_or_init(|| Hooks::new(self.topology.place(place).net))
    }

    /// A packet as a program in the namespace would send it: with the source address that the kernel chooses. None when
    /// it has none to choose.
    pub fn packet(&self, from: PlaceId, dst: IpAddr, transport: Transport) -> Option<Packet> {
        self.packet_of(Owner::ROOT, from, dst, transport)
    }

    /// The same for a program of another user.
    pub fn packet_of(
        &self,
        owner: Owner,
        from: PlaceId,
        dst: IpAddr,
        transport: Transport,
    ) -> Option<Packet> {
        let place = self.topology.place(from);
        let flow = Flow {
            uid: owner.uid(),
            ..Flow::to(dst)
        };
        let src = match place.fib.output(&flow) {
            Ok(Way::Route(hit)) => source_address(place.net, dst, &hit, hit.hops.first().copied()),
            Ok(Way::OnLink(_)) | Err(_) => None,
        };
        let global = || {
            let addresses = place.net.addresses.items().iter();
            addresses
                .filter(|address| address.ip.is_ipv4() == dst.is_ipv4() && address.scope == Scope::GLOBAL)
                .map(|address| address.ip)
                .next()
        };
        // Of IPv4's connections, a route is looked for again once there is a source (`ip_route_connect`).
        let again = dst.is_ipv4() && matches!(transport, Transport::Tcp { .. });
        // A host without any address of IPv4 sends from 0.0.0.0.
        let none = dst.is_ipv4().then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let src = src.or_else(global).or(none)?;
        if again && !src.is_unspecified() && !may_send(place, src) {
            return None;
        }
        let mut packet = Packet::new(src, dst, transport);
        packet.unbound = !again;
        packet.owner = owner;
        Some(packet)
    }

    /// Sends a packet, and an answer from wherever it is delivered.
    pub fn there_and_back(&self, packet: Packet, from: PlaceId) -> Vec<(Outcome, Vec<Outcome>)> {
        self.both_ways(&State::new(packet), from)
    }

    /// The same of a packet that was made ready.
    pub fn both_ways(&self, state: &State, from: PlaceId) -> Vec<(Outcome, Vec<Outcome>)> {
        let ways = self.once(state.clone(), from);
        if state.work.has_moved() {
            // What passed before the copy came back was decided as if none did.
            return self.once(state.again(), from);
        }
        ways
    }

    fn once(&self, state: State, from: PlaceId) -> Vec<(Outcome, Vec<Outcome>)> {
        let asked = state.packet.clone();
        let there = self.send(state, from);
        there
            .into_iter()
            .map(|outcome| {
                let outcome = self.explained(outcome);
                let back = match outcome.end {
                    End::Delivered => self.answers(&outcome, &asked, from),
                    _ => Vec::new(),
                };
                let back = back.into_iter().map(|outcome| self.explained(outcome)).collect();
                (outcome, back)
            })
            .collect()
    }

    /// A packet that comes in by a link, from wherever.
    pub fn comes_in(&self, packet: Packet, at: At) -> Vec<Outcome> {
        self.ip_input(State::new(packet), at)
    }

    /// The link's name, for people.
    fn name(&self, at: At) -> &'a str {
        self.topology.link(at).map_or("?", |link| link.name.as_str())
    }
}
