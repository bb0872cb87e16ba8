//! The names that iproute2 prints where the kernel has numbers: of links, tables, protocols, scopes, states and flags
//! (`/etc/iproute2`, ip(8)). Its JSON and its text use the same ones.

use std::collections::HashMap;

use crate::state::link::{IfIndex, Link, LinkFlags, Scope};
use crate::state::neighbor::{NeighborFlags, NeighborState};
use crate::state::route::{HopFlags, RouteProtocol, RouteType, TableId};

/// Numbers at and above this one stand in for names whose number is not known: the kernel's own are far below.
const STAND_IN: u32 = 0x4000_0000;

/// Numbers of the links and tables of one network namespace, by name.
///
/// A name that nothing declares (a link that was removed between two commands, a table of
/// `/etc/iproute2/rt_tables`) gets a number of its own, the same one each time.
#[derive(Debug, Clone, Default)]
pub struct Names {
    links: HashMap<String, IfIndex>,
    tables: HashMap<String, TableId>,
}

impl Names {
    /// The names of these links, alternative names too.
    pub fn of(links: &[Link]) -> Self {
        let mut names = Self::default();
        names.learn(links);
        names
    }

    /// Declares these links, alternative names too.
    pub fn learn(&mut self, links: &[Link]) {
        for link in links {
            self.add(&link.name, link.index);
            for name in &link.alt_names {
                self.add(name, link.index);
            }
        }
    }

    /// Declares a link; the first to have a name keeps it.
    pub fn add(&mut self, name: &str, index: IfIndex) {
        self.links.entry(name.to_owned()).or_insert(index);
    }

    /// The number of the link that iproute2 calls so: `eth0`, `eth0@if7`, or `if7` for one that it could not name.
    pub fn link(&mut self, name: &str) -> IfIndex {
        if let Some(index) = self.links.get(name) {
            return *index;
        }
        if let Some((short, _)) = name.split_once('@') {
            return self.link(short);
        }
        if let Some(number) = unnamed(name) {
            return number;
        }
        let index = IfIndex(stand_in(self.links.values().map(|index| index.0)));
        self.links.insert(name.to_owned(), index);
        index
    }

    /// The number of a routing table: `main`, `local`, `default`, `100`, or a name of `rt_tables`.
    pub fn table(&mut self, name: &str) -> TableId {
        match name {
            "main" => TableId::MAIN,
            "local" => TableId::LOCAL,
            "default" => TableId::DEFAULT,
            "unspec" => TableId(0),
            _ => {
                if let Some(number) = number(name) {
                    return TableId(number);
                }
                if let Some(table) = self.tables.get(name) {
                    return *table;
                }
                let table = TableId(stand_in(self.tables.values().map(|table| table.0)));
                self.tables.insert(name.to_owned(), table);
                table
            }
        }
    }

    /// Declares the tables of an `/etc/iproute2/rt_tables`: lines of number and name.
    pub fn add_tables(&mut self, rt_tables: &str) {
        for line in rt_tables.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            if let (Some(number), Some(name)) = (words.next().and_then(number), words.next()) {
                self.tables.insert(name.to_owned(), TableId(number));
            }
        }
    }
}

/// The first free stand-in number.
fn stand_in(taken: impl Iterator<Item = u32>) -> u32 {
    taken
        .filter(|number| *number >= STAND_IN)
        .max()
        .map_or(STAND_IN, |last| last.saturating_add(1))
}

/// `if7` is link 7.
fn unnamed(name: &str) -> Option<IfIndex> {
    name.strip_prefix("if")?.parse().ok().map(IfIndex)
}

/// A number in decimal or, with `0x`, in hexadecimal digits.
pub(crate) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    T::try_from(number).ok()
}

/// A protocol by name or number. A name of somebody's own `rt_protos` is 0, `unspec`.
pub(crate) fn protocol(name: &str) -> Option<RouteProtocol> {
    let number = match name {
        "unspec" => 0,
        "redirect" => 1,
        "kernel" => 2,
        "boot" => 3,
        "static" => 4,
        "gated" => 8,
        "ra" => 9,
        "mrt" => 10,
        "zebra" => 11,
        "bird" => 12,
        "dnrouted" => 13,
        "xorp" => 14,
        "ntk" => 15,
        "dhcp" => 16,
        "mrouted" => 17,
        "keepalived" => 18,
        "babel" => 42,
        "ovn" => 84,
        "openr" => 99,
        "bgp" => 186,
        "isis" => 187,
        "ospf" => 188,
        "rip" => 189,
        "eigrp" => 192,
        _ if name.starts_with(|c: char| c.is_ascii_alphabetic()) => 0,
        _ => number(name)?,
    };
    Some(RouteProtocol(number))
}

