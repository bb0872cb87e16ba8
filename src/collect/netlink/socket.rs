//! A netlink socket that is asked and answers, of the network namespace of the thread that opened it
//! (netlink(7), `Documentation/userspace-api/netlink/intro.rst`).

use std::io;
use std::thread::sleep;
use std::time::Duration;

use netlink_sys::Socket as System;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;

use super::attr::{align, find, i32, text, u16, u32};
use crate::state::{Absence, Fact};

/// `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 1;
/// The table changed between two parts of the dump: something may be missing or come twice.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// NLM_F_ROOT | NLM_F_MATCH
const NLM_F_DUMP: u16 = 0x300;
/// In an error: only the header of the request is repeated.
const NLM_F_CAPPED: u16 = 0x100;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// How often a dump is begun again before the table counts as one that never holds still.
const TRIES: u32 = 12;
/// The kernel fills up to 32 KiB with a part of a dump, where the reader has as much room.
const PART: usize = 64 << 10;
/// What may wait in the socket. Dumps wait for the reader; this is for the one answer that is larger than usual.
const RECEIVE_BUFFER: i32 = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::collect) enum Error {
    #[error("netlink socket: {0}")]
    Socket(#[from] io::Error),
    /// The kernel's own words, where it has some, behind those for the number.
    #[error("{}{}", Errno::from_raw(*.errno).desc(), .words)]
    Refused { errno: i32, words: String },
    #[error("the answer of the kernel is cut off")]
    Cut,
    #[error("it changed while it was read, {TRIES} times in a row")]
    Unsteady,
}

impl Error {
    /// The kernel was built without what was asked for.
    pub(in crate::collect) const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Refused { errno, .. } if *errno == Errno::EOPNOTSUPP as i32
            || *errno == Errno::EAFNOSUPPORT as i32)
    }

    /// What it means for a fact.
    pub(in crate::collect) fn into_fact<T>(self) -> Fact<T> {
        if self.is_unsupported() {
            return Fact::absent_as(Absence::Missing, format!("this kernel has none: {self}"));
        }
        Fact::absent_as(Absence::Unreadable, format!("netlink: {self}"))
    }
}

/// A request: a type of message, and its body.
#[derive(Debug, Clone, Copy)]
pub(in crate::collect) struct Request<'a> {
    pub(in crate::collect) kind: u16,
    pub(in crate::collect) body: &'a [u8],
    /// NLM_F_DUMP: all there are.
    pub(in crate::collect) dump: bool,
}

