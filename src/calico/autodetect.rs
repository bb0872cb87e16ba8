//! Calico's address detection (`node/pkg/lifecycle/startup/autodetection`), for every release since 2.6, explained.
//!
//! calico-node walks the interfaces from the last of the kernel's list to the first and takes the first address that
//! is left: the youngest eligible link wins, whether it is up or not.

mod excludes;
mod expression;

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

pub use self::excludes::default_excludes;
use self::expression::{Expression, compile_list};
use super::release::Release;

/// Since this release an address with a peer counts as one of a single host, whatever its prefix length (Calico reads
/// the addresses with another library).
pub const PEERS_ARE_HOSTS: Release = Release::new(3, 32, 0);

/// How calico-node looks for its address: `IP_AUTODETECTION_METHOD`, `IP6_AUTODETECTION_METHOD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    FirstFound,
    /// Regular expressions of names to look at; Calico's own exclusions don't hold then.
    Interface(Vec<String>),
    /// Regular expressions of names to skip, beside Calico's own.
    SkipInterface(Vec<String>),
    Cidr(Vec<IpNet>),
    /// A name or an address.
    CanReach(String),
    KubernetesInternalIp,
}

impl Method {
    /// Reads a setting as calico-node does; empty is `first-found`.
    ///
    /// # Errors
    /// Says what is wrong with it: calico-node terminates at such a setting, or finds nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "first-found" {
            Ok(Self::FirstFound)
        } else if let Some(names) = text.strip_prefix("interface=") {
            let names = list(names);
            compile_list(&names).map(|_| Self::Interface(names))
        } else if let Some(names) = text.strip_prefix("skip-interface=") {
            let names = list(names);
            compile_list(&names).map(|_| Self::SkipInterface(names))
        } else if let Some(nets) = text.strip_prefix("cidr=") {
            list(nets)
                .iter()
                .map(|net| cidr(net).ok_or_else(|| format!("invalid CIDR {net:?} in {text:?}")))
                .collect::<Result<_, _>>()
                .map(Self::Cidr)
        } else if let Some(destination) = text.strip_prefix("can-reach=") {
            Ok(Self::CanReach(destination.to_owned()))
        } else if text.starts_with("kubernetes-internal-ip") {
            Ok(Self::KubernetesInternalIp)
        } else {
            Err(format!(
                "unknown autodetection method {text:?}: calico-node terminates at it; known are first-found, \
                 interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR and kubernetes-internal-ip"
            ))
        }
    }

    /// The first release that knows the method, when not all do.
    const fn since(&self) -> Option<Release> {
        match self {
            Self::Cidr(_) => Some(Release::new(3, 16, 0)),
            Self::KubernetesInternalIp => Some(Release::new(3, 22, 0)),
            _ => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstFound => f.write_str("first-found"),
            Self::Interface(names) => write!(f, "interface={}", names.join(",")),
            Self::SkipInterface(names) => write!(f, "skip-interface={}", names.join(",")),
            Self::Cidr(nets) => {
                let nets: Vec<String> = nets.iter().map(ToString::to_string).collect();
                write!(f, "cidr={}", nets.join(","))
            }
            Self::CanReach(destination) => write!(f, "can-reach={destination}"),
            Self::KubernetesInternalIp => f.write_str("kubernetes-internal-ip"),
        }
    }
}

/// The items of a list: Calico drops blanks around the commas, not at the list's ends.
fn list(text: &str) -> Vec<String> {
    const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];
    let mut items: Vec<&str> = text.split(',').collect();
    let last = items.len() - 1;
    for item in &mut items[1..] {
        *item = item.trim_start_matches(BLANKS);
    }
    for item in &mut items[..last] {
        *item = item.trim_end_matches(BLANKS);
    }
    items.into_iter().map(str::to_owned).collect()
}

/// A segment as Go reads it (`net.ParseCIDR`): no leading zeros in the address; an IPv4-mapped one is of IPv4.
fn cidr(text: &str) -> Option<IpNet> {
    const MAPPED: u8 = 96;
    let (ip, length) = text.split_once('/')?;
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let net = IpNet::new(ip.parse().ok()?, length.parse().ok()?).ok()?;
    if let (IpAddr::V6(v6), Some(length)) = (net.addr(), net.prefix_len().checked_sub(MAPPED))
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Ipv4Net::new(v4, length).ok().map(IpNet::V4);
    }
    Some(net)
}

