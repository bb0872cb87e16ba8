//! `/proc/net/ip_vs` (`net/netfilter/ipvs/ip_vs_ctl.c`, `ip_vs_info_seq_show`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ParseError, excerpt};
use crate::state::ipvs::{RealServer, VirtualSelect, VirtualServer};

/// Reads all virtual servers with their real ones.
///
/// # Errors
/// Names the first line that is neither.
pub fn ipvs(text: &str) -> Result<Vec<VirtualServer>, ParseError> {
    let mut found: Vec<VirtualServer> = Vec::new();
    // Three lines of headings.
    for (index, line) in text.lines().enumerate().skip(3) {
        let wrong = || {
            ParseError::new(
                index + 1,
                format!("neither virtual nor real server: {:?}", excerpt(line)),
            )
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["->", rest @ ..] => {
                let server = real(rest).ok_or_else(wrong)?;
                found.last_mut().ok_or_else(wrong)?.servers.push(server);
            }
            words => found.push(virtual_server(words).ok_or_else(wrong)?),
        }
    }
    Ok(found)
}

/// `TCP  0A600001:01BB rr ops persistent 10800000 FFFFFFFF`, `FWM  00000001 rr`.
fn virtual_server(words: &[&str]) -> Option<VirtualServer> {
    let [proto, of, scheduler, flags @ ..] = words else {
        return None;
    };
    let select = match *proto {
        "TCP" => VirtualSelect::Tcp(endpoint(of)?),
        "UDP" => VirtualSelect::Udp(endpoint(of)?),
        "SCTP" => VirtualSelect::Sctp(endpoint(of)?),
        "FWM" => VirtualSelect::Mark(u32::from_str_radix(of, 16).ok()?),
        _ => return None,
    };
    let persistent = flags.iter().position(|word| *word == "persistent");
    let after = |distance: usize| flags.get(persistent? + distance).copied();
    Some(VirtualServer {
        select,
        scheduler: (*scheduler).to_owned(),
        persistent: after(1).and_then(|word| word.parse().ok()),
        persistent_mask: after(2).map(str::to_owned),
        one_packet: flags.contains(&"ops"),
        servers: Vec::new(),
    })
}

/// `C0A85018:192B      Masq    1      0          0`.
fn real(words: &[&str]) -> Option<RealServer> {
    let [address, forward, weight, active, inactive] = words else {
        return None;
    };
    Some(RealServer {
        address: endpoint(address)?,
        forward: (*forward).to_owned(),
        weight: weight.parse().ok()?,
        active: active.parse().ok()?,
        inactive: inactive.parse().ok()?,
    })
}

/// `0A600001:01BB` or `[2001:0db8:…:0001]:01BB`: numbers, first byte first.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let ip = match address.strip_prefix('[') {
        Some(v6) => IpAddr::V6(v6.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
        None => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?)),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  \
        -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

    #[test]
    fn virtual_servers_have_their_real_ones() {
        let text = format!(
            "{HEAD}TCP  0A600001:01BB rr persistent 2700000 FFFFFFFF\n  -> C0A85018:192B      Masq    1      2          3         \n\
             UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 wrr ops \n  \
             -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0035      Masq    0      0          0\nFWM  0000000A sh \n"
        );
        let found = ipvs(&text).unwrap();
        assert_eq!(
            found[0].select,
            VirtualSelect::Tcp("10.96.0.1:443".parse().unwrap())
        );
        assert_eq!(found[0].persistent, Some(2_700_000));
        assert_eq!(found[0].servers[0].address, "192.168.80.24:6443".parse().unwrap());
        assert_eq!((found[0].servers[0].active, found[0].servers[0].inactive), (2, 3));
        assert_eq!(
            found[1].select,
            VirtualSelect::Udp("[2001:db8::1]:53".parse().unwrap())
        );
        assert!(found[1].one_packet && found[1].servers[0].weight == 0);
        assert_eq!(
            (found[2].select, found[2].servers.len()),
            (VirtualSelect::Mark(10), 0)
        );
        assert_eq!(ipvs(HEAD).unwrap(), []);
        assert_eq!(
            ipvs(&format!("{HEAD}  -> C0A85018:192B Masq 1 0 0\n"))
                .unwrap_err()
                .line,
            4
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", line in "(TCP|FWM|->|[0-9A-F]{8}:[0-9A-F]{4}|\\[::1\\]:1| ){0,9}") {
            let _ = ipvs(&format!("{HEAD}{text}"));
            let _ = ipvs(&format!("{HEAD}{line}"));
        }
    }
}
