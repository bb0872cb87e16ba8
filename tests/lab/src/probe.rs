//! Probes from within a network namespace, without a process of their own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    process,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, recv, sendto,
            setsockopt, socket, sockopt,
        },
        time::TimeVal,
    },
};

/// Bytes after the ICMP header, as ping(8) sends.
const PAYLOAD: usize = 56;

/// Whether an echo request to the address is answered within that time; it is asked from the thread's own namespace.
pub(crate) fn echo(to: IpAddr, within: Duration) -> io::Result<bool> {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    let [process, _] = process::id().to_be_bytes()[2..] else {
        return Ok(false);
    };
    let [high, low] = number.to_be_bytes();
    // Each has an identifier of its own, as each run of ping(8) has: to conntrack it is a new connection.
    let identity = [high, low, process, 1];
    let (family, protocol, asks) = if to.is_ipv4() {
        (AddressFamily::Inet, SockProtocol::Icmp, 8)
    } else {
        (AddressFamily::Inet6, SockProtocol::IcmpV6, 128)
    };
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 50_000))?;
    let target = SockaddrStorage::from(SocketAddr::new(to, 0));
    match sendto(
        socket.as_raw_fd(),
        &request(asks, identity),
        &target,
        MsgFlags::empty(),
    ) {
        Ok(_) => {}
        // No route, a rule of the namespace itself, nobody who answers ARP.
        Err(Errno::EPERM | Errno::EACCES | Errno::EINVAL | Errno::ENETUNREACH | Errno::EHOSTUNREACH) => {
            return Ok(false);
        }
        Err(Errno::EMSGSIZE | Errno::ENETDOWN | Errno::EADDRNOTAVAIL) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + within;
    let mut bytes = [0; 2048];
    while Instant::now() < deadline {
        match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
            Ok(length) if answers(bytes.get(..length).unwrap_or_default(), to, identity) => return Ok(true),
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR | Errno::EHOSTUNREACH | Errno::ECONNREFUSED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Whether a connection to the port comes about within that time.
pub(crate) fn connects(to: SocketAddr, within: Duration) -> bool {
    TcpStream::connect_timeout(&to, within).is_ok()
}

/// Whether a datagram to the port is answered within that time; it comes from that port.
pub(crate) fn asks(from: u16, to: SocketAddr, within: Duration) -> io::Result<bool> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, from))?;
    socket.set_read_timeout(Some(within))?;
    // What is refused or has no route is not answered either.
    let answered = socket
        .connect(to)
        .and_then(|()| socket.send(&[0x5a; PAYLOAD]))
        .and_then(|_| socket.recv(&mut [0; 2048]));
    Ok(answered.is_ok())
}

/// RFC 792, RFC 4443: type, code, checksum, identifier and sequence number, data. The kernel fills in the checksum of
/// IPv6.
fn request(asks: u8, identity: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![asks, 0, 0, 0];
    packet.extend(identity);
    packet.extend([0x5a; PAYLOAD]);
    if asks == 8 {
        let sum: u32 = packet
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let [high, low] = (!(u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0))).to_be_bytes();
        packet[2] = high;
        packet[3] = low;
    }
    packet
}

/// Whether it is the answer: with IPv4, the IP header comes first.
fn answers(bytes: &[u8], from: IpAddr, identity: [u8; 4]) -> bool {
    let (icmp, answer) = match from {
        IpAddr::V4(_) => {
            let header = usize::from(bytes.first().map_or(0, |first| first & 0xf)) * 4;
            (bytes.get(header..).unwrap_or_default(), 0)
        }
        IpAddr::V6(_) => (bytes, 129),
    };
    icmp.first() == Some(&answer) && icmp.get(4..8) == Some(&identity)
}
