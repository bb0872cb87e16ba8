//! Files of /proc (proc(5), `net/ipv4/tcp_ipv4.c`, `net/ipv4/proc.c`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ParseError, excerpt};
use crate::state::link::IfIndex;
use crate::state::socket::{PacketSocket, RawSocket, TcpSocket, TcpState, UdpSocket};

/// Reads `/proc/net/tcp` or `/proc/net/tcp6`.
///
/// # Errors
/// Names the first line that is no socket.
pub fn tcp(text: &str) -> Result<Vec<TcpSocket>, ParseError> {
    each(text, "a TCP socket", |words| {
        let (tx_queue, rx_queue) = queues(words)?;
        Some(TcpSocket {
            local: endpoint(words.get(1)?)?,
            remote: endpoint(words.get(2)?)?,
            state: state(words.get(3)?)?,
            tx_queue,
            rx_queue,
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(9)?.parse().ok()?,
            owner: None,
        })
    })
}

/// Reads `/proc/net/udp` or `/proc/net/udp6`.
///
/// # Errors
/// Names the first line that is no socket.
pub fn udp(text: &str) -> Result<Vec<UdpSocket>, ParseError> {
    each(text, "a UDP socket", |words| {
        let (tx_queue, rx_queue) = queues(words)?;
        Some(UdpSocket {
            local: endpoint(words.get(1)?)?,
            remote: endpoint(words.get(2)?)?,
            tx_queue,
            rx_queue,
            drops: words.get(12)?.parse().ok()?,
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(9)?.parse().ok()?,
            owner: None,
        })
    })
}

/// Reads `/proc/net/raw` or `/proc/net/raw6`: the protocol stands where others have the local port.
///
/// # Errors
/// Names the first line that is no socket.
pub fn raw(text: &str) -> Result<Vec<RawSocket>, ParseError> {
    each(text, "a raw socket", |words| {
        let local = endpoint(words.get(1)?)?;
        Some(RawSocket {
            local: local.ip(),
            remote: endpoint(words.get(2)?)?.ip(),
            proto: local.port().try_into().ok()?,
            drops: words.get(12)?.parse().ok()?,
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(9)?.parse().ok()?,
            owner: None,
        })
    })
}

/// Reads `/proc/net/packet`: `sk RefCnt Type Proto Iface R Rmem User Inode`.
///
/// # Errors
/// Names the first line that is no socket.
pub fn packet(text: &str) -> Result<Vec<PacketSocket>, ParseError> {
    each(text, "a packet socket", |words| {
        let link: u32 = words.get(4)?.parse().ok()?;
        Some(PacketSocket {
            kind: words.get(2)?.parse().ok()?,
            proto: u16::from_str_radix(words.get(3)?, 16).ok()?,
            link: (link != 0).then_some(IfIndex(link)),
            running: *words.get(5)? == "1",
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(8)?.parse().ok()?,
            owner: None,
        })
    })
}

/// One socket a line, after one line of headings.
fn each<T>(text: &str, what: &str, read: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>, ParseError> {
    text.lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let words: Vec<&str> = line.split_whitespace().collect();
            read(&words).ok_or_else(|| ParseError::new(index + 1, format!("not {what}: {:?}", excerpt(line))))
        })
        .collect()
}

/// `00000000:00000000`: to be sent, to be read.
fn queues(words: &[&str]) -> Option<(u64, u64)> {
    let (tx, rx) = words.get(4)?.split_once(':')?;
    Some((
        u64::from_str_radix(tx, 16).ok()?,
        u64::from_str_radix(rx, 16).ok()?,
    ))
}

/// `0100007F:08AD`: the address as words of host byte order, the port as a number.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::with_capacity(16);
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        // A v4 peer on a v6 socket is a v4 peer.
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn state(text: &str) -> Option<TcpState> {
    Some(match u8::from_str_radix(text, 16).ok()? {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        // 12 is TCP_NEW_SYN_RECV: a request socket.
        3 | 12 => TcpState::SynRecv,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        7 => TcpState::Close,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => return None,
    })
}

