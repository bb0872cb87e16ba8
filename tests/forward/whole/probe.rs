//! Packets that are really sent, and what is heard of them: every namespace has raw sockets, which get a copy of all
//! that passes its INPUT chains, as it is after all translations.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use netdiag::forward::packet::{Owner, Transport};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recv, recvmsg, sendmsg, setsockopt, sockopt,
};
use nix::unistd::{setfsgid, setfsuid};
use socket2::{Domain, Protocol, Socket, Type};

use super::network::{Network, Up};

/// What the payload of each packet begins with; the number of the probe follows, and whether it is the answer.
const MAGIC: [u8; 4] = *b"nDg!";

/// A packet to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Also its source port, or the identifier of its echo request, where it has no other one.
    pub(crate) id: u16,
    /// That of the flow which this packet goes on with: what is known of that is left.
    pub(crate) port: Option<u16>,
    pub(crate) from: usize,
    /// None: the kernel chooses.
    pub(crate) src: Option<IpAddr>,
    pub(crate) dst: IpAddr,
    pub(crate) kind: Kind,
    pub(crate) dport: u16,
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    pub(crate) mark: u32,
    /// Whose program sends it: user and group.
    pub(crate) uid: u32,
    /// Of the whole IP packet.
    pub(crate) size: u32,
    pub(crate) df: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ping,
    Udp,
    Tcp,
}

impl Probe {
    /// One more packet of the same flow, with a number so many thousands higher.
    pub(crate) fn further(&self, thousands: u16) -> Option<Self> {
        // What is large teaches a path MTU.
        let goes_on = self.kind != Kind::Tcp && self.size < 1280;
        goes_on.then(|| Self {
            id: self.id % 1000 + 20_000 + thousands * 1000,
            port: Some(self.id),
            ..self.clone()
        })
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(self.id)
    }

    pub(crate) const fn owner(&self) -> Owner {
        Owner::User {
            uid: Some(self.uid),
            gid: Some(self.uid),
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        let (sport, dport) = (self.port(), self.dport);
        match self.kind {
            Kind::Ping => Transport::echo(self.dst.is_ipv6(), sport),
            Kind::Udp => Transport::Udp { sport, dport },
            Kind::Tcp => Transport::Tcp { sport, dport },
        }
    }
}

/// A packet that was taken in somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) space: usize,
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Request(Transport),
    Answer(Transport),
    Reset,
    /// Type and code of an ICMP error.
    Error(u8, u8),
}

/// The raw sockets of a namespace.
struct Ears([Socket; 3]);

/// All ears, and what became of SYNs.
pub(crate) struct Listening<'n> {
    pub(crate) network: &'n Network,
    ears: Vec<Ears>,
    current: u16,
    /// The packet before may have taught somebody a path MTU.
    large: bool,
    /// Sequence numbers of SYNs, with the probe that each is of, and when it was first heard.
    syns: Vec<(u32, u16, Instant)>,
    /// By the number of the probe.
    heard: HashMap<u16, Vec<Heard>>,
}

impl Ears {
    fn new(v6: bool) -> io::Result<Self> {
        let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
        let icmp = if v6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
        let ear = |protocol| -> io::Result<Socket> {
            let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
            if v6 {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            }
            Ok(socket)
        };
        Ok(Self([ear(icmp)?, ear(Protocol::UDP)?, ear(Protocol::TCP)?]))
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// One packet of a raw socket: source, destination, the link it came by (IPv6), and what is above IP.
type Taken = (IpAddr, IpAddr, u32, std::ops::Range<usize>);

fn next(socket: &Socket, v6: bool, buffer: &mut [u8]) -> Option<Taken> {
    let fd = socket.as_raw_fd();
    if !v6 {
        let length = recv(fd, buffer, MsgFlags::MSG_DONTWAIT).ok()?;
        let ip = |at: usize| Some(IpAddr::V4(Ipv4Addr::from(be32(buffer, at)?)));
        let header = usize::from(*buffer.first()? & 0xf) * 4;
        return Some((ip(12)?, ip(16)?, 0, header..length));
    }
    let mut space = nix::cmsg_space!(nix::libc::in6_pktinfo);
    let (length, src, (dst, link)) = {
        let mut parts = [io::IoSliceMut::new(buffer)];
        let message =
            recvmsg::<SockaddrIn6>(fd, &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT).ok()?;
        let dst = message.cmsgs().ok()?.find_map(|part| match part {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some((IpAddr::from(info.ipi6_addr.s6_addr), info.ipi6_ifindex))
            }
            _ => None,
        });
        (message.bytes, message.address?.ip(), dst?)
    };
    Some((IpAddr::V6(src), dst, link, 0..length))
}

impl<'n> Listening<'n> {
    pub(crate) fn new(network: &'n Network) -> Self {
        let v6 = network.v6;
        let ears = network
            .spaces
            .iter()
            .map(|up| up.net.run(move || Ears::new(v6)).expect("raw sockets"))
            .collect();
        Self {
            network,
            ears,
            current: 0,
            large: false,
            syns: Vec::new(),
            heard: HashMap::new(),
        }
    }

