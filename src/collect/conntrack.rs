//! Tracked connections and IP virtual servers of the calling thread's namespace.

use std::io::ErrorKind;
use std::path::Path;

use super::modules::modules;
use super::netlink::ctnetlink;
use super::{read, sysctl};
use crate::parse;
use crate::state::conntrack::Conntrack;
use crate::state::ipvs::VirtualServer;
use crate::state::{Absence, Fact};

/// How many entries are kept of one namespace.
const BOUND: usize = 1 << 16;

/// Reads the table, where connection tracking is there at all.
pub(super) fn conntrack() -> Fact<Conntrack> {
    let Some(count) = sysctl::number("net/netfilter/nf_conntrack_count") else {
        let why = "/proc/sys/net/netfilter/nf_conntrack_count: not there: the kernel tracks no connections";
        return Fact::absent_as(Absence::Missing, why);
    };
    let mut table = Conntrack {
        count,
        max: sysctl::number("net/netfilter/nf_conntrack_max")
            .or_else(|| sysctl::number("net/nf_conntrack_max")),
        ..Conntrack::default()
    };
    if count == 0 {
        // A dump would walk the whole machine's table to find that out.
        table.entries = Fact::Known(Vec::new());
        return Fact::Known(table);
    }
    let lacking = modules().lacking(&["nfnetlink", "nf_conntrack_netlink"]);
    let over_netlink = match lacking {
        Some(module) => Err(format!("{module} is not loaded")),
        None => ctnetlink::flows(BOUND).map_err(|error| error.to_string()),
    };
    match over_netlink {
        Ok(flows) => {
            table.omitted = flows.omitted;
            table.entries = Fact::Known(flows.kept);
        }
        Err(why) => table.entries = text(&why, &mut table.omitted),
    }
    Fact::Known(table)
}

/// What `/proc` shows; not every kernel has that.
fn text(why: &str, omitted: &mut u32) -> Fact<Vec<crate::state::conntrack::Flow>> {
    let path = "/proc/thread-self/net/nf_conntrack";
    let text = match read(Path::new(path)) {
        Ok(text) => text,
        Err(error) => {
            return Fact::absent_as(
                Absence::Unreadable,
                format!("netlink: {why}; {error}: run as root (CAP_NET_ADMIN)"),
            );
        }
    };
    match parse::conntrack::conntrack(&text) {
        Ok(mut flows) => {
            if flows.len() > BOUND {
                flows.sort_by_key(|flow| !flow.status.is_unreplied());
                *omitted = u32::try_from(flows.len() - BOUND).unwrap_or(u32::MAX);
                flows.truncate(BOUND);
            }
            Fact::Known(flows)
        }
        Err(error) => Fact::absent_as(Absence::Unreadable, format!("{path}: {error}")),
    }
}

/// IP virtual servers. Reading the file loads nothing: it is there when IPVS is.
pub(super) fn ipvs() -> Fact<Vec<VirtualServer>> {
    let path = "/proc/thread-self/net/ip_vs";
    match std::fs::read_to_string(path) {
        Ok(text) => parse::ipvs::ipvs(&text)
            .map_err(|error| format!("{path}: {error}"))
            .into(),
        Err(error) if error.kind() == ErrorKind::NotFound => Fact::absent_as(
            Absence::Missing,
            format!("{path}: not there: the kernel has no IPVS loaded"),
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Fact::absent_as(
            Absence::Unreadable,
            format!("{path}: {error}: run as root (CAP_NET_ADMIN)"),
        ),
        Err(error) => Fact::absent_as(Absence::Unreadable, format!("{path}: {error}")),
    }
}
