//! Headers around payloads, with the checksums and lengths that they should have.

/// A 16 bit number of a length that fits.
pub fn len16(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// The internet checksum (RFC 1071), not inverted.
pub fn sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

pub fn ethernet(source: u8, destination: u8, kind: u16, payload: &[u8]) -> Vec<u8> {
    let macs = [[2, 0, 0, 0, 0, destination], [2, 0, 0, 0, 0, source]].concat();
    [&macs[..], &kind.to_be_bytes(), payload].concat()
}

/// A tag, and the type of what follows.
pub fn vlan(tci: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&tci.to_be_bytes()[..], &kind.to_be_bytes(), payload].concat()
}

/// Whole header of IPv4: `options` is a multiple of 4 bytes.
pub fn ipv4_with(
    source: [u8; 4],
    destination: [u8; 4],
    protocol: u8,
    fragment: u16,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let header = 20 + options.len();
    let ihl = u8::try_from(header / 4).unwrap_or(15);
    let mut bytes = vec![0x40 | ihl, 0];
    bytes.extend(len16(header + payload.len()));
    bytes.extend([0x12, 0x34]);
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([64, protocol, 0, 0]);
    bytes.extend(source);
    bytes.extend(destination);
    bytes.extend(options);
    let checksum = !sum(&[&bytes]);
    bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(source, destination, protocol, 0x4000, &[], payload)
}

pub fn ipv6(source: [u8; 16], destination: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(len16(payload.len()));
    bytes.extend([next, 64]);
    bytes.extend(source);
    bytes.extend(destination);
    bytes.extend(payload);
    bytes
}

/// The part of addresses that checksums cover.
fn pseudo(source: &[u8], destination: &[u8], protocol: u8, length: usize) -> Vec<u8> {
    [source, destination, &[0, protocol], &len16(length)].concat()
}

/// Fills in a checksum at a place.
pub fn checked(mut bytes: Vec<u8>, at: usize, protocol: u8, source: &[u8], destination: &[u8]) -> Vec<u8> {
    let pseudo = pseudo(source, destination, protocol, bytes.len());
    let checksum = match !sum(&[&pseudo, &bytes]) {
        0 if protocol == 17 => 0xffff,
        checksum => checksum,
    };
    bytes[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Without checksum, as tunnels send it.
pub fn udp_plain(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let head = [
        source.to_be_bytes(),
        destination.to_be_bytes(),
        len16(8 + payload.len()),
        [0, 0],
    ];
    [&head.concat()[..], payload].concat()
}

pub fn tcp(
    source: u16,
    destination: u16,
    sequence: u32,
    flags: u8,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(7u32.to_be_bytes());
    let words = u8::try_from(5 + options.len() / 4).unwrap_or(15);
    bytes.extend([words << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(payload);
    bytes
}

/// An IPv4 packet of UDP.
pub fn udp4(source: [u8; 4], destination: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let udp = checked(udp_plain(ports.0, ports.1, payload), 6, 17, &source, &destination);
    ipv4(source, destination, 17, &udp)
}

/// An IPv4 packet of TCP.
pub fn tcp4(
    source: [u8; 4],
    destination: [u8; 4],
    ports: (u16, u16),
    sequence: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let tcp = tcp(ports.0, ports.1, sequence, flags, &[], payload);
    ipv4(
        source,
        destination,
        6,
        &checked(tcp, 16, 6, &source, &destination),
    )
}

/// An ICMP message with its checksum.
pub fn icmp(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, code, 0, 0];
    bytes.extend(rest);
    bytes.extend(payload);
    let checksum = !sum(&[&bytes]);
    bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// VXLAN around a frame.
pub fn vxlan(flags: u8, reserved: [u8; 3], vni: u32, frame: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    [&[flags], &reserved[..], &[a, b, c, 0], frame].concat()
}

/// Geneve around a payload.
pub fn geneve(protocol: u16, vni: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    let words = u8::try_from(options.len() / 4).unwrap_or(0);
    let [high, low] = protocol.to_be_bytes();
    [&[words, 0, high, low, a, b, c, 0][..], options, payload].concat()
}

/// GRE: `optional` is what the flags announce.
pub fn gre(flags: u16, protocol: u16, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    [
        &flags.to_be_bytes()[..],
        &protocol.to_be_bytes(),
        optional,
        payload,
    ]
    .concat()
}

/// A label.
pub fn label(label: u32, bottom: bool) -> [u8; 4] {
    ((label << 12) | (u32::from(bottom) << 8) | 64).to_be_bytes()
}

pub fn arp(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, operation];
    bytes.extend([2, 0, 0, 0, 0, 9]);
    bytes.extend(sender);
    bytes.extend([0; 6]);
    bytes.extend(target);
    bytes
}
