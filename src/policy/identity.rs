//! Whose an address is, as selectors of rules see it: endpoints and sets of networks, with their labels.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

/// Names and values.
pub type Labels = Vec<(String, String)>;

/// What holds addresses and has labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// For people: `pod shop/web`, `GlobalNetworkSet office`.
    pub title: String,
    /// Its own and those that it inherits.
    pub labels: Labels,
    pub nets: Vec<IpNet>,
    pub ports: Vec<NamedPort>,
    /// Which namespace's labels are not known.
    pub unknown_namespace: Option<String>,
}

/// A port that rules can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPort {
    pub name: String,
    /// IPPROTO_*.
    pub protocol: u8,
    pub port: u16,
}

/// Identities, found by address.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    all: Vec<Identity>,
    /// Those with single addresses.
    by_ip: HashMap<IpAddr, Vec<usize>>,
    /// Those with wider networks.
    wide: Vec<usize>,
}

impl Identities {
    pub fn add(&mut self, identity: Identity) {
        let place = self.all.len();
        for net in &identity.nets {
            if net.prefix_len() == net.max_prefix_len() {
                self.by_ip.entry(net.addr()).or_default().push(place);
            } else if self.wide.last() != Some(&place) {
                self.wide.push(place);
            }
        }
        self.all.push(identity);
    }

    /// All that hold this address.
    pub fn of(&self, ip: IpAddr) -> impl Iterator<Item = &Identity> {
        let exact = self.by_ip.get(&ip).map_or(&[][..], Vec::as_slice);
        let wide = self.wide.iter().filter(move |place| {
            let is_wide = |net: &&IpNet| net.prefix_len() != net.max_prefix_len();
            self.all[**place]
                .nets
                .iter()
                .filter(is_wide)
                .any(|net| net.contains(&ip))
        });
        exact.iter().chain(wide).map(|place| &self.all[*place])
    }

    /// Every one.
    pub fn all(&self) -> &[Identity] {
        &self.all
    }
}
