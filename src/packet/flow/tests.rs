use netdiag_bench::traffic::{self, Mix};
use netdiag_bench::{Random, build, kinds};

use super::*;
use crate::packet::file::Reader;
use crate::packet::layer::Kind;
use crate::packet::ports::Tunnel;
use crate::packet::{Decoder, LinkType};

/// Reads packets a tenth of a second apart.
fn flows(frames: &[Vec<u8>]) -> Flows {
    let mut flows = Flows::default();
    let mut stack = Stack::default();
    for (at, frame) in frames.iter().enumerate() {
        let tenths = u32::try_from(at).unwrap();
        let packet = Packet {
            time: Time {
                seconds: i64::from(tenths / 10),
                nanoseconds: tenths % 10 * 100_000_000,
            },
            link: LinkType::ETHERNET,
            interface: 0,
            wire_len: u32::try_from(frame.len()).unwrap(),
            data: frame,
            comment: None,
            direction: 0,
        };
        Decoder::default().decode(frame, packet.link, packet.wire_len, &mut stack);
        flows.add(at as u64 + 1, &packet, &stack);
    }
    flows
}

fn codes(frames: &[Vec<u8>]) -> Vec<&'static str> {
    flows(frames)
        .findings()
        .iter()
        .map(|finding| finding.code)
        .collect()
}

fn inside(vni: u32, packet: &[u8]) -> Vec<u8> {
    let frame = build::ethernet(5, 6, 0x0800, packet);
    let payload = build::udp_plain(50000, 4789, &build::vxlan(8, [0; 3], vni, &frame));
    build::ethernet(
        1,
        2,
        0x0800,
        &build::ipv4([192, 168, 0, 1], [192, 168, 0, 2], 17, &payload),
    )
}

const A: [u8; 4] = [10, 244, 1, 1];
const B: [u8; 4] = [10, 244, 2, 2];

fn there(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    inside(1, &build::tcp4(A, B, (40000, 80), sequence, flags, payload))
}

fn back(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    inside(1, &build::tcp4(B, A, (80, 40000), sequence, flags, payload))
}

#[test]
fn a_connection_is_one_flow_with_its_time() {
    // The builder acknowledges 7: the SYN is 6.
    let frames = [
        there(6, 0x02, b""),
        back(100, 0x12, b""),
        there(7, 0x18, b"hello"),
        back(101, 0x10, b""),
    ];
    let flows = flows(&frames);
    let sorted: Vec<_> = flows.sorted().collect();
    let [(key, flow)] = sorted[..] else {
        panic!("{sorted:?}")
    };
    assert_eq!(key.via.unwrap().text(), "vxlan vni 1");
    assert_eq!((flow.ways[0].packets, flow.ways[1].packets), (2, 2));
    assert_eq!(flow.rtt(), Some(100_000_000));
    assert_eq!(flows.get(&key).map(Flow::packets), Some(4));
    assert!(!flow.is_one_way());
    assert_eq!(flows.findings(), []);
}

#[test]
fn a_syn_that_nobody_answers() {
    assert_eq!(
        codes(&[there(6, 2, b""), there(6, 2, b"")]),
        [""; 0],
        "the same packet, seen twice"
    );
    let mut again = there(6, 2, b"");
    // Another IP id: sent again.
    let at = 14 + 20 + 8 + 8 + 14 + 4;
    again[at] ^= 1;
    again[at + 6] ^= 1;
    assert!(codes(&[there(6, 2, b""), again]).contains(&"syn-unanswered"));
}

#[test]
fn refused_and_reset() {
    assert_eq!(
        codes(&[there(6, 2, b""), back(0, 0x14, b"")]),
        ["connection-refused"]
    );
    assert_eq!(
        codes(&[there(7, 0x18, b"x"), back(1, 0x14, b"")]),
        ["connection-reset"]
    );
    assert_eq!(
        codes(&[there(7, 0x11, b""), back(1, 0x11, b""), there(8, 4, b"")]),
        [""; 0]
    );
}

#[test]
fn segments_that_are_sent_again() {
    let mut frames = vec![there(100, 0x18, &[1; 50]), there(150, 0x18, &[1; 50])];
    for _ in 0..3 {
        frames.push(there(100, 0x18, &[1; 50]));
        frames.push(there(150, 0x10, b""));
    }
    assert_eq!(codes(&frames), ["sent-again-one-way"]);
    frames.insert(1, back(1, 0x10, b""));
    assert_eq!(codes(&frames), ["segments-sent-again"]);
}

