//! Causes without what belongs to one packet only.

use super::super::walk::{Cause, End, Missing};

/// What a cause has in common for all packets that it stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(String);

impl Reason {
    /// Of what isn't delivered.
    pub(super) fn of(end: &End) -> Self {
        Self(match end {
            End::Delivered | End::Answered(_) | End::Heard { .. } => String::new(),
            End::NotForMe => "not for me".to_owned(),
            End::Dropped(cause) | End::Rejected(cause) => of_cause(cause),
            End::NotDecidable(missing) => of_missing(missing),
        })
    }
}

fn of_cause(cause: &Cause) -> String {
    match cause {
        Cause::NotForUs { .. } => "not for us".to_owned(),
        Cause::NoRoute { tunnel, .. } => format!("no route {tunnel:?}"),
        Cause::RouteRefuses { how, by, .. } => match by {
            super::super::walk::RefusedBy::Route { table, .. } => format!("{how:?} {table}"),
            other => format!("{how:?} {other:?}"),
        },
        Cause::NoWayOut { .. } => "no way out".to_owned(),
        Cause::ReversePath { link, mode, .. } => format!("rp_filter {mode} {link}"),
        Cause::Martian { link, why, .. } => format!("martian {why:?} {link}"),
        Cause::NoAnswer { link, .. } => format!("no answer {link}"),
        Cause::NobodyHas { link, .. } => format!("nobody has {link}"),
        Cause::NoPortFor { bridge, .. } => format!("no port for {bridge}"),
        Cause::NoFdb { link, .. } => format!("no fdb {link}"),
        Cause::NoRemote { link, .. } => format!("no remote {link}"),
        Cause::NoTunnel { .. } => "no tunnel".to_owned(),
        Cause::Astray { gateway, .. } => format!("astray {gateway}"),
        Cause::Untranslated { gateway, .. } => format!("untranslated {gateway}"),
        Cause::Unanswered { .. } => "unanswered".to_owned(),
        Cause::AddressShared { ip, .. } => format!("address shared {ip}"),
        Cause::WrongMac { .. } => "wrong mac".to_owned(),
        other => format!("{other:?}"),
    }
}

fn of_missing(missing: &Missing) -> String {
    match missing {
        Missing::Beyond { link, .. } => format!("beyond {link}"),
        other => format!("{other:?}"),
    }
}
