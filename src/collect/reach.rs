//! Which address this host would use to reach another: what Calico's `can-reach=` asks the kernel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Calico connects to this one.
const PORT: u16 = 80;

/// Connects a UDP socket to port 80 of the destination, which sends nothing, and returns the source address that the
/// kernel chose (calico `autodetection.CanReach`). An empty destination is this host's loopback address, as Go has it.
///
/// # Errors
/// When the name doesn't resolve in the wanted family, or there is no route.
pub fn source_address(destination: &str, v6: bool) -> Result<IpAddr, String> {
    let target = target(destination, v6)?;
    let any: SocketAddr = if v6 {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).map_err(|error| error.to_string())?;
    socket.set_broadcast(true).map_err(|error| error.to_string())?;
    socket
        .connect(target)
        .map_err(|error| format!("no path to {}: {error}", target.ip()))?;
    socket
        .local_addr()
        .map(|address| address.ip())
        .map_err(|error| error.to_string())
}

/// Where to connect. The resolver would take `8.8` and `010.0.0.1` for addresses; Go doesn't.
fn target(destination: &str, v6: bool) -> Result<SocketAddr, String> {
    if destination.is_empty() {
        let loopback: IpAddr = if v6 {
            Ipv6Addr::LOCALHOST.into()
        } else {
            Ipv4Addr::LOCALHOST.into()
        };
        return Ok((loopback, PORT).into());
    }
    let numeric = destination
        .bytes()
        .all(|byte| byte == b'.' || byte.is_ascii_digit());
    if numeric && destination.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{destination}: not an IPv4 address"));
    }
    (destination, PORT)
        .to_socket_addrs()
        .map_err(|error| format!("{destination}: {error}"))?
        .find(|address| address.is_ipv6() == v6)
        .ok_or_else(|| format!("{destination} has no IPv{} address", if v6 { 6 } else { 4 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_destination_is_the_loopback_address() {
        assert_eq!(source_address("", false), Ok(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(target("", true), Ok((Ipv6Addr::LOCALHOST, PORT).into()));
    }

    #[test]
    fn addresses_that_go_does_not_read_are_refused() {
        for text in ["8.8", "010.0.0.1", "134744072", "1.2.3.4."] {
            assert_eq!(
                source_address(text, false),
                Err(format!("{text}: not an IPv4 address"))
            );
        }
        assert!(target("127.0.0.1", true).unwrap_err().contains("no IPv6"));
    }

    #[test]
    fn a_broadcast_address_can_be_asked_for() {
        assert_eq!(
            source_address("127.255.255.255", false),
            Ok(Ipv4Addr::LOCALHOST.into())
        );
    }
}