#[test]
fn arp_in_vain_is_asked_again() {
    let ask = build::ethernet(1, 255, 0x0806, &build::arp(1, A, B));
    let answer = build::ethernet(2, 1, 0x0806, &build::arp(2, B, A));
    let mut frames = vec![build::ethernet(1, 2, 0x0800, &build::udp4(A, B, (1, 2), b"")); 10];
    frames.insert(0, ask.clone());
    frames.push(ask);
    assert_eq!(codes(&frames), ["neighbor-unanswered"]);
    frames.push(answer);
    assert_eq!(codes(&frames), [""; 0]);
}

#[test]
fn a_receiver_that_does_not_read() {
    let closed = |sequence: u32| {
        let mut packet = build::tcp4(B, A, (80, 40000), sequence, 0x10, b"");
        packet[20 + 14..20 + 16].copy_from_slice(&[0, 0]);
        inside(1, &packet)
    };
    let mut frames = vec![there(7, 0x18, b"hello")];
    // Sequence numbers differ, so that none is the same packet again.
    frames.extend((0..3).map(|nth| closed(100 + nth)));
    let codes = codes(&frames);
    assert!(codes.contains(&"window-closed"), "{codes:?}");
    frames.truncate(3);
    assert!(!self::codes(&frames).contains(&"window-closed"));
}

#[test]
fn an_address_that_two_hosts_have() {
    let has = |link: u8| {
        let mut arp = build::arp(2, B, A);
        // The sender's link address.
        arp[13] = link;
        build::ethernet(link, 255, 0x0806, &arp)
    };
    assert_eq!(codes(&[has(1), has(2)]), [""; 0], "an address may move");
    assert_eq!(codes(&[has(1), has(2), has(1)]), ["duplicate-address"]);
}

#[test]
fn errors_name_whom_they_are_about() {
    let big = build::tcp4(A, B, (40000, 80), 1, 0x18, &[0; 20]);
    let error = build::icmp(3, 4, [0, 0, 0x05, 0xaa], &big[..28]);
    let frame = build::ethernet(1, 2, 0x0800, &build::ipv4([10, 0, 0, 9], A, 1, &error));
    let findings = flows(&[frame]).findings();
    assert_eq!(
        findings[0].text,
        "10.0.0.9 answers packets from 10.244.1.1 to 10.244.2.2: needs packets of at most 1450 bytes"
    );
}

#[test]
fn wrong_checksums_inside_and_none_on_healthy_traffic() {
    let mut frame = there(7, 0x18, b"hello");
    let last = frame.len() - 1;
    frame[last] ^= 1;
    assert_eq!(codes(&[frame]), ["tunnel-checksum-offload"]);
    let mut bare = build::ethernet(1, 2, 0x0800, &build::tcp4(A, B, (40000, 80), 7, 0x18, b"hello"));
    let last = bare.len() - 1;
    bare[last] ^= 1;
    assert_eq!(codes(&[bare]), ["checksum-wrong"]);
}

#[test]
fn fragments_of_a_tunnel() {
    let frame = build::ethernet(5, 6, 0x0800, &build::udp4(A, B, (1000, 2000), &[0; 1400]));
    let mut payload = build::udp_plain(50000, 4789, &build::vxlan(8, [0; 3], 1, &frame));
    payload.truncate(1000);
    let packet = build::ipv4_with([192, 168, 0, 1], [192, 168, 0, 2], 17, 0x2000, &[], &payload);
    assert_eq!(
        codes(&[build::ethernet(1, 2, 0x0800, &packet)]),
        ["tunnel-fragmented"]
    );
}

#[test]
fn healthy_traffic_has_no_findings() {
    let mix = Mix {
        packets: 3000,
        pods: 40,
        flows: 3000,
        seed: 9,
    };
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(traffic::file_of(mix)))).unwrap();
    let (mut flows, mut stack, decoder) = (Flows::default(), Stack::default(), Decoder::default());
    while let Some((packet, _)) = reader.next_packet().unwrap() {
        decoder.decode(packet.data, packet.link, packet.wire_len, &mut stack);
        flows.add(1, &packet, &stack);
    }
    assert_eq!(flows.packets, 3000);
    assert_eq!(flows.findings(), []);
}

