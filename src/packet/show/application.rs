//! What BGP, DNS and DHCP say, in a few words.

use super::text::Text;
use crate::packet::layer::Kind;
use crate::packet::wire::bgp::{self, Message, Messages};
use crate::packet::wire::bgp_update::{Prefix, Update};
use crate::packet::wire::dhcp::Dhcp;
use crate::packet::wire::dns::{self, Dns};

/// Things of a list that are written; the rest is counted.
const MOST: usize = 4;

pub(super) fn write(kind: Kind, bytes: &[u8], out: &mut Text) {
    match kind {
        Kind::Bgp => bgp(bytes, out),
        Kind::Dns => dns(Dns(bytes), out),
        Kind::Dhcp => dhcp(Dhcp(bytes), out),
        _ => {}
    }
}

fn more(count: usize, out: &mut Text) {
    if count > MOST {
        out.str(" +");
        out.number((count - MOST) as u64);
    }
}

fn bgp(bytes: &[u8], out: &mut Text) {
    out.str(" bgp");
    for message in Messages(bytes).take(MOST) {
        out.byte(b' ');
        out.str(message.name());
        if let Some(open) = message.open() {
            out.str(" as ");
            out.number(open.as_number());
            out.str(" id ");
            out.ipv4(open.id());
            out.str(" hold ");
            out.number(open.hold_time());
        } else if let Some((code, subcode)) = message.error() {
            out.byte(b' ');
            out.number(code);
            out.byte(b'/');
            out.number(subcode);
            out.byte(b' ');
            out.str(bgp::error_text(code, subcode));
            if let Some(text) = message.communication() {
                out.str(": ");
                out.escaped(text);
            }
        } else {
            update(message, out);
        }
    }
    more(Messages(bytes).count(), out);
}

fn update(message: Message, out: &mut Text) {
    let Some(update) = Update::new(message) else {
        return;
    };
    if update.is_end_of_rib() {
        out.str(" end of routes");
        return;
    }
    prefixes(" announce", update.announced(), out);
    if let Some(hop) = update.next_hop() {
        out.str(" via ");
        match hop {
            std::net::IpAddr::V4(hop) => out.ipv4(hop.octets()),
            std::net::IpAddr::V6(hop) => out.ipv6(hop.octets()),
        }
    }
    let path = update.as_path();
    for (at, number) in path.iter().take(MOST).enumerate() {
        out.str(if at == 0 { " path " } else { "," });
        out.number(*number);
    }
    more(path.len(), out);
    prefixes(" withdraw", update.withdrawn(), out);
}

fn prefixes(word: &str, prefixes: impl Iterator<Item = Prefix>, out: &mut Text) {
    let mut count = 0;
    for prefix in prefixes {
        if count < MOST {
            out.str(if count == 0 { word } else { "" });
            out.byte(b' ');
            match prefix.address {
                std::net::IpAddr::V4(address) => out.ipv4(address.octets()),
                std::net::IpAddr::V6(address) => out.ipv6(address.octets()),
            }
            out.byte(b'/');
            out.number(prefix.length);
        }
        count += 1;
    }
    more(count, out);
}

fn dns(dns: Dns, out: &mut Text) {
    out.str(" dns ");
    out.number(dns.id());
    if let Some(kind) = dns.question_type() {
        out.byte(b' ');
        out.str(dns::type_name(kind));
        if dns::type_name(kind) == "TYPE" {
            out.number(kind);
        }
        out.str("? ");
        let mut name = Vec::new();
        dns.question(&mut name);
        out.escaped(if name.is_empty() { b"." } else { &name });
    }
    if !dns.is_response() {
        return;
    }
    out.str(" = ");
    if dns.code() != 0 {
        out.str(dns::code_name(dns.code()));
        return;
    }
    for (at, record) in dns.records().take(MOST).enumerate() {
        out.str(if at == 0 { "" } else { ", " });
        match (record.kind, record.data.len()) {
            (1, 4) | (28, 16) => out.address(record.data),
            (5 | 12 | 2, _) => {
                let mut name = Vec::new();
                dns.name(record.at, &mut name);
                out.escaped(&name);
            }
            (kind, _) => {
                out.str(dns::type_name(kind));
            }
        }
    }
    more(usize::from(dns.answers()), out);
    if dns.answers() == 0 {
        out.str("no answer");
    }
    if dns.truncated() {
        out.str(" truncated");
    }
}

fn dhcp(dhcp: Dhcp, out: &mut Text) {
    out.str(" dhcp ");
    out.str(dhcp.name());
    out.str(" from ");
    out.link(&dhcp.hardware());
    if dhcp.is_reply() {
        out.str(" address ");
        out.ipv4(dhcp.your_address());
    }
}
