//! How packets leave a node.

use std::net::IpAddr;

use crate::state::NodeState;
use crate::state::link::Link;
use crate::state::route::{Route, RouteType};

/// The way out to an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The address is on a segment of this link.
    OnLink { link: &'a Link },
    /// Over a gateway; `default` when only the default route matches.
    Gateway {
        gateway: IpAddr,
        link: &'a Link,
        default: bool,
    },
    /// No route, or one that drops.
    None,
    /// The routes are not known.
    Unknown,
}

impl<'a> Path<'a> {
    /// What the best route means.
    pub(super) fn new(node: &'a NodeState, best: Option<&'a Route>) -> Self {
        let Some(route) = best.filter(|route| route.kind == RouteType::Unicast) else {
            return Self::None;
        };
        match usable_hop(node, route) {
            None => Self::None,
            Some((None, link)) => Self::OnLink { link },
            Some((Some(gateway), link)) => Self::Gateway {
                gateway,
                link,
                default: route.dst.prefix_len() == 0,
            },
        }
    }

    /// The link that packets leave by.
    pub(super) const fn link(&self) -> Option<&'a Link> {
        match self {
            Self::OnLink { link } | Self::Gateway { link, .. } => Some(*link),
            Self::None | Self::Unknown => None,
        }
    }
}

fn usable_hop<'a>(node: &'a NodeState, route: &Route) -> Option<(Option<IpAddr>, &'a Link)> {
    route
        .next_hops
        .iter()
        .filter(|hop| !hop.is_dead())
        .find_map(|hop| Some((hop.gateway, node.net.link(hop.link?)?)))
}
