//! Why a packet is lost or refused: with what proves it, and one sentence for people.
//!
//! Sentences say nothing of where it happened: the outcome's place does.

mod say;

use std::net::IpAddr;

use super::super::packet::Mac;
use super::super::topology::{At, PlaceId};
use super::rule_text::RuleText;
use crate::state::route::TableId;

/// Why a packet doesn't arrive. Links go by their names in the place where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// `net.ipv4.ip_forward`, or the link's `forwarding`, is 0.
    ForwardingOff {
        key: String,
        link: String,
    },
    /// A packet that came in is not for the namespace, which doesn't forward and has no route to it.
    NotForUs {
        dst: IpAddr,
        link: String,
    },
    /// `forwarded`: the sender hears ICMP net unreachable. `tunnel`: it is the outer packet of this link.
    NoRoute {
        dst: IpAddr,
        forwarded: bool,
        tunnel: Option<String>,
    },
    /// A route of type blackhole, unreachable or prohibit, or a policy rule with that action.
    RouteRefuses {
        how: Refuses,
        dst: IpAddr,
        by: RefusedBy,
    },
    /// All next hops of the route are unusable, or it has none.
    NoWayOut {
        route: String,
    },
    /// `rp_filter` (1 strict, 2 loose) of the link; `way` is the route back, if there is one.
    ReversePath {
        link: String,
        mode: i64,
        src: IpAddr,
        way: Option<String>,
    },
    /// An address that no packet on this link may have.
    Martian {
        ip: IpAddr,
        link: String,
        why: Martian,
    },
    TtlOver,
    /// More bytes than the link's or route's MTU, and the packet may not be cut.
    TooBig {
        link: String,
        mtu: u32,
        size: u32,
    },
    /// The walk goes round in circles; `frame`: below IP.
    Loop {
        frame: bool,
    },
    /// Links without a queue send by each other, deeper than the kernel goes along with (`dev_xmit_recursion`): the packets
    /// of a tunnel go by the tunnel itself.
    TooDeep {
        link: String,
    },
    /// Nobody listens on the port.
    PortClosed {
        proto: &'static str,
        port: u16,
    },
    /// Nobody answers ARP or neighbor solicitations. `entry`: the neighbor's entry; `heard`: the links that the question
    /// reached; `lost`: why it got no farther, and where.
    NoAnswer {
        target: IpAddr,
        link: String,
        entry: Option<String>,
        heard: Vec<At>,
        lost: Option<(PlaceId, Box<Self>)>,
    },
    /// The frame's address is of no link that it reached.
    NobodyHas {
        mac: Mac,
        link: String,
    },
    LinkDown {
        link: String,
    },
    /// A bond or bridge without ports that could send.
    NoPort {
        link: String,
    },
    /// A bridge's port is not in the state forwarding.
    PortState {
        port: String,
        bridge: String,
        state: String,
    },
    /// The port is not in the frame's VLAN; none: untagged frames belong to none there.
    NotInVlan {
        port: String,
        vlan: Option<u16>,
    },
    /// The bridge's FDB names a link that is no port of it any more.
    NotAPort {
        port: String,
        bridge: String,
    },
    HairpinOff {
        port: String,
    },
    /// Both ports are isolated.
    Isolated {
        from: String,
        to: String,
    },
    /// The bridge knows no port for the address, and floods to none.
    NoPortFor {
        bridge: String,
        mac: Mac,
    },
    /// A VXLAN link doesn't know which node has the address.
    NoFdb {
        link: String,
        mac: Mac,
    },
    /// A tunnel link without remote, and a route without gateway.
    NoRemote {
        link: String,
        dst: IpAddr,
    },
    /// No VXLAN link takes this VNI on this port; the one that is there, if any.
    NoVxlan {
        vni: u32,
        port: u16,
        other: Option<VxlanEnd>,
    },
    /// No tunnel link takes this outer packet.
    NoTunnel {
        outer: String,
    },
    /// A netfilter rule, or the policy of a chain. `answer`: what the sender hears.
    Rule {
        rule: Box<RuleText>,
        answer: Option<String>,
    },
    /// A packet for a pod leaves for a gateway that is no node: by a route that knows nothing of the pod.
    Astray {
        dst: IpAddr,
        owner: String,
        gateway: IpAddr,
        route: String,
    },
    /// A packet for a service's address leaves for a gateway: no rule translated it. `rule` is the one that names it.
    Untranslated {
        dst: IpAddr,
        gateway: IpAddr,
        rule: String,
    },
    /// It left what was seen, and conntrack remembers that its like were not answered.
    Unanswered {
        src: IpAddr,
        dst: IpAddr,
        entry: String,
    },
    /// An answer came to somebody else, who has the address of whoever asked, too.
    AddressShared {
        ip: IpAddr,
        asker: String,
    },
    /// A frame for an address that no link has; the link that it ended at has another one.
    WrongMac {
        mac: Mac,
        link: String,
        own: Option<Mac>,
    },
    /// A frame for a link that it doesn't get to; `detached`: the other end of that link, which is no port.
    Elsewhere {
        mac: Mac,
        link: String,
        held: String,
        detached: Option<String>,
    },
    /// A bridge of Open vSwitch doesn't send it on: what its rules, VLANs or ports say.
    Switch {
        bridge: String,
        why: String,
    },
    /// Neither `ovsdb-server` nor `ovs-vswitchd` may be missing where packets are switched in user space.
    SwitchDown {
        daemon: &'static str,
        why: String,
    },
    /// No tunnel port takes it: of this kind, with this key and this sender; the one that comes nearest.
    NoTunnelPort {
        kind: &'static str,
        key: u64,
        from: IpAddr,
        other: Option<String>,
    },
    /// None of the above: a sentence alone.
    Other(String),
}