/// Flows that several threads count, in any order of the blocks, are those that one counts, or looks at; also when they are
/// too many to be told apart.
#[test]
fn parts_of_a_capture_are_counted_apart() {
    let key = |number: u64| {
        // Every third packet is of a flow that was there before.
        let flow = u32::try_from(if number.is_multiple_of(3) {
            number / 2
        } else {
            number
        })
        .unwrap();
        let end = |address: u32| End {
            address: std::net::Ipv4Addr::from(address).into(),
            port: 9,
        };
        Key {
            via: None,
            kind: Kind::Udp,
            a: end(1),
            b: end(0x0a00_0000 + flow),
        }
    };
    let time = |number: u64| i64::try_from(number * 7919 % 100_000).unwrap();
    let wire_len = |number: u64| u32::try_from(60 + number % 50).unwrap();
    let seen = |number: u64| Seen {
        number,
        time: Time::from_nanos(time(number)),
        wire_len: wire_len(number),
        interface: 0,
        key: Some(((&key(number)).into(), number.is_multiple_of(2))),
        says: seen::Says::Nothing,
        remarks: Vec::new(),
    };
    let counted = |number: u64| Counted {
        key: Some((&key(number)).into()),
        back: number.is_multiple_of(2),
        wire_len: wire_len(number),
        number,
        time: time(number),
    };
    for packets in [1_000, MOST_FLOWS as u64 * 155 / 100] {
        let mut whole = Flows::default();
        let mut alone = Counts::default();
        let mut parts = [Counts::of_parts(), Counts::of_parts(), Counts::of_parts()];
        for block in 0..packets / 500 {
            let numbers = block * 500 + 1..=block * 500 + 500;
            let part = &mut parts[usize::try_from(block * 2_654_435_761 % 3).unwrap()];
            let packets: Vec<_> = numbers.clone().map(counted).collect();
            part.add_all(&packets);
            alone.add_all(&packets);
            whole.add_all(&mut numbers.map(seen).collect::<Vec<_>>());
        }
        let mut together = Counts::default();
        together.join(parts);
        let totals = |flows: &Flows| (flows.packets, flows.bytes, flows.untold, flows.first, flows.last);
        assert_eq!(whole.untold > 0, packets > 1_000);
        for flows in [alone.into_flows(), together.into_flows()] {
            assert_eq!(totals(&flows), totals(&whole));
            assert_eq!(flows.len(), whole.len());
            for (key, flow) in whole.sorted() {
                assert_eq!(flows.get(&key), Some(flow), "{key:?}");
            }
            for most in [0, 1, 20, flows.len(), usize::MAX] {
                assert!(flows.largest(most).eq(whole.sorted().take(most)), "{most}");
            }
        }
    }
}

/// What is told without layers is what the layers tell: of packets of all kinds, damaged and cut, with tunnels on any port.
#[test]
fn usual_packets_have_the_flows_of_their_layers() {
    let mut random = Random::new(17);
    let mut stack = Stack::default();
    let (mut usual, mut all) = (0, 0);
    let mut compare = |decoder: &Decoder, frame: &[u8], link: u16| {
        let packet = Packet {
            time: Time::default(),
            link: LinkType(link),
            interface: 0,
            wire_len: u32::try_from(frame.len()).unwrap(),
            data: frame,
            comment: None,
            direction: 0,
        };
        all += 1;
        if let Some((key, back)) = super::usual::packed(&packet, decoder) {
            usual += 1;
            decoder.decode(frame, packet.link, packet.wire_len, &mut stack);
            let told = super::key::packed(frame, &stack).map(|(key, back)| (key.key(), back));
            assert_eq!(told, Some((key.key(), back)), "{frame:02x?}");
        }
    };
    for seed in 0..400 {
        let mut decoder = Decoder {
            known_ports_only: random.below(2) == 0,
            ..Decoder::default()
        };
        let tunnels = [
            Tunnel::Vxlan,
            Tunnel::Geneve,
            Tunnel::FlannelUdp,
            Tunnel::Gre,
            Tunnel::None,
        ];
        for port in [9000 + random.below(256), 50_000 + random.below(256), 4789, 8285] {
            decoder
                .ports
                .set(u16::try_from(port).unwrap(), tunnels[random.below(tunnels.len())]);
        }
        for sample in kinds::all(&mut Random::new(seed)) {
            let mut frame = sample.frame;
            compare(&decoder, &frame, sample.link);
            compare(&decoder, &frame[..random.below(frame.len() + 1)], sample.link);
            for _ in 0..8 {
                let at = random.below(frame.len());
                frame[at] = if random.below(2) == 0 {
                    random.u8()
                } else {
                    frame[at] ^ 1 << random.below(8)
                };
                compare(&decoder, &frame, sample.link);
            }
        }
    }
    assert!(usual > 5_000 && all > 100_000, "{usual} of {all}");
}

/// So that counting is quick: of what pods mostly send, no layers are asked for.
#[test]
fn traffic_of_clusters_is_usual() {
    let mix = Mix {
        packets: 1000,
        pods: 40,
        flows: 1000,
        seed: 3,
    };
    let mut reader = Reader::new(Box::new(std::io::Cursor::new(traffic::file_of(mix)))).unwrap();
    let decoder = Decoder::default();
    while let Some((packet, _)) = reader.next_packet().unwrap() {
        assert!(super::usual::packed(&packet, &decoder).is_some(), "{packet:02x?}");
    }
}
