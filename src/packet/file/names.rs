//! Names of addresses in pcapng files (draft-ietf-opsawg-pcapng, 4.5): read, and written for whoever reads the file next.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::write::block;

/// Type of the block.
pub(super) const BLOCK: u32 = 4;

/// Kinds of records.
mod record {
    pub(super) const IPV4: u16 = 1;
    pub(super) const IPV6: u16 = 2;
}

/// Names that are kept of a file: each costs memory.
const MOST: usize = 1 << 20;
/// Bytes of a name that are kept.
const LONGEST: usize = 255;
/// Bytes after which another block is begun.
const ENOUGH: usize = 64 << 10;

/// Adds the names of a block's records (kind, value): the first one of each.
pub(super) fn read<'b>(records: impl Iterator<Item = (u16, &'b [u8])>, names: &mut Vec<(IpAddr, String)>) {
    for (kind, value) in records {
        if names.len() >= MOST {
            return;
        }
        let found = match kind {
            record::IPV4 => value
                .split_first_chunk::<4>()
                .map(|(address, name)| (IpAddr::from(*address), name)),
            record::IPV6 => value
                .split_first_chunk::<16>()
                .map(|(address, name)| (IpAddr::from(*address), name)),
            _ => None,
        };
        let Some((address, text)) = found else { continue };
        let name = text.split(|byte| *byte == 0).next().unwrap_or(&[]);
        let name = name.get(..LONGEST).unwrap_or(name);
        if !name.is_empty() {
            names.push((address, String::from_utf8_lossy(name).into_owned()));
        }
    }
}

/// Adds blocks with these names.
pub(super) fn write<'n>(buffer: &mut Vec<u8>, names: impl Iterator<Item = (IpAddr, &'n str)>) {
    let mut names = names.peekable();
    while names.peek().is_some() {
        block(buffer, BLOCK, |buffer| {
            let begun = buffer.len();
            while buffer.len() - begun < ENOUGH
                && let Some((address, name)) = names.next()
            {
                let name = name.as_bytes();
                let name = name.get(..LONGEST).unwrap_or(name);
                let (kind, octets) = match address {
                    IpAddr::V4(address) => (record::IPV4, Ipv4Addr::octets(&address).to_vec()),
                    IpAddr::V6(address) => (record::IPV6, Ipv6Addr::octets(&address).to_vec()),
                };
                let length = octets.len() + name.len() + 1;
                buffer.extend(kind.to_le_bytes());
                buffer.extend(u16::try_from(length).unwrap_or(0).to_le_bytes());
                buffer.extend(octets);
                buffer.extend(name);
                buffer.resize(buffer.len() + 1 + length.next_multiple_of(4) - length, 0);
            }
            buffer.extend([0; 4]);
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::bytes::{array, small};
    use crate::packet::file::pcapng::Pcapng;

    #[test]
    fn names_are_read_as_they_were_written() {
        let names: Vec<(IpAddr, String)> = (0..5000_u32)
            .map(|number| {
                let address = if number % 3 == 0 {
                    Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(number)).into()
                } else {
                    Ipv4Addr::from_bits(0x0af4_0000 | number).into()
                };
                (
                    address,
                    format!("default/web-{}", "x".repeat(number as usize % 40)),
                )
            })
            .collect();
        let mut bytes = Vec::new();
        write(
            &mut bytes,
            names.iter().map(|(address, name)| (*address, name.as_str())),
        );
        let (mut rest, mut again, mut blocks) = (&bytes[..], Vec::new(), 0);
        while !rest.is_empty() {
            let length = u32::from_le_bytes(array(rest, 4)) as usize;
            assert_eq!(u32::from_le_bytes(array(rest, 0)), BLOCK);
            assert_eq!(rest[length - 4..length], small(length).to_le_bytes());
            read(Pcapng::default().options(&rest[8..length - 4]), &mut again);
            rest = &rest[length..];
            blocks += 1;
        }
        assert_eq!(again, names);
        assert!(blocks > 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), big in any::<bool>()) {
            let mut section = Pcapng::default();
            section.big_endian = big;
            read(section.options(&body), &mut Vec::new());
        }
    }
}
