//! The sentences.

use std::fmt;

use super::{Cause, Martian, RefusedBy, VxlanEnd};

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered { dst, entry, .. } => {
                write!(
                    f,
                    "leaves for {dst}, which does not answer now; conntrack: {entry}"
                )
            }
            Self::ForwardingOff { key, .. } => write!(f, "it does not forward: {key} = 0"),
            Self::NotForUs { dst, link } => {
                write!(
                    f,
                    "{dst} is not an address of its own, and it does not forward what comes by {link}"
                )
            }
            Self::NoRoute {
                dst,
                forwarded,
                tunnel,
            } => {
                write!(f, "no route to {dst}")?;
                if let Some(link) = tunnel {
                    write!(f, ", the other end of {link}")?;
                }
                f.write_str(if *forwarded { " (ICMP net unreachable)" } else { "" })
            }
            Self::RouteRefuses { how, dst, by } => match by {
                RefusedBy::Route { prefix, table } => {
                    write!(f, "route {} {prefix} of table {table} takes {dst}", how.word())
                }
                RefusedBy::Rule { priority } => write!(f, "ip rule {priority} says {} for {dst}", how.word()),
                RefusedBy::Nobody => write!(f, "{} for {dst}", how.word()),
            },
            Self::NoWayOut { route } => write!(f, "no usable way out in the route {route}"),
            Self::ReversePath { link, mode, src, way } => {
                write!(f, "reverse path filter: rp_filter = {mode} on {link}, and ")?;
                match way {
                    Some(way) => write!(f, "the way back to {src} is {way}"),
                    None => write!(f, "there is no way back to {src}"),
                }
            }
            Self::Martian { ip, link, why } => match why {
                Martian::GroupSource => write!(f, "{ip} can't be a source: a martian"),
                Martian::NoDestination => write!(f, "{ip} can't be a destination: a martian"),
                Martian::Loopback => write!(f, "{ip} comes in by {link}: a martian (route_localnet is off)"),
                Martian::OwnSource => {
                    write!(
                        f,
                        "{ip}, the source, is an address of its own: a martian on {link}"
                    )
                }
            },
            Self::TtlOver => f.write_str("its time to live is over"),
            Self::TooBig { link, mtu, size } => {
                write!(
                    f,
                    "{size} bytes don't fit the MTU {mtu} of {link}, and must not be cut"
                )
            }
            Self::Loop { frame } => {
                let what = if *frame { "frame" } else { "packet" };
                write!(f, "the {what} goes round in circles")
            }
            Self::TooDeep { link } => write!(
                f,
                "packets of a tunnel go by the tunnel itself, again and again: the kernel gives up at {link} (dead loop)"
            ),
            Self::PortClosed { proto, port } => {
                let answer = if *proto == "tcp" {
                    "TCP reset"
                } else {
                    "ICMP port unreachable"
                };
                write!(f, "nobody listens on {proto}/{port} ({answer})")
            }
            Self::NoAnswer {
                target,
                link,
                entry,
                lost,
                ..
            } => {
                write!(f, "nobody answers for {target} on {link}")?;
                if let Some(entry) = entry {
                    write!(f, " ({entry})")?;
                }
                match lost {
                    Some((_, cause)) => write!(f, ": {cause}"),
                    None => Ok(()),
                }
            }
            Self::NobodyHas { mac, link } => write!(f, "nobody on {link} has {mac}"),
            Self::LinkDown { link } => write!(f, "link {link} is down"),
            Self::NoPort { link } => write!(f, "{link} has no port that is up"),
            Self::PortState { port, bridge, state } => write!(f, "port {port} of {bridge} is {state}"),
            Self::NotInVlan { port, vlan } => match vlan {
                Some(vlan) => write!(f, "port {port} is no member of VLAN {vlan}"),
                None => write!(f, "port {port} is no member of the frame's VLAN"),
            },
            Self::NotAPort { port, bridge } => write!(f, "{port} is no port of {bridge} any more"),
            Self::HairpinOff { port } => write!(f, "hairpin is off on port {port}"),
            Self::Isolated { from, to } => {
                write!(f, "ports {from} and {to} are isolated from each other")
            }
            Self::NoPortFor { bridge, mac } => write!(f, "no port of {bridge} leads to {mac}"),
            Self::NoFdb { link, mac } => write!(f, "{link} has no FDB entry for {mac}: nobody to send to"),
            Self::NoRemote { link, dst } => {
                write!(f, "{link} has no remote, and the route to {dst} names no gateway")
            }
            Self::NoVxlan { vni, port, other } => no_vxlan(f, *vni, *port, other.as_ref()),
            Self::NoTunnel { outer } => write!(f, "no link for this tunnel ({outer})"),
            Self::Rule { rule, answer } => match answer {
                Some(answer) => write!(f, "{rule} ({answer})"),
                None => write!(f, "{rule}"),
            },
            Self::Astray {
                dst,
                owner,
                gateway,
                route,
            } => write!(
                f,
                "{dst} is {owner}, but no route knows it: {route} leads to {gateway}, which is no node that was seen"
            ),
            Self::Untranslated { dst, gateway, rule } => write!(
                f,
                "{dst} is a service's address and nothing translates it: it leaves for {gateway} ({rule})"
            ),
            Self::AddressShared { ip, asker } => {
                write!(f, "it has {ip}, too, and gets the answer for {asker}")
            }
            Self::WrongMac { mac, link, own } => {
                write!(f, "the frame is for {mac}, which no link has")?;
                match own {
                    Some(own) => write!(f, "; {link} has {own}"),
                    None => write!(f, " (it ended at {link})"),
                }
            }
            Self::Elsewhere {
                mac,
                link,
                held,
                detached,
            } => {
                write!(f, "{mac} is {held}, which {link} does not lead to")?;
                match detached {
                    Some(end) => write!(f, ": its other end {end} is no port of a bridge"),
                    None => Ok(()),
                }
            }
            Self::Switch { why, .. } => f.write_str(why),
            Self::SwitchDown { daemon, why } => {
                write!(
                    f,
                    "{daemon} of Open vSwitch is not running, and its ports stand still ({why})"
                )
            }
            Self::NoTunnelPort {
                kind,
                key,
                from,
                other,
            } => {
                write!(f, "no {kind} port takes key {key} from {from}")?;
                match other {
                    Some(other) => write!(f, ": {other}"),
                    None => Ok(()),
                }
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

fn no_vxlan(f: &mut fmt::Formatter<'_>, vni: u32, port: u16, other: Option<&VxlanEnd>) -> fmt::Result {
    let Some(VxlanEnd {
        link,
        vni: has,
        port: listens,
        up,
    }) = other
    else {
        return write!(f, "no VXLAN link for VNI {vni} on UDP port {port}");
    };
    write!(f, "no VXLAN link for VNI {vni} on UDP port {port}: {link} has ")?;
    match has {
        Some(has) => write!(f, "VNI {has}")?,
        None => f.write_str("any VNI")?,
    }
    write!(f, ", port {listens}{}", if *up { "" } else { ", and is down" })
}
