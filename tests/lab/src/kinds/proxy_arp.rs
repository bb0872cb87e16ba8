//! Calico's way to pods, with static routes in place of BGP.

use super::{Draft, PodSite};
use crate::{Plan, PodPlan};

/// Two hosts on one segment, a pod on each; the pods' gateway is 169.254.1.1, for which their hosts answer.
#[derive(Debug, Clone)]
pub struct ProxyArp {
    /// The length of the pods' addresses: Calico's are /32; with 24, pods ask for each other themselves.
    pub prefix_len: u8,
    /// Whether hosts answer ARP requests for what they have routes to.
    pub answers: bool,
}

impl Default for ProxyArp {
    fn default() -> Self {
        Self {
            prefix_len: 32,
            answers: true,
        }
    }
}

/// name, address, pod, the pod's address
const HOSTS: [[&str; 4]; 2] = [
    ["host0", "192.168.1.32", "ns0", "10.20.1.2"],
    ["host1", "192.168.1.16", "ns1", "10.20.1.3"],
];

impl ProxyArp {
    /// The network: `host0` with the pod `ns0`, `host1` with `ns1`.
    pub fn draft(&self) -> Draft {
        let plan = HOSTS.iter().zip(HOSTS.iter().rev()).fold(
            Plan::new().segment("lan", "192.168.1.254/24"),
            |plan, ([host, address, pod, inside], [_, other, _, there])| {
                plan.node(host, |node| {
                    let node = node
                        .link("ens192", "lan", &format!("{address}/24"))
                        // Without it, the hosts have no route to 169.254.1.1, and don't answer for it.
                        .route("default via 192.168.1.254")
                        .route(&format!("{there}/32 via {other} dev ens192"))
                        .forward()
                        .pod(
                            PodPlan::calico(pod, inside)
                                .link("veth0")
                                .prefix_len(self.prefix_len),
                        );
                    if self.answers {
                        node
                    } else {
                        node.sh("echo 0 >/proc/sys/net/ipv4/conf/veth0/proxy_arp")
                    }
                })
            },
        );
        let sites = HOSTS.map(|[host, _, pod, address]| PodSite {
            node: host.into(),
            name: pod.into(),
            address: address.into(),
            own_link: Some("eth0".into()),
            host_link: Some("veth0".into()),
        });
        Draft::new(plan)
            .pods(sites)
            .pings("host0", "10.20.1.2")
            .pings("host0/ns0", "10.20.1.3")
            .pings("host0/ns0", "192.168.1.16")
            .sized("host0/ns0", "10.20.1.3", 1500, true, true)
            .pings("host1/ns1", "10.20.1.2")
    }
}
