//! Who sends and who receives: classes of pods, hosts' links, and addresses outside.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Group;
use super::ports::Port;
use crate::calico::node::Node;
use crate::calico::resource::{Kind, Resource};
use crate::policy::alike::{Asked, common};
use crate::policy::passage::{Passage, Side as Way};
use crate::policy::selectors::NAMESPACE;
use crate::policy::{Endpoint, Flow, Policies};
use crate::state::Objects;

/// Addresses for documentation (RFC 5737): nobody's, so everybody else's.
const ELSEWHERE: [IpAddr; 3] = [
    IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
];

/// Labels that say what a pod is: those that differ in them are never of one class, so that people know them.
const APPS: [&str; 3] = ["app", "app.kubernetes.io/name", "k8s-app"];

/// One class.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Pods by name, and two of them before and after, where they are there.
    Pods {
        title: String,
        names: Vec<String>,
        some: Box<[Vec<Endpoint>; 2]>,
        dns: bool,
    },
    /// A link of a host, before and after, and an address of the host.
    Host {
        title: String,
        link: Box<[Option<Endpoint>; 2]>,
        ip: IpAddr,
    },
    /// The sender's own node, with an address for each.
    OwnNode(HashMap<String, IpAddr>),
    Outside {
        title: String,
        ip: IpAddr,
    },
}

/// One of the two pictures.
pub(super) struct Side<'a> {
    pub(super) policies: &'a Policies,
    /// 0: before.
    pub(super) epoch: usize,
    /// Sender and receiver are of one class.
    pub(super) same: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) all: Vec<End>,
}

impl Ends {
    pub(super) fn new(policies: [&Policies; 2], asked: &[Asked; 2], objects: [&Objects; 2]) -> Self {
        let mut ends = Self::default();
        ends.pods(policies, asked);
        let addresses = addresses(objects);
        ends.hosts(policies, &addresses);
        if policies.iter().any(|policies| policies.is_calico) {
            ends.all.push(End::OwnNode(addresses));
        }
        ends.outside(policies, asked);
        ends
    }

    fn pods(&mut self, policies: [&Policies; 2], asked: &[Asked; 2]) {
        let mut by_name: BTreeMap<&str, [Option<&Endpoint>; 2]> = BTreeMap::new();
        for (epoch, policies) in policies.iter().enumerate() {
            for pod in policies.pods.iter().filter(|pod| !pod.ips.is_empty()) {
                by_name.entry(&pod.name).or_default()[epoch] = Some(pod);
            }
        }
        let mut classes: BTreeMap<_, Vec<[Option<&Endpoint>; 2]>> = BTreeMap::new();
        for both in by_name.into_values() {
            let says = [0, 1].map(|epoch| {
                both[epoch].map(|pod| {
                    let named =
                        |(label, _): &&(String, String)| label == NAMESPACE || APPS.contains(&label.as_str());
                    let mut named: Vec<_> = pod.labels.iter().filter(named).cloned().collect();
                    named.sort_unstable();
                    (named, asked[epoch].of_endpoint(policies[epoch], pod))
                })
            });
            classes.entry(says).or_default().push(both);
        }
        let labels: BTreeSet<&str> = asked
            .iter()
            .flat_map(|asked| asked.labels.iter().copied())
            .collect();
        for members in classes.into_values() {
            let newest = |both: &[Option<&Endpoint>; 2]| both[1].or(both[0]).cloned();
            let all: Vec<Endpoint> = members.iter().filter_map(newest).collect();
            let some = [0, 1].map(|epoch| {
                let of = members.iter().filter_map(|both| both[epoch].cloned());
                of.take(2).collect()
            });
            self.all.push(End::Pods {
                title: title(&all, &labels),
                names: all.iter().map(|pod| pod.name.clone()).collect(),
                some: Box::new(some),
                dns: all.iter().all(|pod| answers_names(policies, pod)),
            });
        }
    }

    fn hosts(&mut self, policies: [&Policies; 2], addresses: &HashMap<String, IpAddr>) {
        let mut names: BTreeMap<&str, [Option<&Endpoint>; 2]> = BTreeMap::new();
        for (epoch, policies) in policies.iter().enumerate() {
            for host in &policies.hosts {
                names.entry(&host.name).or_default()[epoch] = Some(host);
            }
        }
        for link in names.into_values() {
            let Some(host) = link[1].or(link[0]) else { continue };
            let ip = host.ips.first().or_else(|| addresses.get(&host.node)).copied();
            self.all.push(End::Host {
                title: format!("node {} ({})", host.node, host.title()),
                link: Box::new(link.map(Option::<&Endpoint>::cloned)),
                ip: ip.unwrap_or(ELSEWHERE[2]),
            });
        }
    }