/// Reads one group of `/proc/net/netstat` or `/proc/net/snmp`: a line of names, a line of values.
///
/// # Errors
/// When the group is missing or its two lines don't match.
pub fn counters(text: &str, group: &str) -> Result<BTreeMap<String, u64>, ParseError> {
    let mut lines = text.lines().enumerate().filter_map(|(index, line)| {
        let (name, rest) = line.split_once(':')?;
        (name == group).then_some((index + 1, rest))
    });
    let (Some((_, names)), Some((line, values))) = (lines.next(), lines.next()) else {
        return Err(ParseError::new(
            text.lines().count().max(1),
            format!("no {group} counters"),
        ));
    };
    let names: Vec<&str> = names.split_whitespace().collect();
    let values: Vec<&str> = values.split_whitespace().collect();
    if names.len() != values.len() {
        return Err(ParseError::new(
            line,
            format!("{group}: names and values don't match"),
        ));
    }
    // Some counters are signed (-1 for "no limit"); none that netdiag uses.
    Ok(names
        .into_iter()
        .map(str::to_owned)
        .zip(values.into_iter().map(|value| value.parse().unwrap_or(0)))
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_ports_states_and_queues_are_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 1750A8C0:C1A2 1850A8C0:00B3 02 00000001:00000000 01:00000014 00000003     0        0 4711 2 0000\n   \
            1: 00000000:00B3 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 4712 1 0000\n";
        let sockets = tcp(text).unwrap();
        assert_eq!(sockets[0].local, "192.168.80.23:49570".parse().unwrap());
        assert_eq!(sockets[0].remote, "192.168.80.24:179".parse().unwrap());
        assert_eq!((sockets[0].state, sockets[0].tx_queue), (TcpState::SynSent, 1));
        assert_eq!((sockets[1].state, sockets[1].rx_queue), (TcpState::Listen, 2));
    }

    #[test]
    fn a_v6_socket_is_read_and_a_mapped_address_is_v4() {
        let line = |address: &str| {
            let text = format!("head\n 0: {address}:00B3 {address}:00B3 01 0:0 0:0 0 0 0 1 2\n");
            tcp(&text).unwrap()[0].local.ip().to_string()
        };
        assert_eq!(line("000000FD000000000000000002000000"), "fd00::2");
        assert_eq!(line("0000000000000000FFFF00001750A8C0"), "192.168.80.23");
    }

    #[test]
    fn udp_raw_and_packet_sockets_are_read() {
        let line = "head\n  101: 00000000:12B5 00000000:0000 07 00000000:00000300 00:00000000 00000000   998        0 4713 2 0000000000000000 5\n";
        let socket = &udp(line).unwrap()[0];
        assert_eq!(
            (socket.local.port(), socket.rx_queue, socket.drops),
            (4789, 768, 5)
        );
        assert_eq!((socket.uid, socket.inode), (998, 4713));
        assert_eq!(raw(&line.replace("12B5", "0059")).unwrap()[0].proto, 89);
        let line = "sk RefCnt Type Proto  Iface R Rmem   User   Inode\n0000000000000000 3      3    0800   2     1 0      0      4714\n";
        let socket = &packet(line).unwrap()[0];
        assert_eq!(
            (socket.kind, socket.proto, socket.link),
            (3, 0x800, Some(IfIndex(2)))
        );
        assert_eq!((socket.running, socket.inode), (true, 4714));
    }

    #[test]
    fn a_group_of_counters_is_read_by_name() {
        let text = "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Failure\nTcpExt: 0 3 4\nIpExt: InNoRoutes\nIpExt: 1\n";
        let counters = counters(text, "TcpExt").unwrap();
        assert_eq!(counters["TCPMD5Failure"], 4);
        assert!(super::counters(text, "Tcp").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,300}", line in "[ 0-9A-F:]{0,120}") {
            let _ = tcp(&format!("head\n{text}"));
            let _ = tcp(&format!("head\n{line}"));
            let _ = udp(&format!("head\n{line}"));
            let _ = raw(&format!("head\n{line}"));
            let _ = packet(&format!("head\n{line}"));
            let _ = counters(&text, "TcpExt");
        }
    }
}
