//! A network before it is made.

use std::fmt;
use std::net::IpAddr;

/// Namespaces and what is typed in each.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) v6: bool,
    /// Rules of more kinds: seeds below [`super::WIDE`] keep the networks that they always made.
    pub(crate) wide: bool,
    /// Still more kinds, from [`super::DEEP`] on.
    pub(crate) deep: bool,
    /// Lists of addresses that rules write and ask, too, from [`super::LISTS`] on.
    pub(crate) lists: bool,
    pub(crate) spaces: Vec<Space>,
}

/// One namespace.
#[derive(Debug, Default)]
pub(crate) struct Space {
    pub(crate) name: String,
    /// The node it is of; none for what no snapshot shows.
    pub(crate) node: Option<usize>,
    /// A node's own, not one of a pod.
    pub(crate) host: bool,
    /// Keys below `/proc/sys/net` with dots, and values: before there are links.
    pub(crate) early: Vec<(String, String)>,
    /// `ip -batch` lines that make links. `{name}` is the file of the namespace with that name.
    pub(crate) links: Vec<String>,
    /// The same, when all links are there.
    pub(crate) sysctls: Vec<(String, String)>,
    /// `ip -batch` lines: addresses, routes, rules, neighbors. Some may be refused.
    pub(crate) ip: Vec<String>,
    /// `bridge -batch` lines.
    pub(crate) bridge: Vec<String>,
    /// Ports that are open, of UDP and TCP.
    pub(crate) ports: Vec<u16>,
    /// Names of its links, and whom they lead to (a space's number): for routes and rules.
    pub(crate) ends: Vec<End>,
    /// Its addresses.
    pub(crate) own: Vec<IpAddr>,
    /// Command and input: rulesets.
    pub(crate) rules: Vec<(Vec<String>, String)>,
}

/// A link of a space.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) link: String,
    /// Who is at the other end or on the same segment, and the address there.
    pub(crate) beside: Vec<(usize, IpAddr)>,
}

impl Draft {
    pub(crate) fn space(&mut self, name: &str, node: Option<usize>, host: bool) -> usize {
        self.spaces.push(Space {
            name: name.to_owned(),
            node,
            host,
            ..Space::default()
        });
        self.spaces.len() - 1
    }

    /// A veth pair between two spaces.
    pub(crate) fn veth(&mut self, (a, link_a): (usize, &str), (b, link_b): (usize, &str)) {
        let other = &self.spaces[b].name;
        let line = if a == b {
            format!("link add {link_a} type veth peer name {link_b}")
        } else {
            format!("link add {link_a} type veth peer name {link_b} netns {{{other}}}")
        };
        self.spaces[a].links.push(line);
        for (space, link) in [(a, link_a), (b, link_b)] {
            self.spaces[space].ip.push(format!("link set {link} up"));
            self.spaces[space].ends.push(End {
                link: link.to_owned(),
                beside: Vec::new(),
            });
        }
    }

    /// An address of a link.
    pub(crate) fn address(&mut self, space: usize, link: &str, ip: IpAddr, length: u8) {
        let nodad = if ip.is_ipv6() { " nodad" } else { "" };
        self.spaces[space].own.push(ip);
        self.line(space, format!("addr add {ip}/{length} dev {link}{nodad}"));
    }

    pub(crate) fn line(&mut self, space: usize, line: impl Into<String>) {
        self.spaces[space].ip.push(line.into());
    }

    pub(crate) fn beside(&mut self, space: usize, link: &str, other: usize, ip: IpAddr) {
        let end = self.spaces[space].ends.iter_mut().find(|end| end.link == link);
        if let Some(end) = end {
            end.beside.push((other, ip));
        }
    }

    pub(crate) fn family(&self) -> &'static str {
        if self.v6 { "ipv6" } else { "ipv4" }
    }

    /// `10.A.B.C`, or `fd00:A:B::C`.
    pub(crate) fn ip(&self, a: u8, b: u8, c: u8) -> IpAddr {
        ip(self.v6, a, b, c)
    }

    /// The prefix length of a host's own network.
    pub(crate) const fn length(&self) -> u8 {
        if self.v6 { 64 } else { 24 }
    }

    pub(crate) const fn whole(&self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }
}

pub(crate) fn ip(v6: bool, a: u8, b: u8, c: u8) -> IpAddr {
    if v6 {
        IpAddr::V6(std::net::Ipv6Addr::new(
            0xfd00,
            a.into(),
            b.into(),
            0,
            0,
            0,
            0,
            c.into(),
        ))
    } else {
        IpAddr::V4(std::net::Ipv4Addr::new(10, a, b, c))
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for space in &self.spaces {
            writeln!(
                f,
                "=== {} (node {:?}, open {:?})",
                space.name, space.node, space.ports
            )?;
            for (key, value) in space.early.iter().chain(&space.sysctls) {
                writeln!(f, "sysctl {key}={value}")?;
            }
            for line in space.links.iter().chain(&space.ip) {
                writeln!(f, "ip {line}")?;
            }
            for line in &space.bridge {
                writeln!(f, "bridge {line}")?;
            }
            for (command, input) in &space.rules {
                writeln!(f, "{}\n{input}", command.join(" "))?;
            }
        }
        Ok(())
    }
}
