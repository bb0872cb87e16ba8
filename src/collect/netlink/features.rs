//! Offload features over generic netlink's family `ethtool`
//! (`Documentation/networking/ethtool-netlink.rst`, ETHTOOL_MSG_FEATURES_GET; from Linux 5.7 on).

use std::collections::BTreeMap;

use netlink_sys::protocols::NETLINK_GENERIC;

use super::attr::{attributes, find, push, push_nested, text, u16, u32};
use super::socket::{Error, Request, Socket};
use crate::state::link::IfIndex;

/// `struct genlmsghdr`: command, version, reserved.
const HEADER: usize = 4;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const ETHTOOL_MSG_STRSET_GET: u8 = 1;
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
/// ETHTOOL_A_FEATURES_HEADER, ETHTOOL_A_STRSET_HEADER
const HEADER_ATTRIBUTE: u16 = 1;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_COMPACT_BITSETS: u32 = 1;
const ETHTOOL_A_FEATURES_ACTIVE: u16 = 4;
const ETHTOOL_A_BITSET_VALUE: u16 = 4;
const ETHTOOL_A_STRSET_STRINGSETS: u16 = 2;
const ETHTOOL_A_STRINGSETS_STRINGSET: u16 = 1;
const ETHTOOL_A_STRINGSET_ID: u16 = 1;
const ETHTOOL_A_STRINGSET_STRINGS: u16 = 3;
const ETHTOOL_A_STRING_INDEX: u16 = 1;
const ETHTOOL_A_STRING_VALUE: u16 = 2;
const ETH_SS_FEATURES: u32 = 4;

/// What is on, by link, in the kernel's own names (`net/ethtool/common.c`, netdev_features_strings).
pub(super) fn read() -> Result<BTreeMap<IfIndex, Vec<String>>, Error> {
    let mut socket = Socket::open(NETLINK_GENERIC)?;
    let Some(family) = family(&mut socket)? else {
        return Ok(BTreeMap::new());
    };
    let names = names(&mut socket, family)?;
    let mut header = Vec::new();
    push(
        &mut header,
        ETHTOOL_A_HEADER_FLAGS,
        &ETHTOOL_FLAG_COMPACT_BITSETS.to_ne_bytes(),
    );
    let mut request = vec![ETHTOOL_MSG_FEATURES_GET, 1, 0, 0];
    push_nested(&mut request, HEADER_ATTRIBUTE, &header);
    let features = socket.dump(family, &request, |message, features| {
        features.extend(active(message, &names));
    })?;
    Ok(features.into_iter().collect())
}

/// The number of the family. To ask for it by its name would make the kernel load a module of that name, if it has
/// none; so all are listed.
fn family(socket: &mut Socket) -> Result<Option<u16>, Error> {
    let families = socket.dump(
        GENL_ID_CTRL,
        &[CTRL_CMD_GETFAMILY, 1, 0, 0],
        |message, families| {
            let list = message.get(HEADER..).unwrap_or_default();
            if find(list, CTRL_ATTR_FAMILY_NAME).is_some_and(|name| text(name) == "ethtool") {
                families.extend(find(list, CTRL_ATTR_FAMILY_ID).map(u16));
            }
        },
    )?;
    Ok(families.first().copied())
}

/// The name of each bit.
fn names(socket: &mut Socket, family: u16) -> Result<BTreeMap<u32, String>, Error> {
    let mut set = Vec::new();
    push(&mut set, ETHTOOL_A_STRINGSET_ID, &ETH_SS_FEATURES.to_ne_bytes());
    let mut sets = Vec::new();
    push_nested(&mut sets, ETHTOOL_A_STRINGSETS_STRINGSET, &set);
    let mut body = vec![ETHTOOL_MSG_STRSET_GET, 1, 0, 0];
    push_nested(&mut body, HEADER_ATTRIBUTE, &[]);
    push_nested(&mut body, ETHTOOL_A_STRSET_STRINGSETS, &sets);
    let request = Request {
        kind: family,
        body: &body,
        dump: false,
    };
    let mut names = BTreeMap::new();
    socket.ask(request, |message| {
        let list = message.get(HEADER..).unwrap_or_default();
        let strings = find(list, ETHTOOL_A_STRSET_STRINGSETS)
            .and_then(|sets| find(sets, ETHTOOL_A_STRINGSETS_STRINGSET))
            .and_then(|set| find(set, ETHTOOL_A_STRINGSET_STRINGS))
            .unwrap_or_default();
        names.extend(attributes(strings).filter_map(|(_, string)| {
            let index = find(string, ETHTOOL_A_STRING_INDEX)?;
            Some((u32(index), text(find(string, ETHTOOL_A_STRING_VALUE)?)))
        }));
    })?;
    Ok(names)
}

fn active(message: &[u8], names: &BTreeMap<u32, String>) -> Option<(IfIndex, Vec<String>)> {
    let list = message.get(HEADER..)?;
    let index = find(find(list, HEADER_ATTRIBUTE)?, ETHTOOL_A_HEADER_DEV_INDEX)?;
    let bits = find(find(list, ETHTOOL_A_FEATURES_ACTIVE)?, ETHTOOL_A_BITSET_VALUE)?;
    let words: Vec<u32> = bits.chunks_exact(4).map(u32).collect();
    let on = |bit: u32| {
        let word = usize::try_from(bit / 32).ok().and_then(|word| words.get(word));
        word.is_some_and(|word| word & (1 << (bit % 32)) != 0)
    };
    let features = names.iter().filter(|(bit, _)| on(**bit));
    Some((
        IfIndex(u32(index)),
        features.map(|(_, name)| name.clone()).collect(),
    ))
}
