//! Our reader of capture files, beside libpcap's: the same packets from files of every form, whole and damaged.

use std::io::Cursor;
use std::path::Path;

use netdiag::packet::LinkType;
use netdiag::packet::file::write::{Form, Writer};
use netdiag::packet::file::{Reader, Time};
use netdiag_bench::{Random, kinds};
use pcap::{Capture, Precision};

/// Nanoseconds since 1970, bytes on the wire, bytes captured.
type Packet = (i128, u32, Vec<u8>);

/// Packets, and whether the end was no good one.
fn ours(bytes: &[u8]) -> (Vec<Packet>, bool) {
    let Ok(mut reader) = Reader::new(Box::new(Cursor::new(bytes.to_vec()))) else {
        return (Vec::new(), true);
    };
    let mut packets = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some((packet, _))) => packets.push((
                i128::from(packet.time.seconds) * 1_000_000_000 + i128::from(packet.time.nanoseconds),
                packet.wire_len,
                packet.data.to_vec(),
            )),
            Ok(None) => return (packets, !reader.warnings().is_empty()),
            Err(_) => return (packets, true),
        }
    }
}

fn theirs(path: &Path) -> (Vec<Packet>, bool) {
    let Ok(mut capture) = Capture::from_file_with_precision(path, Precision::Nano) else {
        return (Vec::new(), true);
    };
    let mut packets = Vec::new();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let stamp = packet.header.ts;
                let time = i128::from(stamp.tv_sec) * 1_000_000_000 + i128::from(stamp.tv_usec);
                packets.push((time, packet.header.len, packet.data.to_vec()));
            }
            Err(pcap::Error::NoMorePackets) => return (packets, false),
            Err(_) => return (packets, true),
        }
    }
}

/// A classic file of either byte order, in micro- or nanoseconds, with packets that are cut.
fn classic(random: &mut Random, big: bool, nanoseconds: bool) -> Vec<u8> {
    let word = |number: u32| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let half = |number: u16| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut bytes = [
        &word(magic)[..],
        &half(2),
        &half(4),
        &[0; 8],
        &word(65535),
        &word(1),
    ]
    .concat();
    for sample in kinds::all(random).iter().filter(|sample| sample.link == 1) {
        let cut = 1 + random.below(sample.frame.len());
        let fraction = u32::from(random.u16()) * 15;
        bytes.extend(word(1_700_000_000 + u32::from(random.u8())));
        bytes.extend(word(fraction));
        bytes.extend(word(u32::try_from(cut).unwrap()));
        bytes.extend(word(u32::try_from(sample.frame.len()).unwrap()));
        bytes.extend_from_slice(&sample.frame[..cut]);
    }
    bytes
}

fn pcapng(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Form::Pcapng);
    for sample in kinds::all(random).iter().filter(|sample| sample.link == 1) {
        let time = Time {
            seconds: 1_700_000_000 + i64::from(random.u8()),
            nanoseconds: u32::from(random.u16()) * 15_000,
        };
        let length = u32::try_from(sample.frame.len()).unwrap();
        let data = [&sample.frame[..]];
        assert!(
            writer
                .packet(time, LinkType::ETHERNET, None, &data, length)
                .unwrap()
        );
    }
    writer.finish().unwrap();
    bytes
}

fn files(random: &mut Random) -> Vec<Vec<u8>> {
    let mut files = vec![pcapng(random)];
    for big in [false, true] {
        for nanoseconds in [false, true] {
            files.push(classic(random, big, nanoseconds));
        }
    }
    files
}

#[test]
fn whole_files_have_the_packets_that_libpcap_reads() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for seed in 0..20 {
        for bytes in files(&mut Random::new(seed)) {
            std::fs::write(file.path(), &bytes).unwrap();
            let (ours, theirs) = (ours(&bytes), theirs(file.path()));
            assert!(!ours.1 && ours.0.len() > 20);
            assert!(ours == theirs, "seed {seed}");
        }
    }
}

#[test]
fn damaged_files_have_the_packets_that_libpcap_reads() {
    let rounds: u64 = std::env::var("NETDIAG_ROUNDS").map_or(150, |rounds| rounds.parse().unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut compared = 0;
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        for (form, mut bytes) in files(&mut random).into_iter().enumerate() {
            // What comes first says what all means: its changes are for tests of their own.
            let start = if form == 0 { 76 } else { 24 };
            for _ in 0..=random.below(3) {
                let at = start + random.below(bytes.len() - start);
                bytes[at] = random.u8();
            }
            if random.below(2) == 0 {
                bytes.truncate(start + random.below(bytes.len() - start));
            }
            std::fs::write(file.path(), &bytes).unwrap();
            let ((ours, our_end), (theirs, their_end)) = (ours(&bytes), theirs(file.path()));
            for (at, (our, their)) in ours.iter().zip(&theirs).enumerate() {
                // libpcap cuts what is longer than the header's largest length.
                if our.2.len() > 65535 {
                    break;
                }
                assert_eq!(
                    (our.1, &our.2),
                    (their.1, &their.2),
                    "seed {seed}, form {form}, packet {at}"
                );
                // libpcap takes seconds and their parts for numbers with a sign; the format says they have none.
                let apart = our.0 - their.0;
                assert!(
                    apart >= 0 && apart % (1 << 32) == 0,
                    "seed {seed}, form {form}, packet {at}: {apart} ns apart"
                );
                compared += 1;
            }
            assert!(
                ours.len() >= theirs.len() || our_end,
                "seed {seed}, form {form}: fewer, and no word of it"
            );
            assert!(
                theirs.len() >= ours.len() || their_end || our_end,
                "seed {seed}, form {form}: more"
            );
        }
    }
    assert!(compared > 5_000, "{compared}");
}
