//! Sockets as `ss -tuwanp` prints them, with or without its line of headings, its `-e` and `-i`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{ParseError, excerpt};
use crate::state::socket::{RawSocket, SocketOwner, TcpSocket, TcpState, UdpSocket};

/// Sockets by their kind. Those in TIME-WAIT are among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sockets {
    pub tcp: Vec<TcpSocket>,
    pub udp: Vec<UdpSocket>,
    pub raw: Vec<RawSocket>,
}

/// Reads the output. Sockets of other families (unix, netlink, packet) are passed over.
///
/// # Errors
/// Names the first line of a TCP, UDP or raw socket that can't be read.
pub fn ss(text: &str) -> Result<Sockets, ParseError> {
    let mut sockets = Sockets::default();
    for (index, line) in text.lines().enumerate() {
        // What -i prints follows on lines of its own.
        if line.starts_with(char::is_whitespace) || line.is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = match words.as_slice() {
            ["Netid" | "State", ..] => Some(()),
            ["tcp" | "mptcp", rest @ ..] => tcp(rest).map(|socket| sockets.tcp.push(socket)),
            ["udp", rest @ ..] => udp(rest).map(|socket| sockets.udp.push(socket)),
            ["raw", rest @ ..] => raw(rest).map(|socket| sockets.raw.push(socket)),
            // Of one kind only there is no column for it.
            [state_word, ..] if state(state_word).is_some() => {
                tcp(&words).map(|socket| sockets.tcp.push(socket))
            }
            _ => Some(()),
        };
        read.ok_or_else(|| ParseError::new(index + 1, format!("not a socket: {:?}", excerpt(line))))?;
    }
    Ok(sockets)
}

/// `LISTEN 0 8 0.0.0.0:179 0.0.0.0:* users:(("bird",pid=26,fd=8))`: receive queue, then send queue.
fn tcp(words: &[&str]) -> Option<TcpSocket> {
    let [state_word, rx, tx, local, remote, more @ ..] = words else {
        return None;
    };
    let state = state(state_word)?;
    let listens = state == TcpState::Listen;
    Some(TcpSocket {
        local: endpoint(local)?,
        remote: endpoint(remote)?,
        state,
        // Of a listener, it is the longest that the queue may get.
        tx_queue: if listens { 0 } else { tx.parse().ok()? },
        rx_queue: rx.parse().ok()?,
        inode: number(more, "ino:"),
        uid: number(more, "uid:"),
        owner: owner(more),
    })
}

fn udp(words: &[&str]) -> Option<UdpSocket> {
    let [_state, rx, tx, local, remote, more @ ..] = words else {
        return None;
    };
    Some(UdpSocket {
        local: endpoint(local)?,
        remote: endpoint(remote)?,
        tx_queue: tx.parse().ok()?,
        rx_queue: rx.parse().ok()?,
        drops: 0,
        inode: number(more, "ino:"),
        uid: number(more, "uid:"),
        owner: owner(more),
    })
}

/// The protocol stands where others have the port; by name, unless `-n` is new enough.
fn raw(words: &[&str]) -> Option<RawSocket> {
    let [_state, _rx, _tx, local, remote, more @ ..] = words else {
        return None;
    };
    let (address, proto) = local.rsplit_once(':')?;
    let proto = match proto {
        "icmp" => 1,
        "igmp" => 2,
        "tcp" => 6,
        "udp" => 17,
        "gre" => 47,
        "ipv6-icmp" => 58,
        "ospf" => 89,
        "vrrp" => 112,
        number => number.parse().ok()?,
    };
    Some(RawSocket {
        local: ip(address)?,
        remote: ip(remote.rsplit_once(':')?.0)?,
        proto,
        drops: 0,
        inode: number(more, "ino:"),
        uid: number(more, "uid:"),
        owner: owner(more),
    })
}

/// `10.0.0.1:179`, `[::]:179`, `*:179`, `127.0.0.53%lo:53`, `0.0.0.0:*`.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let port = if port == "*" { 0 } else { port.parse().ok()? };
    Some(SocketAddr::new(ip(address)?, port))
}

