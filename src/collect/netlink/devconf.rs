//! What sysctls under `net.ipv4.conf.LINK` and `net.ipv6.conf.LINK` say, for all links at once: a dump of links has them
//! (IFLA_INET_CONF, IFLA_INET6_CONF of `include/uapi/linux/if_link.h`), and no file has to be opened.

use super::attr::{find, i32, push, text};
use super::socket::{Error, Socket};

const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`
const HEADER: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_CONF: u16 = 2;

/// Names as sysctl(8) has them, and their places in the kernel's array.
type Places = [(&'static str, usize)];

/// IPV4_DEVCONF_* of `include/uapi/linux/ip.h`, less one.
pub(in crate::collect) const V4: &Places = &[
    ("accept_local", 22),
    ("accept_redirects", 3),
    ("accept_source_route", 8),
    ("arp_accept", 20),
    ("arp_announce", 17),
    ("arp_filter", 12),
    ("arp_ignore", 18),
    ("bc_forwarding", 31),
    ("disable_policy", 15),
    ("forwarding", 0),
    ("ignore_routes_with_linkdown", 28),
    ("log_martians", 10),
    ("proxy_arp", 2),
    ("proxy_arp_pvlan", 24),
    ("route_localnet", 25),
    ("rp_filter", 7),
    ("send_redirects", 5),
    ("src_valid_mark", 23),
];

/// DEVCONF_* of `include/uapi/linux/ipv6.h`.
pub(in crate::collect) const V6: &Places = &[
    ("accept_dad", 27),
    ("accept_ra", 3),
    ("accept_ra_defrtr", 17),
    ("accept_redirects", 4),
    ("accept_source_route", 24),
    ("addr_gen_mode", 47),
    ("autoconf", 5),
    ("disable_ipv6", 26),
    ("disable_policy", 48),
    ("forwarding", 0),
    ("ignore_routes_with_linkdown", 39),
    ("keep_addr_on_down", 42),
    ("mtu", 2),
    ("proxy_ndp", 22),
];

/// A link, and what the two families have of it: name and value.
pub(in crate::collect) struct LinkConf {
    pub(in crate::collect) link: String,
    pub(in crate::collect) v4: Vec<(&'static str, i32)>,
    pub(in crate::collect) v6: Vec<(&'static str, i32)>,
}

/// All links of the thread's namespace. What an older kernel lacks is left out.
pub(in crate::collect) fn links() -> Result<Vec<LinkConf>, Error> {
    let mut request = vec![0; HEADER];
    push(
        &mut request,
        IFLA_EXT_MASK,
        &RTEXT_FILTER_SKIP_STATS.to_ne_bytes(),
    );
    Socket::route()?.dump(RTM_GETLINK, &request, |body, links| links.extend(link(body)))
}

fn link(body: &[u8]) -> Option<LinkConf> {
    let attributes = body.get(HEADER..)?;
    let families = find(attributes, IFLA_AF_SPEC).unwrap_or_default();
    let conf = |family: u16, array: u16, places: &Places| {
        let values = find(families, family)
            .and_then(|list| find(list, array))
            .unwrap_or_default();
        places
            .iter()
            .filter_map(|(name, place)| Some((*name, i32(values.get(place * 4..place * 4 + 4)?))))
            .collect()
    };
    Some(LinkConf {
        link: text(find(attributes, IFLA_IFNAME)?),
        v4: conf(AF_INET, IFLA_INET_CONF, V4),
        v6: conf(AF_INET6, IFLA_INET6_CONF, V6),
    })
}

#[cfg(test)]
mod tests {
    use super::super::attr::push_nested;
    use super::*;

    #[test]
    fn values_are_taken_from_their_places_as_far_as_there_are_any() {
        let (mut array, mut inet, mut families) = (Vec::new(), Vec::new(), Vec::new());
        for value in 0..9_i32 {
            array.extend(value.to_ne_bytes());
        }
        push(&mut inet, IFLA_INET_CONF, &array);
        push_nested(&mut families, AF_INET, &inet);
        let mut body = vec![0; HEADER];
        push(&mut body, IFLA_IFNAME, b"eth0\0");
        push_nested(&mut body, IFLA_AF_SPEC, &families);
        let conf = link(&body).unwrap();
        assert_eq!((conf.link.as_str(), conf.v6.len()), ("eth0", 0));
        assert!(conf.v4.contains(&("rp_filter", 7)) && conf.v4.contains(&("accept_source_route", 8)));
        assert!(!conf.v4.iter().any(|(name, _)| *name == "arp_ignore"));
    }
}
