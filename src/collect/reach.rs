//! Which address this host would use to reach another: what Calico's `can-reach=` asks the kernel.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Connects a UDP socket to port 80 of the destination, which sends nothing, and returns the source address that the
/// kernel chose (calico `autodetection.CanReach`).
///
/// # Errors
/// When the name doesn't resolve in the wanted family, or there is no route.
pub fn source_address(destination: &str, v6: bool) -> Result<IpAddr, String> {
    let target = (destination, 80)
        .to_socket_addrs()
        .map_err(|error| format!("{destination}: {error}"))?
        .find(|address| address.is_ipv6() == v6)
        .ok_or_else(|| format!("{destination} has no IPv{} address", if v6 { 6 } else { 4 }))?;
    let any: SocketAddr = if v6 {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).map_err(|error| error.to_string())?;
    socket
        .connect(target)
        .map_err(|error| format!("no path to {}: {error}", target.ip()))?;
    socket
        .local_addr()
        .map(|address| address.ip())
        .map_err(|error| error.to_string())
}
