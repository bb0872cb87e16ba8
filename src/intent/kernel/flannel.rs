//! flanneld's part, back end by back end: `pkg/backend/vxlan`, `hostgw`, `udp`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{By, Item, Meant};
use crate::intent::Cluster;
use crate::kubernetes::node::Node;
use crate::state::NodeState;
use crate::state::cni::FlannelNetConf;
use crate::state::kind::LinkData;
use crate::state::link::Link;

/// flannel's defaults.
const VNI: u64 = 1;
const PORT: u64 = 8472;

/// What kube-flannel writes of a node (`pkg/subnet/kube/annotations.go`).
const PUBLIC_IP: &str = "flannel.alpha.coreos.com/public-ip";
const PUBLIC_IP_OVERWRITE: &str = "flannel.alpha.coreos.com/public-ip-overwrite";
const BACKEND_DATA: &str = "flannel.alpha.coreos.com/backend-data";

/// A node's subnet, as others know it.
#[derive(Debug)]
struct Lease {
    subnet: IpNet,
    /// None with a back end that has no way to say it.
    outer: Option<IpAddr>,
    mac: Option<String>,
    by: By,
}

/// The leases of all nodes: of flannel's etcd, of Kubernetes, or as the nodes that were seen say.
#[derive(Debug)]
pub(super) struct Leases {
    all: Vec<Lease>,
    /// Of etcd or Kubernetes: there are no others.
    is_whole: bool,
    conf: Option<FlannelNetConf>,
}

impl Leases {
    pub(super) fn new(cluster: Option<&Cluster>, nodes: &[NodeState]) -> Self {
        let stored = cluster.and_then(|cluster| cluster.flannel.as_ref());
        let conf = stored.and_then(|network| network.net_conf.known());
        let mut all: Vec<Lease> = stored
            .into_iter()
            .flat_map(|network| &network.leases)
            .map(|lease| Lease {
                subnet: lease.subnet,
                outer: lease.public_ip,
                mac: lease.vtep_mac.as_ref().map(|mac| mac.to_lowercase()),
                by: By::new(format!("the lease of {}", lease.subnet), lease.subnet.to_string()),
            })
            .collect();
        if all.is_empty() {
            let inventory = cluster.and_then(|cluster| cluster.kubernetes.as_ref());
            all.extend(
                inventory
                    .iter()
                    .flat_map(|inventory| &inventory.nodes)
                    .filter_map(annotated),
            );
        }
        let is_whole = !all.is_empty();
        if !is_whole {
            let of = |node: &NodeState| said(node, node.flannel.net_conf.known().or(conf)?);
            all.extend(nodes.iter().filter_map(of));
        }
        Self {
            all,
            is_whole,
            conf: conf.cloned(),
        }
    }

    pub(super) fn mean(&self, node: &NodeState, meant: &mut Meant) {
        let conf = node.flannel.net_conf.known().or(self.conf.as_ref());
        let (Some(own), Some(conf)) = (node.flannel.subnet.known(), conf) else {
            return;
        };
        // The bridge has the first address; the lease is the whole range.
        let Some(bridge) = own.subnet else { return };
        let subnet = bridge.trunc();
        let by = || By::new("subnet.env", &node.name);
        meant.is_whole &= self.is_whole;
        meant.networks.extend(&own.networks);
        if let Some(link) = node.net.link_named("cni0") {
            let address = Item::Address {
                link: link.name.clone(),
                address: bridge,
            };
            meant.add(address, by());
        }
        let leases = self.all.iter().filter(|lease| lease.subnet != subnet);
        match conf.backend.as_str() {
            "vxlan" => {
                let link = format!("flannel.{}", conf.vni.unwrap_or(VNI));
                tunnel(node, conf, &link, subnet, meant);
                for lease in leases {
                    remote(node, conf, &link, lease, meant);
                }
            }
            "host-gw" => {
                for lease in leases {
                    direct(node, lease, meant);
                }
            }
            "udp" | "" => udp(node, conf, subnet, meant),
            // WireGuard, IPsec and clouds' own.
            _ => {}
        }
    }
}

/// A node's lease in Kubernetes: its podCIDR, and what its flanneld has written beside it.
fn annotated(node: &Node) -> Option<Lease> {
    let meta = &node.metadata;
    let said = |key: &str| meta.annotations.get(key);
    let outer = said(PUBLIC_IP_OVERWRITE).or_else(|| said(PUBLIC_IP))?;
    let data = said(BACKEND_DATA).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let mac = data.as_ref().and_then(|data| data.get("VtepMAC")?.as_str());
    let mut subnets = node.spec.ranges();
    Some(Lease {
        subnet: subnets.find(|subnet| subnet.addr().is_ipv4())?.trunc(),
        outer: outer.parse().ok(),
        mac: mac.map(str::to_lowercase),
        by: By::new(format!("Kubernetes' Node {}", meta.name), &meta.name),
    })
}

