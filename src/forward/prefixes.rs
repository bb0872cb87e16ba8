//! Something for each of many networks, found by an address: the longest prefix first.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;

use ipnet::IpNet;

/// Values by network.
#[derive(Debug, Default)]
pub(super) struct Prefixes<T> {
    v4: Vec<Length<u32, T>>,
    v6: Vec<Length<u128, T>>,
}

/// The networks of one length, by their bits; lengths stand from the longest down.
#[derive(Debug)]
struct Length<K, T> {
    length: u8,
    mask: K,
    nets: HashMap<K, T, BuildHasherDefault<Mixer>>,
}

impl<T: Default> Prefixes<T> {
    /// The value of a network, made when it has none. Host bits don't count.
    pub(super) fn entry(&mut self, net: IpNet) -> &mut T {
        match net {
            IpNet::V4(net) => {
                let bits = u32::from(net.network());
                let mask = u32::from(net.netmask());
                of_length(&mut self.v4, net.prefix_len(), mask)
                    .entry(bits)
                    .or_default()
            }
            IpNet::V6(net) => {
                let bits = u128::from(net.network());
                let mask = u128::from(net.netmask());
                of_length(&mut self.v6, net.prefix_len(), mask)
                    .entry(bits)
                    .or_default()
            }
        }
    }
}

fn of_length<K, T>(
    lengths: &mut Vec<Length<K, T>>,
    length: u8,
    mask: K,
) -> &mut HashMap<K, T, BuildHasherDefault<Mixer>> {
    let at = lengths.partition_point(|other| other.length > length);
    if lengths.get(at).is_none_or(|other| other.length != length) {
        let nets = HashMap::default();
        lengths.insert(at, Length { length, mask, nets });
    }
    &mut lengths[at].nets
}

impl<T> Prefixes<T> {
    /// The values of all networks that an address is in, the longest prefix first.
    pub(super) fn containing(&self, ip: IpAddr) -> impl Iterator<Item = &T> {
        let (v4, v6) = match ip {
            IpAddr::V4(ip) => (Some(u32::from(ip)), None),
            IpAddr::V6(ip) => (None, Some(u128::from(ip))),
        };
        let of_v4 = v4.into_iter().flat_map(|bits| {
            self.v4
                .iter()
                .filter_map(move |of| of.nets.get(&(bits & of.mask)))
        });
        let of_v6 = v6.into_iter().flat_map(|bits| {
            self.v6
                .iter()
                .filter_map(move |of| of.nets.get(&(bits & of.mask)))
        });
        of_v4.chain(of_v6)
    }
}

/// Mixes numbers: nobody gains by making a table of his own node slow.
#[derive(Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u128(&mut self, number: u128) {
        let [low, high] = [number, number >> 64].map(|part| u64::try_from(part & u128::from(u64::MAX)));
        self.write_u64(low.unwrap_or(0));
        self.write_u64(high.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net() -> impl Strategy<Value = IpNet> {
        // Few bits differ, so that networks lie in each other.
        let v4 = (0_u32..64, 0_u8..=32).prop_map(|(bits, length)| {
            let ip = std::net::Ipv4Addr::from(0x0a00_0000 | bits << 10 | bits);
            IpNet::new(ip.into(), length).unwrap()
        });
        let v6 = (0_u128..64, 0_u8..=128).prop_map(|(bits, length)| {
            let ip = std::net::Ipv6Addr::from((0xfd00_u128 << 112) | bits << 60 | bits);
            IpNet::new(ip.into(), length).unwrap()
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn all_networks_of_an_address_are_found_the_longest_first(
            nets in proptest::collection::vec(net(), 0..60),
            asked in net(),
        ) {
            let mut prefixes: Prefixes<Vec<usize>> = Prefixes::default();
            for (number, net) in nets.iter().enumerate() {
                prefixes.entry(*net).push(number);
            }
            let ip = asked.addr();
            let mut plain: Vec<usize> = (0..nets.len()).filter(|number| nets[*number].contains(&ip)).collect();
            plain.sort_by_key(|number| std::cmp::Reverse(nets[*number].prefix_len()));
            let found: Vec<usize> = prefixes.containing(ip).flatten().copied().collect();
            prop_assert_eq!(found, plain);
        }
    }
}
