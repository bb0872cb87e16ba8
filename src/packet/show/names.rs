//! Names of addresses, to be shown beside them. They are given by whoever knows the cluster.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;

use super::text::Text;

/// What addresses are called.
#[derive(Debug, Clone, Default)]
pub struct Names {
    v4: HashMap<u32, Box<str>, BuildHasherDefault<Quick>>,
    v6: HashMap<u128, Box<str>, BuildHasherDefault<Quick>>,
}

impl Names {
    /// Gives an address its name, unless it has one. Names are others' words: what a terminal could obey is escaped.
    pub fn add(&mut self, address: IpAddr, name: &str) {
        let mut text = Text::new(false);
        text.escaped(name.as_bytes());
        let name = || String::from_utf8_lossy(text.bytes()).into();
        match address {
            IpAddr::V4(address) => self.v4.entry(address.to_bits()).or_insert_with(name),
            IpAddr::V6(address) => self.v6.entry(address.to_bits()).or_insert_with(name),
        };
    }

    /// All of them, in the order of addresses.
    pub fn all(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        let v4 = self
            .v4
            .iter()
            .map(|(bits, name)| (IpAddr::from(bits.to_be_bytes()), &**name));
        let v6 = self
            .v6
            .iter()
            .map(|(bits, name)| (IpAddr::from(bits.to_be_bytes()), &**name));
        let mut all: Vec<_> = v4.chain(v6).collect();
        all.sort_unstable();
        all.into_iter()
    }

    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, address: IpAddr) -> Option<&str> {
        match address {
            IpAddr::V4(address) => self.ipv4(address.octets()),
            IpAddr::V6(address) => self.ipv6(address.octets()),
        }
    }

    #[inline]
    pub fn ipv4(&self, address: [u8; 4]) -> Option<&str> {
        self.v4.get(&u32::from_be_bytes(address)).map(AsRef::as_ref)
    }

    #[inline]
    pub fn ipv6(&self, address: [u8; 16]) -> Option<&str> {
        self.v6.get(&u128::from_be_bytes(address)).map(AsRef::as_ref)
    }
}

/// A quick hash of one number: who names addresses doesn't choose them to collide.
#[derive(Debug, Clone, Copy, Default)]
struct Quick(u64);

impl Quick {
    const fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_u128(&mut self, number: u128) {
        let [high, low] = [number >> 64, number & u128::from(u64::MAX)];
        self.add(u64::try_from(high).unwrap_or(0));
        self.add(u64::try_from(low).unwrap_or(0));
    }

    fn finish(&self) -> u64 {
        // The upper bits are the mixed ones, and the table looks at both ends.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_stays_and_is_escaped() {
        let mut names = Names::default();
        let (v4, v6): (IpAddr, IpAddr) = ("10.244.1.2".parse().unwrap(), "fd00::1".parse().unwrap());
        names.add(v4, "default/web\x1b[31m");
        names.add(v4, "other");
        names.add(v6, "n1");
        assert_eq!(names.get(v4), Some("default/web\\x1b[31m"));
        assert_eq!(names.get(v6), Some("n1"));
        assert_eq!(names.get("10.244.1.3".parse().unwrap()), None);
        assert_eq!(names.len(), 2);
    }
}