/// A node's lease by its own files and links, where the datastore is not known.
fn said(node: &NodeState, conf: &FlannelNetConf) -> Option<Lease> {
    let subnet = node.flannel.subnet.known()?.subnet?.trunc();
    let link = node
        .net
        .link_named(&format!("flannel.{}", conf.vni.unwrap_or(VNI)));
    let local = link.and_then(|link| match &link.data {
        Some(LinkData::Vxlan(data)) => data.local,
        _ => None,
    });
    Some(Lease {
        subnet,
        outer: local.or_else(|| of_default_route(node)),
        mac: link
            .and_then(|link| link.mac.as_ref())
            .map(|mac| mac.to_lowercase()),
        by: By::new(format!("subnet.env of {}", node.name), &node.name),
    })
}

/// The address of the link with the default route, which flanneld takes unless told otherwise.
fn of_default_route(node: &NodeState) -> Option<IpAddr> {
    let link = uplink(node)?;
    Some(node.net.ipv4_on(link).next()?.ip)
}

fn uplink(node: &NodeState) -> Option<&Link> {
    let mut routes = node.net.routes.items().iter();
    let default = routes.find(|route| route.dst.prefix_len() == 0 && route.dst.addr().is_ipv4())?;
    node.net.link(default.next_hops.first()?.link?)
}

fn tunnel(node: &NodeState, conf: &FlannelNetConf, link: &str, subnet: IpNet, meant: &mut Meant) {
    meant.links.insert(link.to_owned());
    if let Some(local) = of_default_route(node) {
        let item = Item::Vxlan {
            link: link.to_owned(),
            vni: u32::try_from(conf.vni.unwrap_or(VNI)).unwrap_or_default(),
            port: u16::try_from(conf.port.unwrap_or(PORT)).unwrap_or_default(),
            local,
        };
        meant.add(item, By::new("net-conf.json", &node.name));
    }
    let address = Item::Address {
        link: link.to_owned(),
        address: subnet.network().into(),
    };
    meant.add(address, By::new("subnet.env", &node.name));
}

/// Of another node, with VXLAN: with DirectRouting, one on the same segment is routed to.
fn remote(node: &NodeState, conf: &FlannelNetConf, link: &str, lease: &Lease, meant: &mut Meant) {
    let Some(outer) = lease.outer else { return };
    if conf.direct_routing == Some(true) && on_segment(node, outer).is_some() {
        direct(node, lease, meant);
        return;
    }
    let inside = lease.subnet.network();
    if let Some(mac) = &lease.mac {
        let neighbor = Item::Neighbor {
            link: link.to_owned(),
            ip: inside,
            mac: mac.clone(),
        };
        meant.add(neighbor, lease.by.clone());
        let entry = Item::Fdb {
            link: link.to_owned(),
            mac: mac.clone(),
            dst: outer,
        };
        meant.add(entry, lease.by.clone());
    }
    let route = Item::Route {
        dst: lease.subnet,
        via: Some(inside),
        link: link.to_owned(),
    };
    meant.add(route, lease.by.clone());
}

fn direct(node: &NodeState, lease: &Lease, meant: &mut Meant) {
    let Some(outer) = lease.outer else { return };
    let link = on_segment(node, outer).or_else(|| uplink(node));
    if let Some(link) = link {
        let route = Item::Route {
            dst: lease.subnet,
            via: Some(outer),
            link: link.name.clone(),
        };
        meant.add(route, lease.by.clone());
    }
}

/// The link that this address is on the segment of.
fn on_segment(node: &NodeState, ip: IpAddr) -> Option<&Link> {
    let mut addresses = node.net.addresses.items().iter();
    let own = addresses
        .find(|address| address.prefix_len < 32 && address.network().is_some_and(|net| net.contains(&ip)))?;
    node.net.link(own.link)
}

fn udp(node: &NodeState, conf: &FlannelNetConf, subnet: IpNet, meant: &mut Meant) {
    const LINK: &str = "flannel0";
    meant.links.insert(LINK.to_owned());
    let address = Item::Address {
        link: LINK.into(),
        address: subnet.network().into(),
    };
    meant.add(address, By::new("subnet.env", &node.name));
    if let Some(network) = conf.network {
        let route = Item::Route {
            dst: network,
            via: None,
            link: LINK.into(),
        };
        meant.add(route, By::new("net-conf.json", &node.name));
    }
}
