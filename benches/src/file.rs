//! Classic pcap files.

/// The header of a file of this link type.
pub fn header(link: u16) -> Vec<u8> {
    let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
    bytes.extend([2, 0, 4, 0]);
    bytes.extend([0; 8]);
    bytes.extend(262_144_u32.to_le_bytes());
    bytes.extend(u32::from(link).to_le_bytes());
    bytes
}

/// Adds a packet; `wire_len` is what it had before it was cut.
pub fn packet(bytes: &mut Vec<u8>, microseconds: u64, frame: &[u8], wire_len: usize) {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    bytes.extend(small(1_700_000_000 + microseconds / 1_000_000));
    bytes.extend(small(microseconds % 1_000_000));
    bytes.extend(small(frame.len() as u64));
    bytes.extend(small(wire_len as u64));
    bytes.extend(frame);
}