/// A link as the detection sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    /// Addresses of both families with the prefix length they have on the link, in the kernel's order.
    pub addresses: Vec<IpNet>,
}

/// What became of one address, or of an interface without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Picked,
    /// Picked, but what Calico stores is the network, host bits cleared: a mistake of some releases.
    PickedNetwork {
        network: IpNet,
        release: Release,
    },
    /// Would do, but an earlier one was taken.
    Eligible,
    /// The default exclusion, or the one of `skip-interface`, that matches the name.
    Excluded {
        by: String,
    },
    /// No expression of `interface=` matches the name.
    NotIncluded,
    NoAddress,
    /// Not a global unicast address, with what it is.
    NotUsable {
        because: &'static str,
    },
    OutsideCidrs,
    /// Not the address the method asks for.
    NotAsked,
}

impl Verdict {
    /// Whether this is the address taken.
    pub const fn is_picked(&self) -> bool {
        matches!(self, Self::Picked | Self::PickedNetwork { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picked => f.write_str("picked"),
            Self::PickedNetwork { network, release } => {
                write!(f, "picked; {release} wrongly stores its network, {network}")
            }
            Self::Eligible => f.write_str("usable, but comes later"),
            Self::Excluded { by } => write!(f, "excluded by {by}"),
            Self::NotIncluded => f.write_str("matches no expression"),
            Self::NoAddress => f.write_str("no such address"),
            Self::NotUsable { because } => f.write_str(because),
            Self::OutsideCidrs => f.write_str("in none of the CIDRs"),
            Self::NotAsked => f.write_str("not the address asked for"),
        }
    }
}

/// One row of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub interface: String,
    pub address: Option<IpNet>,
    pub verdict: Verdict,
}

/// How a detection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// In the order in which Calico walks.
    pub candidates: Vec<Candidate>,
    /// The index of the candidate taken, or why there is none.
    pub picked: Result<usize, String>,
}

impl Detection {
    /// The candidate that was taken.
    pub fn winner(&self) -> Option<&Candidate> {
        self.candidates.get(*self.picked.as_ref().ok()?)
    }

    /// What Calico stores: the address that was taken, with its prefix length.
    pub fn address(&self) -> Option<IpNet> {
        let winner = self.winner()?;
        match winner.verdict {
            Verdict::PickedNetwork { network, .. } => Some(network),
            _ => winner.address,
        }
    }
}

/// What the detection asks of the world.
pub struct Sources<'a> {
    /// The address this node would send from to reach a destination (IPv6 when the flag is set).
    pub source_address: &'a dyn Fn(&str, bool) -> Result<IpAddr, String>,
    /// `InternalIP`s of the Kubernetes node, or why they are not known.
    pub internal_ips: Result<Vec<IpAddr>, String>,
}

/// Runs a method over the interfaces, which are given in the kernel's order.
pub fn detect(
    method: &Method,
    release: Release,
    interfaces: &[Interface],
    v6: bool,
    sources: &Sources,
) -> Detection {
    if let Some(since) = method.since()
        && release < since
    {
        return Detection {
            candidates: Vec::new(),
            picked: Err(format!("known from {since} on; {release} terminates at it")),
        };
    }
    match method {
        Method::FirstFound => select(interfaces, v6, &[], &[default_excludes(release)]),
        Method::Interface(names) => select(interfaces, v6, &texts(names), &[]),
        Method::SkipInterface(names) => {
            select(interfaces, v6, &[], &[default_excludes(release), &texts(names)])
        }
        Method::Cidr(nets) => walk(interfaces, v6, &[], &[], nets),
        Method::CanReach(destination) => {
            let wanted = (sources.source_address)(destination, v6);
            holder(interfaces, v6, wanted, "the source address to there", None)
        }
        Method::KubernetesInternalIp => {
            let wanted = sources
                .internal_ips
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|ips| {
                    let ip = ips.iter().find(|ip| ip.is_ipv6() == v6).copied();
                    ip.ok_or_else(|| "the Kubernetes node has no InternalIP of this family".to_owned())
                });
            let truncating = Some(release).filter(|release| stores_network(*release));
            holder(interfaces, v6, wanted, "the InternalIP", truncating)
        }
    }
}

