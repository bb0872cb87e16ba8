//! TCP in tcpdump's words.

use crate::packet::bytes::be32;
use crate::packet::layer::Layer;
use crate::packet::show::payload::flags;
use crate::packet::show::text::Text;
use crate::packet::wire::tcp::{Tcp, TcpOption, flag};

pub(super) fn write(tcp: Tcp, layer: &Layer, out: &mut Text) {
    out.str("Flags [");
    flags(tcp.flags(), out);
    out.byte(b']');
    let length = layer.payload_len();
    if length > 0 || tcp.flags() & (flag::SYN | flag::FIN | flag::RST) != 0 {
        out.str(", seq ");
        out.number(tcp.sequence());
        if length > 0 {
            out.byte(b':');
            out.number(tcp.sequence().wrapping_add(length));
        }
    }
    if tcp.flags() & flag::ACK != 0 {
        out.str(", ack ");
        out.number(tcp.ack());
    }
    out.str(", win ");
    out.number(tcp.window());
    if layer.len > 20 {
        out.str(", options [");
        tcp_options(layer, tcp, out);
        out.byte(b']');
    }
    out.str(", length ");
    out.number(length);
}

/// All options in their order, padding included.
fn tcp_options(layer: &Layer, tcp: Tcp, out: &mut Text) {
    let mut rest = tcp.0.get(20..layer.len as usize).unwrap_or(&[]);
    let mut first = true;
    while let Some(kind) = rest.first() {
        if !first {
            out.byte(b',');
        }
        first = false;
        if *kind < 2 {
            out.str(if *kind == 0 { "eol" } else { "nop" });
            if *kind == 0 {
                return;
            }
            rest = rest.get(1..).unwrap_or(&[]);
            continue;
        }
        let length = usize::from(rest.get(1).copied().unwrap_or(0)).max(2);
        let mut header = [0; 60];
        let option = rest.get(..length).unwrap_or(rest);
        if let Some(place) = header.get_mut(20..20 + option.len()) {
            place.copy_from_slice(option);
        }
        match Tcp(header.get(..20 + option.len()).unwrap_or(&[]))
            .options()
            .next()
        {
            Some(TcpOption::MaxSegment(bytes)) => {
                out.str("mss ");
                out.number(bytes);
            }
            Some(TcpOption::WindowScale(bits)) => {
                out.str("wscale ");
                out.number(bits);
            }
            Some(TcpOption::SackPermitted) => out.str("sackOK"),
            Some(TcpOption::Sack(blocks)) => {
                out.str("sack ");
                out.number(blocks);
                out.byte(b' ');
                for block in option.get(2..).unwrap_or(&[]).chunks_exact(8) {
                    out.byte(b'{');
                    out.number(be32(block, 0));
                    out.byte(b':');
                    out.number(be32(block, 4));
                    out.byte(b'}');
                }
            }
            Some(TcpOption::Timestamps(value, echo)) => {
                out.str("TS val ");
                out.number(value);
                out.str(" ecr ");
                out.number(echo);
            }
            _ => {
                out.str("unknown-");
                out.number(*kind);
            }
        }
        rest = rest.get(length..).unwrap_or(&[]);
    }
}
