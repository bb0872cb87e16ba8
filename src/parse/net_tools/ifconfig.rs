//! `ifconfig -a`, of net-tools 1.60 and busybox (`Link encap:`) and of net-tools 2 (`flags=`).

use std::net::{IpAddr, Ipv4Addr};

use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::link::{Address, IfIndex, Link, LinkFlags, Scope};

/// Reads links and addresses: flags, MTU, Ethernet address; no counters. ifconfig prints no numbers of links, so these
/// are what `names` has, or stand in.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn ifconfig(text: &str, names: &mut Names) -> Result<(Vec<Link>, Vec<Address>), ParseError> {
    let (mut links, mut addresses): (Vec<Link>, Vec<Address>) = Default::default();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let bad = || ParseError::new(index + 1, format!("not understood: {:?}", excerpt(line)));
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            let block = open.as_mut().ok_or_else(bad)?;
            block.detail(line).ok_or_else(bad)?;
        } else {
            if let Some(block) = open.take() {
                block.close(&mut links, &mut addresses);
            }
            open = Some(Block::new(line, names).ok_or_else(bad)?);
        }
    }
    if let Some(block) = open {
        block.close(&mut links, &mut addresses);
    }
    Ok((links, addresses))
}

/// One paragraph: a link, or a further address of one (`eth0:1`).
struct Block {
    link: Link,
    label: String,
    addresses: Vec<Address>,
}

impl Block {
    /// `eth0: flags=4163<UP,BROADCAST>  mtu 1500`, `eth0      Link encap:Ethernet  HWaddr 02:…`
    fn new(line: &str, names: &mut Names) -> Option<Self> {
        let word = line.split_whitespace().next()?;
        let rest = &line[word.len()..];
        let old = rest.trim_start().starts_with("Link encap:");
        if !old && !rest.trim_start().starts_with("flags=") {
            return None;
        }
        let label = if old { word } else { word.strip_suffix(':')? };
        let name = label.split(':').next()?;
        let mut block = Self {
            link: Link {
                index: names.link(name),
                name: name.to_owned(),
                operstate: "unknown".to_owned(),
                ..Link::default()
            },
            label: label.to_owned(),
            addresses: Vec::new(),
        };
        block.detail(rest)?;
        Some(block)
    }

    fn detail(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |key: &str| {
            let at = words.iter().position(|word| *word == key)?;
            words.get(at + 1).copied()
        };
        match words.as_slice() {
            // Net-tools 2.
            [flags, ..] if flags.starts_with("flags=") => {
                let (number, _) = flags.strip_prefix("flags=")?.split_once('<')?;
                self.link.flags = LinkFlags(number.parse().ok()?);
                self.link.mtu = after("mtu")?.parse().ok()?;
            }
            ["inet", ip, ..] if !ip.starts_with("addr:") => {
                let mask = after("netmask").and_then(|mask| mask.parse().ok());
                let peer = after("destination").and_then(|ip| ip.parse().ok());
                let broadcast = after("broadcast").and_then(|ip| ip.parse().ok());
                self.address_v4(ip.parse().ok()?, mask, peer, broadcast)?;
            }
            ["inet6", ip, "prefixlen", length, ..] => {
                let scope = after("scopeid").and_then(|scope| {
                    let (_, name) = scope.strip_suffix('>')?.split_once('<')?;
                    Some(scope_named(name))
                });
                self.address(ip.parse().ok()?, length.parse().ok()?, scope)?;
            }
            ["ether", mac, ..] => self.link.mac = iproute::mac(mac),
            // Net-tools 1.60.
            ["Link", ..] => {
                self.link.mac = after("HWaddr").and_then(iproute::mac);
            }
            ["inet", ip, ..] => {
                let field = |key: &str| {
                    let word = words.iter().find_map(|word| word.strip_prefix(key))?;
                    word.parse::<Ipv4Addr>().ok()
                };
                let ip = ip.strip_prefix("addr:")?.parse().ok()?;
                self.address_v4(ip, field("Mask:"), field("P-t-P:"), field("Bcast:"))?;
            }
            ["inet6", "addr:", net, scope, ..] => {
                let (ip, length) = net.split_once('/')?;
                let scope = scope.strip_prefix("Scope:").map(scope_named);
                self.address(ip.parse().ok()?, length.parse().ok()?, scope)?;
            }
            words if words.iter().any(|word| word.starts_with("MTU:")) => {
                for word in words {
                    if let Some(mtu) = word.strip_prefix("MTU:") {
                        self.link.mtu = mtu.parse().ok()?;
                    } else if let Some((_, flag)) = LinkFlags::NAMES.iter().find(|(name, _)| name == word) {
                        self.link.flags.0 |= flag.0;
                    } else if *word == "RUNNING" {
                        self.link.flags.0 |= LinkFlags::RUNNING.0;
                    }
                }
            }
            // Counters, and what only some links have.
            _ => {}
        }
        Some(())
    }

    fn address_v4(
        &mut self,
        ip: Ipv4Addr,
        mask: Option<Ipv4Addr>,
        peer: Option<Ipv4Addr>,
        broadcast: Option<Ipv4Addr>,
    ) -> Option<()> {
        let length = match mask {
            Some(mask) => ipnet::ipv4_mask_to_prefix(mask).ok()?,
            None => 32,
        };
        let scope = if ip.is_loopback() {
            Scope::HOST
        } else {
            Scope::GLOBAL
        };
        self.address(IpAddr::V4(ip), length, Some(scope))?;
        let address = self.addresses.last_mut()?;
        address.peer = peer.filter(|peer| *peer != ip).map(IpAddr::V4);
        // Zeros say that there is none.
        address.broadcast = broadcast.filter(|ip| !ip.is_unspecified()).map(IpAddr::V4);
        address.label = Some(self.label.clone());
        Some(())
    }

    fn address(&mut self, ip: IpAddr, length: u8, scope: Option<Scope>) -> Option<()> {
        if length > if ip.is_ipv4() { 32 } else { 128 } {
            return None;
        }
        self.addresses.push(Address {
            scope: scope.unwrap_or_default(),
            ..Address::new(self.link.index, ip, length)
        });
        Some(())
    }

    fn close(self, links: &mut Vec<Link>, addresses: &mut Vec<Address>) {
        addresses.extend(self.addresses);
        let known = |index: IfIndex| links.iter().any(|link| link.index == index);
        if !known(self.link.index) {
            let flags = self.link.flags;
            let running = flags.has(LinkFlags::RUNNING);
            links.push(Link {
                // RUNNING is what the operational state comes to.
                carrier: flags.has(LinkFlags::UP).then_some(running),
                operstate: if running { "up" } else { "down" }.to_owned(),
                ..self.link
            });
        }
    }
}

fn scope_named(name: &str) -> Scope {
    match name.to_ascii_lowercase().as_str() {
        "link" => Scope::LINK,
        "host" => Scope::HOST,
        "site" => Scope::SITE,
        _ => Scope::GLOBAL,
    }
}
