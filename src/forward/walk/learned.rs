//! What namespaces, bridges and VXLAN links learn from the packet itself and from the questions before it: the answer
//! goes by that.

use std::net::IpAddr;

use super::super::packet::Mac;
use super::super::topology::At;
use crate::state::link::IfIndex;

/// Beyond what was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Learned {
    neighbors: Vec<(At, IpAddr, Mac)>,
    /// By bridge: the port behind which an address is, in its VLAN.
    ports: Vec<(At, (Mac, Option<u16>), IfIndex)>,
    /// By VXLAN link: the remote end behind which an address is.
    remotes: Vec<(At, Mac, IpAddr)>,
}

impl Learned {
    pub(super) fn learn_neighbor(&mut self, link: At, ip: IpAddr, mac: Mac) {
        put(&mut self.neighbors, link, ip, mac);
    }

    pub(super) fn neighbor(&self, link: At, ip: IpAddr) -> Option<Mac> {
        get(&self.neighbors, link, &ip)
    }

    pub(super) fn learn_port(&mut self, bridge: At, mac: (Mac, Option<u16>), port: IfIndex) {
        put(&mut self.ports, bridge, mac, port);
    }

    pub(super) fn port(&self, bridge: At, mac: (Mac, Option<u16>)) -> Option<IfIndex> {
        get(&self.ports, bridge, &mac)
    }

    pub(super) fn learn_remote(&mut self, vxlan: At, mac: Mac, remote: IpAddr) {
        put(&mut self.remotes, vxlan, mac, remote);
    }

    pub(super) fn remote(&self, vxlan: At, mac: Mac) -> Option<IpAddr> {
        get(&self.remotes, vxlan, &mac)
    }
}

fn put<K: PartialEq, V>(list: &mut Vec<(At, K, V)>, at: At, key: K, value: V) {
    match list.iter_mut().find(|entry| entry.0 == at && entry.1 == key) {
        Some(entry) => entry.2 = value,
        None => list.push((at, key, value)),
    }
}

fn get<K: PartialEq, V: Copy>(list: &[(At, K, V)], at: At, key: &K) -> Option<V> {
    let entry = list.iter().find(|entry| entry.0 == at && entry.1 == *key)?;
    Some(entry.2)
}
