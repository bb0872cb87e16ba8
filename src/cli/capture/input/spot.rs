//! Where packets are captured: links of this namespace, or of pods.

use std::ptr;

use crate::cli::Error;
use crate::cli::trace::names::Names;
use crate::forward::topology::{At, Place};
use crate::live::{self, Options, Tap};
use crate::probe::Door;

/// A link that is to be captured.
pub(in super::super) struct Spot {
    /// The namespace it is in, if that isn't netdiag's own.
    door: Option<Door>,
    link: String,
    /// What is shown.
    pub(super) name: String,
}

impl Spot {
    pub(super) fn here(link: &str) -> Self {
        Self {
            door: None,
            link: link.to_owned(),
            name: link.to_owned(),
        }
    }

    /// Opens it; the inner error is the link's.
    pub(super) fn open(&self, options: &Options) -> Result<Result<Tap, live::Error>, Error> {
        let opened = match &self.door {
            None => Tap::open(&self.link, options),
            Some(door) => door
                .inside(|| Tap::open(&self.link, options))
                .map_err(|why| Error::new(format!("{}: {why}", self.name)).hint("be root"))?,
        };
        Ok(opened.map(|mut tap| {
            tap.name.clone_from(&self.name);
            tap
        }))
    }
}

/// A pod's links, each with its other end on the host.
pub(in super::super) fn spots(known: &Names, word: &str) -> Result<Vec<Spot>, Error> {
    let meant = known.meant(word)?;
    let not_here = || {
        Error::new(format!("{word}: no pod of this host"))
            .hint("capture where it runs: --node NODE, or netdiag capture there")
    };
    let id = meant.place.ok_or_else(not_here)?;
    let place = known.topology.place(id);
    if place.namespace.is_none() {
        return Err(Error::new(format!("{word} is a node, not a pod")).hint("name its links with -i"));
    }
    let door = || door(place).map_err(|why| Error::new(format!("{word}: {why}")));
    let mut spots = Vec::new();
    for link in place.net.links.items().iter().filter(|link| link.name != "lo") {
        spots.push(Spot {
            door: Some(door()?),
            link: link.name.clone(),
            name: format!("{word}:{}", link.name),
        });
        let at = At {
            place: id,
            link: link.index,
        };
        let other = known.topology.veth_peer(at);
        if let Some((at, other)) = other.and_then(|at| Some((at, known.topology.link(at)?)))
            && known.topology.place(at.place).namespace.is_none()
        {
            spots.push(Spot::here(&other.name));
        }
    }
    if spots.is_empty() {
        return Err(Error::new(format!("{word} has no link")));
    }
    Ok(spots)
}

fn door(place: &Place) -> Result<Door, String> {
    if place.node.net_id != Some(Door::own()?.id()?) {
        return Err(format!("it runs on {}, which is not this host", place.node.name));
    }
    let mut namespaces = place.node.namespaces.items().iter();
    namespaces
        .find(|namespace| ptr::eq(&raw const namespace.net, place.net))
        .map_or_else(|| Err("its namespace was not seen".to_owned()), Door::of)
}