/// A scope by name or number.
pub(crate) fn scope(name: &str) -> Option<Scope> {
    Some(match name {
        "global" | "universe" => Scope::GLOBAL,
        "site" => Scope::SITE,
        "link" => Scope::LINK,
        "host" => Scope::HOST,
        "nowhere" => Scope::NOWHERE,
        _ => Scope(number(name)?),
    })
}

/// A type of route by name; none for words that are none.
pub(crate) fn route_type(name: &str) -> Option<RouteType> {
    Some(match name {
        "unicast" => RouteType::Unicast,
        "local" => RouteType::Local,
        "broadcast" => RouteType::Broadcast,
        "multicast" => RouteType::Multicast,
        "anycast" => RouteType::Anycast,
        "blackhole" => RouteType::Blackhole,
        "unreachable" => RouteType::Unreachable,
        "prohibit" => RouteType::Prohibit,
        "throw" => RouteType::Throw,
        "none" | "nat" | "xresolve" => RouteType::Other,
        _ => return None,
    })
}

/// Whether routes of this type lead nowhere: the kernel shows `dev lo` with some of them all the same.
pub(crate) const fn has_no_way_out(kind: RouteType) -> bool {
    matches!(
        kind,
        RouteType::Blackhole | RouteType::Unreachable | RouteType::Prohibit | RouteType::Throw
    )
}

/// NUD state as ip-neighbour(8) prints it.
pub(crate) fn neighbor_state(name: &str) -> Option<NeighborState> {
    Some(match name {
        "INCOMPLETE" => NeighborState::Incomplete,
        "REACHABLE" => NeighborState::Reachable,
        "STALE" => NeighborState::Stale,
        "DELAY" => NeighborState::Delay,
        "PROBE" => NeighborState::Probe,
        "FAILED" => NeighborState::Failed,
        "NOARP" => NeighborState::Noarp,
        "PERMANENT" => NeighborState::Permanent,
        "NONE" => NeighborState::None,
        _ => return None,
    })
}

/// State of an FDB entry as bridge(8) prints it.
pub(crate) fn fdb_state(name: &str) -> Option<NeighborState> {
    Some(match name {
        "permanent" => NeighborState::Permanent,
        "static" => NeighborState::Noarp,
        "stale" => NeighborState::Stale,
        "" => NeighborState::Reachable,
        _ => return None,
    })
}

/// One flag of a neighbor or an FDB entry.
pub(crate) fn neighbor_flag(name: &str) -> Option<NeighborFlags> {
    Some(match name {
        "use" => NeighborFlags::USE,
        "self" => NeighborFlags::SELF,
        "master" => NeighborFlags::MASTER,
        "proxy" => NeighborFlags::PROXY,
        "extern_learn" | "external" => NeighborFlags::EXT_LEARNED,
        "offload" => NeighborFlags::OFFLOADED,
        "sticky" => NeighborFlags::STICKY,
        "router" => NeighborFlags::ROUTER,
        _ => return None,
    })
}

/// One flag of a next hop; those of the route (`rt_offload`, `notify`) are none.
pub(crate) fn hop_flag(name: &str) -> Option<HopFlags> {
    Some(match name {
        "dead" => HopFlags::DEAD,
        "pervasive" => HopFlags::PERVASIVE,
        "onlink" => HopFlags::ONLINK,
        "offload" => HopFlags::OFFLOAD,
        "linkdown" => HopFlags::LINKDOWN,
        "unresolved" => HopFlags::UNRESOLVED,
        "trap" => HopFlags::TRAP,
        _ => return None,
    })
}

/// The flags between `<` and `>` of `ip link`, as the kernel has them: iproute2 leaves RUNNING out and says
/// NO-CARRIER where a link that is up lacks it.
pub(crate) fn link_flags<'a>(names: impl Iterator<Item = &'a str>) -> LinkFlags {
    let (mut flags, mut running) = (0, true);
    for name in names {
        if name == "NO-CARRIER" {
            running = false;
        } else if let Some((_, flag)) = LinkFlags::NAMES.iter().find(|(known, _)| *known == name) {
            flags |= flag.0;
        } else if name == "RUNNING" {
            flags |= LinkFlags::RUNNING.0;
        } else if let Ok(rest) = u32::from_str_radix(name, 16) {
            // What it has no name for.
            flags |= rest;
        }
    }
    if running && LinkFlags(flags).has(LinkFlags::UP) {
        flags |= LinkFlags::RUNNING.0;
    }
    LinkFlags(flags)
}

