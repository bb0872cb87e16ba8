//! Lightweight tunnels of routes (RTA_ENCAP), in the words of ip-route(8) (`include/uapi/linux/lwtunnel.h`,
//! mpls_iptunnel.h, seg6_iptunnel.h).

use std::fmt::Write;

use super::attr::{attributes, be16, be32, be64, find, i32, ip, u8};

const MPLS_IPTUNNEL_DST: u16 = 1;
const MPLS_IPTUNNEL_TTL: u16 = 2;
const SEG6_IPTUNNEL_SRH: u16 = 1;

/// What of a LWTUNNEL_ENCAP_* netdiag can write out is written as ip-route(8) writes it; of the others, the name.
pub(super) fn text(kind: u16, data: &[u8]) -> String {
    match kind {
        1 => mpls(data),
        2 => tunnel("ip", ["ttl", "tos"], data),
        4 => tunnel("ip6", ["hoplimit", "tc"], data),
        5 => seg6(data).unwrap_or_else(|| "seg6".to_owned()),
        3 => "ila".to_owned(),
        6 => "bpf".to_owned(),
        7 => "seg6local".to_owned(),
        8 => "rpl".to_owned(),
        9 => "ioam6".to_owned(),
        10 => "xfrm".to_owned(),
        other => other.to_string(),
    }
}

/// The labels of the stack (RFC 3032: twenty bits of label, three of class, the bottom's mark, eight of TTL).
fn mpls(data: &[u8]) -> String {
    let stack = find(data, MPLS_IPTUNNEL_DST).unwrap_or_default();
    let labels: Vec<String> = stack
        .chunks_exact(4)
        .map(|entry| (be32(entry) >> 12).to_string())
        .collect();
    let mut text = format!("mpls {}", labels.join("/"));
    if let Some(ttl) = find(data, MPLS_IPTUNNEL_TTL).map(u8).filter(|ttl| *ttl != 0) {
        _ = write!(text, " ttl {ttl}");
    }
    text
}

/// LWTUNNEL_IP_* and LWTUNNEL_IP6_*: the same numbers; the fourth and fifth have names of their own.
fn tunnel(name: &str, [ttl, tos]: [&str; 2], data: &[u8]) -> String {
    let mut fields = [const { None }; 5];
    let mut marks = String::new();
    for (kind, value) in attributes(data) {
        match kind {
            1 => fields[0] = Some(format!("id {}", be64(value))),
            2 => fields[2] = ip(value).map(|dst| format!("dst {dst}")),
            3 => fields[1] = ip(value).map(|src| format!("src {src}")),
            4 => fields[3] = Some(format!("{ttl} {}", u8(value))),
            5 => fields[4] = Some(format!("{tos} {}", u8(value))),
            6 => {
                // TUNNEL_KEY, TUNNEL_CSUM, TUNNEL_SEQ of `include/uapi/linux/if_tunnel.h`.
                for (mark, word) in [(4, " key"), (1, " csum"), (8, " seq")] {
                    if be16(value) & mark != 0 {
                        marks.push_str(word);
                    }
                }
            }
            _ => {}
        }
    }
    let mut text = name.to_owned();
    for field in fields.iter().flatten() {
        _ = write!(text, " {field}");
    }
    text + &marks
}

/// `struct seg6_iptunnel_encap`: the mode, and a segment routing header (RFC 8754), whose list is last to first.
fn seg6(data: &[u8]) -> Option<String> {
    const MODES: [&str; 5] = ["inline", "encap", "l2encap", "encap.red", "l2encap.red"];
    let value = find(data, SEG6_IPTUNNEL_SRH)?;
    let mode = MODES.get(usize::try_from(i32(value)).ok()?)?;
    let (header, segments) = value.get(4..)?.split_at_checked(8)?;
    let count = usize::from(header[4]) + 1;
    let mut text = format!("seg6 mode {mode} segs {count} [ ");
    for segment in segments.get(..count * 16)?.chunks_exact(16).rev() {
        _ = write!(text, "{} ", ip(segment)?);
    }
    text.push(']');
    // SR6_FLAG1_HMAC: the key's number is in the last forty bytes, behind type, length and four more.
    if header[5] & (1 << 3) != 0 {
        let tlv = segments.get(segments.len().checked_sub(40)?..)?;
        _ = write!(text, " hmac {:X}", be32(tlv.get(4..)?));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::attr::push;
    use super::*;

    #[test]
    fn label_stacks_are_written_with_slashes() {
        let mut data = Vec::new();
        let stack = [0_u32.wrapping_add(100 << 12), (200 << 12) | (1 << 8)];
        push(
            &mut data,
            MPLS_IPTUNNEL_DST,
            &stack.map(u32::to_be_bytes).concat(),
        );
        assert_eq!(text(1, &data), "mpls 100/200");
        push(&mut data, MPLS_IPTUNNEL_TTL, &[9]);
        assert_eq!(text(1, &data), "mpls 100/200 ttl 9");
        assert_eq!((text(6, &[]), text(77, &[])), ("bpf".into(), "77".into()));
    }

    #[test]
    fn a_cut_segment_list_leaves_the_name() {
        let mut srh = 1_i32.to_ne_bytes().to_vec();
        srh.extend([41, 2, 4, 0, 0, 0, 0, 0]);
        srh.extend("2001:db8::8".parse::<std::net::Ipv6Addr>().unwrap().octets());
        let mut data = Vec::new();
        push(&mut data, SEG6_IPTUNNEL_SRH, &srh);
        assert_eq!(text(5, &data), "seg6 mode encap segs 1 [ 2001:db8::8 ]");
        let mut cut = Vec::new();
        push(&mut cut, SEG6_IPTUNNEL_SRH, &srh[..20]);
        assert_eq!(text(5, &cut), "seg6");
    }
}
