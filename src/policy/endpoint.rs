//! What policies are for: pods, and links of hosts.

use std::net::IpAddr;

use super::identity::Labels;

/// A pod's or a host's end of its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Namespace and name of the pod, or the name of the HostEndpoint.
    pub name: String,
    /// Whether it is a link of a host.
    pub is_host: bool,
    pub node: String,
    /// The link on the node: of a host `*` for all; of a pod the host's end, where it is known.
    pub link: Option<String>,
    pub ips: Vec<IpAddr>,
    pub labels: Labels,
    pub profiles: Vec<String>,
    /// Which namespace's labels are not known.
    pub unknown_namespace: Option<String>,
}

impl Endpoint {
    /// `pod shop/web`, `HostEndpoint node1-eth0`.
    pub fn title(&self) -> String {
        if self.is_host {
            format!("HostEndpoint {}", self.name)
        } else {
            format!("pod {}", self.name)
        }
    }
}

/// The HostEndpoint that governs a host's link: by the link's name or an address on it the first by name, else the one
/// for all links (Felix `dataplane/linux/endpoint_mgr.go`, `resolveHostEndpoints`).
pub fn governing<'e>(
    hosts: &'e [Endpoint],
    node: &str,
    link: &str,
    addresses: &[IpAddr],
) -> Option<&'e Endpoint> {
    let of_node = || hosts.iter().filter(|endpoint| endpoint.node == node);
    let first = |fits: &dyn Fn(&Endpoint) -> bool| {
        of_node()
            .filter(|endpoint| fits(endpoint))
            .min_by(|a, b| a.name.cmp(&b.name))
    };
    first(&|endpoint| match endpoint.link.as_deref() {
        Some("*") => false,
        Some(name) => name == link,
        None => endpoint.ips.iter().any(|ip| addresses.contains(ip)),
    })
    .or_else(|| first(&|endpoint| endpoint.link.as_deref() == Some("*")))
}
