//! One packet of every kind that is decoded.

use crate::Random;
use crate::build::{
    arp, checked, ethernet, geneve, gre, icmp, ipv4, ipv4_with, ipv6, label, tcp, tcp4, udp_plain, udp4,
    vlan, vxlan,
};

/// A packet to decode.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: &'static str,
    /// LINKTYPE.
    pub link: u16,
    pub frame: Vec<u8>,
}

const A: [u8; 4] = [192, 168, 10, 1];
const B: [u8; 4] = [192, 168, 10, 2];
const A6: [u8; 16] = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const B6: [u8; 16] = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// The packet inside: TCP, UDP or ICMP, over IPv4.
fn inner4(random: &mut Random) -> Vec<u8> {
    let (a, b) = ([10, 244, 1, random.u8()], [10, 244, 2, random.u8()]);
    let length = random.below(60);
    let payload = vec![0x61; length];
    let ports = (50000 + u16::from(random.u8()), 9000 + u16::from(random.u8()));
    match random.below(4) {
        0 => udp4(a, b, ports, &payload),
        1 => ipv4(a, b, 1, &icmp(8, 0, [0, 7, 0, 1], &payload)),
        _ => tcp4(a, b, ports, 1000, 0x18, &payload),
    }
}

fn inner6(random: &mut Random) -> Vec<u8> {
    let mut a = A6;
    a[15] = random.u8();
    let payload = vec![0x62; random.below(50)];
    let segment = checked(
        tcp(51000, 9001, 5, 2, &[2, 4, 5, 0xa0, 1, 3, 3, 7], &payload),
        16,
        6,
        &a,
        &B6,
    );
    ipv6(a, B6, 6, &segment)
}

fn frame(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        0 => ethernet(5, 6, 0x86dd, &inner6(random)),
        1 => ethernet(5, 255, 0x0806, &arp(1, [10, 244, 1, 1], [10, 244, 1, 2])),
        2 => ethernet(
            5,
            6,
            0x8100,
            &vlan(random.u16() & 0xefff, 0x0800, &inner4(random)),
        ),
        _ => ethernet(5, 6, 0x0800, &inner4(random)),
    }
}

fn outer(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(1, 2, 0x0800, &ipv4(A, B, protocol, payload))
}

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    outer(17, &udp_plain(55555, port, payload))
}

/// ICMP that quotes the first bytes of a packet.
fn complaint(random: &mut Random) -> Vec<u8> {
    let mut quoted = inner4(random);
    quoted.truncate(28);
    match random.below(4) {
        0 => icmp(3, 1, [0; 4], &quoted),
        1 => icmp(3, 4, [0, 0, 5, 0x78], &quoted),
        2 => icmp(11, 0, [0; 4], &quoted),
        _ => icmp(3, 3, [0; 4], &quoted),
    }
}

/// A message of BGP.
fn bgp(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend(crate::build::len16(19 + body.len()));
    bytes.push(kind);
    bytes.extend(body);
    bytes
}

fn dns() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    bytes.extend(b"\x03web\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01");
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 10]);
    bytes
}

fn dhcp() -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
    bytes.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255, 0, 0]);
    bytes
}

