//! The comparison.

use std::net::{Ipv4Addr, Ipv6Addr};

use netdiag::packet::layer::{Kind, Layer};
use netdiag::packet::wire::arp::Arp;
use netdiag::packet::wire::ethernet::Ethernet;
use netdiag::packet::wire::geneve::Geneve;
use netdiag::packet::wire::gre::Gre;
use netdiag::packet::wire::icmp::Icmp;
use netdiag::packet::wire::ipv4::{Ipv4, protocol};
use netdiag::packet::wire::ipv6::{Extension, Ipv6, is_extension};
use netdiag::packet::wire::mpls::Mpls;
use netdiag::packet::wire::null::Null;
use netdiag::packet::wire::ppp::Ppp;
use netdiag::packet::wire::tcp::Tcp;
use netdiag::packet::wire::udp::Udp;
use netdiag::packet::wire::vlan::Vlan;
use netdiag::packet::wire::vxlan::Vxlan;
use netdiag::packet::{Decoder, LinkType, Stack, Why};
use netdiag_bench::kinds::{self, Sample};
use netdiag_bench::{Random, file};

use crate::skip;
use crate::tshark::{self, FIELDS};

/// What netdiag sees, in tshark's fields; the first is the chain of protocols.
fn ours(decoder: &Decoder, link: u16, frame: &[u8], wire_len: usize) -> (Vec<String>, Doubt) {
    let mut stack = Stack::default();
    decoder.decode(
        frame,
        LinkType(link),
        u32::try_from(wire_len).unwrap(),
        &mut stack,
    );
    let mut row = vec![Vec::new(); FIELDS.len()];
    let mut put = |field: &str, value: String| {
        let at = FIELDS.iter().position(|name| *name == field).unwrap();
        row[at].push(value);
    };
    let mac = |address: [u8; 6]| address.map(|byte| format!("{byte:02x}")).join(":");
    let mut extension = 0;
    for layer in stack.layers() {
        let header = layer.header(frame);
        if let Some(name) = name(layer, extension) {
            put("frame.protocols", name.to_owned());
        }
        match layer.kind {
            Kind::Ethernet => {
                put("eth.src", mac(Ethernet(header).source()));
                put("eth.dst", mac(Ethernet(header).destination()));
            }
            Kind::Vlan => {
                let tag = frame.get(layer.offset as usize - 2..).unwrap();
                let field = if tag.starts_with(&[0x88, 0xa8]) {
                    "ieee8021ad.id"
                } else {
                    "vlan.id"
                };
                put(field, Vlan(header).id().to_string());
            }
            Kind::Ipv4 => {
                put("ip.src", Ipv4Addr::from(Ipv4(header).source()).to_string());
                put(
                    "ip.dst",
                    Ipv4Addr::from(Ipv4(header).final_destination()).to_string(),
                );
            }
            Kind::Ipv6 => {
                extension = Ipv6(header).next_header();
                put("ipv6.src", Ipv6Addr::from(Ipv6(header).source()).to_string());
                put("ipv6.dst", Ipv6Addr::from(Ipv6(header).destination()).to_string());
            }
            Kind::Ipv6Ext => extension = Extension(header).next_header(),
            Kind::Tcp => {
                put("tcp.srcport", Tcp(header).source().to_string());
                put("tcp.dstport", Tcp(header).destination().to_string());
                if header.len() >= 20 {
                    put("tcp.seq_raw", Tcp(header).sequence().to_string());
                }
            }
            Kind::Udp => {
                put("udp.srcport", Udp(header).source().to_string());
                put("udp.dstport", Udp(header).destination().to_string());
            }
            Kind::Vxlan | Kind::VxlanGpe => put("vxlan.vni", Vxlan(header).vni().to_string()),
            Kind::Geneve => put("geneve.vni", format!("0x{:06x}", Geneve(header).vni())),
            Kind::Gre => {
                // Type I of ERSPAN has no header, but a name.
                if Gre(header).protocol() == 0x88be && Gre(header).sequence().is_none() {
                    put("frame.protocols", "erspan".to_owned());
                }
                if let Some(key) = Gre(header).key() {
                    put("gre.key", format!("0x{key:08x}"));
                }
            }
            Kind::Mpls => {
                for label in Mpls(header).labels() {
                    put("mpls.label", label.label.to_string());
                }
            }
            Kind::Icmp => put("icmp.type", Icmp(header).kind().to_string()),
            Kind::Arp => {
                // tshark shows addresses of IP only.
                let target = <[u8; 4]>::try_from(Arp(header).target());
                if let (Ok(target), 0x0800) = (target, Arp(header).protocol()) {
                    put("arp.dst.proto_ipv4", Ipv4Addr::from(target).to_string());
                }
            }
            _ => {}
        }
    }
    let row = row
        .into_iter()
        .enumerate()
        .map(|(at, values)| values.join(if at == 0 { ":" } else { "," }))
        .collect();
    (row, doubt(frame, &stack))
}

