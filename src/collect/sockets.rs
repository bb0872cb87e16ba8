//! Sockets of the calling thread's namespace, and who holds them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::modules::modules;
use super::netlink::inet_diag;
use super::read;
use crate::parse::{ParseError, procfs};
use crate::state::socket::{SocketOwner, TcpSocket, TcpState};
use crate::state::{Fact, Netns};

/// `/proc/net` is that of the first thread: this one is of the thread that reads.
const NET: &str = "/proc/thread-self/net";

/// Fills in the lists of sockets, without their owners.
pub(super) fn read_into(net: &mut Netns) {
    net.tcp = tcp();
    net.udp = both("udp", procfs::udp);
    net.raw = both("raw", procfs::raw);
    net.packet = one("packet", procfs::packet);
}

/// All TCP sockets of this namespace that are in use: what has ended says nothing, and a busy host has tens of thousands
/// of it.
fn tcp() -> Fact<Vec<TcpSocket>> {
    if modules().lacking(&["inet_diag", "tcp_diag"]).is_none()
        && let Ok(sockets) = inet_diag::tcp()
    {
        return Fact::Known(sockets);
    }
    match both("tcp", procfs::tcp) {
        Fact::Known(mut sockets) => {
            sockets.retain(|socket| socket.state != TcpState::TimeWait);
            Fact::Known(sockets)
        }
        absent @ Fact::Absent { .. } => absent,
    }
}

/// The file for IPv4, and that for IPv6; without IPv6 there is no such file.
fn both<T>(name: &str, parse: impl Fn(&str) -> Result<Vec<T>, ParseError>) -> Fact<Vec<T>> {
    let v6 = format!("{name}6");
    match one(name, &parse) {
        Fact::Known(mut sockets) if Path::new(NET).join(&v6).exists() => match one(&v6, &parse) {
            Fact::Known(more) => {
                sockets.extend(more);
                Fact::Known(sockets)
            }
            absent @ Fact::Absent { .. } => absent,
        },
        v4 => v4,
    }
}

fn one<T>(name: &str, parse: impl Fn(&str) -> Result<Vec<T>, ParseError>) -> Fact<Vec<T>> {
    let path = format!("{NET}/{name}");
    read(Path::new(&path))
        .and_then(|text| parse(&text).map_err(|error| format!("{path}: {error}")))
        .into()
}

/// Who holds which socket, by the socket's inode.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<u64, SocketOwner>);

impl Owners {
    /// One look at every process; those of others are visible to root only.
    pub(super) fn look() -> Self {
        let mut owners = HashMap::new();
        for pid in super::procfs::pids() {
            let mut program: Option<String> = None;
            // Of a process that has ended meanwhile, or without the right, there is nothing to see.
            for entry in fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let Some(inode) = fs::read_link(entry.path()).ok().as_deref().and_then(socket_inode) else {
                    continue;
                };
                let program = program.get_or_insert_with(|| super::procfs::comm(pid));
                owners.entry(inode).or_insert_with(|| SocketOwner {
                    pid,
                    program: program.clone(),
                });
            }
        }
        Self(owners)
    }

    /// Writes the owners into the lists of sockets.
    pub(super) fn fill(&self, net: &mut Netns) {
        let of = |inode: u64| self.0.get(&inode).cloned();
        each(&mut net.tcp, |socket| socket.owner = of(socket.inode));
        each(&mut net.udp, |socket| socket.owner = of(socket.inode));
        each(&mut net.raw, |socket| socket.owner = of(socket.inode));
        each(&mut net.packet, |socket| socket.owner = of(socket.inode));
    }
}

fn each<T>(sockets: &mut Fact<Vec<T>>, set: impl FnMut(&mut T)) {
    if let Fact::Known(sockets) = sockets {
        sockets.iter_mut().for_each(set);
    }
}

/// `socket:[4711]`
fn socket_inode(target: &Path) -> Option<u64> {
    target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn sockets_of_this_process_are_seen_as_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut net = Netns::default();
        read_into(&mut net);
        Owners::look().fill(&mut net);
        let own = |local, sockets: &[(std::net::SocketAddr, Option<SocketOwner>)]| {
            let (_, owner) = sockets.iter().find(|(address, _)| *address == local).unwrap();
            assert_eq!(owner.as_ref().unwrap().pid, std::process::id());
        };
        let tcp: Vec<_> = net
            .tcp
            .items()
            .iter()
            .map(|socket| (socket.local, socket.owner.clone()))
            .collect();
        own(listener.local_addr().unwrap(), &tcp);
        let all: Vec<_> = net
            .udp
            .items()
            .iter()
            .map(|socket| (socket.local, socket.owner.clone()))
            .collect();
        own(udp.local_addr().unwrap(), &all);
    }

    #[test]
    fn both_ways_to_list_tcp_sockets_agree() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let find = |sockets: &[TcpSocket]| {
            let local = listener.local_addr().unwrap();
            sockets
                .iter()
                .find(|socket| socket.local == local)
                .cloned()
                .unwrap()
        };
        let text = both("tcp", procfs::tcp);
        if modules().lacking(&["inet_diag", "tcp_diag"]).is_none() {
            assert_eq!(find(&inet_diag::tcp().unwrap()), find(text.items()));
        }
    }
}