/// The socket, its buffer, and the number of the last request.
pub(in crate::collect) struct Socket {
    system: System,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Socket {
    /// A socket for links, addresses, routes, rules and neighbors.
    pub(in crate::collect) fn route() -> Result<Self, Error> {
        Self::open(NETLINK_ROUTE)
    }

    /// A socket of one netlink protocol.
    pub(in crate::collect) fn open(protocol: isize) -> Result<Self, Error> {
        let mut system = System::new(protocol)?;
        system.bind_auto()?;
        // Kernels before 4.12 and 4.20 lack these; both only make answers better.
        _ = system.set_ext_ack(true);
        _ = system.set_netlink_get_strict_chk(true);
        _ = system.set_rx_buf_sz(RECEIVE_BUFFER);
        Ok(Self {
            system,
            buffer: vec![0; PART],
            sequence: 0,
        })
    }

    /// All that a dump holds: `read` is given the body of each message. A dump that the kernel marks as torn is begun
    /// again.
    pub(in crate::collect) fn dump<T>(
        &mut self,
        kind: u16,
        body: &[u8],
        mut read: impl FnMut(&[u8], &mut Vec<T>),
    ) -> Result<Vec<T>, Error> {
        for attempt in 0..TRIES {
            let mut items = Vec::new();
            let request = Request {
                kind,
                body,
                dump: true,
            };
            if self.ask(request, |message| read(message, &mut items))? {
                return Ok(items);
            }
            // Whatever is being set up gets some time to end.
            sleep(Duration::from_millis(u64::from(attempt)));
        }
        Err(Error::Unsteady)
    }

    /// Sends a request and hands over the body of every message of the answer. False: the dump is torn.
    pub(in crate::collect) fn ask(
        &mut self,
        request: Request,
        mut take: impl FnMut(&[u8]),
    ) -> Result<bool, Error> {
        self.sequence += 1;
        self.system.send(&message(request, self.sequence), 0)?;
        let mut answer = Answer {
            sequence: self.sequence,
            dump: request.dump,
            torn: false,
        };
        loop {
            let length = match self.system.recv(&mut &mut self.buffer[..], TRUNCATED) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let part = self.buffer.get(..length).ok_or(Error::Cut)?;
            if answer.part(part, &mut take)? {
                return Ok(!answer.torn);
            }
        }
    }
}

/// MSG_TRUNC: the length is the whole message's, even where the buffer is shorter.
const TRUNCATED: i32 = 0x20;

fn message(request: Request, sequence: u32) -> Vec<u8> {
    let flags = if request.dump {
        NLM_F_REQUEST | NLM_F_DUMP
    } else {
        NLM_F_REQUEST
    };
    let length = HEADER + request.body.len();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(request.kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(request.body);
    message
}

/// What was seen of an answer so far.
struct Answer {
    sequence: u32,
    dump: bool,
    torn: bool,
}

impl Answer {
    /// Reads what one call received; true when the answer is complete.
    fn part(&mut self, mut part: &[u8], take: &mut impl FnMut(&[u8])) -> Result<bool, Error> {
        while part.len() >= HEADER {
            let length = usize::try_from(u32(part)).unwrap_or(usize::MAX);
            let (kind, flags) = (u16(&part[4..]), u16(&part[6..]));
            let Some(body) = part.get(HEADER..length) else {
                return Err(Error::Cut);
            };
            // An answer to an earlier request, which was given up.
            let ours = u32(&part[8..]) == self.sequence;
            part = part.get(align(length)..).unwrap_or_default();
            if !ours {
                continue;
            }
            self.torn |= flags & NLM_F_DUMP_INTR != 0;
            match kind {
                NLMSG_ERROR => return failure(body, flags).map_or(Ok(true), Err),
                // A dump that fails half-way ends with the error in place of a length.
                NLMSG_DONE => return refusal(i32(body), body.get(4..)).map_or(Ok(true), Err),
                _ => take(body),
            }
            if !self.dump {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `struct nlmsgerr`: the error, the request's header, perhaps its body, and what else the kernel says.
fn failure(body: &[u8], flags: u16) -> Option<Error> {
    let request = body.get(4..).unwrap_or_default();
    let repeated = if flags & NLM_F_CAPPED != 0 {
        HEADER
    } else {
        usize::try_from(u32(request)).unwrap_or(usize::MAX)
    };
    refusal(i32(body), request.get(align(repeated)..))
}

fn refusal(error: i32, attributes: Option<&[u8]>) -> Option<Error> {
    let errno = error.checked_neg().filter(|errno| *errno > 0)?;
    let words = attributes.and_then(|attributes| find(attributes, NLMSGERR_ATTR_MSG));
    Some(Error::Refused {
        errno,
        words: words.map_or_else(String::new, |words| format!(" ({})", text(words))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::attr::push;
    use super::*;

    fn part(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = message(
            Request {
                kind,
                body,
                dump: false,
            },
            sequence,
        );
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    fn read(parts: &[Vec<u8>]) -> (Vec<Vec<u8>>, bool, Result<bool, String>) {
        let mut bodies = Vec::new();
        let mut answer = Answer {
            sequence: 7,
            dump: true,
            torn: false,
        };
        let end = answer
            .part(&parts.concat(), &mut |body| bodies.push(body.to_vec()))
            .map_err(|error| error.to_string());
        (bodies, answer.torn, end)
    }

    #[test]
    fn a_dump_is_read_to_its_end_and_torn_ones_are_known() {
        let done = part(NLMSG_DONE, 2, 7, &[0; 4]);
        let (one, two) = (part(16, 2, 7, &[1; 6]), part(16, 2, 7, &[2; 4]));
        let stale = part(16, 2, 6, &[3; 4]);
        let whole = read(&[one.clone(), stale, two.clone(), done.clone()]);
        assert_eq!(whole, (vec![vec![1; 6], vec![2; 4]], false, Ok(true)));
        assert_eq!(read(&[one.clone()]), (vec![vec![1; 6]], false, Ok(false)));
        let torn = part(16, 2 | NLM_F_DUMP_INTR, 7, &[2; 4]);
        assert!(read(&[one.clone(), torn, done]).1);
        // The mark may come with the end alone.
        let done = part(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, 7, &[0; 4]);
        assert!(read(&[one, two, done]).1);
    }

    #[test]
    fn a_refusal_has_the_words_of_the_kernel() {
        let mut words = Vec::new();
        push(&mut words, NLMSGERR_ATTR_MSG, b"Invalid mask\0");
        let mut body = (-22_i32).to_ne_bytes().to_vec();
        body.extend(part(26, 0, 7, &[]));
        body.extend(&words);
        let error = read(&[part(NLMSG_ERROR, NLM_F_CAPPED | 0x200, 7, &body)]).2;
        assert_eq!(error, Err("Invalid argument (Invalid mask)".to_owned()));

        let done = [(-97_i32).to_ne_bytes().to_vec(), words].concat();
        let error = read(&[part(NLMSG_DONE, 2, 7, &done)]).2.unwrap_err();
        assert_eq!(error, "Address family not supported by protocol (Invalid mask)");
        let cut = part(16, 2, 7, &[1; 6]);
        assert!(read(&[cut[..20].to_vec()]).2.is_err());
    }

    #[test]
    fn what_the_kernel_lacks_is_missing_and_not_unreadable() {
        let lacking = refusal(-95, None).unwrap();
        let fact: Fact<()> = lacking.into_fact();
        assert_eq!(fact.absence(), Some(Absence::Missing));
        let fact: Fact<()> = Error::Unsteady.into_fact();
        assert_eq!(fact.absence(), Some(Absence::Unreadable));
        assert_eq!(
            fact.why(),
            Some("netlink: it changed while it was read, 12 times in a row")
        );
    }
}
