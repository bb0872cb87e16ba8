//! A draft made real: namespaces of this process's threads, and what is read of them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use netdiag::collect::of_thread;
use netdiag::state::link::LinkFlags;
use netdiag::state::netns::NsIdentity;
use netdiag::state::{Fact, Namespace, NodeState};
use netdiag_lab::{Netns, Result, feed};
use socket2::{Domain, Protocol, Socket, Type};

use super::draft::Draft;

/// A network that is up.
pub(crate) struct Network {
    pub(crate) spaces: Vec<Up>,
    pub(crate) v6: bool,
    /// What ip(8) and others refused.
    pub(crate) refused: Vec<String>,
}

/// A namespace that is up.
pub(crate) struct Up {
    pub(crate) name: String,
    pub(crate) net: Netns,
    /// The node it is of, and whether it is its own.
    node: Option<usize>,
    host: bool,
    pub(crate) ports: Vec<u16>,
    pub(crate) has_rules: bool,
    /// Kept open: what listens.
    _open: (Vec<TcpListener>, Vec<UdpSocket>),
}

/// Settings without which chance, time or another packet decides.
fn quiet(v6: bool) -> Vec<(String, String)> {
    let keys = vec![
        ("net.ipv4.icmp_ratemask", "0"),
        // Datagrams of sockets without DF.
        ("net.ipv4.ip_no_pmtu_disc", "1"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
        ("net.ipv4.conf.all.accept_redirects", "0"),
        ("net.ipv6.conf.all.disable_ipv6", if v6 { "0" } else { "1" }),
        ("net.ipv6.conf.default.disable_ipv6", if v6 { "0" } else { "1" }),
    ];
    let mut keys: Vec<(String, String)> = keys
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let of_v6 = [
        ("accept_dad", "0"),
        ("dad_transmits", "0"),
        ("accept_ra", "0"),
        ("router_solicitations", "0"),
        ("accept_redirects", "0"),
    ];
    if v6 {
        for (name, value) in of_v6 {
            for who in ["all", "default"] {
                keys.push((format!("net.ipv6.conf.{who}.{name}"), value.to_owned()));
            }
        }
        keys.push(("net.ipv6.icmp.ratelimit".to_owned(), "0".to_owned()));
    }
    keys
}

/// Proxies that answer at once.
fn proxies(v6: bool) -> Vec<(String, String)> {
    let family = if v6 { "ipv6" } else { "ipv4" };
    let links = std::fs::read_dir(format!("/proc/sys/net/{family}/neigh")).unwrap();
    links
        .map(|link| link.unwrap().file_name().into_string().unwrap())
        .filter(|link| link != "default")
        .map(|link| (format!("net.{family}.neigh.{link}.proxy_delay"), "0".to_owned()))
        .collect()
}

/// Writes settings of the calling thread's namespace; gives what was refused.
fn settings(pairs: &[(String, String)]) -> Vec<String> {
    let write = |key: &str, value: &str| {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(value.as_bytes())
    };
    pairs
        .iter()
        .filter_map(|(key, value)| {
            write(key, value)
                .err()
                .map(|error| format!("{key}={value}: {error}"))
        })
        .collect()
}

/// What a batch tool complains of.
fn batch(command: &[&str], lines: &[String]) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    match feed(command, &(lines.join("\n") + "\n")) {
        Ok((_, errors)) => errors.lines().map(str::to_owned).collect(),
        Err(error) => vec![error.to_string()],
    }
}