/// How far a damaged packet can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// A header contradicts itself: netdiag stops there, and says so; tshark warns, and goes on or not.
    Stopped,
    /// What follows a header is guessed by both, each in its way.
    Guessed,
}

fn doubt(frame: &[u8], stack: &Stack) -> Doubt {
    let guessed = stack.layers().iter().any(|layer| {
        let header = layer.header(frame);
        match layer.kind {
            // tshark doesn't mind whether the protocol is told, or for hosts.
            Kind::VxlanGpe => {
                Vxlan(header).flags() & 0x05 != 0x04 || Vxlan(header).next_protocol() == Some(3)
            }
            // tshark begins with IPv4, whatever comes.
            Kind::FlannelUdp => layer.payload(frame).first() != Some(&0x45),
            // Extension headers of IPv6 in IPv4; UDP-Lite, by which no tunnel goes; options that only tshark reads.
            Kind::Ipv4 => {
                let header = Ipv4(header);
                is_extension(header.protocol())
                    || header.protocol() == UDP_LITE
                    || !are_plain(header.options())
            }
            // Without a length, a host had the card cut it: netdiag reads on.
            Kind::Ipv6 => Ipv6(header).payload_length() == 0 || Ipv6(header).next_header() == UDP_LITE,
            // Options of extension headers.
            Kind::Ipv6Ext => true,
            // An address family of more than 16 bits: tshark shortens it. Linux' own of IPv6: tshark has BSD's.
            Kind::Null => Null(header).family() > 0xffff || Null(header).family() == 10,
            // tshark has no addresses of other operations than questions and answers.
            Kind::Arp => Arp(header).operation() > 2,
            // netdiag doesn't look into MACsec.
            Kind::Ethernet => Ethernet(header).ether_type() == 0x88e5,
            // What is searched for has another name in tshark than what is found.
            Kind::Pppoe => be16(frame, layer.offset as usize - 2) == 0x8863,
            // Van Jacobson's compression: netdiag leaves what is uncompressed of it, too.
            Kind::Ppp => matches!(Ppp(header).protocol(), 0x002d | 0x002f),
            // VLANs' TPIDs of old.
            Kind::Geneve => matches!(Geneve(header).protocol(), 0x9100 | 0x9200),
            // Its first bytes in an error: netdiag has the ports.
            Kind::Sctp => layer.quoted,
            // A control word is told from a frame by its addresses' makers.
            Kind::Mpls => !matches!(layer.payload(frame).first(), Some(0x40..=0x4f | 0x60..=0x6f)),
            // tshark does not mind the version, and has neither tags nor PPPoE in GRE.
            Kind::Gre => {
                Gre(header).version() == 1
                    || matches!(Gre(header).protocol(), 0x8100 | 0x88a8 | 0x8863 | 0x8864)
            }
            // TPIDs of old.
            Kind::Vlan => matches!(be16(frame, layer.offset as usize - 2), 0x9100 | 0x9200),
            _ => false,
        }
    });
    let stopped = stack
        .stop()
        .is_some_and(|stop| matches!(stop.why, Why::Version | Why::Length));
    match (guessed, stopped) {
        (true, _) => Doubt::Guessed,
        (false, true) => Doubt::Stopped,
        (false, false) => Doubt::None,
    }
}

