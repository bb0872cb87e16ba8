use std::io::{Cursor, Read, Write};

use netdiag_bench::Random;

use super::*;

/// Time, interface, bytes, and length on the wire.
type Row = (Time, usize, Vec<u8>, u32);

fn read(bytes: Vec<u8>) -> Result<(Vec<Row>, Vec<String>), Error> {
    let mut reader = Reader::new(Box::new(Cursor::new(bytes)))?;
    let mut packets = Vec::new();
    while let Some((packet, _)) = reader.next_packet()? {
        packets.push((
            packet.time,
            packet.interface,
            packet.data.to_vec(),
            packet.wire_len,
        ));
    }
    Ok((packets, reader.warnings().to_vec()))
}

/// A pcap file of one packet of 4 bytes, in either byte order.
fn pcap(magic: u32, big: bool, fraction: u32, extra: usize) -> Vec<u8> {
    let w32 = |value: u32| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let w16 = |value: u16| {
        if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut bytes = Vec::new();
    bytes.extend(w32(magic));
    bytes.extend(w16(2));
    bytes.extend(w16(4));
    for value in [0, 0, 65535, 0x1400_0001] {
        bytes.extend(w32(value));
    }
    for value in [1_700_000_000, fraction, 4, 60] {
        bytes.extend(w32(value));
    }
    bytes.resize(bytes.len() + extra, 0xee);
    bytes.extend([1, 2, 3, 4]);
    bytes
}

#[test]
fn classic_files_of_all_kinds() {
    for (magic, fraction, nanoseconds, extra) in [
        (0xa1b2_c3d4, 5, 5000, 0),
        (0xa1b2_3c4d, 5, 5, 0),
        (0xa1b2_cd34, 7, 7000, 8),
    ] {
        for big in [false, true] {
            let (packets, warnings) = read(pcap(magic, big, fraction, extra)).unwrap();
            let time = Time {
                seconds: 1_700_000_000,
                nanoseconds,
            };
            assert_eq!(packets, [(time, 0, vec![1, 2, 3, 4], 60)]);
            assert!(warnings.is_empty());
        }
    }
}

#[test]
fn a_link_type_may_have_checksum_bits() {
    let reader = Reader::new(Box::new(Cursor::new(pcap(0xa1b2_c3d4, true, 0, 0)))).unwrap();
    assert_eq!(reader.interfaces()[0].link, LinkType::ETHERNET);
}

#[test]
fn a_cut_last_packet_is_a_warning() {
    let whole = pcap(0xa1b2_c3d4, false, 0, 0);
    for cut in 25..whole.len() {
        let (packets, warnings) = read(whole[..cut].to_vec()).unwrap();
        assert!(packets.is_empty());
        assert_eq!(warnings.len(), 1, "{cut}");
        assert!(warnings[0].starts_with("at byte 24: "), "{warnings:?}");
    }
    assert!(read(whole[..20].to_vec()).is_err());
}

#[test]
fn what_is_no_capture_is_said() {
    let error = |bytes: &[u8]| read(bytes.to_vec()).unwrap_err().to_string();
    assert_eq!(
        error(b""),
        "not a capture file: neither pcap nor pcapng: it is empty"
    );
    assert_eq!(
        error(b"hello, world"),
        "not a capture file: neither pcap nor pcapng"
    );
    let mut lying = pcap(0xa1b2_c3d4, false, 0, 0);
    lying[24 + 8..24 + 12].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    assert_eq!(
        error(&lying),
        "at byte 24: a packet of 4294967280 bytes can't be: the file is damaged here"
    );
}

struct Ng {
    big: bool,
    bytes: Vec<u8>,
}

impl Ng {
    fn new(big: bool) -> Self {
        let mut ng = Self {
            big,
            bytes: Vec::new(),
        };
        ng.section();
        ng
    }

    fn w32(&self, value: u32) -> [u8; 4] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn w16(&self, value: u16) -> [u8; 2] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn section(&mut self) {
        let body = [&self.w32(0x1a2b_3c4d)[..], &self.w16(1), &self.w16(0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body);
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.w32(u32::try_from(body.len() + 12).unwrap());
        let kind = self.w32(kind);
        self.bytes.extend([&kind[..], &length, &body, &length].concat());
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [
            &self.w16(code)[..],
            &self.w16(u16::try_from(value.len()).unwrap()),
            value,
        ]
        .concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn interface(&mut self, link: u16, options: &[Vec<u8>]) {
        let body = [&self.w16(link)[..], &[0, 0], &self.w32(0), &options.concat()].concat();
        self.block(1, &body);
    }

    fn packet(&mut self, interface: u32, units: u64, data: &[u8], options: &[Vec<u8>]) {
        let [high, low] =
            [units >> 32, units & 0xffff_ffff].map(|half| self.w32(u32::try_from(half).unwrap()));
        let length = self.w32(u32::try_from(data.len()).unwrap());
        let mut body = [&self.w32(interface)[..], &high, &low, &length, &length, data].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options.concat());
        self.block(6, &body);
    }
}

#[test]
fn sections_of_either_order_with_their_own_clocks() {
    let mut first = Ng::new(true);
    first.interface(1, &[first.option(2, b"eth0"), first.option(9, &[9])]);
    first.packet(
        0,
        1_700_000_000_000_000_001,
        &[1, 2, 3],
        &[first.option(1, b"hello")],
    );
    let mut second = Ng::new(false);
    second.interface(
        101,
        &[
            second.option(9, &[0x8a]),
            second.option(14, &(-3i64).to_le_bytes()),
        ],
    );
    second.packet(0, 10 << 10 | 512, &[4], &[]);
    second.block(0x0bad, &[0; 40]);
    second.block(3, &[&second.w32(2)[..], &[9, 9]].concat());
    let bytes = [first.bytes, second.bytes].concat();
    let (packets, warnings) = read(bytes).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
    assert_eq!(
        packets,
        [
            (time(1_700_000_000, 1), 0, vec![1, 2, 3], 3),
            (time(7, 500_000_000), 1, vec![4], 1),
            (time(0, 0), 1, vec![9, 9], 2),
        ]
    );
}

#[test]
fn comments_names_and_drops_are_kept() {
    let mut ng = Ng::new(false);
    ng.interface(1, &[ng.option(2, b"cali\x1b[1m")]);
    ng.packet(0, 0, &[1], &[ng.option(1, b"why"), ng.option(2, &[2, 0, 0, 0])]);
    let drops = [&ng.w32(0)[..], &[0; 8], &ng.option(5, &7u64.to_le_bytes())].concat();
    ng.block(5, &drops);
    let mut reader = Reader::new(Box::new(Cursor::new(ng.bytes))).unwrap();
    let (packet, _) = reader.next_packet().unwrap().unwrap();
    assert_eq!((packet.comment, packet.direction), (Some(&b"why"[..]), 2));
    assert!(reader.next_packet().unwrap().is_none());
    assert_eq!(reader.interfaces()[0].dropped, 7);
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some("cali\x1b[1m"));
}

#[test]
fn lengths_that_lie_are_told_with_their_place() {
    let start = Ng::new(false).bytes.len();
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut ng = Ng::new(false);
        ng.interface(1, &[]);
        ng.packet(0, 0, &[1, 2, 3, 4], &[]);
        change(&mut ng.bytes);
        read(ng.bytes).unwrap_err().to_string()
    };
    let at = format!("at byte {start}: ");
    assert!(broken(&|bytes| bytes[start + 4] = 3).starts_with(&at));
    assert!(broken(&|bytes| bytes[start + 16] = 99).starts_with(&at));
    let packet = start + 20;
    assert_eq!(
        broken(&|bytes| bytes[packet + 20] = 200),
        format!("at byte {packet}: a packet is longer than the block around it")
    );
    assert_eq!(
        broken(&|bytes| bytes[packet + 8] = 1),
        format!("at byte {packet}: a packet of an interface that was not described")
    );
}

