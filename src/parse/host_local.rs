//! Leases of the IPAM plugin `host-local` (containernetworking/plugins `plugins/ipam/host-local/backend/disk`): a file an
//! address, with the container's id and, from release 0.7 on, the link's name on a second line.

use std::net::IpAddr;

use crate::state::cni::Lease;

/// What a file of a network's directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Lease(Lease),
    /// The number of the range, and the address given out last.
    LastReserved(String, IpAddr),
}

/// Reads one file; none for `lock` and others.
pub fn entry(file: &str, text: &str) -> Option<Entry> {
    if let Some(range) = file.strip_prefix("last_reserved_ip.") {
        return Some(Entry::LastReserved(range.to_owned(), text.trim().parse().ok()?));
    }
    // Without file names that hold colons, IPv6 addresses have underscores.
    let address = file.parse().or_else(|_| file.replace('_', ":").parse()).ok()?;
    let mut lines = text.lines().map(str::trim);
    Some(Entry::Lease(Lease {
        address,
        container: lines.next().unwrap_or_default().to_owned(),
        link: lines.next().filter(|link| !link.is_empty()).map(str::to_owned),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leases_old_and_new_and_the_last_address_are_read() {
        let lease = |file: &str, text: &str| match entry(file, text) {
            Some(Entry::Lease(lease)) => lease,
            other => panic!("{other:?}"),
        };
        let new = lease("10.22.0.5", "c0ffee\r\neth0");
        assert_eq!(
            (new.container.as_str(), new.link.as_deref()),
            ("c0ffee", Some("eth0"))
        );
        assert_eq!(lease("fd00::5", "c0ffee").link, None);
        assert_eq!(
            lease("fd00__5", "c0ffee").address,
            "fd00::5".parse::<IpAddr>().unwrap()
        );
        assert_eq!(
            entry("last_reserved_ip.0", "10.22.0.5\n"),
            Some(Entry::LastReserved("0".into(), "10.22.0.5".parse().unwrap()))
        );
        assert_eq!(entry("lock", ""), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(file in "\\PC{0,20}", text in "\\PC{0,60}") {
            let _ = entry(&file, &text);
            let _ = entry("10.0.0.1", &text);
            let _ = entry(&format!("last_reserved_ip.{file}"), &text);
        }
    }
}
