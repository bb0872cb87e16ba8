//! No bytes make decoding or showing fail.

use std::io::Cursor;

use netdiag::packet::file::write::{Form, Writer};
use netdiag::packet::file::{Packet, Reader, Time};
use netdiag::packet::show::{Clock, Json, Lines, Shown, Stamp, Tcpdump, Text, hex};
use netdiag::packet::{Decoder, LinkType, MOST, Stack};
use netdiag_bench::{Random, kinds};
use proptest::prelude::*;

/// A line is never longer.
const LONGEST: usize = 4096;
const LINKS: [u16; 10] = [0, 1, 9, 101, 108, 113, 228, 229, 276, 777];

/// Decodes and shows a frame in all forms, and checks what always holds.
pub(crate) fn check(frame: &[u8], link: u16, wire_len: u32) {
    let mut stack = Stack::default();
    Decoder::default().decode(frame, LinkType(link), wire_len, &mut stack);
    assert!(stack.layers().len() <= MOST);
    let mut end = 0;
    for layer in stack.layers() {
        assert!(layer.offset as usize >= end, "{:?}", stack.layers());
        end = layer.end();
        assert!(end <= frame.len(), "{:?}", stack.layers());
        assert!(layer.total >= layer.len, "{layer:?}");
    }
    if let Some(stop) = stack.stop() {
        assert!(stop.offset as usize <= frame.len(), "{stop:?}");
    }
    let shown = Shown {
        number: 1,
        packet: Packet {
            time: Time::default(),
            link: LinkType(link),
            interface: 0,
            wire_len,
            data: frame,
            comment: Some(b"\x1b[2J"),
            direction: 1,
        },
        stack: &stack,
        interface: None,
    };
    let mut text = Text::new(false);
    let clock = Clock::new(Stamp::Date, false);
    Lines::new(clock.clone(), true).write(&shown, &mut text);
    assert!(text.len() <= LONGEST, "{}", text.len());
    assert_eq!(text.bytes().split(|byte| *byte == b'\n').count(), 2);
    Tcpdump { clock }.write(&shown, &mut text);
    assert!(
        text.bytes()
            .iter()
            .all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte))
    );
    hex::write(&shown, &mut text);
    text.clear();
    Json::new(None).write(&shown, &mut text);
    let json: serde_json::Value = serde_json::from_slice(text.bytes()).unwrap();
    assert_eq!(json["layers"].as_array().unwrap().len(), stack.layers().len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise(frame in prop::collection::vec(any::<u8>(), 0..300), link in prop::sample::select(&LINKS[..]), more in 0u32..2000) {
        check(&frame, link, u32::try_from(frame.len()).unwrap() + more);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn damaged_packets(seed in any::<u64>(), changes in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6)) {
        for mut sample in kinds::all(&mut Random::new(seed)) {
            for (at, byte) in &changes {
                let at = usize::from(*at) % sample.frame.len();
                sample.frame[at] = *byte;
            }
            check(&sample.frame, sample.link, u32::try_from(sample.frame.len()).unwrap());
        }
    }
}

/// Reads all of a file; what can't be read must be told, not fail.
fn read_all(bytes: Vec<u8>) {
    let length = bytes.len();
    let Ok(mut reader) = Reader::new(Box::new(Cursor::new(bytes))) else {
        return;
    };
    let mut packets = 0;
    while let Ok(Some((packet, _))) = reader.next_packet() {
        assert!(packet.data.len() <= length);
        packets += 1;
        assert!(packets <= length, "it doesn't end");
    }
}

/// A file of each format with some packets.
fn files() -> [Vec<u8>; 2] {
    [Form::Pcap, Form::Pcapng].map(|form| {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, form);
        for sample in kinds::all(&mut Random::new(4))
            .iter()
            .filter(|sample| sample.link == 1)
        {
            let length = u32::try_from(sample.frame.len()).unwrap();
            let written = writer.packet(
                Time::default(),
                LinkType::ETHERNET,
                None,
                &[&sample.frame],
                length,
            );
            assert!(written.unwrap());
        }
        writer.finish().unwrap();
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_files(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..8), cut in any::<u16>()) {
        for mut bytes in files() {
            let length = bytes.len();
            for (at, byte) in &changes {
                bytes[usize::from(*at) % length] = *byte;
            }
            bytes.truncate(length - usize::from(cut) % length);
            read_all(bytes);
        }
    }
}

#[test]
fn what_is_written_can_be_read() {
    for bytes in files() {
        let mut reader = Reader::new(Box::new(Cursor::new(bytes))).unwrap();
        for sample in kinds::all(&mut Random::new(4))
            .iter()
            .filter(|sample| sample.link == 1)
        {
            let (packet, _) = reader.next_packet().unwrap().unwrap();
            assert_eq!(packet.data, sample.frame);
        }
        assert!(reader.next_packet().unwrap().is_none());
        assert!(reader.warnings().is_empty());
    }
}

#[test]
fn every_beginning_of_every_packet() {
    for sample in kinds::all(&mut Random::new(3)) {
        for cut in 0..=sample.frame.len() {
            check(
                &sample.frame[..cut],
                sample.link,
                u32::try_from(sample.frame.len()).unwrap(),
            );
            check(&sample.frame[..cut], sample.link, u32::try_from(cut).unwrap());
        }
    }
}

#[test]
fn depth_has_an_end() {
    let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    for _ in 0..200 {
        packet = netdiag_bench::build::ipv4([1; 4], [2; 4], 4, &packet);
    }
    check(&packet, 101, u32::try_from(packet.len()).unwrap());
    let labels = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47][..],
        &vec![0; 60_000],
    ]
    .concat();
    check(&labels, 1, 60_014);
}
