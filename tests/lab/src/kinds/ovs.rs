//! Open vSwitch in user space, with a tunnel to every other host.

use std::time::Duration;

use super::{Draft, PodSite, attach::on_bridge};
use crate::{NodePlan, Plan};

/// What a tunnel's frames are in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tunnel {
    #[default]
    Vxlan,
    Gre,
    Geneve,
}

impl Tunnel {
    const fn word(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Gre => "gre",
            Self::Geneve => "geneve",
        }
    }
}

/// Hosts `h1`, `h2`, … with containers `c1` and `c2` on `br0` (172.17.0.0/16), which has a port `tun` with the number of
/// each other host; the hosts' own link and address (192.168.70.11, …) are those of `br-ex`.
#[derive(Debug, Clone)]
pub struct OpenVswitch {
    pub tunnel: Tunnel,
    /// 2 or 3; with three, frames are kept from going round by rules: what came by a tunnel goes into none.
    pub hosts: usize,
}

impl Default for OpenVswitch {
    fn default() -> Self {
        Self {
            tunnel: Tunnel::Vxlan,
            hosts: 2,
        }
    }
}

impl OpenVswitch {
    /// The network.
    pub fn draft(&self) -> Draft {
        let mut plan = Plan::new().segment("wire", "");
        let mut pods: Vec<PodSite> = Vec::new();
        for host in 1..=self.hosts {
            let name = format!("h{host}");
            let of_host: Vec<PodSite> = (1..=2)
                .map(|pod| on_bridge(&name, &format!("c{pod}"), &format!("172.17.{host}.{pod}")))
                .collect();
            plan = plan.node(&name, |node| {
                of_host.iter().fold(node.link("eth0", "wire", ""), connect)
            });
            pods.extend(of_host);
        }
        let mut draft = Draft::new(plan);
        for host in 1..=self.hosts {
            draft = draft.ovs(&format!("h{host}"), &self.script(host));
        }
        let mut draft = draft
            .pods(pods)
            // Where many labs run at once, a switch in user space waits for its turn.
            .settles_within(Duration::from_secs(30))
            .pings("h1", "192.168.70.12")
            .pings("h1/c1", "172.17.1.2")
            .pings("h1/c1", "172.17.2.1")
            .pings("h2/c2", "172.17.1.1")
            .pings("h1", "172.17.1.2");
        if self.hosts > 2 {
            draft = draft.pings("h1/c1", "172.17.3.1").pings("h3/c2", "172.17.2.2");
        }
        draft
    }

    fn script(&self, host: usize) -> String {
        let kind = self.tunnel.word();
        let mut lines = vec![
            // The kernel's datapath takes frames away from a port; this one leaves the kernel a copy, which would be
            // answered with the port's own MAC, by whoever is faster.
            "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore".to_owned(),
            "ovs-vsctl --timeout=10 add-br br-ex -- set bridge br-ex datapath_type=netdev -- add-port br-ex eth0".into(),
            "ovs-vsctl --timeout=10 add-br br0 -- set bridge br0 datapath_type=netdev".into(),
            format!("ip address add 192.168.70.{}/24 dev br-ex; ip link set br-ex up", host + 10),
            format!("ip address add 172.17.{host}.254/16 dev br0; ip link set br0 mtu 1450 up"),
        ];
        for pod in 1..=2 {
            let site = on_bridge(&format!("h{host}"), &format!("c{pod}"), "");
            let link = site.host_link.unwrap_or_default();
            lines.push(format!("ovs-vsctl --timeout=10 add-port br0 {link} -- set interface {link} external_ids:iface-id=c{pod}"));
        }
        for other in (1..=self.hosts).filter(|other| *other != host) {
            lines.push(format!(
                "ovs-vsctl --timeout=10 add-port br0 tun{other} -- set interface tun{other} type={kind} \
                 options:remote_ip=192.168.70.{} options:key=7 ofport_request={}",
                other + 10,
                10 + other
            ));
        }
        if self.hosts > 2 {
            for other in (1..=self.hosts).filter(|other| *other != host) {
                lines.push(format!(
                    "ovs-ofctl add-flow br0 'table=0,priority=10,in_port={},actions=load:1->NXM_NX_REG0[],resubmit(,1)'",
                    10 + other
                ));
            }
            // From a tunnel to the containers and the host only.
            let own = |text: &str| {
                (1..=2)
                    .map(|pod| format!("{text}$(number c{pod})"))
                    .collect::<Vec<_>>()
                    .join(",")
            };
            lines.push("number() { ovs-vsctl get interface $(ovs-vsctl --bare --columns=name find interface external_ids:iface-id=$1) ofport; }".into());
            lines.push(format!(
                "ovs-ofctl add-flow br0 \"table=1,priority=1,actions={},LOCAL\"",
                own("output:")
            ));
        }
        // Queues for answers that no neighbor is known for are short: the first packet of each way is lost.
        lines.join("\n")
    }
}

fn connect(node: NodePlan, site: &PodSite) -> NodePlan {
    let PodSite {
        name,
        host_link,
        address,
        ..
    } = site;
    let link = host_link.as_deref().unwrap_or_default();
    node.ip(&format!("netns add {name}"))
        .ip(&format!(
            "link add {link} mtu 1450 type veth peer name eth0 mtu 1450 netns {name}"
        ))
        .ip(&format!("link set {link} up"))
        .in_pod(
            name,
            &[
                "link set lo up".to_owned(),
                "link set eth0 up".into(),
                format!("address add {address}/16 brd + dev eth0"),
            ],
        )
}