const UDP_LITE: u8 = 136;

/// Whether options are those that hold nothing, and source routes of whole addresses.
fn are_plain(mut options: &[u8]) -> bool {
    loop {
        options = match options {
            [] | [0, ..] => return true,
            [1, rest @ ..] => rest,
            [131 | 137, length, pointer, ..] if length % 4 == 3 && pointer % 4 == 0 => {
                options.get(usize::from(*length)..).unwrap_or(&[])
            }
            _ => return false,
        };
    }
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// tshark's name of a layer; none for those that it doesn't name.
fn name(layer: &Layer, extension: u8) -> Option<&'static str> {
    Some(match layer.kind {
        Kind::Ethernet => "eth",
        Kind::Sll | Kind::Sll2 => "sll",
        Kind::Null => "null",
        Kind::Vlan => "vlan",
        Kind::Mpls => "mpls",
        Kind::ControlWord => "pwethcw",
        Kind::Pppoe => "pppoes",
        Kind::Ppp => "ppp",
        Kind::Arp => "arp",
        Kind::Ipv4 => "ip",
        Kind::Ipv6 => "ipv6",
        Kind::Ipv6Ext => match extension {
            protocol::HOP_BY_HOP => "ipv6.hopopts",
            protocol::ROUTING => "ipv6.routing",
            protocol::FRAGMENT => "ipv6.fraghdr",
            protocol::DESTINATION => "ipv6.dstopts",
            _ => return None,
        },
        Kind::Ah => "ah",
        Kind::Esp => "esp",
        Kind::Icmp => "icmp",
        Kind::Icmpv6 => "icmpv6",
        Kind::Igmp => "igmp",
        Kind::Tcp => "tcp",
        Kind::Udp => "udp",
        Kind::Sctp => "sctp",
        Kind::Gre => "gre",
        Kind::Erspan => "erspan",
        Kind::Vxlan => "vxlan",
        Kind::Geneve => "geneve",
        // tshark 4.0 leaves VXLAN-GPE out of the chain.
        Kind::FlannelUdp | Kind::VxlanGpe => return None,
        Kind::WireGuard => "wg",
        Kind::Bgp => "bgp",
        Kind::Dns => "dns",
        Kind::Dhcp => "dhcp",
    })
}

/// The names of tshark's chain that netdiag has layers for.
fn known(chain: &str) -> String {
    const KNOWN: [&str; 32] = [
        "eth",
        "sll",
        "null",
        "vlan",
        "mpls",
        "pwethcw",
        "pppoes",
        "ppp",
        "arp",
        "ip",
        "ipv6",
        "ipv6.hopopts",
        "ipv6.routing",
        "ipv6.fraghdr",
        "ipv6.dstopts",
        "ah",
        "esp",
        "icmp",
        "icmpv6",
        "igmp",
        "tcp",
        "udp",
        "sctp",
        "gre",
        "erspan",
        "vxlan",
        "geneve",
        "wg",
        "bgp",
        "dns",
        "dhcp",
        "pppoed",
    ];
    let names = chain.split(':').map(|name| match name {
        "ieee8021ad" => "vlan",
        "mdns" => "dns",
        name => name,
    });
    let mut names: Vec<&str> = names.filter(|name| KNOWN.contains(name)).collect();
    // tshark names IGMP once for the header and once for the message.
    names.dedup_by(|a, b| a == b && *a == "igmp");
    names.join(":")
}

/// How much has to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Same {
    /// All.
    All,
    /// tshark may name one header more, and show what it has of it: the one that the capture cut.
    UpToTheCut,
}

impl Same {
    fn holds(self, field: &str, theirs: &str, ours: &str) -> bool {
        if theirs == ours || self == Self::All {
            return theirs == ours;
        }
        let separator = if field == "frame.protocols" { ':' } else { ',' };
        let Some(more) = theirs.strip_prefix(ours) else {
            return false;
        };
        let more = more.trim_start_matches(separator);
        field == "mpls.label" || !more.contains(separator)
    }
}

