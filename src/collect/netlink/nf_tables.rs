//! Which tables nftables has (`include/uapi/linux/netfilter/nf_tables.h`).

use super::attr::{find, text, u8};
use super::nfnetlink::{self, NFTABLES, open};
use super::socket::Error;
use crate::state::netfilter::Family;

const GETTABLE: u8 = 1;
const TABLE_NAME: u16 = 1;

/// Family and name of every table of the calling thread's namespace.
pub(super) fn read() -> Result<Vec<(Family, String)>, Error> {
    open()?.dump(
        nfnetlink::kind(NFTABLES, GETTABLE),
        &nfnetlink::header(0),
        |message, tables| {
            let family = match u8(message) {
                1 => Family::Inet,
                2 => Family::Ip,
                3 => Family::Arp,
                5 => Family::Netdev,
                7 => Family::Bridge,
                10 => Family::Ip6,
                _ => return,
            };
            let body = message.get(nfnetlink::HEADER..).unwrap_or_default();
            tables.extend(find(body, TABLE_NAME).map(|name| (family, text(name))));
        },
    )
}
