//! Address translation of a connection's first packet (`nf_nat_core.c`).

use std::net::IpAddr;

use super::super::fib::{Flow, link_address, source_of_link};
use super::super::packet::Packet;
use super::run::Run;
use super::value::{Value, Values};
use crate::state::link::{AddressFlags, Scope, is_link_local};
use crate::state::netfilter::{Expr, Hook, Nat, NatKind, Statement};

/// Why a statement translates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    /// What it would do can't be told.
    Unknown,
    /// Its map has nothing for the packet: the rule ends (NFT_BREAK).
    Misses,
    /// The link has no address: the packet is lost.
    NoAddress,
}

/// Applies the statement to the packet and its connection.
pub(super) fn translate<'a>(run: &mut Run<'_, '_, 'a>, statement: &'a Statement) -> Result<(), Fails> {
    let old = run.call.packet.clone();
    match statement {
        Statement::Netmap(net) => {
            let destination = matches!(run.call.hook, Hook::Prerouting | Hook::Output);
            let ip = if destination { old.dst } else { old.src };
            let moved = moved_into(ip, *net).ok_or(Fails::Unknown)?;
            if destination {
                run.call.packet.dst = moved;
            } else {
                run.call.packet.src = moved;
            }
            remember(run, destination);
        }
        Statement::Nat(nat) => {
            let destination = matches!(nat.kind, NatKind::Dnat | NatKind::Redirect);
            let (ip, port) = target(run, nat)?;
            let given = (ip.unwrap_or(if destination { old.dst } else { old.src }), port);
            if destination {
                write_destination(&mut run.call.packet, given);
            } else {
                write_source(&mut run.call.packet, given);
            }
            remember(run, destination);
        }
        _ => return Err(Fails::Unknown),
    }
    Ok(())
}

/// Puts the translation into what answers will look like.
fn remember(run: &mut Run, destination: bool) {
    let packet = run.call.packet.clone();
    let Some(conn) = &mut run.call.conn else { return };
    let reply = super::conn::Tuple::of(&packet).turned();
    let ports = |tuple: &super::conn::Tuple| tuple.transport.ports();
    if destination {
        conn.dnat_done = true;
        conn.reply.src = reply.src;
        if let (Some((sport, _)), Some((_, dport))) = (ports(&reply), ports(&conn.reply)) {
            conn.reply.transport = conn.reply.transport.with_ports(sport, dport);
        }
    } else {
        conn.snat_done = true;
        conn.reply.dst = reply.dst;
        if let (Some((_, dport)), Some((sport, _))) = (ports(&reply), ports(&conn.reply)) {
            conn.reply.transport = conn.reply.transport.with_ports(sport, dport);
        }
    }
}

pub(super) fn write_destination(packet: &mut Packet, (ip, port): (IpAddr, Option<u16>)) {
    packet.dst = ip;
    if let (Some(port), Some((sport, _))) = (port, packet.transport.ports()) {
        packet.transport = packet.transport.with_ports(sport, port);
    }
}

pub(super) fn write_source(packet: &mut Packet, (ip, port): (IpAddr, Option<u16>)) {
    packet.src = ip;
    if let (Some(port), Some((_, dport))) = (port, packet.transport.ports()) {
        packet.transport = packet.transport.with_ports(port, dport);
    }
}

/// Address and port that the packet gets; none leaves the one or the other.
fn target<'a>(run: &mut Run<'_, '_, 'a>, nat: &'a Nat) -> Result<(Option<IpAddr>, Option<u16>), Fails> {
    let port = match &nat.port {
        None => None,
        Some(Expr::Range(ends)) => Values(run).port(&ends.0),
        Some(expr) => Some(Values(run).port(expr).ok_or(Fails::Unknown)?),
    };
    let ip = match (&nat.addr, nat.kind) {
        (None, NatKind::Masquerade) => Some(masquerade(run).ok_or(Fails::NoAddress)?),
        (None, NatKind::Redirect) => Some(own(run).ok_or(Fails::NoAddress)?),
        (None, _) => None,
        (Some(expr), _) => match Values(run).value(first(expr)).ok_or(Fails::Unknown)? {
            Value::Without => return Err(Fails::Misses),
            Value::Addr(ip) => Some(ip),
            Value::Net(net) => Some(net.network()),
            Value::List(parts) => {
                let mut parts = parts.into_iter();
                let Some(Value::Addr(ip)) = parts.next() else {
                    return Err(Fails::Unknown);
                };
                let port = parts.next().and_then(|part| match part {
                    Value::Number(port) => u16::try_from(port).ok(),
                    _ => None,
                });
                return Ok((Some(ip), port));
            }
            _ => return Err(Fails::Unknown),
        },
    };
    Ok((ip, port))
}

/// Of a range of addresses any may be taken; the first stands for all.
fn first(expr: &Expr) -> &Expr {
    match expr {
        Expr::Range(ends) => &ends.0,
        other => other,
    }
}

/// `nf_nat_masquerade`: the address that the kernel would choose for the link that the packet leaves by.
fn masquerade(run: &Run) -> Option<IpAddr> {
    let (link, place) = (run.call.out_link?, run.call.place);
    let packet = &run.call.packet;
    match packet.dst {
        IpAddr::V4(dst) => {
            let flow = Flow {
                oif: Some(link),
                mark: packet.mark,
                ..Flow::to(packet.dst)
            };
            let hit = place.fib.lookup(&flow).ok();
            let gateway = hit.and_then(|hit| place.fib.gateway(hit.route, hit.hops.first()?));
            let next = match gateway {
                Some(IpAddr::V4(gateway)) => gateway,
                _ => dst,
            };
            link_address(place.net, link, next, Scope::GLOBAL).map(IpAddr::V4)
        }
        IpAddr::V6(dst) => source_of_link(place.net, dst, link).map(IpAddr::V6),
    }
}

/// `nf_nat_redirect`: the first address of the link that it came in by; 127.0.0.1 or ::1 for packets of the host.
fn own(run: &Run) -> Option<IpAddr> {
    let dst = run.call.packet.dst;
    if run.call.hook == Hook::Output {
        return Some(if dst.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let link = run.call.in_link?;
    let mut addresses = run.call.place.net.addresses.items().iter();
    let found = addresses.find(|address| {
        address.link == link
            && address.ip.is_ipv4() == dst.is_ipv4()
            && if dst.is_ipv4() {
                !address.flags.has(AddressFlags::SECONDARY)
            } else {
                // The kernel has those of wider scope in front.
                is_link_local(address.ip) || !is_link_local(dst)
            }
    })?;
    Some(found.ip)
}

/// NETMAP: the host part stays.
fn moved_into(ip: IpAddr, net: ipnet::IpNet) -> Option<IpAddr> {
    match (ip, net) {
        (IpAddr::V4(ip), ipnet::IpNet::V4(net)) => {
            let mask = u32::from(net.netmask());
            Some(IpAddr::V4(
                (u32::from(net.network()) | (u32::from(ip) & !mask)).into(),
            ))
        }
        (IpAddr::V6(ip), ipnet::IpNet::V6(net)) => {
            let mask = u128::from(net.netmask());
            Some(IpAddr::V6(
                (u128::from(net.network()) | (u128::from(ip) & !mask)).into(),
            ))
        }
        _ => None,
    }
}