#[test]
fn compressed_files_are_unpacked() {
    let plain = pcap(0xa1b2_c3d4, false, 0, 0);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    assert_eq!(read(gzip.finish().unwrap()).unwrap().0.len(), 1);
    let mut zstd = zstd::encode_all(&plain[..], 1).unwrap();
    assert_eq!(read(zstd.clone()).unwrap().0.len(), 1);
    // Cut in two frames, and with an end that lacks.
    let (start, rest) = plain.split_at(30);
    let frames = [start, rest].map(|part| zstd::encode_all(part, 1).unwrap());
    assert_eq!(read(frames.concat()).unwrap().0.len(), 1);
    zstd.truncate(zstd.len() - 3);
    assert!(read(zstd).is_err());
}

/// Gives one byte at a time, as a slow pipe does.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

#[test]
fn a_slow_pipe_is_waited_for() {
    let mut ng = Ng::new(false);
    ng.interface(1, &[]);
    for _ in 0..20 {
        ng.packet(0, 0, &[1, 2, 3, 4], &[]);
    }
    let mut reader = Reader::new(Box::new(Trickle(Cursor::new(ng.bytes)))).unwrap();
    let mut count = 0;
    while reader.next_packet().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 20);
}

/// A classic file of random packets, some of them long, and what may end it: nothing, a part of a packet, or a length that
/// lies.
fn random_file(random: &mut Random) -> Vec<u8> {
    let mut bytes = netdiag_bench::file::header(1);
    for number in 0..random.below(120) {
        let length = match random.below(12) {
            0 => 0,
            1 => random.below(6000),
            _ => random.below(200),
        };
        let frame = random.bytes(length);
        netdiag_bench::file::packet(&mut bytes, number as u64, &frame, frame.len() + number);
    }
    match random.below(4) {
        0 => bytes.truncate(bytes.len() - random.below(bytes.len() - 24 + 1).min(20)),
        1 => bytes.extend([0xff; 16]),
        2 => bytes.extend([1, 0, 0, 0, 0]),
        _ => {}
    }
    bytes
}