    /// An address of each network that a rule or a set names, and one that none does.
    fn outside(&mut self, policies: [&Policies; 2], asked: &[Asked; 2]) {
        let nets: BTreeSet<IpNet> = (0..2)
            .flat_map(|epoch| asked[epoch].nets(policies[epoch]))
            .filter(|net| net.prefix_len() > 0)
            .collect();
        let says = |ip: IpAddr| [0, 1].map(|epoch| asked[epoch].of_address(policies[epoch], ip));
        let is_inside = |ip: IpAddr| {
            let inside = |policies: &&Policies| {
                let of_host = |host: &Endpoint| host.ips.contains(&ip);
                policies.pod_at(ip).is_some() || policies.hosts.iter().any(of_host)
            };
            policies.iter().any(inside)
        };
        let mut known: Vec<[Vec<bool>; 2]> = Vec::new();
        let elsewhere = ELSEWHERE
            .into_iter()
            .find(|ip| !nets.iter().any(|net| net.contains(ip)))
            .unwrap_or(ELSEWHERE[0]);
        known.push(says(elsewhere));
        self.all.push(End::Outside {
            title: "elsewhere".to_owned(),
            ip: elsewhere,
        });
        for net in nets {
            let Some(ip) = net.hosts().next().filter(|ip| !is_inside(*ip)) else {
                continue;
            };
            let said = says(ip);
            if !known.contains(&said) {
                known.push(said);
                self.all.push(End::Outside {
                    title: net.to_string(),
                    ip,
                });
            }
        }
    }

    /// Leaves so many at most, the largest; what that leaves out.
    pub(super) fn cut(&mut self, room: usize) -> Option<String> {
        if self.all.len() <= room {
            return None;
        }
        self.all.sort_by_key(|end| std::cmp::Reverse(end.members()));
        let rest = self.all.split_off(room);
        Some(format!(
            "{} of {} classes of endpoints were left out of the matrix",
            rest.len(),
            rest.len() + room
        ))
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        self.all
            .iter()
            .map(|end| Group {
                title: match end {
                    End::Pods { title, .. } | End::Host { title, .. } | End::Outside { title, .. } => {
                        title.clone()
                    }
                    End::OwnNode(_) => "their own node".to_owned(),
                },
                members: end.members(),
                names: match end {
                    End::Pods { names, .. } => names.clone(),
                    _ => Vec::new(),
                },
                dns: matches!(end, End::Pods { dns: true, .. }),
                outside: !matches!(end, End::Pods { .. }),
            })
            .collect()
    }
}

impl End {
    fn members(&self) -> usize {
        match self {
            Self::Pods { names, .. } => names.len(),
            _ => 1,
        }
    }
}

/// Ordered pairs; none where the question makes no sense.
pub(super) fn pairs(from: &End, to: &End, same: bool) -> usize {
    match (from, to) {
        (End::OwnNode(_), _) | (End::Host { .. } | End::Outside { .. }, End::OwnNode(_)) => 0,
        (End::Outside { .. } | End::Host { .. }, End::Outside { .. } | End::Host { .. }) => {
            let both_hosts = matches!((from, to), (End::Host { .. }, End::Host { .. }));
            let both_outside = matches!((from, to), (End::Outside { .. }, End::Outside { .. }));
            usize::from(!both_hosts && !both_outside)
        }
        _ if same => from.members() * from.members().saturating_sub(1),
        _ => from.members() * to.members(),
    }
}

/// Addresses of nodes.
fn addresses(objects: [&Objects; 2]) -> HashMap<String, IpAddr> {
    let mut addresses = HashMap::new();
    for value in objects.iter().flat_map(|objects| &objects.resources) {
        let is_node = value.get("kind").and_then(serde_json::Value::as_str) == Some(Kind::Node.name());
        let resource = is_node
            .then(|| Resource::from_value(value.clone()).ok())
            .flatten();
        if let Some(Ok(node)) = resource.map(|resource| Node::from_resource(&resource))
            && let Some(own) = node.ipv4.or(node.ipv6)
        {
            addresses.insert(node.name, own.ip);
        }
    }
    addresses
}

/// `shop app=web`: the namespace, and what of the labels that are asked for all have; of one pod its name.
fn title(pods: &[Endpoint], asked: &BTreeSet<&str>) -> String {
    let labels = common(pods);
    let namespace = labels.iter().find(|(label, _)| label == NAMESPACE);
    let mut words: Vec<String> = namespace.iter().map(|(_, name)| name.clone()).collect();
    let own = |label: &str| !label.contains("projectcalico.org/") && !label.starts_with("pc");
    let named = labels.iter().filter(|(label, _)| {
        own(label) && (asked.contains(label.as_str()) || APPS.contains(&label.as_str()))
    });
    words.extend(named.map(|(label, value)| format!("{label}={value}")));
    if let ([pod], true) = (pods, words.len() < 2) {
        return pod.name.clone();
    }
    if words.is_empty() {
        words.extend(pods.first().map(|pod| format!("pods such as {}", pod.name)));
    }
    words.join(" ")
}

fn answers_names(policies: [&Policies; 2], pod: &Endpoint) -> bool {
    let named = pod.labels.iter().any(|(label, value)| {
        label == "k8s-app" && matches!(value.as_str(), "kube-dns" | "coredns" | "node-local-dns")
    });
    let serves = |ip: &IpAddr| {
        policies
            .iter()
            .any(|policies| policies.serves("kube-system", "kube-dns", *ip))
    };
    named || pod.ips.iter().any(serves)
}

