//! What a BIRD daemon says of itself over its control socket.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// One running BIRD: `bird` or `bird6` of 1.x, or the one `bird` of 2.x.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bird {
    /// The control socket that answered.
    pub socket: String,
    /// As in its greeting, for example `1.6.8`.
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_id: Option<IpAddr>,
    /// The daemon's clock, as `show status` prints it (`2026-11-21 13:37:32`).
    #[serde(default)]
    pub server_time: String,
    pub protocols: Vec<Protocol>,
    /// What its tables hold (`show route all`); none where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<BirdRoute>>,
}

impl Bird {
    /// From release 2 on, one daemon speaks both IP versions.
    pub fn speaks_both_families(&self) -> bool {
        let major = self
            .version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major >= 2)
    }

    /// The sessions, in BIRD's order.
    pub fn sessions(&self) -> impl Iterator<Item = (&Protocol, &BgpSession)> {
        self.protocols
            .iter()
            .filter_map(|protocol| Some((protocol, protocol.bgp.as_ref()?)))
    }
}

/// One protocol instance: a row of `show protocols`, and what `all` adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    pub name: String,
    /// `BGP`, `Kernel`, `Device`, `Direct`, `Static`, …
    pub proto: String,
    pub table: String,
    /// `up`, `start`, `stop` or `down`.
    pub state: String,
    /// As BIRD prints it: a time of day, or a date.
    pub since: String,
    /// The last column, blanks folded: for BGP the session's state and its last error.
    pub info: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bgp: Option<BgpSession>,
}

/// The BGP part of `show protocols all`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BgpSession {
    /// `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm`, `Established`, `Close`, `Passive`, `Down`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_address: Option<IpAddr>,
    /// When it isn't 179 (BIRD 2 prints `Neighbor port:`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_port: Option<u16>,
    /// A link-local neighbor's link (`fe80::1%eth0`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_as: Option<u32>,
    /// BIRD 2 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_as: Option<u32>,
    /// The peer's router id, once it has sent an OPEN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_id: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
    /// `internal multihop AS4 …` or `external …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Left and whole, in seconds, as BIRD prints them (`6.612/9`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_timer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_timer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_wait: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_delay: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    #[serde(default)]
    pub routes: RouteCounts,
}

/// Sum over the channels of a protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteCounts {
    pub imported: u64,
    pub exported: u64,
    pub preferred: u64,
}

/// One route of a table of BIRD's, as `show route all` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BirdRoute {
    pub net: IpNet,
    /// BIRD 2 names it (`master4`); empty with 1.x, which has one unless configured otherwise.
    #[serde(default)]
    pub table: String,
    /// `unicast`, `blackhole`, `unreachable` or `prohibited`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The protocol it came from, for example `Mesh_192_168_80_24`.
    pub protocol: String,
    /// As BIRD prints it: a time of day, or a date.
    pub since: String,
    /// The best of its network: the one that is used and told to others.
    #[serde(default)]
    pub primary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<u32>,
    /// The neighbor that told it, where that isn't the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<BirdHop>,
    /// `BGP.next_hop`, `BGP.as_path`, `Type` and their like, as printed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// One way out of a route of BIRD's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BirdHop {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// The link's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default)]
    pub onlink: bool,
}

/// What a daemon's `bird.cfg` says of its BGP protocols; holds no passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BirdConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_id: Option<IpAddr>,
    pub peers: Vec<ConfiguredPeer>,
}

/// One `protocol bgp` block, with what its template sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfiguredPeer {
    /// The protocol's name, for example `Mesh_192_168_80_24`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbor_as: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_as: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
    /// Whether it has a TCP MD5 password (RFC 2385).
    #[serde(default)]
    pub password: bool,
    #[serde(default)]
    pub passive: bool,
    #[serde(default)]
    pub disabled: bool,
}

/// Seconds from a protocol's `since` to the daemon's `now`: both a time of day, the first perhaps a date. None when
/// they can't be compared; a day or more counts as one day.
pub fn seconds_since(since: &str, now: &str) -> Option<u64> {
    const DAY: u64 = 86_400;
    let (date, time) = match since.split_once(' ') {
        Some((date, time)) => (Some(date), time),
        None if since.contains(':') => (None, since),
        None => (Some(since), "00:00:00"),
    };
    let (today, clock) = now.split_once(' ').unwrap_or(("", now));
    if date.is_some_and(|date| date != today) {
        return Some(DAY);
    }
    let of_day = |time: &str| {
        let mut parts = time.split(['.', ':']).map(|part| part.parse::<u64>().ok());
        Some(parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??)
    };
    // A time of day that is still to come was yesterday's.
    Some((of_day(clock)? + DAY - of_day(time)?) % DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_state_is_told_by_the_daemons_clock() {
        let now = "2026-11-21 13:37:41.034";
        assert_eq!(seconds_since("13:37:33.446", now), Some(8));
        assert_eq!(seconds_since("13:37:33", "2026-11-21 13:37:41"), Some(8));
        assert_eq!(seconds_since("23:59:59", "2026-11-21 00:00:01"), Some(2));
        assert_eq!(seconds_since("2026-11-20", now), Some(86_400));
        assert_eq!(seconds_since("2026-11-21 13:00:00", now), Some(2261));
        assert_eq!(seconds_since("", now), Some(86_400));
        assert_eq!(seconds_since("13:37:33", ""), None);
    }
}