/// Whether `kubernetes-internal-ip` gives the network instead of the address.
const fn stores_network(release: Release) -> bool {
    matches!(
        (release.major, release.minor, release.patch),
        (3, 22, ..=3) | (3, 23, ..=1)
    )
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The walk past names: those of one list, if it isn't empty, and not those of the others.
fn select(interfaces: &[Interface], v6: bool, includes: &[&str], excludes: &[&[&str]]) -> Detection {
    let compiled = compile_list(includes).and_then(|includes| {
        let excludes: Result<Vec<_>, _> = excludes.iter().map(|list| compile_list(list)).collect();
        Ok((includes, excludes?.into_iter().flatten().collect::<Vec<_>>()))
    });
    match compiled {
        Ok((includes, excludes)) => walk(interfaces, v6, &includes, &excludes, &[]),
        Err(why) => Detection {
            candidates: Vec::new(),
            picked: Err(why),
        },
    }
}

/// The walk of first-found, interface=, skip-interface= and cidr=.
fn walk(
    interfaces: &[Interface],
    v6: bool,
    includes: &[Expression],
    excludes: &[Expression],
    cidrs: &[IpNet],
) -> Detection {
    let mut detection = Detection {
        candidates: Vec::new(),
        picked: Err(format!(
            "no usable IPv{} address on the interfaces looked at",
            if v6 { 6 } else { 4 }
        )),
    };
    for interface in interfaces.iter().rev() {
        let name = &interface.name;
        let refused = if let Some(by) = excludes.iter().find(|by| by.regex.is_match(name)) {
            Some(Verdict::Excluded { by: by.text.clone() })
        } else if !includes.is_empty() && !includes.iter().any(|by| by.regex.is_match(name)) {
            Some(Verdict::NotIncluded)
        } else {
            None
        };
        push_addresses(&mut detection, interface, v6, |address, taken| {
            if let Some(refused) = &refused {
                return refused.clone();
            }
            let Some(address) = address else {
                return Verdict::NoAddress;
            };
            if let Some(because) = unusable(address.addr()) {
                Verdict::NotUsable { because }
            } else if !cidrs.is_empty() && !cidrs.iter().any(|cidr| cidr.contains(&address.addr())) {
                Verdict::OutsideCidrs
            } else if taken {
                Verdict::Eligible
            } else {
                Verdict::Picked
            }
        });
    }
    detection
}

/// can-reach= and kubernetes-internal-ip: the interface that has the address gives it its prefix length.
/// A release that is given takes the network for the address.
fn holder(
    interfaces: &[Interface],
    v6: bool,
    wanted: Result<IpAddr, String>,
    what: &str,
    truncating: Option<Release>,
) -> Detection {
    let mut detection = Detection {
        candidates: Vec::new(),
        picked: Err(String::new()),
    };
    for interface in interfaces.iter().rev() {
        push_addresses(&mut detection, interface, v6, |address, taken| match address {
            None => Verdict::NoAddress,
            Some(address) if wanted != Ok(address.addr()) => Verdict::NotAsked,
            Some(_) if taken => Verdict::Eligible,
            Some(address) => match truncating {
                Some(release) if address.trunc() != address => Verdict::PickedNetwork {
                    network: address.trunc(),
                    release,
                },
                _ => Verdict::Picked,
            },
        });
    }
    if detection.picked.is_err() {
        detection.picked = Err(match wanted {
            Ok(ip) => format!("{what}, {ip}, is on no interface of this node"),
            Err(why) => why,
        });
    }
    detection
}

/// Adds a candidate for each address of the family, or one for having none.
fn push_addresses(
    detection: &mut Detection,
    interface: &Interface,
    v6: bool,
    judge: impl Fn(Option<IpNet>, bool) -> Verdict,
) {
    let of_family = interface
        .addresses
        .iter()
        .filter(|net| net.addr().is_ipv6() == v6);
    let mut addresses: Vec<Option<IpNet>> = of_family.copied().map(Some).collect();
    if addresses.is_empty() {
        addresses.push(None);
    }
    for address in addresses {
        let verdict = judge(address, detection.picked.is_ok());
        if verdict.is_picked() {
            detection.picked = Ok(detection.candidates.len());
        }
        detection.candidates.push(Candidate {
            interface: interface.name.clone(),
            address,
            verdict,
        });
    }
}

/// Why an address is not what Go calls global unicast (`net.IP.IsGlobalUnicast`); private ranges are.
fn unusable(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => return Some("broadcast"),
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if ip.is_unspecified() {
        Some("unspecified")
    } else if ip.is_loopback() {
        Some("loopback")
    } else if ip.is_multicast() {
        Some("multicast")
    } else if link_local {
        Some("link-local")
    } else {
        None
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