/// The verdict on a kind of packet, and what decides; none where one of the two isn't there.
pub(super) fn judge(side: &Side, from: &End, to: &End, port: &Port) -> Option<(Option<bool>, String)> {
    let sender = from.one(side.epoch, 0)?;
    let receiver = match to {
        End::OwnNode(addresses) => One::Host(None, *addresses.get(sender.node())?),
        _ => to.one(side.epoch, usize::from(side.same))?,
    };
    let v6 = sender.only_v6() || receiver.only_v6();
    let flow = Flow {
        src: sender.ip(v6)?,
        dst: receiver.ip(v6)?,
        protocol: match port.protocol {
            1 if v6 => 58,
            protocol => protocol,
        },
        ports: port.port.map(|port| (40_000, port)),
        icmp: port.port.is_none().then_some((if v6 { 128 } else { 8 }, 0)),
    };
    let mut decisions = Vec::new();
    for (node, from, to) in ways(&sender, &receiver) {
        let passage = Passage {
            node,
            from,
            to,
            before: flow,
            flow,
        };
        decisions.extend(side.policies.judge(&passage));
    }
    let last = decisions
        .iter()
        .find(|decision| decision.allowed != Some(true))
        .or_else(|| decisions.last());
    Some((
        last.map_or(Some(true), |decision| decision.allowed),
        last.map_or_else(|| "no policy is for it".to_owned(), ToString::to_string),
    ))
}

/// One member of a class.
enum One<'a> {
    Pod(&'a Endpoint),
    /// Its own link, where it has a HostEndpoint.
    Host(Option<&'a Endpoint>, IpAddr),
    Outside(IpAddr),
}

impl End {
    fn one(&self, epoch: usize, number: usize) -> Option<One<'_>> {
        match self {
            Self::Pods { some, .. } => some.get(epoch)?.get(number).map(One::Pod),
            Self::Host { link, ip, .. } => Some(One::Host(link.get(epoch)?.as_ref(), *ip)),
            Self::OwnNode(_) => None,
            Self::Outside { ip, .. } => Some(One::Outside(*ip)),
        }
    }
}

impl<'a> One<'a> {
    fn node(&self) -> &'a str {
        match self {
            Self::Pod(pod) => &pod.node,
            Self::Host(Some(host), _) => &host.node,
            Self::Host(None, _) | Self::Outside(_) => "",
        }
    }

    fn only_v6(&self) -> bool {
        match self {
            Self::Pod(pod) => pod.ips.iter().all(IpAddr::is_ipv6),
            Self::Host(_, ip) | Self::Outside(ip) => ip.is_ipv6(),
        }
    }

    fn ip(&self, v6: bool) -> Option<IpAddr> {
        match self {
            Self::Pod(pod) => pod.ips.iter().copied().find(|ip| ip.is_ipv6() == v6),
            Self::Host(_, ip) | Self::Outside(ip) => Some(*ip).filter(|ip| ip.is_ipv6() == v6),
        }
    }

    /// The link by which it is reached from outside of its node.
    fn link(&self) -> Way<'a> {
        match self {
            Self::Host(Some(host), _) => Way::Link {
                name: host.link.as_deref().unwrap_or_default(),
                addresses: &host.ips,
            },
            _ => Way::Link {
                name: "",
                addresses: &[],
            },
        }
    }
}

/// Through which nodes packets go.
fn ways<'a>(from: &One<'a>, to: &One<'a>) -> Vec<(&'a str, Way<'a>, Way<'a>)> {
    match (from, to) {
        (One::Pod(a), One::Pod(b)) if a.node == b.node && !a.node.is_empty() => {
            vec![(&a.node, Way::Pod(a), Way::Pod(b))]
        }
        (One::Pod(a), One::Pod(b)) => vec![
            (&a.node, Way::Pod(a), to.link()),
            (&b.node, to.link(), Way::Pod(b)),
        ],
        (One::Pod(a), One::Host(None, _)) => vec![(&a.node, Way::Pod(a), Way::Local)],
        (One::Pod(a), One::Host(Some(host), _)) => vec![
            (&a.node, Way::Pod(a), from.link()),
            (&host.node, to.link(), Way::Local),
        ],
        (One::Pod(a), One::Outside(_)) => vec![(&a.node, Way::Pod(a), to.link())],
        (One::Host(_, _), One::Pod(b)) => vec![
            (from.node(), Way::Local, from.link()),
            (&b.node, to.link(), Way::Pod(b)),
        ],
        (One::Outside(_), One::Pod(b)) => vec![(&b.node, to.link(), Way::Pod(b))],
        (One::Outside(_), One::Host(_, _)) => vec![(to.node(), to.link(), Way::Local)],
        (One::Host(_, _), One::Outside(_)) => vec![(from.node(), Way::Local, from.link())],
        _ => Vec::new(),
    }
}