/// What a route or policy rule does instead of leading somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuses {
    Blackhole,
    Unreachable,
    Prohibit,
}

impl Refuses {
    /// As ip-route(8) calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
        }
    }
}

/// Who refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedBy {
    /// The route's prefix and table.
    Route {
        prefix: String,
        table: TableId,
    },
    /// The policy rule's priority.
    Rule {
        priority: u32,
    },
    Nobody,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Martian {
    /// Multicast or broadcast as source.
    GroupSource,
    /// 0.0.0.0 as destination.
    NoDestination,
    /// 127.0.0.0/8 from outside, with `route_localnet` off.
    Loopback,
    /// The source is an address of the receiver.
    OwnSource,
}

/// A VXLAN link that doesn't fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VxlanEnd {
    pub link: String,
    /// None: it takes the VNI from metadata.
    pub vni: Option<u32>,
    pub port: u16,
    pub up: bool,
}

impl Cause {
    /// What kind it is, for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ForwardingOff { .. } => "forwardingOff",
            Self::NotForUs { .. } => "notForUs",
            Self::NoRoute { .. } => "noRoute",
            Self::RouteRefuses { .. } => "routeRefuses",
            Self::NoWayOut { .. } => "noWayOut",
            Self::ReversePath { .. } => "reversePath",
            Self::Martian { .. } => "martian",
            Self::TtlOver => "ttlOver",
            Self::TooBig { .. } => "tooBig",
            Self::Loop { .. } => "loop",
            Self::TooDeep { .. } => "tooDeep",
            Self::PortClosed { .. } => "portClosed",
            Self::NoAnswer { .. } => "noAnswer",
            Self::NobodyHas { .. } => "nobodyHas",
            Self::LinkDown { .. } => "linkDown",
            Self::NoPort { .. } => "noPort",
            Self::PortState { .. } => "portState",
            Self::NotInVlan { .. } => "notInVlan",
            Self::NotAPort { .. } => "notAPort",
            Self::HairpinOff { .. } => "hairpinOff",
            Self::Isolated { .. } => "isolated",
            Self::NoPortFor { .. } => "noPortFor",
            Self::NoFdb { .. } => "noFdb",
            Self::NoRemote { .. } => "noRemote",
            Self::NoVxlan { .. } => "noVxlan",
            Self::NoTunnel { .. } => "noTunnel",
            Self::Rule { .. } => "rule",
            Self::Astray { .. } => "astray",
            Self::Untranslated { .. } => "untranslated",
            Self::Unanswered { .. } => "unanswered",
            Self::AddressShared { .. } => "addressShared",
            Self::WrongMac { .. } => "wrongMac",
            Self::Elsewhere { .. } => "elsewhere",
            Self::Switch { .. } => "switch",
            Self::SwitchDown { .. } => "switchDown",
            Self::NoTunnelPort { .. } => "noTunnelPort",
            Self::Other(_) => "other",
        }
    }
}

impl Cause {
    /// Whether it stops such packets whatever link they come in by.
    pub const fn stops_all(&self) -> bool {
        matches!(
            self,
            Self::NoRoute { .. } | Self::RouteRefuses { .. } | Self::NoWayOut { .. } | Self::LinkDown { .. }
        )
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::Other(text.to_owned())
    }
}
