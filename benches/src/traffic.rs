//! Traffic as a cluster's underlay sees it: pods that talk through VXLAN, IP in IP, Geneve, GRE, and plain.

use crate::build::{ethernet, geneve, gre, ipv4, tcp4, udp_plain, vxlan};
use crate::{Random, file};

/// What the traffic is like.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    pub packets: usize,
    pub pods: usize,
    pub flows: usize,
    pub seed: u64,
}

/// A capture file of such traffic.
pub fn file_of(mix: Mix) -> Vec<u8> {
    let mut file = Vec::new();
    // Memory takes all that is written.
    let _ = write(mix, |bytes| {
        file.extend_from_slice(bytes);
        Ok(())
    });
    file
}

/// A capture file of such traffic, written piece by piece.
pub fn write(mix: Mix, mut write: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    const PORTS: [u16; 8] = [9000, 7001, 8088, 9191, 7777, 9300, 8899, 7443];
    let mut random = Random::new(mix.seed);
    let pod = |number: usize| {
        let [.., high, low] = (number + 2).to_be_bytes();
        [10, 244, high, low]
    };
    let flows: Vec<(usize, usize, u16, u16)> = (0..mix.flows)
        .map(|_| {
            let ports = (40000 + (random.u16() & 0x3fff), PORTS[random.below(PORTS.len())]);
            (random.below(mix.pods), random.below(mix.pods), ports.0, ports.1)
        })
        .collect();
    let mut sequences: Vec<u32> = (0..mix.flows).map(|_| u32::from(random.u16())).collect();
    let payloads = [vec![0x61; 20], vec![0x62; 536], vec![0x63; 1360]];
    let mut bytes = file::header(1);
    for number in 0..mix.packets {
        let flow = random.below(flows.len());
        let (from, to, source, destination) = flows[flow];
        let payload = &payloads[[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2][random.below(12)]];
        let sequence = sequences[flow];
        sequences[flow] = sequence.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        let inner = tcp4(pod(from), pod(to), (source, destination), sequence, 0x10, payload);
        let node = |pod: usize| [192, 168, 0, u8::try_from(pod % 8 + 10).unwrap_or(10)];
        let (a, b) = (node(from), node(to));
        let entropy = 0xc000 | (source & 0x3fff);
        let udp = |port: u16, payload: &[u8]| ipv4(a, b, 17, &udp_plain(entropy, port, payload));
        let frame = || ethernet(1, 2, 0x0800, &inner);
        let packet = match flow % 100 {
            0..30 => udp(4789, &vxlan(8, [0; 3], 4096, &frame())),
            30..45 => udp(8472, &vxlan(8, [0; 3], 1, &frame())),
            45..65 => ipv4(a, b, 4, &inner),
            65..75 => udp(6081, &geneve(0x6558, 11, &[], &frame())),
            75..80 => ipv4(a, b, 47, &gre(0x2000, 0x0800, &[0, 0, 0, 1], &inner)),
            _ => inner,
        };
        let packet = ethernet(3, 4, 0x0800, &packet);
        file::packet(&mut bytes, number as u64 * 7, &packet, packet.len());
        if bytes.len() > 1 << 20 {
            write(&bytes)?;
            bytes.clear();
        }
    }
    write(&bytes)
}