fn ip(text: &str) -> Option<IpAddr> {
    // The link stands before or behind the bracket.
    let text = text.split('%').next().unwrap_or_default();
    match text {
        // Both families, or any of one.
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        _ => Some(
            text.trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
                .ok()?
                .to_canonical(),
        ),
    }
}

fn state(word: &str) -> Option<TcpState> {
    Some(match word {
        "ESTAB" => TcpState::Established,
        "SYN-SENT" => TcpState::SynSent,
        "SYN-RECV" => TcpState::SynRecv,
        "FIN-WAIT-1" => TcpState::FinWait1,
        "FIN-WAIT-2" => TcpState::FinWait2,
        "TIME-WAIT" => TcpState::TimeWait,
        "UNCONN" => TcpState::Close,
        "CLOSE-WAIT" => TcpState::CloseWait,
        "LAST-ACK" => TcpState::LastAck,
        "LISTEN" => TcpState::Listen,
        "CLOSING" => TcpState::Closing,
        _ => return None,
    })
}

fn number<T: std::str::FromStr + Default>(words: &[&str], prefix: &str) -> T {
    words
        .iter()
        .find_map(|word| word.strip_prefix(prefix)?.parse().ok())
        .unwrap_or_default()
}

/// The first of `users:(("bird",pid=26,fd=8),("bird",pid=27,fd=8))`; a program's name may have blanks.
fn owner(words: &[&str]) -> Option<SocketOwner> {
    let joined = words.join(" ");
    let (_, users) = joined.split_once("users:((\"")?;
    let (program, rest) = users.split_once("\",pid=")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(SocketOwner {
        pid: digits.parse().ok()?,
        program: program.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
Netid State     Recv-Q Send-Q     Local Address:Port   Peer Address:Port Process
tcp LISTEN    0      8            0.0.0.0:179         0.0.0.0:* users:((\"bird\",pid=26,fd=8)) ino:77 sk:1
tcp SYN-SENT  0      1         10.244.2.1:53571    10.244.3.1:179 users:((\"my bird\",pid=27,fd=9))
\t cubic rto:1000
tcp TIME-WAIT 0      0      192.168.80.24:55263 192.168.80.25:179
tcp LISTEN    0      128             [::]:22             [::]:*
tcp ESTAB     0      0   [::ffff:10.0.0.1]:22   [::ffff:10.0.0.2]:4711
tcp LISTEN    0      128                *:9099              *:*
udp UNCONN 0      0      127.0.0.53%lo:53 0.0.0.0:*
raw UNCONN 0      0      0.0.0.0:89 0.0.0.0:*
u_str ESTAB 0 0 * 1234 * 1235
";

    #[test]
    fn sockets_are_read_with_their_owners() {
        let sockets = ss(TEXT).unwrap();
        assert_eq!(sockets.tcp.len(), 6);
        assert_eq!((sockets.tcp[0].tx_queue, sockets.tcp[0].inode), (0, 77));
        assert_eq!(sockets.tcp[0].owner.as_ref().unwrap().pid, 26);
        assert_eq!(sockets.tcp[1].tx_queue, 1);
        assert_eq!(sockets.tcp[1].owner.as_ref().unwrap().program, "my bird");
        assert_eq!(sockets.tcp[2].state, TcpState::TimeWait);
        assert_eq!(sockets.tcp[3].local, "[::]:22".parse().unwrap());
        assert_eq!(sockets.tcp[4].local, "10.0.0.1:22".parse().unwrap());
        assert_eq!(sockets.udp[0].local, "127.0.0.53:53".parse().unwrap());
        assert_eq!(sockets.raw[0].proto, 89);
        let bare = ss("LISTEN 0 8 0.0.0.0:179 0.0.0.0:*\n").unwrap();
        assert_eq!(bare.tcp[0].state, TcpState::Listen);
        assert_eq!(ss("x\ntcp LISTEN 0 8 nowhere 0.0.0.0:*\n").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", line in "(tcp|udp|raw|LISTEN|0|\\*:1|\\[::1\\]%eth0:53|users:\\(\\(| ){0,12}") {
            let _ = ss(&text);
            let _ = ss(&line);
        }
    }
}