/// Packets of a link type, and what differs in each: name, field, tshark's, ours.
fn compare(samples: &[(Sample, usize)], same: Same) -> Vec<(usize, &'static str, String, String)> {
    let decoder = Decoder {
        known_ports_only: true,
        ..Decoder::default()
    };
    let mut different = Vec::new();
    let mut links: Vec<u16> = samples.iter().map(|(sample, _)| sample.link).collect();
    links.sort_unstable();
    links.dedup();
    for link in links {
        let of_link: Vec<usize> = (0..samples.len())
            .filter(|at| samples[*at].0.link == link)
            .collect();
        let mut bytes = file::header(link);
        for at in &of_link {
            let (sample, wire_len) = &samples[*at];
            file::packet(&mut bytes, *at as u64, &sample.frame, *wire_len);
        }
        let theirs = tshark::read(&bytes);
        assert_eq!(theirs.len(), of_link.len(), "packets of link type {link}");
        for (at, mut theirs) in of_link.into_iter().zip(theirs) {
            let (sample, wire_len) = &samples[at];
            theirs[0] = known(&theirs[0]);
            let (ours, doubt) = ours(&decoder, link, &sample.frame, *wire_len);
            if same == Same::UpToTheCut && doubt == Doubt::Guessed {
                continue;
            }
            for (field, (theirs, ours)) in FIELDS.iter().zip(theirs.into_iter().zip(ours)) {
                let one_goes_on = ours.starts_with(&theirs) || theirs.starts_with(&ours);
                if same == Same::UpToTheCut && doubt == Doubt::Stopped && one_goes_on {
                    continue;
                }
                if !same.holds(field, &theirs, &ours) {
                    different.push((at, *field, theirs, ours));
                }
            }
        }
    }
    different
}

fn rounds(default: usize) -> usize {
    std::env::var("NETDIAG_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(default)
}

/// Says what differs, and fails if anything does.
fn agree(samples: &[(Sample, usize)], same: Same) {
    if !tshark::is_there() {
        return skip("tshark is not there");
    }
    let different = compare(samples, same);
    for (at, field, theirs, ours) in different.iter().take(60) {
        let (sample, wire_len) = &samples[*at];
        eprintln!(
            "{} ({wire_len} bytes): {field}: tshark {theirs}, netdiag {ours}",
            sample.name
        );
        if std::env::var_os("NETDIAG_HEX").is_some() {
            eprintln!("  {:02x?}", sample.frame);
        }
    }
    assert!(
        different.is_empty(),
        "{} of {} differ",
        different.len(),
        samples.len()
    );
}

#[test]
fn whole_packets_have_the_layers_that_tshark_sees() {
    let mut random = Random::new(1);
    let samples: Vec<(Sample, usize)> = (0..rounds(200))
        .flat_map(|_| kinds::all(&mut random))
        .map(|sample| {
            let length = sample.frame.len();
            (sample, length)
        })
        .collect();
    agree(&samples, Same::All);
}

#[test]
fn cut_packets_have_the_layers_that_tshark_sees() {
    let mut random = Random::new(2);
    let mut samples = Vec::new();
    for _ in 0..rounds(200) {
        for mut sample in kinds::all(&mut random) {
            let length = sample.frame.len();
            sample
                .frame
                .truncate(14 + random.below(length.saturating_sub(14)));
            samples.push((sample, length));
        }
    }
    agree(&samples, Same::UpToTheCut);
}

#[test]
fn damaged_packets_have_the_layers_that_tshark_sees() {
    let mut random = Random::new(3);
    let mut samples = Vec::new();
    for _ in 0..rounds(3500) {
        for mut sample in kinds::all(&mut random) {
            let length = sample.frame.len();
            let at = random.below(length);
            sample.frame[at] = random.u8();
            samples.push((sample, length));
        }
    }
    agree(&samples, Same::UpToTheCut);
}