/// One of each, with what varies chosen by the numbers.
pub fn all(random: &mut Random) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, link, frame| samples.push(Sample { name, link, frame });
    let r = random;
    add("arp", 1, ethernet(1, 255, 0x0806, &arp(1, A, B)));
    add("arp reply", 1, ethernet(1, 2, 0x0806, &arp(2, A, B)));
    add("plain", 1, ethernet(1, 2, 0x0800, &inner4(r)));
    add("plain v6", 1, ethernet(1, 2, 0x86dd, &inner6(r)));
    add(
        "vlan",
        1,
        ethernet(1, 2, 0x8100, &vlan(0x2064, 0x0800, &inner4(r))),
    );
    let tagged = vlan(200, 0x8100, &vlan(42, 0x0800, &inner4(r)));
    add("qinq", 1, ethernet(1, 2, 0x88a8, &tagged));
    let options = [1, 1, 1, 0x83, 7, 8, 10, 9, 9, 9, 0, 0];
    let segment = checked(tcp(50001, 9000, 1, 0x10, &[], b"x"), 16, 6, &A, &B);
    add(
        "options",
        1,
        ethernet(1, 2, 0x0800, &ipv4_with(A, B, 6, 0, &options, &segment)),
    );
    add(
        "first fragment",
        1,
        ethernet(
            1,
            2,
            0x0800,
            &ipv4_with(A, B, 17, 0x2000, &[], &udp_plain(50002, 9000, &[7; 32])),
        ),
    );
    add(
        "later fragment",
        1,
        ethernet(1, 2, 0x0800, &ipv4_with(A, B, 17, 0x0005, &[], &[8; 40])),
    );
    for (name, port) in [("vxlan", 4789), ("vxlan 8472", 8472)] {
        add(
            name,
            1,
            datagram(port, &vxlan(8, [0; 3], u32::from(r.u16()), &frame(r))),
        );
    }
    add(
        "vxlan gbp",
        1,
        datagram(4789, &vxlan(0x88, [0, 1, 2], 77, &frame(r))),
    );
    add("otv", 1, datagram(8472, &vxlan(8, [0, 0, 9], 5, &frame(r))));
    add(
        "gpe v4",
        1,
        datagram(4790, &vxlan(0x0c, [0, 0, 1], 78, &inner4(r))),
    );
    add(
        "gpe v6",
        1,
        datagram(4790, &vxlan(0x0c, [0, 0, 2], 78, &inner6(r))),
    );
    add(
        "gpe frame",
        1,
        datagram(4790, &vxlan(0x0c, [0, 0, 3], 78, &frame(r))),
    );
    add("geneve", 1, datagram(6081, &geneve(0x6558, 11, &[], &frame(r))));
    let option = [1, 2, 0x80, 1, 0, 1, 0, 2];
    add(
        "geneve options",
        1,
        datagram(6081, &geneve(0x6558, u32::from(r.u16()), &option, &frame(r))),
    );
    add(
        "geneve v4",
        1,
        datagram(6081, &geneve(0x0800, 12, &[], &inner4(r))),
    );
    add(
        "geneve v6",
        1,
        datagram(6081, &geneve(0x86dd, 12, &[], &inner6(r))),
    );
    add("ipip", 1, outer(4, &inner4(r)));
    add("6in4", 1, outer(41, &inner6(r)));
    add("4in6", 1, ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 4, &inner4(r))));
    add("6in6", 1, ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 41, &inner6(r))));
    add("gre", 1, outer(47, &gre(0, 0x0800, &[], &inner4(r))));
    add("gre v6", 1, outer(47, &gre(0, 0x86dd, &[], &inner6(r))));
    add(
        "gre key",
        1,
        outer(47, &gre(0x2000, 0x6558, &[0, 0, 1, 0x11], &frame(r))),
    );
    add(
        "gre all",
        1,
        outer(
            47,
            &gre(0xb000, 0x0800, &[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 5], &inner4(r)),
        ),
    );
    add("erspan 1", 1, outer(47, &gre(0, 0x88be, &[], &frame(r))));
    let two = [&[0x10, 0x64, 2, 0x9a, 0, 0, 0x7f, 0xf8][..], &frame(r)].concat();
    add(
        "erspan 2",
        1,
        outer(47, &gre(0x1000, 0x88be, &[0, 0, 0, 1], &two)),
    );
    let three = [&[0x20, 0x64, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0][..], &frame(r)].concat();
    add(
        "erspan 3",
        1,
        outer(47, &gre(0x1000, 0x22eb, &[0, 0, 0, 1], &three)),
    );
    add("flannel", 1, outer(17, &udp_plain(8285, 8285, &inner4(r))));
    let stack = [&label(100, false)[..], &label(200, true), &inner4(r)].concat();
    add("mpls", 1, ethernet(1, 2, 0x8847, &stack));
    // tshark tells a control word by the makers of the addresses after it.
    let mut known = frame(r);
    known[..3].copy_from_slice(&[0x00, 0x1b, 0x21]);
    known[6..9].copy_from_slice(&[0x00, 0x1b, 0x21]);
    let wire = [&label(300, true)[..], &[0; 4], &known].concat();
    add("mpls pseudowire", 1, ethernet(1, 2, 0x8847, &wire));
    add(
        "mpls gre",
        1,
        outer(
            47,
            &gre(0, 0x8847, &[], &[&label(17, true)[..], &inner4(r)].concat()),
        ),
    );
    add(
        "mpls udp",
        1,
        datagram(6635, &[&label(18, true)[..], &inner6(r)].concat()),
    );
    let ah = [
        &[4, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 7][..],
        &[0xaa; 12],
        &inner4(r),
    ]
    .concat();
    add("ah", 1, outer(51, &ah));
    add(
        "esp",
        1,
        outer(50, &[&[0, 0, 0x56, 0x78, 0, 0, 0, 9][..], &r.bytes(40)].concat()),
    );
    let mut data = vec![4, 0, 0, 0, 9, 9, 9, 9, 1, 0, 0, 0, 0, 0, 0, 0];
    data.extend(r.bytes(64));
    add("wireguard", 1, datagram(51820, &data));
    let ppp = [
        &[0x11, 0, 0, 7][..],
        &crate::build::len16(2 + 28),
        &[0, 0x21],
        &ipv4(A, B, 253, &[9; 8]),
    ]
    .concat();
    add("pppoe", 1, ethernet(1, 2, 0x8864, &ppp));
    let chunk = [
        0xc3, 0x51, 0x0b, 0x59, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0,
        1, 0, 0, 0, 1,
    ];
    add("sctp", 1, outer(132, &chunk));
    add("igmp", 1, outer(2, &[0x16, 0, 9, 4, 224, 0, 0, 251]));
    add("icmp error", 1, outer(1, &complaint(r)));
    let inside = ethernet(
        5,
        6,
        0x0800,
        &ipv4([10, 244, 1, 1], [10, 244, 2, 2], 1, &complaint(r)),
    );
    add(
        "icmp error inside",
        1,
        datagram(4789, &vxlan(8, [0; 3], 3, &inside)),
    );
    let mut quote = inner6(r);
    quote.truncate(60);
    let big = checked([&[2, 0, 0, 0, 0, 0, 5, 0][..], &quote].concat(), 2, 58, &A6, &B6);
    add(
        "icmp6 too big",
        1,
        ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 58, &big)),
    );
    let ask = checked([&[135, 0, 0, 0, 0, 0, 0, 0][..], &B6].concat(), 2, 58, &A6, &B6);
    add("neighbor", 1, ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 58, &ask)));
    let hop = [
        &[17, 0, 1, 4, 0, 0, 0, 0][..],
        &checked(udp_plain(50003, 9000, b"hi"), 6, 17, &A6, &B6),
    ]
    .concat();
    add("hop by hop", 1, ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 0, &hop)));
    let part = [&[17, 0, 0, 1, 0, 0, 0, 9][..], &udp_plain(50003, 9000, &[1; 24])].concat();
    add("fragment 6", 1, ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 44, &part)));
    let part = [&[17, 0, 0, 8, 0, 0, 0, 9][..], &[1; 24]].concat();
    add(
        "later fragment 6",
        1,
        ethernet(1, 2, 0x86dd, &ipv6(A6, B6, 44, &part)),
    );
    let segment = |payload: &[u8]| {
        let tcp = checked(tcp(50004, 179, 1, 0x18, &[], payload), 16, 6, &A, &B);
        ethernet(1, 2, 0x0800, &ipv4(A, B, 6, &tcp))
    };
    let open = [4, 0xfc, 0, 0, 90, 10, 0, 0, 1, 8, 2, 6, 65, 4, 0, 0, 0xfc, 0];
    add("bgp open", 1, segment(&bgp(1, &open)));
    let update = [
        0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0, 0x40, 3, 4, 10, 0, 0, 2, 26, 10, 244, 1,
        64,
    ];
    add("bgp update", 1, segment(&[bgp(2, &update), bgp(4, &[])].concat()));
    add("bgp error", 1, segment(&bgp(3, &[2, 2])));
    add("dns", 1, ethernet(1, 2, 0x0800, &udp4(A, B, (53, 50005), &dns())));
    add("dhcp", 1, ethernet(1, 2, 0x0800, &udp4(A, B, (68, 67), &dhcp())));
    add("raw", 101, ipv4(A, B, 4, &inner4(r)));
    add("raw v6", 101, inner6(r));
    let cooked = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    add("sll", 113, [&cooked[..], &ipv4(A, B, 4, &inner4(r))].concat());
    let cooked = [0x86, 0xdd, 0, 0, 0, 0, 0, 9, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    add("sll2", 276, [&cooked[..], &inner6(r)].concat());
    add("null", 0, [&[2, 0, 0, 0][..], &inner4(r)].concat());
    add("loop", 108, [&[0, 0, 0, 30][..], &inner6(r)].concat());
    samples
}
