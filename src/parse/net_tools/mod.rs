//! net-tools and bridge-utils, as old tickets hold them: `route -n`, `arp -n`, `ifconfig -a`, `brctl show`; busybox
//! prints the same forms. They tell less than iproute2: what they leave out is none, or the least that may be said.

mod arp;
mod brctl;
mod ifconfig;
mod route;

pub use arp::arp;
pub use brctl::{ShownBridge, brctl, mark_ports};
pub use ifconfig::ifconfig;
pub use route::{route, route6};

#[cfg(test)]
mod tests;
