//! Sending probes, and what came back to the sender.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Time between two probes.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of the header of an echo request.
const ECHO: usize = 8;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Echo,
    /// A connection to the port, closed at once.
    Tcp(u16),
    Udp(u16),
}

/// Probes to send, one after another.
#[derive(Debug, Clone)]
pub struct Probes {
    /// Where they come from, where that isn't left to the kernel.
    pub from: Option<IpAddr>,
    pub to: IpAddr,
    pub transport: Transport,
    /// Bytes of a packet with its IP header; of TCP, the kernel decides.
    pub size: usize,
    pub count: u32,
    /// How long an answer is waited for.
    pub patience: Duration,
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An echo reply, a connection, or a datagram.
    Answered(Duration),
    /// Somebody said no: a reset or an ICMP error.
    Refused(String),
    /// Nothing came in time.
    Nothing,
    /// It could not be sent.
    Failed(String),
}

/// Probes that were sent, and what tells them from all other packets.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    pub answers: Vec<Answer>,
    /// In the payload of each; none for TCP.
    pub cookie: [u8; 16],
    /// Source ports, of TCP and UDP.
    pub ports: Vec<u16>,
}

impl Probes {
    /// Sends them from the namespace that the thread is in. The cookie should be like no other.
    pub fn send(&self, cookie: [u8; 16]) -> Sent {
        let mut sent = Sent {
            cookie,
            ..Sent::default()
        };
        for number in 0..self.count {
            if number > 0 {
                thread::sleep(PAUSE);
            }
            let started = Instant::now();
            let answer = match self.transport {
                Transport::Echo => self.echo(number, cookie),
                Transport::Tcp(port) => self.connect(port, &mut sent.ports),
                Transport::Udp(port) => self.datagram(port, cookie, &mut sent.ports),
            };
            sent.answers.push(match answer {
                Ok(()) => Answer::Answered(started.elapsed()),
                Err(error) => explained(&error),
            });
        }
        sent
    }

    fn socket(&self, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(SocketAddr::new(self.to, 0)),
            kind,
            Some(protocol),
        )?;
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        Ok(socket)
    }

    /// Bytes behind the IP header.
    fn length(&self) -> usize {
        self.size.saturating_sub(if self.to.is_ipv4() { 20 } else { 40 })
    }

    fn echo(&self, number: u32, cookie: [u8; 16]) -> io::Result<()> {
        let (protocol, kind) = if self.to.is_ipv4() {
            (Protocol::ICMPV4, 8)
        } else {
            (Protocol::ICMPV6, 128)
        };
        let socket = self.socket(Type::RAW, protocol)?;
        socket.connect(&SocketAddr::new(self.to, 0).into())?;
        let [high, low] = u16::try_from(number).unwrap_or(0).to_be_bytes();
        let mut message = vec![kind, 0, 0, 0, cookie[14], cookie[15], high, low];
        message.extend(cookie);
        message.resize(self.length().max(message.len()), 0x61);
        if self.to.is_ipv4() {
            // Of ICMPv6, the kernel computes it: its own addresses are part of the sum.
            let sum = checksum(&message).to_be_bytes();
            message.splice(2..4, sum);
        }
        socket.send(&message)?;
        // A reply has the message behind its header; a raw socket of IPv4 shows the IP header, too.
        let tail = message.get(4..ECHO + cookie.len()).unwrap_or(&[]).to_vec();
        self.receive(&socket, |packet| {
            let reply = if packet.first().is_some_and(|first| first >> 4 == 4) {
                let header = packet.first().map_or(0, |first| usize::from(first & 15) * 4);
                packet.get(header..).unwrap_or(&[])
            } else {
                packet
            };
            matches!(reply.first(), Some(0 | 129)) && reply.get(4..4 + tail.len()) == Some(&tail)
        })
    }

    fn connect(&self, port: u16, ports: &mut Vec<u16>) -> io::Result<()> {
        let socket = self.socket(Type::STREAM, Protocol::TCP)?;
        if self.from.is_none() {
            // So that the port is known before the first packet.
            let any: IpAddr = if self.to.is_ipv4() {
                std::net::Ipv4Addr::UNSPECIFIED.into()
            } else {
                std::net::Ipv6Addr::UNSPECIFIED.into()
            };
            socket.bind(&SocketAddr::new(any, 0).into())?;
        }
        ports.extend(own_port(&socket));
        socket.connect_timeout(&SocketAddr::new(self.to, port).into(), self.patience)
    }

    fn datagram(&self, port: u16, cookie: [u8; 16], ports: &mut Vec<u16>) -> io::Result<()> {
        let socket = self.socket(Type::DGRAM, Protocol::UDP)?;
        socket.connect(&SocketAddr::new(self.to, port).into())?;
        ports.extend(own_port(&socket));
        let mut message = cookie.to_vec();
        message.resize(self.length().saturating_sub(8).max(message.len()), 0x61);
        socket.send(&message)?;
        self.receive(&socket, |_| true)
    }

    /// Waits for a packet that is wanted.
    fn receive(&self, mut socket: &Socket, wanted: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        let deadline = Instant::now() + self.patience;
        let mut packet = vec![0; 1 << 16];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            socket.set_read_timeout(Some(left))?;
            let length = socket.read(&mut packet)?;
            if wanted(packet.get(..length).unwrap_or(&[])) {
                return Ok(());
            }
        }
    }
}

fn own_port(socket: &Socket) -> Option<u16> {
    Some(socket.local_addr().ok()?.as_socket()?.port())
}

fn explained(error: &io::Error) -> Answer {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Answer::Nothing,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Answer::Refused("refused".to_owned()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Answer::Refused(error.to_string()),
        _ => Answer::Failed(error.to_string()),
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