impl Network {
    pub(crate) fn up(draft: &Draft) -> Result<Self> {
        let v6 = draft.v6;
        let made: Vec<Netns> = draft.spaces.iter().map(|_| Netns::new()).collect::<Result<_>>()?;
        let paths: Vec<(String, String)> = draft
            .spaces
            .iter()
            .zip(&made)
            .map(|(space, net)| (format!("{{{}}}", space.name), net.path().to_owned()))
            .collect();
        let named = |line: &String| {
            paths
                .iter()
                .fold(line.clone(), |line, (name, path)| line.replace(name, path))
        };
        let mut refused = Vec::new();
        for (space, net) in draft.spaces.iter().zip(&made) {
            let mut early = quiet(v6);
            early.extend(space.early.iter().cloned());
            let early: Vec<_> = net.run(move || settings(&early));
            refused.extend(early.iter().map(|why| format!("{}: {why}", space.name)));
        }
        // Links lead to other namespaces: one after the other.
        for (space, net) in draft.spaces.iter().zip(&made) {
            let lines: Vec<String> = space.links.iter().map(named).collect();
            let bad = net.run(move || batch(&["ip", "-force", "-batch", "-"], &lines));
            refused.extend(bad.iter().map(|why| format!("{}: {why}", space.name)));
        }
        let work: Vec<_> = draft
            .spaces
            .iter()
            .zip(&made)
            .map(|(space, net)| {
                let ip: Vec<String> = space.ip.iter().map(named).collect();
                let (sysctls, bridge) = (space.sysctls.clone(), space.bridge.clone());
                let (rules, ports) = (space.rules.clone(), space.ports.clone());
                net.start(move || {
                    let mut refused = settings(&proxies(v6));
                    refused.extend(settings(&sysctls));
                    refused.extend(batch(&["ip", "-force", "-batch", "-"], &ip));
                    refused.extend(batch(&["bridge", "-force", "-batch", "-"], &bridge));
                    for (command, input) in rules {
                        let words: Vec<&str> = command.iter().map(String::as_str).collect();
                        match feed(&words, &input) {
                            Ok((_, errors)) if errors.is_empty() => {}
                            Ok((_, errors)) => {
                                refused.push(format!("RULES {}: {errors}\n{input}", command.join(" ")));
                            }
                            Err(error) => refused.push(error.to_string()),
                        }
                    }
                    (refused, listeners(v6, &ports))
                })
            })
            .collect();
        let mut spaces = Vec::new();
        for ((space, net), work) in draft.spaces.iter().zip(made).zip(work) {
            let (bad, open) = work.recv().expect("a namespace could not be filled");
            refused.extend(bad.iter().map(|why| format!("{}: {why}", space.name)));
            spaces.push(Up {
                name: space.name.clone(),
                net,
                node: space.node,
                host: space.host,
                ports: space.ports.clone(),
                has_rules: space.rules.iter().any(|(command, _)| command[0] != "ipset"),
                _open: open,
            });
        }
        let network = Self { spaces, v6, refused };
        network.settle();
        Ok(network)
    }

    /// Until all links know that they are connected: the kernel tells up to a second later. Without an address of its own
    /// a link of IPv6 asks for no neighbor.
    fn settle(&self) {
        let begun = Instant::now();
        let mut before = None;
        loop {
            std::thread::sleep(Duration::from_millis(if self.v6 { 40 } else { 10 }));
            let work: Vec<_> = self.spaces.iter().map(|up| up.net.start(tables)).collect();
            let read: Vec<State> = work
                .into_iter()
                .map(|work| work.recv().expect("tables"))
                .collect();
            let quiet = read.iter().flatten().all(|link| link.settled(self.v6));
            if (quiet && before.as_ref() == Some(&read)) || begun.elapsed() > Duration::from_secs(3) {
                return;
            }
            before = Some(read);
        }
    }

    /// Reads anew what packets change: all tables of netlink.
    pub(crate) fn refresh(&self, nodes: &mut [NodeState]) {
        let mut work = Vec::new();
        for up in self.spaces.iter().filter(|up| up.node.is_some()) {
            let told = up.net.start(|| {
                let mut net = netdiag::state::Netns::default();
                netdiag::collect::netlink::netns_tables(&mut net);
                (net.neighbors, net.fdb)
            });
            work.push((up, told));
        }
        for (up, told) in work {
            let (neighbors, fdb) = told.recv().expect("tables");
            let node = up.node.and_then(|node| nodes.get_mut(node)).expect("a node");
            let net = if up.host {
                &mut node.net
            } else {
                let Fact::Known(pods) = &mut node.namespaces else {
                    continue;
                };
                let pod = pods.iter_mut().find(|pod| pod.names.contains(&up.name));
                &mut pod.expect("a pod").net
            };
            net.neighbors = neighbors;
            net.fdb = fdb;
        }
    }

