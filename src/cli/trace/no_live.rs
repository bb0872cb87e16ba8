//! `trace --live` of a netdiag that was built without libpcap: it says so.

use serde_json::Value;

use super::Ways;
use crate::cli::{Context, Error};
use crate::forward::packet::Packet;
use crate::forward::topology::{PlaceId, Topology};

/// There is none.
pub(super) enum Live {}

impl Live {
    pub(super) fn run(_: &Topology, _: &Packet, _: PlaceId, _: &Ways) -> Result<Self, Error> {
        let message = "links can't be watched: this netdiag was built without libpcap (feature capture)";
        Err(Error::new(message).hint("without --live, nothing is sent"))
    }

    pub(super) fn is_open(&self) -> bool {
        match *self {}
    }

    pub(super) fn write(&self, _: &mut Context) -> Result<(), Error> {
        match *self {}
    }

    pub(super) fn document(&self) -> Value {
        match *self {}
    }
}
