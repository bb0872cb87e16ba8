//! Flannel, without its daemon: the links, routes, neighbors and rules that flanneld makes.

use super::{
    Draft, Iptables, PodSite,
    attach::{PodBridge, on_bridge},
};
use crate::{NodePlan, Plan};

/// How packets get from node to node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backend {
    /// all in VXLAN
    #[default]
    Vxlan,
    /// VXLAN to nodes of other segments only
    DirectRouting,
    /// by routes; all nodes are on one segment then
    HostGateway,
    /// all in UDP by a program, which takes it from a TUN link
    Udp,
}

/// Nodes `n1`, `n2`, `n3` with two pods each, `pod1` and `pod2`. But for host-gw, `n3` is behind the router `r`.
#[derive(Debug, Clone, Default)]
pub struct Flannel {
    pub backend: Backend,
    pub iptables: Iptables,
}

#[derive(Debug, Clone)]
struct Host {
    number: usize,
    name: String,
    segment: &'static str,
    address: String,
    gateway: &'static str,
}

impl Host {
    fn subnet(&self) -> String {
        self.inside(0)
    }

    /// An address of its subnet.
    fn inside(&self, last: usize) -> String {
        format!("10.244.{}.{last}", self.number)
    }

    /// Of flannel.1; flanneld's are random.
    fn mac(&self) -> String {
        format!("2e:10:f4:00:{:02x}:00", self.number)
    }
}

impl Flannel {
    /// With this backend.
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            ..Self::default()
        }
    }

    fn hosts(&self) -> [Host; 3] {
        [1, 2, 3].map(|number| {
            let far = number == 3 && self.backend != Backend::HostGateway;
            let (segment, net, gateway) = if far {
                ("lan2", "192.168.200", "192.168.200.254")
            } else {
                ("lan1", "192.168.100", "192.168.100.254")
            };
            Host {
                number,
                name: format!("n{number}"),
                segment,
                address: format!("{net}.{}", number + 10),
                gateway,
            }
        })
    }

    fn mtu(&self) -> u32 {
        match self.backend {
            Backend::HostGateway => 1500,
            Backend::Vxlan | Backend::DirectRouting => 1450,
            Backend::Udp => 1472,
        }
    }

    /// The network.
    pub fn draft(&self) -> Draft {
        let hosts = self.hosts();
        let mut plan = if self.backend == Backend::HostGateway {
            Plan::new().segment("lan1", "192.168.100.254/24")
        } else {
            Plan::new()
                .segment("lan1", "")
                .segment("lan2", "")
                .node("r", |node| {
                    node.link("eth1", "lan1", "192.168.100.254/24")
                        .link("eth2", "lan2", "192.168.200.254/24")
                        .forward()
                })
        };
        let mut all = Vec::new();
        for host in &hosts {
            let bridge = PodBridge {
                mtu: self.mtu(),
                hairpin: true,
                ..PodBridge::new("cni0", format!("{}/24", host.inside(1)))
            };
            let pods: Vec<PodSite> = (1..=2_usize)
                .map(|pod| on_bridge(&host.name, &format!("pod{pod}"), &host.inside(pod + 1)))
                .collect();
            plan = plan.node(&host.name, |node| {
                let node = node
                    .link("eth0", host.segment, &format!("{}/24", host.address))
                    .route(&format!("default via {}", host.gateway))
                    .forward();
                let node = bridge.on(self.tunnel(node, host));
                let node = pods.iter().fold(node, |node, pod| bridge.connect(node, pod, ""));
                let node = hosts
                    .iter()
                    .filter(|other| other.number != host.number)
                    .fold(node, |node, other| self.lease(node, host, other));
                node.sh(&self.iptables.restore(&rules(&host.subnet())))
            });
            all.extend(pods);
        }
        let draft = hosts.iter().fold(Draft::new(plan), |draft, host| {
            draft
                .file(&host.name, "/run/flannel/subnet.env", self.environment(host))
                .file(
                    &host.name,
                    "/etc/kube-flannel/net-conf.json",
                    self.configuration(),
                )
        });
        let draft = hosts.iter().fold(draft, |draft, host| match self.backend {
            Backend::Udp => draft.program(&host.name, "flanneld", &carrier(host, &hosts)),
            _ => draft,
        });
        draft
            .pods(all)
            .pings("n1/pod1", "10.244.1.3")
            .pings("n1/pod1", "10.244.2.2")
            .pings("n1/pod2", "10.244.3.2")
            .pings("n3/pod1", "10.244.2.3")
            .pings("n1", "10.244.2.2")
            .sized("n1/pod1", "10.244.2.2", self.mtu(), true, true)
    }

    fn tunnel(&self, node: NodePlan, host: &Host) -> NodePlan {
        if self.backend == Backend::HostGateway {
            return node;
        }
        if self.backend == Backend::Udp {
            return node
                .ip("tuntap add dev flannel0 mode tun")
                .ip("link set flannel0 mtu 1472 up")
                .ip(&format!("address add {}/32 dev flannel0", host.subnet()))
                .route("10.244.0.0/16 dev flannel0");
        }
        node.ip(&format!(
            "link add flannel.1 mtu 1450 address {} type vxlan id 1 dev eth0 local {} dstport 8472 nolearning",
            host.mac(),
            host.address
        ))
        .ip("link set flannel.1 up")
        .ip(&format!("address add {}/32 dev flannel.1", host.subnet()))
    }

    /// What a lease of another node makes.
    fn lease(&self, node: NodePlan, host: &Host, other: &Host) -> NodePlan {
        let (subnet, mac, address) = (other.subnet(), other.mac(), &other.address);
        let direct = match self.backend {
            Backend::HostGateway => true,
            Backend::DirectRouting => host.segment == other.segment,
            Backend::Vxlan => false,
            // That program knows where to.
            Backend::Udp => return node,
        };
        if direct {
            return node.route(&format!("{subnet}/24 via {address} dev eth0"));
        }
        node.ip(&format!(
            "neighbor replace {subnet} lladdr {mac} dev flannel.1 nud permanent"
        ))
        .sh(&format!(
            "bridge fdb append {mac} dev flannel.1 dst {address} self permanent"
        ))
        .route(&format!("{subnet}/24 via {subnet} dev flannel.1 onlink"))
    }

    fn environment(&self, host: &Host) -> String {
        format!(
            "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET={}/24\nFLANNEL_MTU={}\nFLANNEL_IPMASQ=true\n",
            host.inside(1),
            self.mtu()
        )
    }

    fn configuration(&self) -> String {
        let backend = match self.backend {
            Backend::Vxlan => r#"{"Type": "vxlan"}"#,
            Backend::DirectRouting => r#"{"Type": "vxlan", "Directrouting": true}"#,
            Backend::HostGateway => r#"{"Type": "host-gw"}"#,
            Backend::Udp => r#"{"Type": "udp", "Port": 8285}"#,
        };
        format!("{{\"Network\": \"10.244.0.0/16\", \"Backend\": {backend}}}\n")
    }
}

