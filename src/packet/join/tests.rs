use netdiag_bench::{Random, build};

use super::*;
use crate::packet::file::Time;
use crate::packet::{Decoder, LinkType};

const A: [u8; 4] = [10, 244, 1, 1];
const B: [u8; 4] = [10, 244, 2, 2];

/// A ping's packet, bare or in VXLAN, after so many routers.
fn echo(reply: bool, sequence: u8, routers: u8, carried: bool) -> Vec<u8> {
    let (from, to, kind) = if reply { (B, A, 0) } else { (A, B, 8) };
    let mut packet = build::ipv4(
        from,
        to,
        1,
        &build::icmp(kind, 0, [0, 7, 0, sequence], b"abcdefgh"),
    );
    packet[4] = sequence;
    packet[8] -= routers;
    let frame = build::ethernet(5, 6, 0x0800, &packet);
    if !carried {
        return frame;
    }
    let payload = build::udp_plain(50000, 4789, &build::vxlan(8, [0; 3], 1, &frame));
    build::ethernet(
        1,
        2,
        0x0800,
        &build::ipv4([192, 168, 0, 1], [192, 168, 0, 2], 17, &payload),
    )
}

/// Both captures were added.
fn joined(mut join: Join) -> Joined {
    join.finish(0).unwrap();
    join.finish(1).unwrap();
    join.joined().unwrap()
}

fn add(join: &mut Join, capture: usize, number: u64, time: i64, frame: &[u8]) {
    let mut stack = Stack::default();
    let packet = Packet {
        time: Time::from_nanos(time),
        link: LinkType::ETHERNET,
        interface: 0,
        wire_len: u32::try_from(frame.len()).unwrap(),
        data: frame,
        comment: None,
        direction: 0,
    };
    Decoder::default().decode(frame, packet.link, packet.wire_len, &mut stack);
    join.add(capture, number, &packet, &stack).unwrap();
}

/// Pings a second apart, which need 200 µs and come back in 300 µs; the second clock is ahead by `ahead`. What `there`
/// and `back` say is lost on its way.
fn pings(ahead: i64, there: impl Fn(u8) -> bool, back: impl Fn(u8) -> bool) -> Joined {
    let mut join = Join::default();
    let mut numbers = [0, 0];
    let mut seen = |join: &mut Join, capture: usize, time: i64, frame: &[u8]| {
        numbers[capture] += 1;
        add(join, capture, numbers[capture], time, frame);
    };
    for sequence in 0..20 {
        let start = i64::from(sequence) * 1_000_000_000;
        seen(&mut join, 0, start, &echo(false, sequence, 0, false));
        if there(sequence) {
            continue;
        }
        seen(
            &mut join,
            1,
            start + 200_000 + ahead,
            &echo(false, sequence, 1, true),
        );
        seen(
            &mut join,
            1,
            start + 250_000 + ahead,
            &echo(true, sequence, 0, true),
        );
        if !back(sequence) {
            seen(&mut join, 0, start + 550_000, &echo(true, sequence, 1, false));
        }
    }
    joined(join)
}

#[test]
fn what_left_and_never_arrived() {
    for ahead in [0, 3_600_000_000_000, -77_000_000] {
        let joined = pings(ahead, |number| number == 3, |number| number == 5);
        assert_eq!(
            (joined.packets, joined.both, joined.outside),
            ([38, 38], 37, [0, 0])
        );
        let [there, back] = &joined.ways[..] else {
            panic!("{joined:?}")
        };
        assert_eq!(
            (there.from, there.first, there.lost()),
            (A.into(), Some(0), Some(1))
        );
        // The requests and replies before it, and itself.
        assert_eq!(there.named[0], [7]);
        assert_eq!((back.from, back.first, back.lost()), (B.into(), Some(1), Some(1)));
        assert_eq!((there.arrived, back.arrived), (19, 18));
    }
}

