//! IFLA_INFO_DATA of tunnels: ipip, sit, ip6tnl; gre and its kin; vti (`include/uapi/linux/if_tunnel.h`).

use super::attr::{attributes, be16, be32, flag, some_ip, u8};
use super::kinds::link;
use super::uapi::{
    GRE_CSUM, GRE_KEY, GRE_SEQ, IFLA_GRE_COLLECT_METADATA, IFLA_GRE_IFLAGS, IFLA_GRE_IKEY, IFLA_GRE_LINK,
    IFLA_GRE_LOCAL, IFLA_GRE_OFLAGS, IFLA_GRE_OKEY, IFLA_GRE_PMTUDISC, IFLA_GRE_REMOTE, IFLA_GRE_TOS,
    IFLA_GRE_TTL, IFLA_IPTUN_COLLECT_METADATA, IFLA_IPTUN_LINK, IFLA_IPTUN_LOCAL, IFLA_IPTUN_PMTUDISC,
    IFLA_IPTUN_REMOTE, IFLA_IPTUN_TOS, IFLA_IPTUN_TTL, IFLA_VTI_IKEY, IFLA_VTI_LINK, IFLA_VTI_LOCAL,
    IFLA_VTI_OKEY, IFLA_VTI_REMOTE,
};
use crate::state::kind::Tunnel;

/// IFLA_IPTUN_* of ipip, sit and ip6tnl.
pub(super) fn iptun(list: &[u8]) -> Tunnel {
    let mut tunnel = Tunnel::default();
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_IPTUN_LINK => tunnel.link = link(value),
            IFLA_IPTUN_LOCAL => tunnel.local = some_ip(value),
            IFLA_IPTUN_REMOTE => tunnel.remote = some_ip(value),
            IFLA_IPTUN_TTL => tunnel.ttl = u8(value),
            IFLA_IPTUN_TOS => tunnel.tos = u8(value),
            IFLA_IPTUN_PMTUDISC => tunnel.pmtudisc = flag(value),
            // Its being there is all there is to it.
            IFLA_IPTUN_COLLECT_METADATA => tunnel.external = true,
            _ => {}
        }
    }
    tunnel
}

/// IFLA_GRE_* of gre, gretap, ip6gre, ip6gretap and erspan.
pub(super) fn gre(list: &[u8]) -> Tunnel {
    let mut tunnel = Tunnel::default();
    let (mut iflags, mut oflags) = (0, 0);
    let (mut ikey, mut okey) = (0, 0);
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_GRE_LINK => tunnel.link = link(value),
            IFLA_GRE_IFLAGS => iflags = be16(value),
            IFLA_GRE_OFLAGS => oflags = be16(value),
            IFLA_GRE_IKEY => ikey = be32(value),
            IFLA_GRE_OKEY => okey = be32(value),
            IFLA_GRE_LOCAL => tunnel.local = some_ip(value),
            IFLA_GRE_REMOTE => tunnel.remote = some_ip(value),
            IFLA_GRE_TTL => tunnel.ttl = u8(value),
            IFLA_GRE_TOS => tunnel.tos = u8(value),
            IFLA_GRE_PMTUDISC => tunnel.pmtudisc = flag(value),
            // Its being there is all there is to it.
            IFLA_GRE_COLLECT_METADATA => tunnel.external = true,
            _ => {}
        }
    }
    // The kernel shows 0 for no key; the flag tells that from the key 0.
    tunnel.ikey = (iflags & GRE_KEY != 0).then_some(ikey);
    tunnel.okey = (oflags & GRE_KEY != 0).then_some(okey);
    tunnel.icsum = iflags & GRE_CSUM != 0;
    tunnel.ocsum = oflags & GRE_CSUM != 0;
    tunnel.iseq = iflags & GRE_SEQ != 0;
    tunnel.oseq = oflags & GRE_SEQ != 0;
    tunnel
}

/// IFLA_VTI_*: without flags, so that no key and the key 0 are the same.
pub(super) fn vti(list: &[u8]) -> Tunnel {
    let mut tunnel = Tunnel::default();
    let key = |value| Some(be32(value)).filter(|key| *key != 0);
    for (kind, value) in attributes(list) {
        match kind {
            IFLA_VTI_LINK => tunnel.link = link(value),
            IFLA_VTI_IKEY => tunnel.ikey = key(value),
            IFLA_VTI_OKEY => tunnel.okey = key(value),
            IFLA_VTI_LOCAL => tunnel.local = some_ip(value),
            IFLA_VTI_REMOTE => tunnel.remote = some_ip(value),
            _ => {}
        }
    }
    tunnel
}