/// What is read of packets: number, time, bytes, and length on the wire.
type Taken = (u64, Time, Vec<u8>, u32);

fn taken(number: u64, packet: &Packet) -> Taken {
    (number, packet.time, packet.data.to_vec(), packet.wire_len)
}

/// All that is left, one after the other, and how it ended.
fn rest(reader: &mut Reader) -> (Vec<Taken>, String) {
    let mut packets = Vec::new();
    let end = loop {
        match reader.next_packet() {
            Ok(Some((packet, _))) => packets.push((packet.time, packet.data.to_vec(), packet.wire_len)),
            Ok(None) => break format!("{:?}", reader.warnings()),
            Err(error) => break error.to_string(),
        }
    };
    let first = reader.taken + 1 - packets.len() as u64;
    let numbered = (first..).zip(packets);
    let packets = numbered.map(|(number, (time, data, length))| (number, time, data, length));
    (packets.collect(), end)
}

/// Threads that read parts of a file find what one finds that reads it all, in the same order, and the same end; and where
/// they break off, the reader goes on.
#[test]
fn parts_of_a_file_are_read_side_by_side() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&random_file(&mut random)).unwrap();
        let open = || {
            let mut file = file.try_clone().unwrap();
            io::Seek::rewind(&mut file).unwrap();
            Reader::of_file(file).unwrap()
        };
        let whole = rest(&mut open());
        let mut reader = open();
        let shared = reader.shared_by(50 + random.below(3000));
        let most = if random.below(2) == 0 {
            usize::MAX
        } else {
            random.below(9)
        };
        let read = || {
            let (mut block, mut blocks) = (Block::default(), Vec::new());
            while blocks.len() < most
                && let Some((order, read)) = shared.next_block(&mut block)
            {
                let packets = block.packets().map(|(number, packet, _)| taken(number, &packet));
                blocks.push((order, read.map(|()| packets.collect::<Vec<_>>())));
            }
            blocks
        };
        let mut blocks = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..=random.below(4)).map(|_| scope.spawn(read)).collect();
            let blocks = threads.into_iter().flat_map(|thread| thread.join().unwrap());
            blocks.collect::<Vec<_>>()
        });
        shared.finish().unwrap();
        blocks.sort_by_key(|(order, _)| *order);
        assert!(blocks.iter().map(|(order, _)| *order).eq(0..blocks.len() as u64));
        let (mut packets, mut end) = (Vec::new(), None);
        for (_, block) in blocks {
            match block {
                Ok(block) => packets.extend(block),
                Err(error) => end = Some(error.to_string()),
            }
        }
        if end.is_none() {
            let (others, last) = rest(&mut reader);
            packets.extend(others);
            end = Some(last);
        }
        assert_eq!((packets, end.unwrap()), whole, "seed {seed}");
    }
}