/// The lines of a program that does what flanneld does with flannel0: each packet goes in UDP to the host of its subnet,
/// and what comes in UDP goes to flannel0.
fn carrier(host: &Host, hosts: &[Host]) -> String {
    let others = hosts.iter().filter(|other| other.number != host.number);
    let leases: Vec<String> = others
        .map(|other| format!("'{}' => '{}'", other.subnet(), other.address))
        .collect();
    CARRIER
        .replace("OWN", &host.address)
        .replace("LEASES", &leases.join(", "))
}

/// `TUNSETIFF` is 0x400454ca, `IFF_TUN | IFF_NO_PI` 0x1001 (linux/if_tun.h).
const CARRIER: &str = r#"
use strict; use Socket; use Fcntl;
my %leases = (LEASES);
sysopen(my $tun, '/dev/net/tun', O_RDWR) or die "tun: $!";
my $named = pack('a16 s x22', 'flannel0', 0x1001);
ioctl($tun, 0x400454ca, $named) or die "flannel0: $!";
socket(my $udp, PF_INET, SOCK_DGRAM, 0) or die "udp: $!";
bind($udp, pack_sockaddr_in(8285, inet_aton('OWN'))) or die "8285: $!";
while (1) {
    my $ready = '';
    vec($ready, fileno($_), 1) = 1 for $tun, $udp;
    select($ready, undef, undef, undef);
    if (vec($ready, fileno($tun), 1) && sysread($tun, my $packet, 65536)) {
        my $subnet = join('.', (unpack('x16 C4', $packet))[0 .. 2], 0);
        my $to = $leases{$subnet} or next;
        send($udp, $packet, 0, pack_sockaddr_in(8285, inet_aton($to)));
    }
    if (vec($ready, fileno($udp), 1) && recv($udp, my $packet, 65536, 0)) {
        syswrite($tun, $packet);
    }
}
"#;

/// The rules of flanneld 0.20 and later.
fn rules(subnet: &str) -> String {
    let (net, masq, forward) = (
        "10.244.0.0/16",
        "-m comment --comment \"flanneld masq\"",
        "-m comment --comment \"flanneld forward\"",
    );
    format!(
        "*filter
:FLANNEL-FWD - [0:0]
-A FORWARD {forward} -j FLANNEL-FWD
-A FLANNEL-FWD -s {net} {forward} -j ACCEPT
-A FLANNEL-FWD -d {net} {forward} -j ACCEPT
COMMIT
*nat
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING {masq} -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 {masq} -j RETURN
-A FLANNEL-POSTRTG -s {subnet}/24 -d {net} {masq} -j RETURN
-A FLANNEL-POSTRTG -s {net} -d {subnet}/24 {masq} -j RETURN
-A FLANNEL-POSTRTG ! -s {net} -d {subnet}/24 {masq} -j RETURN
-A FLANNEL-POSTRTG -s {net} ! -d 224.0.0.0/4 {masq} -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s {net} -d {net} {masq} -j MASQUERADE --random-fully
COMMIT
"
    )
}