/// Whether there is a carrier: LOWER_UP tells it of a link that is up (`dev_get_flags` of the kernel).
pub(crate) const fn carrier(flags: LinkFlags) -> Option<bool> {
    if flags.has(LinkFlags::UP) {
        Some(flags.has(LinkFlags::LOWER_UP))
    } else {
        None
    }
}

/// An Ethernet address, `aa:bb:cc:dd:ee:ff`; none for other forms (a tunnel's is an IP address).
pub(crate) fn mac(text: &str) -> Option<String> {
    let octets: Vec<&str> = text.split(':').collect();
    let good = |octet: &&str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
    (octets.len() == 6 && octets.iter().all(good)).then(|| text.to_ascii_lowercase())
}

/// `8000.6:dc:7e:8f:a0:19`, as `ip -d link` prints a bridge's identity, is `8000.06dc7e8fa019`.
pub(crate) fn bridge_id(text: &str) -> String {
    let Some((priority, mac)) = text.split_once('.') else {
        return text.to_owned();
    };
    let octets: Vec<String> = mac.split(':').map(|octet| format!("{octet:0>2}")).collect();
    format!("{priority}.{}", octets.concat())
}

/// IPPROTO_* by the names of `/etc/protocols` that rules are made with.
pub(crate) fn ip_protocol(name: &str) -> Option<u8> {
    Some(match name {
        "icmp" => 1,
        "igmp" => 2,
        "ipip" | "ipencap" => 4,
        "tcp" => 6,
        "udp" => 17,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" => 58,
        "sctp" => 132,
        _ => number(name.strip_prefix("ipproto-").unwrap_or(name))?,
    })
}

/// A TOS byte as a number, or by the name of its DSCP (`rt_dsfield`).
pub(crate) fn tos(name: &str) -> Option<u8> {
    let class = |digits: &str| digits.parse::<u8>().ok();
    Some(match name {
        "default" | "CS0" => 0,
        "EF" => 0xb8,
        "VA" => 0xb0,
        _ => {
            if let Some(class) = name.strip_prefix("CS").and_then(class) {
                class.checked_mul(32)?
            } else if let Some(digits) = name.strip_prefix("AF").and_then(class) {
                // AFxy: class x, drop precedence y.
                (digits / 10).checked_mul(32)?.checked_add((digits % 10) * 8)?
            } else {
                number(name)?
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_links_resolve_in_all_forms_and_unknown_ones_keep_their_stand_in() {
        let mut names = Names::default();
        names.add("eth0", IfIndex(2));
        assert_eq!(names.link("eth0"), IfIndex(2));
        assert_eq!(names.link("eth0@if17"), IfIndex(2));
        assert_eq!(names.link("if17"), IfIndex(17));
        let (gone, other) = (names.link("gone"), names.link("other"));
        assert!(gone.0 >= STAND_IN && other.0 > gone.0);
        assert_eq!(names.link("gone"), gone);
    }

    #[test]
    fn tables_resolve_by_number_and_by_declared_name() {
        let mut names = Names::default();
        names.add_tables("# reserved\n255\tlocal\n100 blue # mine\nbad\n");
        assert_eq!(names.table("blue"), TableId(100));
        assert_eq!(names.table("main"), TableId::MAIN);
        assert_eq!(names.table("4000"), TableId(4000));
        let red = names.table("red");
        assert_eq!((red, names.table("red")), (TableId(STAND_IN), TableId(STAND_IN)));
    }

    #[test]
    fn flags_are_the_kernels() {
        let up = link_flags("BROADCAST,MULTICAST,UP,LOWER_UP".split(','));
        assert!(up.has(LinkFlags::RUNNING) && up.has(LinkFlags::LOWER_UP));
        let no_carrier = link_flags("NO-CARRIER,BROADCAST,UP".split(','));
        assert!(!no_carrier.has(LinkFlags::RUNNING));
        assert_eq!(carrier(no_carrier), Some(false));
        assert_eq!(carrier(link_flags(["BROADCAST"].into_iter())), None);
        assert_eq!(link_flags(["10000000"].into_iter()), LinkFlags(0x1000_0000));
    }

    #[test]
    fn numbers_behind_names_are_the_kernels() {
        assert_eq!(tos("AF21"), Some(0x48));
        assert_eq!(
            (tos("CS7"), tos("0x10"), tos("CS9")),
            (Some(0xe0), Some(16), None)
        );
        assert_eq!(bridge_id("8000.6:dc:7e:8f:a0:19"), "8000.06dc7e8fa019");
        assert_eq!(ip_protocol("ipproto-99"), Some(99));
        assert_eq!(protocol("80"), Some(RouteProtocol(80)));
        assert_eq!(mac("10.0.0.1"), None);
    }
}