#[test]
fn clocks_are_told_from_packets_both_ways() {
    let joined = pings(5_000_000, |_| false, |_| false);
    // The way there and the way back are taken to be equally long: 50 µs wrong here.
    assert_eq!(joined.ahead, Some(5_000_000 - 50_000));
    assert_eq!(joined.give_or_take, Some(250_000));
    assert!(
        joined.ways.iter().all(|way| way.delay == Some([250_000; 3])),
        "{joined:?}"
    );
}

#[test]
fn one_way_alone_says_nothing_of_clocks() {
    let joined = pings(5_000_000, |_| false, |_| true);
    assert_eq!(joined.give_or_take, None);
    assert_eq!(joined.ahead, Some(5_200_000));
    // All replies were lost: the requests' TTL says who is nearer to whom.
    let back = joined
        .ways
        .iter()
        .find(|way| way.from == IpAddr::from(B))
        .unwrap();
    assert_eq!((back.first, back.lost()), (Some(1), Some(19)));
    // The last one came when the other had ended.
    assert_eq!(joined.outside, [0, 1]);
}

#[test]
fn before_and_after_the_other_capture_nothing_is_lost() {
    let mut join = Join::default();
    for sequence in 0..20u8 {
        let time = i64::from(sequence) * 1_000_000_000;
        add(
            &mut join,
            0,
            u64::from(sequence) + 1,
            time,
            &echo(false, sequence, 0, false),
        );
        if (5..15).contains(&sequence) {
            add(
                &mut join,
                1,
                u64::from(sequence) - 4,
                time + 1000,
                &echo(false, sequence, 1, false),
            );
        }
    }
    let joined = joined(join);
    assert_eq!((joined.both, joined.outside), (10, [10, 0]));
    assert_eq!(joined.ways[0].lost(), Some(0));
}

/// Packets both ways through a network that loses, doubles, delays and turns some around, between clocks that drift apart;
/// some are sent again as they are. What is held in memory changes nothing.
#[test]
fn what_is_sorted_in_files_is_joined_alike() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let (loss, pause) = (random.below(8), 1 + random.below(5000));
        let mut places = [Vec::new(), Vec::new()];
        let mut clock = 0;
        for _ in 0..random.below(150) {
            clock += random.below(2 * pause);
            let (reply, sequence) = (random.below(2) == 0, random.u8() & 63);
            let (first, second) = if reply { (1, 0) } else { (0, 1) };
            let copies = [0, 1, 1, 1, 1, 1, 1, 2][random.below(8)];
            let began = random.below(16) > 0;
            let time =
                |clock: usize, place: usize| i64::try_from(clock + place * (90_000 + clock / 1000)).unwrap();
            if began {
                places[first].push((time(clock, first), echo(reply, sequence, 0, false)));
            }
            for _ in 0..copies {
                if random.below(16) >= loss {
                    let arrival = clock + random.below(3 * pause);
                    places[second].push((time(arrival, second), echo(reply, sequence, 1, true)));
                }
            }
        }
        // Captures aren't quite in order.
        for place in &mut places {
            place.sort_by_key(|(time, _)| time / 3000);
        }
        let with = |held: usize| {
            let mut join = Join::holding(held);
            for (capture, place) in places.iter().enumerate() {
                for (number, (time, frame)) in (1..).zip(place) {
                    add(&mut join, capture, number, *time, frame);
                }
            }
            joined(join)
        };
        let whole = with(usize::MAX);
        for held in [1, 7, 64] {
            assert_eq!(with(held), whole, "seed {seed}, {held} held");
        }
    }
}

#[test]
fn of_many_that_were_lost_the_first_are_named() {
    let mut way = Way {
        from: A.into(),
        to: B.into(),
        first: Some(0),
        arrived: 0,
        only: [0; 2],
        named: [Vec::new(), Vec::new()],
        delay: None,
    };
    for number in 0..100u64 {
        way.miss(0, number * 37 % 101);
    }
    assert_eq!(way.only, [100, 0]);
    let mut all: Vec<u64> = (0..100).map(|number| number * 37 % 101).collect();
    all.sort_unstable();
    assert_eq!(way.named[0], all[..NAMED]);
}