    /// The states of the nodes, as netdiag reads them.
    pub(crate) fn nodes(&self) -> Vec<NodeState> {
        let identity = |up: &Up| {
            let metadata = up.net.file().metadata().unwrap();
            NsIdentity {
                device: metadata.dev(),
                inode: metadata.ino(),
            }
        };
        let mut nodes: Vec<NodeState> = Vec::new();
        let last = self.spaces.iter().filter_map(|up| up.node).max().unwrap_or(0);
        for node in 0..=last {
            let members: Vec<&Up> = self.spaces.iter().filter(|up| up.node == Some(node)).collect();
            let work: Vec<_> = members
                .iter()
                .map(|up| {
                    let files: Vec<_> = members
                        .iter()
                        .map(|other| (identity(other), other.net.file().try_clone().unwrap()))
                        .collect();
                    let pod = !up.host;
                    up.net.start(move || {
                        let files: Vec<_> = files.iter().map(|(id, file)| (*id, file.as_fd())).collect();
                        of_thread(pod, &files)
                    })
                })
                .collect();
            let mut state = NodeState::default();
            let mut pods = Vec::new();
            for (up, work) in members.iter().zip(work) {
                let net = work.recv().expect("a namespace could not be read");
                if up.host {
                    state.name.clone_from(&up.name);
                    state.net_id = Some(identity(up));
                    state.net = net;
                } else {
                    pods.push(Namespace {
                        id: identity(up),
                        names: vec![up.name.clone()],
                        net,
                        ..Namespace::default()
                    });
                }
            }
            state.namespaces = Fact::Known(pods);
            nodes.push(state);
        }
        nodes
    }
}

/// What of a link comes late: name, whether it is connected, whether the kernel knows, its addresses.
#[derive(Debug, PartialEq)]
struct Late {
    name: String,
    connected: bool,
    known: bool,
    has_own: bool,
    routes: usize,
}

type State = Vec<Late>;

impl Late {
    const fn settled(&self, v6: bool) -> bool {
        !self.connected || (self.known && (!v6 || self.has_own))
    }
}

fn tables() -> State {
    let mut net = netdiag::state::Netns::default();
    netdiag::collect::netlink::netns_tables(&mut net);
    let own = |link| {
        let mut addresses = net.addresses.items().iter();
        addresses.any(|address| address.link == link && netdiag::state::link::is_link_local(address.ip))
    };
    let links = net
        .links
        .items()
        .iter()
        .filter(|link| link.name != "lo" && link.is_up());
    links
        .map(|link| Late {
            name: link.name.clone(),
            connected: link.flags.has(LinkFlags::LOWER_UP),
            known: !link.operstate.to_lowercase().contains("down"),
            has_own: link.master.is_some() || own(link.index),
            routes: net.routes.items().len(),
        })
        .collect()
}

/// What listens on these ports, of the calling thread's namespace.
fn listeners(v6: bool, ports: &[u16]) -> (Vec<TcpListener>, Vec<UdpSocket>) {
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for port in ports {
        let any: std::net::SocketAddr = if v6 {
            ([0_u16; 8], *port).into()
        } else {
            ([0_u8; 4], *port).into()
        };
        tcp.extend(TcpListener::bind(any));
        let socket = Socket::new(Domain::for_address(any), Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        if socket.bind(&any.into()).is_ok() {
            udp.push(socket.into());
        }
    }
    (tcp, udp)
}
