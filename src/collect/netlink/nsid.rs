//! By which numbers namespaces know each other (`include/uapi/linux/net_namespace.h`). Asking gives out no numbers.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::attr::{find, i32, push};
use super::socket::{Error, Request, Socket};
use crate::state::netns::NsId;

const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// `struct rtgenmsg`, padded.
const GENERIC: [u8; 4] = [0; 4];

/// All numbers that the socket's namespace has for others, ascending.
pub(in crate::collect) fn all(socket: &mut Socket) -> Result<Vec<NsId>, Error> {
    let mut ids = socket.dump(RTM_GETNSID, &GENERIC, |body, ids| ids.extend(number(body)))?;
    ids.sort_unstable();
    Ok(ids)
}

/// The number that the socket's namespace has for the one behind the file, if it has one.
pub(in crate::collect) fn of(socket: &mut Socket, namespace: BorrowedFd<'_>) -> Result<Option<NsId>, Error> {
    let mut body = GENERIC.to_vec();
    push(&mut body, NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes());
    let mut id = None;
    let request = Request {
        kind: RTM_GETNSID,
        body: &body,
        dump: false,
    };
    socket.ask(request, |answer| id = number(answer))?;
    Ok(id)
}

/// NETNSA_NSID_NOT_ASSIGNED is -1.
fn number(body: &[u8]) -> Option<NsId> {
    let id = i32(find(body.get(GENERIC.len()..)?, NETNSA_NSID)?);
    (id >= 0).then_some(NsId(id))
}