    /// All that was heard of a probe by now.
    pub(crate) fn heard(&self, id: u16) -> &[Heard] {
        self.heard.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Sends the packet and listens until it was heard as expected, but not shorter than `least`, or long enough. Gives the sender's errno.
    pub(crate) fn ask(
        &mut self,
        probe: &Probe,
        least: Duration,
        expected: impl Fn(&[Heard]) -> bool,
    ) -> Option<String> {
        self.current = probe.id;
        if probe.port.is_none() {
            for up in &self.network.spaces {
                up.flush(self.network.v6, self.large);
            }
        }
        self.large = probe.size >= 1280;
        let sent = {
            let (up, probe) = (&self.network.spaces[probe.from], probe.clone());
            up.net.run(move || send(&probe))
        };
        let begun = Instant::now();
        let mut pause = Duration::from_micros(500);
        loop {
            while self.listen() {}
            let enough = expected(self.heard(probe.id));
            let passed = begun.elapsed();
            if (enough && passed > least) || passed > Duration::from_millis(600) {
                break;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        // The socket goes only now, so that a SYN ACK finds it.
        sent.err().map(|error| error.to_string())
    }

    /// Hears what comes late.
    pub(crate) fn rest(&mut self) {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(20));
            while self.listen() {}
        }
    }

    /// Takes what all ears have; answers datagrams. True when there was something.
    fn listen(&mut self) -> bool {
        let mut buffer = vec![0; 65536];
        let mut taken = Vec::new();
        for (space, ears) in self.ears.iter().enumerate() {
            for (protocol, ear) in ears.0.iter().enumerate() {
                while let Some((src, dst, link, part)) = next(ear, self.network.v6, &mut buffer) {
                    let bytes = buffer[part].to_vec();
                    taken.push((space, protocol, (scoped(src, link), scoped(dst, link)), bytes));
                }
            }
        }
        // An answer may be taken before its question.
        for (.., bytes) in taken.iter().filter(|(_, protocol, ..)| *protocol == 2) {
            self.syn(bytes);
        }
        for (space, protocol, (from, to), bytes) in &taken {
            let (space, src, dst) = (*space, from.ip(), to.ip());
            let found = match protocol {
                0 => self.icmp(bytes),
                1 => self.udp(bytes, space, *from, *to),
                _ => self.tcp(bytes),
            };
            if let Some((id, what)) = found {
                self.heard.entry(id).or_default().push(Heard {
                    space,
                    src,
                    dst,
                    what,
                });
            }
        }
        !taken.is_empty()
    }

    /// Remembers a SYN that is new: it is of the packet that was sent last.
    fn syn(&mut self, bytes: &[u8]) {
        if let (Some(seq), Some(0x02)) = (be32(bytes, 4), bytes.get(13).map(|flags| flags & 0x17))
            && !self.syns.iter().any(|(syn, ..)| *syn == seq)
        {
            // Where the port is still that of a probe, it is of that one, however late.
            let sport = be16(bytes, 0).filter(|port| (20_000..30_000).contains(port));
            self.syns
                .push((seq, sport.unwrap_or(self.current), Instant::now()));
        }
    }

    /// The probe of a quoted packet: that of an ICMP error.
    fn quoted(&self, bytes: &[u8]) -> Option<u16> {
        let v6 = self.network.v6;
        let (header, proto) = if v6 {
            (40, *bytes.get(6)?)
        } else {
            (usize::from(*bytes.first()? & 0xf) * 4, *bytes.get(9)?)
        };
        let part = bytes.get(header..)?;
        match proto {
            // A reset that is refused is no packet that was told of.
            6 if part.get(13).is_some_and(|flags| flags & 4 != 0) => None,
            6 => self
                .syn_of(be32(part, 4)?)
                .or_else(|| self.answered(be32(part, 8)?)),
            1 | 17 | 58 => known(part.get(8..)?).map(|(id, _)| id),
            _ => None,
        }
    }

    fn syn_of(&self, seq: u32) -> Option<u16> {
        let (_, probe, _) = self.syns.iter().find(|(syn, ..)| *syn == seq)?;
        Some(*probe)
    }

    /// The probe that is answered by this acknowledgment for the first time: servers answer again after a second
    /// (RFC 6298, 2.1), when the connection is forgotten for the probes behind it, and nobody translates that.
    fn answered(&self, ack: u32) -> Option<u16> {
        let syn = ack.wrapping_sub(1);
        let (_, probe, heard) = self.syns.iter().find(|(seq, ..)| *seq == syn)?;
        let again = self.current != *probe && heard.elapsed() > Duration::from_millis(900);
        (!again).then_some(*probe)
    }

    fn icmp(&self, bytes: &[u8]) -> Option<(u16, What)> {
        let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
        let echo = Transport::Icmp {
            kind,
            code,
            id: be16(bytes, 4)?,
        };
        let id = || known(bytes.get(8..)?).map(|(id, _)| id);
        match (self.network.v6, kind) {
            (false, 8) | (true, 128) => Some((id()?, What::Request(echo))),
            (false, 0) | (true, 129) => Some((id()?, What::Answer(echo))),
            (false, 3 | 11) | (true, 1..=3) => Some((self.quoted(bytes.get(8..)?)?, What::Error(kind, code))),
            _ => None,
        }
    }

    fn udp(
        &self,
        bytes: &[u8],
        space: usize,
        mut from: SocketAddr,
        mut to: SocketAddr,
    ) -> Option<(u16, What)> {
        let (sport, dport) = (be16(bytes, 0)?, be16(bytes, 2)?);
        let transport = Transport::Udp { sport, dport };
        let payload = bytes.get(8..)?;
        let (id, answers) = known(payload)?;
        if answers {
            return Some((id, What::Answer(transport)));
        }
        let up = &self.network.spaces[space];
        if up.ports.contains(&dport) {
            let mut payload = payload.to_vec();
            payload[6] = 1;
            from.set_port(sport);
            to.set_port(dport);
            up.net.run(move || answer(to, from, &payload));
        }
        Some((id, What::Request(transport)))
    }

    fn tcp(&self, bytes: &[u8]) -> Option<(u16, What)> {
        let transport = Transport::Tcp {
            sport: be16(bytes, 0)?,
            dport: be16(bytes, 2)?,
        };
        let (seq, ack) = (be32(bytes, 4)?, be32(bytes, 8)?);
        match bytes.get(13)? & 0x17 {
            0x02 => Some((self.syn_of(seq)?, What::Request(transport))),
            0x12 => Some((self.answered(ack)?, What::Answer(transport))),
            0x14 => Some((self.syn_of(ack.wrapping_sub(1))?, What::Reset)),
            _ => None,
        }
    }
}

/// An address that holds on a link only, with that link.
fn scoped(ip: IpAddr, link: u32) -> SocketAddr {
    match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddrV6::new(ip, 0, 0, link).into(),
        ip => SocketAddr::new(ip, 0),
    }
}

/// The probe that a payload is of, and whether it answers.
fn known(payload: &[u8]) -> Option<(u16, bool)> {
    let ours = payload.get(..4)? == MAGIC;
    ours.then_some((be16(payload, 4)?, payload.get(6) == Some(&1)))
}

impl Up {
    /// Forgets what the kernel learned of routes (path MTUs, redirects), and the connections of packets before: each walk
    /// is that of a first packet.
    fn flush(&self, v6: bool, large: bool) {
        let tracks = self.has_rules;
        self.net.run(move || {
            if tracks {
                let _ = netdiag_lab::feed(&["conntrack", "-F"], "");
            }
            let _ = std::fs::write("/proc/sys/net/ipv4/route/flush", "1");
            if v6 && large {
                // The setting of that name leaves path MTUs.
                let _ = netdiag_lab::feed(&["ip", "-6", "route", "flush", "cache"], "");
            }
        });
    }
}

fn payload(id: u16, length: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(id.to_be_bytes());
    bytes.push(0);
    bytes.resize(length.max(7), 0);
    bytes
}

const fn unspecified(v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// A socket with what the probe wants of its packets.
fn socket(probe: &Probe, kind: Type, protocol: Protocol, port: u16) -> io::Result<Socket> {
    let v6 = probe.dst.is_ipv6();
    // Of this thread only; the socket's file keeps it.
    let (uid, gid) = (setfsuid(probe.uid.into()), setfsgid(probe.uid.into()));
    let socket = Socket::new(Domain::for_address((probe.dst, 0).into()), kind, Some(protocol));
    setfsuid(uid);
    setfsgid(gid);
    let socket = socket?;
    if probe.mark != 0 {
        socket.set_mark(probe.mark)?;
    }
    if v6 {
        socket.set_freebind_v6(true)?;
        socket.set_unicast_hops_v6(probe.ttl.into())?;
        socket.set_tclass_v6(probe.tos.into())?;
        setsockopt(&socket, sockopt::Ipv6DontFrag, &probe.df)?;
    } else {
        // Also with a source that is nobody's.
        socket.set_ip_transparent_v4(probe.src.is_some())?;
        socket.set_freebind_v4(true)?;
        socket.set_ttl_v4(probe.ttl.into())?;
        socket.set_tos_v4(probe.tos.into())?;
        socket.set_broadcast(true)?;
    }
    let src = probe.src.unwrap_or(unspecified(v6));
    if probe.src.is_some() || port != 0 {
        socket.bind(&SocketAddr::new(src, port).into())?;
    }
    Ok(socket)
}

/// Sends it from the calling thread's namespace; gives the socket.
fn send(probe: &Probe) -> io::Result<Socket> {
    let v6 = probe.dst.is_ipv6();
    let size = usize::try_from(probe.size).unwrap_or(0);
    let header = if v6 { 40 } else { 20 };
    match probe.kind {
        Kind::Udp => {
            let socket = socket(probe, Type::DGRAM, Protocol::UDP, probe.port())?;
            let bytes = payload(probe.id, size.saturating_sub(header + 8));
            socket.send_to(&bytes, &SocketAddr::new(probe.dst, probe.dport).into())?;
            Ok(socket)
        }
        Kind::Tcp => {
            let socket = socket(probe, Type::STREAM, Protocol::TCP, probe.id)?;
            socket.set_nonblocking(true)?;
            socket.set_linger(Some(Duration::ZERO))?;
            match socket.connect(&SocketAddr::new(probe.dst, probe.dport).into()) {
                Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
                _ => Ok(socket),
            }
        }
        Kind::Ping if v6 => {
            let socket = socket(probe, Type::RAW, Protocol::ICMPV6, 0)?;
            let mut bytes = vec![128, 0, 0, 0];
            bytes.extend(probe.port().to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend(payload(probe.id, size.saturating_sub(header + 8)));
            socket.send_to(&bytes, &SocketAddr::new(probe.dst, 0).into())?;
            Ok(socket)
        }
        Kind::Ping => {
            let socket = socket(probe, Type::RAW, Protocol::ICMPV4, 0)?;
            socket.set_header_included_v4(true)?;
            let mut icmp = vec![8, 0, 0, 0];
            icmp.extend(probe.port().to_be_bytes());
            icmp.extend([0, 1]);
            icmp.extend(payload(probe.id, size.saturating_sub(header + 8)));
            let sum = checksum(&icmp);
            icmp[2..4].copy_from_slice(&sum.to_be_bytes());
            let (IpAddr::V4(src), IpAddr::V4(dst)) = (probe.src.unwrap_or(unspecified(false)), probe.dst)
            else {
                return Err(io::Error::other("families differ"));
            };
            // Length, checksum and, where they are zero, identifier and source are filled in by the kernel.
            let mut bytes = vec![0x45, probe.tos, 0, 0];
            bytes.extend([0, 0, if probe.df { 0x40 } else { 0 }, 0, probe.ttl, 1, 0, 0]);
            bytes.extend(src.octets());
            bytes.extend(dst.octets());
            bytes.extend(icmp);
            socket.send_to(&bytes, &SocketAddr::new(probe.dst, 0).into())?;
            Ok(socket)
        }
    }
}

/// Answers a datagram from the address and port that it came to.
fn answer(from: SocketAddr, to: SocketAddr, payload: &[u8]) {
    let reply = || -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(from), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        if let SocketAddr::V6(link) = from
            && link.scope_id() != 0
        {
            return answer_by(&socket, link, to, payload);
        }
        if from.is_ipv4() {
            socket.set_freebind_v4(true)?;
        } else {
            socket.set_freebind_v6(true)?;
        }
        socket.bind(&from.into())?;
        socket.send_to(payload, &to.into())?;
        Ok(())
    };
    // What can't be sent is not heard: that is all that is asked.
    let _ = reply();
}

/// The same from an address that holds on a link only, as servers do that listen on all: a socket that is bound to such
/// an address is bound to the link, and its packets take no other way (`ip6_route_output_flags`).
fn answer_by(socket: &Socket, from: SocketAddrV6, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
    let SocketAddr::V6(to) = to else {
        return Err(io::Error::other("families differ"));
    };
    socket.bind(&SocketAddr::new(unspecified(true), from.port()).into())?;
    let info = nix::libc::in6_pktinfo {
        ipi6_addr: nix::libc::in6_addr {
            s6_addr: from.ip().octets(),
        },
        ipi6_ifindex: from.scope_id(),
    };
    sendmsg(
        socket.as_raw_fd(),
        &[io::IoSlice::new(payload)],
        &[ControlMessage::Ipv6PacketInfo(&info)],
        MsgFlags::empty(),
        Some(&SockaddrIn6::from(to)),
    )?;
    Ok(())
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
